/*
 * dsl_build_expr -- makers of expressions.
 */
#include "base/base_num.h"
#include "dsl/dsl_build.h"

struct dsl_expr *dsl_mk_expr(struct dsl_parse *p, enum dsl_expr_kind k, struct cep_span span) {
    struct dsl_expr *e = BASE_ARENA_NEW(p->arena, struct dsl_expr);
    e->kind = k;
    e->id = (*p->n_exprs)++;
    e->depth = 1;
    e->span = span;
    return e;
}

static uint32_t deeper(uint32_t depth, const struct dsl_expr *e) {
    return e && e->depth >= depth ? e->depth + 1 : depth;
}

static uint32_t deepest(struct dsl_expr *const *items, size_t n) {
    uint32_t depth = 1;
    for (size_t i = 0; i < n; i++)
        depth = deeper(depth, items[i]);
    return depth;
}

/* Sets the depth; beyond the limit the node loses its children. */
static struct dsl_expr *sized(struct dsl_parse *p, struct dsl_expr *e, uint32_t depth) {
    e->depth = depth;
    if (dsl_depth_ok(p, e->span, depth))
        return e;
    e->kind = DSL_EXPR_ERROR;
    e->depth = 1;
    return e;
}

/* ---- literals ---- */

struct dsl_expr *dsl_mk_lit(
    struct dsl_parse *p, enum dsl_lit_kind k, struct cep_span span, const struct dsl_token *t) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_LITERAL, span);
    e->lit.kind = k;
    e->lit.text = dsl_token_text(p, t);
    switch (k) {
    case DSL_LIT_INT:
        if (t->u > (uint64_t)INT64_MAX) {
            e->lit.i = INT64_MIN;
            DSL_ADD(p, &p->wants_minus, e);
        } else {
            e->lit.i = (int64_t)t->u;
        }
        break;
    case DSL_LIT_DOUBLE: e->lit.d = t->d; break;
    case DSL_LIT_STRING: e->lit.s = t->s; break;
    case DSL_LIT_DURATION: e->lit.i = t->us; break;
    case DSL_LIT_NULL:
    case DSL_LIT_BOOL:
    case DSL_LIT_TIMESTAMP:
    case DSL_LIT_MAX: break;
    }
    return e;
}

static void not_a_date(struct dsl_parse *p, const struct dsl_token *text, bool has_time) {
    dsl_mistake(p, text->span, CEP_EINVAL, "\"%.*s\" is not a date", BASE_STR_FMT(text->s));
    if (has_time)
        dsl_diag_note(p->diag, "with a time of day it is written: timestamp '%.*s'", BASE_STR_FMT(text->s));
    else
        dsl_diag_note(p->diag, "write: date '2026-01-01'");
}

struct dsl_expr *dsl_mk_timestamp(
    struct dsl_parse *p, struct cep_span span, const struct dsl_token *word, const struct dsl_token *text) {
    enum { DATE_LEN = sizeof "2026-01-01" - 1 };
    struct dsl_expr *e = dsl_mk_lit(p, DSL_LIT_TIMESTAMP, span, text);
    bool is_date = base_str_ieq(dsl_token_text(p, word), BASE_STR("date"));
    bool fits = base_parse_timestamp(text->s, &e->lit.i);
    if (text->bad)
        return e;
    if (is_date && (!fits || text->s.len > DATE_LEN)) {
        not_a_date(p, text, fits);
    } else if (!fits) {
        dsl_mistake(p, text->span, CEP_EINVAL, "\"%.*s\" is not a timestamp", BASE_STR_FMT(text->s));
        dsl_diag_note(
            p->diag, "write '2026-01-01 10:00:00.123', with Z or +02:00 behind it where it is not UTC");
    }
    return e;
}

struct dsl_expr *dsl_mk_interval(
    struct dsl_parse *p, struct cep_span span, const struct dsl_token *text, const struct dsl_token *unit) {
    struct dsl_expr *e = dsl_mk_lit(p, DSL_LIT_DURATION, span, text);
    struct base_str body = text->s;
    struct base_buf b = BASE_BUF_INIT;
    if (unit)
        base_buf_printf(&b, "%.*s %.*s", BASE_STR_FMT(body), BASE_STR_FMT(unit->s));
    else
        base_buf_str(&b, body);
    if (unit && (base_str_ieq(unit->s, BASE_STR("year")) || base_str_ieq(unit->s, BASE_STR("month")) ||
                    base_str_ieq(unit->s, BASE_STR("years")) || base_str_ieq(unit->s, BASE_STR("months")))) {
        dsl_mistake(p, unit->span, CEP_EINVAL, "a duration cannot be in %.*s: they differ in length",
            BASE_STR_FMT(unit->s));
        dsl_diag_note(p->diag, "units of time are us, ms, s, min, h and d");
    } else if (!base_parse_duration(base_buf_view(&b), &e->lit.i) && !text->bad) {
        dsl_mistake(p, text->span, CEP_EINVAL, "\"%.*s\" is not a duration", BASE_STR_FMT(body));
        dsl_diag_note(p->diag, "write: interval '10' minute, or: 10 min");
    }
    base_buf_release(&b);
    return e;
}

struct dsl_expr *dsl_mk_unitless(struct dsl_parse *p, struct cep_span span, const struct dsl_token *number) {
    struct base_str text = dsl_token_text(p, number);
    if (dsl_token_is_ident(number + 1)) { /* what should be the unit; it will be reported */
        p->broken = true;
        return dsl_mk_expr(p, DSL_EXPR_ERROR, span);
    }
    dsl_mistake(p, span, CEP_ESYNTAX, "a duration needs a unit");
    dsl_diag_note(p->diag, "write %.*s ms, %.*s s, %.*s min, %.*s h or %.*s d", BASE_STR_FMT(text),
        BASE_STR_FMT(text), BASE_STR_FMT(text), BASE_STR_FMT(text), BASE_STR_FMT(text));
    return dsl_mk_expr(p, DSL_EXPR_ERROR, span);
}

/* ---- names, calls ---- */

struct dsl_expr *dsl_mk_name_expr(struct dsl_parse *p, struct dsl_name name) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_NAME, name.span);
    e->name = name;
    return e;
}

struct dsl_expr *dsl_mk_field(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *base, struct dsl_name name) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_FIELD, span);
    e->field.base = base;
    e->field.name = name;
    return sized(p, e, base->depth + 1);
}

struct dsl_expr *dsl_mk_index(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *base, struct dsl_expr *index) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_INDEX, span);
    e->index.base = base;
    e->index.index = index;
    return sized(p, e, deeper(base->depth + 1, index));
}

struct dsl_expr *dsl_mk_star_of(struct dsl_parse *p, struct cep_span span, struct dsl_expr *base) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_STAR, span);
    if (base->kind == DSL_EXPR_NAME)
        e->star.of = base->name;
    else
        dsl_mistake(p, span, CEP_ESYNTAX, "\".*\" follows the name of a stream");
    return e;
}

struct dsl_args *dsl_mk_args(struct dsl_parse *p, const struct dsl_vec *args, bool distinct, bool star) {
    struct dsl_args *a = BASE_ARENA_NEW(p->arena, struct dsl_args);
    if (args)
        a->args = *args;
    a->distinct = distinct;
    a->star = star;
    return a;
}

struct dsl_args *dsl_mk_args_from(
    struct dsl_parse *p, struct dsl_expr *a, struct dsl_expr *b, struct dsl_expr *c) {
    struct dsl_vec v = { 0 };
    DSL_ADD(p, &v, a);
    DSL_ADD(p, &v, b);
    if (c)
        DSL_ADD(p, &v, c);
    struct dsl_args *args = dsl_mk_args(p, &v, false, false);
    args->from = true;
    return args;
}

struct dsl_args *dsl_mk_args_trim(
    struct dsl_parse *p, const struct dsl_token *side, struct dsl_expr *chars, struct dsl_expr *text) {
    struct dsl_vec v = { 0 };
    DSL_ADD(p, &v, text);
    if (chars)
        DSL_ADD(p, &v, chars);
    struct dsl_args *a = dsl_mk_args(p, &v, false, false);
    a->name = base_str_ieq(side->s, BASE_STR("leading"))    ? "ltrim"
              : base_str_ieq(side->s, BASE_STR("trailing")) ? "rtrim"
                                                            : NULL;
    return a;
}

struct dsl_expr *dsl_mk_call(struct dsl_parse *p, struct cep_span span, struct dsl_name name,
    const struct dsl_args *args, struct dsl_expr *filter, struct dsl_over *over) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_CALL, span);
    if (args->lost) {
        e->kind = DSL_EXPR_ERROR;
        return e;
    }
    e->call.name = name;
    if (args->name)
        e->call.name.text = base_str_of(args->name);
    e->call.args = args->args.items;
    if (args->from && base_str_ieq(name.text, BASE_STR("trim"))) { /* trim('x' from s) */
        struct dsl_expr *chars = e->call.args[0];
        e->call.args[0] = e->call.args[1];
        e->call.args[1] = chars;
    }
    e->call.n_args = args->args.n;
    e->call.distinct = args->distinct;
    e->call.star = args->star;
    e->call.filter = filter;
    e->call.over = over;
    uint32_t depth = deeper(deepest(e->call.args, e->call.n_args), filter);
    if (over) {
        uint32_t o = deepest(over->partition, over->n_partition), r = deepest(over->order, over->n_order);
        depth = depth > o ? depth : o;
        depth = depth > r ? depth : r;
    }
    return sized(p, e, depth);
}

struct dsl_expr *dsl_mk_at_zone(struct dsl_parse *p, struct cep_span span, struct dsl_expr *t,
    struct cep_span word, struct dsl_expr *zone) {
    struct dsl_args args = { 0 };
    struct dsl_name name = { .text = BASE_STR("convert_tz"), .span = word };
    struct dsl_expr *utc = dsl_mk_expr(p, DSL_EXPR_LITERAL, word);
    utc->lit.kind = DSL_LIT_STRING;
    utc->lit.s = BASE_STR("UTC");
    utc->lit.text = BASE_STR("'UTC'");
    DSL_ADD(p, &args.args, t);
    DSL_ADD(p, &args.args, utc);
    DSL_ADD(p, &args.args, zone);
    return dsl_mk_call(p, span, name, &args, NULL, NULL);
}

struct dsl_expr *dsl_mk_table_arg(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *path, const struct dsl_vec *by) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_TABLE_ARG, span);
    e->table.path = *path;
    e->table.by = by ? by->items : NULL;
    e->table.n_by = by ? by->n : 0;
    return e;
}

struct dsl_over *dsl_mk_over(struct dsl_parse *p) {
    return BASE_ARENA_NEW(p->arena, struct dsl_over);
}

struct dsl_expr *dsl_mk_frame_name(struct dsl_parse *p, struct dsl_token *word) {
    if (base_str_ieq(word->s, BASE_STR("unbounded")))
        return NULL;
    return dsl_mk_name_expr(p, dsl_mk_name(word, false));
}

struct dsl_expr *dsl_mk_named_arg(
    struct dsl_parse *p, struct cep_span span, struct dsl_name label, struct dsl_expr *value) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_NAMED_ARG, span);
    e->named.label = label;
    e->named.value = value;
    return sized(p, e, value->depth + 1);
}

/* ---- operators ---- */

/* `-5`, `-1.5`, `-5 s` are literals. Returns: false when e is no number that can be turned. */
static bool negate(struct dsl_parse *p, struct dsl_expr *e, struct cep_span span) {
    if (e->kind != DSL_EXPR_LITERAL || e->parens || e->lit.text.p[0] == '-')
        return false;
    switch (e->lit.kind) {
    case DSL_LIT_INT:
        if (e->lit.i == INT64_MIN) { /* was waiting for it */
            p->wants_minus.n--;
            break;
        }
        e->lit.i = -e->lit.i;
        break;
    case DSL_LIT_DURATION: e->lit.i = -e->lit.i; break;
    case DSL_LIT_DOUBLE: e->lit.d = -e->lit.d; break;
    case DSL_LIT_NULL:
    case DSL_LIT_BOOL:
    case DSL_LIT_STRING:
    case DSL_LIT_TIMESTAMP:
    case DSL_LIT_MAX: return false;
    }
    e->lit.text = base_str_of(base_arena_printf(p->arena, "-%.*s", BASE_STR_FMT(e->lit.text)));
    e->span = span;
    return true;
}

struct dsl_expr *dsl_mk_unary(
    struct dsl_parse *p, struct cep_span span, enum dsl_unary_op op, struct dsl_expr *arg) {
    if (op == DSL_UNARY_MINUS && negate(p, arg, span))
        return arg;
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_UNARY, span);
    e->unary.op = op;
    e->unary.arg = arg;
    return sized(p, e, arg->depth + 1);
}

struct dsl_expr *dsl_mk_binary(struct dsl_parse *p, struct cep_span span, enum dsl_binary_op op,
    struct cep_span op_span, struct dsl_expr *left, struct dsl_expr *right) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_BINARY, span);
    e->binary.op = op;
    e->binary.op_span = op_span;
    e->binary.left = left;
    e->binary.right = right;
    return sized(p, e, deeper(left->depth + 1, right));
}

struct dsl_expr *dsl_mk_logic(
    struct dsl_parse *p, enum dsl_expr_kind k, struct dsl_expr *left, struct dsl_expr *right) {
    struct dsl_expr *e = left;
    if (left->kind != k || left->parens) {
        e = dsl_mk_expr(p, k, left->span);
        e->logic.args = dsl_more(p, NULL, 0, sizeof *e->logic.args);
        e->logic.args[e->logic.n_args++] = left;
        e->depth = left->depth + 1;
    }
    e->logic.args = dsl_more(p, e->logic.args, e->logic.n_args, sizeof *e->logic.args);
    e->logic.args[e->logic.n_args++] = right;
    e->span = dsl_span_join(e->span, right->span);
    return sized(p, e, deeper(e->depth, right));
}

struct dsl_expr *dsl_mk_between(struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg,
    struct dsl_expr *low, struct dsl_expr *high, bool negated) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_BETWEEN, span);
    e->between.arg = arg;
    e->between.low = low;
    e->between.high = high;
    e->between.negated = negated;
    return sized(p, e, deeper(deeper(arg->depth + 1, low), high));
}

struct dsl_expr *dsl_mk_in(struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg,
    const struct dsl_vec *items, struct dsl_query *query, bool negated) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_IN, span);
    e->in.arg = arg;
    if (items) {
        e->in.items = items->items;
        e->in.n_items = items->n;
    }
    e->in.query = query;
    e->in.negated = negated;
    uint32_t depth = deeper(deepest(e->in.items, e->in.n_items), arg);
    return sized(p, e, query && query->depth >= depth ? query->depth + 1 : depth);
}

struct dsl_expr *dsl_mk_like(struct dsl_parse *p, struct cep_span span, enum dsl_like_op op,
    struct dsl_expr *arg, struct dsl_expr *pattern, struct dsl_expr *escape, bool negated) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_LIKE, span);
    e->like.op = op;
    e->like.arg = arg;
    e->like.pattern = pattern;
    e->like.escape = escape;
    e->like.negated = negated;
    return sized(p, e, deeper(deeper(arg->depth + 1, pattern), escape));
}

struct dsl_expr *dsl_mk_is(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg, enum dsl_is_what what, bool negated) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_IS, span);
    e->is.arg = arg;
    e->is.what = what;
    e->is.negated = negated;
    return sized(p, e, arg->depth + 1);
}

struct dsl_expr *dsl_mk_case(struct dsl_parse *p, struct cep_span span, struct dsl_expr *operand,
    const struct dsl_vec *whens, struct dsl_expr *otherwise) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_CASE, span);
    e->cases.operand = operand;
    e->cases.whens = whens->items;
    e->cases.n_whens = whens->n;
    e->cases.otherwise = otherwise;
    uint32_t depth = deeper(deeper(1, operand), otherwise);
    for (size_t i = 0; i < whens->n; i++)
        depth = deeper(deeper(depth, e->cases.whens[i].when), e->cases.whens[i].then);
    return sized(p, e, depth);
}

struct dsl_expr *dsl_mk_cast(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *arg, struct dsl_type *type, bool try_cast) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_CAST, span);
    e->cast.arg = arg;
    e->cast.type = type;
    e->cast.try_cast = try_cast;
    return sized(p, e, arg->depth + 1);
}

struct dsl_expr *dsl_mk_array(struct dsl_parse *p, struct cep_span span, const struct dsl_vec *items) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_ARRAY, span);
    if (items) {
        e->array.items = items->items;
        e->array.n_items = items->n;
    }
    return sized(p, e, deepest(e->array.items, e->array.n_items));
}

struct dsl_expr *dsl_mk_query_expr(
    struct dsl_parse *p, struct cep_span span, struct dsl_query *q, bool exists) {
    struct dsl_expr *e = dsl_mk_expr(p, DSL_EXPR_QUERY, span);
    e->query.query = q;
    e->query.exists = exists;
    return sized(p, e, q->depth + 1);
}

struct dsl_expr *dsl_mk_parens(struct dsl_expr *e) {
    e->parens = true;
    return e;
}
