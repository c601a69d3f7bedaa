/*
 * con_sink -- what all sinks share: their encoder, and the calls of con.h passed on.
 */
#include "connect/con_internal.h"

enum cep_rc con_sink_open(const struct plan_sink *ps, const struct evt_schema *schema,
    const struct con_env *env, struct con_sink **out, struct cep_err *err) {
    CEP_REQUIRE(env->now_us);
    *out = NULL;
    const struct con_connector *conn = con_find_connector(ps->connector->name);
    const struct con_format *format = ps->format ? con_find_format(ps->format->name) : &con_json;
    struct con_encoder *enc = NULL;
    enum cep_rc rc;
    if (!conn || !conn->sink)
        return base_err_set(err, CEP_EINVAL, "connector \"%s\" cannot be written to", ps->connector->name);
    if (!format || !format->encoder)
        return base_err_set(err, CEP_EINVAL, "format \"%s\" cannot be written", ps->format->name);
    rc = conn->spec.sink_check ? conn->spec.sink_check(schema, ps->opts, ps->n_opts, err) : CEP_OK;
    if (rc == CEP_OK && format->spec.encode_check)
        rc = format->spec.encode_check(schema, ps->format_opts, ps->n_format_opts, err);
    if (rc == CEP_OK)
        rc = format->encoder->open(ps, schema, &enc, err);
    if (rc == CEP_OK)
        rc = conn->sink->open(ps, env, enc, out, err);
    if (rc != CEP_OK) {
        if (enc)
            enc->vt->close(enc);
        return rc;
    }
    (*out)->vt = conn->sink;
    (*out)->sink = ps;
    (*out)->schema = schema;
    (*out)->env = *env;
    (*out)->enc = enc;
    return CEP_OK;
}

enum cep_rc con_sink_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    return sink->vt->write(sink, batch, err);
}

bool con_sink_busy(const struct con_sink *sink) {
    return sink->vt->busy && sink->vt->busy(sink);
}

enum cep_rc con_sink_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    return sink->vt->flush(sink, final, err);
}

void con_sink_stats(const struct con_sink *sink, struct con_sink_stats *out) {
    *out = sink->stats;
}

void con_sink_close(struct con_sink *sink) {
    if (!sink)
        return;
    sink->vt->close(sink);
    sink->enc->vt->close(sink->enc);
    base_free(sink);
}
