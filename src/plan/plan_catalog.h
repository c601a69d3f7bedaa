#pragma once
/*
 * plan_catalog -- what the compiler must know of connectors and formats to check a .pattern file.
 *
 * The language front end knows nothing of the runtime: src/connect describes each of its connectors and formats in one of
 * these rows, the program hands the catalog to the compiler, and unknown names, unknown options, wrong types and
 * impossible deliveries become mistakes with a place and a nearest name.
 */
#include "event/evt_type.h"

struct plan_opt;

/* An option of a connector or format. The value in the file is a literal or a parameter. */
struct plan_opt_spec {
    const char *name;
    enum evt_kind kind; /* BOOL, INT, DOUBLE, STRING, DURATION */
    bool required;
    const char *default_text; /* for help; NULL = none */
    const char *choices;      /* STRING: "none|gzip|zstd"; NULL = any */
    int64_t min, max;         /* INT, and DURATION in microseconds; both 0 = any */
    const char *help;         /* one line */
};

/*
 * Looks at the options of one use together (spellings that a spec cannot say: a regular expression, a spec for a column
 * of that name, options that exclude each other). The compiler calls it after each option is right by itself; `schema` is that of
 * the stream or of what the sink reads. Returns: CEP_OK, or an error whose span is the guilty option's (line 0: the clause).
 */
typedef enum cep_rc (*plan_opt_check_fn)(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err);

/* One use of a connector: what a stream reads, or what a sink writes. */
struct plan_end {
    bool is_source;
    const struct plan_opt *opts;
    uint32_t n_opts;
};

/*
 * Does the sink `b` write what `a` reads or, another sink, writes? By the options alone; the disk is not looked at. Returns:
 * the option of b that says so, and a's in *of_a; NULL = not as far as is known.
 */
typedef const struct plan_opt *(*plan_meet_fn)(
    const struct plan_end *a, const struct plan_end *b, const struct plan_opt **of_a);

struct plan_connector_spec {
    const char *name;
    bool is_source, is_sink;
    bool replayable;   /* source: has positions that can be read again */
    bool exactly_once; /* sink: can commit transactions */
    bool bounded;      /* source: ends by itself unless an option says otherwise */
    const char
        *default_format; /* NULL: a format must be named; "": the connector makes rows itself (generate) */
    const struct plan_opt_spec *source_opts; /* ends with name == NULL; NULL = none */
    const struct plan_opt_spec *sink_opts;
    bool
        open_opts; /* source: options of other names are let through with any literal (generate: one a column);
                                 then source_check names the unknown ones */
    plan_opt_check_fn source_check, sink_check; /* NULL = nothing more to check */
    plan_meet_fn meet;                          /* NULL = its uses have nothing in common */
    const char *help;
};

struct plan_format_spec {
    const char *name;
    bool decodes, encodes;
    const struct plan_opt_spec *decode_opts;
    const struct plan_opt_spec *encode_opts;
    bool open_opts; /* decoding: as above (json: path_COLUMN = '$.a.b') */
    plan_opt_check_fn decode_check, encode_check;
    const char *help;
};

struct plan_catalog {
    const struct plan_connector_spec *const *connectors; /* ends with NULL */
    const struct plan_format_spec *const *formats;       /* ends with NULL */
};
