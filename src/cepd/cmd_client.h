#pragma once
/*
 * cmd_client -- the commands that talk to a running job or a coordinator over REST: requests, errors, values, tables.
 *
 * The address is --coordinator URL, CEPD_COORDINATOR, or http://127.0.0.1:8081; token and authority are security.token and security.tls.ca,
 * as option, environment or cepd.yaml.
 */
#include "base/base_arena.h"
#include "cepd/cmd.h"

/*
 * One request. Appends the body of the answer.
 * Returns: CMD_DONE; else what was wrong has been said: CMD_MISTAKE for what the other side does not have or take, CMD_FAILED when it
 *          cannot be reached or could not do it.
 */
int cmd_client_call(const struct cmd_args *args, const char *method, const char *path, const char *body,
    struct base_buf *out);
/* The same in two steps: CMD_DONE when there is an answer, whatever it says; then what its status means. */
int cmd_client_ask(const struct cmd_args *args, const char *method, const char *path, const char *body,
    struct base_buf *out, long *status);
int cmd_client_judge(const struct cmd_args *args, long status, struct base_str body);
/* The id of a job from what was typed: the id, the beginning of one, or a name, when only one job fits. Returns: as above. */
int cmd_client_find(const struct cmd_args *args, const char *typed, struct base_arena *a, const char **id);

/* -- values of an answer; paths as in expr_json.h, with printf's directives ----------------------------------------------- */

/* Returns: text without control characters; "" when it is not there or null. */
const char *cmd_json_text(struct base_arena *a, struct base_str json, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of several lines. */
const char *cmd_json_lines(struct base_arena *a, struct base_str json, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns: false when it is not there or no number. */
bool cmd_json_num(struct base_arena *a, struct base_str json, int64_t *out, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* 1234 ms -> "1.2 s"; two units at most. */
const char *cmd_duration_text(struct base_arena *a, int64_t ms);
/* "2026-11-28T10:52:11Z" */
const char *cmd_time_text(struct base_arena *a, int64_t ms);
/* "12.4 KiB" */
const char *cmd_bytes_text(struct base_arena *a, int64_t bytes);

/* -- tables --------------------------------------------------------------------------------------------------------------- */

enum { CMD_TABLE_COLS = 16 };

/* Cells in rows; a column whose heading begins with '>' is set to the right. */
struct cmd_table {
    struct base_arena *arena; /* borrowed */
    const char *heads[CMD_TABLE_COLS];
    size_t n_cols, n_rows, cap_rows;
    const char *(*rows)[CMD_TABLE_COLS]; /* in the arena */
};

void cmd_table_init(struct cmd_table *t, struct base_arena *a, const char *const *heads, size_t n);
/* Returns: the cells of a new row, "" each; valid until the next one. */
const char **cmd_table_row(struct cmd_table *t);
void cmd_table_write(struct base_buf *b, const struct cmd_table *t);
