#pragma once
/*
 * cep/cep.h -- the engine inside another program: a .pattern program from text, rows in, results out; one thread, no files, no network.
 *
 *     struct cep_program *program;
 *     if (cep_program_new(text, strlen(text), NULL, &program, NULL) != CEP_OK)
 *         fputs(cep_program_messages(program), stderr);           // as `cepd check` prints them
 *     struct cep_engine *engine;
 *     cep_engine_new(program, &engine, &err);
 *     int payments = cep_engine_source(engine, "payments"), alerts = cep_engine_listen(engine, "card_tested", &err);
 *     cep_engine_push(engine, payments, cells, 1, &err);          // a row: one value a column, in order
 *     cep_engine_advance(engine, now_us, &err);                   // no more events at or before this
 *     struct cep_result r;
 *     while (cep_engine_take(engine, &r) == CEP_OK)
 *         printf("%s\n", r.json);
 *     cep_engine_free(engine);
 *     cep_program_free(program);                                  // after its engines
 *
 * cc app.c $(pkg-config --cflags --libs cep)
 *
 * The sources and sinks that the program names are not opened: rows are pushed to its streams by name, and results are taken from what is
 * listened at: a stream, pattern or alert, or a side output ("payments.late", "payments.errors", "card_testing.timeouts"). A stream's own
 * watermark clause is in force; cep_engine_advance() moves it further, and cep_engine_finish() to the end of time.
 *
 * Errors. A call that can fail returns a code and fills *err (may be NULL). After a failure of push, advance, tick or finish the engine is
 * done for (CEP_ESTATE) but for what can still be taken; rows whose expressions fail, late ones and ones without a time are no failures:
 * they are counted (cep_engine_count()) and go to their side outputs.
 *
 * Threads. A program may be shared by threads; an engine belongs to one at a time. Memory. What a call gives (results, texts, schemas)
 * lives until the next call on the same object, schemas and names as long as the object.
 *
 * Versions. Symbols carry one (CEP_1); structs that may grow begin with their size.
 */
#include <cep/error.h>
#include <cep/value.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct cep_program;
struct cep_engine;

/* A parameter's value, as `--set NAME=VALUE`. */
struct cep_setting {
    const char *name, *value;
};

struct cep_options {
    uint32_t size;      /* sizeof (struct cep_options) */
    const char *name;   /* what the text is called in messages; NULL: "text" */
    const char *folder; /* where relative names of libraries start; NULL: the current folder */
    const struct cep_setting *settings;
    uint32_t n_settings;
};

/*
 * Ensures: *program is there even when the text has mistakes, for its messages.
 * Returns: CEP_OK, or the code of the first mistake (with its place in *err).
 */
enum cep_rc cep_program_new(const char *text, size_t len, const struct cep_options *options /* NULL: none */,
    struct cep_program **program, struct cep_err *err);
void cep_program_free(struct cep_program *program); /* NULL is fine */
/* All mistakes and warnings, with their places in the text; "" when there are none. */
const char *cep_program_messages(const struct cep_program *program);

/* Requires: the program has no mistakes. */
enum cep_rc cep_engine_new(
    const struct cep_program *program, struct cep_engine **engine, struct cep_err *err);
void cep_engine_free(struct cep_engine *engine); /* NULL is fine */

/* Returns: the number of the source stream, -1 when there is none of that name. */
int cep_engine_source(const struct cep_engine *engine, const char *stream);
const struct cep_schema *cep_engine_source_schema(const struct cep_engine *engine, int source);
/* Requires: nothing was pushed yet. Returns: the number of the output, -1 with *err when there is none of that name. */
int cep_engine_listen(struct cep_engine *engine, const char *name, struct cep_err *err);
const struct cep_schema *cep_engine_output_schema(const struct cep_engine *engine, int output);

/* n_rows rows, one after the other, each as many values as the stream has columns. What they point to is copied. */
enum cep_rc cep_engine_push(struct cep_engine *engine, int source, const struct cep_value *cells,
    uint32_t n_rows, struct cep_err *err);
/* Every source's watermark is at least that (µs since the epoch). */
enum cep_rc cep_engine_advance(struct cep_engine *engine, int64_t watermark, struct cep_err *err);
/* Lets the clock act: `idle after`, `processing time`, timers of processing time. Call it from time to time where these are used. */
enum cep_rc cep_engine_tick(struct cep_engine *engine, struct cep_err *err);
/* The end of all input: windows end, waits are over. Nothing can be pushed afterwards. */
enum cep_rc cep_engine_finish(struct cep_engine *engine, struct cep_err *err);

struct cep_result {
    int output; /* as cep_engine_listen() said */
    uint32_t n_cells;
    const struct cep_value *cells; /* by the output's schema */
    int64_t time;                  /* event time, µs */
    const char *json;              /* the row as one JSON object */
};

/* The next result, in the order in which they came. Returns: CEP_NONE when there is none now. */
enum cep_rc cep_engine_take(struct cep_engine *engine, struct cep_result *result);
/* A count of a stream, pattern or alert: "rows_in", "rows_out", "late", "expression_failures", "no_time", "matches", "timed_out", ... as
 * GET /metrics names them; gauges ("open", "keys", "state_bytes", "buffered") too. Returns: 0 for an unknown one. */
uint64_t cep_engine_count(struct cep_engine *engine, const char *name, const char *what);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
