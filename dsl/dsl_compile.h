#pragma once
/*
 * dsl_compile -- text of .pattern files to a plan; the front end's one door for everybody else.
 *
 *     struct dsl_diag diag;
 *     dsl_diag_init(&diag);
 *     struct plan *plan = NULL;
 *     enum cep_rc rc = dsl_compile(&(struct dsl_sources){ .paths = argv, .n_paths = n }, catalog, NULL, &diag, &plan);
 *     dsl_diag_render(&diag, NULL, &text);       // errors and warnings, also when rc is CEP_OK
 *     if (rc == CEP_OK) ... run plan ...
 *     plan_free(plan);
 *     dsl_diag_release(&diag);
 *
 * The passes: parse (dsl_parse) -> resolve (names, order, cycles) -> check (types; expressions become `struct expr`)
 * -> lower (nodes of the plan) -> warn. Each goes on after a mistake, so that one run reports all of them.
 *
 * Threads: none; calls share nothing.
 */
#include "dsl/dsl_parse.h"
#include "plan/plan.h"

/* What to compile: files, or (n_paths == 0) one text that is at hand. */
struct dsl_sources {
    const char *const *paths; /* main files; together they are one program */
    size_t n_paths;
    const struct dsl_reader *reader; /* NULL: real files */
    const char *text_name;           /* without paths: the text, and what to call it */
    struct base_str text;
};

/* `--set NAME=VALUE`: the value as text, read as the parameter's type. */
struct dsl_set {
    const char *name;
    const char *value;
};

struct dsl_params {
    const struct dsl_set *sets;
    size_t n_sets;
    const char *
        library_dir; /* what relative names of files are relative to, when they have libraries; NULL: the current folder */
};

/*
 * Ensures: every mistake and warning is in diag (initialised by the caller, may hold others' items already). *out is a
 *          plan only when there is no error in diag; NULL else.
 * Returns: CEP_OK, or the code of the first error.
 * Owns:    the caller frees *out with plan_free(). The plan does not point into diag, sources or params; it does point
 *          to the rows of the catalog.
 */
enum cep_rc dsl_compile(const struct dsl_sources *sources, const struct plan_catalog *catalog,
    const struct dsl_params *params /* NULL: none */, struct dsl_diag *diag, struct plan **out);

/* The same for a program that is parsed already (`explain --stage ast` has one). */
enum cep_rc dsl_compile_program(const struct dsl_program *prog, const struct plan_catalog *catalog,
    const struct dsl_params *params, struct dsl_diag *diag, struct plan **out);

/* `explain --stage checked`: the program as understood, with the type of every column, key, condition and measure.
 * (`--stage ast` is dsl_ast_write(), `--stage plan` is plan_write().) */
void dsl_checked_write(struct base_buf *b, const struct plan *plan);
