/*
 * dsl_ast -- words of the AST's enumerations and small helpers.
 */
#include "dsl/dsl_ast.h"

const char *dsl_stmt_word(enum dsl_stmt_kind k) {
    static const char *const words[DSL_STMT_MAX] = {
#define WORD(name, word) [DSL_STMT_##name] = word,
        DSL_STMT_LIST(WORD)
#undef WORD
    };
    return words[k];
}

const char *dsl_expr_word(enum dsl_expr_kind k) {
    static const char *const words[DSL_EXPR_MAX] = {
#define WORD(name, word, what) [DSL_EXPR_##name] = word,
        DSL_EXPR_LIST(WORD)
#undef WORD
    };
    return words[k];
}

const char *dsl_seq_word(enum dsl_seq_kind k) {
    static const char *const words[DSL_SEQ_MAX] = {
#define WORD(name, word, what) [DSL_SEQ_##name] = word,
        DSL_SEQ_LIST(WORD)
#undef WORD
    };
    return words[k];
}

const char *dsl_lit_word(enum dsl_lit_kind k) {
    static const char *const words[DSL_LIT_MAX] = {
#define WORD(name, word) [DSL_LIT_##name] = word,
        DSL_LIT_LIST(WORD)
#undef WORD
    };
    return words[k];
}

const char *dsl_unary_text(enum dsl_unary_op op) {
    static const char *const words[DSL_UNARY_MAX] = {
#define WORD(name, word) [DSL_UNARY_##name] = word,
        DSL_UNARY_LIST(WORD)
#undef WORD
    };
    return words[op];
}

const char *dsl_binary_text(enum dsl_binary_op op) {
    static const char *const words[DSL_BINARY_MAX] = {
#define WORD(name, word) [DSL_BINARY_##name] = word,
        DSL_BINARY_LIST(WORD)
#undef WORD
    };
    return words[op];
}

const char *dsl_severity_text(enum dsl_severity s) {
    static const char *const words[DSL_SEVERITY_MAX] = {
#define WORD(name, word) [DSL_SEVERITY_##name] = word,
        DSL_SEVERITY_LIST(WORD)
#undef WORD
    };
    return words[s];
}

struct cep_span dsl_span_join(struct cep_span a, struct cep_span b) {
    if (a.line == 0)
        return b;
    if (b.line == 0 || b.end_off < a.end_off)
        return a;
    a.end_line = b.end_line;
    a.end_col = b.end_col;
    a.end_off = b.end_off;
    return a;
}

struct base_str dsl_path_str(const struct dsl_path *p, struct base_arena *a) {
    size_t len = p->n_parts ? p->n_parts - 1 : 0;
    for (size_t i = 0; i < p->n_parts; i++)
        len += p->parts[i].text.len;
    char *z = base_arena_alloc(a, len + 1), *w = z;
    for (size_t i = 0; i < p->n_parts; i++) {
        if (i)
            *w++ = '.';
        memcpy(w, p->parts[i].text.p, p->parts[i].text.len);
        w += p->parts[i].text.len;
    }
    *w = '\0';
    return (struct base_str){ z, len };
}

bool dsl_expr_as_path(const struct dsl_expr *e, struct base_arena *a, struct dsl_path *out) {
    size_t n = 1;
    const struct dsl_expr *base = e;
    while (base->kind == DSL_EXPR_FIELD) {
        base = base->field.base;
        n++;
    }
    if (base->kind != DSL_EXPR_NAME)
        return false;
    out->parts = BASE_ARENA_ARRAY(a, struct dsl_name, n);
    out->n_parts = n;
    out->span = e->span;
    for (base = e; base->kind == DSL_EXPR_FIELD; base = base->field.base)
        out->parts[--n] = base->field.name;
    out->parts[0] = base->name;
    return true;
}

typedef void (*child_fn)(const struct dsl_expr *child, void *arg);

static void one(const struct dsl_expr *e, child_fn fn, void *arg) {
    if (e)
        fn(e, arg);
}

static void each(struct dsl_expr *const *items, size_t n, child_fn fn, void *arg) {
    for (size_t i = 0; i < n; i++)
        one(items[i], fn, arg);
}

static void call_children(const struct dsl_expr *e, child_fn fn, void *arg) {
    each(e->call.args, e->call.n_args, fn, arg);
    one(e->call.filter, fn, arg);
    if (e->call.over) {
        each(e->call.over->partition, e->call.over->n_partition, fn, arg);
        each(e->call.over->order, e->call.over->n_order, fn, arg);
        one(e->call.over->preceding, fn, arg);
    }
}

static void case_children(const struct dsl_expr *e, child_fn fn, void *arg) {
    one(e->cases.operand, fn, arg);
    for (size_t i = 0; i < e->cases.n_whens; i++) {
        one(e->cases.whens[i].when, fn, arg);
        one(e->cases.whens[i].then, fn, arg);
    }
    one(e->cases.otherwise, fn, arg);
}

void dsl_expr_children(const struct dsl_expr *e, child_fn fn, void *arg) {
    switch (e->kind) {
    case DSL_EXPR_ERROR:
    case DSL_EXPR_LITERAL:
    case DSL_EXPR_NAME:
    case DSL_EXPR_STAR:
    case DSL_EXPR_TABLE_ARG:
    case DSL_EXPR_QUERY:
    case DSL_EXPR_MAX: break;
    case DSL_EXPR_FIELD: one(e->field.base, fn, arg); break;
    case DSL_EXPR_INDEX:
        one(e->index.base, fn, arg);
        one(e->index.index, fn, arg);
        break;
    case DSL_EXPR_CALL: call_children(e, fn, arg); break;
    case DSL_EXPR_NAMED_ARG: one(e->named.value, fn, arg); break;
    case DSL_EXPR_UNARY: one(e->unary.arg, fn, arg); break;
    case DSL_EXPR_BINARY:
        one(e->binary.left, fn, arg);
        one(e->binary.right, fn, arg);
        break;
    case DSL_EXPR_AND:
    case DSL_EXPR_OR: each(e->logic.args, e->logic.n_args, fn, arg); break;
    case DSL_EXPR_BETWEEN:
        one(e->between.arg, fn, arg);
        one(e->between.low, fn, arg);
        one(e->between.high, fn, arg);
        break;
    case DSL_EXPR_IN:
        one(e->in.arg, fn, arg);
        each(e->in.items, e->in.n_items, fn, arg);
        break;
    case DSL_EXPR_LIKE:
        one(e->like.arg, fn, arg);
        one(e->like.pattern, fn, arg);
        one(e->like.escape, fn, arg);
        break;
    case DSL_EXPR_IS: one(e->is.arg, fn, arg); break;
    case DSL_EXPR_CASE: case_children(e, fn, arg); break;
    case DSL_EXPR_CAST: one(e->cast.arg, fn, arg); break;
    case DSL_EXPR_ARRAY: each(e->array.items, e->array.n_items, fn, arg); break;
    }
}
