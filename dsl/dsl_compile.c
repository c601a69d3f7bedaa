/*
 * dsl_compile -- runs the passes over a program and hands out a plan when there was no mistake.
 */
#include "dsl/dsl_compile.h"

#include "base/base_mem.h"
#include "dsl/dsl_variant.h"

static struct plan *new_plan(void) {
    struct plan *p = base_calloc(1, sizeof *p);
    base_arena_init(&p->arena, 16 << 10);
    return p;
}

static void sem_init(struct dsl_sem *c, const struct dsl_program *prog, const struct plan_catalog *catalog,
    const struct dsl_params *params, struct dsl_diag *diag) {
    *c = (struct dsl_sem){
        .prog = prog, .catalog = catalog, .params = params, .diag = diag, .plan = new_plan()
    };
    c->a = &c->plan->arena;
    base_arena_init(&c->tmp, 16 << 10);
    base_map_init(&c->by_name);
    base_map_init(&c->sink_names);
}

static void sem_release(struct dsl_sem *c) {
    base_map_release(&c->by_name);
    base_map_release(&c->sink_names);
    base_arena_release(&c->tmp);
    plan_free(c->plan);
}

static void lower_producer(struct dsl_sem *c, struct dsl_sym *s) {
    if (s->stmt->broken) {
        for (size_t i = 0; i < s->n_deps; i++)
            s->deps[i]->read = true;
        if (s->kind == DSL_SYM_PATTERN)
            dsl_check_broken_pattern(c, s);
        else if (s->kind == DSL_SYM_SOURCE)
            dsl_check_broken_source(c, s);
        else if (s->kind == DSL_SYM_SELECT && s->stmt->select)
            dsl_check_broken_select(c, s);
        else if (s->kind == DSL_SYM_ALERT)
            dsl_check_broken_alert(c, s);
        return;
    }
    switch (s->kind) {
    case DSL_SYM_SOURCE: dsl_lower_source(c, s); break;
    case DSL_SYM_SELECT: dsl_lower_select(c, s); break;
    case DSL_SYM_PATTERN: dsl_lower_pattern(c, s); break;
    case DSL_SYM_ALERT: dsl_lower_alert(c, s); break;
    case DSL_SYM_PROCESS: dsl_lower_process(c, s); break;
    case DSL_SYM_PARAM:
    case DSL_SYM_FUNCTION:
    case DSL_SYM_SINK:
    case DSL_SYM_MAX: break;
    }
}

static void refuse_statements(struct dsl_sem *c) {
    for (size_t i = 0; i < c->prog->n_stmts; i++) {
        const struct dsl_stmt *st = c->prog->stmts[i];
        if (!st->broken && st->kind == DSL_STMT_PROCESS && !dsl_name_given(&st->name)) {
            dsl_diag_error(c->diag, st->span, CEP_EINVAL, "the process has no name");
            dsl_diag_note(c->diag, "write: stream NAME (column type, ...) as process ...");
        }
    }
}

static uint64_t version_of(const struct plan *p) {
    struct base_buf b = BASE_BUF_INIT;
    plan_write_nodes(&b, p);
    uint64_t v = base_hash(b.p ? b.p : "", b.len);
    base_buf_release(&b);
    return v;
}

static void run_passes(struct dsl_sem *c) {
    refuse_statements(c);
    dsl_resolve(c);
    dsl_param_values(c);
    dsl_lower_functions(c);
    for (size_t i = 0; i < c->n_order && !dsl_over_budget(c, c->order[i]->stmt->span); i++)
        lower_producer(c, c->order[i]);
    for (size_t i = 0; i < c->prog->n_stmts && !dsl_over_budget(c, c->prog->stmts[i]->span); i++)
        if (c->prog->stmts[i]->kind == DSL_STMT_SINK)
            (c->prog->stmts[i]->broken ? dsl_check_broken_sink : dsl_lower_sink)(c, c->prog->stmts[i]);
    dsl_lower_implied_sinks(c);
    if (!c->variant) {
        dsl_check_meeting_sinks(c);
        dsl_lower_tests(c);
        dsl_warn_clocks(c);
        dsl_warn_unread(c);
    }
    c->plan->nodes = c->nodes;
    c->plan->n_nodes = (uint32_t)c->n_nodes;
    c->plan->sinks = c->sinks;
    c->plan->n_sinks = (uint32_t)c->n_sinks;
    plan_seal(c->plan);
}

/* Mistakes of a variant that the program itself does not have: told once, at the test. */
struct plan *dsl_compile_variant(struct dsl_sem *c, const struct dsl_test *test) {
    struct dsl_sem v;
    struct dsl_diag diag;
    struct plan *out = NULL;
    dsl_diag_init(&diag);
    for (size_t i = 0; i < c->diag->n_files; i++)
        dsl_diag_add_file(&diag, c->diag->files[i].name, c->diag->files[i].text);
    sem_init(&v, c->prog, c->catalog, c->params, &diag);
    v.variant = test;
    run_passes(&v);
    struct cep_err err = CEP_ERR_INIT;
    if (dsl_diag_failed(&diag)) {
        enum cep_rc rc = dsl_diag_first(&diag, &err);
        dsl_diag_error(c->diag, test->with_span, rc, "with these parameters: %s", err.message);
        if (err.span.line)
            dsl_diag_note_at(c->diag, err.span, "here");
    } else {
        v.plan->version = version_of(v.plan);
        out = v.plan;
        v.plan = NULL;
    }
    sem_release(&v);
    dsl_diag_release(&diag);
    return out;
}

enum cep_rc dsl_compile_program(const struct dsl_program *prog, const struct plan_catalog *catalog,
    const struct dsl_params *params, struct dsl_diag *diag, struct plan **out) {
    struct dsl_sem c;
    enum cep_rc rc = CEP_OK;
    *out = NULL;
    sem_init(&c, prog, catalog, params, diag);
    run_passes(&c);
    if (dsl_diag_failed(diag)) {
        rc = dsl_diag_first(diag, NULL);
    } else {
        c.plan->version = version_of(c.plan);
        *out = c.plan;
        c.plan = NULL;
    }
    sem_release(&c);
    return rc;
}

enum cep_rc dsl_compile(const struct dsl_sources *sources, const struct plan_catalog *catalog,
    const struct dsl_params *params, struct dsl_diag *diag, struct plan **out) {
    struct base_arena arena;
    base_arena_init(&arena, 16 << 10);
    const struct dsl_program *prog =
        sources->n_paths > 0
            ? dsl_parse_files(sources->paths, sources->n_paths, sources->reader, &arena, diag)
            : dsl_parse_text(sources->text_name ? sources->text_name : "text", sources->text, &arena, diag);
    enum cep_rc rc = dsl_compile_program(prog, catalog, params, diag, out);
    base_arena_release(&arena);
    return rc;
}
