/*
 * dsl_template -- the text of an alert's message: 'card {card}: {probes} probes'.
 *
 * What stands in braces is an expression of the language; {{ and }} are braces. The expression is scanned without
 * the doubled quotes that the literal around it asks for, and its places point into the file.
 */
#include "dsl/dsl_build.h"

/* The value of the literal with the place in the file of each of its bytes, and of its end. */
struct decoded {
    struct base_str s;
    uint32_t *map;
};

static struct decoded decode(struct dsl_parse *p, const struct dsl_token *literal) {
    struct base_str raw = dsl_token_text(p, literal);
    char *out = base_arena_alloc(p->arena, raw.len + 1);
    struct decoded d = { .map = BASE_ARENA_ARRAY(p->arena, uint32_t, raw.len + 1) };
    size_t n = 0;
    for (size_t i = 1; i + 1 < raw.len; i++) {
        out[n] = raw.p[i];
        d.map[n++] = literal->span.off + (uint32_t)i;
        if (raw.p[i] == '\'')
            i++;
    }
    d.map[n] = literal->span.end_off - 1;
    d.s = (struct base_str){ out, n };
    return d;
}

/* Parses bytes [from, to) of the literal, with the state `sub`. Returns: never NULL. */
static struct dsl_expr *parse_piece(
    struct dsl_parse *p, struct dsl_parse *sub, const struct decoded *d, size_t from, size_t to) {
    struct dsl_tokens toks;
    struct base_str text = { d->s.p + from, to - from };
    struct dsl_origin origin = { .file = p->file, .base = d->map[from], .map = d->map + from };
    dsl_scan(text, origin, p->arena, p->diag, &toks);
    *sub = (struct dsl_parse){
        .arena = p->arena,
        .diag = p->diag,
        .file = p->file,
        .toks = &toks,
        .expr_only = true,
        .n_exprs = p->n_exprs,
    };
    dsl_lex_prepare(sub);
    if (dsl_gram_run(sub) != 0 || sub->broken)
        p->broken = true;
    dsl_literals_done(sub);
    if (sub->single)
        return sub->single;
    return dsl_mk_expr(p, DSL_EXPR_ERROR, dsl_diag_span(p->diag, p->file, d->map[from], d->map[to]));
}

/* The closing brace that belongs to the open one at `from`, past texts in quotes; the end: none. */
static size_t closing(struct base_str s, size_t from) {
    bool quoted = false;
    for (size_t i = from; i < s.len; i++) {
        if (s.p[i] == '\'')
            quoted = !quoted;
        else if (s.p[i] == '}' && !quoted)
            return i;
    }
    return s.len;
}

static struct dsl_part *add(struct dsl_parse *p, struct dsl_part **parts, size_t *n) {
    *parts = dsl_more(p, *parts, *n, sizeof **parts);
    return &(*parts)[(*n)++];
}

void dsl_parse_template(
    struct dsl_parse *p, const struct dsl_token *literal, struct dsl_part **parts, size_t *n_parts) {
    struct decoded d = decode(p, literal);
    struct base_str s = d.s;
    char *text = base_arena_alloc(p->arena, s.len + 1);
    struct dsl_parse *sub = BASE_ARENA_NEW(p->arena, struct dsl_parse); /* for one piece after the other */
    size_t n_text = 0, begin = 0;
    for (size_t i = 0; i <= s.len; i++) {
        bool end = i == s.len, open = !end && s.p[i] == '{', close = !end && s.p[i] == '}';
        if ((open || close) && i + 1 < s.len && s.p[i + 1] == s.p[i]) {
            text[n_text++] = s.p[i++];
            continue;
        }
        if (close) {
            dsl_mistake(p, dsl_diag_span(p->diag, p->file, d.map[i], d.map[i] + 1), CEP_ESYNTAX,
                "\"}\" closes nothing in the message");
            dsl_diag_note(p->diag, "a brace itself is written twice: }}");
            continue;
        }
        if (!end && !open) {
            text[n_text++] = s.p[i];
            continue;
        }
        if (n_text > begin)
            add(p, parts, n_parts)->text = (struct base_str){ text + begin, n_text - begin };
        begin = n_text;
        if (end)
            break;
        size_t to = closing(s, i + 1);
        struct cep_span brace = dsl_diag_span(p->diag, p->file, d.map[i], d.map[i] + 1);
        if (to == s.len) {
            dsl_mistake(p, brace, CEP_ESYNTAX, "\"{\" is not closed in the message");
            dsl_diag_note(p->diag, "a brace itself is written twice: {{");
            break;
        }
        struct dsl_expr *e = parse_piece(p, sub, &d, i + 1, to);
        add(p, parts, n_parts)->expr = e;
        i = to;
    }
}
