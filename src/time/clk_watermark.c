/*
 * clk_watermark -- see clk_watermark.h.
 */
#include "time/clk_watermark.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

void clk_wm_init(struct clk_wm *w, const struct clk_wm_spec *spec) {
    *w = (struct clk_wm){ .spec = *spec, .merged = EVT_TIME_MIN };
}

void clk_wm_release(struct clk_wm *w) {
    base_free(w->parts);
    *w = (struct clk_wm){ .merged = EVT_TIME_MIN };
}

void clk_wm_need(struct clk_wm *w, size_t part, int64_t mono_us) {
    while (w->n_parts <= part) {
        w->parts = base_grow(w->parts, w->n_parts, &w->cap_parts, sizeof *w->parts);
        w->parts[w->n_parts++] = (struct clk_wm_part){ .watermark = w->merged, .active_at = mono_us };
    }
}

/* time - back, held at the beginning of time: a watermark of MIN means "none yet", so the least one is MIN + 1. */
static int64_t minus(int64_t time, int64_t back) {
    return time < EVT_TIME_MIN + 1 + back ? EVT_TIME_MIN + 1 : time - back;
}

static uint32_t delay_events(struct clk_wm_part *p, int64_t back, const int64_t *time, uint32_t n,
    const uint64_t *skip, uint64_t *late) {
    int64_t wm = p->watermark;
    uint32_t n_late = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (skip && base_bits_get(skip, i))
            continue;
        if (time[i] <= wm) {
            base_bits_set(late, i);
            n_late++;
            continue;
        }
        int64_t next = minus(time[i], back);
        if (next > wm)
            wm = next;
    }
    p->watermark = wm;
    return n_late;
}

uint32_t clk_wm_events(struct clk_wm *w, size_t part, const int64_t *time, uint32_t n, const uint64_t *skip,
    const uint64_t *mark, uint64_t *late, int64_t mono_us) {
    clk_wm_need(w, part, mono_us);
    struct clk_wm_part *p = &w->parts[part];
    p->active_at = mono_us;
    p->silent = false;
    if (p->idle) {
        /* Back from idleness: what the others did meanwhile stands. */
        p->idle = false;
        if (p->watermark < w->merged)
            p->watermark = w->merged;
    }
    if (w->spec.kind == CLK_WM_DELAY)
        return delay_events(p, w->spec.delay_us + 1, time, n, skip, late);
    uint32_t n_late = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (skip && base_bits_get(skip, i))
            continue;
        if (time[i] <= p->watermark) {
            base_bits_set(late, i);
            n_late++;
        } else if (mark && base_bits_get(mark, i)) {
            p->watermark = time[i];
        }
    }
    return n_late;
}

void clk_wm_silent(struct clk_wm *w, size_t part) {
    for (size_t i = part == CLK_WM_ALL ? 0 : part; i < w->n_parts && (i == part || part == CLK_WM_ALL); i++)
        w->parts[i].silent = true;
}

void clk_wm_unheard(struct clk_wm *w) {
    for (size_t i = 0; i < w->n_parts; i++)
        w->parts[i].silent = false;
}

void clk_wm_end(struct clk_wm *w, size_t part) {
    if (part < w->n_parts)
        w->parts[part].ended = true;
}

/* When it falls idle if it stays silent. */
static int64_t idle_at(const struct clk_wm *w, const struct clk_wm_part *p) {
    return p->active_at > INT64_MAX - w->spec.idle_us ? INT64_MAX : p->active_at + w->spec.idle_us;
}

int64_t clk_wm_merge(struct clk_wm *w, int64_t mono_us, bool *all_idle) {
    int64_t least = EVT_TIME_MAX, of_idle = EVT_TIME_MIN;
    size_t n_open = 0, n_idle = 0;
    for (size_t i = 0; i < w->n_parts; i++) {
        struct clk_wm_part *p = &w->parts[i];
        if (p->ended)
            continue;
        n_open++;
        if (p->silent && w->spec.idle_us > 0 && mono_us >= idle_at(w, p))
            p->idle = true;
        if (p->idle) {
            n_idle++;
            if (p->watermark > of_idle)
                of_idle = p->watermark;
        } else if (p->watermark < least) {
            least = p->watermark;
        }
    }
    *all_idle = n_open > 0 && n_idle == n_open;
    if (*all_idle)
        least = of_idle;
    if (n_open > 0 && least > w->merged)
        w->merged = least;
    return w->merged;
}

void clk_wm_advance(struct clk_wm *w, int64_t us) {
    for (size_t i = 0; i < w->n_parts; i++)
        if (w->parts[i].watermark < us)
            w->parts[i].watermark = us;
    if (w->merged < us)
        w->merged = us;
}

size_t clk_wm_holder(const struct clk_wm *w) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < w->n_parts; i++) {
        const struct clk_wm_part *p = &w->parts[i];
        if (!p->ended && !p->idle && (best == SIZE_MAX || p->watermark < w->parts[best].watermark))
            best = i;
    }
    return best;
}

int64_t clk_wm_next_idle(const struct clk_wm *w) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < w->n_parts && w->spec.idle_us > 0; i++) {
        const struct clk_wm_part *p = &w->parts[i];
        if (!p->ended && !p->idle && p->silent && idle_at(w, p) < next)
            next = idle_at(w, p);
    }
    return next;
}
