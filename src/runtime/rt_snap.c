/*
 * rt_snap -- see rt_snap.h.
 */
#include "runtime/rt_snap.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <stdio.h>

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

enum cep_rc rt_snap_read(struct rt_snap *s, const struct sto_manifest *m, struct cep_err *err) {
    static const char prefix[] = "part-";
    enum cep_rc rc = CEP_OK;
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
