/*
 * plan_write -- the plan as text: what `explain --stage plan` shows, what golden tests pin, what the version
 * is a hash of. Stable, free of addresses and of places in files.
 */
#include "plan/plan.h"

#include "base/base_mem.h"
#include "base/base_num.h"
#include "expr/expr_agg.h"

#include <math.h>

void plan_write_columns(struct base_buf *b, const struct evt_schema *s) {
    for (uint32_t i = 0; i < s->n_visible; i++) {
        base_buf_puts(b, i ? ", " : "");
        base_buf_str(b, s->cols[i].name);
        base_buf_putc(b, ' ');
        evt_type_write(b, s->cols[i].type);
        if (s->cols[i].not_null)
            base_buf_puts(b, " not null");
    }
}

static void write_ref(struct base_buf *b, const struct plan *p, struct plan_ref r) {
    base_buf_str(b, p->nodes[r.node]->name);
    if (r.port != PLAN_PORT_MAIN)
        base_buf_printf(b, ".%s", plan_port_text(p->nodes[r.node], r.port));
}

static void write_opts(struct base_buf *b, const struct plan_opt *opts, uint32_t n) {
    if (n == 0)
        return;
    base_buf_puts(b, " (");
    for (uint32_t i = 0; i < n; i++) {
        base_buf_puts(b, i ? ", " : "");
        base_buf_str(b, opts[i].name);
        base_buf_puts(b, " = ");
        evt_val_write_literal(b, opts[i].type, &opts[i].val);
    }
    base_buf_putc(b, ')');
}

static void write_time(struct base_buf *b, const struct plan_time *t, const struct evt_schema *s) {
    if (t->kind == PLAN_WM_PROCESSING) {
        base_buf_puts(b, "  processing time\n");
        return;
    }
    base_buf_puts(b, "  event time ");
    base_buf_str(b, s->cols[t->col].name);
    base_buf_puts(b, " watermark ");
    if (t->kind == PLAN_WM_DELAY) {
        base_buf_puts(b, "delay ");
        base_write_duration(b, t->delay_us);
    } else if (t->kind == PLAN_WM_ASCENDING) {
        base_buf_puts(b, "ascending");
    } else {
        base_buf_puts(b, "punctuated when ");
        expr_write(b, t->punctuated, s, NULL);
    }
    const struct {
        const char *word;
        int64_t us;
    } more[] = { { " idle after ", t->idle_us }, { " emit every ", t->emit_us },
        { " drift at most ", t->drift_us } };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i].us > 0) {
            base_buf_puts(b, more[i].word);
            base_write_duration(b, more[i].us);
        }
    base_buf_putc(b, '\n');
}

static void write_source(struct base_buf *b, const struct plan_node *n) {
    const struct plan_source *s = &n->source;
    base_buf_printf(b, "  from %s", s->connector->name);
    write_opts(b, s->opts, s->n_opts);
    if (s->format) {
        base_buf_printf(b, " format %s", s->format->name);
        write_opts(b, s->format_opts, s->n_format_opts);
    }
    base_buf_putc(b, '\n');
    write_time(b, &s->time, n->schema);
}

static void write_duration_of(struct base_buf *b, const char *word, int64_t us) {
    base_buf_puts(b, word);
    base_write_duration(b, us);
}

/* "window tumbling 1 min", "window sliding 1 min every 10 s offset 1 s" behind the words. */
static void write_windows(
    struct base_buf *b, const char *words, int64_t size_us, int64_t slide_us, int64_t offset_us) {
    base_buf_puts(b, words);
    write_duration_of(b, size_us == slide_us ? " tumbling " : " sliding ", size_us);
    if (size_us != slide_us)
        write_duration_of(b, " every ", slide_us);
    if (offset_us != 0)
        write_duration_of(b, " offset ", offset_us);
}

static void write_select(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    for (uint32_t i = 0; i < n->select.n_branches; i++) {
        const struct plan_select_branch *br = &n->select.branches[i];
        const struct evt_schema *in = br->unnest ? br->unnest->pairs : plan_schema_of(p, br->input);
        base_buf_puts(b, i ? "  union all select " : "  select ");
        for (uint32_t c = 0; c < n->schema->n_visible; c++) {
            base_buf_puts(b, c ? ", " : "");
            expr_write(b, br->items[c], in, NULL);
            base_buf_puts(b, " as ");
            base_buf_str(b, n->schema->cols[c].name);
        }
        base_buf_puts(b, " from ");
        write_ref(b, p, br->input);
        if (br->unnest && !br->unnest->array) {
            write_windows(b, " in windows", br->unnest->size_us, br->unnest->slide_us, br->unnest->offset_us);
        } else if (br->unnest) {
            base_buf_puts(b, br->unnest->outer ? " left join unnest " : " cross join unnest ");
            expr_write(b, br->unnest->array, plan_schema_of(p, br->input), NULL);
        }
        if (br->where) {
            base_buf_puts(b, " where ");
            expr_write(b, br->where, in, NULL);
        }
        base_buf_putc(b, '\n');
    }
}

static void write_window(struct base_buf *b, const struct plan_aggregate *ag) {
    switch (ag->window) {
    case PLAN_WINDOW_NONE:
    case PLAN_WINDOW_MAX: return;
    case PLAN_WINDOW_TUMBLING: write_duration_of(b, "  window tumbling ", ag->size_us); break;
    case PLAN_WINDOW_SLIDING:
        write_duration_of(b, "  window sliding ", ag->size_us);
        write_duration_of(b, " every ", ag->slide_us);
        break;
    case PLAN_WINDOW_SESSION: write_duration_of(b, "  window session gap ", ag->size_us); break;
    case PLAN_WINDOW_COUNT:
        base_buf_printf(b, "  window count %u", ag->size_n);
        if (ag->slide_n != ag->size_n)
            base_buf_printf(b, " every %u", ag->slide_n);
        break;
    case PLAN_WINDOW_GLOBAL: base_buf_puts(b, "  window global"); break;
    }
    if (ag->offset_us != 0)
        write_duration_of(b, " offset ", ag->offset_us);
    base_buf_putc(b, '\n');
}

static void write_emit(struct base_buf *b, const struct plan_aggregate *ag) {
    static const char *const words[PLAN_CHANGES_MAX] = { " accumulating\n", " retracting\n", " upsert\n" };
    if (ag->lateness_us > 0) {
        write_duration_of(b, "  allowed lateness ", ag->lateness_us);
        base_buf_putc(b, '\n');
    }
    if (ag->emit == PLAN_EMIT_EVERY)
        write_duration_of(b, "  emit every ", ag->emit_us);
    else if (ag->emit == PLAN_EMIT_EACH)
        base_buf_puts(b, "  emit each event");
    else if (ag->emit == PLAN_EMIT_AFTER)
        base_buf_printf(b, "  emit after %llu events", (unsigned long long)ag->emit_n);
    else if (ag->changes == PLAN_CHANGES_NONE)
        return;
    else
        base_buf_puts(b, "  emit on watermark");
    if (ag->first_only)
        base_buf_puts(b, ", the first of each group\n");
    else
        base_buf_puts(b, ag->discarding ? " discarding\n" : words[ag->changes]);
}

/* ", half_life 10 min", ", warm_up => 30": all that have a value. */
static void write_agg_opts(struct base_buf *b, const struct plan_agg *a) {
    uint32_t n;
    const struct expr_agg_opt *opts = expr_agg_opts(a->agg, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(a->opts[i]) || (opts[i].kind == EXPR_OPT_DURATION && a->opts[i] == 0))
            continue;
        base_buf_printf(b, ", %s", opts[i].name);
        if (opts[i].kind == EXPR_OPT_DURATION) {
            base_buf_putc(b, ' ');
            base_write_duration(b, (int64_t)a->opts[i]);
        } else {
            base_buf_puts(b, " => ");
            base_buf_printf(b, "%.15g", a->opts[i]);
        }
    }
}

void plan_write_agg(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in) {
    static const char *const names[] = {
#define AGG_NAME(name, text) [EXPR_AGG_##name] = text,
        EXPR_AGG_LIST(AGG_NAME)
#undef AGG_NAME
    };
    base_buf_puts(b, a->agg == EXPR_AGG_COUNT_DISTINCT ? "count(distinct "
                     : a->user                         ? a->user->name
                                                       : names[a->agg]);
    if (a->agg != EXPR_AGG_COUNT_DISTINCT)
        base_buf_putc(b, '(');
    if (a->arg)
        expr_write(b, a->arg, in, NULL);
    else
        base_buf_putc(b, '*');
    write_agg_opts(b, a);
    base_buf_putc(b, ')');
    if (a->filter) {
        base_buf_puts(b, " filter (where ");
        expr_write(b, a->filter, in, NULL);
        base_buf_putc(b, ')');
    }
}

static void write_aggregate(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_aggregate *ag = &n->aggregate;
    const struct evt_schema *in = plan_schema_of(p, ag->input);
    base_buf_puts(b, "  from ");
    write_ref(b, p, ag->input);
    if (ag->where) {
        base_buf_puts(b, " where ");
        expr_write(b, ag->where, in, NULL);
    }
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < ag->n_keys; i++) {
        base_buf_puts(b, i ? ", " : "  group by ");
        expr_write(b, ag->keys[i], in, NULL);
    }
    if (ag->n_keys)
        base_buf_putc(b, '\n');
    write_window(b, ag);
    for (uint32_t i = 0; i < ag->n_aggs; i++) {
        base_buf_puts(b, "  aggregate ");
        plan_write_agg(b, &ag->aggs[i], in);
        base_buf_putc(b, '\n');
    }
    if (ag->having) {
        base_buf_puts(b, "  having ");
        expr_write(b, ag->having, ag->groups, NULL);
        base_buf_putc(b, '\n');
    }
    write_emit(b, ag);
    for (uint32_t c = 0; c < n->schema->n_visible; c++) {
        base_buf_puts(b, c ? ", " : "  select ");
        expr_write(b, ag->items[c], ag->groups, NULL);
        base_buf_puts(b, " as ");
        base_buf_str(b, n->schema->cols[c].name);
    }
    base_buf_putc(b, '\n');
}

static void write_frame(struct base_buf *b, const struct plan_frame *f) {
    if (f->kind == PLAN_FRAME_NONE)
        base_buf_puts(b, " over all rows before");
    else if (f->unbounded)
        base_buf_puts(b, f->kind == PLAN_FRAME_ROWS ? " over rows unbounded preceding"
                                                    : " over range unbounded preceding");
    else if (f->kind == PLAN_FRAME_ROWS)
        base_buf_printf(b, " over rows %llu preceding", (unsigned long long)f->n);
    else
        write_duration_of(b, " over range ", f->us);
    base_buf_puts(b, f->kind == PLAN_FRAME_RANGE && !f->unbounded ? " preceding\n" : "\n");
}

static void write_over(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_over *ov = &n->over;
    const struct evt_schema *in = plan_schema_of(p, ov->input);
    base_buf_puts(b, "  from ");
    write_ref(b, p, ov->input);
    if (ov->where) {
        base_buf_puts(b, " where ");
        expr_write(b, ov->where, in, NULL);
    }
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < ov->n_keys; i++) {
        base_buf_puts(b, i ? ", " : "  partition by ");
        expr_write(b, ov->keys[i], in, NULL);
    }
    if (ov->n_keys)
        base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < ov->n_calls; i++) {
        base_buf_puts(b, "  compute ");
        plan_write_agg(b, &ov->calls[i].agg, in);
        write_frame(b, &ov->calls[i].frame);
    }
    for (uint32_t c = 0; c < n->schema->n_visible; c++) {
        base_buf_puts(b, c ? ", " : "  select ");
        expr_write(b, ov->items[c], ov->rows, NULL);
        base_buf_puts(b, " as ");
        base_buf_str(b, n->schema->cols[c].name);
    }
    base_buf_putc(b, '\n');
}

static void write_recognize(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    static const char *const skips[PLAN_SKIP_MAX] = { [PLAN_SKIP_PAST_LAST] = "past last row",
        [PLAN_SKIP_TO_NEXT] = "to next row",
        [PLAN_SKIP_TO_FIRST] = "to first ",
        [PLAN_SKIP_TO_LAST] = "to last " };
    const struct plan_recognize *r = &n->recognize;
    const struct evt_schema *in = plan_schema_of(p, r->input);
    struct base_arena tmp;
    base_arena_init(&tmp, 0);
    const struct base_str *names = plan_row_var_names(&tmp, r);
    base_buf_puts(b, "  from ");
    write_ref(b, p, r->input);
    for (uint32_t i = 0; i < r->n_keys; i++) {
        base_buf_puts(b, i ? ", " : " partition by ");
        expr_write(b, r->keys[i], in, NULL);
    }
    for (uint32_t i = 0; i < r->n_sorts; i++) {
        base_buf_puts(b, i ? ", " : " order of one time by ");
        evt_name_write(b, in->cols[r->sorts[i].col].name);
        base_buf_puts(b, r->sorts[i].desc ? " desc" : "");
    }
    base_buf_puts(b, "\n  match ");
    plan_write_row_term(b, r, r->root);
    if (r->within_us > 0) {
        base_buf_puts(b, " within ");
        base_write_duration(b, r->within_us);
    }
    base_buf_printf(
        b, "\n  %s, skip %s", r->all_rows ? "all rows per match" : "one row per match", skips[r->skip]);
    if (r->skip == PLAN_SKIP_TO_FIRST || r->skip == PLAN_SKIP_TO_LAST)
        evt_name_write(b, names[r->skip_var]);
    base_buf_puts(b, r->skip_or_error ? " or error\n" : "\n");
    for (uint32_t i = r->n_primary; i + 1 < r->n_vars; i++) {
        base_buf_puts(b, "  subset ");
        evt_name_write(b, names[i]);
        base_buf_puts(b, " =");
        for (uint32_t v = 0; v < r->n_primary; v++)
            if (r->vars[i].of >> v & 1) {
                base_buf_putc(b, ' ');
                evt_name_write(b, names[v]);
            }
        base_buf_putc(b, '\n');
    }
    for (uint32_t i = 0; i < r->n_primary; i++) {
        base_buf_puts(b, "  define ");
        evt_name_write(b, names[i]);
        base_buf_puts(b, " as ");
        if (r->vars[i].cond)
            expr_write(b, r->vars[i].cond, in, names);
        base_buf_puts(b, !r->vars[i].cond                      ? "every row\n"
                         : expr_is_event_only(r->vars[i].cond) ? " (of the row alone)\n"
                                                               : "\n");
    }
    for (uint32_t c = 0; c < n->schema->n_visible; c++) {
        base_buf_puts(b, c ? ", " : "  give ");
        expr_write(b, r->items[c], in, names);
        base_buf_puts(b, " as ");
        evt_name_write(b, n->schema->cols[c].name);
    }
    base_buf_puts(b, "\n  keeps");
    for (uint32_t c = 0; c < r->n_cols; c++) {
        base_buf_puts(b, c ? ", " : " ");
        evt_name_write(b, in->cols[r->cols[c]].name);
    }
    if (r->n_cols == 0)
        base_buf_puts(b, " no column");
    if (r->back > 0)
        base_buf_printf(b, "; %u row%s before a match", r->back, r->back > 1 ? "s" : "");
    if (r->ahead > 0)
        base_buf_printf(b, "; waits for %u row%s behind", r->ahead, r->ahead > 1 ? "s" : "");
    base_buf_putc(b, '\n');
    base_arena_release(&tmp);
}

static void write_side(struct base_buf *b, const struct plan *p, const struct plan_join_side *s) {
    write_ref(b, p, s->input);
    if (s->where) {
        base_buf_puts(b, " where ");
        expr_write(b, s->where, plan_schema_of(p, s->input), NULL);
    }
}

static void write_join_bound(struct base_buf *b, const struct plan_join *j) {
    switch (j->kind) {
    case PLAN_JOIN_INTERVAL:
        if (j->within_us == INT64_MAX)
            base_buf_puts(b, "  within any time");
        else
            write_duration_of(b, "  within ", j->within_us);
        break;
    case PLAN_JOIN_WINDOW: write_windows(b, "  window", j->size_us, j->slide_us, j->offset_us); break;
    case PLAN_JOIN_TABLE: base_buf_puts(b, "  the version of its time"); break;
    case PLAN_JOIN_SESSION: write_duration_of(b, "  window session gap ", j->size_us); break;
    case PLAN_JOIN_MAX: break;
    }
    base_buf_putc(b, '\n');
}

static void write_join(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    static const char *const words[2][2] = { { " join ", " right join " }, { " left join ", " full join " } };
    const struct plan_join *j = &n->join;
    base_buf_puts(b, "  from ");
    write_side(b, p, &j->sides[0]);
    base_buf_puts(b, words[j->sides[0].outer][j->sides[1].outer]);
    if (j->kind == PLAN_JOIN_TABLE)
        base_buf_puts(b, "table ");
    write_side(b, p, &j->sides[1]);
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < j->n_keys; i++) {
        base_buf_puts(b, "  key ");
        expr_write(b, j->sides[0].keys[i], plan_schema_of(p, j->sides[0].input), NULL);
        base_buf_puts(b, " = ");
        expr_write(b, j->sides[1].keys[i], plan_schema_of(p, j->sides[1].input), NULL);
        base_buf_putc(b, '\n');
    }
    write_join_bound(b, j);
    if (j->on) {
        base_buf_puts(b, "  on ");
        expr_write(b, j->on, j->pairs, NULL);
        base_buf_putc(b, '\n');
    }
    if (j->where) {
        base_buf_puts(b, "  where ");
        expr_write(b, j->where, j->pairs, NULL);
        base_buf_putc(b, '\n');
    }
    for (uint32_t c = 0; c < n->schema->n_visible; c++) {
        base_buf_puts(b, c ? ", " : "  select ");
        if (j->items)
            expr_write(b, j->items[c], j->pairs, NULL);
        else
            base_buf_str(b, j->pairs->cols[c].name);
        if (!j->items)
            continue;
        base_buf_puts(b, " as ");
        base_buf_str(b, n->schema->cols[c].name);
    }
    base_buf_puts(b, n->schema->n_visible ? "\n" : "");
}

static void write_top(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_top *t = &n->top;
    const struct evt_schema *in = plan_schema_of(p, t->input);
    base_buf_puts(b, "  from ");
    write_ref(b, p, t->input);
    base_buf_putc(b, '\n');
    if (t->size_us > 1) {
        write_windows(b, "  window", t->size_us, t->slide_us, t->offset_us);
        base_buf_putc(b, '\n');
    }
    for (uint32_t i = 0; i < t->n_sorts; i++) {
        base_buf_puts(b, i ? ", " : "  order by ");
        base_buf_str(b, in->cols[t->sorts[i].col].name);
        base_buf_puts(b, t->sorts[i].desc ? " desc" : "");
    }
    if (t->limit < INT64_MAX)
        base_buf_printf(b, " limit %llu", (unsigned long long)t->limit);
    base_buf_putc(b, '\n');
}

static void write_vars(
    struct base_buf *b, const struct plan *p, const struct plan_pattern *pt, const struct base_str *names) {
    for (uint32_t i = 0; i < pt->n_vars; i++) {
        const struct plan_var *v = &pt->vars[i];
        base_buf_puts(b, "  define ");
        base_buf_str(b, v->name);
        base_buf_puts(b, " as ");
        if (v->input >= 0 && pt->n_inputs > 1) {
            write_ref(b, p, pt->inputs[v->input]);
            if (v->cond)
                base_buf_puts(b, " where ");
        } else if (!v->cond) {
            base_buf_puts(b, "any event");
        }
        if (v->cond) {
            expr_write(b, v->cond, &pt->cols, names);
            base_buf_puts(b, expr_is_event_only(v->cond) ? "  -- event" : "  -- partial match");
        }
        base_buf_putc(b, '\n');
    }
}

static void write_skip(struct base_buf *b, const struct plan_pattern *pt) {
    static const char *const texts[PLAN_SKIP_MAX] = { "skip past last event", "no skip", "skip to next event",
        "skip to first ", "skip to last " };
    base_buf_printf(b, "  after match %s", texts[pt->skip]);
    if (pt->skip == PLAN_SKIP_TO_FIRST || pt->skip == PLAN_SKIP_TO_LAST)
        base_buf_str(b, pt->vars[pt->skip_var].name);
    base_buf_puts(b, pt->skip_or_error ? " or error\n" : "\n");
    if (pt->limit_open)
        base_buf_printf(b, "  limit %u open per key %s\n", (unsigned)pt->limit_open,
            pt->limit_refuse_new ? "refuse new" : "drop oldest");
    if (pt->limit_matches)
        base_buf_printf(b, "  limit %llu matches\n", (unsigned long long)pt->limit_matches);
}

static void write_slots(struct base_buf *b, const char *word, const struct expr *const *exprs, uint32_t n,
    const struct evt_schema *cols, const struct base_str *names) {
    for (uint32_t i = 0; i < n; i++) {
        base_buf_printf(b, "  %s #%u ", word, (unsigned)i);
        expr_write(b, exprs[i], cols, names);
        base_buf_putc(b, '\n');
    }
}

static void write_pattern(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_pattern *pt = &n->pattern;
    struct base_str *names = base_calloc(pt->n_vars ? pt->n_vars : 1, sizeof *names);
    for (uint32_t i = 0; i < pt->n_vars; i++)
        names[i] = pt->vars[i].name;
    base_buf_puts(b, "  from ");
    for (uint32_t i = 0; i < pt->n_inputs; i++) {
        base_buf_puts(b, i ? ", " : "");
        write_ref(b, p, pt->inputs[i]);
    }
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < pt->n_keys; i++) {
        base_buf_puts(b, i ? ", " : "  partition by ");
        expr_write(b, pt->keys[i], &pt->cols, names);
    }
    if (pt->n_keys)
        base_buf_putc(b, '\n');
    base_buf_puts(b, "  match ");
    plan_write_term(b, pt, pt->root);
    base_buf_putc(b, '\n');
    write_vars(b, p, pt, names);
    if (pt->within_kind != PLAN_WITHIN_NONE) {
        base_buf_puts(b, "  within ");
        base_write_duration(b, pt->within_us);
        base_buf_puts(b, pt->within_kind == PLAN_WITHIN_BETWEEN ? " between events\n" : "\n");
    }
    write_skip(b, pt);
    for (uint32_t i = 0; i < pt->n_measures; i++) {
        base_buf_puts(b, "  measure ");
        expr_write(b, pt->measures[i].expr, &pt->cols, names);
        base_buf_puts(b, " as ");
        base_buf_str(b, pt->measures[i].name);
        base_buf_putc(b, '\n');
    }
    write_slots(b, "running", pt->aggs, pt->n_aggs, &pt->cols, names);
    write_slots(b, "keeps", pt->prevs, pt->n_prevs, &pt->cols, names);
    base_free(names);
}

static void write_template(struct base_buf *b, const struct plan_template *t, const struct evt_schema *in) {
    struct base_buf text = BASE_BUF_INIT;
    for (uint32_t i = 0; i <= t->n_holes; i++) {
        base_buf_str(&text, t->texts[i]);
        if (i < t->n_holes) {
            base_buf_putc(&text, '{');
            expr_write(&text, t->holes[i], in, NULL);
            base_buf_putc(&text, '}');
        }
    }
    evt_write_quoted(b, base_buf_view(&text));
    base_buf_release(&text);
}

static void write_named(struct base_buf *b, const char *word, const struct plan_measure *items, uint32_t n,
    const struct evt_schema *in) {
    for (uint32_t i = 0; i < n; i++) {
        base_buf_printf(b, "  %s ", word);
        base_buf_str(b, items[i].name);
        base_buf_puts(b, " = ");
        expr_write(b, items[i].expr, in, NULL);
        base_buf_putc(b, '\n');
    }
}

static void write_alert(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_alert *al = &n->alert;
    const struct evt_schema *in = plan_schema_of(p, al->on);
    base_buf_puts(b, "  on ");
    write_ref(b, p, al->on);
    if (al->where) {
        base_buf_puts(b, " where ");
        expr_write(b, al->where, in, NULL);
    }
    base_buf_printf(b, "\n  severity %s\n", plan_severity_text(al->severity));
    if (al->message) {
        base_buf_puts(b, "  message ");
        write_template(b, al->message, in);
        base_buf_putc(b, '\n');
    }
    write_named(b, "label", al->labels, al->n_labels, in);
    write_named(b, "by", al->by, al->n_by, in);
    if (al->suppress_us > 0) {
        base_buf_puts(b, "  suppress for ");
        base_write_duration(b, al->suppress_us);
        base_buf_putc(b, '\n');
    }
    if (al->resolve_after_us > 0) {
        base_buf_puts(b, "  resolve after ");
        base_write_duration(b, al->resolve_after_us);
        base_buf_putc(b, '\n');
    }
    if (al->has_resolve_when) {
        base_buf_puts(b, "  resolve when ");
        write_ref(b, p, al->resolve_when);
        if (al->resolve_where) {
            base_buf_puts(b, " where ");
            expr_write(b, al->resolve_where, plan_schema_of(p, al->resolve_when), NULL);
        }
        base_buf_putc(b, '\n');
    }
    if (al->with_events)
        base_buf_puts(b, "  with events\n");
}

static void write_process(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_process *pr = &n->process;
    base_buf_puts(b, "  process ");
    evt_write_quoted(b, pr->library);
    write_opts(b, pr->opts, pr->n_opts);
    base_buf_puts(b, "\n  from ");
    for (uint32_t i = 0; i < pr->n_inputs; i++) {
        base_buf_puts(b, i ? ", " : "");
        write_ref(b, p, pr->inputs[i]);
    }
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < pr->n_inputs && pr->n_keys > 0; i++) {
        for (uint32_t k = 0; k < pr->n_keys; k++) {
            base_buf_puts(b, k ? ", " : "  partition by ");
            expr_write(b, pr->keys[i][k], plan_schema_of(p, pr->inputs[i]), NULL);
        }
        base_buf_putc(b, '\n');
    }
    for (uint32_t i = 0; i < pr->n_sides; i++) {
        base_buf_printf(b, "  side %s (", pr->side_names[i]);
        plan_write_columns(b, &pr->sides[i]);
        base_buf_puts(b, ")\n");
    }
}

static void write_node(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    base_buf_printf(b, "%s ", plan_node_word(n->kind));
    base_buf_str(b, n->name);
    base_buf_puts(b, " (");
    plan_write_columns(b, n->schema);
    base_buf_puts(b, ")\n");
    switch (n->kind) {
    case PLAN_NODE_SOURCE: write_source(b, n); break;
    case PLAN_NODE_SELECT: write_select(b, p, n); break;
    case PLAN_NODE_AGGREGATE: write_aggregate(b, p, n); break;
    case PLAN_NODE_OVER: write_over(b, p, n); break;
    case PLAN_NODE_JOIN: write_join(b, p, n); break;
    case PLAN_NODE_TOP: write_top(b, p, n); break;
    case PLAN_NODE_PATTERN: write_pattern(b, p, n); break;
    case PLAN_NODE_RECOGNIZE: write_recognize(b, p, n); break;
    case PLAN_NODE_ALERT: write_alert(b, p, n); break;
    case PLAN_NODE_PROCESS: write_process(b, p, n); break;
    case PLAN_NODE_MAX: break;
    }
}

static void write_sink(struct base_buf *b, const struct plan *p, const struct plan_sink *s) {
    bool once = plan_delivery_of(p, s) == PLAN_EXACTLY_ONCE;
    base_buf_puts(b, "sink ");
    base_buf_str(b, s->name);
    base_buf_puts(b, s->implied ? " (implied)\n  " : "\n  ");
    write_ref(b, p, s->input);
    base_buf_printf(b, " to %s", s->connector->name);
    write_opts(b, s->opts, s->n_opts);
    if (s->format) {
        base_buf_printf(b, " format %s", s->format->name);
        write_opts(b, s->format_opts, s->n_format_opts);
    }
    base_buf_printf(b, "\n  delivery %s once%s\n", once ? "exactly" : "at least",
        s->delivery == PLAN_DELIVERY_DEFAULT ? " (default)" : "");
}

void plan_write_nodes(struct base_buf *b, const struct plan *p) {
    for (uint32_t i = 0; i < p->n_nodes; i++)
        write_node(b, p, p->nodes[i]);
}

void plan_write(struct base_buf *b, const struct plan *p) {
    plan_write_nodes(b, p);
    for (uint32_t i = 0; i < p->n_sinks; i++)
        write_sink(b, p, &p->sinks[i]);
}
