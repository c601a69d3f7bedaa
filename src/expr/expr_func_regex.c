/*
 * expr_func_regex -- like, similar to, and the functions of regular expressions.
 *
 * A constant pattern is compiled once, when the expression is built: what is wrong with it is said then. Others are compiled for
 * each call. A match that needs too many steps fails the expression on that event.
 */
#include "base/base_err.h"
#include "expr/expr_case.h"
#include "expr/expr_func_util.h"
#include "expr/expr_like.h"
#include "expr/expr_regex.h"

static const char regex_gave_up[] = "regular expression gave up: too many steps";
static const char regex_wrong[] = "regular expression is wrong";

/* -- like ------------------------------------------------------------------------------------------------------------------ */

static struct base_str like_escape(const struct evt_val *arg) {
    return arg ? evt_val_str(arg) : BASE_STR("\\");
}

static void like_call(struct expr_call *call, const struct evt_val *args, struct evt_val *out, bool icase) {
    struct expr_like made;
    const struct expr_like *l = call->state;
    if (!l) {
        const char *why = expr_like_init(&made, call->scratch, evt_val_str(&args[1]),
            like_escape(call->n_args > 2 ? &args[2] : NULL), icase);
        if (why) {
            expr_fail(call, out, why);
            return;
        }
        l = &made;
    }
    expr_put_bool(out, expr_like_match(l, evt_val_str(&args[0])));
}

static void regex_like(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    like_call(call, args, out, false);
}

static void regex_ilike(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    like_call(call, args, out, true);
}

static enum cep_rc like_prepare(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, bool icase, struct cep_err *err) {
    if (!args[1] || (n_args > 2 && !args[2]))
        return CEP_OK;
    struct expr_like *l = BASE_ARENA_NEW(a, struct expr_like);
    const char *why = expr_like_init(
        l, a, evt_val_str(&args[1]->val), like_escape(n_args > 2 ? &args[2]->val : NULL), icase);
    if (why)
        return base_err_set(err, CEP_EINVAL, "%s", why);
    *state = l;
    return CEP_OK;
}

static enum cep_rc regex_like_prepare(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    return like_prepare(a, args, n_args, state, false, err);
}

static enum cep_rc regex_ilike_prepare(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    return like_prepare(a, args, n_args, state, true, err);
}

/* -- compiling: once or for a call ------------------------------------------------------------------------------------------ */

static void regex_release(void *re) {
    expr_regex_release(re);
}

static enum cep_rc regex_keep(
    struct base_arena *a, struct base_str pattern, int flags, void **state, struct cep_err *err) {
    struct expr_regex *re = BASE_ARENA_NEW(a, struct expr_regex);
    enum cep_rc rc = expr_regex_compile(re, pattern, flags, true, err);
    if (rc == CEP_OK) {
        base_arena_on_release(a, regex_release, re);
        *state = re;
    }
    return rc;
}

/* The flags stand in argument `at`, if anywhere. */
static enum cep_rc regex_prepare_at(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    uint32_t at, void **state, struct cep_err *err) {
    int flags = 0;
    if (n_args > at && args[at]) {
        struct base_str letters = evt_val_str(&args[at]->val);
        flags = expr_regex_flags(letters);
        if (flags < 0)
            return base_err_set(err, CEP_EINVAL,
                "flags \"%.*s\" of a regular expression have another letter than c, i, m, s, x",
                BASE_STR_FMT(letters));
    }
    if (!args[1] || (n_args > at && !args[at]))
        return CEP_OK;
    return regex_keep(a, evt_val_str(&args[1]->val), flags, state, err);
}

static enum cep_rc regex_prepare_2(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    return regex_prepare_at(a, args, n_args, 2, state, err);
}

static enum cep_rc regex_prepare_3(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    return regex_prepare_at(a, args, n_args, 3, state, err);
}

static const char regex_no_group[] = "the regular expression has no group of that number";

static enum cep_rc regex_prepare_group(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    enum cep_rc rc = regex_prepare_at(a, args, 2, 2, state, err);
    const struct expr_regex *re = *state;
    if (rc != CEP_OK || n_args < 3 || !args[2] || !re)
        return rc;
    int64_t group = args[2]->val.i;
    if (group < 0 || group > re->n_groups)
        return base_err_set(err, CEP_EINVAL, "the regular expression has %u groups, not %lld", re->n_groups,
            (long long)group);
    return CEP_OK;
}

/* The prepared one, or one made for this call in *made, which the caller releases. NULL: the call has failed. */
static const struct expr_regex *regex_of(struct expr_call *call, const struct evt_val *args,
    uint32_t flags_at, struct expr_regex *made, struct evt_val *out) {
    *made = (struct expr_regex){ .code = NULL };
    if (call->state)
        return call->state;
    int flags = call->n_args > flags_at ? expr_regex_flags(evt_val_str(&args[flags_at])) : 0;
    if (flags >= 0 && expr_regex_compile(made, evt_val_str(&args[1]), flags, false, NULL) == CEP_OK)
        return made;
    expr_fail(call, out, flags < 0 ? "flags of a regular expression are not of c, i, m, s, x" : regex_wrong);
    return NULL;
}

/* -- functions --------------------------------------------------------------------------------------------------------------- */

/* Never NULL, so that offsets may be added to it. */
static struct base_str regex_subject(const struct evt_val *args) {
    return args[0].s.len ? evt_val_str(&args[0]) : BASE_STR("");
}

static void regex_test(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, 2, &made, out);
    const size_t *groups;
    int found = re ? expr_regex_match(re, call->scratch, evt_val_str(&args[0]), 0, &groups) : EXPR_REGEX_NO;
    if (found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else if (re)
        expr_put_bool(out, found == EXPR_REGEX_YES);
    expr_regex_release(&made);
}

/*
 * Walks the matches of a string: none overlaps the one before, and after an empty one the next begins a character
 * further on.
 */
struct regex_walk {
    const struct expr_regex *re;
    struct base_arena *scratch;
    struct base_str s;
    size_t from;
    const size_t *groups;
};

static int regex_next(struct regex_walk *w) {
    if (w->from > w->s.len)
        return EXPR_REGEX_NO;
    int found = expr_regex_match(w->re, w->scratch, w->s, w->from, &w->groups);
    if (found == EXPR_REGEX_YES) {
        size_t end = w->groups[1];
        if (end == w->groups[0])
            end += end < w->s.len ? expr_utf8_width(w->s.p[end]) : 1;
        w->from = end > w->from ? end : w->from + 1;
    }
    return found;
}

static void regex_count(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, 2, &made, out);
    if (!re)
        return;
    struct regex_walk w = { .re = re, .scratch = call->scratch, .s = regex_subject(args) };
    int64_t n = 0;
    int found;
    while ((found = regex_next(&w)) == EXPR_REGEX_YES)
        n++;
    if (found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else
        expr_put_int(out, n);
    expr_regex_release(&made);
}

static void regex_extract(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, EXPR_FUNC_ARGS, &made, out);
    if (!re)
        return;
    struct base_str s = regex_subject(args);
    int64_t group = call->n_args > 2 ? args[2].i : 0;
    const size_t *g = NULL;
    int found = group < 0 || group > re->n_groups ? EXPR_REGEX_NO
                                                  : expr_regex_match(re, call->scratch, s, 0, &g);
    *out = EVT_VAL_NULL;
    if (group < 0 || group > re->n_groups)
        expr_fail(call, out, regex_no_group);
    else if (found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else if (found == EXPR_REGEX_YES && g[2 * group] != SIZE_MAX)
        expr_put_str(out, (struct base_str){ s.p + g[2 * group], g[2 * group + 1] - g[2 * group] });
    expr_regex_release(&made);
}

static void regex_instr(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, 2, &made, out);
    struct base_str s = regex_subject(args);
    const size_t *g;
    int found = re ? expr_regex_match(re, call->scratch, s, 0, &g) : EXPR_REGEX_NO;
    if (found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else if (re)
        expr_put_int(
            out, found == EXPR_REGEX_YES ? (int64_t)base_utf8_len((struct base_str){ s.p, g[0] }) + 1 : 0);
    expr_regex_release(&made);
}

/* A result under construction: pieces are counted first and copied once. */
struct regex_pieces {
    struct base_arena *scratch;
    struct base_str *v;
    size_t n, cap, len;
};

static void regex_piece(struct regex_pieces *p, struct base_str s) {
    if (s.len == 0)
        return;
    p->v = base_arena_grow(p->scratch, p->v, p->n, &p->cap, sizeof *p->v);
    p->v[p->n++] = s;
    p->len += s.len;
}

/* The replacement of one match: \1 or $1 is a group, \0, \& or $0 the whole match, \\ and \$ those characters. */
static void regex_expand(struct regex_pieces *p, struct base_str with, const struct regex_walk *w) {
    size_t plain = 0;
    for (size_t i = 0; i + 1 < with.len; i++) {
        char c = with.p[i], d = with.p[i + 1];
        bool digit = d >= '0' && d <= '9', whole = c == '\\' && d == '&';
        if (!(c == '\\' || (c == '$' && digit)))
            continue;
        regex_piece(p, (struct base_str){ with.p + plain, i - plain });
        unsigned group = digit ? (unsigned)(d - '0') : 0;
        if (!digit && !whole) {
            plain = ++i; /* what was escaped stands for itself */
            continue;
        }
        if (group <= w->re->n_groups && w->groups[2 * group] != SIZE_MAX)
            regex_piece(p, (struct base_str){ w->s.p + w->groups[2 * group],
                               w->groups[2 * group + 1] - w->groups[2 * group] });
        plain = i + 2;
        i++;
    }
    regex_piece(p, (struct base_str){ with.p + plain, with.len - plain });
}

static void regex_replace(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, 3, &made, out);
    if (!re)
        return;
    struct base_str s = regex_subject(args), with = evt_val_str(&args[2]);
    struct regex_walk w = { .re = re, .scratch = call->scratch, .s = s };
    struct regex_pieces p = { .scratch = call->scratch };
    size_t done = 0;
    int found = EXPR_REGEX_YES;
    while (p.len <= EXPR_RESULT_MAX && (found = regex_next(&w)) == EXPR_REGEX_YES) {
        regex_piece(&p, (struct base_str){ s.p + done, w.groups[0] - done });
        if (with.len)
            regex_expand(&p, with, &w);
        done = w.groups[1];
    }
    regex_piece(&p, (struct base_str){ s.p + done, s.len - done });
    char *r = NULL;
    if (p.len <= EXPR_RESULT_MAX && found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else if ((r = expr_result_alloc(call, out, p.len))) {
        size_t n = 0;
        for (size_t i = 0; i < p.n; i++) {
            memcpy(r + n, p.v[i].p, p.v[i].len);
            n += p.v[i].len;
        }
        expr_put_str(out, (struct base_str){ r, n });
    }
    expr_regex_release(&made);
}

static void regex_split(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made;
    const struct expr_regex *re = regex_of(call, args, 2, &made, out);
    if (!re)
        return;
    struct base_str s = regex_subject(args);
    struct regex_walk w = { .re = re, .scratch = call->scratch, .s = s };
    struct evt_val *v = NULL;
    size_t n = 0, cap = 0, done = 0;
    int found;
    while ((found = regex_next(&w)) == EXPR_REGEX_YES) {
        if (w.groups[1] == w.groups[0] && (w.groups[0] == 0 || w.groups[0] == s.len))
            continue; /* nothing between the ends and nothing */
        v = base_arena_grow(call->scratch, v, n, &cap, sizeof *v);
        expr_put_str(&v[n++], (struct base_str){ s.p + done, w.groups[0] - done });
        done = w.groups[1];
    }
    v = base_arena_grow(call->scratch, v, n, &cap, sizeof *v);
    expr_put_str(&v[n++], (struct base_str){ s.p + done, s.len - done });
    if (found == EXPR_REGEX_GAVE_UP)
        expr_fail(call, out, regex_gave_up);
    else
        *out = (struct evt_val){ .list = { v, (uint32_t)n } };
    expr_regex_release(&made);
}

static const struct evt_type *regex_strings(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args) {
    (void)arg_types;
    (void)n_args;
    return evt_type_array(a, evt_type_of(EVT_STRING));
}

/* -- similar to --------------------------------------------------------------------------------------------------------------- */

/* SQL's regular expression as pcre2's: % and _ are wildcards, what else pcre2 would take for special is not. */
static const char *similar_translate(
    struct base_arena *a, struct base_str p, struct base_str escape, struct base_str *out) {
    size_t esc_len = escape.len;
    if (esc_len && expr_utf8_off(escape, 1) != esc_len)
        return "the escape of similar to is not one character";
    char *to = base_arena_alloc(a, p.len * 4 + 8);
    size_t n = 0;
    bool in_class = false;
    memcpy(to, "(?:", 3);
    n = 3;
    for (size_t i = 0; i < p.len;) {
        size_t w = expr_utf8_width(p.p[i]);
        if (w > p.len - i)
            w = p.len - i;
        if (esc_len && w == esc_len && memcmp(p.p + i, escape.p, w) == 0) {
            i += w;
            if (i >= p.len)
                return "the pattern of similar to ends with its escape";
            w = expr_utf8_width(p.p[i]);
            w = w > p.len - i ? p.len - i : w;
            if (w == 1 && !expr_is_word_char((unsigned char)p.p[i]))
                to[n++] = '\\';
        } else if (in_class) {
            in_class = p.p[i] != ']';
            if (p.p[i] == '[' && i + 1 < p.len && p.p[i + 1] == ':') { /* [:alpha:] */
                int64_t end = expr_str_find(p, BASE_STR(":]"), i + 2);
                w = end < 0 ? 1 : (size_t)end + 2 - i;
            } else if (p.p[i] == '\\' || p.p[i] == '[')
                to[n++] = '\\';
        } else if (p.p[i] == '%') {
            memcpy(to + n, ".*", 2);
            n += 2;
            i++;
            continue;
        } else if (p.p[i] == '_') {
            to[n++] = '.';
            i++;
            continue;
        } else if (p.p[i] == '[')
            in_class = true;
        else if (w == 1 && strchr(".^$\\#", p.p[i]) && p.p[i])
            to[n++] = '\\';
        else if (p.p[i] == '(' && i + 1 < p.len && (p.p[i + 1] == '?' || p.p[i + 1] == '*'))
            return "the pattern of similar to has a quantifier after \"(\"";
        memcpy(to + n, p.p + i, w);
        n += w;
        i += w;
    }
    to[n++] = ')';
    *out = (struct base_str){ to, n };
    return NULL;
}

enum { SIMILAR_FLAGS = EXPR_REGEX_WHOLE | EXPR_REGEX_DOTALL };

static void regex_similar(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct expr_regex made = { .code = NULL };
    const struct expr_regex *re = call->state;
    const char *why = NULL;
    if (!re) {
        struct base_str p;
        why = similar_translate(
            call->scratch, evt_val_str(&args[1]), like_escape(call->n_args > 2 ? &args[2] : NULL), &p);
        if (!why && expr_regex_compile(&made, p, SIMILAR_FLAGS, false, NULL) != CEP_OK)
            why = regex_wrong;
        re = &made;
    }
    const size_t *groups;
    int found = why ? EXPR_REGEX_NO : expr_regex_match(re, call->scratch, evt_val_str(&args[0]), 0, &groups);
    if (found == EXPR_REGEX_GAVE_UP)
        why = regex_gave_up;
    if (why)
        expr_fail(call, out, why);
    else
        expr_put_bool(out, found == EXPR_REGEX_YES);
    expr_regex_release(&made);
}

static enum cep_rc regex_similar_prepare(struct base_arena *a, const struct expr *const *args,
    uint32_t n_args, void **state, struct cep_err *err) {
    if (!args[1] || (n_args > 2 && !args[2]))
        return CEP_OK;
    struct base_str p;
    const char *why = similar_translate(
        a, evt_val_str(&args[1]->val), like_escape(n_args > 2 ? &args[2]->val : NULL), &p);
    if (why)
        return base_err_set(err, CEP_EINVAL, "%s", why);
    struct cep_err wrong = CEP_ERR_INIT;
    enum cep_rc rc = regex_keep(a, p, SIMILAR_FLAGS, state, &wrong);
    if (rc == CEP_OK)
        return CEP_OK;
    /* What pcre2 says is about the translated pattern: its offset would mislead. */
    const char *at = strstr(wrong.message, " is wrong at offset "), *words = at ? strstr(at, ": ") : NULL;
    struct base_str pattern = evt_val_str(&args[1]->val);
    return base_err_set(
        err, rc, "pattern \"%.*s\" of similar to is wrong%s", BASE_STR_FMT(pattern), words ? words : "");
}

#define STRING EXPR_SIG_STRING
#define INT    EXPR_SIG_INT

#define REGEX_OPERATOR(op, function, prepared, text)                                           \
    {                                                                                          \
        .name = (op), .args = { STRING, STRING, STRING }, .min_args = 2, .max_args = 3,        \
        .result = EXPR_SIG_BOOL, .is_operator = true, .fn = (function), .prepare = (prepared), \
        .help = (text)                                                                         \
    }

/* One line a row reads best. */
/* clang-format off */
const struct expr_func expr_funcs_regex[] = {
    REGEX_OPERATOR("like", regex_like, regex_like_prepare, "s like p [escape e]: % is any characters, _ is one"),
    REGEX_OPERATOR("similar to", regex_similar, regex_similar_prepare, "s similar to p [escape e]: SQL's regular expressions"),
    EXPR_ROW_PREPARED("ilike", BOOL, regex_ilike, regex_ilike_prepare, 2, 3, "ilike(s, p[, e]): like in any case", STRING, STRING, STRING),
    EXPR_ROW_PREPARED("regexp_like", BOOL, regex_test, regex_prepare_2, 2, 3, "regexp_like(s, p[, flags]): does p match anywhere in s?", STRING, STRING, STRING),
    EXPR_ROW_PREPARED("regexp_count", INT, regex_count, regex_prepare_2, 2, 3, "regexp_count(s, p[, flags]): how often p matches", STRING, STRING, STRING),
    EXPR_ROW_PREPARED("regexp_instr", INT, regex_instr, regex_prepare_2, 2, 3, "regexp_instr(s, p[, flags]): where the first match begins, 0 when there is none", STRING, STRING, STRING),
    EXPR_ROW_PREPARED("regexp_extract", STRING, regex_extract, regex_prepare_group, 2, 3, "regexp_extract(s, p[, group]): the first match, or a group of it; null when there is none", STRING, STRING, INT),
    EXPR_ROW_PREPARED("regexp_substr", STRING, regex_extract, regex_prepare_group, 2, 3, "regexp_substr(s, p[, group]): regexp_extract(s, p, group)", STRING, STRING, INT),
    EXPR_ROW_PREPARED("regexp_replace", STRING, regex_replace, regex_prepare_3, 3, 4, "regexp_replace(s, p, by[, flags]): s with every match replaced; \\1 in `by` is a group", STRING, STRING, STRING, STRING),
    { .name = "regexp_split", .args = { STRING, STRING, STRING }, .min_args = 2, .max_args = 3, .fn = regex_split, .prepare = regex_prepare_2, .result_type = regex_strings,
      .help = "regexp_split(s, p[, flags]): what is between the matches" },
    EXPR_ROWS_END
};
