/*
 * cmd_state_json -- `cepd state show --json`: all of it, for a program. Times are RFC 3339, null where there is none.
 */
#include "cepd/cmd_state.h"

#include "base/base_num.h"

static void put_str(struct base_buf *b, const char *name, struct base_str value) {
    base_buf_printf(b, "\"%s\":", name);
    evt_json_write_str(b, value);
}

static void put_num(struct base_buf *b, const char *name, uint64_t n) {
    base_buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void put_time(struct base_buf *b, const char *name, int64_t us) {
    base_buf_printf(b, ",\"%s\":", name);
    if (us == EVT_TIME_MAX || us == EVT_TIME_MIN) {
        base_buf_puts(b, "null");
        return;
    }
    base_buf_putc(b, '"');
    base_write_timestamp(b, us);
    base_buf_putc(b, '"');
}

static void put_parts(struct base_buf *b, const struct rt_look_op *op) {
    base_buf_puts(b, ",\"partitions\":[");
    for (size_t i = 0; i < op->n_parts; i++) {
        const struct rt_look_part *p = &op->parts[i];
        base_buf_puts(b, i ? ",{" : "{");
        put_str(b, "name", p->name);
        if (p->has_position)
            put_num(b, "position", p->position);
        base_buf_printf(b, ",\"done\":%s", p->done ? "true" : "false");
        put_time(b, "watermark", p->has_watermark && !p->ended ? p->watermark : EVT_TIME_MIN);
        base_buf_putc(b, '}');
    }
    base_buf_putc(b, ']');
}

static void put_strings(struct base_buf *b, const char *name, const struct base_str *v, size_t n) {
    base_buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        base_buf_puts(b, i ? "," : "");
        evt_json_write_str(b, v[i]);
    }
    base_buf_putc(b, ']');
}

static void put_step(struct base_buf *b, const struct nfa_look *names, const struct nfa_look_key *k,
    const struct nfa_look_step *step) {
    const struct nfa_look_event *e = &k->events[step->event];
    bool first = true;
    base_buf_putc(b, '{');
    put_str(b, "variable", names->vars[step->var]);
    base_buf_putc(b, ',');
    put_str(b, "stream", names->inputs[e->input].name);
    put_time(b, "time", e->time);
    base_buf_puts(b, ",\"values\":{");
    for (uint32_t c = 0; c < names->n_kept; c++) {
        if (e->vals[c].null)
            continue;
        base_buf_puts(b, first ? "" : ",");
        evt_json_write_str(b, names->kept[c].name);
        base_buf_putc(b, ':');
        evt_val_write_json(b, names->kept[c].type, &e->vals[c]);
        first = false;
    }
    base_buf_puts(b, "}}");
}

static void put_matches(struct base_buf *b, const struct nfa_look *names, const struct nfa_look_key *k) {
    base_buf_puts(b, ",\"partial_matches\":[");
    for (uint32_t i = 0; i < k->n_matches; i++) {
        const struct nfa_look_match *m = &k->matches[i];
        base_buf_printf(b, "%s{\"complete\":%s,\"states\":[", i ? "," : "", m->complete ? "true" : "false");
        for (uint32_t s = 0; s < m->n_states; s++) {
            base_buf_puts(b, s ? "," : "");
            evt_json_write_str(b, names->states[m->states[s]]);
        }
        base_buf_putc(b, ']');
        put_time(b, "deadline", m->deadline);
        base_buf_puts(b, ",\"events\":[");
        for (uint32_t s = 0; s < m->n_steps; s++) {
            base_buf_puts(b, s ? "," : "");
            put_step(b, names, k, &m->steps[s]);
        }
        base_buf_puts(b, "]}");
    }
    base_buf_putc(b, ']');
}

static void put_keys(struct base_buf *b, const struct rt_look_op *op) {
    base_buf_puts(b, ",\"key_list\":[");
    for (size_t i = 0; i < op->n_kept_keys; i++) {
        const struct rt_look_key *k = &op->keys[i];
        base_buf_puts(b, i ? ",{" : "{");
        put_str(b, "key", k->text);
        put_num(b, "open", k->open);
        put_num(b, "complete", k->waiting);
        put_num(b, "asleep", k->asleep);
        put_time(b, "deadline", k->deadline);
        if (k->all) {
            base_buf_printf(b, ",\"store\":\"%s\"", k->all->store);
            put_num(b, "matches", k->all->n_matches_before);
            put_matches(b, op->names, k->all);
        }
        base_buf_putc(b, '}');
    }
    base_buf_puts(b, "],\"waiting_rows\":[");
    for (size_t i = 0; i < op->n_kept_rows; i++) {
        base_buf_puts(b, i ? ",{" : "{");
        put_str(b, "stream", op->rows[i].stream);
        put_time(b, "time", op->rows[i].time);
        base_buf_printf(b, ",\"row\":%.*s}", BASE_STR_FMT(op->rows[i].json));
    }
    base_buf_putc(b, ']');
}

static void put_pattern(struct base_buf *b, const struct rt_look_op *op, bool wanted) {
    bool first = true;
    base_buf_puts(b, ",\"partition_by\":[");
    for (uint32_t i = 0; i < op->names->n_keys; i++) {
        base_buf_puts(b, i ? "," : "");
        evt_json_write_str(b, op->names->keys[i].name);
    }
    base_buf_putc(b, ']');
    put_num(b, "keys", op->n_keys);
    put_num(b, "open", op->n_open);
    put_num(b, "complete", op->n_waiting);
    put_num(b, "asleep", op->n_asleep);
    base_buf_puts(b, ",\"states\":[");
    for (uint32_t i = 0; i < op->names->n_states; i++) {
        if (op->by_state[i] == 0)
            continue;
        base_buf_puts(b, first ? "{" : ",{");
        put_str(b, "state", op->names->states[i]);
        put_num(b, "open", op->by_state[i]);
        base_buf_putc(b, '}');
        first = false;
    }
    base_buf_putc(b, ']');
    if (wanted)
        put_keys(b, op);
}

static void put_lives(struct base_buf *b, const struct rt_look_op *op) {
    base_buf_puts(b, ",\"identities\":[");
    for (size_t i = 0; i < op->n_lives; i++) {
        const struct rt_look_life *l = &op->lives[i];
        base_buf_puts(b, i ? ",{" : "{");
        put_str(b, "identity", l->identity);
        base_buf_printf(b, ",\"firing\":%s", l->firing ? "true" : "false");
        put_time(b, "last", l->last_let);
        put_time(b, "deadline", l->deadline);
        if (l->firing)
            base_buf_printf(b, ",\"record\":%.*s", BASE_STR_FMT(l->record));
        base_buf_putc(b, '}');
    }
    base_buf_putc(b, ']');
}

static void put_op(struct base_buf *b, const struct rt_look_op *op, const struct rt_look_what *what) {
    base_buf_putc(b, '{');
    put_str(b, "kind", op->kind);
    base_buf_putc(b, ',');
    put_str(b, "name", op->name);
    put_num(b, "subtasks", op->n_subtasks);
    put_num(b, "entries", op->n_entries);
    put_num(b, "bytes", op->bytes);
    put_num(b, "rows_waiting", op->n_rows);
    put_time(b, "watermark", op->watermark);
    if (base_str_eq(op->kind, BASE_STR("source")))
        put_parts(b, op);
    if (base_str_eq(op->kind, BASE_STR("sink")))
        put_strings(b, "holds", op->words, op->n_words);
    if (base_str_eq(op->kind, BASE_STR("aggregate")) || base_str_eq(op->kind, BASE_STR("over")))
        put_num(b, "groups", op->n_keys);
    if (base_str_eq(op->kind, BASE_STR("process")) || base_str_eq(op->kind, BASE_STR("recognize")))
        put_num(b, "keys", op->n_keys);
    if (base_str_eq(op->kind, BASE_STR("join")))
        put_num(b, "rows_kept", op->n_keys);
    if (op->names)
        put_pattern(b, op, what->key.p || base_str_eq(op->name, what->pattern));
    if (base_str_eq(op->kind, BASE_STR("alert")))
        put_lives(b, op);
    base_buf_putc(b, '}');
}

void cmd_state_write_json(struct base_buf *b, const struct rt_look *look, const struct rt_look_what *what) {
    const struct sto_manifest *m = &look->manifest;
    bool asked = what->pattern.len > 0 || what->key.p, first = true;
    base_buf_putc(b, '{');
    put_str(b, "kind", m->kind);
    base_buf_putc(b, ',');
    put_str(b, "path", m->dir);
    put_num(b, "id", m->id);
    put_time(b, "time", m->time_us);
    put_num(b, "files", m->n_files);
    put_num(b, "bytes", look->bytes);
    base_buf_puts(b, ",\"operators\":[");
    for (size_t i = 0; i < look->n_ops; i++) {
        const struct rt_look_op *op = &look->ops[i];
        if (asked && !(op->names && (what->pattern.len == 0 || base_str_eq(op->name, what->pattern))))
            continue;
        base_buf_puts(b, first ? "" : ",");
        put_op(b, op, what);
        first = false;
    }
    base_buf_puts(b, "]}\n");
}
