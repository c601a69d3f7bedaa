/*
 * con_file -- the connector `file`: its options, and which files a path means.
 */
#include "connect/con_file.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct plan_opt_spec source_opts[] = {
    { .name = "path",
        .kind = EVT_STRING,
        .required = true,
        .help =
            "a file, a glob ('logs/*.ndjson', '{a,b}.csv'), or a directory (its files, not hidden ones)" },
    { .name = "follow",
        .kind = EVT_BOOL,
        .default_text = "false",
        .help = "go on when the end is reached, through rotation and truncation; new files of a glob too" },
    { .name = "poll_every",
        .kind = EVT_DURATION,
        .default_text = "100 ms",
        .min = 1000,
        .max = INT64_C(3600) * 1000000,
        .help = "how often a followed file is looked at" },
    { .name = "compression",
        .kind = EVT_STRING,
        .choices = "auto|none|gzip|zstd",
        .default_text = "auto",
        .help = "auto: by the first bytes, then by the name" },
    { .name = NULL },
};

static const struct plan_opt_spec sink_opts[] = {
    { .name = "path",
        .kind = EVT_STRING,
        .required = true,
        .help = "a file, appended to; or a folder ending in '/' for part files. Folders are not made" },
    { .name = "append", .kind = EVT_BOOL, .default_text = "true", .help = "false: begin with an empty file" },
    { .name = "rotate_size",
        .kind = EVT_INT,
        .min = 1,
        .max = INT64_MAX,
        .help = "bytes after which another file is begun; the full one becomes PATH.1, PATH.2, ..." },
    { .name = "rotate_every",
        .kind = EVT_DURATION,
        .min = 1000000,
        .max = INT64_C(366) * 86400 * 1000000,
        .help = "time after which another file is begun" },
    { .name = "buffer",
        .kind = EVT_INT,
        .default_text = "65536",
        .min = 0,
        .max = 64 << 20,
        .help = "bytes gathered before a write; what waits is written at each flush all the same" },
    { .name = "sync", .kind = EVT_BOOL, .default_text = "false", .help = "fdatasync at each flush" },
    { .name = NULL },
};

static enum cep_rc source_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    (void)schema;
    const struct plan_opt *path = plan_opt_find(opts, n_opts, "path");
    struct base_str compression = plan_opt_str(opts, n_opts, "compression", "auto");
    if (path && path->val.s.len == 0)
        return con_opt_err(err, path, "path is empty");
    if (plan_opt_bool(opts, n_opts, "follow", false) &&
        (base_str_eq(compression, BASE_STR("gzip")) || base_str_eq(compression, BASE_STR("zstd"))))
        return con_opt_err(
            err, plan_opt_find(opts, n_opts, "compression"), "a compressed file cannot be followed");
    return CEP_OK;
}

static enum cep_rc sink_check(
    const struct evt_schema *schema, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err) {
    (void)schema;
    const struct plan_opt *path = plan_opt_find(opts, n_opts, "path");
    if (path && path->val.s.len == 0)
        return con_opt_err(err, path, "path is empty");
    return CEP_OK;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_add(struct con_file_list *list, const char *path) {
    list->paths = base_grow(list->paths, list->n, &list->cap, sizeof(char *));
    list->paths[list->n++] = base_strdup(path);
}

static enum cep_rc list_directory(const char *path, struct con_file_list *out, struct cep_err *err) {
    DIR *dir = con_opendir(path);
    if (!dir)
        return base_err_set(err, CEP_EIO, "could not open directory \"%s\": %s", path, strerror(errno));
    struct dirent *e;
    struct base_buf full = BASE_BUF_INIT;
    while ((e = readdir(dir))) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        base_buf_clear(&full);
        base_buf_puts(&full, path);
        if (path[strlen(path) - 1] != '/')
            base_buf_putc(&full, '/');
        base_buf_puts(&full, e->d_name);
        if (stat(full.p, &st) == 0 && !S_ISDIR(st.st_mode))
            list_add(out, full.p);
    }
    base_buf_release(&full);
    closedir(dir);
    return CEP_OK;
}

static enum cep_rc list_glob(const char *path, struct con_file_list *out, struct cep_err *err) {
    glob_t g;
    int rc = glob(path, GLOB_NOSORT | GLOB_BRACE, NULL, &g);
    if (rc == GLOB_NOMATCH)
        return CEP_OK;
    if (rc != 0)
        return base_err_set(err, CEP_EIO, "could not list \"%s\": %s", path, strerror(errno));
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct stat st;
        if (stat(g.gl_pathv[i], &st) != 0 || !S_ISDIR(st.st_mode))
            list_add(out, g.gl_pathv[i]);
    }
    globfree(&g);
    return CEP_OK;
}

enum cep_rc con_file_list(const char *path, struct con_file_list *out, struct cep_err *err) {
    *out = (struct con_file_list){ .n = 0 };
    struct stat st;
    enum cep_rc rc = CEP_OK;
    if (stat(path, &st) == 0) { /* a name with a star in it that is there is that file */
        out->is_set = S_ISDIR(st.st_mode);
        if (out->is_set)
            rc = list_directory(path, out, err);
        else
            list_add(out, path);
    } else if (strpbrk(path, "*?[{")) {
        out->is_set = true;
        rc = list_glob(path, out, err);
    } else {
        return base_err_set(err, CEP_EIO, "could not open file \"%s\": %s", path, strerror(errno));
    }
    if (out->n > 1)
        qsort(out->paths, out->n, sizeof *out->paths, by_bytes);
    return rc;
}

void con_file_list_release(struct con_file_list *list) {
    for (size_t i = 0; i < list->n; i++)
        base_free(list->paths[i]);
    base_free(list->paths);
    *list = (struct con_file_list){ .n = 0 };
}

const struct con_connector con_file = {
    .spec = { .name = "file",
        .is_source = true,
        .is_sink = true,
        .replayable = true,
        .exactly_once = true,
        .bounded = true,
        .default_format = "json",
        .source_opts = source_opts,
        .sink_opts = sink_opts,
        .source_check = source_check,
        .sink_check = sink_check,
        .meet = con_file_meet,
        .help = "files: read to the end or followed, plain, gzip or zstd; written with rotation" },
    .source = &con_file_source,
    .sink = &con_file_sink,
};
