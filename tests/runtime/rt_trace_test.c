/* What a window, a session, a join or an order has ended leaves no trace: nothing is saved of it, and memory does not grow with how many there were. */
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 40, CYCLES = 240 };

#define S INT64_C(1000000)

static enum cep_rc count_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    uint64_t *n = arg;
    (void)err;
    *n += e->ns != STO_NS_META;
    return CEP_OK;
}

/* Entries that a save would have now, but for what the operator says of itself. */
static uint64_t saved(struct rt_op *op) {
    uint64_t n = 0;
    struct sto_out out = { count_entry, &n };
    enum cep_rc rc = op->vt->save(op, &out, NULL);
    while (rc == CEP_AGAIN)
        rc = op->vt->save_some(op, 1 << 20, NULL);
    assert_int_equal(rc, CEP_OK);
    return n;
}

/* Keys that never come again, then nothing for a minute but a row of another stream's that moves the watermark. */
static void cycle(struct rt_kit *k, int c) {
    static const char *const streams[] = { "s", "t" };
    struct rt_kit_row rows[ROWS];
    char keys[ROWS][48];
    for (size_t s = 0; s < 2; s++) {
        for (int i = 0; i < ROWS; i++) {
            snprintf(keys[i], sizeof keys[i], "a key of cycle %03d: %02d", c, i / 2);
            rows[i] = (struct rt_kit_row){ keys[i], i, (INT64_C(60) * c + i / 4) * S };
        }
        assert_int_equal(rt_kit_push(k, streams[s], 0, rows, ROWS, NULL), CEP_OK);
    }
    for (size_t s = 0; s < 2; s++) /* chosen by no operator: v is negative */
        PUSH(k, streams[s], 0, { "time", -1, (INT64_C(60) * c + 59) * S });
}

static void what_has_ended_leaves_no_trace(void **state) {
    (void)state;
    static const char *const selects[] = {
        "select k, count(*) as n, count(distinct v) as d, array_agg(v) as vs from s where v >= 0 group by k "
        "window tumbling 5 s",
        "select k, count(*) as n, array_agg(v) as vs from s where v >= 0 group by k window sliding 6 s every "
        "2 s",
        "select k, sum(v) as n from s where v >= 0 group by k window sliding 6 s every 2 s emit each event "
        "retracting",
        "select k, sum(v) as n from s where v >= 0 group by k window sliding 6 s every 2 s emit after 2 "
        "events discarding",
        "select k, count(*) as n from s where v >= 0 group by k window sliding 6 s every 3 s allowed "
        "lateness 10 s",
        "select k, array_agg(v) as vs from s where v >= 0 group by k window session gap 3 s",
        "select k, count(*) as n from s where v >= 0 group by k window session gap 3 s emit each event "
        "retracting allowed lateness 10 s",
        "select k, count(distinct v) as n, approx_quantile(v, 0.5) as q from s where v >= 0 group by k "
        "window tumbling 5 s emit every 2 s upsert",
        "select distinct k, v from s where v >= 0 window tumbling 5 s",
        "select s.k, s.v, t.v as w from s full join t on s.k = t.k window "
        "tumbling 5 s",
        "select s.k, s.v, t.v as w from s full join t on s.k = t.k window session gap 3 s",
        "select s.k, s.v, t.v as w from s left join t on s.k = t.k and s.v < t.v within 4 s",
        "select k, v, window_end as e from s where v >= 0 window sliding 6 s every 2 s order by v desc limit "
        "5",
        "select k, v, sum(v) over (partition by k order by at range 3 s preceding) as n from s where v >= 0",
    };
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        char text[2000];
        struct rt_kit k;
        uint64_t bytes[2] = { 0, 0 }; /* the most of the first half of the cycles, of the second */
        bool upsert = strstr(selects[i], "upsert") != NULL;
        char select[600];
        snprintf(select, sizeof select, "%s", selects[i]);
        if (upsert) { /* all of the key must be selected */
            char *from = strstr(select, " from ");
            char rest[600];
            snprintf(rest, sizeof rest, "%s", from);
            snprintf(from, sizeof select - (size_t)(from - select), ", window_start as b%s", rest);
        }
        snprintf(text, sizeof text,
            RT_KIT_STREAM("s") "ascending; " RT_KIT_STREAM("t") "ascending; stream q as %s;", select);
        rt_kit_init(&k, text);
        (void)rt_kit_listen(&k, "q", PLAN_PORT_MAIN);
        struct rt_op *op = rt_kit_op(&k, "q");
        for (int c = 1; c <= CYCLES; c++) {
            cycle(&k, c);
            op->vt->gauges(op);
            uint64_t kept = saved(op);
            if (kept > 2) /* the rows that move the watermark, of who takes them */
                fail_msg("%s: %llu entries after cycle %d", select, (unsigned long long)kept, c);
            uint64_t *most = &bytes[c > CYCLES / 2];
            *most = op->metrics.state_bytes > *most ? op->metrics.state_bytes : *most;
        }
        /* Tables grow by halves and doubles; what is kept of each cycle would be twice as much. */
        if (bytes[1] > bytes[0] + bytes[0] / 8)
            fail_msg("%s: %llu bytes, then %llu", select, (unsigned long long)bytes[0],
                (unsigned long long)bytes[1]);
        rt_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_has_ended_leaves_no_trace) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
