/*
 * sto_manifest -- the bytes of a bundle's MANIFEST; see sto_bundle.h for what each means.
 */
#include "base/base_pack.h"
#include "state/sto_bundle.h"

#include <xxhash.h>

static const char magic[] = { 'c', 'e', 'p', 'd', 'm', 'f', '\0' };
enum { MANIFEST_VERSION = 1, HEAD = sizeof magic + 1, TAIL = 8, LEAST_FILE = 19 };

void sto_manifest_encode(struct base_buf *b, const struct sto_manifest *m) {
    size_t from = b->len;
    base_pack_bytes(b, magic, sizeof magic);
    base_pack_u8(b, MANIFEST_VERSION);
    base_pack_str(b, m->kind);
    base_pack_varint(b, m->id);
    base_pack_zigzag(b, m->time_us);
    base_pack_varint(b, m->n_files);
    for (size_t i = 0; i < m->n_files; i++) {
        const struct sto_file *f = &m->files[i];
        base_pack_str(b, f->name);
        base_pack_u8(b, f->shared);
        base_pack_varint(b, f->len);
        base_pack_u64(b, f->hash.low);
        base_pack_u64(b, f->hash.high);
    }
    base_pack_u64(b, XXH3_64bits(b->p + from, b->len - from));
}

/* A name that stays within its folder. */
static bool is_safe(struct base_str name) {
    if (name.len == 0 || name.p[0] == '/' || memchr(name.p, '\0', name.len))
        return false;
    for (size_t from = 0, i = 0; i <= name.len; i++) {
        if (i < name.len && name.p[i] != '/')
            continue;
        struct base_str part = { name.p + from, i - from };
        if (part.len == 0 || base_str_eq(part, BASE_STR(".")) || base_str_eq(part, BASE_STR("..")))
            return false;
        from = i + 1;
    }
    return true;
}

static bool read_files(struct sto_manifest *m, struct base_unpack *u) {
    m->n_files = base_unpack_count(u, LEAST_FILE);
    if (u->bad)
        return false;
    m->files = BASE_ARENA_ARRAY(&m->arena, struct sto_file, m->n_files ? m->n_files : 1);
    for (size_t i = 0; i < m->n_files; i++) {
        struct sto_file *f = &m->files[i];
        struct base_str name = base_unpack_str(u);
        f->shared = base_unpack_max(u, 1);
        f->len = base_unpack_varint(u);
        f->hash.low = base_unpack_u64(u);
        f->hash.high = base_unpack_u64(u);
        if (u->bad || !is_safe(name))
            return false;
        f->name = base_str_of(base_arena_strndup(&m->arena, name.p, name.len));
        if (i > 0 && base_str_cmp(m->files[i - 1].name, f->name) >= 0)
            return false;
    }
    return base_unpack_ok(u);
}

enum cep_rc sto_manifest_decode(struct base_str bytes, struct sto_manifest *out, struct cep_err *err) {
    if (bytes.len < HEAD + TAIL || memcmp(bytes.p, magic, sizeof magic) != 0)
        return base_err_set(err, CEP_EDAMAGED, "not a manifest of cepd");
    unsigned version = (unsigned char)bytes.p[sizeof magic];
    if (version != MANIFEST_VERSION) {
        enum cep_rc rc = base_err_set(err, CEP_EVERSION,
            "a manifest of version %u; this cepd reads version %d", version, MANIFEST_VERSION);
        base_err_hint(err, "use the cepd that wrote it, or a newer one");
        return rc;
    }
    struct base_unpack tail = base_unpack_of((struct base_str){ bytes.p + bytes.len - TAIL, TAIL });
    if (base_unpack_u64(&tail) != XXH3_64bits(bytes.p, bytes.len - TAIL))
        return base_err_set(err, CEP_EDAMAGED, "the manifest is damaged: its checksum differs");
    struct base_unpack u = base_unpack_of((struct base_str){ bytes.p + HEAD, bytes.len - HEAD - TAIL });
    *out = (struct sto_manifest){ .id = 0 };
    base_arena_init(&out->arena, 0);
    struct base_str kind = base_unpack_str(&u);
    out->kind = base_str_of(base_arena_strndup(&out->arena, kind.p ? kind.p : "", kind.len));
    out->id = base_unpack_varint(&u);
    out->time_us = base_unpack_zigzag(&u);
    if (!read_files(out, &u)) {
        sto_manifest_release(out);
        return base_err_set(err, CEP_EDAMAGED, "the manifest is malformed");
    }
    return CEP_OK;
}

void sto_manifest_release(struct sto_manifest *m) {
    base_arena_release(&m->arena);
    *m = (struct sto_manifest){ .id = 0 };
}

const struct sto_file *sto_manifest_find(const struct sto_manifest *m, struct base_str name) {
    size_t lo = 0, hi = m->n_files;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = base_str_cmp(m->files[mid].name, name);
        if (c == 0)
            return &m->files[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool sto_manifest_names(const struct sto_manifest *m, struct sto_hash hash) {
    for (size_t i = 0; i < m->n_files; i++)
        if (m->files[i].shared && sto_hash_eq(m->files[i].hash, hash))
            return true;
    return false;
}
