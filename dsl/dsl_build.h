#pragma once
/*
 * dsl_build -- what the grammar's actions call: the state of one parse, and the makers of AST nodes.
 *
 * Private to dsl_gram.y, dsl_lex.c, dsl_syntax.c, dsl_build*.c and dsl_parse.c. Makers set span, depth and id; a
 * node that would be nested deeper than DSL_LIMIT_DEPTH is reported once a statement and becomes an ERROR leaf.
 */
#include "dsl/dsl_ast.h"
#include "dsl/dsl_diag.h"
#include "dsl/dsl_parse.h"
#include "dsl/dsl_token.h"

/* A list while it grows, in the arena. */
struct dsl_vec {
    void *items;
    size_t n, cap;
};

struct dsl_parse {
    /* Set once. */
    struct base_arena *arena;
    struct dsl_diag *diag;
    uint32_t file;
    struct dsl_tokens *toks;
    bool expr_only; /* an expression in a message, not a file */

    /* dsl_lex.c: where the parser is. */
    size_t pos;                     /* next token of toks */
    size_t fed;                     /* the one given last; SIZE_MAX: none */
    size_t stmt_first;              /* first one of the statement that is being read */
    struct dsl_token *last;         /* what the parser was given last, maybe made up */
    size_t semi_first, semi_last;   /* when `last` is a `;`: the statement's first and last token */
    uint32_t open[DSL_LIMIT_DEPTH]; /* opening brackets that the parser was given */
    size_t n_open;
    bool insert_semi;  /* next come closing brackets and a `;`, made up */
    bool insert_close; /* next comes the closing bracket of the innermost one, made up */
    bool recovering;   /* since a syntax error, until a rule with `error` is done */
    size_t reported;   /* token of the last syntax error, when n_reported > 0 */
    size_t n_reported;
    size_t unclosed_at;  /* the token before which a closing bracket was missing; SIZE_MAX: none */
    bool wrong_at_once;  /* the last one was in the first token of an item */
    size_t recovered_at; /* the token at which the parser went on after the last one */
    int begun;           /* how many of the tokens were given with which parsing begins */

    /* dsl_build.c: what was made. */
    struct dsl_vec stmts; /* struct dsl_stmt * */
    struct dsl_stmt *cur; /* being read; NULL: its name is not known yet */
    bool broken;          /* the statement being read */
    bool too_deep;        /* reported for this statement */
    uint32_t *n_exprs;
    struct dsl_expr *single; /* expr_only: the result */
    struct dsl_vec
        wants_minus; /* struct dsl_expr *: literals 9223372036854775808, until a minus is before them */
};

/* ---- dsl_lex.c: tokens as the parser wants them ---- */
void dsl_lex_prepare(struct dsl_parse *p);
/* Tells of a bracket that closes nothing. */
void dsl_lex_stray(struct dsl_parse *p, const struct dsl_token *tok);
/* Returns: the next token; never NULL; the last one for ever. */
struct dsl_token *dsl_lex_next(struct dsl_parse *p, int *kind);
struct base_str dsl_token_text(const struct dsl_parse *p, const struct dsl_token *t);
bool dsl_token_starts_stmt(int kind);
bool dsl_token_is_ident(const struct dsl_token *t);
bool dsl_token_is_name(const struct dsl_token *t);

/* ---- dsl_syntax.c: messages ---- */
/* The parser cannot go on with the token given last; `expected` are the tokens it could go on with. */
void dsl_syntax_error(struct dsl_parse *p, const int *expected, size_t n_expected);
/* A mistake that an action found: marks the statement as broken. */
void dsl_mistake(struct dsl_parse *p, struct cep_span span, enum cep_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- the parser, in dsl_gram.y ---- */
int dsl_gram_run(struct dsl_parse *p);

/* ---- dsl_parse.c ---- */
/* Reports the literals that no minus stood before. */
void dsl_literals_done(struct dsl_parse *p);
/* As dsl_parse_text(), for the formatter, which wants the tokens too. */
struct dsl_program *dsl_parse_tokens(const char *name, struct base_str text, struct base_arena *a,
    struct dsl_diag *diag, struct dsl_tokens *toks);

/* ---- dsl_template.c: the text of a message, with expressions in braces ---- */
void dsl_parse_template(
    struct dsl_parse *p, const struct dsl_token *literal, struct dsl_part **parts, size_t *n_parts);

/* ---- dsl_build.c: lists, names, types, statements ---- */
void dsl_vec_add(struct dsl_parse *p, struct dsl_vec *v, const void *item, size_t size);
#define DSL_ADD(p, v, item) dsl_vec_add((p), (v), &(item), sizeof(item))
/* One more item in an array that is in a node: room for it. */
void *dsl_more(struct dsl_parse *p, void *items, size_t n, size_t size);
/* Depth of a node over its children's; reports once and returns false when it is too deep. */
bool dsl_depth_ok(struct dsl_parse *p, struct cep_span span, uint32_t depth);

struct dsl_name dsl_mk_name(struct dsl_token *t, bool quoted);
struct dsl_path dsl_mk_path(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *left, struct dsl_name name);
struct dsl_type *dsl_mk_named_type(struct dsl_parse *p, struct cep_span span, const struct dsl_token *word,
    const char *more, const struct dsl_vec *args);
struct dsl_type *dsl_mk_array_type(struct dsl_parse *p, struct cep_span span, struct dsl_type *elem);
struct dsl_type *dsl_mk_row_type(struct dsl_parse *p, struct cep_span span, const struct dsl_vec *columns);
struct dsl_endpoint *dsl_mk_endpoint(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, const struct dsl_vec *options);
/* One of path and quoted. */
struct dsl_option *dsl_mk_option(struct dsl_parse *p, struct cep_span span, const struct dsl_path *path,
    const struct dsl_token *quoted, struct dsl_expr *value);
struct dsl_label *dsl_mk_label(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, struct dsl_expr *value);
struct dsl_define *dsl_mk_define(struct dsl_parse *p, struct cep_span span, struct dsl_name var,
    struct dsl_expr *expr, struct dsl_expr *where);
struct dsl_after *dsl_mk_after(struct dsl_parse *p, enum dsl_skip skip, struct dsl_name var);
struct dsl_limit *dsl_mk_limit(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *n, bool matches, bool refuse_new);
void dsl_add_limit(struct dsl_parse *p, const struct dsl_limit *l);
struct dsl_row *dsl_mk_row(
    struct dsl_parse *p, struct cep_span span, const struct dsl_vec *labels, const struct dsl_vec *values);
void dsl_add_given(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *stream, const struct dsl_vec *rows);
void dsl_add_advance(struct dsl_parse *p, struct cep_span span, struct dsl_expr *to);
void dsl_add_expect(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *name, const struct dsl_vec *rows);
struct dsl_process *dsl_mk_process(
    struct dsl_parse *p, const struct dsl_token *lib, const struct dsl_vec *options);

/* `at`: the token that begins no statement; nearest: the word that it may be, or NULL. */
void dsl_stmt_guess(struct dsl_parse *p, size_t at, const char *nearest);
void dsl_stmt_begin(struct dsl_parse *p, enum dsl_stmt_kind kind, struct dsl_name name);
/* A statement of which only the first word, and maybe the name behind it, could be read. */
void dsl_stmt_lost(struct dsl_parse *p, enum dsl_stmt_kind kind);
/* Changes what `stream` turned out to be; keeps name and place. */
void dsl_stmt_turn(struct dsl_parse *p, enum dsl_stmt_kind kind);
/* stream NAME (columns) as process ... */
void dsl_process_columns(struct dsl_parse *p, const struct dsl_process *body);
/* The statement is whole; its `;` was the last token given to the parser. */
void dsl_stmt_end(struct dsl_parse *p);
void dsl_set_severity(struct dsl_parse *p, struct cep_span clause, struct dsl_name level);
void dsl_set_message(struct dsl_parse *p, struct cep_span clause, const struct dsl_token *text);
/* Reports a clause that is there for the second time. */
void dsl_twice(struct dsl_parse *p, struct cep_span span, bool given, const char *what);

/* ---- dsl_build_expr.c ---- */
struct dsl_args {
    struct dsl_vec args;
    bool distinct, star, from, lost;
    const char *name; /* of the function that is meant, NULL: the one that is written */
};
struct dsl_expr *dsl_mk_expr(struct dsl_parse *p, enum dsl_expr_kind k, struct cep_span span);
struct dsl_expr *dsl_mk_lit(
    struct dsl_parse *p, enum dsl_lit_kind k, struct cep_span span, const struct dsl_token *t);
/* word: timestamp, or date: then the text is a day alone. */
struct dsl_expr *dsl_mk_timestamp(
    struct dsl_parse *p, struct cep_span span, const struct dsl_token *word, const struct dsl_token *text);
/* What the clock of a zone shows at a time: convert_tz(t, 'UTC', zone). */
struct dsl_expr *dsl_mk_at_zone(struct dsl_parse *p, struct cep_span span, struct dsl_expr *t,
    struct cep_span word, struct dsl_expr *zone);
struct dsl_expr *dsl_mk_interval(
    struct dsl_parse *p, struct cep_span span, const struct dsl_token *text, const struct dsl_token *unit);
/* A number where a duration is wanted: a mistake. */
struct dsl_expr *dsl_mk_unitless(struct dsl_parse *p, struct cep_span span, const struct dsl_token *number);
struct dsl_expr *dsl_mk_name_expr(struct dsl_parse *p, struct dsl_name name);
struct dsl_expr *dsl_mk_field(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *base, struct dsl_name name);
struct dsl_expr *dsl_mk_index(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *base, struct dsl_expr *index);
struct dsl_expr *dsl_mk_star_of(struct dsl_parse *p, struct cep_span span, struct dsl_expr *base);
struct dsl_args *dsl_mk_args(struct dsl_parse *p, const struct dsl_vec *args, bool distinct, bool star);
/* f(a from b [for c]): the same as f(a, b[, c]). */
struct dsl_args *dsl_mk_args_from(
    struct dsl_parse *p, struct dsl_expr *a, struct dsl_expr *b, struct dsl_expr *c);
/* trim(both, leading or trailing chars from text); chars may be NULL. */
struct dsl_args *dsl_mk_args_trim(
    struct dsl_parse *p, const struct dsl_token *side, struct dsl_expr *chars, struct dsl_expr *text);
struct dsl_expr *dsl_mk_call(struct dsl_parse *p, struct cep_span span, struct dsl_name name,
    const struct dsl_args *args, struct dsl_expr *filter, struct dsl_over *over);
/* `table s [partition by k, ...]`; by may be NULL. */
struct dsl_expr *dsl_mk_table_arg(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *path, const struct dsl_vec *by);
struct dsl_over *dsl_mk_over(struct dsl_parse *p);
/* `unbounded` preceding, or a parameter. */
struct dsl_expr *dsl_mk_frame_name(struct dsl_parse *p, struct dsl_token *word);
struct dsl_expr *dsl_mk_named_arg(
    struct dsl_parse *p, struct cep_span span, struct dsl_name label, struct dsl_expr *value);
struct dsl_expr *dsl_mk_unary(
    struct dsl_parse *p, struct cep_span span, enum dsl_unary_op op, struct dsl_expr *arg);
struct dsl_expr *dsl_mk_binary(struct dsl_parse *p, struct cep_span span, enum dsl_binary_op op,
    struct cep_span op_span, struct dsl_expr *left, struct dsl_expr *right);
struct dsl_expr *dsl_mk_logic(
    struct dsl_parse *p, enum dsl_expr_kind k, struct dsl_expr *left, struct dsl_expr *right);
struct dsl_expr *dsl_mk_between(struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg,
    struct dsl_expr *low, struct dsl_expr *high, bool negated);
struct dsl_expr *dsl_mk_in(struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg,
    const struct dsl_vec *items, struct dsl_query *query, bool negated);
struct dsl_expr *dsl_mk_like(struct dsl_parse *p, struct cep_span span, enum dsl_like_op op,
    struct dsl_expr *arg, struct dsl_expr *pattern, struct dsl_expr *escape, bool negated);
struct dsl_expr *dsl_mk_is(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg, enum dsl_is_what what, bool negated);
struct dsl_expr *dsl_mk_case(struct dsl_parse *p, struct cep_span span, struct dsl_expr *operand,
    const struct dsl_vec *whens, struct dsl_expr *otherwise);
struct dsl_expr *dsl_mk_cast(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg, struct dsl_type *type, bool try_cast);
/* items may be NULL: []. */
struct dsl_expr *dsl_mk_array(struct dsl_parse *p, struct cep_span span, const struct dsl_vec *items);
struct dsl_expr *dsl_mk_query_expr(
    struct dsl_parse *p, struct cep_span span, struct dsl_query *q, bool exists);
struct dsl_expr *dsl_mk_parens(struct dsl_expr *e);

/* ---- dsl_build_seq.c ---- */
struct dsl_seq *dsl_mk_var(struct dsl_parse *p, struct cep_span span, struct dsl_name var);
struct dsl_seq *dsl_mk_not(struct dsl_parse *p, struct cep_span span, struct dsl_seq *item);
struct dsl_seq *dsl_mk_leaf(struct dsl_parse *p, enum dsl_seq_kind k, struct cep_span span);
/* bound may be NULL. */
struct dsl_step *dsl_mk_step(
    struct dsl_parse *p, enum dsl_join join, const struct dsl_step *bound, struct cep_span span);
struct dsl_step *dsl_mk_bound(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *low, struct dsl_expr *high);
/* Begins (left and step NULL) or goes on with a chain. */
struct dsl_seq *dsl_mk_chain(struct dsl_parse *p, struct cep_span span, struct dsl_seq *left,
    const struct dsl_step *step, struct dsl_seq *item);
struct dsl_seq *dsl_mk_alt(
    struct dsl_parse *p, struct cep_span span, struct dsl_seq *left, struct dsl_seq *right);
struct dsl_seq *dsl_mk_list(
    struct dsl_parse *p, enum dsl_seq_kind k, struct cep_span span, const struct dsl_vec *items);
struct dsl_seq *dsl_mk_loop(
    struct dsl_parse *p, struct cep_span span, struct dsl_seq *body, const struct dsl_quant *q);
struct dsl_seq *dsl_mk_group(struct dsl_seq *s);
struct dsl_quant *dsl_mk_quant(struct dsl_parse *p, struct cep_span span, int64_t min, int64_t max);
/* {min}, {min,}, {,max}, {min,max}: literals, maybe negative; NULL: not there. */
struct dsl_quant *dsl_mk_braces(struct dsl_parse *p, struct cep_span span, const struct dsl_expr *min,
    bool comma, const struct dsl_expr *max);
void dsl_quant_inner(struct dsl_parse *p, struct dsl_quant *q, enum dsl_inner inner, struct cep_span span);
void dsl_quant_greedy(struct dsl_parse *p, struct dsl_quant *q, struct cep_span span);
void dsl_quant_until(struct dsl_parse *p, struct dsl_quant *q, struct dsl_expr *e, struct cep_span span);
void dsl_quant_gap(struct dsl_parse *p, struct dsl_quant *q, struct dsl_expr *d, struct cep_span span);

/* ---- dsl_build_query.c ---- */
struct dsl_from *dsl_mk_from(struct dsl_parse *p, enum dsl_from_kind k, struct cep_span span);
struct dsl_from *dsl_mk_from_call(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, const struct dsl_args *args);
struct dsl_from *dsl_mk_from_query(struct dsl_parse *p, struct cep_span span, struct dsl_query *q);
struct dsl_from *dsl_mk_from_match(
    struct dsl_parse *p, struct cep_span span, struct dsl_from *input, struct dsl_match_recognize *mr);
struct dsl_from *dsl_mk_join(struct dsl_parse *p, struct cep_span span, enum dsl_join_kind k,
    struct dsl_from *left, struct dsl_from *right);
/* What stands behind the tables of a join, collected in `tail`. */
void dsl_join_on(struct dsl_from *join, const struct dsl_from *tail);
struct dsl_window *dsl_mk_window(struct dsl_parse *p, enum dsl_window_kind k, struct cep_span span,
    struct dsl_expr *size, struct dsl_expr *slide, struct dsl_expr *offset);
/* items and from may be NULL after a mistake. */
struct dsl_select *dsl_mk_select(struct dsl_parse *p, struct cep_span span, bool distinct,
    struct cep_span distinct_span, const struct dsl_vec *items, const struct dsl_vec *from,
    struct cep_span from_span);
/* Clauses: from the first word to the end of the last thing; w may be NULL. */
struct dsl_select *dsl_select_where(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    struct dsl_expr *e, struct dsl_window *w, struct cep_span first, struct cep_span last);
struct dsl_select *dsl_select_group(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    const struct dsl_vec *group, struct dsl_window *w, struct cep_span first, struct cep_span last);
struct dsl_select *dsl_select_having(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    struct dsl_expr *e, struct dsl_window *w, struct cep_span first, struct cep_span last);
struct dsl_query *dsl_mk_query(struct dsl_parse *p, struct dsl_select *first);
void dsl_query_add(
    struct dsl_parse *p, struct dsl_query *q, struct dsl_select *s, struct cep_span op, bool union_all);
void dsl_query_emits(struct dsl_parse *p, struct dsl_query *q, const struct dsl_vec *emits);
struct dsl_match_recognize *dsl_mk_mr(struct dsl_parse *p);
