/*
 * dsl_lower_over -- calls with `over`: what each row sees of those before it.
 *
 *     select card, amount - avg(amount) over (partition by card order by at rows 10 preceding) as more from payments
 *       input columns:  card #0, amount #1, at #2          the call is #3 here: behind the input's
 *       typed:          #0, #1 - #3
 *       columns kept:   card #0, amount #1; the call is #2
 *       rewritten:      #0, #1 - #2
 *
 * All calls of a select have one `partition by`: its rows are distributed by it. Frames may differ.
 */
#include "dsl/dsl_sem.h"

#include "expr/expr_build.h"
#include "expr/expr_run.h"

enum { MAX_FRAME_ROWS = 1 << 20 };

void dsl_over_out_of_place(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    dsl_diag_error(c->diag, e->call.over->span, CEP_EINVAL, "\"over\" cannot stand here");
    dsl_diag_note(c->diag,
        s->group ? "this select has groups: let another stream read it, with \"over\""
                 : "it stands in the select list of a stream that has no groups and no \"union all\"; "
                   "what reads that stream sees it as a column");
}

/* -- order by ---------------------------------------------------------------------------------------------------- */

/*
 * Rows are in event-time order, whatever the column is called. Another one is a mistake where it is known to be another: a
 * column of the source that is not its time.
 */
bool dsl_may_be_time(const struct dsl_sem *c, struct plan_ref ref, uint32_t col) {
    const struct plan_node *n = c->nodes[ref.node];
    if (ref.port != PLAN_PORT_MAIN)
        return true;
    if (n->kind == PLAN_NODE_SOURCE)
        return n->source.time.kind == PLAN_WM_PROCESSING || n->source.time.col == col;
    if (n->kind == PLAN_NODE_OVER) {
        const struct expr *e = n->over.items[col];
        return e->kind != EXPR_COL || e->index >= n->over.n_cols ||
               dsl_may_be_time(c, n->over.input, n->over.cols[e->index]->index);
    }
    for (uint32_t i = 0; n->kind == PLAN_NODE_SELECT && i < n->select.n_branches; i++) {
        const struct expr *e = n->select.branches[i].items[col];
        if (e->kind == EXPR_COL && !dsl_may_be_time(c, n->select.branches[i].input, e->index))
            return false;
    }
    return true;
}

static bool order_ok(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_rows *in, const struct dsl_over *over) {
    bool clock = in->sym && in->sym->clocks == 2;
    if (over->n_order == 0) {
        if (clock)
            return true;
        dsl_diag_error(c->diag, over->span, CEP_EINVAL, "\"over\" needs an \"order by\"");
        dsl_diag_note(c->diag, "rows come in event-time order: order by the column of the event time");
        return false;
    }
    const struct expr *e = dsl_check_expr(c, s, over->order[0]);
    if (!e)
        return false;
    bool time = over->n_order == 1 && e->kind == EXPR_COL && e->type->kind == EVT_TIMESTAMP &&
                !over->order[0]->desc &&
                (!in->sym || in->sym->bad ||
                    dsl_may_be_time(c, (struct plan_ref){ in->sym->node, in->port }, e->index));
    if (!time) {
        dsl_diag_error(c->diag, over->order[over->n_order > 1 ? 1 : 0]->span, CEP_EINVAL,
            "\"over\" goes by event time alone: it is ordered by the column of the event time, upwards");
        return false;
    }
    return true;
}

/* -- partition by ------------------------------------------------------------------------------------------------- */

static bool keys_ok(
    struct dsl_sem *c, struct dsl_scope *s, struct dsl_overs *o, const struct dsl_over *over) {
    const struct expr **keys = BASE_ARENA_ARRAY(c->a, const struct expr *, over->n_partition + 1);
    bool same = !o->first || o->n_keys == over->n_partition;
    for (size_t i = 0; i < over->n_partition; i++) {
        keys[i] = dsl_fold(c, dsl_check_expr(c, s, over->partition[i]));
        if (!keys[i])
            return false;
        if (expr_is_const(keys[i])) {
            dsl_diag_error(c->diag, over->partition[i]->span, CEP_EINVAL,
                "\"partition by\" a constant makes one partition");
            return false;
        }
        same = same && (!o->first || expr_eq(keys[i], o->keys[i]));
    }
    if (!same) {
        dsl_diag_error(c->diag, over->span, CEP_EINVAL, "all \"over\" of a select have one \"partition by\"");
        dsl_diag_note_at(
            c->diag, o->first->span, "the first is here; make two streams, one that reads the other");
        return false;
    }
    o->first = o->first ? o->first : over;
    o->keys = keys;
    o->n_keys = (uint32_t)over->n_partition;
    return true;
}

/* -- the frame ---------------------------------------------------------------------------------------------------- */

static bool takes_frame(enum expr_agg agg) {
    return !expr_run_is(agg) || agg == EXPR_AGG_ZSCORE || agg == EXPR_AGG_MAD_SCORE || agg == EXPR_AGG_RATE ||
           agg == EXPR_AGG_DELTA;
}

static bool frame_of(
    struct dsl_sem *c, const struct dsl_expr *e, struct plan_agg *agg, struct plan_frame *out) {
    const struct dsl_over *over = e->call.over;
    bool run = expr_run_is(agg->agg), framed = over->rows || over->range;
    int64_t n = 0;
    *out = (struct plan_frame){ .kind = over->rows ? PLAN_FRAME_ROWS : PLAN_FRAME_RANGE,
        .unbounded = !over->preceding };
    agg->whole = framed;
    if (framed &&
        (!takes_frame(agg->agg) || (agg->agg == EXPR_AGG_ZSCORE && agg->opts[EXPR_ZSCORE_HALF_LIFE] > 0))) {
        dsl_diag_error(c->diag, over->span, CEP_EINVAL, "\"%s\" has no frame: it sees all rows before",
            dsl_agg_name(agg->agg));
        dsl_diag_note(c->diag, "leave out the \"%s ... preceding\"", over->rows ? "rows" : "range");
        return false;
    }
    if (framed && !out->unbounded && agg->user && !agg->user->takes_back) {
        dsl_diag_error(c->diag, over->span, CEP_EINVAL, "a frame takes rows back, and \"%s\" has no back()",
            agg->user->name);
        dsl_diag_note(c->diag, "its library could add one; \"rows unbounded preceding\" needs none");
        return false;
    }
    agg->back = agg->user && agg->user->takes_back;
    if (run && out->unbounded)
        out->kind = PLAN_FRAME_NONE;
    if (out->unbounded)
        return true;
    if (over->range)
        return dsl_duration_of(c, over->preceding, "the frame of \"over\"", true, &out->us);
    if (!dsl_count_of(c, over->preceding, "the frame of \"over\"", MAX_FRAME_ROWS, &n))
        return false;
    out->n = (uint64_t)n;
    bool score = agg->agg == EXPR_AGG_ZSCORE || agg->agg == EXPR_AGG_MAD_SCORE;
    if (score && (double)n < agg->opts[EXPR_OPT_WARM_UP]) {
        dsl_diag_error(c->diag, over->span, CEP_EINVAL,
            "a frame of %lld rows never has the %.0f that \"%s\" waits for", (long long)n,
            agg->opts[EXPR_OPT_WARM_UP], dsl_agg_name(agg->agg));
        dsl_diag_note(c->diag, "make the frame longer, or write warm_up => %lld", (long long)n);
        return false;
    }
    return true;
}

/* -- a call -------------------------------------------------------------------------------------------------------- */

static bool same_frame(const struct plan_frame *a, const struct plan_frame *b) {
    return a->kind == b->kind && a->unbounded == b->unbounded && a->n == b->n && a->us == b->us;
}

static uint32_t slot_of(
    struct dsl_sem *c, struct dsl_overs *o, const struct plan_over_call *call, struct cep_span span) {
    for (uint32_t i = 0; i < o->n_calls; i++)
        if (dsl_agg_eq(&o->calls[i].agg, &call->agg) && same_frame(&o->calls[i].frame, &call->frame))
            return i;
    if (o->n_calls == DSL_MAX_SLOTS) {
        dsl_diag_error(
            c->diag, span, CEP_ELIMIT, "more than %d different \"over\" in one select", (int)DSL_MAX_SLOTS);
        return 0;
    }
    o->calls = base_arena_grow(c->a, o->calls, o->n_calls, &o->cap_calls, sizeof *o->calls);
    o->calls[o->n_calls] = *call;
    return o->n_calls++;
}

const struct expr *dsl_check_over(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    struct dsl_overs *o = s->overs;
    struct plan_over_call call = { .frame = { .kind = PLAN_FRAME_NONE } };
    if (!dsl_group_agg_of_name(c, e->call.name.text, &call.agg.agg)) {
        dsl_diag_error(c->diag, e->call.name.span, CEP_ENAME,
            "\"%.*s\" is no aggregate: it cannot stand before \"over\"", BASE_STR_FMT(e->call.name.text));
        return NULL;
    }
    struct dsl_scope plain = *s;
    plain.overs = NULL; /* there is no over in an over */
    bool ok = keys_ok(c, &plain, o, e->call.over);
    ok &= order_ok(c, &plain, o->in, e->call.over);
    if (!dsl_check_agg(c, &plain, e, &call.agg) || !frame_of(c, e, &call.agg, &call.frame) || !ok)
        return NULL;
    return expr_col(c->a, o->n_input_cols + slot_of(c, o, &call, e->span), call.agg.type, e->span);
}

/* -- the node ------------------------------------------------------------------------------------------------------ */

struct kept_cols {
    struct dsl_sem *c;
    const struct dsl_overs *overs;
    uint32_t *place; /* by column of the input: 1 + its place, 0 = not kept */
    const struct expr **cols;
    uint32_t n;
};

static void keep_col(const struct expr *e, void *arg) {
    struct kept_cols *k = arg;
    if (e->kind != EXPR_COL || e->index >= k->overs->n_input_cols || k->place[e->index])
        return;
    k->cols[k->n++] = e;
    k->place[e->index] = k->n;
}

static const struct expr *rewrite(const struct kept_cols *k, const struct expr *e) {
    struct base_arena *a = k->c->a;
    uint32_t n_in = k->overs->n_input_cols;
    if (e->kind == EXPR_COL)
        return expr_col(
            a, e->index < n_in ? k->place[e->index] - 1 : k->n + e->index - n_in, e->type, e->span);
    if (e->n_args == 0)
        return e;
    struct expr *copy = BASE_ARENA_NEW(a, struct expr);
    const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, e->n_args);
    *copy = *e;
    for (uint32_t i = 0; i < e->n_args; i++)
        args[i] = rewrite(k, e->args[i]);
    copy->args = args;
    return copy;
}

/* The columns that items are over. */
static const struct evt_schema *row_columns(const struct kept_cols *k, const struct evt_schema *in) {
    struct base_arena *a = k->c->a;
    const struct dsl_overs *o = k->overs;
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, k->n + o->n_calls + 1);
    struct base_buf text = BASE_BUF_INIT;
    uint32_t n = 0;
    for (; n < k->n; n++)
        cols[n] = (struct evt_column){ .name = in->cols[k->cols[n]->index].name, .type = k->cols[n]->type };
    for (uint32_t i = 0; i < o->n_calls; i++) {
        base_buf_clear(&text);
        plan_write_agg(&text, &o->calls[i].agg, in);
        cols[n++] = (struct evt_column){ .name = dsl_keep(k->c, base_buf_view(&text)),
            .type = o->calls[i].agg.type };
    }
    base_buf_release(&text);
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

/* State is kept for each key as long as rows may need it. */
static void warn_unbounded(struct dsl_sem *c, const struct plan_node *node) {
    for (uint32_t i = 0; i < node->over.n_calls; i++)
        if (node->over.n_keys > 0 &&
            (node->over.calls[i].frame.kind != PLAN_FRAME_RANGE || node->over.calls[i].frame.unbounded)) {
            dsl_diag_warning(c->diag, node->span, "stream \"%.*s\" keeps something for every key, for ever",
                BASE_STR_FMT(node->statement));
            dsl_diag_note(c->diag, "with \"range D preceding\" alone a key is let go D after its last row");
            return;
        }
}

void dsl_lower_over(struct dsl_sem *c, struct plan_node *node, const struct dsl_overs *overs,
    const struct plan_select_branch *branch, const struct expr **items, uint32_t n_items) {
    const struct evt_schema *in = plan_schema_of(&(struct plan){ .nodes = c->nodes }, branch->input);
    struct kept_cols k = { .c = c,
        .overs = overs,
        .place = BASE_ARENA_ARRAY(&c->tmp, uint32_t, overs->n_input_cols + (size_t)1),
        .cols = BASE_ARENA_ARRAY(c->a, const struct expr *, overs->n_input_cols + (size_t)1) };
    for (uint32_t i = 0; i < n_items; i++)
        expr_walk(items[i], keep_col, &k);
    for (uint32_t i = 0; i < n_items; i++)
        items[i] = rewrite(&k, items[i]);
    node->kind = PLAN_NODE_OVER;
    node->over = (struct plan_over){ .input = branch->input,
        .where = branch->where,
        .n_keys = overs->n_keys,
        .keys = overs->keys,
        .n_calls = overs->n_calls,
        .calls = overs->calls,
        .n_cols = k.n,
        .cols = k.cols,
        .rows = row_columns(&k, in),
        .items = items };
    warn_unbounded(c, node);
}
