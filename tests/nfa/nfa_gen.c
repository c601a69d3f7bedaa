/* nfa_gen -- see nfa_gen.h. */
#include "tests/nfa/nfa_gen.h"

unsigned nfa_gen_pick(struct nfa_gen *g, unsigned n) {
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;
    return (unsigned)(g->seed >> 20) % n;
}

static unsigned pick(struct nfa_gen *g, unsigned n) {
    return nfa_gen_pick(g, n);
}
static bool one_in(struct nfa_gen *g, unsigned n) {
    return pick(g, n) == 0;
}

static void write_term(struct nfa_gen *g, struct base_buf *b, int depth);

static void write_quantifier(struct nfa_gen *g, struct base_buf *b, bool group) {
    static const char *const quants[] = { "+", "*", "?", "{2}", "{2,}", "{1,2}", "{2,3}" };
    unsigned q = pick(g, 7);
    base_buf_puts(b, quants[q]);
    if (q == 2)
        return;
    bool endless = q == 0 || q == 1 || q == 4;
    unsigned word = pick(g, 5);
    if (word == 0)
        base_buf_puts(b, " consecutive");
    else if (word == 1)
        base_buf_puts(b, " combinations");
    if (word != 1 && !group && one_in(g, 4))
        base_buf_puts(b, " greedy");
    if (endless && one_in(g, 5))
        base_buf_printf(b, " until %c", "abcq"[pick(g, 4)]);
    if (one_in(g, 8))
        base_buf_printf(b, " gap %u", pick(g, 4) + 1);
}

static void write_var(struct nfa_gen *g, struct base_buf *b) {
    base_buf_putc(b, "aabbcAZ"[one_in(g, 3) ? 3 + pick(g, 4) : pick(g, 4)]);
}

static void write_chain(struct nfa_gen *g, struct base_buf *b, int depth) {
    unsigned n = 1 + pick(g, depth ? 2 : 3);
    for (unsigned i = 0; i < n; i++) {
        static const char *const ops[] = { " ", " -> ", " -> ", " ->> " };
        if (i) {
            unsigned op = pick(g, 4);
            base_buf_puts(b, ops[op]);
            if (one_in(g, 7))
                base_buf_puts(b, op == 0 ? "[4] " : one_in(g, 2) ? "[3] " : "[2,5] ");
        }
        write_term(g, b, depth);
    }
}

static void write_term(struct nfa_gen *g, struct base_buf *b, int depth) {
    unsigned what = depth >= 2 ? 9 : pick(g, 10);
    if (what == 0) {
        base_buf_putc(b, '(');
        write_chain(g, b, depth + 1);
        base_buf_puts(b, " | ");
        write_chain(g, b, depth + 1);
        base_buf_putc(b, ')');
    } else if (what == 1) {
        base_buf_puts(b, "all(");
        write_term(g, b, 2);
        base_buf_puts(b, ", ");
        write_term(g, b, 2);
        base_buf_putc(b, ')');
        return;
    } else if (what == 2) {
        base_buf_putc(b, '(');
        write_chain(g, b, depth + 1);
        base_buf_putc(b, ')');
        if (one_in(g, 2))
            write_quantifier(g, b, true);
        return;
    } else {
        write_var(g, b);
    }
    if (what > 2 && one_in(g, 2))
        write_quantifier(g, b, false);
}

/* A sequence with a negation here and there: never first, not behind what may be left out. */
void nfa_gen_pattern(struct nfa_gen *g, struct base_buf *b) {
    base_buf_clear(b);
    write_chain(g, b, 0);
    if (one_in(g, 3)) {
        struct base_buf tail = BASE_BUF_INIT;
        base_buf_printf(&tail, " -> %c", "abc"[pick(g, 3)]);
        base_buf_puts(b, one_in(g, 2) ? base_buf_cstr(&tail) : " x");
        unsigned kind = pick(g, 5);
        if (kind == 0)
            base_buf_puts(b, " !n");
        else if (kind == 1)
            base_buf_puts(b, " -> !n");
        else if (kind == 2)
            base_buf_printf(b, "%s ->[%u] !q",
                one_in(g, 2)   ? ""
                : one_in(g, 2) ? " !n"
                               : " -> !n",
                pick(g, 4) + 1);
        if (kind == 0 || (kind == 1 && one_in(g, 2))) {
            base_buf_puts(b, one_in(g, 2) ? " -> " : " ");
            write_chain(g, b, 2);
        }
        base_buf_release(&tail);
    }
}

static void write_words(struct nfa_gen *g, struct base_buf *b, int depth);

static void write_word_term(struct nfa_gen *g, struct base_buf *b, int depth) {
    static const char *const quants[] = { "?", "{1,2} combinations", "{2} combinations", "+ combinations",
        "* combinations", "{2,} combinations", "{2,3} combinations" };
    unsigned what = depth >= 2 ? 9 : pick(g, 8);
    if (what < 2) {
        base_buf_putc(b, '(');
        write_words(g, b, depth + 1);
        if (what == 0) {
            base_buf_puts(b, " | ");
            write_words(g, b, depth + 1);
        }
        base_buf_putc(b, ')');
    } else {
        write_var(g, b);
    }
    /* Of a group fewer: the reference keeps every way there is. */
    if (one_in(g, 3))
        base_buf_puts(b, quants[pick(g, what < 2 || depth ? 3 : 7)]);
}

static void write_words(struct nfa_gen *g, struct base_buf *b, int depth) {
    unsigned n = 1 + pick(g, depth ? 2 : 3);
    for (unsigned i = 0; i < n; i++) {
        base_buf_puts(b, i ? " ->> " : "");
        write_word_term(g, b, depth);
    }
}

void nfa_gen_words(struct nfa_gen *g, struct base_buf *b) {
    base_buf_clear(b);
    write_words(g, b, 0);
}

struct plan_pattern nfa_gen_words_options(struct nfa_gen *g) {
    struct plan_pattern p = { .skip = PLAN_SKIP_NONE };
    if (pick(g, 4)) {
        p.within_kind = PLAN_WITHIN_FIRST_LAST;
        p.within_us = 3 + pick(g, 10);
    }
    if (one_in(g, 5)) {
        p.limit_open = 1 + pick(g, 3);
        p.limit_refuse_new = one_in(g, 2);
    }
    if (one_in(g, 3))
        p.limit_matches = 1 + pick(g, 5);
    return p;
}

void nfa_gen_events(struct nfa_gen *g, struct base_buf *b) {
    base_buf_clear(b);
    unsigned n = 3 + pick(g, 9);
    unsigned time = 0;
    for (unsigned i = 0; i < n; i++) {
        time += pick(g, 5) ? 1 + pick(g, 3) / 2 : 0;
        base_buf_printf(b, "%s%c@%u", i ? " " : "", "aaabbbccnxq"[pick(g, 11)], time + 1);
    }
}

struct plan_pattern nfa_gen_options(struct nfa_gen *g) {
    static const enum plan_skip skips[] = { PLAN_SKIP_NONE, PLAN_SKIP_NONE, PLAN_SKIP_PAST_LAST,
        PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_TO_FIRST, PLAN_SKIP_TO_LAST };
    struct plan_pattern p = { .skip = skips[pick(g, 7)] };
    unsigned within = pick(g, 5);
    if (within < 3) {
        p.within_kind = PLAN_WITHIN_FIRST_LAST;
        p.within_us = 3 + pick(g, 10);
    } else if (within == 3) {
        p.within_kind = PLAN_WITHIN_BETWEEN;
        p.within_us = 2 + pick(g, 4);
    }
    if (one_in(g, 10)) {
        p.limit_open = 1 + pick(g, 2);
        p.limit_refuse_new = one_in(g, 2);
    }
    if (one_in(g, 10))
        p.limit_matches = 1 + pick(g, 2);
    return p;
}
