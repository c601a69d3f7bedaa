/*
 * http_fuzz -- bytes to the HTTP server of a job, over a real socket.
 *
 * Whatever comes, the server answers or closes, and then answers a request that is right. An answer is a status line and, unless
 * it is libevent's own error page, JSON or metrics. `JOB` in the input becomes the job's id.
 */
#include "base/base_check.h"
#include "cluster/clu_job.h"
#include "fuzz/fuzz_main.h"
#include "time/clk.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_S = 20 };

static const struct plan no_plan;

/* Sends, says it was all, reads to the end. */
static void talk(uint16_t port, struct base_str bytes, struct base_buf *answer) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = { .tv_sec = LIMIT_S };
    char part[4096];
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CEP_INSIST(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    CEP_INSIST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    for (size_t at = 0; at < bytes.len; at += (size_t)n)
        if ((n = send(fd, bytes.p + at, bytes.len - at, MSG_NOSIGNAL)) <= 0)
            break; /* it had enough */
    (void)shutdown(fd, SHUT_WR);
    while ((n = recv(fd, part, sizeof part, 0)) > 0)
        base_buf_add(answer, part, (size_t)n);
    (void)close(fd);
}

static void put_input(struct base_buf *b, const char *p, size_t len, const char *id) {
    for (size_t i = 0; i < len;) {
        bool job = len - i >= 3 && memcmp(p + i, "JOB", 3) == 0;
        if (job)
            base_buf_puts(b, id);
        else
            base_buf_putc(b, p[i]);
        i += job ? 3 : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char right[] = "GET /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct base_buf input = BASE_BUF_INIT, answer = BASE_BUF_INIT;
    struct clu_http *h = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (size > 20000)
        return 0;
    struct clu_job *j = clu_job_new(
        &(struct clu_job_opts){ .name = "fuzz", .plan = &no_plan, .clk = clk_system(), .parallelism = 1 });
    struct clu_http_opts opts = {
        .address = "127.0.0.1:0", .call = clu_job_call, .arg = j, .max_body = 4096
    };
    CEP_INSIST(clu_http_start(&opts, &h, &err) == CEP_OK);
    put_input(&input, (const char *)data, size, clu_job_id(j));
    talk(clu_http_port(h), base_buf_view(&input), &answer);
    CEP_INSIST(answer.len == 0 || strncmp(base_buf_cstr(&answer), "HTTP/1.", 7) == 0);
    base_buf_clear(&answer);
    talk(clu_http_port(h), BASE_STR(right), &answer);
    CEP_INSIST(strstr(base_buf_cstr(&answer), "200 OK") && strstr(base_buf_cstr(&answer), clu_job_id(j)));
    clu_http_stop(h);
    clu_job_free(j);
    base_buf_release(&input);
    base_buf_release(&answer);
    return 0;
}
