/* ref_match -- the reference matcher's one rule for events, time, and what may follow a match. */
#include "tests/reference/ref_place.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <string.h>

struct ref_run {
    struct ref_place *place;
    struct ref_sofar taken;
    int64_t start_us, last_us; /* of the first and of the last event taken */
    uint64_t start;            /* the first event's number in the key's order */
    bool is_start;
};

/* A completed match that is not emitted yet. */
struct ref_done {
    struct ref_sofar taken;
    uint64_t start; /* as of struct ref_run */
    uint64_t step;  /* when it completed */
};

struct runs {
    struct ref_run *v;
    size_t n, cap;
};

/* One event (or none: time alone) at work. */
struct now {
    struct ref *r;
    uint32_t event;
    int64_t time_us;
};

struct ref *ref_new(const struct plan_pattern *pat, const struct ref_calls *calls) {
    struct ref *r = base_calloc(1, sizeof *r);
    base_arena_init(&r->arena, 0);
    r->pat = pat;
    r->calls = *calls;
    r->start = ref_place_start(r);
    return r;
}

void ref_free(struct ref *r) {
    if (!r)
        return;
    base_free(r->matches.v);
    base_free(r->timeouts.v);
    base_free(r->runs);
    base_free(r->done);
    base_free(r->given);
    base_arena_release(&r->arena);
    base_free(r);
}

size_t ref_open(const struct ref *r) {
    return r->n_runs;
}

static void runs_add(struct runs *l, struct ref_run run) {
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = run;
}

static void emit(struct ref_matches *l, struct ref_sofar events, int64_t at_us) {
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = (struct ref_match){ .events = events, .at_us = at_us };
}

/* -- conditions ---------------------------------------------------------------------------------------------- */

static bool is_var(const struct now *now, const struct ref_run *run, uint32_t var) {
    return now->r->calls.cond(now->r->calls.arg, var, now->event, &run->taken);
}

static bool until_of(const struct now *now, const struct ref_run *run, const struct ref_unit *u) {
    return u->until && now->r->calls.until(now->r->calls.arg, u->until, now->event, &run->taken);
}

/* Does one of the groups that we are in say until? */
static bool until_around(const struct now *now, const struct ref_run *run, const struct ref_rest *k) {
    for (; k; k = k->up)
        if (k->kind == REF_AGAIN && until_of(now, run, k->unit))
            return true;
    return false;
}

/* A bound is part of the condition: before it the event is not yet one. */
static bool in_bound(const struct now *now, const struct ref_run *run, const struct ref_place *p) {
    int64_t since = now->time_us - run->last_us;
    return run->is_start || (since >= p->lo_us && (p->hi_us < 0 || since < p->hi_us));
}

static bool fits(
    const struct now *now, const struct ref_run *run, const struct ref_place *p, const struct ref_head *h) {
    return in_bound(now, run, p) && is_var(now, run, h->unit->body->var);
}

static bool takes(
    const struct now *now, const struct ref_run *run, const struct ref_place *p, const struct ref_head *h) {
    return fits(now, run, p, h) && !(h->unit->max == PLAN_UNBOUNDED && until_of(now, run, h->unit)) &&
           !until_around(now, run, h->rest);
}

/* Greedy: an event that the loop before could take does nothing here. */
static bool held_back(const struct now *now, const struct ref_run *run, const struct ref_place *p) {
    for (uint32_t i = 0; i < p->n_greedy; i++)
        if (is_var(now, run, p->greedy[i]->unit->body->var) && !until_around(now, run, p->greedy[i]->rest))
            return true;
    return false;
}

static bool ignores(const struct now *now, const struct ref_run *run, const struct ref_place *p) {
    if (p->op == PLAN_NEXT)
        return false;
    if (p->hi_us >= 0 && !run->is_start && now->time_us - run->last_us >= p->hi_us)
        return false; /* too late to wait for it */
    if (p->op == PLAN_FOLLOWED)
        for (uint32_t i = 0; i < p->n_heads; i++)
            if (fits(now, run, p, p->heads[i]))
                return false;
    /* An until ends a loop under way; the wait for the first repetition does not know it. */
    if (p->n_heads == 1 && p->heads[0]->rep > 1 && until_of(now, run, p->heads[0]->unit))
        return false;
    return !until_around(now, run, p->untils);
}

static bool forbidden(const struct now *now, const struct ref_run *run, const struct ref_place *p) {
    for (uint32_t i = 0; i < p->nots.n; i++)
        if (is_var(now, run, p->nots.var[i]) && (p->kind != REF_ABSENT || in_bound(now, run, p)))
            return true;
    return false;
}

/* -- proceeding ------------------------------------------------------------------------------------------------ */

struct places {
    struct ref_place **v;
    size_t n, cap;
};

static void places_add(struct places *l, struct ref_place *p) {
    CEP_REQUIRE(l->n < 100000);
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = p;
}

/* The places that are reached from p without taking the event. */
static void proceed(
    const struct now *now, const struct ref_run *run, const struct ref_place *p, struct places *out) {
    struct ref *r = now->r;
    switch (p->kind) {
    case REF_JOIN: places_add(out, p->next); break;
    case REF_NOT_NEXT:
        if (!is_var(now, run, p->nots.var[0]) && ref_place_after_not(r, p)->kind != REF_FINAL)
            places_add(out, ref_place_after_not(r, p));
        break;
    case REF_WAIT:
        for (uint32_t i = 0; i < p->n_heads; i++) {
            const struct ref_head *h = p->heads[i];
            if (!h->leaves || until_around(now, run, h->rest))
                continue;
            bool narrows = h->unit->greedy && h->unit->min != h->unit->max && !h->free_leave;
            places_add(out, ref_place_leave(r, p, h, narrows && !until_of(now, run, h->unit)));
        }
        for (uint32_t i = 0; i < p->n_exits; i++)
            if (!until_around(now, run, p->exits[i]))
                places_add(out, ref_place_exit(r, p, p->exits[i]));
        break;
    case REF_DEAD:
    case REF_FINAL:
    case REF_ABSENT:
    case REF_PLACE_MAX: break;
    }
}

/* Is the match complete here without another event? Asked right after `event` was taken; run is as before that. */
static bool complete_at(const struct now *now, const struct ref_run *run, struct ref_place *at) {
    struct places todo = { 0 };
    bool yes = false;
    places_add(&todo, at);
    while (todo.n > 0 && !yes) {
        struct ref_place *p = todo.v[--todo.n];
        yes = p->kind == REF_FINAL;
        if (!yes && !held_back(now, run, p))
            proceed(now, run, p, &todo);
    }
    base_free(todo.v);
    return yes;
}

/* -- completed matches ----------------------------------------------------------------------------------------- */

static void complete(struct ref *r, struct ref_sofar taken, uint64_t start) {
    r->done = base_grow(r->done, r->n_done, &r->cap_done, sizeof *r->done);
    r->done[r->n_done++] = (struct ref_done){ .taken = taken, .start = start, .step = r->step - 1 };
}

/* Of one start: which completed first; then whose events come earliest, compared one by one. */
static int done_order(const struct ref_done *a, const struct ref_done *b) {
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    for (uint32_t i = 0; i < a->taken.n && i < b->taken.n; i++)
        if (a->taken.binds[i].event != b->taken.binds[i].event)
            return a->taken.binds[i].event < b->taken.binds[i].event ? -1 : 1;
    if (a->taken.n != b->taken.n)
        return a->taken.n < b->taken.n ? -1 : 1;
    for (uint32_t i = 0; i < a->taken.n; i++)
        if (a->taken.binds[i].var != b->taken.binds[i].var)
            return a->taken.binds[i].var < b->taken.binds[i].var ? -1 : 1;
    return 0;
}

/* The event to skip to. Returns: false = skips nowhere. */
static bool skip_target(struct ref *r, const struct ref_done *d, uint32_t *event) {
    const struct ref_bind *b = d->taken.binds;
    bool first = r->pat->skip == PLAN_SKIP_TO_FIRST, found = false;
    for (uint32_t i = 0; i < d->taken.n; i++)
        if (b[i].var == r->pat->skip_var && !(first && found)) {
            *event = b[i].event;
            found = true;
        }
    if (r->pat->skip_or_error && (!found || *event == b[0].event))
        r->failed = true;
    return found;
}

static bool pruned(const struct ref *r, const struct ref_done *d, uint32_t target, uint32_t start_event) {
    switch (r->pat->skip) {
    case PLAN_SKIP_PAST_LAST: return start_event <= d->taken.binds[d->taken.n - 1].event;
    case PLAN_SKIP_TO_NEXT: return start_event <= d->taken.binds[0].event;
    case PLAN_SKIP_TO_FIRST:
    case PLAN_SKIP_TO_LAST: return start_event < target;
    case PLAN_SKIP_NONE:
    case PLAN_SKIP_MAX: break;
    }
    return false;
}

static void prune(struct ref *r, const struct ref_done *d) {
    uint32_t target = 0;
    bool to_var = r->pat->skip == PLAN_SKIP_TO_FIRST || r->pat->skip == PLAN_SKIP_TO_LAST;
    if (r->pat->skip == PLAN_SKIP_NONE || (to_var && !skip_target(r, d, &target)))
        return;
    size_t keep = 0;
    for (size_t i = 0; i < r->n_runs; i++)
        if (!pruned(r, d, target, r->runs[i].taken.binds[0].event))
            r->runs[keep++] = r->runs[i];
    r->n_runs = keep;
    keep = 0;
    for (size_t i = 0; i < r->n_done; i++)
        if (!pruned(r, d, target, r->done[i].taken.binds[0].event))
            r->done[keep++] = r->done[i];
    r->n_done = keep;
}

/* Emits what need not wait. */
static void release(struct ref *r, int64_t at_us) {
    while (r->n_done > 0 && !r->failed) {
        size_t best = 0;
        for (size_t i = 1; i < r->n_done; i++)
            if (done_order(&r->done[i], &r->done[best]) < 0)
                best = i;
        if (r->pat->skip != PLAN_SKIP_NONE)
            for (size_t i = 0; i < r->n_runs; i++)
                if (r->runs[i].start < r->done[best].start)
                    return;
        struct ref_done d = r->done[best];
        memmove(&r->done[best], &r->done[best + 1], (r->n_done - best - 1) * sizeof *r->done);
        r->n_done--;
        if (r->pat->limit_matches && r->given[d.step] >= r->pat->limit_matches)
            continue;
        r->given[d.step]++;
        prune(r, &d);
        if (!r->failed)
            emit(&r->matches, d.taken, at_us);
    }
}

/* -- one event --------------------------------------------------------------------------------------------------- */

static struct ref_run take(
    const struct now *now, const struct ref_run *run, struct ref_place *to, uint32_t var) {
    struct ref_run next = *run;
    struct ref_bind *b = base_arena_calloc(&now->r->arena, run->taken.n + 1, sizeof *b);
    if (run->taken.n > 0)
        memcpy(b, run->taken.binds, run->taken.n * sizeof *b);
    b[run->taken.n] = (struct ref_bind){ var, now->event };
    next.taken = (struct ref_sofar){ run->taken.n + 1, b };
    next.place = to;
    next.last_us = now->time_us;
    if (run->is_start) {
        next.is_start = false;
        next.start_us = now->time_us;
        next.start = now->r->n_seen;
    }
    return next;
}

static void take_edges(
    const struct now *now, const struct ref_run *run, const struct ref_place *p, struct runs *out) {
    for (uint32_t i = 0; i < p->n_heads; i++) {
        const struct ref_head *h = p->heads[i];
        if (!takes(now, run, p, h))
            continue;
        struct ref_run next = take(now, run, ref_place_taken(now->r, h), h->unit->body->var);
        if (complete_at(now, run, next.place))
            complete(now->r, next.taken, next.start);
        if (next.place->kind != REF_FINAL && next.place->kind != REF_DEAD)
            runs_add(out, next);
    }
}

/* What becomes of one partial match: appended to out. */
static void step(const struct now *now, const struct ref_run *run, struct runs *out) {
    size_t before = out->n;
    bool stopped = false;
    struct places todo = { 0 };
    places_add(&todo, run->place);
    while (todo.n > 0) {
        struct ref_place *p = todo.v[--todo.n];
        if (held_back(now, run, p))
            continue;
        stopped |= forbidden(now, run, p);
        struct ref_run same = *run;
        if (p->kind == REF_WAIT) {
            take_edges(now, run, p, out);
            same.place = p->twin ? p->twin : p;
            if (!run->is_start && ignores(now, run, p))
                runs_add(out, same);
        } else if (p->kind == REF_ABSENT && !forbidden(now, run, p)) {
            same.place = p;
            runs_add(out, same);
        } else if (p->kind == REF_NOT_NEXT && !forbidden(now, run, p)) {
            /* A last `!n` completes with this event, which is no n. */
            if (!run->is_start && ref_place_after_not(now->r, p)->kind == REF_FINAL)
                complete(now->r, run->taken, run->start);
        }
        proceed(now, run, p, &todo);
    }
    if (stopped)
        out->n = before;
    base_free(todo.v);
}

/* What completes from here on completes together. */
static void next_step(struct ref *r) {
    r->given = base_grow(r->given, r->step, &r->cap_given, sizeof *r->given);
    r->given[r->step++] = 0;
}

static void set_runs(struct ref *r, struct runs *l) {
    base_free(r->runs);
    r->runs = l->v;
    r->n_runs = l->n;
    r->cap_runs = l->cap;
}

/* `limit N open`: at most N different first events. */
static void limit_open(struct ref *r, int64_t at_us) {
    if (!r->pat->limit_open)
        return;
    for (;;) {
        uint64_t starts = 0, oldest = UINT64_MAX;
        for (size_t i = 0; i < r->n_runs; i++) {
            bool known = false;
            for (size_t k = 0; k < i; k++)
                known |= r->runs[k].start == r->runs[i].start;
            starts += !known;
            if (r->runs[i].start < oldest)
                oldest = r->runs[i].start;
        }
        if (starts <= r->pat->limit_open)
            return;
        uint64_t drop = r->pat->limit_refuse_new ? r->n_seen : oldest;
        size_t keep = 0;
        for (size_t i = 0; i < r->n_runs; i++)
            if (r->runs[i].start != drop)
                r->runs[keep++] = r->runs[i];
        CEP_REQUIRE(keep < r->n_runs);
        r->n_runs = keep;
        release(r, at_us);
    }
}

void ref_event(struct ref *r, int64_t time_us, uint32_t event) {
    ref_advance(r, time_us);
    if (r->failed)
        return;
    next_step(r);
    struct now now = { .r = r, .event = event, .time_us = time_us };
    struct runs out = { 0 };
    r->n_seen++;
    for (size_t i = 0; i < r->n_runs; i++)
        step(&now, &r->runs[i], &out);
    struct ref_run start = { .place = r->start, .is_start = true };
    step(&now, &start, &out);
    set_runs(r, &out);
    release(r, time_us);
    limit_open(r, time_us);
}

/* -- time ---------------------------------------------------------------------------------------------------------- */

static int64_t min_time(int64_t a, int64_t from, int64_t d) {
    int64_t b = from > INT64_MAX - d ? INT64_MAX : from + d;
    return b < a ? b : a;
}

/* When a partial match's time is over; INT64_MAX = never. */
static int64_t deadline(const struct ref *r, const struct ref_run *run) {
    int64_t t = INT64_MAX;
    if (r->pat->within_kind == PLAN_WITHIN_FIRST_LAST)
        t = min_time(t, run->start_us, r->pat->within_us);
    else if (r->pat->within_kind == PLAN_WITHIN_BETWEEN)
        t = min_time(t, run->last_us, r->pat->within_us);
    if (run->place->hi_us >= 0 && !ref_place_leaves(run->place))
        t = min_time(t, run->last_us, run->place->hi_us);
    return t;
}

void ref_advance(struct ref *r, int64_t time_us) {
    while (!r->failed) {
        int64_t next = INT64_MAX;
        for (size_t i = 0; i < r->n_runs; i++)
            if (deadline(r, &r->runs[i]) < next)
                next = deadline(r, &r->runs[i]);
        if (next == INT64_MAX || next > time_us)
            return;
        next_step(r);
        struct runs left = { 0 };
        for (size_t i = 0; i < r->n_runs; i++) {
            const struct ref_run *run = &r->runs[i];
            if (deadline(r, run) > next)
                runs_add(&left, *run);
            else if (run->place->kind == REF_ABSENT)
                complete(r, run->taken, run->start);
            else
                emit(&r->timeouts, run->taken, next);
        }
        set_runs(r, &left);
        release(r, next);
    }
}
