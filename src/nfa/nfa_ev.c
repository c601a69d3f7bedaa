/*
 * nfa_ev -- events taken: the columns that somebody may read later, in one piece of memory, and the links between them.
 *
 *     data[0 ...]          null bits, one a kept column
 *     data[kept_at[i]]     the cell: a value of 8 bytes (a decimal has 16); for a string offset and length of its bytes,
 *                          counted from data; for an array or row a pointer into ev->nested
 *     behind kept_words    the bytes of strings
 */
#include "nfa/nfa_run.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

static bool is_text(const struct evt_type *t) {
    return t->kind == EVT_STRING || t->kind == EVT_BYTES;
}
static bool is_nested(const struct evt_type *t) {
    return t->kind == EVT_ARRAY || t->kind == EVT_ROW;
}

/* The batch's column for a pattern column, NULL when the input lacks it. */
static const struct evt_col *col_of(const struct nfa_matcher *m, uint32_t col) {
    int32_t c = m->pat->col_map[m->cur.input][col];
    return c < 0 ? NULL : &m->cur.batch->cols[c];
}

static void put_nested(struct nfa_matcher *m, struct nfa_ev *e, uint32_t at, const struct evt_col *c) {
    if (!e->nested) {
        e->nested = base_calloc(1, sizeof *e->nested);
        base_arena_init(e->nested, 256);
    }
    struct evt_val v, *copy = BASE_ARENA_NEW(e->nested, struct evt_val);
    evt_col_get(c, m->cur.row, &m->scratch, &v);
    m->scratch_used = true;
    *copy = evt_val_copy(e->nested, c->type, &v);
    memcpy(&e->data[at], &copy, sizeof copy);
}

struct nfa_ev *nfa_ev_new(struct nfa_matcher *m) {
    const struct nfa_prog *p = m->p;
    uint32_t row = m->cur.row;
    size_t text = 0;
    for (uint32_t i = 0; i < p->n_kept; i++) {
        const struct evt_col *c = col_of(m, p->kept_cols[i]);
        if (c && is_text(c->type) && !evt_col_is_null(c, row))
            text += c->off[row + 1] - c->off[row];
    }
    size_t fixed = p->kept_words * sizeof(uint64_t);
    size_t size = sizeof(struct nfa_ev) + fixed + text;
    struct nfa_ev *e = nfa_mem_get(&m->mem, size);
    *e = (struct nfa_ev){ .refs = 1,
        .size = (uint32_t)size,
        .input = m->cur.input,
        .origin = m->cur.batch->origin[row],
        .order = m->cur.order,
        .time = m->cur.time,
        .seq = m->cur.batch->seq[row] };
    size_t off = fixed;
    for (size_t i = 0; i < BASE_BITS_WORDS(p->n_kept); i++)
        e->data[i] = 0;
    for (uint32_t i = 0; i < p->n_kept; i++) {
        const struct evt_col *c = col_of(m, p->kept_cols[i]);
        uint64_t *cell = &e->data[p->kept_at[i]];
        if (!c || evt_col_is_null(c, row)) {
            base_bits_set(e->data, i);
            *cell = 0;
            continue;
        }
        switch (c->type->kind) {
        case EVT_BOOL: *cell = c->b[row]; break;
        case EVT_INT:
        case EVT_TIMESTAMP:
        case EVT_DURATION:
        case EVT_DOUBLE: memcpy(cell, &c->i[row], sizeof *cell); break;
        case EVT_DECIMAL: memcpy(cell, &c->dec[row], 16); break;
        case EVT_STRING:
        case EVT_BYTES: {
            uint32_t len = c->off[row + 1] - c->off[row];
            uint32_t at[2] = { (uint32_t)off, len };
            memcpy(cell, at, sizeof at);
            if (len)
                memcpy((char *)e->data + off, c->bytes + c->off[row], len);
            off += len;
            break;
        }
        case EVT_ARRAY:
        case EVT_ROW: put_nested(m, e, p->kept_at[i], c); break;
        case EVT_NULL:
        case EVT_KIND_MAX: break;
        }
    }
    return e;
}

static size_t text_len(const struct evt_type *t, const struct evt_val *v) {
    return is_text(t) && !v->null ? v->s.len : 0;
}

struct nfa_ev *nfa_ev_of_vals(struct nfa_matcher *m, const struct nfa_ev *like, const struct evt_val *vals) {
    const struct nfa_prog *p = m->p;
    size_t text = 0;
    for (uint32_t i = 0; i < p->n_kept; i++)
        text += text_len(m->pat->cols.cols[p->kept_cols[i]].type, &vals[i]);
    size_t off = p->kept_words * sizeof(uint64_t), size = sizeof(struct nfa_ev) + off + text;
    struct nfa_ev *e = nfa_mem_get(&m->mem, size);
    *e = *like;
    e->refs = 1;
    e->size = (uint32_t)size;
    e->nested = NULL;
    memset(e->data, 0, off);
    for (uint32_t i = 0; i < p->n_kept; i++) {
        const struct evt_type *t = m->pat->cols.cols[p->kept_cols[i]].type;
        uint64_t *cell = &e->data[p->kept_at[i]];
        if (vals[i].null) {
            base_bits_set(e->data, i);
        } else if (t->kind == EVT_BOOL) {
            *cell = vals[i].b;
        } else if (is_text(t)) {
            uint32_t at[2] = { (uint32_t)off, vals[i].s.len };
            memcpy(cell, at, sizeof at);
            if (at[1])
                memcpy((char *)e->data + off, vals[i].s.p, at[1]);
            off += at[1];
        } else if (t->kind == EVT_DECIMAL) {
            memcpy(cell, &vals[i].dec, 16);
        } else if (is_nested(t)) {
            if (!e->nested) {
                e->nested = base_calloc(1, sizeof *e->nested);
                base_arena_init(e->nested, 256);
            }
            struct evt_val *copy = BASE_ARENA_NEW(e->nested, struct evt_val);
            *copy = evt_val_copy(e->nested, t, &vals[i]);
            memcpy(cell, &copy, sizeof copy);
        } else {
            memcpy(cell, &vals[i].i, sizeof *cell);
        }
    }
    return e;
}

void nfa_ev_free(struct nfa_matcher *m, struct nfa_ev *e) {
    if (e->nested) {
        base_arena_release(e->nested);
        base_free(e->nested);
    }
    nfa_mem_put(&m->mem, e, e->size);
}

void nfa_ev_col(const struct nfa_matcher *m, const struct nfa_ev *e, uint32_t col, struct evt_val *out) {
    const struct nfa_prog *p = m->p;
    int32_t slot = p->kept_slot[col];
    *out = EVT_VAL_NULL;
    if (slot < 0 || base_bits_get(e->data, (size_t)slot))
        return;
    const struct evt_type *t = m->pat->cols.cols[col].type;
    const uint64_t *cell = &e->data[p->kept_at[slot]];
    out->null = false;
    if (t->kind == EVT_BOOL) {
        out->b = *cell != 0;
    } else if (is_text(t)) {
        uint32_t at[2];
        memcpy(at, cell, sizeof at);
        out->s.p = (const char *)e->data + at[0];
        out->s.len = at[1];
    } else if (t->kind == EVT_DECIMAL) {
        memcpy(&out->dec, cell, 16);
    } else if (is_nested(t)) {
        const struct evt_val *v;
        memcpy(&v, cell, sizeof v);
        *out = *v;
    } else {
        memcpy(&out->i, cell, sizeof out->i);
    }
}

struct nfa_link *nfa_link_new(struct nfa_matcher *m, uint32_t var, struct nfa_link *prev) {
    struct nfa_link *l = nfa_mem_get(&m->mem, sizeof *l);
    *l = (struct nfa_link){ .refs = 1, .var = var, .ev = nfa_ev_take(m), .prev = nfa_link_ref(prev) };
    return l;
}

/* A chain may be long: links are given back one after the other. */
void nfa_link_unref(struct nfa_matcher *m, struct nfa_link *l) {
    while (l && --l->refs == 0) {
        struct nfa_link *prev = l->prev;
        nfa_ev_unref(m, l->ev);
        nfa_mem_put(&m->mem, l, sizeof *l);
        l = prev;
    }
}
