/*
 * dsl_diag_show -- diagnostics as text for people: place, source line, underline, notes.
 *
 * The underline is made of as many columns as the characters above it take: tabs are shown as blanks up to the next
 * multiple of four, a character of several bytes counts one column, a byte that is no text is shown as "?".
 * Of a long line only a window around the place is shown.
 */
#include "base/base_mem.h"
#include "dsl/dsl_diag.h"

#include <stdlib.h>

enum { TAB = 4, LINE_MAX_COLS = 120, BEFORE_COLS = 60, DEFAULT_MAX_ERRORS = 50 };

struct style {
    const char *bold, *error, *warning, *note, *caret, *off;
};
static const struct style plain = { "", "", "", "", "", "" };
static const struct style colours = { "\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;36m", "\033[1;32m",
    "\033[0m" };

/* Bytes of the character at p, at least 1; *ok: it is a well-formed sequence. */
static size_t char_len(const char *p, size_t len, bool *ok) {
    unsigned char c = (unsigned char)p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
    *ok = n > 0 && n <= len && base_utf8_valid((struct base_str){ p, n }, NULL);
    return *ok ? n : 1;
}

/* One source line as columns: cols[i] is the column of byte i, cols[len] the width. */
static size_t lay_out(struct base_str line, size_t *cols) {
    size_t col = 0;
    for (size_t i = 0; i < line.len;) {
        bool ok;
        size_t n = char_len(line.p + i, line.len - i, &ok);
        for (size_t k = 0; k < n; k++)
            cols[i + k] = col;
        col = line.p[i] == '\t' ? (col / TAB + 1) * TAB : col + 1;
        i += n;
    }
    cols[line.len] = col;
    return col;
}

static void put_line(struct base_buf *out, struct base_str line, const size_t *cols, size_t from, size_t to) {
    for (size_t i = 0; i < line.len;) {
        bool ok;
        size_t n = char_len(line.p + i, line.len - i, &ok);
        if (cols[i] >= from && cols[i] < to) {
            if (line.p[i] == '\t')
                base_buf_printf(out, "%*s", (int)((cols[i + n] < to ? cols[i + n] : to) - cols[i]), "");
            else if (!ok || (unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
                base_buf_putc(out, '?');
            else
                base_buf_add(out, line.p + i, n);
        }
        i += n;
    }
}

/* Of a very long line only what is near the place is looked at. */
enum { FAR_BYTES = 2000, LINE_MAX_BYTES = 8000 };

static bool inside_char(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static bool cut_front(struct base_str *line, size_t *begin, size_t off) {
    size_t skip = off - *begin;
    if (skip <= FAR_BYTES || skip > line->len)
        return false;
    skip -= FAR_BYTES;
    while (skip > 0 && inside_char(line->p[skip]))
        skip--;
    line->p += skip;
    line->len -= skip;
    *begin += skip;
    return true;
}

static bool cut_back(struct base_str *line) {
    if (line->len <= LINE_MAX_BYTES)
        return false;
    line->len = LINE_MAX_BYTES;
    while (line->len > 0 && inside_char(line->p[line->len]))
        line->len--;
    return true;
}

static void show_source(
    const struct dsl_diag *d, const struct cep_span *s, const struct style *st, struct base_buf *out) {
    const struct dsl_file *f = &d->files[s->file];
    size_t begin = f->lines[s->line - 1];
    size_t end = s->line < f->n_lines ? f->lines[s->line] - 1 : f->text.len;
    struct base_str line = { f->text.p + begin, end - begin };
    while (line.len && line.p[line.len - 1] == '\r')
        line.len--;
    bool cut_begin = cut_front(&line, &begin, s->off), cut_end = cut_back(&line);
    size_t *cols = base_alloc(base_mul(line.len + 1, sizeof *cols));
    size_t width = lay_out(line, cols);
    size_t first = s->off - begin, last = s->end_line == s->line ? s->end_off - begin : line.len;
    first = first < line.len ? first : line.len;
    last = last < line.len ? last : line.len;
    size_t at = cols[first], upto = cols[last] > at ? cols[last] : at + 1;
    size_t from = 0, to = width;
    if (width > LINE_MAX_COLS) {
        from = at > BEFORE_COLS ? at - BEFORE_COLS : 0;
        to = from + LINE_MAX_COLS < width ? from + LINE_MAX_COLS : width;
        from = to - from < LINE_MAX_COLS && to >= LINE_MAX_COLS ? to - LINE_MAX_COLS : from;
    }
    size_t edge = from > 0 || cut_begin ? 3 : 0;
    base_buf_printf(out, "%5u | %s", s->line, edge ? "..." : "");
    put_line(out, line, cols, from, to);
    while (out->len && out->p[out->len - 1] == ' ')
        out->p[--out->len] = '\0';
    base_buf_printf(out, "%s\n      | %*s%s^", to < width || cut_end ? "..." : "", (int)(at - from + edge),
        "", st->caret);
    upto = upto < to ? upto : to;
    for (size_t i = at + 1; i < upto; i++)
        base_buf_putc(out, '~');
    base_buf_printf(out, "%s\n", st->off);
    base_free(cols);
}

/* Text that came from the input may hold anything: what is no text is shown as "?". */
static void put_message(struct base_buf *out, const char *z) {
    size_t len = strlen(z);
    for (size_t i = 0; i < len;) {
        bool ok;
        size_t n = char_len(z + i, len - i, &ok);
        if (!ok || (unsigned char)z[i] < 0x20 || z[i] == 0x7f)
            base_buf_putc(out, '?');
        else
            base_buf_add(out, z + i, n);
        i += n;
    }
}

static void show_item(
    const struct dsl_diag *d, const struct dsl_diag_item *it, const struct style *st, struct base_buf *out) {
    static const char *const words[] = {
        [DSL_DIAG_ERROR] = "error", [DSL_DIAG_WARNING] = "warning", [DSL_DIAG_NOTE] = "note"
    };
    const char *const colour[] = {
        [DSL_DIAG_ERROR] = st->error, [DSL_DIAG_WARNING] = st->warning, [DSL_DIAG_NOTE] = st->note
    };
    bool place = it->span.line != 0 && it->span.file < d->n_files &&
                 it->span.line <= d->files[it->span.file].n_lines;
    if (place) {
        base_buf_puts(out, st->bold);
        put_message(out, d->files[it->span.file].name);
        base_buf_printf(out, ":%u:%u:%s ", it->span.line, it->span.col, st->off);
    }
    base_buf_printf(out, "%s%s:%s ", colour[it->level], words[it->level], st->off);
    put_message(out, it->message);
    base_buf_putc(out, '\n');
    if (place)
        show_source(d, &it->span, st, out);
    for (const struct dsl_diag_item *n = it->notes; n; n = n->next_note)
        show_item(d, n, st, out);
}

struct ranked {
    const struct dsl_diag_item *it;
    size_t seq;
};

static int by_place(const void *va, const void *vb) {
    const struct ranked *a = va, *b = vb;
    const struct cep_span *x = &a->it->span, *y = &b->it->span;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if ((x->line == 0) != (y->line == 0)) /* without a place: behind */
        return x->line ? -1 : 1;
    if (x->off != y->off)
        return x->off < y->off ? -1 : 1;
    if (a->it->level != b->it->level)
        return a->it->level < b->it->level ? -1 : 1;
    return a->seq < b->seq ? -1 : 1;
}

static bool same(const struct dsl_diag_item *a, const struct dsl_diag_item *b) {
    return a->level == b->level && a->span.file == b->span.file && a->span.off == b->span.off &&
           a->span.line == b->span.line && strcmp(a->message, b->message) == 0;
}

void dsl_diag_render(const struct dsl_diag *d, const struct dsl_diag_show *opts, struct base_buf *out) {
    static const struct dsl_diag_show defaults = { 0 };
    if (!opts)
        opts = &defaults;
    if (d->n_items == 0)
        return;
    const struct style *st = opts->colour ? &colours : &plain;
    size_t max = opts->max_errors ? opts->max_errors : DEFAULT_MAX_ERRORS, shown = 0, more = 0;
    struct ranked *r = base_alloc(base_mul(d->n_items, sizeof *r));
    for (size_t i = 0; i < d->n_items; i++)
        r[i] = (struct ranked){ d->items[i], i };
    qsort(r, d->n_items, sizeof *r, by_place);
    for (size_t i = 0; i < d->n_items; i++) {
        bool twice = false; /* equal places are neighbours, and few */
        for (size_t k = i; k-- > 0 && r[k].it->span.off == r[i].it->span.off && !twice && i - k < 64;)
            twice = same(r[k].it, r[i].it);
        if (twice || (r[i].it->level == DSL_DIAG_WARNING && opts->no_warnings))
            continue;
        if (r[i].it->level == DSL_DIAG_ERROR && shown == max) {
            more++;
            continue;
        }
        shown += r[i].it->level == DSL_DIAG_ERROR;
        show_item(d, r[i].it, st, out);
    }
    more += d->n_items >= DSL_DIAG_KEEP ? d->n_errors + d->n_warnings - d->n_items : 0;
    if (more)
        base_buf_printf(out, "and %zu more error%s\n", more, more == 1 ? "" : "s");
    base_free(r);
}
