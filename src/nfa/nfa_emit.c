/*
 * nfa_emit -- completed matches and time-outs become rows.
 *
 * The events are listed once a match, first to last and by variable; measures then find theirs in O(1).
 */
#include "nfa/nfa_run.h"

#include "base/base_mem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void nfa_emit_room(struct nfa_matcher *m, size_t n) {
    /* The variables of the match before are forgotten first, so that a pattern of many does not cost all of them. */
    for (size_t i = 0; i < m->n_evs; i++)
        m->var_n[m->ev_vars[i]] = 0;
    m->n_evs = 0;
    if (n <= m->cap_evs)
        return;
    m->cap_evs = n * 2;
    m->evs = base_realloc(m->evs, m->cap_evs * sizeof *m->evs);
    m->ev_vars = base_realloc(m->ev_vars, m->cap_evs * sizeof *m->ev_vars);
    m->var_evs = base_realloc(m->var_evs, m->cap_evs * sizeof *m->var_evs);
}

/* The events by variable. */
static void index_vars(struct nfa_matcher *m) {
    size_t n = m->n_evs;
    for (size_t i = 0; i < n; i++)
        m->var_n[m->ev_vars[i]]++;
    uint32_t off = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t v = m->ev_vars[i];
        if (m->var_n[v] & 0x80000000u)
            continue;
        m->var_first[v] = off;
        off += m->var_n[v];
        m->var_n[v] = 0x80000000u; /* seen; counted again below */
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t v = m->ev_vars[i];
        m->var_evs[m->var_first[v] + (m->var_n[v] & 0x7fffffffu)] = m->evs[i];
        m->var_n[v]++;
    }
    for (size_t i = 0; i < n; i++)
        m->var_n[m->ev_vars[i]] &= 0x7fffffffu;
}

static void list_events(struct nfa_matcher *m, const struct nfa_link *last, uint64_t start_order) {
    size_t n = 0;
    for (const struct nfa_link *l = last; l; l = nfa_link_prev(l, start_order))
        n++;
    nfa_emit_room(m, n);
    m->n_evs = n;
    m->stats.work += n;
    for (const struct nfa_link *l = last; l; l = nfa_link_prev(l, start_order)) {
        m->evs[--n] = l->ev;
        m->ev_vars[n] = l->var;
    }
    index_vars(m);
}

void nfa_emit_id(struct nfa_matcher *m, const struct nfa_key *k, char out[NFA_ID_TEXT]) {
    struct base_buf *b = &m->id_buf;
    base_buf_clear(b);
    base_buf_str(b, m->own->node->name);
    base_buf_putc(b, '\0');
    base_buf_add(b, &m->own->plan->version, sizeof m->own->plan->version);
    nfa_key_canonical(m, k, b);
    for (size_t i = 0; i < m->n_evs; i++) {
        struct {
            uint32_t var, input, origin, zero;
            uint64_t seq;
        } e = { m->ev_vars[i], m->evs[i]->input, m->evs[i]->origin, 0, m->evs[i]->seq };
        base_buf_add(b, &e, sizeof e);
    }
    XXH128_hash_t h = XXH3_128bits(b->p, b->len);
    uint64_t words[2] = { h.high64, h.low64 };
    for (int i = 0; i < NFA_ID_TEXT; i++)
        out[i] = "0123456789abcdef"[words[i / 16] >> (60 - i % 16 * 4) & 15];
}

/* row(var array(row(all columns)), ...): one field a variable of the schema, by name. */
static void events_val(struct nfa_matcher *m, const struct evt_type *t, struct evt_val *out) {
    const struct plan_pattern *pat = m->own->pat;
    struct evt_val *vars = BASE_ARENA_ARRAY(&m->scratch, struct evt_val, t->n_fields + 1);
    for (uint32_t f = 0; f < t->n_fields; f++) {
        const struct evt_type *row = t->fields[f].type->elem;
        uint32_t var = 0;
        while (var < pat->n_vars && !base_str_eq(pat->vars[var].name, t->fields[f].name))
            var++;
        uint32_t n = var < pat->n_vars ? m->var_n[var] : 0;
        struct evt_val *rows = BASE_ARENA_ARRAY(&m->scratch, struct evt_val, n + 1);
        for (uint32_t i = 0; i < n; i++) {
            struct evt_val *cells = BASE_ARENA_ARRAY(&m->scratch, struct evt_val, row->n_fields + 1);
            for (uint32_t c = 0; c < row->n_fields; c++) {
                int col = evt_schema_find(&pat->cols, row->fields[c].name);
                cells[c] = EVT_VAL_NULL;
                if (col >= 0)
                    nfa_ev_col(m, m->var_evs[m->var_first[var] + i], (uint32_t)col, &cells[c]);
            }
            rows[i] = (struct evt_val){ .list = { cells, row->n_fields } };
        }
        vars[f] = (struct evt_val){ .list = { rows, n } };
    }
    *out = (struct evt_val){ .list = { vars, t->n_fields } };
}

/*
 * A match's place among those of its pattern, the same however many subtasks there are: its partition is its key, its
 * position the order in which the key's matches of one time were emitted, made one of a kind by its id.
 */
static void place_row(
    struct nfa_matcher *m, struct nfa_key *k, struct evt_batch *b, uint32_t row, const char id[NFA_ID_TEXT]) {
    const uint64_t most = (UINT64_C(1) << (64 - EVT_MATCH_NTH_SHIFT)) - 1;
    base_buf_clear(&m->id_buf);
    nfa_key_canonical(m, k, &m->id_buf);
    if (k->emitted_at != b->time[row])
        k->n_emitted = 0;
    k->emitted_at = b->time[row];
    uint64_t nth = k->n_emitted;
    if (k->n_emitted < most)
        k->n_emitted++;
    b->origin[row] = EVT_ORIGIN_MATCH;
    if (m->pat->n_keys > 0)
        b->origin[row] |= (uint32_t)XXH3_64bits(m->id_buf.p, m->id_buf.len);
    b->seq[row] = nth << EVT_MATCH_NTH_SHIFT | XXH3_64bits(id, NFA_ID_TEXT) >> (64 - EVT_MATCH_NTH_SHIFT);
}

static void write_row(struct nfa_matcher *m, struct nfa_key *k, struct evt_batch *b, int64_t time) {
    const struct plan_pattern *pat = m->own->pat;
    uint32_t row = b->n_rows, col = 0;
    struct evt_val v;
    m->env.mode = NFA_ENV_MATCH;
    m->env.base.now_us = m->now_us;
    m->env.base.failure = NULL;
    m->env.start_time = m->evs[0]->time;
    m->env.end_time = m->evs[m->n_evs - 1]->time;
    for (; col < pat->n_measures; col++) {
        expr_eval(pat->measures[col].expr, &m->env.base, &v);
        evt_col_set_val(&b->cols[col], row, &v);
    }
    const char *failure = m->env.base.failure;
    if (m->env.timed_out) {
        v = (struct evt_val){ .i = m->env.timed_out_at };
        evt_col_set_val(&b->cols[col++], row, &v);
    }
    char id[NFA_ID_TEXT] = { 0 };
    if (col + PLAN_HIDDEN_EVENTS <= b->schema->n_cols) {
        nfa_emit_id(m, k, id);
        evt_col_set_bytes(&b->cols[col + PLAN_HIDDEN_ID], row, id, sizeof id);
        v = (struct evt_val){ .i = m->env.start_time };
        evt_col_set_val(&b->cols[col + PLAN_HIDDEN_STARTED_AT], row, &v);
        v = (struct evt_val){ .list = { k->vals, pat->n_keys } };
        evt_col_set_val(&b->cols[col + PLAN_HIDDEN_KEY], row, &v);
        if (pat->events_schema && col + PLAN_HIDDEN_EVENTS < b->schema->n_cols) {
            struct evt_col *c = &b->cols[col + PLAN_HIDDEN_EVENTS];
            events_val(m, c->type, &v);
            evt_col_set_val(c, row, &v);
        }
    }
    b->time[row] = time;
    place_row(m, k, b, row, id);
    evt_batch_end_row(b);
    if (failure) {
        m->stats.failures++;
        if (m->out.failure)
            m->out.failure(m->out.arg, NFA_NO_INPUT, b, row, failure);
    }
    base_arena_clear(&m->scratch);
    m->scratch_used = false;
}

static void write_match(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    if (m->trace)
        nfa_trace_match(m, k, now);
    if (!m->matches)
        m->matches = evt_batch_new(m->own->node->schema, m->opts.batch_rows);
    m->env.key = k;
    m->env.timed_out = false;
    write_row(m, k, m->matches, now);
    if (evt_batch_is_full(m->matches)) {
        m->out.matches(m->out.arg, m->matches);
        m->matches = NULL;
    }
}

/* Returns: false when nobody reads it. */
static bool count_match(struct nfa_matcher *m, struct nfa_key *k) {
    m->stats.matches++;
    if (m->p->uses_match_number)
        k->match_number++;
    return m->out.matches != NULL;
}

void nfa_emit_match(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_done *d, int64_t now) {
    if (!count_match(m, k))
        return;
    list_events(m, d->last, d->start_order);
    write_match(m, k, now);
}

void nfa_emit_listed(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    if (!count_match(m, k)) {
        m->n_evs = 0; /* not counted by variable */
        return;
    }
    index_vars(m);
    write_match(m, k, now);
}

static bool reads_timeouts(const struct nfa_matcher *m) {
    return m->out.timeouts && m->own->pat->timeouts_schema && !m->p->opts.no_timeouts;
}

static void write_timeout(struct nfa_matcher *m, struct nfa_key *k, int64_t at) {
    if (!m->timeouts)
        m->timeouts = evt_batch_new(m->own->pat->timeouts_schema, m->opts.batch_rows);
    m->env.key = k;
    m->env.timed_out = true;
    m->env.timed_out_at = at;
    write_row(m, k, m->timeouts, at);
    if (evt_batch_is_full(m->timeouts)) {
        m->out.timeouts(m->out.arg, m->timeouts);
        m->timeouts = NULL;
    }
}

void nfa_emit_timeout(
    struct nfa_matcher *m, struct nfa_key *k, uint64_t start_order, const struct nfa_run *r, int64_t at) {
    if (!reads_timeouts(m))
        return;
    list_events(m, r->last, start_order);
    write_timeout(m, k, at);
}

void nfa_emit_timeout_listed(struct nfa_matcher *m, struct nfa_key *k, int64_t at) {
    if (!reads_timeouts(m)) {
        m->n_evs = 0; /* not counted by variable */
        return;
    }
    index_vars(m);
    write_timeout(m, k, at);
}

void nfa_emit_flush(struct nfa_matcher *m) {
    if (m->matches && m->matches->n_rows) {
        m->out.matches(m->out.arg, m->matches);
        m->matches = NULL;
    }
    if (m->timeouts && m->timeouts->n_rows) {
        m->out.timeouts(m->out.arg, m->timeouts);
        m->timeouts = NULL;
    }
}
