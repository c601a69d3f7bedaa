/*
 * dsl_lower_emit -- when groups give their results, and what becomes of those they gave before: `emit`, `discarding`, `allowed lateness`.
 */
#include "dsl/dsl_sem.h"

const char *dsl_window_word(enum plan_window w) {
    static const char *const words[PLAN_WINDOW_MAX] = { "\"group by\" without a window", "a tumbling window",
        "a sliding window", "a session window", "a count window", "a global window" };
    return words[w];
}

static bool early_ok(struct dsl_sem *c, const struct plan_aggregate *ag, const struct dsl_emit *e) {
    if (ag->window == PLAN_WINDOW_COUNT && ag->slide_n < ag->size_n) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            "a count window that shares its events gives its result with its last one alone");
        dsl_diag_note(c->diag, "count windows end to end (without \"every\") give early results");
        return false;
    }
    return true;
}

bool dsl_lower_emits(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out) {
    const struct dsl_emit *early = NULL;
    int64_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < q->n_emits && ok; i++) {
        const struct dsl_emit *e = &q->emits[i];
        if (e->kind == DSL_EMIT_WATERMARK || e->kind == DSL_EMIT_DEFAULT) {
            ok = out->window != PLAN_WINDOW_NONE;
            if (!ok) {
                dsl_diag_error(c->diag, e->span, CEP_EINVAL,
                    "\"group by\" without a window has no end that a watermark could pass");
                dsl_diag_note(c->diag, "add a window, or write: emit each event");
            }
            continue;
        }
        if (early) {
            dsl_diag_error(
                c->diag, e->span, CEP_EINVAL, "there is a second rule of when to give early results");
            dsl_diag_note_at(c->diag, early->span, "the first is here");
            return false;
        }
        early = e;
        ok = early_ok(c, out, e);
        if (!ok)
            break;
        if (e->kind == DSL_EMIT_EVERY) {
            out->emit = PLAN_EMIT_EVERY;
            ok = dsl_duration_of(c, e->arg, "\"emit every\"", false, &out->emit_us);
        } else if (e->kind == DSL_EMIT_EACH) {
            out->emit = PLAN_EMIT_EACH;
        } else {
            out->emit = PLAN_EMIT_AFTER;
            ok = dsl_count_of(c, e->arg, "\"emit after\"", INT32_MAX, &n);
            out->emit_n = (uint64_t)n;
        }
    }
    if (!early && out->window == PLAN_WINDOW_NONE)
        out->emit = PLAN_EMIT_EACH;
    return ok;
}

bool dsl_lower_accumulation(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out) {
    out->discarding = q->accumulation == DSL_ACC_DISCARDING;
    return dsl_lower_changes(c, q, out);
}

bool dsl_lower_lateness(
    struct dsl_sem *c, const struct dsl_query *q, const struct dsl_rows *in, struct plan_aggregate *out) {
    if (!q->lateness)
        return true;
    if (out->window != PLAN_WINDOW_TUMBLING && out->window != PLAN_WINDOW_SLIDING &&
        out->window != PLAN_WINDOW_SESSION) {
        dsl_diag_error(c->diag, q->lateness_span, CEP_EINVAL,
            "%s is not closed by time: nothing is late for it", dsl_window_word(out->window));
        return false;
    }
    if (in->node || (in->sym && (in->sym->kind != DSL_SYM_SOURCE || in->port != PLAN_PORT_MAIN))) {
        dsl_diag_error(c->diag, q->lateness_span, CEP_EINVAL,
            "\"%.*s\" has no late events: lateness is allowed where a source is read",
            BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "read the source itself, with \"where\" and the expressions in this select");
        return false;
    }
    if (in->sym && in->sym->stmt->stream.time == DSL_TIME_PROCESSING) {
        dsl_diag_error(c->diag, q->lateness_span, CEP_EINVAL,
            "stream \"%.*s\" has processing time: none of its events is late", BASE_STR_FMT(in->name));
        return false;
    }
    out->takes_late = true;
    return dsl_duration_of(c, q->lateness, "the allowed lateness", false, &out->lateness_us);
}
