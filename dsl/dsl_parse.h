#pragma once
/*
 * dsl_parse -- text to AST; the only entry to scanner and grammar.
 *
 *     struct dsl_diag diag;
 *     struct base_arena arena;
 *     struct dsl_program *prog = dsl_parse_file("cards.pattern", NULL, &arena, &diag);
 *     ... dsl_diag_failed(&diag) ...
 *
 * All mistakes of all files are reported in one run: after each the parser goes on at the next clause or at the
 * next `;`. A program is always returned, with broken statements marked (see dsl_ast.h), so that the passes behind
 * can report what else is wrong; nothing may be run when dsl_diag_failed().
 */
#include "dsl/dsl_ast.h"
#include "dsl/dsl_diag.h"

/*
 * Reads a whole file. `path` is what `include` named, joined to the folder of the including file.
 * Ensures: on CEP_OK *text is in the arena and NUL-terminated behind len, and *id tells one file from another
 *          however it is spelt (for a real file: its resolved path).
 */
typedef enum cep_rc (*dsl_read_fn)(void *arg, const char *path, struct base_arena *a, struct base_str *text,
    const char **id, struct cep_err *err);

struct dsl_reader {
    dsl_read_fn read;
    void *arg;
};
/* Real files; the default when a reader is NULL. */
extern const struct dsl_reader dsl_reader_files;
/* A table of name -> text, for REST submissions and tests. */
struct dsl_text_file {
    const char *name;
    struct base_str text;
};
struct dsl_text_files {
    const struct dsl_text_file *files;
    size_t n_files;
};
enum cep_rc dsl_read_texts(void *arg /* struct dsl_text_files */, const char *path, struct base_arena *a,
    struct base_str *text, const char **id, struct cep_err *err);

/* Never NULL. A file that cannot be read is an error in diag. */
struct dsl_program *dsl_parse_file(
    const char *path, const struct dsl_reader *r, struct base_arena *a, struct dsl_diag *diag);
/* Several main files, as one program. */
struct dsl_program *dsl_parse_files(const char *const *paths, size_t n_paths, const struct dsl_reader *r,
    struct base_arena *a, struct dsl_diag *diag);
/* Text that is at hand; includes are not followed (read stays false). For fmt, tests and fuzzing. */
struct dsl_program *dsl_parse_text(
    const char *name, struct base_str text, struct base_arena *a, struct dsl_diag *diag);
