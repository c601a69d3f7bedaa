/*
 * cmd_explain -- `cepd explain FILE`: what is compiled, stage by stage, and why so.
 */
#include "cepd/cmd_compile.h"
#include "cepd/cmd_config.h"

#include "base/base_err.h"
#include "cepd/cmd_shared.h"
#include "cepd/cmd_svg.h"
#include "dsl/dsl_dump.h"
#include "nfa/nfa.h"
#include "nfa/nfa_rows.h"
#include "plan/plan_job.h"

/* A stage's text, and its graph where it has one. */
struct stage {
    const char *name;
    bool per_pattern;
    void (*text)(struct base_buf *b, const struct plan *p);
    void (*dot)(struct base_buf *b, const struct plan *p);
    void (*pattern_text)(struct base_buf *b, const struct nfa_prog *p);
    void (*pattern_dot)(struct base_buf *b, const struct nfa_prog *p);
    bool shared; /* what patterns have in common */
    void (*job_text)(struct base_buf *b, const struct plan_job *j);
    void (*job_dot)(struct base_buf *b, const struct plan_job *j);
    void (*job_json)(struct base_buf *b, const struct plan_job *j);
};

static void write_nfa(struct base_buf *b, const struct nfa_prog *p) {
    nfa_write_tree(b, p);
    nfa_write_automaton(b, p);
}

static const struct stage stages[] = {
    { .name = "checked", .text = dsl_checked_write },
    { .name = "plan", .text = plan_write, .dot = plan_write_dot },
    { .name = "nfa", .per_pattern = true, .pattern_text = write_nfa, .pattern_dot = nfa_write_dot },
    { .name = "program", .per_pattern = true, .pattern_text = nfa_write_program },
    { .name = "shared", .shared = true },
    { .name = "graph",
        .job_text = plan_job_write,
        .job_dot = plan_job_write_dot,
        .job_json = plan_job_write_json },
};

/* -- the summary --------------------------------------------------------------------------------------------------- */

static void write_summary_of(struct base_buf *b, const struct nfa_prog *prog) {
    const struct plan_node *n = nfa_prog_node(prog);
    struct nfa_cost c;
    const uint64_t *kept;
    nfa_cost_of(prog, &c);
    size_t words = nfa_kept_columns(prog, &kept);
    base_buf_printf(b, "pattern %.*s\n  match ", BASE_STR_FMT(n->name));
    plan_write_term(b, &n->pattern, n->pattern.root);
    base_buf_printf(b, "\n  store: %s, because %s\n", c.store, c.store_why);
    base_buf_printf(b, "  automaton: %u states, %u edges\n", c.states, c.edges);
    base_buf_printf(b, "  conditions: %u evaluated a batch at a time, %u for each event and partial match\n",
        c.batch_conditions, c.run_conditions);
    base_buf_puts(b, "  columns kept by partial matches:");
    bool any = false;
    for (uint32_t i = 0; i < n->pattern.cols.n_cols && i / 64 < words; i++)
        if ((kept[i / 64] >> (i % 64)) & 1) {
            base_buf_printf(b, "%s %.*s", any ? "," : "", BASE_STR_FMT(n->pattern.cols.cols[i].name));
            any = true;
        }
    base_buf_printf(b, "%s\n  memory: %u bytes a partial match, %u for each event it took\n",
        any ? "" : " none", c.bytes_per_partial, c.bytes_per_event);
    base_buf_printf(
        b, "  time: %s\n", c.bounded_time ? "every partial match ends by itself" : c.unbounded_why);
    base_buf_printf(b, "  rows: %s\n",
        c.needs_all_rows ? "every row of a key matters (a strict step, prev)"
                         : "those that can change nothing are dropped before their key is looked up");
}

static void write_delivery(struct base_buf *b, const struct plan *p) {
    static const char *const words[PLAN_DELIVERY_MAX] = {
        [PLAN_DELIVERY_DEFAULT] = "at least once",
        [PLAN_AT_LEAST_ONCE] = "at least once",
        [PLAN_EXACTLY_ONCE] = "exactly once",
    };
    for (uint32_t i = 0; i < p->n_sinks; i++) {
        const struct plan_sink *s = &p->sinks[i];
        base_buf_printf(b,
            "sink %.*s: to %s, delivery %s (without checkpoints: one run writes each row once; a run that is "
            "started again "
            "writes it again)\n",
            BASE_STR_FMT(s->name), s->connector->name, words[s->delivery]);
    }
}

/* -- the command ------------------------------------------------------------------------------------------------------ */

/* Of a `match_recognize`: its pattern, and the program that its matcher runs. */
static void write_recognize(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct nfa_rows_out nowhere = { 0 };
    struct nfa_rows_kind *k = nfa_rows_kind_new(
        &n->recognize, plan_schema_of(p, n->recognize.input), n->schema, &nowhere);
    base_buf_printf(b, "match_recognize %.*s\n  match ", BASE_STR_FMT(n->name));
    plan_write_row_term(b, &n->recognize, n->recognize.root);
    base_buf_putc(b, '\n');
    nfa_rows_kind_write(b, k);
    nfa_rows_kind_free(k);
}

static void each_recognize(const struct cmd_args *args, const struct plan *p, struct base_buf *out) {
    for (uint32_t i = 0; i < p->n_nodes && !cmd_args_get(args, "pattern"); i++)
        if (p->nodes[i]->kind == PLAN_NODE_RECOGNIZE)
            write_recognize(out, p, p->nodes[i]);
}

/* Calls `each` for the patterns asked for. Returns: CMD_DONE or what went wrong (said). */
static int each_pattern(const struct cmd_args *args, const struct plan *p,
    void (*each)(struct base_buf *, const struct nfa_prog *), struct base_buf *out) {
    const char *only = cmd_args_get(args, "pattern");
    bool any = false;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const struct plan_node *n = p->nodes[i];
        if (n->kind != PLAN_NODE_PATTERN || (only && !base_str_eq(n->name, base_str_of(only))))
            continue;
        struct nfa_prog *prog;
        struct cep_err err = CEP_ERR_INIT;
        struct nfa_opts opts = { .no_timeouts = !plan_is_read(
                                     p, (struct plan_ref){ i, PLAN_PORT_TIMEOUTS }) };
        if (nfa_compile(n, p, &opts, &prog, &err) != CEP_OK)
            return cmd_fail(args, CMD_MISTAKE, &err);
        each(out, prog);
        nfa_prog_free(prog);
        any = true;
    }
    if (only && !any)
        return cmd_usage(args, "there is no pattern \"%s\" in the file", only);
    return CMD_DONE;
}

static const struct stage *find_stage(const char *name) {
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stages[i].name, name) == 0)
            return &stages[i];
    return NULL;
}

/* The parallelism of the job, as `run` would find it. */
static enum cep_rc parallelism_of(const struct cmd_args *args, uint32_t *out, struct cep_err *err) {
    struct base_arena a;
    struct clu_config c;
    int64_t n = 1;
    base_arena_init(&a, 0);
    enum cep_rc rc = cmd_config_load(&c, args, &a, err);
    if (rc == CEP_OK)
        rc = clu_config_int(&c, CLU_CFG_PARALLELISM, 1, PLAN_PARALLELISM_MAX, &n, err);
    *out = (uint32_t)n;
    base_arena_release(&a);
    return rc;
}

/* Text into `out`, or the graph as dot for others to draw. */
static int explain_job(const struct cmd_args *args, const struct stage *st, const struct plan *p,
    const char *format, struct base_buf *out) {
    uint32_t parallelism;
    struct cep_err err = CEP_ERR_INIT;
    if (parallelism_of(args, &parallelism, &err) != CEP_OK)
        return cmd_fail(args, CMD_MISTAKE, &err);
    struct plan_job *j = plan_job_new(p, parallelism);
    struct base_buf dot = BASE_BUF_INIT;
    int status = CMD_DONE;
    if (!format || strcmp(format, "text") == 0) {
        st->job_text(out, j);
    } else if (strcmp(format, "json") == 0) {
        st->job_json(out, j);
    } else if (strcmp(format, "dot") == 0) {
        st->job_dot(out, j);
    } else {
        st->job_dot(&dot, j);
        if (cmd_dot_to(&dot, "svg", out, &err) != CEP_OK)
            status = cmd_fail(args, CMD_FAILED, &err);
    }
    base_buf_release(&dot);
    plan_job_free(j);
    return status;
}

static int explain_shared(
    const struct cmd_args *args, const struct plan *p, enum cmd_shared_form form, struct base_buf *out) {
    struct cep_err err = CEP_ERR_INIT;
    return cmd_shared_write(out, p, form, &err) == CEP_OK ? CMD_DONE : cmd_fail(args, CMD_MISTAKE, &err);
}

static int explain_stage(
    const struct cmd_args *args, const struct stage *st, const struct plan *p, struct base_buf *out) {
    const char *format = cmd_args_get(args, "format");
    if (st->job_text)
        return explain_job(args, st, p, format, out);
    if (st->shared && format && strcmp(format, "json") == 0)
        return explain_shared(args, p, CMD_SHARED_JSON, out);
    if (!format || strcmp(format, "text") == 0) {
        if (st->shared)
            return explain_shared(args, p, CMD_SHARED_TEXT, out);
        if (st->per_pattern && !st->pattern_dot)
            each_recognize(args, p, out);
        if (st->per_pattern)
            return each_pattern(args, p, st->pattern_text, out);
        st->text(out, p);
        return CMD_DONE;
    }
    if (!st->dot && !st->pattern_dot)
        return cmd_usage(args, "stage \"%s\" is no graph: it has --format text%s only", st->name,
            st->shared ? " and json" : "");
    struct base_buf dot = BASE_BUF_INIT;
    int status = CMD_DONE;
    if (st->per_pattern)
        status = each_pattern(args, p, st->pattern_dot, &dot);
    else
        st->dot(&dot, p);
    struct cep_err err = CEP_ERR_INIT;
    if (status == CMD_DONE && strcmp(format, "dot") == 0)
        base_buf_str(out, base_buf_view(&dot));
    else if (status == CMD_DONE &&
             cmd_dot_to(&dot, strcmp(format, "svg") == 0 ? "svg" : "json0", out, &err) != CEP_OK)
        status = cmd_fail(args, CMD_FAILED, &err);
    base_buf_release(&dot);
    return status;
}

static int explain_ast(const struct cmd_args *args, struct cmd_log *log, struct base_buf *out) {
    struct dsl_diag diag;
    struct base_arena a;
    dsl_diag_init(&diag);
    base_arena_init(&a, 0);
    struct dsl_program *prog = dsl_parse_files(args->operands, args->n_operands, NULL, &a, &diag);
    bool failed = dsl_diag_failed(&diag);
    if (failed)
        cmd_show_diag(&diag, log);
    else
        dsl_dump(prog, NULL, out);
    base_arena_release(&a);
    dsl_diag_release(&diag);
    return failed ? CMD_MISTAKE : CMD_DONE;
}

static int explain_plan(
    const struct cmd_args *args, const char *stage, struct cmd_log *log, struct base_buf *out) {
    struct cmd_compiled c;
    int status = cmd_compile(&c, args, log);
    if (status == CMD_DONE && stage) {
        status = explain_stage(args, find_stage(stage), c.plan, out);
    } else if (status == CMD_DONE) {
        if (!cmd_args_get(args, "pattern"))
            status = explain_job(args, find_stage("graph"), c.plan, NULL, out);
        if (status == CMD_DONE)
            status = each_pattern(args, c.plan, write_summary_of, out);
        if (status == CMD_DONE && !cmd_args_get(args, "pattern"))
            status = explain_shared(args, c.plan, CMD_SHARED_SUMMARY, out);
        if (status == CMD_DONE && !cmd_args_get(args, "pattern"))
            write_delivery(out, c.plan);
    }
    cmd_compiled_release(&c);
    return status;
}

int cmd_explain(const struct cmd_args *args) {
    struct cmd_log log;
    struct base_buf out = BASE_BUF_INIT;
    const char *stage = cmd_args_get(args, "stage"), *format = cmd_args_get(args, "format");
    cmd_log_init(&log, args);
    if (format && strcmp(format, "text") != 0 && (!stage || strcmp(stage, "ast") == 0))
        return cmd_usage(args, "--format %s wants --stage plan, nfa, shared or graph", format);
    int status = stage && strcmp(stage, "ast") == 0 ? explain_ast(args, &log, &out)
                                                    : explain_plan(args, stage, &log, &out);
    if (status == CMD_DONE)
        status = cmd_print(stdout, &out);
    base_buf_release(&out);
    return status;
}
