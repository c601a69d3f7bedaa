#pragma once
/*
 * cmd -- the commands of the program: one table, one file a command.
 *
 * A command's row says all that `cepd help`, the man page, the parser of options and shell completion need; its function
 * gets the parsed arguments and returns the exit status:
 *     CMD_DONE 0   CMD_MISTAKE 1 (the user's: language, options, configuration; a failed test)   CMD_FAILED 2 (the job)
 *     130, 143     interrupted by SIGINT, SIGTERM after a clean stop
 * Results go to stdout, everything else to stderr.
 */
#include "base/base_buf.h"
#include "cep/error.h"

#include <stdio.h>

enum { CMD_DONE = 0, CMD_MISTAKE = 1, CMD_FAILED = 2, CMD_SIGINT = 130, CMD_SIGTERM = 143 };

struct cmd_args;

struct cmd_option {
    const char *name; /* "set" for --set; NULL ends a table */
    const char *arg;  /* "NAME=VALUE"; NULL = a switch */
    const char *help; /* one line */
    char letter;      /* 'w' for -w; 0 = none */
    bool many;        /* may be given more than once */
};

struct cmd_spec {
    const char *name;
    const char *group;    /* heading under which `cepd help` lists it */
    const char *operands; /* "FILE..." */
    const char *summary;  /* a phrase: "compile only, and say what is wrong" */
    const char *details;  /* paragraphs for `cepd help NAME` and the man page */
    const char *examples; /* lines "command\tcomment" */
    const struct cmd_option
        *options; /* its own; NULL = none. Those of every command are added by the parser */
    uint32_t min_operands, max_operands;     /* max UINT32_MAX = any number */
    int (*run)(const struct cmd_args *args); /* the status of the process */
};

struct cmd_value {
    const struct cmd_option *option;
    const char *text; /* borrowed from argv; "" for a switch */
};

struct cmd_args {
    const struct cmd_spec *spec;
    struct cmd_value *values; /* owned, in order */
    size_t n_values;
    const char **operands; /* owned array */
    size_t n_operands;
};

/* The table, by group and then by use; NULL past the end. */
const struct cmd_spec *cmd_at(size_t i);
const struct cmd_spec *cmd_find(const char *name);
/* Options that every command takes: --help, --log-format, --log-level, --color. */
const struct cmd_option *cmd_common_options(void);

/* Returns: CEP_EINVAL with a message that names the option, and a hint with the nearest one. */
enum cep_rc cmd_args_parse(
    struct cmd_args *a, const struct cmd_spec *spec, int argc, char **argv, struct cep_err *err);
void cmd_args_release(struct cmd_args *a);
/* Returns: the last value given, or NULL. */
const char *cmd_args_get(const struct cmd_args *a, const char *name);
static inline bool cmd_args_has(const struct cmd_args *a, const char *name) {
    return cmd_args_get(a, name) != NULL;
}

/* `cepd: error: ...`, and the hint, on stderr in the chosen log format. Returns: status. */
int cmd_fail(const struct cmd_args *a, int status, const struct cep_err *err);
/* The same for a mistake in the command line itself: names the command's help. */
int cmd_usage(const struct cmd_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "cepd run [OPTION...] FILE..." */
void cmd_write_synopsis(struct base_buf *b, const struct cmd_spec *s);
/* The text of `cepd help NAME`, and of its man page (roff). */
void cmd_write_help(struct base_buf *b, const struct cmd_spec *spec);
void cmd_write_man(struct base_buf *b, const struct cmd_spec *spec);
/* The text of `cepd help`, and of cepd(1). */
void cmd_write_overview(struct base_buf *b);
void cmd_write_man_overview(struct base_buf *b);
/* Writes a buffer to a stream; errors (a closed pipe) end up in the exit status. Returns: CMD_DONE or CMD_FAILED. */
int cmd_print(FILE *out, const struct base_buf *b);

int cmd_run(const struct cmd_args *args);
int cmd_cluster(const struct cmd_args *args);
int cmd_coordinator(const struct cmd_args *args);
int cmd_submit(const struct cmd_args *args);
int cmd_worker(const struct cmd_args *args);
int cmd_workers(const struct cmd_args *args);
int cmd_jobs(const struct cmd_args *args);
int cmd_job(const struct cmd_args *args);
int cmd_cancel(const struct cmd_args *args);
int cmd_rescale(const struct cmd_args *args);
int cmd_savepoint(const struct cmd_args *args);
int cmd_stop(const struct cmd_args *args);
int cmd_state(const struct cmd_args *args);
int cmd_replay(const struct cmd_args *args);
int cmd_check(const struct cmd_args *args);
int cmd_fmt(const struct cmd_args *args);
int cmd_explain(const struct cmd_args *args);
int cmd_test(const struct cmd_args *args);
int cmd_help(const struct cmd_args *args);
