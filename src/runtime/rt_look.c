/*
 * rt_look -- see rt_look.h. What each kind of operator saves is told at the head of its file, and in doc/savepoint-format.md.
 */
#include "runtime/rt_look.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "connect/con.h"
#include "event/evt_pack.h"
#include "runtime/rt_aggregate.h"
#include "runtime/rt_db.h"
#include "runtime/rt_join.h"
#include "runtime/rt_ops.h"
#include "runtime/rt_recognize.h"
#include "runtime/rt_save.h"
#include "state/sto_part.h"

#include <stdlib.h>

/* One part being read. */
struct reader {
    struct rt_look *look;
    const struct rt_look_what *what;
    size_t op;                                      /* in look->ops */
    bool wanted;                                    /* its keys are asked for */
    struct nfa_look *names;                         /* owned; of this part */
    const struct evt_schema *on, *resolve, *record; /* an alert's */
    const struct evt_type **by;
    size_t n_by;
    struct base_arena scratch;
};

static struct rt_look_op *op_of(struct reader *r) {
    return &r->look->ops[r->op];
}

static enum cep_rc damaged(const char *what, struct cep_err *err) {
    return base_err_set(err, CEP_EDAMAGED, "%s is damaged", what);
}

static struct base_str keep(struct rt_look *look, struct base_buf *text) {
    struct base_str s = base_arena_str(&look->arena, base_buf_view(text));
    base_buf_clear(text);
    return s;
}

/* -- sources --------------------------------------------------------------------------------------------------------- */

static struct rt_look_part *part_at(struct reader *r, struct base_str key) {
    struct rt_look_op *op = op_of(r);
    struct base_unpack k = base_unpack_of(key);
    uint32_t i = base_unpack_u32(&k);
    if (!base_unpack_ok(&k) || i > op->n_parts) /* they come in order */
        return NULL;
    if (i == op->n_parts) {
        op->parts = base_arena_grow(
            &r->look->arena, op->parts, op->n_parts, &op->cap_parts, sizeof *op->parts);
        op->parts[op->n_parts++] = (struct rt_look_part){ .position = 0 };
    }
    return &op->parts[i];
}

static enum cep_rc look_source(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META) {
        (void)base_unpack_u8(&u);
        op_of(r)->watermark = base_unpack_zigzag(&u);
        (void)base_unpack_zigzag(&u);
        return base_unpack_ok(&u) ? CEP_OK : damaged("a watermark", err);
    }
    struct rt_look_part *p = part_at(r, e->key);
    if (p && e->ns == RT_NS_PART) {
        p->has_watermark = true;
        p->watermark = base_unpack_zigzag(&u);
        p->ended = base_unpack_max(&u, 1) != 0;
    } else if (p && e->ns == RT_NS_POSITION) {
        p->has_position = true;
        p->name = base_arena_str(&r->look->arena, base_unpack_str(&u));
        p->position = base_unpack_varint(&u);
        p->done = base_unpack_max(&u, 1) != 0;
        (void)base_unpack_str(&u);
    }
    return p && base_unpack_ok(&u) ? CEP_OK : damaged("a position", err);
}

/* -- sinks ----------------------------------------------------------------------------------------------------------- */

static enum cep_rc look_sink(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    struct base_buf words = BASE_BUF_INIT;
    enum cep_rc rc = con_sink_tell(e->value, &words, err);
    op->words = base_arena_grow(&r->look->arena, op->words, op->n_words, &op->cap_words, sizeof *op->words);
    op->words[op->n_words++] = keep(r->look, &words);
    base_buf_release(&words);
    return rc;
}

/* -- patterns -------------------------------------------------------------------------------------------------------- */

static enum cep_rc look_names(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    nfa_look_free(r->names);
    r->names = NULL;
    enum cep_rc rc = nfa_look_new(e->value, &r->names, err);
    if (rc == CEP_OK && (op->watermark == EVT_TIME_MIN || r->names->watermark < op->watermark))
        op->watermark = r->names->watermark;
    if (rc == CEP_OK && !op->names) {
        rc = nfa_look_new(e->value, &op->names, err);
        op->by_state = BASE_ARENA_ARRAY(&r->look->arena, uint64_t, r->names->n_states + 1);
    }
    return rc;
}

static void key_text(const struct nfa_look *names, const struct evt_val *vals, struct base_buf *b) {
    base_buf_clear(b);
    for (uint32_t i = 0; i < names->n_keys; i++) {
        if (i)
            base_buf_putc(b, ',');
        evt_val_write_text(b, names->keys[i].type, &vals[i]);
    }
}

static void keep_key(struct reader *r, const struct nfa_look_key *k, struct base_buf *text, bool all) {
    struct rt_look_op *op = op_of(r);
    struct base_arena *a = &r->look->arena;
    op->keys = base_arena_grow(a, op->keys, op->n_kept_keys, &op->cap_keys, sizeof *op->keys);
    struct rt_look_key *to = &op->keys[op->n_kept_keys++];
    *to = (struct rt_look_key){ .text = keep(r->look, text),
        .open = k->n_open,
        .waiting = k->n_waiting,
        .asleep = k->n_asleep,
        .deadline = k->deadline };
    if (all) {
        to->all = BASE_ARENA_NEW(a, struct nfa_look_key);
        *to->all = *k;
    }
}

static enum cep_rc look_key(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    struct nfa_look_key k;
    struct base_buf text = BASE_BUF_INIT;
    base_arena_clear(&r->scratch);
    enum cep_rc rc = nfa_look_key(r->names, e, true, &r->scratch, &k, err);
    if (rc != CEP_OK)
        return rc;
    op->n_keys++;
    op->n_open = k.n_open > UINT64_MAX - op->n_open ? UINT64_MAX : op->n_open + k.n_open;
    op->n_waiting += k.n_waiting;
    op->n_asleep += k.n_asleep;
    for (uint32_t i = 0; i < k.n_matches; i++)
        if (k.matches[i].n_states > 0 && r->names->n_states == op->names->n_states)
            op->by_state[k.matches[i].states[0]]++;
    key_text(r->names, k.vals, &text);
    bool this_one = r->what->key.p && base_str_eq(base_buf_view(&text), r->what->key);
    if (this_one) /* once more, for good */
        rc = nfa_look_key(r->names, e, true, &r->look->arena, &k, err);
    if (this_one || (r->wanted && !r->what->key.p))
        keep_key(r, &k, &text, this_one);
    base_buf_release(&text);
    return rc;
}

/* A waiting row has no key of its own: the columns that are called like the key's say it. */
static bool is_of_key(const struct nfa_look *names, const struct evt_batch *row, struct base_str key) {
    struct base_buf text = BASE_BUF_INIT;
    struct base_arena scratch;
    bool known = true;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < names->n_keys && known; i++) {
        uint32_t c = 0;
        struct evt_val v;
        while (c < row->schema->n_cols && !base_str_eq(row->schema->cols[c].name, names->keys[i].name))
            c++;
        known = c < row->schema->n_cols && evt_type_eq(row->schema->cols[c].type, names->keys[i].type);
        if (!known)
            break;
        evt_col_get(&row->cols[c], 0, &scratch, &v);
        if (i)
            base_buf_putc(&text, ',');
        evt_val_write_text(&text, names->keys[i].type, &v);
    }
    known = known && base_str_eq(base_buf_view(&text), key);
    base_arena_release(&scratch);
    base_buf_release(&text);
    return known;
}

static enum cep_rc look_row(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    struct evt_batch *row = NULL;
    uint32_t input;
    op->n_rows++;
    enum cep_rc rc = nfa_look_row(r->names, e, &input, &row, err);
    if (rc == CEP_OK && r->what->key.p && is_of_key(r->names, row, r->what->key)) {
        struct base_buf text = BASE_BUF_INIT;
        base_arena_clear(&r->scratch);
        evt_batch_write_json(&text, row, 0, &r->scratch);
        op->rows = base_arena_grow(
            &r->look->arena, op->rows, op->n_kept_rows, &op->cap_rows, sizeof *op->rows);
        op->rows[op->n_kept_rows++] = (struct rt_look_row){ .time = row->time[0],
            .stream = base_arena_str(&r->look->arena, r->names->inputs[input].name),
            .json = keep(r->look, &text) };
        base_buf_release(&text);
    }
    evt_batch_unref(row);
    return rc;
}

static enum cep_rc look_pattern(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    if (e->ns == STO_NS_META)
        return look_names(r, e, err);
    if (!r->names)
        return damaged("the order of entries", err);
    if (nfa_look_is_key(e))
        return look_key(r, e, err);
    if (nfa_look_is_row(e))
        return look_row(r, e, err);
    return base_err_set(
        err, CEP_EVERSION, "it has state of kind %u, which this program does not know", (unsigned)e->ns);
}

/* -- alerts ----------------------------------------------------------------------------------------------------------- */

static enum cep_rc look_types(struct reader *r, struct base_unpack *u, struct cep_err *err) {
    struct base_arena *a = &r->look->arena;
    const struct evt_schema *schemas[3];
    size_t n = 0, cap = 0;
    (void)base_unpack_varint(u);
    (void)base_unpack_varint(u);
    struct base_unpack by = base_unpack_of(base_unpack_str(u)), rows = base_unpack_of(base_unpack_str(u));
    r->n_by = 0;
    r->by = NULL;
    while (!u->bad && !by.bad && !base_unpack_at_end(&by)) {
        r->by = base_arena_grow(a, r->by, r->n_by, &cap, sizeof *r->by);
        r->by[r->n_by++] = evt_unpack_type(&by, a);
    }
    while (!u->bad && n < 3 && !rows.bad && !base_unpack_at_end(&rows))
        schemas[n++] = evt_unpack_schema(&rows, a);
    if (!base_unpack_ok(u) || !base_unpack_ok(&by) || !base_unpack_ok(&rows) || n < 2)
        return damaged("what it is on", err);
    r->on = schemas[0];
    r->resolve = n == 3 ? schemas[1] : NULL;
    r->record = schemas[n - 1];
    return CEP_OK;
}

/* Canonical bytes (evt_val_write_key()) back to values. */
static bool read_identity(struct reader *r, struct base_str bytes, struct base_buf *text) {
    struct base_unpack u = base_unpack_of(bytes);
    for (size_t i = 0; i < r->n_by && !u.bad; i++) {
        struct evt_val v;
        evt_unpack_key(&u, r->by[i], &r->scratch, &v);
        if (i)
            base_buf_putc(text, ',');
        if (!u.bad)
            evt_val_write_text(text, r->by[i], &v);
    }
    return base_unpack_ok(&u);
}

static enum cep_rc look_life(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    struct base_unpack u = base_unpack_of(e->value);
    struct base_buf text = BASE_BUF_INIT;
    struct rt_look_life life = { .last_let = base_unpack_zigzag(&u), .deadline = base_unpack_zigzag(&u) };
    life.firing = base_unpack_max(&u, 1) != 0;
    base_arena_clear(&r->scratch);
    bool fine = r->record && !u.bad && read_identity(r, e->key, &text);
    life.identity = keep(r->look, &text);
    if (fine && life.firing) {
        struct evt_batch *b = evt_batch_new(r->record, 1);
        fine = evt_unpack_row(&u, b, &r->scratch);
        if (fine)
            evt_batch_write_json(&text, b, 0, &r->scratch);
        life.record = keep(r->look, &text);
        evt_batch_unref(b);
    }
    base_buf_release(&text);
    if (!fine || !base_unpack_ok(&u))
        return damaged("an alert's life", err);
    *(life.firing ? &op->n_firing : &op->n_suppressed) += 1;
    op->lives = base_arena_grow(&r->look->arena, op->lives, op->n_lives, &op->cap_lives, sizeof *op->lives);
    op->lives[op->n_lives++] = life;
    return CEP_OK;
}

static enum cep_rc look_alert(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        return look_types(r, &u, err);
    if (e->ns == RT_NS_LIFE)
        return look_life(r, e, err);
    if (e->ns != RT_NS_ROW)
        return base_err_set(
            err, CEP_EVERSION, "it has state of kind %u, which this program does not know", (unsigned)e->ns);
    op_of(r)->n_rows++;
    return CEP_OK;
}

/* -- rows under way (rt_flight.h) -------------------------------------------------------------------------------------- */

static enum cep_rc look_channel(struct reader *r, const struct sto_entry *e, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META) {
        (void)base_unpack_varint(&u);
        for (size_t n = base_unpack_count(&u, 3); n > 0 && !u.bad; n--) {
            (void)base_unpack_u8(&u);
            (void)base_unpack_str(&u);
            (void)base_unpack_varint(&u);
        }
        struct base_unpack schema = base_unpack_of(base_unpack_str(&u));
        r->on = evt_unpack_schema(&schema, &r->look->arena);
        return r->on && base_unpack_ok(&u) && base_unpack_ok(&schema) ? CEP_OK
                                                                      : damaged("what comes that way", err);
    }
    struct evt_batch *b = r->on ? evt_unpack_batch(&u, r->on) : NULL;
    if (!b || !base_unpack_ok(&u)) {
        evt_batch_unref(b);
        return damaged("a batch", err);
    }
    op_of(r)->n_rows += b->n_rows;
    evt_batch_unref(b);
    return CEP_OK;
}

/* -- general operators ------------------------------------------------------------------------------------------------- */

/* What they save begins with a watermark; the rest is counted. */
struct counted {
    uint8_t keys, rows, last; /* namespaces; 0: has none; the last one that there is */
    const char *what;         /* "what it joins" */
};

static enum cep_rc look_counted(
    struct reader *r, const struct counted *c, const struct sto_entry *e, struct cep_err *err) {
    struct rt_look_op *op = op_of(r);
    if (e->ns == STO_NS_META) {
        struct base_unpack u = base_unpack_of(e->value);
        int64_t watermark = base_unpack_zigzag(&u);
        if (op->watermark == EVT_TIME_MIN || watermark < op->watermark)
            op->watermark = watermark;
        return u.bad ? damaged(c->what, err) : CEP_OK;
    }
    if (e->ns == c->keys)
        op->n_keys++;
    else if (e->ns == c->rows)
        op->n_rows++;
    else if (e->ns > c->last)
        return base_err_set(
            err, CEP_EVERSION, "it has state of kind %u, which this program does not know", (unsigned)e->ns);
    return CEP_OK;
}

/* -- parts -------------------------------------------------------------------------------------------------------------- */

typedef enum cep_rc look_fn(struct reader *r, const struct sto_entry *e, struct cep_err *err);

/* In the order in which they are told. */
static const struct {
    const char *kind;
    look_fn *look; /* NULL: as `counted` says */
    struct counted counted;
} kinds[] = { { .kind = "source", .look = look_source },
    { .kind = "aggregate",
        .counted = { RT_AGG_NS_GROUP, RT_AGG_NS_ROW, RT_AGG_NS_AHEAD, "what it aggregates" } },
    { .kind = "process", .counted = { RT_PROC_NS_KEY, RT_PROC_NS_ROW, RT_PROC_NS_ROW, "what it keeps" } },
    { .kind = "over", .counted = { RT_AGG_NS_GROUP, RT_AGG_NS_ROW, RT_AGG_NS_GIVEN, "what it aggregates" } },
    { .kind = "recognize",
        .counted = { RT_RECOGNIZE_NS_KEY, RT_RECOGNIZE_NS_ROW, RT_RECOGNIZE_NS_ROW, "what it matches" } },
    { .kind = "join", .counted = { RT_JOIN_NS_KEPT, RT_JOIN_NS_ROW, RT_JOIN_NS_ROW, "what it joins" } },
    { .kind = "top", .counted = { 0, RT_TOP_NS_ROW, RT_TOP_NS_ROW, "what it puts in order" } },
    { .kind = "pattern", .look = look_pattern }, { .kind = "alert", .look = look_alert },
    { .kind = "sink", .look = look_sink }, { .kind = "channel", .look = look_channel } };

enum { N_KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(struct base_str kind) {
    size_t i = 0;
    while (i < N_KINDS && !base_str_eq(kind, base_str_of(kinds[i].kind)))
        i++;
    return i;
}

static size_t find_op(struct rt_look *look, const struct sto_part_head *head) {
    for (size_t i = 0; i < look->n_ops; i++)
        if (base_str_eq(look->ops[i].kind, head->kind) && base_str_eq(look->ops[i].name, head->name))
            return i;
    look->ops = base_arena_grow(&look->arena, look->ops, look->n_ops, &look->cap_ops, sizeof *look->ops);
    look->ops[look->n_ops] = (struct rt_look_op){ .kind = base_arena_str(&look->arena, head->kind),
        .name = base_arena_str(&look->arena, head->name),
        .watermark = EVT_TIME_MIN };
    return look->n_ops++;
}

static enum cep_rc read_part(struct rt_look *look, const struct rt_look_what *what, struct base_str bytes,
    bool *keeps, struct cep_err *err) {
    struct sto_part_head head;
    struct base_unpack entries;
    struct sto_entry e;
    enum cep_rc rc = sto_part_open(bytes, &head, &entries, err);
    if (rc != CEP_OK)
        return rc;
    struct reader r = { .look = look, .what = what, .op = find_op(look, &head) };
    size_t kind = kind_of(head.kind);
    r.wanted = base_str_eq(head.name, what->pattern);
    base_arena_init(&r.scratch, 0);
    op_of(&r)->n_subtasks++;
    op_of(&r)->bytes += bytes.len;
    size_t kept = op_of(&r)->n_kept_keys;
    while (rc == CEP_OK && (rc = sto_part_next(&entries, &e, err)) == CEP_OK) {
        op_of(&r)->n_entries++;
        if (kind < N_KINDS)
            rc = kinds[kind].look ? kinds[kind].look(&r, &e, err)
                                  : look_counted(&r, &kinds[kind].counted, &e, err);
    }
    *keeps = op_of(&r)->n_kept_keys > kept;
    if (rc == CEP_NONE)
        rc = CEP_OK;
    else
        base_err_prefix(err, "%.*s \"%.*s\"", BASE_STR_FMT(head.kind), BASE_STR_FMT(head.name));
    nfa_look_free(r.names);
    base_arena_release(&r.scratch);
    return rc;
}

/* One part, which is taken over; what keys borrow from it stays with the look. */
static enum cep_rc read_bytes(struct rt_look *look, const struct rt_look_what *what,
    const struct rt_snap *dbs, struct base_buf *bytes, struct cep_err *err) {
    bool keeps = false;
    enum cep_rc rc = dbs->n_dbs > 0 ? rt_db_complete(dbs, bytes, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = read_part(look, what, base_buf_view(bytes), &keeps, err);
    if (!keeps) {
        base_buf_release(bytes);
        return rc;
    }
    look->files = base_grow(look->files, look->n_files, &look->cap_files, sizeof *look->files);
    look->files[look->n_files++] = *bytes;
    return rc;
}

static enum cep_rc read_parts(struct rt_look *look, const struct rt_look_what *what,
    const struct rt_snap *dbs, struct base_buf *file, struct cep_err *err) {
    struct base_str part;
    size_t at = 0;
    enum cep_rc rc;
    if (!sto_is_pack(base_buf_view(file)))
        return read_bytes(look, what, dbs, file, err);
    while ((rc = sto_pack_next(base_buf_view(file), &at, &part, err)) == CEP_OK) {
        struct base_buf bytes = BASE_BUF_INIT;
        base_buf_str(&bytes, part);
        if ((rc = read_bytes(look, what, dbs, &bytes, err)) != CEP_OK)
            break;
    }
    base_buf_release(file);
    return rc == CEP_NONE ? CEP_OK : rc;
}

static enum cep_rc read_file(struct rt_look *look, const struct rt_look_what *what, const struct rt_snap *dbs,
    const struct sto_file *f, struct cep_err *err) {
    static const char prefix[] = "part-";
    struct base_buf file = BASE_BUF_INIT, path = BASE_BUF_INIT;
    look->bytes += f->len;
    if (f->name.len < sizeof prefix - 1 || memcmp(f->name.p, prefix, sizeof prefix - 1) != 0)
        return sto_file_verify(&look->manifest, f, err);
    enum cep_rc rc = sto_file_read(&look->manifest, f, &file, err);
    if (rc != CEP_OK) {
        base_buf_release(&file);
        return rc;
    }
    rc = read_parts(look, what, dbs, &file, err);
    if (rc != CEP_OK) {
        sto_file_path(&look->manifest, f, &path);
        base_err_prefix(err, "\"%s\"", base_buf_cstr(&path));
    }
    base_buf_release(&path);
    return rc;
}

static int by_kind_and_name(const void *a, const void *b) {
    const struct rt_look_op *x = a, *y = b;
    size_t kx = kind_of(x->kind), ky = kind_of(y->kind);
    return kx != ky ? (kx < ky ? -1 : 1) : base_str_cmp(x->name, y->name);
}

/* The fullest first. */
static int by_open(const void *a, const void *b) {
    const struct rt_look_key *x = a, *y = b;
    uint64_t nx = x->open + x->waiting, ny = y->open + y->waiting;
    return nx != ny ? (nx > ny ? -1 : 1) : base_str_cmp(x->text, y->text);
}

static int by_time(const void *a, const void *b) {
    const struct rt_look_row *x = a, *y = b;
    return x->time != y->time ? (x->time < y->time ? -1 : 1) : base_str_cmp(x->json, y->json);
}

static int by_identity(const void *a, const void *b) {
    const struct rt_look_life *x = a, *y = b;
    return base_str_cmp(x->identity, y->identity);
}

static int by_text(const void *a, const void *b) {
    return base_str_cmp(*(const struct base_str *)a, *(const struct base_str *)b);
}

static void sort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *)) {
    if (n > 1)
        qsort(v, n, size, cmp);
}

static void in_order(struct rt_look *look) {
    sort(look->ops, look->n_ops, sizeof *look->ops, by_kind_and_name);
    for (size_t i = 0; i < look->n_ops; i++) {
        struct rt_look_op *op = &look->ops[i];
        sort(op->keys, op->n_kept_keys, sizeof *op->keys, by_open);
        sort(op->rows, op->n_kept_rows, sizeof *op->rows, by_time);
        sort(op->lives, op->n_lives, sizeof *op->lives, by_identity);
        sort(op->words, op->n_words, sizeof *op->words, by_text);
    }
}

static bool has_databases(const struct sto_manifest *m) {
    for (size_t i = 0; i < m->n_files; i++)
        if (m->files[i].name.len > 3 && memcmp(m->files[i].name.p, "db-", 3) == 0)
            return true;
    return false;
}

enum cep_rc rt_look_read(
    struct rt_look *look, const char *dir, const struct rt_look_what *what, struct cep_err *err) {
    *look = (struct rt_look){ .n_ops = 0 };
    base_arena_init(&look->arena, 0);
    struct rt_snap dbs;
    rt_snap_init(&dbs);
    enum cep_rc rc = sto_manifest_read(dir, &look->manifest, err);
    if (rc == CEP_OK && has_databases(&look->manifest))
        rc = rt_snap_read(&dbs, &look->manifest, err);
    for (size_t i = 0; rc == CEP_OK && i < look->manifest.n_files; i++)
        rc = read_file(look, what, &dbs, &look->manifest.files[i], err);
    rt_snap_release(&dbs);
    in_order(look);
    return rc;
}

enum cep_rc rt_look_snap(
    struct rt_look *look, const struct rt_snap *snap, const struct rt_look_what *what, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    *look = (struct rt_look){ .n_ops = 0 };
    base_arena_init(&look->arena, 0);
    for (size_t i = 0; rc == CEP_OK && i < snap->n; i++) {
        bool keeps;
        look->bytes += rt_part_view(snap->parts[i]).len;
        rc = read_part(look, what, rt_part_view(snap->parts[i]), &keeps, err);
    }
    in_order(look);
    return rc;
}

void rt_look_release(struct rt_look *look) {
    for (size_t i = 0; i < look->n_ops; i++)
        nfa_look_free(look->ops[i].names);
    for (size_t i = 0; i < look->n_files; i++)
        base_buf_release(&look->files[i]);
    base_free(look->files);
    if (look->manifest.dir.p)
        sto_manifest_release(&look->manifest);
    base_arena_release(&look->arena);
    *look = (struct rt_look){ .n_ops = 0 };
}
