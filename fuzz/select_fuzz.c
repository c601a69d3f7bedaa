/*
 * select_fuzz -- any text as a select over two streams: compiled, and when that goes well run to its end, by one task and by several.
 *
 * Input: what stands behind `stream q as`, with streams a (k, x, d, at) and b (k, y, d, at) to read; select.in holds some of those that
 * tests/cli/select_fuzz_test.py makes. Nothing may crash, hang or leak; what comes out does not depend on the number of tasks, but
 * where rows are told while they can still change, in an order that is theirs.
 *
 * A semicolon is refused: it could begin statements that read files or load libraries.
 */
#include "fuzz/fuzz_main.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "connect/con.h"
#include "dsl/dsl_compile.h"
#include "runtime/rt_job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

static const char before[] = "stream a (k string, x int, d int, at timestamp) from generate (rows = 40, seed "
                             "= 7, keys = 3, step = 100 ms, x = 'uniform 0 9', "
                             "d = 'uniform 0 30') event time at watermark delay 1 s;\n"
                             "stream b (k string, y int, d int, at timestamp) from generate (rows = 30, seed "
                             "= 9, keys = 4, step = 150 ms, y = 'uniform 0 9', "
                             "d = 'uniform 0 30') event time at watermark delay 1 s;\n"
                             "stream q as ";
static const char behind[] = ";\nsink q to stdout format json;\nsink q.errors to stdout format json;\n";

static bool has(struct base_str text, const char *word) {
    return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

/* Windows by microseconds are many: nothing is wrong with those, but with the time they take. */
static bool runs(struct base_str text) {
    return !has(text, "us") && !has(text, "micro");
}

/* Is its output the same however rows of different keys meet? */
static bool settles(struct base_str text) {
    static const char *const words[] = { "retract", "upsert", "emit", "rand", "now", "current", "localtime",
        "RETRACT", "UPSERT", "EMIT", "RAND", "NOW", "CURRENT", "LOCALTIME" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(text, words[i]))
            return false;
    return true;
}

/* The sum over its lines: their order says nothing. */
static uint64_t lines_of(int fd) {
    struct base_buf all = BASE_BUF_INIT;
    char part[4096];
    ssize_t n;
    uint64_t sum = 0;
    CEP_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    while ((n = read(fd, part, sizeof part)) > 0)
        base_buf_add(&all, part, (size_t)n);
    CEP_REQUIRE(n == 0);
    for (const char *p = all.p, *end = all.p + all.len; p && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = stop ? (size_t)(stop - p) : (size_t)(end - p);
        sum += base_hash(p, len);
        p += len + 1;
    }
    base_buf_release(&all);
    return sum;
}

static uint64_t run(const struct plan *plan, uint32_t parallelism, bool *whole) {
    char path[] = "/tmp/cepd-select-fuzz-XXXXXX";
    int fd = mkstemp(path);
    struct rt_opts opts;
    struct rt_job *job = NULL;
    struct cep_err err = CEP_ERR_INIT;
    CEP_REQUIRE(fd >= 0 && unlink(path) == 0);
    rt_opts_init(&opts);
    opts.base_dir = ".";
    opts.stdout_fd = fd;
    opts.parallelism = parallelism;
    opts.state_bytes = 64 << 20;
    opts.held_patience_us = 0;
    *whole = rt_job_new(plan, &opts, &job, &err) == CEP_OK && rt_job_run(job, &err) == CEP_OK;
    rt_job_free(job);
    uint64_t sum = lines_of(fd);
    (void)close(fd);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_str text = { (const char *)data, size };
    struct base_buf program = BASE_BUF_INIT;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    if (size == 0 || size > TEXT_MAX || memchr(data, ';', size))
        return 0;
    base_buf_puts(&program, before);
    base_buf_str(&program, text);
    base_buf_puts(&program, behind);
    dsl_diag_init(&diag);
    (void)dsl_compile(&(struct dsl_sources){ .text_name = "fuzz.pattern", .text = base_buf_view(&program) },
        con_catalog(), NULL, &diag, &plan);
    if (plan && runs(text)) {
        bool one, many;
        uint64_t of_one = run(plan, 1, &one), of_many = run(plan, 3, &many);
        CEP_INSIST(one == many);
        CEP_INSIST(!one || !settles(text) || of_one == of_many);
    }
    plan_free(plan);
    dsl_diag_release(&diag);
    base_buf_release(&program);
    return 0;
}
