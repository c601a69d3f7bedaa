#pragma once
/*
 * dsl_sem -- what the passes behind the parser share: the table of names, scopes, patterns under construction.
 * For the files of this folder only.
 *
 *     dsl_resolve.c      names of statements, what reads what, order, cycles
 *     dsl_check_type.c   types as written -> evt_type; constants read as a type
 *     dsl_check_name.c   a name in an expression -> column, parameter, event of a variable
 *     dsl_check_expr.c   expressions -> struct expr, typed
 *     dsl_check_agg.c    aggregates over rows: their arguments
 *     dsl_check_call.c   calls: aggregates, first/last/prev, functions
 *     dsl_check_recognize.c  what match_recognize reads: navigation, aggregates, classifier()
 *     dsl_check_rows.c   its pattern -> plan_row_term
 *     dsl_check_seq.c    sequences -> plan_term
 *     dsl_check_opt.c    endpoints and options against the catalog
 *     dsl_template_text.c  options that are templates
 *     dsl_fold.c         constants, conditions that are never true
 *     dsl_lower_*.c      statements -> nodes of the plan
 *     dsl_lower_changes.c  streams whose rows can be taken back
 *     dsl_lower_function.c  functions and aggregates of libraries, and their calls
 *     dsl_lower_process.c  compiled operators: their library has a say
 *     dsl_warn.c         what is allowed and likely wrong
 *
 * A mistake is reported where it is found, once; what depends on it becomes "unknown" and is silent: an
 * expression that could not be typed is NULL, a schema with an unknown column is `open`.
 */
#include "dsl/dsl_compile.h"

#include "base/base_map.h"
#include "expr/expr_func.h"

enum {
    DSL_MAX_COLUMNS = 4096,     /* of a stream: schemas are walked in linear time */
    DSL_MAX_REPEAT = 100000,    /* of a quantifier: the automaton unrolls counted loops */
    DSL_MAX_STEPS = 200000,     /* of a sequence, unrolled: as src/nfa takes */
    DSL_MAX_ALL = 12,           /* members of all(...): its states double with each */
    DSL_MAX_FROM = 256,         /* streams of a pattern */
    DSL_MAX_SLOTS = 20000,      /* aggregates in a pattern's conditions: they are compared with each other */
    DSL_MAX_VARIANTS = 2000000, /* statements compiled once more for tests `with parameter` */
    DSL_MAX_BYTES = 512 << 20,  /* that compiling takes: `select *` of `select *` makes much of little text */
    DSL_MAX_NEAREST = 200,      /* mistakes that look for a nearest name */
};

/* -- symbols -------------------------------------------------------------------------------------------- */

enum dsl_sym_kind {
    DSL_SYM_PARAM = 0,
    DSL_SYM_SOURCE,
    DSL_SYM_SELECT, /* tables too */
    DSL_SYM_PATTERN,
    DSL_SYM_ALERT,
    DSL_SYM_SINK,
    DSL_SYM_PROCESS,
    DSL_SYM_FUNCTION, /* aggregates too */
    DSL_SYM_MAX
};

struct dsl_sym {
    enum dsl_sym_kind kind;
    struct base_str name;
    const struct dsl_stmt *stmt;
    bool bad;       /* has mistakes: what depends on it is not judged */
    bool read;      /* something reads it */
    uint8_t clocks; /* of what it reads: 1 event time, 2 processing time, 3 both */
    bool sunk;      /* a sink reads it, or a side output of it */
    /* Producers of rows. */
    uint32_t node;                   /* index in the plan, once lowered */
    const struct evt_schema *schema; /* NULL until lowered or when bad */
    const struct evt_schema *timeouts;
    bool open;             /* columns that are not in schema may be there */
    bool want_events;      /* PATTERN: an alert wants `with events` */
    struct dsl_sym **deps; /* what it reads */
    size_t n_deps, cap_deps;
    const struct dsl_sym *within; /* a select in this statement; NULL = a statement itself */
    const struct plan_node
        *all_errors;   /* SELECT: rows of .errors of all of its nodes, made when somebody reads them */
    uint8_t mark;      /* resolve: 0 new, 1 on the path, 2 done */
    uint32_t n_hidden; /* nodes besides its own */
    uint32_t n_keys;   /* TABLE: columns of its key, by number */
    const uint32_t *keys;
    /* Functions and aggregates. */
    const struct expr_func *func; /* NULL: an aggregate, or bad */
    void *func_state;
    const struct expr_acc_user *user; /* NULL: a function, or bad */
    uint32_t n_args;
    const struct evt_type **args; /* NULL elements: not known */
    /* Parameters; functions and aggregates: of the result. */
    const struct evt_type *type; /* NULL when it is not known */
    struct evt_val val;
    bool has_val;
};

/* -- the compiler ------------------------------------------------------------------------------------------- */

struct dsl_sem {
    const struct dsl_program *prog;
    const struct plan_catalog *catalog;
    const struct dsl_params *params;
    const struct dsl_test *variant; /* compiling for this test's `with parameter`; NULL = the file's own */
    struct dsl_diag *diag;
    struct base_arena tmp; /* owned: lives as long as the compilation */
    bool over;             /* the budget is used up, and that was told */
    bool in_params;        /* parameters have no values yet: defaults are literals */
    struct plan *plan;     /* being built */
    struct base_arena *a;  /* the plan's */
    struct dsl_sym *syms;  /* of named statements, in source order */
    size_t n_syms;
    struct base_map by_name; /* index into syms */
    struct dsl_sym **order;  /* producers of rows, inputs first */
    size_t n_order;
    const struct plan_node **nodes;
    size_t n_nodes, cap_nodes;
    struct plan_sink *sinks;
    size_t n_sinks, cap_sinks;
    struct base_map sink_names; /* names that were made, and the last number given for what a sink reads */
    size_t n_variants;          /* statements compiled for tests so far */
};

/* Returns: NULL when there is none. */
struct dsl_sym *dsl_sym_find(const struct dsl_sem *c, struct base_str name);
/* The statement that it is, or is a part of. */
static inline const struct dsl_sym *dsl_sym_statement(const struct dsl_sym *s) {
    return s->within ? s->within : s;
}
const char *dsl_sym_word(const struct dsl_sym *s); /* "parameter", "stream" */

/* What `payments`, `payments.late` names. */
struct dsl_rows {
    struct dsl_sym *sym;
    enum plan_port port;
    const struct evt_schema *schema; /* NULL: not known because of an earlier mistake */
    bool open;
    struct base_str name;         /* as written */
    const struct plan_node *node; /* of several inputs: what brings them together; NULL else */
    enum plan_port of_node;       /* of that node */
};
enum dsl_use { DSL_USE_READ = 0 /* from, on, when */, DSL_USE_SINK, DSL_USE_TEST };
/* Reports. Returns: false when it names nothing that gives rows. */
bool dsl_rows_find(struct dsl_sem *c, const struct dsl_path *p, enum dsl_use use, struct dsl_rows *out);

void dsl_resolve(struct dsl_sem *c);

/* Past DSL_MAX_BYTES: reports once. Loops over what the user wrote stop then. */
bool dsl_over_budget(struct dsl_sem *c, struct cep_span at);
/* n, or the limit of lists when it is more, which is reported: "at most 4096 measures". */
size_t dsl_capped(struct dsl_sem *c, struct cep_span at, size_t n, const char *what);
/* As dsl_nearest_init(), but finds nothing when there are many mistakes already. */
void dsl_near(const struct dsl_sem *c, struct dsl_nearest *near, struct base_str name);

/* Reports "X is not in this version". */
void dsl_unsupported(struct dsl_sem *c, struct cep_span span, const char *what);

/* -- types and constants ------------------------------------------------------------------------------------- */

/* Reports. Returns: NULL when it is none. */
const struct evt_type *dsl_type_of(struct dsl_sem *c, const struct dsl_type *t);
/* Text as a value of a type. Returns: false when it is not one. Strings are copied into `a`. */
bool dsl_val_of_text(
    struct base_arena *a, const struct evt_type *t, struct base_str text, struct evt_val *out);
/* A type's name for messages, in c->tmp. */
const char *dsl_type_name(struct dsl_sem *c, const struct evt_type *t);
/*
 * A constant expression as a value of a type; text is read as the type when it is not a string (`lenient`: tests,
 * parameters), `what` names it in messages ("default of parameter \"x\"").
 */
bool dsl_const_of(struct dsl_sem *c, const struct dsl_expr *e, const struct evt_type *t, const char *what,
    struct evt_val *out);
/* A duration literal or parameter, > 0 unless zero_ok. Reports. Returns: false on a mistake. */
bool dsl_duration_of(
    struct dsl_sem *c, const struct dsl_expr *e, const char *what, bool zero_ok, int64_t *out);
/* A whole number > 0. */
bool dsl_count_of(struct dsl_sem *c, const struct dsl_expr *e, const char *what, int64_t max, int64_t *out);
void dsl_param_values(struct dsl_sem *c); /* types, defaults, --set */

/* -- patterns under construction ---------------------------------------------------------------------------- */

struct dsl_pcol {
    struct base_str name;
    const struct evt_type *type;
    int32_t *map; /* of every input: its column, or -1 */
    bool everywhere;
    int32_t same; /* the next column of that name, of another type; -1: none */
};

struct dsl_pvar {
    struct base_str name;
    struct cep_span span;
    const struct dsl_define *define; /* NULL: none */
    int32_t input;                   /* -1: all */
    bool negated, in_seq, loops;
    bool never;     /* its condition is never true */
    bool bad;       /* its define names no stream: columns are not judged */
    uint32_t order; /* place in the sequence */
    const struct expr *cond;
};

struct dsl_pat {
    struct dsl_sym *sym;
    uint32_t n_inputs;
    struct dsl_rows *inputs;
    bool open; /* an input is */
    struct dsl_pcol *cols;
    size_t n_cols, cap_cols;
    struct evt_schema
        schema; /* of cols; names that two types share are told apart by their stream ("payments.amount") */
    struct dsl_pvar *vars; /* those of the sequence first */
    size_t n_vars, cap_vars, n_seq_vars;
    struct base_map var_names;
    struct base_map col_names;  /* the first column of a name */
    struct base_map slot_names; /* hash of an aggregate or prev -> its place in aggs or prevs */
    size_t n_keys;
    const struct expr **keys;
    struct base_str *key_names;
    struct expr **aggs, **prevs;
    size_t n_aggs, cap_aggs, n_prevs, cap_prevs;
    bool has_within;
    int64_t within_us;
    struct dsl_expr **untils; /* of loops, checked after the variables are known */
    const struct dsl_stmt *stmt;
};

/* Returns: index of the first column of that name, or -1; the others hang on it by `same`. */
int32_t dsl_pat_first_col(const struct dsl_pat *p, struct base_str name);
/* Returns: index, or -1. */
int dsl_pat_var(const struct dsl_pat *p, struct base_str name);

/* Reports. Returns: the root chain, or NULL. */
/* Reports bounds that say nothing. Returns: false when it did. */
bool dsl_quant_range(struct dsl_diag *d, const struct dsl_quant *q);
const struct plan_term *dsl_check_seq(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_seq *match);
/* Collects the variables of a sequence into p->vars. */
void dsl_seq_vars(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_seq *match);

/* -- a select that aggregates, under construction (dsl_lower_group.c) ------------------------------------------ */

struct dsl_group {
    struct plan_agg *aggs; /* distinct; an EXPR_AGG's agg_slot is a place here */
    uint32_t n_aggs;
    size_t cap_aggs;
    uint32_t n_input_cols; /* columns from here on are the window's bounds */
    bool windowed;
    bool inside; /* an aggregate's argument is being checked */
};

/* -- a select with over, under construction (dsl_lower_over.c) -------------------------------------------------- */

struct dsl_overs {
    struct plan_over_call *calls; /* distinct; an over's column is n_input_cols + its place here */
    uint32_t n_calls;
    size_t cap_calls;
    uint32_t n_input_cols;
    const struct dsl_rows *in;
    const struct expr **keys; /* of the first one; the others must have the same */
    uint32_t n_keys;
    const struct dsl_over *first; /* NULL: there was none yet */
};

/* -- match_recognize, under construction (dsl_lower_recognize.c, dsl_check_recognize.c) ----------------------------- */

struct dsl_mrvar {
    struct base_str name;
    struct cep_span span;
    uint64_t of; /* bits of the pattern's variables */
    const struct dsl_define *define;
    const struct expr *cond;
};

/* Aggregates of conditions or of items. */
struct dsl_mraggs {
    struct expr **list;
    size_t n, cap;
};

struct dsl_mr {
    const struct dsl_rows *in;
    struct dsl_mrvar *vars; /* of the pattern, subsets, all of them (n_vars - 1) */
    uint32_t n_vars, n_primary;
    struct dsl_mraggs aggs, item_aggs;
    bool numbered;
};

/* Where in it an expression stands. */
struct dsl_mr_at {
    struct dsl_mr *mr;
    int32_t own; /* the condition of that variable; -1: an item */
    /* In first, last, prev, next: what its columns mean. */
    bool logical, physical; /* in first or last, in prev or next */
    bool from_last, final;
    uint32_t n;
    int32_t shift;
    bool agg;    /* in an aggregate */
    int32_t var; /* whose rows a navigation or an aggregate speaks of; -1: not known yet */
};

/* -- a select from several inputs, under construction (dsl_lower_from.c, dsl_join_name.c) ------------------------- */

struct dsl_input {
    struct dsl_rows rows;
    struct base_str alias; /* empty: the stream's name */
};

/* Step k brings what step k - 1 gives (step 0: input 0) together with input k + 1. */
struct dsl_join_step {
    const struct dsl_from *from; /* the join */
    struct plan_node *node;
    struct plan_pair_col *cols; /* of its pairs, in the order in which they were named first */
    struct evt_column *shown;   /* the same: name, type */
    size_t n_cols, cap_cols, cap_shown;
    bool windowed;              /* pairs have window_start and window_end */
    struct plan_unnest *unnest; /* it takes an array of the left side apart; NULL: it joins */
};

struct dsl_joins {
    struct dsl_input *inputs; /* one more than steps */
    struct dsl_join_step *steps;
    size_t n_steps;
};

/* -- scopes and expressions ------------------------------------------------------------------------------------ */

enum dsl_scope_kind {
    DSL_SCOPE_CONST = 0, /* literals and parameters */
    DSL_SCOPE_ROW,       /* columns of one schema */
    DSL_SCOPE_KEY,       /* partition by */
    DSL_SCOPE_DEFINE,    /* condition of variable own */
    DSL_SCOPE_UNTIL,
    DSL_SCOPE_MEASURES,
};

struct dsl_scope {
    enum dsl_scope_kind kind;
    /* ROW */
    const struct evt_schema *schema;
    bool open;
    struct base_str name;    /* the stream's, for `payments.amount` and messages */
    struct base_str alias;   /* from payments as p */
    const char *word;        /* "stream", "pattern" */
    struct dsl_group *group; /* of a select that aggregates: where its aggregates are gathered; else NULL */
    struct dsl_overs *overs; /* of a select list that may have them; else NULL */
    struct dsl_joins *joins; /* several inputs: names are looked up there, not in schema; else NULL */
    uint32_t step;           /* of joins: the last one; columns are those of its pairs */
    bool in_on;              /* of that step's condition: its `using` has not made one column of two yet */
    bool left_only;          /* its right input is not seen */
    int32_t key_col; /* alerts on patterns: hidden column of the key, whose fields are names too; -1 none */
    /* patterns */
    struct dsl_pat *pat;
    int32_t own;          /* DEFINE */
    int32_t input;        /* DEFINE, UNTIL: the event under test is of this stream; -1: of any */
    int32_t agg_var;      /* inside an aggregate over this variable; -1: not */
    struct dsl_mr_at *mr; /* ROW: of a match_recognize, else NULL */
};

/* Reports. Returns: a typed expression in the plan's arena, or NULL after a mistake. */
const struct expr *dsl_check_expr(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
const struct expr *dsl_check_call(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
const struct expr *dsl_check_name(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
const struct expr *dsl_check_field(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
const struct expr *dsl_check_index(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
/* The same, and it must be a condition; `what` for the message: "condition of variable \"a\"". NULL when it fails;
 * conditions that are always true stay. */
const struct expr *dsl_check_cond(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const char *what);
/* A function or operator over arguments that are typed. Reports. */
const struct expr *dsl_call_func(
    struct dsl_sem *c, const char *name, const struct expr *const *args, uint32_t n, struct cep_span span);
const struct expr *dsl_node(struct dsl_sem *c, enum expr_kind kind, bool flag, const struct expr *const *args,
    uint32_t n, struct cep_span span);
/* a op b, where op is a comparison; NULL arguments give NULL. */
const struct expr *dsl_compare(
    struct dsl_sem *c, const char *op, const struct expr *a, const struct expr *b, struct cep_span span);
/* Makes two operands comparable: text literals become timestamps, durations, decimals. */
bool dsl_adapt_literals(
    struct dsl_sem *c, const struct dsl_expr *const *src, const struct expr **args, uint32_t n);
/* Reports what an error of the expression builders says. */
void dsl_report(struct dsl_sem *c, struct cep_span fallback, const struct cep_err *err);
struct expr *dsl_new_expr(
    struct dsl_sem *c, enum expr_kind kind, const struct evt_type *t, struct cep_span span);
bool dsl_agg_of_name(struct base_str name, enum expr_agg *out);
/* Of a select: first and last too, functions of rows in order, those of libraries. */
bool dsl_group_agg_of_name(const struct dsl_sem *c, struct base_str name, enum expr_agg *out);
const char *dsl_agg_name(enum expr_agg agg);
bool dsl_agg_eq(const struct plan_agg *a, const struct plan_agg *b);
/* An aggregate over rows: argument, filter, what else it is told, type. `out->agg` is given. Reports. Returns: false on a mistake. */
bool dsl_check_agg(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, struct plan_agg *out);
/* Requires: s->overs, e->call.over. Returns: a column behind the input's. */
const struct expr *dsl_check_over(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e);
void dsl_over_out_of_place(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e);
/* Requires: s->group. */
const struct expr *dsl_check_group_agg(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, enum expr_agg agg);
/* window_start, window_end. Returns: NULL when the name is none of a window's bounds here. */
const struct expr *dsl_check_group_bound(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name);
/* A column of a row of the variable, as what stands around it says. Requires: s->mr. `col` may be the one behind the last: classifier(). Reports. */
const struct expr *dsl_mr_column(
    struct dsl_sem *c, struct dsl_scope *s, uint32_t var, uint32_t col, struct cep_span span);
/* Returns: index, or -1. */
int dsl_mr_var(const struct dsl_mr *mr, struct base_str name);
/* match_number() and its kin, of a pattern or a match_recognize (dsl_check_call.c). Reports. Returns: false when it is none of them. */
bool dsl_match_property(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e, const struct expr **out);
/* Returns: false when it is a function of values. */
bool dsl_mr_call(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const struct expr **out);
/* Its pattern. *anchored: there is a ^ in it. Reports. Returns: NULL after a mistake. */
const struct plan_row_term *dsl_check_rows(
    struct dsl_sem *c, const struct dsl_mr *mr, const struct dsl_seq *pattern, bool *anchored);
struct dsl_row_depths {
    uint32_t of
        [PLAN_ROW_VARS_MAX]; /* rows that are taken before one of it at least; INT32_MAX: it is never taken */
};
void dsl_row_depths_of(const struct plan_row_term *root, struct dsl_row_depths *out);
/* Bits of the variables that the first row of a match can be. */
uint64_t dsl_row_firsts(const struct plan_row_term *root);
/* Its rows as a hidden node of sym. Reports. */
bool dsl_lower_recognize(struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_from *f,
    const struct dsl_rows *in, struct dsl_rows *out);
/* A variable that an expression's first `var.column` names, or -1. */
int32_t dsl_agg_variable(const struct dsl_pat *p, const struct dsl_expr *e);
/* The column `name` of an event of the variable or input. Reports. Returns: index into p->cols, or -1. */
int32_t dsl_pat_col(struct dsl_sem *c, struct dsl_scope *s, int32_t input, const struct dsl_name *name,
    const struct dsl_pvar *of);
/* A pattern reference whose place in a condition costs state: shared by structure. */
void dsl_note_slot(struct dsl_sem *c, struct dsl_scope *s, struct expr *e);

/* Folds constants; warns of what fails on every event. NULL stays NULL. */
const struct expr *dsl_fold(struct dsl_sem *c, const struct expr *e);
/* Warns when a condition can never be true: constants, contradicting ranges, a column against itself. `what` as above.
 * Returns: true when it can be. */
bool dsl_warn_cond(struct dsl_sem *c, const struct expr *e, const struct evt_schema *cols, const char *what);

/* -- statements ------------------------------------------------------------------------------------------------ */

/* Endpoints and options. Report; false on a mistake. */
struct dsl_endpoint_out {
    const struct plan_connector_spec *connector;
    const struct plan_format_spec *format;
    const struct plan_opt *opts, *format_opts;
    uint32_t n_opts, n_format_opts;
};
bool dsl_check_endpoint(struct dsl_sem *c, const struct dsl_endpoint *to, const struct dsl_endpoint *format,
    bool source, const struct evt_schema *schema /* of the rows; NULL: not known */,
    struct cep_span stmt_span, struct dsl_endpoint_out *out);
/* The options of a library: e's name is the library as written. */
bool dsl_check_library_options(struct dsl_sem *c, const struct dsl_endpoint *e,
    const struct plan_opt_spec *specs, const struct plan_opt **out, uint32_t *n_out);
/* `as ALIAS`, or the name of a plain column. Reports when there is none. */
bool dsl_alias_name(struct dsl_sem *c, const struct dsl_alias *al, struct dsl_name *out);
/* Text with {expr}s, over what the scope sees. */
const struct plan_template *dsl_template(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_part *parts, size_t n);

/* The pieces of a text literal with {expr}s. Reports. Returns: false on a mistake. */
bool dsl_template_text(
    struct dsl_sem *c, const struct dsl_expr *literal, struct dsl_part **parts, size_t *n_parts);

struct plan_node *dsl_add_node(struct dsl_sem *c, struct dsl_sym *sym, enum plan_node_kind kind);
/* Columns as a stream declares them; sym is bad, and open, when they have mistakes. */
const struct evt_schema *dsl_columns_of(struct dsl_sem *c, struct dsl_sym *sym,
    const struct dsl_column *columns, size_t n_columns, struct cep_span span);
/* Loads it. Reports. Returns: NULL when it cannot be used. */
const struct cep_library *dsl_library(struct dsl_sem *c, struct base_str written, struct cep_span at);
void dsl_lower_process(struct dsl_sem *c, struct dsl_sym *sym);
/* All `function` and `aggregate` statements; before anything has expressions. */
void dsl_lower_functions(struct dsl_sem *c);
/* Returns: NULL when it names no function or aggregate of a library. */
const struct dsl_sym *dsl_user_function(const struct dsl_sem *c, struct base_str name);
/* Requires: sym->user was not asked for: a function. Reports. */
const struct expr *dsl_check_user_call(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const struct dsl_sym *sym);
/* The argument of a user aggregate, and its type. Reports. */
bool dsl_check_user_agg(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, struct plan_agg *out);
/* A node that a statement needs besides its own: "$NAME.1", "$NAME.2", ... */
struct plan_node *dsl_add_hidden_node(struct dsl_sem *c, struct dsl_sym *sym, enum plan_node_kind kind);
/* The next such name. */
struct base_str dsl_hidden_name(struct dsl_sem *c, struct dsl_sym *sym);
void dsl_lower_source(struct dsl_sem *c, struct dsl_sym *sym);
void dsl_lower_select(struct dsl_sem *c, struct dsl_sym *sym);
/*
 * What a select reads, and the scope of its expressions. Reports. Returns: false when it names nothing that gives rows (in->sym is
 * NULL then), or itself. `fused`: when it joins, the last join is the statement's own node, else one of its hidden ones.
 * Requires: it has a `from`.
 */
bool dsl_select_scope(struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_select *sel, bool fused,
    struct dsl_rows *in, struct dsl_scope *out);
/* Columns of what it reads, as far as they are known: all that were named. */
const struct evt_schema *dsl_scope_schema(struct dsl_sem *c, const struct dsl_scope *s);
/* All expressions were checked: in->schema has all columns. */
void dsl_scope_close(struct dsl_sem *c, const struct dsl_scope *s, struct dsl_rows *in);
/* What `where` says; of a join what is left of it when each side has its own. *ok: false after a mistake. NULL = all rows. */
const struct expr *dsl_select_where_of(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_select *sel, bool *ok);
bool dsl_from_joins(const struct dsl_select *sel);
/* True when an `over` stands in its select list. */
bool dsl_select_has_over(const struct dsl_select *s);
/* More than there can be columns of what is read. */
uint32_t dsl_scope_n_columns(const struct dsl_scope *s);
/* An array taken apart, or the windows of each row (dsl_table_fn.c). */
bool dsl_is_unnest(const struct dsl_from *f);
/* Its step of the join. `right`: what its elements are. Reports. */
bool dsl_lower_unnest(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_from *join, struct dsl_rows *right);
/* An expression over a step's pairs as one over the columns of that side's input. Requires: it names no other side's. */
const struct expr *dsl_join_over_input(
    struct dsl_sem *c, const struct expr *e, const struct dsl_join_step *st);
/* `as t (a, b)`: the columns' names. Reports. */
bool dsl_from_rename(struct dsl_sem *c, const struct dsl_from *f, struct dsl_rows *in);
/* The query with windows in the place of tumble(...), hop(...) and session(...); the same one when it has none. Reports. */
struct dsl_query *dsl_expand_windows(struct dsl_sem *c, struct dsl_query *q);
/* False when it is known to be another column than the time of the rows. */
bool dsl_may_be_time(const struct dsl_sem *c, struct plan_ref ref, uint32_t col);
static inline struct plan_ref dsl_rows_ref(const struct dsl_rows *r) {
    return r->node  ? (struct plan_ref){ r->node->index, r->of_node }
           : r->sym ? (struct plan_ref){ r->sym->node, r->port }
                    : (struct plan_ref){ 0, PLAN_PORT_MAIN };
}

/* Requires: s->joins. A bare name; NULL: no input has it, or more than one. */
const struct expr *dsl_join_column(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name);
const struct expr *dsl_join_col(
    struct dsl_sem *c, struct dsl_scope *s, uint32_t input, uint32_t col, struct cep_span span);
bool dsl_join_sees(const struct dsl_scope *s, struct base_str name);
/* Reports when more than one has it. */
bool dsl_join_ambiguous(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name);
void dsl_join_unknown(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name);
void dsl_join_near(const struct dsl_scope *s, struct dsl_nearest *near);
/* The input that is called so, or -1; its column. Reports. */
int dsl_join_input(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *base);
const struct expr *dsl_join_field(
    struct dsl_sem *c, struct dsl_scope *s, int input, const struct dsl_name *name);
/* `*`, `a.*`: calls add for each column. Reports. Returns: false on a mistake. */
bool dsl_join_star(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e,
    void (*add)(void *arg, const struct expr *item, struct base_str name), void *arg);
/* True when it has aggregates, `group by` or `having`; the first one also when it has a window or is distinct. */
bool dsl_select_aggregates(const struct dsl_sem *c, const struct dsl_select *s);
bool dsl_select_aggregates_rows(const struct dsl_sem *c, const struct dsl_select *s);
/* A query within a statement becomes hidden nodes of it. */
void dsl_lower_inner(
    struct dsl_sem *c, struct dsl_sym *sym, struct dsl_query *q, struct cep_span span, struct dsl_rows *out);
/* Of a tumbling or a sliding window. Reports. */
bool dsl_window_bounds(
    struct dsl_sem *c, const struct dsl_window *w, int64_t *size, int64_t *slide, int64_t *offset);
/* Requires: the query is one select that aggregates. */
void dsl_lower_aggregate(struct dsl_sem *c, struct dsl_sym *sym);
/*
 * Makes a select whose one branch has over a node of its own. `items`: over the input's columns and the overs'; rewritten. Requires:
 * there is a call, nothing is bad.
 */
void dsl_lower_over(struct dsl_sem *c, struct plan_node *node, const struct dsl_overs *overs,
    const struct plan_select_branch *branch, const struct expr **items, uint32_t n_items);
/*
 * Streams whose rows can be taken back (dsl_lower_changes.c): their last column is the mark. Report.
 */
/* Returns: the mark's column, or -1. s may be NULL. */
int dsl_mark_of(const struct evt_schema *s);
/* Does the expression as written name the mark itself? Then it is there anyway. */
bool dsl_is_mark(const struct dsl_expr *e);
/* Returns: false when rows of `in` can be taken back; `who` ("a pattern") cannot do that. */
bool dsl_changes_refused(struct dsl_sem *c, const struct dsl_rows *in, struct cep_span at, const char *who);
/* dsl_lower_emit.c; window, of what reads `in`, is known. Report. */
bool dsl_lower_emits(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out);
bool dsl_lower_accumulation(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out);
bool dsl_lower_lateness(
    struct dsl_sem *c, const struct dsl_query *q, const struct dsl_rows *in, struct plan_aggregate *out);
const char *dsl_window_word(enum plan_window w); /* "a tumbling window" */
/* `retracting` and `upsert` of a select that aggregates. */
bool dsl_lower_changes(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out);
/* Can it read such a stream? */
bool dsl_changes_read(struct dsl_sem *c, const struct dsl_query *q, const struct dsl_rows *in,
    const struct plan_aggregate *ag, bool table);
/* What is replaced is found by its key: all of it must be given. */
bool dsl_upsert_keys(struct dsl_sem *c, const struct dsl_query *q, const struct plan_aggregate *ag,
    const struct expr *const *items, uint32_t n);
/* Are its rows replaced by key, without being taken back? */
bool dsl_is_upsert(const struct dsl_sem *c, const struct dsl_rows *in);
/* Can the sink's format write the mark? `t`: its template; NULL = none. */
bool dsl_changes_written(struct dsl_sem *c, const struct dsl_sink *st, const struct dsl_rows *in,
    const struct plan_format_spec *format, const struct plan_template *t);
void dsl_lower_table(struct dsl_sem *c, struct dsl_sym *sym);
/* A query with `order by` or `limit`. */
void dsl_lower_top(struct dsl_sem *c, struct dsl_sym *sym);
enum plan_skip dsl_skip_of(const struct dsl_after *af);
void dsl_lower_pattern(struct dsl_sem *c, struct dsl_sym *sym);
/* After a syntax mistake: checks the clauses that could be read, as far as they do not need the others. */
void dsl_check_broken_pattern(struct dsl_sem *c, struct dsl_sym *sym);
/* The same for a stream; when its columns were read whole, what reads it is checked against them. */
void dsl_check_broken_source(struct dsl_sem *c, struct dsl_sym *sym);
/* Requires: sym->stmt->select. */
void dsl_check_broken_select(struct dsl_sem *c, struct dsl_sym *sym);
void dsl_check_broken_alert(struct dsl_sem *c, struct dsl_sym *sym);
void dsl_check_broken_sink(struct dsl_sem *c, const struct dsl_stmt *stmt);
/* As dsl_check_endpoint(), for what could be read: nothing is missed. */
void dsl_check_broken_endpoint(struct dsl_sem *c, const struct dsl_endpoint *to,
    const struct dsl_endpoint *format, bool source, const struct evt_schema *schema,
    struct dsl_endpoint_out *out);
void dsl_lower_alert(struct dsl_sem *c, struct dsl_sym *sym);
void dsl_lower_sink(struct dsl_sem *c, const struct dsl_stmt *stmt);
void dsl_lower_implied_sinks(struct dsl_sem *c);
/* A sink that writes what a source reads or another sink writes. */
void dsl_check_meeting_sinks(struct dsl_sem *c);
void dsl_lower_tests(struct dsl_sem *c);
void dsl_warn_unread(struct dsl_sem *c);
void dsl_warn_clocks(struct dsl_sem *c);
/* Loops and waits without end. */
void dsl_warn_pattern(struct dsl_sem *c, struct dsl_pat *p, const struct plan_pattern *pt);

/* A copy in the plan's arena, so that the plan outlives texts and AST. */
static inline struct base_str dsl_keep(struct dsl_sem *c, struct base_str s) {
    return base_arena_str(c->a, s);
}
