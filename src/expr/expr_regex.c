/*
 * expr_regex -- pcre2 with limits, without shared mutable state.
 */
#include "expr/expr_regex.h"

#include "base/base_check.h"
#include "base/base_err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    REGEX_STEPS = 1000000,  /* about 1.5 ms of (a+)+$ with JIT; a sane pattern over 100 KB stays far below */
    REGEX_HEAP_KIB = 16384, /* of the interpreter, where JIT cannot be used */
    REGEX_PATTERN_MAX = 65536
};

int expr_regex_flags(struct base_str letters) {
    int flags = 0;
    for (size_t i = 0; i < letters.len; i++)
        switch (letters.p[i]) {
        case 'i': flags |= EXPR_REGEX_ICASE; break;
        case 'c': flags &= ~EXPR_REGEX_ICASE; break;
        case 'm': flags |= EXPR_REGEX_MULTILINE; break;
        case 's': flags |= EXPR_REGEX_DOTALL; break;
        case 'x': flags |= EXPR_REGEX_EXTENDED; break;
        default: return -1;
        }
    return flags;
}

static uint32_t regex_options(int flags) {
    uint32_t o = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    o |= flags & EXPR_REGEX_ICASE ? PCRE2_CASELESS : 0;
    o |= flags & EXPR_REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
    o |= flags & EXPR_REGEX_DOTALL ? PCRE2_DOTALL : 0;
    o |= flags & EXPR_REGEX_EXTENDED ? PCRE2_EXTENDED : 0;
    o |= flags & EXPR_REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    return o;
}

enum cep_rc expr_regex_compile(
    struct expr_regex *re, struct base_str pattern, int flags, bool jit, struct cep_err *err) {
    enum { SHOWN = 80 };
    *re = (struct expr_regex){ .code = NULL };
    if (pattern.len > REGEX_PATTERN_MAX)
        return base_err_set(err, CEP_ELIMIT, "regular expression of %zu bytes is longer than %d", pattern.len,
            REGEX_PATTERN_MAX);
    int why = 0;
    PCRE2_SIZE at = 0;
    PCRE2_SPTR text = (PCRE2_SPTR)(pattern.len ? pattern.p : "");
    re->code = pcre2_compile(text, pattern.len, regex_options(flags), &why, &at, NULL);
    if (!re->code) {
        char words[160];
        if (pcre2_get_error_message(why, (PCRE2_UCHAR *)words, sizeof words) < 0)
            words[0] = '\0';
        int shown = pattern.len > SHOWN ? SHOWN : (int)pattern.len;
        return base_err_set(err, CEP_EINVAL, "regular expression \"%.*s%s\" is wrong at offset %zu: %s",
            shown, (const char *)text, pattern.len > SHOWN ? "..." : "", (size_t)at, words);
    }
    if (jit) /* without it, or where the machine forbids it, pcre2_match() interprets */
        (void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
    re->limits = pcre2_match_context_create(NULL);
    CEP_INSIST(re->limits);
    pcre2_set_match_limit(re->limits, REGEX_STEPS);
    pcre2_set_depth_limit(re->limits, REGEX_STEPS);
    pcre2_set_heap_limit(re->limits, REGEX_HEAP_KIB);
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->n_groups);
    return CEP_OK;
}

void expr_regex_release(struct expr_regex *re) {
    pcre2_match_context_free(re->limits);
    pcre2_code_free(re->code);
    *re = (struct expr_regex){ .code = NULL };
}

static void *regex_alloc(size_t size, void *scratch) {
    return base_arena_alloc(scratch, size);
}

static void regex_free(void *p, void *scratch) {
    (void)p;
    (void)scratch;
}

int expr_regex_match(const struct expr_regex *re, struct base_arena *scratch, struct base_str subject,
    size_t from, const size_t **groups) {
    pcre2_general_context *memory = pcre2_general_context_create(regex_alloc, regex_free, scratch);
    pcre2_match_data *data = pcre2_match_data_create(re->n_groups + 1, memory);
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.len ? subject.p : "");
    int rc = pcre2_match(re->code, text, subject.len, from, 0, data, re->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has the heap */
        rc = pcre2_match(re->code, text, subject.len, from, PCRE2_NO_JIT, data, re->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return EXPR_REGEX_NO;
    if (rc < 0)
        return EXPR_REGEX_GAVE_UP;
    size_t *found = pcre2_get_ovector_pointer(data);
    if (found[0] > found[1]) /* \K in a lookahead can put the start behind the end */
        found[0] = found[1];
    *groups = found;
    return EXPR_REGEX_YES;
}
