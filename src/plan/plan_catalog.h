#pragma once
/*
 * plan_catalog -- what the compiler must know of connectors and formats to check a .pattern file.
 *
 * The language front end knows nothing of the runtime: src/connect describes each of its connectors and formats in one of
 * these rows, the program hands the catalog to the compiler, and unknown names, unknown options, wrong types and
 * impossible deliveries become mistakes with a place and a nearest name.
 */
#include "event/evt_type.h"

/* An option of a connector or format. The value in the file is a literal or a parameter. */
struct plan_opt_spec {
    const char *name;
    enum evt_kind kind;       /* BOOL, INT, DOUBLE, STRING, DURATION */
    bool required;
    const char *default_text; /* for help; NULL = none */
    const char *choices;      /* STRING: "none|gzip|zstd"; NULL = any */
    int64_t min, max;         /* INT, and DURATION in microseconds; both 0 = any */
    const char *help;         /* one line */
};

struct plan_connector_spec {
    const char *name;
    bool is_source, is_sink;
    bool replayable;          /* source: has positions that can be read again */
    bool exactly_once;        /* sink: can commit transactions */
    bool bounded;             /* source: ends by itself unless an option says otherwise */
    const char *default_format; /* NULL: a format must be named; "": the connector makes rows itself (generate) */
    const struct plan_opt_spec *source_opts; /* ends with name == NULL; NULL = none */
    const struct plan_opt_spec *sink_opts;
    const char *help;
};

struct plan_format_spec {
    const char *name;
    bool decodes, encodes;
    const struct plan_opt_spec *decode_opts;
    const struct plan_opt_spec *encode_opts;
    const char *help;
};

struct plan_catalog {
    const struct plan_connector_spec *const *connectors; /* ends with NULL */
    const struct plan_format_spec *const *formats;       /* ends with NULL */
};
