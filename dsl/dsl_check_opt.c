/*
 * dsl_check_opt -- connectors, formats and their options against the catalog.
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

static const struct plan_connector_spec *find_connector(
    const struct plan_catalog *cat, struct base_str name) {
    for (size_t i = 0; cat && cat->connectors && cat->connectors[i]; i++)
        if (base_str_eq(base_str_of(cat->connectors[i]->name), name))
            return cat->connectors[i];
    return NULL;
}

static const struct plan_format_spec *find_format(const struct plan_catalog *cat, struct base_str name) {
    for (size_t i = 0; cat && cat->formats && cat->formats[i]; i++)
        if (base_str_eq(base_str_of(cat->formats[i]->name), name))
            return cat->formats[i];
    return NULL;
}

static const struct plan_opt_spec *find_opt(const struct plan_opt_spec *specs, struct base_str name) {
    for (; specs && specs->name; specs++)
        if (base_str_eq(base_str_of(specs->name), name))
            return specs;
    return NULL;
}

/* "none|gzip|zstd" -> "none, gzip or zstd" */
static void write_choices(struct base_buf *b, const char *choices) {
    for (const char *p = choices; *p;) {
        const char *end = strchr(p, '|');
        size_t len = end ? (size_t)(end - p) : strlen(p);
        if (p != choices)
            base_buf_puts(b, end ? ", " : " or ");
        base_buf_add(b, p, len);
        p += len + (end != NULL);
    }
}

static bool is_choice(const char *choices, struct base_str v) {
    for (const char *p = choices; *p;) {
        const char *end = strchr(p, '|');
        size_t len = end ? (size_t)(end - p) : strlen(p);
        if (base_str_eq(v, (struct base_str){ p, len }))
            return true;
        p += len + (end != NULL);
    }
    return false;
}

static bool value_ok(struct dsl_sem *c, const struct dsl_option *o, const struct plan_opt_spec *spec,
    const struct evt_val *v) {
    struct base_buf b = BASE_BUF_INIT;
    bool ok = true;
    if (v->null) {
        dsl_diag_error(c->diag, o->value->span, CEP_EINVAL, "option \"%s\" cannot be null", spec->name);
        ok = false;
    } else if (spec->kind == EVT_STRING && spec->choices && !is_choice(spec->choices, evt_val_str(v))) {
        write_choices(&b, spec->choices);
        dsl_diag_error(c->diag, o->value->span, CEP_EINVAL, "option \"%s\" cannot be \"%.*s\"", spec->name,
            BASE_STR_FMT(evt_val_str(v)));
        dsl_diag_note(c->diag, "it can be %s", base_buf_cstr(&b));
        ok = false;
    } else if ((spec->kind == EVT_INT || spec->kind == EVT_DURATION) && (spec->min || spec->max) &&
               (v->i < spec->min || v->i > spec->max)) {
        const int64_t parts[3] = { v->i, spec->min, spec->max };
        const char *words[3] = { "", " is outside ", " to " };
        for (int i = 0; i < 3; i++) {
            base_buf_puts(&b, words[i]);
            if (spec->kind == EVT_INT)
                base_write_i64(&b, parts[i]);
            else
                base_write_duration(&b, parts[i]);
        }
        dsl_diag_error(
            c->diag, o->value->span, CEP_EINVAL, "option \"%s\": %s", spec->name, base_buf_cstr(&b));
        ok = false;
    }
    base_buf_release(&b);
    return ok;
}

static bool check_option(
    struct dsl_sem *c, const struct dsl_option *o, const struct plan_opt_spec *spec, struct plan_opt *out) {
    const char *what = base_arena_printf(&c->tmp, "option \"%s\"", spec->name);
    *out = (struct plan_opt){
        .name = base_str_of(spec->name), .type = evt_type_of(spec->kind), .span = o->span
    };
    struct dsl_scope s = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &s, o->value));
    if (!x)
        return false;
    if (x->kind != EXPR_CONST) {
        dsl_diag_error(c->diag, o->value->span, CEP_EINVAL, "%s takes a literal or a parameter", what);
        return false;
    }
    bool widens = spec->kind == EVT_DOUBLE && x->type->kind == EVT_INT;
    if (!x->val.null && x->type->kind != spec->kind && !widens) {
        dsl_diag_error(c->diag, o->value->span, CEP_ETYPE, "%s is %s, not %s", what,
            dsl_type_name(c, out->type), dsl_type_name(c, x->type));
        return false;
    }
    out->val = evt_val_copy(c->a, x->type, &x->val);
    if (widens && !x->val.null)
        out->val = (struct evt_val){ .d = (double)x->val.i };
    return value_ok(c, o, spec, &out->val);
}

static void unknown_option(struct dsl_sem *c, const struct dsl_option *o, const struct plan_opt_spec *specs,
    const char *kind, const char *name) {
    struct dsl_nearest near;
    struct base_buf b = BASE_BUF_INIT;
    dsl_near(c, &near, o->name);
    for (const struct plan_opt_spec *s = specs; s && s->name; s++) {
        dsl_nearest_try(&near, base_str_of(s->name));
        base_buf_puts(&b, s == specs ? "" : ", ");
        base_buf_puts(&b, s->name);
    }
    dsl_diag_error(c->diag, o->name_span, CEP_ENAME, "%s \"%s\" has no option \"%.*s\" here", kind, name,
        BASE_STR_FMT(o->name));
    if (near.best.len)
        dsl_nearest_note(c->diag, &near);
    else if (b.len)
        dsl_diag_note(c->diag, "it has: %s", base_buf_cstr(&b));
    else
        dsl_diag_note(c->diag, "it has none");
    base_buf_release(&b);
}

/* An option that only the connector or format itself can judge. */
static bool open_option(struct dsl_sem *c, const struct dsl_option *o, struct plan_opt *out) {
    struct dsl_scope s = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &s, o->value));
    if (!x)
        return false;
    if (x->kind != EXPR_CONST) {
        dsl_diag_error(c->diag, o->value->span, CEP_EINVAL, "option \"%.*s\" takes a literal or a parameter",
            BASE_STR_FMT(o->name));
        return false;
    }
    *out = (struct plan_opt){ .name = dsl_keep(c, o->name),
        .type = x->type,
        .val = evt_val_copy(c->a, x->type, &x->val),
        .span = o->span };
    return true;
}

/* What an endpoint's options are judged by. */
struct opt_rules {
    const struct plan_opt_spec *specs;
    bool open;
    plan_opt_check_fn check;
    const char *kind, *name;
    const struct evt_schema *schema; /* NULL: not known */
};

static bool check_together(struct dsl_sem *c, const struct opt_rules *r, struct cep_span at,
    const struct plan_opt *opts, uint32_t n) {
    struct cep_err err = CEP_ERR_INIT;
    if (!r->check || !r->schema || r->check(r->schema, opts, n, &err) == CEP_OK)
        return true;
    dsl_report(c, at, &err);
    return false;
}

static bool check_options(struct dsl_sem *c, const struct dsl_endpoint *e, const struct opt_rules *r,
    const struct plan_opt **out, uint32_t *n_out) {
    const struct plan_opt_spec *specs = r->specs;
    const char *kind = r->kind, *name = r->name;
    size_t n_options = dsl_capped(c, e->name.span, e->n_options, "options");
    struct plan_opt *opts = BASE_ARENA_ARRAY(c->a, struct plan_opt, n_options + 1);
    bool ok = n_options == e->n_options;
    uint32_t n = 0;
    for (size_t i = 0; i < n_options; i++) {
        const struct dsl_option *o = &e->options[i];
        bool twice = false;
        for (size_t k = 0; k < i && !twice; k++)
            twice = base_str_eq(e->options[k].name, o->name);
        if (twice) {
            dsl_diag_error(
                c->diag, o->name_span, CEP_EINVAL, "option \"%.*s\" is given twice", BASE_STR_FMT(o->name));
            ok = false;
            continue;
        }
        const struct plan_opt_spec *spec = find_opt(specs, o->name);
        if (!spec && r->open) {
            if (open_option(c, o, &opts[n]))
                n++;
            else
                ok = false;
        } else if (!spec) {
            unknown_option(c, o, specs, kind, name);
            ok = false;
        } else if (check_option(c, o, spec, &opts[n])) {
            n++;
        } else {
            ok = false;
        }
    }
    for (const struct plan_opt_spec *s = specs; s && s->name; s++) {
        bool given = !s->required || e->lost;
        for (size_t i = 0; i < e->n_options && !given; i++)
            given = base_str_eq(e->options[i].name, base_str_of(s->name));
        if (!given) {
            dsl_diag_error(
                c->diag, e->name.span, CEP_EINVAL, "%s \"%s\" needs the option \"%s\"", kind, name, s->name);
            if (s->help)
                dsl_diag_note(c->diag, "%s: %s", s->name, s->help);
            ok = false;
        }
    }
    *out = opts;
    *n_out = n;
    return ok && !e->lost && check_together(c, r, e->name.span, opts, n);
}

bool dsl_check_library_options(struct dsl_sem *c, const struct dsl_endpoint *e,
    const struct plan_opt_spec *specs, const struct plan_opt **out, uint32_t *n_out) {
    const struct opt_rules r = { .specs = specs,
        .kind = "library",
        .name = base_arena_printf(&c->tmp, "%.*s", BASE_STR_FMT(e->name.text)) };
    return check_options(c, e, &r, out, n_out);
}

static bool check_connector(
    struct dsl_sem *c, const struct dsl_endpoint *to, bool source, struct dsl_endpoint_out *out) {
    struct dsl_nearest near;
    struct base_buf b = BASE_BUF_INIT;
    out->connector = find_connector(c->catalog, to->name.text);
    if (out->connector && (source ? out->connector->is_source : out->connector->is_sink))
        return true;
    dsl_near(c, &near, to->name.text);
    for (size_t i = 0; c->catalog && c->catalog->connectors && c->catalog->connectors[i]; i++) {
        const struct plan_connector_spec *k = c->catalog->connectors[i];
        if (!(source ? k->is_source : k->is_sink))
            continue;
        dsl_nearest_try(&near, base_str_of(k->name));
        base_buf_printf(&b, "%s%s", b.len ? ", " : "", k->name);
    }
    if (out->connector)
        dsl_diag_error(c->diag, to->name.span, CEP_EINVAL, "connector \"%s\" can only %s",
            out->connector->name, source ? "be written to" : "be read from");
    else
        dsl_diag_error(
            c->diag, to->name.span, CEP_ENAME, "unknown connector \"%.*s\"", BASE_STR_FMT(to->name.text));
    if (near.best.len && !out->connector)
        dsl_nearest_note(c->diag, &near);
    else
        dsl_diag_note(c->diag, "%s: %s", source ? "sources" : "sinks", base_buf_cstr(&b));
    base_buf_release(&b);
    return false;
}

static bool check_format(struct dsl_sem *c, const struct dsl_endpoint *f, bool source,
    const struct evt_schema *schema, struct dsl_endpoint_out *out) {
    struct dsl_nearest near;
    struct base_buf b = BASE_BUF_INIT;
    out->format = find_format(c->catalog, f->name.text);
    const struct plan_format_spec *spec = out->format;
    if (spec && (source ? spec->decodes : spec->encodes)) {
        struct opt_rules r = { source ? spec->decode_opts : spec->encode_opts, source && spec->open_opts,
            source ? spec->decode_check : spec->encode_check, "format", spec->name, schema };
        return check_options(c, f, &r, &out->format_opts, &out->n_format_opts);
    }
    dsl_near(c, &near, f->name.text);
    for (size_t i = 0; c->catalog && c->catalog->formats && c->catalog->formats[i]; i++) {
        const struct plan_format_spec *k = c->catalog->formats[i];
        if (!(source ? k->decodes : k->encodes))
            continue;
        dsl_nearest_try(&near, base_str_of(k->name));
        base_buf_printf(&b, "%s%s", b.len ? ", " : "", k->name);
    }
    if (out->format)
        dsl_diag_error(c->diag, f->name.span, CEP_EINVAL, "format \"%s\" can only be %s", out->format->name,
            source ? "written" : "read");
    else
        dsl_diag_error(
            c->diag, f->name.span, CEP_ENAME, "unknown format \"%.*s\"", BASE_STR_FMT(f->name.text));
    if (near.best.len && !out->format)
        dsl_nearest_note(c->diag, &near);
    else
        dsl_diag_note(c->diag, "formats for this: %s", base_buf_cstr(&b));
    base_buf_release(&b);
    return false;
}

static bool check_connector_options(struct dsl_sem *c, const struct dsl_endpoint *to, bool source,
    const struct evt_schema *schema, struct dsl_endpoint_out *out) {
    if (!check_connector(c, to, source, out))
        return false;
    const struct plan_connector_spec *k = out->connector;
    struct opt_rules r = { source ? k->source_opts : k->sink_opts, source && k->open_opts,
        source ? k->source_check : k->sink_check, "connector", k->name, schema };
    return check_options(c, to, &r, &out->opts, &out->n_opts);
}

bool dsl_check_endpoint(struct dsl_sem *c, const struct dsl_endpoint *to, const struct dsl_endpoint *format,
    bool source, const struct evt_schema *schema, struct cep_span stmt_span, struct dsl_endpoint_out *out) {
    *out = (struct dsl_endpoint_out){ 0 };
    if (!dsl_name_given(&to->name)) {
        dsl_diag_error(c->diag, stmt_span, CEP_EINVAL,
            source ? "the stream has no source: from CONNECTOR (...)"
                   : "the sink has no target: to CONNECTOR (...)");
        return false;
    }
    bool ok = check_connector_options(c, to, source, schema, out);
    const char *def = out->connector ? out->connector->default_format : NULL;
    if (dsl_name_given(&format->name)) {
        if (def && !*def) {
            dsl_diag_error(c->diag, format->name.span, CEP_EINVAL,
                "connector \"%s\" makes rows itself and takes no format", out->connector->name);
            return false;
        }
        return check_format(c, format, source, schema, out) && ok;
    }
    if (!out->connector)
        return false;
    if (!def) {
        dsl_diag_error(
            c->diag, to->name.span, CEP_EINVAL, "connector \"%s\" needs a format", out->connector->name);
        dsl_diag_note(c->diag, "for instance: format json");
        return false;
    }
    if (!*def)
        return ok;
    out->format = find_format(c->catalog, base_str_of(def));
    struct dsl_endpoint implied = { .name = { .text = base_str_of(def), .span = to->name.span } };
    return out->format && check_format(c, &implied, source, schema, out) && ok;
}

void dsl_check_broken_endpoint(struct dsl_sem *c, const struct dsl_endpoint *to,
    const struct dsl_endpoint *format, bool source, const struct evt_schema *schema,
    struct dsl_endpoint_out *out) {
    *out = (struct dsl_endpoint_out){ 0 };
    if (dsl_name_given(&to->name))
        (void)check_connector_options(c, to, source, schema, out);
    bool takes = !out->connector || !out->connector->default_format || *out->connector->default_format;
    if (dsl_name_given(&format->name) && takes)
        (void)check_format(c, format, source, schema, out);
}
