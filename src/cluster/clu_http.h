#pragma once
/*
 * clu_http -- a small HTTP server on a thread of its own, and the REST calls of a job or a cluster on it.
 *
 *     GET /jobs/7/vertices/2 ──▶ row of CLU_REST_LIST ──▶ call(arg, CLU_REST_VERTEX, {id "7", sub "2"}, json, err)
 *
 * Answers are JSON (GET /metrics: Prometheus text). Errors are {"errors": ["..."]} with the status that fits: 400 for a body that
 * is no JSON or a wrong value, 404 for a path or a name that is not there, 405 with Allow, 409 for what is not possible in
 * this state, 401 with WWW-Authenticate for a token that is missing or wrong, 413 for a body over the limit, 501 for what this version cannot, 503 for what may go well later, else 500.
 *
 * Threads: call() runs in the server's thread, one at a time; it is up to `arg` to be safe against the job's threads.
 */
#include "base/base_buf.h"
#include "cep/error.h"

/* OP(name, method, path, status of success); `:id` is args.id, `:sub` is args.sub. Order: the first that fits. */
#define CLU_REST_LIST(OP)                                         \
    OP(OVERVIEW, "GET", "/overview", 200)                         \
    OP(JOBS, "GET", "/jobs", 200)                                 \
    OP(JOBS_OVERVIEW, "GET", "/jobs/overview", 200)               \
    OP(SUBMIT, "POST", "/jobs", 202)                              \
    OP(JOB, "GET", "/jobs/:id", 200)                              \
    OP(CANCEL, "PATCH", "/jobs/:id", 202)                         \
    OP(PLAN, "GET", "/jobs/:id/plan", 200)                        \
    OP(VERTEX, "GET", "/jobs/:id/vertices/:sub", 200)             \
    OP(CHECKPOINTS, "GET", "/jobs/:id/checkpoints", 200)          \
    OP(EXCEPTIONS, "GET", "/jobs/:id/exceptions", 200)            \
    OP(CONFIG, "GET", "/jobs/:id/config", 200)                    \
    OP(SAVEPOINT, "POST", "/jobs/:id/savepoints", 202)            \
    OP(SAVEPOINT_STATUS, "GET", "/jobs/:id/savepoints/:sub", 200) \
    OP(STOP, "POST", "/jobs/:id/stop", 202)                       \
    OP(RESCALE, "PATCH", "/jobs/:id/rescaling", 202)              \
    OP(TASKMANAGERS, "GET", "/taskmanagers", 200)                 \
    OP(METRICS, "GET", "/metrics", 200)

enum clu_rest_op {
#define CLU_REST_ENUM(name, method, path, status) CLU_REST_##name,
    CLU_REST_LIST(CLU_REST_ENUM)
#undef CLU_REST_ENUM
        CLU_REST_MAX
};

/* Borrowed for the call. */
struct clu_rest_args {
    struct base_str id, sub; /* of the path, decoded; empty = it has none */
    struct base_str query;   /* "a=1&b=2", as it came; see clu_http_query() */
    struct base_str body;    /* JSON, looked through to its end; empty = none */
};

/*
 * Appends the answer's body to `out`; nothing is "{}". An error's message goes to the client, or what is in
 * `out` as it stands, when that is an answer of its own; its code says the status. PATCH of a
 * job with another mode than cancel does not get here.
 */
typedef enum cep_rc (*clu_rest_fn)(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err);

struct clu_tls;

struct clu_http_opts {
    const char *address; /* "127.0.0.1:8081", "[::1]:0"; port 0: any that is free */
    clu_rest_fn call;
    void *arg;
    size_t max_body;     /* bytes; 0 = 1 MiB */
    struct clu_tls *tls; /* borrowed; NULL = plain */
    const char *token;   /* copied; what "Authorization: Bearer" has to say; NULL, "" = nothing */
    bool
        loopback_only; /* an address that another machine reaches is refused unless there are tls and token: CEP_EINVAL */
};

struct clu_http;

/* Listens and starts the thread. Returns: CEP_EINVAL for an address, CEP_EIO. */
enum cep_rc clu_http_start(const struct clu_http_opts *opts, struct clu_http **out, struct cep_err *err);
uint16_t clu_http_port(const struct clu_http *h);
/* Ends the thread; a call that is running is waited for, and for half a second answers that are not out yet. NULL is fine. */
void clu_http_stop(struct clu_http *h);

/* A value of a query. Owns: the caller frees *value. Returns: false when it is not there. */
bool clu_http_query(struct base_str query, const char *name, char **value);

/* -- Prometheus text --------------------------------------------------------------------------------------------- */

/* The two lines that go before a metric's values. `type`: "counter", "gauge". */
void clu_prom_head(struct base_buf *b, const char *name, const char *type, const char *help);
/* name{label="value",...} v; n labels in pairs. */
void clu_prom_value(struct base_buf *b, const char *name, const struct base_str *labels, size_t n, double v);
