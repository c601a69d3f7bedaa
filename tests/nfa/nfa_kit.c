/* nfa_kit -- see nfa_kit.h. */
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"
#include "base/base_pack.h"
#include "expr/expr_func.h"
#include "state/sto_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cep_span no_span = { 0 };

static const struct expr *call2(
    struct base_arena *a, const char *op, const struct expr *x, const struct expr *y) {
    const struct expr *args[2] = { x, y }, *e = NULL;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(expr_call_new(a, base_str_of(op), args, 2, no_span, &e, &err), CEP_OK);
    return e;
}

static const struct expr *logic(
    struct base_arena *a, enum expr_kind kind, const struct expr *x, const struct expr *y) {
    const struct expr *args[2] = { x, y }, *e = NULL;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(expr_node_new(a, kind, false, args, 2, no_span, &e, &err), CEP_OK);
    return e;
}

static const struct expr *name_is(struct base_arena *a, char c) {
    const struct evt_type *s = evt_type_of(EVT_STRING);
    char *p = base_arena_strndup(a, &c, 1);
    struct evt_val v = { .s = { p, 1 } };
    return call2(a, "=", expr_col(a, NFA_KIT_NAME, s, no_span), expr_const(a, s, v, no_span));
}

/* NULL: every event. */
static const struct expr *letter_cond(struct base_arena *a, char letter) {
    switch (letter) {
    case 'Z': return NULL;
    case 'A': return logic(a, EXPR_OR, name_is(a, 'a'), name_is(a, 'b'));
    case 'C': return logic(a, EXPR_OR, name_is(a, 'c'), name_is(a, 'd'));
    default: return name_is(a, letter);
    }
}

int64_t nfa_kit_price(uint32_t event) {
    return (int64_t)(event * 7 % 5) + 1;
}

enum nfa_kit_rich nfa_kit_rich(const struct plan_pattern *pat, uint32_t var) {
    if (var == 0 || pat->vars[var].negated || pat->vars[0].negated)
        return NFA_KIT_PLAIN;
    return var % 3 == 1 ? NFA_KIT_AT_LEAST_LAST_OF_FIRST : var % 3 == 2 ? NFA_KIT_SUM_BELOW : NFA_KIT_PLAIN;
}

static struct expr *node(struct base_arena *a, enum expr_kind kind, const struct evt_type *t) {
    struct expr *e = BASE_ARENA_NEW(a, struct expr);
    e->kind = kind;
    e->type = t;
    e->agg_slot = UINT32_MAX;
    return e;
}

static struct expr *agg_over(struct base_arena *a, enum expr_agg agg, uint32_t var, uint32_t col) {
    const struct evt_type *t = evt_type_of(EVT_INT);
    struct expr *e = node(a, EXPR_AGG, expr_agg_type(a, agg, t));
    const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, 1);
    args[0] = expr_col(a, col, t, no_span);
    e->agg = agg;
    e->var = var;
    e->args = args;
    e->n_args = 1;
    return e;
}

static const struct expr *rich_cond(
    struct base_arena *a, struct plan_pattern *pat, uint32_t var, const struct expr *e) {
    const struct evt_type *t = evt_type_of(EVT_INT);
    const struct expr *more = NULL;
    switch (nfa_kit_rich(pat, var)) {
    case NFA_KIT_PLAIN: return e;
    case NFA_KIT_AT_LEAST_LAST_OF_FIRST: {
        struct expr *last = node(a, EXPR_VAR_COL, t);
        last->index = NFA_KIT_PRICE;
        last->from_last = true;
        more = call2(a, ">=", expr_col(a, NFA_KIT_PRICE, t, no_span), last);
        break;
    }
    case NFA_KIT_SUM_BELOW: {
        struct expr *sum = agg_over(a, EXPR_AGG_SUM, var, NFA_KIT_PRICE);
        const struct expr **aggs = BASE_ARENA_ARRAY(a, const struct expr *, pat->n_aggs + 1);
        for (uint32_t i = 0; i < pat->n_aggs; i++)
            aggs[i] = pat->aggs[i];
        sum->agg_slot = pat->n_aggs;
        aggs[pat->n_aggs++] = sum;
        pat->aggs = aggs;
        struct evt_val limit = { .i = NFA_KIT_SUM_LIMIT };
        more = call2(a, "<", sum, expr_const(a, t, limit, no_span));
        break;
    }
    }
    return e ? logic(a, EXPR_AND, e, more) : more;
}

/* ref_text leaves the until's letter in expr.index; the real condition keeps it there too. */
static void fix_untils(struct base_arena *a, const struct plan_term *t, int depth) {
    assert_true(depth < 64);
    if (t->until) {
        struct expr *e = BASE_ARENA_NEW(a, struct expr);
        *e = *letter_cond(a, (char)t->until->index);
        e->index = t->until->index;
        ((struct plan_term *)(uintptr_t)t)->until = e;
    }
    for (uint32_t i = 0; i < t->n_steps; i++)
        fix_untils(a, t->steps[i].term, depth + 1);
    for (uint32_t i = 0; i < t->n_alts; i++)
        fix_untils(a, t->alts[i], depth + 1);
}

static const struct evt_column columns[NFA_KIT_COLS] = {
    [NFA_KIT_NAME] = { .name = { "name", 4 } },
    [NFA_KIT_IDX] = { .name = { "idx", 3 } },
    [NFA_KIT_PRICE] = { .name = { "price", 5 } },
    [NFA_KIT_KEY] = { .name = { "key", 3 } },
    [NFA_KIT_AT] = { .name = { "at", 2 } },
};

static struct evt_schema *measures_schema(struct nfa_kit *k, struct plan_pattern *p, bool timeouts) {
    struct base_arena *a = &k->text.arena;
    uint32_t n = p->n_measures + timeouts;
    struct evt_column *c = BASE_ARENA_ARRAY(a, struct evt_column, n + PLAN_HIDDEN_MAX);
    for (uint32_t i = 0; i < p->n_measures; i++)
        c[i] = (struct evt_column){ .name = p->measures[i].name, .type = p->measures[i].expr->type };
    if (timeouts)
        c[p->n_measures] = (struct evt_column){ .name = BASE_STR("timed_out_at"),
            .type = evt_type_of(EVT_TIMESTAMP) };
    c[n + PLAN_HIDDEN_ID] = (struct evt_column){ .name = BASE_STR("$id"), .type = evt_type_of(EVT_STRING) };
    c[n + PLAN_HIDDEN_STARTED_AT] = (struct evt_column){ .name = BASE_STR("$started_at"),
        .type = evt_type_of(EVT_TIMESTAMP) };
    struct evt_column *f = BASE_ARENA_ARRAY(a, struct evt_column, p->n_keys + 1);
    for (uint32_t i = 0; i < p->n_keys; i++)
        f[i] = (struct evt_column){ .name = BASE_STR("key"), .type = p->keys[i]->type };
    c[n + PLAN_HIDDEN_KEY] = (struct evt_column){ .name = BASE_STR("$key"),
        .type = evt_type_row(a, p->n_keys, f) };
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    *s = (struct evt_schema){ n + PLAN_HIDDEN_EVENTS, n, c };
    return s;
}

static void add_row(
    struct nfa_kit *k, char ***list, size_t *n, size_t *cap, const struct evt_batch *b, uint32_t row) {
    struct base_arena a;
    struct base_buf text = BASE_BUF_INIT;
    const struct plan_pattern *p = &k->node.pattern;
    uint32_t at[64] = { 0 };
    struct evt_val v[64];
    base_arena_init(&a, 0);
    for (uint32_t i = 0; i < p->n_measures; i++)
        evt_col_get(&b->cols[i], row, &a, &v[i]);
    /* The variables' arrays of event numbers, merged. */
    for (;;) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < p->n_measures; i++) {
            if (at[i] < v[i].list.n &&
                (best == UINT32_MAX || v[i].list.v[at[i]].i < v[best].list.v[at[best]].i))
                best = i;
        }
        if (best == UINT32_MAX)
            break;
        base_buf_printf(&text, "%s%c%lld", text.len ? " " : "", k->text.letters[best],
            (long long)v[best].list.v[at[best]++].i);
    }
    *list = base_grow(*list, *n, cap, sizeof **list);
    (*list)[(*n)++] = base_strdup(base_buf_cstr(&text));
    base_buf_release(&text);
    base_arena_release(&a);
}

static void on_matches(void *arg, struct evt_batch *b) {
    struct nfa_kit *k = arg;
    for (uint32_t i = 0; i < b->n_rows; i++)
        add_row(k, &k->matches, &k->n_matches, &k->cap_matches, b, i);
    evt_batch_unref(b);
}

static void on_timeouts(void *arg, struct evt_batch *b) {
    struct nfa_kit *k = arg;
    for (uint32_t i = 0; i < b->n_rows; i++)
        add_row(k, &k->timeouts, &k->n_timeouts, &k->cap_timeouts, b, i);
    evt_batch_unref(b);
}

static void on_failure(
    void *arg, uint32_t input, const struct evt_batch *b, uint32_t row, const char *reason) {
    struct nfa_kit *k = arg;
    assert_int_equal(input, 0);
    assert_true(row < b->n_rows && reason != NULL);
    k->failures++;
}

static void make_matcher(struct nfa_kit *k) {
    struct nfa_out out = { .arg = k, .matches = on_matches, .timeouts = on_timeouts, .failure = on_failure };
    struct nfa_matcher_opts opts = { .budget = k->budget };
    if (k->db) {
        sto_tier_free(k->tier);
        k->tier = sto_tier_new(k->db->db, k->db->next_op++, NFA_NS_KEY);
        opts.tier = k->tier;
    }
    k->matcher = nfa_matcher_new(k->prog, &out, &opts);
}

void nfa_kit_db_open(struct nfa_kit_db *d) {
    struct cep_err err = CEP_ERR_INIT;
    const char *tmp = getenv("TMPDIR");
    *d = (struct nfa_kit_db){ .db = NULL };
    (void)snprintf(d->dir, sizeof d->dir, "%s/nfa_kit_XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(d->dir));
    if (sto_db_open(d->dir, &(struct sto_db_opts){ .memory = 8 << 20 }, &d->db, &err) != CEP_OK)
        fail_msg("%s", err.message);
}

void nfa_kit_db_close(struct nfa_kit_db *d) {
    sto_db_close(d->db);
    assert_int_equal(sto_path_remove(d->dir, NULL), CEP_OK);
}

void nfa_kit_db_renew(struct nfa_kit_db *d) {
    if (d->next_op < UINT16_MAX - 4096)
        return;
    nfa_kit_db_close(d);
    nfa_kit_db_open(d);
}

void nfa_kit_tiered(struct nfa_kit *k, struct nfa_kit_db *d, uint64_t budget) {
    nfa_matcher_free(k->matcher);
    k->db = d;
    k->budget = budget;
    make_matcher(k);
}

void nfa_kit_resume(struct nfa_kit *k, const char *copy) {
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_kit_db d = { .next_op = (uint16_t)(k->db->next_op - 1) };
    nfa_matcher_free(k->matcher);
    sto_tier_free(k->tier);
    k->tier = NULL;
    if (sto_db_open_checkpoint(copy, &(struct sto_db_opts){ .memory = 8 << 20 }, &d.db, &err) != CEP_OK)
        fail_msg("%s", err.message);
    sto_db_close(k->own.db);
    k->own = d;
    k->db = &k->own;
    make_matcher(k);
}

/* Of one operator, in a space: how many. */
struct count {
    uint16_t op;
    size_t at, n;
};

static enum cep_rc on_row(void *arg, struct base_str key, struct base_str value, struct cep_err *err) {
    struct count *c = arg;
    (void)value;
    (void)err;
    c->n += (uint8_t)key.p[c->at] == c->op >> 8 && (uint8_t)key.p[c->at + 1] == (c->op & 255);
    return CEP_OK;
}

size_t nfa_kit_rows(const struct nfa_kit *k, enum sto_space space) {
    struct count c = { .op = (uint16_t)(k->db->next_op - 1), .at = space == STO_SPACE_KEYS ? 2 : 0 };
    const struct base_str none = { NULL, 0 };
    assert_int_equal(sto_db_scan(k->db->db, space, none, none, on_row, &c, NULL), CEP_OK);
    return c.n;
}

bool nfa_kit_init(struct nfa_kit *k, const char *pattern, const struct plan_pattern *with, unsigned flags) {
    memset(k, 0, sizeof *k);
    if (!ref_text_init(&k->text, pattern))
        return false;
    struct base_arena *a = &k->text.arena;
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, NFA_KIT_COLS);
    static const enum evt_kind kinds[NFA_KIT_COLS] = { EVT_STRING, EVT_INT, EVT_INT, EVT_INT, EVT_TIMESTAMP };
    memcpy(cols, columns, sizeof columns);
    for (int i = 0; i < NFA_KIT_COLS; i++)
        cols[i].type = evt_type_of(kinds[i]);
    k->stream = (struct evt_schema){ NFA_KIT_COLS, NFA_KIT_COLS, cols };

    k->node = (struct plan_node){ .kind = PLAN_NODE_PATTERN, .name = BASE_STR("p") };
    k->source = (struct plan_node){ .kind = PLAN_NODE_SOURCE, .name = BASE_STR("s"), .schema = &k->stream };
    k->nodes[0] = &k->source;
    k->nodes[1] = &k->node;
    k->plan.nodes = k->nodes;
    k->plan.n_nodes = 2;
    struct plan_pattern *p = &k->node.pattern;
    *p = *with;
    p->root = k->text.pat.root;
    p->n_vars = k->text.pat.n_vars;
    struct plan_var *vars = BASE_ARENA_ARRAY(a, struct plan_var, p->n_vars);
    memcpy(vars, k->text.pat.vars, p->n_vars * sizeof *vars);
    p->vars = vars;
    p->n_inputs = 1;
    static const struct plan_ref input = { .node = 0, .port = PLAN_PORT_MAIN };
    p->inputs = &input;
    p->cols = k->stream;
    int32_t *map = BASE_ARENA_ARRAY(a, int32_t, NFA_KIT_COLS);
    const int32_t **maps = BASE_ARENA_ARRAY(a, const int32_t *, 1);
    for (int i = 0; i < NFA_KIT_COLS; i++)
        map[i] = i;
    maps[0] = map;
    p->col_map = maps;
    for (uint32_t i = 0; i < p->n_vars; i++) {
        vars[i].cond = letter_cond(a, k->text.letters[i]);
        if (flags & NFA_KIT_RICH)
            vars[i].cond = rich_cond(a, p, i, vars[i].cond);
    }
    fix_untils(a, p->root, 0);
    if (flags & NFA_KIT_KEYED) {
        const struct expr **keys = BASE_ARENA_ARRAY(a, const struct expr *, 1);
        keys[0] = expr_col(a, NFA_KIT_KEY, evt_type_of(EVT_INT), no_span);
        p->keys = keys;
        p->n_keys = 1;
    }
    struct plan_measure *ms = BASE_ARENA_ARRAY(a, struct plan_measure, p->n_vars);
    for (uint32_t i = 0; i < p->n_vars; i++)
        ms[i] = (struct plan_measure){ vars[i].name, agg_over(a, EXPR_AGG_ARRAY, i, NFA_KIT_IDX) };
    p->measures = ms;
    p->n_measures = p->n_vars;
    k->node.schema = measures_schema(k, p, false);
    p->timeouts_schema = measures_schema(k, p, true);

    struct nfa_opts opts = { .no_timeouts = flags & NFA_KIT_NO_TIMEOUTS,
        .off = (flags & NFA_KIT_SETS ? 0 : 1u << 7) | (flags & NFA_KIT_NO_CALM ? 1u << 4 : 0) |
               (flags & NFA_KIT_NO_DOMINATE ? 1u << 5 : 0) | (flags & NFA_KIT_NO_COVER ? 1u << 6 : 0) |
               (flags & NFA_KIT_GRAPH ? 1u << 8 : 0) };
    k->rc = nfa_compile(&k->node, &k->plan, &opts, &k->prog, &k->err);
    opts.off ^= flags & NFA_KIT_GRAPH ? 1u << 8 : 1u << 7;
    if (k->rc == CEP_OK && (flags & NFA_KIT_SWITCH))
        k->rc = nfa_compile(&k->node, &k->plan, &opts, &k->other, &k->err);
    if (k->rc != CEP_OK)
        return false;
    make_matcher(k);
    return true;
}

static enum cep_rc on_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    (void)err;
    assert_true(e->ns == NFA_NS_META ? e->group == STO_NO_GROUP : e->group < STO_KEY_GROUPS);
    nfa_kit_put_saved(arg, e);
    return CEP_OK;
}

void nfa_kit_put_saved(struct nfa_kit_saved *s, const struct sto_entry *e) {
    base_pack_varint(&s->bytes, e->ns);
    base_pack_u32(&s->bytes, e->group);
    base_pack_str(&s->bytes, e->key);
    base_pack_str(&s->bytes, e->value);
    s->n++;
}

void nfa_kit_save(struct nfa_kit *k, struct nfa_kit_saved *s) {
    struct sto_out out = { on_entry, s };
    base_buf_clear(&s->bytes);
    s->n = 0;
    assert_int_equal(nfa_matcher_save(k->matcher, &out, NULL), CEP_OK);
}

static bool load(struct nfa_kit *k, const struct nfa_kit_saved *s, bool stays, struct sto_losses *losses) {
    struct cep_err err = CEP_ERR_INIT;
    struct base_unpack u = base_unpack_of(base_buf_view(&s->bytes));
    nfa_matcher_free(k->matcher);
    make_matcher(k);
    while (!base_unpack_at_end(&u)) {
        struct sto_entry e = { .stays = stays };
        e.ns = (uint32_t)base_unpack_varint(&u);
        e.group = base_unpack_u32(&u);
        e.key = base_unpack_str(&u);
        e.value = base_unpack_str(&u);
        if (nfa_matcher_load(k->matcher, &e, losses, &err) != CEP_OK)
            fail_msg("load: %s", err.message);
    }
    enum cep_rc rc = nfa_matcher_loaded(k->matcher, losses, &err);
    if (rc != CEP_OK && !(stays && rc == CEP_AGAIN))
        fail_msg("loaded: %s", err.message);
    nfa_matcher_check(k->matcher);
    return rc == CEP_AGAIN;
}

void nfa_kit_load(struct nfa_kit *k, const struct nfa_kit_saved *s, struct sto_losses *losses) {
    (void)load(k, s, false, losses);
}

bool nfa_kit_load_later(struct nfa_kit *k, const struct nfa_kit_saved *s, struct sto_losses *losses) {
    return load(k, s, true, losses);
}

void nfa_kit_reload(struct nfa_kit *k) {
    struct nfa_kit_saved first = { .n = 0 }, second = { .n = 0 };
    struct sto_losses losses;
    sto_losses_init(&losses);
    nfa_kit_save(k, &first);
    if (k->other) {
        struct nfa_prog *p = k->prog;
        nfa_matcher_free(k->matcher);
        k->matcher = NULL;
        k->prog = k->other;
        k->other = p;
    }
    nfa_kit_load(k, &first, &losses);
    if (losses.n)
        fail_msg("%llu %s lost", (unsigned long long)losses.v[0].n, losses.v[0].what);
    /* What came back is what was saved. */
    nfa_kit_save(k, &second);
    if (first.n != second.n)
        fail_msg("%zu entries were saved, %zu after loading them", first.n, second.n);
    nfa_kit_saved_release(&first);
    nfa_kit_saved_release(&second);
    sto_losses_release(&losses);
}

void nfa_kit_saved_release(struct nfa_kit_saved *s) {
    base_buf_release(&s->bytes);
}

void nfa_kit_release(struct nfa_kit *k) {
    nfa_matcher_free(k->matcher);
    sto_tier_free(k->tier);
    sto_db_close(k->own.db);
    nfa_prog_free(k->prog);
    nfa_prog_free(k->other);
    for (size_t i = 0; i < k->n_matches; i++)
        base_free(k->matches[i]);
    for (size_t i = 0; i < k->n_timeouts; i++)
        base_free(k->timeouts[i]);
    base_free(k->matches);
    base_free(k->timeouts);
    base_buf_release(&k->out);
    ref_text_release(&k->text);
}

static void set_row(
    struct nfa_kit *k, struct evt_batch *b, char name, int64_t time, int64_t key, uint32_t number) {
    uint32_t r = b->n_rows;
    evt_col_set_bytes(&b->cols[NFA_KIT_NAME], r, &name, 1);
    evt_col_set_i(&b->cols[NFA_KIT_IDX], r, number);
    evt_col_set_i(&b->cols[NFA_KIT_PRICE], r, nfa_kit_price(number));
    evt_col_set_i(&b->cols[NFA_KIT_KEY], r, key);
    evt_col_set_i(&b->cols[NFA_KIT_AT], r, time);
    b->time[r] = time;
    b->seq[r] = k->seq + number;
    b->origin[r] = 0;
    evt_batch_end_row(b);
}

static void send(struct nfa_kit *k, struct evt_batch *b) {
    if (k->rc == CEP_OK)
        k->rc = nfa_matcher_batch(k->matcher, 0, b, 0, &k->err);
    evt_batch_unref(b);
}

void nfa_kit_advance(struct nfa_kit *k, int64_t watermark) {
    if (k->rc == CEP_OK)
        k->rc = nfa_matcher_advance(k->matcher, watermark, &k->err);
    nfa_matcher_check(k->matcher);
}

struct evt_batch *nfa_kit_batch(struct nfa_kit *k, char name, int64_t time, int64_t key) {
    struct evt_batch *b = evt_batch_new(&k->stream, 64);
    set_row(k, b, name, time, key, k->n_events++);
    return b;
}

void nfa_kit_event(struct nfa_kit *k, char name, int64_t time, int64_t key) {
    send(k, nfa_kit_batch(k, name, time, key));
}

void nfa_kit_events(struct nfa_kit *k, const char *events, enum nfa_kit_how how, bool more) {
    struct ref_text_event ev[256];
    size_t n = ref_text_events(events, ev, 256);
    if (how == NFA_KIT_ONE_BY_ONE || how == NFA_KIT_RELOADED) {
        for (size_t i = 0; i < n; i++) {
            /* Everything before this instant is settled first. */
            nfa_kit_advance(k, ev[i].time - 1);
            if (how == NFA_KIT_RELOADED)
                nfa_kit_reload(k);
            nfa_kit_event(k, ev[i].name, ev[i].time, 0);
            if (how == NFA_KIT_RELOADED)
                nfa_kit_reload(k);
        }
    } else {
        struct evt_batch *b = evt_batch_new(&k->stream, 0);
        for (size_t i = 0; i < n; i++) {
            size_t at = how == NFA_KIT_AT_ONCE ? i : n - 1 - i;
            set_row(k, b, ev[at].name, ev[at].time, 0, k->n_events + (uint32_t)at);
        }
        k->n_events += (uint32_t)n;
        send(k, b);
        for (size_t i = 0; how == NFA_KIT_RELOADED_ROWS && i < n; i++) {
            nfa_kit_reload(k);
            nfa_kit_advance(k, ev[i].time);
        }
    }
    if (!more)
        nfa_kit_advance(k, EVT_TIME_MAX);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *join(struct nfa_kit *k, char **list, size_t n, bool sorted, bool once) {
    base_buf_clear(&k->out);
    if (sorted && n)
        qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++) {
        if (once && i && strcmp(list[i], list[i - 1]) == 0)
            continue;
        base_buf_printf(&k->out, "%s%s", i ? "|" : "", list[i]);
    }
    return base_buf_cstr(&k->out);
}

const char *nfa_kit_matches(struct nfa_kit *k) {
    return join(k, k->matches, k->n_matches, true, false);
}
const char *nfa_kit_timeouts(struct nfa_kit *k) {
    return join(k, k->timeouts, k->n_timeouts, true, true);
}
const char *nfa_kit_matches_in_order(struct nfa_kit *k) {
    return join(k, k->matches, k->n_matches, false, false);
}
