/*
 * dsl_lower_process -- `stream NAME (columns) as process 'lib.so' (options) from ... partition by ...` becomes a node: the library is
 * loaded, what it says of itself is held against the statement, and it has its say.
 */
#include "dsl/dsl_sem.h"

#include "plan/plan_library.h"

/* -- the library ------------------------------------------------------------------------------------------------------ */

static struct base_str folder_of(struct base_str file) {
    size_t n = file.len;
    while (n > 0 && file.p[n - 1] != '/')
        n--;
    return (struct base_str){ file.p, n };
}

/* Relative to the folder of the file that it stands in. Always with a "/": the system's own libraries are not looked through. */
static const char *path_of(struct dsl_sem *c, struct base_str written, struct cep_span at) {
    if (written.len > 0 && written.p[0] == '/')
        return base_arena_printf(&c->tmp, "%.*s", BASE_STR_FMT(written));
    struct base_str dir = BASE_STR("");
    if (at.file < c->diag->n_files)
        dir = folder_of(base_str_of(c->diag->files[at.file].name));
    const char *base = c->params && c->params->library_dir && !(dir.len > 0 && dir.p[0] == '/')
                           ? c->params->library_dir
                           : ".";
    return base_arena_printf(&c->tmp, "%s/%.*s%.*s", dir.len > 0 && dir.p[0] == '/' ? "" : base,
        BASE_STR_FMT(dir), BASE_STR_FMT(written));
}

const struct cep_library *dsl_library(struct dsl_sem *c, struct base_str written, struct cep_span at) {
    const struct cep_library *lib = NULL;
    struct cep_err err = CEP_ERR_INIT;
    const char *path = path_of(c, written, at), *why = err.message;
    enum cep_rc rc = plan_library_load(c->a, path, &lib, &err);
    if (rc == CEP_OK)
        return lib;
    /* The system begins with the path, which is said already. */
    size_t len = strlen(path);
    if (strncmp(why, path, len) == 0 && strncmp(why + len, ": ", 2) == 0)
        why += len + 2;
    dsl_diag_error(c->diag, at, rc, "library \"%.*s\": %s", BASE_STR_FMT(written), why);
    if (err.hint[0])
        dsl_diag_note(c->diag, "%s", err.hint);
    else if (rc == CEP_EIO)
        dsl_diag_note(c->diag, "the path is relative to the folder of the .pattern file");
    return NULL;
}

/* -- parts ------------------------------------------------------------------------------------------------------------ */

static bool lower_inputs(struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_process *st,
    struct plan_process *pr, struct dsl_rows *rows) {
    size_t n = st->n_inputs > DSL_MAX_FROM ? DSL_MAX_FROM : st->n_inputs;
    struct plan_ref *refs = BASE_ARENA_ARRAY(c->a, struct plan_ref, n + 1);
    bool ok = true;
    if (n == 0) {
        dsl_diag_error(c->diag, st->library_span, CEP_EINVAL, "the process reads nothing");
        dsl_diag_note(c->diag, "add: from STREAM");
        return false;
    }
    if (n < st->n_inputs) {
        dsl_diag_error(
            c->diag, st->inputs[n].span, CEP_ELIMIT, "a process reads at most %d streams", (int)DSL_MAX_FROM);
        ok = false;
    }
    for (size_t i = 0; i < n; i++) {
        bool found = dsl_rows_find(c, &st->inputs[i], DSL_USE_READ, &rows[i]);
        if (found && rows[i].sym != sym)
            refs[i] = dsl_rows_ref(&rows[i]);
        else
            ok = false;
        ok &= found && dsl_changes_refused(c, &rows[i], st->inputs[i].span, "a compiled operator");
        ok = ok && found && !rows[i].open && !rows[i].sym->bad;
    }
    pr->n_inputs = (uint32_t)n;
    pr->inputs = refs;
    return ok;
}

static const struct expr *lower_key(
    struct dsl_sem *c, const struct dsl_rows *in, const struct dsl_expr *e, const struct expr *first) {
    struct dsl_scope s = { .kind = DSL_SCOPE_ROW,
        .schema = in->schema,
        .open = in->open,
        .name = in->name,
        .word = "stream",
        .own = -1,
        .input = -1,
        .agg_var = -1,
        .key_col = -1 };
    const struct expr *key = dsl_fold(c, dsl_check_expr(c, &s, e));
    struct cep_err err = CEP_ERR_INIT;
    if (!key)
        return NULL;
    if (key->type->kind == EVT_NULL) {
        dsl_diag_error(c->diag, e->span, CEP_ETYPE, "the type of this key is not known");
        return NULL;
    }
    if (!first) {
        if (key->kind == EXPR_CONST)
            dsl_diag_warning(c->diag, e->span, "the key is the same for every event");
        return key;
    }
    if (expr_coerce(c->a, key, first->type, &key, &err) == CEP_OK)
        return key;
    dsl_diag_error(c->diag, e->span, CEP_ETYPE, "this key is %s in \"%.*s\" and %s in the first stream",
        dsl_type_name(c, key->type), BASE_STR_FMT(in->name), dsl_type_name(c, first->type));
    return NULL;
}

static bool lower_keys(
    struct dsl_sem *c, const struct dsl_process *st, struct plan_process *pr, const struct dsl_rows *rows) {
    size_t n = dsl_capped(c, st->library_span, st->n_partition, "parts of a key");
    const struct expr *const **keys = BASE_ARENA_ARRAY(
        c->a, const struct expr *const *, pr->n_inputs + (size_t)1);
    bool ok = n == st->n_partition;
    for (uint32_t i = 0; i < pr->n_inputs; i++) {
        const struct expr **of = BASE_ARENA_ARRAY(c->a, const struct expr *, n + 1);
        for (size_t k = 0; k < n; k++) {
            of[k] = lower_key(c, &rows[i], st->partition[k], i > 0 ? keys[0][k] : NULL);
            ok &= of[k] != NULL;
        }
        keys[i] = of;
    }
    pr->n_keys = (uint32_t)n;
    pr->keys = keys;
    return ok;
}

static void lower_sides(struct dsl_sem *c, struct plan_process *pr) {
    uint32_t n = pr->op->n_sides;
    const char **names = BASE_ARENA_ARRAY(c->a, const char *, n + (size_t)1);
    struct evt_schema *schemas = BASE_ARENA_ARRAY(c->a, struct evt_schema, n + (size_t)1);
    for (uint32_t i = 0; i < n; i++) {
        names[i] = base_arena_strdup(c->a, pr->op->sides[i].name);
        (void)plan_schema_of_library(c->a, &pr->op->sides[i].schema, &schemas[i]);
    }
    pr->n_sides = n;
    pr->side_names = names;
    pr->sides = schemas;
}

static bool lower_options(struct dsl_sem *c, const struct dsl_process *st, struct plan_process *pr) {
    size_t n = 0;
    while (pr->op->options && pr->op->options[n].name)
        n++;
    struct plan_opt_spec *specs = BASE_ARENA_ARRAY(c->a, struct plan_opt_spec, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct cep_option *o = &pr->op->options[i];
        specs[i] = (struct plan_opt_spec){ .name = base_arena_strdup(c->a, o->name),
            .kind = (enum evt_kind)o->kind,
            .required = o->required,
            .help = o->help ? base_arena_strdup(c->a, o->help) : NULL };
    }
    const struct dsl_endpoint e = { .name = { .text = st->library, .span = st->library_span },
        .options = st->options,
        .n_options = st->n_options };
    return dsl_check_library_options(c, &e, specs, &pr->opts, &pr->n_opts);
}

/* -- the library's say ------------------------------------------------------------------------------------------------ */

static const struct cep_setup *make_setup(
    struct dsl_sem *c, const struct plan_node *n, const struct dsl_rows *rows) {
    const struct plan_process *pr = &n->process;
    struct cep_setup *s = BASE_ARENA_ARRAY(c->a, struct cep_setup, 1);
    struct cep_option_value *opts = BASE_ARENA_ARRAY(c->a, struct cep_option_value, pr->n_opts + (size_t)1);
    struct cep_schema *inputs = BASE_ARENA_ARRAY(c->a, struct cep_schema, pr->n_inputs + (size_t)1);
    const char **names = BASE_ARENA_ARRAY(c->a, const char *, pr->n_inputs + (size_t)1);
    const struct cep_type **keys = BASE_ARENA_ARRAY(c->a, const struct cep_type *, pr->n_keys + (size_t)1);
    for (uint32_t i = 0; i < pr->n_opts; i++) {
        opts[i].name = base_arena_strndup(c->a, pr->opts[i].name.p, pr->opts[i].name.len);
        opts[i].value = *plan_vals_for_library(&pr->opts[i].val);
        opts[i].value.kind = (uint8_t)pr->opts[i].type->kind;
    }
    for (uint32_t i = 0; i < pr->n_inputs; i++) {
        plan_schema_for_library(c->a, rows[i].schema, &inputs[i]);
        names[i] = base_arena_strndup(c->a, rows[i].name.p, rows[i].name.len);
    }
    for (uint32_t k = 0; k < pr->n_keys; k++)
        keys[k] = plan_type_for_library(c->a, pr->keys[0][k]->type);
    *s = (struct cep_setup){ .size = sizeof *s,
        .name = base_arena_strndup(c->a, n->name.p, n->name.len),
        .n_options = pr->n_opts,
        .options = opts,
        .n_inputs = pr->n_inputs,
        .inputs = inputs,
        .input_names = names,
        .n_keys = pr->n_keys,
        .keys = keys };
    plan_schema_for_library(c->a, n->schema, &s->output);
    return s;
}

static bool has_its_say(struct dsl_sem *c, const struct dsl_process *st, const struct plan_process *pr) {
    struct cep_mistake m = { .message = "it cannot be used so" };
    struct cep_span at = st->library_span;
    if (!pr->op->check || pr->op->check(pr->setup, &m) == CEP_OK)
        return true;
    m.option[sizeof m.option - 1] = m.message[sizeof m.message - 1] = m.hint[sizeof m.hint - 1] = '\0';
    for (uint32_t i = 0; i < pr->n_opts; i++)
        if (base_str_eq(pr->opts[i].name, base_str_of(m.option)))
            at = pr->opts[i].span;
    dsl_diag_error(c->diag, at, CEP_EINVAL, "library \"%.*s\": %s", BASE_STR_FMT(st->library), m.message);
    if (m.hint[0])
        dsl_diag_note(c->diag, "%s", m.hint);
    return false;
}

void dsl_lower_process(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_process *st = &sym->stmt->process;
    struct plan_node *n = dsl_add_node(c, sym, PLAN_NODE_PROCESS);
    struct plan_process *pr = &n->process;
    struct dsl_rows *rows = BASE_ARENA_ARRAY(&c->tmp, struct dsl_rows, st->n_inputs + 1);
    *pr = (struct plan_process){ .library = dsl_keep(c, st->library) };
    sym->schema = n->schema = dsl_columns_of(c, sym, st->columns, st->n_columns, sym->stmt->name.span);
    if (st->n_columns == 0) {
        dsl_diag_error(c->diag, sym->stmt->name.span, CEP_EINVAL, "stream \"%.*s\" has no columns",
            BASE_STR_FMT(sym->name));
        dsl_diag_note(c->diag, "name what the process gives: stream %.*s (column type, ...) as process ...",
            BASE_STR_FMT(sym->name));
        sym->bad = sym->open = true;
    }
    const struct cep_library *lib = dsl_library(c, st->library, st->library_span);
    if (lib && !lib->op) {
        dsl_diag_error(c->diag, st->library_span, CEP_EINVAL, "library \"%.*s\" has no operator",
            BASE_STR_FMT(st->library));
        lib = NULL;
    }
    bool inputs_ok = lower_inputs(c, sym, st, pr, rows);
    bool ok = lower_keys(c, st, pr, rows) && inputs_ok && lib && !sym->bad;
    if (lib) {
        pr->op = lib->op;
        lower_sides(c, pr);
        ok = lower_options(c, st, pr) && ok;
    }
    if (ok) {
        pr->setup = make_setup(c, n, rows);
        ok = has_its_say(c, st, pr);
    }
    sym->bad |= !ok;
}
