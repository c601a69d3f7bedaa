/*
 * nfa_load_fuzz -- any bytes as the KEY entry of a matcher: partial matches of every store, into every store.
 *
 *     u8 the pattern that saved   u8 the pattern that reads   the entry's value
 *
 * META is what the first pattern writes, so the second one is the same pattern or an edited one. Asserts: what is accepted is in order,
 * is the same state when it is written and read once more, and ends with time.
 */
#include "fuzz/nfa_load_fuzz.h"

#include "base/base_check.h"
#include "fuzz/fuzz_main.h"
#include "nfa/nfa.h"
#include "tests/dsl/dsl_test_catalog.h"

#include "dsl/dsl_compile.h"

#include <string.h>

static struct plan *compile(void) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    CEP_REQUIRE(dsl_compile(&(struct dsl_sources){ .text_name = "fuzz.pattern",
                                .text = { fuzz_patterns, strlen(fuzz_patterns) } },
                    &test_catalog, NULL, &diag, &plan) == CEP_OK);
    dsl_diag_release(&diag);
    return plan;
}

static struct nfa_prog *make_program(const struct plan *plan, unsigned which) {
    struct nfa_prog *p = NULL;
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        if (plan->nodes[i]->kind != PLAN_NODE_PATTERN || which--)
            continue;
        struct nfa_opts opts = { .no_timeouts = !plan_is_read(
                                     plan, (struct plan_ref){ plan->nodes[i]->index, PLAN_PORT_TIMEOUTS }) };
        CEP_REQUIRE(nfa_compile(plan->nodes[i], plan, &opts, &p, NULL) == CEP_OK);
        break;
    }
    return p;
}

/* Made once: compiling takes a hundred times as long as loading. */
static struct nfa_prog *program(unsigned which) {
    static struct plan *plan;
    static struct nfa_prog *programs[FUZZ_PATTERNS];
    which %= FUZZ_PATTERNS;
    if (!plan)
        plan = compile();
    if (!programs[which])
        programs[which] = make_program(plan, which);
    return programs[which];
}

/* Loads every entry into another matcher, at once. */
struct into {
    struct nfa_matcher *m;
    uint64_t n, bytes;
};

static enum cep_rc on_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct into *to = arg;
    to->n++;
    to->bytes += e->value.len;
    return to->m ? nfa_matcher_load(to->m, e, NULL, err) : CEP_OK;
}

static void again(const struct nfa_prog *p, struct nfa_matcher *m) {
    struct into to = { .m = nfa_matcher_new(p, NULL, NULL) }, count = { .n = 0 };
    struct nfa_stats was, is;
    CEP_REQUIRE(nfa_matcher_save(m, &(struct sto_out){ on_entry, &to }, NULL) == CEP_OK);
    CEP_REQUIRE(nfa_matcher_loaded(to.m, NULL, NULL) == CEP_OK);
    nfa_matcher_check(to.m);
    CEP_REQUIRE(nfa_matcher_save(to.m, &(struct sto_out){ on_entry, &count }, NULL) == CEP_OK);
    nfa_matcher_stats(m, &was);
    nfa_matcher_stats(to.m, &is);
    CEP_REQUIRE(was.keys == is.keys && was.open == is.open && was.waiting == is.waiting && to.n == count.n);
    nfa_matcher_free(to.m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct nfa_prog *from = program(data[0]), *to = program(data[1]);
    struct nfa_matcher *saver = nfa_matcher_new(from, NULL, NULL), *m = nfa_matcher_new(to, NULL, NULL);
    struct into meta = { .m = m };
    struct sto_losses losses;
    sto_losses_init(&losses);
    CEP_REQUIRE(nfa_matcher_save(saver, &(struct sto_out){ on_entry, &meta }, NULL) == CEP_OK && meta.n == 1);
    struct sto_entry key = { .ns = NFA_NS_KEY, .value = { (const char *)data + 2, size - 2 } };
    enum cep_rc rc = nfa_matcher_load(m, &key, &losses, NULL);
    CEP_REQUIRE(rc == CEP_OK || rc == CEP_EDAMAGED);
    CEP_REQUIRE(nfa_matcher_loaded(m, &losses, NULL) == CEP_OK);
    nfa_matcher_check(m);
    if (rc == CEP_OK)
        again(to, m);
    CEP_REQUIRE(nfa_matcher_advance(m, EVT_TIME_MAX, NULL) == CEP_OK);
    nfa_matcher_check(m);
    sto_losses_release(&losses);
    nfa_matcher_free(saver);
    nfa_matcher_free(m);
    return 0;
}
