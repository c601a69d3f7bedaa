/* evt_pack: golden bytes; every type there and back; bytes cut anywhere are refused. */
#include "event/evt_pack.h"

#include "tests/base/base_test.h"

struct kit {
    struct base_arena a;
    const struct evt_schema *schema;
};

static void kit_init(struct kit *k) {
    base_arena_init(&k->a, 0);
    static const enum evt_kind kinds[] = { EVT_BOOL, EVT_INT, EVT_DOUBLE, EVT_STRING, EVT_BYTES,
        EVT_TIMESTAMP, EVT_DURATION };
    enum { N_SCALAR = sizeof kinds / sizeof kinds[0] };
    struct evt_column *c = BASE_ARENA_ARRAY(&k->a, struct evt_column, N_SCALAR + 3);
    for (int i = 0; i < N_SCALAR; i++)
        c[i] = (struct evt_column){ base_str_of(evt_kind_name(kinds[i])), evt_type_of(kinds[i]), i % 2 == 0 };
    c[N_SCALAR] = (struct evt_column){ BASE_STR("dec"), evt_type_decimal(&k->a, 38, 10), false };
    struct evt_column *f = BASE_ARENA_ARRAY(&k->a, struct evt_column, 2);
    f[0] = (struct evt_column){ BASE_STR("s"), evt_type_of(EVT_STRING), false };
    f[1] = (struct evt_column){ BASE_STR("n"), evt_type_array(&k->a, evt_type_of(EVT_INT)), true };
    c[N_SCALAR + 1] = (struct evt_column){ BASE_STR("row"), evt_type_row(&k->a, 2, f), false };
    c[N_SCALAR + 2] = (struct evt_column){ BASE_STR("$hidden"), evt_type_array(&k->a, c[N_SCALAR + 1].type),
        false };
    struct evt_schema *s = BASE_ARENA_NEW(&k->a, struct evt_schema);
    *s = (struct evt_schema){ N_SCALAR + 3, N_SCALAR + 2, c };
    k->schema = s;
}

static struct evt_val some(struct kit *k, const struct evt_type *t, uint32_t i) {
    if (i % 5 == 4)
        return EVT_VAL_NULL;
    switch (t->kind) {
    case EVT_BOOL: return (struct evt_val){ .b = i & 1 };
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return (struct evt_val){ .i = i % 2 ? INT64_MIN + i : INT64_MAX - i };
    case EVT_DOUBLE: return (struct evt_val){ .d = i % 2 ? -0.0 : 1.0 / (i + 1) };
    case EVT_DECIMAL: return evt_val_of_dec((i % 2 ? -1 : 1) * ((__int128)INT64_MAX << 60 | i));
    case EVT_STRING:
    case EVT_BYTES: return (struct evt_val){ .s = { "abcdefghijk\0\xff", i % 13 } };
    case EVT_ARRAY: {
        struct evt_val *v = BASE_ARENA_ARRAY(&k->a, struct evt_val, 4);
        for (uint32_t n = 0; n < i % 4; n++)
            v[n] = some(k, t->elem, i + n + 1);
        return (struct evt_val){ .list = { v, i % 4 } };
    }
    case EVT_ROW: {
        struct evt_val *v = BASE_ARENA_ARRAY(&k->a, struct evt_val, t->n_fields);
        for (uint32_t n = 0; n < t->n_fields; n++)
            v[n] = some(k, t->fields[n].type, i + n + 1);
        return (struct evt_val){ .list = { v, t->n_fields } };
    }
    case EVT_NULL:
    case EVT_KIND_MAX: break;
    }
    return EVT_VAL_NULL;
}

static struct evt_batch *batch_of(struct kit *k, uint32_t n) {
    struct evt_batch *b = evt_batch_new(k->schema, n);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < k->schema->n_cols; c++) {
            struct evt_val v = some(k, k->schema->cols[c].type, i + c);
            evt_col_set_val(&b->cols[c], i, &v);
        }
        b->time[i] = i % 2 ? -(int64_t)i : INT64_MAX - (int64_t)i;
        b->seq[i] = UINT64_MAX - i;
        b->origin[i] = UINT32_MAX - i;
        evt_batch_end_row(b);
    }
    return b;
}

static void bytes_are_as_documented(void **state) {
    (void)state;
    struct kit k;
    struct base_buf b = BASE_BUF_INIT;
    kit_init(&k);
    struct evt_val null = EVT_VAL_NULL, i = { .i = -2 }, d = { .d = 1.5 }, s = { .s = { "hi", 2 } },
                   dec = evt_val_of_dec(-1);
    evt_pack_val(&b, evt_type_of(EVT_INT), &null);
    evt_pack_val(&b, evt_type_of(EVT_INT), &i);
    evt_pack_val(&b, evt_type_of(EVT_DOUBLE), &d);
    evt_pack_val(&b, evt_type_of(EVT_STRING), &s);
    evt_pack_val(&b, k.schema->cols[7].type, &dec);
    evt_pack_type(&b, k.schema->cols[7].type);
    evt_pack_type(&b, k.schema->cols[8].type);
    static const unsigned char want[] = { 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 1, 2, 'h', 'i', 1, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 8, 38, 10,
        10, 2, 1, 's', 0, 4, 1, 'n', 1, 9, 2 };
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.p, want, sizeof want);
    base_buf_release(&b);
    base_arena_release(&k.a);
}

static void assert_same(
    struct kit *k, const struct evt_batch *a, uint32_t ra, const struct evt_batch *b, uint32_t rb) {
    struct evt_val va, vb;
    assert_true(a->time[ra] == b->time[rb] && a->seq[ra] == b->seq[rb] && a->origin[ra] == b->origin[rb]);
    for (uint32_t c = 0; c < k->schema->n_cols; c++) {
        evt_col_get(&a->cols[c], ra, &k->a, &va);
        evt_col_get(&b->cols[c], rb, &k->a, &vb);
        assert_true(evt_val_eq(k->schema->cols[c].type, &va, &vb));
    }
}

static void batches_come_back(void **state) {
    (void)state;
    struct kit k;
    struct base_buf b = BASE_BUF_INIT;
    kit_init(&k);
    struct evt_batch *from = batch_of(&k, 64);
    evt_batch_need_sel(from)[0] &= ~UINT64_C(0x30);
    evt_pack_schema(&b, k.schema);
    evt_pack_batch(&b, from);
    struct base_unpack u = base_unpack_of(base_buf_view(&b));
    const struct evt_schema *s = evt_unpack_schema(&u, &k.a);
    assert_non_null(s);
    assert_int_equal(s->n_cols, k.schema->n_cols);
    assert_int_equal(s->n_visible, k.schema->n_visible);
    for (uint32_t c = 0; c < s->n_cols; c++) {
        assert_true(base_str_eq(s->cols[c].name, k.schema->cols[c].name));
        assert_true(evt_type_eq(s->cols[c].type, k.schema->cols[c].type));
        assert_int_equal(s->cols[c].not_null, k.schema->cols[c].not_null);
    }
    struct evt_batch *to = evt_unpack_batch(&u, s);
    assert_non_null(to);
    assert_true(base_unpack_ok(&u));
    assert_int_equal(to->n_rows, 62);
    for (uint32_t i = 0; i < 62; i++)
        assert_same(&k, from, i < 4 ? i : i + 2, to, i);
    evt_batch_unref(from);
    evt_batch_unref(to);
    base_buf_release(&b);
    base_arena_release(&k.a);
}

static void cut_bytes_are_refused(void **state) {
    (void)state;
    struct kit k;
    struct base_buf b = BASE_BUF_INIT;
    kit_init(&k);
    struct evt_batch *from = batch_of(&k, 7);
    evt_pack_batch(&b, from);
    for (size_t len = 0; len < b.len; len++) {
        struct base_unpack u = base_unpack_of((struct base_str){ b.p, len });
        assert_null(evt_unpack_batch(&u, k.schema));
        assert_true(u.bad);
    }
    /* A row that fails half way leaves the batch as it was. */
    struct evt_batch *to = evt_batch_new(k.schema, 8);
    struct base_unpack u = base_unpack_of((struct base_str){ b.p + 1, b.len - 1 });
    assert_true(evt_unpack_row(&u, to, &k.a));
    struct base_unpack cut = { u.p, u.p + 40, false };
    assert_false(evt_unpack_row(&cut, to, &k.a));
    assert_int_equal(to->n_rows, 1);
    assert_true(evt_unpack_row(&u, to, &k.a));
    assert_same(&k, from, 1, to, 1);
    evt_batch_unref(to);
    evt_batch_unref(from);
    base_buf_release(&b);
    base_arena_release(&k.a);
}

static void malformed_types_and_values_are_refused(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    char deep[EVT_PACK_DEPTH + 2];
    memset(deep, EVT_ARRAY, sizeof deep);
    deep[sizeof deep - 1] = EVT_INT;
    const struct base_str bad[] = { { deep, sizeof deep }, BASE_STR("\x0b"), BASE_STR("\x08\x27\x00"),
        BASE_STR("\x08\x05\x06"), BASE_STR("\x0a\x02\x01s\x02\x02"), BASE_STR("") };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct base_unpack u = base_unpack_of(bad[i]);
        assert_null(evt_unpack_type(&u, &a));
        assert_true(u.bad);
    }
    struct base_unpack fits = base_unpack_of((struct base_str){ deep + 2, sizeof deep - 2 });
    assert_non_null(evt_unpack_type(&fits, &a));
    struct evt_val v;
    struct base_unpack u = base_unpack_of(BASE_STR("\x02"));
    evt_unpack_val(&u, evt_type_of(EVT_BOOL), &a, &v);
    assert_true(u.bad && v.null);
    u = base_unpack_of(BASE_STR("\x01\x02"));
    evt_unpack_val(&u, evt_type_of(EVT_BOOL), &a, &v);
    assert_true(u.bad && v.null);
    u = base_unpack_of(BASE_STR("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
    evt_unpack_val(&u, evt_type_decimal(&a, 38, 0), &a, &v);
    assert_true(u.bad && v.null);
    base_arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(batches_come_back),
        cmocka_unit_test(cut_bytes_are_refused),
        cmocka_unit_test(malformed_types_and_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
