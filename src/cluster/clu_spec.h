#pragma once
/*
 * clu_spec -- a job as it is submitted: the text with what it includes, parameters, settings. What travels from `cepd submit` to the
 * coordinator, lies in its registry, and goes to the workers, who compile it again.
 *
 *     {"files": {"card-testing.pattern": "...", "types.pattern": "..."}, "main": "card-testing.pattern", "name": "card-testing",
 *      "base_dir": "/srv/patterns", "set": {"large": "100"}, "settings": {"checkpoint.interval": "1 s"},
 *      "missing": {"colours.pattern": "could not open ..."}, "parallelism": 4, "restore": "/srv/savepoints/savepoint-...", "allow_dropped_state": true}
 *
 * A file has the name that the text of the others calls it by (include "types.pattern" of "dir/a.pattern" is "dir/types.pattern"), so
 * that mistakes are shown with the names that who wrote them knows.
 *
 * Threads: one at a time; immutable once read.
 */
#include "cluster/clu_config.h"
#include "dsl/dsl_compile.h"

struct clu_pair {
    const char *name, *value;
};

struct clu_pairs {
    struct clu_pair *v; /* in the arena */
    size_t n, cap;
};

struct clu_spec {
    struct base_arena arena; /* of all strings here */
    struct dsl_text_file *files;
    size_t n_files, cap_files;
    const char *main, *name, *base_dir; /* base_dir: where relative paths start, on every machine */
    struct clu_pairs set, settings;
    struct clu_pairs missing; /* included files that could not be read: path, why */
    uint32_t parallelism;     /* 0 = what the configuration says */
    const char *restore;      /* NULL = from the beginning */
    bool allow_dropped;
};

void clu_spec_init(struct clu_spec *s);
void clu_spec_release(struct clu_spec *s);
void clu_spec_copy(
    struct clu_spec *to, const struct clu_spec *from); /* Requires: `to` is initialised and empty */

/* Copies. */
void clu_spec_add_file(struct clu_spec *s, const char *name, struct base_str text);
void clu_pairs_add(struct clu_pairs *p, struct base_arena *a, struct base_str name, struct base_str value);
/* Returns: CEP_EINVAL names the member that is wrong or missing. Requires: s is initialised and empty. */
enum cep_rc clu_spec_read(struct clu_spec *s, struct base_str json, struct cep_err *err);
void clu_spec_write(const struct clu_spec *s, struct base_buf *json);

/*
 * Puts the file and all it includes into s; its name and base_dir too. Mistakes of the text are not told, the coordinator does; also
 * that an included file is missing. Returns: CEP_EIO, CEP_EINVAL when the file itself cannot be read.
 */
enum cep_rc clu_spec_read_files(struct clu_spec *s, const char *path, struct cep_err *err);

/* Compiles it; see dsl_compile(). */
enum cep_rc clu_spec_compile(
    const struct clu_spec *s, const struct plan_catalog *catalog, struct dsl_diag *diag, struct plan **out);
/* The same for any spec with the same text: what makes two processes sure that they run the same plan. */
uint64_t clu_plan_hash(const struct plan *plan);

/*
 * The configuration of the job: `base` (NULL: the defaults) with the job's settings and parallelism on top. Strings are borrowed from both.
 * Returns: CEP_EINVAL for a key that there is not or that is not a job's.
 */
enum cep_rc clu_spec_config(const struct clu_spec *s, const struct clu_config *base, struct base_arena *a,
    struct clu_config *out, struct cep_err *err);
/* "dir/card-testing.pattern" -> "card-testing" */
char *clu_name_of(const char *path);
