/*
 * cmd_help -- `cepd help` and `cepd help COMMAND`, from the table of commands. Man pages: cmd_man.c.
 */
#include "cepd/cmd.h"

#include "base/base_err.h"
#include "cepd/cmd_topics.h"

#include <errno.h>

enum { OPTION_COLUMN = 34 };

int cmd_print(FILE *out, const struct base_buf *b) {
    if ((b->len == 0 || fwrite(b->p, 1, b->len, out) == b->len) && fflush(out) == 0)
        return CMD_DONE;
    /* Who closed the pipe has seen enough. */
    if (errno != EPIPE)
        (void)fprintf(stderr, "cepd: error: could not write the output: %s\n", strerror(errno));
    return CMD_FAILED;
}

static void write_option(struct base_buf *b, const struct cmd_option *o) {
    struct base_buf left = BASE_BUF_INIT;
    if (o->letter)
        base_buf_printf(&left, "-%c, ", o->letter);
    base_buf_printf(&left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    base_buf_printf(b, "  %-*s %s\n", OPTION_COLUMN, base_buf_cstr(&left), o->help);
    base_buf_release(&left);
}

void cmd_write_synopsis(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_printf(b, "cepd %s%s%s%s", s->name, s->options ? " [OPTION...]" : "", s->operands[0] ? " " : "",
        s->operands);
}

void cmd_write_help(struct base_buf *b, const struct cmd_spec *s) {
    base_buf_puts(b, "usage: ");
    cmd_write_synopsis(b, s);
    base_buf_printf(b, "\n\n%s\n", s->details);
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
                     "Finds patterns in streams of events and raises alerts: in event time, exactly as the "
                     ".pattern file says.\n");
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++) {
        if (strcmp(group, s->group) != 0)
            base_buf_printf(b, "\n%s\n", group = s->group);
        base_buf_printf(b, "  %-12s %s\n", s->name, s->summary);
    }
    base_buf_puts(b, "\ncepd help COMMAND explains one; cepd help connectors, formats, functions and config "
                     "list what there is.\n");
}

static void nearer(const char *name, const char *known, const char **best, unsigned *distance) {
    unsigned d = base_str_distance(base_str_of(name), base_str_of(known), *distance);
    if (d < *distance) {
        *distance = d;
        *best = known;
    }
}

static int unknown_topic(const struct cmd_args *args, const char *name) {
    static const char *const topics[] = { "connectors", "formats", "functions", "config" };
    struct cep_err err = CEP_ERR_INIT;
    const char *best = NULL;
    unsigned distance = 4;
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++)
        nearer(name, s->name, &best, &distance);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        nearer(name, topics[i], &best, &distance);
    (void)base_err_set(&err, CEP_EINVAL, "there is no command or topic \"%s\"", name);
    if (best)
        base_err_hint(&err, "did you mean \"cepd help %s\"? cepd help lists the commands", best);
    else
        base_err_hint(
            &err, "cepd help lists the commands; connectors, formats, functions and config are topics");
    return cmd_fail(args, CMD_MISTAKE, &err);
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
        return unknown_topic(args, name);
    }
    status = cmd_print(stdout, &b);
    base_buf_release(&b);
    return status;
}

int cmd_help(const struct cmd_args *args) {
    if (args->n_operands > 0)
        return print_topic(args, args->operands[0]);
    struct base_buf b = BASE_BUF_INIT;
    if (cmd_args_has(args, "man"))
        cmd_write_man_overview(&b);
    else
        cmd_write_overview(&b);
    int status = cmd_print(stdout, &b);
    base_buf_release(&b);
    return status;
}
