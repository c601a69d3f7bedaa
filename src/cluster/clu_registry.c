/*
 * clu_registry -- see clu_registry.h.
 */
#include "cluster/clu_registry.h"

#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "state/sto_book.h"

enum { RECORD_VERSION = 2 };

struct clu_registry {
    struct sto_book *book;
};

void clu_record_no_workers(struct clu_record *r) {
    for (uint32_t i = 0; i < r->n_workers; i++) {
        base_free(r->workers[i].id);
        base_free(r->workers[i].address);
    }
    base_free(r->workers);
    r->workers = NULL;
    r->n_workers = 0;
}

static void add_worker(struct clu_record *r, struct base_str id, struct base_str address) {
    r->workers = base_realloc(r->workers, (r->n_workers + (size_t)1) * sizeof *r->workers);
    r->workers[r->n_workers++] = (struct clu_record_worker){ base_strndup(id.p, id.len),
        base_strndup(address.p, address.len) };
}

void clu_record_add_worker(struct clu_record *r, const char *id, const char *address) {
    add_worker(r, base_str_of(id), base_str_of(address));
}

void clu_record_release(struct clu_record *r) {
    clu_record_no_workers(r);
    base_free(r->failure);
    base_free(r->savepoint);
    r->failure = r->savepoint = NULL;
}

void clu_record_pack(const struct clu_record *r, struct base_buf *b) {
    base_pack_u8(b, RECORD_VERSION);
    base_pack_u8(b, (uint8_t)r->state);
    base_pack_zigzag(b, r->created_us);
    base_pack_zigzag(b, r->since_us);
    base_pack_varint(b, r->attempt);
    base_pack_varint(b, r->parallelism);
    base_pack_str(b, base_str_of(r->failure ? r->failure : ""));
    base_pack_str(b, base_str_of(r->savepoint ? r->savepoint : ""));
    base_pack_varint(b, r->n_workers);
    for (uint32_t i = 0; i < r->n_workers; i++) {
        base_pack_str(b, base_str_of(r->workers[i].id));
        base_pack_str(b, base_str_of(r->workers[i].address));
    }
}

static char *text_or_null(struct base_str s) {
    return s.len > 0 ? base_strndup(s.p, s.len) : NULL;
}

enum cep_rc clu_record_unpack(struct clu_record *r, struct base_str bytes, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(bytes);
    uint8_t version = base_unpack_u8(&u);
    if (version == 0 || version > RECORD_VERSION)
        return base_err_set(err, CEP_EVERSION, "the record of job \"%s\" is of version %u", r->id, version);
    uint8_t state = base_unpack_u8(&u);
    r->created_us = base_unpack_zigzag(&u);
    r->since_us = base_unpack_zigzag(&u);
    r->attempt = (uint32_t)base_unpack_max(&u, UINT32_MAX);
    r->parallelism = (uint32_t)base_unpack_max(&u, UINT32_MAX);
    struct base_str failure = base_unpack_str(&u), savepoint = base_unpack_str(&u);
    size_t n = version > 1 ? base_unpack_count(&u, 2) : 0;
    for (size_t i = 0; i < n && !u.bad; i++) {
        struct base_str worker = base_unpack_str(&u), address = base_unpack_str(&u);
        add_worker(r, worker, address);
    }
    if (!base_unpack_ok(&u) || state >= RT_STATE_MAX) {
        clu_record_no_workers(r);
        return base_err_set(err, CEP_EDAMAGED, "the record of job \"%s\" is damaged", r->id);
    }
    r->state = (enum rt_state)state;
    r->failure = text_or_null(failure);
    r->savepoint = text_or_null(savepoint);
    return CEP_OK;
}

enum cep_rc clu_registry_open(const char *dir, struct clu_registry **out, struct cep_err *err) {
    struct clu_registry *r = base_calloc(1, sizeof *r);
    enum cep_rc rc = sto_book_open(dir, &r->book, err);
    if (rc != CEP_OK)
        base_free(r);
    else
        *out = r;
    return rc;
}

void clu_registry_close(struct clu_registry *r) {
    if (!r)
        return;
    sto_book_close(r->book);
    base_free(r);
}

static enum cep_rc put(
    struct clu_registry *r, const char *kind, const char *id, struct base_str value, struct cep_err *err) {
    struct base_buf key = BASE_BUF_INIT;
    base_buf_printf(&key, "%s/%s", kind, id);
    enum cep_rc rc = sto_book_put(r->book, base_buf_view(&key), value, err);
    base_buf_release(&key);
    return rc;
}

enum cep_rc clu_registry_put_spec(
    struct clu_registry *r, const char *id, struct base_str json, struct cep_err *err) {
    return put(r, "spec", id, json, err);
}

enum cep_rc clu_registry_put(struct clu_registry *r, const struct clu_record *record, struct cep_err *err) {
    struct base_buf b = BASE_BUF_INIT;
    clu_record_pack(record, &b);
    enum cep_rc rc = put(r, "state", record->id, base_buf_view(&b), err);
    base_buf_release(&b);
    return rc;
}

enum cep_rc clu_registry_remove(struct clu_registry *r, const char *id, struct cep_err *err) {
    static const char *const kinds[] = { "state", "spec" };
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && rc == CEP_OK; i++) {
        struct base_buf key = BASE_BUF_INIT;
        base_buf_printf(&key, "%s/%s", kinds[i], id);
        rc = sto_book_remove(r->book, base_buf_view(&key), err);
        base_buf_release(&key);
    }
    return rc;
}

struct walk {
    struct base_map specs; /* id -> offset in `texts` of length and text */
    struct base_buf texts;
    clu_registry_fn fn;
    void *arg;
};

static struct base_str id_of(struct base_str key) {
    const char *slash = memchr(key.p, '/', key.len);
    size_t n = slash ? (size_t)(slash - key.p) + 1 : key.len;
    return (struct base_str){ key.p + n, key.len - n };
}

static enum cep_rc on_spec(void *arg, struct base_str key, struct base_str value, struct cep_err *err) {
    struct walk *w = arg;
    (void)err;
    (void)base_map_put(&w->specs, id_of(key), w->texts.len);
    base_pack_str(&w->texts, value);
    return CEP_OK;
}

static enum cep_rc on_state(void *arg, struct base_str key, struct base_str value, struct cep_err *err) {
    struct walk *w = arg;
    struct clu_record r = { .failure = NULL };
    struct base_str id = id_of(key), spec = { "", 0 };
    uint64_t at;
    if (id.len != CLU_ID)
        return base_err_set(
            err, CEP_EDAMAGED, "a record of the registry has the key \"%.*s\"", BASE_STR_FMT(key));
    memcpy(r.id, id.p, id.len);
    enum cep_rc rc = clu_record_unpack(&r, value, err);
    if (rc == CEP_OK && base_map_get(&w->specs, id, &at)) {
        struct base_unpack u = base_unpack_of((struct base_str){ w->texts.p + at, w->texts.len - at });
        spec = base_unpack_str(&u);
    }
    return rc == CEP_OK ? w->fn(w->arg, &r, spec, err) : rc;
}

enum cep_rc clu_registry_each(struct clu_registry *r, clu_registry_fn fn, void *arg, struct cep_err *err) {
    struct walk w = { .texts = BASE_BUF_INIT, .fn = fn, .arg = arg };
    base_map_init(&w.specs);
    enum cep_rc rc = sto_book_scan(r->book, BASE_STR("spec/"), on_spec, &w, err);
    if (rc == CEP_OK)
        rc = sto_book_scan(r->book, BASE_STR("state/"), on_state, &w, err);
    base_map_release(&w.specs);
    base_buf_release(&w.texts);
    return rc;
}
