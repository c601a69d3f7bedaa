/*
 * plan_job_write -- the job graph as text, as Graphviz's language and as JSON (`explain --stage graph`).
 */
#include "plan/plan_job.h"

#include "base/base_mem.h"

static const char *const kind_words[PLAN_NODE_MAX] = {
    [PLAN_NODE_SOURCE] = "source",
    [PLAN_NODE_SELECT] = "select",
    [PLAN_NODE_AGGREGATE] = "aggregate",
    [PLAN_NODE_OVER] = "over",
    [PLAN_NODE_JOIN] = "join",
    [PLAN_NODE_TOP] = "top",
    [PLAN_NODE_PATTERN] = "pattern",
    [PLAN_NODE_RECOGNIZE] = "recognize",
    [PLAN_NODE_ALERT] = "alert",
    [PLAN_NODE_PROCESS] = "process",
};

static const char *const ship_words[PLAN_SHIP_MAX] = { "gather", "hash" };

static uint32_t n_sink_vertices(const struct plan_job *j) {
    uint32_t n = 0;
    for (uint32_t v = 0; v < j->n_vertices; v++)
        n += j->vertices[v].n_nodes == 0;
    return n;
}

void plan_job_write_name(struct base_buf *b, const struct plan_job *j, uint32_t vertex) {
    const struct plan_vertex *v = &j->vertices[vertex];
    if (v->n_nodes == 0) {
        base_buf_puts(b, "sinks");
        if (n_sink_vertices(j) > 1)
            base_buf_printf(b, " of %.*s", BASE_STR_FMT(j->plan->nodes[v->component]->name));
        return;
    }
    base_buf_str(b, j->plan->nodes[v->nodes[0]]->name);
    if (v->n_nodes > 1)
        base_buf_printf(b, " and %u more", v->n_nodes - 1);
}

static void write_ref(struct base_buf *b, const struct plan *p, struct plan_ref ref) {
    const char *port = plan_port_text(p->nodes[ref.node], ref.port);
    base_buf_str(b, p->nodes[ref.node]->name);
    if (*port)
        base_buf_printf(b, ".%s", port);
}

static void write_taker(struct base_buf *b, const struct plan *p, const struct plan_taker *t) {
    if (t->is_sink)
        base_buf_printf(b, "sink %.*s", BASE_STR_FMT(p->sinks[t->to].name));
    else
        base_buf_printf(b, "%s %.*s", kind_words[p->nodes[t->to]->kind], BASE_STR_FMT(p->nodes[t->to]->name));
}

/* The schema by which an exchange's keys are named: the pattern's columns, or those of what is sent. */
static const struct evt_schema *key_schema(const struct plan_job *j, const struct plan_exchange *x) {
    const struct plan_node *n = x->takers[0].is_sink ? NULL : j->plan->nodes[x->takers[0].to];
    if (n && n->kind == PLAN_NODE_PATTERN)
        return &n->pattern.cols;
    return plan_schema_of(j->plan, x->of);
}

static void write_keys(struct base_buf *b, const struct plan_job *j, const struct plan_exchange *x) {
    for (uint32_t i = 0; i < x->n_keys; i++) {
        base_buf_puts(b, i ? ", " : "");
        expr_write(b, x->keys[i], key_schema(j, x), NULL);
    }
}

static void write_ship(struct base_buf *b, const struct plan_job *j, const struct plan_exchange *x) {
    base_buf_puts(b, ship_words[x->ship]);
    if (x->ship == PLAN_SHIP_HASH) {
        base_buf_puts(b, " by ");
        write_keys(b, j, x);
    }
    if (x->combined)
        base_buf_puts(b, ", gathered by key and pane first");
}

/* -- text ------------------------------------------------------------------------------------------------------ */

static void write_sink(struct base_buf *b, const struct plan_sink *k) {
    base_buf_printf(
        b, "sink %.*s (%s%s)", BASE_STR_FMT(k->name), k->connector->name, k->implied ? ", implied" : "");
}

/* Who reads a node in its own vertex, by output: chains of nodes and of sinks, so that a plan of thousands is written in
 * one walk. */
struct readers {
    struct reader {
        uint32_t next; /* 1 + the next of the same node; 0 = none */
        uint32_t by;   /* node or sink */
        enum plan_port port;
        bool sink;
    } * all;         /* owned */
    uint32_t *first; /* owned; per node: 1 + the first */
    size_t n;
};

static void readers_add(struct readers *r, struct plan_ref ref, uint32_t by, bool sink) {
    r->all[r->n] = (struct reader){ r->first[ref.node], by, ref.port, sink };
    r->first[ref.node] = (uint32_t)++r->n;
}

/* From the last to the first, so that each chain begins with the first. */
static void readers_init(struct readers *r, const struct plan_job *j) {
    const struct plan *p = j->plan;
    size_t n = p->n_sinks;
    for (uint32_t i = 0; i < p->n_nodes; i++)
        n += plan_node_n_inputs(p->nodes[i]);
    *r = (struct readers){ .all = base_calloc(n + 1, sizeof *r->all),
        .first = base_calloc(p->n_nodes + (size_t)1, sizeof *r->first) };
    for (uint32_t s = p->n_sinks; s-- > 0;)
        if (j->vertex_of_sink[s] == j->vertex_of_node[p->sinks[s].input.node])
            readers_add(r, p->sinks[s].input, s, true);
    for (uint32_t i = p->n_nodes; i-- > 0;)
        for (enum plan_port port = PLAN_PORT_MAX; port-- > PLAN_PORT_MAIN;)
            for (uint32_t k = 0; k < plan_node_n_inputs(p->nodes[i]); k++) {
                struct plan_ref ref = plan_node_input(p->nodes[i], k);
                uint32_t first = r->first[ref.node];
                bool told = first && !r->all[first - 1].sink && r->all[first - 1].by == i &&
                            r->all[first - 1].port == port;
                if (ref.port == port && !told && j->vertex_of_node[ref.node] == j->vertex_of_node[i])
                    readers_add(r, ref, i, false);
            }
}

static void readers_release(struct readers *r) {
    base_free(r->all);
    base_free(r->first);
}

static void write_reader(
    struct base_buf *b, const struct plan *p, const struct plan_node *of, const struct reader *r) {
    const char *port = plan_port_text(of, r->port);
    base_buf_printf(b, "    %s%s-> ", port, port[0] ? " " : "");
    if (r->sink)
        write_sink(b, &p->sinks[r->by]);
    else
        base_buf_printf(b, "%s %.*s", kind_words[p->nodes[r->by]->kind], BASE_STR_FMT(p->nodes[r->by]->name));
    base_buf_putc(b, '\n');
}

static void write_vertex(
    struct base_buf *b, const struct plan_job *j, uint32_t vertex, const struct readers *readers) {
    const struct plan_vertex *v = &j->vertices[vertex];
    base_buf_printf(b, "vertex %u, %u subtask%s\n", vertex, v->parallelism, v->parallelism == 1 ? "" : "s");
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const struct plan_node *n = j->plan->nodes[v->nodes[i]];
        base_buf_printf(b, "  %s %.*s\n", kind_words[n->kind], BASE_STR_FMT(n->name));
        for (uint32_t k = readers->first[n->index]; k; k = readers->all[k - 1].next)
            write_reader(b, j->plan, n, &readers->all[k - 1]);
    }
    for (uint32_t i = 0; i < v->n_sinks; i++) {
        if (j->vertex_of_node[j->plan->sinks[v->sinks[i]].input.node] == vertex)
            continue;
        base_buf_puts(b, "  ");
        write_sink(b, &j->plan->sinks[v->sinks[i]]);
        base_buf_putc(b, '\n');
    }
    for (uint32_t i = 0; i < j->n_exchanges; i++) {
        const struct plan_exchange *x = &j->exchanges[i];
        if (x->from != vertex || x->brings_combined)
            continue;
        base_buf_puts(b, "  => ");
        write_ref(b, j->plan, x->of);
        base_buf_printf(b, " to vertex %u, ", x->to);
        write_ship(b, j, x);
        base_buf_puts(b, ": ");
        for (uint32_t t = 0; t < x->n_takers; t++) {
            base_buf_puts(b, t ? ", " : "");
            write_taker(b, j->plan, &x->takers[t]);
        }
        base_buf_putc(b, '\n');
    }
}

void plan_job_write(struct base_buf *b, const struct plan_job *j) {
    uint32_t tasks = 0;
    for (uint32_t v = 0; v < j->n_vertices; v++)
        tasks += j->vertices[v].parallelism;
    base_buf_printf(b, "parallelism %u: %u %s, %u task%s%s\n", j->parallelism, j->n_vertices,
        j->n_vertices == 1 ? "vertex" : "vertices", tasks, tasks == 1 ? "" : "s",
        tasks == 1 ? ", all operators chained on one thread" : ", a thread each");
    struct readers readers;
    readers_init(&readers, j);
    for (uint32_t v = 0; v < j->n_vertices; v++)
        write_vertex(b, j, v, &readers);
    readers_release(&readers);
}

/* -- dot ------------------------------------------------------------------------------------------------------- */

static void write_label(struct base_buf *b, struct base_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            base_buf_putc(b, '\\');
        if (s.p[i] == '\n')
            base_buf_puts(b, "\\n");
        else
            base_buf_putc(b, s.p[i]);
    }
}

static void dot_vertex(struct base_buf *b, const struct plan_job *j, uint32_t vertex) {
    static const char *const shapes[PLAN_NODE_MAX] = { "cds", "box", "box3d", "component", "octagon",
        "box3d" };
    const struct plan_vertex *v = &j->vertices[vertex];
    base_buf_printf(b, "  subgraph cluster_%u {\n    label=\"vertex %u, %u subtask%s\";\n", vertex, vertex,
        v->parallelism, v->parallelism == 1 ? "" : "s");
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const struct plan_node *n = j->plan->nodes[v->nodes[i]];
        base_buf_printf(b, "    n%u [shape=%s, label=\"%s ", n->index, shapes[n->kind], kind_words[n->kind]);
        write_label(b, n->name);
        base_buf_puts(b, "\"];\n");
    }
    for (uint32_t i = 0; i < v->n_sinks; i++) {
        const struct plan_sink *k = &j->plan->sinks[v->sinks[i]];
        base_buf_printf(b, "    s%u [shape=note, label=\"", v->sinks[i]);
        write_label(b, k->name);
        base_buf_printf(b, "\\n%s\"];\n", k->connector->name);
    }
    base_buf_puts(b, "  }\n");
}

/* An edge, with the exchange's way of shipping where there is one. */
static void dot_edge(
    struct base_buf *b, const struct plan_job *j, struct plan_ref of, const struct plan_taker *to) {
    const char *port = plan_port_text(j->plan->nodes[of.node], of.port);
    struct base_buf ship = BASE_BUF_INIT;
    for (uint32_t i = 0; i < j->n_exchanges; i++) {
        const struct plan_exchange *x = &j->exchanges[i];
        for (uint32_t t = 0; t < x->n_takers && x->of.node == of.node && x->of.port == of.port; t++)
            if (x->takers[t].is_sink == to->is_sink && x->takers[t].to == to->to &&
                x->takers[t].input == to->input)
                write_ship(&ship, j, x);
    }
    base_buf_printf(b, "  n%u -> %s%u [label=\"%s%s", of.node, to->is_sink ? "s" : "n", to->to, port,
        *port && ship.len ? ", " : "");
    write_label(b, base_buf_view(&ship));
    base_buf_printf(b, "\"%s];\n", of.port != PLAN_PORT_MAIN ? ", style=dashed" : "");
    base_buf_release(&ship);
}

static void dot_edges(struct base_buf *b, const struct plan_job *j, const struct plan_node *n) {
    struct plan_taker to = { .to = n->index };
    for (; to.input < plan_node_n_inputs(n); to.input++)
        dot_edge(b, j, plan_node_input(n, to.input), &to);
}

void plan_job_write_dot(struct base_buf *b, const struct plan_job *j) {
    base_buf_puts(b, "digraph job {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (uint32_t v = 0; v < j->n_vertices; v++)
        dot_vertex(b, j, v);
    for (uint32_t i = 0; i < j->plan->n_nodes; i++)
        dot_edges(b, j, j->plan->nodes[i]);
    for (uint32_t i = 0; i < j->plan->n_sinks; i++)
        dot_edge(b, j, j->plan->sinks[i].input, &(struct plan_taker){ .is_sink = true, .to = i });
    base_buf_puts(b, "}\n");
}

/* -- json ------------------------------------------------------------------------------------------------------ */

static void json_str(struct base_buf *b, struct base_str s) {
    static const struct evt_type string = { .kind = EVT_STRING };
    evt_val_write_json(b, &string, &(struct evt_val){ .s = { s.p, (uint32_t)s.len } });
}

static void json_vertex(struct base_buf *b, const struct plan_job *j, uint32_t vertex) {
    const struct plan_vertex *v = &j->vertices[vertex];
    base_buf_printf(b, "{\"id\":%u,\"parallelism\":%u,\"operators\":[", vertex, v->parallelism);
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const struct plan_node *n = j->plan->nodes[v->nodes[i]];
        base_buf_printf(b, "%s{\"kind\":\"%s\",\"name\":", i ? "," : "", kind_words[n->kind]);
        json_str(b, n->name);
        base_buf_putc(b, '}');
    }
    for (uint32_t i = 0; i < v->n_sinks; i++) {
        const struct plan_sink *k = &j->plan->sinks[v->sinks[i]];
        base_buf_printf(b, "%s{\"kind\":\"sink\",\"connector\":\"%s\",\"name\":", i || v->n_nodes ? "," : "",
            k->connector->name);
        json_str(b, k->name);
        base_buf_putc(b, '}');
    }
    base_buf_puts(b, "]}");
}

static void json_exchange(struct base_buf *b, const struct plan_job *j, const struct plan_exchange *x) {
    struct base_buf text = BASE_BUF_INIT;
    base_buf_printf(b, "{\"from\":%u,\"to\":%u,\"output\":", x->from, x->to);
    write_ref(&text, j->plan, x->of);
    json_str(b, base_buf_view(&text));
    base_buf_printf(b, ",\"ship\":\"%s\",\"keys\":[", ship_words[x->ship]);
    for (uint32_t i = 0; i < x->n_keys; i++) {
        base_buf_clear(&text);
        expr_write(&text, x->keys[i], key_schema(j, x), NULL);
        base_buf_puts(b, i ? "," : "");
        json_str(b, base_buf_view(&text));
    }
    base_buf_printf(b, "],\"combined\":%s,\"takers\":[", x->combined ? "true" : "false");
    for (uint32_t i = 0; i < x->n_takers; i++) {
        const struct plan_taker *t = &x->takers[i];
        base_buf_printf(b, "%s{\"name\":", i ? "," : "");
        json_str(b, t->is_sink ? j->plan->sinks[t->to].name : j->plan->nodes[t->to]->name);
        base_buf_printf(b, ",\"input\":%u}", t->input);
    }
    base_buf_puts(b, "]}");
    base_buf_release(&text);
}

void plan_job_write_json(struct base_buf *b, const struct plan_job *j) {
    base_buf_printf(b, "{\"parallelism\":%u,\"vertices\":[", j->parallelism);
    for (uint32_t v = 0; v < j->n_vertices; v++) {
        base_buf_puts(b, v ? "," : "");
        json_vertex(b, j, v);
    }
    base_buf_puts(b, "],\"exchanges\":[");
    for (uint32_t i = 0; i < j->n_exchanges; i++) {
        if (j->exchanges[i].brings_combined)
            continue; /* they are the last ones; that which each stands beside says so */
        base_buf_puts(b, i ? "," : "");
        json_exchange(b, j, &j->exchanges[i]);
    }
    base_buf_puts(b, "]}\n");
}
