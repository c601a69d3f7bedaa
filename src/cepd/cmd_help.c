/*
 * cmd_help -- `cepd help`, `cepd help COMMAND`, and the man pages: all from the same table.
 */
#include "cepd/cmd.h"

#include "cepd/cmd_topics.h"

#include <ctype.h>

enum { OPTION_COLUMN = 34 };

int cmd_print(FILE *out, const struct base_buf *b) {
    if (b->len > 0 && fwrite(b->p, 1, b->len, out) != b->len)
        return CMD_FAILED;
    return fflush(out) == 0 ? CMD_DONE : CMD_FAILED;
}

static void write_option(struct base_buf *b, const struct cmd_option *o) {
    struct base_buf left = BASE_BUF_INIT;
    if (o->letter)
        base_buf_printf(&left, "-%c, ", o->letter);
    base_buf_printf(&left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    base_buf_printf(b, "  %-*s %s%s\n", OPTION_COLUMN, base_buf_cstr(&left), o->help, o->later ? " (not in this version)" : "");
    base_buf_release(&left);
}

static void write_synopsis(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_printf(b, "cepd %s%s%s%s", s->name, s->options ? " [OPTION...]" : "", s->operands[0] ? " " : "", s->operands);
}

void cmd_write_help(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_puts(b, "usage: ");
    write_synopsis(b, s);
    base_buf_printf(b, "\n\n%s\n", s->details);
    if (!s->run)
        base_buf_puts(b, "\nThis command is not in this version.\n");
    base_buf_puts(b, "\noptions:\n");
    for (const struct cmd_option *o = s->options; o && o->name; o++)
        write_option(b, o);
    for (const struct cmd_option *o = cmd_common_options(); o->name; o++)
        write_option(b, o);
    if (s->examples)
        base_buf_printf(b, "\nexamples:\n%s", s->examples);
}

void cmd_write_overview(struct base_buf *b) {
    const char *group = "";
    base_buf_puts(b, "usage: cepd COMMAND [OPTION...] [FILE...]\n\n"
                     "Finds patterns in streams of events and raises alerts: in event time, exactly as the .pattern file says.\n");
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++) {
        if (strcmp(group, s->group) != 0)
            base_buf_printf(b, "\n%s\n", group = s->group);
        base_buf_printf(b, "  %-12s %s%s\n", s->name, s->summary, s->run ? "" : " (not in this version)");
    }
    base_buf_puts(b, "\ncepd help COMMAND explains one; cepd help connectors, formats, functions and config list what there is.\n");
}

/* -- roff --------------------------------------------------------------------------------------------------- */

static void roff_text(struct base_buf *b, const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            base_buf_puts(b, "\\&");
        if (*text == '\n' && text[1] == '\n') {
            base_buf_puts(b, "\n.PP");
            continue;
        }
        if (*text == '\\')
            base_buf_puts(b, "\\e");
        else if (*text == '-')
            base_buf_puts(b, "\\-");
        else
            base_buf_putc(b, *text);
        line_start = *text == '\n';
    }
    base_buf_putc(b, '\n');
}

static void roff_option(struct base_buf *b, const struct cmd_option *o) {
    base_buf_puts(b, ".TP\n.B ");
    if (o->letter)
        base_buf_printf(b, "\\-%c, ", o->letter);
    base_buf_puts(b, "\\-\\-");
    for (const char *p = o->name; *p; p++)
        base_buf_puts(b, *p == '-' ? "\\-" : (char[]){ *p, '\0' });
    if (o->arg)
        base_buf_printf(b, " \\fI%s\\fR", o->arg);
    base_buf_putc(b, '\n');
    roff_text(b, o->help);
    if (o->later)
        base_buf_puts(b, "(Not in this version.)\n");
}

void cmd_write_man(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_puts(b, ".TH CEPD\\-");
    for (const char *p = s->name; *p; p++)
        base_buf_putc(b, (char)toupper((unsigned char)*p));
    base_buf_printf(b, " 1 \"\" \"cepd " PACKAGE_VERSION "\" \"User Commands\"\n.SH NAME\ncepd\\-%s \\- %s\n.SH SYNOPSIS\n.B ", s->name,
                    s->summary);
    write_synopsis(b, s);
    base_buf_puts(b, "\n.SH DESCRIPTION\n");
    roff_text(b, s->details);
    if (!s->run)
        base_buf_puts(b, ".PP\nThis command is not in this version.\n");
    base_buf_puts(b, ".SH OPTIONS\n");
    for (const struct cmd_option *o = s->options; o && o->name; o++)
        roff_option(b, o);
    for (const struct cmd_option *o = cmd_common_options(); o->name; o++)
        roff_option(b, o);
    if (s->examples) {
        base_buf_puts(b, ".SH EXAMPLES\n.nf\n");
        roff_text(b, s->examples);
        base_buf_puts(b, ".fi\n");
    }
    base_buf_puts(b, ".SH EXIT STATUS\n0 done; 1 the user's mistake or a failed test; 2 the job failed; 130, 143 interrupted after a clean "
                     "stop.\n.SH SEE ALSO\n.BR cepd (1)\n");
}

static int print_topic(const struct cmd_args *args, const char *name) {
    struct base_buf b = BASE_BUF_INIT;
    const struct cmd_spec *s = cmd_find(name);
    int status = CMD_MISTAKE;
    if (s && cmd_args_has(args, "man"))
        cmd_write_man(&b, s);
    else if (s)
        cmd_write_help(&b, s);
    else if (!cmd_write_topic(&b, name)) {
        base_buf_release(&b);
        return cmd_usage(args, "there is no command or topic \"%s\"", name);
    }
    status = cmd_print(stdout, &b);
    base_buf_release(&b);
    return status;
}

int cmd_help(const struct cmd_args *args) {
    if (args->n_operands > 0)
        return print_topic(args, args->operands[0]);
    struct base_buf b = BASE_BUF_INIT;
    cmd_write_overview(&b);
    int status = cmd_print(stdout, &b);
    base_buf_release(&b);
    return status;
}
