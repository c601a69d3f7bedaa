/*
 * rt_snap -- see rt_snap.h.
 */
#include "runtime/rt_snap.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "state/sto_path.h"

#include <stdio.h>

enum { NAMES_MAX = 1000 };

void rt_snap_init(struct rt_snap *s) {
    *s = (struct rt_snap){ .n = 0 };
}

void rt_snap_release(struct rt_snap *s) {
    for (size_t i = 0; i < s->n; i++) {
        base_buf_release(&s->parts[i]->bytes);
        base_free(s->parts[i]);
    }
    base_free(s->parts);
    rt_snap_init(s);
}

static struct rt_part **room(struct rt_snap *s) {
    s->parts = base_grow(s->parts, s->n, &s->cap, sizeof(struct rt_part *));
    return &s->parts[s->n++];
}

static struct rt_part *add(struct rt_snap *s) {
    return *room(s) = base_calloc(1, sizeof(struct rt_part));
}

struct rt_part *rt_snap_add(struct rt_snap *s, const struct sto_part_head *head) {
    struct rt_part *p = add(s);
    sto_part_begin(&p->bytes, head);
    return p;
}

void rt_snap_move(struct rt_snap *to, struct rt_snap *from) {
    for (size_t i = 0; i < from->n; i++)
        *room(to) = from->parts[i];
    from->n = 0;
    rt_snap_release(from);
}

void rt_snap_drop(struct rt_snap *s, struct base_str kind) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct sto_part_head head;
        struct base_unpack entries;
        if (sto_part_open(base_buf_view(&s->parts[i]->bytes), &head, &entries, NULL) == CEP_OK &&
            base_str_eq(head.kind, kind)) {
            base_buf_release(&s->parts[i]->bytes);
            base_free(s->parts[i]);
        } else {
            s->parts[n++] = s->parts[i];
        }
    }
    s->n = n;
}

uint64_t rt_snap_bytes(const struct rt_snap *s) {
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->parts[i]->bytes.len;
    return n;
}

enum cep_rc rt_snap_write(const struct rt_snap *s, struct sto_bundle *b, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < s->n && rc == CEP_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "part-%06zu", i);
        rc = sto_bundle_put(b, base_str_of(name), base_buf_view(&s->parts[i]->bytes), err);
    }
    return rc;
}

/* "2026-11-28T10:52:11Z" in a name without colons. */
static void write_name(struct base_buf *b, const char *dir, struct base_str job, int64_t time_us, unsigned n) {
    struct base_buf at = BASE_BUF_INIT;
    base_buf_clear(b);
    base_buf_printf(b, "%s/savepoint-%.*s-", dir, BASE_STR_FMT(job));
    base_write_timestamp(&at, time_us - time_us % 1000000);
    for (size_t i = 0; i < at.len; i++)
        if (at.p[i] != '-' && at.p[i] != ':')
            base_buf_putc(b, at.p[i]);
    if (n > 1)
        base_buf_printf(b, "-%u", n);
    base_buf_release(&at);
}

enum cep_rc rt_snap_savepoint(const struct rt_snap *s, const char *dir, struct base_str job, int64_t time_us,
    struct base_buf *path, struct cep_err *err) {
    struct base_buf name = BASE_BUF_INIT;
    struct sto_bundle *b = NULL;
    enum cep_rc rc = sto_path_make(dir, err);
    unsigned n = 1;
    do
        write_name(&name, dir, job, time_us, n);
    while (n++ < NAMES_MAX && sto_path_exists(base_buf_cstr(&name)));
    if (rc == CEP_OK)
        rc = sto_bundle_begin(base_buf_cstr(&name), NULL, "savepoint", 0, time_us, &b, err);
    if (rc == CEP_OK && (rc = rt_snap_write(s, b, err)) != CEP_OK)
        sto_bundle_drop(b);
    else if (rc == CEP_OK)
        rc = sto_bundle_publish(b, NULL, err);
    if (rc == CEP_OK)
        base_buf_str(path, base_buf_view(&name));
    base_buf_release(&name);
    return rc;
}

enum cep_rc rt_snap_read(struct rt_snap *s, const struct sto_manifest *m, struct cep_err *err) {
    static const char prefix[] = "part-";
    enum cep_rc rc = CEP_OK;
    s->id = m->id;
    s->is_savepoint = base_str_eq(m->kind, BASE_STR("savepoint"));
    for (size_t i = 0; i < m->n_files && rc == CEP_OK; i++) {
        const struct sto_file *f = &m->files[i];
        if (f->name.len < sizeof prefix - 1 || memcmp(f->name.p, prefix, sizeof prefix - 1) != 0)
            continue;
        struct base_buf *b = &add(s)->bytes;
        struct sto_part_head head;
        struct base_unpack entries;
        rc = sto_file_read(m, f, b, err);
        if (rc == CEP_OK && (rc = sto_part_open(base_buf_view(b), &head, &entries, err)) != CEP_OK)
            base_err_prefix(err, "\"%.*s/%.*s\"", BASE_STR_FMT(m->dir), BASE_STR_FMT(f->name));
    }
    return rc;
}
