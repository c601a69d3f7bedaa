/*
 * con_generate -- the connector `generate`: options, and column specs read into struct gen_spec.
 */
#include "connect/con_generate.h"

#include "connect/con_value.h"

#include <math.h>

enum { GEN_WORDS = 8, GEN_ZIPF_MAX = 10000000 };

static const struct plan_opt_spec source_opts[] = {
    { .name = "rows",
        .kind = EVT_INT,
        .default_text = "0",
        .min = 0,
        .max = INT64_MAX,
        .help = "how many; 0 = no end" },
    { .name = "rate",
        .kind = EVT_INT,
        .default_text = "0",
        .min = 0,
        .max = 1000000000,
        .help = "rows a second by the clock; 0 = as fast as possible" },
    { .name = "seed", .kind = EVT_INT, .default_text = "1", .help = "the same seed gives the same rows" },
    { .name = "keys",
        .kind = EVT_INT,
        .default_text = "1000",
        .min = 1,
        .max = INT64_C(1000000000),
        .help = "distinct values of string columns without a spec" },
    { .name = "start",
        .kind = EVT_STRING,
        .default_text = "'2026-01-01 00:00:00'",
        .help = "the first event's time, or 'now'" },
    { .name = "step",
        .kind = EVT_DURATION,
        .default_text = "1/rate, else 1 ms",
        .min = 0,
        .max = INT64_C(86400) * 366 * 1000000,
        .help = "event time from one row to the next" },
    { .name = "disorder",
        .kind = EVT_DURATION,
        .default_text = "0 s",
        .min = 0,
        .max = INT64_C(86400) * 366 * 1000000,
        .help = "event times are up to this much earlier than in order" },
    { .name = "null_share",
        .kind = EVT_DOUBLE,
        .default_text = "0",
        .help = "share of nulls in columns that may be null" },
    { .name = NULL },
};

const struct plan_opt *con_generate_opt(
    const struct evt_column *column, const struct plan_opt *opts, uint32_t n_opts) {
    for (const struct plan_opt_spec *s = source_opts; s->name; s++)
        if (base_str_eq(column->name, base_str_of(s->name)))
            return NULL;
    for (uint32_t i = 0; i < n_opts; i++)
        if (base_str_eq(opts[i].name, column->name))
            return &opts[i];
    return NULL;
}

struct words {
    uint32_t n;
    struct base_str w[GEN_WORDS];
};

static bool split_words(struct base_str s, struct words *out) {
    *out = (struct words){ .n = 0 };
    size_t i = 0;
    for (;;) {
        while (i < s.len && s.p[i] == ' ')
            i++;
        if (i == s.len)
            return true;
        if (out->n == GEN_WORDS)
            return false;
        size_t first = i;
        while (i < s.len && s.p[i] != ' ')
            i++;
        out->w[out->n++] = (struct base_str){ s.p + first, i - first };
    }
}

static bool is_number(enum evt_kind kind) {
    return kind == EVT_INT || kind == EVT_DOUBLE || kind == EVT_DECIMAL || kind == EVT_DURATION ||
           kind == EVT_TIMESTAMP;
}

static enum cep_rc bad_spec(
    struct cep_err *err, const struct plan_opt *opt, const struct evt_column *column, const char *what) {
    struct base_buf type = BASE_BUF_INIT;
    evt_type_write(&type, column->type);
    con_opt_err(err, opt, "column \"%.*s\" of type %s cannot be made by '%.*s': %s",
        BASE_STR_FMT(column->name), base_buf_cstr(&type), opt ? (int)opt->val.s.len : 0,
        opt ? opt->val.s.p : "", what);
    base_err_hint(err,
        "uniform LOW HIGH, normal MEAN DEVIATION, key PREFIX N, zipf PREFIX N S, pick A|B:3, sequence START "
        "STEP, const X, clock, null");
    base_buf_release(&type);
    return CEP_EINVAL;
}

/* A number in the column's unit: seconds or "5 min" for durations, a timestamp for timestamps. */
static bool unit_number(const struct evt_type *t, struct base_str s, double *out) {
    int64_t us;
    if (t->kind == EVT_TIMESTAMP && base_parse_timestamp(s, &us)) {
        *out = (double)us;
        return true;
    }
    if (t->kind == EVT_DURATION && base_parse_duration(s, &us)) {
        *out = (double)us;
        return true;
    }
    if (!base_parse_f64(s, out))
        return false;
    if (t->kind == EVT_DURATION)
        *out *= 1e6;
    for (unsigned i = 0; t->kind == EVT_DECIMAL && i < t->scale; i++)
        *out *= 10;
    return true;
}

static enum cep_rc spec_uniform(const struct evt_column *column, const struct plan_opt *opt,
    const struct words *w, struct gen_spec *out, struct cep_err *err) {
    double low = 0, high = 0;
    if (!is_number(column->type->kind))
        return bad_spec(err, opt, column, "not a number");
    if (w->n != 3 || !unit_number(column->type, w->w[1], &low) || !unit_number(column->type, w->w[2], &high))
        return bad_spec(err, opt, column, "two numbers are needed");
    if (out->kind == GEN_UNIFORM && !(low <= high))
        return bad_spec(err, opt, column, "the first number is above the second");
    out->a = low;
    out->b = out->kind == GEN_UNIFORM ? high - low : high;
    if (!(fabs(low) < 9e18 && fabs(high) < 9e18 && fabs(out->b) < 9e18))
        return bad_spec(err, opt, column, "the numbers are too large");
    out->i = (int64_t)low;
    out->width = (int64_t)out->b;
    return CEP_OK;
}

static enum cep_rc spec_key(struct base_arena *a, const struct evt_column *column, const struct plan_opt *opt,
    const struct words *w, struct gen_spec *out, struct cep_err *err) {
    bool text = column->type->kind == EVT_STRING;
    uint32_t at = 1;
    if (!text && column->type->kind != EVT_INT)
        return bad_spec(err, opt, column, "keys are strings or ints");
    if (text && w->n > at)
        out->prefix = base_arena_str(a, w->w[at++]);
    int64_t n = 0;
    if (w->n <= at || !base_parse_i64(w->w[at], &n) || n < 1)
        return bad_spec(err, opt, column, "how many keys?");
    out->n_keys = (uint64_t)n;
    at++;
    out->a = 1.0;
    if (out->kind == GEN_ZIPF && w->n > at && (!base_parse_f64(w->w[at++], &out->a) || out->a < 0))
        return bad_spec(err, opt, column, "the exponent is not a number from 0");
    if (w->n != at || out->prefix.len > 64)
        return bad_spec(err, opt, column, "too many words");
    if (out->kind != GEN_ZIPF)
        return CEP_OK;
    if (n > GEN_ZIPF_MAX)
        return bad_spec(err, opt, column, "at most 10000000 keys");
    out->cdf = BASE_ARENA_ARRAY(a, double, (size_t)n);
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        out->cdf[k] = sum += pow((double)(k + 1), -out->a);
    for (int64_t k = 0; k < n; k++)
        out->cdf[k] /= sum;
    return CEP_OK;
}

static bool spec_value(
    struct base_arena *a, const struct evt_column *column, struct base_str text, struct evt_val *out) {
    struct evt_col cell;
    struct con_time time = { .kind = CON_TIME_ISO };
    char reason[CON_REASON_MAX];
    struct evt_val v;
    char *padded = base_arena_alloc(a, text.len + CON_PAD);
    if (text.len)
        memcpy(padded, text.p, text.len);
    if (!con_value_is_scalar(column->type))
        return false;
    evt_col_init(&cell, column->type, 1);
    bool ok = con_value_text(&time, column, &cell, 0, (struct base_str){ padded, text.len }, reason);
    if (ok) {
        evt_col_get(&cell, 0, a, &v);
        *out = evt_val_copy(a, column->type, &v);
    }
    evt_col_release(&cell);
    return ok;
}

/* "DE:8|FR|BR" */
static enum cep_rc spec_pick(struct base_arena *a, const struct evt_column *column,
    const struct plan_opt *opt, struct base_str rest, struct gen_spec *out, struct cep_err *err) {
    size_t cap = 0, n = 0;
    while (rest.p) {
        const char *bar = memchr(rest.p, '|', rest.len);
        struct base_str item = { rest.p, bar ? (size_t)(bar - rest.p) : rest.len };
        rest = bar ? (struct base_str){ bar + 1, rest.len - item.len - 1 } : (struct base_str){ NULL, 0 };
        int64_t weight = 1;
        for (size_t i = item.len; i > 0; i--)
            if (item.p[i - 1] == ':') {
                if (base_parse_i64((struct base_str){ item.p + i, item.len - i }, &weight) && weight >= 0 &&
                    weight <= 1000000000)
                    item.len = i - 1;
                else
                    weight = 1;
                break;
            }
        out->choices = base_arena_grow(a, out->choices, n, &cap, sizeof *out->choices);
        out->total += (uint64_t)weight;
        out->choices[n] = (struct gen_choice){ .below = out->total };
        if (!spec_value(a, column, item, &out->choices[n++].val))
            return bad_spec(err, opt, column, "a choice is not a value of that type");
    }
    out->n_choices = (uint32_t)n;
    return out->total ? CEP_OK : bad_spec(err, opt, column, "the weights are all 0");
}

static struct base_str after_word(struct base_str s) {
    size_t i = 0;
    while (i < s.len && s.p[i] == ' ')
        i++;
    while (i < s.len && s.p[i] != ' ')
        i++;
    while (i < s.len && s.p[i] == ' ')
        i++;
    return (struct base_str){ s.p + i, s.len - i };
}

static enum cep_rc spec_default(struct base_arena *a, const struct evt_column *column, int64_t keys,
    struct gen_spec *out, struct cep_err *err) {
    switch (column->type->kind) {
    case EVT_BOOL: *out = (struct gen_spec){ .kind = GEN_UNIFORM, .width = 1 }; return CEP_OK;
    case EVT_INT: *out = (struct gen_spec){ .kind = GEN_UNIFORM, .width = 1000000 }; return CEP_OK;
    case EVT_DOUBLE: *out = (struct gen_spec){ .kind = GEN_UNIFORM, .b = 1.0 }; return CEP_OK;
    case EVT_STRING:
        *out = (struct gen_spec){
            .kind = GEN_KEY, .prefix = base_arena_str(a, column->name), .n_keys = (uint64_t)keys
        };
        if (out->prefix.len > 64)
            out->prefix.len = 64;
        return CEP_OK;
    case EVT_TIMESTAMP: *out = (struct gen_spec){ .kind = GEN_CLOCK }; return CEP_OK;
    case EVT_DURATION:
        *out = (struct gen_spec){ .kind = GEN_UNIFORM, .b = 60e6, .width = 60000000 };
        return CEP_OK;
    case EVT_DECIMAL:
        *out = (struct gen_spec){ .kind = GEN_UNIFORM, .b = 1, .width = 1 };
        for (unsigned i = 0; i < column->type->precision && i < 6; i++)
            out->width *= 10;
        out->width--;
        return CEP_OK;
    case EVT_NULL:
    case EVT_BYTES:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    *out = (struct gen_spec){ .kind = GEN_NULL };
    return column->not_null
               ? base_err_set(err, CEP_EINVAL, "column \"%.*s\": nothing to make it of, and not null",
                     BASE_STR_FMT(column->name))
               : CEP_OK;
}

enum cep_rc con_generate_spec(struct base_arena *a, const struct evt_column *column,
    const struct plan_opt *opt, int64_t default_keys, struct gen_spec *out, struct cep_err *err) {
    static const char *const names[GEN_MAX] = { "uniform", "normal", "key", "zipf", "pick", "sequence",
        "const", "clock", "null" };
    if (!opt)
        return spec_default(a, column, default_keys, out, err);
    *out = (struct gen_spec){ .kind = GEN_MAX };
    if (opt->type->kind != EVT_STRING)
        return con_opt_err(
            err, opt, "option \"%.*s\" wants a string such as 'uniform 0 100'", BASE_STR_FMT(opt->name));
    struct base_str text = evt_val_str(&opt->val), rest = after_word(text);
    struct words w;
    bool few = split_words(text, &w);
    for (int i = 0; i < GEN_MAX && w.n; i++)
        if (base_str_ieq(w.w[0], base_str_of(names[i])))
            out->kind = (enum gen_kind)i;
    switch (out->kind) {
    case GEN_UNIFORM:
    case GEN_NORMAL:
        return few ? spec_uniform(column, opt, &w, out, err) : bad_spec(err, opt, column, "too many words");
    case GEN_KEY:
    case GEN_ZIPF:
        return few ? spec_key(a, column, opt, &w, out, err) : bad_spec(err, opt, column, "too many words");
    case GEN_PICK: return spec_pick(a, column, opt, rest, out, err);
    case GEN_SEQUENCE:
        if (!is_number(column->type->kind))
            return bad_spec(err, opt, column, "not a number");
        out->b = 1;
        if (column->type->kind == EVT_DURATION && w.n < 3)
            out->b = 1e6;
        if (w.n > 3 || (w.n > 1 && !unit_number(column->type, w.w[1], &out->a)) ||
            (w.n > 2 && !unit_number(column->type, w.w[2], &out->b)) || !(fabs(out->a) < 9e18) ||
            !(fabs(out->b) < 9e18))
            return bad_spec(err, opt, column, "a start and a step are needed");
        out->i = (int64_t)out->a;
        out->width = (int64_t)out->b;
        return CEP_OK;
    case GEN_CONST: {
        out->kind = GEN_PICK;
        out->choices = BASE_ARENA_NEW(a, struct gen_choice);
        out->choices[0].below = out->total = 1;
        out->n_choices = 1;
        return spec_value(a, column, rest, &out->choices[0].val)
                   ? CEP_OK
                   : bad_spec(err, opt, column, "not a value of that type");
    }
    case GEN_CLOCK:
        return column->type->kind == EVT_TIMESTAMP ? CEP_OK : bad_spec(err, opt, column, "not a timestamp");
    case GEN_NULL: return column->not_null ? bad_spec(err, opt, column, "not null") : CEP_OK;
    case GEN_MAX: break;
    }
    return bad_spec(err, opt, column, "not a known word");
}

static enum cep_rc source_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    struct base_arena a;
    base_arena_init(&a, 0);
    for (uint32_t i = 0; rc == CEP_OK && i < n_opts; i++) {
        const struct plan_opt_spec *s = source_opts;
        while (s->name && !base_str_eq(opts[i].name, base_str_of(s->name)))
            s++;
        if (!s->name && evt_schema_find(schema, opts[i].name) < 0) {
            rc = con_opt_err(err, &opts[i],
                "connector \"generate\" has no option and the stream no column \"%.*s\"",
                BASE_STR_FMT(opts[i].name));
        } else if (s->name && strcmp(s->name, "start") == 0) {
            int64_t us;
            struct base_str text = evt_val_str(&opts[i].val);
            if (!base_str_ieq(text, BASE_STR("now")) && !base_parse_timestamp(text, &us))
                rc = con_opt_err(err, &opts[i], "not a timestamp: \"%.*s\"", BASE_STR_FMT(text));
        } else if (s->name && strcmp(s->name, "null_share") == 0) {
            double d = opts[i].type->kind == EVT_DOUBLE ? opts[i].val.d : (double)opts[i].val.i;
            if (!(d >= 0 && d <= 1))
                rc = con_opt_err(err, &opts[i], "null_share is %g, not between 0 and 1", d);
        }
    }
    for (uint32_t i = 0; rc == CEP_OK && i < schema->n_visible; i++) {
        struct gen_spec spec;
        rc = con_generate_spec(
            &a, &schema->cols[i], con_generate_opt(&schema->cols[i], opts, n_opts), 1, &spec, err);
    }
    base_arena_release(&a);
    return rc;
}

const struct con_connector con_generate = {
    .spec = { .name = "generate",
        .is_source = true,
        .replayable = true,
        .bounded = true,
        .default_format = "",
        .source_opts = source_opts,
        .open_opts = true,
        .source_check = source_check,
        .help =
            "made-up rows, the same for the same seed; COLUMN = 'uniform 0 1000' says what a column holds" },
    .source = &con_generate_source,
};
