#pragma once
/*
 * con_kit -- what the tests of src/connect share: streams and sinks from text, a source read to its end as JSON lines,
 * bad records and log lines kept, a temporary folder.
 */
#include "base/base_arena.h"
#include "base/base_buf.h"
#include "connect/con.h"

struct con_kit {
    struct base_arena arena;
    struct con_env env;
    struct event_base *loop;
    struct base_buf log; /* "warning: text\n" */
    struct base_buf bad; /* "partition@offset: reason [record]\n" */
    uint64_t n_bad, n_wakes;
    int64_t now_us;    /* 0 = the wall clock */
    int64_t set_by_us; /* what the wall clock has been set forward by since */
    char dir[256];     /* "/tmp/con-XXXXXX"; also base_dir */
};

void con_kit_init(struct con_kit *k);
void con_kit_init_bare(struct con_kit *k); /* without folder and loop: for decoding alone */
void con_kit_release(struct con_kit *k);   /* the folder goes too */

/* "card string, amount double not null, tags array(int), r row(a int, b string), d decimal(10,2)" */
const struct evt_schema *con_kit_schema(struct con_kit *k, const char *text);
/* "path = 'x', rows = 10, follow = true, share = 0.5, step = 5 s" */
const struct plan_opt *con_kit_opts(struct con_kit *k, const char *text, uint32_t *n);
/* format NULL = none. */
const struct plan_node *con_kit_stream(struct con_kit *k, const char *columns, const char *connector,
    const char *opts, const char *format, const char *format_opts);
const struct plan_sink *con_kit_sink(
    struct con_kit *k, const char *connector, const char *opts, const char *format, const char *format_opts);
struct con_source *con_kit_open(struct con_kit *k, const char *columns, const char *connector,
    const char *opts, const char *format, const char *format_opts);
/* Appends a batch's rows as JSON lines. */
void con_kit_rows(struct base_buf *to, const struct evt_batch *batch);
/* Polls until there is nothing for `idle_ms`, or the end (true). Rows are appended as JSON lines. */
bool con_kit_read(struct con_kit *k, struct con_source *src, struct base_buf *rows, int idle_ms);
/* A batch of the schema from values written as JSON lines (through the json decoder). */
struct evt_batch *con_kit_batch(struct con_kit *k, const struct evt_schema *schema, const char *ndjson);
/* Decodes bytes by a format in pieces of `piece` bytes (0 = at once), as a file would come; rows as JSON lines. */
void con_kit_decode(struct con_kit *k, const char *columns, const char *format, const char *format_opts,
    const char *bytes, size_t len, size_t piece, struct base_buf *rows);

char *con_kit_path(struct con_kit *k, const char *name); /* in the arena */
void con_kit_write(struct con_kit *k, const char *name, const char *bytes, size_t len, bool append);
void con_kit_put(struct con_kit *k, const char *name, const char *text); /* a new file */
void con_kit_add(struct con_kit *k, const char *name, const char *text); /* at its end */
/* Returns: the file's text in the arena; NULL when it is not there. */
char *con_kit_slurp(struct con_kit *k, const char *name);
