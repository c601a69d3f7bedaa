/* rt_slide: every window is the merge of its panes' groups, as panes come and go, stay away, and are told of rows late. */
#include "runtime/rt_slide.h"

#include "base/base_map.h"
#include "base/base_mem.h"
#include "tests/base/base_test.h"

enum { N_PANES = 120, N_KEYS = 9, N_ACCS = 3, PANE_US = 10 };

struct fixture {
    struct rt_group_kind kind;
    const struct evt_type *key_type;
    struct expr_acc_fn fns[N_ACCS];
    struct rt_pane *panes[N_PANES];
    struct rt_slide slide;
    uint32_t seed;
};

static uint32_t next(struct fixture *f, uint32_t n) {
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

static void begin(struct fixture *f, uint32_t seed) {
    const struct evt_type *t = evt_type_of(EVT_INT);
    *f = (struct fixture){ .key_type = t, .seed = seed };
    f->fns[0] = (struct expr_acc_fn){ .agg = EXPR_AGG_COUNT, .type = t };
    f->fns[1] = (struct expr_acc_fn){ .agg = EXPR_AGG_SUM, .arg = t, .type = t };
    f->fns[2] = (struct expr_acc_fn){ .agg = EXPR_AGG_MIN, .arg = t, .type = t };
    f->kind =
        (struct rt_group_kind){ .n_keys = 1, .n_accs = N_ACCS, .key_types = &f->key_type, .fns = f->fns };
    assert_true(rt_slide_can(&f->kind));
    rt_slide_init(&f->slide, &f->kind);
    for (int i = 0; i < N_PANES; i++) {
        f->panes[i] = base_calloc(1, sizeof **f->panes);
        f->panes[i]->start = (int64_t)i * PANE_US;
        rt_groups_init(&f->panes[i]->groups, &f->kind, true);
    }
}

static void end(struct fixture *f) {
    rt_slide_release(&f->slide);
    for (int i = 0; i < N_PANES; i++) {
        rt_groups_release(&f->panes[i]->groups);
        base_free(f->panes[i]);
    }
}

static void add(struct fixture *f, struct rt_pane *p, bool late) {
    struct evt_val key = { .i = next(f, N_KEYS) }, v = { .i = (int64_t)next(f, 1000) - 500 };
    struct base_buf bytes = BASE_BUF_INIT;
    struct expr_acc one[N_ACCS];
    evt_val_write_key(&bytes, f->key_type, &key);
    struct rt_group *g = rt_groups_get(
        &p->groups, base_hash(bytes.p, bytes.len), base_buf_view(&bytes), &key, NULL);
    rt_accs_start(&f->kind, one);
    for (int i = 0; i < N_ACCS; i++) {
        expr_acc_step(&f->fns[i], &g->accs[i], &v, NULL);
        expr_acc_step(&f->fns[i], &one[i], &v, NULL);
    }
    if (late)
        rt_slide_late(&f->slide, p, g, one);
    base_buf_release(&bytes);
}

static void check(struct fixture *f, int first, int n) {
    uint32_t n_there = 0;
    struct rt_groups want;
    rt_groups_init(&want, &f->kind, true);
    for (int i = first; i < first + n; i++)
        for (uint32_t k = 0; k < f->panes[i]->groups.n; k++) {
            const struct rt_group *g = f->panes[i]->groups.groups[k];
            rt_accs_merge(&f->kind, rt_groups_get(&want, g->hash, g->bytes, g->vals, NULL)->accs, g->accs);
        }
    for (uint32_t i = 0; i < f->slide.keys.n; i++) {
        const struct rt_group *key = f->slide.keys.groups[i];
        const struct rt_group *as = rt_groups_find(&want, key->hash, key->bytes);
        const struct expr_acc *accs = rt_slide_accs(&f->slide, i);
        if (!accs)
            continue;
        assert_non_null(as);
        assert_memory_equal(accs, as->accs, N_ACCS * sizeof *accs);
        n_there++;
    }
    assert_int_equal(n_there, want.n);
    rt_groups_release(&want);
}

/* Windows of `size` panes, each `step` further than the one before; sometimes there is a gap. */
static void run(uint32_t seed, int size, int step) {
    struct fixture f;
    begin(&f, seed);
    int filled = 0;
    for (int first = 0; first + size <= N_PANES;) {
        for (; filled < first + size; filled++)
            for (uint32_t n = next(&f, 3) ? next(&f, 12) : 0; n > 0; n--)
                add(&f, f.panes[filled], false);
        rt_slide_to(&f.slide, f.panes + first, (size_t)size, f.panes[first]->start, size * PANE_US);
        check(&f, first, size);
        rt_slide_leave(&f.slide, f.panes + first, (size_t)size, f.panes[first]->start + step * PANE_US);
        for (uint32_t n = next(&f, 6); n > 0; n--)
            add(&f, f.panes[next(&f, (uint32_t)(first + size))], true);
        first += step;
        if (next(&f, 20) == 0)
            rt_slide_clear(&f.slide);
        if (next(&f, 20) == 0) { /* nothing comes in some panes, and then in some windows */
            first += size;
            filled = filled < first ? first : filled;
        }
    }
    end(&f);
}

static void windows_are_their_panes(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++)
        for (int step = 1; step <= 4; step++)
            run(seed, (int)(seed % 12) + step, step);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_are_their_panes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
