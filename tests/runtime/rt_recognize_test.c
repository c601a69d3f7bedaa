/*
 * match_recognize: results worked out by hand, and the same with the state saved and loaded again between rows.
 *
 * A case is the clauses, values of one key a second apart ("10 8 6"; "x:10": of key x; "-": null; "@7:3": at second 7), and what comes, a
 * line "column|column" a row, when the stream ends.
 */
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD RT_KIT_STREAM("a") "ascending;\n"
#define A    "define a as v = 1"
#define AB   "define a as v = 1, b as v = 2"
#define ABC  "define a as v = 1, b as v = 2, c as v = 3"

struct case_of {
    const char *clauses, *rows, *came;
};

static const struct case_of by_hand[] = {
    /* A V: down, then up; each V once, and the row between two is of neither. */
    { "measures s.v as top, last(d.v) as low, last(u.v) as back pattern (s d+ u+) define d as v < prev(v), u "
      "as v > "
      "prev(v)",
        "10 8 6 7 9 9 5 6", "10|6|9\n9|5|6\n" },
    { "measures first(v) as f, last(v) as l after match skip to next row pattern (s d+ u+) define d as v < "
      "prev(v), "
      "u as v > prev(v)",
        "10 8 6 7 9", "10|9\n8|9\n" },
    /* As many, as few. */
    { "measures count(a.v) as a, count(b.v) as b pattern (a+ b+) define a as v < 5, b as v > 2", "1 3 4 3 9",
        "4|1\n" },
    { "measures count(a.v) as a, count(b.v) as b pattern (a+? b+) define a as v < 5, b as v > 2", "1 3 4 3 9",
        "1|4\n" },
    { "measures count(a.v) as a, count(b.v) as b pattern (a+? b+?) define a as v < 5, b as v > 2",
        "1 3 4 3 9", "1|1\n1|1\n" },
    { "measures count(*) as n pattern (a{2,3}) define a as v = 1", "1 1 1 1 1 2 1", "3\n2\n" },
    { "measures count(*) as n pattern (a{2,3}?) define a as v = 1", "1 1 1 1 1 2 1", "2\n2\n" },
    { "measures count(*) as n pattern (a{2,}) define a as v = 1", "1 2 1 1 2 1 1 1", "2\n3\n" },
    { "measures count(*) as n pattern (a{,2} b) " AB, "1 1 1 2 2", "3\n1\n" },
    { "measures count(*) as n pattern ((a b){2} c?) " ABC, "1 2 1 2 3 1 2 1 2 1", "5\n4\n" },
    /* The left side first, though the right one is longer. */
    { "measures classifier() as c, count(*) as n pattern (x | x y) define x as v = 1, y as v = 2", "1 2 1",
        "x|1\nx|1\n" },
    { "measures classifier() as c, count(*) as n pattern (x y | x) define x as v = 1, y as v = 2", "1 2 1",
        "y|2\nx|1\n" },
    { "measures classifier() as c pattern (l | h) define l as v < 5, h as v > 2", "1 3 9", "l\nl\nh\n" },
    { "measures classifier() as c pattern (h | l) define l as v < 5, h as v > 2", "1 3 9", "l\nh\nh\n" },
    { "measures array_agg(v) as r pattern ((a | b)+ c) " ABC, "1 2 2 1 3 2 3", "[1,2,2,1,3]\n[2,3]\n" },
    { "measures array_agg(classifier()) as r pattern (permute(a, b, c)) " ABC, "3 1 2 2 1 3",
        "[\"c\",\"a\",\"b\"]\n[\"b\",\"a\",\"c\"]\n" },
    /* Rows are consecutive. */
    { "measures count(*) as n pattern (a c) define a as v = 1, c as v = 3", "1 2 3 1 3", "2\n" },
    /* Where it goes on. */
    { "measures array_agg(v) as r after match skip past last row pattern (a b a) " AB, "1 2 1 2 1",
        "[1,2,1]\n" },
    { "measures array_agg(v) as r after match skip to next row pattern (a b a) " AB, "1 2 1 2 1",
        "[1,2,1]\n[1,2,1]\n" },
    { "measures array_agg(v) as r after match skip to last z pattern (a b+ z) define a as v < 3, b as v = 2, "
      "z as v = 1",
        "1 2 2 1 2 1", "[1,2,2,1]\n[1,2,1]\n" },
    { "measures array_agg(v) as r after match skip to first b pattern (a b+) define a as v < 3, b as v = 2",
        "1 2 2 2", "[1,2,2,2]\n[2,2,2]\n[2,2]\n" },
    { "measures array_agg(v) as r after match skip to last b pattern (a b+) define a as v < 3, b as v = 2",
        "1 2 2 2 2", "[1,2,2,2,2]\n" },
    { "measures array_agg(v) as r after match skip to b pattern (a b+) define a as v < 3, b as v = 2",
        "1 2 2 2 2", "[1,2,2,2,2]\n" },
    /* A skip to where it began, or to nothing, is an error of the row; it goes on behind it. */
    { "measures array_agg(v) as r after match skip to last u pattern (a b?) subset u = (a, b) define a as v "
      "= 1, b as v = 2",
        "1 2 1 1", "[1,2]\n[1]\n[1]\n" },
    { "measures array_agg(v) as r after match skip to first b pattern (a b?) define a as v = 1, b as v = 2",
        "1 1 2", "[1]\n[1,2]\n" },
    /* Conditions that read the match. */
    { "measures array_agg(v) as r pattern (a b+) define b as v > a.v", "3 4 5 2 9", "[3,4,5]\n[2,9]\n" },
    { "measures array_agg(v) as r pattern (a+ b) define a as sum(a.v) < 10, b as v > 0", "4 4 4 9 1 20",
        "[4,4,4]\n[9,1]\n" },
    { "measures array_agg(v) as r pattern (a{3}) define a as avg(a.v) >= 2 and count(*) <= 3",
        "2 2 2 1 3 3 -1", "[2,2,2]\n" },
    { "measures array_agg(v) as r pattern (a b* c) define b as v < first(a.v) + count(b.v), c as v = "
      "last(b.v, 1)",
        "5 4 6 4 6 1", "[5,4,6,4,6]\n" },
    { "measures array_agg(v) as r pattern (a b c) define c as v = first(v, 1) and prev(v) = last(b.v)",
        "1 7 7 2", "[1,7,7]\n" },
    { "measures array_agg(v) as r pattern (a+) define a as count(distinct a.v) <= 2", "1 2 1 2 3 3 4",
        "[1,2,1,2]\n[3,3,4]\n" },
    { "measures array_agg(v) as r pattern ((a | b){3}) define a as v > 0, b as classifier() = 'b' and v < 0",
        "1 -1 2 0 -3 -3 -3", "[1,-1,2]\n[-3,-3,-3]\n" },
    { "measures array_agg(classifier()) as r pattern ((a | b)+ c) define a as v <> 3 and "
      "coalesce(prev(classifier()), 'b') = 'b', "
      "b as v <> 3, c as v = 3",
        "1 1 1 3", "[\"a\",\"b\",\"a\",\"c\"]\n" },
    { "measures array_agg(v) as r pattern (a b) subset u = (a, b) define b as sum(u.v) = 5 and avg(u.v) = "
      "2.5",
        "2 3 1 5", "[2,3]\n" },
    /* Before the first row, behind the last one. */
    { "measures prev(first(v)) as p, next(last(v)) as n, next(a.v, 2) as nn pattern (a b) define a as v = 1, "
      "b as v = 2",
        "1 2 9 1 2 1 2", "null|9|9\n9|1|1\n2|null|null\n" },
    { "measures array_agg(v) as r pattern (a+) define a as next(v) > v", "1 2 3 2 5 5", "[1,2]\n[2]\n" },
    { "measures array_agg(v) as r pattern (a) define a as v > prev(v, 2)", "1 2 3 2 5 1", "[3]\n[5]\n" },
    /* Nothing is a match too. */
    { "measures count(*) as n, a.v as v, match_number() as m pattern (a*) define a as v = 1", "1 1 2 1",
        "2|1|1\n0|null|2\n1|1|3\n" },
    { "measures count(*) as n pattern (a*?) define a as v = 1", "1 2", "0\n0\n" },
    { "measures count(*) as n pattern (() | a) define a as v = 1", "1 2", "0\n0\n" },
    { "measures count(*) as n pattern ((a?)* b) " AB, "1 1 2 2", "3\n1\n" },
    { "measures array_agg(classifier()) as r pattern ((() | a)* b) " AB, "1 2", "[\"a\",\"b\"]\n" },
    { "measures count(*) as n pattern (((a*?){0,2})*) define a as v = 1", "1 1 1 2", "3\n0\n" },
    { "measures count(*) as n pattern (((a*?)*?)+ b?) define a as v = 1, b as v = 2", "1 1 2", "3\n" },
    { "measures count(*) as n pattern (((a | ())+ b)*) define a as v = 1, b as v = 2", "1 2 2 1 1",
        "3\n0\n0\n" },
    /* Ends of a partition. */
    { "measures count(*) as n pattern (^ a+) define a as v = 1", "1 1 2 1 1", "2\n" },
    { "measures count(*) as n pattern (a+ $) define a as v = 1", "1 1 2 1 1 1", "3\n" },
    { "measures count(*) as n pattern (^ a+ $) define a as v = 1", "1 1 2", "" },
    { "measures count(*) as n pattern (^ a+ $) define a as v = 1", "1 1", "2\n" },
    { "measures array_agg(v) as r pattern (a b* $ | a) define a as v = 1", "1 2 1 2 2 1", "[1,2,1,2,2,1]\n" },
    { "measures array_agg(v) as r pattern (a b+? $ | a) define a as v = 1, b as v = 2", "1 2 1 2 2",
        "[1]\n[1,2,2]\n" },
    /* Null is not true. */
    { "measures count(*) as n pattern (a+) define a as v < 5", "1 - 2 3", "1\n2\n" },
    { "measures count(*) as n pattern (a+) define a as not (v < prev(v))", "1 2 - 3 4 2", "1\n1\n" },
    { "measures sum(v) as s, count(v) as c, count(*) as n pattern (a b c)", "1 - 2", "3|2|3\n" },
    /* Time: the last row is less than that after the first. */
    { "measures array_agg(v) as r pattern (a b+ c) within 4 s define a as v = 1, b as v = 2, c as v = 3",
        "1 2 2 3 1 2 2 2 3", "[1,2,2,3]\n" },
    { "measures array_agg(v) as r pattern (a b*) within 3 s define a as v = 1, b as v = 2",
        "1 2 2 2 1 @10:2 @11:1", "[1,2,2]\n[1]\n[1]\n" },
    { "measures array_agg(v) as r pattern (b+) within interval '2' second define b as v = 2", "2 2 2 2 2",
        "[2,2]\n[2,2]\n[2]\n" },
    { "measures match_start() = match_end() as one, match_duration() as d, match_rowtime() as t pattern (a "
      "b*) " AB,
        "@1:1 @3:2", "false|2 s|3000000\n" },
    /* Keys are apart. */
    { "partition by k order by at measures array_agg(v) as r, match_number() as m pattern (a b) " AB,
        "x:1 y:1 x:2 y:2 y:1 x:1 x:2", "x|[1,2]|1\ny|[1,2]|1\nx|[1,2]|2\n" },
    /* Rows of one time. */
    { "order by at, v measures array_agg(v) as r pattern (a b+) define b as v > prev(v)",
        "@1:3 @1:1 @1:2 @2:9 @2:4", "[1,2,3,4,9]\n" },
    { "order by at asc, v desc measures array_agg(v) as r pattern (a b+) define b as v < prev(v)",
        "@1:3 @1:1 @1:2 @2:9 @2:4", "[3,2,1]\n[9,4]\n" },
    /* A row for each row. */
    { "measures count(*) as n, final count(*) as f, sum(v) as s, classifier() as c, last(b.v) as b, final "
      "last(b.v) as z, first(v) as o "
      "all rows per match pattern (a b+) " AB,
        "1 2 2 3 1 2",
        "0|1|3|1|a|null|2|1|x|1\n1000000|2|3|3|b|2|2|1|x|2\n"
        "2000000|3|3|5|b|2|2|1|x|2\n4000000|1|2|1|a|null|2|1|x|1\n"
        "5000000|2|2|3|b|2|2|1|x|2\n" },
    { "measures match_number() as m, count(*) as n all rows per match pattern (a {- b+ -} c) " ABC, "1 2 2 3",
        "0|1|1|x|1\n3000000|1|4|x|3\n" },
    { "measures match_number() as m, classifier() as c all rows per match pattern (a*) " A, "2 1",
        "0|1|null|x|2\n1000000|2|a|x|1\n" },
    { "measures prev(v) as p, next(v, 2) as n all rows per match pattern (a b c) " ABC, "9 1 2 3 8",
        "1000000|9|3|x|1\n2000000|1|8|x|2\n3000000|2|null|x|3\n" },
};

/* -- running a case ---------------------------------------------------------------------------------------------------- */

static char *program(const char *clauses) {
    struct base_buf b = BASE_BUF_INIT;
    bool order = strncmp(clauses, "partition", 9) == 0 || strncmp(clauses, "order", 5) == 0;
    base_buf_printf(
        &b, HEAD "stream w as select * from a match_recognize (%s%s);", order ? "" : "order by at ", clauses);
    return b.p;
}

/* The next of the rows. */
static bool next_row(const char **at, int64_t *second, struct rt_kit_row *row, char *key) {
    char *end;
    while (**at == ' ')
        ++*at;
    if (!**at)
        return false;
    (void)strcpy(key, "x");
    if (**at == '@') {
        *second = strtoll(*at + 1, &end, 10);
        *at = end + 1;
    } else if ((*at)[1] == ':') {
        key[0] = **at;
        *at += 2;
    }
    *row = (struct rt_kit_row){ key, INT64_MIN, (*second)++ * 1000000 };
    if (**at == '-' && !((*at)[1] >= '0' && (*at)[1] <= '9')) {
        ++*at;
    } else {
        row->v = strtoll(*at, &end, 10);
        *at = end;
    }
    return true;
}

/* `reload`: the state goes through bytes after each row. Owns: the caller. */
static char *came_of(const char *text, const char *rows, bool reload) {
    static const char *const ops[] = { "$w.1" };
    struct base_buf all = BASE_BUF_INIT;
    struct rt_kit kit, fresh;
    struct rt_kit_row row;
    char key[2];
    int64_t second = 0;
    rt_kit_init(&kit, text);
    struct base_buf *out = rt_kit_listen(&kit, "w", PLAN_PORT_MAIN);
    while (next_row(&rows, &second, &row, key)) {
        PUSH(&kit, "a", 0, row);
        if (!reload)
            continue;
        base_buf_str(&all, base_buf_view(out));
        rt_kit_reload(&kit, &fresh, text, ops, 1);
        kit = fresh;
        out = rt_kit_listen(&kit, "w", PLAN_PORT_MAIN);
    }
    rt_kit_finish(&kit);
    base_buf_str(&all, base_buf_view(out));
    rt_kit_release(&kit);
    (void)base_buf_cstr(&all);
    return all.p;
}

static void matches_are_those_worked_out_by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        for (int reload = 0; reload < 2; reload++) {
            char *text = program(by_hand[i].clauses), *came = came_of(text, by_hand[i].rows, reload);
            if (strcmp(came, by_hand[i].came) != 0)
                fail_msg("%s\n%s\n%s\ncame:\n%sinstead of:\n%s", by_hand[i].clauses, by_hand[i].rows,
                    reload ? "saved and loaded after each row" : "", came, by_hand[i].came);
            base_free(came);
            base_free(text);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_those_worked_out_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
