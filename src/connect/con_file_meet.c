/*
 * con_file_meet -- does a sink write what a source of the same job reads, or what another sink writes?
 *
 * Such a job would feed itself without end, or two writers would rename and cut one file. By the names alone the compiler is
 * told (a mistake with a place); what only the disk knows (links, `..`, what a folder or a glob with braces holds) is
 * looked up when the job starts, before a sink has opened, and so perhaps emptied, a file.
 */
#include "connect/con_file.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

/* -- by their names ------------------------------------------------------------------------------------------------ */

/* Without "." and doubled slashes; a trailing slash goes too. ".." stays: what it means is up to the links before it. */
static char *normal(struct base_str path, bool *is_folder) {
    struct base_buf b = BASE_BUF_INIT;
    size_t i = 0;
    *is_folder = path.len > 0 && path.p[path.len - 1] == '/';
    if (path.len > 0 && path.p[0] == '/')
        base_buf_putc(&b, '/');
    while (i < path.len) {
        size_t from = i;
        while (i < path.len && path.p[i] != '/')
            i++;
        size_t n = i++ - from;
        if (n == 0 || (n == 1 && path.p[from] == '.'))
            continue;
        if (b.len > 0 && b.p[b.len - 1] != '/')
            base_buf_putc(&b, '/');
        base_buf_add(&b, path.p + from, n);
    }
    char *out = base_strdup(base_buf_cstr(&b));
    base_buf_release(&b);
    return out;
}

static bool is_glob(const char *path) {
    return strpbrk(path, "*?[{") != NULL;
}

/* Devices take what many write. */
static bool is_device(const char *path) {
    return strncmp(path, "/dev/", 5) == 0;
}

static bool rotates(const struct plan_opt *opts, uint32_t n) {
    return plan_opt_find(opts, n, "rotate_size") || plan_opt_find(opts, n, "rotate_every");
}

enum { BRACES_MAX = 8 }; /* each of them doubles the work, at least */

/* Where the braces that open at `p` close; NULL = nowhere. */
static const char *closing(const char *p) {
    int depth = 0;
    for (; *p; p++) {
        depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
        if (depth == 0)
            return p;
    }
    return NULL;
}

/* As glob() with GLOB_BRACE, which fnmatch() does not know: {x,y} is x or y. */
static bool fits_braces(const char *glob_text, const char *path, int n) {
    const char *open = strchr(glob_text, '{'), *close = open ? closing(open) : NULL;
    if (!close || n == BRACES_MAX)
        return fnmatch(glob_text, path, FNM_PATHNAME | FNM_PERIOD) == 0;
    bool yes = false;
    struct base_buf one = BASE_BUF_INIT;
    for (const char *from = open + 1, *p = from; p <= close && !yes; p++) {
        if (*p == '{')
            p = closing(p);
        if (*p != ',' && p != close)
            continue;
        base_buf_clear(&one);
        base_buf_add(&one, glob_text, (size_t)(open - glob_text));
        base_buf_add(&one, from, (size_t)(p - from));
        base_buf_puts(&one, close + 1);
        yes = fits_braces(base_buf_cstr(&one), path, n + 1);
        from = p + 1;
    }
    base_buf_release(&one);
    return yes;
}

static bool fits(const char *glob_text, const char *path) {
    return fits_braces(glob_text, path, 0);
}

static bool in_folder(const char *folder, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    return strlen(folder) == n && strncmp(folder, path, n) == 0 && path[slash ? n + 1 : 0] != '.';
}

static bool source_reads(const char *from, bool from_folder, const char *to, bool to_folder, bool rotated) {
    if (strcmp(from, to) == 0 || (from_folder && !to_folder && in_folder(from, to)))
        return true;
    if (!is_glob(from) || to_folder)
        return false;
    struct base_buf first = BASE_BUF_INIT;
    base_buf_printf(&first, "%s.1", to);
    bool yes = fits(from, to) || (rotated && fits(from, base_buf_cstr(&first)));
    base_buf_release(&first);
    return yes;
}

const struct plan_opt *con_file_meet(
    const struct plan_end *a, const struct plan_end *b, const struct plan_opt **of_a) {
    const struct plan_opt *from = plan_opt_find(a->opts, a->n_opts, "path");
    const struct plan_opt *to = plan_opt_find(b->opts, b->n_opts, "path");
    if (!from || !to || from->val.s.len == 0 || to->val.s.len == 0)
        return NULL;
    bool from_folder, to_folder;
    char *x = normal(plan_opt_str(a->opts, a->n_opts, "path", ""), &from_folder);
    char *y = normal(plan_opt_str(b->opts, b->n_opts, "path", ""), &to_folder);
    bool meet = a->is_source ? source_reads(x, from_folder, y, to_folder, rotates(b->opts, b->n_opts))
                             : strcmp(x, y) == 0 && from_folder == to_folder;
    meet = meet && !is_device(y);
    base_free(x);
    base_free(y);
    *of_a = from;
    return meet ? to : NULL;
}

/* -- on the disk --------------------------------------------------------------------------------------------------- */

/* Where a sink writes: a name in a folder, or any part file of a folder. */
struct target {
    char *path; /* owned */
    const char *name;
    bool parts, rotates, there, known;
    struct stat folder, file;
    const char *suffix;
};

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool folder_of(const char *path, struct stat *out) {
    char *folder = base_strdup(path), *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    bool ok = stat(slash ? folder : ".", out) == 0;
    base_free(folder);
    return ok;
}

static void target_init(struct target *t, const struct plan_sink *ps, const struct con_env *env) {
    const struct con_format *format = ps->format ? con_find_format(ps->format->name) : &con_json;
    *t = (struct target){ .path = con_path(env, plan_opt_str(ps->opts, ps->n_opts, "path", "")) };
    const char *slash = strrchr(t->path, '/');
    t->name = slash ? slash + 1 : t->path;
    t->parts = *t->name == '\0';
    t->rotates = rotates(ps->opts, ps->n_opts);
    t->suffix = format && format->encoder ? format->encoder->suffix : "";
    t->there = !t->parts && stat(t->path, &t->file) == 0;
    t->known = folder_of(t->path, &t->folder) && !(t->there && !S_ISREG(t->file.st_mode));
}

/* Would a source that takes names like `pattern` (NULL: all that are not hidden) from the folder read what the sink writes? */
static bool takes(const struct target *t, const struct stat *folder, const char *pattern) {
    if (!same_file(folder, &t->folder))
        return false;
    if (!pattern)
        return t->parts || *t->name != '.';
    struct base_buf name = BASE_BUF_INIT;
    if (t->parts)
        base_buf_printf(&name, "part-0-000001.%s", t->suffix);
    else
        base_buf_puts(&name, t->name);
    bool yes = fits(pattern, base_buf_cstr(&name));
    if (!yes && t->rotates && !t->parts) {
        base_buf_puts(&name, ".1");
        yes = fits(pattern, base_buf_cstr(&name));
    }
    base_buf_release(&name);
    return yes;
}

/* Files that are not there yet: by the folders that the pattern leads to. */
static bool glob_takes(const struct target *t, const char *pattern) {
    char *folder = base_strdup(pattern), *slash = strrchr(folder, '/');
    const char *last = slash ? strrchr(pattern, '/') + 1 : pattern;
    glob_t g;
    bool yes = false;
    struct stat st;
    if (slash)
        slash[slash == folder] = '\0';
    if (!slash) {
        yes = stat(".", &st) == 0 && takes(t, &st, last);
    } else if (glob(folder, GLOB_NOSORT | GLOB_BRACE, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc && !yes; i++)
            yes = stat(g.gl_pathv[i], &st) == 0 && takes(t, &st, last);
        globfree(&g);
    }
    base_free(folder);
    return yes;
}

static bool reads(const char *path, const struct target *t) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return takes(t, &st, NULL);
    struct con_file_list list;
    bool yes = false;
    if (con_file_list(path, &list, NULL) == CEP_OK) {
        for (size_t i = 0; i < list.n && t->there && !yes; i++)
            yes = stat(list.paths[i], &st) == 0 && same_file(&st, &t->file);
        yes = yes || (list.is_set && glob_takes(t, path));
    } else if (!is_glob(path) && folder_of(path, &st)) { /* it is not there: will the sink make it? */
        const char *slash = strrchr(path, '/');
        yes = !t->parts && same_file(&st, &t->folder) && strcmp(slash ? slash + 1 : path, t->name) == 0;
    }
    con_file_list_release(&list);
    return yes;
}

static bool same_target(const struct target *a, const struct target *b) {
    if (a->parts != b->parts)
        return false;
    if (a->there && b->there)
        return same_file(&a->file, &b->file);
    return same_file(&a->folder, &b->folder) && strcmp(a->name, b->name) == 0;
}

static bool is_file(const struct plan_connector_spec *k) {
    return strcmp(k->name, con_file.spec.name) == 0;
}

static enum cep_rc check_sink(const struct plan *plan, uint32_t at, struct target *targets,
    const struct con_env *env, struct cep_err *err) {
    const struct plan_sink *ps = &plan->sinks[at];
    const struct target *t = &targets[at];
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const struct plan_node *n = plan->nodes[i];
        if (n->kind != PLAN_NODE_SOURCE || !is_file(n->source.connector))
            continue;
        char *from = con_path(env, plan_opt_str(n->source.opts, n->source.n_opts, "path", ""));
        bool yes = reads(from, t);
        if (yes) {
            base_err_set(err, CEP_EINVAL,
                "sink \"%.*s\" would write \"%s\", which stream \"%.*s\" reads (\"%s\")",
                BASE_STR_FMT(ps->name), t->path, BASE_STR_FMT(n->name), from);
            base_err_hint(err, "give the sink a file that no stream of the program reads");
        }
        base_free(from);
        if (yes)
            return CEP_EINVAL;
    }
    for (uint32_t i = 0; i < at; i++)
        if (targets[i].known && same_target(&targets[i], t)) {
            base_err_set(err, CEP_EINVAL, "sinks \"%.*s\" and \"%.*s\" would write one file: \"%s\"",
                BASE_STR_FMT(plan->sinks[i].name), BASE_STR_FMT(ps->name), t->path);
            base_err_hint(err, "give each sink a file of its own");
            return CEP_EINVAL;
        }
    return CEP_OK;
}

enum cep_rc con_check_ends(const struct plan *plan, const struct con_env *env, struct cep_err *err) {
    struct target *targets = base_calloc(plan->n_sinks ? plan->n_sinks : 1, sizeof *targets);
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        if (!is_file(plan->sinks[i].connector))
            continue;
        target_init(&targets[i], &plan->sinks[i], env);
        if (targets[i].known && rc == CEP_OK)
            rc = check_sink(plan, i, targets, env, err);
    }
    for (uint32_t i = 0; i < plan->n_sinks; i++)
        base_free(targets[i].path);
    base_free(targets);
    return rc;
}
