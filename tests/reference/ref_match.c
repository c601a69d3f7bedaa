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
    bool was_absent; /* an absence that it could end with is over: complete once, it goes on without */
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
    r->now_us = INT64_MIN;
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
    if (p->kind == REF_WAIT && p->hi_us >= 0 && !run->is_start && now->time_us - run->last_us >= p->hi_us)
        return false; /* nothing is awaited here any more */
    for (uint32_t i = 0; i < p->behind.n && run->was_absent; i++)
        if (is_var(now, run, p->behind.var[i]))
            return true;
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

/* Leaving the same out in two ways, as in (a? | b?), is one way. */
static void places_add(const struct now *now, struct places *l, struct ref_place *p) {
    CEP_REQUIRE(l->n < 100000);
    for (size_t i = 0; i < l->n && !now->r->calls.flink_groups; i++)
        if (ref_place_same(l->v[i], p))
            return;
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = p;
}

/* The places that are reached from p without taking the event. */
static void proceed(
    const struct now *now, const struct ref_run *run, const struct ref_place *p, struct places *out) {
    struct ref *r = now->r;
    switch (p->kind) {
    case REF_JOIN: places_add(now, out, p->next); break;
    case REF_NOT_NEXT:
        if (!is_var(now, run, p->nots.var[0]) && ref_place_after_not(r, p)->kind != REF_FINAL)
            places_add(now, out, ref_place_after_not(r, p));
        break;
    case REF_WAIT:
        for (uint32_t i = 0; i < p->n_heads; i++) {
            const struct ref_head *h = p->heads[i];
            if (!h->leaves || (r->calls.flink_groups && until_around(now, run, h->rest)))
                continue;
            bool narrows = h->unit->greedy && h->unit->min != h->unit->max && !h->free_leave;
            places_add(now, out, ref_place_leave(r, p, h, narrows && !until_of(now, run, h->unit)));
        }
        for (uint32_t i = 0; i < p->n_exits; i++)
            if (!r->calls.flink_groups || !until_around(now, run, p->exits[i]))
                places_add(now, out, ref_place_exit(r, p, p->exits[i]));
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
    places_add(now, &todo, at);
    for (size_t i = 0; i < todo.n && !yes; i++) {
        struct ref_place *p = todo.v[i];
        yes = p->kind == REF_FINAL;
        if (!yes && !held_back(now, run, p))
            proceed(now, run, p, &todo);
    }
    base_free(todo.v);
    return yes;
}

/* -- completed matches ----------------------------------------------------------------------------------------- */

static bool same_events(const struct ref_sofar *a, const struct ref_sofar *b) {
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = a->binds[i].var == b->binds[i].var && a->binds[i].event == b->binds[i].event;
    return same;
}

/* What was come to in several ways is one match. */
static void complete(struct ref *r, struct ref_sofar taken, uint64_t start) {
    for (size_t i = 0; i < r->n_done && !r->calls.flink_groups; i++)
        if (r->done[i].step == r->step - 1 && same_events(&r->done[i].taken, &taken))
            return;
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
        /* A match beyond the limit is not told, but it was one: it prunes as the others do. */
        prune(r, &d);
        if (!r->failed && (!r->pat->limit_matches || r->given[d.step]++ < r->pat->limit_matches))
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
    next.was_absent = false;
    next.place = to;
    next.last_us = now->time_us;
    if (run->is_start) {
        next.is_start = false;
        next.start_us = now->time_us;
        next.start = now->r->n_seen;
    }
    return next;
}

/* Two ways to the same place that hold for the same event are one. */
static bool known(const struct now *now, const struct runs *made, const struct ref_run *run) {
    for (size_t i = 0; i < made->n && !now->r->calls.flink_groups; i++) {
        const struct ref_run *o = &made->v[i];
        uint32_t n = run->taken.n;
        if (o->taken.n == n && (n == 0 || o->taken.binds[n - 1].var == run->taken.binds[n - 1].var) &&
            ref_place_same(o->place, run->place))
            return true;
    }
    return false;
}

/* made: all that came of the partial match so far, also what is complete. */
static void take_edges(const struct now *now, const struct ref_run *run, const struct ref_place *p,
    struct runs *made, struct runs *out) {
    for (uint32_t i = 0; i < p->n_heads; i++) {
        const struct ref_head *h = p->heads[i];
        if (!takes(now, run, p, h))
            continue;
        struct ref_run next = take(now, run, ref_place_taken(now->r, h), h->unit->body->var);
        if (known(now, made, &next))
            continue;
        runs_add(made, next);
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
    struct runs made = { 0 };
    places_add(now, &todo, run->place);
    for (size_t i = 0; i < todo.n; i++) {
        struct ref_place *p = todo.v[i];
        if (held_back(now, run, p) || (p->kind == REF_ABSENT && run->was_absent))
            continue;
        stopped |= forbidden(now, run, p);
        struct ref_run same = *run;
        if (p->kind == REF_WAIT) {
            take_edges(now, run, p, &made, out);
            same.place = p->twin ? p->twin : p;
            if (!run->is_start && ignores(now, run, p) && !known(now, &made, &same)) {
                runs_add(&made, same);
                runs_add(out, same);
            }
        } else if (p->kind == REF_ABSENT && !run->is_start && !forbidden(now, run, p)) {
            same.place = p;
            runs_add(out, same);
        } else if (p->kind == REF_NOT_NEXT && !forbidden(now, run, p)) {
            /* A last `!n` completes with this event, which is no n. */
            if (!run->is_start && ref_place_after_not(now->r, p)->kind == REF_FINAL)
                complete(now->r, run->taken, run->start);
        }
        proceed(now, run, p, &todo);
    }
    /* The start is no partial match that could end. */
    if (stopped && !run->is_start)
        out->n = before;
    base_free(made.v);
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

/* How many different first events the partial matches have; *oldest is the first of them. */
static uint64_t count_starts(const struct runs *l, uint64_t *oldest) {
    uint64_t n = 0;
    *oldest = UINT64_MAX;
    for (size_t i = 0; i < l->n; i++) {
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known |= l->v[k].start == l->v[i].start;
        n += !known;
        if (l->v[i].start < *oldest)
            *oldest = l->v[i].start;
    }
    return n;
}

/* `limit N open`: what this event starts needs room beside what is open. A match that it completes at once needs none. */
static void add_started(struct ref *r, struct runs *open, const struct runs *started) {
    uint64_t oldest, limit = r->pat->limit_open;
    if (started->n == 0)
        return;
    while (limit && count_starts(open, &oldest) >= limit) {
        if (r->pat->limit_refuse_new)
            return;
        size_t keep = 0;
        for (size_t i = 0; i < open->n; i++)
            if (open->v[i].start != oldest)
                open->v[keep++] = open->v[i];
        open->n = keep;
    }
    for (size_t i = 0; i < started->n; i++)
        runs_add(open, started->v[i]);
}

void ref_event(struct ref *r, int64_t time_us, uint32_t event) {
    ref_advance(r, time_us);
    if (r->failed)
        return;
    r->now_us = time_us;
    next_step(r);
    struct now now = { .r = r, .event = event, .time_us = time_us };
    struct runs open = { 0 }, started = { 0 };
    struct ref_run start = { .place = r->start, .is_start = true };
    r->n_seen++;
    for (size_t i = 0; i < r->n_runs; i++)
        step(&now, &r->runs[i], &open);
    step(&now, &start, &started);
    add_started(r, &open, &started);
    base_free(started.v);
    set_runs(r, &open);
    release(r, time_us);
}

/* -- time ---------------------------------------------------------------------------------------------------------- */

static int64_t min_time(int64_t a, int64_t from, int64_t d) {
    int64_t b = from > INT64_MAX - d ? INT64_MAX : from + d;
    return b < a ? b : a;
}

/*
 * How long after the event taken last something can still come of a match that stands here, without looking at
 * conditions; -1 = no limit. A bound that has passed rules out its step, not what can be had by leaving the step out.
 */
static int64_t patience(struct ref *r, const struct ref_place *p) {
    if (p->kind == REF_JOIN)
        return patience(r, p->next);
    if (p->hi_us < 0)
        return -1;
    int64_t most = p->hi_us;
    uint32_t n = p->kind == REF_WAIT ? p->n_heads + p->n_exits : 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct ref_place *q;
        if (i >= p->n_heads)
            q = ref_place_exit(r, p, p->exits[i - p->n_heads]);
        else if (p->heads[i]->leaves)
            q = ref_place_leave(r, p, p->heads[i], false);
        else
            continue;
        if (q->kind == REF_FINAL || q->kind == REF_DEAD)
            continue;
        int64_t d = patience(r, q);
        if (d < 0)
            return -1;
        most = d > most ? d : most;
    }
    return most;
}

/* How long after the event taken last an absence with a bound is over that can be had from here by leaving out; -1 = none. */
static int64_t absence(struct ref *r, const struct ref_place *p) {
    if (p->kind == REF_JOIN)
        return absence(r, p->next);
    if (p->kind == REF_ABSENT)
        return p->hi_us;
    int64_t least = -1;
    uint32_t n = p->kind == REF_WAIT ? p->n_heads + p->n_exits : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i < p->n_heads && !p->heads[i]->leaves)
            continue;
        int64_t d = absence(r, i < p->n_heads ? ref_place_leave(r, p, p->heads[i], false)
                                              : ref_place_exit(r, p, p->exits[i - p->n_heads]));
        if (d >= 0 && (least < 0 || d < least))
            least = d;
    }
    return least;
}

/* When a partial match's time is over; INT64_MAX = never. */
static int64_t deadline(struct ref *r, const struct ref_run *run) {
    int64_t t = INT64_MAX;
    if (r->pat->within_kind == PLAN_WITHIN_FIRST_LAST)
        t = min_time(t, run->start_us, r->pat->within_us);
    else if (r->pat->within_kind == PLAN_WITHIN_BETWEEN)
        t = min_time(t, run->last_us, r->pat->within_us);
    int64_t d = patience(r, run->place);
    return d < 0 ? t : min_time(t, run->last_us, d);
}

/* When an absence behind a loop or an optional step is over, or all is; the loop itself may go on. */
static int64_t absent_at(struct ref *r, const struct ref_run *run) {
    int64_t d = run->place->kind == REF_ABSENT || run->was_absent ? -1 : absence(r, run->place);
    return d < 0 ? INT64_MAX : min_time(deadline(r, run), run->last_us, d);
}

static bool completes_absent(struct ref *r, const struct ref_run *run, int64_t now_us) {
    return absent_at(r, run) <= now_us || (run->place->kind == REF_ABSENT && deadline(r, run) <= now_us);
}

/*
 * A partial match may stand in several places at once: it waits for one step here and has left it out there. It timed out
 * when it stands in none any more and none of them completes by an absence then; it is reported once, by the first run.
 */
static bool reports(struct ref *r, size_t at, int64_t now_us) {
    for (size_t i = 0; i < r->n_runs; i++) {
        const struct ref_run *other = &r->runs[i];
        if (i == at || !same_events(&other->taken, &r->runs[at].taken))
            continue;
        if (i < at || deadline(r, other) > now_us || completes_absent(r, other, now_us))
            return false;
    }
    return true;
}

void ref_advance(struct ref *r, int64_t time_us) {
    while (!r->failed) {
        int64_t next = INT64_MAX;
        for (size_t i = 0; i < r->n_runs; i++)
            next = min_time(min_time(next, deadline(r, &r->runs[i]), 0), absent_at(r, &r->runs[i]), 0);
        if (next == INT64_MAX || next > time_us)
            return;
        if (next < r->now_us)
            next = r->now_us;
        next_step(r);
        struct runs left = { 0 };
        for (size_t i = 0; i < r->n_runs; i++) {
            struct ref_run run = r->runs[i];
            bool over = deadline(r, &run) <= next, absent = completes_absent(r, &run, next);
            if (absent)
                complete(r, run.taken, run.start);
            else if (over && (r->calls.flink_groups || reports(r, i, next)))
                emit(&r->timeouts, run.taken, next);
            run.was_absent |= absent;
            if (!over)
                runs_add(&left, run);
        }
        set_runs(r, &left);
        release(r, next);
    }
}
