#pragma once
/*
 * plan -- what is to run: the checked, typed, named result of compiling .pattern files.
 *
 * Immutable once made; everything in it lives in plan->arena. Nodes are named producers of rows with one schema;
 * they refer to each other by index, always to a lower one (the plan is in topological order). Each node has a
 * main output and side outputs (ports).
 *
 *     source payments ─┬─▶ pattern card_testing ─┬─▶ alert card_tested ─▶ sink file
 *                      │                         └─(timeouts)─▶ sink stdout
 *                      └─(late)─▶ sink file
 *
 * Hidden columns. A pattern's output carries, behind its measures, what alerts need (see enum plan_hidden); so
 * does an alert's. Sinks write visible columns only.
 */
#include "cep/operator.h"
#include "expr/expr_acc.h"
#include "plan/plan_catalog.h"

enum plan_port {
    PLAN_PORT_MAIN = 0,
    PLAN_PORT_LATE,
    PLAN_PORT_ERRORS,
    PLAN_PORT_TIMEOUTS,
    PLAN_PORT_SIDE, /* the first of CEP_SIDES_MAX: what a compiled operator gives besides */
    PLAN_PORT_MAX = PLAN_PORT_SIDE + CEP_SIDES_MAX
};

struct plan_ref {
    uint32_t node;
    enum plan_port port;
};

/* A named option with its value, checked against the catalog; defaults are not filled in. */
struct plan_opt {
    struct base_str name;
    const struct evt_type *type;
    struct evt_val val;
    struct cep_span span;
};

/* -- source -------------------------------------------------------------------------------------------- */

enum plan_wm { PLAN_WM_PROCESSING = 0, PLAN_WM_DELAY, PLAN_WM_ASCENDING, PLAN_WM_PUNCTUATED, PLAN_WM_MAX };

struct plan_time {
    enum plan_wm kind;
    uint32_t col;                  /* event time column (not PROCESSING) */
    int64_t delay_us;              /* DELAY */
    const struct expr *punctuated; /* PUNCTUATED: over the stream's columns */
    int64_t idle_us;               /* 0 = never idle */
    int64_t emit_us;               /* 0 = with every batch */
    int64_t drift_us;              /* 0 = no bound */
};

struct plan_source {
    const struct plan_connector_spec *connector;
    const struct plan_format_spec *format; /* NULL: the connector makes rows itself */
    uint32_t n_opts, n_format_opts;
    const struct plan_opt *opts, *format_opts;
    struct plan_time time;
};

/* -- stream ... as select: projection, filter, union all -------------------------------------------------- */

/* Where a column of a pair comes from; the bounds of its window are columns 0 and 1. */
enum plan_pair_of { PLAN_PAIR_LEFT = 0, PLAN_PAIR_RIGHT, PLAN_PAIR_WINDOW };

struct plan_pair_col {
    enum plan_pair_of of;
    uint32_t col; /* of that input */
};

/*
 * A row for each element of an array, or for each window that the row is in: `pairs` has columns of the input's row (left) and of the
 * element (right), which of a window are its bounds.
 */
struct plan_unnest {
    const struct expr *array;             /* over the input's columns; NULL: windows */
    int64_t size_us, slide_us, offset_us; /* of the windows */
    bool outer;                           /* a row whose array is null or empty comes once, with nulls */
    bool fields;                          /* elements are rows: their fields are the columns */
    uint32_t n_cols;
    const struct plan_pair_col *cols;
    const struct evt_schema *pairs;
};

struct plan_select_branch {
    struct plan_ref input;
    const struct plan_unnest *unnest; /* NULL = none; else what follows is over its pairs */
    const struct expr *where;         /* NULL = all; over the input's columns */
    const struct expr *const *items;  /* one per column of the node's schema; over the input's columns */
};

struct plan_select {
    uint32_t n_branches; /* > 1: union all */
    const struct plan_select_branch *branches;
};

/* -- stream ... as select with group by, a window or aggregates -------------------------------------------- */

enum plan_window {
    PLAN_WINDOW_NONE = 0, /* group by alone: one group a key, for ever */
    PLAN_WINDOW_TUMBLING,
    PLAN_WINDOW_SLIDING,
    PLAN_WINDOW_SESSION,
    PLAN_WINDOW_COUNT,
    PLAN_WINDOW_GLOBAL, /* one group a key, given out at the end of time */
    PLAN_WINDOW_MAX
};

/* When a window's result is given out. */
enum plan_emit {
    PLAN_EMIT_WATERMARK = 0, /* when the watermark passes its end; always, whatever else is said */
    PLAN_EMIT_EVERY,         /* and every emit_us before that, where something changed */
    PLAN_EMIT_EACH,          /* and with each row */
    PLAN_EMIT_AFTER,         /* and with every emit_n-th row */
    PLAN_EMIT_MAX
};

/* What becomes of a result that was given out when another one stands in its place. */
enum plan_changes {
    PLAN_CHANGES_NONE = 0, /* nothing is said: who reads them knows */
    PLAN_CHANGES_RETRACT,  /* it is taken back, then the new one is given: evt_schema_mark() */
    PLAN_CHANGES_UPSERT, /* the new one replaces it, by the group's key; one without a new one is taken back */
    PLAN_CHANGES_MAX
};

struct plan_agg {
    enum expr_agg agg;
    const struct expr *arg;           /* over the input's columns; NULL = count(*) */
    const struct expr *filter;        /* rows it takes; NULL = all */
    const struct evt_type *type;      /* of the result */
    bool whole;                       /* DELTA, RATE: from the first row of the window or frame to the last */
    bool back;                        /* rows can be taken back */
    const struct expr_acc_user *user; /* USER: whose it is; else NULL */
    double opts[EXPR_AGG_OPTS];       /* expr/expr_agg.h: expr_agg_opts() */
};

/*
 * Rows of a key and a window are one group: `groups` has its columns -- the keys, the aggregates, window_start, window_end -- and
 * what follows is over them.
 */
struct plan_aggregate {
    struct plan_ref input;
    bool takes_late;          /* its second input: the source's late rows, for corrections */
    const struct expr *where; /* NULL = all; over the input's columns */
    uint32_t n_keys;
    const struct expr *const *keys; /* over the input's columns */
    uint32_t n_aggs;
    const struct plan_agg *aggs;
    enum plan_window window;
    int64_t size_us;          /* TUMBLING, SLIDING; SESSION: the gap */
    int64_t slide_us;         /* TUMBLING: the size */
    int64_t offset_us;        /* TUMBLING, SLIDING: windows start at multiples of slide_us, and this */
    uint32_t size_n, slide_n; /* COUNT */
    int64_t lateness_us;      /* a window is kept so long for rows that come late */
    enum plan_emit emit;
    int64_t emit_us;
    uint64_t emit_n;
    bool discarding; /* what was given out early is forgotten; else it accumulates */
    bool first_only; /* NONE: a group is given with its first row and never again */
    enum plan_changes changes;
    const struct evt_schema *groups;
    const struct expr *having;       /* NULL = all */
    const struct expr *const *items; /* one per column of the node's schema */
};

/* -- stream ... as select with over ------------------------------------------------------------------------- */

enum plan_frame_kind {
    PLAN_FRAME_ROWS = 0, /* the last n rows before it, and itself; n 0 with `unbounded`: all */
    PLAN_FRAME_RANGE,    /* those of the last us before it, and all that have its time */
    PLAN_FRAME_NONE,     /* functions of rows in order: all before it; there is nothing to take away */
    PLAN_FRAME_MAX
};

struct plan_frame {
    enum plan_frame_kind kind;
    bool unbounded; /* ROWS, RANGE: from the beginning */
    uint64_t n;     /* ROWS */
    int64_t us;     /* RANGE */
};

struct plan_over_call {
    struct plan_agg agg;
    struct plan_frame frame;
};

/* Each row comes out once, with what its calls give over the rows of its key before it. */
struct plan_over {
    struct plan_ref input;
    const struct expr *where; /* NULL = all; over the input's columns */
    uint32_t n_keys;
    const struct expr *const *keys; /* over the input's columns */
    uint32_t n_calls;
    const struct plan_over_call *calls;
    uint32_t n_cols;
    const struct expr *const *cols; /* plain columns of the input, those that items read */
    const struct evt_schema *rows;  /* these columns, then the results of the calls; items are over it */
    const struct expr *const *items;
};

/* Overlapping windows that share nothing: they forget what they gave out, or count their own rows. */
bool plan_windows_apart(const struct plan_aggregate *ag);

/* How long a pane is, of those that windows of `size` sliding by `slide` are made of: their greatest common divisor. */
int64_t plan_pane(int64_t size, int64_t slide);

/* Columns of `groups` behind the keys and aggregates; where changes are told, their mark is behind these. */
enum { PLAN_GROUP_START = 0, PLAN_GROUP_END, PLAN_GROUP_MORE };

/* -- stream ... as select from a join b ---------------------------------------------------------------------- */

enum plan_join_kind {
    PLAN_JOIN_INTERVAL = 0, /* rows that are at most within_us apart */
    PLAN_JOIN_WINDOW,       /* rows of one window */
    PLAN_JOIN_TABLE,        /* a left row and the version of the right one's key at its time */
    PLAN_JOIN_SESSION,      /* rows of one session of their key */
    PLAN_JOIN_MAX
};

struct plan_join_side {
    struct plan_ref input;
    bool outer;                     /* its rows come without a partner too, the other side's columns null */
    const struct expr *where;       /* NULL = all; over the input's columns: other rows can be in no result */
    const struct expr *const *keys; /* n_keys; over the input's columns; of the other side's types */
};

/*
 * Pairs of a left and a right row with equal keys: `pairs` has the columns of both that are used further on. What follows is
 * over them.
 */
struct plan_join {
    enum plan_join_kind kind;
    struct plan_join_side sides[2];
    uint32_t n_keys;   /* 0: all rows have one key */
    int64_t within_us; /* INTERVAL; EVT_TIME_MAX = however far apart */
    int64_t size_us;   /* WINDOW; SESSION: the gap */
    int64_t slide_us;  /* WINDOW: the size, of a tumbling one */
    int64_t offset_us; /* WINDOW */
    uint32_t n_cols;
    const struct plan_pair_col *cols;
    const struct evt_schema *pairs;
    const struct expr *on;           /* NULL = keys are all that a pair must have in common */
    const struct expr *where;        /* NULL = all; of rows without a partner too */
    const struct expr *const *items; /* one per column of the node's schema; NULL = the pairs as they are */
};

/* -- stream ... as select with order by and limit --------------------------------------------------------------- */

struct plan_sort {
    uint32_t col; /* of the input; nulls come first, with desc last */
    bool desc;
};

/* The first rows of each window, in order. */
struct plan_top {
    struct plan_ref input;
    uint32_t n_sorts;
    const struct plan_sort *sorts;
    uint64_t limit;
    int64_t size_us, slide_us,
        offset_us; /* rows that are one window's by their time; 1 µs: those of one time */
    const struct plan_pair_col
        *cols; /* one per column of the node's schema: of the input (left), or a bound */
};

/* -- pattern ------------------------------------------------------------------------------------------------ */

/* How an event of the match follows the one before it. */
enum plan_contig {
    PLAN_NEXT = 0,     /* `a b`: the very next event of the key */
    PLAN_FOLLOWED,     /* `a -> b`: the first later event that fits */
    PLAN_FOLLOWED_ANY, /* `a ->> b`: any later event that fits */
    PLAN_CONTIG_MAX
};

enum { PLAN_UNBOUNDED = UINT32_MAX };

enum plan_term_kind {
    PLAN_TERM_VAR = 0, /* one event that satisfies vars[var] */
    PLAN_TERM_CHAIN, /* steps one after the other; also a group of one step with a quantifier of its own: (a{3})? */
    PLAN_TERM_ALT, /* x | y | ...: either; an event that fits several sides gives a match each */
    PLAN_TERM_ALL, /* all(x, y, ...): each of them in any order, joined as by -> */
    PLAN_TERM_MAX
};

struct plan_term;

struct plan_step {
    enum plan_contig
        op; /* how its first event follows; the first step of a chain: what joins the chain itself, unused */
    bool negated; /* `!var`: op NEXT = not next, op FOLLOWED = not followed (absence when last) */
    int64_t lo_us,
        hi_us; /* step bound: lo <= time since the event taken last < hi; hi -1 = none, lo 0 = none */
    const struct plan_term *term;
};

struct plan_term {
    enum plan_term_kind kind;
    uint32_t var;                  /* VAR */
    uint32_t n_steps;              /* CHAIN */
    const struct plan_step *steps; /* CHAIN */
    uint32_t n_alts;               /* ALT, ALL */
    const struct plan_term *const *alts;
    /* Quantifier; 1, 1 when there is none. */
    uint32_t min, max; /* max PLAN_UNBOUNDED = no upper bound */
    enum plan_contig
        inner; /* between repetitions: NEXT = consecutive, FOLLOWED (default), FOLLOWED_ANY = combinations */
    bool greedy;
    const struct expr
        *until; /* NULL = none; aggregates speak of the events taken so far, COL of the event under test */
    int64_t gap_us; /* less than this between repetitions; 0 = none */
    struct cep_span span;
};

struct plan_var {
    struct base_str name;
    int32_t input;           /* index into inputs: takes events of that one only; -1 = of every stream */
    const struct expr *cond; /* NULL = takes every event; over the pattern's columns (see col_map) */
    bool negated;            /* stands behind a `!` */
    struct cep_span span;
};

enum plan_within { PLAN_WITHIN_NONE = 0, PLAN_WITHIN_FIRST_LAST, PLAN_WITHIN_BETWEEN, PLAN_WITHIN_MAX };

enum plan_skip {
    PLAN_SKIP_PAST_LAST = 0,
    PLAN_SKIP_NONE,
    PLAN_SKIP_TO_NEXT,
    PLAN_SKIP_TO_FIRST,
    PLAN_SKIP_TO_LAST,
    PLAN_SKIP_MAX
};

struct plan_measure {
    struct base_str name;
    const struct expr *expr;
};

struct plan_pattern {
    uint32_t n_inputs;
    const struct plan_ref *inputs; /* in the order of `from`: the order that breaks ties */
    /* The pattern's columns: those of its streams, unified by name where the types agree (else each stream's is a column
     * of its own that only variables of that stream name). col_map[input][pattern column] = the input's column or -1. */
    struct evt_schema cols;
    const int32_t *const *col_map;
    uint32_t n_keys;
    const struct expr *const *keys; /* partition by; over the pattern's columns, valid for every input */
    const struct base_str *key_names;
    uint32_t n_vars;
    const struct plan_var *vars;
    const struct plan_term *root; /* a CHAIN */
    enum plan_within within_kind;
    int64_t within_us;
    enum plan_skip skip;
    uint32_t skip_var;
    bool skip_or_error;
    uint32_t limit_open;    /* 0 = none; per key */
    bool limit_refuse_new;  /* else drop oldest */
    uint64_t limit_matches; /* 0 = none; of those that one event completes */
    uint32_t n_measures;
    const struct plan_measure *measures; /* visible columns of the node's schema, in order */
    uint32_t n_aggs;
    const struct expr *const *aggs; /* distinct AGG nodes that conditions and untils read (expr.agg_slot) */
    uint32_t n_prevs;
    const struct expr *const *prevs;          /* distinct PREV nodes */
    const struct evt_schema *timeouts_schema; /* measures, timed_out_at, hidden; of port TIMEOUTS */
    const struct evt_schema *events_schema;   /* of hidden column $events; NULL when no alert asks for it */
};

/* Hidden columns behind the visible ones in a pattern's main output and timeouts, in this order. */
#define PLAN_HIDDEN_LIST(COL)                                                                  \
    COL(ID, "$id") /* string: 32 hex digits, from pattern, version, key and event positions */ \
    COL(STARTED_AT, "$started_at") /* timestamp of the first event */                          \
    COL(KEY, "$key")               /* row of the partition by values */                        \
    COL(EVENTS, "$events") /* row(var array(row(all columns)), ...); only when an alert says `with events` */

enum plan_hidden {
#define PLAN_HIDDEN_ENUM(name, text) PLAN_HIDDEN_##name,
    PLAN_HIDDEN_LIST(PLAN_HIDDEN_ENUM)
#undef PLAN_HIDDEN_ENUM
        PLAN_HIDDEN_MAX
};

/* -- match_recognize ---------------------------------------------------------------------------------------- */

enum plan_row_kind {
    PLAN_ROW_VAR = 0, /* one row that satisfies vars[var] */
    PLAN_ROW_CHAIN,   /* items one after the other */
    PLAN_ROW_ALT,     /* the first of the items that leads to a match */
    PLAN_ROW_EMPTY,   /* no row */
    PLAN_ROW_START,   /* ^: no row; the partition begins here */
    PLAN_ROW_END,     /* $: no row; the partition ends here */
    PLAN_ROW_MAX
};

struct plan_row_term {
    enum plan_row_kind kind;
    uint32_t var;     /* VAR */
    uint32_t n_items; /* CHAIN, ALT */
    const struct plan_row_term *const *items;
    uint32_t min, max; /* 1, 1 without a quantifier; max PLAN_UNBOUNDED = no upper bound */
    bool reluctant;    /* as few as lead to a match; else as many */
    bool excluded;     /* VAR: {- -}: its rows are no rows of the result */
};

enum { PLAN_ROW_VARS_MAX = 64 };

/* Those of the pattern first, then subsets, then the one that is all of them: its name is empty. */
struct plan_row_var {
    struct base_str name;
    uint64_t of; /* bits of the pattern's variables that it speaks of */
    const struct expr *
        cond; /* of the pattern's; NULL = takes every row; COL of the row under test, else as NAV and AGG say */
    struct cep_span span;
};

/*
 * Rows of a key in the order of event time, and of each row where a match begins the one that is preferred: SQL:2016's row pattern
 * recognition. Expressions are over the input's columns; the one behind them is the name of the variable that the row was taken as.
 */
struct plan_recognize {
    struct plan_ref input;
    uint32_t n_keys;
    const struct expr *const *keys; /* plain columns */
    uint32_t n_sorts; /* of rows that have one time; else, and then, they are in the order of arrival */
    const struct plan_sort *sorts;
    uint32_t n_vars, n_primary;
    const struct plan_row_var *vars;
    const struct plan_row_term *root;
    int64_t within_us; /* the last row of a match is less than this after its first; 0 = however long */
    bool all_rows;     /* a row for each of the match's, else one */
    enum plan_skip skip;
    uint32_t skip_var;
    bool skip_or_error;
    uint32_t n_aggs, n_item_aggs;
    const struct expr *const *aggs,
        *const *item_aggs; /* distinct AGG nodes of conditions, of items (expr.agg_slot) */
    uint32_t back, ahead;  /* rows before the first and behind the last one that are looked at */
    bool numbered;         /* something asks for match_number() */
    bool anchored;         /* ^ stands in the pattern: whether a row is the first is kept for ever */
    uint32_t n_cols;
    const uint32_t *cols;            /* those of the input that are kept, ascending */
    const struct expr *const *items; /* one per column of the node's schema; COL: of each row of the result */
};

/* As a person would write it. */
void plan_write_row_term(struct base_buf *b, const struct plan_recognize *r, const struct plan_row_term *t);
/* Names of all variables, for expr_write(). In the arena. */
const struct base_str *plan_row_var_names(struct base_arena *a, const struct plan_recognize *r);

/* -- alert ------------------------------------------------------------------------------------------------- */

enum plan_severity {
    PLAN_SEV_INFO = 0,
    PLAN_SEV_LOW,
    PLAN_SEV_MEDIUM,
    PLAN_SEV_HIGH,
    PLAN_SEV_CRITICAL,
    PLAN_SEV_MAX
};

/* A text with holes: 'card {card}: {probes} probes'. n_holes + 1 texts. */
struct plan_template {
    uint32_t n_holes;
    const struct base_str *texts;
    const struct expr *const *holes; /* over the columns of what the template's owner reads */
};

struct plan_alert {
    struct plan_ref on; /* a pattern or a stream */
    bool on_pattern;
    const struct expr *where;
    enum plan_severity severity;
    const struct plan_template *message; /* NULL = none */
    uint32_t n_labels;
    const struct plan_measure *labels;
    uint32_t n_by;
    const struct plan_measure
        *by; /* identity: name and these; default the pattern's key (names and KEY values are hidden
                                       column fields), none on a stream */
    int64_t suppress_us;      /* 0 = none */
    int64_t resolve_after_us; /* 0 = none */
    bool has_resolve_when;
    struct plan_ref resolve_when; /* a stream */
    const struct expr *resolve_where;
    const uint32_t *resolve_cols; /* n_by: that stream's columns with the names of `by` */
    bool with_events;
};

/* -- stream ... as process: a compiled operator ---------------------------------------------------------------- */

struct plan_process {
    uint32_t n_inputs;
    const struct plan_ref *inputs;
    uint32_t n_keys;
    const struct expr *const *const
        *keys;               /* by input: partition by, over the input's columns; of one type for all */
    struct base_str library; /* as written */
    uint32_t n_opts;
    const struct plan_opt *opts;
    const struct cep_operator *op;
    const struct cep_setup *setup;
    uint32_t n_sides;
    const char *const *side_names;
    const struct evt_schema *sides;
};

/* -- nodes, sinks, tests ------------------------------------------------------------------------------------- */

enum plan_node_kind {
    PLAN_NODE_SOURCE = 0,
    PLAN_NODE_SELECT,
    PLAN_NODE_AGGREGATE,
    PLAN_NODE_OVER,
    PLAN_NODE_JOIN,
    PLAN_NODE_TOP,
    PLAN_NODE_PATTERN,
    PLAN_NODE_RECOGNIZE,
    PLAN_NODE_ALERT,
    PLAN_NODE_PROCESS,
    PLAN_NODE_MAX
};

struct plan_node {
    enum plan_node_kind kind;
    uint32_t index;
    struct base_str name; /* the operator's name: state is addressed by it */
    struct base_str
        statement; /* whose it is; its name, but for operators that the language has no name for */
    const struct evt_schema *schema; /* of the main output */
    const struct evt_schema *
        late_schema; /* SOURCE, JOIN: as schema; AGGREGATE: its input's; TOP: the first of its input's columns; else NULL */
    const struct evt_schema *errors_schema; /* see plan_errors_schema(); never NULL */
    struct cep_span span;
    union {
        struct plan_source source;
        struct plan_select select;
        struct plan_aggregate aggregate;
        struct plan_over over;
        struct plan_join join;
        struct plan_top top;
        struct plan_pattern pattern;
        struct plan_recognize recognize;
        struct plan_alert alert;
        struct plan_process process;
    };
};

enum plan_delivery { PLAN_DELIVERY_DEFAULT = 0, PLAN_AT_LEAST_ONCE, PLAN_EXACTLY_ONCE, PLAN_DELIVERY_MAX };

struct plan_sink {
    struct base_str name; /* as written, or made from what it reads: "card_tested_sink_1" */
    struct plan_ref input;
    const struct plan_connector_spec *connector;
    const struct plan_format_spec *format;
    uint32_t n_opts, n_format_opts;
    const struct plan_opt *opts, *format_opts;
    enum plan_delivery delivery;
    bool implied;                              /* an alert without a sink goes to stdout */
    const struct plan_template *text_template; /* format text (template = '...'); NULL else */
    struct cep_span span;
};

enum plan_test_step_kind { PLAN_TEST_GIVEN = 0, PLAN_TEST_ADVANCE, PLAN_TEST_STEP_MAX };

struct plan_test_step {
    enum plan_test_step_kind kind;
    uint32_t node; /* GIVEN: a source */
    uint32_t n_rows;
    const struct evt_val *const *rows; /* GIVEN: one value a column, of the column's type */
    int64_t advance_us;                /* ADVANCE: the watermark */
};

struct plan_test_expect {
    struct plan_ref of;
    uint32_t n_cols;
    const uint32_t *cols;  /* columns listed, of that output's schema */
    const int32_t *fields; /* n_cols: the field of a row column that is meant (of an alert's measures, key
                                             or labels: `expect card_tested (card = 'c1')`), or -1: the column itself */
    uint32_t n_rows;       /* 0: expect no NAME */
    const struct evt_val *const *rows; /* n_cols values each */
    const bool *const *unlisted; /* n_rows of n_cols: the row does not list the column, so it is not compared;
                                             NULL: every row lists all */
    struct cep_span span;
};

struct plan_test {
    struct base_str name;
    uint32_t n_steps;
    const struct plan_test_step *steps;
    uint32_t n_expects;
    const struct plan_test_expect *expects;
    /* `with parameter`: the test runs on a plan compiled with these; NULL = the file's own. */
    const struct plan *plan;
    struct cep_span span;
};

struct plan_param {
    struct base_str name;
    const struct evt_type *type;
    struct evt_val val; /* default or --set */
};

struct plan {
    struct base_arena arena; /* owns everything here */
    uint32_t n_params;
    const struct plan_param *params;
    uint32_t n_nodes;
    const struct plan_node *const *nodes; /* topological order */
    uint32_t n_sinks;
    const struct plan_sink *sinks;
    uint32_t n_tests;
    const struct plan_test *tests;
    uint64_t version;    /* hash of the canonical text dump: part of a match's id */
    const uint8_t *read; /* per node: bit = port that somebody reads; see plan_seal() */
};

void plan_free(struct plan *p); /* NULL is fine */
/* Returns: NULL when there is none. */
const struct plan_node *plan_find(const struct plan *p, struct base_str name);
const struct evt_schema *plan_schema_of(const struct plan *p, struct plan_ref ref);
/*
 * Whose late rows STATEMENT.late has: its node's, or, of a statement whose own node has none, those of the last of its other nodes that
 * has. Returns: NULL when there is none.
 */
const struct plan_node *plan_late_node(
    const struct plan_node *const *nodes, size_t n_nodes, struct base_str statement);
/* What a node reads, input by input: of an alert its `on`, then its `resolve when`. */
uint32_t plan_node_n_inputs(const struct plan_node *n);
struct plan_ref plan_node_input(const struct plan_node *n, uint32_t input);
/* True when that node reads the output. */
bool plan_node_reads(const struct plan_node *n, struct plan_ref ref);
/* The plan is complete: who reads what is noted, so that asking costs nothing however many nodes there are. */
void plan_seal(struct plan *p);
/* True when a node, a sink or a test reads it. Requires: the plan is sealed. */
bool plan_is_read(const struct plan *p, struct plan_ref ref);
/* The columns of every .errors port. Sources: `record` is the raw bytes; operators whose expressions failed: the row as
 * JSON text, with its event time. */
#define PLAN_ERRORS_LIST(COL)                                                      \
    COL(OFFSET, "offset", INT) /* position in the partition */                     \
    COL(RECORD, "record", BYTES)                                                   \
    COL(REASON, "reason", STRING)                                                  \
    COL(PARTITION, "partition", STRING) /* file, connection; null for operators */ \
    COL(TIME, "time", TIMESTAMP)        /* null for sources */

enum plan_errors_col {
#define PLAN_ERRORS_ENUM(name, text, kind) PLAN_ERRORS_##name,
    PLAN_ERRORS_LIST(PLAN_ERRORS_ENUM)
#undef PLAN_ERRORS_ENUM
        PLAN_ERRORS_MAX
};
const struct evt_schema *plan_errors_schema(void);
/* An alert's columns: id, alert, status, severity, key, message, labels, started_at, at, measures[, events]. `key` (of the
 * `by` values), `labels`, `measures` and `events` are rows. */
#define PLAN_ALERT_LIST(COL)      \
    COL(ID, "id")                 \
    COL(ALERT, "alert")           \
    COL(STATUS, "status")         \
    COL(SEVERITY, "severity")     \
    COL(KEY, "key")               \
    COL(MESSAGE, "message")       \
    COL(LABELS, "labels")         \
    COL(STARTED_AT, "started_at") \
    COL(AT, "at")                 \
    COL(MEASURES, "measures")     \
    COL(EVENTS, "events") /* only `with events` */

enum plan_alert_col {
#define PLAN_ALERT_ENUM(name, text) PLAN_ALERT_##name,
    PLAN_ALERT_LIST(PLAN_ALERT_ENUM)
#undef PLAN_ALERT_ENUM
        PLAN_ALERT_MAX
};
const struct evt_schema *plan_alert_schema(
    struct base_arena *a, const struct plan_alert *alert, const struct evt_schema *on);

/* What a sink's delivery comes to: what it asks for, else exactly once where the connector can and every source that it
 * reads from can be read again, else at least once. Never PLAN_DELIVERY_DEFAULT. */
enum plan_delivery plan_delivery_of(const struct plan *p, const struct plan_sink *s);

/* Looks an option up; NULL when it is not set. */
const struct plan_opt *plan_opt_find(const struct plan_opt *opts, uint32_t n, const char *name);
int64_t plan_opt_int(
    const struct plan_opt *opts, uint32_t n, const char *name, int64_t fallback); /* INT, DURATION */
bool plan_opt_bool(const struct plan_opt *opts, uint32_t n, const char *name, bool fallback);
struct base_str plan_opt_str(const struct plan_opt *opts, uint32_t n, const char *name, const char *fallback);

const char *plan_severity_text(enum plan_severity s);
/* "late"; "" for the main output. n: whose port it is; NULL for one that every node may have. */
const char *plan_port_text(const struct plan_node *n, enum plan_port p);
const char *plan_node_word(enum plan_node_kind k); /* "stream", "pattern", "alert" */

/* "card string, amount double": the visible columns. */
void plan_write_columns(struct base_buf *b, const struct evt_schema *s);
/* "count(*)", "sum(amount) filter (where n > 3)"; `in`: the columns that it is over. */
void plan_write_agg(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in);
/* The operators alone, without sinks: what the version is a hash of. */
void plan_write_nodes(struct base_buf *b, const struct plan *p);
/* Text dumps: stable, free of addresses (`explain --stage plan`), and the graph as dot. */
void plan_write(struct base_buf *b, const struct plan *p);
void plan_write_dot(struct base_buf *b, const struct plan *p);
/* One pattern's tree, as a person would write the match clause. */
void plan_write_term(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t);
