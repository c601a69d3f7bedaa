/*
 * con_reader -- the bytes of one partition on their way to the decoder: the buffer, the position, records that are too
 * long, and where bad ones go.
 *
 * The buffer holds at most one record more than one read brings. A record longer than the decoder's limit is told of once,
 * with the place where it begins, and dropped up to its newline without being kept.
 */
#include "connect/con_internal.h"

#include <stdio.h>

enum { READER_FIRST = 64 * 1024 };

void con_reader_init(
    struct con_reader *rd, struct con_source *src, uint32_t partition, struct con_decoder *dec) {
    *rd = (struct con_reader){ .dec = dec, .src = src, .partition = partition, .fresh = true };
}

void con_reader_release(struct con_reader *rd) {
    if (rd->dec)
        rd->dec->vt->close(rd->dec);
    rd->dec = NULL;
    base_free(rd->buf);
    rd->buf = NULL;
    rd->start = rd->end = rd->cap = 0;
}

char *con_reader_room(struct con_reader *rd, size_t want, size_t *room) {
    if (rd->cap - rd->end < want && rd->start > 0) {
        if (rd->end > rd->start)
            memmove(rd->buf, rd->buf + rd->start, rd->end - rd->start);
        rd->end -= rd->start;
        rd->start = 0;
    }
    if (rd->cap - rd->end < want) {
        size_t cap = rd->cap ? rd->cap : READER_FIRST;
        while (cap - rd->end < want)
            cap = base_mul(cap, 2);
        rd->buf = base_realloc(rd->buf, cap + CON_PAD);
        memset(rd->buf + rd->end, 0, cap + CON_PAD - rd->end);
        rd->cap = cap;
    }
    *room = rd->cap - rd->end;
    return rd->buf + rd->end;
}

void con_reader_added(struct con_reader *rd, size_t n) {
    rd->end += n;
    rd->src->stats.bytes += n;
}

void con_reader_restart(struct con_reader *rd) {
    CEP_REQUIRE(rd->start == rd->end);
    rd->skipping = false;
    rd->eof = false;
    rd->fresh = true;
    if (rd->dec && rd->dec->vt->restart)
        rd->dec->vt->restart(rd->dec);
}

enum { READER_FRESH = 1, READER_SKIPPING = 2 };

void con_reader_save(const struct con_reader *rd, struct base_buf *to) {
    base_pack_u8(to, (uint8_t)((rd->fresh ? READER_FRESH : 0) | (rd->skipping ? READER_SKIPPING : 0)));
    if (rd->dec && rd->dec->vt->save)
        rd->dec->vt->save(rd->dec, to);
}

bool con_reader_load(struct con_reader *rd, struct base_str from) {
    struct base_unpack u = base_unpack_of(from);
    uint8_t flags = base_unpack_u8(&u);
    if (u.bad || flags > (READER_FRESH | READER_SKIPPING))
        return false;
    rd->fresh = flags & READER_FRESH;
    rd->skipping = flags & READER_SKIPPING;
    struct base_str rest = base_unpack_bytes(&u, (size_t)(u.end - u.p));
    return rd->dec && rd->dec->vt->load ? rd->dec->vt->load(rd->dec, rest) : rest.len == 0;
}

void con_reader_bad(struct con_reader *rd, const char *p, size_t len, const char *reason) {
    struct con_source *src = rd->src;
    src->stats.bad++;
    if (!src->env.bad)
        return;
    struct con_bad bad = { .partition = rd->partition,
        .partition_name = base_str_of(src->parts[rd->partition]->name),
        .offset = con_reader_position(rd, p),
        .record = { p, len < CON_BAD_RECORD_MAX ? len : CON_BAD_RECORD_MAX },
        .reason = reason };
    src->env.bad(src->env.arg, &bad);
}

bool con_reader_too_long(struct con_reader *rd, const char *p, size_t len) {
    if (len <= rd->dec->max_record)
        return false;
    char reason[96];
    snprintf(reason, sizeof reason, "record longer than max_record (%zu bytes)", rd->dec->max_record);
    con_reader_bad(rd, p, len, reason);
    return true;
}

static void reader_use(struct con_reader *rd, size_t n) {
    rd->start += n;
    rd->position += n;
    if (rd->start == rd->end)
        rd->start = rd->end = 0;
}

/* Drops the rest of a record that was too long. Returns: true when its end was there. */
static bool reader_skip(struct con_reader *rd) {
    const char *nl = memchr(rd->buf + rd->start, '\n', rd->end - rd->start);
    reader_use(rd, nl ? (size_t)(nl + 1 - (rd->buf + rd->start)) : rd->end - rd->start);
    rd->skipping = !nl;
    return nl != NULL;
}

/* A byte order mark before the first record. Returns: true when it was taken or may still become one. */
static bool reader_bom(struct con_reader *rd, size_t *len) {
    static const char bom[] = "\xef\xbb\xbf";
    if (*len >= 3 && memcmp(rd->buf + rd->start, bom, 3) == 0) {
        reader_use(rd, 3);
        rd->fresh = false;
        return true;
    }
    if (*len < 3 && !rd->eof && memcmp(rd->buf + rd->start, bom, *len) == 0) {
        *len = 0;
        return true;
    }
    return false;
}

bool con_reader_decode(struct con_reader *rd, struct evt_batch *batch) {
    if (rd->start == rd->end)
        return false;
    if (rd->skipping && !reader_skip(rd))
        return false;
    size_t len = rd->end - rd->start;
    if (len == 0)
        return false;
    rd->buf[rd->end] = '\n'; /* decoders count on it; within CON_PAD */
    if (rd->fresh && rd->dec->skips_bom && reader_bom(rd, &len))
        return len > 0;
    rd->fresh = false;
    uint32_t before = batch->n_rows;
    size_t used = rd->dec->vt->decode(rd->dec, rd, rd->buf + rd->start, len, rd->eof, batch);
    CEP_INSIST(used <= len);
    for (uint32_t i = before; i < batch->n_rows; i++)
        batch->origin[i] = rd->partition;
    rd->src->stats.rows += batch->n_rows - before;
    if (used == 0 && batch->n_rows == before && len > rd->dec->max_record + CON_PAD) {
        con_reader_too_long(rd, rd->buf + rd->start, len);
        rd->skipping = true;
        reader_skip(rd);
        return true;
    }
    reader_use(rd, used);
    return used > 0 || batch->n_rows > before;
}
