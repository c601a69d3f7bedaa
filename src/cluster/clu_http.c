/*
 * clu_http -- see clu_http.h. libevent's evhttp reads requests and writes answers.
 */
#include "cluster/clu_http.h"

#include "base/base_arena.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "cluster/clu_address.h"
#include "cluster/clu_tls_internal.h"
#include "event/evt_type.h"
#include "expr/expr_json.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HTTP_BODY = 1 << 20, HTTP_HEADERS = 64 * 1024, HTTP_TIMEOUT_S = 60, LAST_ANSWERS_US = 500 * 1000 };

struct clu_http {
    struct clu_http_opts opts;
    char *token;             /* owned */
    struct event_base *loop; /* owned, and used by the thread alone once it runs */
    struct evhttp *http;
    struct event *stop_event;
    int stop_fd;
    uint16_t port;
    uint32_t answering; /* the thread's: requests whose answer is not out yet (or whose client went away) */
    bool stopping;      /* the thread's */
    pthread_t thread;
    bool running;
};

struct route {
    const char *method, *path;
    int status;
};

static const struct route routes[CLU_REST_MAX] = {
#define ROUTE(name, method, path, status) { method, path, status },
    CLU_REST_LIST(ROUTE)
#undef ROUTE
};

/* -- answers --------------------------------------------------------------------------------------------------------- */

static void answer(struct evhttp_request *req, int status, const char *type, struct base_str body) {
    struct evkeyvalq *head = evhttp_request_get_output_headers(req);
    struct evbuffer *out = evbuffer_new();
    CEP_INSIST(out);
    evhttp_add_header(head, "Content-Type", type);
    evhttp_add_header(head, "Cache-Control", "no-store");
    if (body.len > 0)
        CEP_INSIST(evbuffer_add(out, body.p, body.len) == 0);
    evhttp_send_reply(req, status, NULL, out);
    evbuffer_free(out);
}

static void answer_error(struct evhttp_request *req, int status, const char *message) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_puts(&b, "{\"errors\": [");
    evt_json_write_str(&b, base_str_of(message));
    base_buf_puts(&b, "]}\n");
    answer(req, status, "application/json", base_buf_view(&b));
    base_buf_release(&b);
}

static int status_of(enum cep_rc rc, bool retriable) {
    switch (rc) {
    case CEP_ENAME:
    case CEP_NONE: return 404;
    case CEP_ESYNTAX:
    case CEP_ETYPE:
    case CEP_EINVAL:
    case CEP_EVALUE:
    case CEP_EDECODE: return 400;
    case CEP_ESTATE: return 409;
    case CEP_EUNSUPPORTED: return 501;
    case CEP_OK:
    case CEP_AGAIN:
    case CEP_EIO:
    case CEP_ELIMIT:
    case CEP_EDAMAGED:
    case CEP_EVERSION:
    case CEP_EINTERRUPTED:
    case CEP_RC_MAX: break;
    }
    return retriable ? 503 : 500;
}

/* -- requests -------------------------------------------------------------------------------------------------------- */

static struct base_str next_part(struct base_str *path) {
    size_t n = 0;
    if (path->len > 0 && path->p[0] == '/')
        path->p++, path->len--;
    while (n < path->len && path->p[n] != '/')
        n++;
    struct base_str part = { path->p, n };
    path->p += n;
    path->len -= n;
    return part;
}

/* Does the path fit the route's? Its variable parts go to args. */
static bool fits(const char *route, struct base_str path, struct clu_rest_args *args) {
    struct base_str want = base_str_of(route);
    args->id = args->sub = (struct base_str){ "", 0 };
    while (want.len > 0 && path.len > 0) {
        struct base_str w = next_part(&want), p = next_part(&path);
        if (w.len > 0 && w.p[0] == ':') {
            if (p.len == 0)
                return false;
            *(w.p[1] == 'i' ? &args->id : &args->sub) = p;
        } else if (!base_str_eq(w, p)) {
            return false;
        }
    }
    return want.len == 0 && path.len == 0;
}

static const char *method_name(enum evhttp_cmd_type cmd) {
    return cmd == EVHTTP_REQ_GET || cmd == EVHTTP_REQ_HEAD ? "GET"
           : cmd == EVHTTP_REQ_POST                        ? "POST"
           : cmd == EVHTTP_REQ_PATCH                       ? "PATCH"
                                                           : "";
}

bool clu_http_query(struct base_str query, const char *name, char **value) {
    struct evkeyvalq q;
    char *text = base_strndup(query.p ? query.p : "", query.len);
    bool found = false;
    *value = NULL;
    if (evhttp_parse_query_str(text, &q) == 0) {
        const char *v = evhttp_find_header(&q, name);
        found = v != NULL;
        *value = found ? base_strdup(v) : NULL;
        evhttp_clear_headers(&q);
    }
    base_free(text);
    return found;
}

static bool is_json(struct base_str text) {
    struct base_arena a;
    struct base_str raw = { NULL, 0 };
    base_arena_init(&a, 0);
    enum expr_json_kind kind = expr_json_find(&a, text, BASE_STR("$"), &raw);
    base_arena_release(&a);
    if (kind != EXPR_JSON_NESTED)
        return false;
    for (const char *p = raw.p + raw.len; p < text.p + text.len; p++)
        if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
            return false;
    return true;
}

static void call(
    struct clu_http *h, struct evhttp_request *req, enum clu_rest_op op, const struct clu_rest_args *args) {
    struct base_buf out = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    char *mode = NULL;
    if (op == CLU_REST_CANCEL &&
        (!clu_http_query(args->query, "mode", &mode) || strcmp(mode, "cancel") != 0)) {
        answer_error(req, 400, "the query has to be mode=cancel");
        base_free(mode);
        return;
    }
    base_free(mode);
    enum cep_rc rc = h->opts.call(h->opts.arg, op, args, &out, &err);
    if (rc != CEP_OK && out.len > 0) {
        answer(req, status_of(rc, err.retriable), "application/json", base_buf_view(&out));
    } else if (rc != CEP_OK) {
        answer_error(req, status_of(rc, err.retriable), err.message[0] ? err.message : cep_rc_text(rc));
    } else {
        if (out.len == 0 && op != CLU_REST_METRICS)
            base_buf_puts(&out, "{}");
        answer(req, routes[op].status,
            op == CLU_REST_METRICS ? "text/plain; version=0.0.4; charset=utf-8" : "application/json",
            base_buf_view(&out));
    }
    base_buf_release(&out);
}

/* Returns: whether the request may be looked at; else it has its answer. */
static bool is_known(struct clu_http *h, struct evhttp_request *req) {
    static const char scheme[] = "Bearer ";
    const char *head = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    const char *given = head && strncasecmp(head, scheme, sizeof scheme - 1) == 0 ? head + sizeof scheme - 1
                                                                                  : NULL;
    if (h->token[0] == '\0' || (given && clu_token_eq(given, h->token)))
        return true;
    evhttp_add_header(evhttp_request_get_output_headers(req), "WWW-Authenticate", "Bearer");
    answer_error(req, 401,
        given ? "the token is not the right one (security.token)"
              : "this wants a token: Authorization: Bearer TOKEN (security.token)");
    return false;
}

static void on_sent(struct evhttp_request *req, void *arg) {
    struct clu_http *h = arg;
    (void)req;
    if (--h->answering == 0 && h->stopping)
        event_base_loopbreak(h->loop);
}

static void on_request(struct evhttp_request *req, void *arg) {
    struct clu_http *h = arg;
    h->answering++;
    evhttp_request_set_on_complete_cb(req, on_sent, h);
    if (!is_known(h, req))
        return;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path_text = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n_body = evbuffer_get_length(in), n_path = 0;
    const char *method = method_name(evhttp_request_get_command(req));
    if (n_body > h->opts.max_body) {
        char text[96];
        snprintf(text, sizeof text, "the body has %zu bytes, more than the limit of %zu", n_body,
            h->opts.max_body);
        answer_error(req, 413, text);
        return;
    }
    char *path = path_text ? evhttp_uridecode(path_text, 0, &n_path) : NULL;
    char *body = base_alloc(n_body + 1);
    CEP_INSIST(n_body == 0 || evbuffer_copyout(in, body, n_body) == (ssize_t)n_body);
    struct clu_rest_args args = { .query = base_str_of(query ? query : ""), .body = { body, n_body } };
    char allow[64] = "";
    enum clu_rest_op op = CLU_REST_MAX;
    for (int i = 0; path && op == CLU_REST_MAX && i < CLU_REST_MAX; i++) {
        struct clu_rest_args found = args;
        if (!fits(routes[i].path, (struct base_str){ path, n_path }, &found))
            continue;
        if (strcmp(routes[i].method, method) == 0) {
            op = (enum clu_rest_op)i;
            args = found;
        } else if (!strstr(allow, routes[i].method)) {
            size_t n = strlen(allow);
            snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "", routes[i].method);
        }
    }
    if (op == CLU_REST_MAX && allow[0]) {
        evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", allow);
        answer_error(req, 405, "this path does not have this method");
    } else if (op == CLU_REST_MAX) {
        answer_error(req, 404, "there is no such path");
    } else if (n_body > 0 && strcmp(method, "GET") != 0 && !is_json(args.body)) {
        answer_error(req, 400, "the body is no JSON object");
    } else {
        call(h, req, op, &args);
    }
    free(path); /* libevent's */
    base_free(body);
}

/* -- the server ------------------------------------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    struct clu_http *h = arg;
    struct timeval limit = { .tv_usec = LAST_ANSWERS_US };
    (void)fd;
    (void)what;
    h->stopping = true;
    event_del(h->stop_event); /* it stays readable */
    if (h->answering == 0 || event_base_loopexit(h->loop, &limit) != 0)
        event_base_loopbreak(h->loop);
}

static void *serve(void *arg) {
    event_base_dispatch(((struct clu_http *)arg)->loop);
    return NULL;
}

static enum cep_rc listen_at(struct clu_http *h, struct cep_err *err) {
    char host[256];
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    if (!clu_address_split(h->opts.address, host, sizeof host, &h->port))
        return base_err_set(err, CEP_EINVAL, "not an address: \"%s\", want HOST:PORT", h->opts.address);
    struct evhttp_bound_socket *at = evhttp_bind_socket_with_handle(h->http, host, h->port);
    if (!at)
        return base_err_set(err, CEP_EIO, "could not listen on %s: %s", h->opts.address, strerror(errno));
    if (getsockname(evhttp_bound_socket_get_fd(at), (struct sockaddr *)&addr, &len) != 0)
        return base_err_set(
            err, CEP_EIO, "could not read back the address %s: %s", h->opts.address, strerror(errno));
    h->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                               : ((struct sockaddr_in *)&addr)->sin_port);
    if (h->opts.loopback_only && !(h->opts.tls && h->token[0]) && !clu_address_is_loopback(&addr)) {
        (void)base_err_set(err, CEP_EINVAL,
            "\"%s\" can be reached from other machines, and who reaches it can cancel the job",
            h->opts.address);
        base_err_hint(err, "give security.tls.cert, .key, .ca and security.token; or listen on "
                           "127.0.0.1:PORT and reach it by ssh "
                           "-L; or say `security: none` where the network is closed to others");
        return CEP_EINVAL;
    }
    return CEP_OK;
}

/*
 * A connection whose socket is closed by its buffers, after they let the loop forget it. evhttp's own way is the other
 * one round: the loop is then asked to forget a number that may be another thread's file already.
 */
static struct bufferevent *new_connection(struct event_base *loop, void *arg) {
    struct clu_http *h = arg;
    if (!h->opts.tls)
        return bufferevent_socket_new(loop, -1, BEV_OPT_CLOSE_ON_FREE);
    SSL *ssl = SSL_new(h->opts.tls->rest);
    CEP_INSIST(ssl);
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        loop, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev) /* clients that hang up without a farewell are the rule */
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

enum cep_rc clu_http_start(const struct clu_http_opts *opts, struct clu_http **out, struct cep_err *err) {
    struct clu_http *h = base_calloc(1, sizeof *h);
    h->opts = *opts;
    h->token = base_strdup(opts->token ? opts->token : "");
    h->opts.max_body = opts->max_body ? opts->max_body : HTTP_BODY;
    h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->loop = event_base_new();
    h->http = h->loop ? evhttp_new(h->loop) : NULL;
    h->stop_event = h->loop ? event_new(h->loop, h->stop_fd, EV_READ, on_stop, h) : NULL;
    enum cep_rc rc = CEP_OK;
    if (h->stop_fd < 0 || !h->http || !h->stop_event || event_add(h->stop_event, NULL) != 0)
        rc = base_err_set(err, CEP_EIO, "could not make an HTTP server: %s", strerror(errno));
    if (rc == CEP_OK) {
        /* Some room above the limit, so that a body that is a little too long gets its answer. */
        evhttp_set_max_body_size(h->http, (ev_ssize_t)(h->opts.max_body * 2));
        evhttp_set_max_headers_size(h->http, HTTP_HEADERS);
        evhttp_set_timeout(h->http, HTTP_TIMEOUT_S);
        evhttp_set_allowed_methods(h->http, 0x1ff); /* those that are not ours get a 405 */
        evhttp_set_gencb(h->http, on_request, h);
        evhttp_set_bevcb(h->http, new_connection, h);
        rc = listen_at(h, err);
    }
    if (rc == CEP_OK) {
        /* A client that has hung up is an error of the write, not a signal; TLS writes without asking for that. */
        sigset_t pipe, before;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, &before);
        int e = pthread_create(&h->thread, NULL, serve, h);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        h->running = e == 0;
        if (e != 0)
            rc = base_err_set(err, CEP_EIO, "could not start a thread: %s", strerror(e));
    }
    if (rc != CEP_OK) {
        clu_http_stop(h);
        return rc;
    }
    *out = h;
    return CEP_OK;
}

uint16_t clu_http_port(const struct clu_http *h) {
    return h->port;
}

void clu_http_stop(struct clu_http *h) {
    if (!h)
        return;
    uint64_t one = 1;
    if (h->running) {
        CEP_INSIST(write(h->stop_fd, &one, sizeof one) == sizeof one);
        pthread_join(h->thread, NULL);
    }
    if (h->stop_event)
        event_free(h->stop_event);
    if (h->http)
        evhttp_free(h->http);
    if (h->loop)
        event_base_free(h->loop);
    if (h->stop_fd >= 0)
        close(h->stop_fd);
    base_free(h->token);
    base_free(h);
}

/* -- Prometheus text --------------------------------------------------------------------------------------------------- */

static void prom_escape(struct base_buf *b, struct base_str s, bool quotes) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\n')
            base_buf_puts(b, "\\n");
        else if (s.p[i] == '\\' || (quotes && s.p[i] == '"'))
            base_buf_printf(b, "\\%c", s.p[i]);
        else
            base_buf_putc(b, s.p[i]);
    }
}

void clu_prom_head(struct base_buf *b, const char *name, const char *type, const char *help) {
    base_buf_printf(b, "# HELP %s ", name);
    prom_escape(b, base_str_of(help), false);
    base_buf_printf(b, "\n# TYPE %s %s\n", name, type);
}

void clu_prom_value(struct base_buf *b, const char *name, const struct base_str *labels, size_t n, double v) {
    base_buf_puts(b, name);
    for (size_t i = 0; i < n; i++) {
        base_buf_printf(b, "%s%.*s=\"", i ? "," : "{", BASE_STR_FMT(labels[2 * i]));
        prom_escape(b, labels[2 * i + 1], true);
        base_buf_puts(b, i + 1 == n ? "\"}" : "\"");
    }
    base_buf_putc(b, ' ');
    if (isnan(v))
        base_buf_puts(b, "NaN");
    else if (isinf(v))
        base_buf_puts(b, v > 0 ? "+Inf" : "-Inf");
    else
        base_write_f64(b, v);
    base_buf_putc(b, '\n');
}
