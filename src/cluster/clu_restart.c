/*
 * clu_restart -- see clu_restart.h.
 */
#include "cluster/clu_restart.h"

#include "base/base_err.h"
#include "base/base_num.h"

enum { ATTEMPTS_MAX = 1000000 };

#define FIXED       (1u << RT_RESTART_FIXED_DELAY)
#define EXPONENTIAL (1u << RT_RESTART_EXPONENTIAL_DELAY)
#define RATE        (1u << RT_RESTART_FAILURE_RATE)

/* Which strategies look at a number. */
static const struct {
    enum clu_config_key key;
    unsigned kinds;
    const char *of; /* their names, for messages */
} numbers[] = {
    { CLU_CFG_RESTART_ATTEMPTS, FIXED | RATE, "fixed-delay and failure-rate" },
    { CLU_CFG_RESTART_DELAY, FIXED | EXPONENTIAL | RATE, "fixed-delay, exponential-delay and failure-rate" },
    { CLU_CFG_RESTART_MAX_DELAY, EXPONENTIAL, "exponential-delay" },
    { CLU_CFG_RESTART_FACTOR, EXPONENTIAL, "exponential-delay" },
    { CLU_CFG_RESTART_RESET, EXPONENTIAL, "exponential-delay" },
    { CLU_CFG_RESTART_INTERVAL, RATE, "failure-rate" },
};

static enum cep_rc check_numbers(const struct clu_config *c, enum rt_restart_kind kind, struct cep_err *err) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *from = c->from[numbers[i].key];
        if (!from || (numbers[i].kinds >> kind & 1u))
            continue;
        base_err_set(err, CEP_EINVAL, "%s: \"%s\" means nothing to restart.strategy %s", from,
            clu_config_name(numbers[i].key), rt_restart_name(kind));
        base_err_hint(err, "it is for %s", numbers[i].of);
        return CEP_EINVAL;
    }
    return CEP_OK;
}

static enum cep_rc find_kind(
    const struct clu_config *c, bool kept, enum rt_restart_kind *kind, struct cep_err *err) {
    *kind = RT_RESTART_NONE;
    if (!kept && !c->from[CLU_CFG_RESTART])
        return CEP_OK;
    if (!rt_restart_find(c->values[CLU_CFG_RESTART], kind))
        return clu_config_bad(
            c, CLU_CFG_RESTART, "\"none\", \"fixed-delay\", \"exponential-delay\" or \"failure-rate\"", err);
    if (kept || *kind == RT_RESTART_NONE)
        return CEP_OK;
    base_err_set(err, CEP_EINVAL, "%s: a job that keeps no checkpoints has nothing to go back to",
        c->from[CLU_CFG_RESTART]);
    base_err_hint(err, "--state-dir DIR says where they lie");
    return CEP_EINVAL;
}

static enum cep_rc read_factor(const struct clu_config *c, uint32_t *percent, struct cep_err *err) {
    double factor;
    if (!base_parse_f64(base_str_of(c->values[CLU_CFG_RESTART_FACTOR]), &factor) ||
        !(factor >= 1 && factor <= 100))
        return clu_config_bad(c, CLU_CFG_RESTART_FACTOR, "a number from 1 to 100", err);
    *percent = (uint32_t)(factor * 100 + 0.5);
    return CEP_OK;
}

enum cep_rc clu_restart_config(
    const struct clu_config *c, bool kept, struct rt_restart_spec *out, struct cep_err *err) {
    enum rt_restart_kind kind;
    int64_t attempts = 0;
    enum cep_rc rc = find_kind(c, kept, &kind, err);
    rt_restart_defaults(out, kind);
    if (rc == CEP_OK)
        rc = check_numbers(c, kind, err);
    if (rc != CEP_OK || kind == RT_RESTART_NONE)
        return rc;
    rc = clu_config_int(c, CLU_CFG_RESTART_ATTEMPTS, 1, ATTEMPTS_MAX, &attempts, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_RESTART_DELAY, &out->delay_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_RESTART_MAX_DELAY, &out->max_delay_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_RESTART_RESET, &out->reset_after_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_RESTART_INTERVAL, &out->interval_us, err);
    if (rc == CEP_OK)
        rc = read_factor(c, &out->factor_percent, err);
    out->attempts = (uint32_t)attempts;
    if (rc == CEP_OK && kind == RT_RESTART_EXPONENTIAL_DELAY && out->max_delay_us < out->delay_us)
        return base_err_set(err, CEP_EINVAL, "restart.max-delay (%s) is shorter than restart.delay (%s)",
            c->values[CLU_CFG_RESTART_MAX_DELAY], c->values[CLU_CFG_RESTART_DELAY]);
    return rc;
}
