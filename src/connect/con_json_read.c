/*
 * con_json_read -- NDJSON into columns: one object a line, straight into the batch, guided by the schema.
 *
 * A missing field is null, an unknown one is validated and ignored, a key that comes twice counts and the last one wins.
 * Any record that is not right in every byte goes to the bad ones whole; the next line is read as if nothing had been.
 */
#include "connect/con_json.h"
#include "connect/con_json_scan.h"
#include "connect/con_json_tree.h"
#include "connect/con_num.h"
#include "connect/con_value.h"

#include <stdio.h>

struct json_dec {
    struct con_decoder dec;
    struct base_arena arena; /* the tree */
    struct base_arena event; /* nested values of one record */
    struct con_json_node *root;
    struct con_json_scan js;
    struct con_time time;
    struct evt_batch *batch; /* of this call */
    uint32_t row;
    uint64_t duplicates; /* of this record */
    uint32_t n_seen;
    size_t n_words;
    uint64_t *seen; /* columns set in this record */
    char reason[CON_REASON_MAX];
    bool has_reason; /* a value of the wrong type, and not a mistake in the JSON */
};

/* The raw text of a value, for messages: up to what ends it. */
static struct base_str json_raw(const char *p) {
    const char *end = p;
    if (*p == '"') {
        for (end = p + 1; *end != '"' && *end != '\n'; end++)
            if (*end == '\\' && end[1] != '\n')
                end++;
        return (struct base_str){ p + 1, (size_t)(end - p - 1) };
    }
    while (*end != ',' && *end != '}' && *end != ']' && *end != '\n' && end - p < 64)
        end++;
    return (struct base_str){ p, (size_t)(end - p) };
}

static const char *json_wrong(
    struct json_dec *jd, const struct evt_column *column, const char *p, const char *what) {
    char text[96];
    if (!what) {
        struct base_buf name = BASE_BUF_INIT;
        evt_type_write(&name, column->type);
        const char *got = *p == '"'                ? "a string"
                          : *p == '{'              ? "an object"
                          : *p == '['              ? "an array"
                          : *p == 't' || *p == 'f' ? "a bool"
                                                   : "a number";
        snprintf(text, sizeof text, "not of type %.60s but %s", base_buf_cstr(&name), got);
        base_buf_release(&name);
        what = text;
    }
    con_value_bad(jd->reason, column->name, what, json_raw(p));
    jd->has_reason = true;
    return NULL;
}

/* From the text of a token that ends at `end`. */
static const char *json_text_cell(struct json_dec *jd, const struct evt_column *column, struct evt_col *c,
    uint32_t row, struct base_str text, const char *end) {
    if (con_value_text(&jd->time, column, c, row, text, jd->reason))
        return end;
    jd->has_reason = true;
    return NULL;
}

/* A number that the short ways did not take: 1.0 or 1e3 for an int, too many digits, too large. */
static const char *json_number_cell(
    struct json_dec *jd, const struct evt_column *column, struct evt_col *c, uint32_t row, const char *p) {
    const char *end = con_json_number(&jd->js, p);
    if (!end)
        return NULL;
    struct base_str text = { p, (size_t)(end - p) };
    if (column->type->kind == EVT_INT &&
        (memchr(p, '.', text.len) || memchr(p, 'e', text.len) || memchr(p, 'E', text.len))) {
        double d;
        if (!base_parse_f64(text, &d) || d < -9007199254740992.0 || d > 9007199254740992.0)
            return json_wrong(jd, column, p, "out of range of int");
        if (d != (double)(int64_t)d)
            return json_wrong(jd, column, p, "not of type int but a number with a fraction");
        con_cell_i(c, row, (int64_t)d);
        return end;
    }
    return json_text_cell(jd, column, c, row, text, end);
}

static const char *json_double(
    struct json_dec *jd, const struct evt_column *column, struct evt_col *c, uint32_t row, const char *p) {
    const char *s = p + (*p == '-');
    uint64_t v = 0;
    unsigned d;
    const char *first = s;
    if (*s == '0' && (unsigned)(unsigned char)s[1] - '0' < 10)
        return json_number_cell(jd, column, c, row, p); /* a leading zero: says so */
    while ((d = (unsigned)(unsigned char)*s - '0') < 10) {
        v = v * 10 + d;
        s++;
    }
    int64_t n_digits = s - first, n_fraction = 0;
    if (n_digits > 0 && *s == '.') {
        first = ++s;
        while ((d = (unsigned)(unsigned char)*s - '0') < 10) {
            v = v * 10 + d;
            s++;
        }
        n_fraction = s - first;
        if (n_fraction == 0)
            n_digits = 0;
    }
    if (n_digits == 0 || n_digits + n_fraction > 15 || (*s | 32) == 'e')
        return json_number_cell(jd, column, c, row, p);
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
        1e14, 1e15 };
    double x = (double)v / tens[n_fraction]; /* both exact: rounds once */
    con_cell_d(c, row, *p == '-' ? -x : x);
    return s;
}

static const char *json_nested(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out);

/* One value into a cell; p is at its first byte and it is not null. */
static const char *json_cell(
    struct json_dec *jd, const struct evt_column *column, struct evt_col *c, uint32_t row, const char *p) {
    struct base_str text;
    const char *end;
    bool number = *p == '-' || (unsigned)(unsigned char)*p - '0' < 10;
    switch (column->type->kind) {
    case EVT_STRING:
        if (*p != '"')
            break;
        end = con_json_string(&jd->js, p + 1, &text);
        if (end)
            con_cell_str(c, row, text.p, text.len);
        return end;
    case EVT_INT: {
        int64_t v;
        if (!number)
            break;
        if (con_scan_i64(p, &end, &v) && *end != '.' && (*end | 32) != 'e' &&
            (p[*p == '-'] != '0' || end - p == 1 + (*p == '-'))) {
            con_cell_i(c, row, v);
            return end;
        }
        return json_number_cell(jd, column, c, row, p);
    }
    case EVT_DOUBLE:
        if (!number)
            break;
        return json_double(jd, column, c, row, p);
    case EVT_BOOL:
        if (*p != 't' && *p != 'f')
            break;
        end = con_json_word(&jd->js, p, *p == 't' ? "true" : "false");
        if (end)
            con_cell_b(c, row, *p == 't');
        return end;
    case EVT_TIMESTAMP:
        if (*p == '"') {
            end = con_json_string(&jd->js, p + 1, &text);
            if (!end)
                return NULL;
            int64_t us;
            if (!con_time_parse(&jd->time, text, &us)) {
                con_value_bad(jd->reason, column->name, "not a timestamp", text);
                jd->has_reason = true;
                return NULL;
            }
            con_cell_i(c, row, us);
            return end;
        }
        if (!number || jd->time.kind == CON_TIME_ISO || jd->time.kind == CON_TIME_PATTERN)
            break;
        return json_number_cell(jd, column, c, row, p);
    case EVT_DURATION:
    case EVT_BYTES:
        if (*p != '"')
            break;
        end = con_json_string(&jd->js, p + 1, &text);
        return end ? json_text_cell(jd, column, c, row, text, end) : NULL;
    case EVT_DECIMAL:
        if (number)
            return json_number_cell(jd, column, c, row, p);
        if (*p != '"')
            break;
        end = con_json_string(&jd->js, p + 1, &text);
        return end ? json_text_cell(jd, column, c, row, text, end) : NULL;
    case EVT_ARRAY:
    case EVT_ROW: {
        struct evt_val v;
        end = json_nested(jd, column, p, &v);
        if (end)
            evt_col_set_val(c, row, &v);
        return end;
    }
    case EVT_NULL:
    case EVT_KIND_MAX: break;
    }
    /* Not a value at all, or one of another type? */
    if (*p == '"' || *p == '{' || *p == '[' || *p == 't' || *p == 'f' || number)
        return json_wrong(jd, column, p, NULL);
    return con_json_skip(&jd->js, p);
}

/* A scalar inside an array or row, through a cell of its own: rare enough. */
static const char *json_scalar_val(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out) {
    struct evt_col cell;
    evt_col_init(&cell, column->type, 1);
    p = json_cell(jd, column, &cell, 0, p);
    if (p) {
        struct evt_val v;
        evt_col_get(&cell, 0, &jd->event, &v);
        *out = evt_val_copy(&jd->event, column->type, &v);
    }
    evt_col_release(&cell);
    return p;
}

static const char *json_value(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out) {
    if (*p == 'n') {
        if (column->not_null)
            return json_wrong(jd, column, p, "null in a field that is not null");
        *out = EVT_VAL_NULL;
        return con_json_word(&jd->js, p, "null");
    }
    *out = (struct evt_val){ .null = false };
    switch (column->type->kind) {
    case EVT_ARRAY:
    case EVT_ROW: return json_nested(jd, column, p, out);
    case EVT_INT: {
        const char *end;
        if (con_scan_i64(p, &end, &out->i) && *end != '.' && (*end | 32) != 'e' &&
            (p[*p == '-'] != '0' || end - p == 1 + (*p == '-')))
            return end;
        return json_scalar_val(jd, column, p, out);
    }
    case EVT_STRING: {
        if (*p != '"')
            return json_scalar_val(jd, column, p, out);
        struct base_str text;
        p = con_json_string(&jd->js, p + 1, &text);
        if (p) {
            if (text.p == jd->js.scratch.p)
                text = base_arena_str(&jd->event, text);
            out->s.p = text.p;
            out->s.len = (uint32_t)text.len;
        }
        return p;
    }
    case EVT_NULL:
    case EVT_BOOL:
    case EVT_DOUBLE:
    case EVT_BYTES:
    case EVT_TIMESTAMP:
    case EVT_DURATION:
    case EVT_DECIMAL:
    case EVT_KIND_MAX: break;
    }
    return json_scalar_val(jd, column, p, out);
}

static const char *json_array(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out) {
    struct evt_column elem = { .name = column->name, .type = column->type->elem };
    struct evt_val *items = NULL;
    size_t n = 0, cap = 0;
    p = con_json_blanks(p + 1);
    while (*p != ']') {
        if (n == UINT32_MAX)
            return con_json_fail(&jd->js, p, "too many elements");
        items = base_arena_grow(&jd->event, items, n, &cap, sizeof *items);
        p = json_value(jd, &elem, p, &items[n++]);
        if (!p)
            return NULL;
        p = con_json_blanks(p);
        if (*p == ',') {
            p = con_json_blanks(p + 1);
            if (*p == ']')
                return con_json_fail(&jd->js, p, "expected a value");
        } else if (*p != ']') {
            return con_json_fail(&jd->js, p, "expected \",\" or \"]\"");
        }
    }
    out->list.v = items;
    out->list.n = (uint32_t)n;
    return p + 1;
}

/* A key and its colon; p at the quote. */
static const char *json_key(struct json_dec *jd, const char *p, struct base_str *name) {
    if (*p != '"')
        return con_json_fail(&jd->js, p, "expected a key in double quotes");
    p = con_json_string(&jd->js, p + 1, name);
    if (!p)
        return NULL;
    p = con_json_blanks(p);
    return *p == ':' ? con_json_blanks(p + 1) : con_json_fail(&jd->js, p, "expected \":\" behind a key");
}

static const char *json_row(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out) {
    const struct evt_type *t = column->type;
    struct evt_val *fields = BASE_ARENA_ARRAY(&jd->event, struct evt_val, t->n_fields ? t->n_fields : 1);
    bool *seen = BASE_ARENA_ARRAY(&jd->event, bool, t->n_fields ? t->n_fields : 1);
    p = con_json_blanks(p + 1);
    while (*p != '}') {
        struct base_str name;
        uint32_t f = 0;
        p = json_key(jd, p, &name);
        if (!p)
            return NULL;
        while (f < t->n_fields && !base_str_eq(t->fields[f].name, name))
            f++;
        if (f < t->n_fields) {
            jd->duplicates += seen[f];
            seen[f] = true;
            p = json_value(jd, &t->fields[f], p, &fields[f]);
        } else {
            p = con_json_skip(&jd->js, p);
        }
        if (!p)
            return NULL;
        p = con_json_blanks(p);
        if (*p == ',') {
            p = con_json_blanks(p + 1);
            if (*p == '}')
                return con_json_fail(&jd->js, p, "expected a key in double quotes");
        } else if (*p != '}') {
            return con_json_fail(&jd->js, p, "expected \",\" or \"}\"");
        }
    }
    for (uint32_t f = 0; f < t->n_fields; f++)
        if (!seen[f]) {
            if (t->fields[f].not_null)
                return json_wrong(jd, &t->fields[f], p, "missing in a row, and not null");
            fields[f] = EVT_VAL_NULL;
        }
    out->list.v = fields;
    out->list.n = t->n_fields;
    return p + 1;
}

/* The depth of recursion is that of the column's type. */
static const char *json_nested(
    struct json_dec *jd, const struct evt_column *column, const char *p, struct evt_val *out) {
    *out = (struct evt_val){ .null = false };
    if (*p != (column->type->kind == EVT_ARRAY ? '[' : '{'))
        return *p == '"' || *p == '{' || *p == '[' || *p == 't' || *p == 'f' || *p == '-' ||
                       (*p >= '0' && *p <= '9')
                   ? json_wrong(jd, column, p, NULL)
                   : con_json_skip(&jd->js, p);
    return column->type->kind == EVT_ARRAY ? json_array(jd, column, p, out) : json_row(jd, column, p, out);
}

/* A column's value, null too. */
static inline const char *json_column(struct json_dec *jd, uint32_t col, const char *p) {
    const struct evt_column *column = &jd->dec.schema->cols[col];
    struct evt_col *c = &jd->batch->cols[col];
    uint64_t bit = UINT64_C(1) << (col & 63), *word = &jd->seen[col >> 6];
    if (*word & bit)
        jd->duplicates++;
    else
        jd->n_seen++;
    *word |= bit;
    if (*p == 'n') {
        if (column->not_null)
            return json_wrong(jd, column, p, "null in a column that is not null");
        evt_col_set_null(c, jd->row);
        return con_json_word(&jd->js, p, "null");
    }
    return json_cell(jd, column, c, jd->row, p);
}

static const char *json_below(struct json_dec *jd, struct con_json_node *node, const char *p);

/* A value that may be wanted by a column, by paths below it, by both or by none. */
static inline const char *json_wanted(
    struct json_dec *jd, uint32_t col, struct con_json_node *child, const char *p) {
    const char *end = NULL;
    if (col != CON_JSON_NONE && !(end = json_column(jd, col, p)))
        return NULL;
    if (child && (*p == '{' || *p == '['))
        return json_below(jd, child, p);
    return end ? end : con_json_skip(&jd->js, p);
}

/* Does the key at p, quotes and all, say what `quoted` says? Both have CON_PAD readable bytes. */
static inline bool json_same_key(const char *p, struct base_str quoted) {
#ifdef __SSE2__
    if (quoted.len <= 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p),
                b = _mm_loadu_si128((const __m128i *)(const void *)quoted.p);
        unsigned want = (1u << quoted.len) - 1;
        return ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) & want) == want;
    }
#endif
    return memcmp(p, quoted.p, quoted.len) == 0;
}

/* p is behind the '{'. */
static const char *json_object(struct json_dec *jd, struct con_json_node *node, const char *p) {
    uint32_t guess = node->first, before = CON_JSON_NONE;
    p = con_json_blanks(p);
    if (*p == '}')
        return p + 1;
    for (;;) {
        uint32_t k = guess;
        if (k != CON_JSON_NONE && node->keys[k].quoted.len && json_same_key(p, node->keys[k].quoted)) {
            p += node->keys[k].quoted.len;
            if (*p == ':' && p[1] != ' ') {
                p++;
            } else {
                p = con_json_blanks(p);
                if (*p != ':')
                    return con_json_fail(&jd->js, p, "expected \":\" behind a key");
                p = con_json_blanks(p + 1);
            }
        } else {
            struct base_str name;
            p = json_key(jd, p, &name);
            if (!p)
                return NULL;
            k = con_json_find(&jd->arena, node, name);
            if (before == CON_JSON_NONE)
                node->first = k;
            else
                node->keys[before].next = k;
        }
        if (k == CON_JSON_NONE) {
            p = con_json_skip(&jd->js, p);
        } else {
            p = con_json_blanks(p);
            p = json_wanted(jd, node->keys[k].col, node->keys[k].child, p);
            before = k;
            guess = node->keys[k].next;
        }
        if (!p)
            return NULL;
        p = con_json_blanks(p);
        if (*p == '}')
            return p + 1;
        if (*p != ',')
            return con_json_fail(&jd->js, p, "expected \",\" or \"}\"");
        p = con_json_blanks(p + 1);
    }
}

static const char *json_items(struct json_dec *jd, struct con_json_node *node, const char *p) {
    uint64_t index = 0;
    size_t next = 0;
    p = con_json_blanks(p);
    if (*p == ']')
        return p + 1;
    for (;; index++) {
        if (next < node->n_items && node->items[next].index == index) {
            p = json_wanted(jd, node->items[next].col, node->items[next].child, con_json_blanks(p));
            next++;
        } else {
            p = con_json_skip(&jd->js, p);
        }
        if (!p)
            return NULL;
        p = con_json_blanks(p);
        if (*p == ']')
            return p + 1;
        if (*p != ',')
            return con_json_fail(&jd->js, p, "expected \",\" or \"]\"");
        p = con_json_blanks(p + 1);
    }
}

/* The depth of recursion is that of the paths. */
static const char *json_below(struct json_dec *jd, struct con_json_node *node, const char *p) {
    return *p == '{' ? json_object(jd, node, p + 1) : json_items(jd, node, p + 1);
}

/* Columns that were not in the record. Returns: false when one of them may not be null. */
static bool json_missing(struct json_dec *jd) {
    const struct evt_schema *s = jd->dec.schema;
    for (uint32_t i = 0; i < s->n_cols; i++) {
        if (base_bits_get(jd->seen, i))
            continue;
        if (s->cols[i].not_null) {
            snprintf(jd->reason, sizeof jd->reason, "column \"%.*s\" is missing, and not null",
                s->cols[i].name.len < 100 ? (int)s->cols[i].name.len : 100, s->cols[i].name.p);
            jd->has_reason = true;
            return false;
        }
        evt_col_set_null(&jd->batch->cols[i], jd->row);
    }
    return true;
}

/* One record. Returns: the newline that ends it, or NULL. */
static const char *json_record(struct json_dec *jd, const char *p) {
    jd->n_seen = 0;
    jd->duplicates = 0;
    jd->has_reason = false;
    for (size_t i = 0; i < jd->n_words; i++)
        jd->seen[i] = 0;
    if (*p != '{') {
        const char *end = con_json_skip(&jd->js, p);
        return end ? con_json_fail(&jd->js, p, "expected an object") : NULL;
    }
    p = json_object(jd, jd->root, p + 1);
    if (!p)
        return NULL;
    p = con_json_blanks(p);
    if (*p != '\n')
        return con_json_fail(&jd->js, p, "text behind the object");
    if (jd->n_seen < jd->dec.schema->n_cols && !json_missing(jd))
        return NULL;
    return p;
}

static void json_tell(struct json_dec *jd, struct con_reader *rd, const char *line, const char *line_end) {
    if (!jd->has_reason) {
        char seen[24] = "the end";
        unsigned char c = (unsigned char)*jd->js.at;
        if (jd->js.at < line_end)
            snprintf(seen, sizeof seen, c >= 0x20 && c < 0x7f ? "\"%c\"" : "byte 0x%02x", c);
        snprintf(jd->reason, sizeof jd->reason, "not JSON at byte %zu: %s, not %s",
            (size_t)(jd->js.at - line) + 1, jd->js.what, seen);
        if (strncmp(jd->js.what, "expected", 8) != 0)
            snprintf(jd->reason, sizeof jd->reason, "not JSON at byte %zu: %s",
                (size_t)(jd->js.at - line) + 1, jd->js.what);
    }
    size_t len = (size_t)(line_end - line);
    if (len > 0 && line[len - 1] == '\r')
        len--;
    con_reader_bad(rd, line, len, jd->reason);
}

static size_t json_decode(struct con_decoder *dec, struct con_reader *rd, const char *from, size_t len,
    bool last, struct evt_batch *batch) {
    struct json_dec *jd = (struct json_dec *)dec;
    const char *p = from, *end = from + len;
    /* A record that fills many buffers is not looked at before its end is there. */
    if (len > 128 * 1024 && !last && !memchr(p, '\n', len))
        return 0;
    jd->batch = batch;
    while (p < end && !evt_batch_is_full(batch)) {
        const char *line = con_json_blanks(p);
        if (line < end && *line == '\n') {
            p = line + 1;
            continue;
        }
        p = line;
        if (line >= end) {
            p = end;
            break;
        }
        jd->row = batch->n_rows;
        const char *stop = json_record(jd, line);
        if (jd->event.used)
            base_arena_clear(&jd->event);
        if (stop && (stop < end || last)) {
            p = stop < end ? stop + 1 : end;
            if (con_reader_too_long(rd, line, (size_t)(stop - line))) {
                evt_batch_drop_row(batch);
                continue;
            }
            batch->seq[jd->row] = con_reader_position(rd, line);
            rd->src->stats.duplicate_keys += jd->duplicates;
            evt_batch_end_row(batch);
            continue;
        }
        evt_batch_drop_row(batch);
        const char *nl = stop ? NULL : memchr(line, '\n', (size_t)(end - line));
        if (!nl && !last)
            break; /* the rest of the line is still to come */
        if (!con_reader_too_long(rd, line, (size_t)((nl ? nl : end) - line)))
            json_tell(jd, rd, line, nl ? nl : end);
        p = nl ? nl + 1 : end;
    }
    return (size_t)(p - from);
}

static void json_close(struct con_decoder *dec) {
    struct json_dec *jd = (struct json_dec *)dec;
    base_arena_release(&jd->arena);
    base_arena_release(&jd->event);
    base_buf_release(&jd->js.scratch);
    base_free(jd->seen);
    base_free(jd);
}

static enum cep_rc json_open(
    const struct con_decoder_args *args, struct con_decoder **out, struct cep_err *err) {
    struct json_dec *jd = base_calloc(1, sizeof *jd);
    base_arena_init(&jd->arena, 0);
    base_arena_init(&jd->event, 0);
    jd->dec.schema = args->schema;
    jd->dec.skips_bom = true;
    jd->dec.max_record = (size_t)plan_opt_int(args->opts, args->n_opts, "max_record", CON_MAX_RECORD_DEFAULT);
    jd->n_words = BASE_BITS_WORDS(args->schema->n_cols);
    jd->seen = base_calloc(jd->n_words ? jd->n_words : 1, sizeof *jd->seen);
    enum cep_rc rc = con_time_init(&jd->time, args->opts, args->n_opts, con_now(args->env), err);
    if (rc == CEP_OK) {
        jd->root = con_json_tree(&jd->arena, args->schema, args->opts, args->n_opts, err);
        rc = jd->root ? CEP_OK : CEP_EINVAL;
    }
    if (rc != CEP_OK) {
        json_close(&jd->dec);
        return rc;
    }
    jd->dec.vt = con_json.decoder;
    *out = &jd->dec;
    return CEP_OK;
}

const struct con_decoder_vt con_json_decoder = {
    .open = json_open, .decode = json_decode, .close = json_close
};
