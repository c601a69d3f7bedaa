/*
 * nfa_span -- see the header: spans and onwards, counted, in chunks that are handed out again.
 */
#include "nfa/nfa_span.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_SPAN_CHUNK = 512 };

/* Things of one size, by handle. The free ones are a list through their first word. */
struct pool {
    char **chunks;
    size_t n_chunks, cap_chunks, size;
    uint32_t free, n; /* n: handed out ever, with 0 */
};

struct nfa_spans {
    struct pool spans, onwards;
};

static void *pool_at(const struct pool *p, uint32_t i) {
    return p->chunks[i / NFA_SPAN_CHUNK] + (size_t)(i % NFA_SPAN_CHUNK) * p->size;
}

static uint32_t pool_get(struct nfa_matcher *m, struct pool *p) {
    uint32_t i = p->free;
    m->stats.work++;
    if (i) {
        memcpy(&p->free, pool_at(p, i), sizeof p->free);
        return i;
    }
    CEP_REQUIRE(p->n != UINT32_MAX);
    if (p->n / NFA_SPAN_CHUNK == p->n_chunks) {
        p->chunks = base_grow(p->chunks, p->n_chunks, &p->cap_chunks, sizeof *p->chunks);
        p->chunks[p->n_chunks++] = nfa_mem_get(&m->mem, NFA_SPAN_CHUNK * p->size);
    }
    return p->n++;
}

static void pool_put(struct nfa_matcher *m, struct pool *p, uint32_t i) {
    m->stats.work++;
    memcpy(pool_at(p, i), &p->free, sizeof p->free);
    p->free = i;
}

static void pool_release(struct nfa_matcher *m, struct pool *p) {
    for (size_t i = 0; i < p->n_chunks; i++)
        nfa_mem_put(&m->mem, p->chunks[i], NFA_SPAN_CHUNK * p->size);
    base_free(p->chunks);
}

struct nfa_spans *nfa_spans_new(void) {
    struct nfa_spans *s = base_calloc(1, sizeof *s);
    s->spans = (struct pool){ .size = sizeof(struct nfa_span), .n = 1 };
    s->onwards = (struct pool){ .size = sizeof(struct nfa_onward), .n = 1 };
    return s;
}

void nfa_spans_free(struct nfa_matcher *m) {
    if (!m->spans)
        return;
    pool_release(m, &m->spans->spans);
    pool_release(m, &m->spans->onwards);
    base_free(m->spans);
    m->spans = NULL;
}

struct nfa_span *nfa_span_at(const struct nfa_matcher *m, uint32_t span) {
    return pool_at(&m->spans->spans, span);
}

struct nfa_onward *nfa_onward_at(const struct nfa_matcher *m, uint32_t onward) {
    return pool_at(&m->spans->onwards, onward);
}

uint32_t nfa_span_new(struct nfa_matcher *m, uint32_t det) {
    uint32_t i = pool_get(m, &m->spans->spans);
    *nfa_span_at(m, i) = (struct nfa_span){ .refs = 1, .det = det };
    return i;
}

void nfa_span_ref(struct nfa_matcher *m, uint32_t span) {
    nfa_span_at(m, span)->refs++;
}

void nfa_span_unref(struct nfa_matcher *m, uint32_t span) {
    while (span) {
        struct nfa_span *s = nfa_span_at(m, span);
        if (--s->refs)
            return;
        /* Its cells are being cut in some order: those taken behind them are next. */
        for (uint32_t o = s->first; o; o = nfa_onward_at(m, o)->later)
            nfa_onward_at(m, o)->from = 0;
        uint32_t next = s->next;
        pool_put(m, &m->spans->spans, span);
        span = next;
    }
}

uint32_t nfa_onward_new(
    struct nfa_matcher *m, uint32_t from, uint32_t var, const struct nfa_ev *ev, uint32_t to) {
    uint32_t i = pool_get(m, &m->spans->onwards);
    struct nfa_span *s = nfa_span_at(m, from);
    *nfa_onward_at(m, i) =
        (struct nfa_onward){ .ev = ev, .var = var, .refs = 1, .from = from, .to = to, .later = s->first };
    if (s->first)
        nfa_onward_at(m, s->first)->prev = i;
    s->first = i;
    nfa_span_ref(m, to);
    return i;
}

void nfa_onward_ref(struct nfa_matcher *m, uint32_t onward) {
    nfa_onward_at(m, onward)->refs++;
}

static void onward_free(struct nfa_matcher *m, uint32_t onward) {
    struct nfa_onward *o = nfa_onward_at(m, onward);
    if (o->from) {
        if (o->prev)
            nfa_onward_at(m, o->prev)->later = o->later;
        else
            nfa_span_at(m, o->from)->first = o->later;
        if (o->later)
            nfa_onward_at(m, o->later)->prev = o->prev;
    }
    uint32_t to = o->to;
    pool_put(m, &m->spans->onwards, onward);
    nfa_span_unref(m, to);
}

void nfa_onward_unref(struct nfa_matcher *m, uint32_t onward) {
    if (--nfa_onward_at(m, onward)->refs)
        return;
    for (uint32_t at = onward, more; at; at = more) {
        more = nfa_onward_at(m, at)->more;
        onward_free(m, at);
    }
}

static bool is_passed(const struct nfa_span *s, uint64_t stop) {
    return !s->first && s->next && s->mark != stop;
}

uint32_t nfa_span_follow(struct nfa_matcher *m, uint32_t *span, uint64_t stop) {
    uint32_t end = *span;
    while (end && is_passed(nfa_span_at(m, end), stop)) {
        end = nfa_span_at(m, end)->next;
        m->stats.work++;
    }
    /* Those passed lead there at once from now on. */
    for (uint32_t *at = span; *at != end;) {
        uint32_t was = *at;
        struct nfa_span *s = nfa_span_at(m, was);
        nfa_span_ref(m, end);
        *at = end;
        if (s->refs == 1) {
            nfa_span_unref(m, was);
            break;
        }
        s->refs--;
        at = &s->next;
    }
    return end;
}
