/* base_map: against a plain array, in order of insertion. */
#include "base/base_map.h"

#include "tests/base/base_test.h"

#include <stdio.h>

static void put_get_delete(void **state) {
    (void)state;
    struct base_map m;
    base_map_init(&m);
    uint64_t v = 0;
    assert_false(base_map_get(&m, BASE_STR("a"), &v));
    assert_false(base_map_del(&m, BASE_STR("a")));
    assert_true(base_map_put(&m, BASE_STR("a"), 1));
    assert_false(base_map_put(&m, BASE_STR("a"), 2));
    assert_true(base_map_get(&m, BASE_STR("a"), &v));
    assert_int_equal(v, 2);
    assert_true(base_map_get(&m, BASE_STR("a"), NULL));
    assert_true(base_map_put(&m, (struct base_str){ NULL, 0 }, 3));
    assert_true(base_map_get(&m, BASE_STR(""), &v));
    assert_int_equal(v, 3);
    assert_true(base_map_put(&m, (struct base_str){ "a\0b", 3 }, 4));
    assert_int_equal(m.n_live, 3);
    assert_true(base_map_del(&m, BASE_STR("a")));
    assert_false(base_map_get(&m, BASE_STR("a"), &v));
    assert_true(base_map_get(&m, (struct base_str){ "a\0b", 3 }, &v));
    assert_int_equal(v, 4);
    base_map_release(&m);
    assert_int_equal(m.n_live, 0);
}

static void order_is_that_of_insertion(void **state) {
    (void)state;
    struct base_map m;
    base_map_init(&m);
    char key[16];
    for (uint64_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%llu", (unsigned long long)i);
        base_map_put(&m, base_str_of(key), i);
    }
    for (uint64_t i = 0; i < 1000; i += 3) {
        snprintf(key, sizeof key, "k%llu", (unsigned long long)i);
        assert_true(base_map_del(&m, base_str_of(key)));
    }
    uint64_t last = 0;
    size_t n = 0;
    const struct base_map_entry *e;
    for (size_t it = 0; (e = base_map_next(&m, &it)); n++) {
        assert_true(e->value > last);
        assert_true(e->value % 3 != 0);
        last = e->value;
    }
    assert_int_equal(n, m.n_live);
    assert_int_equal(n, 666);
    base_map_release(&m);
}

static void random_changes_agree_with_an_array(void **state) {
    (void)state;
    enum { KEYS = 300 };
    bool there[KEYS] = { false };
    uint64_t value[KEYS] = { 0 };
    struct base_map m;
    base_map_init(&m);
    uint64_t x = 88172645463325252u;
    char key[16];
    for (int step = 0; step < 200000; step++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t k = x % KEYS;
        snprintf(key, sizeof key, "%zu", k);
        struct base_str s = base_str_of(key);
        switch ((x >> 32) % 3) {
        case 0:
            assert_int_equal(base_map_put(&m, s, x), !there[k]);
            there[k] = true;
            value[k] = x;
            break;
        case 1:
            assert_int_equal(base_map_del(&m, s), there[k]);
            there[k] = false;
            break;
        default: {
            uint64_t v = 0;
            assert_int_equal(base_map_get(&m, s, &v), there[k]);
            if (there[k])
                assert_true(v == value[k]);
        }
        }
    }
    /* Deleted entries do not pile up. */
    assert_true(m.n_entries < 4 * KEYS);
    base_map_release(&m);
}

static void the_hash_is_xxh3(void **state) {
    (void)state;
    /* Known answers: stored state depends on this function never changing. */
    assert_true(base_hash("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(base_hash("abc", 3) == base_hash_seed("abc", 3, 0));
    assert_true(base_hash("abc", 3) != base_hash_seed("abc", 3, 1));
    assert_true(base_hash("abc", 3) == UINT64_C(0x78af5f94892f3950));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_delete),
        cmocka_unit_test(order_is_that_of_insertion),
        cmocka_unit_test(random_changes_agree_with_an_array),
        cmocka_unit_test(the_hash_is_xxh3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
