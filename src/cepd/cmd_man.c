/*
 * cmd_man -- the man pages (roff), from the table of commands: `cepd help --man` is cepd(1), `cepd help --man COMMAND`
 * is cepd-COMMAND(1). The pages in man/ are this output; a test holds them to it.
 */
#include "cepd/cmd.h"

#include <ctype.h>

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
}

static void write_exit_status(struct base_buf *b) {
    base_buf_puts(b,
        ".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\nthe user's mistake (language, options, configuration), "
        "or a\n"
        "test of a .pattern file that failed; said on standard error\n.TP\n.B 2\nthe job failed\n"
        ".TP\n.BR 130 \", \" 143\ninterrupted by SIGINT, SIGTERM, after a clean stop\n");
}

void cmd_write_man(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_puts(b, ".TH CEPD\\-");
    for (const char *p = s->name; *p; p++)
        base_buf_putc(b, (char)toupper((unsigned char)*p));
    base_buf_printf(b,
        " 1 \"\" \"cepd " PACKAGE_VERSION
        "\" \"User Commands\"\n.SH NAME\ncepd\\-%s \\- %s\n.SH SYNOPSIS\n.B ",
        s->name, s->summary);
    cmd_write_synopsis(b, s);
    base_buf_puts(b, "\n.SH DESCRIPTION\n");
    roff_text(b, s->details);
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
    write_exit_status(b);
    base_buf_puts(b, ".SH SEE ALSO\n.BR cepd (1),\n.BR cepd.pattern (5)\n");
}

static void write_commands(struct base_buf *b) {
    const char *group = "";
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++) {
        if (strcmp(group, s->group) != 0)
            base_buf_printf(b, ".SS To %s\n", group = s->group);
        base_buf_printf(b, ".TP\n.BR cepd\\-%s (1)\n", s->name);
        roff_text(b, s->summary);
    }
}

void cmd_write_man_overview(struct base_buf *b) {
    base_buf_puts(b,
        ".TH CEPD 1 \"\" \"cepd " PACKAGE_VERSION "\" \"User Commands\"\n.SH NAME\n"
        "cepd \\- find patterns in streams of events and raise alerts\n.SH SYNOPSIS\n.B cepd\n.I COMMAND\n"
        ".RI [ OPTION... ]\n.RI [ FILE... ]\n.SH DESCRIPTION\n.B cepd\nreads events, matches the patterns of "
        "a\n"
        ".I .pattern\nfile against them in event time, and writes matches and alerts to sinks. The language "
        "is in\n"
        ".BR cepd.pattern (5).\n.SH COMMANDS\n");
    write_commands(b);
    write_exit_status(b);
    base_buf_puts(b,
        ".SH FILES\n.TP\n.I ./cepd.yaml\n.TQ\n.I /etc/cepd/cepd.yaml\nConfiguration; the first that is "
        "there.\n"
        ".B cepd help config\nlists the keys.\n"
        ".SH ENVIRONMENT\n.TP\n.B CEPD_CONFIG\nAnother configuration file.\n"
        ".TP\n.BI CEPD_ KEY\nA key of the configuration, such as CEPD_BATCH_SIZE for batch.size.\n"
        ".TP\n.B NO_COLOR\nNo colours, even on a terminal.\n"
        ".SH SEE ALSO\n.BR cepd.pattern (5)\n");
}
