/*
 * con_text -- the format `text`. Reading: a regular expression (PCRE2, JIT) whose named groups fill the columns of
 * those names, a line at a time: log files. Writing: a template with expressions in braces, compiled by the front end.
 *
 * The match limit is set: a pattern that backtracks for ever on some line makes that line a bad one.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/base_arena.h"
#include "connect/con_lines.h"
#include "connect/con_value.h"
#include "expr/expr_eval.h"

#include <stdio.h>

enum { TEXT_MATCH_LIMIT = 1000000, TEXT_HEAP_LIMIT_KIB = 64 * 1024 };

/* -- reading ----------------------------------------------------------------------------------------------------- */

static const struct plan_opt_spec decode_opts[] = {
    { .name = "pattern",
        .kind = EVT_STRING,
        .required = true,
        .help = "a regular expression (Perl's) with a named group (?<column>...) for each column" },
    { .name = "unmatched",
        .kind = EVT_STRING,
        .choices = "error|ignore",
        .default_text = "error",
        .help = "lines that do not match: to the errors, or left out and counted" },
    CON_TIME_OPTS,
    { .name = "max_record",
        .kind = EVT_INT,
        .default_text = "16777216",
        .min = 16,
        .max = INT64_C(1) << 30,
        .help = "bytes; a longer line is skipped and goes to the errors" },
    { .name = NULL },
};

struct text_dec {
    struct con_decoder dec;
    struct con_time time;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    uint32_t *group; /* owned: of each column */
    bool ignore;
    char reason[CON_REASON_MAX];
};

static pcre2_code *text_compile(const struct plan_opt *opt, struct cep_err *err) {
    struct base_str pattern = evt_val_str(&opt->val);
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len,
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DUPNAMES, &code, &at, NULL);
    if (re)
        return re;
    char text[128];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    con_opt_err(err, opt, "regular expression is wrong at byte %zu: %s", (size_t)at, text);
    return NULL;
}

static enum cep_rc text_groups(pcre2_code *re, const struct evt_schema *schema, const struct plan_opt *opt,
    uint32_t *group, struct cep_err *err) {
    for (uint32_t i = 0; i < schema->n_visible; i++) {
        struct base_str name = schema->cols[i].name;
        char z[256];
        snprintf(z, sizeof z, "%.*s", BASE_STR_FMT(name));
        int n = pcre2_substring_number_from_name(re, (PCRE2_SPTR)z);
        if (n == PCRE2_ERROR_NOUNIQUESUBSTRING)
            return con_opt_err(err, opt, "regular expression has two groups named \"%s\"", z);
        if (n < 0) {
            con_opt_err(err, opt, "regular expression has no group for column \"%s\"", z);
            base_err_hint(err, "write (?<%s>...) around the part of the line that it is", z);
            return CEP_EINVAL;
        }
        if (group)
            group[i] = (uint32_t)n;
    }
    return CEP_OK;
}

static enum cep_rc decode_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    struct con_time time;
    const struct plan_opt *opt = plan_opt_find(opts, n_opts, "pattern");
    if (!opt)
        return base_err_set(err, CEP_EINVAL, "format \"text\" needs the option \"pattern\" to read");
    for (uint32_t i = 0; i < schema->n_visible; i++)
        if (!con_value_is_scalar(schema->cols[i].type))
            return base_err_set(err, CEP_ETYPE,
                "format \"text\" cannot read column \"%.*s\": arrays and rows have no text",
                BASE_STR_FMT(schema->cols[i].name));
    pcre2_code *re = text_compile(opt, err);
    if (!re)
        return CEP_EINVAL;
    enum cep_rc rc = text_groups(re, schema, opt, NULL, err);
    pcre2_code_free(re);
    return rc == CEP_OK ? con_time_init(&time, opts, n_opts, 0, err) : rc;
}

static bool text_row(struct text_dec *td, struct evt_batch *batch) {
    const struct evt_schema *s = td->dec.schema;
    const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(td->match);
    for (uint32_t i = 0; i < s->n_cols; i++) {
        PCRE2_SIZE from = ov[2 * td->group[i]], to = ov[2 * td->group[i] + 1];
        if (from == PCRE2_UNSET || from > to) {
            if (s->cols[i].not_null)
                return con_value_bad(
                    td->reason, s->cols[i].name, "not null, but its group took no part", BASE_STR(""));
            evt_col_set_null(&batch->cols[i], batch->n_rows);
        }
    }
    return true;
}

static size_t text_decode(struct con_decoder *dec, struct con_reader *rd, const char *from, size_t len,
    bool last, struct evt_batch *batch) {
    struct text_dec *td = (struct text_dec *)dec;
    const struct evt_schema *s = dec->schema;
    const char *p = from, *end = from + len;
    struct base_str line;
    while (!evt_batch_is_full(batch)) {
        const char *start = p;
        if (!con_line(&p, end, last, &line))
            break;
        if (line.len == 0 || con_reader_too_long(rd, start, line.len))
            continue;
        int n = pcre2_match(td->code, (PCRE2_SPTR)line.p, line.len, 0, 0, td->match, td->context);
        if (n < 0) {
            if (n == PCRE2_ERROR_NOMATCH && td->ignore) {
                rd->src->stats.unmatched++;
                continue;
            }
            con_reader_bad(rd, start, line.len,
                n == PCRE2_ERROR_NOMATCH ? "the line does not match the pattern"
                                         : "the pattern takes too long on this line");
            continue;
        }
        const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(td->match);
        bool ok = text_row(td, batch);
        for (uint32_t i = 0; ok && i < s->n_cols; i++) {
            PCRE2_SIZE a = ov[2 * td->group[i]], b = ov[2 * td->group[i] + 1];
            if (a != PCRE2_UNSET && a <= b)
                ok = con_value_text(&td->time, &s->cols[i], &batch->cols[i], batch->n_rows,
                    (struct base_str){ line.p + a, b - a }, td->reason);
        }
        if (ok) {
            batch->seq[batch->n_rows] = con_reader_position(rd, start);
            evt_batch_end_row(batch);
        } else {
            evt_batch_drop_row(batch);
            con_reader_bad(rd, start, line.len, td->reason);
        }
    }
    return (size_t)(p - from);
}

static void text_close(struct con_decoder *dec) {
    struct text_dec *td = (struct text_dec *)dec;
    pcre2_match_context_free(td->context);
    pcre2_match_data_free(td->match);
    pcre2_code_free(td->code);
    base_free(td->group);
    base_free(td);
}

static const struct con_decoder_vt decoder;

static enum cep_rc text_open(
    const struct con_decoder_args *args, struct con_decoder **out, struct cep_err *err) {
    struct text_dec *td = base_calloc(1, sizeof *td);
    const struct plan_opt *opt = plan_opt_find(args->opts, args->n_opts, "pattern");
    enum cep_rc rc = CEP_EINVAL;
    td->dec = (struct con_decoder){ .vt = &decoder,
        .schema = args->schema,
        .skips_bom = true,
        .max_record = (size_t)plan_opt_int(args->opts, args->n_opts, "max_record", CON_MAX_RECORD_DEFAULT) };
    td->ignore = base_str_eq(
        plan_opt_str(args->opts, args->n_opts, "unmatched", "error"), BASE_STR("ignore"));
    td->group = base_calloc(args->schema->n_cols + 1, sizeof *td->group);
    td->code = text_compile(opt, err);
    if (td->code)
        rc = text_groups(td->code, args->schema, opt, td->group, err);
    if (rc == CEP_OK)
        rc = con_time_init(&td->time, args->opts, args->n_opts, con_now(args->env), err);
    if (rc == CEP_OK) {
        (void)pcre2_jit_compile(td->code, PCRE2_JIT_COMPLETE); /* without it pcre2_match() interprets */
        td->match = pcre2_match_data_create_from_pattern(td->code, NULL);
        td->context = pcre2_match_context_create(NULL);
        CEP_INSIST(td->match && td->context);
        pcre2_set_match_limit(td->context, TEXT_MATCH_LIMIT);
        pcre2_set_heap_limit(td->context, TEXT_HEAP_LIMIT_KIB);
        *out = &td->dec;
    } else {
        text_close(&td->dec);
    }
    return rc;
}

static const struct con_decoder_vt decoder = {
    .open = text_open, .decode = text_decode, .close = text_close
};

/* -- writing ----------------------------------------------------------------------------------------------------- */

static const struct plan_opt_spec encode_opts[] = {
    { .name = "template",
        .kind = EVT_STRING,
        .required = true,
        .help = "the line to write, with expressions over the columns in braces: '{at} {message}'" },
    { .name = NULL },
};

struct text_enc {
    struct con_encoder enc;
    struct expr_env env;
    struct base_arena scratch;
    const struct plan_template *tmpl;
    const struct evt_batch *batch; /* of the row in hand */
    uint32_t row;
};

static void text_col(struct expr_env *env, uint32_t index, struct evt_val *out) {
    struct text_enc *te = CEP_CONTAINER_OF(env, struct text_enc, env);
    evt_col_get(&te->batch->cols[index], te->row, env->scratch, out);
}

static const struct expr_env_ops text_ops = { .col = text_col };

/* A line break inside a value would make two records of one. */
static void text_one_line(struct base_buf *out, size_t from) {
    for (size_t i = from; i < out->len; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
}

static void text_write_row(
    struct con_encoder *enc, const struct evt_batch *batch, uint32_t row, struct base_buf *out) {
    struct text_enc *te = (struct text_enc *)enc;
    te->batch = batch;
    te->row = row;
    for (uint32_t i = 0; i <= te->tmpl->n_holes; i++) {
        base_buf_str(out, te->tmpl->texts[i]);
        if (i == te->tmpl->n_holes)
            break;
        struct evt_val v;
        const struct expr *e = te->tmpl->holes[i];
        te->env.failure = NULL;
        expr_eval(e, &te->env, &v);
        size_t from = out->len;
        evt_val_write_text(out, e->type, &v);
        text_one_line(out, from);
    }
    base_buf_putc(out, '\n');
    if (te->scratch.used)
        base_arena_clear(&te->scratch);
}

static void text_write_close(struct con_encoder *enc) {
    struct text_enc *te = (struct text_enc *)enc;
    base_arena_release(&te->scratch);
    base_free(te);
}

static const struct con_encoder_vt encoder;

static enum cep_rc text_write_open(const struct plan_sink *sink, const struct evt_schema *schema,
    struct con_encoder **out, struct cep_err *err) {
    if (!sink->text_template)
        return base_err_set(err, CEP_EINVAL, "format \"text\" needs the option \"template\" to write");
    struct text_enc *te = base_calloc(1, sizeof *te);
    te->enc = (struct con_encoder){ .vt = &encoder, .schema = schema };
    base_arena_init(&te->scratch, 0);
    te->env = (struct expr_env){ .ops = &text_ops, .scratch = &te->scratch };
    te->tmpl = sink->text_template;
    *out = &te->enc;
    return CEP_OK;
}

static const struct con_encoder_vt encoder = { .content_type = "text/plain",
    .suffix = "txt",
    .open = text_write_open,
    .row = text_write_row,
    .close = text_write_close };

const struct con_format con_text = {
    .spec = { .name = "text",
        .decodes = true,
        .encodes = true,
        .decode_opts = decode_opts,
        .encode_opts = encode_opts,
        .decode_check = decode_check,
        .help = "reads lines by a regular expression with named groups, writes them by a template" },
    .decoder = &decoder,
    .encoder = &encoder,
};
