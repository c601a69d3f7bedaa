/*
 * dsl_fmt -- writes tokens and comments by the layout that dsl_fmt_layout.c has made.
 *
 * Comments. One that has a line of its own keeps one, indented like the token behind it; one behind a token stays
 * behind it, on the same line. Where such a comment ends a line in the middle of something, that goes on on the next
 * line. Nothing of this depends on the spaces of the input except where single blank lines between statements are, so
 * a second run finds what the first one made.
 */
#include "dsl/dsl_fmt.h"

#include "dsl/dsl_build.h"
#include "dsl/dsl_fmt_internal.h"

#include "dsl/dsl_gram.h"

/* ---- single tokens ---- */

static struct base_str raw(const struct dsl_fmt *f, const struct dsl_token *t) {
    return (struct base_str){ f->file->text.p + t->span.off, t->span.end_off - t->span.off };
}

static struct base_str lower(const struct dsl_fmt *f, struct base_str s) {
    char *out = base_arena_strndup(f->arena, s.p, s.len);
    for (size_t i = 0; i < s.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return (struct base_str){ out, s.len };
}

/* "5S", "5  s" -> "5 s" */
static struct base_str duration(const struct dsl_fmt *f, struct base_str s) {
    size_t unit = s.len;
    while (
        unit > 0 && !(s.p[unit - 1] >= '0' && s.p[unit - 1] <= '9') && !strchr(" \t\r\n\f\v", s.p[unit - 1]))
        unit--;
    size_t number = unit;
    while (number > 0 && strchr(" \t\r\n\f\v", s.p[number - 1]))
        number--;
    struct base_str word = lower(f, (struct base_str){ s.p + unit, s.len - unit });
    const char *z = base_arena_printf(f->arena, "%.*s %.*s", (int)number, s.p, BASE_STR_FMT(word));
    return base_str_of(z);
}

struct base_str dsl_fmt_token(const struct dsl_fmt *f, size_t i) {
    const struct dsl_token *t = &f->toks->items[i];
    struct base_str s = raw(f, t);
    if (t->kind == TOK_DURATION || (t->kind < 0 && s.len && s.p[0] >= '0' && s.p[0] <= '9'))
        return duration(f, s);
    if ((t->kind >= TOK_WITH_TIME && t->kind < TOK_EXCLUDE) || (t->kind > TOK_EXCLUDE && !t->name))
        return lower(f, s);
    return s;
}

bool dsl_fmt_blank_before(const struct dsl_fmt *f, size_t i) {
    int a = f->toks->items[i - 1].kind, b = f->toks->items[i].kind;
    if (a == TOK_MINUS && b == TOK_MINUS)
        return true; /* together they begin a comment */
    if (f->lay[i].tight || f->lay[i - 1].tight_next)
        return false;
    if (b == TOK_COMMA || b == TOK_SEMI || b == TOK_RPAREN || b == TOK_RBRACKET || b == TOK_RBRACE ||
        b == TOK_DOT || b == TOK_TYPECAST)
        return false;
    if (a == TOK_LPAREN || a == TOK_LBRACKET || a == TOK_LBRACE || a == TOK_DOT || a == TOK_TYPECAST ||
        a == TOK_BANG)
        return false;
    if (a == TOK_EXCLUDE && b < 0) /* {- */
        return false;
    if (b == TOK_LBRACKET && (a == TOK_ARROW || a == TOK_ARROW_ANY))
        return false;
    return true;
}

size_t dsl_fmt_width(const struct dsl_fmt *f, size_t from, size_t to) {
    size_t w = 0;
    for (size_t i = from; i < to; i++) {
        struct base_str s = dsl_fmt_token(f, i);
        w += base_utf8_len(s) + (i > from && dsl_fmt_blank_before(f, i));
    }
    return w;
}

/* ---- writing ---- */

struct writer {
    struct dsl_fmt *f;
    struct base_buf *out;
    size_t start;    /* of this text in out */
    size_t comment;  /* next one */
    size_t source;   /* offset in the source behind what was written last */
    bool break_line; /* what comes next begins a line */
};

static void new_line(struct writer *w, size_t indent, bool blank) {
    struct base_buf *b = w->out;
    w->break_line = false;
    if (b->len > w->start) {
        while (b->len > w->start && b->p[b->len - 1] == ' ')
            b->p[--b->len] = '\0';
        base_buf_puts(b, blank ? "\n\n" : "\n");
    }
    base_buf_printf(b, "%*s", (int)indent, "");
}

/* An empty line in the source between what was written last and `off`. */
static bool blank_line(const struct writer *w, size_t off) {
    size_t n = 0;
    for (size_t i = w->source; i < off; i++)
        n += w->f->file->text.p[i] == '\n';
    return n > 1;
}

static size_t continued(const struct dsl_fmt_lay *l) {
    return l->newline ? l->indent : (size_t)l->indent + DSL_FMT_STEP;
}

/* Comments in front of token i. Returns: true when a blank line that the statement wants was made before them. */
static bool comments(struct writer *w, size_t i) {
    const struct dsl_tokens *t = w->f->toks;
    const struct dsl_fmt_lay *l = &w->f->lay[i];
    bool made = false;
    for (; w->comment < t->n_comments && t->comments[w->comment].token <= i; w->comment++) {
        const struct dsl_comment *c = &t->comments[w->comment];
        const char *p = w->f->file->text.p + c->off;
        if (c->own_line || w->break_line) {
            bool blank = l->stmt && (blank_line(w, c->off) || (l->wants_blank && !made && c->own_line));
            made |= c->own_line;
            new_line(w, continued(l), blank);
        } else if (w->out->len > w->start) {
            base_buf_putc(w->out, ' ');
        }
        base_buf_add(w->out, p, c->end_off - c->off);
        w->break_line = c->own_line || w->break_line || p[0] == '-';
        w->source = c->end_off;
    }
    return made;
}

static void token(struct writer *w, size_t i) {
    const struct dsl_token *t = &w->f->toks->items[i];
    const struct dsl_fmt_lay *l = &w->f->lay[i];
    size_t before = w->comment;
    bool made = comments(w, i), commented = w->comment > before;
    if (l->newline || w->break_line) {
        bool blank = l->stmt && (blank_line(w, t->span.off) || (l->wants_blank && !made));
        new_line(w, continued(l), blank);
    } else if (i > 0 && (commented || dsl_fmt_blank_before(w->f, i))) {
        base_buf_putc(w->out, ' ');
    }
    if (!l->newline)
        base_buf_printf(w->out, "%*s", (int)l->pad, "");
    base_buf_str(w->out, dsl_fmt_token(w->f, i));
    w->source = t->span.end_off;
}

bool dsl_fmt_text(const char *name, struct base_str text, struct dsl_diag *diag, struct base_buf *out) {
    struct base_arena arena;
    struct dsl_tokens toks;
    size_t errors = diag->n_errors;
    base_arena_init(&arena, 0);
    const struct dsl_program *prog = dsl_parse_tokens(name, text, &arena, diag, &toks);
    bool ok = diag->n_errors == errors;
    if (ok) {
        struct dsl_fmt f = { .arena = &arena, .file = &diag->files[diag->n_files - 1], .toks = &toks };
        dsl_fmt_lay_out(&f, prog);
        struct writer w = { .f = &f, .out = out, .start = out->len };
        for (size_t i = 0; i + 1 < toks.n; i++)
            token(&w, i);
        comments(&w, toks.n - 1);
        if (out->len > w.start)
            base_buf_putc(out, '\n');
    }
    base_arena_release(&arena);
    return ok;
}
