#pragma once
/*
 * cmd_log -- lines on standard error: for a person, or as JSON for a program.
 *
 * Text: "cepd: warning: ..." (a plain "cepd: ..." for information). JSON: {"at":"...","level":"warning","message":"..."}.
 * Threads: lines are written with one call each; the object is immutable once made, but for the progress line.
 */
#include "cep/error.h"
#include "cepd/cmd.h"
#include "connect/con.h"

struct cmd_log {
    bool json, colour, tty;
    enum con_level level; /* the least that is said */
    bool progress_shown;  /* a progress line stands on the terminal and is to be erased first */
};

void cmd_log_init(struct cmd_log *log, const struct cmd_args *args);
void cmd_log_line(struct cmd_log *log, enum con_level level, const char *text);
void cmd_log_printf(struct cmd_log *log, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cmd_log_err(struct cmd_log *log, const struct cep_err *err);
/* Replaces the line at the bottom of a terminal; does nothing in a pipe. */
void cmd_log_progress(struct cmd_log *log, const char *text);
/* Diagnostics and reports, as they are. */
void cmd_log_text(struct cmd_log *log, const struct base_buf *b);
