#pragma once
/*
 * con_json_tree -- which keys of an object go where: a tree over the paths of all columns.
 *
 *     columns card, "user.id", path_first = '$.items[0].name'
 *
 *     root ─ "card" → column 0
 *          ─ "user.id" → column 1           (the key as it is written ...)
 *          ─ "user" ─ "id" → column 1       (... or nested)
 *          ─ "items" ─ [0] ─ "name" → column 2
 *
 * Records of one stream have their keys in one order nearly always: each node remembers which key came behind which
 * and compares that one first (one memcmp with its quotes). Keys that no column wants are learnt too, up to a bound.
 */
#include "base/base_arena.h"
#include "plan/plan.h"

struct con_json_node;

enum { CON_JSON_NONE = UINT32_MAX };

struct con_json_key {
    struct base_str name;        /* decoded */
    struct base_str quoted;      /* "name" with quotes, CON_PAD readable; empty when it has escapes in JSON */
    uint32_t col;                /* CON_JSON_NONE = no column */
    struct con_json_node *child; /* NULL = nothing below it is wanted */
    uint32_t next;               /* the key that came behind it last time; CON_JSON_NONE = none yet */
};

struct con_json_item {
    uint64_t index;
    uint32_t col;
    struct con_json_node *child;
};

struct con_json_node {
    size_t n_keys, cap_keys, n_learnt;
    struct con_json_key *keys;
    uint32_t *slots; /* open addressing: index + 1 */
    size_t n_slots;
    uint32_t first; /* the key that came first last time */
    size_t n_items, cap_items;
    struct con_json_item *items; /* of an array, ascending */
};

/* Returns: the tree in `a`, or NULL with the place of the bad path. */
struct con_json_node *con_json_tree(struct base_arena *a, const struct evt_schema *schema,
    const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err);
/* Returns: the index of the key; learns it when it is new and there is room; else CON_JSON_NONE. */
uint32_t con_json_find(struct base_arena *a, struct con_json_node *node, struct base_str name);
