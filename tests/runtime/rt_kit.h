#pragma once
/* What the tests of runtime have in common: a program's text as connected operators, rows in by hand, rows out as text. */
#include "dsl/dsl_compile.h"
#include "runtime/rt_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct rt_kit_probe;

struct rt_kit {
    struct dsl_diag diag;
    struct plan *plan;
    struct clk clk; /* manual, at 0 */
    struct rt_graph graph;
    struct rt_kit_probe *probes[4];
    size_t n_probes;
    uint64_t seq;
};

/* Compiles against the connectors there are; a mistake fails the test and is shown. */
struct plan *rt_kit_compile(struct dsl_diag *diag, const char *text);
void rt_kit_init(struct rt_kit *k, const char *text);
void rt_kit_release(struct rt_kit *k);
struct rt_op *rt_kit_op(struct rt_kit *k, const char *name);
/* Listens at an output. Returns: its text: a line "column|column|..." of each row that came, in order of arrival. */
struct base_buf *rt_kit_listen(struct rt_kit *k, const char *name, enum plan_port port);
/* The watermark that the n-th listener has seen; whether its input is idle. */
int64_t rt_kit_watermark(const struct rt_kit *k, size_t n);
bool rt_kit_idle(const struct rt_kit *k, size_t n);

/* A row of a stream (k string, v int, at timestamp); `v` and `at` INT64_MIN and `k` NULL are null. */
struct rt_kit_row {
    const char *k;
    int64_t v, at;
};
enum cep_rc rt_kit_push(struct rt_kit *k, const char *stream, uint32_t partition,
    const struct rt_kit_row *rows, size_t n, struct cep_err *err);
#define PUSH(kit, stream, partition, ...)                                                          \
    assert_int_equal(                                                                              \
        rt_kit_push(kit, stream, partition, (const struct rt_kit_row[]){ __VA_ARGS__ },            \
            sizeof((const struct rt_kit_row[]){ __VA_ARGS__ }) / sizeof(struct rt_kit_row), NULL), \
        CEP_OK)
/* All that the operator has, at once. */
void rt_kit_save(struct rt_op *op, const struct sto_out *out);
/* Another job of the same program that goes on from what `ops` of this one save; k is released. */
void rt_kit_reload(
    struct rt_kit *k, struct rt_kit *fresh, const char *text, const char *const *ops, size_t n_ops);
/* Rows of one moment have no order among them when their keys differ. */
void rt_kit_sort_lines(struct base_buf *b);
/* All sources end. */
void rt_kit_finish(struct rt_kit *k);
/* Compares what came since the last time. */
#define CAME(buf, text)                                \
    do {                                               \
        assert_string_equal(base_buf_cstr(buf), text); \
        base_buf_clear(buf);                           \
    } while (0)

#define RT_KIT_STREAM(name)                                                    \
    "stream " name " (k string, v int, at timestamp) from file (path = '" name \
    ".ndjson') format json event time at watermark "
