#pragma once
/*
 * cep/error.h -- how every fallible call of the engine answers.
 *
 * A function that can fail returns an `enum cep_rc` (0 is success) and fills the
 * `struct cep_err` given as its last parameter, which may be NULL. It never prints
 * and never exits. The error lives in fixed buffers: reporting never allocates.
 *
 *     struct cep_err err = CEP_ERR_INIT;
 *     if (con_file_open(&f, path, &err) != CEP_OK)
 *         fprintf(stderr, "cepd: %s\n", err.message);
 *
 * Messages follow PostgreSQL: lower case, no full stop, no function names, names in
 * double quotes with their kind, always the offending value and the limit; "cannot"
 * for never, "could not" for this time. Advice goes into the hint.
 */
#include <stdbool.h>
#include <stdint.h>

/* CODE(name, text, retriable by default) */
#define CEP_RC_LIST(CODE)                                                               \
    CODE(OK, "success", false)                                                          \
    CODE(AGAIN, "nothing to do yet, call again", true) /* not an error */               \
    CODE(NONE, "there is no more", false)              /* not an error */               \
    CODE(ESYNTAX, "syntax error", false)                                                \
    CODE(ENAME, "unknown or ambiguous name", false)                                     \
    CODE(ETYPE, "type mismatch", false)                                                 \
    CODE(EINVAL, "invalid value", false)                                                \
    CODE(EUNSUPPORTED, "not in this version", false)                                    \
    CODE(EVALUE, "expression failed on an event", false) /* overflow, division, cast */ \
    CODE(EDECODE, "record cannot be decoded", false)                                    \
    CODE(EIO, "input or output failed", true)                                           \
    CODE(ELIMIT, "a configured limit was reached", false)                               \
    CODE(EDAMAGED, "stored bytes are damaged", false)                                   \
    CODE(EVERSION, "stored bytes are of another version", false)                        \
    CODE(ESTATE, "not possible in this state", false)                                   \
    CODE(EINTERRUPTED, "interrupted", true)

enum cep_rc {
#define CEP_RC_ENUM(name, text, retriable) CEP_##name,
    CEP_RC_LIST(CEP_RC_ENUM)
#undef CEP_RC_ENUM
        CEP_RC_MAX
};

/* A place in a source text. Lines and columns count from 1, columns in bytes; 0 = unknown. */
struct cep_span {
    uint32_t file; /* index of the file among those read, 0 = the first */
    uint32_t line, col;
    uint32_t end_line, end_col; /* one past the last byte */
    uint32_t off, end_off;      /* byte offsets in that file */
};

struct cep_err {
    enum cep_rc rc;
    struct cep_span span;
    bool retriable;
    bool fatal; /* the job cannot go on */
    char message[512];
    char hint[256]; /* empty = none */
};

#define CEP_ERR_INIT \
    { .rc = CEP_OK }

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Returns: the fixed text of a code, e.g. "syntax error"; never NULL. */
const char *cep_rc_text(enum cep_rc rc);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
