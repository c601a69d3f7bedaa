/*
 * con_csv -- the format `csv`: its options, and the dialect they make.
 */
#include "connect/con_csv.h"

#include "connect/con_value.h"

#define CSV_DIALECT_OPTS                                                                         \
    { .name = "header",                                                                          \
        .kind = EVT_BOOL,                                                                        \
        .default_text = "true",                                                                  \
        .help = "the first record names the fields; without it they are the columns in order" }, \
        { .name = "delimiter",                                                                   \
            .kind = EVT_STRING,                                                                  \
            .default_text = "','",                                                               \
            .help = "one character, or 'tab'" },                                                 \
        { .name = "quote",                                                                       \
            .kind = EVT_STRING,                                                                  \
            .default_text = "'\"'",                                                              \
            .help = "one character; '' for no quoting" },                                        \
    {                                                                                            \
        .name = "null", .kind = EVT_STRING, .default_text = "''",                                \
        .help = "the text (unquoted) that stands for null"                                       \
    }

static const struct plan_opt_spec decode_opts[] = {
    CSV_DIALECT_OPTS,
    { .name = "escape",
        .kind = EVT_STRING,
        .default_text = "a doubled quote",
        .help = "one character that takes the next one as it is, inside quotes" },
    { .name = "ragged",
        .kind = EVT_STRING,
        .choices = "error|allow",
        .default_text = "error",
        .help = "too few or too many fields: a bad record, or null and ignored" },
    { .name = "trim",
        .kind = EVT_BOOL,
        .default_text = "false",
        .help = "blanks around unquoted fields are dropped" },
    { .name = "comment", .kind = EVT_STRING, .help = "lines that begin with this character are skipped" },
    CON_TIME_OPTS,
    { .name = "max_record",
        .kind = EVT_INT,
        .default_text = "16777216",
        .min = 16,
        .max = INT64_C(1) << 30,
        .help = "bytes; a longer record is skipped and goes to the errors" },
    { .name = NULL },
};

static const struct plan_opt_spec encode_opts[] = {
    CSV_DIALECT_OPTS,
    { .name = "quote_all", .kind = EVT_BOOL, .default_text = "false", .help = "quotes around every field" },
    { .name = NULL },
};

static enum cep_rc one_char(const struct plan_opt *opts, uint32_t n_opts, const char *name, char fallback,
    bool or_none, char *out, struct cep_err *err) {
    const struct plan_opt *opt = plan_opt_find(opts, n_opts, name);
    *out = fallback;
    if (!opt)
        return CEP_OK;
    struct base_str s = evt_val_str(&opt->val);
    if (base_str_ieq(s, BASE_STR("tab")) || base_str_eq(s, BASE_STR("\\t"))) {
        *out = '\t';
        return CEP_OK;
    }
    if (s.len == 0 && or_none) {
        *out = '\0';
        return CEP_OK;
    }
    if (s.len != 1 || (unsigned char)s.p[0] >= 0x80 || s.p[0] == '\n' || s.p[0] == '\r' || s.p[0] == '\0')
        return con_opt_err(
            err, opt, "option \"%s\" wants one ASCII character, not \"%.*s\"", name, BASE_STR_FMT(s));
    *out = s.p[0];
    return CEP_OK;
}

enum cep_rc con_csv_dialect(
    struct con_csv_dialect *d, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    *d = (struct con_csv_dialect){ .header = plan_opt_bool(opts, n_opts, "header", true) };
    enum cep_rc rc = one_char(opts, n_opts, "delimiter", ',', false, &d->delimiter, err);
    if (rc == CEP_OK)
        rc = one_char(opts, n_opts, "quote", '"', true, &d->quote, err);
    if (rc == CEP_OK)
        rc = one_char(opts, n_opts, "escape", '\0', true, &d->escape, err);
    if (rc != CEP_OK)
        return rc;
    if (d->delimiter == d->quote)
        return con_opt_err(
            err, plan_opt_find(opts, n_opts, "quote"), "delimiter and quote are the same character");
    if (d->escape == d->quote)
        d->escape = '\0'; /* the same as doubling */
    const struct plan_opt *null = plan_opt_find(opts, n_opts, "null");
    struct base_str s = plan_opt_str(opts, n_opts, "null", "");
    if (s.len >= sizeof d->null)
        return con_opt_err(err, null, "null text is longer than %zu bytes", sizeof d->null - 1);
    if (s.len)
        memcpy(d->null, s.p, s.len);
    d->null_len = s.len;
    return CEP_OK;
}

static enum cep_rc decode_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    struct con_csv_dialect d;
    struct con_time time;
    char comment;
    for (uint32_t i = 0; i < schema->n_visible; i++)
        if (!con_value_is_scalar(schema->cols[i].type))
            return base_err_set(err, CEP_ETYPE,
                "format \"csv\" cannot read column \"%.*s\": arrays and rows have no text",
                BASE_STR_FMT(schema->cols[i].name));
    enum cep_rc rc = con_csv_dialect(&d, opts, n_opts, err);
    if (rc == CEP_OK)
        rc = one_char(opts, n_opts, "comment", '\0', true, &comment, err);
    return rc == CEP_OK ? con_time_init(&time, opts, n_opts, 0, err) : rc;
}

static enum cep_rc encode_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    (void)schema;
    struct con_csv_dialect d;
    return con_csv_dialect(&d, opts, n_opts, err);
}

const struct con_format con_csv = {
    .spec = { .name = "csv",
        .decodes = true,
        .encodes = true,
        .decode_opts = decode_opts,
        .encode_opts = encode_opts,
        .decode_check = decode_check,
        .encode_check = encode_check,
        .help = "comma-separated values (RFC 4180), or any other delimiter" },
    .decoder = &con_csv_decoder,
    .encoder = &con_csv_encoder,
};
