#pragma once
/*
 * clu_data_wire -- the frames between two workers (each the payload of a clu_frame), version CLU_DATA_VERSION.
 *
 *     u8 kind, then:
 *     HELLO        u32 CLU_DATA_MAGIC, varint version, str worker, str to (whom it wants), str token; first in both directions
 *     BYE          str reason; the last
 *     PING
 *     SUBSCRIBE    varint handle, str job, varint attempt, varint channel, varint credits      reader to writer
 *     UNSUBSCRIBE  varint handle                                                               reader to writer
 *     CREDIT       varint handle, varint more                                                  reader to writer
 *     ANNOUNCE     varint handle, varint id: that barrier is on its way; needs no credit       writer to reader, as all below
 *     BATCH        varint handle, varint stream, u8 codec, varint bytes when not compressed, rest: clu_batch
 *     WATERMARK    varint handle, varint stream, zigzag µs
 *     IDLE         varint handle, varint stream, u8 0 or 1
 *     BARRIER      varint handle, varint id
 *     END          varint handle, varint stream
 *     STOP         varint handle
 *
 * Handles are the reader's: 1, 2, 3 ... in each connection, never used twice in it, so what is still under way for one that is gone
 * is known for what it is. Each of BATCH .. STOP uses up one credit.
 *
 * u8, u32, varint, zigzag, str: base_pack.h. Parsing takes any bytes. Threads: none.
 */
#include "base/base_pack.h"
#include "cluster/clu_data.h"

#define CLU_DATA_MAGIC UINT32_C(0x44505043) /* "CPPD" in bytes */
enum { CLU_DATA_VERSION = 1, CLU_DATA_NAME_MAX = 256 };

/* KIND(name) */
#define CLU_DATA_LIST(KIND) \
    KIND(HELLO)             \
    KIND(BYE)               \
    KIND(PING)              \
    KIND(SUBSCRIBE)         \
    KIND(UNSUBSCRIBE)       \
    KIND(CREDIT)            \
    KIND(ANNOUNCE)          \
    KIND(BATCH)             \
    KIND(WATERMARK)         \
    KIND(IDLE)              \
    KIND(BARRIER)           \
    KIND(END)               \
    KIND(STOP)
enum clu_data_kind {
    CLU_DATA_NO_KIND = 0,
#define CLU_DATA_ENUM(name) CLU_DATA_##name,
    CLU_DATA_LIST(CLU_DATA_ENUM)
#undef CLU_DATA_ENUM
        CLU_DATA_MAX
};

/* What a frame says; strings are borrowed from its bytes. */
struct clu_data_msg {
    enum clu_data_kind kind;
    uint32_t handle, stream;
    union {
        struct {
            uint32_t magic, version;
            struct base_str worker, to, token;
        } hello;
        struct base_str reason; /* BYE */
        struct {
            struct base_str job;
            uint32_t attempt, channel, credits;
        } subscribe;
        uint32_t more; /* CREDIT */
        uint64_t id;   /* ANNOUNCE, BARRIER */
        struct {
            enum clu_codec codec;
            uint32_t raw; /* bytes when not compressed */
            struct base_str bytes;
        } batch;
        int64_t watermark;
        bool idle;
    };
};

/* Returns: CEP_EDECODE with what is wrong. */
enum cep_rc clu_data_parse(struct base_str payload, struct clu_data_msg *out, struct cep_err *err);
/* Appends the frame, head and all; a batch's bytes are those in it. */
void clu_data_write(struct base_buf *b, const struct clu_data_msg *msg);

/* -- batches ----------------------------------------------------------------------------------------------------------- */

/* Room and contexts for compressing; one a thread. */
struct clu_codec_room;
struct clu_codec_room *clu_codec_room_new(void);
void clu_codec_room_free(struct clu_codec_room *r); /* NULL is fine */

/*
 * Appends a BATCH frame with rows of the batch from *row on, of `max` bytes at most. Returns and *row: clu_batch_pack()'s.
 * Bytes that compression does not make fewer go as they are.
 */
uint32_t clu_data_write_batch(struct base_buf *b, uint32_t handle, uint32_t stream,
    const struct evt_batch *batch, uint32_t *row, size_t max, enum clu_codec codec,
    struct clu_codec_room *room);
/* Returns: the batch of a BATCH message, the caller's; NULL: CEP_EDECODE in *err. `max` bytes when not compressed. */
struct evt_batch *clu_data_read_batch(const struct clu_data_msg *msg, const struct evt_schema *schema,
    size_t max, struct clu_codec_room *room, struct cep_err *err);
