/*
 * cep_program -- a program from text: cep/cep.h.
 */
#include "embed/cep_program.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "connect/con.h"

static void read_options(const struct cep_options *given, struct cep_options *out) {
    *out = (struct cep_options){ .size = sizeof *out };
    if (given)
        memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
    if (!out->name)
        out->name = "text";
}

enum cep_rc cep_program_new(const char *text, size_t len, const struct cep_options *options,
    struct cep_program **program, struct cep_err *err) {
    struct cep_options o;
    struct cep_program *p = base_calloc(1, sizeof *p);
    read_options(options, &o);
    dsl_diag_init(&p->diag);
    struct dsl_set *sets = base_calloc(o.n_settings + (size_t)1, sizeof *sets);
    for (uint32_t i = 0; i < o.n_settings; i++)
        sets[i] = (struct dsl_set){ o.settings[i].name, o.settings[i].value };
    const struct dsl_sources sources = { .text_name = o.name, .text = { text, len } };
    const struct dsl_params params = { .sets = sets, .n_sets = o.n_settings, .library_dir = o.folder };
    enum cep_rc rc = dsl_compile(&sources, con_catalog(), &params, &p->diag, &p->plan);
    dsl_diag_render(&p->diag, NULL, &p->messages);
    if (rc != CEP_OK)
        (void)dsl_diag_first(&p->diag, err);
    base_free(sets);
    *program = p;
    return rc;
}

void cep_program_free(struct cep_program *program) {
    if (!program)
        return;
    plan_free(program->plan);
    dsl_diag_release(&program->diag);
    base_buf_release(&program->messages);
    base_free(program);
}

const char *cep_program_messages(const struct cep_program *program) {
    return program->messages.len > 0 ? program->messages.p : "";
}
