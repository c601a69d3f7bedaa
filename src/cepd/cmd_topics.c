/*
 * cmd_topics -- see cmd_topics.h. Everything comes from the tables that the program itself works by.
 */
#include "cepd/cmd_topics.h"

#include "cepd/cmd_config.h"
#include "connect/con.h"
#include "expr/expr_func.h"

static void write_opts(struct base_buf *b, const char *title, const struct plan_opt_spec *o) {
    if (!o || !o->name)
        return;
    base_buf_printf(b, "  %s:\n", title);
    for (; o->name; o++) {
        struct evt_type t = { .kind = o->kind };
        base_buf_printf(b, "    %-18s ", o->name);
        if (o->choices)
            base_buf_puts(b, o->choices);
        else
            evt_type_write(b, &t);
        base_buf_printf(b, ": %s", o->help);
        if (o->required)
            base_buf_puts(b, " (required)");
        else if (o->default_text)
            base_buf_printf(b, " (default %s)", o->default_text);
        base_buf_putc(b, '\n');
    }
}

static void write_connector(struct base_buf *b, const struct plan_connector_spec *c) {
    base_buf_printf(b, "%s: %s\n", c->name, c->help);
    write_opts(b, "as a source", c->source_opts);
    write_opts(b, "as a sink", c->sink_opts);
}

static void write_format(struct base_buf *b, const struct plan_format_spec *f) {
    base_buf_printf(b, "%s: %s\n", f->name, f->help);
    write_opts(b, "reading", f->decode_opts);
    write_opts(b, "writing", f->encode_opts);
}

static bool write_functions(struct base_buf *b, const char *only) {
    const struct expr_func *f;
    bool any = false;
    for (uint32_t i = 0; (f = expr_func_at(i)) != NULL; i++) {
        if (only ? strcmp(f->name, only) != 0 : f->is_operator)
            continue;
        base_buf_printf(b, "%s\n", f->help);
        any = true;
    }
    return any;
}

bool cmd_write_topic(struct base_buf *b, const char *name) {
    const struct plan_catalog *cat = con_catalog();
    bool connectors = strcmp(name, "connectors") == 0, formats = strcmp(name, "formats") == 0, any = false;
    for (size_t i = 0; cat->connectors[i]; i++)
        if (connectors || strcmp(name, cat->connectors[i]->name) == 0) {
            write_connector(b, cat->connectors[i]);
            any = true;
        }
    for (size_t i = 0; cat->formats[i]; i++)
        if (formats || strcmp(name, cat->formats[i]->name) == 0) {
            write_format(b, cat->formats[i]);
            any = true;
        }
    if (any)
        return true;
    if (strcmp(name, "config") == 0) {
        clu_config_write(b);
        return true;
    }
    return write_functions(b, strcmp(name, "functions") == 0 ? NULL : name);
}
