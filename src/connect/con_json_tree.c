/*
 * con_json_tree -- paths of columns made into a tree of keys.
 */
#include "connect/con_json_tree.h"

#include "base/base_buf.h"
#include "base/base_map.h"
#include "base/base_num.h"
#include "connect/con_internal.h"

enum { TREE_LEARN_MAX = 256, TREE_LEARN_LEN = 128 };

static struct con_json_node *tree_node(struct base_arena *a) {
    struct con_json_node *node = BASE_ARENA_NEW(a, struct con_json_node);
    node->first = CON_JSON_NONE;
    return node;
}

static void tree_rehash(struct base_arena *a, struct con_json_node *node) {
    node->n_slots = node->n_slots ? node->n_slots * 4 : 32;
    node->slots = BASE_ARENA_ARRAY(a, uint32_t, node->n_slots);
    for (size_t i = 0; i < node->n_keys; i++) {
        size_t at = base_hash(node->keys[i].name.p, node->keys[i].name.len) & (node->n_slots - 1);
        while (node->slots[at])
            at = (at + 1) & (node->n_slots - 1);
        node->slots[at] = (uint32_t)i + 1;
    }
}

static uint32_t tree_look(const struct con_json_node *node, struct base_str name) {
    if (node->n_slots == 0)
        return CON_JSON_NONE;
    size_t at = base_hash(name.p, name.len) & (node->n_slots - 1);
    for (; node->slots[at]; at = (at + 1) & (node->n_slots - 1))
        if (base_str_eq(node->keys[node->slots[at] - 1].name, name))
            return node->slots[at] - 1;
    return CON_JSON_NONE;
}

static uint32_t tree_add(struct base_arena *a, struct con_json_node *node, struct base_str name) {
    uint32_t found = tree_look(node, name);
    if (found != CON_JSON_NONE)
        return found;
    node->keys = base_arena_grow(a, node->keys, node->n_keys, &node->cap_keys, sizeof *node->keys);
    struct con_json_key *key = &node->keys[node->n_keys];
    *key =
        (struct con_json_key){ .name = base_arena_str(a, name), .col = CON_JSON_NONE, .next = CON_JSON_NONE };
    bool plain = true;
    for (size_t i = 0; i < name.len; i++)
        plain &= (unsigned char)name.p[i] >= 0x20 && name.p[i] != '"' && name.p[i] != '\\';
    if (plain) {
        char *q = base_arena_alloc(a, name.len + 2 + CON_PAD);
        q[0] = '"';
        if (name.len)
            memcpy(q + 1, name.p, name.len);
        q[name.len + 1] = '"';
        key->quoted = (struct base_str){ q, name.len + 2 };
    }
    node->n_keys++;
    if (node->n_keys * 2 > node->n_slots) {
        tree_rehash(a, node);
    } else {
        size_t at = base_hash(name.p, name.len) & (node->n_slots - 1);
        while (node->slots[at])
            at = (at + 1) & (node->n_slots - 1);
        node->slots[at] = (uint32_t)node->n_keys;
    }
    return (uint32_t)node->n_keys - 1;
}

uint32_t con_json_find(struct base_arena *a, struct con_json_node *node, struct base_str name) {
    uint32_t found = tree_look(node, name);
    if (found != CON_JSON_NONE || node->n_learnt == TREE_LEARN_MAX || name.len > TREE_LEARN_LEN)
        return found;
    node->n_learnt++;
    return tree_add(a, node, name);
}

/* One step of a path: a key, or an index when name.p is NULL. */
struct tree_step {
    struct base_str name;
    uint64_t index;
};

/* ".key", "['key']", "[3]" at *p. Returns: false when it is none of them. */
static bool tree_step_read(const char **p, const char *end, struct tree_step *out) {
    const char *s = *p;
    if (*s == '.') {
        const char *first = ++s;
        while (s < end && *s != '.' && *s != '[')
            s++;
        *out = (struct tree_step){ .name = { first, (size_t)(s - first) } };
        *p = s;
        return s > first;
    }
    if (*s != '[' || ++s == end)
        return false;
    if (*s == '\'' || *s == '"') {
        char quote = *s++;
        const char *first = s;
        while (s < end && *s != quote)
            s++;
        if (end - s < 2 || s[1] != ']')
            return false;
        *out = (struct tree_step){ .name = { first, (size_t)(s - first) } };
        *p = s + 2;
        return true;
    }
    const char *first = s;
    uint64_t index;
    while (s < end && *s != ']')
        s++;
    if (s == end || s - first > 9 || !base_parse_u64((struct base_str){ first, (size_t)(s - first) }, &index))
        return false;
    *out = (struct tree_step){ .index = index };
    *p = s + 1;
    return true;
}

/* Where a step leads: the slots for its column and its child. */
static void tree_follow(struct base_arena *a, struct con_json_node *node, const struct tree_step *step,
    uint32_t **col, struct con_json_node ***child) {
    if (step->name.p) {
        uint32_t k = tree_add(a, node, step->name); /* may move the keys */
        struct con_json_key *key = &node->keys[k];
        *col = &key->col;
        *child = &key->child;
        return;
    }
    size_t at = 0;
    while (at < node->n_items && node->items[at].index < step->index)
        at++;
    if (at == node->n_items || node->items[at].index != step->index) {
        node->items = base_arena_grow(a, node->items, node->n_items, &node->cap_items, sizeof *node->items);
        memmove(&node->items[at + 1], &node->items[at], (node->n_items - at) * sizeof *node->items);
        node->items[at] = (struct con_json_item){ .index = step->index, .col = CON_JSON_NONE };
        node->n_items++;
    }
    *col = &node->items[at].col;
    *child = &node->items[at].child;
}

/* Puts column `col` at the end of the path. Returns: NULL, or what is wrong. */
static const char *tree_path(
    struct base_arena *a, struct con_json_node *root, const char *p, const char *end, uint32_t col) {
    enum { STEPS_MAX = 64 };
    struct con_json_node *node = root;
    for (int n = 0; p < end; n++) {
        struct tree_step step;
        uint32_t *to;
        struct con_json_node **child;
        if (n == STEPS_MAX)
            return "has more than 64 steps";
        if (!tree_step_read(&p, end, &step))
            return "is not of the form $.key[0]['another key']";
        tree_follow(a, node, &step, &to, &child);
        if (p == end) {
            if (*to != CON_JSON_NONE)
                return "is taken by another column";
            *to = col;
        } else {
            if (!*child)
                *child = tree_node(a);
            node = *child;
        }
    }
    return NULL;
}

/* A column without a path: the key of its name, or nested where the name has points. */
static const char *tree_name(
    struct base_arena *a, struct con_json_node *root, struct base_str name, uint32_t col) {
    uint32_t at = tree_add(a, root, name); /* may move the keys */
    struct con_json_key *key = &root->keys[at];
    if (key->col != CON_JSON_NONE)
        return "is taken by another column";
    key->col = col;
    const char *point = memchr(name.p, '.', name.len);
    if (!point || name.p[0] == '.' || name.p[name.len - 1] == '.')
        return NULL;
    struct base_buf path = BASE_BUF_INIT;
    base_buf_putc(&path, '.');
    base_buf_str(&path, name);
    (void)tree_path(a, root, path.p, path.p + path.len, col); /* names are no paths: "a..b" is just a key */
    base_buf_release(&path);
    return NULL;
}

struct con_json_node *con_json_tree(struct base_arena *a, const struct evt_schema *schema,
    const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    struct con_json_node *root = tree_node(a);
    for (uint32_t i = 0; i < schema->n_visible; i++) {
        struct base_str name = schema->cols[i].name;
        char *opt_name = base_arena_printf(a, "path_%.*s", BASE_STR_FMT(name));
        const struct plan_opt *opt = plan_opt_find(opts, n_opts, opt_name);
        const char *wrong;
        if (opt) {
            struct base_str path = evt_val_str(&opt->val);
            if (path.len > 0 && path.p[0] == '$') {
                path.p++;
                path.len--;
                wrong = path.len ? tree_path(a, root, path.p, path.p + path.len, i) : "is the whole record";
            } else {
                wrong = path.len && !memchr(path.p, '[', path.len) && path.p[0] != '.'
                            ? NULL
                            : "does not begin with $";
                if (!wrong) { /* user.id for $.user.id */
                    char *p = base_arena_printf(a, ".%.*s", BASE_STR_FMT(path));
                    wrong = tree_path(a, root, p, p + path.len + 1, i);
                }
            }
        } else {
            wrong = tree_name(a, root, name, i);
        }
        if (wrong) {
            con_opt_err(err, opt, "path of column \"%.*s\" %s: \"%.*s\"", BASE_STR_FMT(name), wrong,
                opt ? (int)opt->val.s.len : (int)name.len, opt ? opt->val.s.p : name.p);
            return NULL;
        }
    }
    return root;
}
