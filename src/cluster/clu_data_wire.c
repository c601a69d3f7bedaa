/*
 * clu_data_wire -- see clu_data_wire.h.
 */
#include "cluster/clu_data_wire.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_batch.h"
#include "cluster/clu_frame.h"

#include <lz4.h>
#include <zstd.h>

enum {
    LEAST_COMPRESSED = 128, /* below that neither codec gains anything */
    ZSTD_LEVEL = 1          /* the fastest of the usual ones: rows wait for it */
};

struct clu_codec_room {
    struct base_buf raw;
    ZSTD_CCtx *pack;   /* owned; made when first needed */
    ZSTD_DCtx *unpack; /* likewise */
};

static const char *const codec_names[CLU_CODEC_MAX] = {
#define CODEC_NAME(name, text) text,
    CLU_CODEC_LIST(CODEC_NAME)
#undef CODEC_NAME
};

bool clu_codec_find(const char *name, enum clu_codec *out) {
    for (int i = 0; i < CLU_CODEC_MAX; i++)
        if (strcmp(codec_names[i], name) == 0) {
            *out = (enum clu_codec)i;
            return true;
        }
    return false;
}

struct clu_codec_room *clu_codec_room_new(void) {
    return base_calloc(1, sizeof(struct clu_codec_room));
}

void clu_codec_room_free(struct clu_codec_room *r) {
    if (!r)
        return;
    base_buf_release(&r->raw);
    ZSTD_freeCCtx(r->pack);
    ZSTD_freeDCtx(r->unpack);
    base_free(r);
}

/* -- messages ------------------------------------------------------------------------------------------------------------ */

static uint32_t u32_of(struct base_unpack *u) {
    return (uint32_t)base_unpack_max(u, UINT32_MAX);
}

static struct base_str name_of(struct base_unpack *u) {
    struct base_str s = base_unpack_str(u);
    u->bad |= s.len > CLU_DATA_NAME_MAX || (s.len > 0 && memchr(s.p, '\0', s.len));
    return s;
}

static void parse_hello(struct base_unpack *u, struct clu_data_msg *m) {
    m->hello.magic = base_unpack_u32(u);
    m->hello.version = u32_of(u);
    if (m->hello.magic == CLU_DATA_MAGIC && m->hello.version != CLU_DATA_VERSION) {
        u->p = u->end; /* what another version says behind that is its own */
        m->hello.worker = m->hello.to = m->hello.token = (struct base_str){ "", 0 };
        return;
    }
    m->hello.worker = name_of(u);
    m->hello.to = name_of(u);
    m->hello.token = base_unpack_str(u);
}

static void parse_body(struct base_unpack *u, struct clu_data_msg *m) {
    switch (m->kind) {
    case CLU_DATA_HELLO: parse_hello(u, m); return;
    case CLU_DATA_BYE: m->reason = base_unpack_str(u); return;
    case CLU_DATA_PING: return;
    case CLU_DATA_NO_KIND:
    case CLU_DATA_MAX: u->bad = true; return;
    case CLU_DATA_SUBSCRIBE:
    case CLU_DATA_UNSUBSCRIBE:
    case CLU_DATA_CREDIT:
    case CLU_DATA_ANNOUNCE:
    case CLU_DATA_BARRIER:
    case CLU_DATA_STOP: m->handle = u32_of(u); break;
    case CLU_DATA_BATCH:
    case CLU_DATA_WATERMARK:
    case CLU_DATA_IDLE:
    case CLU_DATA_END:
        m->handle = u32_of(u);
        m->stream = u32_of(u);
        break;
    }
    switch (m->kind) {
    case CLU_DATA_SUBSCRIBE:
        m->subscribe.job = name_of(u);
        m->subscribe.attempt = u32_of(u);
        m->subscribe.channel = u32_of(u);
        m->subscribe.credits = u32_of(u);
        return;
    case CLU_DATA_CREDIT: m->more = u32_of(u); return;
    case CLU_DATA_ANNOUNCE:
    case CLU_DATA_BARRIER: m->id = base_unpack_varint(u); return;
    case CLU_DATA_BATCH:
        m->batch.codec = (enum clu_codec)base_unpack_max(u, CLU_CODEC_MAX - 1);
        m->batch.raw = u32_of(u);
        m->batch.bytes = base_unpack_bytes(u, (size_t)(u->end - u->p));
        return;
    case CLU_DATA_WATERMARK: m->watermark = base_unpack_zigzag(u); return;
    case CLU_DATA_IDLE: m->idle = base_unpack_max(u, 1) == 1; return;
    case CLU_DATA_NO_KIND:
    case CLU_DATA_HELLO:
    case CLU_DATA_BYE:
    case CLU_DATA_PING:
    case CLU_DATA_UNSUBSCRIBE:
    case CLU_DATA_END:
    case CLU_DATA_STOP:
    case CLU_DATA_MAX: return;
    }
}

enum cep_rc clu_data_parse(struct base_str payload, struct clu_data_msg *out, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(payload);
    unsigned kind = base_unpack_u8(&u);
    *out = (struct clu_data_msg){ .kind = kind < CLU_DATA_MAX ? (enum clu_data_kind)kind : CLU_DATA_NO_KIND };
    parse_body(&u, out);
    if (base_unpack_ok(&u))
        return CEP_OK;
    return base_err_set(
        err, CEP_EDECODE, "a data frame of kind %u and %zu bytes is malformed", kind, payload.len);
}

static void write_body(struct base_buf *b, const struct clu_data_msg *m) {
    switch (m->kind) {
    case CLU_DATA_HELLO:
        base_pack_u32(b, m->hello.magic);
        base_pack_varint(b, m->hello.version);
        base_pack_str(b, m->hello.worker);
        base_pack_str(b, m->hello.to);
        base_pack_str(b, m->hello.token);
        return;
    case CLU_DATA_BYE: base_pack_str(b, m->reason); return;
    case CLU_DATA_PING: return;
    case CLU_DATA_SUBSCRIBE:
        base_pack_varint(b, m->handle);
        base_pack_str(b, m->subscribe.job);
        base_pack_varint(b, m->subscribe.attempt);
        base_pack_varint(b, m->subscribe.channel);
        base_pack_varint(b, m->subscribe.credits);
        return;
    case CLU_DATA_UNSUBSCRIBE:
    case CLU_DATA_STOP: base_pack_varint(b, m->handle); return;
    case CLU_DATA_CREDIT:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->more);
        return;
    case CLU_DATA_ANNOUNCE:
    case CLU_DATA_BARRIER:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->id);
        return;
    case CLU_DATA_BATCH:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->stream);
        base_pack_u8(b, (uint8_t)m->batch.codec);
        base_pack_varint(b, m->batch.raw);
        base_pack_bytes(b, m->batch.bytes.p, m->batch.bytes.len);
        return;
    case CLU_DATA_WATERMARK:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->stream);
        base_pack_zigzag(b, m->watermark);
        return;
    case CLU_DATA_IDLE:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->stream);
        base_pack_u8(b, m->idle);
        return;
    case CLU_DATA_END:
        base_pack_varint(b, m->handle);
        base_pack_varint(b, m->stream);
        return;
    case CLU_DATA_NO_KIND:
    case CLU_DATA_MAX: break;
    }
    CEP_INSIST(!"a kind of frame");
}

void clu_data_write(struct base_buf *b, const struct clu_data_msg *msg) {
    size_t begin = clu_frame_begin(b);
    base_pack_u8(b, (uint8_t)msg->kind);
    write_body(b, msg);
    clu_frame_end(b, begin);
}

/* -- batches ---------------------------------------------------------------------------------------------------------------- */

/* Appends the bytes compressed. Returns: false when that makes them no fewer; then nothing was appended. */
static bool compress(
    struct base_buf *b, struct base_str raw, enum clu_codec codec, struct clu_codec_room *room) {
    size_t n = 0;
    if (codec == CLU_CODEC_LZ4) {
        int most = LZ4_compressBound((int)raw.len);
        int got = LZ4_compress_default(raw.p, base_buf_reserve(b, (size_t)most), (int)raw.len, most);
        n = got > 0 ? (size_t)got : 0;
    } else {
        size_t most = ZSTD_compressBound(raw.len);
        room->pack = room->pack ? room->pack : ZSTD_createCCtx();
        CEP_INSIST(room->pack);
        size_t got = ZSTD_compressCCtx(
            room->pack, base_buf_reserve(b, most), most, raw.p, raw.len, ZSTD_LEVEL);
        n = ZSTD_isError(got) ? 0 : got;
    }
    if (n == 0 || n >= raw.len)
        return false;
    b->len += n;
    return true;
}

/* All of a BATCH frame but its bytes. Returns: where it begins. */
static size_t begin_batch(
    struct base_buf *b, uint32_t handle, uint32_t stream, enum clu_codec codec, size_t raw) {
    size_t begin = clu_frame_begin(b);
    const struct clu_data_msg m = { .kind = CLU_DATA_BATCH,
        .handle = handle,
        .stream = stream,
        .batch = { .codec = codec, .raw = (uint32_t)raw, .bytes = { "", 0 } } };
    base_pack_u8(b, CLU_DATA_BATCH);
    write_body(b, &m);
    return begin;
}

uint32_t clu_data_write_batch(struct base_buf *b, uint32_t handle, uint32_t stream,
    const struct evt_batch *batch, uint32_t *row, size_t max, enum clu_codec codec,
    struct clu_codec_room *room) {
    enum { HEAD = 64 }; /* all that goes before the bytes */
    size_t begin = b->len;
    if (codec == CLU_CODEC_NONE) { /* at once where they go; `raw` says nothing then */
        begin = begin_batch(b, handle, stream, codec, 0);
        uint32_t n = clu_batch_pack(b, batch, row, max - HEAD);
        if (n == 0)
            b->len = begin;
        else
            clu_frame_end(b, begin);
        return n;
    }
    base_buf_clear(&room->raw);
    uint32_t n = clu_batch_pack(&room->raw, batch, row, max - HEAD);
    if (n == 0)
        return 0;
    struct base_str raw = base_buf_view(&room->raw);
    begin_batch(b, handle, stream, codec, raw.len);
    if (raw.len < LEAST_COMPRESSED || !compress(b, raw, codec, room)) {
        b->len = begin;
        begin_batch(b, handle, stream, CLU_CODEC_NONE, 0);
        base_pack_bytes(b, raw.p, raw.len);
    }
    clu_frame_end(b, begin);
    return n;
}

static bool decompress(const struct clu_data_msg *m, struct base_str *raw, struct clu_codec_room *room) {
    base_buf_clear(&room->raw);
    char *to = base_buf_reserve(&room->raw, m->batch.raw);
    struct base_str from = m->batch.bytes;
    size_t n;
    if (m->batch.codec == CLU_CODEC_LZ4) {
        int got = LZ4_decompress_safe(from.p, to, (int)from.len, (int)m->batch.raw);
        n = got < 0 ? SIZE_MAX : (size_t)got;
    } else {
        room->unpack = room->unpack ? room->unpack : ZSTD_createDCtx();
        CEP_INSIST(room->unpack);
        n = ZSTD_decompressDCtx(room->unpack, to, m->batch.raw, from.p, from.len);
    }
    *raw = (struct base_str){ to, m->batch.raw };
    return n == m->batch.raw;
}

struct evt_batch *clu_data_read_batch(const struct clu_data_msg *msg, const struct evt_schema *schema,
    size_t max, struct clu_codec_room *room, struct cep_err *err) {
    struct base_str raw = msg->batch.bytes;
    if (msg->batch.raw > max || raw.len > INT32_MAX) {
        (void)base_err_set(
            err, CEP_EDECODE, "a batch of %u bytes came, more than the limit of %zu", msg->batch.raw, max);
        return NULL;
    }
    if (msg->batch.codec != CLU_CODEC_NONE && !decompress(msg, &raw, room)) {
        (void)base_err_set(err, CEP_EDECODE, "a batch of %zu bytes cannot be decompressed with %s", raw.len,
            codec_names[msg->batch.codec]);
        return NULL;
    }
    struct evt_batch *b = clu_batch_unpack(raw, schema);
    if (!b)
        (void)base_err_set(err, CEP_EDECODE, "a batch of %zu bytes is malformed", raw.len);
    return b;
}
