/*
 * sto_group -- key groups and the ranges of them that subtasks own; see sto.h.
 */
#include "state/sto.h"

#include "base/base_check.h"
#include "base/base_map.h"

uint32_t sto_group_of(struct base_str canonical) {
    return sto_group_of_hash(base_hash(canonical.p ? canonical.p : "", canonical.len));
}

/* Flink's rule: subtask s of p begins at ceil(s * groups / p). */
static uint32_t begin_of(uint32_t subtask, uint32_t parallelism) {
    return (subtask * STO_KEY_GROUPS + parallelism - 1) / parallelism;
}

struct sto_range sto_range_of(uint32_t subtask, uint32_t parallelism) {
    CEP_REQUIRE(subtask < parallelism && parallelism <= STO_KEY_GROUPS);
    uint32_t first = begin_of(subtask, parallelism);
    return (struct sto_range){ first, begin_of(subtask + 1, parallelism) - first };
}

uint32_t sto_subtask_of(uint32_t group, uint32_t parallelism) {
    CEP_REQUIRE(group < STO_KEY_GROUPS && parallelism >= 1 && parallelism <= STO_KEY_GROUPS);
    return group * parallelism / STO_KEY_GROUPS;
}
