/* See rt_kit.h. */
#include "tests/runtime/rt_kit.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "connect/con.h"
#include "state/sto_part.h"

#include <stdlib.h>
#include <string.h>

struct rt_kit_probe {
    struct rt_op op;
    struct base_arena scratch;
    struct base_buf text;
};

static struct rt_kit_probe *probe_of(struct rt_op *op) {
    return CEP_CONTAINER_OF(op, struct rt_kit_probe, op);
}

static enum cep_rc probe_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_kit_probe *p = probe_of(op);
    (void)input;
    (void)err;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (!evt_batch_has(b, i))
            continue;
        for (uint32_t c = 0; c < b->schema->n_visible; c++) {
            struct evt_val v;
            evt_col_get(&b->cols[c], i, &p->scratch, &v);
            if (c)
                base_buf_putc(&p->text, '|');
            if (b->schema->cols[c].type->kind == EVT_TIMESTAMP && !v.null)
                base_buf_printf(&p->text, "%lld", (long long)v.i);
            else
                evt_val_write_text(&p->text, b->schema->cols[c].type, &v);
        }
        base_buf_putc(&p->text, '\n');
    }
    return CEP_OK;
}

static void probe_free(struct rt_op *op) {
    struct rt_kit_probe *p = probe_of(op);
    base_arena_release(&p->scratch);
    base_buf_release(&p->text);
    rt_op_release(op);
    base_free(p);
}

static const struct rt_op_vt probe_vt = { .kind = "probe", .batch = probe_batch, .free = probe_free };

struct plan *rt_kit_compile(struct dsl_diag *diag, const char *text) {
    struct plan *plan = NULL;
    dsl_diag_init(diag);
    struct dsl_sources src = { .text_name = "t.pattern", .text = base_str_of(text) };
    if (dsl_compile(&src, con_catalog(), NULL, diag, &plan) != CEP_OK) {
        struct base_buf b = BASE_BUF_INIT;
        dsl_diag_render(diag, NULL, &b);
        print_error("%s", base_buf_cstr(&b));
        base_buf_release(&b);
        fail();
    }
    return plan;
}

void rt_kit_init(struct rt_kit *k, const char *text) {
    *k = (struct rt_kit){ .n_probes = 0 };
    k->plan = rt_kit_compile(&k->diag, text);
    clk_manual_init(&k->clk, 0);
    assert_int_equal(rt_graph_init(&k->graph, k->plan, &k->clk, 0, NULL), CEP_OK);
}

void rt_kit_release(struct rt_kit *k) {
    for (size_t i = 0; i < k->n_probes; i++)
        probe_free(&k->probes[i]->op);
    rt_graph_release(&k->graph);
    plan_free(k->plan);
    dsl_diag_release(&k->diag);
}

struct rt_op *rt_kit_op(struct rt_kit *k, const char *name) {
    const struct plan_node *n = plan_find(k->plan, base_str_of(name));
    assert_non_null(n);
    return k->graph.ops[n->index];
}

struct base_buf *rt_kit_listen(struct rt_kit *k, const char *name, enum plan_port port) {
    assert_true(k->n_probes < sizeof k->probes / sizeof *k->probes);
    struct rt_kit_probe *p = base_calloc(1, sizeof *p);
    rt_op_init(&p->op, &probe_vt, NULL, BASE_STR("probe"), 1, &k->clk);
    base_arena_init(&p->scratch, 0);
    k->probes[k->n_probes++] = p;
    rt_graph_listen(&k->graph, (struct plan_ref){ rt_kit_op(k, name)->node->index, port }, &p->op, 0);
    return &p->text;
}

int64_t rt_kit_watermark(const struct rt_kit *k, size_t n) {
    return k->probes[n]->op.watermark;
}

bool rt_kit_idle(const struct rt_kit *k, size_t n) {
    return k->probes[n]->op.idle;
}

enum cep_rc rt_kit_push(struct rt_kit *k, const char *stream, uint32_t partition,
    const struct rt_kit_row *rows, size_t n, struct cep_err *err) {
    struct rt_op *op = rt_kit_op(k, stream);
    struct evt_batch *b = evt_batch_new(op->node->schema, 0);
    for (size_t i = 0; i < n; i++) {
        struct base_str key = rows[i].k ? base_str_of(rows[i].k) : BASE_STR("");
        evt_col_set_val(&b->cols[0], b->n_rows,
            &(struct evt_val){ .null = !rows[i].k, .s = { key.p, (uint32_t)key.len } });
        evt_col_set_val(
            &b->cols[1], b->n_rows, &(struct evt_val){ .null = rows[i].v == INT64_MIN, .i = rows[i].v });
        if (rows[i].at == INT64_MIN)
            evt_col_set_null(&b->cols[2], b->n_rows);
        else
            evt_col_set_val(&b->cols[2], b->n_rows, &(struct evt_val){ .i = rows[i].at });
        b->seq[b->n_rows] = k->seq++;
        evt_batch_end_row(b);
    }
    enum cep_rc rc = rt_source_push(op, partition, b, err);
    evt_batch_unref(b);
    return rc;
}

void rt_kit_finish(struct rt_kit *k) {
    for (uint32_t i = 0; i < k->plan->n_nodes; i++)
        if (k->plan->nodes[i]->kind == PLAN_NODE_SOURCE)
            assert_int_equal(rt_source_finish(k->graph.ops[i], NULL), CEP_OK);
}

void rt_kit_save(struct rt_op *op, const struct sto_out *out) {
    enum cep_rc rc = op->vt->save(op, out, NULL);
    if (rc == CEP_AGAIN)
        rc = op->vt->save_some(op, SIZE_MAX, NULL);
    assert_int_equal(rc, CEP_OK);
}

void rt_kit_reload(
    struct rt_kit *k, struct rt_kit *fresh, const char *text, const char *const *ops, size_t n_ops) {
    rt_kit_init(fresh, text);
    for (size_t i = 0; i < n_ops; i++) {
        struct rt_op *from = rt_kit_op(k, ops[i]), *to = rt_kit_op(fresh, ops[i]);
        struct base_buf b = BASE_BUF_INIT;
        struct sto_part_head head = {
            .kind = base_str_of(from->vt->kind), .name = from->name, .n_subtasks = 1
        };
        struct base_unpack u;
        struct sto_entry e;
        sto_part_begin(&b, &head);
        struct sto_out out = sto_part_out(&b);
        rt_kit_save(from, &out);
        sto_part_end(&b);
        assert_int_equal(sto_part_open(base_buf_view(&b), &head, &u, NULL), CEP_OK);
        while (sto_part_next(&u, &e, NULL) == CEP_OK)
            assert_int_equal(to->vt->load(to, &e, NULL, NULL), CEP_OK);
        if (to->vt->loaded)
            assert_int_equal(to->vt->loaded(to, NULL, NULL), CEP_OK);
        base_buf_release(&b);
    }
    rt_kit_release(k);
}

static int cmp_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rt_kit_sort_lines(struct base_buf *b) {
    char *copy = base_strdup(base_buf_cstr(b)), *save = NULL, **lines = NULL;
    size_t n = 0, cap = 0;
    for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        lines = base_grow(lines, n, &cap, sizeof *lines);
        lines[n++] = l;
    }
    if (n > 0)
        qsort(lines, n, sizeof *lines, cmp_lines);
    base_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        base_buf_printf(b, "%s\n", lines[i]);
    base_free(lines);
    base_free(copy);
}
