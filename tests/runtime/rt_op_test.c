/* rt_op: watermarks of many inputs as one, idle ones, ended ones. */
#include "runtime/rt_op.h"

#include "tests/base/base_test.h"

struct probe {
    struct rt_op op;
    int n_watermarks, n_ends;
};

static enum cep_rc on_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct probe *p = (struct probe *)op;
    (void)err;
    assert_int_equal(wm, op->watermark);
    p->n_watermarks++;
    return CEP_OK;
}

static enum cep_rc on_end(struct rt_op *op, struct cep_err *err) {
    (void)err;
    ((struct probe *)op)->n_ends++;
    return CEP_OK;
}

static const struct rt_op_vt vt = { .kind = "probe", .watermark = on_watermark, .end = on_end };

static void init(struct probe *p, uint32_t n_inputs) {
    *p = (struct probe){ .n_ends = 0 };
    rt_op_init(&p->op, &vt, NULL, BASE_STR("p"), n_inputs, clk_system());
}

static void the_slowest_input_holds_it_back(void **state) {
    (void)state;
    struct probe p;
    init(&p, 2);
    assert_int_equal(rt_op_watermark(&p.op, 0, 10, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, EVT_TIME_MIN);
    assert_int_equal(rt_op_watermark(&p.op, 1, 5, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, 5);
    assert_int_equal(rt_op_watermark(&p.op, 1, 4, NULL), CEP_OK); /* never back */
    assert_int_equal(rt_op_watermark(&p.op, 1, 20, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, 10);
    assert_int_equal(p.n_watermarks, 2);
    rt_op_release(&p.op);
}

static void an_idle_input_is_left_out_and_all_idle_is_said(void **state) {
    (void)state;
    struct probe p, next;
    init(&p, 2);
    init(&next, 1);
    rt_op_connect(&p.op, PLAN_PORT_MAIN, &next.op, 0);
    assert_int_equal(rt_op_watermark(&p.op, 0, 10, NULL), CEP_OK);
    assert_int_equal(rt_op_watermark(&p.op, 1, 3, NULL), CEP_OK);
    assert_int_equal(rt_op_idle(&p.op, 1, true, NULL), CEP_OK);
    assert_int_equal(next.op.watermark, 10);
    assert_false(next.op.idle);
    assert_int_equal(rt_op_idle(&p.op, 0, true, NULL), CEP_OK);
    assert_true(next.op.idle);
    assert_int_equal(rt_op_idle(&p.op, 1, false, NULL), CEP_OK);
    assert_false(next.op.idle);
    assert_int_equal(next.op.watermark, 10);
    rt_op_release(&p.op);
    rt_op_release(&next.op);
}

static void one_that_ended_does_not_end_the_time_of_an_idle_one(void **state) {
    (void)state;
    struct probe p;
    init(&p, 2);
    assert_int_equal(rt_op_watermark(&p.op, 0, 10, NULL), CEP_OK);
    assert_int_equal(rt_op_watermark(&p.op, 1, 50, NULL), CEP_OK);
    assert_int_equal(rt_op_idle(&p.op, 0, true, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, 50);
    assert_int_equal(rt_op_watermark(&p.op, 1, EVT_TIME_MAX, NULL), CEP_OK);
    assert_int_equal(rt_op_end(&p.op, 1, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, 50); /* 0 may still bring what is after 50 */
    assert_int_equal(rt_op_idle(&p.op, 0, false, NULL), CEP_OK);
    assert_int_equal(rt_op_watermark(&p.op, 0, 60, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, 60);
    assert_int_equal(p.n_ends, 0);
    assert_int_equal(rt_op_watermark(&p.op, 0, EVT_TIME_MAX, NULL), CEP_OK);
    assert_int_equal(p.op.watermark, EVT_TIME_MAX);
    assert_int_equal(rt_op_end(&p.op, 0, NULL), CEP_OK);
    assert_int_equal(p.n_ends, 1);
    assert_true(p.op.ended);
    rt_op_release(&p.op);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slowest_input_holds_it_back),
        cmocka_unit_test(an_idle_input_is_left_out_and_all_idle_is_said),
        cmocka_unit_test(one_that_ended_does_not_end_the_time_of_an_idle_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
