/*
 * cmd_check -- `cepd check FILE...`: all mistakes and warnings, and what each pattern may cost.
 */
#include "cepd/cmd_compile.h"

#include "nfa/nfa.h"

static void write_cost(struct base_buf *b, const struct plan_node *n, const struct nfa_cost *c) {
    base_buf_printf(b,
        "pattern \"%.*s\": %u states; a partial match takes %u bytes and %u for each event it took; store: "
        "%s\n",
        BASE_STR_FMT(n->name), c->states, c->bytes_per_partial, c->bytes_per_event, c->store);
    base_buf_printf(b,
        "  conditions: %u evaluated a batch at a time, %u for each partial match; columns kept: %u\n",
        c->batch_conditions, c->run_conditions, c->kept_columns);
    if (c->bounded_time)
        base_buf_puts(b, "  every partial match ends by itself\n");
    else
        base_buf_printf(b, "  unbounded: %s\n", c->unbounded_why);
    if (c->exponential || c->quadratic)
        base_buf_printf(b, "  %s growth: %s\n", c->exponential ? "exponential" : "quadratic", c->growth_why);
}

static int check_pattern(
    const struct cmd_args *args, const struct plan *plan, const struct plan_node *n, struct base_buf *out) {
    struct nfa_prog *prog;
    struct nfa_cost cost;
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_opts opts = {
        .no_timeouts = !plan_is_read(plan, (struct plan_ref){ n->index, PLAN_PORT_TIMEOUTS }),
    };
    if (nfa_compile(n, plan, &opts, &prog, &err) != CEP_OK)
        return cmd_fail(args, CMD_MISTAKE, &err);
    nfa_cost_of(prog, &cost);
    write_cost(out, n, &cost);
    nfa_prog_free(prog);
    return CMD_DONE;
}

static void write_count(struct base_buf *out, const char *sep, size_t n, const char *what) {
    base_buf_printf(out, "%s%zu %s%s", sep, n, what, n == 1 ? "" : "s");
}

static int check_file(const struct cmd_args *args, const char *file, struct cmd_log *log) {
    struct cmd_compiled c;
    struct cmd_args one = *args;
    one.operands = &file;
    one.n_operands = 1;
    int status = cmd_compile(&c, &one, log);
    struct base_buf out = BASE_BUF_INIT;
    if (status == CMD_DONE) {
        uint32_t n_kind[PLAN_NODE_MAX] = { 0 };
        for (uint32_t i = 0; i < c.plan->n_nodes; i++)
            n_kind[c.plan->nodes[i]->kind]++;
        base_buf_printf(&out, "%s: no mistakes", file);
        write_count(&out, ", ", c.diag.n_warnings, "warning");
        write_count(&out, "; ",
            n_kind[PLAN_NODE_SOURCE] + n_kind[PLAN_NODE_SELECT] + n_kind[PLAN_NODE_AGGREGATE] +
                n_kind[PLAN_NODE_PROCESS] + n_kind[PLAN_NODE_OVER] + n_kind[PLAN_NODE_JOIN] +
                n_kind[PLAN_NODE_TOP] + n_kind[PLAN_NODE_RECOGNIZE],
            "stream");
        write_count(&out, ", ", n_kind[PLAN_NODE_PATTERN], "pattern");
        write_count(&out, ", ", n_kind[PLAN_NODE_ALERT], "alert");
        write_count(&out, ", ", c.plan->n_sinks, "sink");
        write_count(&out, ", ", c.plan->n_tests, "test");
        base_buf_putc(&out, '\n');
        for (uint32_t i = 0; i < c.plan->n_nodes && status == CMD_DONE; i++)
            if (c.plan->nodes[i]->kind == PLAN_NODE_PATTERN)
                status = check_pattern(args, c.plan, c.plan->nodes[i], &out);
        int printed = cmd_print(stdout, &out);
        if (printed != CMD_DONE)
            status = printed;
    }
    base_buf_release(&out);
    cmd_compiled_release(&c);
    return status;
}

int cmd_check(const struct cmd_args *args) {
    struct cmd_log log;
    int status = CMD_DONE;
    cmd_log_init(&log, args);
    for (size_t i = 0; i < args->n_operands; i++) {
        int s = check_file(args, args->operands[i], &log);
        if (s > status)
            status = s;
    }
    return status;
}
