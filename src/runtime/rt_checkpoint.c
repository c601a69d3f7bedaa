/*
 * rt_checkpoint -- see rt_checkpoint.h.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_db.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_part.h"
#include "runtime/rt_save.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_work.h"

/* -- taking ------------------------------------------------------------------------------------------------------- */

/* What it did while it ran was taken before the relay heard of its end. */
struct rt_saved *rt_checkpoint_save(struct rt_task *task, uint64_t id) {
    if (task->untaken)
        rt_checkpoint_taken(task);
    struct rt_saving *s = rt_saving_begin(task, id, true);
    (void)rt_saving_some(s, INT64_MAX);
    return rt_saving_end(s);
}

/* Goes on with the save that is under way; the relay gets it when all is out. */
static void save_some(struct rt_task *task, int64_t us) {
    if (!task->saving || !rt_saving_some(task->saving, us))
        return;
    struct rt_saved *saved = rt_saving_end(task->saving);
    task->saving = NULL;
    task->untaken = task->db ? saved->id : 0;
    rt_relay_acknowledge(task->job->relay, saved);
}

static bool is_taken(const struct rt_task *task) {
    return task->untaken && atomic_load(&task->taken) >= task->untaken;
}

void rt_checkpoint_taken(struct rt_task *task) {
    task->untaken = 0;
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++) {
        struct rt_op *op = task->graph.ops[task->vertex->nodes[i]];
        if (op->vt->save_taken)
            op->vt->save_taken(op);
    }
}

/* Nothing of the save before is under way any more: it is out, and the relay has its copy of the database. */
static void finish_before(struct rt_task *task) {
    save_some(task, INT64_MAX);
    while (task->untaken && !is_taken(task))
        rt_task_wait_for_bell(task);
    if (task->untaken)
        rt_checkpoint_taken(task);
}

void rt_checkpoint_finish(struct rt_task *task, bool forget) {
    if (!forget) {
        save_some(task, INT64_MAX);
        return;
    }
    if (task->saving)
        rt_relay_acknowledge(task->job->relay, rt_saving_drop(task->saving));
    task->saving = NULL;
}

/* Each of them, whatever happens to the others. Returns: the first error. */
enum cep_rc rt_checkpoint_commit(struct rt_task *task, struct cep_err *err) {
    uint64_t id = rt_relay_completed(task->job->relay);
    enum cep_rc first = CEP_OK;
    if (id == task->committed || (task->n_sinks > 0 && task->job->part && !rt_part_may_write(task->job)))
        return CEP_OK;
    task->committed = id;
    for (uint32_t i = 0; i < task->n_sinks; i++) {
        enum cep_rc rc = rt_sink_commit(task->sinks[i], id, first == CEP_OK ? err : NULL);
        if (first == CEP_OK)
            first = rc;
    }
    return first;
}

/* -- barriers ----------------------------------------------------------------------------------------------------- */

static void push_barrier(struct rt_task *task, uint64_t id) {
    for (uint32_t i = 0; i < task->n_outs; i++)
        rt_task_push(task, i, &(struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = id });
    rt_task_announce(task);
}

/* Barriers may be overtaken. One that came from elsewhere before we were told of it may be that of a savepoint. */
static bool is_overtaken(const struct rt_task *task, uint64_t id) {
    const struct rt_relay *relay = task->job->relay;
    return task->job->opts.alignment_timeout_us >= 0 && id > rt_relay_aligned_to(relay) &&
           id <= rt_relay_begun(relay);
}

/*
 * Everything before it is done. The barrier goes on first, who waits for it need not wait for the save; but where readers know
 * of it by themselves, the save need not wait for room in their channels.
 */
static enum cep_rc pass_barrier(struct rt_task *task, bool log, struct cep_err *err) {
    uint64_t id = task->barrier + 1;
    bool early = is_overtaken(task, id);
    enum cep_rc rc = rt_task_flush(task, err);
    if (rc != CEP_OK)
        return rc;
    task->barrier = id;
    if (early)
        rt_task_announce_barrier(task, id);
    else
        push_barrier(task, id);
    finish_before(task);
    task->saving = rt_saving_begin(task, id, false);
    if (task->n_ins > 0)
        rt_saving_aligned(task->saving, clk_mono(task->job->opts.clk) - task->aligning_since_us);
    if (log)
        rt_saving_log(task->saving);
    if (rt_saving_is_over(task->saving))
        rt_checkpoint_finish(task, false);
    if (early)
        push_barrier(task, id);
    return CEP_OK;
}

/* -- unaligned ------------------------------------------------------------------------------------------------------- */

/* The next barrier is on its way, and may be overtaken. */
static bool is_on_its_way(const struct rt_task *task) {
    if (task->n_ins == 0 || task->n_logging > 0 || task->job->opts.alignment_timeout_us < 0)
        return false;
    return (task->n_blocked > 0 || atomic_load(&task->announced) > task->barrier) &&
           is_overtaken(task, task->barrier + 1);
}

int64_t rt_checkpoint_due(const struct rt_task *task) {
    int64_t due;
    if (!task->job->relay || !is_on_its_way(task))
        return INT64_MAX;
    if (task->aligning != task->barrier + 1)
        return INT64_MIN;
    return __builtin_add_overflow(task->aligning_since_us, task->job->opts.alignment_timeout_us, &due)
               ? INT64_MAX
               : due;
}

static bool is_due(const struct rt_task *task) {
    int64_t due = rt_checkpoint_due(task);
    return due != INT64_MAX && due <= clk_mono(task->job->opts.clk);
}

/* The time of the next barrier begins. */
static void begin_aligning(struct rt_task *task) {
    if (task->aligning == task->barrier + 1)
        return;
    task->aligning = task->barrier + 1;
    task->aligning_since_us = clk_mono(task->job->opts.clk);
}

/* All channels are read on: those whose barrier has not come yet log what comes before it. */
static enum cep_rc overtake(struct rt_task *task, struct cep_err *err) {
    for (uint32_t i = 0; i < task->n_ins; i++) {
        struct rt_task_in *in = &task->ins[i];
        in->logging = !in->blocked && !in->stopped;
        in->seen = 0;
        task->n_logging += in->logging;
    }
    rt_task_unblock(task);
    return pass_barrier(task, task->n_logging > 0, err);
}

static void log_elem(struct rt_task *task, const struct evt_elem *e) {
    if (task->saving && e->kind == EVT_ELEM_BATCH)
        rt_saving_log_rows(task->saving, e->stream, e->batch);
}

void rt_checkpoint_log(struct rt_task *task, struct rt_task_in *in, const struct evt_elem *e) {
    if (in->seen > 0)
        in->seen--;
    else
        log_elem(task, e);
}

/* What waits in a channel is logged where it stands, up to the barrier: nobody need take it first. */
static void look_ahead(struct rt_task *task, struct rt_task_in *in) {
    uint32_t n = rt_ring_n(in->channel->ring);
    while (in->logging && in->seen < n) {
        const struct evt_elem *e = rt_ring_at(in->channel->ring, in->seen++);
        if (e->kind == EVT_ELEM_STOP || (e->kind == EVT_ELEM_BARRIER && e->barrier == task->barrier))
            rt_checkpoint_logged(task, in);
        else
            log_elem(task, e);
    }
}

static bool may_look_ahead(const struct rt_task *task) {
    for (uint32_t i = 0; task->n_logging > 0 && i < task->n_ins; i++)
        if (task->ins[i].logging && rt_ring_n(task->ins[i].channel->ring) > task->ins[i].seen)
            return true;
    return false;
}

void rt_checkpoint_logged(struct rt_task *task, struct rt_task_in *in) {
    if (!in->logging)
        return;
    in->logging = false;
    if (--task->n_logging == 0 && task->saving)
        rt_saving_logged(task->saving);
}

/* -- barriers of channels -------------------------------------------------------------------------------------------- */

bool rt_checkpoint_waits(const struct rt_task *task) {
    const struct rt_relay *relay = task->job->relay;
    return relay &&
           ((task->saving && rt_saving_waits(task->saving)) || is_due(task) || may_look_ahead(task) ||
               is_taken(task) || (task->n_ins == 0 && rt_relay_begun(relay) != task->barrier) ||
               rt_relay_completed(relay) != task->committed);
}

bool rt_checkpoint_holds(const struct rt_task *task) {
    const struct rt_relay *relay = task->job->relay;
    uint64_t at = relay && task->n_ins == 0 ? rt_relay_stops_at(relay) : 0;
    return at > 0 && task->barrier >= at;
}

enum cep_rc rt_checkpoint_turn(struct rt_task *task, struct cep_err *err) {
    enum cep_rc rc = rt_checkpoint_commit(task, err);
    save_some(task, task->job->opts.save_slice_us);
    if (is_taken(task))
        rt_checkpoint_taken(task);
    uint64_t last = task->n_ins == 0 ? rt_relay_begun(task->job->relay) : task->barrier;
    while (rc == CEP_OK && task->barrier < last)
        rc = pass_barrier(task, false, err);
    if (rc == CEP_OK && is_due(task)) {
        begin_aligning(task);
        rc = is_due(task) ? overtake(task, err) : CEP_OK;
    }
    for (uint32_t i = 0; task->n_logging > 0 && i < task->n_ins; i++)
        look_ahead(task, &task->ins[i]);
    return rc;
}

enum cep_rc rt_checkpoint_align(
    struct rt_task *task, struct rt_task_in *in, uint64_t id, struct cep_err *err) {
    /* One that was overtaken: it has been seen in the channel, or ends what is logged of it now. */
    if (in && id <= task->barrier) {
        if (in->logging && id == task->barrier)
            rt_checkpoint_logged(task, in);
        else if (in->logging && in->seen > 0)
            in->seen--;
        return CEP_OK;
    }
    if (in) {
        CEP_INSIST(id == task->barrier + 1);
        begin_aligning(task);
        in->blocked = true;
        task->n_blocked++;
    }
    if (task->n_blocked == 0 || task->n_blocked + task->n_stopped < task->n_ins)
        return CEP_OK;
    rt_task_unblock(task);
    return pass_barrier(task, false, err);
}

/* -- giving back -------------------------------------------------------------------------------------------------- */

/* Kinds have no blanks. */
static struct base_str id_of(struct base_buf *b, struct base_str kind, struct base_str name) {
    base_buf_clear(b);
    base_buf_str(b, kind);
    base_buf_putc(b, ' ');
    base_buf_str(b, name);
    return base_buf_view(b);
}

enum cep_rc rt_restore_init(struct rt_restore *r, const struct rt_snap *snap, struct cep_err *err) {
    struct base_buf id = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    size_t n = snap->n + 1;
    *r = (struct rt_restore){ .snap = snap,
        .heads = base_calloc(n, sizeof *r->heads),
        .entries = base_calloc(n, sizeof *r->entries),
        .next = base_calloc(n, sizeof *r->next),
        .used = base_calloc(n, sizeof *r->used),
        .readers = base_calloc(snap->n_dbs + 1, sizeof *r->readers) };
    base_map_init(&r->first);
    /* From the last to the first, so that the parts of an operator are linked in their order. */
    for (size_t i = snap->n; i-- > 0 && rc == CEP_OK;) {
        rc = sto_part_open(rt_part_view(snap->parts[i]), &r->heads[i], &r->entries[i], err);
        if (rc != CEP_OK)
            break;
        struct base_str key = id_of(&id, r->heads[i].kind, r->heads[i].name);
        uint64_t later;
        r->next[i] = base_map_get(&r->first, key, &later) ? (size_t)later : SIZE_MAX;
        (void)base_map_put(&r->first, key, i);
    }
    base_buf_release(&id);
    return rc;
}

void rt_restore_release(struct rt_restore *r) {
    base_map_release(&r->first);
    base_free(r->heads);
    base_free(r->entries);
    base_free(r->next);
    base_free(r->used);
    for (size_t i = 0; r->readers && i < r->snap->n_dbs; i++)
        rt_db_reader_close(&r->readers[i]);
    base_free(r->readers);
}

static size_t first_part(struct rt_restore *r, const char *kind, struct base_str name) {
    struct base_buf id = BASE_BUF_INIT;
    uint64_t i;
    bool found = base_map_get(&r->first, id_of(&id, base_str_of(kind), name), &i);
    base_buf_release(&id);
    return found ? (size_t)i : SIZE_MAX;
}

enum cep_rc rt_restore_sink(
    struct rt_restore *r, struct base_str name, struct base_str **states, uint32_t *n, struct cep_err *err) {
    size_t cap = 0, k = 0;
    enum cep_rc rc = CEP_OK;
    *states = NULL;
    for (size_t i = first_part(r, "sink", name); i != SIZE_MAX && rc == CEP_OK; i = r->next[i]) {
        struct base_unpack u = r->entries[i];
        struct sto_entry e;
        r->used[i] = true;
        while ((rc = sto_part_next(&u, &e, err)) == CEP_OK) {
            *states = base_grow(*states, k, &cap, sizeof **states);
            (*states)[k++] = e.value;
        }
        rc = rc == CEP_NONE ? CEP_OK : rc;
    }
    *n = (uint32_t)k;
    return rc;
}

static enum cep_rc read_position(
    const struct sto_entry *e, uint32_t number, struct con_partition *p, struct cep_err *err) {
    struct base_unpack k = base_unpack_of(e->key), u = base_unpack_of(e->value);
    bool in_order = base_unpack_u32(&k) == number && base_unpack_ok(&k);
    p->name = base_unpack_str(&u);
    p->position = base_unpack_varint(&u);
    p->done = base_unpack_max(&u, 1) != 0;
    p->note = base_unpack_str(&u);
    return in_order && base_unpack_ok(&u) ? CEP_OK
                                          : base_err_set(err, CEP_EDAMAGED, "a saved position is damaged");
}

enum cep_rc rt_restore_source(struct rt_restore *r, struct base_str name, struct con_partition **saved,
    uint32_t *n, struct cep_err *err) {
    size_t cap = 0, k = 0;
    enum cep_rc rc = CEP_OK;
    *saved = NULL;
    for (size_t i = first_part(r, "source", name); i != SIZE_MAX && rc == CEP_OK; i = r->next[i]) {
        struct base_unpack u = r->entries[i];
        struct sto_entry e;
        while (rc == CEP_OK && (rc = sto_part_next(&u, &e, err)) == CEP_OK) {
            if (e.ns != RT_NS_POSITION)
                continue;
            *saved = base_grow(*saved, k, &cap, sizeof **saved);
            rc = read_position(&e, (uint32_t)k, &(*saved)[k], err);
            k++;
        }
        rc = rc == CEP_NONE ? CEP_OK : rc;
    }
    *n = (uint32_t)k;
    return rc;
}

/* -- databases ----------------------------------------------------------------------------------------------------- */

const struct rt_snap_db *rt_restore_db(struct rt_restore *r, const struct rt_task *task) {
    for (size_t i = 0; i < r->snap->n_dbs; i++)
        if (rt_db_is_of(r->snap->dbs[i], task))
            return r->snap->dbs[i];
    return NULL;
}

static bool is_own(const struct rt_restore *r, size_t i, const struct rt_task *task) {
    return r->heads[i].subtask == task->job->exec.tasks[task->index].subtask &&
           r->heads[i].n_subtasks == task->vertex->parallelism;
}

/* META of the part that this subtask of the operator saved. */
static bool find_meta(
    struct rt_restore *r, const struct rt_task *task, const struct rt_op *op, struct sto_entry *meta) {
    for (size_t i = first_part(r, op->vt->kind, op->name); i != SIZE_MAX; i = r->next[i]) {
        struct base_unpack u = r->entries[i];
        if (!is_own(r, i, task))
            continue;
        while (sto_part_next(&u, meta, NULL) == CEP_OK)
            if (meta->ns == STO_NS_META)
                return true;
    }
    return false;
}

enum cep_rc rt_restore_fits(
    struct rt_restore *r, const struct rt_task *task, bool *fits, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    *fits = true;
    for (uint32_t i = 0; i < task->vertex->n_nodes && rc == CEP_OK && *fits; i++) {
        struct rt_op *op = task->graph.ops[task->vertex->nodes[i]];
        struct sto_entry meta;
        if (op->node->kind != PLAN_NODE_PATTERN)
            continue;
        *fits = op->vt->fits && find_meta(r, task, op, &meta);
        if (*fits)
            rc = op->vt->fits(op, &meta, fits, err);
    }
    return rc;
}

/* -- operators ----------------------------------------------------------------------------------------------------- */

struct taker {
    struct rt_op *op; /* NULL: nobody, entries are counted */
    struct sto_range groups;
    struct sto_losses *losses;
    struct base_str kind;
    bool serves; /* the keys stay in their database, and so what belongs to them there is taken */
    uint64_t n;
};

static enum cep_rc take_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct taker *t = arg;
    if (!t->serves && rt_db_is_bound(t->kind, e))
        return CEP_OK;
    t->n++;
    if (!t->op || (e->group != STO_NO_GROUP && !sto_range_has(t->groups, e->group)))
        return CEP_OK;
    return t->op->vt->load(t->op, e, t->losses, err);
}

static enum cep_rc open_reader(struct rt_restore *r, size_t d, struct rt_job *job, struct cep_err *err) {
    struct base_buf dir = BASE_BUF_INIT;
    enum cep_rc rc = rt_job_need_work(job, err);
    if (rc == CEP_OK) {
        base_buf_printf(&dir, "%s/read-%zu", sto_work_path(job->work), d);
        rc = rt_db_reader_open(&r->readers[d], r->snap->dbs[d], dir.p, err);
    }
    base_buf_release(&dir);
    return rc;
}

static struct sto_range groups_of(const struct sto_part_head *part) {
    if (part->subtask >= part->n_subtasks || part->n_subtasks > STO_KEY_GROUPS)
        return (struct sto_range){ 0, STO_KEY_GROUPS };
    return sto_range_of(part->subtask, part->n_subtasks);
}

/* Keys of part i may be the taker's: those of a subtask are of its key groups. */
static bool may_be_taken(const struct sto_part_head *part, const struct taker *t) {
    if (!t->op)
        return true;
    struct sto_range saved = groups_of(part);
    return saved.first < t->groups.first + t->groups.n && t->groups.first < saved.first + saved.n;
}

/* Entries of part i that lie in a database; `served`: nobody asks for those of that one. */
static enum cep_rc take_from_db(struct rt_restore *r, size_t i, const struct rt_snap_db *served,
    struct rt_job *job, struct taker *t, struct cep_err *err) {
    for (size_t d = 0; d < r->snap->n_dbs; d++) {
        const struct rt_snap_db *db = r->snap->dbs[d];
        uint16_t number;
        if (db == served || !rt_db_has(db, &r->heads[i], &number) || !may_be_taken(&r->heads[i], t))
            continue;
        enum cep_rc rc = r->readers[d].dir ? CEP_OK : open_reader(r, d, job, err);
        return rc == CEP_OK ? rt_db_reader_scan(&r->readers[d], number, take_entry, t, err) : rc;
    }
    return CEP_OK;
}

/* What of part i lies before `at` was read, from *gone on: it leaves memory a stretch at a time. */
static void let_go(const struct rt_restore *r, size_t i, const char *at, size_t *gone) {
    const struct rt_part *part = r->snap->parts[i];
    size_t read = (size_t)(at - rt_part_view(part).p);
    if (read - *gone < STO_FILE_AHEAD)
        return;
    rt_part_let_go(part, *gone, read);
    *gone = read;
}

enum cep_rc rt_restore_op(struct rt_restore *r, struct rt_task *task, struct rt_op *op,
    struct sto_losses *losses, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    size_t first = first_part(r, op->vt->kind, op->name);
    struct taker t = { .op = op,
        .groups = task->job->exec.tasks[task->index].groups,
        .losses = losses,
        .kind = base_str_of(op->vt->kind) };
    if (first == SIZE_MAX || !op->vt->load)
        return CEP_OK;
    for (size_t i = first; i != SIZE_MAX && rc == CEP_OK; i = r->next[i]) {
        struct base_unpack u = r->entries[i];
        struct sto_entry e;
        uint16_t number;
        size_t gone = 0;
        r->used[i] = true;
        t.serves = task->served && rt_db_has(task->served, &r->heads[i], &number);
        while (rc == CEP_OK && (rc = sto_part_next(&u, &e, err)) == CEP_OK) {
            e.stays = op->vt->load_some != NULL;
            e.elsewhere = e.ns == STO_NS_META && !may_be_taken(&r->heads[i], &t);
            e.groups = groups_of(&r->heads[i]);
            rc = take_entry(&t, &e, err);
            let_go(r, i, (const char *)u.p, &gone);
        }
        rc = rc == CEP_NONE ? CEP_OK : rc;
        if (rc == CEP_OK)
            rc = take_from_db(r, i, task->served, task->job, &t, err);
    }
    if (rc == CEP_OK && op->vt->loaded)
        rc = op->vt->loaded(op, losses, err);
    if (rc != CEP_AGAIN)
        return rc;
    rt_later_add(&task->later, op);
    for (size_t i = first; i != SIZE_MAX; i = r->next[i])
        rt_later_keep(&task->later, r->snap->parts[i]);
    return CEP_OK;
}

bool rt_restore_has_ends(struct rt_restore *r, const struct plan *plan) {
    bool all = true;
    for (uint32_t i = 0; i < plan->n_nodes && all; i++)
        all = plan->nodes[i]->kind != PLAN_NODE_SOURCE ||
              first_part(r, "source", plan->nodes[i]->name) != SIZE_MAX;
    for (uint32_t i = 0; i < plan->n_sinks && all; i++)
        all = first_part(r, "sink", plan->sinks[i].name) != SIZE_MAX;
    return all;
}

/* Of a job in many processes each judges its own operators; those that are gone, where task 0 is. */
static bool is_judged_elsewhere(const struct rt_job *job, const struct sto_part_head *head) {
    const struct plan *plan = job->plan;
    uint32_t vertex = 0;
    if (!job->part)
        return false;
    if (base_str_eq(head->kind, BASE_STR("sink"))) {
        for (uint32_t i = 0; i < plan->n_sinks; i++)
            if (base_str_eq(plan->sinks[i].name, head->name))
                vertex = job->graph->vertex_of_sink[i];
    } else {
        const struct plan_node *n = plan_find(plan, head->name);
        vertex = n ? job->graph->vertex_of_node[n->index] : 0;
    }
    return !rt_job_has(job, job->exec.first_task[vertex]);
}

enum cep_rc rt_restore_rest(
    struct rt_restore *r, struct rt_job *job, struct sto_losses *losses, struct cep_err *err) {
    struct base_buf what = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < r->snap->n && rc == CEP_OK; i++) {
        bool is_sink = base_str_eq(r->heads[i].kind, BASE_STR("sink"));
        struct base_unpack u = r->entries[i];
        struct sto_entry e;
        struct taker t = { .op = NULL };
        if (r->used[i] || is_judged_elsewhere(job, &r->heads[i]))
            continue;
        while ((rc = sto_part_next(&u, &e, err)) == CEP_OK)
            t.n += (e.ns != STO_NS_META && !rt_db_is_bound(r->heads[i].kind, &e)) || is_sink;
        rc = rc == CEP_NONE ? take_from_db(r, i, NULL, job, &t, err) : rc;
        base_buf_clear(&what);
        base_buf_printf(
            &what, "entries of the %.*s, which is not in the file", BASE_STR_FMT(r->heads[i].kind));
        if (t.n > 0)
            sto_lose(losses, r->heads[i].name, base_buf_view(&what), t.n);
    }
    base_buf_release(&what);
    return rc;
}
