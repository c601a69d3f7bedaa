/*
 * cmd_replay_diff -- see cmd_replay.h.
 */
#include "cepd/cmd_replay.h"

#include "base/base_arena.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "expr/expr_json.h"

#include <stdlib.h>

struct record {
    struct base_str line, content; /* content: without the id */
    int64_t at;                    /* its time */
    size_t number;
    int side;
    bool alone;
};

struct records {
    struct record *v; /* owned */
    size_t n, cap;
};

static struct base_str without_id(struct base_str line) {
    static const char id[] = "{\"id\":\"";
    const char *end = line.len >= sizeof id ? memchr(line.p + sizeof id - 1, '"', line.len - (sizeof id - 1))
                                            : NULL;
    if (!end || memcmp(line.p, id, sizeof id - 1) != 0)
        return line;
    return (struct base_str){ end, line.len - (size_t)(end - line.p) };
}

static void split(struct base_arena *a, const struct base_buf *text, int side, struct records *out) {
    size_t from = 0;
    *out = (struct records){ .n = 0 };
    while (from < text->len) {
        const char *end = memchr(text->p + from, '\n', text->len - from);
        size_t len = end ? (size_t)(end - (text->p + from)) : text->len - from;
        struct record r = { .line = { text->p + from, len }, .number = out->n, .side = side };
        r.content = without_id(r.line);
        struct base_str at;
        bool ok = expr_json_find(a, r.line, BASE_STR("$.at"), &at) == EXPR_JSON_STRING && at.len > 2;
        if (!ok || !base_parse_timestamp((struct base_str){ at.p + 1, at.len - 2 }, &r.at))
            r.at = INT64_MIN;
        out->v = base_grow(out->v, out->n, &out->cap, sizeof *out->v);
        out->v[out->n++] = r;
        from += len + 1;
    }
}

static int by_content(const void *a, const void *b) {
    const struct record *x = a, *y = b;
    int c = base_str_cmp(x->content, y->content);
    return c ? c : x->number < y->number ? -1 : x->number > y->number;
}

static int by_time(const void *a, const void *b) {
    const struct record *x = a, *y = b;
    int c = x->at != y->at ? (x->at < y->at ? -1 : 1) : x->side - y->side;
    return c ? c : x->number < y->number ? -1 : x->number > y->number;
}

static void sort(struct record *v, size_t n, int (*cmp)(const void *, const void *)) {
    if (n > 1)
        qsort(v, n, sizeof *v, cmp);
}

/* Both sorted by content: marks those without a counterpart. Returns: how many have one. */
static uint64_t pair(struct records *a, struct records *b) {
    uint64_t both = 0;
    size_t i = 0, k = 0;
    while (i < a->n || k < b->n) {
        int c = i == a->n ? 1 : k == b->n ? -1 : base_str_cmp(a->v[i].content, b->v[k].content);
        if (c < 0) {
            a->v[i++].alone = true;
        } else if (c > 0) {
            b->v[k++].alone = true;
        } else {
            both++;
            i++;
            k++;
        }
    }
    return both;
}

struct cmd_replay_diff cmd_replay_compare(struct base_buf *out, const struct base_buf records[2]) {
    struct cmd_replay_diff d = { .both = 0 };
    struct records r[2], alone = { .n = 0 };
    struct base_arena a;
    base_arena_init(&a, 0);
    for (int side = 0; side < 2; side++) {
        split(&a, &records[side], side, &r[side]);
        sort(r[side].v, r[side].n, by_content);
    }
    d.both = pair(&r[0], &r[1]);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < r[side].n; i++) {
            if (!r[side].v[i].alone)
                continue;
            alone.v = base_grow(alone.v, alone.n, &alone.cap, sizeof *alone.v);
            alone.v[alone.n++] = r[side].v[i];
            d.only[side]++;
        }
        base_free(r[side].v);
    }
    sort(alone.v, alone.n, by_time);
    for (size_t i = 0; i < alone.n; i++)
        base_buf_printf(out, "%c %.*s\n", alone.v[i].side ? '>' : '<', BASE_STR_FMT(alone.v[i].line));
    base_free(alone.v);
    base_arena_release(&a);
    return d;
}
