/*
 * expr_cast -- which casts there are, and one function per direction.
 */
#include "expr/expr_cast.h"

#include "base/base_check.h"
#include "base/base_num.h"
#include "expr/expr_decimal.h"

#include <math.h>

static bool cast_scalar_exists(enum evt_kind from, enum evt_kind to) {
    if (from == to || from == EVT_NULL)
        return true;
    switch (to) {
    case EVT_STRING: return true;
    case EVT_BOOL: return from == EVT_STRING || from == EVT_INT;
    case EVT_INT: return from == EVT_STRING || from == EVT_BOOL || evt_kind_is_numeric(from);
    case EVT_DOUBLE:
    case EVT_DECIMAL: return from == EVT_STRING || evt_kind_is_numeric(from);
    case EVT_BYTES:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return from == EVT_STRING;
    case EVT_NULL:
    case EVT_ARRAY:
    case EVT_ROW: return false;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
    return false;
}

bool expr_cast_exists(const struct evt_type *from, const struct evt_type *to) {
    if (from->kind == EVT_ARRAY && to->kind == EVT_ARRAY)
        return expr_cast_exists(from->elem, to->elem);
    if (from->kind == EVT_ROW && to->kind == EVT_ROW)
        return evt_type_eq(from, to);
    return cast_scalar_exists(from->kind, to->kind);
}

bool expr_cast_is_implicit(const struct evt_type *from, const struct evt_type *to) {
    if (from->kind == EVT_NULL || evt_type_eq(from, to))
        return true;
    if (from->kind == EVT_ARRAY && to->kind == EVT_ARRAY)
        return from->elem->kind == EVT_NULL; /* array[] of anything */
    if (from->kind == EVT_INT)
        return to->kind == EVT_DOUBLE || to->kind == EVT_DECIMAL;
    if (from->kind != EVT_DECIMAL)
        return false;
    return to->kind == EVT_DOUBLE || (to->kind == EVT_DECIMAL && to->scale >= from->scale &&
                                         to->precision - to->scale >= from->precision - from->scale);
}

static struct base_str cast_trim(struct base_str s) {
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
        s.p++, s.len--;
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' || s.p[s.len - 1] == '\n' ||
                            s.p[s.len - 1] == '\r'))
        s.len--;
    return s;
}

static bool cast_parse_bool(struct base_str s, bool *out) {
    bool yes = base_str_ieq(s, BASE_STR("true")) || base_str_eq(s, BASE_STR("1"));
    if (!yes && !base_str_ieq(s, BASE_STR("false")) && !base_str_eq(s, BASE_STR("0")))
        return false;
    *out = yes;
    return true;
}

static bool cast_of_string(
    const struct evt_type *to, struct base_str s, struct evt_val *out, const char **failure) {
    *out = (struct evt_val){ .null = false };
    if (to->kind == EVT_BYTES) {
        out->s.p = s.p;
        out->s.len = (uint32_t)s.len;
        return true;
    }
    s = cast_trim(s);
    switch (to->kind) {
    case EVT_BOOL: *failure = "cast: the string is not a bool"; return cast_parse_bool(s, &out->b);
    case EVT_INT: *failure = "cast: the string is not an int"; return base_parse_i64(s, &out->i);
    case EVT_DOUBLE:
        *failure = "cast: the string is not a double";
        return base_parse_f64(s, &out->d) && isfinite(out->d);
    case EVT_TIMESTAMP:
        *failure = "cast: the string is not a timestamp";
        return base_parse_timestamp(s, &out->i);
    case EVT_DURATION:
        *failure = "cast: the string is not a duration";
        return base_parse_duration(s, &out->i);
    case EVT_DECIMAL: {
        *failure = "cast: the string is not a decimal of that precision";
        __int128 v;
        if (!base_parse_decimal(s, to->precision, to->scale, &v))
            return false;
        *out = evt_val_of_dec(v);
        return true;
    }
    case EVT_NULL:
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a cast from string");
    return false;
}

struct base_str expr_text_of(struct base_arena *scratch, const struct evt_type *t, const struct evt_val *v) {
    if (t->kind == EVT_STRING && !v->null)
        return evt_val_str(v);
    /* 256 bytes hold every scalar; the buffer then never grows and needs no release. */
    bool fits = t->kind != EVT_BYTES && t->kind != EVT_ARRAY && t->kind != EVT_ROW;
    enum { SCALAR = 256 };
    struct base_buf b = BASE_BUF_INIT;
    if (fits) {
        b.p = base_arena_alloc(scratch, SCALAR);
        b.cap = SCALAR;
    }
    evt_val_write_text(&b, t, v);
    if (fits) {
        CEP_INSIST(b.cap == SCALAR);
        return base_buf_view(&b);
    }
    struct base_str s = base_arena_str(scratch, base_buf_view(&b));
    base_buf_release(&b);
    return s;
}

static bool cast_to_string(struct base_arena *scratch, const struct evt_type *from, const struct evt_val *in,
    struct evt_val *out, const char **failure) {
    struct base_str s;
    if (from->kind == EVT_BYTES) {
        s = evt_val_str(in);
        *failure = "cast: the bytes are not UTF-8";
        if (!base_utf8_valid(s, NULL))
            return false;
    } else {
        s = expr_text_of(scratch, from, in);
    }
    *failure = "cast: the text is too long";
    if (s.len > UINT32_MAX)
        return false;
    *out = (struct evt_val){ .s = { s.p, (uint32_t)s.len } };
    return true;
}

static bool cast_to_int(const struct evt_type *from, const struct evt_val *in, struct evt_val *out) {
    if (from->kind == EVT_BOOL) {
        *out = (struct evt_val){ .i = in->b };
        return true;
    }
    if (from->kind == EVT_DOUBLE) {
        double d = trunc(in->d);
        if (!(d >= -0x1p63 && d < 0x1p63))
            return false;
        *out = (struct evt_val){ .i = (int64_t)d };
        return true;
    }
    CEP_INSIST(from->kind == EVT_DECIMAL);
    __int128 v = evt_val_dec(in) / expr_pow10(from->scale);
    if (v < INT64_MIN || v > INT64_MAX)
        return false;
    *out = (struct evt_val){ .i = (int64_t)v };
    return true;
}

static bool cast_to_decimal(
    const struct evt_type *from, const struct evt_type *to, const struct evt_val *in, struct evt_val *out) {
    __int128 v;
    bool ok;
    if (from->kind == EVT_DOUBLE)
        ok = expr_dec_of_f64(in->d, to, &v);
    else if (from->kind == EVT_INT)
        ok = expr_dec_rescale(in->i, 0, to, &v);
    else
        ok = expr_dec_rescale(evt_val_dec(in), from->scale, to, &v);
    if (ok)
        *out = evt_val_of_dec(v);
    return ok;
}

static bool cast_array(struct base_arena *scratch, const struct evt_type *from, const struct evt_type *to,
    const struct evt_val *in, struct evt_val *out, const char **failure) {
    uint32_t n = in->list.n;
    struct evt_val *v = BASE_ARENA_ARRAY(scratch, struct evt_val, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        v[i] = EVT_VAL_NULL;
        if (!in->list.v[i].null &&
            !expr_cast_val(scratch, from->elem, to->elem, &in->list.v[i], &v[i], failure))
            return false;
    }
    *out = (struct evt_val){ .list = { v, n } };
    return true;
}

bool expr_cast_val(struct base_arena *scratch, const struct evt_type *from, const struct evt_type *to,
    const struct evt_val *in, struct evt_val *out, const char **failure) {
    if (evt_type_eq(from, to)) {
        *out = *in;
        return true;
    }
    struct evt_val v = *in;
    if (from->kind == EVT_STRING)
        return cast_of_string(to, evt_val_str(&v), out, failure);
    switch (to->kind) {
    case EVT_BOOL: *out = (struct evt_val){ .b = v.i != 0 }; return true;
    case EVT_INT: *failure = "cast: the number is out of range for int"; return cast_to_int(from, &v, out);
    case EVT_DOUBLE:
        *out = (struct evt_val){ .d = from->kind == EVT_INT ? (double)v.i
                                                            : expr_dec_to_f64(evt_val_dec(&v), from->scale) };
        return true;
    case EVT_STRING: return cast_to_string(scratch, from, &v, out, failure);
    case EVT_DECIMAL:
        *failure = "cast: the number is out of range for the decimal type";
        return cast_to_decimal(from, to, &v, out);
    case EVT_ARRAY: return cast_array(scratch, from, to, &v, out, failure);
    case EVT_NULL:
    case EVT_BYTES:
    case EVT_TIMESTAMP:
    case EVT_DURATION:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a cast that exists");
    return false;
}
