/*
 * dsl_parse -- files: reading, includes, and the program they make.
 */
#include "dsl/dsl_parse.h"

#include "dsl/dsl_build.h"

#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* All files of one program. */
struct reading {
    const struct dsl_reader *reader;
    struct base_arena *arena;
    struct dsl_diag *diag;
    struct base_map seen; /* ids of files read */
    struct dsl_program *prog;
    size_t cap_stmts;
    size_t n_files;
};

static void put_stmt(struct reading *r, struct dsl_stmt *s) {
    struct dsl_program *g = r->prog;
    g->stmts = base_arena_grow(r->arena, g->stmts, g->n_stmts, &r->cap_stmts, sizeof(struct dsl_stmt *));
    g->stmts[g->n_stmts++] = s;
}

void dsl_literals_done(struct dsl_parse *p) {
    for (size_t i = 0; i < p->wants_minus.n; i++) {
        const struct dsl_expr *e = ((struct dsl_expr **)p->wants_minus.items)[i];
        dsl_diag_error(p->diag, e->span, CEP_EINVAL,
            "integer 9223372036854775808 is out of range (largest: 9223372036854775807)");
    }
}

/* Returns: the statements of one text. */
static struct dsl_vec parse_one(struct reading *r, uint32_t file, struct dsl_tokens *toks) {
    struct dsl_parse *p = BASE_ARENA_NEW(r->arena, struct dsl_parse);
    *p = (struct dsl_parse){
        .arena = r->arena,
        .diag = r->diag,
        .file = file,
        .toks = toks,
        .n_exprs = &r->prog->n_exprs,
    };
    dsl_scan(r->diag->files[file].text, (struct dsl_origin){ .file = file }, r->arena, r->diag, toks);
    dsl_lex_prepare(p);
    if (dsl_gram_run(p) != 0 && !dsl_diag_failed(r->diag))
        dsl_diag_error(r->diag, toks->items[0].span, CEP_ESYNTAX, "could not be parsed");
    dsl_literals_done(p);
    return p->stmts;
}

/* "dir/main.pattern", "sub/a.pattern" -> "dir/sub/a.pattern" */
static const char *join_path(struct base_arena *a, const char *from, struct base_str path) {
    const char *slash = strrchr(from, '/');
    if (!slash || (path.len && path.p[0] == '/'))
        return base_arena_strndup(a, path.p, path.len);
    return base_arena_printf(a, "%.*s%.*s", (int)(slash - from + 1), from, BASE_STR_FMT(path));
}

/* A file whose includes are half done. Not recursion: includes may go deep. */
struct frame {
    struct dsl_vec stmts;
    size_t next;
    const char *path;
};

/* Reads a file unless it was read. Returns: false when there is nothing new. */
static bool open_file(
    struct reading *r, const char *path, struct cep_span at, struct frame *out, uint32_t *file) {
    struct base_str text;
    const char *id;
    struct cep_err err = CEP_ERR_INIT;
    if (r->n_files == DSL_LIMIT_FILES) {
        dsl_diag_error(r->diag, at, CEP_ELIMIT, "more than %d files are included", DSL_LIMIT_FILES);
        return false;
    }
    if (r->reader->read(r->reader->arg, path, r->arena, &text, &id, &err) != CEP_OK) {
        dsl_diag_error(r->diag, at, err.rc, "%s", err.message);
        return false;
    }
    if (!base_map_put(&r->seen, base_str_of(id), 1))
        return false;
    r->n_files++;
    if (text.len > DSL_LIMIT_FILE_BYTES) {
        dsl_diag_error(r->diag, at, CEP_ELIMIT, "file \"%s\" has %zu bytes, more than %d", path, text.len,
            DSL_LIMIT_FILE_BYTES);
        return false;
    }
    struct dsl_tokens toks;
    *file = dsl_diag_add_file(r->diag, path, text);
    *out = (struct frame){ .stmts = parse_one(r, *file, &toks), .path = path };
    return true;
}

static void read_all(struct reading *r, const char *main_path) {
    struct frame *stack = NULL;
    size_t n = 0, cap = 0;
    uint32_t file;
    struct frame f;
    if (!open_file(r, main_path, (struct cep_span){ 0 }, &f, &file))
        return;
    stack = base_grow(stack, n, &cap, sizeof *stack);
    stack[n++] = f;
    while (n) {
        struct frame *top = &stack[n - 1];
        if (top->next == top->stmts.n) {
            n--;
            continue;
        }
        struct dsl_stmt *s = ((struct dsl_stmt **)top->stmts.items)[top->next++];
        put_stmt(r, s);
        if (s->kind != DSL_STMT_INCLUDE || s->broken)
            continue;
        const char *path = join_path(r->arena, top->path, s->include.path);
        if (open_file(r, path, s->include.path_span, &f, &file)) {
            s->include.read = true;
            s->include.file = file;
            stack = base_grow(stack, n, &cap, sizeof *stack);
            stack[n++] = f;
        }
    }
    base_free(stack);
}

struct dsl_program *dsl_parse_files(const char *const *paths, size_t n_paths, const struct dsl_reader *reader,
    struct base_arena *a, struct dsl_diag *diag) {
    struct reading r = { .reader = reader ? reader : &dsl_reader_files, .arena = a, .diag = diag };
    r.prog = BASE_ARENA_NEW(a, struct dsl_program);
    base_map_init(&r.seen);
    for (size_t i = 0; i < n_paths; i++)
        read_all(&r, paths[i]);
    base_map_release(&r.seen);
    return r.prog;
}

struct dsl_program *dsl_parse_file(
    const char *path, const struct dsl_reader *r, struct base_arena *a, struct dsl_diag *diag) {
    return dsl_parse_files(&path, 1, r, a, diag);
}

struct dsl_program *dsl_parse_tokens(const char *name, struct base_str text, struct base_arena *a,
    struct dsl_diag *diag, struct dsl_tokens *toks) {
    struct reading r = { .arena = a, .diag = diag, .prog = BASE_ARENA_NEW(a, struct dsl_program) };
    memset(toks, 0, sizeof *toks);
    if (text.len > DSL_LIMIT_FILE_BYTES) {
        dsl_diag_error(diag, (struct cep_span){ 0 }, CEP_ELIMIT, "file \"%s\" has %zu bytes, more than %d",
            name, text.len, DSL_LIMIT_FILE_BYTES);
        return r.prog;
    }
    struct dsl_vec stmts = parse_one(&r, dsl_diag_add_file(diag, name, text), toks);
    r.prog->stmts = stmts.items;
    r.prog->n_stmts = stmts.n;
    return r.prog;
}

struct dsl_program *dsl_parse_text(
    const char *name, struct base_str text, struct base_arena *a, struct dsl_diag *diag) {
    struct dsl_tokens toks;
    return dsl_parse_tokens(name, text, a, diag, &toks);
}

/* ---- readers ---- */

static enum cep_rc read_file(void *arg, const char *path, struct base_arena *a, struct base_str *text,
    const char **id, struct cep_err *err) {
    (void)arg;
    struct base_buf b = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    char resolved[PATH_MAX];
    FILE *f = fopen(path, "rbe");
    if (!f || !realpath(path, resolved)) {
        rc = base_err_set(err, CEP_EIO, "could not open file \"%s\": %s", path, strerror(errno));
        goto out;
    }
    for (;;) {
        enum { CHUNK = 64 << 10 };
        size_t n = fread(base_buf_reserve(&b, CHUNK), 1, CHUNK, f);
        if (n == 0)
            break;
        b.len += n;
        if (b.len > DSL_LIMIT_FILE_BYTES) /* reported by the caller, who knows the limit's meaning */
            break;
    }
    if (ferror(f)) {
        rc = base_err_set(err, CEP_EIO, "could not read file \"%s\": %s", path, strerror(errno));
        goto out;
    }
    /* Every byte of a program or a picture would be a mistake of its own. */
    const char *zero = b.len ? memchr(b.p, 0, b.len) : NULL;
    if (zero) {
        rc = base_err_set(
            err, CEP_EINVAL, "file \"%s\" is not text: byte %zu of it is zero", path, (size_t)(zero - b.p));
        goto out;
    }
    *text = base_arena_str(a, (struct base_str){ b.p, b.len });
    *id = base_arena_strdup(a, resolved);
out:
    if (f)
        fclose(f);
    base_buf_release(&b);
    return rc;
}

const struct dsl_reader dsl_reader_files = { read_file, NULL };

enum cep_rc dsl_read_texts(void *arg, const char *path, struct base_arena *a, struct base_str *text,
    const char **id, struct cep_err *err) {
    const struct dsl_text_files *t = arg;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    for (size_t i = 0; i < t->n_files; i++)
        if (strcmp(t->files[i].name, path) == 0) {
            *text = base_arena_str(a, t->files[i].text);
            *id = t->files[i].name;
            return CEP_OK;
        }
    return base_err_set(err, CEP_EIO, "there is no file \"%s\"", path);
}
