/*
 * con_json -- the format `json`: one object a line (NDJSON). What it takes and gives is in con_json_read.c and
 * con_json_write.c; here are its options.
 */
#include "connect/con_json.h"

#include "connect/con_json_tree.h"
#include "connect/con_time.h"

static const struct plan_opt_spec decode_opts[] = {
    CON_TIME_OPTS,
    { .name = "max_record",
        .kind = EVT_INT,
        .default_text = "16777216",
        .min = 16,
        .max = INT64_C(1) << 30,
        .help = "bytes; a longer record is skipped and goes to the errors" },
    { .name = NULL },
};

static const char *known_option(const struct plan_opt *opt) {
    for (const struct plan_opt_spec *s = decode_opts; s->name; s++)
        if (base_str_eq(opt->name, base_str_of(s->name)))
            return s->name;
    return NULL;
}

static enum cep_rc decode_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    struct con_time time;
    struct base_arena a;
    base_arena_init(&a, 0);
    enum cep_rc rc = con_time_init(&time, opts, n_opts, 0, err);
    for (uint32_t i = 0; rc == CEP_OK && i < n_opts; i++) {
        struct base_str name = opts[i].name;
        if (known_option(&opts[i]))
            continue;
        if (name.len <= 5 || memcmp(name.p, "path_", 5) != 0) {
            rc = con_opt_err(err, &opts[i], "format \"json\" has no option \"%.*s\"", BASE_STR_FMT(name));
            base_err_hint(err, "timestamp_format, timestamp_year, max_record, or path_COLUMN = '$.a.b'");
        } else if (evt_schema_find(schema, (struct base_str){ name.p + 5, name.len - 5 }) < 0) {
            rc = con_opt_err(err, &opts[i], "option \"%.*s\" names no column", BASE_STR_FMT(name));
        } else if (opts[i].type->kind != EVT_STRING) {
            rc = con_opt_err(err, &opts[i], "option \"%.*s\" wants a string", BASE_STR_FMT(name));
        }
    }
    if (rc == CEP_OK && !con_json_tree(&a, schema, opts, n_opts, err))
        rc = CEP_EINVAL;
    base_arena_release(&a);
    return rc;
}

const struct con_format con_json = {
    .spec = { .name = "json",
        .decodes = true,
        .encodes = true,
        .decode_opts = decode_opts,
        .open_opts = true,
        .decode_check = decode_check,
        .help = "one JSON object a line (NDJSON); path_COLUMN = '$.a.b' reads a nested field" },
    .decoder = &con_json_decoder,
    .encoder = &con_json_encoder,
};
