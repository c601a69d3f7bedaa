/* base_arena and base_mem: alignment, zeroing, growth, cleanups, reuse. */
#include "base/base_arena.h"

#include "base/base_mem.h"
#include "tests/base/base_test.h"

static void memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 64);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 3000; size += 7) {
            unsigned char *p = base_arena_alloc(&a, size);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xee, size);
        }
        base_arena_clear(&a);
        assert_int_equal(a.used, 0);
    }
    base_arena_release(&a);
    assert_null(a.blocks);
}

static void a_large_request_leaves_the_current_block_in_use(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 256);
    char *first = base_arena_alloc(&a, 16);
    char *large = base_arena_alloc(&a, 100000);
    char *second = base_arena_alloc(&a, 16);
    assert_int_equal(second - first, 16);
    memset(large, 1, 100000);
    base_arena_release(&a);
}

static void clear_makes_no_allocation_the_second_time(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 1024);
    for (int i = 0; i < 1000; i++)
        base_arena_alloc(&a, 40);
    base_arena_clear(&a);
    uint64_t before = base_mem_n_allocs();
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++)
            base_arena_alloc(&a, 40);
        base_arena_clear(&a);
    }
    assert_int_equal(base_mem_n_allocs(), before);
    base_arena_release(&a);
}

static void lines_begin_on_a_boundary(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    for (size_t size = 1; size < 3000; size += 97) {
        unsigned char *p = base_arena_alloc_lines(&a, size);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, size);
    }
    base_arena_release(&a);
}

/* Requests around the size of the largest block, and of a huge page. */
static void blocks_grow_to_huge_pages(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, BASE_HUGE_PAGE / 2);
    for (size_t size = BASE_HUGE_PAGE - 64; size <= BASE_HUGE_PAGE + 64; size += 16) {
        memset(base_arena_alloc(&a, size), 1, size);
        memset(base_arena_alloc(&a, 1000), 2, 1000);
    }
    base_arena_release(&a);
    for (size_t size = BASE_HUGE_PAGE - 1; size < 3 * BASE_HUGE_PAGE; size += BASE_HUGE_PAGE / 3) {
        char *p = base_alloc_huge(size);
        assert_true(size < BASE_HUGE_PAGE || (uintptr_t)p % BASE_HUGE_PAGE == 0);
        memset(p, 3, size);
        base_free(p);
    }
}

static int trace[4], n_trace;
static void note(void *arg) {
    trace[n_trace++] = *(int *)arg;
}

static void cleanups_run_newest_first_and_once(void **state) {
    (void)state;
    struct base_arena a;
    int one = 1, two = 2, three = 3;
    base_arena_init(&a, 0);
    n_trace = 0;
    base_arena_on_release(&a, note, &one);
    base_arena_on_release(&a, note, &two);
    base_arena_clear(&a);
    assert_int_equal(n_trace, 2);
    assert_int_equal(trace[0], 2);
    assert_int_equal(trace[1], 1);
    base_arena_on_release(&a, note, &three);
    base_arena_release(&a);
    assert_int_equal(n_trace, 3);
    assert_int_equal(trace[2], 3);
}

static void strings_are_copied_and_terminated(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    char text[] = "hello\0there";
    struct base_str s = base_arena_str(&a, (struct base_str){ text, sizeof text - 1 });
    char *z = base_arena_strndup(&a, text, 3);
    text[0] = 'j';
    assert_int_equal(s.len, 11);
    assert_memory_equal(s.p, "hello\0there", 12);
    assert_string_equal(z, "hel");
    assert_string_equal(base_arena_strdup(&a, "x"), "x");
    assert_string_equal(base_arena_printf(&a, "%s-%d", "n", 7), "n-7");
    assert_int_equal(base_arena_str(&a, (struct base_str){ NULL, 0 }).p[0], 0);
    base_arena_release(&a);
}

static void arrays_grow_and_keep_their_items(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    int *in_arena = NULL, *on_heap = NULL;
    size_t cap_arena = 0, cap_heap = 0;
    for (size_t i = 0; i < 1000; i++) {
        in_arena = base_arena_grow(&a, in_arena, i, &cap_arena, sizeof *in_arena);
        in_arena[i] = (int)i;
        on_heap = base_grow(on_heap, i, &cap_heap, sizeof *on_heap);
        on_heap[i] = (int)i;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(in_arena[i], i);
        assert_int_equal(on_heap[i], i);
    }
    base_free(on_heap);
    base_arena_release(&a);
}

static void heap_calls_are_counted(void **state) {
    (void)state;
    uint64_t before = base_mem_n_allocs();
    void *p = base_alloc(0);
    p = base_realloc(p, 100);
    char *q = base_calloc(3, 4);
    assert_int_equal(q[11], 0);
    void *r = base_aligned_alloc(64, 100);
    assert_int_equal((uintptr_t)r % 64, 0);
    char *z = base_strdup("abc");
    assert_string_equal(z, "abc");
    assert_int_equal(base_mem_n_allocs() - before, 5);
    base_free(p);
    base_free(q);
    base_free(r);
    base_free(z);
    base_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(a_large_request_leaves_the_current_block_in_use),
        cmocka_unit_test(lines_begin_on_a_boundary),
        cmocka_unit_test(blocks_grow_to_huge_pages),
        cmocka_unit_test(clear_makes_no_allocation_the_second_time),
        cmocka_unit_test(cleanups_run_newest_first_and_once),
        cmocka_unit_test(strings_are_copied_and_terminated),
        cmocka_unit_test(arrays_grow_and_keep_their_items),
        cmocka_unit_test(heap_calls_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
