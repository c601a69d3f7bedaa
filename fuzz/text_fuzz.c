/*
 * text_fuzz -- lines by regular expression, raw records, and timestamps by pattern: cut input gives what whole input gives.
 *
 * Byte 0 is the size of the pieces, byte 1 chooses the format.
 */
#include "fuzz/con_fuzz.h"
#include "fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        const char *columns, *format, *opts;
    } cases[] = {
        { "t timestamp, n int, s string", "text",
            "pattern = '^(?<t>\\S+ \\S+) (?<n>\\S+)(?: (?<s>.*))?$', timestamp_format = '%b "
            "%d/%Y:%H:%M:%S.%f%z'" },
        { "t timestamp, n int, s string", "text",
            "pattern = '(?<t>[^|]*)\\|(?<n>[^|]*)\\|(?<s>.*)', unmatched = 'ignore', timestamp_format = '%A "
            "%e %B %I:%M %p'" },
        { "t timestamp, b bytes, u duration", "text",
            "pattern = '^(?<t>[^,]*),(?<b>[^,]*),(?<u>[^,]*)$', timestamp_format = 'epoch_s'" },
        { "s string", "raw", NULL },
        { "b bytes", "raw", "framing = 'nul', max_record = 64" },
        { "s string", "raw", "framing = 'u32be', max_record = 64" },
    };
    struct base_buf rows = BASE_BUF_INIT, bad = BASE_BUF_INIT;
    if (size < 2 || size > 20000)
        return 0;
    size_t which = data[1] % CEP_COUNT_OF(cases);
    con_fuzz_decode(cases[which].columns, cases[which].format, cases[which].opts, (const char *)data + 2,
        size - 2, (size_t)data[0] + 1, &rows, &bad);
    if (which < 4) /* the shown bytes of a record that is too long depend on how much was there */
        con_fuzz_pieces(cases[which].columns, cases[which].format, cases[which].opts, (const char *)data + 2,
            size - 2, (size_t)data[0] + 1, &rows, &bad);
    base_buf_release(&rows);
    base_buf_release(&bad);
    return 0;
}
