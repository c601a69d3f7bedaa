/*
 * cmd_log -- see cmd_log.h.
 */
#include "cepd/cmd_log.h"

#include "base/base_err.h"
#include "base/base_num.h"
#include "event/evt_type.h"
#include "time/clk.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000 }; /* with a reader of standard error that does not read */

static const char *const level_names[CON_LEVEL_MAX] = {
    [CON_LEVEL_INFO] = "info",
    [CON_LEVEL_WARNING] = "warning",
    [CON_LEVEL_ERROR] = "error",
};
static const char *const level_colours[CON_LEVEL_MAX] = {
    [CON_LEVEL_INFO] = "",
    [CON_LEVEL_WARNING] = "\x1b[1;35m",
    [CON_LEVEL_ERROR] = "\x1b[1;31m",
};

void cmd_log_init(struct cmd_log *log, const struct cmd_args *args) {
    const char *format = cmd_args_get(args, "log-format"), *level = cmd_args_get(args, "log-level");
    const char *colour = cmd_args_get(args, "color");
    *log = (struct cmd_log){ .tty = isatty(STDERR_FILENO) == 1 };
    log->json = format && strcmp(format, "json") == 0;
    for (int i = 0; level && i < CON_LEVEL_MAX; i++)
        if (strcmp(level, level_names[i]) == 0)
            log->level = (enum con_level)i;
    if (colour && strcmp(colour, "auto") != 0)
        log->colour = strcmp(colour, "always") == 0;
    else
        log->colour = log->tty && !getenv("NO_COLOR");
    if (log->json)
        log->colour = false;
}

/* One write, so that lines of several threads or processes stay whole. */
static void put(const struct base_buf *b) {
    size_t off = 0;
    while (off < b->len) {
        ssize_t n = write(STDERR_FILENO, b->p + off, b->len - off);
        if (n >= 0) {
            off += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            /* Somebody who shares the terminal made it non-blocking. */
            struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
            if (poll(&p, 1, PATIENCE_MS) <= 0)
                return;
        } else if (errno != EINTR) {
            return; /* nowhere left to complain */
        }
    }
}

void cmd_log_line(struct cmd_log *log, enum con_level level, const char *text) {
    if (level < log->level)
        return;
    struct base_buf b = BASE_BUF_INIT;
    if (log->progress_shown)
        base_buf_puts(&b, "\r\x1b[K");
    log->progress_shown = false;
    if (log->json) {
        base_buf_puts(&b, "{\"at\":\"");
        base_write_timestamp(&b, clk_now(clk_system()));
        base_buf_printf(&b, "\",\"level\":\"%s\",\"message\":", level_names[level]);
        evt_json_write_str(&b, base_str_of(text));
        base_buf_puts(&b, "}\n");
    } else {
        base_buf_puts(&b, "cepd: ");
        if (level != CON_LEVEL_INFO)
            base_buf_printf(&b, "%s%s:%s ", log->colour ? level_colours[level] : "", level_names[level],
                log->colour ? "\x1b[0m" : "");
        base_buf_printf(&b, "%s\n", text);
    }
    put(&b);
    base_buf_release(&b);
}

void cmd_log_printf(struct cmd_log *log, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    cmd_log_line(log, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

void cmd_log_err(struct cmd_log *log, const struct cep_err *err) {
    cmd_log_line(log, CON_LEVEL_ERROR, err->message[0] ? err->message : cep_rc_text(err->rc));
    if (err->hint[0])
        cmd_log_printf(log, CON_LEVEL_INFO, "hint: %s", err->hint);
}

void cmd_log_progress(struct cmd_log *log, const char *text) {
    if (!log->tty || log->json || log->level > CON_LEVEL_INFO)
        return;
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "\r%s\x1b[K", text);
    put(&b);
    base_buf_release(&b);
    log->progress_shown = true;
}

void cmd_log_text(struct cmd_log *log, const struct base_buf *text) {
    if (log->progress_shown)
        cmd_log_progress(log, "");
    if (text->len > 0)
        put(text);
}

int cmd_fail(const struct cmd_args *a, int status, const struct cep_err *err) {
    struct cmd_log log;
    cmd_log_init(&log, a);
    cmd_log_err(&log, err);
    return status;
}

int cmd_usage(const struct cmd_args *a, const char *fmt, ...) {
    struct cep_err err = CEP_ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    (void)base_err_vset(&err, CEP_EINVAL, fmt, ap);
    va_end(ap);
    base_err_hint(&err, "see cepd help %s", a->spec->name);
    return cmd_fail(a, CMD_MISTAKE, &err);
}
