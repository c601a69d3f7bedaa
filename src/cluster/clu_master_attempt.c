/*
 * clu_master_attempt -- what of a job is deployed, and where: a job's slots, and of each region (rt_exec.h) the attempt and its workers.
 *
 *     slots        0    1    2    3        of the job, each on a worker
 *     region 0     ●    ●                  attempt 7, on the workers of slots 0 and 1
 *     region 1               ●    ●        attempt 9, on those of slots 2 and 3
 *
 * An attempt has its number over all of the job's life, and the number and its workers are in the registry before a worker hears of it. It
 * is over when each of its workers has said so, or is known not to run it any more: its process is gone, or its lease is
 * (clu_link.h).
 */
#include "cluster/clu_master_internal.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "cluster/clu_probe.h"
#include "event/evt_type.h"

#include <string.h>

enum { PROBE_US = 300 * 1000, CANCEL_LOOK_US = 100 * 1000 };

static bool is_of(const bool *regions, uint32_t region) {
    return !regions || regions[region];
}

uint32_t clu_attempt_member(const struct clu_attempt *a, const char *worker) {
    for (uint32_t i = 0; i < a->on.n_workers; i++)
        if (strcmp(a->on.workers[i].id, worker) == 0)
            return i;
    return UINT32_MAX;
}

struct clu_attempt *clu_attempt_of(struct clu_master *m, const Clu__Part *part) {
    struct clu_attempt *a = part->region < m->n_attempts ? &m->attempts[part->region] : NULL;
    return a && a->number > 0 && a->number == part->attempt ? a : NULL;
}

/* -- known, forgotten --------------------------------------------------------------------------------------------------------- */

static void attempt_release(struct clu_attempt *a) {
    clu_slots_release(&a->on);
    base_free(a->members);
    *a = (struct clu_attempt){ .number = 0 };
}

/* Requires: the lock, or nobody else has it. */
static void forget(struct clu_master *m) {
    for (uint32_t i = 0; i < m->n_attempts; i++)
        attempt_release(&m->attempts[i]);
    base_free(m->attempts);
    base_free(m->slot_of);
    base_free(m->lost);
    clu_slots_release(&m->slots);
    m->attempts = NULL;
    m->n_attempts = 0;
    m->slot_of = NULL;
    m->lost = NULL;
}

void clu_attempts_forget(struct clu_master *m) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    forget(m);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

void clu_attempts_remember(struct clu_master *m) {
    const struct clu_record *r = &m->record;
    int64_t now = clk_mono(clk_system());
    if (r->attempt == 0)
        return;
    m->attempts = base_calloc(1, sizeof *m->attempts);
    m->n_attempts = 1;
    struct clu_attempt *a = &m->attempts[0];
    *a = (struct clu_attempt){ .number = r->attempt, .all_regions = true };
    a->members = base_calloc(r->n_workers + (size_t)1, sizeof *a->members);
    for (uint32_t i = 0; i < r->n_workers; i++) {
        uint32_t at = clu_slots_add(
            &a->on, &(struct clu_worker_info){ .id = r->workers[i].id, .address = r->workers[i].address });
        a->members[at] = (struct clu_member){ .gone = true, .heard_us = now };
    }
}

/* -- slots ---------------------------------------------------------------------------------------------------------------------- */

/* Those that tasks of these regions are in, and that have no worker any more. Returns: how many. Requires: the lock. */
static uint32_t lost_slots(
    const struct clu_master *m, const struct rt_exec *x, const bool *regions, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t s = 0; s < m->slots.n; s++) {
        bool wanted = false;
        for (uint32_t t = 0; t < x->n_tasks && m->lost[s]; t++)
            wanted |= m->slot_of[t] == s && is_of(regions, x->tasks[t].region);
        if (wanted)
            out[n++] = s;
    }
    return n;
}

/* The first slots of the job. Takes over `slots`. */
static void settle(struct clu_master *m, const struct rt_exec *x, struct clu_slots *slots) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    m->slots = *slots;
    m->lost = base_calloc(slots->n + (size_t)1, sizeof *m->lost);
    m->slot_of = base_calloc(x->n_tasks + (size_t)1, sizeof *m->slot_of);
    clu_placement(x, slots->n, m->slot_of);
    m->n_attempts = x->n_regions;
    m->attempts = base_calloc(x->n_regions + (size_t)1, sizeof *m->attempts);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

enum cep_rc clu_attempts_take_slots(struct clu_master *m, const struct rt_exec *x, const bool *regions) {
    struct clu_slots more;
    enum cep_rc rc = CEP_OK;
    if (m->slots.n == 0) {
        rc = clu_master_take_slots(m, m->opts.parallelism, &more);
        if (rc == CEP_OK)
            settle(m, x, &more);
        return rc;
    }
    uint32_t *which = base_calloc(m->slots.n + (size_t)1, sizeof *which);
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t n = lost_slots(m, x, regions, which);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    if (n > 0)
        rc = clu_master_take_slots(m, n, &more);
    if (n > 0 && rc == CEP_OK) {
        (void)pthread_mutex_lock(&m->attempt_mutex);
        for (uint32_t i = 0; i < n; i++) {
            m->slots.worker_of[which[i]] = clu_slots_add(&m->slots, &more.workers[more.worker_of[i]]);
            m->lost[which[i]] = false;
        }
        (void)pthread_mutex_unlock(&m->attempt_mutex);
        clu_slots_release(&more);
    }
    base_free(which);
    return rc;
}

/* -- begun ------------------------------------------------------------------------------------------------------------------------ */

/* Requires: the lock. */
static void begin(struct clu_master *m, uint32_t number, const struct rt_exec *x, uint32_t region) {
    struct clu_attempt *a = &m->attempts[region];
    *a = (struct clu_attempt){ .number = number };
    for (uint32_t t = 0; t < x->n_tasks; t++)
        if (x->tasks[t].region == region)
            (void)clu_slots_add(&a->on, &m->slots.workers[m->slots.worker_of[m->slot_of[t]]]);
    a->members = base_calloc(a->on.n_workers + (size_t)1, sizeof *a->members);
}

/* Who may run something of the job. */
static void note_workers(struct clu_master *m) {
    struct clu_slots all = { .workers = NULL };
    clu_record_no_workers(&m->record);
    for (uint32_t r = 0; r < m->n_attempts; r++)
        for (uint32_t i = 0; i < m->attempts[r].on.n_workers; i++)
            (void)clu_slots_add(&all, &m->attempts[r].on.workers[i]);
    for (uint32_t i = 0; i < all.n_workers; i++)
        clu_record_add_worker(&m->record, all.workers[i].id, all.workers[i].address);
    clu_slots_release(&all);
}

void clu_attempts_begin(struct clu_master *m, uint32_t number, const struct rt_exec *x, const bool *regions) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t r = 0; r < x->n_regions; r++)
        if (is_of(regions, r))
            begin(m, number, x, r);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    m->record.attempt = number;
    note_workers(m);
    clu_master_keep_record(m);
}

void clu_attempts_send(struct clu_master *m, const bool *regions, Clu__Msg *msg) {
    Clu__Part part = CLU__PART__INIT;
    part.job = m->record.id;
    msg->part = &part;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t r = 0; r < m->n_attempts; r++) {
        const struct clu_attempt *a = &m->attempts[r];
        part.region = r;
        part.attempt = a->number;
        for (uint32_t i = 0; is_of(regions, r) && i < a->on.n_workers; i++)
            if (!a->members[i].gone)
                (void)clu_link_send(a->on.workers[i].link, msg);
    }
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    msg->part = NULL;
}

/* -- ended ------------------------------------------------------------------------------------------------------------------------ */

/* Requires: the lock. Something of it may still run. */
static bool is_alive(const struct clu_master *m, const struct clu_attempt *a, int64_t now) {
    for (uint32_t i = 0; i < a->on.n_workers; i++)
        if (!a->members[i].cancelled &&
            !(a->members[i].gone && now - a->members[i].heard_us >= m->heartbeat_timeout_us))
            return true;
    return false;
}

static bool any_is_alive(const struct clu_master *m, const bool *regions) {
    int64_t now = clk_mono(clk_system());
    for (uint32_t r = 0; r < m->n_attempts; r++)
        if (is_of(regions, r) && is_alive(m, &m->attempts[r], now))
            return true;
    return false;
}

/* Requires: the lock, which is let go of meanwhile. */
static void wait_a_while(struct clu_master *m) {
    int64_t until_us = clk_mono(clk_system()) + CANCEL_LOOK_US;
    struct timespec until = { (time_t)(until_us / 1000000), (long)(until_us % 1000000 * 1000) };
    (void)pthread_cond_timedwait(&m->changed, &m->attempt_mutex, &until);
}

/* Those whose links are down: is the process there? Requires: the lock, which is let go of meanwhile. */
static void probe(struct clu_master *m, uint32_t region) {
    for (uint32_t i = 0; i < m->attempts[region].on.n_workers; i++) {
        struct clu_member *b = &m->attempts[region].members[i];
        if (b->cancelled || !b->gone)
            continue;
        char *address = base_strdup(m->attempts[region].on.workers[i].address);
        (void)pthread_mutex_unlock(&m->attempt_mutex);
        bool refused = clu_probe_refuses(address, PROBE_US);
        (void)pthread_mutex_lock(&m->attempt_mutex);
        b->cancelled |= refused;
        base_free(address);
    }
}

void clu_attempts_end(struct clu_master *m, const bool *regions) {
    Clu__Cancel c = CLU__CANCEL__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    msg.body_case = CLU__MSG__BODY_CANCEL;
    msg.cancel = &c;
    clu_attempts_send(m, regions, &msg);
    (void)pthread_mutex_lock(&m->attempt_mutex);
    while (any_is_alive(m, regions)) {
        wait_a_while(m);
        for (uint32_t r = 0; r < m->n_attempts; r++)
            if (is_of(regions, r))
                probe(m, r);
    }
    for (uint32_t r = 0; r < m->n_attempts; r++)
        if (is_of(regions, r))
            attempt_release(&m->attempts[r]);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    note_workers(m);
}

void clu_attempts_put_workers(void *master, uint32_t region, struct base_buf *out) {
    struct clu_master *m = master;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    const struct clu_attempt *a = region < m->n_attempts ? &m->attempts[region] : NULL;
    for (uint32_t i = 0; a && i < a->on.n_workers; i++) {
        const struct clu_worker_info *w = &a->on.workers[i];
        base_buf_printf(out, "%s{\"id\":\"%s\",\"host\":", i ? "," : "", w->id);
        evt_json_write_str(out, base_str_of(w->host));
        base_buf_printf(out, ",\"pid\":%u}", w->pid);
    }
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

/* -- workers come and go ------------------------------------------------------------------------------------------------------------- */

/* Requires: the lock. What it may still run of the attempt is to end; whoever had its address before is not there any more. */
static void came(
    struct clu_master *m, uint32_t region, const char *worker, const char *address, struct clu_link *link) {
    struct clu_attempt *a = &m->attempts[region];
    Clu__Cancel c = CLU__CANCEL__INIT;
    Clu__Part part = CLU__PART__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    uint32_t who = clu_attempt_member(a, worker);
    c.all_regions = a->all_regions;
    part.job = m->record.id;
    part.attempt = a->number;
    part.region = region;
    msg.part = &part;
    msg.body_case = CLU__MSG__BODY_CANCEL;
    msg.cancel = &c;
    if (who != UINT32_MAX && a->members[who].gone)
        (void)clu_link_send(link, &msg);
    for (uint32_t i = 0; i < a->on.n_workers; i++)
        if (i != who && a->members[i].gone && strcmp(a->on.workers[i].address, address) == 0)
            a->members[i].cancelled = true;
}

void clu_master_came(struct clu_master *m, const char *worker, const char *address, struct clu_link *link) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t r = 0; r < m->n_attempts; r++)
        came(m, r, worker, address, link);
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

/* Requires: the lock. Returns: the attempt's number when it was on it. */
static uint32_t lost(struct clu_attempt *a, const char *worker, int64_t heard_us, bool dead) {
    uint32_t who = clu_attempt_member(a, worker);
    if (who == UINT32_MAX)
        return 0;
    a->members[who].gone = true;
    a->members[who].cancelled |= dead;
    a->members[who].heard_us = heard_us;
    return a->number;
}

void clu_master_lost(
    struct clu_master *m, const char *worker, int64_t heard_us, bool dead, const struct cep_err *why) {
    struct cep_err err = *why;
    base_err_prefix(&err, "worker %.6s is gone", worker);
    err.rc = CEP_EIO;
    err.retriable = true;
    err.fatal = false;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t n = m->n_attempts, *numbers = base_calloc(n + (size_t)1, sizeof *numbers);
    for (uint32_t r = 0; r < n; r++)
        numbers[r] = lost(&m->attempts[r], worker, heard_us, dead);
    for (uint32_t s = 0; s < m->slots.n; s++)
        m->lost[s] |= strcmp(m->slots.workers[m->slots.worker_of[s]].id, worker) == 0;
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t r = 0; m->job && r < n; r++)
        if (numbers[r] > m->before)
            rt_master_failed(m->job, numbers[r] - m->before, r, &err);
    (void)pthread_mutex_unlock(&m->mutex);
    base_free(numbers);
}
