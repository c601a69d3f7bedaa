/* The compiler: limits, dumps, what it says a pattern may cost. */
#include "tests/nfa/nfa_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct plan_pattern no_skip = { .skip = PLAN_SKIP_NONE };

static void refused(const char *pattern, enum cep_rc rc, const char *says) {
    struct nfa_kit k;
    assert_false(nfa_kit_init(&k, pattern, &no_skip, 0));
    assert_int_equal(k.rc, rc);
    if (!strstr(k.err.message, says))
        fail_msg("%s: %s", pattern, k.err.message);
    nfa_kit_release(&k);
}

static void too_large_is_said(void **state) {
    (void)state;
    refused("a{1000000}", CEP_ELIMIT, "states");
    refused("a{2,1000000} -> b", CEP_ELIMIT, "more than");
    refused("all(a, b, c, d, e, f, g, h, i, j, k, l, m)", CEP_ELIMIT, "at most 12");
    refused("a -> !b", CEP_EINVAL, "time limit");
}

static void large_is_fine(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a{20000} -> b", &no_skip, 0));
    nfa_kit_release(&k);
    assert_true(nfa_kit_init(&k, "all(a, b, c, d, e, f, g, h, i, j)", &no_skip, 0));
    nfa_kit_events(&k, "j i h g f e d c b a", NFA_KIT_AT_ONCE, false);
    assert_string_equal(nfa_kit_matches(&k), "j0 i1 h2 g3 f4 e5 d6 c7 b8 a9");
    nfa_kit_release(&k);
}

static const char *dump(struct nfa_kit *k, void (*write)(struct base_buf *b, const struct nfa_prog *p)) {
    base_buf_clear(&k->out);
    write(&k->out, k->prog);
    return base_buf_cstr(&k->out);
}

static void dumps_name_what_the_author_named(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a -> !n -> b", &no_skip, 0));
    assert_string_equal(dump(&k, nfa_write_automaton), "conditions\n"
                                                       "  a: name = 'a'\n"
                                                       "  n: name = 'n'\n"
                                                       "  b: name = 'b'\n"
                                                       "states\n"
                                                       "  0 match\n"
                                                       "  2 start a\n"
                                                       "    take a if a -> 3 wait b\n"
                                                       "  3 wait b\n"
                                                       "    take b if b -> 0 match\n"
                                                       "    ignore if !b -> 3 wait b\n"
                                                       "    stop if n -> 1 stop\n");
    assert_non_null(strstr(dump(&k, nfa_write_dot), "n2 -> n3 [label=\"take: a\"]"));
    assert_non_null(strstr(dump(&k, nfa_write_program), "kept columns: idx"));
    assert_non_null(strstr(dump(&k, nfa_write_tree), "chain"));
    nfa_kit_release(&k);
}

static struct nfa_cost cost_of(const char *pattern, const struct plan_pattern *with, unsigned flags) {
    struct nfa_kit k;
    struct nfa_cost c;
    assert_true(nfa_kit_init(&k, pattern, with, flags));
    nfa_cost_of(k.prog, &c);
    nfa_kit_release(&k);
    return c;
}

static void costs_are_told(void **state) {
    (void)state;
    struct plan_pattern within = { .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 10 };
    struct nfa_cost c = cost_of("a+ -> b", &within, NFA_KIT_NO_TIMEOUTS);
    assert_true(c.bounded_time && !c.exponential && !c.quadratic && !c.waits_for_ever && !c.needs_all_rows);
    assert_int_equal(c.kept_columns, 1);
    assert_string_equal(c.store, "runs");
    c = cost_of("a+ -> b", &no_skip, 0);
    assert_true(!c.bounded_time && c.unbounded_why && c.quadratic && c.growth_why);
    c = cost_of("a+ -> b", &within, 0); /* somebody reads the time-outs */
    assert_true(c.quadratic && !c.exponential);
    c = cost_of("a -> b? -> c? -> d? -> e? -> f? -> g? -> h? -> i? -> j? -> k? -> l", &no_skip, 0);
    assert_true(c.exponential);
    c = cost_of("a -> b? -> c", &no_skip, 0); /* an event for one wait passes by the others */
    assert_true(!c.exponential && c.quadratic);
    c = cost_of("a -> b", &no_skip, 0);
    assert_true(!c.exponential && !c.quadratic);
    c = cost_of("a+ combinations -> b", &within, 0);
    assert_true(c.exponential);
    c = cost_of("a -> b", &(struct plan_pattern){ .skip = PLAN_SKIP_PAST_LAST }, 0);
    assert_true(c.waits_for_ever);
    c = cost_of("a b", &within, 0);
    assert_true(c.needs_all_rows);
    c = cost_of("a ->[5] b", &no_skip, 0);
    assert_true(c.bounded_time);
}

static void passes_have_names(void **state) {
    (void)state;
    assert_string_equal(nfa_pass_name(0), "tree");
    assert_string_equal(nfa_pass_name(4), "calm");
    assert_null(nfa_pass_name(100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_large_is_said),
        cmocka_unit_test(large_is_fine),
        cmocka_unit_test(dumps_name_what_the_author_named),
        cmocka_unit_test(costs_are_told),
        cmocka_unit_test(passes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
