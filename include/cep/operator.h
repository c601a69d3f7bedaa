#pragma once
/*
 * cep/operator.h -- compiled operators and functions: what a shared library has to offer, and what it may ask of the engine.
 *
 * A library exports one symbol, cep_library(), which describes what is in it. Nothing needs to be linked: the engine hands its
 * services over as a table, and the functions below that begin with cep_ are inline.
 *
 *     // counter.c:  cc -shared -fPIC -fvisibility=hidden $(pkg-config --cflags cep) -o libcounter.so counter.c
 *     #include <cep/operator.h>
 *
 *     enum { N };                                          // places in `state`
 *     static const struct cep_state state[] = { { "n", CEP_STATE_VALUE, &cep_type_int, NULL } };
 *
 *     static enum cep_rc row(void *self, struct cep_ctx *ctx, const struct cep_row *r) {
 *         struct cep_value n = cep_int(0), out[1];
 *         cep_value_get(ctx, N, &n);
 *         n = cep_int(n.i + 1);
 *         cep_value_set(ctx, N, &n);
 *         out[0] = n;
 *         return cep_emit(ctx, 0, out, 1);
 *     }
 *
 *     static const struct cep_operator op = { .states = state, .n_states = 1, .row = row };
 *     static const struct cep_library library = { CEP_LIBRARY, .name = "counter", .op = &op };
 *     CEP_EXPORT const struct cep_library *cep_library(void) { return &library; }
 *
 *     -- counter.pattern
 *     stream counted (n int) as process './libcounter.so' from payments partition by card;
 *
 * Order. The rows of a key come in event-time order (ties: input, source, position) when the watermark passes them, and timers of
 * event time between them: one at T fires after the rows of T and before later ones. So what an operator gives does not depend
 * on the order of arrival, on parallelism, or on restarts -- as long as it keeps everything it remembers in `states`, and does not ask
 * for the clock.
 *
 * State belongs to the key of the row or timer at hand. It is typed; the engine packs, saves and restores it, and timers with it. A
 * state is found again after an edit by its name and types.
 *
 * Errors. CEP_OK: go on. cep_reject(): the row (or timer) goes to NAME.errors with the reason and is counted; what was emitted and
 * stored for it stays. cep_fail(), or any other code: the job fails with the reason.
 *
 * Threads. check() runs in the compiler. open() is called for each subtask, which then calls row() and timer() from its one thread,
 * one at a time; several subtasks may run at once. No mutable globals, then.
 *
 * Memory. What a call is given (rows, values, strings) lives until it returns; a value read from state, until that state is written.
 * What the library hands over is copied.
 *
 * Versions. CEP_ABI_VERSION changes when a library must be compiled again. Tables only grow at the end: `size` says how much
 * of one is there.
 */
#include <cep/error.h>
#include <cep/value.h>

#include <stdarg.h>
#include <stdio.h>

#define CEP_ABI_VERSION 1u
#define CEP_EXPORT      __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* -- rows ------------------------------------------------------------------------------------------------------------- */

struct cep_row {
    const struct cep_value *cells; /* as the input's schema has them */
    uint32_t n_cells;
    uint32_t input; /* place of its stream in `from` */
    int64_t time;   /* event time, µs */
};

static inline bool cep_row_is_null(const struct cep_row *r, uint32_t col) {
    return r->cells[col].null;
}
/* Of a null: false, 0, "" (the getters do not convert: ask for what the column is). */
static inline bool cep_row_bool(const struct cep_row *r, uint32_t col) {
    return !r->cells[col].null && r->cells[col].b;
}
/* INT, TIMESTAMP, DURATION */
static inline int64_t cep_row_int(const struct cep_row *r, uint32_t col) {
    return r->cells[col].null ? 0 : r->cells[col].i;
}
static inline double cep_row_double(const struct cep_row *r, uint32_t col) {
    return r->cells[col].null ? 0 : r->cells[col].d;
}
/* STRING, BYTES: not terminated by a NUL. */
static inline const char *cep_row_string(const struct cep_row *r, uint32_t col, uint32_t *len) {
    *len = r->cells[col].null ? 0 : r->cells[col].s.len;
    return r->cells[col].null ? "" : r->cells[col].s.p;
}

/* -- what the compiler knows: check(), open() --------------------------------------------------------------------------- */

/* An option that the operator takes. Its name, type and presence are checked before check() is asked. */
struct cep_option {
    const char *name;   /* NULL ends the list */
    enum cep_kind kind; /* BOOL, INT, DOUBLE, STRING, DURATION */
    bool required;
    const char *help; /* one line */
};

struct cep_option_value {
    const char *name;
    struct cep_value value;
};

struct cep_setup {
    uint32_t size;    /* of this struct, as the engine has it */
    const char *name; /* of the stream: stream NAME (...) as process ... */
    uint32_t n_options;
    const struct cep_option_value *options; /* those that are given */
    uint32_t n_inputs;
    const struct cep_schema *inputs;
    const char *const *input_names;
    uint32_t n_keys; /* partition by; 0: all rows have one key */
    const struct cep_type *const *keys;
    struct cep_schema output; /* the columns that the stream declares */
};

static inline const struct cep_value *cep_option(const struct cep_setup *s, const char *name) {
    for (uint32_t i = 0; i < s->n_options; i++)
        if (strcmp(s->options[i].name, name) == 0)
            return &s->options[i].value;
    return NULL;
}
static inline int64_t cep_option_int(const struct cep_setup *s, const char *name, int64_t otherwise) {
    const struct cep_value *v = cep_option(s, name);
    return v ? v->i : otherwise; /* INT, DURATION */
}
static inline double cep_option_double(const struct cep_setup *s, const char *name, double otherwise) {
    const struct cep_value *v = cep_option(s, name);
    return v ? v->d : otherwise;
}
static inline bool cep_option_bool(const struct cep_setup *s, const char *name, bool otherwise) {
    const struct cep_value *v = cep_option(s, name);
    return v ? v->b : otherwise;
}
/* Returns: the column of that name and kind, -1 when there is none. */
static inline int cep_column(const struct cep_schema *s, const char *name, enum cep_kind kind) {
    for (uint32_t i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, name) == 0 && s->fields[i].type->kind == kind)
            return (int)i;
    return -1;
}

/* What a library has against a use of it. */
struct cep_mistake {
    char option[64]; /* whose value is the place; "": the operator's */
    char message[512];
    char hint[256]; /* "" = none */
};

__attribute__((format(printf, 3, 4))) static inline enum cep_rc cep_mistake(
    struct cep_mistake *m, const char *option, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(m->message, sizeof m->message, fmt, ap);
    va_end(ap);
    (void)snprintf(m->option, sizeof m->option, "%s", option ? option : "");
    return CEP_EINVAL;
}

/* -- what an operator may ask for: row(), timer() ------------------------------------------------------------------------ */

enum cep_state_kind { CEP_STATE_VALUE = 0, CEP_STATE_LIST = 1, CEP_STATE_MAP = 2 };

/* Kept for each key; calls name it by its place in cep_operator.states. */
struct cep_state {
    const char *name;
    enum cep_state_kind kind;
    const struct cep_type *type;     /* of the value, the elements, the values of the map */
    const struct cep_type *map_type; /* MAP: of its keys */
};

/* CEP_EVENT_TIME: the time of rows, moved by watermarks; CEP_PROCESSING_TIME: the machine's clock. */
enum cep_clock { CEP_EVENT_TIME = 0, CEP_PROCESSING_TIME = 1 };

struct cep_timer {
    enum cep_clock clock;
    int64_t at;  /* µs, as it was set */
    int64_t tag; /* the library's */
};

struct cep_ctx;

struct cep_host {
    uint32_t size;
    const struct cep_value *(*key)(struct cep_ctx *ctx, uint32_t *n);
    int64_t (*time)(struct cep_ctx *ctx, enum cep_clock clock);
    bool (*ending)(struct cep_ctx *ctx);
    enum cep_rc (*emit)(struct cep_ctx *ctx, uint32_t output, const struct cep_value *cells, uint32_t n);
    enum cep_rc (*stop)(struct cep_ctx *ctx, enum cep_rc rc, const char *reason);
    void (*timer_set)(struct cep_ctx *ctx, enum cep_clock clock, int64_t at, int64_t tag);
    void (*timer_cancel)(struct cep_ctx *ctx, enum cep_clock clock, int64_t at, int64_t tag);
    bool (*value_get)(struct cep_ctx *ctx, uint32_t state, struct cep_value *out);
    void (*value_set)(struct cep_ctx *ctx, uint32_t state, const struct cep_value *v);
    uint32_t (*list_len)(struct cep_ctx *ctx, uint32_t state);
    void (*list_get)(struct cep_ctx *ctx, uint32_t state, uint32_t i, struct cep_value *out);
    void (*list_add)(struct cep_ctx *ctx, uint32_t state, const struct cep_value *v);
    void (*list_drop)(struct cep_ctx *ctx, uint32_t state, uint32_t n);
    bool (*map_get)(struct cep_ctx *ctx, uint32_t state, const struct cep_value *k, struct cep_value *out);
    void (*map_put)(
        struct cep_ctx *ctx, uint32_t state, const struct cep_value *k, const struct cep_value *v);
    void (*map_remove)(struct cep_ctx *ctx, uint32_t state, const struct cep_value *k);
    uint32_t (*map_len)(struct cep_ctx *ctx, uint32_t state);
    bool (*map_next)(
        struct cep_ctx *ctx, uint32_t state, uint32_t *it, struct cep_value *k, struct cep_value *v);
};

struct cep_ctx {
    const struct cep_host *host;
};

/* The values of `partition by`. */
static inline const struct cep_value *cep_key(struct cep_ctx *c, uint32_t *n) {
    return c->host->key(c, n);
}
/* Of the row or timer at hand; or of the machine's clock, which makes results depend on when they are made. */
static inline int64_t cep_time(struct cep_ctx *c, enum cep_clock clock) {
    return c->host->time(c, clock);
}
/* All input has been seen: timers that are set now do not fire. A timer behind the last rows may still be called before that is
 * known, or not: let no result depend on which. */
static inline bool cep_ending(struct cep_ctx *c) {
    return c->host->ending(c);
}
/*
 * A row of output 0, the stream's, or of 1 + place in cep_operator.sides. Its time is that of the row or timer at hand (for a
 * timer of processing time: the first one that is not late). Returns: CEP_OK; what is to be returned at once.
 */
static inline enum cep_rc cep_emit(
    struct cep_ctx *c, uint32_t output, const struct cep_value *cells, uint32_t n) {
    return c->host->emit(c, output, cells, n);
}
/* `return cep_reject(ctx, "...")`: to NAME.errors. The reason is copied. */
static inline enum cep_rc cep_reject(struct cep_ctx *c, const char *reason) {
    return c->host->stop(c, CEP_EVALUE, reason);
}
/* `return cep_fail(ctx, "...")`: the job fails. */
static inline enum cep_rc cep_fail(struct cep_ctx *c, const char *reason) {
    return c->host->stop(c, CEP_EINVAL, reason);
}
/* Of this key. One that is there already (clock, time and tag) stays as it is; one whose time is past fires as soon as it can. */
static inline void cep_timer_set(struct cep_ctx *c, enum cep_clock clock, int64_t at, int64_t tag) {
    c->host->timer_set(c, clock, at, tag);
}
static inline void cep_timer_cancel(struct cep_ctx *c, enum cep_clock clock, int64_t at, int64_t tag) {
    c->host->timer_cancel(c, clock, at, tag);
}
/* Returns: false, and *out as it was, when there is none. */
static inline bool cep_value_get(struct cep_ctx *c, uint32_t state, struct cep_value *out) {
    return c->host->value_get(c, state, out);
}
/* NULL: forgets it. */
static inline void cep_value_set(struct cep_ctx *c, uint32_t state, const struct cep_value *v) {
    c->host->value_set(c, state, v);
}
static inline uint32_t cep_list_len(struct cep_ctx *c, uint32_t state) {
    return c->host->list_len(c, state);
}
/* Requires: i < cep_list_len(). */
static inline void cep_list_get(struct cep_ctx *c, uint32_t state, uint32_t i, struct cep_value *out) {
    c->host->list_get(c, state, i, out);
}
static inline void cep_list_add(struct cep_ctx *c, uint32_t state, const struct cep_value *v) {
    c->host->list_add(c, state, v);
}
/* Forgets the first n, all when there are fewer. */
static inline void cep_list_drop(struct cep_ctx *c, uint32_t state, uint32_t n) {
    c->host->list_drop(c, state, n);
}
static inline bool cep_map_get(
    struct cep_ctx *c, uint32_t state, const struct cep_value *k, struct cep_value *out) {
    return c->host->map_get(c, state, k, out);
}
static inline void cep_map_put(
    struct cep_ctx *c, uint32_t state, const struct cep_value *k, const struct cep_value *v) {
    c->host->map_put(c, state, k, v);
}
static inline void cep_map_remove(struct cep_ctx *c, uint32_t state, const struct cep_value *k) {
    c->host->map_remove(c, state, k);
}
static inline uint32_t cep_map_len(struct cep_ctx *c, uint32_t state) {
    return c->host->map_len(c, state);
}
/* for (uint32_t it = 0; cep_map_next(ctx, S, &it, &k, &v);) In the order of first putting; the one at hand may be removed. */
static inline bool cep_map_next(
    struct cep_ctx *c, uint32_t state, uint32_t *it, struct cep_value *k, struct cep_value *v) {
    return c->host->map_next(c, state, it, k, v);
}

/* -- functions and aggregates -------------------------------------------------------------------------------------------- */

struct cep_call;

struct cep_call_host {
    uint32_t size;
    void *(*alloc)(struct cep_call *call, size_t n);
    enum cep_rc (*refuse)(struct cep_call *call, const char *reason);
};

struct cep_call {
    const struct cep_call_host *host;
};

/* Memory for what a result points to; it lives until the result was used. */
static inline void *cep_alloc(struct cep_call *c, size_t n) {
    return c->host->alloc(c, n);
}
/* `return cep_call_fail(call, "...")`: there is no result. It is null, counted, and the row goes to `.errors` with the reason, which is copied. */
static inline enum cep_rc cep_call_fail(struct cep_call *c, const char *reason) {
    return c->host->refuse(c, reason);
}

enum { CEP_ARGS_MAX = 8 };

/*
 * function NAME (x double, ...) double from 'lib.so';
 *
 * call() is called by several threads at once, and again for the same row when the engine likes: it remembers nothing.
 */
struct cep_function {
    const char *name;
    uint32_t n_args; /* CEP_ARGS_MAX at most */
    const struct cep_type *const *args;
    const struct cep_type *result;
    bool takes_null; /* call() sees nulls; else a null argument makes the result null */
    bool
        is_volatile; /* equal arguments may give different results: never worked out when the file is compiled */
    enum cep_rc (*call)(struct cep_call *call, const struct cep_value *args, struct cep_value *result);
};

/* What an accumulator is saved to. */
struct cep_bytes {
    void (*add)(struct cep_bytes *b, const void *p, size_t n);
};
static inline void cep_bytes_add(struct cep_bytes *b, const void *p, size_t n) {
    b->add(b, p, n);
}

/*
 * aggregate NAME (x double) double from 'lib.so';
 *
 * An accumulator is `size` bytes, all zero at first, aligned for any type; the engine has one for each group (and pane, and session). Nulls
 * are left out; over no values the result is null. add(), back(), merge() that return anything but CEP_OK make the result null from then on,
 * and counted.
 */
struct cep_aggregate {
    const char *name;
    const struct cep_type *arg;
    const struct cep_type *result;
    size_t size;
    enum cep_rc (*add)(void *acc, const struct cep_value *v);
    /* Takes a value back that was added. NULL = it cannot: rows of streams that take back are refused. */
    enum cep_rc (*back)(void *acc, const struct cep_value *v);
    /* All that `from` was told. NULL = it cannot: windows that share rows, sessions and frames are refused. */
    enum cep_rc (*merge)(void *acc, const void *from);
    enum cep_rc (*result_of)(const void *acc, struct cep_call *call, struct cep_value *result);
    /* Gives back what it owns. NULL = it owns nothing. */
    void (*clear)(void *acc);
    /* Both or none. NULL = it is saved as its `size` bytes, which then hold no pointers. load(): into zeros, CEP_OK or CEP_EDAMAGED. */
    void (*save)(const void *acc, struct cep_bytes *out);
    enum cep_rc (*load)(void *acc, const void *bytes, size_t len);
};

/* -- what a library has ------------------------------------------------------------------------------------------------- */

enum { CEP_SIDES_MAX = 4 };

/* A side output: NAME.side. */
struct cep_side {
    const char *name;
    struct cep_schema schema;
};

struct cep_operator {
    const struct cep_option *options; /* NULL = it takes none */
    const struct cep_state *states;
    uint32_t n_states;
    const struct cep_side *sides;
    uint32_t n_sides; /* CEP_SIDES_MAX at most */
    /* Are the options, inputs, keys and output columns what it can work with? NULL = whatever they are. */
    enum cep_rc (*check)(const struct cep_setup *setup, struct cep_mistake *mistake);
    /* *self goes into the other calls. NULL = there is none. It holds what follows from the setup, nothing of rows. */
    enum cep_rc (*open)(const struct cep_setup *setup, void **self, struct cep_mistake *mistake);
    enum cep_rc (*row)(void *self, struct cep_ctx *ctx, const struct cep_row *row);
    enum cep_rc (*timer)(void *self, struct cep_ctx *ctx, const struct cep_timer *t); /* NULL = sets none */
    void (*close)(void *self);
};

struct cep_library {
    uint32_t abi;  /* CEP_ABI_VERSION; always the first */
    uint32_t size; /* of this struct, as the library has it */
    const char *name;
    const struct cep_operator *op; /* NULL = none */
    uint32_t n_functions;
    const struct cep_function *functions;
    uint32_t n_aggregates;
    const struct cep_aggregate *aggregates;
};

/* The first members of a struct cep_library. */
#define CEP_LIBRARY CEP_ABI_VERSION, (uint32_t)sizeof(struct cep_library)

/* What a library exports. */
CEP_EXPORT const struct cep_library *cep_library(void);
typedef const struct cep_library *(*cep_library_fn)(void);

#ifdef __cplusplus
}
#endif
