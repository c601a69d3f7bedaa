/*
 * cmd_compile -- see cmd_compile.h.
 */
#include "cepd/cmd_compile.h"

#include "base/base_mem.h"

int cmd_sets_of(const struct cmd_args *args, struct dsl_set *sets, size_t *n, struct base_arena *a) {
    *n = 0;
    for (size_t i = 0; i < args->n_values; i++) {
        const struct cmd_value *v = &args->values[i];
        if (strcmp(v->option->name, "set") != 0)
            continue;
        const char *eq = strchr(v->text, '=');
        if (!eq || eq == v->text)
            return cmd_usage(args, "option \"--set\" takes NAME=VALUE, not \"%s\"", v->text);
        sets[(*n)++] = (struct dsl_set){ base_arena_strndup(a, v->text, (size_t)(eq - v->text)), eq + 1 };
    }
    return CMD_DONE;
}

void cmd_show_diag(const struct dsl_diag *diag, struct cmd_log *log) {
    struct base_buf b = BASE_BUF_INIT;
    struct dsl_diag_show show = { .colour = log->colour, .no_warnings = log->level > CON_LEVEL_WARNING };
    dsl_diag_render(diag, &show, &b);
    if (!log->json) {
        cmd_log_text(log, &b);
    } else if (b.len > 0) {
        enum con_level level = dsl_diag_failed(diag) ? CON_LEVEL_ERROR : CON_LEVEL_WARNING;
        cmd_log_line(log, level, base_buf_cstr(&b));
    }
    base_buf_release(&b);
}

int cmd_compile(struct cmd_compiled *c, const struct cmd_args *args, struct cmd_log *log) {
    struct base_arena a;
    size_t n_sets;
    *c = (struct cmd_compiled){ .plan = NULL };
    dsl_diag_init(&c->diag);
    base_arena_init(&a, 0);
    struct dsl_set *sets = BASE_ARENA_ARRAY(&a, struct dsl_set, args->n_values + 1);
    int status = cmd_sets_of(args, sets, &n_sets, &a);
    if (status == CMD_DONE) {
        const char *main_file = args->operands[0], *slash = strrchr(main_file, '/');
        c->base_dir = slash ? base_strndup(main_file, slash == main_file ? 1 : (size_t)(slash - main_file))
                            : base_strdup(".");
        struct dsl_sources sources = { .paths = args->operands, .n_paths = args->n_operands };
        struct dsl_params params = { .sets = sets, .n_sets = n_sets };
        enum cep_rc rc = dsl_compile(&sources, con_catalog(), &params, &c->diag, &c->plan);
        cmd_show_diag(&c->diag, log);
        status = rc == CEP_OK ? CMD_DONE : CMD_MISTAKE;
    }
    base_arena_release(&a);
    return status;
}

void cmd_compiled_release(struct cmd_compiled *c) {
    plan_free(c->plan);
    base_free(c->base_dir);
    dsl_diag_release(&c->diag);
}
