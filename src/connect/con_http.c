/*
 * con_http -- the connector `http`: rows to a webhook, by libcurl's multi interface on the runtime's loop.
 *
 *     rows ─▶ queue (bounded) ─▶ request: up to `batch` records, tried until taken or given up
 *
 * 2xx: taken. 408, 429, 5xx and network trouble: tried again after a wait that doubles, with jitter, or that the other side
 * asks for (Retry-After). Other answers: refused for good; the rows are counted as failed and each status is said
 * once. `parallel` requests may be under way at a time; with the default of one, rows arrive in order.
 */
#include "base/base_map.h"
#include "connect/con_outbox.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { HTTP_PARALLEL_MAX = 64, HTTP_STATUS_MAX = 600, HTTP_RETRY_AFTER_MAX_S = 600 };

enum http_body { HTTP_SINGLE = 0, HTTP_ARRAY, HTTP_LINES, HTTP_BODY_MAX };

static const struct plan_opt_spec sink_opts[] = {
    { .name = "url", .kind = EVT_STRING, .required = true, .help = "where to send: http:// or https://" },
    { .name = "method",
        .kind = EVT_STRING,
        .choices = "POST|PUT|PATCH",
        .default_text = "POST",
        .help = "the HTTP method" },
    { .name = "batch",
        .kind = EVT_INT,
        .default_text = "1",
        .min = 1,
        .max = 100000,
        .help = "records in a request at most" },
    { .name = "linger",
        .kind = EVT_DURATION,
        .default_text = "100 ms",
        .min = 0,
        .max = INT64_C(3600) * 1000000,
        .help = "how long to wait for a batch to fill" },
    { .name = "body",
        .kind = EVT_STRING,
        .choices = "single|array|lines",
        .default_text = "single for batch = 1, else array for json and lines for the rest",
        .help = "one record, a JSON array of records, or a record a line" },
    { .name = "headers",
        .kind = EVT_STRING,
        .help = "more headers: 'Name: value', parted by | or line ends" },
    { .name = "bearer", .kind = EVT_STRING, .help = "a token for 'Authorization: Bearer'" },
    { .name = "timeout",
        .kind = EVT_DURATION,
        .default_text = "10 s",
        .min = 1000,
        .max = INT64_C(3600) * 1000000,
        .help = "for one attempt" },
    { .name = "retries",
        .kind = EVT_INT,
        .default_text = "10",
        .min = 0,
        .max = 1000000,
        .help = "attempts after the first" },
    { .name = "parallel",
        .kind = EVT_INT,
        .default_text = "1",
        .min = 1,
        .max = HTTP_PARALLEL_MAX,
        .help = "requests at a time; more than one gives up the order of rows" },
    CON_OUTBOX_OPTS("200 ms", "wait before the first retry; doubled each time, with jitter", "30 s"),
    { .name = "ca_file",
        .kind = EVT_STRING,
        .help = "certificates to trust for https, instead of the system's" },
    { .name = NULL },
};

struct http_sink;

struct http_req {
    struct http_sink *hs;
    CURL *easy;          /* owned; made once, used again */
    struct event *timer; /* owned; the next attempt */
    struct base_buf body;
    struct base_buf records; /* what is in body, as con_outbox_save() has it */
    uint64_t n_rows;         /* 0 = the slot is free */
    size_t n_bytes;          /* of records */
    uint64_t tries;
    bool running; /* in the multi handle */
    char error[CURL_ERROR_SIZE];
};

struct http_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    CURLM *multi;
    struct event *timer; /* owned; what libcurl asks for */
    struct curl_slist *headers;
    char *url;
    const char *method;
    char *ca_file;
    enum http_body body;
    uint64_t batch, retries;
    int64_t linger_us, timeout_us;
    uint32_t n_reqs, n_busy;
    struct http_req *reqs;
    struct con_outbox box; /* records that no request has */
    size_t flight_bytes;
    int64_t queued_us; /* when the box stopped being empty */
    uint64_t random;
    bool said_retry, global;
    uint64_t said[(HTTP_STATUS_MAX + 63) / 64]; /* statuses said */
};

static struct http_sink *http_of(struct con_sink *sink) {
    return (struct http_sink *)sink;
}

static void http_send_due(struct http_sink *hs, bool all);

/* -- requests ----------------------------------------------------------------------------------------------------- */

static void http_start(struct http_req *req) {
    struct http_sink *hs = req->hs;
    req->error[0] = '\0';
    curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, req->body.p);
    curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
    req->running = curl_multi_add_handle(hs->multi, req->easy) == CURLM_OK;
    CEP_INSIST(req->running);
}

static void http_retry(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    http_start(arg);
}

/* The slot is free again. */
static void http_free_slot(struct http_req *req) {
    struct http_sink *hs = req->hs;
    hs->flight_bytes -= req->n_bytes;
    hs->sink.stats.pending -= req->n_rows;
    hs->n_busy--;
    req->n_rows = 0;
    req->n_bytes = 0;
    base_buf_clear(&req->body);
    base_buf_clear(&req->records);
    http_send_due(hs, hs->box.deadline_us != 0);
    con_outbox_turn(&hs->box, hs->flight_bytes);
}

static void http_give_up(struct http_req *req, long status, const char *why) {
    struct http_sink *hs = req->hs;
    size_t slot = status > 0 && status < HTTP_STATUS_MAX ? (size_t)status : 0;
    bool said = (hs->said[slot / 64] >> (slot % 64)) & 1;
    hs->said[slot / 64] |= UINT64_C(1) << (slot % 64);
    hs->sink.stats.failed += req->n_rows;
    if (!said)
        con_log(&hs->sink.env, CON_LEVEL_ERROR, "sink \"%.*s\": %llu records were not taken by %s: %s",
            BASE_STR_FMT(hs->sink.sink->name), (unsigned long long)req->n_rows, hs->url, why);
    http_free_slot(req);
}

static void http_again(struct http_req *req, const char *why) {
    struct http_sink *hs = req->hs;
    curl_off_t asked = 0;
    int64_t wait = con_outbox_wait(&hs->box, req->tries);
    /* Half of the wait is left to chance, so that many senders do not come back at once. */
    hs->random = hs->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    wait = wait / 2 + (int64_t)((hs->random >> 33) % (uint64_t)(wait / 2 + 1));
    if (curl_easy_getinfo(req->easy, CURLINFO_RETRY_AFTER, &asked) == CURLE_OK && asked > 0) {
        asked = asked < HTTP_RETRY_AFTER_MAX_S ? asked : HTTP_RETRY_AFTER_MAX_S;
        if (asked * 1000000 > wait)
            wait = asked * 1000000;
    }
    if (!hs->said_retry)
        con_log(&hs->sink.env, CON_LEVEL_WARNING, "sink \"%.*s\": %s: %s: trying again",
            BASE_STR_FMT(hs->sink.sink->name), hs->url, why);
    hs->said_retry = true;
    req->tries++;
    hs->sink.stats.retries++;
    struct timeval tv = { .tv_sec = wait / 1000000, .tv_usec = wait % 1000000 };
    event_add(req->timer, &tv);
}

static void http_done(struct http_req *req, CURLcode code) {
    struct http_sink *hs = req->hs;
    long status = 0;
    char why[CURL_ERROR_SIZE + 64];
    curl_multi_remove_handle(hs->multi, req->easy);
    req->running = false;
    curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status >= 200 && status < 300) {
        hs->said_retry = false;
        hs->sink.stats.bytes += req->body.len;
        http_free_slot(req);
        return;
    }
    if (code == CURLE_OK)
        snprintf(why, sizeof why, "status %ld", status);
    else
        snprintf(why, sizeof why, "%s", req->error[0] ? req->error : curl_easy_strerror(code));
    bool again = code != CURLE_OK || status == 408 || status == 429 || status >= 500;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_CACERT_BADFILE)
        again = false;
    if (again && req->tries < hs->retries)
        http_again(req, why);
    else
        http_give_up(req, code == CURLE_OK ? status : 0, why);
}

static void http_collect(struct http_sink *hs) {
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(hs->multi, &left))) {
        struct http_req *req = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&req);
        http_done(req, code);
    }
}

/* The next records become the body of a free request. */
static void http_fill(struct http_sink *hs, struct http_req *req) {
    base_buf_clear(&req->body);
    base_buf_clear(&req->records);
    if (hs->body == HTTP_ARRAY)
        base_buf_putc(&req->body, '[');
    if (hs->body == HTTP_LINES && hs->enc->vt->begin)
        hs->enc->vt->begin(hs->enc, &req->body);
    for (req->n_rows = 0; con_outbox_rows(&hs->box) > 0 && req->n_rows < hs->batch; req->n_rows++) {
        struct base_str record = con_outbox_first(&hs->box);
        if (hs->body == HTTP_ARRAY && req->n_rows > 0)
            base_buf_putc(&req->body, ',');
        base_buf_add(&req->body, record.p, record.len - (hs->body != HTTP_LINES));
        base_pack_str(&req->records, record);
        req->n_bytes += record.len;
        con_outbox_take(&hs->box);
    }
    if (hs->body == HTTP_ARRAY)
        base_buf_putc(&req->body, ']');
    req->tries = 0;
    hs->flight_bytes += req->n_bytes;
    hs->queued_us = con_mono(&hs->sink.env);
}

/* Sends what is due: whole batches, and with `all` or after the linger what there is. */
static void http_send_due(struct http_sink *hs, bool all) {
    while (con_outbox_rows(&hs->box) > 0 && hs->n_busy < hs->n_reqs) {
        if (con_outbox_rows(&hs->box) < hs->batch && !all &&
            con_mono(&hs->sink.env) - hs->queued_us < hs->linger_us)
            return;
        struct http_req *req = hs->reqs;
        while (req->n_rows > 0)
            req++;
        hs->n_busy++;
        http_fill(hs, req);
        http_start(req);
    }
}

/* -- libcurl on libevent ------------------------------------------------------------------------------------------- */

static void http_socket_ready(evutil_socket_t fd, short what, void *arg) {
    struct http_sink *hs = arg;
    int running;
    int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(hs->multi, fd, mask, &running);
    http_collect(hs);
}

static void http_timer_fired(evutil_socket_t fd, short what, void *arg) {
    struct http_sink *hs = arg;
    int running;
    (void)fd;
    (void)what;
    curl_multi_socket_action(hs->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    http_collect(hs);
}

static int http_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
    struct http_sink *hs = arg;
    struct event *ev = assigned;
    (void)easy;
    if (ev)
        event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        short mask = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) |
                             EV_PERSIST);
        ev = event_new(hs->sink.env.loop, fd, mask, http_socket_ready, hs);
        if (!ev || event_add(ev, NULL) != 0)
            return -1;
    }
    curl_multi_assign(hs->multi, fd, ev);
    return 0;
}

static int http_on_timer(CURLM *multi, long ms, void *arg) {
    struct http_sink *hs = arg;
    (void)multi;
    if (ms < 0)
        return event_del(hs->timer);
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    return event_add(hs->timer, &tv);
}

static size_t http_on_answer(char *p, size_t size, size_t n, void *arg) {
    (void)p;
    (void)arg;
    return size * n; /* nobody reads it */
}

/* -- the sink ------------------------------------------------------------------------------------------------------ */

static enum cep_rc http_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    struct http_sink *hs = http_of(sink);
    (void)err;
    if (con_outbox_rows(&hs->box) == 0)
        hs->queued_us = con_mono(&sink->env);
    con_outbox_add(&hs->box, batch);
    http_send_due(hs, false);
    hs->box.was_busy |= con_outbox_busy(&hs->box, hs->flight_bytes);
    return CEP_OK;
}

static bool http_busy(const struct con_sink *sink) {
    const struct http_sink *hs = (const struct http_sink *)sink;
    return con_outbox_busy(&hs->box, hs->flight_bytes);
}

/* The end came before the other side took everything. */
static enum cep_rc http_abandon(struct http_sink *hs, struct cep_err *err) {
    for (uint32_t i = 0; i < hs->n_reqs; i++) {
        struct http_req *req = &hs->reqs[i];
        event_del(req->timer);
        if (req->running)
            curl_multi_remove_handle(hs->multi, req->easy);
        req->running = false;
        req->n_rows = 0;
        req->n_bytes = 0;
    }
    hs->n_busy = 0;
    hs->flight_bytes = 0;
    return con_outbox_give_up(&hs->box, hs->url, err);
}

static enum cep_rc http_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    struct http_sink *hs = http_of(sink);
    bool over = final && con_outbox_drained(&hs->box);
    http_send_due(hs, final);
    if (con_outbox_rows(&hs->box) == 0 && hs->n_busy == 0)
        return CEP_OK;
    return over ? http_abandon(hs, err) : CEP_AGAIN;
}

/* What is under way may have been taken: after a restore it comes again. */
static enum cep_rc http_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err) {
    struct http_sink *hs = http_of(sink);
    (void)checkpoint;
    (void)err;
    for (uint32_t i = 0; i < hs->n_reqs; i++)
        if (hs->reqs[i].n_rows > 0)
            base_buf_str(state, base_buf_view(&hs->reqs[i].records));
    con_outbox_save(&hs->box, state);
    return CEP_OK;
}

static void http_close(struct con_sink *sink) {
    struct http_sink *hs = http_of(sink);
    for (uint32_t i = 0; i < hs->n_reqs && hs->reqs; i++) {
        struct http_req *req = &hs->reqs[i];
        if (req->running)
            curl_multi_remove_handle(hs->multi, req->easy);
        if (req->easy)
            curl_easy_cleanup(req->easy);
        if (req->timer)
            event_free(req->timer);
        base_buf_release(&req->body);
        base_buf_release(&req->records);
    }
    if (hs->multi)
        curl_multi_cleanup(hs->multi);
    if (hs->timer)
        event_free(hs->timer);
    curl_slist_free_all(hs->headers);
    con_outbox_release(&hs->box);
    base_free(hs->reqs);
    base_free(hs->url);
    base_free(hs->ca_file);
    if (hs->global)
        curl_global_cleanup();
}

static enum cep_rc http_headers(struct http_sink *hs, const struct plan_sink *ps, struct cep_err *err) {
    struct base_str text = plan_opt_str(ps->opts, ps->n_opts, "headers", "");
    struct base_str bearer = plan_opt_str(ps->opts, ps->n_opts, "bearer", "");
    char line[4096];
    bool has_type = false;
    while (text.len > 0) {
        size_t n = 0;
        while (n < text.len && text.p[n] != '|' && text.p[n] != '\n')
            n++;
        size_t first = 0;
        while (first < n && text.p[first] == ' ')
            first++;
        struct base_str h = { text.p + first, n - first };
        if (h.len > 0) {
            if (!memchr(h.p, ':', h.len) || h.len >= sizeof line || memchr(h.p, '\r', h.len))
                return con_opt_err(err, plan_opt_find(ps->opts, ps->n_opts, "headers"),
                    "header is not of the form 'Name: value': \"%.*s\"", BASE_STR_FMT(h));
            snprintf(line, sizeof line, "%.*s", BASE_STR_FMT(h));
            has_type |= base_str_ieq(
                (struct base_str){ line, h.len < 13 ? h.len : 13 }, BASE_STR("content-type:"));
            hs->headers = curl_slist_append(hs->headers, line);
        }
        n += n < text.len;
        text.p += n;
        text.len -= n;
    }
    if (bearer.len > 0) {
        if (memchr(bearer.p, '\n', bearer.len) || memchr(bearer.p, '\r', bearer.len))
            return con_opt_err(
                err, plan_opt_find(ps->opts, ps->n_opts, "bearer"), "token has a line end in it");
        snprintf(line, sizeof line, "Authorization: Bearer %.*s", BASE_STR_FMT(bearer));
        hs->headers = curl_slist_append(hs->headers, line);
    }
    if (!has_type) {
        bool ndjson = hs->body == HTTP_LINES && strcmp(hs->enc->vt->content_type, "application/json") == 0;
        snprintf(line, sizeof line, "Content-Type: %s",
            ndjson ? "application/x-ndjson" : hs->enc->vt->content_type);
        hs->headers = curl_slist_append(hs->headers, line);
    }
    hs->headers = curl_slist_append(hs->headers, "Expect:"); /* no round trip before the body */
    return CEP_OK;
}

static bool http_req_init(struct http_sink *hs, struct http_req *req) {
    req->hs = hs;
    req->easy = curl_easy_init();
    req->timer = event_new(hs->sink.env.loop, -1, 0, http_retry, req);
    if (!req->easy || !req->timer)
        return false;
    curl_easy_setopt(req->easy, CURLOPT_URL, hs->url);
    curl_easy_setopt(req->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(req->easy, CURLOPT_CUSTOMREQUEST, hs->method);
    curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, hs->headers);
    curl_easy_setopt(req->easy, CURLOPT_USERAGENT, "cepd");
    curl_easy_setopt(
        req->easy, CURLOPT_TIMEOUT_MS, (long)(hs->timeout_us / 1000 ? hs->timeout_us / 1000 : 1));
    curl_easy_setopt(req->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(req->easy, CURLOPT_PROTOCOLS_STR, "http,https");
#endif
    curl_easy_setopt(req->easy, CURLOPT_WRITEFUNCTION, http_on_answer);
    curl_easy_setopt(req->easy, CURLOPT_ERRORBUFFER, req->error);
    curl_easy_setopt(req->easy, CURLOPT_PRIVATE, req);
    if (hs->ca_file)
        curl_easy_setopt(req->easy, CURLOPT_CAINFO, hs->ca_file);
    return true;
}

static enum cep_rc http_init(struct http_sink *hs, const struct plan_sink *ps, struct cep_err *err) {
    static const char *const methods[] = { "POST", "PUT", "PATCH" };
    static const char *const bodies[HTTP_BODY_MAX] = { "single", "array", "lines" };
    const struct plan_opt *opts = ps->opts;
    uint32_t n = ps->n_opts;
    bool json = strcmp(hs->enc->vt->content_type, "application/json") == 0;
    hs->batch = (uint64_t)plan_opt_int(opts, n, "batch", 1);
    hs->linger_us = plan_opt_int(opts, n, "linger", 100000);
    hs->timeout_us = plan_opt_int(opts, n, "timeout", 10000000);
    hs->retries = (uint64_t)plan_opt_int(opts, n, "retries", 10);
    hs->n_reqs = (uint32_t)plan_opt_int(opts, n, "parallel", 1);
    hs->random = (uint64_t)con_now(&hs->sink.env) ^ base_hash(hs->url, strlen(hs->url));
    hs->method = "POST";
    for (size_t i = 0; i < CEP_COUNT_OF(methods); i++)
        if (base_str_eq(plan_opt_str(opts, n, "method", "POST"), base_str_of(methods[i])))
            hs->method = methods[i];
    hs->body = hs->batch == 1 ? HTTP_SINGLE : json ? HTTP_ARRAY : HTTP_LINES;
    for (int i = 0; i < HTTP_BODY_MAX; i++)
        if (base_str_eq(plan_opt_str(opts, n, "body", ""), base_str_of(bodies[i])))
            hs->body = (enum http_body)i;
    if (hs->body == HTTP_ARRAY && !json)
        return con_opt_err(err, plan_opt_find(opts, n, "body"), "body = 'array' needs format json");
    if (hs->body == HTTP_SINGLE && hs->batch != 1)
        return con_opt_err(err, plan_opt_find(opts, n, "body"), "body = 'single' needs batch = 1");
    if (plan_opt_find(opts, n, "ca_file"))
        hs->ca_file = con_path(&hs->sink.env, plan_opt_str(opts, n, "ca_file", ""));
    enum cep_rc rc = http_headers(hs, ps, err);
    if (rc != CEP_OK)
        return rc;
    hs->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    hs->multi = hs->global ? curl_multi_init() : NULL;
    hs->timer = event_new(hs->sink.env.loop, -1, 0, http_timer_fired, hs);
    hs->reqs = base_calloc(hs->n_reqs, sizeof *hs->reqs);
    if (!hs->multi || !hs->timer)
        return base_err_set(err, CEP_EIO, "could not start libcurl");
    for (uint32_t i = 0; i < hs->n_reqs; i++)
        if (!http_req_init(hs, &hs->reqs[i]))
            return base_err_set(err, CEP_EIO, "could not start libcurl");
    curl_multi_setopt(hs->multi, CURLMOPT_SOCKETFUNCTION, http_on_socket);
    curl_multi_setopt(hs->multi, CURLMOPT_SOCKETDATA, hs);
    curl_multi_setopt(hs->multi, CURLMOPT_TIMERFUNCTION, http_on_timer);
    curl_multi_setopt(hs->multi, CURLMOPT_TIMERDATA, hs);
    return CEP_OK;
}

static bool http_parallel(const struct plan_sink *ps) {
    (void)ps;
    return true;
}

static enum cep_rc http_open(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    if (!env->loop)
        return base_err_set(err, CEP_ESTATE, "connector \"http\" needs an event loop");
    struct http_sink *hs = base_calloc(1, sizeof *hs);
    struct base_str url = plan_opt_str(ps->opts, ps->n_opts, "url", "");
    hs->sink.env = *env;
    hs->sink.sink = ps;
    hs->enc = enc;
    hs->url = base_strndup(url.p, url.len);
    con_outbox_init(&hs->box, &hs->sink, enc, ps, 200000, 30000000);
    enum cep_rc rc = con_outbox_restore(&hs->box, how, err);
    if (rc == CEP_OK)
        rc = http_init(hs, ps, err);
    if (rc != CEP_OK) {
        http_close(&hs->sink);
        base_free(hs);
        return rc;
    }
    *out = &hs->sink;
    return CEP_OK;
}

static enum cep_rc sink_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    (void)schema;
    const struct plan_opt *opt = plan_opt_find(opts, n_opts, "url");
    struct base_str url = plan_opt_str(opts, n_opts, "url", "");
    bool ok = (url.len > 7 && base_str_ieq((struct base_str){ url.p, 7 }, BASE_STR("http://"))) ||
              (url.len > 8 && base_str_ieq((struct base_str){ url.p, 8 }, BASE_STR("https://")));
    if (!ok)
        return con_opt_err(
            err, opt, "url does not begin with http:// or https://: \"%.*s\"", BASE_STR_FMT(url));
    return CEP_OK;
}

static const struct con_sink_vt http_sink = { .open = http_open,
    .write = http_write,
    .busy = http_busy,
    .flush = http_flush,
    .prepare = http_prepare,
    .tell = con_outbox_tell,
    .parallel = http_parallel,
    .close = http_close };

const struct con_connector con_http = {
    .spec = { .name = "http",
        .is_sink = true,
        .default_format = "json",
        .sink_opts = sink_opts,
        .sink_check = sink_check,
        .help = "a webhook: records sent by HTTP, in batches, with retries" },
    .sink = &http_sink,
};
