/*
 * rt_db -- see rt_db.h.
 */
#include "runtime/rt_db.h"
#include "runtime/rt_job_internal.h"

#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "nfa/nfa.h"
#include "state/sto_path.h"
#include "state/sto_tier.h"
#include "state/sto_work.h"

#include <errno.h>
#include <stdlib.h>

enum { DB_BYTES_MIN = 4 << 20, DB_BYTES_MAX = 128 << 20, READ_BYTES = 16 << 20 };

static const char pattern_kind[] = "pattern";

static bool has_patterns(const struct rt_job *job, const struct plan_vertex *v) {
    for (uint32_t i = 0; i < v->n_nodes; i++)
        if (job->plan->nodes[v->nodes[i]]->kind == PLAN_NODE_PATTERN)
            return true;
    return false;
}

bool rt_db_wanted(const struct rt_task *task) {
    return task->job->opts.rocksdb && has_patterns(task->job, task->vertex);
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

static uint64_t db_bytes(const struct rt_job *job) {
    uint64_t n = 0;
    for (uint32_t t = 0; t < job->exec.n_tasks; t++)
        n += rt_db_wanted(&job->tasks[t]);
    uint64_t each = n ? job->opts.state_bytes / 4 / n : 0;
    return each < DB_BYTES_MIN ? DB_BYTES_MIN : each > DB_BYTES_MAX ? DB_BYTES_MAX : each;
}

uint64_t rt_db_share(const struct rt_job *job, const struct plan_vertex *v) {
    uint64_t all = job->opts.state_bytes, n_dbs = 0, n_patterns = 0;
    if (!job->opts.rocksdb)
        return all / v->parallelism;
    if (all == 0)
        return 0;
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        const struct plan_vertex *of = job->tasks[t].vertex;
        n_dbs += rt_db_wanted(&job->tasks[t]);
        for (uint32_t i = 0; i < of->n_nodes; i++)
            n_patterns += job->plan->nodes[of->nodes[i]]->kind == PLAN_NODE_PATTERN;
    }
    uint64_t dbs = n_dbs * db_bytes(job), share = dbs < all ? (all - dbs) / (n_patterns ? n_patterns : 1) : 0;
    return share ? share : 1; /* 0 would be no limit */
}

/* -- numbers of operators ------------------------------------------------------------------------------------------ */

enum { NUMBERS = 1 << 16 };

/* Two names that make the same number: the later one has the next that is free. */
enum cep_rc rt_db_init(struct rt_task *task, struct cep_err *err) {
    const struct plan *plan = task->job->plan;
    uint8_t *used = base_calloc(NUMBERS, 1);
    uint32_t n = 0;
    task->numbers = base_calloc(plan->n_nodes + (size_t)1, sizeof *task->numbers);
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++) {
        const struct plan_node *node = plan->nodes[task->vertex->nodes[i]];
        if (node->kind != PLAN_NODE_PATTERN)
            continue;
        if (n++ == NUMBERS) {
            base_free(used);
            return base_err_set(err, CEP_ELIMIT,
                "more than %d patterns read the same stream: state.backend rocksdb "
                "cannot tell them apart",
                NUMBERS);
        }
        uint16_t number = (uint16_t)base_hash(node->name.p, node->name.len);
        while (used[number])
            number++;
        used[number] = 1;
        task->numbers[node->index] = number;
    }
    base_free(used);
    return CEP_OK;
}

static struct sto_part_head head_of(const struct rt_task *task) {
    return (struct sto_part_head){ .kind = BASE_STR("database"),
        .name = BASE_STR(""),
        .subtask = task->job->exec.tasks[task->index].subtask,
        .n_subtasks = task->vertex->parallelism };
}

static void write_about(const struct rt_task *task, struct base_buf *about) {
    struct sto_out out = sto_part_out(about);
    struct base_buf key = BASE_BUF_INIT, value = BASE_BUF_INIT;
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++) {
        const struct plan_node *node = task->job->plan->nodes[task->vertex->nodes[i]];
        if (node->kind != PLAN_NODE_PATTERN)
            continue;
        base_buf_clear(&key);
        base_buf_clear(&value);
        base_pack_u32(&key, task->numbers[node->index]);
        base_pack_str(&value, base_str_of(pattern_kind));
        base_pack_str(&value, node->name);
        (void)sto_put(&out, RT_NS_DB_OP, STO_NO_GROUP, base_buf_view(&key), base_buf_view(&value), NULL);
    }
    base_buf_release(&key);
    base_buf_release(&value);
    sto_part_end(about);
}

/* One operator after the other. Returns: false at the end, and for bytes that mean nothing. */
static bool next_op(
    struct base_unpack *entries, uint32_t *number, struct base_str *kind, struct base_str *name) {
    struct sto_entry e;
    if (sto_part_next(entries, &e, NULL) != CEP_OK)
        return false;
    struct base_unpack k = base_unpack_of(e.key), v = base_unpack_of(e.value);
    *number = base_unpack_u32(&k);
    *kind = base_unpack_str(&v);
    *name = base_unpack_str(&v);
    return base_unpack_ok(&k) && base_unpack_ok(&v) && *number < NUMBERS;
}

static bool open_about(const struct rt_snap_db *db, struct sto_part_head *head, struct base_unpack *entries) {
    return sto_part_open(base_buf_view(&db->about), head, entries, NULL) == CEP_OK;
}

bool rt_db_has(const struct rt_snap_db *db, const struct sto_part_head *part, uint16_t *number) {
    struct sto_part_head head;
    struct base_unpack entries;
    struct base_str kind, name;
    uint32_t n;
    if (!open_about(db, &head, &entries) || head.subtask != part->subtask ||
        head.n_subtasks != part->n_subtasks)
        return false;
    while (next_op(&entries, &n, &kind, &name))
        if (base_str_eq(kind, part->kind) && base_str_eq(name, part->name)) {
            *number = (uint16_t)n;
            return true;
        }
    return false;
}

bool rt_db_is_of(const struct rt_snap_db *db, const struct rt_task *task) {
    struct sto_part_head head, own = head_of(task);
    struct base_unpack entries;
    struct base_str kind, name;
    uint32_t n, n_ops = 0, n_own = 0;
    uint16_t number;
    if (!open_about(db, &head, &entries))
        return false;
    while (next_op(&entries, &n, &kind, &name))
        n_ops++;
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++) {
        const struct plan_node *node = task->job->plan->nodes[task->vertex->nodes[i]];
        if (node->kind != PLAN_NODE_PATTERN)
            continue;
        n_own++;
        own.kind = base_str_of(pattern_kind);
        own.name = node->name;
        if (!rt_db_has(db, &own, &number) || number != task->numbers[node->index])
            return false;
    }
    return n_own == n_ops;
}

bool rt_db_is_bound(struct base_str kind, const struct sto_entry *e) {
    return e->ns == NFA_NS_TIER && base_str_eq(kind, base_str_of(pattern_kind));
}

/* -- files -------------------------------------------------------------------------------------------------------- */

static bool is_table(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".sst") == 0;
}

/* A folder like the one that was copied: table files, which nobody writes to, are linked. */
static enum cep_rc place(const struct rt_snap_db *db, const char *dir, struct cep_err *err) {
    struct base_buf to = BASE_BUF_INIT, bytes = BASE_BUF_INIT;
    enum cep_rc rc = sto_path_remove(dir, err);
    if (rc == CEP_OK)
        rc = sto_path_make(dir, err);
    for (size_t i = 0; i < db->n_files && rc == CEP_OK; i++) {
        const struct rt_snap_file *f = &db->files[i];
        base_buf_clear(&to);
        base_buf_printf(&to, "%s/%s", dir, f->name);
        if (!sto_path_exists(f->path)) {
            rc = base_err_set(err, CEP_EDAMAGED, "file \"%s\" is missing", f->path);
            base_err_hint(err, "a checkpoint of backend rocksdb needs the folder \"shared\" beside it; a "
                               "savepoint needs nothing");
        } else if (is_table(f->name)) {
            rc = sto_path_link(f->path, to.p, err);
        } else if ((rc = sto_path_read(f->path, &bytes, err)) == CEP_OK) {
            rc = sto_path_write(to.p, base_buf_view(&bytes), err);
        }
    }
    base_buf_release(&to);
    base_buf_release(&bytes);
    return rc;
}

static char *path_of(const struct rt_task *task) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s/task-%u", sto_work_path(task->job->work), task->index);
    return b.p;
}

enum cep_rc rt_db_open(struct rt_task *task, const struct rt_snap_db *from, struct cep_err *err) {
    struct sto_db_opts opts = { .memory = db_bytes(task->job) };
    enum cep_rc rc = rt_job_need_work(task->job, err);
    if (rc != CEP_OK)
        return rc;
    char *dir = path_of(task);
    if (from) {
        rc = place(from, dir, err);
        if (rc == CEP_OK)
            rc = sto_db_open_checkpoint(dir, &opts, &task->db, err);
    } else {
        rc = sto_db_open(dir, &opts, &task->db, err);
    }
    base_free(dir);
    return rc;
}

void rt_db_close(struct rt_task *task) {
    if (!task->db)
        return;
    char *dir = path_of(task);
    sto_db_close(task->db);
    task->db = NULL;
    (void)sto_path_remove(dir, NULL); /* with the folder it is in, at the latest by the next run */
    base_free(dir);
}

enum cep_rc rt_db_save(const struct rt_task *task, uint64_t id, struct rt_snap *snap, struct cep_err *err) {
    struct base_buf dir = BASE_BUF_INIT;
    struct sto_part_head head = head_of(task);
    struct rt_snap_db *db;
    base_buf_printf(
        &dir, "%s/task-%u.at-%llu", sto_work_path(task->job->work), task->index, (unsigned long long)id);
    enum cep_rc rc = sto_path_remove(dir.p, err);
    if (rc == CEP_OK)
        rc = sto_db_checkpoint(task->db, dir.p, err);
    if (rc == CEP_OK && (rc = rt_snap_add_db(snap, dir.p, &head, &db, err)) == CEP_OK)
        write_about(task, &db->about);
    base_buf_release(&dir);
    return rc;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

enum cep_rc rt_db_reader_open(
    struct rt_db_reader *r, const struct rt_snap_db *db, const char *dir, struct cep_err *err) {
    struct sto_db_opts opts = { .memory = READ_BYTES };
    r->dir = base_strdup(dir);
    enum cep_rc rc = place(db, dir, err);
    return rc == CEP_OK ? sto_db_open_checkpoint(dir, &opts, &r->db, err) : rc;
}

void rt_db_reader_close(struct rt_db_reader *r) {
    if (!r->dir)
        return;
    sto_db_close(r->db);
    (void)sto_path_remove(r->dir, NULL); /* what stays is removed by the next run */
    base_free(r->dir);
    *r = (struct rt_db_reader){ .dir = NULL };
}

enum cep_rc rt_db_reader_scan(
    struct rt_db_reader *r, uint16_t number, rt_db_entry_fn load, void *arg, struct cep_err *err) {
    struct sto_tier *tier = sto_tier_new(r->db, number, NFA_NS_KEY);
    struct sto_tier_scan *scan = sto_tier_scan_new(tier);
    struct sto_entry e;
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && (rc = sto_tier_scan_next(scan, &e, err)) == CEP_OK)
        rc = load(arg, &e, err);
    sto_tier_scan_free(scan);
    sto_tier_free(tier);
    return rc == CEP_NONE ? CEP_OK : rc;
}

/* -- without databases -------------------------------------------------------------------------------------------- */

struct appender {
    struct rt_part *part;
    struct sto_out out;
    const char *dir; /* of files; NULL: all stays in memory */
};

static enum cep_rc append(void *arg, const struct sto_entry *e, struct cep_err *err) {
    const struct appender *a = arg;
    enum cep_rc rc = a->out.put(a->out.arg, e, err);
    if (a->dir && a->part->bytes.len >= RT_PART_CHUNK) {
        rt_part_spool(a->part, a->dir, base_buf_view(&a->part->bytes));
        base_buf_clear(&a->part->bytes);
    }
    return rc;
}

/* The part again, with the keys, and without what means something with the database only. */
static enum cep_rc dissolve_part(struct rt_part *part, const struct rt_snap_db *db, struct rt_db_reader *r,
    const char *dir, struct cep_err *err) {
    struct base_buf was = part->bytes;
    struct sto_part_head head;
    struct base_unpack entries;
    struct sto_entry e;
    uint16_t number;
    /* A part that is in a file already is of an operator without keys in a database (rt_save.c). */
    if (part->spool)
        return CEP_OK;
    enum cep_rc rc = sto_part_open(base_buf_view(&was), &head, &entries, err);
    if (rc != CEP_OK || !rt_db_has(db, &head, &number))
        return rc;
    part->bytes = (struct base_buf)BASE_BUF_INIT;
    struct appender a = { .part = part, .out = sto_part_out(&part->bytes), .dir = dir };
    sto_part_begin(&part->bytes, &head);
    while (rc == CEP_OK && (rc = sto_part_next(&entries, &e, err)) == CEP_OK)
        if (!rt_db_is_bound(head.kind, &e))
            rc = append(&a, &e, err);
    rc = rc == CEP_NONE ? rt_db_reader_scan(r, number, append, &a, err) : rc;
    sto_part_end(&part->bytes);
    base_buf_release(&was);
    return rc;
}

enum cep_rc rt_db_dissolve(struct rt_snap *snap, const char *work_dir, struct cep_err *err) {
    struct base_buf dir = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    base_buf_printf(&dir, "%s/dissolved", work_dir);
    for (size_t d = 0; d < snap->n_dbs && rc == CEP_OK; d++) {
        struct rt_db_reader r = { .dir = NULL };
        rc = rt_db_reader_open(&r, snap->dbs[d], dir.p, err);
        for (size_t i = 0; i < snap->n && rc == CEP_OK; i++)
            rc = dissolve_part(snap->parts[i], snap->dbs[d], &r, work_dir, err);
        rt_db_reader_close(&r);
    }
    base_buf_release(&dir);
    if (rc == CEP_OK)
        rt_snap_forget_dbs(snap);
    return rc;
}

enum cep_rc rt_db_complete(const struct rt_snap *snap, struct base_buf *bytes, struct cep_err *err) {
    struct rt_part part = { .bytes = *bytes };
    struct sto_part_head head;
    struct base_unpack entries;
    uint16_t number;
    enum cep_rc rc = sto_part_open(base_buf_view(bytes), &head, &entries, err);
    for (size_t d = 0; d < snap->n_dbs && rc == CEP_OK; d++) {
        struct rt_db_reader r = { .dir = NULL };
        struct base_buf dir = BASE_BUF_INIT;
        const char *tmp = getenv("TMPDIR");
        if (!rt_db_has(snap->dbs[d], &head, &number))
            continue;
        base_buf_printf(&dir, "%s/cepd-look-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(dir.p))
            rc = base_err_set(err, CEP_EIO, "could not make folder \"%s\": %s", dir.p, strerror(errno));
        if (rc == CEP_OK)
            rc = rt_db_reader_open(&r, snap->dbs[d], dir.p, err);
        if (rc == CEP_OK)
            rc = dissolve_part(&part, snap->dbs[d], &r, NULL, err);
        rt_db_reader_close(&r);
        base_buf_release(&dir);
        break;
    }
    *bytes = part.bytes;
    return rc;
}
