/* nfa_entries -- see nfa_entries.h. */
#include "tests/nfa/nfa_entries.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "nfa/nfa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *copy(struct base_str s) {
    char *p = base_alloc(s.len + 1);
    memcpy(p, s.p ? s.p : "", s.len);
    return p;
}

enum cep_rc nfa_entries_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct entries *es = arg;
    if (es->fail_at && es->n + 1 == es->fail_at)
        return base_err_set(err, CEP_EIO, "no room");
    es->v = base_grow(es->v, es->n, &es->cap, sizeof *es->v);
    es->v[es->n++] = (struct entry){ e->ns, e->group, copy(e->key), copy(e->value), e->key.len,
        e->value.len };
    return CEP_OK;
}

void nfa_entries_remove(struct entries *es, size_t i) {
    base_free(es->v[i].key);
    base_free(es->v[i].value);
    es->v[i] = es->v[--es->n];
}

void nfa_entries_clear(struct entries *es) {
    for (size_t i = 0; i < es->n; i++) {
        base_free(es->v[i].key);
        base_free(es->v[i].value);
    }
    es->n = 0;
}

void nfa_entries_release(struct entries *es) {
    nfa_entries_clear(es);
    base_free(es->v);
}

static int by_bytes(const char *a, size_t an, const char *b, size_t bn) {
    int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : an < bn ? -1 : an > bn;
}

static int by_entry(const void *x, const void *y) {
    const struct entry *a = x, *b = y;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    /* Rows that wait are numbered as they are written. */
    int c = a->ns == NFA_NS_ROW ? 0 : by_bytes(a->key, a->key_len, b->key, b->key_len);
    return c ? c : by_bytes(a->value, a->value_len, b->value, b->value_len);
}

/* From 0 on, each once; those that were in a database from 2^63 on. */
static void assert_numbered(const struct entries *es, const char *what) {
    bool *seen = base_calloc(2 * es->n + 1, sizeof *seen);
    for (size_t i = 0; i < es->n; i++) {
        if (es->v[i].ns != NFA_NS_ROW)
            continue;
        struct base_unpack u = base_unpack_of((struct base_str){ es->v[i].key, es->v[i].key_len });
        uint64_t number = base_unpack_u64(&u), at = (number << 1) + (number >> 63);
        if (!base_unpack_ok(&u) || at >= 2 * es->n || seen[at])
            fail_msg("%s: a waiting row is not numbered as it should be", what);
        seen[at] = true;
    }
    base_free(seen);
}

/* Of META's value what comes behind the numbers of the next event and step. */
static struct base_str names_of(const struct entry *e) {
    struct base_unpack u = base_unpack_of((struct base_str){ e->value, e->value_len });
    (void)base_unpack_u8(&u);
    (void)base_unpack_zigzag(&u);
    (void)base_unpack_varint(&u);
    (void)base_unpack_varint(&u);
    size_t left = (size_t)(u.end - u.p);
    return (struct base_str){ e->value + e->value_len - left, left };
}

void nfa_entries_assert_same(struct entries *want, struct entries *got, bool loaded, const char *what) {
    if (want->n != got->n)
        fail_msg("%s: %zu entries instead of %zu", what, got->n, want->n);
    assert_numbered(want, what);
    assert_numbered(got, what);
    qsort(want->v, want->n, sizeof *want->v, by_entry);
    qsort(got->v, got->n, sizeof *got->v, by_entry);
    for (size_t i = 0; i < want->n; i++) {
        struct entry *g = &got->v[i];
        const struct entry *w = &want->v[i];
        if (loaded && w->ns == NFA_NS_META && g->ns == NFA_NS_META && base_str_eq(names_of(w), names_of(g)))
            continue;
        /* KEY of the store of sets begins with its tag. */
        bool shape = loaded && w->ns == NFA_NS_KEY && w->value_len && (w->value[0] & 127) != 1 &&
                     g->value_len;
        if (shape && w->value[0] == g->value[0] && by_bytes(w->key, w->key_len, g->key, g->key_len) == 0)
            continue;
        /* Timers of one instant may fire in another order among keys, so the steps that completed what waits have other numbers. */
        if (loaded && w->ns == NFA_NS_KEY && w->value_len == g->value_len) {
            size_t differ = 0;
            for (size_t b = 0; b < w->value_len; b++)
                differ += w->value[b] != g->value[b];
            if (differ <= w->value_len / 32 && by_bytes(w->key, w->key_len, g->key, g->key_len) == 0)
                continue;
        }
        if (by_entry(&want->v[i], &got->v[i]) != 0 || want->v[i].group != got->v[i].group)
            fail_msg("%s: entry %zu of %zu differs", what, i, want->n);
    }
}
