/*
 * nfa_dump -- what the compiler made, for people: the tree, the automaton as text and as a graph, the program.
 *
 * States are named by the pattern's own variables: "wait probe", "probe x3" (three taken, waiting for more), "not b".
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"
#include "base/base_num.h"

static void write_var(struct base_buf *b, const struct nfa_prog *p, uint32_t var) {
    base_buf_str(b, p->pat->vars[var].name);
}

/* The variables a term can begin with, at most three. */
static void write_first_vars(struct base_buf *b, const struct nfa_prog *p, uint32_t term) {
    const struct nfa_term *t = &p->terms[term];
    while (t->kind == PLAN_TERM_CHAIN && t->n && p->steps[t->first].term != NFA_NONE)
        t = &p->terms[p->steps[t->first].term];
    if (t->kind == PLAN_TERM_VAR) {
        write_var(b, p, t->var);
        return;
    }
    base_buf_puts(b, t->kind == PLAN_TERM_ALL ? "all(" : "(");
    for (uint32_t i = 0; i < t->n && i < 3; i++) {
        const struct nfa_term *c = &p->terms[p->steps[t->first + i].term];
        base_buf_puts(b, i ? (t->kind == PLAN_TERM_ALL ? ", " : " | ") : "");
        while (c->kind == PLAN_TERM_CHAIN && c->n && p->steps[c->first].term != NFA_NONE)
            c = &p->terms[p->steps[c->first].term];
        if (c->kind == PLAN_TERM_VAR)
            write_var(b, p, c->var);
        else
            base_buf_puts(b, "...");
    }
    base_buf_puts(b, t->n > 3 ? ", ...)" : ")");
}

void nfa_write_node_name(struct base_buf *b, const struct nfa_prog *p, uint32_t node) {
    const struct nfa_node *n = &p->nodes[node];
    switch (n->kind) {
    case NFA_NODE_FINAL: base_buf_puts(b, "match"); return;
    case NFA_NODE_DEAD: base_buf_puts(b, "stop"); return;
    case NFA_NODE_NOT_NEXT:
    case NFA_NODE_PENDING:
        base_buf_puts(b, n->kind == NFA_NODE_PENDING ? "absent " : "not next ");
        write_var(b, p, p->steps[p->terms[n->term].first + n->rep].var);
        break;
    case NFA_NODE_FORK:
    case NFA_NODE_WAIT:
    case NFA_NODE_MAX:
        if (n->term == NFA_NONE) {
            base_buf_puts(b, "wait");
            break;
        }
        base_buf_puts(b, node == p->start_node ? "start " : n->kind == NFA_NODE_FORK ? "fork " : "wait ");
        write_first_vars(b, p, n->term);
        if (n->rep && p->terms[n->term].kind == PLAN_TERM_ALL)
            base_buf_printf(b, " left %x", (unsigned)n->rep);
        else if (n->rep)
            base_buf_printf(b, " after %u%s", (unsigned)n->rep,
                p->terms[n->term].max == PLAN_UNBOUNDED && n->rep == p->terms[n->term].min ? "+" : "");
        break;
    }
    if (n->twin)
        base_buf_printf(b, " #%u", (unsigned)n->twin + 1);
}

static void write_atom(struct base_buf *b, const struct nfa_prog *p, uint32_t atom) {
    const struct nfa_atom *a = &p->atoms[atom];
    switch (a->kind) {
    case NFA_ATOM_TIME_LO:
    case NFA_ATOM_TIME_HI:
        base_buf_puts(b, a->kind == NFA_ATOM_TIME_LO ? "since >= " : "since < ");
        base_write_duration(b, a->us);
        return;
    case NFA_ATOM_BOTH:
        base_buf_putc(b, '(');
        nfa_write_lit(b, p, a->both[0]);
        base_buf_puts(b, " and ");
        nfa_write_lit(b, p, a->both[1]);
        base_buf_putc(b, ')');
        return;
    case NFA_ATOM_COND:
    case NFA_ATOM_MAX: break;
    }
    if (a->var != NFA_NONE)
        write_var(b, p, a->var);
    else if (a->until != NFA_NONE)
        base_buf_printf(b, "until%u", (unsigned)a->until + 1);
    else
        base_buf_printf(b, "any%u", (unsigned)a->bit);
}

void nfa_write_lit(struct base_buf *b, const struct nfa_prog *p, nfa_lit l) {
    if (nfa_lit_negated(l))
        base_buf_putc(b, '!');
    write_atom(b, p, nfa_lit_atom(l));
}

void nfa_write_guard(struct base_buf *b, const struct nfa_prog *p, uint32_t guard, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            base_buf_puts(b, " and ");
        nfa_write_lit(b, p, p->lits.v[guard + i]);
    }
    if (!n)
        base_buf_puts(b, "always");
}

static const char *const action_names[NFA_ACTION_MAX] = {
    [NFA_TAKE] = "take",
    [NFA_IGNORE] = "ignore",
    [NFA_PROCEED] = "proceed",
    [NFA_STOP] = "stop",
};

void nfa_write_tree(struct base_buf *b, const struct nfa_prog *p) {
    for (uint32_t i = 0; i < p->n_terms; i++) {
        const struct nfa_term *t = &p->terms[i];
        base_buf_printf(b, "%*s%u ", (int)t->depth * 2, "", (unsigned)i);
        switch (t->kind) {
        case PLAN_TERM_VAR: write_var(b, p, t->var); break;
        case PLAN_TERM_CHAIN: base_buf_puts(b, "chain"); break;
        case PLAN_TERM_ALT: base_buf_puts(b, "either"); break;
        case PLAN_TERM_ALL: base_buf_puts(b, "all"); break;
        case PLAN_TERM_MAX: break;
        }
        for (uint32_t k = 0; k < t->n; k++) {
            static const char *const ops[PLAN_CONTIG_MAX] = { "next", "->", "->>" };
            const struct nfa_step *s = &p->steps[t->first + k];
            base_buf_puts(b, k ? ", " : " (");
            if (t->kind == PLAN_TERM_CHAIN && k)
                base_buf_printf(b, "%s ", ops[s->op]);
            if (s->negated) {
                base_buf_putc(b, '!');
                write_var(b, p, s->var);
            } else {
                base_buf_printf(b, "%u", (unsigned)s->term);
            }
        }
        if (t->n)
            base_buf_putc(b, ')');
        if (t->max == PLAN_UNBOUNDED)
            base_buf_printf(b, " {%u,}", (unsigned)t->min);
        else if (t->max != 1 || t->min != 1)
            base_buf_printf(b, " {%u,%u}", (unsigned)t->min, (unsigned)t->max);
        if (t->max > 1 && t->inner != PLAN_FOLLOWED)
            base_buf_puts(b, t->inner == PLAN_NEXT ? " consecutive" : " combinations");
        if (t->greedy)
            base_buf_puts(b, " greedy");
        if (t->optional)
            base_buf_puts(b, " optional");
        if (t->unit_nullable)
            base_buf_puts(b, " may take nothing");
        base_buf_putc(b, '\n');
    }
}

static void write_untils(struct base_buf *b, const struct nfa_prog *p, const char *sep) {
    struct base_arena tmp;
    base_arena_init(&tmp, 0);
    struct base_str *names = BASE_ARENA_ARRAY(&tmp, struct base_str, p->pat->n_vars + 1);
    for (uint32_t i = 0; i < p->pat->n_vars; i++)
        names[i] = p->pat->vars[i].name;
    for (uint32_t i = 0; i < p->pat->n_vars; i++) {
        base_buf_puts(b, sep);
        write_var(b, p, i);
        base_buf_puts(b, ": ");
        if (p->pat->vars[i].cond)
            expr_write(b, p->pat->vars[i].cond, &p->pat->cols, names);
        else
            base_buf_puts(b, "every event");
        base_buf_putc(b, '\n');
    }
    for (size_t i = 0; i < p->n_untils; i++) {
        base_buf_printf(b, "%suntil%zu: ", sep, i + 1);
        expr_write(b, p->untils[i], &p->pat->cols, names);
        base_buf_putc(b, '\n');
    }
    base_arena_release(&tmp);
}

void nfa_write_automaton(struct base_buf *b, const struct nfa_prog *p) {
    base_buf_puts(b, "conditions\n");
    write_untils(b, p, "  ");
    base_buf_puts(b, "states\n");
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const struct nfa_node *n = &p->nodes[i];
        if (n->kind == NFA_NODE_DEAD)
            continue;
        base_buf_printf(b, "  %u ", (unsigned)i);
        nfa_write_node_name(b, p, i);
        if (n->bound_us >= 0) {
            base_buf_puts(b, " within ");
            base_write_duration(b, n->bound_us);
        }
        base_buf_putc(b, '\n');
        for (size_t k = 0; k < n->n_arcs; k++) {
            const struct nfa_arc *a = &n->arcs[k];
            base_buf_printf(b, "    %s", action_names[a->action]);
            if (a->action == NFA_TAKE) {
                base_buf_putc(b, ' ');
                write_var(b, p, a->var);
            }
            base_buf_puts(b, " if ");
            nfa_write_guard(b, p, a->guard, a->n_guard);
            base_buf_printf(b, " -> %u ", (unsigned)a->target);
            nfa_write_node_name(b, p, a->target);
            base_buf_putc(b, '\n');
        }
    }
}

/* A label: quotes and backslashes escaped. */
static void write_quoted(struct base_buf *b, struct base_buf *text) {
    base_buf_putc(b, '"');
    for (size_t i = 0; i < text->len; i++) {
        if (text->p[i] == '"' || text->p[i] == '\\')
            base_buf_putc(b, '\\');
        base_buf_putc(b, text->p[i]);
    }
    base_buf_putc(b, '"');
    base_buf_clear(text);
}

void nfa_write_dot(struct base_buf *b, const struct nfa_prog *p) {
    struct base_buf t = BASE_BUF_INIT;
    base_buf_puts(b, "digraph ");
    base_buf_str(&t, p->node->name);
    write_quoted(b, &t);
    base_buf_puts(b, " {\n  rankdir=LR;\n  node [shape=circle, fontname=\"sans-serif\"];\n  edge "
                     "[fontname=\"sans-serif\", fontsize=10];\n");
    bool stop = false;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const struct nfa_node *n = &p->nodes[i];
        for (size_t k = 0; k < n->n_arcs; k++)
            stop = stop || n->arcs[k].action == NFA_STOP;
    }
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const struct nfa_node *n = &p->nodes[i];
        if (n->kind == NFA_NODE_DEAD && !stop)
            continue;
        nfa_write_node_name(&t, p, i);
        base_buf_printf(b, "  n%u [label=", (unsigned)i);
        write_quoted(b, &t);
        if (n->kind == NFA_NODE_FINAL)
            base_buf_puts(b, ", shape=doublecircle");
        if (n->kind == NFA_NODE_FORK)
            base_buf_puts(b, ", shape=diamond");
        if (n->kind == NFA_NODE_DEAD)
            base_buf_puts(b, ", shape=octagon");
        base_buf_puts(b, "];\n");
        for (size_t k = 0; k < n->n_arcs; k++) {
            const struct nfa_arc *a = &n->arcs[k];
            base_buf_printf(b, "  n%u -> n%u [label=", (unsigned)i, (unsigned)a->target);
            base_buf_puts(&t, action_names[a->action]);
            if (a->n_guard) {
                base_buf_puts(&t, ": ");
                nfa_write_guard(&t, p, a->guard, a->n_guard);
            }
            write_quoted(b, &t);
            if (a->action == NFA_PROCEED)
                base_buf_puts(b, ", style=dashed");
            if (a->action == NFA_IGNORE)
                base_buf_puts(b, ", style=dotted");
            base_buf_puts(b, "];\n");
        }
    }
    base_buf_puts(b, "}\n");
    base_buf_release(&t);
}

static void write_interest(struct base_buf *b, const struct nfa_prog *p, uint32_t mask) {
    bool any = false;
    for (size_t i = 0; i < p->n_bits; i++) {
        if (base_bits_get(p->masks + mask, i)) {
            base_buf_printf(b, "%sb%zu", any ? " " : "", i);
            any = true;
        }
    }
    if (!any)
        base_buf_puts(b, "none");
}

static void write_bits(struct base_buf *b, const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_bits; i++) {
        const struct nfa_bit *bit = &p->bits[i];
        base_buf_printf(b, "  b%zu: ", i);
        if (bit->n_any) {
            base_buf_puts(b, "any of");
            for (uint32_t k = 0; k < bit->n_any && k < 8; k++)
                base_buf_printf(b, " b%u", (unsigned)bit->any[k]);
            if (bit->n_any > 8)
                base_buf_printf(b, " and %u more", (unsigned)bit->n_any - 8);
        } else if (bit->e) {
            expr_write(b, bit->e, &p->pat->cols, NULL);
        } else {
            base_buf_puts(b, "every event");
        }
        if (bit->input >= 0)
            base_buf_printf(b, " (input %d)", (int)bit->input);
        base_buf_putc(b, '\n');
    }
}

void nfa_write_program(struct base_buf *b, const struct nfa_prog *p) {
    struct base_arena tmp;
    base_arena_init(&tmp, 0);
    struct base_str *names = BASE_ARENA_ARRAY(&tmp, struct base_str, p->pat->n_vars + 1);
    for (uint32_t i = 0; i < p->pat->n_vars; i++)
        names[i] = p->pat->vars[i].name;
    base_buf_puts(b, "by batch\n");
    write_bits(b, p);
    base_buf_puts(b, "by partial match\n");
    for (size_t i = 0; i < p->n_atoms; i++) {
        const struct nfa_atom *a = &p->atoms[i];
        if (a->kind != NFA_ATOM_COND || !a->rest)
            continue;
        base_buf_puts(b, "  ");
        write_atom(b, p, (uint32_t)i);
        base_buf_puts(b, ": ");
        if (a->bit != NFA_NONE)
            base_buf_printf(b, "b%u and ", (unsigned)a->bit);
        expr_write(b, a->rest, &p->pat->cols, names);
        base_buf_putc(b, '\n');
    }
    base_arena_release(&tmp);
    base_buf_puts(b, "kept columns:");
    for (uint32_t i = 0; i < p->n_kept; i++) {
        base_buf_putc(b, ' ');
        base_buf_str(b, p->pat->cols.cols[p->kept_cols[i]].name);
    }
    base_buf_puts(b, p->n_kept ? "\n" : " none\n");
    base_buf_puts(b, "rows that matter: ");
    if (p->needs_all_rows)
        base_buf_puts(b, "all");
    else
        write_interest(b, p, p->any_interest);
    base_buf_puts(b, "\nstates\n");
    for (uint32_t i = 0; i < p->n_states; i++) {
        const struct nfa_state *s = &p->states[i];
        base_buf_printf(b, "  %u ", (unsigned)i);
        nfa_write_node_name(b, p, s->node);
        base_buf_puts(b, s->calm ? " (calm, cares for " : " (cares for ");
        write_interest(b, p, s->interest);
        if (s->pending)
            base_buf_puts(b, "; completes in time");
        if (s->absent_us >= 0) {
            base_buf_puts(b, "; completes after ");
            base_write_duration(b, s->absent_us);
            if (s->rest != NFA_NONE)
                base_buf_printf(b, ", goes on in %u", (unsigned)s->rest);
        }
        if (s->bound_us >= 0) {
            base_buf_puts(b, "; within ");
            base_write_duration(b, s->bound_us);
        }
        base_buf_puts(b, ")\n");
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            base_buf_printf(b, "    %s", action_names[e->action]);
            if (e->action == NFA_TAKE) {
                base_buf_putc(b, ' ');
                write_var(b, p, e->var);
            }
            base_buf_puts(b, " if ");
            nfa_write_guard(b, p, e->guard, e->n_guard);
            if (e->target != NFA_NONE)
                base_buf_printf(b, " -> %u", (unsigned)e->target);
            if (e->completes)
                base_buf_puts(b, " match");
            for (uint32_t f = 0; f < e->n_finals; f++) {
                base_buf_puts(b, f ? " or if " : " match if ");
                nfa_write_guard(b, p, p->finals[e->finals + f].guard, p->finals[e->finals + f].n_guard);
            }
            if (e->n_beaten)
                base_buf_puts(b, " (beaten)");
            base_buf_putc(b, '\n');
        }
    }
}
