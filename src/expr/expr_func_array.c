/*
 * expr_func_array -- functions of arrays. Elements count from 1, as in SQL; from the end when negative.
 */
#include "expr/expr_cast.h"
#include "expr/expr_func_util.h"

#include <stdlib.h>

static const struct evt_type *arr_elem(const struct expr_call *call) {
    return call->arg_types[0]->elem;
}

static void arr_length(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].list.n);
}

/* Where an element is, from 1; 0 when it is not there. */
static int64_t arr_find(const struct evt_type *t, const struct evt_val *array, const struct evt_val *x) {
    for (uint32_t i = 0; i < array->list.n; i++)
        if (!array->list.v[i].null && evt_val_eq(t, &array->list.v[i], x))
            return (int64_t)i + 1;
    return 0;
}

static void arr_position(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    expr_put_int(out, arr_find(arr_elem(call), &args[0], &args[1]));
}

static void arr_contains(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    expr_put_bool(out, arr_find(arr_elem(call), &args[0], &args[1]) > 0);
}

static void arr_element_at(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    int64_t n = args[0].list.n, i = args[1].i;
    if (i == 0)
        expr_fail(call, out, "elements count from 1");
    else if (i > n || i < -n)
        *out = EVT_VAL_NULL;
    else
        *out = args[0].list.v[i > 0 ? i - 1 : n + i];
}

/* by < 0: the smallest, by > 0: the largest; nulls are left out. */
static void arr_extreme(struct expr_call *call, const struct evt_val *args, struct evt_val *out, int by) {
    *out = EVT_VAL_NULL;
    for (uint32_t i = 0; i < args[0].list.n; i++) {
        const struct evt_val *v = &args[0].list.v[i];
        if (!v->null && (out->null || evt_val_cmp(arr_elem(call), v, out) * by > 0))
            *out = *v;
    }
}

static void arr_min(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    arr_extreme(call, args, out, -1);
}

static void arr_max(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    arr_extreme(call, args, out, 1);
}

static const struct evt_type *arr_ordered_elem(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args) {
    (void)a;
    (void)n_args;
    const struct evt_type *t = arg_types[0]->kind == EVT_ARRAY ? arg_types[0]->elem : arg_types[0];
    return evt_kind_is_ordered(t->kind) ? t : NULL;
}

struct arr_item {
    const struct evt_val *v;
    uint32_t at;
};

static int arr_item_cmp(const void *a, const void *b, void *type) {
    const struct arr_item *x = a, *y = b;
    int c = evt_val_cmp(type, x->v, y->v);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* Keeps the first of equal elements, in their order. */
static void arr_distinct(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    uint32_t n = args[0].list.n, kept = 0;
    if (n < 2) {
        *out = args[0];
        return;
    }
    struct arr_item *items = BASE_ARENA_ARRAY(call->scratch, struct arr_item, n);
    bool *again = BASE_ARENA_ARRAY(call->scratch, bool, n);
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct arr_item){ &args[0].list.v[i], i };
    struct evt_type elem = *arr_elem(call); /* qsort_r hands on what it may not change */
    qsort_r(items, n, sizeof *items, arr_item_cmp, &elem);
    for (uint32_t i = 1; i < n; i++)
        again[items[i].at] = evt_val_eq(&elem, items[i - 1].v, items[i].v);
    struct evt_val *v = BASE_ARENA_ARRAY(call->scratch, struct evt_val, n);
    for (uint32_t i = 0; i < n; i++)
        if (!again[i])
            v[kept++] = args[0].list.v[i];
    *out = (struct evt_val){ .list = { v, kept } };
}

static void arr_to_string(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str sep = evt_val_str(&args[1]);
    uint32_t n = args[0].list.n, n_texts = 0;
    struct base_str *texts = BASE_ARENA_ARRAY(call->scratch, struct base_str, n + (size_t)1);
    size_t len = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_val *v = &args[0].list.v[i];
        if (v->null)
            continue;
        texts[n_texts] = arr_elem(call)->kind == EVT_STRING ? evt_val_str(v)
                                                            : expr_text_of(call->scratch, arr_elem(call), v);
        len += texts[n_texts].len + (n_texts ? sep.len : 0);
        n_texts++;
    }
    char *r = expr_result_alloc(call, out, len);
    if (!r)
        return;
    size_t at = 0;
    for (uint32_t i = 0; i < n_texts; i++) {
        if (i > 0 && sep.len) {
            memcpy(r + at, sep.p, sep.len);
            at += sep.len;
        }
        if (texts[i].len)
            memcpy(r + at, texts[i].p, texts[i].len);
        at += texts[i].len;
    }
    expr_put_str(out, (struct base_str){ r, len });
}

/* An empty separator gives the characters, an empty text no element. */
static void arr_split(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]), sep = evt_val_str(&args[1]);
    struct evt_val *v = NULL;
    size_t n = 0, cap = 0, from = 0;
    while (from < s.len || (n > 0 && from == s.len && sep.len)) {
        int64_t at = sep.len ? expr_str_find(s, sep, from) : (int64_t)(from + expr_utf8_width(s.p[from]));
        size_t end = at < 0 || (size_t)at > s.len ? s.len : (size_t)at;
        v = base_arena_grow(call->scratch, v, n, &cap, sizeof *v);
        expr_put_str(&v[n++], (struct base_str){ s.p + from, end - from });
        if (sep.len && at < 0)
            break;
        from = end + sep.len;
    }
    *out = (struct evt_val){ .list = { v, (uint32_t)n } };
}

static const struct evt_type *arr_of_strings(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args) {
    (void)arg_types;
    (void)n_args;
    return evt_type_array(a, evt_type_of(EVT_STRING));
}

#define ARRAY  EXPR_SIG_ARRAY
#define ELEM   EXPR_SIG_ELEM
#define INT    EXPR_SIG_INT
#define STRING EXPR_SIG_STRING

/* One line a row reads best. */
/* clang-format off */
const struct expr_func expr_funcs_array[] = {
    EXPR_ROW("cardinality", INT, arr_length, 1, 1, "cardinality(a): how many elements a has", ARRAY),
    EXPR_ROW("array_length", INT, arr_length, 1, 1, "array_length(a): cardinality(a)", ARRAY),
    EXPR_ROW("array_contains", BOOL, arr_contains, 2, 2, "array_contains(a, x): is x an element?", ARRAY, ELEM),
    EXPR_ROW("array_position", INT, arr_position, 2, 2, "array_position(a, x): where x is first, 0 when it is not", ARRAY, ELEM),
    EXPR_ROW("element_at", ELEM, arr_element_at, 2, 2, "element_at(a, n): the n-th element, from the end when n < 0; null when there is none", ARRAY, INT),
    EXPR_ROW("array_distinct", ARRAY, arr_distinct, 1, 1, "array_distinct(a): each element once", ARRAY),
    EXPR_ROW_TYPED("array_min", arr_ordered_elem, arr_min, 1, 1, "array_min(a): the smallest element that is not null", ARRAY),
    EXPR_ROW_TYPED("array_max", arr_ordered_elem, arr_max, 1, 1, "array_max(a): the largest element that is not null", ARRAY),
    EXPR_ROW("array_to_string", STRING, arr_to_string, 2, 2, "array_to_string(a, sep): the texts of the elements that are not null, joined", ARRAY, STRING),
    EXPR_ROW("array_join", STRING, arr_to_string, 2, 2, "array_join(a, sep): array_to_string(a, sep)", ARRAY, STRING),
    EXPR_ROW_TYPED("string_to_array", arr_of_strings, arr_split, 2, 2, "string_to_array(s, sep): the parts of s", STRING, STRING),
    EXPR_ROW_TYPED("split", arr_of_strings, arr_split, 2, 2, "split(s, sep): string_to_array(s, sep)", STRING, STRING),
    EXPR_ROWS_END
};
