/*
 * cmd_jobs -- `cepd jobs`, `job`, `cancel`, `rescale`, `savepoint`, `stop`: what a job does, as a table, and what to do with it.
 *
 * `cepd job` asks twice, a second apart: rates and what tasks are busy with are those of that second.
 */
#include "cepd/cmd_client.h"

#include "base/base_err.h"
#include "base/base_num.h"
#include "event/evt_type.h"
#include "time/clk.h"

#include <poll.h>
#include <unistd.h>

enum { SAMPLE_MS = 1000, SAVEPOINT_MS = 50 };

static bool wants_json(const struct cmd_args *args) {
    return cmd_args_has(args, "json");
}

static int print_body(struct base_buf *body) {
    if (body->len > 0 && body->p[body->len - 1] != '\n')
        base_buf_putc(body, '\n');
    return cmd_print(stdout, body);
}

/* -- how numbers look ------------------------------------------------------------------------------------------------ */

const char *cmd_duration_text(struct base_arena *a, int64_t ms) {
    long long s = (long long)ms / 1000;
    if (ms < 0)
        return base_arena_printf(a, "-%s", cmd_duration_text(a, ms == INT64_MIN ? INT64_MAX : -ms));
    if (ms < 1000)
        return base_arena_printf(a, "%lld ms", (long long)ms);
    if (s < 60)
        return base_arena_printf(a, "%lld.%lld s", s, (long long)ms % 1000 / 100);
    if (s < 3600)
        return base_arena_printf(a, "%lld min %lld s", s / 60, s % 60);
    if (s < 86400)
        return base_arena_printf(a, "%lld h %lld min", s / 3600, s / 60 % 60);
    return base_arena_printf(a, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

const char *cmd_time_text(struct base_arena *a, int64_t ms) {
    struct base_buf b = BASE_BUF_INIT;
    int64_t us;
    if (__builtin_mul_overflow(ms - ms % 1000, 1000, &us))
        return "?";
    base_write_timestamp(&b, us);
    const char *text = base_arena_printf(a, "%s", base_buf_cstr(&b));
    base_buf_release(&b);
    return text;
}

static const char *scaled(struct base_arena *a, double v, const char *const *units, double step) {
    int u = 0;
    while (v >= step && units[u + 1]) {
        v /= step;
        u++;
    }
    return u == 0 ? base_arena_printf(a, "%.0f%s", v, units[0]) : base_arena_printf(a, "%.1f%s", v, units[u]);
}

const char *cmd_bytes_text(struct base_arena *a, int64_t v) {
    static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", NULL };
    return scaled(a, (double)v, units, 1024);
}

static const char *rate_text(struct base_arena *a, double v) {
    static const char *const units[] = { "/s", " k/s", " M/s", " G/s", NULL };
    return scaled(a, v, units, 1000);
}

/* Zero is a dash: what is not zero is seen at once. */
static const char *count_text(struct base_arena *a, int64_t v) {
    return v == 0 ? "-" : base_arena_printf(a, "%lld", (long long)v);
}

/* "1 alert", "2 alerts" */
static const char *of_text(struct base_arena *a, int64_t v, const char *one, const char *many) {
    return base_arena_printf(a, "%lld %s", (long long)v, v == 1 ? one : many);
}

/* -- cepd jobs --------------------------------------------------------------------------------------------------------- */

static void write_jobs(struct base_buf *b, struct base_arena *a, struct base_str json, int64_t now_ms) {
    static const char *const heads[] = { "ID", "NAME", "STATE", ">FOR", "SUBMITTED", ">RUNS FOR",
        ">PARALLELISM", ">FAILURES", "" };
    struct cmd_table t;
    cmd_table_init(&t, a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0;; i++) {
        const char *id = cmd_json_text(a, json, "$.jobs[%zu].jid", i);
        int64_t start = 0, end = -1, duration = 0, since = 0, parallelism = 0, failures = 0;
        if (!id[0])
            break;
        (void)cmd_json_num(a, json, &start, "$.jobs[%zu][\"start-time\"]", i);
        (void)cmd_json_num(a, json, &duration, "$.jobs[%zu].duration", i);
        (void)cmd_json_num(a, json, &parallelism, "$.jobs[%zu].parallelism", i);
        (void)cmd_json_num(a, json, &end, "$.jobs[%zu][\"end-time\"]", i);
        (void)cmd_json_num(a, json, &since, "$.jobs[%zu][\"last-modification\"]", i);
        (void)cmd_json_num(a, json, &failures, "$.jobs[%zu].failures", i);
        const char **row = cmd_table_row(&t);
        row[0] = id;
        row[1] = cmd_json_text(a, json, "$.jobs[%zu].name", i);
        row[2] = cmd_json_text(a, json, "$.jobs[%zu].state", i);
        row[3] = cmd_duration_text(a, now_ms - since > 0 ? now_ms - since : 0);
        row[4] = cmd_time_text(a, start);
        row[5] = cmd_duration_text(a, duration);
        row[6] = count_text(a, parallelism);
        row[7] = count_text(a, failures);
        row[8] = end > 0 ? "" : cmd_json_text(a, json, "$.jobs[%zu].note", i);
    }
    cmd_table_write(b, &t);
}

int cmd_jobs(const struct cmd_args *args) {
    struct base_buf body = BASE_BUF_INIT, text = BASE_BUF_INIT;
    struct base_arena a;
    base_arena_init(&a, 0);
    int status = cmd_client_call(args, "GET", "/jobs/overview", NULL, &body);
    if (status == CMD_DONE && wants_json(args)) {
        status = print_body(&body);
    } else if (status == CMD_DONE) {
        write_jobs(&text, &a, base_buf_view(&body), clk_now(clk_system()) / 1000);
        status = cmd_print(stdout, &text);
    }
    base_arena_release(&a);
    base_buf_release(&body);
    base_buf_release(&text);
    return status;
}

/* -- cepd job ------------------------------------------------------------------------------------------------------------ */

/* Two answers to GET /jobs/:id, one after the other. */
struct looks {
    struct base_arena *a;
    struct base_str before, now;
    double seconds; /* between them, by the job's own clock */
};

#define NUM(path) num(l->a, l->now, path)

static int64_t num(struct base_arena *a, struct base_str json, const char *path) {
    int64_t v = 0;
    return cmd_json_num(a, json, &v, "%s", path) ? v : 0;
}

static int64_t op_num(struct looks *l, size_t i, const char *name) {
    int64_t v = 0;
    return cmd_json_num(l->a, l->now, &v, "$.operators[%zu][\"%s\"]", i, name) ? v : 0;
}

/* How much a number grew, a second. */
static double rate(struct looks *l, const char *path) {
    double grew = (double)(num(l->a, l->now, path) - num(l->a, l->before, path));
    return l->seconds > 0 && grew > 0 ? grew / l->seconds : 0;
}

/* "held by payments, partition a.ndjson", or "". `at`: the path of the object that has held-by. */
static const char *held_text(struct looks *l, const char *at) {
    const char *stream = cmd_json_text(l->a, l->now, "%s[\"held-by\"].stream", at);
    const char *part = cmd_json_text(l->a, l->now, "%s[\"held-by\"].partition", at);
    bool has_part = part[0] && strcmp(part, "null") != 0;
    return !stream[0] ? ""
                      : base_arena_printf(
                            l->a, "%s%s%s", stream, has_part ? ", partition " : "", has_part ? part : "");
}

/* How long it has been in this state; of one that is over: when that was, and how long it had run. */
static void write_state(struct base_buf *b, struct looks *l) {
    const char *state = cmd_json_text(l->a, l->now, "$.state");
    int64_t start = NUM("$[\"start-time\"]"), end = NUM("$[\"end-time\"]"), since = start;
    (void)cmd_json_num(l->a, l->now, &since, "$.timestamps.%s", state);
    base_buf_printf(b, "state      %s ", state);
    if (end > 0)
        base_buf_printf(b, "since %s, %s after it was submitted", cmd_time_text(l->a, end),
            cmd_duration_text(l->a, end - start));
    else
        base_buf_printf(
            b, "for %s, since %s", cmd_duration_text(l->a, NUM("$.now") - since), cmd_time_text(l->a, since));
    base_buf_printf(b, ", parallelism %lld\n", (long long)NUM("$.parallelism"));
}

static void write_head(struct base_buf *b, struct looks *l) {
    base_buf_printf(b, "job        %s  %s, submitted %s\n", cmd_json_text(l->a, l->now, "$.jid"),
        cmd_json_text(l->a, l->now, "$.name"), cmd_time_text(l->a, NUM("$[\"start-time\"]")));
    write_state(b, l);
    const char *note = cmd_json_text(l->a, l->now, "$.note");
    if (note[0])
        base_buf_printf(b, "           %s\n", note);
    const char *failure = cmd_json_text(l->a, l->now, "$[\"last-failure\"].message");
    int64_t n = NUM("$[\"last-failure\"].failures");
    if (failure[0])
        base_buf_printf(b, "failed     %s%s: %s\n",
            n == 1 ? "" : base_arena_printf(l->a, "%lld times, the last time ", (long long)n),
            cmd_time_text(l->a, NUM("$[\"last-failure\"].timestamp")), failure);
}

/* What is counted begins anew when the job goes back to a checkpoint. */
static void write_counts(struct base_buf *b, struct looks *l, int64_t restarts) {
    base_buf_printf(b, "events     %lld%s, %s now\n", (long long)NUM("$.totals.events"),
        restarts > 0 ? " since the last restart" : "", rate_text(l->a, rate(l, "$.totals.events")));
    base_buf_printf(b, "results    %s, %s, %lld suppressed, %lld timed out\n",
        of_text(l->a, NUM("$.totals.matches"), "match", "matches"),
        of_text(l->a, NUM("$.totals.alerts"), "alert", "alerts"), (long long)NUM("$.totals.suppressed"),
        (long long)NUM("$.totals.timed_out"));
    base_buf_printf(b, "trouble    %lld late, %s, %s undelivered\n", (long long)NUM("$.totals.late"),
        of_text(l->a, NUM("$.totals.errors"), "error", "errors"),
        of_text(l->a, NUM("$.totals.undelivered"), "row", "rows"));
    base_buf_printf(b, "holds      %s, %s of state, %s for the watermark\n",
        of_text(l->a, NUM("$.totals.open"), "partial match", "partial matches"),
        cmd_bytes_text(l->a, NUM("$.totals.state_bytes")),
        of_text(l->a, NUM("$.totals.buffered"), "event that waits", "events that wait"));
    int64_t wm, lag;
    if (cmd_json_num(l->a, l->now, &wm, "$.totals.watermark") &&
        cmd_json_num(l->a, l->now, &lag, "$.totals[\"watermark-lag\"]")) {
        const char *by = held_text(l, "$.totals");
        base_buf_printf(b, "watermark  %s, %s %s%s%s\n", cmd_time_text(l->a, wm),
            cmd_duration_text(l->a, lag < 0 ? -lag : lag), lag < 0 ? "ahead of the clock" : "behind",
            by[0] ? ", held by " : "", by);
    } else {
        base_buf_puts(b, "watermark  none\n");
    }
}

/* Sources that waited because of `drift at most`. */
static void write_drift(struct base_buf *b, struct looks *l) {
    for (size_t i = 0; cmd_json_text(l->a, l->now, "$.operators[%zu].kind", i)[0]; i++) {
        int64_t us = op_num(l, i, "drift_wait_us");
        if (us > 0)
            base_buf_printf(b, "drift      %s waited %s for sources behind it\n",
                cmd_json_text(l->a, l->now, "$.operators[%zu].name", i), cmd_duration_text(l->a, us / 1000));
    }
}

/* `checkpoints`: the answer to GET /jobs/:id/checkpoints. Nothing for a job that keeps none. */
static void write_kept(struct base_buf *b, struct looks *l, struct base_str checkpoints) {
    struct base_arena *a = l->a;
    if (num(a, checkpoints, "$.counts.total") == 0)
        return;
    int64_t id = num(a, checkpoints, "$.latest.completed.id");
    base_buf_puts(b, "kept       ");
    if (id > 0)
        base_buf_printf(b, "checkpoint %lld, %s ago, took %s, %s; ", (long long)id,
            cmd_duration_text(
                a, NUM("$.now") - num(a, checkpoints, "$.latest.completed.latest_ack_timestamp")),
            cmd_duration_text(a, num(a, checkpoints, "$.latest.completed.end_to_end_duration")),
            cmd_bytes_text(a, num(a, checkpoints, "$.latest.completed.checkpointed_size")));
    base_buf_printf(b, "%lld complete, %lld failed, %s\n",
        (long long)num(a, checkpoints, "$.counts.completed"),
        (long long)num(a, checkpoints, "$.counts.failed"),
        of_text(a, num(a, checkpoints, "$.counts.restarts"), "restart", "restarts"));
}

/* "worker 3fa2c1 (host1, pid 81)", of several the first and how many there are more. */
static const char *workers_text(struct looks *l, size_t region) {
    size_t n = 0;
    while (cmd_json_text(l->a, l->now, "$.regions[%zu].workers[%zu].id", region, n)[0])
        n++;
    if (n == 0)
        return "";
    const char *more = n == 1 ? "" : base_arena_printf(l->a, " and %zu more", n - 1);
    return base_arena_printf(l->a, "%.6s (%s, pid %s)%s",
        cmd_json_text(l->a, l->now, "$.regions[%zu].workers[0].id", region),
        cmd_json_text(l->a, l->now, "$.regions[%zu].workers[0].host", region),
        cmd_json_text(l->a, l->now, "$.regions[%zu].workers[0].pid", region), more);
}

/* Of a job with statements that have nothing to do with each other: each part of it that fails and begins again by itself. */
static void write_regions(struct base_buf *b, struct looks *l) {
    static const char *const heads[] = { "REGION", ">ATTEMPT", ">TASKS", ">RUN", ">ENDED", "WORKERS" };
    struct cmd_table t;
    if (!cmd_json_text(l->a, l->now, "$.regions[1].name")[0])
        return;
    cmd_table_init(&t, l->a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0;; i++) {
        const char *name = cmd_json_text(l->a, l->now, "$.regions[%zu].name", i);
        if (!name[0])
            break;
        const char **row = cmd_table_row(&t);
        row[0] = name;
        row[1] = cmd_json_text(l->a, l->now, "$.regions[%zu].attempt", i);
        row[2] = cmd_json_text(l->a, l->now, "$.regions[%zu].tasks.total", i);
        row[3] = cmd_json_text(l->a, l->now, "$.regions[%zu].tasks.running", i);
        row[4] = cmd_json_text(l->a, l->now, "$.regions[%zu].tasks.finished", i);
        row[5] = workers_text(l, i);
    }
    base_buf_putc(b, '\n');
    cmd_table_write(b, &t);
}

static void write_operators(struct base_buf *b, struct looks *l) {
    static const char *const heads[] = { "OPERATOR", "NAME", ">IN", ">IN NOW", ">OUT", ">LATE", ">ERRORS",
        ">OPEN", ">STATE", ">BEHIND", "HELD BY" };
    struct cmd_table t;
    cmd_table_init(&t, l->a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0;; i++) {
        const char *kind = cmd_json_text(l->a, l->now, "$.operators[%zu].kind", i);
        int64_t lag;
        if (!kind[0])
            break;
        bool sink = strcmp(kind, "sink") == 0;
        const char **row = cmd_table_row(&t);
        row[0] = kind;
        row[1] = cmd_json_text(l->a, l->now, "$.operators[%zu].name", i);
        row[2] = count_text(l->a, op_num(l, i, "rows_in"));
        row[3] = rate_text(l->a, rate(l, base_arena_printf(l->a, "$.operators[%zu].rows_in", i)));
        row[4] = sink ? cmd_bytes_text(l->a, op_num(l, i, "bytes_out"))
                      : count_text(l->a, op_num(l, i, "rows_out"));
        row[5] = count_text(l->a, op_num(l, i, "late"));
        row[6] = count_text(l->a, op_num(l, i, "undecodable") + op_num(l, i, "no_time") +
                                      op_num(l, i, "expression_failures") + op_num(l, i, "undelivered"));
        row[7] = count_text(l->a, op_num(l, i, "open"));
        row[8] = op_num(l, i, "state_bytes") ? cmd_bytes_text(l->a, op_num(l, i, "state_bytes")) : "-";
        row[9] = cmd_json_num(l->a, l->now, &lag, "$.operators[%zu][\"watermark-lag\"]", i)
                     ? cmd_duration_text(l->a, lag)
                     : "-";
        row[10] = held_text(l, base_arena_printf(l->a, "$.operators[%zu]", i));
    }
    if (t.n_rows == 0) /* its tasks are nowhere now */
        return;
    base_buf_putc(b, '\n');
    cmd_table_write(b, &t);
}

static void write_vertices(struct base_buf *b, struct looks *l) {
    static const char *const heads[] = { "VERTEX", "NAME", ">SUBTASKS", ">BUSY", ">BACKPRESSURED", ">IDLE" };
    static const char *const parts[] = { "busy", "backpressured", "idle" };
    struct cmd_table t;
    cmd_table_init(&t, l->a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0;; i++) {
        const char *id = cmd_json_text(l->a, l->now, "$.vertices[%zu].id", i);
        double spent[3], all = 0;
        if (!id[0])
            break;
        for (size_t p = 0; p < 3; p++) {
            spent[p] = rate(
                l, base_arena_printf(l->a, "$.vertices[%zu].metrics[\"accumulated-%s-time\"]", i, parts[p]));
            all += spent[p];
        }
        const char **row = cmd_table_row(&t);
        row[0] = id;
        row[1] = cmd_json_text(l->a, l->now, "$.vertices[%zu].name", i);
        row[2] = cmd_json_text(l->a, l->now, "$.vertices[%zu].parallelism", i);
        for (size_t p = 0; p < 3; p++)
            row[3 + p] = all > 0 ? base_arena_printf(l->a, "%.0f %%", 100 * spent[p] / all) : "-";
    }
    base_buf_putc(b, '\n');
    cmd_table_write(b, &t);
}

static int show_job(const struct cmd_args *args, struct base_arena *a, const char *path) {
    struct base_buf before = BASE_BUF_INIT, now = BASE_BUF_INIT, kept = BASE_BUF_INIT, text = BASE_BUF_INIT;
    int status = cmd_client_call(args, "GET", path, NULL, &before);
    if (status == CMD_DONE && wants_json(args)) {
        status = print_body(&before);
    } else if (status == CMD_DONE) {
        (void)poll(NULL, 0, SAMPLE_MS);
        status = cmd_client_call(args, "GET", base_arena_printf(a, "%s/checkpoints", path), NULL, &kept);
        if (status == CMD_DONE)
            status = cmd_client_call(args, "GET", path, NULL, &now);
        if (status == CMD_DONE) {
            struct looks l = { .a = a, .before = base_buf_view(&before), .now = base_buf_view(&now) };
            l.seconds = (double)(num(a, l.now, "$.now") - num(a, l.before, "$.now")) / 1000;
            write_head(&text, &l);
            if (cmd_json_text(a, l.now, "$.totals.events")[0]) {
                write_counts(&text, &l, num(a, base_buf_view(&kept), "$.counts.restarts"));
                write_drift(&text, &l);
                write_kept(&text, &l, base_buf_view(&kept));
                write_regions(&text, &l);
                write_operators(&text, &l);
                write_vertices(&text, &l);
            }
            status = cmd_print(stdout, &text);
        }
    }
    base_buf_release(&before);
    base_buf_release(&now);
    base_buf_release(&kept);
    base_buf_release(&text);
    return status;
}

int cmd_job(const struct cmd_args *args) {
    struct base_arena a;
    const char *id = NULL;
    base_arena_init(&a, 0);
    int status = cmd_client_find(args, args->operands[0], &a, &id);
    if (status == CMD_DONE)
        status = show_job(args, &a, base_arena_printf(&a, "/jobs/%s", id));
    base_arena_release(&a);
    return status;
}

/* -- what to do with it -------------------------------------------------------------------------------------------------- */

int cmd_cancel(const struct cmd_args *args) {
    struct base_buf body = BASE_BUF_INIT, text = BASE_BUF_INIT;
    struct base_arena a;
    const char *id = NULL;
    base_arena_init(&a, 0);
    int status = cmd_client_find(args, args->operands[0], &a, &id);
    if (status == CMD_DONE)
        status = cmd_client_call(
            args, "PATCH", base_arena_printf(&a, "/jobs/%s?mode=cancel", id), NULL, &body);
    if (status == CMD_DONE) {
        if (wants_json(args))
            base_buf_printf(&text, "{\"jid\":\"%s\",\"state\":\"CANCELLING\"}\n", id);
        else
            base_buf_printf(&text, "job %s is being cancelled\n", id);
        status = cmd_print(stdout, &text);
    }
    base_arena_release(&a);
    base_buf_release(&body);
    base_buf_release(&text);
    return status;
}

int cmd_rescale(const struct cmd_args *args) {
    struct base_buf body = BASE_BUF_INIT, text = BASE_BUF_INIT;
    struct base_arena a;
    const char *id = NULL, *n = args->operands[1];
    int64_t number;
    if (!base_parse_i64(base_str_of(n), &number))
        return cmd_usage(args, "a parallelism is a number, not \"%s\"", n);
    base_arena_init(&a, 0);
    int status = cmd_client_find(args, args->operands[0], &a, &id);
    if (status == CMD_DONE)
        status = cmd_client_call(args, "PATCH",
            base_arena_printf(&a, "/jobs/%s/rescaling?parallelism=%lld", id, (long long)number), NULL, &body);
    if (status == CMD_DONE) {
        base_buf_printf(&text, "job %s goes on with parallelism %lld\n", id, (long long)number);
        status = cmd_print(stdout, &text);
    }
    base_arena_release(&a);
    base_buf_release(&body);
    base_buf_release(&text);
    return status;
}

/* A path for the job, which may have been started elsewhere: from the root. */
static const char *absolute(struct base_arena *a, const char *dir) {
    char here[4096];
    return dir[0] == '/' || !getcwd(here, sizeof here) ? dir : base_arena_printf(a, "%s/%s", here, dir);
}

static int savepoint_failed(const struct cmd_args *args, struct base_arena *a, struct base_str status) {
    struct cep_err err = CEP_ERR_INIT;
    const char *why = cmd_json_text(a, status, "$.operation[\"failure-cause\"][\"stack-trace\"]");
    (void)base_err_set(&err, CEP_EIO, "%s", why[0] ? why : "the savepoint failed");
    return cmd_fail(args, CMD_FAILED, &err);
}

/* Asks, and waits for what becomes of it. */
static int take_savepoint(const struct cmd_args *args, struct base_arena *a, const char *call,
    const char *member, const char **path) {
    const char *id = NULL, *state;
    struct base_buf body = BASE_BUF_INIT, answer = BASE_BUF_INIT;
    int status = cmd_client_find(args, args->operands[0], a, &id);
    base_buf_putc(&body, '{');
    if (args->n_operands > 1) {
        base_buf_printf(&body, "\"%s\":", member);
        evt_json_write_str(&body, base_str_of(absolute(a, args->operands[1])));
    }
    base_buf_putc(&body, '}');
    if (status == CMD_DONE)
        status = cmd_client_call(
            args, "POST", base_arena_printf(a, "/jobs/%s/%s", id, call), base_buf_cstr(&body), &answer);
    const char *request = cmd_json_text(a, base_buf_view(&answer), "$[\"request-id\"]");
    while (status == CMD_DONE) {
        base_buf_clear(&answer);
        status = cmd_client_call(
            args, "GET", base_arena_printf(a, "/jobs/%s/savepoints/%s", id, request), NULL, &answer);
        state = cmd_json_text(a, base_buf_view(&answer), "$.status.id");
        if (strcmp(state, "COMPLETED") == 0)
            break;
        (void)poll(NULL, 0, SAVEPOINT_MS);
    }
    *path = cmd_json_text(a, base_buf_view(&answer), "$.operation.location");
    if (status == CMD_DONE && !(*path)[0])
        status = savepoint_failed(args, a, base_buf_view(&answer));
    base_buf_release(&body);
    base_buf_release(&answer);
    return status;
}

static int savepoint(const struct cmd_args *args, const char *call, const char *member) {
    struct base_arena a;
    struct base_buf text = BASE_BUF_INIT;
    const char *path = NULL;
    base_arena_init(&a, 0);
    int status = take_savepoint(args, &a, call, member, &path);
    if (status == CMD_DONE && wants_json(args)) {
        base_buf_puts(&text, "{\"location\":");
        evt_json_write_str(&text, base_str_of(path));
        base_buf_puts(&text, "}\n");
    } else if (status == CMD_DONE) {
        base_buf_printf(&text, "%s\n", path);
    }
    if (status == CMD_DONE)
        status = cmd_print(stdout, &text);
    base_buf_release(&text);
    base_arena_release(&a);
    return status;
}

int cmd_savepoint(const struct cmd_args *args) {
    return savepoint(args, "savepoints", "target-directory");
}

int cmd_stop(const struct cmd_args *args) {
    return savepoint(args, "stop", "targetDirectory");
}
