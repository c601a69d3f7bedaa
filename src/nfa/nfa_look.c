/*
 * nfa_look -- see nfa_look.h: META, keys, the store of runs, waiting rows. The format: nfa_meta.c, nfa_save.c.
 */
#include "nfa/nfa_look_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

enum {
    STORE_RUNS = 1,
    STORE_GRAPH = 2,
    STORE_FATES = 3,
    STORE_FIRST = 4,
    STORE_TIMED_FATES = 5,
    STORE_TIMED_GRAPH = 6,
    STORE_TIMED_FIRST = 7,
    STORE_STACKS = 8,
    STORE_SETTLED = 12
};

/* -- META ----------------------------------------------------------------------------------------------------------- */

static void name_things(struct nfa_look *l, struct nfa_meta *t) {
    struct nfa_look_input *inputs = BASE_ARENA_ARRAY(&t->arena, struct nfa_look_input, t->n_inputs + 1);
    struct base_str *states = BASE_ARENA_ARRAY(&t->arena, struct base_str, t->n_states + 1);
    int64_t *bound_us = BASE_ARENA_ARRAY(&t->arena, int64_t, t->n_states + 1);
    for (uint32_t i = 0; i < t->n_inputs; i++)
        inputs[i] = (struct nfa_look_input){ t->inputs[i].name, t->inputs[i].schema };
    for (uint32_t i = 0; i < t->n_states; i++) {
        states[i] = t->states[i].name;
        bound_us[i] = t->states[i].bound_us;
    }
    l->watermark = t->watermark;
    l->within_us = t->within_kind == PLAN_WITHIN_FIRST_LAST ? t->within_us : -1;
    l->n_keys = t->n_keys;
    l->keys = t->keys;
    l->n_vars = t->n_vars;
    l->vars = t->vars;
    l->n_inputs = t->n_inputs;
    l->inputs = inputs;
    l->n_kept = t->n_kept;
    l->kept = t->kept;
    l->n_states = t->n_states;
    l->states = states;
    l->bound_us = bound_us;
}

enum cep_rc nfa_look_new(struct base_str meta, struct nfa_look **out, struct cep_err *err) {
    struct nfa_look *l = base_calloc(1, sizeof *l);
    l->in = base_calloc(1, sizeof *l->in);
    enum cep_rc rc = nfa_meta_read(&l->in->meta, meta, err);
    if (rc != CEP_OK) {
        nfa_look_free(l);
        return rc;
    }
    name_things(l, &l->in->meta);
    *out = l;
    return CEP_OK;
}

void nfa_look_free(struct nfa_look *l) {
    if (!l)
        return;
    nfa_meta_release(&l->in->meta);
    base_free(l->in);
    base_free(l);
}

bool nfa_look_is_key(const struct sto_entry *e) {
    return e->ns == NFA_NS_KEY;
}

bool nfa_look_is_row(const struct sto_entry *e) {
    return e->ns == NFA_NS_ROW;
}

/* -- what is told ------------------------------------------------------------------------------------------------------ */

uint64_t nfa_look_sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint32_t nfa_look_index(struct nfa_looker *k, size_t n) {
    uint64_t i = base_unpack_varint(k->u);
    k->u->bad = k->u->bad || i >= n;
    return k->u->bad ? 0 : (uint32_t)i;
}

struct nfa_look_match *nfa_look_add(struct nfa_looker *k, uint32_t n_steps, struct nfa_look_step **steps) {
    if (!k->tell || k->key->n_matches >= NFA_LOOK_MATCHES)
        return NULL;
    k->matches = base_arena_grow(k->arena, k->matches, k->key->n_matches, &k->cap, sizeof *k->matches);
    *steps = BASE_ARENA_ARRAY(k->arena, struct nfa_look_step, n_steps + 1);
    struct nfa_look_match *m = &k->matches[k->key->n_matches++];
    *m = (struct nfa_look_match){ .n_steps = n_steps, .steps = *steps, .deadline = EVT_TIME_MAX };
    k->key->matches = k->matches;
    return m;
}

static int64_t after(int64_t time, int64_t us) {
    int64_t at;
    return us < 0 || __builtin_add_overflow(time, us, &at) ? EVT_TIME_MAX : at;
}

/* Its time is over when it is over in every state that it may stand in. */
void nfa_look_finish(struct nfa_looker *k, struct nfa_look_match *m) {
    const struct nfa_look_event *events = k->key->events;
    int64_t within = after(events[m->steps[0].event].time, k->l->within_us), last = EVT_TIME_MIN;
    for (uint32_t i = 0; i < m->n_states; i++) {
        int64_t at = after(events[m->steps[m->n_steps - 1].event].time, k->l->bound_us[m->states[i]]);
        if (at > last)
            last = at;
    }
    m->deadline = within < last ? within : last;
    if (m->deadline < k->key->deadline)
        k->key->deadline = m->deadline;
}

/* -- the store of runs ----------------------------------------------------------------------------------------------------- */

struct link {
    uint32_t var, event, before; /* before: number + 1, 0 = none */
};

static struct link *read_links(struct nfa_looker *k, size_t *n) {
    *n = base_unpack_count(k->u, 3);
    struct link *links = BASE_ARENA_ARRAY(k->arena, struct link, *n + 1);
    for (size_t i = 0; i < *n && !k->u->bad; i++) {
        links[i].var = nfa_look_index(k, k->meta->n_vars);
        links[i].event = nfa_look_index(k, k->key->n_events);
        links[i].before = (uint32_t)base_unpack_max(k->u, i);
        const struct link *before = links[i].before ? &links[links[i].before - 1] : NULL;
        if (!k->u->bad && before && k->orders[before->event] >= k->orders[links[i].event])
            k->u->bad = true;
    }
    return links;
}

/* The chain from its end back to the event that it starts with. */
static struct nfa_look_match *tell_chain(
    struct nfa_looker *k, const struct link *links, uint32_t last, uint64_t start_order) {
    uint32_t n = 1;
    struct nfa_look_step *steps;
    uint32_t at = last;
    for (; links[at].before && k->orders[links[at].event] > start_order; n++)
        at = links[at].before - 1;
    if (k->orders[links[at].event] != start_order) {
        k->u->bad = true;
        return NULL;
    }
    struct nfa_look_match *m = nfa_look_add(k, n, &steps);
    for (at = last; m && n-- > 0; at = links[at].before - 1)
        steps[n] = (struct nfa_look_step){ links[at].var, links[at].event };
    return m;
}

static void tell_run(
    struct nfa_looker *k, const struct link *links, uint32_t last, uint32_t state, uint64_t start) {
    struct nfa_look_match *m = tell_chain(k, links, last, start);
    k->key->n_open = nfa_look_sum(k->key->n_open, 1);
    if (!m)
        return;
    uint32_t *states = BASE_ARENA_ARRAY(k->arena, uint32_t, 1);
    states[0] = state;
    m->states = states;
    m->n_states = 1;
    nfa_look_finish(k, m);
}

/* Passed over: what running aggregates have come to. */
static void skip_aggs(struct nfa_looker *k) {
    for (uint32_t i = 0; i < k->meta->n_aggs && !k->u->bad; i++) {
        struct evt_val v;
        (void)base_unpack_varint(k->u);
        (void)base_unpack_max(k->u, 1);
        switch (k->meta->aggs[i].acc) {
        case NFA_ACC_DOUBLE: (void)base_unpack_u64(k->u); break;
        case NFA_ACC_SUM:
        case NFA_ACC_MOMENTS: (void)base_unpack_bytes(k->u, 16); break;
        case NFA_ACC_VAL: evt_unpack_val(k->u, k->meta->aggs[i].type, k->arena, &v); break;
        case NFA_ACC_NONE:
        case NFA_ACC_MAX: break;
        }
    }
}

struct run {
    uint32_t state, last;
    uint64_t alias_hi;
};

/* Runs of one start, and later starts (aliases) that share those which took them up to the run's last one. */
static void read_group(struct nfa_looker *k, const struct link *links, size_t n_links) {
    uint64_t start = base_unpack_varint(k->u);
    (void)base_unpack_zigzag(k->u);
    size_t n_runs = base_unpack_count(k->u, 3);
    struct run *runs = BASE_ARENA_ARRAY(k->arena, struct run, n_runs + 1);
    for (size_t i = 0; i < n_runs && !k->u->bad; i++) {
        runs[i].state = nfa_look_index(k, k->meta->n_states);
        runs[i].last = nfa_look_index(k, n_links);
        runs[i].alias_hi = base_unpack_varint(k->u);
        skip_aggs(k);
        if (!k->u->bad)
            tell_run(k, links, runs[i].last, runs[i].state, start);
    }
    size_t n = base_unpack_count(k->u, 3);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        uint64_t order = base_unpack_varint(k->u);
        (void)base_unpack_zigzag(k->u);
        (void)nfa_look_index(k, n_links);
        for (size_t r = 0; r < n_runs && !k->u->bad; r++)
            if (order <= runs[r].alias_hi)
                tell_run(k, links, runs[r].last, runs[r].state, order);
    }
}

static void read_log(struct nfa_looker *k) {
    size_t n = base_unpack_count(k->u, 3);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        (void)nfa_look_index(k, k->key->n_events);
        k->key->n_asleep += base_unpack_max(k->u, 1);
        size_t words = base_unpack_count(k->u, 9);
        for (size_t w = 0; w < words && !k->u->bad; w++) {
            (void)base_unpack_varint(k->u);
            (void)base_unpack_u64(k->u);
        }
    }
}

static void look_runs(struct nfa_looker *k) {
    size_t n_links, n;
    struct link *links = read_links(k, &n_links);
    n = base_unpack_count(k->u, 4);
    for (size_t i = 0; i < n && !k->u->bad; i++)
        read_group(k, links, n_links);
    read_log(k);
    n = base_unpack_count(k->u, 1);
    for (size_t i = 0; i < n && !k->u->bad; i++)
        (void)base_unpack_varint(k->u); /* quotas */
    n = base_unpack_count(k->u, 5);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        uint32_t last = nfa_look_index(k, n_links);
        (void)base_unpack_varint(k->u);
        uint64_t start = base_unpack_varint(k->u);
        (void)base_unpack_zigzag(k->u);
        (void)base_unpack_varint(k->u);
        if (k->u->bad)
            return;
        k->key->n_waiting++;
        struct nfa_look_match *m = tell_chain(k, links, last, start);
        if (m)
            m->complete = true;
    }
}

/* -- keys -------------------------------------------------------------------------------------------------------------- */

static void read_events(struct nfa_looker *k) {
    size_t n = base_unpack_count(k->u, 5);
    struct nfa_look_event *events = BASE_ARENA_ARRAY(k->arena, struct nfa_look_event, n + 1);
    uint64_t *orders = BASE_ARENA_ARRAY(k->arena, uint64_t, n + 1);
    k->u->bad = k->u->bad || n > UINT32_MAX - 1;
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        struct evt_val *vals = BASE_ARENA_ARRAY(k->arena, struct evt_val, k->meta->n_kept + 1);
        events[i].input = nfa_look_index(k, k->meta->n_inputs);
        (void)base_unpack_max(k->u, UINT32_MAX);
        (void)base_unpack_varint(k->u);
        orders[i] = base_unpack_varint(k->u);
        events[i].time = base_unpack_zigzag(k->u);
        for (uint32_t c = 0; c < k->meta->n_kept && !k->u->bad; c++)
            evt_unpack_val(k->u, k->meta->kept[c].type, k->arena, &vals[c]);
        events[i].vals = vals;
    }
    k->key->events = events;
    k->key->n_events = k->u->bad ? 0 : (uint32_t)n;
    k->orders = orders;
}

static void read_history(struct nfa_looker *k) {
    for (uint32_t i = 0; i < k->meta->n_inputs && !k->u->bad; i++) {
        size_t n = base_unpack_count(k->u, 1);
        k->key->n_history += n;
        for (size_t r = 0; r < n && !k->u->bad; r++)
            (void)nfa_look_index(k, k->key->n_events);
    }
}

static const char *look_store(struct nfa_looker *k, uint8_t store) {
    switch (store) {
    case STORE_RUNS: look_runs(k); return "runs";
    case STORE_GRAPH: nfa_look_graph(k, false, false); return "graph";
    case STORE_FIRST: nfa_look_graph(k, base_unpack_max(k->u, 1) == 0, false); return "graph";
    case STORE_TIMED_GRAPH: nfa_look_graph(k, false, true); return "graph";
    case STORE_TIMED_FIRST: nfa_look_graph(k, base_unpack_max(k->u, 1) == 0, true); return "graph";
    case STORE_SETTLED: nfa_look_settling(k); return "graph";
    case STORE_FATES: nfa_look_fates(k, false); return "fates";
    case STORE_STACKS: nfa_look_stacks(k); return "stacks";
    case STORE_TIMED_FATES: nfa_look_fates(k, true); return "fates";
    default: k->u->bad = true; return "";
    }
}

enum cep_rc nfa_look_key(const struct nfa_look *l, const struct sto_entry *e, bool tell, struct base_arena *a,
    struct nfa_look_key *out, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    const struct nfa_meta *t = &l->in->meta;
    struct nfa_looker k = { .l = l, .meta = t, .arena = a, .u = &u, .key = out, .tell = tell };
    *out = (struct nfa_look_key){ .deadline = EVT_TIME_MAX };
    uint8_t tag = base_unpack_u8(&u), store = tag & (uint8_t)~NFA_KEY_TIMED;
    if (tag & NFA_KEY_TIMED)
        (void)base_unpack_zigzag(&u);
    struct evt_val *vals = BASE_ARENA_ARRAY(a, struct evt_val, t->n_keys + 1);
    for (uint32_t i = 0; i < t->n_keys && !u.bad; i++)
        evt_unpack_val(&u, t->keys[i].type, a, &vals[i]);
    out->vals = vals;
    out->n_matches_before = base_unpack_varint(&u);
    (void)base_unpack_zigzag(&u);
    (void)base_unpack_max(&u, UINT32_MAX);
    read_events(&k);
    read_history(&k);
    out->store = look_store(&k, store);
    return base_unpack_ok(&u) ? CEP_OK : base_err_set(err, CEP_EDAMAGED, "a key is damaged");
}

/* -- waiting rows -------------------------------------------------------------------------------------------------------- */

enum cep_rc nfa_look_row(const struct nfa_look *l, const struct sto_entry *e, uint32_t *input,
    struct evt_batch **row, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    struct base_arena scratch;
    uint64_t i = base_unpack_varint(&u);
    if (u.bad || i >= l->n_inputs)
        return base_err_set(err, CEP_EDAMAGED, "an event that waits is damaged");
    *input = (uint32_t)i;
    struct evt_batch *b = evt_batch_new(l->inputs[i].schema, 1);
    base_arena_init(&scratch, 0);
    bool fine = evt_unpack_row(&u, b, &scratch) && base_unpack_ok(&u);
    base_arena_release(&scratch);
    if (!fine) {
        evt_batch_unref(b);
        return base_err_set(err, CEP_EDAMAGED, "an event that waits is damaged");
    }
    *row = b;
    return CEP_OK;
}
