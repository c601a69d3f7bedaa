/*
 * cmd_shared -- see the header. Patterns with the same inputs in the same order are those that run as one operator
 * (runtime/rt_graph.c).
 */
#include "cepd/cmd_shared.h"

#include "base/base_mem.h"
#include "nfa/nfa.h"
#include "nfa/nfa_many.h"

/* A group of patterns, compiled. */
struct shared {
    const struct plan *plan;
    const struct plan_pattern *first;
    struct nfa_many *many;   /* owned */
    struct nfa_prog **progs; /* owned, as are the programs */
    uint32_t n;
};

enum { NAMES_SHOWN = 8 };

static void write_name(struct base_buf *b, struct base_str name, bool json) {
    if (!json) {
        base_buf_str(b, name);
        return;
    }
    static const struct evt_type string = { .kind = EVT_STRING };
    evt_val_write_json(b, &string, &(struct evt_val){ .s = { name.p, (uint32_t)name.len } });
}

static void write_input(struct base_buf *b, const struct shared *s, uint32_t input, bool json) {
    struct plan_ref r = s->first->inputs[input];
    const char *port = plan_port_text(s->plan->nodes[r.node], r.port);
    struct base_buf name = BASE_BUF_INIT;
    base_buf_str(&name, s->plan->nodes[r.node]->name);
    base_buf_printf(&name, "%s%s", port[0] ? "." : "", port);
    write_name(b, base_buf_view(&name), json);
    base_buf_release(&name);
}

/* -- text --------------------------------------------------------------------------------------------------------- */

struct columns {
    struct base_buf *b;
    const struct evt_schema *schema;
    bool json, any;
};

static void column_text(void *arg, uint32_t col, bool range, uint32_t n) {
    struct columns *c = arg;
    base_buf_printf(c->b, "%s%u by %s of %.*s", c->any ? ", " : "", n, range ? "range" : "equality",
        BASE_STR_FMT(c->schema->cols[col].name));
    c->any = true;
}

static void write_text(struct base_buf *b, const struct shared *s, bool each) {
    struct nfa_many_found f;
    base_buf_puts(b, "together on ");
    for (uint32_t i = 0; i < s->first->n_inputs; i++) {
        base_buf_puts(b, i ? ", " : "");
        write_input(b, s, i, false);
    }
    base_buf_printf(b, ": %u patterns (", s->n);
    for (uint32_t i = 0; i < s->n && i < NAMES_SHOWN; i++)
        base_buf_printf(b, "%s%.*s", i ? ", " : "", BASE_STR_FMT(nfa_prog_node(s->progs[i])->name));
    base_buf_puts(b, s->n > NAMES_SHOWN ? ", ...)\n" : ")\n");
    nfa_many_found(s->many, UINT32_MAX, &f);
    base_buf_printf(b,
        "  conditions: %u on an event alone, %u of them different, %u of these of several patterns\n",
        f.conditions, f.distinct, f.shared);
    struct nfa_many_shared shared;
    nfa_many_shared(s->many, &shared);
    base_buf_printf(
        b, "  programs: %u (those that differ in names and constants alone have one)\n", shared.programs);
    struct columns c = { .b = b };
    base_buf_puts(b, "  looked up: ");
    for (uint32_t i = 0; i < s->first->n_inputs; i++) {
        c.schema = plan_schema_of(s->plan, s->first->inputs[i]);
        nfa_many_columns(s->many, i, column_text, &c);
    }
    base_buf_printf(b, "%s\n  evaluated for every batch: %u\n", c.any ? "" : "none", f.by_scan);
    for (uint32_t i = 0; i < s->n && each; i++) {
        nfa_many_found(s->many, i, &f);
        base_buf_printf(b,
            "  pattern %.*s: %u conditions, %u also another pattern's; %u by equality, %u by range, %u for "
            "every "
            "batch\n",
            BASE_STR_FMT(nfa_prog_node(s->progs[i])->name), f.conditions, f.shared, f.by_equal, f.by_range,
            f.by_scan);
    }
}

/* -- json --------------------------------------------------------------------------------------------------------- */

static void column_json(void *arg, uint32_t col, bool range, uint32_t n) {
    struct columns *c = arg;
    base_buf_puts(c->b, c->any ? ", {\"column\": " : "{\"column\": ");
    write_name(c->b, c->schema->cols[col].name, true);
    base_buf_printf(c->b, ", \"by\": \"%s\", \"conditions\": %u}", range ? "range" : "equality", n);
    c->any = true;
}

static void write_found(struct base_buf *b, const struct nfa_many_found *f) {
    base_buf_printf(b,
        "\"conditions\": %u, \"different\": %u, \"shared\": %u, \"by_equality\": %u, \"by_range\": %u, "
        "\"every_batch\": %u",
        f->conditions, f->distinct, f->shared, f->by_equal, f->by_range, f->by_scan);
}

static void write_json(struct base_buf *b, const struct shared *s) {
    struct nfa_many_found f;
    struct columns c = { .b = b };
    base_buf_puts(b, "{\"inputs\": [");
    for (uint32_t i = 0; i < s->first->n_inputs; i++) {
        base_buf_puts(b, i ? ", " : "");
        write_input(b, s, i, true);
    }
    base_buf_puts(b, "], ");
    nfa_many_found(s->many, UINT32_MAX, &f);
    write_found(b, &f);
    struct nfa_many_shared shared;
    nfa_many_shared(s->many, &shared);
    base_buf_printf(b, ", \"programs\": %u, \"looked_up\": [", shared.programs);
    for (uint32_t i = 0; i < s->first->n_inputs; i++) {
        c.schema = plan_schema_of(s->plan, s->first->inputs[i]);
        nfa_many_columns(s->many, i, column_json, &c);
    }
    base_buf_puts(b, "], \"patterns\": [");
    for (uint32_t i = 0; i < s->n; i++) {
        base_buf_puts(b, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
        write_name(b, nfa_prog_node(s->progs[i])->name, true);
        base_buf_puts(b, ", ");
        nfa_many_found(s->many, i, &f);
        write_found(b, &f);
        base_buf_puts(b, "}");
    }
    base_buf_puts(b, "]}");
}

/* -- groups ------------------------------------------------------------------------------------------------------- */

static bool same_inputs(const struct plan_pattern *a, const struct plan_pattern *b) {
    if (a->n_inputs != b->n_inputs)
        return false;
    for (uint32_t i = 0; i < a->n_inputs; i++)
        if (a->inputs[i].node != b->inputs[i].node || a->inputs[i].port != b->inputs[i].port)
            return false;
    return true;
}

static void release(struct shared *s) {
    nfa_many_free(s->many);
    for (uint32_t i = 0; i < s->n; i++)
        nfa_prog_free(s->progs[i]);
    base_free(s->progs);
}

/* Takes all that read as the pattern `from` does; marks them in `seen`. */
static enum cep_rc gather(struct shared *s, uint32_t from, bool *seen, struct cep_err *err) {
    const struct plan *p = s->plan;
    s->first = &p->nodes[from]->pattern;
    s->many = nfa_many_new(s->first->n_inputs, NULL);
    s->progs = base_calloc(p->n_nodes, sizeof(struct nfa_prog *));
    for (uint32_t i = from; i < p->n_nodes; i++) {
        const struct plan_node *n = p->nodes[i];
        if (n->kind != PLAN_NODE_PATTERN || seen[i] || !same_inputs(s->first, &n->pattern))
            continue;
        struct nfa_opts opts = { .no_timeouts = !plan_is_read(
                                     p, (struct plan_ref){ i, PLAN_PORT_TIMEOUTS }) };
        enum cep_rc rc = nfa_compile(n, p, &opts, &s->progs[s->n], err);
        if (rc != CEP_OK)
            return rc;
        (void)nfa_many_add(s->many, s->progs[s->n++], NULL, NULL);
        seen[i] = true;
    }
    nfa_many_seal(s->many);
    return CEP_OK;
}

enum cep_rc cmd_shared_write(
    struct base_buf *b, const struct plan *p, enum cmd_shared_form form, struct cep_err *err) {
    bool *seen = base_calloc(p->n_nodes + (size_t)1, sizeof *seen), any = false;
    enum cep_rc rc = CEP_OK;
    if (form == CMD_SHARED_JSON)
        base_buf_puts(b, "[");
    for (uint32_t i = 0; i < p->n_nodes && rc == CEP_OK; i++) {
        if (p->nodes[i]->kind != PLAN_NODE_PATTERN || seen[i])
            continue;
        struct shared s = { .plan = p };
        rc = gather(&s, i, seen, err);
        if (rc == CEP_OK && s.n > 1) {
            if (form == CMD_SHARED_JSON) {
                base_buf_puts(b, any ? ",\n  " : "\n  ");
                write_json(b, &s);
            } else {
                write_text(b, &s, form == CMD_SHARED_TEXT);
            }
            any = true;
        }
        release(&s);
    }
    if (form == CMD_SHARED_JSON)
        base_buf_puts(b, any ? "\n]\n" : "]\n");
    else if (form == CMD_SHARED_TEXT && !any)
        base_buf_puts(b, "no two patterns read the same\n");
    base_free(seen);
    return rc;
}
