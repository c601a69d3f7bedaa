#pragma once
/*
 * rt_report -- what is to be seen of a job in many processes, as bytes between them (all of one build).
 *
 *     parts ── rt_part_report() ──▶ rt_master_report(): rt_job_op_info(), rt_job_task_info() ... of the master
 *     parts ◀── rt_part_others() ── rt_master_others(): how far the sources of all parts are, and how many rows wait there
 *
 * The way back is what `drift at most` and full buffers need: a source looks at all others of its job, wherever they run.
 *
 * A report:
 *     varint n, n times a task: varint number, u8 1 started | 2 ended, zigzag µs ran, idle, blocked; varint n, n times an operator of it:
 *         varint number, u8 1 idle | 2 ended | 4 source | 8 sink, str kind, zigzag watermark, a varint each metric,
 *         source: str held by, a varint each of its counts; sink: a varint each; str first undecodable, str first failure
 *     varint the part's lowest task, str how far it is:
 *         varint n, n times a source: varint its place among them, zigzag watermark, u8 1 idle | 2 done | 4 empty
 *         varint n, n times: varint group, zigzag rows that wait
 * Others: those last two, part after part.
 *
 * Threads: any, while the job lives.
 */
#include "runtime/rt_job.h"

/* Appends it. A few times a second, and before the end of a task is told. */
void rt_part_report(struct rt_job *part, struct base_buf *out);
/* Returns: false for bytes that are no report. One of another attempt of the part's region is ignored. */
bool rt_master_report(struct rt_job *job, uint32_t attempt, uint32_t region, struct base_str bytes);
/* Appends it, of a region: others are nothing to its parts. A few times a second, to all of its parts. */
void rt_master_others(struct rt_job *job, uint32_t region, struct base_buf *out);
/* Returns: false for bytes that are not that. */
bool rt_part_others(struct rt_job *part, struct base_str bytes);

/* -- for src/runtime ------------------------------------------------------------------------------------------------- */

/* What a master has of them. */
struct rt_reports;
struct rt_reports *rt_reports_new(const struct rt_job *job);
void rt_reports_free(struct rt_reports *r, const struct rt_job *job); /* NULL is fine */
/* Another attempt of these regions: how far its parts are is not known yet, and none of its tasks has started. */
void rt_reports_begin(struct rt_reports *r, struct rt_job *job, const bool *regions);
