/*
 * con_sink -- what all sinks share: their encoder, and the calls of con.h passed on.
 */
#include "connect/con_internal.h"

/* A state: version, name of the connector, what it wrote. */
enum { SINK_STATE_VERSION = 1 };

static enum cep_rc state_read(
    struct base_str state, struct base_str *connector, struct base_str *rest, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(state);
    uint8_t version = base_unpack_u8(&u);
    *connector = base_unpack_str(&u);
    *rest = (struct base_str){ (const char *)u.p, (size_t)(u.end - u.p) };
    if (u.bad)
        return base_err_set(err, CEP_EDAMAGED, "what was kept of the sink is damaged");
    if (version != SINK_STATE_VERSION)
        return base_err_set(err, CEP_EVERSION, "what was kept of the sink is of version %u, not %u",
            (unsigned)version, (unsigned)SINK_STATE_VERSION);
    return CEP_OK;
}

/* The states that are this connector's; of others it is told what they held. */
static enum cep_rc states_of(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct base_str *mine, uint32_t *n, struct cep_err *err) {
    *n = 0;
    for (uint32_t i = 0; i < how->n_states; i++) {
        struct base_str connector, rest;
        enum cep_rc rc = state_read(how->states[i], &connector, &rest, err);
        if (rc != CEP_OK)
            return rc;
        if (base_str_eq(connector, base_str_of(ps->connector->name)))
            mine[(*n)++] = rest;
        else if (rest.len > 0 && how->subtask == 0)
            con_log(env, CON_LEVEL_WARNING,
                "sink \"%.*s\" was connector \"%.*s\": what that had not sent or committed yet, %zu bytes, "
                "is lost",
                BASE_STR_FMT(ps->name), BASE_STR_FMT(connector), rest.len);
    }
    return CEP_OK;
}

enum cep_rc con_sink_tell(struct base_str state, struct base_buf *words, struct cep_err *err) {
    struct base_str connector, rest;
    enum cep_rc rc = state_read(state, &connector, &rest, err);
    if (rc != CEP_OK)
        return rc;
    char *name = base_strndup(connector.p, connector.len);
    const struct con_connector *conn = con_find_connector(name);
    base_buf_str(words, connector);
    if (rest.len > 0 && (!conn || !conn->sink || !conn->sink->tell || !conn->sink->tell(rest, words)))
        rc = base_err_set(err, CEP_EDAMAGED, "what was kept of the sink is damaged");
    base_free(name);
    return rc;
}

bool con_sink_parallel(const struct plan_sink *ps) {
    const struct con_connector *conn = con_find_connector(ps->connector->name);
    return conn && conn->sink && conn->sink->parallel && conn->sink->parallel(ps);
}

enum cep_rc con_sink_open(const struct plan_sink *ps, const struct evt_schema *schema,
    const struct con_env *env, struct con_sink **out, struct cep_err *err) {
    struct con_sink_how how = { .n_states = 0 };
    return con_sink_open_as(ps, schema, env, &how, out, err);
}

enum cep_rc con_sink_open_as(const struct plan_sink *ps, const struct evt_schema *schema,
    const struct con_env *env, const struct con_sink_how *how, struct con_sink **out, struct cep_err *err) {
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
    struct con_sink_how mine = *how;
    struct base_str *states = base_calloc(how->n_states + 1, sizeof *states);
    mine.states = states;
    if (rc == CEP_OK)
        rc = states_of(ps, env, how, states, &mine.n_states, err);
    if (rc == CEP_OK)
        rc = format->encoder->open(ps, schema, &enc, err);
    if (rc == CEP_OK)
        rc = conn->sink->open(ps, env, &mine, enc, out, err);
    base_free(states);
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

enum cep_rc con_sink_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err) {
    base_pack_u8(state, SINK_STATE_VERSION);
    base_pack_str(state, base_str_of(sink->sink->connector->name));
    return sink->vt->prepare(sink, checkpoint, state, err);
}

enum cep_rc con_sink_commit(struct con_sink *sink, struct base_str state, struct cep_err *err) {
    struct base_str connector, rest;
    enum cep_rc rc = state_read(state, &connector, &rest, err);
    return rc == CEP_OK && sink->vt->commit ? sink->vt->commit(sink, rest, err) : rc;
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
