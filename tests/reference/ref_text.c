/* ref_text -- see ref_text.h: a recursive descent over single letters. */
#include "tests/reference/ref_text.h"

#include <ctype.h>
#include <string.h>

enum { MAX_TERMS = 24 };

struct reader {
    struct ref_text *t;
    const char *s;
    bool bad;
    char *letters;
    struct plan_var *vars;
};

static bool is(struct reader *rd, const char *word) {
    while (*rd->s == ' ')
        rd->s++;
    size_t n = strlen(word);
    if (strncmp(rd->s, word, n) != 0 ||
        (isalpha((unsigned char)word[n - 1]) && isalpha((unsigned char)rd->s[n])))
        return false;
    rd->s += n;
    return true;
}

static int64_t number(struct reader *rd) {
    int64_t n = 0;
    while (*rd->s == ' ')
        rd->s++;
    if (!isdigit((unsigned char)*rd->s))
        rd->bad = true;
    while (isdigit((unsigned char)*rd->s))
        n = n * 10 + (*rd->s++ - '0');
    return n;
}

static struct plan_term *term_new(struct reader *rd, enum plan_term_kind kind) {
    struct plan_term *t = BASE_ARENA_NEW(&rd->t->arena, struct plan_term);
    *t = (struct plan_term){ .kind = kind, .min = 1, .max = 1, .inner = PLAN_FOLLOWED };
    return t;
}

static struct plan_term *either(struct reader *rd);

static struct plan_term *variable(struct reader *rd, bool negated) {
    struct plan_term *t = term_new(rd, PLAN_TERM_VAR);
    while (*rd->s == ' ')
        rd->s++;
    if (!isalpha((unsigned char)*rd->s) || rd->t->pat.n_vars == MAX_TERMS) {
        rd->bad = true;
        return t;
    }
    t->var = rd->t->pat.n_vars++;
    char letter = *rd->s++;
    unsigned before = 0;
    for (uint32_t i = 0; i < t->var; i++)
        before += rd->letters[i] == letter;
    rd->letters[t->var] = letter;
    struct base_str name = { rd->letters + t->var, 1 };
    if (before > 0)
        name = base_str_of(base_arena_printf(&rd->t->arena, "%c%u", letter, before + 1));
    rd->vars[t->var] = (struct plan_var){ .name = name, .input = -1, .negated = negated };
    return t;
}

static void quantifier(struct reader *rd, struct plan_term *t) {
    bool any = true;
    if (is(rd, "+")) {
        t->max = PLAN_UNBOUNDED;
    } else if (is(rd, "*")) {
        t->min = 0;
        t->max = PLAN_UNBOUNDED;
    } else if (is(rd, "?")) {
        t->min = 0;
    } else if (is(rd, "{")) {
        t->min = t->max = (uint32_t)number(rd);
        if (is(rd, ","))
            t->max = is(rd, "}") ? PLAN_UNBOUNDED : (uint32_t)number(rd);
        if (t->max != PLAN_UNBOUNDED)
            is(rd, "}");
    } else {
        any = false;
    }
    while (any) {
        if (is(rd, "consecutive")) {
            t->inner = PLAN_NEXT;
        } else if (is(rd, "combinations")) {
            t->inner = PLAN_FOLLOWED_ANY;
        } else if (is(rd, "greedy")) {
            t->greedy = true;
        } else if (is(rd, "gap")) {
            t->gap_us = number(rd);
        } else if (is(rd, "until")) {
            while (*rd->s == ' ')
                rd->s++;
            struct expr *e = BASE_ARENA_NEW(&rd->t->arena, struct expr);
            e->index = (uint32_t)(unsigned char)*rd->s++;
            t->until = e;
        } else {
            any = false;
        }
    }
}

static struct plan_term *atom(struct reader *rd, bool negated) {
    if (negated)
        return variable(rd, true);
    struct plan_term *t;
    if (is(rd, "all(")) {
        const struct plan_term **v = BASE_ARENA_ARRAY(&rd->t->arena, const struct plan_term *, MAX_TERMS);
        t = term_new(rd, PLAN_TERM_ALL);
        t->alts = v;
        do {
            v[t->n_alts++] = either(rd);
        } while (is(rd, ",") && t->n_alts < MAX_TERMS);
        rd->bad |= !is(rd, ")");
    } else if (is(rd, "(")) {
        t = either(rd);
        rd->bad |= !is(rd, ")");
    } else {
        t = variable(rd, false);
    }
    if (t->min != 1 || t->max != 1) {
        /* A group around something quantified: a chain of that one step. */
        struct plan_step *s = BASE_ARENA_NEW(&rd->t->arena, struct plan_step);
        *s = (struct plan_step){ .op = PLAN_NEXT, .hi_us = -1, .term = t };
        t = term_new(rd, PLAN_TERM_CHAIN);
        t->n_steps = 1;
        t->steps = s;
    }
    quantifier(rd, t);
    return t;
}

static struct plan_term *chain(struct reader *rd) {
    struct plan_step *v = BASE_ARENA_ARRAY(&rd->t->arena, struct plan_step, MAX_TERMS);
    struct plan_term *t = term_new(rd, PLAN_TERM_CHAIN);
    t->steps = v;
    while (!rd->bad && t->n_steps < MAX_TERMS) {
        struct plan_step *s = &v[t->n_steps];
        *s = (struct plan_step){ .op = PLAN_NEXT, .hi_us = -1 };
        if (is(rd, "->>"))
            s->op = PLAN_FOLLOWED_ANY;
        else if (is(rd, "->"))
            s->op = PLAN_FOLLOWED;
        if (is(rd, "[")) {
            s->hi_us = number(rd);
            if (is(rd, ",")) {
                s->lo_us = s->hi_us;
                s->hi_us = number(rd);
            }
            rd->bad |= !is(rd, "]");
        }
        s->negated = is(rd, "!");
        s->term = atom(rd, s->negated);
        t->n_steps++;
        while (*rd->s == ' ')
            rd->s++;
        if (*rd->s == '\0' || strchr("|),", *rd->s))
            break;
    }
    /* What stands alone is no chain, so that a quantifier behind the bracket is its own. */
    if (t->n_steps == 1 && !v[0].negated) {
        struct plan_term *only = BASE_ARENA_NEW(&rd->t->arena, struct plan_term);
        *only = *v[0].term;
        return only;
    }
    return t;
}

static struct plan_term *either(struct reader *rd) {
    struct plan_term *first = chain(rd);
    if (!is(rd, "|"))
        return first;
    const struct plan_term **v = BASE_ARENA_ARRAY(&rd->t->arena, const struct plan_term *, MAX_TERMS);
    struct plan_term *t = term_new(rd, PLAN_TERM_ALT);
    t->alts = v;
    v[t->n_alts++] = first;
    do {
        v[t->n_alts++] = chain(rd);
    } while (is(rd, "|") && t->n_alts < MAX_TERMS);
    return t;
}

bool ref_text_init(struct ref_text *t, const char *pattern) {
    *t = (struct ref_text){ .letters = NULL };
    base_arena_init(&t->arena, 0);
    struct reader rd = { .t = t, .s = pattern };
    rd.letters = base_arena_alloc(&t->arena, MAX_TERMS + 1);
    rd.vars = BASE_ARENA_ARRAY(&t->arena, struct plan_var, MAX_TERMS);
    t->letters = rd.letters;
    t->pat.vars = rd.vars;
    struct plan_step *s = BASE_ARENA_NEW(&t->arena, struct plan_step);
    *s = (struct plan_step){ .op = PLAN_NEXT, .hi_us = -1, .term = either(&rd) };
    struct plan_term *root = term_new(&rd, PLAN_TERM_CHAIN);
    root->n_steps = 1;
    root->steps = s;
    t->pat.root = root;
    while (*rd.s == ' ')
        rd.s++;
    return !rd.bad && *rd.s == '\0';
}

void ref_text_release(struct ref_text *t) {
    base_arena_release(&t->arena);
}

size_t ref_text_events(const char *text, struct ref_text_event *out, size_t max) {
    size_t n = 0;
    int64_t time = 0;
    for (const char *s = text; *s && n < max;) {
        if (*s == ' ') {
            s++;
            continue;
        }
        char name = *s++;
        time++;
        if (*s == '@') {
            time = 0;
            for (s++; isdigit((unsigned char)*s); s++)
                time = time * 10 + (*s - '0');
        }
        out[n++] = (struct ref_text_event){ name, time };
    }
    return n;
}

bool ref_text_fits(char var, char name) {
    switch (var) {
    case 'Z': return true;
    case 'A': return name == 'a' || name == 'b';
    case 'C': return name == 'c' || name == 'd';
    default: return var == name;
    }
}
