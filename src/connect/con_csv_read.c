/*
 * con_csv_read -- CSV records into columns.
 *
 * A record is split into fields first (quotes taken off, in a scratch buffer only where a quote or escape is inside), then
 * its fields are read by the types of their columns. A quote that is never closed would swallow the file: such a record is
 * bad up to the end of its first line, and reading goes on with the next line.
 */
#include "connect/con_csv.h"
#include "connect/con_value.h"

#include <stdio.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct csv_field {
    const char *p; /* in the record, or NULL: at off in scratch */
    size_t off, len;
    bool quoted;
};

struct csv_dec {
    struct con_decoder dec;
    struct con_csv_dialect d;
    struct con_time time;
    struct con_env env;
    char doing[128];
    char comment; /* '\0' = none */
    bool allow_ragged, trim;
    bool need_header;
    size_t n_fields, cap_fields;
    struct csv_field *fields;
    struct base_buf scratch;
    struct base_buf header; /* the record of it that map is made from; empty = none yet, or without one */
    size_t n_map;           /* fields a record has by the header; 0 = by the schema */
    int32_t *map;           /* owned: field -> column or -1 */
    uint64_t *has;          /* columns that some field goes to */
    bool all_there;
    char reason[CON_REASON_MAX];
};

/*
 * Where delimiters and line ends are, 64 bytes at a time: a bit each. Fields are short, so that a block serves several.
 */
struct csv_block {
    const char *at; /* NULL = none yet */
    uint64_t mask;
};

static inline uint64_t csv_mask(const char *p, char delimiter) {
    uint64_t mask = 0;
#ifdef __SSE2__
    const __m128i vd = _mm_set1_epi8(delimiter), vn = _mm_set1_epi8('\n');
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        unsigned m = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, vd), _mm_cmpeq_epi8(v, vn)));
        mask |= (uint64_t)m << (16 * i);
    }
#else
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(p[i] == delimiter || p[i] == '\n') << i;
#endif
    return mask;
}

/* The next delimiter or '\n' at or after p, or `end`. Reads up to CON_PAD bytes behind end. */
static inline const char *csv_next(struct csv_block *block, const char *p, const char *end, char delimiter) {
    if (!block->at || p < block->at || p - block->at >= 64) {
        block->at = p;
        block->mask = csv_mask(p, delimiter);
    }
    uint64_t mask = block->mask >> (p - block->at);
    while (!mask) {
        block->at += 64;
        if (block->at >= end) {
            block->at = NULL;
            return end;
        }
        block->mask = mask = csv_mask(block->at, delimiter);
        p = block->at;
    }
    p += __builtin_ctzll(mask);
    return p < end ? p : end;
}

enum csv_answer { CSV_RECORD = 0, CSV_MORE, CSV_UNCLOSED, CSV_STRAY };

/* The next field's place, to be filled in there: copying it would wait for its stores. */
static inline struct csv_field *csv_push(struct csv_dec *cd) {
    if (cd->n_fields == cd->cap_fields)
        cd->fields = base_grow(cd->fields, cd->n_fields, &cd->cap_fields, sizeof *cd->fields);
    return &cd->fields[cd->n_fields++];
}

/* A field in quotes; *p behind the opening one. */
static enum csv_answer csv_quoted(struct csv_dec *cd, const char **p, const char *end) {
    const char *s = *p, *run = s;
    struct csv_field f = { .p = s, .off = cd->scratch.len, .quoted = true };
    bool copied = false;
    for (;; s++) {
        while (s < end && *s != cd->d.quote && (*s != cd->d.escape || !cd->d.escape))
            s++;
        if (s == end)
            return CSV_UNCLOSED;
        bool escape = cd->d.escape && *s == cd->d.escape;
        if (escape && s + 1 == end)
            return CSV_UNCLOSED;
        if (!escape && (cd->d.escape || s + 1 == end || s[1] != cd->d.quote))
            break;
        base_buf_add(
            &cd->scratch, run, (size_t)(s - run)); /* without the escape or the first of two quotes */
        copied = true;
        run = ++s;
    }
    if (copied) {
        base_buf_add(&cd->scratch, run, (size_t)(s - run));
        f.p = NULL;
        f.len = cd->scratch.len - f.off;
    } else {
        f.len = (size_t)(s - f.p);
    }
    *csv_push(cd) = f;
    *p = s + 1;
    return CSV_RECORD;
}

/*
 * Splits one record at p. Returns: CSV_RECORD and *next behind its line end; CSV_MORE when the end is not there;
 * CSV_UNCLOSED and CSV_STRAY (text behind a closing quote) when it is no record.
 */
static enum csv_answer csv_split(struct csv_dec *cd, struct csv_block *block, const char *p, const char *end,
    bool last, const char **next) {
    cd->n_fields = 0;
    if (cd->scratch.len)
        base_buf_clear(&cd->scratch);
    for (;;) {
        if (cd->trim)
            while (p < end && (*p == ' ' || (*p == '\t' && cd->d.delimiter != '\t')))
                p++;
        if (p < end && *p == cd->d.quote && cd->d.quote) {
            p++;
            enum csv_answer a = csv_quoted(cd, &p, end);
            if (a != CSV_RECORD)
                return last ? a : CSV_MORE;
            if (cd->trim)
                while (p < end && (*p == ' ' || (*p == '\t' && cd->d.delimiter != '\t')))
                    p++;
            if (p < end && *p == '\r' && (p + 1 == end || p[1] == '\n')) {
                if (p + 1 == end && !last)
                    return CSV_MORE;
                p++;
            }
            if (p == end) {
                if (!last)
                    return CSV_MORE;
                *next = end;
                return CSV_RECORD;
            }
            if (*p != cd->d.delimiter && *p != '\n')
                return CSV_STRAY;
        } else {
            const char *first = p;
            p = csv_next(block, p, end, cd->d.delimiter);
            if (p == end && !last)
                return CSV_MORE;
            const char *stop = p;
            if ((p == end || *p == '\n') && stop > first && stop[-1] == '\r')
                stop--;
            if (cd->trim)
                while (stop > first && (stop[-1] == ' ' || stop[-1] == '\t'))
                    stop--;
            struct csv_field *f = csv_push(cd);
            f->p = first;
            f->len = (size_t)(stop - first);
            f->quoted = false;
            if (p == end) {
                *next = end;
                return CSV_RECORD;
            }
        }
        if (*p == '\n') {
            *next = p + 1;
            return CSV_RECORD;
        }
        p++; /* the delimiter */
    }
}

static struct base_str csv_text(const struct csv_dec *cd, const struct csv_field *f) {
    return (struct base_str){ f->p ? f->p : cd->scratch.p + f->off, f->len };
}

static void csv_warn_header(struct csv_dec *cd) {
    const struct evt_schema *s = cd->dec.schema;
    struct base_buf missing = BASE_BUF_INIT;
    for (uint32_t i = 0; i < s->n_cols; i++)
        if (!base_bits_get(cd->has, i))
            base_buf_printf(&missing, "%s\"%.*s\"", missing.len ? ", " : "", BASE_STR_FMT(s->cols[i].name));
    con_log(&cd->env, CON_LEVEL_WARNING, "%s: the csv header has no %s: always null", cd->doing,
        base_buf_cstr(&missing));
    base_buf_release(&missing);
}

static void csv_take_header(struct csv_dec *cd) {
    const struct evt_schema *s = cd->dec.schema;
    cd->n_map = cd->n_fields;
    cd->map = base_realloc(cd->map, cd->n_map * sizeof *cd->map);
    memset(cd->has, 0, BASE_BITS_WORDS(s->n_cols) * 8);
    for (size_t i = 0; i < cd->n_fields; i++) {
        struct base_str name = csv_text(cd, &cd->fields[i]);
        while (name.len && name.p[0] == ' ')
            name.p++, name.len--;
        while (name.len && name.p[name.len - 1] == ' ')
            name.len--;
        cd->map[i] = evt_schema_find(s, name);
        if (cd->map[i] >= 0 && base_bits_get(cd->has, (size_t)cd->map[i]))
            cd->map[i] = -1; /* the first of two fields of one name */
        if (cd->map[i] >= 0)
            base_bits_set(cd->has, (size_t)cd->map[i]);
    }
    cd->all_there = base_bits_count(cd->has, s->n_cols) == s->n_cols;
    cd->need_header = false;
    if (!cd->all_there)
        csv_warn_header(cd);
}

static bool csv_null(struct csv_dec *cd, struct evt_batch *batch, uint32_t col, const char *how) {
    const struct evt_column *column = &cd->dec.schema->cols[col];
    if (column->not_null) {
        snprintf(cd->reason, sizeof cd->reason, "column \"%.*s\" %s, and not null",
            column->name.len < 100 ? (int)column->name.len : 100, column->name.p, how);
        return false;
    }
    evt_col_set_null(&batch->cols[col], batch->n_rows);
    return true;
}

/* The fields into row n_rows. Returns: false and a reason. */
static bool csv_row(struct csv_dec *cd, struct evt_batch *batch) {
    const struct evt_schema *s = cd->dec.schema;
    size_t want = cd->n_map;
    if (cd->n_fields != want && !cd->allow_ragged) {
        snprintf(cd->reason, sizeof cd->reason, "%zu fields, not %zu", cd->n_fields, want);
        return false;
    }
    size_t n = cd->n_fields < want ? cd->n_fields : want;
    for (size_t i = 0; i < n; i++) {
        if (cd->map[i] < 0)
            continue;
        uint32_t col = (uint32_t)cd->map[i];
        const struct csv_field *f = &cd->fields[i];
        struct base_str text = csv_text(cd, f);
        if (!f->quoted && text.len == cd->d.null_len && memcmp(text.p, cd->d.null, text.len) == 0) {
            if (!csv_null(cd, batch, col, "is null"))
                return false;
        } else if (!con_value_text(
                       &cd->time, &s->cols[col], &batch->cols[col], batch->n_rows, text, cd->reason)) {
            return false;
        }
    }
    for (size_t i = n; i < want; i++)
        if (cd->map[i] >= 0 && !csv_null(cd, batch, (uint32_t)cd->map[i], "is missing"))
            return false;
    if (!cd->all_there)
        for (uint32_t i = 0; i < s->n_cols; i++)
            if (!base_bits_get(cd->has, i) && !csv_null(cd, batch, i, "is missing"))
                return false;
    return true;
}

static void csv_tell(struct con_reader *rd, const char *line, const char *next, const char *reason) {
    size_t len = (size_t)(next - line);
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    con_reader_bad(rd, line, len, reason);
}

/* What to do with bytes that are no record: the first line is bad. Returns: where the next one begins. */
static const char *csv_broken(struct con_reader *rd, const char *line, const char *end, enum csv_answer a) {
    const char *nl = memchr(line, '\n', (size_t)(end - line)), *next = nl ? nl + 1 : end;
    csv_tell(rd, line, next, a == CSV_STRAY ? "text behind a closing quote" : "a quote that is not closed");
    return next;
}

static size_t csv_decode(struct con_decoder *dec, struct con_reader *rd, const char *from, size_t len,
    bool last, struct evt_batch *batch) {
    struct csv_dec *cd = (struct csv_dec *)dec;
    const char *p = from, *end = from + len;
    struct csv_block block = { .at = NULL };
    while (p < end && !evt_batch_is_full(batch)) {
        const char *next = NULL;
        if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) {
            p += *p == '\r' ? 2 : 1;
            continue;
        }
        if (cd->comment && *p == cd->comment) {
            const char *nl = memchr(p, '\n', (size_t)(end - p));
            if (!nl && !last)
                break;
            p = nl ? nl + 1 : end;
            continue;
        }
        enum csv_answer a = csv_split(cd, &block, p, end, last, &next);
        if (a == CSV_MORE) {
            /* Too long: an open quote, surely. Its first line is the bad one, if it has an end. */
            if ((size_t)(end - p) > dec->max_record && memchr(p, '\n', (size_t)(end - p))) {
                p = csv_broken(rd, p, end, CSV_UNCLOSED);
                continue;
            }
            break;
        }
        if (a != CSV_RECORD) {
            if (!last && !memchr(p, '\n', (size_t)(end - p)))
                break; /* to be told of with its whole line */
            p = csv_broken(rd, p, end, a);
            continue;
        }
        if (cd->scratch.len)
            base_buf_reserve(&cd->scratch, CON_PAD); /* short texts are copied a vector at a time */
        if (con_reader_too_long(rd, p, (size_t)(next - p))) {
            p = next;
            continue;
        }
        if (cd->need_header) {
            base_buf_clear(&cd->header);
            base_buf_add(&cd->header, p, (size_t)(next - p));
            csv_take_header(cd);
        } else if (csv_row(cd, batch)) {
            batch->seq[batch->n_rows] = con_reader_position(rd, p);
            evt_batch_end_row(batch);
        } else {
            evt_batch_drop_row(batch);
            csv_tell(rd, p, next, cd->reason);
        }
        p = next;
    }
    return (size_t)(p - from);
}

static void csv_restart(struct con_decoder *dec) {
    struct csv_dec *cd = (struct csv_dec *)dec;
    cd->need_header = cd->d.header;
}

static void csv_save(const struct con_decoder *dec, struct base_buf *to) {
    const struct csv_dec *cd = (const struct csv_dec *)dec;
    if (!cd->need_header)
        base_buf_str(to, base_buf_view(&cd->header));
}

/* The header is read anew: the stream's columns may be others now. */
static bool csv_load(struct con_decoder *dec, struct base_str from) {
    struct csv_dec *cd = (struct csv_dec *)dec;
    struct csv_block block = { .at = NULL };
    const char *next;
    if (!cd->d.header || from.len == 0)
        return true;
    base_buf_clear(&cd->header);
    base_buf_reserve(&cd->header, from.len + CON_PAD);
    base_buf_str(&cd->header, from);
    const char *p = cd->header.p;
    if (csv_split(cd, &block, p, p + from.len, true, &next) != CSV_RECORD)
        return false;
    if (cd->scratch.len)
        base_buf_reserve(&cd->scratch, CON_PAD);
    csv_take_header(cd);
    return true;
}

static void csv_close(struct con_decoder *dec) {
    struct csv_dec *cd = (struct csv_dec *)dec;
    base_buf_release(&cd->scratch);
    base_buf_release(&cd->header);
    base_free(cd->fields);
    base_free(cd->map);
    base_free(cd->has);
    base_free(cd);
}

static enum cep_rc csv_open(
    const struct con_decoder_args *args, struct con_decoder **out, struct cep_err *err) {
    struct csv_dec *cd = base_calloc(1, sizeof *cd);
    uint32_t n_cols = args->schema->n_cols;
    cd->dec = (struct con_decoder){ .vt = &con_csv_decoder,
        .schema = args->schema,
        .skips_bom = true,
        .max_record = (size_t)plan_opt_int(args->opts, args->n_opts, "max_record", CON_MAX_RECORD_DEFAULT) };
    cd->env = *args->env;
    snprintf(cd->doing, sizeof cd->doing, "%s", args->doing ? args->doing : "csv");
    struct base_str comment = plan_opt_str(args->opts, args->n_opts, "comment", "");
    cd->comment = comment.len ? comment.p[0] : '\0';
    cd->allow_ragged = base_str_eq(
        plan_opt_str(args->opts, args->n_opts, "ragged", "error"), BASE_STR("allow"));
    cd->trim = plan_opt_bool(args->opts, args->n_opts, "trim", false);
    cd->has = base_calloc(BASE_BITS_WORDS(n_cols) + 1, sizeof *cd->has);
    enum cep_rc rc = con_csv_dialect(&cd->d, args->opts, args->n_opts, err);
    if (rc == CEP_OK)
        rc = con_time_init(&cd->time, args->opts, args->n_opts, con_now(args->env), err);
    if (rc != CEP_OK) {
        csv_close(&cd->dec);
        return rc;
    }
    cd->need_header = cd->d.header;
    cd->n_map = n_cols;
    cd->map = base_calloc(n_cols ? n_cols : 1, sizeof *cd->map);
    for (uint32_t i = 0; i < n_cols; i++) {
        cd->map[i] = (int32_t)i;
        base_bits_set(cd->has, i);
    }
    cd->all_there = true;
    *out = &cd->dec;
    return CEP_OK;
}

const struct con_decoder_vt con_csv_decoder = { .open = csv_open,
    .decode = csv_decode,
    .restart = csv_restart,
    .save = csv_save,
    .load = csv_load,
    .close = csv_close };
