#pragma once
/*
 * expr_regex -- regular expressions (pcre2) that always come back.
 *
 * A compiled one is immutable and may be used by many threads; what a match needs besides lies in the caller's scratch. Every
 * match has a limit of steps: a pattern that backtracks without end gives up after a few milliseconds. UTF-8 throughout; bytes that
 * are not UTF-8 match nothing and do no harm. \C is refused.
 */
#include "base/base_arena.h"
#include "cep/error.h"

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;

struct expr_regex {
    struct pcre2_real_code_8 *code;            /* owned */
    struct pcre2_real_match_context_8 *limits; /* owned */
    uint32_t n_groups;                         /* without the whole match */
};

enum expr_regex_flag {
    EXPR_REGEX_ICASE = 1,
    EXPR_REGEX_MULTILINE = 2, /* ^ and $ at every line */
    EXPR_REGEX_DOTALL = 4,    /* . takes line ends */
    EXPR_REGEX_EXTENDED = 8,  /* blanks and # comments in the pattern are left out */
    EXPR_REGEX_WHOLE = 16,    /* must match all of the subject */
};

/* i m s x, and c (case counts). Returns: flags, or -1 when there is another letter. */
int expr_regex_flags(struct base_str letters);

/*
 * jit: worth it for patterns that are used often (it costs 0.1 to 0.3 ms).
 * Returns: CEP_EINVAL with pcre2's words and the offset. Owns: the caller releases *re.
 */
enum cep_rc expr_regex_compile(
    struct expr_regex *re, struct base_str pattern, int flags, bool jit, struct cep_err *err);
void expr_regex_release(struct expr_regex *re);

enum { EXPR_REGEX_GAVE_UP = -1, EXPR_REGEX_NO = 0, EXPR_REGEX_YES = 1 };

/*
 * Looks for the first match at or after `from`. On YES *groups are pairs of offsets, the whole match first;
 * SIZE_MAX for a group that took no part. They live in scratch.
 */
int expr_regex_match(const struct expr_regex *re, struct base_arena *scratch, struct base_str subject,
    size_t from, const size_t **groups);
