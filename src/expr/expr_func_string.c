/*
 * expr_func_string -- text by characters (code points): case, parts, searching, padding, joining.
 *
 * Positions count from 1, as in SQL. Parts of a string borrow it; only what is new takes memory in scratch.
 */
#include "expr/expr_case.h"
#include "expr/expr_cast.h"
#include "expr/expr_func_util.h"

static struct base_str str_part(struct base_str s, size_t from, size_t to) {
    return (struct base_str){ s.p ? s.p + from : NULL, to - from };
}

static void str_lower_upper(
    struct expr_call *call, const struct evt_val *arg, struct evt_val *out, uint32_t (*to)(uint32_t)) {
    struct base_str s = evt_val_str(arg);
    char *r = expr_result_alloc(call, out, s.len);
    if (!r)
        return;
    size_t n = 0;
    for (size_t off = 0; off < s.len;) {
        size_t start = off;
        uint32_t c = expr_utf8_next(s, &off), d = to(c);
        if (c != d)
            n += expr_utf8_put(r + n, d); /* never longer than c */
        else {
            memcpy(r + n, s.p + start, off - start);
            n += off - start;
        }
    }
    expr_put_str(out, (struct base_str){ r, n });
}

static void str_lower(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_lower_upper(call, args, out, expr_lower_char);
}

static void str_upper(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_lower_upper(call, args, out, expr_upper_char);
}

static void str_initcap(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    char *r = expr_result_alloc(call, out, s.len);
    if (!r)
        return;
    size_t n = 0;
    bool in_word = false;
    for (size_t off = 0; off < s.len;) {
        size_t start = off;
        uint32_t c = expr_utf8_next(s, &off), d = in_word ? expr_lower_char(c) : expr_upper_char(c);
        in_word = expr_is_word_char(c);
        if (c != d)
            n += expr_utf8_put(r + n, d);
        else {
            memcpy(r + n, s.p + start, off - start);
            n += off - start;
        }
    }
    expr_put_str(out, (struct base_str){ r, n });
}

static void str_char_length(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, (int64_t)base_utf8_len(evt_val_str(&args[0])));
}

static void str_octet_length(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].s.len);
}

/* -- parts ------------------------------------------------------------------------------------------------------------- */

/* The characters at positions from .. from + len - 1, as far as there are such (SQL:2016, 6.32). */
static void str_substring(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    int64_t from = args[1].i, end = INT64_MAX;
    if (call->n_args > 2) {
        if (args[2].i < 0) {
            expr_fail(call, out, "length of a substring is negative");
            return;
        }
        if (__builtin_add_overflow(from, args[2].i, &end))
            end = INT64_MAX;
    }
    if (from < 1)
        from = 1;
    if (end <= from) {
        expr_put_str(out, str_part(s, 0, 0));
        return;
    }
    size_t a = expr_utf8_off(s, from - 1);
    size_t b = a + expr_utf8_off(str_part(s, a, s.len), end - from);
    expr_put_str(out, str_part(s, a, b));
}

static void str_left(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct base_str s = evt_val_str(&args[0]);
    int64_t n = args[1].i < 0 ? args[1].i + (int64_t)base_utf8_len(s) : args[1].i;
    expr_put_str(out, str_part(s, 0, expr_utf8_off(s, n)));
}

static void str_right(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct base_str s = evt_val_str(&args[0]);
    int64_t len = (int64_t)base_utf8_len(s), n = args[1].i;
    int64_t skip = n >= 0 ? (n > len ? 0 : len - n) : n < -len ? len : -n;
    expr_put_str(out, str_part(s, expr_utf8_off(s, skip), s.len));
}

static bool str_holds_char(struct base_str set, struct base_str s, size_t at, size_t n) {
    return expr_str_find(set, str_part(s, at, at + n), 0) >= 0;
}

enum { STR_LEADING = 1, STR_TRAILING = 2 };

static void str_trim_ends(struct expr_call *call, const struct evt_val *args, struct evt_val *out, int ends) {
    struct base_str s = evt_val_str(&args[0]);
    struct base_str set = call->n_args > 1 ? evt_val_str(&args[1]) : BASE_STR(" ");
    size_t a = 0, b = s.len;
    while ((ends & STR_LEADING) && a < b) {
        size_t n = expr_utf8_width(s.p[a]);
        if (n > b - a || !str_holds_char(set, s, a, n))
            break;
        a += n;
    }
    while ((ends & STR_TRAILING) && b > a) {
        size_t at = b - 1;
        while (at > a && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at--;
        if (!str_holds_char(set, s, at, b - at))
            break;
        b = at;
    }
    expr_put_str(out, str_part(s, a, b));
}

static void str_trim(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_trim_ends(call, args, out, STR_LEADING | STR_TRAILING);
}

static void str_ltrim(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_trim_ends(call, args, out, STR_LEADING);
}

static void str_rtrim(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_trim_ends(call, args, out, STR_TRAILING);
}

/* The n-th part between delimiters, from 1 or, negative, from the end; empty when there is none. */
static void str_split_part(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]), sep = evt_val_str(&args[1]);
    int64_t n = args[2].i;
    if (n == 0) {
        expr_fail(call, out, "parts count from 1");
        return;
    }
    if (sep.len == 0) {
        expr_put_str(out, n == 1 || n == -1 ? s : str_part(s, 0, 0));
        return;
    }
    int64_t at;
    if (n < 0) {
        int64_t parts = 1;
        for (size_t from = 0; (at = expr_str_find(s, sep, from)) >= 0; from = (size_t)at + sep.len)
            parts++;
        n = n < -parts ? 0 : n + parts + 1;
    }
    size_t from = 0;
    for (int64_t i = 1; n > 0; i++) {
        at = expr_str_find(s, sep, from);
        if (i == n) {
            expr_put_str(out, str_part(s, from, at < 0 ? s.len : (size_t)at));
            return;
        }
        if (at < 0)
            break;
        from = (size_t)at + sep.len;
    }
    expr_put_str(out, str_part(s, 0, 0));
}

/* -- searching ----------------------------------------------------------------------------------------------------------- */

static int64_t str_position_of(struct base_str what, struct base_str s, size_t from) {
    int64_t at = expr_str_find(s, what, from);
    return at < 0 ? 0 : (int64_t)base_utf8_len(str_part(s, 0, (size_t)at)) + 1;
}

static void str_position(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, str_position_of(evt_val_str(&args[0]), evt_val_str(&args[1]), 0));
}

static void str_strpos(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, str_position_of(evt_val_str(&args[1]), evt_val_str(&args[0]), 0));
}

static void str_locate(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str what = evt_val_str(&args[0]), s = evt_val_str(&args[1]);
    int64_t from = call->n_args > 2 ? args[2].i : 1, len = (int64_t)base_utf8_len(s);
    if (from < 1 || from > len + 1)
        expr_put_int(out, 0);
    else
        expr_put_int(out, str_position_of(what, s, expr_utf8_off(s, from - 1)));
}

static void str_starts_with(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct base_str s = evt_val_str(&args[0]), with = evt_val_str(&args[1]);
    expr_put_bool(out, with.len <= s.len && base_str_eq(str_part(s, 0, with.len), with));
}

static void str_ends_with(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct base_str s = evt_val_str(&args[0]), with = evt_val_str(&args[1]);
    expr_put_bool(out, with.len <= s.len && base_str_eq(str_part(s, s.len - with.len, s.len), with));
}

static void str_contains(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_bool(out, expr_str_find(evt_val_str(&args[0]), evt_val_str(&args[1]), 0) >= 0);
}

/* -- making new ones --------------------------------------------------------------------------------------------------- */

/* n characters of `fill` over and over at `to`. Returns: bytes; only counts when to is NULL. */
static size_t str_fill(char *to, struct base_str fill, size_t n) {
    size_t len = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        size_t start = off;
        expr_utf8_next(fill, &off);
        if (to)
            memcpy(to + len, fill.p + start, off - start);
        len += off - start;
        if (off >= fill.len)
            off = 0;
    }
    return len;
}

static void str_pad(struct expr_call *call, const struct evt_val *args, struct evt_val *out, bool left) {
    struct base_str s = evt_val_str(&args[0]);
    struct base_str fill = call->n_args > 2 ? evt_val_str(&args[2]) : BASE_STR(" ");
    int64_t want = args[1].i, have = (int64_t)base_utf8_len(s);
    if (want <= have || fill.len == 0) {
        expr_put_str(out, str_part(s, 0, expr_utf8_off(s, want)));
        return;
    }
    if (want - have > EXPR_RESULT_MAX) {
        (void)expr_result_alloc(call, out, EXPR_RESULT_MAX + (size_t)1); /* fails */
        return;
    }
    size_t n_fill = str_fill(NULL, fill, (size_t)(want - have));
    char *r = expr_result_alloc(call, out, s.len + n_fill);
    if (!r)
        return;
    str_fill(left ? r : r + s.len, fill, (size_t)(want - have));
    if (s.len)
        memcpy(left ? r + n_fill : r, s.p, s.len);
    expr_put_str(out, (struct base_str){ r, s.len + n_fill });
}

static void str_lpad(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_pad(call, args, out, true);
}

static void str_rpad(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_pad(call, args, out, false);
}

static char *str_append(char *to, struct base_str s) {
    if (s.len)
        memcpy(to, s.p, s.len);
    return to + s.len;
}

static void str_replace(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]), what = evt_val_str(&args[1]), with = evt_val_str(&args[2]);
    size_t n = 0;
    int64_t at;
    if (what.len)
        for (size_t from = 0; (at = expr_str_find(s, what, from)) >= 0; from = (size_t)at + what.len)
            n++;
    if (n == 0) {
        *out = args[0];
        return;
    }
    size_t rest = s.len - n * what.len;
    char *r = expr_result_alloc(call, out, rest + n * with.len); /* below 2^64: both factors are below 2^32 */
    if (!r)
        return;
    char *to = r;
    size_t from = 0;
    while ((at = expr_str_find(s, what, from)) >= 0) {
        to = str_append(to, str_part(s, from, (size_t)at));
        to = str_append(to, with);
        from = (size_t)at + what.len;
    }
    to = str_append(to, str_part(s, from, s.len));
    expr_put_str(out, (struct base_str){ r, (size_t)(to - r) });
}

static void str_overlay(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]), with = evt_val_str(&args[1]);
    int64_t from = args[2].i, len = call->n_args > 3 ? args[3].i : (int64_t)base_utf8_len(with);
    if (from < 1 || len < 0) {
        expr_fail(call, out, "position or length of an overlay is out of range");
        return;
    }
    size_t a = expr_utf8_off(s, from - 1), b = a + expr_utf8_off(str_part(s, a, s.len), len);
    char *r = expr_result_alloc(call, out, a + with.len + s.len - b);
    if (!r)
        return;
    char *to = str_append(r, str_part(s, 0, a));
    to = str_append(to, with);
    to = str_append(to, str_part(s, b, s.len));
    expr_put_str(out, (struct base_str){ r, (size_t)(to - r) });
}

static void str_reverse(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    char *r = expr_result_alloc(call, out, s.len);
    if (!r)
        return;
    for (size_t off = 0, start = 0; off < s.len; start = off) {
        expr_utf8_next(s, &off);
        memcpy(r + s.len - off, s.p + start, off - start);
    }
    expr_put_str(out, (struct base_str){ r, s.len });
}

static void str_repeat(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    int64_t n = args[1].i < 0 || s.len == 0 ? 0 : args[1].i;
    char *r = expr_result_alloc(
        call, out, n > EXPR_RESULT_MAX ? EXPR_RESULT_MAX + (size_t)1 : (size_t)n * s.len);
    if (!r)
        return;
    for (int64_t i = 0; i < n; i++)
        memcpy(r + (size_t)i * s.len, s.p, s.len);
    expr_put_str(out, (struct base_str){ r, (size_t)n * s.len });
}

/* The texts of args[first..] that are not null, with sep between them. */
static void str_join(struct expr_call *call, const struct evt_val *args, struct evt_val *out, uint32_t first,
    struct base_str sep) {
    struct base_str *texts = BASE_ARENA_ARRAY(call->scratch, struct base_str, call->n_args);
    size_t len = 0, n = 0;
    for (uint32_t i = first; i < call->n_args; i++) {
        if (args[i].null)
            continue;
        bool plain = call->arg_types[i]->kind == EVT_STRING;
        texts[n] = plain ? evt_val_str(&args[i]) : expr_text_of(call->scratch, call->arg_types[i], &args[i]);
        len += texts[n].len + (n ? sep.len : 0);
        n++;
    }
    char *r = expr_result_alloc(call, out, len), *to = r;
    if (!r)
        return;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            to = str_append(to, sep);
        to = str_append(to, texts[i]);
    }
    expr_put_str(out, (struct base_str){ r, len });
}

static void str_concat(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    str_join(call, args, out, 0, BASE_STR(""));
}

static void str_concat_ws(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[0].null)
        *out = EVT_VAL_NULL;
    else
        str_join(call, args, out, 1, evt_val_str(&args[0]));
}

static void str_translate(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]), from = evt_val_str(&args[1]), to = evt_val_str(&args[2]);
    char *r = expr_result_alloc(call, out, s.len * 4);
    if (!r)
        return;
    size_t n = 0;
    for (size_t off = 0, start = 0; off < s.len; start = off) {
        expr_utf8_next(s, &off);
        struct base_str c = str_part(s, start, off);
        int64_t at = expr_str_find(from, c, 0);
        if (at >= 0) {
            size_t a = expr_utf8_off(to, (int64_t)base_utf8_len(str_part(from, 0, (size_t)at)));
            c = str_part(to, a, a + expr_utf8_off(str_part(to, a, to.len), 1));
        }
        str_append(r + n, c);
        n += c.len;
    }
    expr_put_str(out, (struct base_str){ r, n });
}

static void str_ascii(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct base_str s = evt_val_str(&args[0]);
    size_t off = 0;
    expr_put_int(out, s.len ? expr_utf8_next(s, &off) : 0);
}

static void str_chr(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    int64_t c = args[0].i;
    if (c < 1 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        expr_fail(call, out, "not the number of a character");
        return;
    }
    char *r = expr_result_alloc(call, out, 4);
    expr_put_str(out, (struct base_str){ r, expr_utf8_put(r, (uint32_t)c) });
}

#define STRING EXPR_SIG_STRING
#define BYTES  EXPR_SIG_BYTES
#define INT    EXPR_SIG_INT
#define ANY    EXPR_SIG_ANY

/* One line a row reads best. */
/* clang-format off */
const struct expr_func expr_funcs_string[] = { EXPR_ROW("lower", STRING, str_lower, 1, 1, "lower(s): s in lower case", STRING),
    EXPR_ROW("upper", STRING, str_upper, 1, 1, "upper(s): s in upper case", STRING),
    EXPR_ROW("initcap", STRING, str_initcap, 1, 1, "initcap(s): each word with a capital", STRING),
    EXPR_ROW("char_length", INT, str_char_length, 1, 1, "char_length(s): characters in s", STRING),
    EXPR_ROW("character_length", INT, str_char_length, 1, 1, "character_length(s): char_length(s)", STRING),
    EXPR_ROW("length", INT, str_char_length, 1, 1, "length(s): characters in s, bytes in bytes", STRING),
    EXPR_ROW("length", INT, str_octet_length, 1, 1, "length(s): characters in s, bytes in bytes", BYTES),
    EXPR_ROW("octet_length", INT, str_octet_length, 1, 1, "octet_length(s): bytes in s", STRING),
    EXPR_ROW("octet_length", INT, str_octet_length, 1, 1, "octet_length(s): bytes in s", BYTES),
    EXPR_ROW("substring", STRING, str_substring, 2, 3, "substring(s, from[, n]): n characters of s from a position", STRING, INT, INT),
    EXPR_ROW("substr", STRING, str_substring, 2, 3, "substr(s, from[, n]): substring(s, from, n)", STRING, INT, INT),
    EXPR_ROW("left", STRING, str_left, 2, 2, "left(s, n): the first n characters; all but the last -n when n < 0", STRING, INT),
    EXPR_ROW("right", STRING, str_right, 2, 2, "right(s, n): the last n characters; all but the first -n when n < 0", STRING, INT),
    EXPR_ROW("trim", STRING, str_trim, 1, 2, "trim(s[, chars]): s without blanks (or chars) at both ends", STRING, STRING),
    EXPR_ROW("btrim", STRING, str_trim, 1, 2, "btrim(s[, chars]): trim(s, chars)", STRING, STRING),
    EXPR_ROW("ltrim", STRING, str_ltrim, 1, 2, "ltrim(s[, chars]): s without blanks (or chars) at its start", STRING, STRING),
    EXPR_ROW("rtrim", STRING, str_rtrim, 1, 2, "rtrim(s[, chars]): s without blanks (or chars) at its end", STRING, STRING),
    EXPR_ROW("split_part", STRING, str_split_part, 3, 3, "split_part(s, sep, n): the n-th part of s between separators", STRING, STRING, INT),
    EXPR_ROW("position", INT, str_position, 2, 2, "position(part, s): where part is in s, 0 when it is not", STRING, STRING),
    EXPR_ROW("strpos", INT, str_strpos, 2, 2, "strpos(s, part): position(part, s)", STRING, STRING),
    EXPR_ROW("instr", INT, str_strpos, 2, 2, "instr(s, part): position(part, s)", STRING, STRING),
    EXPR_ROW("locate", INT, str_locate, 2, 3, "locate(part, s[, from]): where part is in s at or after a position", STRING, STRING, INT),
    EXPR_ROW("starts_with", BOOL, str_starts_with, 2, 2, "starts_with(s, part): does s begin with part?", STRING, STRING),
    EXPR_ROW("ends_with", BOOL, str_ends_with, 2, 2, "ends_with(s, part): does s end with part?", STRING, STRING),
    EXPR_ROW("contains", BOOL, str_contains, 2, 2, "contains(s, part): is part in s?", STRING, STRING),
    EXPR_ROW("lpad", STRING, str_lpad, 2, 3, "lpad(s, n[, fill]): s filled up on the left, or cut, to n characters", STRING, INT, STRING),
    EXPR_ROW("rpad", STRING, str_rpad, 2, 3, "rpad(s, n[, fill]): s filled up on the right, or cut, to n characters", STRING, INT, STRING),
    EXPR_ROW("replace", STRING, str_replace, 3, 3, "replace(s, part, by): s with every part replaced", STRING, STRING, STRING),
    EXPR_ROW("overlay", STRING, str_overlay, 3, 4, "overlay(s, by, from[, n]): s with n characters from a position replaced", STRING, STRING, INT, INT),
    EXPR_ROW("translate", STRING, str_translate, 3, 3, "translate(s, from, to): each character of from becomes the one at its place in to", STRING, STRING, STRING),
    EXPR_ROW("reverse", STRING, str_reverse, 1, 1, "reverse(s): the characters in reverse order", STRING),
    EXPR_ROW("repeat", STRING, str_repeat, 2, 2, "repeat(s, n): s n times", STRING, INT),
    EXPR_ROW_NULLS("concat", STRING, str_concat, 1, EXPR_ANY_NUMBER, "concat(x, ...): the texts of what is not null, joined", ANY),
    EXPR_ROW_NULLS("concat_ws", STRING, str_concat_ws, 2, EXPR_ANY_NUMBER, "concat_ws(sep, x, ...): the texts of what is not null, joined with sep", STRING, ANY),
    EXPR_ROW("ascii", INT, str_ascii, 1, 1, "ascii(s): the number of the first character, 0 when s is empty", STRING),
    EXPR_ROW("chr", STRING, str_chr, 1, 1, "chr(n): the character with that number", INT),
    EXPR_ROWS_END
};
