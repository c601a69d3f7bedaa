#pragma once
/*
 * rt_pattern -- a pattern's operator, alone or in a group (rt_patterns.c). Private to src/runtime.
 */
#include "nfa/nfa_many.h"
#include "runtime/rt_ops.h"

struct rt_patterns;
struct sto_tier;

struct rt_pattern {
    struct rt_op op;
    struct nfa_prog *prog;       /* owned */
    struct nfa_matcher *matcher; /* owned; NULL: in a group */
    struct sto_tier *tier;       /* owned; where its keys go that do not fit into memory; NULL: nowhere */
    struct rt_patterns *group;   /* borrowed; NULL: alone */
    uint32_t number;             /* in the group */
    int64_t told;                /* in a group: the watermark that its readers have */
    enum cep_rc failed;          /* by an operator downstream, in the midst of the matcher's work */
    struct cep_err failure;
};

/* An operator without a matcher. On an error nothing is left. */
enum cep_rc rt_pattern_compile(const struct plan *plan, const struct plan_node *node, const struct clk *clk,
    struct rt_pattern **out, struct cep_err *err);
/* Where its matcher's results go. */
struct nfa_out rt_pattern_out(struct rt_pattern *p);
/* The outcome of the matcher's work, or of what was done downstream meanwhile. */
enum cep_rc rt_pattern_outcome(struct rt_pattern *p, enum cep_rc rc, struct cep_err *err);

/* rt_patterns.c */
int64_t rt_patterns_watermark(const struct rt_patterns *g);
void rt_patterns_trace(struct rt_patterns *g, uint32_t number, const struct rt_trace *trace);
/* A batch for that one alone. */
enum cep_rc rt_patterns_batch_of(
    struct rt_patterns *g, uint32_t number, uint32_t input, struct evt_batch *b, struct cep_err *err);
/* One pattern's state, as alone: see nfa_many_save_begin() and the following. */
enum cep_rc rt_patterns_save(
    struct rt_patterns *g, uint32_t number, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_patterns_save_some(struct rt_patterns *g, uint32_t number, size_t bytes, struct cep_err *err);
void rt_patterns_save_cancel(struct rt_patterns *g, uint32_t number);
enum cep_rc rt_patterns_load(struct rt_patterns *g, uint32_t number, const struct sto_entry *e,
    struct sto_losses *losses, struct cep_err *err);
enum cep_rc rt_patterns_load_some(struct rt_patterns *g, uint32_t number, size_t bytes, struct cep_err *err);
enum cep_rc rt_patterns_loaded(
    struct rt_patterns *g, uint32_t number, struct sto_losses *losses, struct cep_err *err);
/* Of the rows that all of them were given. */
uint64_t rt_patterns_bytes_in(const struct rt_patterns *g);
void rt_patterns_stats(const struct rt_patterns *g, uint32_t number, struct nfa_stats *out);
