/*
 * plan_dot -- the plan as a graph in Graphviz's language: nodes are operators, dashed edges are side outputs.
 */
#include "plan/plan.h"

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

static void write_edge(struct base_buf *b, const struct plan *p, struct plan_ref from, const char *to_kind,
    uint32_t to, const char *label) {
    const char *port = plan_port_text(p->nodes[from.node], from.port);
    base_buf_printf(b, "  n%u -> %s%u", (unsigned)from.node, to_kind, (unsigned)to);
    if (from.port != PLAN_PORT_MAIN || label)
        base_buf_printf(b, " [label=\"%s%s%s\"%s]", port, *port && label ? ", " : "", label ? label : "",
            from.port != PLAN_PORT_MAIN ? ", style=dashed" : "");
    base_buf_puts(b, ";\n");
}

static void write_edges(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    for (uint32_t i = 0; i < plan_node_n_inputs(n); i++)
        write_edge(b, p, plan_node_input(n, i), "n", n->index,
            n->kind == PLAN_NODE_ALERT && i == 1 ? "resolves" : NULL);
}

void plan_write_dot(struct base_buf *b, const struct plan *p) {
    static const char *const shapes[PLAN_NODE_MAX] = { "cds", "box", "box3d", "box", "trapezium",
        "invtriangle", "component", "hexagon", "octagon", "box3d" };
    base_buf_puts(b, "digraph plan {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const struct plan_node *n = p->nodes[i];
        base_buf_printf(
            b, "  n%u [shape=%s, label=\"%s ", (unsigned)i, shapes[n->kind], plan_node_word(n->kind));
        write_label(b, n->name);
        if (n->kind == PLAN_NODE_PATTERN) {
            struct base_buf match = BASE_BUF_INIT;
            plan_write_term(&match, &n->pattern, n->pattern.root);
            base_buf_puts(b, "\\n");
            write_label(b, base_buf_view(&match));
            base_buf_release(&match);
        }
        base_buf_puts(b, "\"];\n");
    }
    for (uint32_t i = 0; i < p->n_sinks; i++) {
        base_buf_printf(b, "  s%u [shape=note, label=\"", (unsigned)i);
        write_label(b, p->sinks[i].name);
        base_buf_printf(b, "\\n%s\"];\n", p->sinks[i].connector->name);
    }
    for (uint32_t i = 0; i < p->n_nodes; i++)
        write_edges(b, p, p->nodes[i]);
    for (uint32_t i = 0; i < p->n_sinks; i++)
        write_edge(b, p, p->sinks[i].input, "s", i, NULL);
    base_buf_puts(b, "}\n");
}
