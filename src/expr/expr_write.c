/*
 * expr_write -- expressions as a person would write them, with the brackets that precedence needs.
 */
#include "expr/expr.h"

#include "base/base_check.h"
#include "base/base_num.h"
#include "expr/expr_func.h"

/* How tightly a node binds; an operand that binds less tightly than its place asks for gets brackets. */
enum write_prec {
    WRITE_OR = 0,
    WRITE_AND,
    WRITE_NOT,
    WRITE_COMPARE,
    WRITE_CONCAT,
    WRITE_ADD,
    WRITE_MUL,
    WRITE_UNARY,
    WRITE_PRIMARY
};

struct write_ctx {
    struct base_buf *b;
    const struct evt_schema *schema;
    const struct base_str *var_names;
    const struct expr *agg; /* inside an aggregate: columns are its variable's */
};

static const char *const write_agg_names[EXPR_AGG_LIST_MAX] = {
#define WRITE_AGG_NAME(name, text) [EXPR_AGG_##name] = text,
    EXPR_AGG_LIST(WRITE_AGG_NAME)
#undef WRITE_AGG_NAME
};

static const char *const write_match_names[EXPR_MATCH_MAX] = {
    [EXPR_MATCH_NUMBER] = "match_number()",
    [EXPR_MATCH_START] = "match_start()",
    [EXPR_MATCH_END] = "match_end()",
    [EXPR_MATCH_DURATION] = "match_duration()",
    [EXPR_MATCH_TIMED_OUT_AT] = "timed_out_at",
    [EXPR_MATCH_ID] = "match_id()",
};

static enum write_prec write_call_prec(const struct expr *e) {
    if (!e->func->is_operator)
        return WRITE_PRIMARY;
    if (e->n_args == 1)
        return WRITE_UNARY;
    const char *op = e->func->name;
    if (strcmp(op, "*") == 0 || strcmp(op, "/") == 0 || strcmp(op, "%") == 0)
        return WRITE_MUL;
    if (strcmp(op, "+") == 0 || strcmp(op, "-") == 0)
        return WRITE_ADD;
    return strcmp(op, "||") == 0 ? WRITE_CONCAT : WRITE_COMPARE;
}

static enum write_prec write_prec_of(const struct expr *e) {
    switch (e->kind) {
    case EXPR_AND: return WRITE_AND;
    case EXPR_OR: return WRITE_OR;
    case EXPR_NOT: return WRITE_NOT;
    case EXPR_IS_NULL:
    case EXPR_IN: return WRITE_COMPARE;
    case EXPR_CALL: return write_call_prec(e);
    case EXPR_CONST:
    case EXPR_COL:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_CAST:
    case EXPR_FIELD:
    case EXPR_ELEM:
    case EXPR_ARRAY:
    case EXPR_VAR_COL:
    case EXPR_AGG:
    case EXPR_EVENTS:
    case EXPR_PREV:
    case EXPR_KEY:
    case EXPR_MATCH:
    case EXPR_NAV: return WRITE_PRIMARY;
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of expression");
    return WRITE_PRIMARY;
}

static void write_node(struct write_ctx *w, const struct expr *e);

static void write_at(struct write_ctx *w, const struct expr *e, enum write_prec least) {
    bool brackets = write_prec_of(e) < least;
    if (brackets)
        base_buf_putc(w->b, '(');
    write_node(w, e);
    if (brackets)
        base_buf_putc(w->b, ')');
}

static void write_list(struct write_ctx *w, const struct expr *e, uint32_t from) {
    for (uint32_t i = from; i < e->n_args; i++) {
        if (i > from)
            base_buf_puts(w->b, ", ");
        write_at(w, e->args[i], WRITE_OR);
    }
}

/* The variable that is all of a match has no name. */
static bool is_whole_match(const struct write_ctx *w, uint32_t var) {
    return w->var_names && w->var_names[var].len == 0;
}

static void write_var(struct write_ctx *w, uint32_t var) {
    if (w->var_names)
        evt_name_write(w->b, w->var_names[var]);
    else
        base_buf_printf(w->b, "$%u", var);
}

static void write_col(struct write_ctx *w, uint32_t index) {
    if (w->schema && index < w->schema->n_cols)
        evt_name_write(w->b, w->schema->cols[index].name);
    else if (w->schema && index == w->schema->n_cols) /* behind the columns: as what the row was taken */
        base_buf_puts(w->b, "classifier()");
    else
        base_buf_printf(w->b, "#%u", index);
}

static void write_call(struct write_ctx *w, const struct expr *e) {
    enum write_prec prec = write_call_prec(e);
    if (!e->func->is_operator || e->n_args > 2) {
        base_buf_puts(w->b, e->func->name);
        base_buf_putc(w->b, '(');
        write_list(w, e, 0);
        base_buf_putc(w->b, ')');
    } else if (e->n_args == 1) {
        base_buf_puts(w->b, e->func->name);
        if (e->func->name[0] >= 'a')
            base_buf_putc(w->b, ' ');
        /* "-" before a negative number or another "-" must not begin a comment */
        write_at(w, e->args[0], WRITE_PRIMARY);
    } else {
        write_at(w, e->args[0], prec == WRITE_COMPARE ? prec + 1 : prec);
        base_buf_printf(w->b, " %s ", e->func->name);
        write_at(w, e->args[1], prec + 1);
    }
}

static void write_agg(struct write_ctx *w, const struct expr *e) {
    bool distinct = e->agg == EXPR_AGG_COUNT_DISTINCT;
    base_buf_puts(w->b, e->flag ? "final " : "");
    base_buf_puts(w->b, distinct ? "count(distinct " : write_agg_names[e->agg]);
    if (!distinct)
        base_buf_putc(w->b, '(');
    if (e->n_args == 0 && is_whole_match(w, e->var)) {
        base_buf_putc(w->b, '*');
    } else if (e->n_args == 0) {
        write_var(w, e->var);
    } else {
        struct write_ctx in = *w;
        in.agg = e;
        write_at(&in, e->args[0], WRITE_OR);
    }
    base_buf_putc(w->b, ')');
}

/* final prev(first(a.price, 2), 1); the column behind the last one is the variable that a row was taken as. */
static void write_nav(struct write_ctx *w, const struct expr *e) {
    struct base_buf *b = w->b;
    bool inner = !e->from_last || e->n > 0, whole = is_whole_match(w, e->var);
    base_buf_puts(b, e->flag ? "final " : "");
    base_buf_puts(b, e->shift < 0 ? "prev(" : e->shift > 0 ? "next(" : "");
    base_buf_puts(b, inner ? e->from_last ? "last(" : "first(" : e->flag && e->shift == 0 ? "last(" : "");
    if (w->schema && e->index == w->schema->n_cols) {
        base_buf_puts(b, "classifier(");
        if (!whole)
            write_var(w, e->var);
        base_buf_putc(b, ')');
    } else {
        if (!whole) {
            write_var(w, e->var);
            base_buf_putc(b, '.');
        }
        write_col(w, e->index);
    }
    if (inner && e->n > 0)
        base_buf_printf(b, ", %u", e->n);
    base_buf_puts(b, inner || (e->flag && e->shift == 0) ? ")" : "");
    if (e->shift < -1 || e->shift > 1)
        base_buf_printf(b, ", %lld", e->shift < 0 ? -(long long)e->shift : (long long)e->shift);
    base_buf_puts(b, e->shift != 0 ? ")" : "");
}

static void write_joined(struct write_ctx *w, const struct expr *e, const char *word, enum write_prec prec) {
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (i > 0)
            base_buf_puts(w->b, word);
        write_at(w, e->args[i], prec + (i > 0));
    }
}

static void write_case(struct write_ctx *w, const struct expr *e) {
    base_buf_puts(w->b, "case");
    uint32_t i = 0;
    for (; i + 1 < e->n_args; i += 2) {
        base_buf_puts(w->b, " when ");
        write_at(w, e->args[i], WRITE_OR);
        base_buf_puts(w->b, " then ");
        write_at(w, e->args[i + 1], WRITE_OR);
    }
    if (i < e->n_args) {
        base_buf_puts(w->b, " else ");
        write_at(w, e->args[i], WRITE_OR);
    }
    base_buf_puts(w->b, " end");
}

static void write_field(struct write_ctx *w, const struct expr *e) {
    const struct evt_type *row = e->args[0]->type;
    write_at(w, e->args[0], WRITE_PRIMARY);
    base_buf_putc(w->b, '.');
    if (row->kind == EVT_ROW && e->index < row->n_fields)
        evt_name_write(w->b, row->fields[e->index].name);
    else
        base_buf_printf(w->b, "#%u", e->index);
}

static void write_node(struct write_ctx *w, const struct expr *e) {
    struct base_buf *b = w->b;
    switch (e->kind) {
    case EXPR_CONST: evt_val_write_literal(b, e->type, &e->val); return;
    case EXPR_COL:
        if (w->agg && !is_whole_match(w, w->agg->var)) {
            write_var(w, w->agg->var);
            base_buf_putc(b, '.');
        }
        write_col(w, e->index);
        return;
    case EXPR_CALL: write_call(w, e); return;
    case EXPR_AND: write_joined(w, e, " and ", WRITE_AND); return;
    case EXPR_OR: write_joined(w, e, " or ", WRITE_OR); return;
    case EXPR_NOT:
        base_buf_puts(b, "not ");
        write_at(w, e->args[0], WRITE_NOT);
        return;
    case EXPR_IS_NULL:
        write_at(w, e->args[0], WRITE_CONCAT);
        base_buf_puts(b, e->flag ? " is not null" : " is null");
        return;
    case EXPR_IN:
        write_at(w, e->args[0], WRITE_CONCAT);
        base_buf_puts(b, e->flag ? " not in (" : " in (");
        write_list(w, e, 1);
        base_buf_putc(b, ')');
        return;
    case EXPR_CASE: write_case(w, e); return;
    case EXPR_COALESCE:
        base_buf_puts(b, "coalesce(");
        write_list(w, e, 0);
        base_buf_putc(b, ')');
        return;
    case EXPR_CAST:
        base_buf_puts(b, e->flag ? "try_cast(" : "cast(");
        write_at(w, e->args[0], WRITE_OR);
        base_buf_puts(b, " as ");
        evt_type_write(b, e->type);
        base_buf_putc(b, ')');
        return;
    case EXPR_FIELD: write_field(w, e); return;
    case EXPR_ELEM:
        write_at(w, e->args[0], WRITE_PRIMARY);
        base_buf_putc(b, '[');
        write_at(w, e->args[1], WRITE_OR);
        base_buf_putc(b, ']');
        return;
    case EXPR_ARRAY:
        base_buf_puts(b, "array[");
        write_list(w, e, 0);
        base_buf_putc(b, ']');
        return;
    case EXPR_VAR_COL:
        base_buf_puts(b, e->from_last ? "last(" : "first(");
        write_var(w, e->var);
        base_buf_putc(b, '.');
        write_col(w, e->index);
        if (e->n > 0)
            base_buf_printf(b, ", %u", e->n);
        base_buf_putc(b, ')');
        return;
    case EXPR_AGG: write_agg(w, e); return;
    case EXPR_EVENTS:
        base_buf_puts(b, "array(");
        write_var(w, e->var);
        base_buf_puts(b, ".*)");
        return;
    case EXPR_PREV:
        base_buf_puts(b, "prev(");
        write_col(w, e->index);
        if (e->n != 1)
            base_buf_printf(b, ", %u", e->n);
        if (e->within_us > 0) {
            base_buf_puts(b, " within ");
            base_write_duration(b, e->within_us);
        }
        base_buf_putc(b, ')');
        return;
    case EXPR_KEY: base_buf_printf(b, "key(%u)", e->index); return;
    case EXPR_MATCH: base_buf_puts(b, write_match_names[e->match]); return;
    case EXPR_NAV: write_nav(w, e); return;
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of expression");
}

void expr_write(struct base_buf *b, const struct expr *e, const struct evt_schema *schema,
    const struct base_str *var_names) {
    struct write_ctx w = { b, schema, var_names, NULL };
    write_at(&w, e, WRITE_OR);
}
