/*
 * plan_job -- see plan_job.h: which operators go together, how parallel they are, what goes between them.
 */
#include "plan/plan_job.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"

struct builder {
    struct plan_job *job;
    const struct plan *plan;
    struct plan_vertex *vertices;
    size_t n_vertices, cap_vertices;
    uint32_t *of_node, *of_sink;
    uint32_t *component; /* by node: another one of the same, or itself: the lowest */
    struct plan_exchange *exchanges;
    size_t n_exchanges, cap_exchanges;
    size_t *cap_takers; /* by exchange */
    size_t cap_cap_takers;
    uint32_t *first_of;  /* by node: 1 + the newest exchange of its outputs; 0 = none */
    uint32_t *next_same; /* by exchange: 1 + an older one of the same node */
    size_t cap_next_same;
    const struct evt_schema **combined; /* by node */
};

static uint32_t add_vertex(struct builder *b, uint32_t level, uint32_t parallelism, uint32_t component) {
    struct base_arena *a = &b->job->arena;
    b->vertices = base_arena_grow(a, b->vertices, b->n_vertices, &b->cap_vertices, sizeof *b->vertices);
    b->vertices[b->n_vertices] =
        (struct plan_vertex){ .level = level, .parallelism = parallelism, .component = component };
    return (uint32_t)b->n_vertices++;
}

/* -- components (rule 8) ------------------------------------------------------------------------------------------ */

/* The lowest node of its component; paths are halved on the way. */
static uint32_t component_of(struct builder *b, uint32_t node) {
    uint32_t *c = b->component;
    for (; c[node] != node; node = c[node])
        c[node] = c[c[node]];
    return node;
}

static void connect(struct builder *b, uint32_t one, uint32_t other) {
    uint32_t x = component_of(b, one), y = component_of(b, other);
    b->component[x > y ? x : y] = x < y ? x : y;
}

/* What it writes to, as text: the connector and what it was told. */
static void write_end(struct base_buf *b, const struct plan_sink *s) {
    base_buf_puts(b, s->connector->name);
    for (uint32_t i = 0; i < s->n_opts; i++) {
        base_buf_printf(b, " %.*s = ", BASE_STR_FMT(s->opts[i].name));
        evt_val_write_literal(b, s->opts[i].type, &s->opts[i].val);
    }
}

/* One writer for each end: what comes from two would get mixed up. */
static void connect_ends(struct builder *b) {
    const struct plan *p = b->plan;
    struct base_map first; /* by end: the node that its first sink reads */
    struct base_buf end = BASE_BUF_INIT;
    base_map_init(&first);
    for (uint32_t i = 0; i < p->n_sinks; i++) {
        uint64_t other;
        uint32_t node = p->sinks[i].input.node;
        base_buf_clear(&end);
        write_end(&end, &p->sinks[i]);
        if (base_map_get(&first, base_buf_view(&end), &other))
            connect(b, node, (uint32_t)other);
        else
            (void)base_map_put(&first, base_buf_view(&end), node);
    }
    base_map_release(&first);
    base_buf_release(&end);
}

static void find_components(struct builder *b) {
    const struct plan *p = b->plan;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        b->component[i] = i;
        for (uint32_t k = 0; k < plan_node_n_inputs(p->nodes[i]); k++)
            connect(b, i, plan_node_input(p->nodes[i], k).node);
    }
    connect_ends(b);
}

/* Rule 6. Level 0 is the sources': they share nothing. */
static uint32_t shared_vertex(
    struct builder *b, const struct plan_node *n, uint32_t level, uint32_t parallelism) {
    uint32_t component = component_of(b, n->index);
    for (uint32_t v = 0; v < b->n_vertices; v++)
        if (b->vertices[v].level == level && b->vertices[v].parallelism == parallelism &&
            b->vertices[v].component == component && level > 0)
            return v;
    return add_vertex(b, level, parallelism, component);
}

/* -- what a node reads ------------------------------------------------------------------------------------------ */

static uint32_t level_above(const struct builder *b, const struct plan_node *n) {
    uint32_t level = 0;
    for (uint32_t i = 0; i < plan_node_n_inputs(n); i++) {
        uint32_t l = b->vertices[b->of_node[plan_node_input(n, i).node]].level;
        level = l > level ? l : level;
    }
    return level + 1;
}

/* The one vertex that all inputs come from, or UINT32_MAX. */
static uint32_t only_vertex(const struct builder *b, const struct plan_node *n) {
    uint32_t v = b->of_node[plan_node_input(n, 0).node];
    for (uint32_t i = 1; i < plan_node_n_inputs(n); i++)
        if (b->of_node[plan_node_input(n, i).node] != v)
            return UINT32_MAX;
    return v;
}

/* -- alerts --------------------------------------------------------------------------------------------------- */

static bool keeps_identities(const struct plan_alert *al) {
    return al->suppress_us > 0 || al->resolve_after_us > 0 || al->has_resolve_when;
}

/* `by` left out: the fields of the pattern's hidden key, all of them, in order. */
static bool by_pattern_key(const struct plan *p, const struct plan_alert *al) {
    const struct plan_node *on = p->nodes[al->on.node];
    if (on->kind != PLAN_NODE_PATTERN || on->pattern.n_keys != al->n_by)
        return false;
    uint32_t first_hidden = plan_schema_of(p, al->on)->n_visible;
    for (uint32_t i = 0; i < al->n_by; i++) {
        const struct expr *e = al->by[i].expr;
        if (e->kind != EXPR_FIELD || e->index != i || e->args[0]->kind != EXPR_COL ||
            e->args[0]->index != first_hidden + PLAN_HIDDEN_KEY)
            return false;
    }
    return true;
}

/* Rule 5. The second input must come from a lower level, or from the same single subtask. */
static bool follows(const struct builder *b, const struct plan_node *n) {
    const struct plan_alert *al = &n->alert;
    uint32_t on = b->of_node[al->on.node];
    bool one = b->vertices[on].parallelism == 1;
    if (keeps_identities(al) && !one && !by_pattern_key(b->plan, al))
        return false;
    if (!al->has_resolve_when)
        return true;
    uint32_t when = b->of_node[al->resolve_when.node];
    return when == on ? one : b->vertices[when].level < b->vertices[on].level;
}

static uint32_t place_alert(struct builder *b, const struct plan_node *n) {
    if (follows(b, n))
        return b->of_node[n->alert.on.node];
    return shared_vertex(b, n, level_above(b, n), n->alert.n_by > 0 ? b->job->parallelism : 1);
}

static uint32_t place_select(struct builder *b, const struct plan_node *n) {
    uint32_t v = only_vertex(b, n);
    return v != UINT32_MAX ? v : shared_vertex(b, n, level_above(b, n), 1);
}

static uint32_t place(struct builder *b, const struct plan_node *n) {
    switch (n->kind) {
    case PLAN_NODE_SOURCE: return add_vertex(b, 0, 1, component_of(b, n->index));
    case PLAN_NODE_SELECT: return place_select(b, n);
    case PLAN_NODE_AGGREGATE:
        return shared_vertex(b, n, level_above(b, n), n->aggregate.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_OVER:
        return shared_vertex(b, n, level_above(b, n), n->over.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_TOP: return shared_vertex(b, n, level_above(b, n), 1);
    case PLAN_NODE_JOIN:
        return shared_vertex(b, n, level_above(b, n), n->join.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_PATTERN:
        return shared_vertex(b, n, level_above(b, n), n->pattern.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_RECOGNIZE:
        return shared_vertex(b, n, level_above(b, n), n->recognize.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_ALERT: return place_alert(b, n);
    case PLAN_NODE_PROCESS:
        return shared_vertex(b, n, level_above(b, n), n->process.n_keys > 0 ? b->job->parallelism : 1);
    case PLAN_NODE_MAX: break;
    }
    CEP_INSIST(!"a kind of node");
    return 0;
}

/* -- exchanges ------------------------------------------------------------------------------------------------ */

static bool same_keys(const struct plan_exchange *x, const struct plan_exchange *y) {
    if (x->n_keys != y->n_keys)
        return false;
    for (uint32_t i = 0; i < x->n_keys; i++)
        if (!expr_eq(x->keys[i], y->keys[i]))
            return false;
    return true;
}

/*
 * With a column map an expression means other columns: two exchanges are the same only when both go by one map. Patterns
 * have maps of their own, so a map that changes nothing is left out.
 */
static const int32_t *needed_map(
    const struct plan *p, struct plan_ref of, const int32_t *map, uint32_t n_cols) {
    for (uint32_t i = 0; map && i < n_cols; i++)
        if (map[i] != (int32_t)i)
            return map;
    return map && plan_schema_of(p, of)->n_cols >= n_cols ? NULL : map;
}

/* What an input of a node wants; from, to and of are filled in. */
static void ship_to(struct builder *b, const struct plan_node *n, uint32_t input, struct plan_exchange *x) {
    struct base_arena *a = &b->job->arena;
    x->ship = PLAN_SHIP_GATHER;
    if (b->vertices[x->to].parallelism == 1)
        return;
    x->ship = PLAN_SHIP_HASH;
    if (n->kind == PLAN_NODE_PATTERN) {
        x->n_keys = n->pattern.n_keys;
        x->keys = n->pattern.keys;
        x->col_map = needed_map(b->plan, x->of, n->pattern.col_map[input], n->pattern.cols.n_cols);
        return;
    }
    if (n->kind == PLAN_NODE_AGGREGATE) {
        x->n_keys = n->aggregate.n_keys;
        x->keys = n->aggregate.keys;
        return;
    }
    if (n->kind == PLAN_NODE_PROCESS) {
        x->n_keys = n->process.n_keys;
        x->keys = n->process.keys[input];
        return;
    }
    if (n->kind == PLAN_NODE_OVER) {
        x->n_keys = n->over.n_keys;
        x->keys = n->over.keys;
        return;
    }
    if (n->kind == PLAN_NODE_RECOGNIZE) {
        x->n_keys = n->recognize.n_keys;
        x->keys = n->recognize.keys;
        return;
    }
    if (n->kind == PLAN_NODE_JOIN) {
        x->n_keys = n->join.n_keys;
        x->keys = n->join.sides[input].keys;
        return;
    }
    CEP_INSIST(n->kind == PLAN_NODE_ALERT);
    const struct plan_alert *al = &n->alert;
    const struct expr **keys = BASE_ARENA_ARRAY(a, const struct expr *, al->n_by ? al->n_by : 1);
    for (uint32_t i = 0; i < al->n_by; i++) {
        keys[i] = al->by[i].expr;
        if (input == 0)
            continue;
        struct expr *col = BASE_ARENA_NEW(a, struct expr);
        *col = (struct expr){ .kind = EXPR_COL, .index = al->resolve_cols[i], .type = keys[i]->type };
        keys[i] = col;
    }
    x->n_keys = al->n_by;
    x->keys = keys;
}

/* Adds a taker to an exchange that already brings the same rows the same way, or a new exchange. */
static void add_exchange(struct builder *b, const struct plan_exchange *x, struct plan_taker taker) {
    struct base_arena *a = &b->job->arena;
    uint32_t at = b->first_of[x->of.node];
    for (; at; at = b->next_same[at - 1]) {
        const struct plan_exchange *y = &b->exchanges[at - 1];
        if (y->to == x->to && y->of.port == x->of.port && y->ship == x->ship && y->col_map == x->col_map &&
            same_keys(x, y))
            break;
    }
    size_t i = at ? at - 1 : b->n_exchanges;
    if (!at) {
        b->exchanges = base_arena_grow(
            a, b->exchanges, b->n_exchanges, &b->cap_exchanges, sizeof *b->exchanges);
        b->cap_takers = base_arena_grow(
            a, b->cap_takers, b->n_exchanges, &b->cap_cap_takers, sizeof *b->cap_takers);
        b->next_same = base_arena_grow(
            a, b->next_same, b->n_exchanges, &b->cap_next_same, sizeof *b->next_same);
        b->exchanges[i] = *x;
        b->exchanges[i].schema = plan_schema_of(b->plan, x->of);
        b->cap_takers[i] = 0;
        b->next_same[i] = b->first_of[x->of.node];
        b->first_of[x->of.node] = (uint32_t)++b->n_exchanges;
    }
    struct plan_exchange *to = &b->exchanges[i];
    struct plan_taker *takers = base_arena_grow(
        a, (void *)(uintptr_t)to->takers, to->n_takers, &b->cap_takers[i], sizeof *takers);
    takers[to->n_takers++] = taker;
    to->takers = takers;
}

static void exchange_inputs(struct builder *b, const struct plan_node *n) {
    uint32_t to = b->of_node[n->index];
    for (uint32_t i = 0; i < plan_node_n_inputs(n); i++) {
        struct plan_exchange x = { .of = plan_node_input(n, i), .to = to };
        x.from = b->of_node[x.of.node];
        if (x.from == to)
            continue;
        CEP_INSIST(b->vertices[x.from].level < b->vertices[to].level);
        ship_to(b, n, i, &x);
        add_exchange(b, &x, (struct plan_taker){ .to = n->index, .input = i });
    }
}

static void exchange_sinks(struct builder *b) {
    const struct plan *p = b->plan;
    for (uint32_t i = 0; i < p->n_sinks; i++) {
        struct plan_exchange x = { .of = p->sinks[i].input, .to = b->of_sink[i] };
        x.from = b->of_node[x.of.node];
        if (x.from != x.to)
            add_exchange(b, &x, (struct plan_taker){ .is_sink = true, .to = i });
    }
}

/* Rule 9. */
static void combine_exchanges(struct builder *b) {
    struct base_arena *a = &b->job->arena;
    size_t n = b->n_exchanges;
    for (size_t i = 0; i < n; i++) {
        const struct plan_exchange *x = &b->exchanges[i];
        const struct plan_taker *t = x->takers;
        if (x->ship != PLAN_SHIP_HASH || x->n_takers != 1 || t->is_sink || t->input != 0 ||
            !b->combined[t->to])
            continue;
        struct plan_taker *taker = BASE_ARENA_NEW(a, struct plan_taker);
        *taker = (struct plan_taker){ .to = t->to, .input = plan_combined_input(b->plan->nodes[t->to]) };
        struct plan_exchange beside = { .from = x->from,
            .to = x->to,
            .of = x->of,
            .schema = b->combined[t->to],
            .brings_combined = true,
            .ship = PLAN_SHIP_HASH,
            .n_keys = x->n_keys,
            .keys = plan_combined_keys(a, b->combined[t->to], x->n_keys),
            .n_takers = 1,
            .takers = taker };
        b->exchanges = base_arena_grow(
            a, b->exchanges, b->n_exchanges, &b->cap_exchanges, sizeof *b->exchanges);
        b->exchanges[b->n_exchanges++] = beside;
        b->exchanges[i].combined = (uint32_t)b->n_exchanges;
    }
}

/* -- the pass ---------------------------------------------------------------------------------------------------- */

static void place_all(struct builder *b) {
    const struct plan *p = b->plan;
    if (b->job->parallelism == 1) {
        (void)add_vertex(b, 0, 1, 0);
        return;
    }
    find_components(b);
    uint32_t top = 0;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        b->of_node[i] = place(b, p->nodes[i]);
        uint32_t level = b->vertices[b->of_node[i]].level;
        top = level > top ? level : top;
    }
    for (uint32_t i = 0; i < p->n_sinks; i++)
        b->of_sink[i] = shared_vertex(b, p->nodes[p->sinks[i].input.node], top + 1, 1);
}

/* Numbers vertices by level, those of one level as they came. */
static void sort_vertices(struct builder *b) {
    struct base_arena *a = &b->job->arena;
    size_t n = b->n_vertices;
    struct plan_vertex *sorted = BASE_ARENA_ARRAY(a, struct plan_vertex, n ? n : 1);
    uint32_t *place = BASE_ARENA_ARRAY(a, uint32_t, n ? n : 1);
    size_t at = 0;
    for (uint32_t level = 0; at < n; level++)
        for (uint32_t v = 0; v < n; v++)
            if (b->vertices[v].level == level) {
                place[v] = (uint32_t)at;
                sorted[at++] = b->vertices[v];
            }
    b->vertices = sorted;
    for (uint32_t i = 0; i < b->plan->n_nodes; i++)
        b->of_node[i] = place[b->of_node[i]];
    for (uint32_t i = 0; i < b->plan->n_sinks; i++)
        b->of_sink[i] = place[b->of_sink[i]];
}

static const uint32_t *members(
    struct base_arena *a, const uint32_t *of, uint32_t n, uint32_t vertex, uint32_t *count) {
    uint32_t *out = BASE_ARENA_ARRAY(a, uint32_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        if (of[i] == vertex)
            out[(*count)++] = i;
    return out;
}

struct plan_job *plan_job_new(const struct plan *p, uint32_t parallelism) {
    CEP_REQUIRE(parallelism >= 1 && parallelism <= PLAN_PARALLELISM_MAX);
    struct plan_job *j = base_calloc(1, sizeof *j);
    base_arena_init(&j->arena, 0);
    j->plan = p;
    j->parallelism = parallelism;
    struct builder b = { .job = j, .plan = p };
    b.of_node = BASE_ARENA_ARRAY(&j->arena, uint32_t, p->n_nodes ? p->n_nodes : 1);
    b.first_of = BASE_ARENA_ARRAY(&j->arena, uint32_t, p->n_nodes ? p->n_nodes : 1);
    b.component = BASE_ARENA_ARRAY(&j->arena, uint32_t, p->n_nodes ? p->n_nodes : 1);
    b.of_sink = BASE_ARENA_ARRAY(&j->arena, uint32_t, p->n_sinks ? p->n_sinks : 1);
    b.combined = BASE_ARENA_ARRAY(&j->arena, const struct evt_schema *, p->n_nodes + (size_t)1);
    for (uint32_t i = 0; i < p->n_nodes; i++)
        b.combined[i] = plan_combines(p, p->nodes[i]) ? plan_combined_schema(&j->arena, p, p->nodes[i])
                                                      : NULL;
    place_all(&b);
    sort_vertices(&b);
    for (uint32_t v = 0; v < b.n_vertices; v++) {
        struct plan_vertex *x = &b.vertices[v];
        x->nodes = members(&j->arena, b.of_node, p->n_nodes, v, &x->n_nodes);
        x->sinks = members(&j->arena, b.of_sink, p->n_sinks, v, &x->n_sinks);
    }
    for (uint32_t i = 0; i < p->n_nodes; i++)
        exchange_inputs(&b, p->nodes[i]);
    exchange_sinks(&b);
    combine_exchanges(&b);
    j->combined = b.combined;
    j->n_vertices = (uint32_t)b.n_vertices;
    j->vertices = b.vertices;
    j->vertex_of_node = b.of_node;
    j->vertex_of_sink = b.of_sink;
    j->n_exchanges = (uint32_t)b.n_exchanges;
    j->exchanges = b.exchanges;
    return j;
}

void plan_job_free(struct plan_job *j) {
    if (!j)
        return;
    base_arena_release(&j->arena);
    base_free(j);
}
