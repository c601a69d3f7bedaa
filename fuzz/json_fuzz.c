/*
 * json_fuzz -- NDJSON: our scanner against simdjson, line by line, and against itself on cut input.
 *
 * Byte 0 is the size of the pieces. For each line that is an object to simdjson our decoder has to take it (asked for a
 * member that is not there), and no other line; members s, i and d have to come out as simdjson reads them.
 */
#include "base/base_mem.h"
#include "base/base_num.h"
#include "connect/con_json_shim.h"
#include "fuzz/con_fuzz.h"
#include "fuzz/fuzz_main.h"

#include <stdlib.h>

/* simdjson refuses integers beyond 64 bits and doubles beyond their range; we take them where no column wants them. */
static bool has_large_number(const char *p, size_t len) {
    size_t digits = 0;
    for (size_t i = 0; i < len; i++) {
        digits = p[i] >= '0' && p[i] <= '9' ? digits + 1 : 0;
        if (digits >= 19 || ((p[i] == 'e' || p[i] == 'E') && i > 0 && ((p[i - 1] >= '0' && p[i - 1] <= '9'))))
            return true;
    }
    return false;
}

static bool is_deep(const char *p, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += p[i] == '{' || p[i] == '[';
    return n > 500;
}

static void hex(struct base_buf *out, const struct evt_col *c) {
    struct base_str s = evt_col_str(c, 0);
    base_buf_putc(out, '"');
    for (size_t i = 0; i < s.len; i++)
        base_buf_printf(out, "%02x", (unsigned char)s.p[i]);
    base_buf_putc(out, '"');
}

/* One column of one line, decoded alone. Returns: its row in a batch, or NULL when the record was bad. */
static struct evt_batch *one(struct con_kit *k, const char *columns, char *line) {
    const struct evt_schema *schema = con_kit_schema(k, columns);
    struct base_buf rows = BASE_BUF_INIT;
    con_kit_decode(k, columns, "json", NULL, line, strlen(line), 0, &rows);
    bool bad = k->n_bad > 0;
    base_buf_release(&rows);
    return bad ? NULL : con_kit_batch(k, schema, line);
}

static void check_member(const char *columns, char *line, size_t len) {
    const char name[] = { columns[0], '\0' };
    struct con_kit k;
    con_kit_init_bare(&k);
    char *want = con_simdjson_member(line, len, name);
    struct evt_batch *b = one(&k, columns, line);
    bool null = b && evt_col_is_null(&b->cols[0], 0);
    if (!want || strcmp(want, "null") == 0) {
        CEP_INSIST(b && null);
    } else if (name[0] == 's') {
        struct base_buf got = BASE_BUF_INIT;
        CEP_INSIST((want[0] == '"') == (b != NULL));
        if (b) {
            hex(&got, &b->cols[0]);
            CEP_INSIST(strcmp(got.p, want) == 0);
        }
        base_buf_release(&got);
    } else {
        double d;
        int64_t i;
        bool number = base_parse_f64(base_str_of(want), &d), whole = base_parse_i64(base_str_of(want), &i);
        if (!number)
            CEP_INSIST(!b);
        else if (name[0] == 'd')
            CEP_INSIST(b && !null && b->cols[0].d[0] == d);
        else if (whole && !strpbrk(want, ".eE") && !has_large_number(line, len) && !memchr(line, '.', len))
            CEP_INSIST(b && !null && b->cols[0].i[0] == i);
    }
    evt_batch_unref(b);
    free(want);
    con_kit_release(&k);
}

static void check_line(const char *p, size_t len) {
    struct base_buf rows = BASE_BUF_INIT, bad = BASE_BUF_INIT;
    if (has_large_number(p, len) || is_deep(p, len) || (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0))
        return;
    size_t first = strspn(p, " \t\r");
    if (first == len) /* a blank line is nothing */
        return;
    con_fuzz_decode("zz string", "json", NULL, p, len, 0, &rows, &bad);
    bool ours = bad.len == 0, theirs = p[first] == '{' && con_simdjson_valid(p, len);
    if (ours && rows.len > 0 && strcmp(rows.p, "{\"zz\":null}\n") != 0)
        theirs = ours; /* the input knew the name */
    else if (bad.len > 0 && strstr(bad.p, "column \"zz\""))
        ours = theirs;
    CEP_INSIST(ours == theirs);
    if (theirs && !memchr(p, '\0', len)) {
        char *line = base_strndup(p, len);
        check_member("s string", line, len);
        check_member("i int", line, len);
        check_member("d double", line, len);
        base_free(line);
    }
    base_buf_release(&rows);
    base_buf_release(&bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_buf rows = BASE_BUF_INIT, bad = BASE_BUF_INIT;
    if (size < 2 || size > 20000)
        return 0;
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    con_fuzz_pieces("a int, b double, c string, t timestamp, y bytes, n decimal(9,2), u duration, l "
                    "array(row(x int, y string)), "
                    "o bool not null, p int",
        "json", "path_p = '$.q[1].r', max_record = 4000", p, (size_t)(end - p), (size_t)data[0] + 1, &rows,
        &bad);
    for (const char *line = p; line < end;) {
        const char *nl = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((nl ? nl : end) - line);
        char *copy = base_strndup(line, len); /* ends with a NUL for strspn */
        check_line(copy, len);
        base_free(copy);
        line += len + 1;
    }
    base_buf_release(&rows);
    base_buf_release(&bad);
    return 0;
}
