/*
 * cmd_args -- the command line: options by a command's table, operands, "did you mean".
 */
#include "cepd/cmd.h"

#include "base/base_err.h"
#include "base/base_mem.h"

static const struct cmd_option common[] = {
    { .name = "help", .letter = 'h', .help = "print this help and exit" },
    { .name = "log-format", .arg = "text|json", .help = "how lines on standard error look (default text)" },
    { .name = "log-level",
        .arg = "error|warning|info",
        .help = "what is said on standard error (default info)" },
    { .name = "color",
        .arg = "auto|always|never",
        .help = "colours on standard error (default auto: on a terminal)" },
    { .name = NULL },
};

const struct cmd_option *cmd_common_options(void) {
    return common;
}

static const struct cmd_option *find_in(const struct cmd_option *o, struct base_str name) {
    for (; o && o->name; o++)
        if (base_str_eq(base_str_of(o->name), name))
            return o;
    return NULL;
}

static const struct cmd_option *find_letter(const struct cmd_option *o, char letter) {
    for (; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static void nearest_in(
    const struct cmd_option *o, struct base_str name, const char **best, unsigned *distance) {
    for (; o && o->name; o++) {
        unsigned d = base_str_distance(name, base_str_of(o->name), *distance);
        if (d < *distance) {
            *distance = d;
            *best = o->name;
        }
    }
}

static enum cep_rc unknown(
    const struct cmd_spec *spec, const char *given, struct base_str name, struct cep_err *err) {
    const char *best = NULL;
    unsigned distance = name.len < 4 ? 3 : 5;
    enum cep_rc rc = base_err_set(err, CEP_EINVAL, "unknown option \"%s\"", given);
    nearest_in(spec->options, name, &best, &distance);
    nearest_in(common, name, &best, &distance);
    if (best)
        base_err_hint(err, "did you mean \"--%s\"? See cepd help %s", best, spec->name);
    else
        base_err_hint(err, "see cepd help %s", spec->name);
    return rc;
}

static enum cep_rc one_of(const char *name, const char *value, const char *choices, struct cep_err *err) {
    size_t len = strlen(value);
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, value, n) == 0)
            return CEP_OK;
        p += n + (p[n] == '|');
    }
    return base_err_set(err, CEP_EINVAL, "option \"--%s\" takes %s, not \"%s\"", name, choices, value);
}

static enum cep_rc add_value(
    struct cmd_args *a, const struct cmd_option *o, const char *text, struct cep_err *err) {
    if (!o->many && cmd_args_has(a, o->name))
        return base_err_set(err, CEP_EINVAL, "option \"--%s\" is given twice", o->name);
    /* An argument written as alternatives in lower case is a choice. */
    if (o->arg && strchr(o->arg, '|') && o->arg[0] >= 'a' && o->arg[0] <= 'z') {
        enum cep_rc rc = one_of(o->name, text, o->arg, err);
        if (rc != CEP_OK)
            return rc;
    }
    a->values[a->n_values++] = (struct cmd_value){ o, text };
    return CEP_OK;
}

/* One argument that begins with '-'. *i moves on when it takes the next one as its value. */
static enum cep_rc parse_option(struct cmd_args *a, int argc, char **argv, int *i, struct cep_err *err) {
    const char *given = argv[*i];
    const struct cmd_option *o;
    const char *value = NULL;
    if (given[1] == '-') {
        const char *eq = strchr(given, '=');
        struct base_str name = { given + 2, eq ? (size_t)(eq - given - 2) : strlen(given + 2) };
        o = find_in(a->spec->options, name);
        if (!o)
            o = find_in(common, name);
        if (!o)
            return unknown(a->spec, given, name, err);
        value = eq ? eq + 1 : NULL;
    } else {
        o = find_letter(a->spec->options, given[1]);
        if (!o)
            o = find_letter(common, given[1]);
        if (!o || (given[2] && !o->arg))
            return unknown(a->spec, given, base_str_of(given + 1), err);
        value = given[2] ? given + 2 : NULL;
    }
    if (!o->arg && value)
        return base_err_set(err, CEP_EINVAL, "option \"--%s\" takes no value", o->name);
    if (o->arg && !value) {
        if (*i + 1 >= argc)
            return base_err_set(err, CEP_EINVAL, "option \"--%s\" wants a value: %s", o->name, o->arg);
        value = argv[++*i];
    }
    return add_value(a, o, value ? value : "", err);
}

static enum cep_rc check_operands(const struct cmd_args *a, struct cep_err *err) {
    const struct cmd_spec *s = a->spec;
    if (a->n_operands < s->min_operands)
        return base_err_set(err, CEP_EINVAL, "\"cepd %s\" wants %s", s->name, s->operands);
    if (a->n_operands > s->max_operands)
        return base_err_set(err, CEP_EINVAL, "\"cepd %s\" does not know what to do with \"%s\"", s->name,
            a->operands[s->max_operands]);
    return CEP_OK;
}

enum cep_rc cmd_args_parse(
    struct cmd_args *a, const struct cmd_spec *spec, int argc, char **argv, struct cep_err *err) {
    *a = (struct cmd_args){ .spec = spec };
    a->values = base_calloc((size_t)argc + 1, sizeof *a->values);
    a->operands = base_calloc((size_t)argc + 1, sizeof *a->operands);
    bool options = true;
    for (int i = 0; i < argc; i++) {
        enum cep_rc rc = CEP_OK;
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            rc = parse_option(a, argc, argv, &i, err);
        else
            a->operands[a->n_operands++] = argv[i];
        if (rc != CEP_OK)
            return rc;
    }
    return cmd_args_has(a, "help") ? CEP_OK : check_operands(a, err);
}

void cmd_args_release(struct cmd_args *a) {
    base_free(a->values);
    base_free(a->operands);
    *a = (struct cmd_args){ .spec = a->spec };
}

const char *cmd_args_get(const struct cmd_args *a, const char *name) {
    for (size_t i = a->n_values; i-- > 0;)
        if (strcmp(a->values[i].option->name, name) == 0)
            return a->values[i].text;
    return NULL;
}
