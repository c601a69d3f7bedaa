/*
 * sto_part -- see sto_part.h.
 */
#include "state/sto_part.h"

#include "base/base_err.h"

#include <string.h>

enum { MAGIC_LEN = 7, PART_VERSION = 1, PACK_VERSION = 1, PART_END = 0, PART_ENTRY = 1 };
static const char magic[MAGIC_LEN + 1] = "cepdst";

void sto_part_begin(struct base_buf *b, const struct sto_part_head *head) {
    base_pack_bytes(b, magic, MAGIC_LEN);
    base_pack_u8(b, PART_VERSION);
    base_pack_str(b, head->kind);
    base_pack_str(b, head->name);
    base_pack_varint(b, head->subtask);
    base_pack_varint(b, head->n_subtasks);
}

static enum cep_rc put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct base_buf *b = arg;
    (void)err;
    base_pack_u8(b, PART_ENTRY);
    base_pack_varint(b, e->ns);
    base_pack_varint(b, e->group == STO_NO_GROUP ? 0 : e->group + (uint64_t)1);
    base_pack_str(b, e->key);
    base_pack_str(b, e->value);
    return CEP_OK;
}

struct sto_out sto_part_out(struct base_buf *b) {
    return (struct sto_out){ put, b };
}

void sto_part_end(struct base_buf *b) {
    base_pack_u8(b, PART_END);
}

enum cep_rc sto_part_open(
    struct base_str bytes, struct sto_part_head *head, struct base_unpack *entries, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(bytes);
    struct base_str m = base_unpack_bytes(&u, MAGIC_LEN);
    unsigned version = base_unpack_u8(&u);
    if (u.bad || memcmp(m.p, magic, MAGIC_LEN) != 0)
        return base_err_set(err, CEP_EDAMAGED, "not a file of operator state");
    if (version != PART_VERSION)
        return base_err_set(
            err, CEP_EVERSION, "operator state of version %u; this program reads %d", version, PART_VERSION);
    head->kind = base_unpack_str(&u);
    head->name = base_unpack_str(&u);
    head->subtask = (uint32_t)base_unpack_max(&u, UINT32_MAX - 1);
    head->n_subtasks = (uint32_t)base_unpack_max(&u, UINT32_MAX);
    if (u.bad || head->subtask >= head->n_subtasks)
        return base_err_set(err, CEP_EDAMAGED, "the head of a file of operator state is damaged");
    *entries = u;
    return CEP_OK;
}

enum cep_rc sto_part_next(struct base_unpack *u, struct sto_entry *e, struct cep_err *err) {
    uint64_t what = base_unpack_max(u, PART_ENTRY);
    if (!u->bad && what == PART_END && base_unpack_at_end(u))
        return CEP_NONE;
    e->ns = (uint32_t)base_unpack_max(u, UINT32_MAX);
    e->group = (uint32_t)base_unpack_max(u, STO_KEY_GROUPS) - 1;
    e->key = base_unpack_str(u);
    e->value = base_unpack_str(u);
    e->stays = e->elsewhere = false;
    e->groups = (struct sto_range){ 0 };
    if (u->bad || what != PART_ENTRY)
        return base_err_set(err, CEP_EDAMAGED, "an entry of operator state is damaged");
    return CEP_OK;
}

/* -- packs ------------------------------------------------------------------------------------------------------ */

static const char pack_magic[MAGIC_LEN + 1] = "cepdpk";

void sto_pack_begin(struct base_buf *b) {
    base_pack_bytes(b, pack_magic, MAGIC_LEN);
    base_pack_u8(b, PACK_VERSION);
}

void sto_pack_add(struct base_buf *b, struct base_str part) {
    base_pack_str(b, part);
}

bool sto_is_pack(struct base_str file) {
    return file.len >= MAGIC_LEN && memcmp(file.p, pack_magic, MAGIC_LEN) == 0;
}

enum cep_rc sto_pack_next(struct base_str file, size_t *at, struct base_str *part, struct cep_err *err) {
    if (!sto_is_pack(file)) {
        bool first = *at == 0;
        *part = file;
        *at = SIZE_MAX;
        return first ? CEP_OK : CEP_NONE;
    }
    if (*at == 0) {
        unsigned version = file.len > MAGIC_LEN ? (unsigned char)file.p[MAGIC_LEN] : 0;
        if (version != PACK_VERSION)
            return base_err_set(err, CEP_EVERSION,
                "a pack of operator state of version %u; this program reads %d", version, PACK_VERSION);
        *at = MAGIC_LEN + 1;
    }
    if (*at == file.len)
        return CEP_NONE;
    struct base_unpack u = base_unpack_of((struct base_str){ file.p + *at, file.len - *at });
    *part = base_unpack_str(&u);
    if (u.bad)
        return base_err_set(err, CEP_EDAMAGED, "a pack of operator state is damaged");
    *at = (size_t)(part->p - file.p) + part->len;
    return CEP_OK;
}
