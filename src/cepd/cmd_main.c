/*
 * cmd_main -- the program: finds the command's row, parses its options, runs it.
 */
#include "cepd/cmd.h"

#include "base/base_err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int unknown_command(const char *name) {
    static const struct cmd_spec none = { .name = "" };
    struct cmd_args a = { .spec = &none };
    struct cep_err err = CEP_ERR_INIT;
    const char *best = NULL;
    unsigned distance = 5;
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++) {
        unsigned d = base_str_distance(base_str_of(name), base_str_of(s->name), distance);
        if (d < distance) {
            distance = d;
            best = s->name;
        }
    }
    if (name[0] == '-') {
        (void)base_err_set(&err, CEP_EINVAL, "expected a command before option \"%s\"", name);
        base_err_hint(&err, "cepd COMMAND [OPTION...] [FILE...]; cepd help lists the commands");
        return cmd_fail(&a, CMD_MISTAKE, &err);
    }
    (void)base_err_set(&err, CEP_EINVAL, "unknown command \"%s\"", name);
    if (best)
        base_err_hint(&err, "did you mean \"cepd %s\"? cepd help lists the commands", best);
    else
        base_err_hint(&err, "cepd help lists the commands");
    return cmd_fail(&a, CMD_MISTAKE, &err);
}

static int print_buf(void (*write)(struct base_buf *), FILE *out, int status) {
    struct base_buf b = BASE_BUF_INIT;
    write(&b);
    int printed = cmd_print(out, &b);
    base_buf_release(&b);
    return printed == CMD_DONE ? status : printed;
}

static void write_version(struct base_buf *b) {
    base_buf_puts(b, "cepd " PACKAGE_VERSION "\n");
}

static int run_command(const struct cmd_spec *spec, int argc, char **argv) {
    struct cmd_args args;
    struct cep_err err = CEP_ERR_INIT;
    int status;
    enum cep_rc rc = cmd_args_parse(&args, spec, argc, argv, &err);
    if (rc == CEP_OK && cmd_args_has(&args, "help")) {
        struct base_buf b = BASE_BUF_INIT;
        cmd_write_help(&b, spec);
        status = cmd_print(stdout, &b);
        base_buf_release(&b);
    } else if (rc != CEP_OK) {
        if (!err.hint[0])
            base_err_hint(&err, "see cepd help %s", spec->name);
        status = cmd_fail(&args, CMD_MISTAKE, &err);
    } else {
        status = spec->run(&args);
    }
    cmd_args_release(&args);
    return status;
}

/*
 * A standard descriptor that came closed would be given to the first file that is opened, and results would land in it.
 * /dev/null takes its place, opened the wrong way round, so that using it is still an error.
 */
static bool hold_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

int main(int argc, char **argv) {
    if (!hold_standard_descriptors())
        return CMD_FAILED;
    if (argc < 2)
        return print_buf(cmd_write_overview, stderr, CMD_MISTAKE);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_buf(cmd_write_overview, stdout, CMD_DONE);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return print_buf(write_version, stdout, CMD_DONE);
    const struct cmd_spec *spec = cmd_find(name);
    return spec ? run_command(spec, argc - 2, argv + 2) : unknown_command(name);
}
