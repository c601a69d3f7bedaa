/*
 * cmd_state -- `cepd state show PATH`: what a checkpoint or savepoint holds, down to a key's partial matches in words.
 */
#include "cepd/cmd_state.h"

#include "base/base_err.h"
#include "base/base_num.h"
#include "cepd/cmd_client.h"

enum { SHOWN_KEYS = 20, SHOWN_LIVES = 20 };

static const char *count_text(struct base_arena *a, uint64_t n) {
    return n == 0            ? "-"
           : n == UINT64_MAX ? "too many to count"
                             : base_arena_printf(a, "%llu", (unsigned long long)n);
}

static const char *time_text(struct base_arena *a, int64_t us) {
    struct base_buf b = BASE_BUF_INIT;
    if (us == EVT_TIME_MAX)
        return "the end of time";
    if (us == EVT_TIME_MIN)
        return "none yet";
    base_write_timestamp(&b, us);
    const char *text = base_arena_printf(a, "%s", base_buf_cstr(&b));
    base_buf_release(&b);
    return text;
}

static const char *plural(uint64_t n, const char *one, const char *many) {
    return n == 1 ? one : many;
}

/* -- the whole ----------------------------------------------------------------------------------------------------------- */

static void write_head(struct base_buf *b, struct base_arena *a, const struct rt_look *look) {
    const struct sto_manifest *m = &look->manifest;
    base_buf_printf(b, "%-10.*s  %.*s\n", BASE_STR_FMT(m->kind), BASE_STR_FMT(m->dir));
    if (m->id > 0)
        base_buf_printf(b, "%-10s  %llu\n", "number", (unsigned long long)m->id);
    base_buf_printf(b, "%-10s  %s\n", "taken", time_text(a, m->time_us));
    base_buf_printf(b, "%-10s  %zu, %s, each as it was written\n", "files", m->n_files,
        cmd_bytes_text(a, (int64_t)look->bytes));
}

static void write_operators(struct base_buf *b, struct base_arena *a, const struct rt_look *look) {
    static const char *const heads[] = { "KIND", "NAME", ">SUBTASKS", ">KEYS", ">PARTIAL MATCHES",
        ">ROWS WAITING", ">ENTRIES", ">SIZE", "WATERMARK" };
    struct cmd_table t;
    cmd_table_init(&t, a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0; i < look->n_ops; i++) {
        const struct rt_look_op *op = &look->ops[i];
        const char **row = cmd_table_row(&t);
        row[0] = base_arena_printf(a, "%.*s", BASE_STR_FMT(op->kind));
        row[1] = base_arena_printf(a, "%.*s", BASE_STR_FMT(op->name));
        row[2] = count_text(a, op->n_subtasks);
        row[3] = count_text(a, op->n_keys + op->n_lives);
        row[4] = count_text(
            a, op->n_open > UINT64_MAX - op->n_waiting ? UINT64_MAX : op->n_open + op->n_waiting);
        row[5] = count_text(a, op->n_rows);
        row[6] = count_text(a, op->n_entries);
        row[7] = cmd_bytes_text(a, (int64_t)op->bytes);
        bool has = op->names || op->n_parts > 0 || op->watermark != EVT_TIME_MIN;
        row[8] = has ? time_text(a, op->watermark) : "-";
    }
    base_buf_putc(b, '\n');
    cmd_table_write(b, &t);
}

static void write_source(struct base_buf *b, struct base_arena *a, const struct rt_look_op *op) {
    for (size_t i = 0; i < op->n_parts; i++) {
        const struct rt_look_part *p = &op->parts[i];
        base_buf_printf(b, "  %.*s", BASE_STR_FMT(p->name));
        if (p->has_position)
            base_buf_printf(
                b, ", %s at %llu", p->done ? "read to its end" : "read on", (unsigned long long)p->position);
        if (p->has_watermark && !p->ended)
            base_buf_printf(b, ", watermark %s", time_text(a, p->watermark));
        base_buf_putc(b, '\n');
    }
}

static void write_states(struct base_buf *b, const struct rt_look_op *op) {
    uint64_t told = 0;
    for (uint32_t i = 0; op->names && i < op->names->n_states; i++) {
        if (op->by_state[i] > 0)
            base_buf_printf(b, "  %llu at \"%.*s\"\n", (unsigned long long)op->by_state[i],
                BASE_STR_FMT(op->names->states[i]));
        told += op->by_state[i];
    }
    if (told < op->n_open)
        base_buf_puts(b, "  and more that were not looked at one by one\n");
    if (op->n_waiting > 0)
        base_buf_printf(
            b, "  %llu complete, waiting for an earlier one\n", (unsigned long long)op->n_waiting);
    if (op->n_asleep > 0)
        base_buf_printf(b, "  %llu %s asleep while an earlier one is open\n",
            (unsigned long long)op->n_asleep, plural(op->n_asleep, "start", "starts"));
}

static void write_lives(struct base_buf *b, struct base_arena *a, const struct rt_look_op *op) {
    for (size_t i = 0; i < op->n_lives && i < SHOWN_LIVES; i++) {
        const struct rt_look_life *l = &op->lives[i];
        base_buf_printf(b, "  %s %.*s", l->firing ? "firing" : "suppressed", BASE_STR_FMT(l->identity));
        if (l->last_let != EVT_TIME_MIN)
            base_buf_printf(b, ", last let through at %s", time_text(a, l->last_let));
        if (l->deadline != EVT_TIME_MAX)
            base_buf_printf(b, ", %s at %s", l->firing ? "resolved" : "forgotten", time_text(a, l->deadline));
        base_buf_putc(b, '\n');
    }
    if (op->n_lives > SHOWN_LIVES)
        base_buf_printf(b, "  and %zu more (--json lists them all)\n", op->n_lives - SHOWN_LIVES);
}

static void write_op_head(struct base_buf *b, const struct rt_look_op *op) {
    base_buf_printf(b, "\n%.*s %.*s", BASE_STR_FMT(op->kind), BASE_STR_FMT(op->name));
    for (uint32_t i = 0; op->names && i < op->names->n_keys; i++)
        base_buf_printf(b, "%s%.*s", i ? ", " : ", by ", BASE_STR_FMT(op->names->keys[i].name));
}

static void write_all(struct base_buf *b, struct base_arena *a, const struct rt_look *look) {
    write_operators(b, a, look);
    for (size_t i = 0; i < look->n_ops; i++) {
        const struct rt_look_op *op = &look->ops[i];
        if (op->n_parts + op->n_words + op->n_lives == 0 && !(op->names && op->n_keys > 0))
            continue;
        write_op_head(b, op);
        base_buf_putc(b, '\n');
        write_source(b, a, op);
        for (size_t w = 0; w < op->n_words; w++)
            base_buf_printf(b, "  %.*s\n", BASE_STR_FMT(op->words[w]));
        write_states(b, op);
        write_lives(b, a, op);
    }
}

/* -- a pattern ----------------------------------------------------------------------------------------------------------- */

static void write_keys(struct base_buf *b, struct base_arena *a, const struct rt_look_op *op) {
    static const char *const heads[] = { "KEY", ">PARTIAL MATCHES", ">COMPLETE", ">ASLEEP", "FIRST OVER AT" };
    struct cmd_table t;
    write_op_head(b, op);
    base_buf_printf(b, ", watermark %s\n", time_text(a, op->watermark));
    write_states(b, op);
    if (op->n_kept_keys == 0) {
        base_buf_puts(b, "  no key has a partial match\n");
        return;
    }
    base_buf_putc(b, '\n');
    cmd_table_init(&t, a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0; i < op->n_kept_keys && i < SHOWN_KEYS; i++) {
        const struct rt_look_key *k = &op->keys[i];
        const char **row = cmd_table_row(&t);
        row[0] = k->text.len ? base_arena_printf(a, "%.*s", BASE_STR_FMT(k->text)) : "(no key)";
        row[1] = count_text(a, k->open);
        row[2] = count_text(a, k->waiting);
        row[3] = count_text(a, k->asleep);
        row[4] = k->deadline == EVT_TIME_MAX ? "-" : time_text(a, k->deadline);
    }
    cmd_table_write(b, &t);
    if (op->n_kept_keys > SHOWN_KEYS)
        base_buf_printf(b, "and %zu more keys (--json lists them all)\n", op->n_kept_keys - SHOWN_KEYS);
}

/* -- a key --------------------------------------------------------------------------------------------------------------- */

/* "wait b | c" -> "waits for b | c". */
static void write_where(struct base_buf *b, const struct nfa_look *names, const struct nfa_look_match *m) {
    static const char wait[] = "wait ";
    for (uint32_t i = 0; i < m->n_states; i++) {
        struct base_str s = names->states[m->states[i]];
        base_buf_puts(b, i ? ", or " : "");
        if (s.len > sizeof wait - 1 && memcmp(s.p, wait, sizeof wait - 1) == 0)
            base_buf_printf(b, "waits for %.*s", (int)(s.len - (sizeof wait - 1)), s.p + sizeof wait - 1);
        else
            base_buf_printf(b, "at \"%.*s\"", BASE_STR_FMT(s));
    }
}

static bool has_column(const struct evt_schema *s, struct base_str name) {
    for (uint32_t c = 0; c < s->n_visible; c++)
        if (base_str_eq(s->cols[c].name, name))
            return true;
    return false;
}

static void write_event(struct base_buf *b, struct base_arena *a, const struct nfa_look *names,
    const struct nfa_look_key *k, const struct nfa_look_step *step, int width) {
    const struct nfa_look_event *e = &k->events[step->event];
    base_buf_printf(b, "     %-*.*s  %s  %.*s", width, BASE_STR_FMT(names->vars[step->var]),
        time_text(a, e->time), BASE_STR_FMT(names->inputs[e->input].name));
    const char *between = "  ";
    for (uint32_t c = 0; c < names->n_kept; c++) {
        if (!has_column(names->inputs[e->input].schema, names->kept[c].name))
            continue;
        base_buf_printf(b, "%s%.*s ", between, BASE_STR_FMT(names->kept[c].name));
        evt_val_write_json(b, names->kept[c].type, &e->vals[c]);
        between = ", ";
    }
    base_buf_putc(b, '\n');
}

static void write_match(struct base_buf *b, struct base_arena *a, const struct nfa_look *names,
    const struct nfa_look_key *k, size_t number, const struct nfa_look_match *m) {
    int width = 1;
    base_buf_printf(b, "\n%3zu. ", number);
    if (m->complete)
        base_buf_puts(b, "complete, waits for an earlier one");
    else
        write_where(b, names, m);
    if (m->deadline != EVT_TIME_MAX)
        base_buf_printf(b, ", its time is over at %s", time_text(a, m->deadline));
    base_buf_putc(b, '\n');
    for (uint32_t i = 0; i < m->n_steps; i++)
        if ((int)names->vars[m->steps[i].var].len > width)
            width = (int)names->vars[m->steps[i].var].len;
    for (uint32_t i = 0; i < m->n_steps; i++)
        write_event(b, a, names, k, &m->steps[i], width);
}

static void write_key(
    struct base_buf *b, struct base_arena *a, const struct rt_look_op *op, const struct rt_look_key *key) {
    const struct nfa_look_key *k = key->all;
    uint64_t n = k->n_open > UINT64_MAX - k->n_waiting ? UINT64_MAX : k->n_open + k->n_waiting;
    write_op_head(b, op);
    base_buf_printf(b, ", watermark %s\n", time_text(a, op->watermark));
    base_buf_printf(b, "key %.*s: %s partial %s, kept as %s\n", BASE_STR_FMT(key->text),
        n ? count_text(a, n) : "no", plural(n, "match", "matches"), k->store);
    if (k->n_asleep > 0)
        base_buf_printf(b, "%llu %s asleep while an earlier one is open\n", (unsigned long long)k->n_asleep,
            plural(k->n_asleep, "start", "starts"));
    for (uint32_t i = 0; i < k->n_matches; i++)
        write_match(b, a, op->names, k, (size_t)i + 1, &k->matches[i]);
    if (k->n_matches < n)
        base_buf_printf(b, "\nand %s more\n", count_text(a, n == UINT64_MAX ? n : n - k->n_matches));
}

static void write_rows(struct base_buf *b, struct base_arena *a, const struct rt_look_op *op) {
    if (op->n_kept_rows == 0)
        return;
    base_buf_printf(b, "\n%zu %s for the watermark\n", op->n_kept_rows,
        plural(op->n_kept_rows, "event of it waits", "events of it wait"));
    for (size_t i = 0; i < op->n_kept_rows; i++)
        base_buf_printf(b, "     %s  %.*s  %.*s\n", time_text(a, op->rows[i].time),
            BASE_STR_FMT(op->rows[i].stream), BASE_STR_FMT(op->rows[i].json));
}

/* -- the command ----------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct rt_look_op *op, const struct rt_look_what *what) {
    return op->names && (what->pattern.len == 0 || base_str_eq(op->name, what->pattern));
}

static void write_asked(
    struct base_buf *b, struct base_arena *a, const struct rt_look *look, const struct rt_look_what *what) {
    for (size_t i = 0; i < look->n_ops; i++) {
        const struct rt_look_op *op = &look->ops[i];
        if (!is_wanted(op, what))
            continue;
        if (!what->key.p) {
            write_keys(b, a, op);
            continue;
        }
        for (size_t k = 0; k < op->n_kept_keys; k++)
            write_key(b, a, op, &op->keys[k]);
        if (op->n_kept_keys == 0 && op->n_kept_rows > 0) {
            write_op_head(b, op);
            base_buf_printf(b, ", watermark %s\n", time_text(a, op->watermark));
            base_buf_printf(b, "key %.*s: no partial matches\n", BASE_STR_FMT(what->key));
        }
        write_rows(b, a, op);
    }
}

/* Is there what was asked for? */
static enum cep_rc check_there(
    const struct rt_look *look, const struct rt_look_what *what, struct cep_err *err) {
    struct base_buf names = BASE_BUF_INIT;
    bool pattern = what->pattern.len == 0, key = !what->key.p;
    for (size_t i = 0; i < look->n_ops; i++) {
        const struct rt_look_op *op = &look->ops[i];
        if (op->names)
            base_buf_printf(&names, "%s\"%.*s\"", names.len ? ", " : "", BASE_STR_FMT(op->name));
        pattern |= is_wanted(op, what);
        key |= is_wanted(op, what) && op->n_kept_keys + op->n_kept_rows > 0;
    }
    enum cep_rc rc = CEP_OK;
    if (!pattern) {
        rc = base_err_set(err, CEP_ENAME, "there is no pattern \"%.*s\" in it", BASE_STR_FMT(what->pattern));
        base_err_hint(err, "%s", names.len ? base_buf_cstr(&names) : "it holds no pattern");
    } else if (!key) {
        rc = base_err_set(err, CEP_ENAME, "key \"%.*s\" has no state in it", BASE_STR_FMT(what->key));
        base_err_hint(err, "a key of several columns is written with commas between them");
    }
    base_buf_release(&names);
    return rc;
}

static int show(const struct cmd_args *args, struct rt_look *look, const struct rt_look_what *what) {
    struct cep_err err = CEP_ERR_INIT;
    struct base_buf text = BASE_BUF_INIT;
    struct base_arena a;
    enum cep_rc rc = check_there(look, what, &err);
    if (rc != CEP_OK)
        return cmd_fail(args, CMD_MISTAKE, &err);
    base_arena_init(&a, 0);
    if (cmd_args_has(args, "json")) {
        cmd_state_write_json(&text, look, what);
    } else {
        write_head(&text, &a, look);
        if (what->pattern.len > 0 || what->key.p)
            write_asked(&text, &a, look, what);
        else
            write_all(&text, &a, look);
    }
    int status = cmd_print(stdout, &text);
    base_arena_release(&a);
    base_buf_release(&text);
    return status;
}

int cmd_state(const struct cmd_args *args) {
    struct cep_err err = CEP_ERR_INIT;
    struct rt_look look;
    const char *pattern = cmd_args_get(args, "pattern"), *key = cmd_args_get(args, "key");
    struct rt_look_what what = { .pattern = base_str_of(pattern ? pattern : ""),
        .key = key ? base_str_of(key) : (struct base_str){ NULL, 0 } };
    if (strcmp(args->operands[0], "show") != 0)
        return cmd_usage(args, "\"%s\" is nothing to do with state: it is shown", args->operands[0]);
    enum cep_rc rc = rt_look_read(&look, args->operands[1], &what, &err);
    int status = rc == CEP_OK ? show(args, &look, &what)
                              : cmd_fail(args, rc == CEP_NONE ? CMD_MISTAKE : CMD_FAILED, &err);
    rt_look_release(&look);
    return status;
}
