/*
 * dsl_diag -- collecting what is wrong; see dsl_diag_show.c for how it is shown.
 */
#include "dsl/dsl_diag.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <stdio.h>

void dsl_diag_init(struct dsl_diag *d) {
    memset(d, 0, sizeof *d);
    base_arena_init(&d->arena, 0);
}

void dsl_diag_release(struct dsl_diag *d) {
    for (size_t i = 0; i < d->n_files; i++)
        base_free(d->files[i].lines);
    base_free(d->files);
    base_free(d->items);
    base_arena_release(&d->arena);
    memset(d, 0, sizeof *d);
}

uint32_t dsl_diag_add_file(struct dsl_diag *d, const char *name, struct base_str text) {
    d->files = base_grow(d->files, d->n_files, &d->cap_files, sizeof *d->files);
    struct dsl_file *f = &d->files[d->n_files];
    memset(f, 0, sizeof *f);
    f->name = base_arena_strdup(&d->arena, name);
    f->text = base_arena_str(&d->arena, text);
    size_t cap = 0;
    f->lines = base_grow(NULL, 0, &cap, sizeof *f->lines);
    f->lines[0] = 0;
    f->n_lines = 1;
    for (size_t i = 0; i < text.len; i++)
        if (f->text.p[i] == '\n') {
            f->lines = base_grow(f->lines, f->n_lines, &cap, sizeof *f->lines);
            f->lines[f->n_lines++] = (uint32_t)(i + 1);
        }
    return (uint32_t)d->n_files++;
}

/* The line that byte `off` is in, from 0. */
static size_t line_of(const struct dsl_file *f, uint32_t off) {
    size_t lo = 0, hi = f->n_lines;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->lines[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

struct cep_span dsl_diag_span(const struct dsl_diag *d, uint32_t file, uint32_t off, uint32_t end_off) {
    const struct dsl_file *f = &d->files[file];
    size_t a = line_of(f, off), b = line_of(f, end_off);
    return (struct cep_span){
        .file = file,
        .line = (uint32_t)a + 1,
        .col = off - f->lines[a] + 1,
        .end_line = (uint32_t)b + 1,
        .end_col = end_off - f->lines[b] + 1,
        .off = off,
        .end_off = end_off,
    };
}

static struct dsl_diag_item *item_new(struct dsl_diag *d, enum dsl_diag_level level, struct cep_span span,
    enum cep_rc rc, const char *fmt, va_list ap) {
    struct dsl_diag_item *it = BASE_ARENA_NEW(&d->arena, struct dsl_diag_item);
    struct base_buf b = BASE_BUF_INIT;
    base_buf_vprintf(&b, fmt, ap);
    it->level = level;
    it->rc = rc;
    it->span = span;
    it->message = base_arena_strdup(&d->arena, base_buf_cstr(&b));
    base_buf_release(&b);
    return it;
}

static void add(struct dsl_diag *d, enum dsl_diag_level level, struct cep_span span, enum cep_rc rc,
    const char *fmt, va_list ap) {
    if (level == DSL_DIAG_ERROR)
        d->n_errors++;
    else
        d->n_warnings++;
    d->dropped = d->n_items >= DSL_DIAG_KEEP;
    if (d->dropped)
        return;
    d->items = base_grow(d->items, d->n_items, &d->cap_items, sizeof(struct dsl_diag_item *));
    d->items[d->n_items++] = item_new(d, level, span, rc, fmt, ap);
}

void dsl_diag_error(struct dsl_diag *d, struct cep_span span, enum cep_rc rc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, DSL_DIAG_ERROR, span, rc, fmt, ap);
    va_end(ap);
}

void dsl_diag_warning(struct dsl_diag *d, struct cep_span span, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, DSL_DIAG_WARNING, span, CEP_OK, fmt, ap);
    va_end(ap);
}

static void add_note(struct dsl_diag *d, struct dsl_diag_item *note) {
    if (d->n_items == 0 || d->dropped)
        return;
    struct dsl_diag_item *it = d->items[d->n_items - 1];
    if (it->last_note)
        it->last_note->next_note = note;
    else
        it->notes = note;
    it->last_note = note;
}

void dsl_diag_note(struct dsl_diag *d, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add_note(d, item_new(d, DSL_DIAG_NOTE, (struct cep_span){ 0 }, CEP_OK, fmt, ap));
    va_end(ap);
}

void dsl_diag_note_at(struct dsl_diag *d, struct cep_span span, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add_note(d, item_new(d, DSL_DIAG_NOTE, span, CEP_OK, fmt, ap));
    va_end(ap);
}

enum cep_rc dsl_diag_first(const struct dsl_diag *d, struct cep_err *err) {
    const struct dsl_diag_item *first = NULL;
    for (size_t i = 0; i < d->n_items; i++) {
        const struct dsl_diag_item *it = d->items[i];
        if (it->level != DSL_DIAG_ERROR)
            continue;
        if (!first || it->span.file < first->span.file ||
            (it->span.file == first->span.file && it->span.off < first->span.off))
            first = it;
    }
    if (!first)
        return CEP_OK;
    enum cep_rc rc = base_err_at(err, first->span, first->rc, "%s", first->message);
    if (first->notes)
        base_err_hint(err, "%s", first->notes->message);
    return rc;
}

/* Distances are doubled (base_str_distance): a third of the letters may differ, one edit in short names. */
static unsigned tolerance(size_t len) {
    return len <= 2 ? 2 : len <= 5 ? 3 : 2 * (unsigned)((len < 60 ? len : 60) / 3);
}

void dsl_nearest_init(struct dsl_nearest *n, struct base_str name) {
    n->name = name;
    n->best = (struct base_str){ NULL, 0 };
    n->distance = tolerance(name.len) + 1;
}

void dsl_nearest_try(struct dsl_nearest *n, struct base_str candidate) {
    if (base_str_eq(n->name, candidate))
        return;
    unsigned dist = base_str_distance(n->name, candidate, n->distance);
    /* Not every letter may be another one. */
    size_t longer = n->name.len > candidate.len ? n->name.len : candidate.len;
    if (dist < n->distance && dist < 2 * longer) {
        n->distance = dist;
        n->best = candidate;
    }
}

void dsl_nearest_note(struct dsl_diag *d, const struct dsl_nearest *n) {
    if (n->best.len)
        dsl_diag_note(d, "did you mean \"%.*s\"?", BASE_STR_FMT(n->best));
}
