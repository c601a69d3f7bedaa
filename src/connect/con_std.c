/*
 * con_std -- the connectors `stdin`, `stdout` and `stderr`.
 *
 * The descriptors are shared with whoever started us, so they are never made non-blocking: stdin is asked by poll(2) first, and
 * a slow reader of stdout holds us up as it would any other program in a pipe. A reader that has gone ends the job
 * cleanly (the program ignores SIGPIPE).
 */
#include "connect/con_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <unistd.h>

enum { STD_READ = 128 * 1024, STD_POLL_US = 10000 };

struct stdin_source {
    struct con_source src;
    struct event *ready; /* owned; NULL without a loop */
    bool can_wait;       /* the loop can tell when there is something */
};

static void stdin_ready(evutil_socket_t fd, short what, void *arg) {
    struct stdin_source *ss = arg;
    (void)fd;
    (void)what;
    con_wake(&ss->src.env);
}

static enum cep_rc stdin_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    struct stdin_source *ss = (struct stdin_source *)src;
    struct pollfd pfd = { .fd = src->env.stdin_fd, .events = POLLIN };
    int n = poll(&pfd, 1, 0);
    if (n < 0 && errno != EINTR)
        return base_err_set(err, CEP_EIO, "could not wait for stdin: %s", strerror(errno));
    if (n <= 0) {
        ss->can_wait = ss->ready && event_add(ss->ready, NULL) == 0;
        return CEP_AGAIN;
    }
    size_t room;
    char *to = con_reader_room(&part->rd, STD_READ, &room);
    ssize_t got = read(pfd.fd, to, room);
    if (got < 0) {
        if (errno == EINTR || errno == EAGAIN)
            return CEP_AGAIN;
        if (errno == EBADF) /* closed before we started: an empty input */
            return CEP_NONE;
        return base_err_set(err, CEP_EIO, "could not read stdin: %s", strerror(errno));
    }
    if (got == 0)
        return CEP_NONE;
    con_reader_added(&part->rd, (size_t)got);
    return CEP_OK;
}

static int64_t stdin_next_poll(struct con_source *src) {
    return ((struct stdin_source *)src)->can_wait ? INT64_MAX : con_mono(&src->env) + STD_POLL_US;
}

static enum cep_rc stdin_begin(struct con_source *src, struct cep_err *err) {
    return src->n_parts > 0 || con_source_add(src, "stdin", NULL, err) ? CEP_OK : CEP_EINVAL;
}

/* What comes now has nothing to do with what was read: another input, whose records stand behind the first one's. */
static enum cep_rc stdin_restore(struct con_source *src, struct con_part *part,
    const struct con_partition *saved, struct base_unpack *note, struct cep_err *err) {
    (void)src;
    (void)saved;
    (void)note;
    (void)err;
    con_reader_restart(&part->rd);
    return CEP_OK;
}

static void stdin_close(struct con_source *src) {
    struct stdin_source *ss = (struct stdin_source *)src;
    if (ss->ready)
        event_free(ss->ready);
    base_free(ss);
}

static const struct con_source_vt stdin_source;

static enum cep_rc stdin_open(const struct plan_node *node, const struct con_env *env,
    const struct con_format *format, struct con_source **out, struct cep_err *err) {
    struct stdin_source *ss = base_calloc(1, sizeof *ss);
    con_source_init(&ss->src, &stdin_source, node, env, format);
    ss->src.bounded = true;
    if (env->loop)
        ss->ready = event_new(env->loop, env->stdin_fd, EV_READ, stdin_ready, ss);
    (void)err;
    *out = &ss->src;
    return CEP_OK;
}

static const struct con_source_vt stdin_source = { .open = stdin_open,
    .begin = stdin_begin,
    .restore = stdin_restore,
    .fill = stdin_fill,
    .next_poll = stdin_next_poll,
    .close = stdin_close };

const struct con_connector con_stdin = {
    .spec = { .name = "stdin",
        .is_source = true,
        .bounded = true,
        .default_format = "json",
        .help = "the standard input, to its end" },
    .source = &stdin_source,
};

/* -- stdout and stderr -------------------------------------------------------------------------------------------- */

struct std_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    const char *name;
    int fd;
    bool gone; /* the reader */
    struct base_buf out;
    size_t out_done;
};

static enum cep_rc std_push(struct std_sink *ss, struct cep_err *err) {
    while (!ss->gone && ss->out_done < ss->out.len) {
        ssize_t n = write(ss->fd, ss->out.p + ss->out_done, ss->out.len - ss->out_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) { /* somebody made it non-blocking */
            struct pollfd pfd = { .fd = ss->fd, .events = POLLOUT };
            (void)poll(&pfd, 1, 1000);
            continue;
        }
        if (n < 0 && errno == EPIPE) {
            ss->gone = true;
            break;
        }
        if (n < 0)
            return base_err_set(err, CEP_EIO, "could not write %s: %s", ss->name, strerror(errno));
        ss->out_done += (size_t)n;
        ss->sink.stats.bytes += (uint64_t)n;
    }
    base_buf_clear(&ss->out);
    ss->out_done = 0;
    return ss->gone ? CEP_NONE : CEP_OK;
}

static enum cep_rc std_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    struct std_sink *ss = (struct std_sink *)sink;
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows && !ss->gone;
         row = con_next_row(batch, row + 1)) {
        ss->enc->vt->row(ss->enc, batch, row, &ss->out);
        sink->stats.rows++;
    }
    return std_push(ss, err);
}

static enum cep_rc std_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    (void) final;
    return std_push((struct std_sink *)sink, err);
}

/* Rows are out, or the checkpoint cannot be: nothing is kept for another run. */
static enum cep_rc std_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err) {
    (void)checkpoint;
    (void)state;
    return std_push((struct std_sink *)sink, err);
}

static void std_close(struct con_sink *sink) {
    base_buf_release(&((struct std_sink *)sink)->out);
}

static enum cep_rc std_open(int fd, const char *name, struct con_encoder *enc, struct con_sink **out) {
    struct std_sink *ss = base_calloc(1, sizeof *ss);
    ss->enc = enc;
    ss->fd = fd;
    ss->name = name;
    if (enc->vt->begin)
        enc->vt->begin(enc, &ss->out);
    *out = &ss->sink;
    return CEP_OK;
}

static enum cep_rc stdout_open(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    (void)ps;
    (void)how;
    (void)err;
    return std_open(env->stdout_fd, "stdout", enc, out);
}

static enum cep_rc stderr_open(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    (void)ps;
    (void)how;
    (void)err;
    return std_open(env->stderr_fd, "stderr", enc, out);
}

static const struct con_sink_vt stdout_sink = {
    .open = stdout_open, .write = std_write, .flush = std_flush, .prepare = std_prepare, .close = std_close
};
static const struct con_sink_vt stderr_sink = {
    .open = stderr_open, .write = std_write, .flush = std_flush, .prepare = std_prepare, .close = std_close
};

const struct con_connector con_stdout = {
    .spec = { .name = "stdout",
        .is_sink = true,
        .default_format = "json",
        .help = "the standard output, a batch at a time" },
    .sink = &stdout_sink,
};

const struct con_connector con_stderr = {
    .spec = { .name = "stderr",
        .is_sink = true,
        .default_format = "json",
        .help = "the standard error output" },
    .sink = &stderr_sink,
};
