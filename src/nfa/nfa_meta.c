/*
 * nfa_meta -- META: what the numbers in a matcher's entries stand for.
 *
 *     u8 version (3)   zigzag watermark
 *     varint order of the next event, varint number of the last step (runs; else 0)    from version 3 on
 *     u64 fingerprint
 *     u8 kind of within   zigzag within µs
 *     varint keys      * (str name, type, u64 meaning)
 *     varint variables * str name
 *     varint inputs    * (str name, schema)
 *     varint kept      * (str name, type)              columns that events taken keep
 *     varint states    * (u64 meaning, str name, zigzag bound µs, -1 = none)
 *     varint bits      * u64 meaning                   conditions on events alone
 *     varint aggs      * (u64 meaning, str text, u8 kind of accumulator, type when it is a value)
 */
#include "nfa/nfa_later.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

static void write_inputs(struct base_buf *b, const struct nfa_prog *p) {
    base_pack_varint(b, p->pat->n_inputs);
    for (uint32_t i = 0; i < p->pat->n_inputs; i++) {
        struct plan_ref r = p->pat->inputs[i];
        struct base_buf name = BASE_BUF_INIT;
        const char *port = plan_port_text(p->plan->nodes[r.node], r.port);
        base_buf_str(&name, p->plan->nodes[r.node]->name);
        base_buf_printf(&name, "%s%s", port[0] ? "." : "", port);
        base_pack_str(b, base_buf_view(&name));
        evt_pack_schema(b, plan_schema_of(p->plan, r));
        base_buf_release(&name);
    }
}

/* The variables that a state waits for, as a person would say it; absence and "not next" have names of their own. */
static void write_state_name(struct base_buf *b, const struct nfa_prog *p, const struct nfa_state *s) {
    const struct nfa_node *node = &p->nodes[s->node];
    if (node->kind != NFA_NODE_WAIT && node->kind != NFA_NODE_FORK) {
        nfa_write_node_name(b, p, s->node);
        return;
    }
    enum { MOST = 4 };
    uint32_t vars[MOST], n = 0;
    bool more = false;
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[s->edges + i];
        bool seen = e->action != NFA_TAKE;
        for (uint32_t k = 0; k < n && !seen; k++)
            seen = vars[k] == e->var;
        more = more || (!seen && n == MOST);
        if (!seen && n < MOST)
            vars[n++] = e->var;
    }
    base_buf_puts(b, "wait");
    for (uint32_t i = 0; i < n; i++) {
        base_buf_puts(b, i ? " | " : " ");
        base_buf_str(b, p->pat->vars[vars[i]].name);
    }
    base_buf_puts(b, more ? " | ..." : "");
    if (node->term != NFA_NONE && node->rep && p->terms[node->term].kind != PLAN_TERM_ALL)
        base_buf_printf(b, " after %u%s", (unsigned)node->rep,
            p->terms[node->term].max == PLAN_UNBOUNDED && node->rep == p->terms[node->term].min ? "+" : "");
}

static void write_states(struct base_buf *b, const struct nfa_prog *p, const uint64_t *meanings) {
    base_pack_varint(b, p->n_states);
    for (size_t i = 0; i < p->n_states; i++) {
        struct base_buf name = BASE_BUF_INIT;
        write_state_name(&name, p, &p->states[i]);
        base_pack_u64(b, meanings[i]);
        base_pack_str(b, base_buf_view(&name));
        base_pack_zigzag(b, p->states[i].bound_us);
        base_buf_release(&name);
    }
}

static void write_aggs(struct base_buf *b, const struct nfa_prog *p) {
    base_pack_varint(b, p->n_run_aggs);
    for (uint32_t i = 0; i < p->n_run_aggs; i++) {
        const struct expr *e = p->pat->aggs[p->run_aggs[i]];
        struct base_buf text = BASE_BUF_INIT;
        const struct evt_type *type;
        base_pack_u64(b, nfa_meaning_of_expr(p, e, &text));
        base_pack_str(b, base_buf_view(&text));
        enum nfa_acc acc = nfa_acc_of(e, &type);
        base_pack_u8(b, (uint8_t)acc);
        if (acc == NFA_ACC_VAL)
            evt_pack_type(b, type);
        base_buf_release(&text);
    }
}

/* What does not change while the program lives; made once. */
static void write_names(struct base_buf *b, const struct nfa_prog *p) {
    const struct plan_pattern *pat = p->pat;
    uint64_t *meanings = nfa_meaning_of_states(p);
    base_pack_u64(b, nfa_fingerprint(p, meanings));
    base_pack_u8(b, (uint8_t)pat->within_kind);
    base_pack_zigzag(b, pat->within_us);
    base_pack_varint(b, pat->n_keys);
    for (uint32_t i = 0; i < pat->n_keys; i++) {
        struct base_buf text = BASE_BUF_INIT;
        uint64_t meaning = nfa_meaning_of_expr(p, pat->keys[i], &text);
        base_pack_str(b, pat->key_names ? pat->key_names[i] : base_buf_view(&text));
        evt_pack_type(b, pat->keys[i]->type);
        base_pack_u64(b, meaning);
        base_buf_release(&text);
    }
    base_pack_varint(b, pat->n_vars);
    for (uint32_t i = 0; i < pat->n_vars; i++)
        base_pack_str(b, pat->vars[i].name);
    write_inputs(b, p);
    base_pack_varint(b, p->n_kept);
    for (uint32_t i = 0; i < p->n_kept; i++) {
        base_pack_str(b, pat->cols.cols[p->kept_cols[i]].name);
        evt_pack_type(b, pat->cols.cols[p->kept_cols[i]].type);
    }
    write_states(b, p, meanings);
    base_pack_varint(b, p->n_bits);
    for (uint32_t i = 0; i < p->n_bits; i++)
        base_pack_u64(b, nfa_meaning_of_bit(p, i));
    write_aggs(b, p);
    base_free(meanings);
}

void nfa_meta_write(struct nfa_matcher *m, struct base_buf *b) {
    if (m->names.len == 0)
        write_names(&m->names, m->own);
    base_pack_u8(b, NFA_META_VERSION);
    base_pack_zigzag(b, m->watermark);
    base_pack_varint(b, m->next_order);
    base_pack_varint(b, m->p->store == NFA_STORE_RUNS ? m->next_step : 0);
    base_buf_str(b, base_buf_view(&m->names));
}

bool nfa_meta_is_own(
    struct nfa_matcher *m, struct base_str value, uint64_t *next_order, uint64_t *last_step) {
    struct base_unpack u = base_unpack_of(value);
    if (m->names.len == 0)
        write_names(&m->names, m->own);
    bool now = base_unpack_u8(&u) == NFA_META_VERSION;
    (void)base_unpack_zigzag(&u);
    *next_order = base_unpack_max(&u, UINT64_MAX - 1);
    *last_step = base_unpack_max(&u, UINT64_MAX - 1);
    size_t left = (size_t)(u.end - u.p);
    return now && !u.bad && left == m->names.len && memcmp(u.p, m->names.p, left) == 0;
}

static struct base_str get_str(struct base_unpack *u, struct base_arena *a) {
    return base_arena_str(a, base_unpack_str(u));
}

/* A number of things of at least `least` bytes each, which numbers of 32 bits can count. */
static uint32_t get_count(struct base_unpack *u, size_t least) {
    size_t n = base_unpack_count(u, least);
    u->bad = u->bad || n > UINT32_MAX - 1;
    return u->bad ? 0 : (uint32_t)n;
}

static void read_aggs(struct nfa_meta *t, struct base_unpack *u) {
    t->n_aggs = get_count(u, 10);
    t->aggs = BASE_ARENA_ARRAY(&t->arena, struct nfa_meta_agg, t->n_aggs + 1);
    for (uint32_t i = 0; i < t->n_aggs; i++) {
        struct nfa_meta_agg *g = &t->aggs[i];
        g->meaning = base_unpack_u64(u);
        g->text = get_str(u, &t->arena);
        uint8_t acc = base_unpack_u8(u);
        u->bad = u->bad || acc >= NFA_ACC_MAX;
        g->acc = u->bad ? NFA_ACC_NONE : (enum nfa_acc)acc;
        if (g->acc == NFA_ACC_VAL)
            g->type = evt_unpack_type(u, &t->arena);
        if (g->type && (g->type->kind == EVT_ARRAY || g->type->kind == EVT_ROW ||
                           g->type->kind == EVT_STRING || g->type->kind == EVT_BYTES))
            u->bad = true; /* aggregates do not run along over these */
    }
}

static void read_names(struct nfa_meta *t, struct base_unpack *u) {
    struct base_arena *a = &t->arena;
    t->n_keys = get_count(u, 10);
    t->keys = BASE_ARENA_ARRAY(a, struct evt_column, t->n_keys + 1);
    t->key_meaning = BASE_ARENA_ARRAY(a, uint64_t, t->n_keys + 1);
    for (uint32_t i = 0; i < t->n_keys; i++) {
        t->keys[i].name = get_str(u, a);
        t->keys[i].type = evt_unpack_type(u, a);
        t->key_meaning[i] = base_unpack_u64(u);
    }
    t->n_vars = get_count(u, 1);
    t->vars = BASE_ARENA_ARRAY(a, struct base_str, t->n_vars + 1);
    for (uint32_t i = 0; i < t->n_vars; i++)
        t->vars[i] = get_str(u, a);
    t->n_inputs = get_count(u, 3);
    t->inputs = BASE_ARENA_ARRAY(a, struct nfa_meta_input, t->n_inputs + 1);
    for (uint32_t i = 0; i < t->n_inputs; i++) {
        t->inputs[i].name = get_str(u, a);
        t->inputs[i].schema = evt_unpack_schema(u, a);
    }
    t->n_kept = get_count(u, 2);
    t->kept = BASE_ARENA_ARRAY(a, struct evt_column, t->n_kept + 1);
    for (uint32_t i = 0; i < t->n_kept; i++) {
        t->kept[i].name = get_str(u, a);
        t->kept[i].type = evt_unpack_type(u, a);
    }
    t->n_states = get_count(u, 10);
    t->states = BASE_ARENA_ARRAY(a, struct nfa_meta_state, t->n_states + 1);
    for (uint32_t i = 0; i < t->n_states; i++) {
        t->states[i].meaning = base_unpack_u64(u);
        t->states[i].name = get_str(u, a);
        t->states[i].bound_us = base_unpack_zigzag(u);
    }
    t->n_bits = get_count(u, 8);
    t->bits = BASE_ARENA_ARRAY(a, uint64_t, t->n_bits + 1);
    for (uint32_t i = 0; i < t->n_bits; i++)
        t->bits[i] = base_unpack_u64(u);
    read_aggs(t, u);
}

enum cep_rc nfa_meta_read(struct nfa_meta *t, struct base_str value, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(value);
    *t = (struct nfa_meta){ .watermark = EVT_TIME_MIN };
    base_arena_init(&t->arena, 0);
    uint8_t version = base_unpack_u8(&u);
    if (!u.bad && (version < 1 || version > NFA_META_VERSION))
        return base_err_set(err, CEP_EVERSION,
            "partial matches are of version %u, this program reads versions 1 to %u", (unsigned)version,
            (unsigned)NFA_META_VERSION);
    t->watermark = base_unpack_zigzag(&u);
    for (int i = 0; i < 2 && version >= 3; i++)
        (void)base_unpack_varint(&u);
    t->fingerprint = base_unpack_u64(&u);
    uint8_t kind = base_unpack_u8(&u);
    u.bad = u.bad || kind >= PLAN_WITHIN_MAX;
    t->within_kind = u.bad ? PLAN_WITHIN_NONE : (enum plan_within)kind;
    t->within_us = base_unpack_zigzag(&u);
    read_names(t, &u);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "names of partial matches are damaged");
}

void nfa_meta_release(struct nfa_meta *t) {
    base_arena_release(&t->arena);
    *t = (struct nfa_meta){ .n_keys = 0 };
}
