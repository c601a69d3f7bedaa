/* clu_http_test -- requests over real sockets: paths, methods, bodies, errors, and bytes that are no request. */
#include "tests/cluster/clu_kit.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_http.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct fix {
    struct clu_http *h;
    int told; /* eventfd */
    char answer[70000];
};

static enum cep_rc echo(void *arg, enum clu_rest_op op, const struct clu_rest_args *a, struct base_buf *out,
    struct cep_err *err) {
    (void)arg;
    if (base_str_eq(a->id, BASE_STR("none")))
        return base_err_set(err, CEP_ENAME, "there is no job \"none\"");
    if (base_str_eq(a->id, BASE_STR("busy")))
        return base_err_set(err, CEP_ESTATE, "job \"busy\" is stopping");
    if (base_str_eq(a->id, BASE_STR("full")))
        return base_err_set(err, CEP_EIO, "could not write: \"No space\"");
    if (op == CLU_REST_OVERVIEW)
        return CEP_OK;
    if (op == CLU_REST_METRICS) {
        const struct base_str labels[] = { BASE_STR("op"), BASE_STR("a\"b\\c\nd"), BASE_STR("n"),
            BASE_STR("1") };
        clu_prom_head(out, "cepd_rows", "counter", "rows\nin");
        clu_prom_value(out, "cepd_rows", labels, 2, 12);
        return CEP_OK;
    }
    base_buf_printf(out, "%d id=%.*s sub=%.*s query=%.*s body=%.*s", (int)op, BASE_STR_FMT(a->id),
        BASE_STR_FMT(a->sub), BASE_STR_FMT(a->query), BASE_STR_FMT(a->body));
    return CEP_OK;
}

static int setup(void **state) {
    struct fix *f = calloc(1, sizeof *f);
    struct clu_http_opts opts = { .address = "127.0.0.1:0", .call = echo, .max_body = 1000 };
    assert_int_equal(clu_http_start(&opts, &f->h, NULL), CEP_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fix *f = *state;
    clu_http_stop(f->h);
    free(f);
    return 0;
}

/* Sends bytes, reads to the end. */
static const char *raw(struct fix *f, const char *bytes, size_t len) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(clu_http_port(f->h)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;
    ssize_t got;
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (size_t at = 0; at < len; at += (size_t)got)
        if ((got = send(fd, bytes + at, len - at, MSG_NOSIGNAL)) <= 0)
            break;
    shutdown(fd, SHUT_WR);
    while (n < sizeof f->answer - 1 && (got = recv(fd, f->answer + n, sizeof f->answer - 1 - n, 0)) > 0)
        n += (size_t)got;
    f->answer[n] = '\0';
    close(fd);
    return f->answer;
}

static void check(struct fix *f, const char *method, const char *path, const char *body, int status,
    const char *type, const char *want) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, strlen(body), body);
    const char *got = raw(f, b.p, b.len);
    base_buf_release(&b);
    const char *text = strstr(got, "\r\n\r\n");
    assert_non_null(text);
    assert_int_equal(atoi(got + strlen("HTTP/1.1 ")), status);
    assert_non_null(strstr(got, type));
    assert_string_equal(text + 4, want);
}

#define JSON "Content-Type: application/json"

static void calls(void **state) {
    struct fix *f = *state;
    char want[200];
    check(f, "GET", "/overview", "", 200, JSON, "{}");
    snprintf(want, sizeof want, "%d id=7 sub=a b query=x=1&y body=", CLU_REST_VERTEX);
    check(f, "GET", "/jobs/7/vertices/a%20b?x=1&y", "", 200, JSON, want);
    snprintf(want, sizeof want, "%d id= sub= query= body=", CLU_REST_JOBS_OVERVIEW);
    check(f, "GET", "/jobs/overview", "", 200, JSON, want);
    snprintf(want, sizeof want, "%d id=7 sub= query= body={\"targetDirectory\": \"/x\"} ", CLU_REST_STOP);
    check(f, "POST", "/jobs/7/stop", "{\"targetDirectory\": \"/x\"} ", 202, JSON, want);
    snprintf(want, sizeof want, "%d id=7 sub= query=mode=cancel body=", CLU_REST_CANCEL);
    check(f, "PATCH", "/jobs/7?mode=cancel", "", 202, JSON, want);
    check(f, "GET", "/metrics", "", 200, "Content-Type: text/plain; version=0.0.4",
        "# HELP cepd_rows rows\\nin\n# TYPE cepd_rows counter\ncepd_rows{op=\"a\\\"b\\\\c\\nd\",n=\"1\"} "
        "12.0\n");
}

static void errors(void **state) {
    struct fix *f = *state;
    check(f, "GET", "/jobs/none", "", 404, JSON, "{\"errors\": [\"there is no job \\\"none\\\"\"]}\n");
    check(f, "GET", "/jobs/busy", "", 409, JSON, "{\"errors\": [\"job \\\"busy\\\" is stopping\"]}\n");
    check(f, "GET", "/jobs/full", "", 503, JSON, "{\"errors\": [\"could not write: \\\"No space\\\"\"]}\n");
    check(f, "GET", "/nothing", "", 404, JSON, "{\"errors\": [\"there is no such path\"]}\n");
    check(f, "GET", "/jobs//plan", "", 404, JSON, "{\"errors\": [\"there is no such path\"]}\n");
    check(f, "DELETE", "/jobs", "", 405, "Allow: GET, POST",
        "{\"errors\": [\"this path does not have this method\"]}\n");
    check(f, "POST", "/jobs/7/savepoints", "{\"a\":", 400, JSON,
        "{\"errors\": [\"the body is no JSON object\"]}\n");
    check(f, "POST", "/jobs/7/savepoints", "{} x", 400, JSON,
        "{\"errors\": [\"the body is no JSON object\"]}\n");
    check(f, "PATCH", "/jobs/7?mode=stop", "", 400, JSON,
        "{\"errors\": [\"the query has to be mode=cancel\"]}\n");
    char big[1200];
    memset(big, ' ', sizeof big);
    big[sizeof big - 1] = '\0';
    check(f, "POST", "/jobs", big, 413, JSON,
        "{\"errors\": [\"the body has 1199 bytes, more than the limit of 1000\"]}\n");
}

static void addresses(void **state) {
    struct fix *f = *state;
    static const char *const wrong[] = { "", "8081", ":1", "x:99999", "x:", "[::1]" };
    struct clu_http *h = NULL;
    struct cep_err err = CEP_ERR_INIT;
    for (size_t i = 0; i < CEP_COUNT_OF(wrong); i++) {
        struct clu_http_opts opts = { .address = wrong[i], .call = echo };
        assert_int_equal(clu_http_start(&opts, &h, &err), CEP_EINVAL);
    }
    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", (unsigned)clu_http_port(f->h));
    struct clu_http_opts opts = { .address = taken, .call = echo };
    assert_int_equal(clu_http_start(&opts, &h, &err), CEP_EIO);
    assert_null(h);
    static const char *const open[] = { "0.0.0.0:0", "[::]:0" };
    for (size_t i = 0; i < CEP_COUNT_OF(open); i++) {
        struct clu_http_opts all = { .address = open[i], .call = echo, .loopback_only = true };
        enum cep_rc rc = clu_http_start(&all, &h, &err);
        if (open[i][0] != '[' || rc != CEP_EIO) { /* a machine without IPv6 */
            assert_int_equal(rc, CEP_EINVAL);
            assert_non_null(strstr(err.message, "can be reached from other machines"));
        }
    }
    struct clu_http_opts own = { .address = "127.0.0.1:0", .call = echo, .loopback_only = true };
    assert_int_equal(clu_http_start(&own, &h, &err), CEP_OK);
    clu_http_stop(h);
    clu_http_stop(NULL);
}

static enum cep_rc stop_while_answering(void *arg, enum clu_rest_op op, const struct clu_rest_args *a,
    struct base_buf *out, struct cep_err *err) {
    (void)op;
    (void)a;
    (void)err;
    uint64_t one = 1;
    base_buf_reserve(out, 2000000);
    for (int i = 0; i < 1000000; i++)
        base_buf_putc(out, 'x');
    /* The one who stops is at it before the answer is out. */
    assert_int_equal(write(*(int *)arg, &one, sizeof one), sizeof one);
    usleep(50 * 1000);
    return CEP_OK;
}

static void *stopper(void *arg) {
    struct fix *f = arg;
    uint64_t n;
    assert_int_equal(read(f->told, &n, sizeof n), sizeof n);
    clu_http_stop(f->h);
    f->h = NULL;
    return NULL;
}

/* A cancel that ends the process at once is answered all the same. */
static void the_last_answer_goes_out(void **state) {
    struct fix *f = *state;
    pthread_t thread;
    clu_http_stop(f->h);
    f->told = eventfd(0, 0);
    struct clu_http_opts opts = { .address = "127.0.0.1:0", .call = stop_while_answering, .arg = &f->told };
    assert_int_equal(clu_http_start(&opts, &f->h, NULL), CEP_OK);
    assert_int_equal(pthread_create(&thread, NULL, stopper, f), 0);
    static const char request[] = "GET /overview HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(clu_http_port(f->h)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    size_t n = 0;
    ssize_t got;
    while ((got = recv(fd, f->answer, sizeof f->answer, 0)) > 0)
        n += (size_t)got;
    close(fd);
    pthread_join(thread, NULL);
    close(f->told);
    assert_true(n > 1000000);
}

/* Requests with bytes changed, cut or doubled: whatever the answer is, the server lives and the next request is answered. */
static void bytes_that_are_no_request(void **state) {
    struct fix *f = *state;
    static const char seed[] = "POST /jobs/7/savepoints?x=%41 HTTP/1.1\r\nHost: x\r\nConnection: "
                               "close\r\nContent-Length: 11\r\n\r\n{\"a\": [1,2]}";
    uint64_t random = 12345;
    for (int i = 0; i < 400; i++) {
        char bytes[2 * sizeof seed];
        size_t len = sizeof seed - 1;
        memcpy(bytes, seed, sizeof seed);
        for (int n = 0; n < 1 + i % 6; n++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[(random >> 33) % len] = (char)(random >> 55);
        }
        len = i % 3 ? len : (random >> 40) % len;
        (void)raw(f, bytes, len);
    }
    check(f, "GET", "/overview", "", 200, JSON, "{}");
}

static void with_a_token_only_who_knows_it_is_answered(void **state) {
    struct fix *f = *state;
    clu_http_stop(f->h);
    struct clu_http_opts opts = { .address = "127.0.0.1:0", .call = echo, .token = "s3cret" };
    assert_int_equal(clu_http_start(&opts, &f->h, NULL), CEP_OK);
    static const struct {
        const char *head;
        int status;
        const char *text;
    } asks[] = {
        { "", 401, "this wants a token: Authorization: Bearer TOKEN" },
        { "Authorization: Bearer s3creT\r\n", 401, "the token is not the right one" },
        { "Authorization: Bearer s3cret1\r\n", 401, "the token is not the right one" },
        { "Authorization: Basic s3cret\r\n", 401, "this wants a token" },
        { "authorization: bearer s3cret\r\n", 200, "{}" },
    };
    for (size_t i = 0; i < CEP_COUNT_OF(asks); i++) {
        char request[300];
        int n = snprintf(request, sizeof request,
            "GET /overview HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", asks[i].head);
        const char *got = raw(f, request, (size_t)n);
        assert_int_equal(atoi(got + strlen("HTTP/1.1 ")), asks[i].status);
        assert_non_null(strstr(got, asks[i].text));
        assert_true((strstr(got, "WWW-Authenticate: Bearer") != NULL) == (asks[i].status == 401));
    }
}

static void answers_come_through_tls(void **state) {
    struct fix *f = *state;
    static const char request[] =
        "GET /overview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n";
    struct kit_certs certs;
    struct clu_tls *tls;
    kit_certs_make(&certs);
    assert_int_equal(clu_tls_new(&certs.a, &tls, NULL), CEP_OK);
    clu_http_stop(f->h);
    struct clu_http_opts opts = {
        .address = "0.0.0.0:0", .call = echo, .token = "t", .tls = tls, .loopback_only = true
    };
    assert_int_equal(clu_http_start(&opts, &f->h, NULL), CEP_OK);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, certs.a.ca, NULL), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    for (int i = 0; i < 3; i++) {
        int fd = kit_connect(clu_http_port(f->h)), n, sum = 0;
        assert_true(fd >= 0);
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        if (i == 1) { /* plain bytes: closed, and the next one is served */
            assert_true(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
            (void)kit_read_all(fd, f->answer, sizeof f->answer);
        } else {
            assert_int_equal(SSL_connect(ssl), 1);
            assert_int_equal(SSL_write(ssl, request, sizeof request - 1), sizeof request - 1);
            while ((n = SSL_read(ssl, f->answer + sum, (int)sizeof f->answer - 1 - sum)) > 0)
                sum += n;
            f->answer[sum] = '\0';
            assert_non_null(strstr(f->answer, "200 OK"));
            assert_non_null(strstr(f->answer, "{}"));
        }
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(ctx);
    clu_http_stop(f->h);
    f->h = NULL;
    clu_tls_free(tls);
    kit_certs_remove(&certs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(with_a_token_only_who_knows_it_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_come_through_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(calls, setup, teardown),
        cmocka_unit_test_setup_teardown(errors, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_answer_goes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_request, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
