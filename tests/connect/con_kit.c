/*
 * con_kit -- see con_kit.h. Mistakes in a test's own text abort.
 */
#include "tests/connect/con_kit.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "connect/con_internal.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct con_kit *kit_of(void *arg) {
    return arg;
}

static int64_t kit_now(void *arg) {
    struct con_kit *k = kit_of(arg);
    struct con_env wall;
    con_env_init(&wall);
    return (k->now_us ? k->now_us : wall.now_us(NULL)) + k->set_by_us;
}

static int64_t kit_mono(void *arg) {
    struct con_kit *k = kit_of(arg);
    struct con_env system;
    con_env_init(&system);
    return k->now_us ? k->now_us : system.mono_us(NULL);
}

static void kit_log(void *arg, enum con_level level, const char *text) {
    static const char *const names[CON_LEVEL_MAX] = { "info", "warning", "error" };
    base_buf_printf(&kit_of(arg)->log, "%s: %s\n", names[level], text);
}

static void kit_wake(void *arg) {
    kit_of(arg)->n_wakes++;
}

static void kit_bad(void *arg, const struct con_bad *bad) {
    struct con_kit *k = kit_of(arg);
    k->n_bad++;
    base_buf_printf(&k->bad, "%.*s@%llu: %s [%.*s]\n", BASE_STR_FMT(bad->partition_name),
        (unsigned long long)bad->offset, bad->reason, bad->record.len < 60 ? (int)bad->record.len : 60,
        bad->record.p);
}

void con_kit_init(struct con_kit *k) {
    con_kit_init_bare(k);
    k->loop = event_base_new();
    snprintf(k->dir, sizeof k->dir, "%s/con-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    CEP_INSIST(k->loop && mkdtemp(k->dir));
    k->env.base_dir = k->dir;
    k->env.loop = k->loop;
}

void con_kit_init_bare(struct con_kit *k) {
    *k = (struct con_kit){ .now_us = 0 };
    base_arena_init(&k->arena, 0);
    con_env_init(&k->env);
    k->env.now_us = kit_now;
    k->env.mono_us = kit_mono;
    k->env.log = kit_log;
    k->env.wake = kit_wake;
    k->env.bad = kit_bad;
    k->env.arg = k;
}

void con_kit_release(struct con_kit *k) {
    if (k->dir[0]) {
        char *cmd = base_arena_printf(&k->arena, "rm -rf '%s'", k->dir);
        CEP_INSIST(system(cmd) == 0);
        event_base_free(k->loop);
    }
    base_buf_release(&k->log);
    base_buf_release(&k->bad);
    base_arena_release(&k->arena);
}

/* -- schemas and options ----------------------------------------------------------------------------------------- */

struct text {
    const char *p;
};

static void blanks(struct text *t) {
    while (*t->p == ' ' || *t->p == '\n')
        t->p++;
}

static bool take(struct text *t, const char *word) {
    blanks(t);
    size_t n = strlen(word);
    if (strncmp(t->p, word, n) != 0)
        return false;
    t->p += n;
    return true;
}

static struct base_str word(struct con_kit *k, struct text *t) {
    blanks(t);
    const char *first = t->p;
    if (*first == '"') {
        t->p = strchr(first + 1, '"') + 1;
        return base_arena_str(&k->arena, (struct base_str){ first + 1, (size_t)(t->p - first - 2) });
    }
    while (*t->p && !strchr(" ,()='\n", *t->p))
        t->p++;
    return base_arena_str(&k->arena, (struct base_str){ first, (size_t)(t->p - first) });
}

static struct evt_column *columns(struct con_kit *k, struct text *t, uint32_t *n);

static const struct evt_type *type(struct con_kit *k, struct text *t) {
    struct base_str name = word(k, t);
    if (base_str_eq(name, BASE_STR("array"))) {
        CEP_INSIST(take(t, "("));
        const struct evt_type *elem = type(k, t);
        CEP_INSIST(take(t, ")"));
        return evt_type_array(&k->arena, elem);
    }
    if (base_str_eq(name, BASE_STR("row"))) {
        uint32_t n;
        CEP_INSIST(take(t, "("));
        struct evt_column *fields = columns(k, t, &n);
        CEP_INSIST(take(t, ")"));
        return evt_type_row(&k->arena, n, fields);
    }
    if (base_str_eq(name, BASE_STR("decimal"))) {
        unsigned p, s;
        int used;
        CEP_INSIST(sscanf(t->p, "(%u,%u)%n", &p, &s, &used) == 2);
        t->p += used;
        return evt_type_decimal(&k->arena, p, s);
    }
    for (int kind = EVT_BOOL; kind < EVT_DECIMAL; kind++)
        if (base_str_eq(name, base_str_of(evt_kind_name((enum evt_kind)kind))))
            return evt_type_of((enum evt_kind)kind);
    CEP_INSIST(!"a type");
    return NULL;
}

static struct evt_column *columns(struct con_kit *k, struct text *t, uint32_t *n) {
    struct evt_column *cols = NULL;
    size_t count = 0, cap = 0;
    do {
        struct evt_column c = { .name = word(k, t) };
        c.type = type(k, t);
        c.not_null = take(t, "not null");
        cols = base_arena_grow(&k->arena, cols, count, &cap, sizeof *cols);
        cols[count++] = c;
    } while (take(t, ","));
    *n = (uint32_t)count;
    return cols;
}

const struct evt_schema *con_kit_schema(struct con_kit *k, const char *text) {
    struct text t = { text };
    struct evt_schema *s = BASE_ARENA_NEW(&k->arena, struct evt_schema);
    s->cols = columns(k, &t, &s->n_cols);
    s->n_visible = s->n_cols;
    blanks(&t);
    CEP_INSIST(*t.p == '\0');
    return s;
}

static void value(struct con_kit *k, struct text *t, struct plan_opt *opt) {
    blanks(t);
    if (*t->p == '\'') {
        struct base_buf b = BASE_BUF_INIT;
        for (t->p++; *t->p != '\'' || t->p[1] == '\''; t->p++) {
            t->p += *t->p == '\'';
            CEP_INSIST(*t->p);
            base_buf_putc(&b, *t->p);
        }
        t->p++;
        opt->type = evt_type_of(EVT_STRING);
        struct base_str s = base_arena_str(&k->arena, (struct base_str){ b.p ? b.p : "", b.len });
        opt->val.s.p = s.p;
        opt->val.s.len = (uint32_t)s.len;
        base_buf_release(&b);
        return;
    }
    const char *first = t->p;
    while (*t->p && *t->p != ',')
        t->p++;
    struct base_str s = { first, (size_t)(t->p - first) };
    while (s.len && s.p[s.len - 1] == ' ')
        s.len--;
    if (base_str_eq(s, BASE_STR("true")) || base_str_eq(s, BASE_STR("false"))) {
        opt->type = evt_type_of(EVT_BOOL);
        opt->val.b = s.p[0] == 't';
    } else if (base_parse_i64(s, &opt->val.i)) {
        opt->type = evt_type_of(EVT_INT);
    } else if (base_parse_f64(s, &opt->val.d)) {
        opt->type = evt_type_of(EVT_DOUBLE);
    } else {
        CEP_INSIST(base_parse_duration(s, &opt->val.i));
        opt->type = evt_type_of(EVT_DURATION);
    }
}

const struct plan_opt *con_kit_opts(struct con_kit *k, const char *text, uint32_t *n) {
    struct plan_opt *opts = NULL;
    size_t count = 0, cap = 0;
    struct text t = { text ? text : "" };
    blanks(&t);
    if (*t.p)
        do {
            struct plan_opt opt = { .span = { .line = (uint32_t)count + 1 } };
            opt.name = word(k, &t);
            CEP_INSIST(take(&t, "="));
            value(k, &t, &opt);
            opts = base_arena_grow(&k->arena, opts, count, &cap, sizeof *opts);
            opts[count++] = opt;
        } while (take(&t, ","));
    *n = (uint32_t)count;
    return opts;
}

const struct plan_node *con_kit_stream(struct con_kit *k, const char *cols, const char *connector,
    const char *opts, const char *format, const char *format_opts) {
    struct plan_node *node = BASE_ARENA_NEW(&k->arena, struct plan_node);
    const struct con_connector *conn = con_find_connector(connector);
    CEP_INSIST(conn);
    node->kind = PLAN_NODE_SOURCE;
    node->name = BASE_STR("s");
    node->schema = node->late_schema = con_kit_schema(k, cols);
    node->source.connector = &conn->spec;
    node->source.format = format ? &con_find_format(format)->spec : NULL;
    node->source.opts = con_kit_opts(k, opts, &node->source.n_opts);
    node->source.format_opts = con_kit_opts(k, format_opts, &node->source.n_format_opts);
    return node;
}

const struct plan_sink *con_kit_sink(
    struct con_kit *k, const char *connector, const char *opts, const char *format, const char *format_opts) {
    struct plan_sink *sink = BASE_ARENA_NEW(&k->arena, struct plan_sink);
    sink->name = BASE_STR("out");
    sink->connector = &con_find_connector(connector)->spec;
    sink->format = format ? &con_find_format(format)->spec : NULL;
    sink->opts = con_kit_opts(k, opts, &sink->n_opts);
    sink->format_opts = con_kit_opts(k, format_opts, &sink->n_format_opts);
    return sink;
}

struct con_source *con_kit_open(struct con_kit *k, const char *cols, const char *connector, const char *opts,
    const char *format, const char *format_opts) {
    struct con_source *src;
    struct cep_err err = CEP_ERR_INIT;
    if (con_source_open(con_kit_stream(k, cols, connector, opts, format, format_opts), &k->env, &src, &err) !=
        CEP_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return src;
}

void con_kit_rows(struct base_buf *to, const struct evt_batch *batch) {
    struct con_encoder *enc;
    CEP_INSIST(con_json.encoder->open(NULL, batch->schema, &enc, NULL) == CEP_OK);
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows; row = con_next_row(batch, row + 1))
        enc->vt->row(enc, batch, row, to);
    enc->vt->close(enc);
}

bool con_kit_read(struct con_kit *k, struct con_source *src, struct base_buf *rows, int idle_ms) {
    struct evt_batch *batch = evt_batch_new(src->node->schema, 0);
    struct con_chunk chunk = { .batch = batch };
    bool over = false;
    for (int idle = 0; !over && idle <= idle_ms;) {
        struct cep_err err = CEP_ERR_INIT;
        enum cep_rc rc = con_source_poll(src, CON_ANY, &chunk, &err);
        if (rc == CEP_OK) {
            con_kit_rows(rows, batch);
            evt_batch_clear(batch);
            idle = 0;
        } else if (rc == CEP_AGAIN) {
            event_base_loop(k->loop, EVLOOP_NONBLOCK);
            usleep(1000);
            idle++;
        } else {
            if (rc != CEP_NONE)
                base_buf_printf(&k->log, "failed: %s\n", err.message);
            over = true;
        }
    }
    evt_batch_unref(batch);
    return over;
}

/* A source whose bytes come from memory. */
struct mem_source {
    struct con_source src;
    const char *bytes;
    size_t len, at, piece;
};

static enum cep_rc mem_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    struct mem_source *ms = (struct mem_source *)src;
    (void)err;
    size_t n = ms->piece ? ms->piece : ms->len, room;
    n = n < ms->len - ms->at ? n : ms->len - ms->at;
    if (n == 0)
        return CEP_NONE;
    char *to = con_reader_room(&part->rd, n, &room);
    memcpy(to, ms->bytes + ms->at, n);
    ms->at += n;
    con_reader_added(&part->rd, n);
    return CEP_OK;
}

static void mem_close(struct con_source *src) {
    base_free(src);
}

void con_kit_decode(struct con_kit *k, const char *cols, const char *format, const char *format_opts,
    const char *bytes, size_t len, size_t piece, struct base_buf *rows) {
    static const struct con_source_vt vt = { .fill = mem_fill, .close = mem_close };
    const struct plan_node *node = con_kit_stream(k, cols, "stdin", NULL, format, format_opts);
    struct mem_source *ms = base_calloc(1, sizeof *ms);
    struct cep_err err = CEP_ERR_INIT;
    con_source_init(&ms->src, &vt, node, &k->env, con_find_format(format));
    ms->bytes = bytes;
    ms->len = len;
    ms->piece = piece;
    if (!con_source_add(&ms->src, "mem", NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    CEP_INSIST(con_kit_read(k, &ms->src, rows, 0));
    con_source_close(&ms->src);
}

struct evt_batch *con_kit_batch(struct con_kit *k, const struct evt_schema *schema, const char *ndjson) {
    static const struct con_source_vt vt = { .fill = mem_fill, .close = mem_close };
    struct plan_node *node = BASE_ARENA_NEW(&k->arena, struct plan_node);
    *node = *con_kit_stream(k, "x int", "stdin", NULL, "json", NULL);
    node->schema = schema;
    struct mem_source *ms = base_calloc(1, sizeof *ms);
    con_source_init(&ms->src, &vt, node, &k->env, &con_json);
    ms->bytes = ndjson;
    ms->len = strlen(ndjson);
    CEP_INSIST(con_source_add(&ms->src, "mem", NULL, NULL));
    struct con_chunk chunk = { .batch = evt_batch_new(schema, 0) };
    uint64_t before = k->n_bad;
    CEP_INSIST(con_source_poll(&ms->src, CON_ANY, &chunk, NULL) == CEP_OK && k->n_bad == before);
    con_source_close(&ms->src);
    return chunk.batch;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

char *con_kit_path(struct con_kit *k, const char *name) {
    return base_arena_printf(&k->arena, "%s/%s", k->dir, name);
}

void con_kit_write(struct con_kit *k, const char *name, const char *bytes, size_t len, bool append) {
    int fd = open(con_kit_path(k, name), O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666);
    CEP_INSIST(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

char *con_kit_slurp(struct con_kit *k, const char *name) {
    struct stat st;
    int fd = open(con_kit_path(k, name), O_RDONLY);
    if (fd < 0)
        return NULL;
    CEP_INSIST(fstat(fd, &st) == 0);
    char *text = base_arena_alloc(&k->arena, (size_t)st.st_size + 1);
    CEP_INSIST(read(fd, text, (size_t)st.st_size) == st.st_size);
    close(fd);
    return text;
}

void con_kit_put(struct con_kit *k, const char *name, const char *text) {
    con_kit_write(k, name, text, strlen(text), false);
}

void con_kit_add(struct con_kit *k, const char *name, const char *text) {
    con_kit_write(k, name, text, strlen(text), true);
}
