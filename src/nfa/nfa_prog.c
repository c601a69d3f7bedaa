/*
 * nfa_prog -- the table of passes, and the program's life.
 */
#include "nfa/nfa_int.h"

#include "base/base_check.h"
#include "base/base_mem.h"

struct nfa_pass {
    const char *name;
    enum cep_rc (*run)(struct nfa_prog *p, struct cep_err *err);
    bool optional;
};

static const struct nfa_pass passes[] = {
    { "tree", nfa_tree, false },
    { "build", nfa_build, false },
    { "flat", nfa_flat, false },
    { "keep", nfa_keep, false },
    { "calm", nfa_calm, false }, /* with its bit off: no state is calm */
    { "dominate", nfa_dominate, true },
    { "cover", nfa_cover, true },
    { "store", nfa_store, false }, /* with its bit off: runs */
    { "stacks", nfa_stacks, true },
};

const char *nfa_pass_name(uint32_t i) {
    return i < CEP_COUNT_OF(passes) ? passes[i].name : NULL;
}

static void fill_limits(struct nfa_limits *l) {
    if (!l->max_states)
        l->max_states = 200000;
    if (!l->max_edges)
        l->max_edges = 4000000;
    if (!l->max_all || l->max_all > 20)
        l->max_all = 12;
    if (!l->max_depth)
        l->max_depth = 256;
}

enum cep_rc nfa_compile(const struct plan_node *node, const struct plan *plan, const struct nfa_opts *opts,
    struct nfa_prog **out, struct cep_err *err) {
    CEP_REQUIRE(node->kind == PLAN_NODE_PATTERN);
    struct nfa_prog *p = base_calloc(1, sizeof *p);
    struct base_map memo;
    base_arena_init(&p->arena, 0);
    base_map_init(&memo);
    p->node = node;
    p->plan = plan;
    p->pat = &node->pattern;
    p->memo = &memo;
    if (opts)
        p->opts = *opts;
    fill_limits(&p->opts.limits);
    p->store_why = "the choice of a store is switched off";
    p->one_a_start = p->pat->skip == PLAN_SKIP_PAST_LAST || p->pat->skip == PLAN_SKIP_TO_NEXT;
    p->var_atom = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->pat->n_vars + 1);
    for (uint32_t i = 0; i < p->pat->n_vars; i++)
        p->var_atom[i] = NFA_NONE;

    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < CEP_COUNT_OF(passes) && rc == CEP_OK; i++) {
        if (!passes[i].optional || !(p->opts.off >> i & 1))
            rc = passes[i].run(p, err);
    }
    base_map_release(&memo);
    p->memo = NULL;
    if (rc != CEP_OK) {
        nfa_prog_free(p);
        return rc;
    }
    *out = p;
    return CEP_OK;
}

void nfa_prog_free(struct nfa_prog *p) {
    if (!p)
        return;
    base_arena_release(&p->arena);
    base_free(p);
}

const struct plan_node *nfa_prog_node(const struct nfa_prog *p) {
    return p->node;
}

size_t nfa_kept_columns(const struct nfa_prog *p, const uint64_t **words) {
    *words = p->kept;
    return (p->pat->cols.n_cols + 63) / 64;
}
