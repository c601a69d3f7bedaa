/*
 * cep_engine -- an engine in the caller's thread: cep/cep.h.
 *
 *     push ─▶ a batch ─▶ source ─▶ operators (rt_graph) ─▶ probes, one a name that is listened at ─▶ queue ─▶ take
 *
 * A row in the queue is a batch, counted, and a place in it.
 */
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "embed/cep_program.h"
#include "plan/plan_library.h"
#include "runtime/rt_graph.h"

struct probe {
    struct rt_op op;
    struct cep_engine *engine; /* borrowed */
    int output;
};

struct waiting {
    struct evt_batch *batch; /* counted */
    uint32_t row;
    int output;
};

struct output {
    struct probe *probe; /* owned */
    struct plan_ref ref;
    const struct evt_schema *own; /* borrowed: the plan's */
    struct cep_schema schema;     /* visible columns */
};

struct source {
    struct rt_op *op; /* borrowed: the graph's */
    struct cep_schema schema;
    uint64_t seq; /* rows pushed */
};

struct cep_engine {
    const struct plan *plan; /* borrowed: the program's */
    struct rt_graph graph;
    struct base_arena names; /* schemas */
    struct source *sources;  /* owned; in the order of the plan */
    int n_sources;
    struct output *outputs; /* owned */
    size_t n_outputs, cap_outputs;
    struct waiting *queue; /* owned; [head, n) wait */
    size_t head, n, cap;
    bool begun, failed, finished;
    /* Of the result at hand. */
    struct base_arena scratch;
    struct evt_val *cells; /* in scratch */
    struct base_buf json;
};

/* -- probes ------------------------------------------------------------------------------------------------------------- */

static enum cep_rc probe_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    const struct probe *p = CEP_CONTAINER_OF(op, struct probe, op);
    struct cep_engine *e = p->engine;
    (void)input;
    (void)err;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (!evt_batch_has(b, i))
            continue;
        e->queue = base_grow(e->queue, e->n, &e->cap, sizeof *e->queue);
        e->queue[e->n++] = (struct waiting){ evt_batch_ref(b), i, p->output };
    }
    return CEP_OK;
}

static void probe_free(struct rt_op *op) {
    rt_op_release(op);
    base_free(CEP_CONTAINER_OF(op, struct probe, op));
}

static const struct rt_op_vt probe_vt = { .kind = "probe", .batch = probe_batch, .free = probe_free };

/* -- life --------------------------------------------------------------------------------------------------------------- */

enum cep_rc cep_engine_new(
    const struct cep_program *program, struct cep_engine **engine, struct cep_err *err) {
    *engine = NULL;
    if (!program->plan)
        return base_err_set(err, CEP_ESTATE, "a program with mistakes cannot run");
    const struct plan *plan = program->plan;
    struct cep_engine *e = base_calloc(1, sizeof *e);
    enum cep_rc rc = rt_graph_init(&e->graph, plan, clk_system(), 0, err);
    if (rc != CEP_OK) {
        base_free(e);
        return rc;
    }
    e->plan = plan;
    base_arena_init(&e->names, 0);
    base_arena_init(&e->scratch, 0);
    e->sources = base_calloc(plan->n_nodes + (size_t)1, sizeof *e->sources);
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        if (plan->nodes[i]->kind == PLAN_NODE_SOURCE) {
            struct source *s = &e->sources[e->n_sources++];
            s->op = e->graph.ops[i];
            plan_schema_for_library(&e->names, plan->nodes[i]->schema, &s->schema);
        }
    *engine = e;
    return CEP_OK;
}

void cep_engine_free(struct cep_engine *e) {
    if (!e)
        return;
    for (; e->head < e->n; e->head++)
        evt_batch_unref(e->queue[e->head].batch);
    rt_graph_release(&e->graph);
    for (size_t i = 0; i < e->n_outputs; i++)
        probe_free(&e->outputs[i].probe->op);
    base_free(e->outputs);
    base_free(e->sources);
    base_free(e->queue);
    base_arena_release(&e->names);
    base_arena_release(&e->scratch);
    base_buf_release(&e->json);
    base_free(e);
}

/* -- names -------------------------------------------------------------------------------------------------------------- */

int cep_engine_source(const struct cep_engine *e, const char *stream) {
    for (int i = 0; i < e->n_sources; i++)
        if (base_str_eq(e->sources[i].op->name, base_str_of(stream)))
            return i;
    return -1;
}

const struct cep_schema *cep_engine_source_schema(const struct cep_engine *e, int source) {
    return source >= 0 && source < e->n_sources ? &e->sources[source].schema : NULL;
}

/* "payments.late": the name before the last dot, unless a node has all of it. */
static bool find_output(const struct plan *plan, struct base_str name, struct plan_ref *ref) {
    const struct plan_node *n = plan_find(plan, name);
    if (n) {
        *ref = (struct plan_ref){ n->index, PLAN_PORT_MAIN };
        return true;
    }
    size_t dot = name.len;
    while (dot > 0 && name.p[dot - 1] != '.')
        dot--;
    n = dot > 1 ? plan_find(plan, (struct base_str){ name.p, dot - 1 }) : NULL;
    struct base_str port = { name.p + dot, name.len - dot };
    for (int p = PLAN_PORT_LATE; n && p < PLAN_PORT_MAX; p++) {
        *ref = (struct plan_ref){ n->index, (enum plan_port)p };
        if (plan_schema_of(plan, *ref) && base_str_eq(port, base_str_of(plan_port_text(n, ref->port))))
            return true;
    }
    return false;
}

int cep_engine_listen(struct cep_engine *e, const char *name, struct cep_err *err) {
    struct plan_ref ref;
    if (e->begun) {
        (void)base_err_set(err, CEP_ESTATE, "rows were pushed already: \"%s\" is listened at too late", name);
        return -1;
    }
    if (!find_output(e->plan, base_str_of(name), &ref)) {
        (void)base_err_set(err, CEP_ENAME, "there is no stream, pattern, alert or side output \"%s\"", name);
        return -1;
    }
    e->outputs = base_grow(e->outputs, e->n_outputs, &e->cap_outputs, sizeof *e->outputs);
    int output = (int)e->n_outputs++;
    struct output *o = &e->outputs[output];
    *o = (struct output){ .ref = ref, .own = plan_schema_of(e->plan, ref) };
    plan_schema_for_library(&e->names, o->own, &o->schema);
    o->probe = base_calloc(1, sizeof *o->probe);
    rt_op_init(&o->probe->op, &probe_vt, NULL, BASE_STR("probe"), 1, clk_system());
    o->probe->engine = e;
    o->probe->output = output;
    rt_graph_listen(&e->graph, ref, &o->probe->op, 0);
    return output;
}

const struct cep_schema *cep_engine_output_schema(const struct cep_engine *e, int output) {
    return output >= 0 && (size_t)output < e->n_outputs ? &e->outputs[output].schema : NULL;
}

/* -- in ----------------------------------------------------------------------------------------------------------------- */

static enum cep_rc may_go_on(const struct cep_engine *e, struct cep_err *err) {
    if (e->failed)
        return base_err_set(err, CEP_ESTATE, "the engine has failed before");
    if (e->finished)
        return base_err_set(err, CEP_ESTATE, "the input has ended");
    return CEP_OK;
}

static enum cep_rc after(struct cep_engine *e, enum cep_rc rc) {
    e->failed |= rc != CEP_OK;
    return rc;
}

/* Types are looked at before anything is taken: a wrong row changes nothing. */
static enum cep_rc check_rows(
    const struct source *s, const struct cep_value *cells, uint32_t n_rows, struct cep_err *err) {
    const struct evt_schema *schema = s->op->node->schema;
    for (uint32_t i = 0; i < n_rows; i++)
        for (uint32_t c = 0; c < schema->n_visible; c++) {
            const struct evt_column *col = &schema->cols[c];
            const struct cep_value *v = &cells[(size_t)i * schema->n_visible + c];
            if (!plan_val_fits(col->type, v))
                return base_err_set(err, CEP_ETYPE,
                    "row %u: column \"%.*s\" of stream \"%.*s\" is %s, and it was given %s", (unsigned)i,
                    BASE_STR_FMT(col->name), BASE_STR_FMT(s->op->name), evt_kind_name(col->type->kind),
                    plan_val_kind(v));
            if (v->null && col->not_null)
                return base_err_set(err, CEP_EINVAL,
                    "row %u: column \"%.*s\" of stream \"%.*s\" cannot be null", (unsigned)i,
                    BASE_STR_FMT(col->name), BASE_STR_FMT(s->op->name));
        }
    return CEP_OK;
}

static enum cep_rc push_some(
    struct source *s, const struct cep_value *cells, uint32_t n_rows, struct cep_err *err) {
    const struct evt_schema *schema = s->op->node->schema;
    const struct evt_val *vals = plan_vals_of_library(cells);
    struct evt_batch *b = evt_batch_new(schema, n_rows);
    for (uint32_t i = 0; i < n_rows; i++) {
        for (uint32_t c = 0; c < schema->n_visible; c++)
            evt_col_set_val(&b->cols[c], i, &vals[(size_t)i * schema->n_visible + c]);
        b->seq[i] = s->seq++;
        evt_batch_end_row(b);
    }
    enum cep_rc rc = rt_source_push(s->op, 0, b, err);
    evt_batch_unref(b);
    return rc;
}

enum cep_rc cep_engine_push(
    struct cep_engine *e, int source, const struct cep_value *cells, uint32_t n_rows, struct cep_err *err) {
    enum cep_rc rc = may_go_on(e, err);
    if (rc == CEP_OK && (source < 0 || source >= e->n_sources))
        rc = base_err_set(err, CEP_EINVAL, "there is no source %d", source);
    if (rc == CEP_OK)
        rc = check_rows(&e->sources[source], cells, n_rows, err);
    if (rc != CEP_OK)
        return rc;
    struct source *s = &e->sources[source];
    e->begun = true;
    for (uint32_t at = 0, n; at < n_rows && rc == CEP_OK; at += n) {
        n = n_rows - at < EVT_BATCH_ROWS ? n_rows - at : EVT_BATCH_ROWS;
        rc = push_some(s, cells + (size_t)at * s->op->node->schema->n_visible, n, err);
    }
    return after(e, rc);
}

enum cep_rc cep_engine_advance(struct cep_engine *e, int64_t watermark, struct cep_err *err) {
    enum cep_rc rc = may_go_on(e, err);
    e->begun = true;
    for (int i = 0; i < e->n_sources && rc == CEP_OK; i++)
        rc = after(e, rt_source_advance(e->sources[i].op, watermark, err));
    return rc;
}

enum cep_rc cep_engine_tick(struct cep_engine *e, struct cep_err *err) {
    int64_t next;
    enum cep_rc rc = may_go_on(e, err);
    for (int i = 0; i < e->n_sources && rc == CEP_OK; i++)
        rc = after(e, rt_source_tick(e->sources[i].op, &next, err));
    for (uint32_t i = 0; i < e->plan->n_nodes && rc == CEP_OK; i++)
        if (e->graph.ops[i]->vt->tick)
            rc = after(e, e->graph.ops[i]->vt->tick(e->graph.ops[i], &next, err));
    return rc;
}

enum cep_rc cep_engine_finish(struct cep_engine *e, struct cep_err *err) {
    enum cep_rc rc = may_go_on(e, err);
    e->begun = true;
    for (int i = 0; i < e->n_sources && rc == CEP_OK; i++)
        rc = after(e, rt_source_finish(e->sources[i].op, err));
    e->finished = rc == CEP_OK;
    return rc;
}

/* -- out ---------------------------------------------------------------------------------------------------------------- */

enum cep_rc cep_engine_take(struct cep_engine *e, struct cep_result *r) {
    if (e->head == e->n) {
        e->head = e->n = 0;
        return CEP_NONE;
    }
    struct waiting w = e->queue[e->head++];
    const struct evt_schema *s = e->outputs[w.output].own;
    base_arena_clear(&e->scratch);
    base_buf_clear(&e->json);
    evt_batch_write_json(&e->json, w.batch, w.row, &e->scratch);
    e->cells = BASE_ARENA_ARRAY(&e->scratch, struct evt_val, s->n_visible + (size_t)1);
    for (uint32_t c = 0; c < s->n_visible; c++) {
        struct evt_val v;
        evt_col_get(&w.batch->cols[c], w.row, &e->scratch, &v);
        e->cells[c] = evt_val_copy(&e->scratch, s->cols[c].type, &v);
        plan_val_show(s->cols[c].type, &e->cells[c]);
    }
    *r = (struct cep_result){ .output = w.output,
        .n_cells = s->n_visible,
        .cells = plan_vals_for_library(e->cells),
        .time = w.batch->time[w.row],
        .json = base_buf_cstr(&e->json) };
    evt_batch_unref(w.batch);
    return CEP_OK;
}

uint64_t cep_engine_count(struct cep_engine *e, const char *name, const char *what) {
    const struct plan_node *n = plan_find(e->plan, base_str_of(name));
    if (!n)
        return 0;
    struct rt_op *op = e->graph.ops[n->index];
    if (op->vt->gauges)
        op->vt->gauges(op);
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
#define COUNT(field, text, help) { text, op->metrics.field },
        RT_METRIC_LIST(COUNT)
#undef COUNT
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, what) == 0)
            return all[i].value;
    return 0;
}
