/*
 * clu_spec -- see clu_spec.h.
 */
#include "cluster/clu_spec.h"
#include "plan/plan_job.h"

#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "event/evt_type.h"
#include "expr/expr_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void clu_spec_init(struct clu_spec *s) {
    *s = (struct clu_spec){ .main = NULL };
    base_arena_init(&s->arena, 0);
}

void clu_spec_release(struct clu_spec *s) {
    base_arena_release(&s->arena);
    clu_spec_init(s);
}

static const char *copied(struct base_arena *a, const char *text) {
    return text ? base_arena_strdup(a, text) : NULL;
}

void clu_spec_add_file(struct clu_spec *s, const char *name, struct base_str text) {
    while (name[0] == '.' && name[1] == '/') /* as dsl_read_texts() looks for it */
        name += 2;
    for (size_t i = 0; i < s->n_files; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return;
    s->files = base_arena_grow(&s->arena, s->files, s->n_files, &s->cap_files, sizeof *s->files);
    s->files[s->n_files++] = (struct dsl_text_file){ base_arena_strdup(&s->arena, name),
        base_arena_str(&s->arena, text) };
}

void clu_pairs_add(struct clu_pairs *p, struct base_arena *a, struct base_str name, struct base_str value) {
    p->v = base_arena_grow(a, p->v, p->n, &p->cap, sizeof *p->v);
    p->v[p->n++] = (struct clu_pair){ base_arena_strndup(a, name.p, name.len),
        base_arena_strndup(a, value.p, value.len) };
}

static void copy_pairs(struct clu_pairs *to, struct base_arena *a, const struct clu_pairs *from) {
    for (size_t i = 0; i < from->n; i++)
        clu_pairs_add(to, a, base_str_of(from->v[i].name), base_str_of(from->v[i].value));
}

void clu_spec_copy(struct clu_spec *to, const struct clu_spec *from) {
    for (size_t i = 0; i < from->n_files; i++)
        clu_spec_add_file(to, from->files[i].name, from->files[i].text);
    to->main = copied(&to->arena, from->main);
    to->name = copied(&to->arena, from->name);
    to->base_dir = copied(&to->arena, from->base_dir);
    to->restore = copied(&to->arena, from->restore);
    copy_pairs(&to->set, &to->arena, &from->set);
    copy_pairs(&to->settings, &to->arena, &from->settings);
    copy_pairs(&to->missing, &to->arena, &from->missing);
    to->parallelism = from->parallelism;
    to->allow_dropped = from->allow_dropped;
}

char *clu_name_of(const char *path) {
    static const char suffix[] = ".pattern";
    const char *slash = strrchr(path, '/');
    struct base_str s = base_str_of(slash ? slash + 1 : path);
    size_t n = sizeof suffix - 1;
    if (s.len > n && memcmp(s.p + s.len - n, suffix, n) == 0)
        s.len -= n;
    return base_strndup(s.p, s.len);
}

/* -- JSON ------------------------------------------------------------------------------------------------------------ */

struct reading {
    struct clu_spec *s;
    struct clu_pairs *pairs; /* of the object that is walked; NULL: files */
    const char *where;
    struct cep_err *err;
};

static bool wrong(struct reading *r, struct base_str name, const char *want) {
    base_err_set(r->err, CEP_EINVAL, "\"%s%.*s\" has to be %s", r->where, BASE_STR_FMT(name), want);
    return false;
}

/* A text without NUL, for names and paths. */
static bool text_of(struct reading *r, struct base_str name, enum expr_json_kind kind, struct base_str raw,
    struct base_str *out) {
    bool ok = kind == EXPR_JSON_STRING;
    if (ok)
        *out = expr_json_text(&r->s->arena, raw, &ok);
    return (ok && !memchr(out->p ? out->p : "", '\0', out->len)) || wrong(r, name, "a text");
}

/* Values of parameters and settings may be numbers too. */
static bool on_pair(void *arg, struct base_str name, enum expr_json_kind kind, struct base_str raw) {
    struct reading *r = arg;
    struct base_str text = raw;
    if (kind != EXPR_JSON_SCALAR && !text_of(r, name, kind, raw, &text))
        return false;
    clu_pairs_add(r->pairs, &r->s->arena, name, text);
    return true;
}

static bool on_file(void *arg, struct base_str name, enum expr_json_kind kind, struct base_str raw) {
    struct reading *r = arg;
    struct base_str text = { "", 0 };
    if (!text_of(r, name, kind, raw, &text))
        return false;
    clu_spec_add_file(r->s, base_arena_strndup(&r->s->arena, name.p, name.len), text);
    return true;
}

static bool walk(struct reading *r, const char *where, struct clu_pairs *pairs, enum expr_json_kind kind,
    struct base_str raw) {
    struct reading inner = { .s = r->s, .pairs = pairs, .where = where, .err = r->err };
    if (kind != EXPR_JSON_NESTED || raw.p[0] != '{')
        return wrong(r, base_str_of(where), "an object");
    return expr_json_each(&r->s->arena, raw, pairs ? on_pair : on_file, &inner);
}

static bool on_member(void *arg, struct base_str name, enum expr_json_kind kind, struct base_str raw) {
    struct reading *r = arg;
    struct clu_spec *s = r->s;
    const struct {
        const char *name, **to;
    } texts[] = { { "main", &s->main }, { "name", &s->name }, { "base_dir", &s->base_dir },
        { "restore", &s->restore } };
    if (kind == EXPR_JSON_NULL)
        return true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct base_str text;
        if (!base_str_eq(name, base_str_of(texts[i].name)))
            continue;
        if (!text_of(r, name, kind, raw, &text))
            return false;
        *texts[i].to = text.len > 0 ? base_arena_strndup(&s->arena, text.p, text.len) : NULL;
        return true;
    }
    if (base_str_eq(name, BASE_STR("files")))
        return walk(r, "files.", NULL, kind, raw);
    if (base_str_eq(name, BASE_STR("set")))
        return walk(r, "set.", &s->set, kind, raw);
    if (base_str_eq(name, BASE_STR("settings")))
        return walk(r, "settings.", &s->settings, kind, raw);
    if (base_str_eq(name, BASE_STR("missing")))
        return walk(r, "missing.", &s->missing, kind, raw);
    if (base_str_eq(name, BASE_STR("parallelism"))) {
        int64_t n = 0;
        if (kind != EXPR_JSON_SCALAR || !base_parse_i64(raw, &n) || n < 1 || n > PLAN_PARALLELISM_MAX)
            return wrong(r, name, "a number from 1 to 128");
        s->parallelism = (uint32_t)n;
        return true;
    }
    if (base_str_eq(name, BASE_STR("allow_dropped_state"))) {
        s->allow_dropped = base_str_eq(raw, BASE_STR("true"));
        return s->allow_dropped || base_str_eq(raw, BASE_STR("false")) || wrong(r, name, "true or false");
    }
    base_err_set(r->err, CEP_EINVAL, "a submission has no \"%.*s\"", BASE_STR_FMT(name));
    return false;
}

enum cep_rc clu_spec_read(struct clu_spec *s, struct base_str json, struct cep_err *err) {
    struct cep_err why = CEP_ERR_INIT;
    struct reading r = { .s = s, .where = "", .err = &why };
    if (!expr_json_each(&s->arena, json, on_member, &r)) {
        if (why.rc == CEP_OK)
            (void)base_err_set(&why, CEP_EINVAL, "the submission is no JSON object");
    } else if (s->n_files == 0) {
        (void)base_err_set(&why, CEP_EINVAL, "the submission has no \"files\"");
    } else if (!s->main && s->n_files > 1) {
        (void)base_err_set(&why, CEP_EINVAL, "the submission does not say which file is \"main\"");
    }
    if (why.rc != CEP_OK) {
        if (err)
            *err = why;
        return why.rc;
    }
    if (!s->main)
        s->main = s->files[0].name;
    if (!s->name) {
        char *name = clu_name_of(s->main);
        s->name = base_arena_strdup(&s->arena, name);
        base_free(name);
    }
    return CEP_OK;
}

static void put_text(struct base_buf *b, const char *name, const char *text) {
    if (!text)
        return;
    base_buf_printf(b, ",\"%s\":", name);
    evt_json_write_str(b, base_str_of(text));
}

static void put_pairs(struct base_buf *b, const char *name, const struct clu_pairs *p) {
    if (p->n == 0)
        return;
    base_buf_printf(b, ",\"%s\":{", name);
    for (size_t i = 0; i < p->n; i++) {
        base_buf_puts(b, i ? "," : "");
        evt_json_write_str(b, base_str_of(p->v[i].name));
        base_buf_putc(b, ':');
        evt_json_write_str(b, base_str_of(p->v[i].value));
    }
    base_buf_putc(b, '}');
}

void clu_spec_write(const struct clu_spec *s, struct base_buf *b) {
    base_buf_puts(b, "{\"files\":{");
    for (size_t i = 0; i < s->n_files; i++) {
        base_buf_puts(b, i ? "," : "");
        evt_json_write_str(b, base_str_of(s->files[i].name));
        base_buf_putc(b, ':');
        evt_json_write_str(b, s->files[i].text);
    }
    base_buf_putc(b, '}');
    put_text(b, "main", s->main);
    put_text(b, "name", s->name);
    put_text(b, "base_dir", s->base_dir);
    put_pairs(b, "set", &s->set);
    put_pairs(b, "settings", &s->settings);
    put_pairs(b, "missing", &s->missing);
    if (s->parallelism > 0)
        base_buf_printf(b, ",\"parallelism\":%u", s->parallelism);
    put_text(b, "restore", s->restore);
    if (s->allow_dropped)
        base_buf_puts(b, ",\"allow_dropped_state\":true");
    base_buf_puts(b, "}");
}

/* -- files ----------------------------------------------------------------------------------------------------------- */

struct collecting {
    struct clu_spec *s;
    struct cep_err first; /* of the main file */
};

static enum cep_rc collect(void *arg, const char *path, struct base_arena *a, struct base_str *text,
    const char **id, struct cep_err *err) {
    struct collecting *c = arg;
    enum cep_rc rc = dsl_reader_files.read(dsl_reader_files.arg, path, a, text, id, err);
    if (rc == CEP_OK)
        clu_spec_add_file(c->s, path, *text);
    else if (c->s->n_files == 0)
        c->first = *err;
    else
        clu_pairs_add(&c->s->missing, &c->s->arena, base_str_of(path), base_str_of(err->message));
    return rc;
}

/* The folder of a file, from the root. */
static enum cep_rc folder_of(const char *path, struct base_arena *a, const char **out, struct cep_err *err) {
    const char *slash = strrchr(path, '/');
    const char *dir = !slash          ? "."
                      : slash == path ? "/"
                                      : base_arena_strndup(a, path, (size_t)(slash - path));
    char *real = realpath(dir, NULL);
    if (!real)
        return base_err_set(err, CEP_EIO, "could not tell where \"%s\" is", dir);
    *out = base_arena_strdup(a, real);
    free(real);
    return CEP_OK;
}

enum cep_rc clu_spec_read_files(struct clu_spec *s, const char *path, struct cep_err *err) {
    struct collecting c = { .s = s, .first = CEP_ERR_INIT };
    struct dsl_reader reader = { collect, &c };
    struct dsl_diag diag;
    struct base_arena a;
    base_arena_init(&a, 16 << 10);
    dsl_diag_init(&diag);
    (void)dsl_parse_file(path, &reader, &a, &diag);
    dsl_diag_release(&diag);
    base_arena_release(&a);
    if (s->n_files == 0) {
        if (err)
            *err = c.first;
        return c.first.rc;
    }
    char *name = clu_name_of(path);
    s->main = base_arena_strdup(&s->arena, path);
    s->name = base_arena_strdup(&s->arena, name);
    base_free(name);
    return folder_of(path, &s->arena, &s->base_dir, err);
}

/* -- what it becomes --------------------------------------------------------------------------------------------------- */

/* A file that is included by two spellings of its path has two names here, and one text. One that is not here could not be read where
 * the text was submitted. */
static enum cep_rc read_once(void *arg, const char *path, struct base_arena *a, struct base_str *text,
    const char **id, struct cep_err *err) {
    const struct clu_spec *s = arg;
    struct dsl_text_files t = { s->files, s->n_files };
    enum cep_rc rc = dsl_read_texts(&t, path, a, text, id, err);
    for (size_t i = 0; rc == CEP_OK && i < s->n_files; i++)
        if (base_str_eq(s->files[i].text, *text)) {
            *id = s->files[i].name;
            break;
        }
    for (size_t i = 0; rc != CEP_OK && i < s->missing.n; i++)
        if (strcmp(s->missing.v[i].name, path) == 0)
            (void)base_err_set(err, rc, "%s", s->missing.v[i].value);
    return rc;
}

enum cep_rc clu_spec_compile(
    const struct clu_spec *s, const struct plan_catalog *catalog, struct dsl_diag *diag, struct plan **out) {
    struct dsl_reader reader = { read_once, (void *)(uintptr_t)s };
    struct dsl_sources sources = { .paths = &s->main, .n_paths = 1, .reader = &reader };
    struct dsl_set *sets = base_calloc(s->set.n + 1, sizeof *sets);
    for (size_t i = 0; i < s->set.n; i++)
        sets[i] = (struct dsl_set){ s->set.v[i].name, s->set.v[i].value };
    struct dsl_params params = { .sets = sets, .n_sets = s->set.n, .library_dir = s->base_dir };
    enum cep_rc rc = dsl_compile(&sources, catalog, &params, diag, out);
    base_free(sets);
    return rc;
}

uint64_t clu_plan_hash(const struct plan *plan) {
    struct base_buf b = BASE_BUF_INIT;
    plan_write(&b, plan);
    uint64_t h = base_hash(b.p ? b.p : "", b.len);
    base_buf_release(&b);
    return h;
}

/* -- settings ---------------------------------------------------------------------------------------------------------- */

/* Keys of the processes, not of a job. */
static bool is_of_process(const char *key) {
    static const char *const begins[] = { "http.", "worker.", "coordinator.", "heartbeat.", "security.",
        "wire." };
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(key, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

enum cep_rc clu_spec_config(const struct clu_spec *s, const struct clu_config *base, struct base_arena *a,
    struct clu_config *out, struct cep_err *err) {
    clu_config_init(out, a);
    if (base)
        *out = *base;
    out->arena = a;
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < s->settings.n && rc == CEP_OK; i++) {
        const struct clu_pair *p = &s->settings.v[i];
        if (is_of_process(p->name)) {
            rc = base_err_set(
                err, CEP_EINVAL, "settings: \"%s\" is for a process of the cluster, not for a job", p->name);
            break;
        }
        rc = clu_config_set(out, p->name, p->value, "settings", err);
    }
    if (rc == CEP_OK && s->parallelism > 0)
        rc = clu_config_set(out, clu_config_name(CLU_CFG_PARALLELISM),
            base_arena_printf(a, "%u", s->parallelism), "parallelism", err);
    return rc;
}
