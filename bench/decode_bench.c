/*
 * decode_bench -- what decoding alone costs: NDJSON, CSV and log lines of five fields into columns, from memory; and
 * encoding, and made-up rows. One thread, its processor time (other programs do not count); the best of five runs.
 */
#include "base/base_buf.h"
#include "base/base_mem.h"
#include "connect/con_internal.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { BENCH_ROWS = 1000000, BENCH_RUNS = 5, BENCH_PIECE = 128 * 1024 };

struct bench_source {
    struct con_source src;
    const char *bytes;
    size_t len, at;
};

static double seconds(void) {
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static enum cep_rc bench_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    struct bench_source *bs = (struct bench_source *)src;
    (void)err;
    size_t room, n = bs->len - bs->at;
    char *to = con_reader_room(&part->rd, BENCH_PIECE, &room);
    n = n < room ? n : room;
    if (n == 0)
        return CEP_NONE;
    memcpy(to, bs->bytes + bs->at, n);
    bs->at += n;
    con_reader_added(&part->rd, n);
    return CEP_OK;
}

static void bench_close(struct con_source *src) {
    base_free(src);
}

static const struct con_source_vt bench_vt = { .fill = bench_fill, .close = bench_close };

static struct evt_column columns[] = {
    { .name = { "id", 2 } },
    { .name = { "card", 4 } },
    { .name = { "amount", 6 } },
    { .name = { "country", 7 } },
    { .name = { "at", 2 } },
};
static const struct evt_schema *schema_of(struct evt_schema *s) {
    static const enum evt_kind kinds[] = { EVT_INT, EVT_STRING, EVT_DOUBLE, EVT_STRING, EVT_TIMESTAMP };
    for (size_t i = 0; i < CEP_COUNT_OF(columns); i++)
        columns[i].type = evt_type_of(kinds[i]);
    *s = (struct evt_schema){
        .n_cols = CEP_COUNT_OF(columns), .n_visible = CEP_COUNT_OF(columns), .cols = columns
    };
    return s;
}

static struct con_source *source_of(
    const struct plan_node *node, const struct con_format *format, struct base_buf *in) {
    struct con_env env;
    con_env_init(&env);
    struct bench_source *bs = base_calloc(1, sizeof *bs);
    con_source_init(&bs->src, &bench_vt, node, &env, format);
    bs->bytes = in->p;
    bs->len = in->len;
    if (!con_source_add(&bs->src, "memory", NULL, NULL))
        return NULL;
    return &bs->src;
}

/* Reads a source to its end. Returns: rows. */
static uint64_t drain(struct con_source *src, struct evt_batch *batch) {
    struct con_chunk chunk = { .batch = batch };
    uint64_t rows = 0;
    while (con_source_poll(src, CON_ANY, &chunk, NULL) == CEP_OK) {
        rows += batch->n_rows;
        evt_batch_clear(batch);
    }
    return rows;
}

static void report(const char *what, double best, uint64_t rows, size_t bytes) {
    printf("%-28s %7.2f M events/s  %6.1f ns/event  %5.0f bytes/event  %5.2f GB/s\n", what,
        (double)rows / best / 1e6, best / (double)rows * 1e9, (double)bytes / (double)rows,
        (double)bytes / best / 1e9);
}

static void decode(const char *what, const struct evt_schema *schema, const struct con_format *format,
    const struct plan_opt *opts, uint32_t n_opts, struct base_buf *in) {
    struct plan_node node = { .kind = PLAN_NODE_SOURCE, .name = { "bench", 5 }, .schema = schema };
    node.source.format_opts = opts;
    node.source.n_format_opts = n_opts;
    struct evt_batch *batch = evt_batch_new(schema, 0);
    double best = 1e9;
    for (int i = 0; i < BENCH_RUNS; i++) {
        struct con_source *src = source_of(&node, format, in);
        double from = seconds();
        uint64_t rows = drain(src, batch);
        double took = seconds() - from;
        best = took < best ? took : best;
        if (rows != BENCH_ROWS || src->stats.bad != 0)
            printf("%s: %llu rows, %llu bad\n", what, (unsigned long long)rows,
                (unsigned long long)src->stats.bad);
        con_source_close(src);
    }
    report(what, best, BENCH_ROWS, in->len);
    evt_batch_unref(batch);
}

static struct con_source *generated(
    const struct evt_schema *schema, struct plan_node *node, struct plan_opt *opt) {
    struct con_env env;
    struct con_source *src = NULL;
    con_env_init(&env);
    *opt =
        (struct plan_opt){ .name = { "rows", 4 }, .type = evt_type_of(EVT_INT), .val = { .i = BENCH_ROWS } };
    *node = (struct plan_node){ .kind = PLAN_NODE_SOURCE, .name = { "bench", 5 }, .schema = schema };
    node->source.connector = &con_generate.spec;
    node->source.opts = opt;
    node->source.n_opts = 1;
    return con_source_open(node, &env, &src, NULL) == CEP_OK ? src : NULL;
}

/* The generated rows written by an encoder: the input of the decoders, and how long writing takes. */
static void encode(const char *what, const struct evt_schema *schema, const struct con_format *format,
    struct base_buf *out) {
    struct plan_node node;
    struct plan_opt opt;
    struct plan_sink sink = { .name = { "bench", 5 } };
    struct con_encoder *enc = NULL;
    struct con_source *src = generated(schema, &node, &opt);
    struct evt_batch *batch = evt_batch_new(schema, 0);
    struct con_chunk chunk = { .batch = batch };
    struct base_buf piece = BASE_BUF_INIT; /* as a sink has it: used again for each batch */
    double took = 0;
    if (!src || format->encoder->open(&sink, schema, &enc, NULL) != CEP_OK)
        return;
    if (enc->vt->begin)
        enc->vt->begin(enc, out);
    while (con_source_poll(src, CON_ANY, &chunk, NULL) == CEP_OK) {
        for (uint32_t row = 0; row < batch->n_rows; row++) /* amounts of money: two decimals */
            batch->cols[2].d[row] = round(batch->cols[2].d[row] * 100000.0) / 100.0;
        base_buf_clear(&piece);
        double from = seconds();
        for (uint32_t row = 0; row < batch->n_rows; row++)
            enc->vt->row(enc, batch, row, &piece);
        took += seconds() - from;
        base_buf_str(out, base_buf_view(&piece));
        evt_batch_clear(batch);
    }
    report(what, took, BENCH_ROWS, out->len);
    enc->vt->close(enc);
    con_source_close(src);
    evt_batch_unref(batch);
    base_buf_release(&piece);
}

static void generate(const struct evt_schema *schema) {
    struct evt_batch *batch = evt_batch_new(schema, 0);
    double best = 1e9;
    for (int i = 0; i < BENCH_RUNS; i++) {
        struct plan_node node;
        struct plan_opt opt;
        struct con_source *src = generated(schema, &node, &opt);
        double from = seconds();
        (void)drain(src, batch);
        double took = seconds() - from;
        best = took < best ? took : best;
        con_source_close(src);
    }
    report("generate", best, BENCH_ROWS, 0);
    evt_batch_unref(batch);
}

int main(void) {
    struct evt_schema s;
    const struct evt_schema *schema = schema_of(&s);
    struct base_buf json = BASE_BUF_INIT, csv = BASE_BUF_INIT;
    static const char pattern[] = "^(?<id>\\d+),(?<card>[^,]*),(?<amount>[^,]*),(?<country>[^,]*),(?<at>.*)$";
    const struct plan_opt opts[] = { { .name = { "pattern", 7 },
                                         .type = evt_type_of(EVT_STRING),
                                         .val = { .s = { pattern, sizeof pattern - 1 } } },
        { .name = { "unmatched", 9 }, .type = evt_type_of(EVT_STRING), .val = { .s = { "ignore", 6 } } } };
    generate(schema);
    encode("encode json", schema, &con_json, &json);
    encode("encode csv", schema, &con_csv, &csv);
    decode("decode json", schema, &con_json, NULL, 0, &json);
    decode("decode csv", schema, &con_csv, NULL, 0, &csv);
    decode("decode text (regex)", schema, &con_text, opts, CEP_COUNT_OF(opts), &csv);
    base_buf_release(&json);
    base_buf_release(&csv);
    return 0;
}
