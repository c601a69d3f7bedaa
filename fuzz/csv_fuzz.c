/*
 * csv_fuzz -- CSV: cut input gives what whole input gives, and what was read, written again, is read the same.
 *
 * Byte 0 is the size of the pieces, byte 1 chooses the dialect.
 */
#include "connect/con_internal.h"
#include "fuzz/con_fuzz.h"
#include "fuzz/fuzz_main.h"

static const char columns[] = "s string, i int, d double, t timestamp, x string";

/* The rows, written as CSV with a header and read again. */
static void check_round_trip(const struct base_buf *rows) {
    struct con_kit k;
    struct con_encoder *enc;
    struct base_buf csv = BASE_BUF_INIT, again = BASE_BUF_INIT, bad = BASE_BUF_INIT;
    con_kit_init_bare(&k);
    const struct evt_schema *schema = con_kit_schema(&k, columns);
    CEP_INSIST(
        con_csv.encoder->open(con_kit_sink(&k, "stdout", NULL, "csv", NULL), schema, &enc, NULL) == CEP_OK);
    enc->vt->begin(enc, &csv);
    for (const char *p = rows->p, *end = rows->p + rows->len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        char *line = base_strndup(p, (size_t)(nl + 1 - p));
        struct evt_batch *b = con_kit_batch(&k, schema, line);
        enc->vt->row(enc, b, 0, &csv);
        evt_batch_unref(b);
        base_free(line);
        p = nl + 1;
    }
    enc->vt->close(enc);
    con_fuzz_decode(columns, "csv", NULL, csv.p, csv.len, 0, &again, &bad);
    CEP_INSIST(bad.len == 0 && base_str_eq(base_buf_view(rows), base_buf_view(&again)));
    base_buf_release(&csv);
    base_buf_release(&again);
    base_buf_release(&bad);
    con_kit_release(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const dialects[] = { NULL, "header = false",
        "header = false, ragged = 'allow', delimiter = ';', null = 'NULL'",
        "escape = '\\', trim = true, comment = '#', header = false",
        "quote = '', delimiter = 'tab', header = false",
        "header = false, max_record = 64, timestamp_format = '%d.%m.%y %H:%M'" };
    struct base_buf rows = BASE_BUF_INIT, bad = BASE_BUF_INIT;
    if (size < 2 || size > 20000)
        return 0;
    const char *opts = dialects[data[1] % CEP_COUNT_OF(dialects)];
    bool limited = data[1] % CEP_COUNT_OF(dialects) == 5;
    con_fuzz_decode(columns, "csv", opts, (const char *)data + 2, size - 2, 0, &rows, &bad);
    if (rows.len > 0)
        check_round_trip(&rows);
    if (!limited) /* where an open quote is given up depends on how much is there */
        con_fuzz_pieces(
            columns, "csv", opts, (const char *)data + 2, size - 2, (size_t)data[0] + 1, &rows, &bad);
    else
        con_fuzz_decode(
            columns, "csv", opts, (const char *)data + 2, size - 2, (size_t)data[0] + 1, &rows, &bad);
    base_buf_release(&rows);
    base_buf_release(&bad);
    return 0;
}
