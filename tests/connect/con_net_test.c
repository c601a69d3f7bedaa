/* con_net_test -- tcp in and out, and webhooks, against small servers on the same loop. No fixed ports. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"
#include "connect/con_tcp.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* -- tcp in ------------------------------------------------------------------------------------------------------- */

static int dial(uint16_t port) {
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void say(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void two_producers_are_two_partitions(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    struct con_source_stats stats;
    con_kit_init(&k);
    struct con_source *src = con_kit_open(&k, "a int", "tcp", "port = 0, connections = 3", "json", NULL);
    uint16_t port = con_tcp_source_port(src);
    assert_string_equal(
        k.log.p, base_arena_printf(&k.arena, "info: stream \"s\" listens on 127.0.0.1:%u\n", port));
    assert_false(con_kit_read(&k, src, &rows, 2));
    int a = dial(port), b = dial(port);
    say(a, "{\"a\":1}\n{\"a\"");
    say(b, "{\"a\":10}\n");
    assert_false(con_kit_read(&k, src, &rows, 10));
    assert_int_equal(con_source_n_partitions(src), 2);
    assert_int_equal(rows.len, strlen("{\"a\":1}\n{\"a\":10}\n"));
    base_buf_clear(&rows);
    say(a, ":2}\n");
    assert_false(con_kit_read(&k, src, &rows, 10));
    assert_string_equal(rows.p, "{\"a\":2}\n");
    say(b, "{\"a\":11}\n{\"a\":12"); /* and gone in the middle of a record */
    close(b);
    base_buf_clear(&rows);
    assert_false(con_kit_read(&k, src, &rows, 10));
    assert_string_equal(rows.p, "{\"a\":11}\n");
    assert_int_equal(k.n_bad, 1);
    assert_non_null(
        strstr(k.bad.p, "@18: not JSON at byte 8: expected \",\" or \"}\", not the end [{\"a\":12]"));
    struct con_partition part;
    con_source_partition(src, 0, &part);
    assert_false(part.done);
    close(a);
    int c = dial(port);
    say(c, "{\"a\":3}\n");
    close(c);
    base_buf_clear(&rows);
    assert_true(con_kit_read(&k, src, &rows, 20));
    assert_string_equal(rows.p, "{\"a\":3}\n");
    con_source_stats(src, &stats);
    assert_int_equal(stats.connections, 3);
    con_source_close(src);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void too_many_connections_are_refused(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    struct con_source_stats stats;
    char byte;
    con_kit_init(&k);
    struct con_source *src = con_kit_open(&k, "a int", "tcp", "port = 0, max_connections = 1", "json", NULL);
    int a = dial(con_tcp_source_port(src));
    say(a, "{\"a\":1}\n");
    con_kit_read(&k, src, &rows, 10);
    int b = dial(con_tcp_source_port(src));
    con_kit_read(&k, src, &rows, 10);
    assert_int_equal(recv(b, &byte, 1, 0), 0);
    con_source_stats(src, &stats);
    assert_int_equal(stats.refused, 1);
    con_source_stop(src);
    close(a);
    assert_true(con_kit_read(&k, src, &rows, 10));
    close(b);
    con_source_close(src);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void a_port_that_is_taken(void **state) {
    (void)state;
    struct con_kit k;
    struct cep_err err = CEP_ERR_INIT;
    con_kit_init(&k);
    struct con_source *src = con_kit_open(&k, "a int", "tcp", "port = 0", "json", NULL), *other = NULL;
    char *opts = base_arena_printf(&k.arena, "port = %u", con_tcp_source_port(src));
    assert_int_equal(
        con_source_open(con_kit_stream(&k, "a int", "tcp", opts, "json", NULL), &k.env, &other, &err),
        CEP_EIO);
    assert_string_equal(
        err.message, base_arena_printf(&k.arena, "could not listen on 127.0.0.1:%u: Address already in use",
                         con_tcp_source_port(src)));
    con_source_close(src);
    con_kit_release(&k);
}

/* -- tcp out ------------------------------------------------------------------------------------------------------ */

static int listen_on(uint16_t *port) {
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *port = ntohs(addr.sin_port);
    return fd;
}

/* Lets the loop run for a while. */
static void turn(struct con_kit *k, int ms) {
    for (int i = 0; i < ms; i++) {
        event_base_loop(k->loop, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

static int accept_one(struct con_kit *k, int listener) {
    for (int i = 0; i < 1000; i++) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            return fd;
        turn(k, 1);
    }
    fail_msg("nobody connects");
    return -1;
}

static struct con_sink *sink_open(
    struct con_kit *k, const char *connector, const char *opts, const char *format) {
    struct con_sink *sink = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (con_sink_open(con_kit_sink(k, connector, opts, format, NULL), con_kit_schema(k, "a int"), &k->env,
            &sink, &err) != CEP_OK)
        fail_msg("%s", err.message);
    return sink;
}

static void put(struct con_kit *k, struct con_sink *sink, const char *ndjson) {
    struct evt_batch *b = con_kit_batch(k, sink->schema, ndjson);
    assert_int_equal(con_sink_write(sink, b, NULL), CEP_OK);
    evt_batch_unref(b);
}

/* Flushes to the end, the loop running. */
static enum cep_rc drain(struct con_kit *k, struct con_sink *sink, struct cep_err *err) {
    for (int i = 0; i < 5000; i++) {
        enum cep_rc rc = con_sink_flush(sink, true, err);
        if (rc != CEP_AGAIN)
            return rc;
        turn(k, 1);
    }
    fail_msg("does not drain");
    return CEP_AGAIN;
}

/* Before the end is near: how often a sink tries again until its deadline depends on how busy the machine is. */
static void until_tried_again(struct con_kit *k, struct con_sink *sink) {
    struct con_sink_stats stats;
    for (int i = 0; i < 20000; i++) {
        con_sink_stats(sink, &stats);
        if (stats.retries > 1)
            return;
        turn(k, 1);
    }
    fail_msg("does not try again");
}

static void tcp_out_reconnects_and_repeats_a_torn_record(void **state) {
    (void)state;
    struct con_kit k;
    char got[256];
    uint16_t port = 0;
    con_kit_init(&k);
    int listener = listen_on(&port);
    struct con_sink *sink = sink_open(
        &k, "tcp", base_arena_printf(&k.arena, "port = %u, retry_min = 5 ms", port), "csv");
    put(&k, sink, "{\"a\":1}\n{\"a\":2}\n");
    int fd = accept_one(&k, listener);
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_true(n == 6 && memcmp(got, "a\n1\n2\n", 6) == 0);
    close(fd);
    turn(&k, 5);
    put(&k, sink,
        "{\"a\":3}\n"); /* the kernel takes this one before it learns that the other side has gone */
    turn(&k, 20);
    put(&k, sink, "{\"a\":4}\n");
    fd = accept_one(&k, listener);
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    for (n = 0; n < 4 || memcmp(got + n - 2, "4\n", 2) != 0;) {
        ssize_t m = recv(fd, got + n, sizeof got - (size_t)n, 0);
        assert_true(m > 0);
        n += m;
    }
    assert_memory_equal(got, "a\n", 2);
    assert_non_null(strstr(k.log.p, "trying again\ninfo: sink \"out\": connected to 127.0.0.1:"));
    close(fd);
    close(listener);
    con_sink_close(sink);
    con_kit_release(&k);
}

static void tcp_out_is_busy_over_its_bound_and_gives_up_at_the_deadline(void **state) {
    (void)state;
    struct con_kit k;
    struct cep_err err = CEP_ERR_INIT;
    struct con_sink_stats stats;
    uint16_t port = 0;
    con_kit_init(&k);
    int listener = listen_on(&port);
    close(listener); /* nobody there */
    struct con_sink *sink = sink_open(&k, "tcp",
        base_arena_printf(&k.arena, "port = %u, retry_min = 5 ms, buffer = 4096, drain = 20 ms", port),
        "json");
    for (int i = 0; i < 400; i++)
        put(&k, sink, "{\"a\":1}\n{\"a\":2}\n");
    assert_true(con_sink_busy(sink));
    until_tried_again(&k, sink);
    assert_int_equal(drain(&k, sink, &err), CEP_EIO);
    assert_string_equal(err.message,
        base_arena_printf(&k.arena, "800 records could not be sent to 127.0.0.1:%u before the end", port));
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.failed, 800);
    assert_int_equal(stats.rows, 800);
    con_sink_close(sink);
    con_kit_release(&k);
}

static void tcp_out_in_full(void **state) {
    (void)state;
    struct con_kit k;
    char got[65536];
    uint16_t port = 0;
    con_kit_init(&k);
    int listener = listen_on(&port);
    struct con_sink *sink = sink_open(
        &k, "tcp", base_arena_printf(&k.arena, "port = %u, buffer = 4096", port), "json");
    int fd = accept_one(&k, listener);
    size_t sent = 0, received = 0;
    struct base_buf big = BASE_BUF_INIT;
    for (int i = 0; i < 500; i++)
        base_buf_puts(&big, "{\"a\":1234567890123456}\n");
    for (int round = 0; round < 5000 || received < sent; round++) {
        if (round < 5000 && !con_sink_busy(sink)) {
            put(&k, sink, big.p);
            sent += big.len;
        }
        event_base_loop(k.loop, EVLOOP_NONBLOCK);
        if (round % 3 == 0) {
            ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
            received += n > 0 ? (size_t)n : 0;
        }
    }
    assert_int_equal(received, sent);
    assert_true(sent > 10000000);
    struct con_sink_stats stats;
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.pending, 0);
    base_buf_release(&big);
    close(fd);
    close(listener);
    con_sink_close(sink);
    con_kit_release(&k);
}

/* -- http ---------------------------------------------------------------------------------------------------------- */

struct web {
    struct evhttp *http;
    uint16_t port;
    struct base_buf seen; /* "METHOD type body\n" of each request */
    int answers[8];       /* statuses to give, then 200 */
    int n_requests, n_open, max_open;
    const char *retry_after;
    bool mute; /* never answers */
};

static void web_request(struct evhttp_request *req, void *arg) {
    struct web *w = arg;
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t len = evbuffer_get_length(in);
    const char *type = evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Type");
    const char *extra = evhttp_find_header(evhttp_request_get_input_headers(req), "X-Extra");
    base_buf_printf(&w->seen, "%s %s%s%s %.*s\n",
        evhttp_request_get_command(req) == EVHTTP_REQ_POST ? "POST" : "PUT", type ? type : "-",
        extra ? " " : "", extra ? extra : "", (int)len, (const char *)evbuffer_pullup(in, -1));
    int n = w->n_requests++;
    if (w->mute)
        return;
    int status = n < 8 && w->answers[n] ? w->answers[n] : 200;
    if (w->retry_after)
        evhttp_add_header(evhttp_request_get_output_headers(req), "Retry-After", w->retry_after);
    evhttp_send_reply(req, status, "because", NULL);
}

static void web_start(struct web *w, struct con_kit *k) {
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    w->http = evhttp_new(k->loop);
    evhttp_set_allowed_methods(w->http, EVHTTP_REQ_POST | EVHTTP_REQ_PUT);
    evhttp_set_gencb(w->http, web_request, w);
    struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(w->http, "127.0.0.1", 0);
    assert_non_null(s);
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&addr, &len), 0);
    w->port = ntohs(addr.sin_port);
}

static void web_stop(struct web *w) {
    evhttp_free(w->http);
    base_buf_release(&w->seen);
}

static struct con_sink *hook(struct con_kit *k, struct web *w, const char *opts, const char *format) {
    return sink_open(
        k, "http", base_arena_printf(&k->arena, "url = 'http://127.0.0.1:%u/hook'%s", w->port, opts), format);
}

static void webhook_one_record_a_request(void **state) {
    (void)state;
    struct con_kit k;
    struct web w = { .port = 0 };
    con_kit_init(&k);
    web_start(&w, &k);
    struct con_sink *sink = hook(&k, &w, ", headers = 'X-Extra: yes'", "json");
    put(&k, sink, "{\"a\":1}\n{\"a\":2}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    assert_string_equal(
        w.seen.p, "POST application/json yes {\"a\":1}\nPOST application/json yes {\"a\":2}\n");
    struct con_sink_stats stats;
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.pending, 0);
    assert_int_equal(stats.failed, 0);
    con_sink_close(sink);
    web_stop(&w);
    con_kit_release(&k);
}

static void webhook_batches(void **state) {
    (void)state;
    struct con_kit k;
    struct web w = { .port = 0 };
    con_kit_init(&k);
    web_start(&w, &k);
    struct con_sink *sink = hook(&k, &w, ", batch = 2, linger = 1 h", "json");
    put(&k, sink, "{\"a\":1}\n");
    assert_int_equal(con_sink_flush(sink, false, NULL), CEP_AGAIN);
    turn(&k, 5);
    assert_int_equal(w.n_requests, 0);
    put(&k, sink, "{\"a\":2}\n{\"a\":3}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    con_sink_close(sink);
    sink = hook(&k, &w, ", batch = 10, linger = 10 ms, method = 'PUT'", "csv");
    put(&k, sink, "{\"a\":4}\n{\"a\":5}\n");
    k.set_by_us = -INT64_C(3600000000); /* a clock that is set back makes nothing wait longer */
    for (int i = 0; i < 10000 && w.n_requests < 3; i++) {
        (void)con_sink_flush(sink, false, NULL);
        turn(&k, 1);
    }
    assert_int_equal(w.n_requests, 3);
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    con_sink_close(sink);
    sink = hook(&k, &w, ", batch = 10, body = 'lines'", "json");
    put(&k, sink, "{\"a\":6}\n{\"a\":7}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    con_sink_close(sink);
    assert_string_equal(w.seen.p, "POST application/json [{\"a\":1},{\"a\":2}]\nPOST application/json "
                                  "[{\"a\":3}]\nPUT text/csv a\n4\n5\n\n"
                                  "POST application/x-ndjson {\"a\":6}\n{\"a\":7}\n\n");
    web_stop(&w);
    con_kit_release(&k);
}

static void webhook_retries_and_gives_up(void **state) {
    (void)state;
    struct con_kit k;
    struct web w = { .answers = { 503, 429, 200, 400, 400, 200 } };
    struct con_sink_stats stats;
    con_kit_init(&k);
    web_start(&w, &k);
    struct con_sink *sink = hook(&k, &w, ", retry_min = 2 ms", "json");
    put(&k, sink, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.retries, 2);
    assert_int_equal(stats.failed, 2);
    assert_int_equal(w.n_requests, 6);
    assert_string_equal(k.log.p,
        base_arena_printf(&k.arena,
            "warning: sink \"out\": http://127.0.0.1:%u/hook: status 503: trying again\n"
            "error: sink \"out\": 1 records were not taken by http://127.0.0.1:%u/hook: status 400\n",
            w.port, w.port));
    con_sink_close(sink);
    web_stop(&w);
    con_kit_release(&k);
}

static void webhook_that_never_gets_better(void **state) {
    (void)state;
    struct con_kit k;
    struct web w = { .answers = { 500, 500, 500, 500, 500 } };
    struct con_sink_stats stats;
    con_kit_init(&k);
    web_start(&w, &k);
    struct con_sink *sink = hook(&k, &w, ", retry_min = 1 ms, retries = 3", "json");
    put(&k, sink, "{\"a\":1}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(w.n_requests, 4);
    con_sink_close(sink);
    web_stop(&w);
    con_kit_release(&k);
}

static void webhook_nobody_there_and_timeouts_and_the_deadline(void **state) {
    (void)state;
    struct con_kit k;
    struct web w = { .mute = true };
    struct cep_err err = CEP_ERR_INIT;
    struct con_sink_stats stats;
    con_kit_init(&k);
    web_start(&w, &k);
    struct con_sink *sink = hook(&k, &w,
        ", timeout = 10 ms, retry_min = 1 ms, retry_max = 1 ms, retries = 1000000, drain = 100 ms, buffer = "
        "4096",
        "json");
    for (int i = 0; i < 300; i++)
        put(&k, sink, "{\"a\":1}\n{\"a\":1}\n");
    assert_true(con_sink_busy(sink));
    until_tried_again(&k, sink);
    assert_int_equal(drain(&k, sink, &err), CEP_EIO);
    assert_string_equal(
        err.message, base_arena_printf(&k.arena,
                         "600 records could not be sent to http://127.0.0.1:%u/hook before the end", w.port));
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.failed, 600);
    con_sink_close(sink);
    web_stop(&w);
    uint16_t port = 0;
    close(listen_on(&port));
    base_buf_clear(&k.log);
    sink = sink_open(&k, "http",
        base_arena_printf(&k.arena, "url = 'http://127.0.0.1:%u/', retry_min = 1 ms, retries = 2", port),
        "json");
    put(&k, sink, "{\"a\":1}\n");
    assert_int_equal(drain(&k, sink, NULL), CEP_OK);
    assert_non_null(strstr(k.log.p, "trying again"));
    assert_non_null(strstr(k.log.p, "error: sink \"out\": 1 records were not taken"));
    con_sink_close(sink);
    con_kit_release(&k);
}

static void webhook_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *opts, *format, *message;
    } cases[] = {
        { "url = 'ftp://x/'", "json", "url does not begin with http:// or https://: \"ftp://x/\"" },
        { "url = 'http://x/', headers = 'no colon'", "json",
            "header is not of the form 'Name: value': \"no colon\"" },
        { "url = 'http://x/', body = 'array', batch = 5", "csv", "body = 'array' needs format json" },
        { "url = 'http://x/', body = 'single', batch = 5", "json", "body = 'single' needs batch = 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct con_kit k;
        struct con_sink *sink;
        struct cep_err err = CEP_ERR_INIT;
        con_kit_init(&k);
        assert_int_equal(con_sink_open(con_kit_sink(&k, "http", cases[i].opts, cases[i].format, NULL),
                             con_kit_schema(&k, "a int"), &k.env, &sink, &err),
            CEP_EINVAL);
        assert_string_equal(err.message, cases[i].message);
        con_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_producers_are_two_partitions),
        cmocka_unit_test(too_many_connections_are_refused),
        cmocka_unit_test(a_port_that_is_taken),
        cmocka_unit_test(tcp_out_reconnects_and_repeats_a_torn_record),
        cmocka_unit_test(tcp_out_is_busy_over_its_bound_and_gives_up_at_the_deadline),
        cmocka_unit_test(tcp_out_in_full),
        cmocka_unit_test(webhook_one_record_a_request),
        cmocka_unit_test(webhook_batches),
        cmocka_unit_test(webhook_retries_and_gives_up),
        cmocka_unit_test(webhook_that_never_gets_better),
        cmocka_unit_test(webhook_nobody_there_and_timeouts_and_the_deadline),
        cmocka_unit_test(webhook_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
