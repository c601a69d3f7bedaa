/*
 * con_raw -- the format `raw`: each record is the one column of the stream, a string or bytes.
 *
 * framing = 'lines' (default), 'nul' (records end with a zero byte), 'u32be' (four bytes of length before each).
 */
#include "connect/con_lines.h"
#include "connect/con_value.h"

#include <stdio.h>

enum raw_framing { RAW_LINES = 0, RAW_NUL, RAW_U32BE, RAW_MAX };

static const struct plan_opt_spec decode_opts[] = {
    { .name = "framing",
        .kind = EVT_STRING,
        .choices = "lines|nul|u32be",
        .default_text = "lines",
        .help = "what parts records: line ends, zero bytes, or a 4-byte big-endian length before each" },
    { .name = "max_record",
        .kind = EVT_INT,
        .default_text = "16777216",
        .min = 16,
        .max = INT64_C(1) << 30,
        .help = "bytes; a longer record is skipped and goes to the errors" },
    { .name = NULL },
};

struct raw_dec {
    struct con_decoder dec;
    enum raw_framing framing;
    uint64_t skip; /* u32be: bytes of a record that is too long, still to be dropped */
};

static enum cep_rc decode_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    (void)opts;
    (void)n_opts;
    if (schema->n_visible == 1 &&
        (schema->cols[0].type->kind == EVT_STRING || schema->cols[0].type->kind == EVT_BYTES))
        return CEP_OK;
    base_err_set(err, CEP_ETYPE, "format \"raw\" needs a stream of one column of type string or bytes");
    base_err_hint(
        err, "for several columns use json, csv or text; the time of such a stream is processing time");
    return CEP_ETYPE;
}

static void raw_row(struct raw_dec *rw, struct con_reader *rd, const char *at, struct base_str record,
    struct evt_batch *batch) {
    if (con_reader_too_long(rd, at, record.len))
        return;
    if (rw->dec.schema->cols[0].type->kind == EVT_STRING && !base_utf8_valid(record, NULL)) {
        con_reader_bad(rd, at, record.len, "invalid UTF-8");
        return;
    }
    con_cell_str(&batch->cols[0], batch->n_rows, record.p, record.len);
    batch->seq[batch->n_rows] = con_reader_position(rd, at);
    evt_batch_end_row(batch);
}

static uint32_t raw_u32be(const char *p) {
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* One length-prefixed record at *p. Returns: false when it is not whole. */
static bool raw_framed(struct raw_dec *rw, struct con_reader *rd, const char **p, const char *end, bool last,
    struct evt_batch *batch) {
    const char *at = *p;
    size_t left = (size_t)(end - at);
    if (rw->skip > 0) {
        size_t n = left < rw->skip ? left : (size_t)rw->skip;
        rw->skip -= n;
        *p += n;
        return n > 0;
    }
    if (left >= 4) {
        uint32_t len = raw_u32be(at);
        if (len > rw->dec.max_record) {
            char reason[96];
            snprintf(reason, sizeof reason, "record of %u bytes is longer than max_record (%zu bytes)",
                (unsigned)len, rw->dec.max_record);
            con_reader_bad(rd, at, left, reason);
            rw->skip = (uint64_t)len + 4;
            return true;
        }
        if (left - 4 >= len) {
            raw_row(rw, rd, at, (struct base_str){ at + 4, len }, batch);
            *p += 4 + (size_t)len;
            return true;
        }
    }
    if (!last || left == 0)
        return false;
    con_reader_bad(rd, at, left, "the input ends within a record");
    *p = end;
    return true;
}

static size_t raw_decode(struct con_decoder *dec, struct con_reader *rd, const char *from, size_t len,
    bool last, struct evt_batch *batch) {
    struct raw_dec *rw = (struct raw_dec *)dec;
    const char *p = from, *end = from + len;
    struct base_str record;
    while (!evt_batch_is_full(batch) && p < end) {
        const char *at = p;
        if (rw->framing == RAW_U32BE) {
            if (!raw_framed(rw, rd, &p, end, last, batch))
                break;
        } else if (rw->framing == RAW_NUL) {
            const char *nul = memchr(p, '\0', (size_t)(end - p));
            if (!nul && !last)
                break;
            record = (struct base_str){ p, (size_t)((nul ? nul : end) - p) };
            p = nul ? nul + 1 : end;
            raw_row(rw, rd, at, record, batch);
        } else {
            if (!con_line(&p, end, last, &record))
                break;
            raw_row(rw, rd, at, record, batch);
        }
    }
    return (size_t)(p - from);
}

static void raw_restart(struct con_decoder *dec) {
    ((struct raw_dec *)dec)->skip = 0;
}

static void raw_save(const struct con_decoder *dec, struct base_buf *to) {
    base_pack_varint(to, ((const struct raw_dec *)dec)->skip);
}

static bool raw_load(struct con_decoder *dec, struct base_str from) {
    struct base_unpack u = base_unpack_of(from);
    ((struct raw_dec *)dec)->skip = base_unpack_varint(&u);
    return base_unpack_ok(&u);
}

static void raw_close(struct con_decoder *dec) {
    base_free(dec);
}

static const struct con_decoder_vt decoder;

static enum cep_rc raw_open(
    const struct con_decoder_args *args, struct con_decoder **out, struct cep_err *err) {
    static const char *const names[RAW_MAX] = { "lines", "nul", "u32be" };
    (void)err;
    struct raw_dec *rw = base_calloc(1, sizeof *rw);
    struct base_str framing = plan_opt_str(args->opts, args->n_opts, "framing", "lines");
    rw->dec = (struct con_decoder){ .vt = &decoder,
        .schema = args->schema,
        .max_record = (size_t)plan_opt_int(args->opts, args->n_opts, "max_record", CON_MAX_RECORD_DEFAULT) };
    for (int i = 0; i < RAW_MAX; i++)
        if (base_str_eq(framing, base_str_of(names[i])))
            rw->framing = (enum raw_framing)i;
    *out = &rw->dec;
    return CEP_OK;
}

static const struct con_decoder_vt decoder = { .open = raw_open,
    .decode = raw_decode,
    .restart = raw_restart,
    .save = raw_save,
    .load = raw_load,
    .close = raw_close };

const struct con_format con_raw = {
    .spec = { .name = "raw",
        .decodes = true,
        .decode_opts = decode_opts,
        .decode_check = decode_check,
        .help = "each line (or framed record) as it is, in one column" },
    .decoder = &decoder,
};
