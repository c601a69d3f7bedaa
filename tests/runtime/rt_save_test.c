/* rt_save: the state of one instant, put out in slices while it changes. The operators are the test's own. */
#include "runtime/rt_job_internal.h"
#include "runtime/rt_save.h"

#include "base/base_err.h"
#include "tests/base/base_test.h"

enum { N_KEYS = 6, STEP_US = 400 };

/* A number a key; each slice puts out one of them and takes STEP_US. */
struct counter {
    struct rt_op op;
    struct clk *clk;
    uint8_t v[N_KEYS];
    bool out_already[N_KEYS];
    uint32_t next;
    const struct sto_out *out; /* NULL: no save is under way */
    bool fails;
    uint32_t n_cancelled;
};

static void put(struct counter *c, uint32_t k) {
    uint8_t key = (uint8_t)k;
    if (c->out_already[k])
        return;
    c->out_already[k] = true;
    assert_int_equal(sto_put(c->out, 1, k, (struct base_str){ (const char *)&key, 1 },
                         (struct base_str){ (const char *)&c->v[k], 1 }, NULL),
        CEP_OK);
}

static enum cep_rc save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct counter *c = (struct counter *)op;
    (void)err;
    assert_null(c->out);
    c->out = out;
    c->next = 0;
    memset(c->out_already, 0, sizeof c->out_already);
    return CEP_AGAIN;
}

static enum cep_rc save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct counter *c = (struct counter *)op;
    assert_true(bytes > 0);
    assert_non_null(c->out);
    clk_manual_set(c->clk, c->clk->manual_us + STEP_US);
    if (c->next < N_KEYS)
        put(c, c->next++);
    if (c->fails || c->next == N_KEYS)
        c->out = NULL;
    if (c->fails)
        return base_err_set(err, CEP_EIO, "no room");
    return c->next == N_KEYS ? CEP_OK : CEP_AGAIN;
}

static void save_cancel(struct rt_op *op) {
    struct counter *c = (struct counter *)op;
    c->out = NULL;
    c->n_cancelled++;
}

static const struct rt_op_vt vt = {
    .kind = "counter", .save = save, .save_some = save_some, .save_cancel = save_cancel
};

static void set(struct counter *c, uint32_t k, uint8_t v) {
    if (c->out)
        put(c, k);
    c->v[k] = v;
}

/* A task of two such operators. */
struct fixture {
    struct clk clk;
    struct counter a, b;
    struct rt_op *ops[2];
    uint32_t nodes[2];
    struct plan_vertex vertex;
    struct rt_exec_task exec;
    struct rt_job job;
    struct rt_task task;
};

static void init(struct fixture *f) {
    *f = (struct fixture){ .nodes = { 0, 1 } };
    clk_manual_init(&f->clk, 1000);
    rt_op_init(&f->a.op, &vt, NULL, BASE_STR("a"), 0, &f->clk);
    rt_op_init(&f->b.op, &vt, NULL, BASE_STR("b"), 0, &f->clk);
    f->a.clk = f->b.clk = &f->clk;
    f->ops[0] = &f->a.op;
    f->ops[1] = &f->b.op;
    f->vertex = (struct plan_vertex){ .parallelism = 1, .nodes = f->nodes, .n_nodes = 2 };
    f->job.opts.clk = &f->clk;
    f->job.exec.tasks = &f->exec;
    f->task.job = &f->job;
    f->task.vertex = &f->vertex;
    f->task.graph.ops = f->ops;
    for (uint32_t k = 0; k < N_KEYS; k++) {
        f->a.v[k] = (uint8_t)('a' + k);
        f->b.v[k] = (uint8_t)('A' + k);
    }
}

static void release(struct fixture *f) {
    rt_op_release(&f->a.op);
    rt_op_release(&f->b.op);
}

/* The values by key; '-': not there. */
static void read_part(const struct rt_part *part, const char *name, char *values) {
    struct sto_part_head head;
    struct base_unpack entries;
    struct sto_entry e;
    enum cep_rc rc;
    memset(values, '-', N_KEYS);
    values[N_KEYS] = '\0';
    assert_int_equal(sto_part_open(base_buf_view(&part->bytes), &head, &entries, NULL), CEP_OK);
    assert_true(base_str_eq(head.name, base_str_of(name)));
    while ((rc = sto_part_next(&entries, &e, NULL)) == CEP_OK)
        values[(size_t)e.key.p[0]] = e.value.p[0];
    assert_int_equal(rc, CEP_NONE);
}

static void what_changes_meanwhile_is_saved_as_it_was(void **state) {
    (void)state;
    struct fixture f;
    char values[N_KEYS + 1];
    init(&f);
    struct rt_saving *s = rt_saving_begin(&f.task, 7, false);
    rt_saving_aligned(s, 55);
    uint32_t slices = 0;
    for (bool over = false; !over; slices++) {
        for (uint32_t k = 0; k < N_KEYS; k++) {
            set(&f.a, (k * 5 + slices) % N_KEYS, 'x');
            if (slices > 2)
                set(&f.b, k, 'y');
        }
        over = rt_saving_some(s, 0);
        assert_true(over == rt_saving_is_over(s));
    }
    assert_int_equal(slices, 2 * N_KEYS);
    struct rt_saved *saved = rt_saving_end(s);
    assert_int_equal(saved->rc, CEP_OK);
    assert_int_equal(saved->id, 7);
    assert_int_equal(saved->align_us, 55);
    assert_int_equal(saved->snap.n, 2);
    read_part(saved->snap.parts[0], "a", values);
    assert_string_equal(values, "abcdef");
    read_part(saved->snap.parts[1], "b", values);
    assert_string_equal(values, "ABCDEF");
    rt_saved_free(saved);
    release(&f);
}

static void a_slice_is_as_long_as_it_may_be(void **state) {
    (void)state;
    struct fixture f;
    init(&f);
    struct rt_saving *s = rt_saving_begin(&f.task, 1, false);
    assert_false(rt_saving_some(s, 3 * STEP_US - 1));
    assert_int_equal(f.clk.manual_us, 1000 + 3 * STEP_US);
    clk_manual_set(&f.clk, f.clk.manual_us + 100000); /* rows */
    assert_false(rt_saving_some(s, STEP_US));
    assert_true(rt_saving_some(s, INT64_MAX));
    struct rt_saved *saved = rt_saving_end(s);
    assert_int_equal(saved->pause_us, (2 * N_KEYS - 4) * STEP_US); /* the last one */
    assert_int_equal(saved->save_us, 2 * N_KEYS * STEP_US + 100000);
    rt_saved_free(saved);
    release(&f);
}

static void one_that_fails_ends_the_others(void **state) {
    (void)state;
    struct fixture f;
    init(&f);
    struct rt_saving *s = rt_saving_begin(&f.task, 1, false);
    f.b.fails = true;
    assert_true(rt_saving_some(s, INT64_MAX));
    struct rt_saved *saved = rt_saving_end(s);
    assert_int_equal(saved->rc, CEP_EIO);
    assert_string_equal(saved->err.message, "no room");
    assert_int_equal(f.a.n_cancelled, 1);
    assert_int_equal(f.b.n_cancelled, 0);
    assert_null(f.a.out);
    rt_saved_free(saved);
    release(&f);
}

static void one_that_is_dropped_is_cancelled(void **state) {
    (void)state;
    struct fixture f;
    init(&f);
    struct rt_saving *s = rt_saving_begin(&f.task, 1, false);
    assert_false(rt_saving_some(s, 0));
    struct rt_saved *saved = rt_saving_drop(s);
    assert_true(saved->dropped);
    assert_int_equal(f.a.n_cancelled, 1);
    assert_int_equal(f.b.n_cancelled, 1);
    rt_saved_free(saved);
    release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_meanwhile_is_saved_as_it_was),
        cmocka_unit_test(a_slice_is_as_long_as_it_may_be),
        cmocka_unit_test(one_that_fails_ends_the_others),
        cmocka_unit_test(one_that_is_dropped_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
