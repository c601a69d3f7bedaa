#pragma once
/*
 * con_internal -- what a connector or format fills in, and what this folder gives it. For src/connect and its tests only.
 *
 * A connector is a row of con_table.c: a spec for the compiler and up to two tables of functions. Most sources only
 * fetch bytes (fill); con_source.c keeps the partitions and their readers, and has the decoder turn bytes into rows:
 *
 *     fill() ─bytes─▶ con_reader (buffer, position) ─▶ decoder ─▶ columns of the batch
 *                                                       └─▶ con_reader_bad() ─▶ env.bad()
 *
 * `generate` makes rows itself (rows instead of fill).
 */
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "connect/con.h"

#include <dirent.h>

struct con_reader;

/* -- formats: bytes <-> columns ----------------------------------------------------------------------------------- */

/* Readable (not meaningful) bytes behind what a decoder is given. */
enum { CON_PAD = 64 };

#define CON_MAX_RECORD_DEFAULT (INT64_C(16) << 20)

struct con_decoder_vt;

struct con_decoder {
    const struct con_decoder_vt *vt;
    const struct evt_schema *schema;
    size_t max_record; /* bytes; longer records are skipped without buffering them; set by open() */
    bool skips_bom;    /* a UTF-8 byte order mark before the first record is no part of it */
};

struct con_decoder_args {
    const struct evt_schema *schema;
    const struct plan_opt *opts;
    uint32_t n_opts;
    const struct con_env *env;
    const char *doing; /* for warnings: "stream \"payments\"" */
};

struct con_decoder_vt {
    enum cep_rc (*open)(const struct con_decoder_args *args, struct con_decoder **out, struct cep_err *err);
    /*
     * Takes whole records from [p, p + len) and appends them to the batch until it is full. `last`: nothing follows.
     * p[len] is a '\n' that is no part of the input, and CON_PAD bytes from p + len on are readable.
     * Returns: bytes used; 0 when there is no whole record. Bad records go to con_reader_bad(). May return early (having
     * used some bytes but not filled the batch) and is then called again.
     */
    size_t (*decode)(struct con_decoder *dec, struct con_reader *rd, const char *p, size_t len, bool last,
        struct evt_batch *batch);
    /* The next bytes are the start of another file (csv: a header comes again). NULL = nothing to do. */
    void (*restart)(struct con_decoder *dec);
    /* What it knows from earlier records, at a record's boundary (csv: the header). NULL = nothing. load(): false for bytes
     * that save() does not write. */
    void (*save)(const struct con_decoder *dec, struct base_buf *to);
    bool (*load)(struct con_decoder *dec, struct base_str from);
    void (*close)(struct con_decoder *dec);
};

struct con_encoder_vt;

struct con_encoder {
    const struct con_encoder_vt *vt;
    const struct evt_schema *schema;
};

struct con_encoder_vt {
    const char *content_type; /* for http */
    const char *suffix;       /* of part files: "ndjson" */
    enum cep_rc (*open)(const struct plan_sink *sink, const struct evt_schema *schema,
        struct con_encoder **out, struct cep_err *err);
    /* What stands before the first record of a file (csv: the header). NULL = nothing. */
    void (*begin)(struct con_encoder *enc, struct base_buf *out);
    /* Appends one record with its '\n'. */
    void (*row)(struct con_encoder *enc, const struct evt_batch *batch, uint32_t row, struct base_buf *out);
    void (*close)(struct con_encoder *enc);
};

struct con_format {
    struct plan_format_spec spec;
    const struct con_decoder_vt *decoder; /* NULL: cannot be read */
    const struct con_encoder_vt *encoder;
};

/* -- readers --------------------------------------------------------------------------------------------------- */

/* The undecoded bytes of one partition. */
struct con_reader {
    struct con_decoder *dec; /* owned */
    struct con_source *src;
    uint32_t partition;
    char *buf;              /* owned; CON_PAD more than cap */
    size_t start, end, cap; /* bytes [start, end) wait */
    uint64_t position;      /* of buf[start] in the partition; never goes back */
    bool eof;               /* no more bytes come: the rest is the last record */
    bool fresh;             /* nothing was decoded yet */
    bool skipping;          /* within a record that is too long: drop bytes up to the next '\n' */
};

void con_reader_init(
    struct con_reader *rd, struct con_source *src, uint32_t partition, struct con_decoder *dec);
void con_reader_release(struct con_reader *rd);
/* Room for at least `want` bytes. Returns: where they go; *room is how many fit. */
char *con_reader_room(struct con_reader *rd, size_t want, size_t *room);
void con_reader_added(struct con_reader *rd, size_t n);
/* The bytes that follow begin a new file; what is left of the old one is its last record. Requires: start == end. */
void con_reader_restart(struct con_reader *rd);
/* Bytes that wait to be decoded. */
static inline size_t con_reader_waiting(const struct con_reader *rd) {
    return rd->end - rd->start;
}
/* What is between the records behind and those to come, besides the position. Returns: false for bytes that save() does not write. */
void con_reader_save(const struct con_reader *rd, struct base_buf *to);
bool con_reader_load(struct con_reader *rd, struct base_str from);
/* Decodes what is there. Returns: true when the batch got rows or bytes were used (call again), false: more bytes are needed. */
bool con_reader_decode(struct con_reader *rd, struct evt_batch *batch);
/* For decoders: a bad record that begins at p within what decode() was given. */
void con_reader_bad(struct con_reader *rd, const char *p, size_t len, const char *reason);
/* Returns: true when the record is longer than the decoder's limit; it has gone to con_reader_bad(). */
bool con_reader_too_long(struct con_reader *rd, const char *p, size_t len);
/* For decoders: the position of a place within what decode() was given. */
static inline uint64_t con_reader_position(const struct con_reader *rd, const char *p) {
    return rd->position + (uint64_t)(p - (rd->buf + rd->start));
}

/* -- sources ---------------------------------------------------------------------------------------------------- */

struct con_part {
    char *name;       /* owned */
    const char *path; /* in name: what is left of it without the folder of the .pattern file */
    struct con_reader rd;
    bool done;
    bool cut;             /* done because the source was stopped, not at its end */
    struct base_buf note; /* cut: as it was then */
    void *own;            /* the connector's */
};

struct con_source_vt;

struct con_source {
    const struct con_source_vt *vt;
    const struct plan_node *node;
    struct con_env env;
    struct con_source_stats stats;
    const struct con_format *format; /* NULL: makes rows itself */
    size_t n_parts, cap_parts;
    struct con_part **parts; /* owned, by number */
    size_t n_active, cap_active, turn;
    uint32_t *active; /* numbers of the parts that are not done, ascending */
    bool bounded, stopped;
    struct base_buf note; /* con_source_save()'s */
};

struct con_source_vt {
    /* Makes *out (whose first member is a struct con_source, zeroed but for node, env and format set by the caller of
     * con_source_init()), without partitions. */
    enum cep_rc (*open)(const struct plan_node *node, const struct con_env *env,
        const struct con_format *format, struct con_source **out, struct cep_err *err);
    /* Adds the partitions that are there and are not among the restored ones. NULL = none. */
    enum cep_rc (*begin)(struct con_source *src, struct cep_err *err);
    /* Appends what else is needed to go on with the partition. NULL = nothing. `part` may be done. */
    void (*save)(struct con_source *src, struct con_part *part, struct base_buf *note);
    /*
     * A partition of an earlier run was added: own is NULL, position and reader are set. Called for done ones too.
     * Returns: CEP_OK, CEP_NONE when it is over, an error. NULL = goes on as a new one does.
     */
    enum cep_rc (*restore)(struct con_source *src, struct con_part *part, const struct con_partition *saved,
        struct base_unpack *note, struct cep_err *err);
    /*
     * Adds bytes to the partition's reader. Returns: CEP_OK, CEP_AGAIN (none now), CEP_NONE (the partition is over; said why
     * if it is not its natural end), or an error that ends the source.
     */
    enum cep_rc (*fill)(struct con_source *src, struct con_part *part, struct cep_err *err);
    /* Instead of fill: appends rows. The same answers. */
    enum cep_rc (*rows)(
        struct con_source *src, struct con_part *part, struct evt_batch *batch, struct cep_err *err);
    /* Before each poll: new partitions. Returns: CEP_OK, CEP_NONE when none will come any more, or an error. NULL = CEP_NONE. */
    enum cep_rc (*look)(struct con_source *src, struct cep_err *err);
    /* When nothing was there: when to look again; INT64_MAX = wake() will be called. NULL = INT64_MAX. */
    int64_t (*next_poll)(struct con_source *src);
    void (*part_done)(struct con_source *src, struct con_part *part); /* frees part->own; NULL = nothing */
    void (*stop)(struct con_source *src);                             /* NULL = nothing */
    void (*close)(struct con_source *src); /* frees what is the connector's, and src */
    bool ends_now;                         /* heeds env.ends_now */
    bool paths; /* partitions' names are paths: kept without the folder of the .pattern file */
};

struct con_connector {
    struct plan_connector_spec spec;
    const struct con_source_vt *source; /* NULL: cannot be read from */
    const struct con_sink_vt *sink;
};

/* For open() of connectors. */
void con_source_init(struct con_source *src, const struct con_source_vt *vt, const struct plan_node *node,
    const struct con_env *env, const struct con_format *format);
/* A new partition with its decoder. Owns: `name` is copied. Returns: NULL when the decoder does not open. */
struct con_part *con_source_add(struct con_source *src, const char *name, void *own, struct cep_err *err);
/* The partition brings nothing more, and nobody is told. */
void con_source_drop(struct con_source *src, struct con_part *part);

/* -- sinks ------------------------------------------------------------------------------------------------------ */

struct con_sink_vt;

struct con_sink {
    const struct con_sink_vt *vt;
    const struct plan_sink *sink;
    const struct evt_schema *schema;
    struct con_env env;
    struct con_encoder *enc; /* owned */
    struct con_sink_stats stats;
};

struct con_sink_vt {
    /* how->states: of this connector, as its prepare() wrote them. */
    enum cep_rc (*open)(const struct plan_sink *sink, const struct con_env *env,
        const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err);
    enum cep_rc (*write)(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err);
    bool (*busy)(const struct con_sink *sink); /* NULL = never */
    enum cep_rc (*flush)(struct con_sink *sink, bool final, struct cep_err *err);
    enum cep_rc (*prepare)(
        struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err);
    enum cep_rc (*commit)(
        struct con_sink *sink, struct base_str state, struct cep_err *err); /* NULL = nothing */
    /* What prepare() wrote, in words. Returns: false for bytes that it does not write. NULL = it writes nothing. */
    bool (*tell)(struct base_str state, struct base_buf *words);
    bool (*parallel)(const struct plan_sink *sink); /* NULL = one writer */
    void (*close)(struct con_sink *sink);           /* frees all but enc and the struct */
};

/* Next row at or after `row` that is there; n_rows at the end. */
static inline uint32_t con_next_row(const struct evt_batch *b, uint32_t row) {
    while (row < b->n_rows && b->sel && !((b->sel[row >> 6] >> (row & 63)) & 1))
        row++;
    return row;
}

/* -- the table and helpers --------------------------------------------------------------------------------------- */

const struct con_connector *con_find_connector(const char *name);
const struct con_format *con_find_format(const char *name);

void con_log(const struct con_env *env, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline int64_t con_now(const struct con_env *env) {
    return env->now_us(env->arg);
}
static inline int64_t con_mono(const struct con_env *env) {
    return env->mono_us(env->arg);
}
static inline void con_wake(const struct con_env *env) {
    if (env->wake)
        env->wake(env->arg);
}
/* A path of the .pattern file: relative ones start at base_dir. Returns: an owned string. */
char *con_path(const struct con_env *env, struct base_str path);
/* opendir() whose descriptor is opened by open(): not inherited, and seen by the thread sanitizer, which else takes a number
 * that another thread had before for that thread's. Returns: NULL and errno. */
DIR *con_opendir(const char *path);
/* An option as a C string in `to`, cut. Returns: to, or NULL when it is not set and `fallback` is NULL. */
char *con_opt_text(
    const struct plan_opt *opts, uint32_t n, const char *name, const char *fallback, char *to, size_t size);
/* Fills err with what was tried and errno's text. Returns: CEP_EIO, retriable when another try may succeed. */
enum cep_rc con_io_err(struct cep_err *err, int e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Fills err with the option's place. Returns: CEP_EINVAL. */
enum cep_rc con_opt_err(struct cep_err *err, const struct plan_opt *opt, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Rows of the table, each in its own file. */
extern const struct con_connector con_file, con_stdin, con_stdout, con_stderr, con_tcp, con_http,
    con_generate;
extern const struct con_format con_json, con_csv, con_text, con_raw;
