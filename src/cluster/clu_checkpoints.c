/*
 * clu_checkpoints -- GET /jobs/:id/checkpoints and the checkpoints' part of /metrics. Names: doc/rest.md.
 */
#include "cluster/clu_job_internal.h"

#include "event/evt_type.h"

#include <stdio.h>

static const char *const status_words[] = {
    [RT_CHECKPOINT_IN_PROGRESS] = "IN_PROGRESS",
    [RT_CHECKPOINT_COMPLETE] = "COMPLETED",
    [RT_CHECKPOINT_FAILED] = "FAILED",
};

static long long ms(int64_t us) {
    return (long long)(us / 1000);
}

/* Where checkpoint `id` lies. */
static void put_path(struct base_buf *b, const struct clu_job *j, uint64_t id, const char *savepoint) {
    struct base_buf path = BASE_BUF_INIT;
    base_buf_puts(b, "\"external_path\":");
    if (savepoint) {
        evt_json_write_str(b, base_str_of(savepoint));
    } else if (j->opts.checkpoint_dir) {
        base_buf_printf(&path, "%s/chk-%llu", j->opts.checkpoint_dir, (unsigned long long)id);
        evt_json_write_str(b, base_buf_view(&path));
    } else {
        base_buf_puts(b, "null");
    }
    base_buf_release(&path);
}

static void put_stat(
    struct base_buf *b, const struct clu_job *j, const struct rt_checkpoint_stat *s, const char *savepoint) {
    bool over = s->status != RT_CHECKPOINT_IN_PROGRESS, complete = s->status == RT_CHECKPOINT_COMPLETE;
    if (s->id == 0) {
        base_buf_puts(b, "null");
        return;
    }
    base_buf_printf(b,
        "{\"id\":%llu,\"status\":\"%s\",\"is_savepoint\":%s,\"checkpoint_type\":\"%s\","
        "\"trigger_timestamp\":%lld,\"latest_ack_timestamp\":%lld,\"end_to_end_duration\":%lld,"
        "\"checkpointed_size\":%llu,\"new_size\":%llu,\"state_size\":%llu,\"persisted_data\":%llu,"
        "\"alignment_duration\":%lld,\"pause_duration\":%lld,\"pause_cpu_us\":%lld,\"barrier_us\":%lld,"
        "\"barrier_cpu_us\":%lld,"
        "\"save_duration\":%lld,\"num_subtasks\":%u,\"num_acknowledged_subtasks\":%u",
        (unsigned long long)s->id, status_words[s->status], s->is_savepoint ? "true" : "false",
        s->is_savepoint   ? "SAVEPOINT"
        : s->is_unaligned ? "UNALIGNED_CHECKPOINT"
                          : "CHECKPOINT",
        ms(s->begun_us), over ? ms(s->begun_us + s->duration_us) : -1LL, over ? ms(s->duration_us) : -1LL,
        (unsigned long long)s->bytes, (unsigned long long)s->new_bytes,
        (unsigned long long)(s->bytes - s->flight_bytes), (unsigned long long)s->flight_bytes,
        ms(s->alignment_us), ms(s->pause_us), (long long)s->pause_cpu_us, (long long)s->barrier_us,
        (long long)s->barrier_cpu_us, ms(s->save_us), s->n_tasks, s->n_acknowledged);
    if (complete && (savepoint || !s->is_savepoint)) {
        base_buf_putc(b, ',');
        put_path(b, j, s->id, savepoint);
    }
    if (s->status == RT_CHECKPOINT_FAILED) {
        base_buf_printf(
            b, ",\"failure_timestamp\":%lld,\"failure_message\":", ms(s->begun_us + s->duration_us));
        evt_json_write_str(b, base_str_of(s->failure));
    }
    base_buf_putc(b, '}');
}

static void put_range(
    struct base_buf *b, const char *name, const struct rt_checkpoint_range *r, uint64_t n, int64_t unit) {
    base_buf_printf(b, "\"%s\":{\"min\":%lld,\"max\":%lld,\"avg\":%lld}", name, (long long)(r->min / unit),
        (long long)(r->max / unit), (long long)(n ? r->sum / (int64_t)n / unit : 0));
}

static void put_restored(struct base_buf *b, const struct clu_job *j, const struct rt_checkpoint_stats *st) {
    if (st->restored_us == 0) {
        base_buf_puts(b, "null");
        return;
    }
    base_buf_printf(b, "{\"id\":%llu,\"restore_timestamp\":%lld,\"is_savepoint\":%s,",
        (unsigned long long)st->restored_id, ms(st->restored_us), st->restored_savepoint ? "true" : "false");
    if (st->restored_savepoint)
        base_buf_puts(b, "\"external_path\":null");
    else
        put_path(b, j, st->restored_id, NULL);
    base_buf_putc(b, '}');
}

void clu_job_write_checkpoints(struct clu_job *j, struct base_buf *b) {
    struct rt_checkpoint_stats st = { .begun = 0 };
    if (j->job)
        rt_job_checkpoints(j->job, &st);
    base_buf_printf(b,
        "{\"counts\":{\"restored\":%u,\"total\":%llu,\"in_progress\":%u,\"completed\":%llu,\"failed\":%llu,"
        "\"unaligned\":%llu,\"timed_out\":%llu,\"abandoned\":%llu,\"restarts\":%u},\"summary\":{",
        st.n_restored, (unsigned long long)st.begun, st.in_flight, (unsigned long long)st.complete,
        (unsigned long long)(st.failed + st.timed_out), (unsigned long long)st.unaligned,
        (unsigned long long)st.timed_out, (unsigned long long)st.abandoned, st.restarts);
    put_range(b, "checkpointed_size", &st.bytes, st.complete, 1);
    base_buf_putc(b, ',');
    put_range(b, "new_size", &st.new_bytes, st.complete, 1);
    base_buf_putc(b, ',');
    put_range(b, "end_to_end_duration", &st.duration_us, st.complete, 1000);
    base_buf_putc(b, ',');
    put_range(b, "alignment_duration", &st.alignment_us, st.complete, 1000);
    base_buf_putc(b, ',');
    put_range(b, "pause_duration", &st.pause_us, st.complete, 1000);
    base_buf_putc(b, ',');
    put_range(b, "pause_cpu_us", &st.pause_cpu_us, st.complete, 1);
    base_buf_putc(b, ',');
    put_range(b, "barrier_us", &st.barrier_us, st.complete, 1);
    base_buf_putc(b, ',');
    put_range(b, "barrier_cpu_us", &st.barrier_cpu_us, st.complete, 1);
    base_buf_putc(b, ',');
    put_range(b, "persisted_data", &st.flight_bytes, st.complete, 1);
    base_buf_puts(b, "},\"latest\":{\"completed\":");
    put_stat(b, j, &st.last, NULL);
    base_buf_puts(b, ",\"savepoint\":");
    put_stat(b, j, &st.last_savepoint, st.last_savepoint_path);
    base_buf_puts(b, ",\"failed\":");
    put_stat(b, j, &st.last_failed, NULL);
    base_buf_puts(b, ",\"restored\":");
    put_restored(b, j, &st);
    base_buf_puts(b, "},\"history\":[");
    for (uint32_t i = 0; i < st.n_history; i++) {
        base_buf_puts(b, i ? "," : "");
        put_stat(b, j, &st.history[i], NULL);
    }
    base_buf_puts(b, "]}\n");
}

/* -- metrics ------------------------------------------------------------------------------------------------------ */

static void counter(struct base_buf *b, const char *name, const char *help, double v) {
    clu_prom_head(b, name, "counter", help);
    clu_prom_value(b, name, NULL, 0, v);
}

static void gauge(struct base_buf *b, const char *name, const char *help, double v) {
    clu_prom_head(b, name, "gauge", help);
    clu_prom_value(b, name, NULL, 0, v);
}

static double seconds(int64_t us) {
    return (double)us / 1e6;
}

/* A sum and a count, from which rate() makes averages. */
static void summary(struct base_buf *b, const char *name, const char *help,
    const struct rt_checkpoint_stats *st, double sum) {
    char of[64];
    clu_prom_head(b, name, "summary", help);
    (void)snprintf(of, sizeof of, "%s_sum", name);
    clu_prom_value(b, of, NULL, 0, sum);
    (void)snprintf(of, sizeof of, "%s_count", name);
    clu_prom_value(b, of, NULL, 0, (double)st->complete);
}

void clu_job_write_checkpoint_metrics(struct clu_job *j, struct base_buf *b) {
    struct rt_checkpoint_stats st;
    rt_job_checkpoints(j->job, &st);
    counter(b, "cepd_restarts_total",
        "times the job, or a region of it, was about to go back to a checkpoint after a failure",
        st.restarts);
    counter(b, "cepd_checkpoints_completed_total", "checkpoints that are complete", (double)st.complete);
    counter(b, "cepd_checkpoints_failed_total",
        "checkpoints that could not be saved or kept, or took too long", (double)(st.failed + st.timed_out));
    counter(b, "cepd_checkpoints_unaligned_total", "complete ones that did not wait for all barriers",
        (double)st.unaligned);
    gauge(b, "cepd_checkpoints_in_progress", "checkpoints under way", st.in_flight);
    if (st.complete == 0)
        return;
    summary(b, "cepd_checkpoint_duration_seconds", "from the begin of a checkpoint until it was complete",
        &st, seconds(st.duration_us.sum));
    summary(b, "cepd_checkpoint_size_bytes", "what a checkpoint holds", &st, (double)st.bytes.sum);
    summary(b, "cepd_checkpoint_new_bytes",
        "of the size: what workers had to write, and was not in the checkpoints' storage", &st,
        (double)st.new_bytes.sum);
    summary(b, "cepd_checkpoint_alignment_seconds",
        "the longest that a task waited between its first barrier and its last", &st,
        seconds(st.alignment_us.sum));
    summary(b, "cepd_checkpoint_pause_seconds", "the longest that a task stood still to save itself", &st,
        seconds(st.pause_us.sum));
    summary(b, "cepd_checkpoint_in_flight_bytes", "of the size: rows that were under way between tasks", &st,
        (double)st.flight_bytes.sum);
    gauge(b, "cepd_checkpoint_last_duration_seconds", "of the last one that is complete",
        seconds(st.last.duration_us));
    gauge(b, "cepd_checkpoint_last_size_bytes", "of the last one that is complete", (double)st.last.bytes);
    gauge(b, "cepd_checkpoint_last_new_bytes", "of the last one that is complete", (double)st.last.new_bytes);
    gauge(b, "cepd_checkpoint_last_alignment_seconds", "of the last one that is complete",
        seconds(st.last.alignment_us));
    gauge(b, "cepd_checkpoint_last_pause_seconds", "of the last one that is complete",
        seconds(st.last.pause_us));
    gauge(b, "cepd_checkpoint_last_completed_timestamp_seconds", "when the last one was complete",
        seconds(st.last.begun_us + st.last.duration_us));
}
