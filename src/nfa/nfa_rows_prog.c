/*
 * nfa_rows_prog -- the pattern of a match_recognize as a program: alternatives and loops are splits whose first way is preferred.
 *
 *     X?       split 1, 2   1: X   2:                 X??     split 2, 1 (the other way round)
 *     X*       0: split 1, 3   1: X   2: jump 0   3:
 *     X{2,4}   X X (X (X)?)?
 *
 * A round of X* takes a row at least: one that took none would be followed by another, for ever. Loops in loops know by a bit each whether their round
 * has; more than 64 in each other are not told apart.
 */
#include "base/base_mem.h"
#include "nfa/nfa_rows_int.h"

struct build {
    struct nfa_rows_prog *p;
    size_t cap;
    uint64_t loop; /* the bit of the next loop without an upper bound */
};

static uint32_t emit(struct build *b, enum nfa_rows_op op) {
    struct nfa_rows_prog *p = b->p;
    p->code = base_grow(p->code, p->n, &b->cap, sizeof *p->code);
    p->code[p->n] = (struct nfa_rows_code){ .op = op };
    return p->n++;
}

/* A split into the place behind it and one that comes later. */
static uint32_t emit_split(struct build *b) {
    uint32_t at = emit(b, NFA_ROWS_SPLIT);
    b->p->code[at].to = b->p->n;
    return at;
}

/* The other way leads here, and is the preferred one when `first`. */
static void land(struct build *b, uint32_t split, bool first) {
    struct nfa_rows_code *c = &b->p->code[split];
    c->other = b->p->n;
    if (first) {
        c->other = c->to;
        c->to = b->p->n;
    }
}

static void write(struct build *b, const struct plan_row_term *t);

static void write_once(struct build *b, const struct plan_row_term *t) {
    uint32_t *ends, at;
    switch (t->kind) {
    case PLAN_ROW_VAR:
        at = emit(b, NFA_ROWS_TAKE);
        b->p->code[at].var = t->var;
        b->p->code[at].excluded = t->excluded;
        return;
    case PLAN_ROW_CHAIN:
        for (uint32_t i = 0; i < t->n_items; i++)
            write(b, t->items[i]);
        return;
    case PLAN_ROW_ALT:
        ends = base_calloc(t->n_items + (size_t)1, sizeof *ends);
        for (uint32_t i = 0; i < t->n_items; i++) {
            bool last = i + 1 == t->n_items;
            uint32_t split = last ? 0 : emit_split(b);
            write(b, t->items[i]);
            if (last)
                continue;
            ends[i] = emit(b, NFA_ROWS_JUMP);
            land(b, split, false);
        }
        for (uint32_t i = 0; i + 1 < t->n_items; i++)
            b->p->code[ends[i]].to = b->p->n;
        base_free(ends);
        return;
    case PLAN_ROW_EMPTY: return;
    case PLAN_ROW_START: (void)emit(b, NFA_ROWS_START); return;
    case PLAN_ROW_END: (void)emit(b, NFA_ROWS_END); return;
    case PLAN_ROW_MAX: return;
    }
}

static void write(struct build *b, const struct plan_row_term *t) {
    for (uint32_t i = 0; i < t->min; i++)
        write_once(b, t);
    if (t->max == PLAN_UNBOUNDED) {
        uint32_t split = emit_split(b);
        uint64_t loop = b->loop;
        b->loop <<= 1;
        write_once(b, t);
        b->loop = loop;
        uint32_t back = emit(b, NFA_ROWS_JUMP);
        b->p->code[back].to = split;
        b->p->code[split].loop = b->p->code[back].loop = loop;
        land(b, split, t->reluctant);
        return;
    }
    uint32_t n = t->max - t->min;
    uint32_t *splits = base_calloc(n + (size_t)1, sizeof *splits);
    for (uint32_t i = 0; i < n; i++) {
        splits[i] = emit_split(b);
        write_once(b, t);
    }
    for (uint32_t i = 0; i < n; i++)
        land(b, splits[i], t->reluctant);
    base_free(splits);
}

static bool reads_ahead(const struct nfa_rows_prog *p, uint32_t i, uint64_t reads) {
    const struct nfa_rows_code *c = &p->code[i];
    switch (c->op) {
    case NFA_ROWS_TAKE: return reads >> c->var & 1 || p->code[i + 1].reads;
    case NFA_ROWS_START:
    case NFA_ROWS_END: return p->code[i + 1].reads;
    case NFA_ROWS_SPLIT: return p->code[c->to].reads || p->code[c->other].reads;
    case NFA_ROWS_JUMP: return p->code[c->to].reads;
    case NFA_ROWS_ACCEPT:
    case NFA_ROWS_OP_MAX: break;
    }
    return false;
}

void nfa_rows_prog_init(struct nfa_rows_prog *p, const struct plan_row_term *root, uint64_t reads) {
    struct build b = { .p = p, .loop = 1 };
    bool more = true;
    *p = (struct nfa_rows_prog){ .n = 0 };
    write(&b, root);
    (void)emit(&b, NFA_ROWS_ACCEPT);
    while (more) { /* once, and once more for each depth of loops */
        more = false;
        for (uint32_t i = p->n; i-- > 0;)
            if (!p->code[i].reads && reads_ahead(p, i, reads))
                more = p->code[i].reads = true;
    }
}

void nfa_rows_prog_release(struct nfa_rows_prog *p) {
    base_free(p->code);
}

void nfa_rows_kind_write(struct base_buf *b, const struct nfa_rows_kind *k) {
    for (uint32_t i = 0; i < k->prog.n; i++) {
        const struct nfa_rows_code *c = &k->prog.code[i];
        base_buf_printf(b, "  %u ", i);
        switch (c->op) {
        case NFA_ROWS_TAKE:
            base_buf_puts(b, "take ");
            evt_name_write(b, k->plan->vars[c->var].name);
            base_buf_puts(b, c->excluded ? ", not given out" : "");
            break;
        case NFA_ROWS_SPLIT: base_buf_printf(b, "split %u, else %u", c->to, c->other); break;
        case NFA_ROWS_JUMP: base_buf_printf(b, "jump %u", c->to); break;
        case NFA_ROWS_START: base_buf_puts(b, "at the beginning"); break;
        case NFA_ROWS_END: base_buf_puts(b, "at the end"); break;
        case NFA_ROWS_ACCEPT: base_buf_puts(b, "accept"); break;
        case NFA_ROWS_OP_MAX: break;
        }
        base_buf_puts(b, c->reads ? "  (what is ahead reads the match)\n" : "\n");
    }
}
