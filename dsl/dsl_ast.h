#pragma once
/*
 * dsl_ast -- the abstract syntax tree of .pattern files: what was written, nothing more.
 *
 * The parser builds it, in the parse arena, with a place (struct cep_span) on every node. There is no look-up,
 * no typing and no folding here (the one exception: a minus sign in front of a number or a duration makes a
 * negative literal). The whole language is here, also what the checker refuses as "not in this version".
 *
 * Shape: long chains are flat. `a and b and c` is one AND with three arguments, `a | b | c` one ALT, `a -> b c`
 * one CHAIN with three items; what is left is nested at most DSL_LIMIT_DEPTH deep, so passes may recurse.
 *
 * Broken statements: after a syntax mistake the statement stays in the program with `broken` set and what could be
 * read of it. Its name counts as defined (so that no unknown names are reported because of it), its insides
 * are not to be checked: pointers in it may be NULL that never are in a whole one.
 *
 * Optional things are NULL pointers, or names with `text.p == NULL` (dsl_name_given()). Lists are an array and its
 * count, in source order. Strings are borrowed from the arena or from the text of the file; both live as long as
 * the program. Nodes are not changed after parsing; passes keep what they learn about an expression in tables
 * indexed by `dsl_expr.id`.
 */
#include "base/base_arena.h"
#include "base/base_str.h"
#include "cep/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DSL_LIMIT_DEPTH = 400, /* nesting of expressions, groups, queries: bounds the recursion of passes */
    DSL_LIMIT_FILE_BYTES = 4 << 20, /* of one file: its tokens then stay within a few hundred MB */
    DSL_LIMIT_FILES = 1000,         /* read in one program, includes among them */
    DSL_LIMIT_ERRORS = 1000,        /* syntax mistakes reported in one program */
};

/* ---- names ------------------------------------------------------------------------------------------------- */

struct dsl_name {
    struct base_str text; /* without quotes; p == NULL: not given */
    bool quoted;          /* written "so" */
    struct cep_span span; /* with the quotes */
};
static inline bool dsl_name_given(const struct dsl_name *n) {
    return n->text.p != NULL;
}

/* `payments`, `payments.late`: the name of something that gives events. */
struct dsl_path {
    struct dsl_name *parts;
    size_t n_parts; /* 1 or more; 0: not given */
    struct cep_span span;
};

/* ---- types ------------------------------------------------------------------------------------------------- */

enum dsl_type_kind {
    DSL_TYPE_NAMED = 0, /* `int`, `decimal(10, 2)`, `double precision`, `timestamp(3) with time zone` */
    DSL_TYPE_ARRAY,     /* `array(T)`, `T array` */
    DSL_TYPE_ROW,       /* `row(name type, ...)` */
};

struct dsl_column {
    struct dsl_name name;
    struct dsl_type *type;
    bool not_null;
    struct cep_span span;
};

struct dsl_type {
    enum dsl_type_kind kind;
    struct cep_span span;
    struct base_str
        name; /* NAMED: lower case, words joined by one blank, synonyms as written ("double precision") */
    int64_t args[2];           /* NAMED: decimal(p, s), varchar(n) */
    size_t n_args;             /* 0..2 */
    struct dsl_type *elem;     /* ARRAY */
    struct dsl_column *fields; /* ROW */
    size_t n_fields;
    uint32_t depth;
};

/* ---- expressions ------------------------------------------------------------------------------------------- */

/* LIT(name, text in dumps) */
#define DSL_LIT_LIST(LIT)       \
    LIT(NULL, "null")           \
    LIT(BOOL, "bool")           \
    LIT(INT, "int")             \
    LIT(DOUBLE, "double")       \
    LIT(STRING, "string")       \
    LIT(TIMESTAMP, "timestamp") \
    LIT(DURATION, "duration") /* `5 s` and `interval '5' second` alike */

enum dsl_lit_kind {
#define DSL_LIT_ENUM(name, text) DSL_LIT_##name,
    DSL_LIT_LIST(DSL_LIT_ENUM)
#undef DSL_LIT_ENUM
        DSL_LIT_MAX
};

/* EXPR(name, text in dumps, what it is) */
#define DSL_EXPR_LIST(EXPR)                                                              \
    EXPR(ERROR, "error", "what could not be read; only in broken statements")            \
    EXPR(LITERAL, "literal", "a literal")                                                \
    EXPR(NAME, "name", "a bare name: column, parameter, variable or stream")             \
    EXPR(FIELD, "field", "base.name: `a.amount`, `a[1].amount`")                         \
    EXPR(INDEX, "index", "base[index]: `a[0]`, `xs[2]`")                                 \
    EXPR(STAR, "star", "`*` or `a.*` in a select list or in measures")                   \
    EXPR(CALL, "call", "a function or an aggregate")                                     \
    EXPR(NAMED_ARG, "argument", "an argument with a word: `half_life 5 s`, `size => 3`") \
    EXPR(TABLE_ARG, "table", "`table payments` as an argument of a table function")      \
    EXPR(UNARY, "unary", "not, -, +")                                                    \
    EXPR(BINARY, "binary", "arithmetic, comparison, ||")                                 \
    EXPR(AND, "and", "two or more conditions")                                           \
    EXPR(OR, "or", "two or more conditions")                                             \
    EXPR(BETWEEN, "between", "x [not] between low and high")                             \
    EXPR(IN, "in", "x [not] in (list) or (query)")                                       \
    EXPR(LIKE, "like", "x [not] like p [escape e], x [not] similar to p")                \
    EXPR(IS, "is", "x is [not] null, true, false, unknown")                              \
    EXPR(CASE, "case", "case with or without an operand")                                \
    EXPR(CAST, "cast", "cast(x as T), try_cast(x as T), x::T")                           \
    EXPR(ARRAY, "array", "array[...] or [...]")                                          \
    EXPR(QUERY, "query", "(select ...) or exists (select ...)")

enum dsl_expr_kind {
#define DSL_EXPR_ENUM(name, text, what) DSL_EXPR_##name,
    DSL_EXPR_LIST(DSL_EXPR_ENUM)
#undef DSL_EXPR_ENUM
        DSL_EXPR_MAX
};

/* OP(name, as written) */
#define DSL_UNARY_LIST(OP) \
    OP(NOT, "not")         \
    OP(MINUS, "-")         \
    OP(PLUS, "+")
enum dsl_unary_op {
#define DSL_UNARY_ENUM(name, text) DSL_UNARY_##name,
    DSL_UNARY_LIST(DSL_UNARY_ENUM)
#undef DSL_UNARY_ENUM
        DSL_UNARY_MAX
};

#define DSL_BINARY_LIST(OP)            \
    OP(ADD, "+")                       \
    OP(SUB, "-")                       \
    OP(MUL, "*")                       \
    OP(DIV, "/")                       \
    OP(MOD, "%")                       \
    OP(CONCAT, "||")                   \
    OP(EQ, "=")                        \
    OP(NE, "<>") /* also written != */ \
    OP(LT, "<")                        \
    OP(LE, "<=")                       \
    OP(GT, ">")                        \
    OP(GE, ">=")                       \
    OP(DISTINCT, "is distinct from")   \
    OP(NOT_DISTINCT, "is not distinct from")
enum dsl_binary_op {
#define DSL_BINARY_ENUM(name, text) DSL_BINARY_##name,
    DSL_BINARY_LIST(DSL_BINARY_ENUM)
#undef DSL_BINARY_ENUM
        DSL_BINARY_MAX
};

enum dsl_is_what { DSL_IS_NULL = 0, DSL_IS_TRUE, DSL_IS_FALSE, DSL_IS_UNKNOWN };
enum dsl_like_op { DSL_LIKE_LIKE = 0, DSL_LIKE_ILIKE, DSL_LIKE_SIMILAR };

struct dsl_case_when {
    struct dsl_expr *when, *then;
};

/* over (partition by ... order by ... rows N preceding) */
struct dsl_over {
    struct dsl_expr **partition;
    size_t n_partition;
    struct dsl_expr **order;
    size_t n_order;
    bool rows, range;           /* at most one; neither: no frame */
    struct dsl_expr *preceding; /* rows: a number, range: a duration; NULL with a frame: unbounded */
    struct cep_span span;
};

struct dsl_expr {
    enum dsl_expr_kind kind;
    uint32_t id;    /* 0.. in one program: index of the passes' side tables */
    uint32_t depth; /* 1 for a leaf */
    bool parens;    /* written in parentheses; span is without them */
    bool desc;      /* of `order by`: `desc` stands behind it */
    struct cep_span span;
    union {
        struct {
            enum dsl_lit_kind kind;
            struct base_str text; /* as written, e.g. for decimals: "-1.50", "'it''s'", "5s" */
            union {
                bool b;
                int64_t i; /* INT; TIMESTAMP and DURATION in us */
                double d;
                struct base_str s; /* STRING: without quotes, '' undone */
            };
        } lit;
        struct dsl_name name; /* NAME */
        struct {
            struct dsl_expr *base;
            struct dsl_name name;
        } field;
        struct {
            struct dsl_expr *base, *index;
        } index;
        struct {
            struct dsl_name of; /* not given: plain `*` */
        } star;
        struct {
            struct dsl_name name;   /* as written; functions are found without regard to case */
            struct dsl_expr **args; /* with star: none */
            size_t n_args;
            bool star, distinct;     /* count(*), count(distinct x) */
            bool final, running;     /* match_recognize only: final last(x) */
            struct dsl_expr *filter; /* filter (where ...) */
            struct dsl_over *over;
        } call;
        struct {
            struct dsl_name label;
            struct dsl_expr *value;
        } named;
        struct {
            struct dsl_path path;
            struct dsl_name *by; /* partition by */
            size_t n_by;
        } table; /* TABLE_ARG */
        struct {
            enum dsl_unary_op op;
            struct dsl_expr *arg;
        } unary;
        struct {
            enum dsl_binary_op op;
            struct cep_span op_span;
            struct dsl_expr *left, *right;
        } binary;
        struct {
            struct dsl_expr **args; /* none of them an unparenthesised AND in AND, OR in OR */
            size_t n_args;          /* 2 or more */
        } logic;                    /* AND, OR */
        struct {
            struct dsl_expr *arg, *low, *high;
            bool negated;
        } between;
        struct {
            struct dsl_expr *arg;
            struct dsl_expr **items; /* with query: none */
            size_t n_items;
            struct dsl_query *query;
            bool negated;
        } in;
        struct {
            enum dsl_like_op op;
            struct dsl_expr *arg, *pattern, *escape; /* escape may be NULL */
            bool negated;
        } like;
        struct {
            enum dsl_is_what what;
            struct dsl_expr *arg;
            bool negated;
        } is;
        struct {
            struct dsl_expr *operand; /* NULL: `case when condition` */
            struct dsl_case_when *whens;
            size_t n_whens;
            struct dsl_expr *otherwise; /* NULL: no else */
        } cases;
        struct {
            struct dsl_expr *arg;
            struct dsl_type *type;
            bool try_cast;
        } cast;
        struct {
            struct dsl_expr **items;
            size_t n_items;
        } array;
        struct {
            struct dsl_query *query;
            bool exists;
        } query;
    };
};

/* `expr as name`; the name may be missing (a plain column in a select list needs none). */
struct dsl_alias {
    struct dsl_expr *expr;
    struct dsl_name name;
    struct cep_span span;
};

/* `name = value` in an option list: the name may have dots ("group.id" = 'x' or group.id = 'x'). */
struct dsl_option {
    struct base_str name;
    struct cep_span name_span;
    struct dsl_expr *value;
    struct cep_span span;
};

/* `file (path = 'x')` after from, to and format. */
struct dsl_endpoint {
    struct dsl_name name; /* not given: the clause is missing */
    struct dsl_option *options;
    size_t n_options;
    struct cep_span span;
    bool lost; /* some of the options could not be read */
};

/* ---- sequences of events ----------------------------------------------------------------------------------- */

/* SEQ(name, text in dumps, what it is) */
#define DSL_SEQ_LIST(SEQ)                                                                 \
    SEQ(VAR, "variable", "one event")                                                     \
    SEQ(NOT, "not", "!variable: no such event; an item of a chain that is not the first") \
    SEQ(CHAIN, "chain", "items one after the other")                                      \
    SEQ(ALT, "alternation", "one of two or more")                                         \
    SEQ(ALL, "all", "each of them, in any order")                                         \
    SEQ(LOOP, "loop", "a variable or a group with a quantifier")                          \
    SEQ(EMPTY, "empty", "match_recognize only: ()")                                       \
    SEQ(EXCLUDE, "exclude", "match_recognize only: {- ... -}")                            \
    SEQ(START, "start", "match_recognize only: ^")                                        \
    SEQ(END, "end", "match_recognize only: $")

enum dsl_seq_kind {
#define DSL_SEQ_ENUM(name, text, what) DSL_SEQ_##name,
    DSL_SEQ_LIST(DSL_SEQ_ENUM)
#undef DSL_SEQ_ENUM
        DSL_SEQ_MAX
};

enum dsl_join {
    DSL_JOIN_FIRST = 0,   /* the first item of a chain */
    DSL_JOIN_NEXT,        /* a b     strict */
    DSL_JOIN_FOLLOWED,    /* a -> b  relaxed */
    DSL_JOIN_FOLLOWED_ANY /* a ->> b any */
};

struct dsl_step { /* an item of a chain */
    enum dsl_join join;
    struct cep_span join_span; /* of the operator with its bound; of the item where the operator is a blank */
    struct dsl_expr *low, *high; /* the bound [D], [D to D]: literal or NAME; NULL: none */
    struct cep_span bound_span;
    struct dsl_seq *item;
};

enum dsl_inner {
    DSL_INNER_RELAXED = 0,
    DSL_INNER_STRICT /* consecutive */,
    DSL_INNER_ANY /* combinations */
};

struct dsl_quant {
    int64_t min, max;     /* max < 0: no upper bound */
    struct cep_span span; /* of + * ? {..} */
    enum dsl_inner inner;
    struct cep_span inner_span;
    bool greedy;
    struct cep_span greedy_span;
    bool reluctant;         /* match_recognize only: +? */
    struct dsl_expr *until; /* NULL: none */
    struct dsl_expr *gap;   /* literal or NAME; NULL: none */
    struct cep_span until_span, gap_span;
};

struct dsl_seq {
    enum dsl_seq_kind kind;
    uint32_t depth;
    bool parens; /* written in parentheses; span is without them */
    struct cep_span span;
    union {
        struct dsl_name var; /* VAR, NOT */
        struct {
            struct dsl_step *steps;
            size_t n_steps; /* 2 or more */
        } chain;
        struct {
            struct dsl_seq **items;
            size_t n_items; /* ALT: 2 or more; ALL: 1 or more; EXCLUDE: 1 */
        } list;
        struct {
            struct dsl_seq *body; /* a LOOP in a LOOP always has parentheses */
            struct dsl_quant quant;
        } loop;
    };
};

struct dsl_define {
    struct dsl_name var;
    struct dsl_expr *expr;  /* a condition; or a NAME or FIELD that names a stream */
    struct dsl_expr *where; /* given: expr names a stream */
    struct cep_span span;
};

enum dsl_skip {
    DSL_SKIP_DEFAULT = 0, /* no after match clause: past last event */
    DSL_SKIP_PAST_LAST,
    DSL_SKIP_NONE, /* no skip */
    DSL_SKIP_TO_NEXT,
    DSL_SKIP_TO_FIRST, /* var */
    DSL_SKIP_TO_LAST   /* var */
};

/* `after match ...` of a pattern and of match_recognize. */
struct dsl_after {
    enum dsl_skip skip;
    struct dsl_name var;
    bool or_error;
    struct cep_span span;
};

/* ---- queries: stream ... as select ------------------------------------------------------------------------- */

enum dsl_window_kind {
    DSL_WINDOW_TUMBLING = 0,
    DSL_WINDOW_SLIDING,
    DSL_WINDOW_SESSION,
    DSL_WINDOW_COUNT,
    DSL_WINDOW_GLOBAL
};

struct dsl_window {
    enum dsl_window_kind kind;
    struct dsl_expr *size;  /* tumbling, sliding: a duration; session: the gap; count: a number */
    struct dsl_expr *slide; /* sliding and count: `every` */
    struct dsl_expr *offset;
    struct cep_span span;
};

enum dsl_emit_kind {
    DSL_EMIT_DEFAULT = 0,
    DSL_EMIT_WATERMARK,
    DSL_EMIT_EVERY, /* every D */
    DSL_EMIT_EACH,  /* each event */
    DSL_EMIT_AFTER  /* after N events */
};
enum dsl_accumulation {
    DSL_ACC_DEFAULT = 0,
    DSL_ACC_ACCUMULATING,
    DSL_ACC_DISCARDING,
    DSL_ACC_RETRACTING,
    DSL_ACC_UPSERT
};

struct dsl_emit {
    enum dsl_emit_kind kind;
    struct dsl_expr *arg; /* EVERY: duration, AFTER: number */
    struct cep_span span;
};

enum dsl_from_kind {
    DSL_FROM_NAME = 0,
    DSL_FROM_QUERY,           /* (select ...) as t */
    DSL_FROM_FUNCTION,        /* tumble(table s, ...), table(f(...)), unnest(xs) */
    DSL_FROM_MATCH_RECOGNIZE, /* item match_recognize (...) */
    DSL_FROM_JOIN
};
enum dsl_join_kind {
    DSL_SQLJOIN_INNER = 0,
    DSL_SQLJOIN_LEFT,
    DSL_SQLJOIN_RIGHT,
    DSL_SQLJOIN_FULL,
    DSL_SQLJOIN_CROSS
};

struct dsl_from {
    enum dsl_from_kind kind;
    uint32_t depth;
    struct cep_span span;
    struct dsl_name alias;
    struct dsl_name *columns; /* as t (a, b) */
    size_t n_columns;
    bool table; /* NAME: written `table t` (a look-up, not a stream) */
    struct dsl_window
        *window; /* JOIN: the join's; elsewhere it is moved to the select where that has one input */
    /* Set by dsl_table_fn.c, not by the parser. */
    struct dsl_name time; /* NAME: what descriptor(...) said of its event time */
    struct dsl_window
        *row_windows; /* FUNCTION, right of a cross join: each row of the left side is in these */
    bool told;        /* FUNCTION: a mistake in it was told */
    union {
        struct dsl_path path;
        struct dsl_query *query;
        struct dsl_expr *call;
        struct {
            struct dsl_from *input;
            struct dsl_match_recognize *mr;
        } match;
        struct {
            enum dsl_join_kind kind;
            struct dsl_from *left, *right;
            struct dsl_expr *on;
            struct dsl_name *using_;
            size_t n_using;
            struct dsl_expr *within; /* `within` and window exclude each other */
        } join;
    };
};

struct dsl_subset {
    struct dsl_name name;
    struct dsl_name *vars;
    size_t n_vars;
    struct cep_span span;
};

/* SQL:2016 row pattern recognition. */
struct dsl_match_recognize {
    struct dsl_expr **partition;
    size_t n_partition;
    struct dsl_expr **order;
    size_t n_order;
    struct dsl_alias *measures;
    size_t n_measures;
    bool all_rows; /* all rows per match */
    struct dsl_after after;
    struct dsl_seq *pattern;
    struct dsl_expr *within;
    struct dsl_subset *subsets;
    size_t n_subsets;
    struct dsl_define *defines;
    size_t n_defines;
    struct cep_span span;
};

/* One select between `union all`s. */
struct dsl_select {
    struct cep_span span;
    uint32_t depth;
    bool distinct;
    struct cep_span distinct_span;
    struct dsl_alias *items; /* STAR among them */
    size_t n_items;
    struct dsl_from **from; /* separated by commas; usually one */
    size_t n_from;
    struct cep_span from_span;
    struct dsl_expr *where;
    struct cep_span where_span; /* with the word */
    struct dsl_expr **group;
    size_t n_group;
    struct cep_span group_span;
    struct dsl_expr *having;
    struct cep_span having_span;
    struct dsl_window *window; /* after from, where, group by or having */
};

struct dsl_query {
    struct cep_span span;
    struct dsl_select **selects; /* joined by union all, or by what is named in set_op_span */
    size_t n_selects;
    struct cep_span set_op_span; /* line != 0: the first union without all, intersect or except: refused */
    struct dsl_expr **order;     /* order by: refused */
    size_t n_order;
    struct cep_span order_span;
    struct dsl_expr *limit; /* refused */
    struct cep_span limit_span;
    struct dsl_expr *lateness; /* allowed lateness D */
    struct cep_span lateness_span;
    struct dsl_emit *emits;
    size_t n_emits;
    enum dsl_accumulation accumulation;
    struct cep_span accumulation_span;
    uint32_t depth;
};

/* ---- statements -------------------------------------------------------------------------------------------- */

/* STMT(name, word) */
#define DSL_STMT_LIST(STMT)                                                \
    STMT(PARAMETER, "parameter")                                           \
    STMT(INCLUDE, "include")                                               \
    STMT(STREAM, "stream") /* with a source */                             \
    STMT(SELECT, "stream") /* stream ... as select */                      \
    STMT(TABLE, "table")                                                   \
    STMT(PROCESS, "process") /* stream ... as process, or process alone */ \
    STMT(FUNCTION, "function")                                             \
    STMT(AGGREGATE, "aggregate")                                           \
    STMT(PATTERN, "pattern")                                               \
    STMT(ALERT, "alert")                                                   \
    STMT(SINK, "sink")                                                     \
    STMT(TEST, "test")

enum dsl_stmt_kind {
#define DSL_STMT_ENUM(name, word) DSL_STMT_##name,
    DSL_STMT_LIST(DSL_STMT_ENUM)
#undef DSL_STMT_ENUM
        DSL_STMT_MAX
};

struct dsl_parameter {
    struct dsl_type *type;
    struct dsl_expr *value; /* NULL: no default, must be set */
};

struct dsl_include {
    struct base_str path; /* as written, without quotes */
    struct cep_span path_span;
    bool read;     /* false: could not be read (reported), or was read before */
    uint32_t file; /* index of the file, when read */
};

enum dsl_time_kind { DSL_TIME_MISSING = 0, DSL_TIME_EVENT, DSL_TIME_PROCESSING };
enum dsl_watermark_kind { DSL_WM_NONE = 0, DSL_WM_DELAY, DSL_WM_ASCENDING, DSL_WM_PUNCTUATED };

struct dsl_stream {
    struct dsl_column *columns;
    size_t n_columns;
    struct cep_span columns_span;
    bool columns_whole; /* read without a mistake */
    struct dsl_endpoint source, format;
    enum dsl_time_kind time;
    struct cep_span time_span;
    struct dsl_name time_column;
    enum dsl_watermark_kind watermark;
    struct dsl_expr *delay;                     /* DELAY: literal or NAME */
    struct dsl_expr *when;                      /* PUNCTUATED */
    struct dsl_expr *idle, *emit_every, *drift; /* literal or NAME; NULL: none */
};

struct dsl_process {
    struct dsl_column *columns; /* of what it gives */
    size_t n_columns;
    struct base_str library;
    struct cep_span library_span;
    struct dsl_option *options;
    size_t n_options;
    struct dsl_path *inputs;
    size_t n_inputs;
    struct dsl_expr **partition;
    size_t n_partition;
};

/* function, aggregate */
struct dsl_function {
    struct dsl_column *args;
    size_t n_args;
    struct cep_span args_span;
    struct dsl_type *result;
    struct base_str library;
    struct cep_span library_span;
};

struct dsl_limit {
    bool matches;       /* limit N matches; else limit N open per key */
    bool refuse_new;    /* open: refuse new; else drop oldest */
    struct dsl_expr *n; /* literal or NAME */
    struct cep_span span;
};

struct dsl_pattern {
    struct dsl_path *from;
    size_t n_from;
    struct cep_span from_span; /* each clause's span starts at its first word */
    struct dsl_expr **partition;
    size_t n_partition;
    struct cep_span
        partition_span; /* line 0: no such clause; the same for the rest; given but empty: broken */
    struct dsl_seq *match;
    struct cep_span match_span;
    struct dsl_define *defines;
    size_t n_defines;
    struct cep_span define_span;
    struct dsl_expr *within; /* literal or NAME; NULL: none */
    bool between_events;
    struct cep_span within_span;
    struct dsl_after after;
    struct dsl_limit *limits;
    size_t n_limits;
    struct dsl_alias *measures; /* `measures *` and no measures at all: none */
    size_t n_measures;
    bool measures_star;
    struct cep_span measures_span;
};

/* LEVEL(name, text): also the order */
#define DSL_SEVERITY_LIST(LEVEL) \
    LEVEL(INFO, "info")          \
    LEVEL(LOW, "low")            \
    LEVEL(MEDIUM, "medium")      \
    LEVEL(HIGH, "high")          \
    LEVEL(CRITICAL, "critical")
enum dsl_severity {
#define DSL_SEVERITY_ENUM(name, text) DSL_SEVERITY_##name,
    DSL_SEVERITY_LIST(DSL_SEVERITY_ENUM)
#undef DSL_SEVERITY_ENUM
        DSL_SEVERITY_MAX
};

/* A piece of a message: text, or an expression that stood in braces. */
struct dsl_part {
    struct base_str text;  /* expr == NULL; {{ and }} are undone */
    struct dsl_expr *expr; /* its spans point into the literal in the file */
};

struct dsl_label {
    struct dsl_name name;
    struct dsl_expr *value;
    struct cep_span span;
};

enum dsl_resolve_kind { DSL_RESOLVE_NONE = 0, DSL_RESOLVE_AFTER, DSL_RESOLVE_WHEN };

struct dsl_alert {
    struct dsl_path on;
    struct cep_span on_span;
    struct dsl_expr *where;
    struct cep_span where_span;
    bool has_severity;
    enum dsl_severity severity;
    struct cep_span severity_span;
    bool has_message;
    struct base_str message; /* without quotes, '' undone, braces as written */
    struct dsl_part *parts;
    size_t n_parts;
    struct cep_span message_span;
    struct dsl_label *labels;
    size_t n_labels;
    struct cep_span labels_span;
    struct dsl_expr **by;
    size_t n_by;
    struct cep_span by_span;
    struct dsl_expr *suppress; /* literal or NAME */
    struct cep_span suppress_span;
    enum dsl_resolve_kind resolve;
    struct dsl_expr *resolve_after; /* literal or NAME */
    struct dsl_path resolve_when;
    struct dsl_expr *resolve_where;
    struct cep_span resolve_span;
    bool with_events;
    struct cep_span with_span;
};

enum dsl_delivery { DSL_DELIVERY_DEFAULT = 0, DSL_DELIVERY_AT_LEAST_ONCE, DSL_DELIVERY_EXACTLY_ONCE };

struct dsl_sink {
    struct dsl_path from; /* `sink FROM to ...` */
    struct dsl_endpoint to, format;
    enum dsl_delivery delivery;
    struct cep_span delivery_span;
    /* `as SINK_NAME` is the statement's name. */
};

struct dsl_row {            /* (v, v, ...) of given; (c = v, ...) of expect */
    struct dsl_name *names; /* expect: n_values of them; given: NULL */
    struct dsl_expr **values;
    size_t n_values;
    struct cep_span span;
};

enum dsl_test_step_kind { DSL_TEST_GIVEN = 0, DSL_TEST_ADVANCE };
struct dsl_test_step {
    enum dsl_test_step_kind kind;
    struct cep_span span;
    struct dsl_path stream; /* GIVEN */
    struct dsl_row *rows;
    size_t n_rows;
    struct dsl_expr *to; /* ADVANCE: a TIMESTAMP or STRING literal, or a NAME */
};

struct dsl_expect {
    bool none; /* expect no NAME */
    struct dsl_path name;
    struct dsl_row *rows;
    size_t n_rows;
    struct cep_span span;
};

struct dsl_test {
    struct base_str title;
    struct cep_span title_span;
    struct dsl_label *parameters; /* with parameter NAME = value */
    size_t n_parameters;
    struct cep_span with_span;
    struct dsl_test_step *steps;
    size_t n_steps;
    struct dsl_expect *expects;
    size_t n_expects;
};

struct dsl_stmt {
    enum dsl_stmt_kind kind;
    bool broken;          /* see the head of this file */
    struct cep_span span; /* with the semicolon */
    struct dsl_name name; /* include, test, most sinks, process alone: not given */
    union {
        struct dsl_parameter parameter;
        struct dsl_include include;
        struct dsl_stream stream;
        struct dsl_query *select; /* SELECT, TABLE */
        struct dsl_process process;
        struct dsl_function function; /* FUNCTION, AGGREGATE */
        struct dsl_pattern pattern;
        struct dsl_alert alert;
        struct dsl_sink sink;
        struct dsl_test test;
    };
};

/* All files of one program. Files and their texts live in the struct dsl_diag that the parser was given. */
struct dsl_program {
    struct dsl_stmt **stmts; /* of the main file and, where it includes, of what it includes */
    size_t n_stmts;
    uint32_t n_exprs; /* ids are below */
};

/* ---- helpers ----------------------------------------------------------------------------------------------- */

const char *dsl_stmt_word(enum dsl_stmt_kind k); /* "stream" */
const char *dsl_expr_word(enum dsl_expr_kind k);
const char *dsl_seq_word(enum dsl_seq_kind k);
const char *dsl_lit_word(enum dsl_lit_kind k);
const char *dsl_unary_text(enum dsl_unary_op op);
const char *dsl_binary_text(enum dsl_binary_op op);
const char *dsl_severity_text(enum dsl_severity s);

/* From the start of a to the end of b, which are in one file. */
struct cep_span dsl_span_join(struct cep_span a, struct cep_span b);
static inline bool dsl_span_given(const struct cep_span *s) {
    return s->line != 0;
}
/* The parts joined by dots, in the arena. */
struct base_str dsl_path_str(const struct dsl_path *p, struct base_arena *a);
/* `a` -> NAME, `a.late` -> FIELD of NAME become a path of that many parts. Returns: false for any other expression. */
bool dsl_expr_as_path(const struct dsl_expr *e, struct base_arena *a, struct dsl_path *out);

/*
 * Calls fn on the direct children of an expression, in source order (not into queries).
 * For passes that only look for something.
 */
void dsl_expr_children(
    const struct dsl_expr *e, void (*fn)(const struct dsl_expr *child, void *arg), void *arg);
