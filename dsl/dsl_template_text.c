/*
 * dsl_template_text -- the text of an option as a template: format text (template = '...').
 *
 * The parser reads the messages of alerts; which option is a template is known only to the checker. Places point into
 * the literal, as for messages.
 */
#include "dsl/dsl_sem.h"

#include "dsl/dsl_build.h"

bool dsl_template_text(
    struct dsl_sem *c, const struct dsl_expr *literal, struct dsl_part **parts, size_t *n_parts) {
    uint32_t n_exprs = 0; /* nobody keeps tables by the ids of these */
    const struct dsl_token token = { .span = literal->span, .s = literal->lit.s };
    struct dsl_parse *p = BASE_ARENA_NEW(&c->tmp, struct dsl_parse);
    *p = (struct dsl_parse){
        .arena = &c->tmp, .diag = c->diag, .file = literal->span.file, .n_exprs = &n_exprs
    };
    *parts = NULL;
    *n_parts = 0;
    dsl_parse_template(p, &token, parts, n_parts);
    return !p->broken;
}
