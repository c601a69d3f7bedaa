/*
 * cmd_submit -- `cepd submit FILE`: the text with what it includes goes to a coordinator, which compiles and runs it.
 */
#include "cepd/cmd_client.h"
#include "cepd/cmd_config.h"
#include "cepd/cmd_log.h"

#include "base/base_err.h"
#include "base/base_num.h"
#include "cluster/clu_spec.h"
#include "plan/plan_job.h"

#include <stdlib.h>

/* Keys of the configuration that were given as options: those of the job. */
static void add_settings(
    const struct cmd_args *args, const struct clu_config *config, struct clu_spec *spec) {
    (void)args;
    for (int k = 0; k < CLU_CFG_MAX; k++)
        if (config->from[k] && strncmp(config->from[k], "--", 2) == 0 && k != CLU_CFG_PARALLELISM &&
            strncmp(clu_config_name((enum clu_config_key)k), "security.", 9) != 0) /* of this request */
            clu_pairs_add(&spec->settings, &spec->arena, base_str_of(clu_config_name((enum clu_config_key)k)),
                base_str_of(config->values[k]));
}

static enum cep_rc read_parallelism(const struct cmd_args *args, struct clu_spec *spec, struct cep_err *err) {
    const char *text = cmd_args_get(args, "parallelism");
    int64_t n = 0;
    if (!text)
        return CEP_OK;
    if (!base_parse_i64(base_str_of(text), &n) || n < 1 || n > PLAN_PARALLELISM_MAX)
        return base_err_set(err, CEP_EINVAL, "--parallelism takes a number from 1 to 128, not \"%s\"", text);
    spec->parallelism = (uint32_t)n;
    return CEP_OK;
}

static enum cep_rc read_restore(const struct cmd_args *args, struct clu_spec *spec, struct cep_err *err) {
    const char *path = cmd_args_get(args, "restore");
    spec->allow_dropped = cmd_args_has(args, "allow-dropped-state");
    if (!path)
        return spec->allow_dropped
                   ? base_err_set(err, CEP_EINVAL, "--allow-dropped-state means nothing without --restore")
                   : CEP_OK;
    char *real = realpath(path, NULL);
    spec->restore = base_arena_strdup(&spec->arena, real ? real : path);
    free(real);
    return CEP_OK;
}

static int read_set(const struct cmd_args *args, struct clu_spec *spec) {
    for (size_t i = 0; i < args->n_values; i++) {
        const struct cmd_value *v = &args->values[i];
        if (strcmp(v->option->name, "set") != 0)
            continue;
        const char *eq = strchr(v->text, '=');
        if (!eq || eq == v->text)
            return cmd_usage(args, "option \"--set\" takes NAME=VALUE, not \"%s\"", v->text);
        clu_pairs_add(&spec->set, &spec->arena, (struct base_str){ v->text, (size_t)(eq - v->text) },
            base_str_of(eq + 1));
    }
    return CMD_DONE;
}

/* Mistakes and warnings, as `cepd check` prints them. */
static void show(struct cmd_log *log, const char *text, enum con_level level) {
    struct base_buf b = BASE_BUF_INIT;
    if (!text[0] || level < log->level)
        return;
    base_buf_puts(&b, text);
    if (log->json)
        cmd_log_line(log, level, text);
    else
        cmd_log_text(log, &b);
    base_buf_release(&b);
}

/* The file itself could not be read: told as `cepd check` tells it. */
static int not_read(const struct cmd_args *args, const struct cep_err *err) {
    struct cmd_log log;
    struct dsl_diag diag;
    struct base_buf text = BASE_BUF_INIT;
    cmd_log_init(&log, args);
    dsl_diag_init(&diag);
    dsl_diag_error(&diag, (struct cep_span){ 0 }, err->rc, "%s", err->message);
    dsl_diag_render(&diag, NULL, &text);
    show(&log, base_buf_cstr(&text), CON_LEVEL_ERROR);
    base_buf_release(&text);
    dsl_diag_release(&diag);
    return CMD_MISTAKE;
}

static int send_it(const struct cmd_args *args, const struct clu_spec *spec, struct base_arena *a) {
    struct cmd_log log;
    struct base_buf body = BASE_BUF_INIT, answer = BASE_BUF_INIT, text = BASE_BUF_INIT;
    long status = 0;
    cmd_log_init(&log, args);
    clu_spec_write(spec, &body);
    int rc = cmd_client_ask(args, "POST", "/jobs", base_buf_cstr(&body), &answer, &status);
    const char *mistakes = cmd_json_lines(a, base_buf_view(&answer), "$.diagnostics");
    if (rc == CMD_DONE && mistakes[0]) {
        show(&log, mistakes, CON_LEVEL_ERROR);
        rc = CMD_MISTAKE;
    } else if (rc == CMD_DONE) {
        show(&log, cmd_json_lines(a, base_buf_view(&answer), "$.warnings"), CON_LEVEL_WARNING);
        rc = cmd_client_judge(args, status, base_buf_view(&answer));
    }
    if (rc == CMD_DONE) {
        if (cmd_args_has(args, "json"))
            base_buf_str(&text, base_buf_view(&answer));
        else
            base_buf_printf(&text, "%s\n", cmd_json_text(a, base_buf_view(&answer), "$.jobid"));
        rc = cmd_print(stdout, &text);
    }
    base_buf_release(&body);
    base_buf_release(&answer);
    base_buf_release(&text);
    return rc;
}

int cmd_submit(const struct cmd_args *args) {
    struct base_arena a;
    struct clu_config config;
    struct clu_spec spec;
    struct cep_err err = CEP_ERR_INIT;
    base_arena_init(&a, 0);
    clu_spec_init(&spec);
    int status = read_set(args, &spec);
    enum cep_rc rc = status == CMD_DONE ? cmd_config_load(&config, args, &a, &err) : CEP_OK;
    if (rc == CEP_OK && status == CMD_DONE) {
        rc = clu_spec_read_files(&spec, args->operands[0], &err);
        if (spec.n_files == 0)
            status = not_read(args, &err);
    }
    if (rc == CEP_OK && status == CMD_DONE)
        rc = read_parallelism(args, &spec, &err);
    if (rc == CEP_OK && status == CMD_DONE)
        rc = read_restore(args, &spec, &err);
    if (rc != CEP_OK && status == CMD_DONE)
        status = cmd_fail(args, CMD_MISTAKE, &err);
    if (status == CMD_DONE) {
        add_settings(args, &config, &spec);
        if (cmd_args_has(args, "name"))
            spec.name = cmd_args_get(args, "name");
        status = send_it(args, &spec, &a);
    }
    clu_spec_release(&spec);
    base_arena_release(&a);
    return status;
}
