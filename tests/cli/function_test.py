#!/usr/bin/env python3
"""Functions and aggregates of compiled libraries in the real program: the example's, judged by Python, at parallelism 1, 2 and 4 and through kills; and what is refused.

Usage: function_test.py [-k TEXT].
"""
import collections
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, CEPD, LIMIT_S, as_rows, first_difference, lines, run_tests, stamp  # noqa: E402
import stream_kit as w  # noqa: E402

SRC = pathlib.Path(os.environ["CEP_SRCDIR"]).resolve()
CC = os.environ.get("CC", "cc")

FUNCTIONS = """function distance_km (lat1 double, lon1 double, lat2 double, lon2 double) double from './libfunctions.so';
aggregate geo_mean (x double) double from './libfunctions.so';
aggregate longest (s string) string from './libfunctions.so';
"""


def build(folder):
    done = subprocess.run(["make", "-s", f"CC={CC}", f"CEP_CFLAGS=-I{SRC}/include", f"OUT={folder}", "CFLAGS=-O1 -Werror"],
                          cwd=SRC / "examples/operators", capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


def compile_library(folder, name, text):
    (folder / f"{name}.c").write_text(text)
    done = subprocess.run([*CC.split(), "-std=gnu17", "-shared", "-fPIC", f"-I{SRC}/include", "-o", f"lib{name}.so", f"{name}.c"], cwd=folder,
                          capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


def test_the_example(folder):
    build(folder)
    shutil.copy(SRC / "examples/operators/functions.pattern", folder)
    done = subprocess.run([CEPD, "test", "functions.pattern"], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    laid_out = subprocess.run([CEPD, "fmt", "functions.pattern"], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S).stdout
    assert laid_out == (folder / "functions.pattern").read_text(), laid_out


def events(n, seed):
    return [dict(r, v=None if r["v"] is None else abs(r["v"]) + 1) for r in w.events(n, seed)]


def geo(values):
    known = [v for v in values if v is not None]
    return math.exp(sum(math.log(v) for v in known) / len(known)) if known else None


def longest(values):
    known = [str(v) for v in values if v is not None]
    return min(known, key=lambda s: (-len(s), s)) if known else None


WINDOWS = """stream t as select k, geo_mean(v) as g, longest(cast(v as string)) as l, geo_mean(d) filter (where d > 0) as p, window_start as b
  from s group by k window tumbling 7 s having geo_mean(v) > 2;
stream sl as select k, geo_mean(v) as g, longest(cast(v as string)) as l, window_start as b from s group by k window sliding 8 s every 2 s;
stream x as select k, geo_mean(v) as g, longest(cast(v as string)) as l, window_start as b from s group by k window session gap 1500 ms;
stream u as select k, geo_mean(v) as g, count(*) as n from s group by k retracting;
stream uu as select n % 10 as m, geo_mean(g) as g, count(*) as keys from u group by n % 10 retracting;
stream o as select k, v, at, geo_mean(v) over (partition by k order by at rows 3 preceding) as g from s;
sink t to file (path = 'out.ndjson') format json;
sink sl to file (path = 'out2.ndjson') format json;
sink x to file (path = 'out3.ndjson') format json;
sink uu to file (path = 'out4.ndjson') format json;
sink o to file (path = 'out5.ndjson') format json;
"""


def expected(rows):
    us = 1_000_000
    by = lambda size, slide: [(k, b, rs) for b in range((min(r["at"] for r in rows) * 1000 - size) // slide * slide + slide,
                                                        max(r["at"] for r in rows) * 1000 + 1, slide)
                              for k, rs in grouped([r for r in rows if b <= r["at"] * 1000 < b + size]).items()]
    vs = lambda rs: [r["v"] for r in rs]
    t = [(k, geo(vs(rs)), longest(vs(rs)), geo([r["d"] for r in rs if r["d"] > 0]), stamp(b)) for k, b, rs in by(7 * us, 7 * us)]
    sl = [(k, geo(vs(rs)), longest(vs(rs)), stamp(b)) for k, b, rs in by(8 * us, 2 * us)]
    x, o, last = [], [], {}
    for k, rs in grouped(sorted(rows, key=lambda r: r["at"])).items():
        last[k] = (len(rs), geo(vs(rs)))
        for i, r in enumerate(rs):
            o.append((k, r["v"], geo(vs(rs[max(0, i - 3):i + 1]))))
        group = []
        for r in rs + [None]:
            if group and (r is None or r["at"] - group[-1]["at"] > 1500):
                x.append((k, geo(vs(group)), longest(vs(group)), stamp(group[0]["at"] * 1000)))
                group = []
            group.append(r)
    uu = [(m, geo([g for _, g in of]), len(of)) for m, of in grouped_by(last.values(), lambda p: p[0] % 10).items()]
    return {"out.ndjson": (("k", "g", "l", "p", "b"), [r for r in t if r[1] is not None and r[1] > 2]), "out2.ndjson": (("k", "g", "l", "b"), sl),
            "out3.ndjson": (("k", "g", "l", "b"), x), "out4.ndjson": (("m", "g", "keys"), uu), "out5.ndjson": (("k", "v", "g"), o)}


def grouped(rows):
    return grouped_by(rows, lambda r: r["k"])


def grouped_by(rows, key):
    out = collections.defaultdict(list)
    for r in rows:
        out[key(r)].append(r)
    return out


def near(row):
    return tuple(float(f"{x:.9g}") if isinstance(x, float) else x for x in row)


def judge(folder, rows, why):
    for name, (names, wanted) in expected(rows).items():
        there = collections.Counter()
        for line in lines(folder / name):
            r = json.loads(line)
            there[near(tuple(r[n] for n in names))] += -1 if r.get("$op", "+")[0] == "-" else 1
        got = sorted(there.elements(), key=repr)
        wanted = sorted(map(near, wanted), key=repr)
        assert len(wanted) > 0 and got == wanted, f"{why}, {name}: {first_difference(got, wanted)}"


def test_windows_groups_and_frames(folder):
    build(folder)
    rows = events(900, 31)
    w.write(folder, rows)
    for parallelism in (1, 2, 4):
        for p in folder.glob("out*"):
            p.unlink()
        w.run(folder, FUNCTIONS + WINDOWS, parallelism)
        judge(folder, rows, f"parallelism {parallelism}")


def test_kills_change_nothing(folder):
    build(folder)
    rows = events(1500, 32)
    w.write(folder, rows)
    w.kill(folder, FUNCTIONS + WINDOWS, (0, 0.3, 0.65))
    judge(folder, rows, "after kills")


def test_functions_in_expressions(folder):
    """In a select, a pattern's condition, an alert; what fails is null, counted, and told with its reason."""
    build(folder)
    w.write(folder, [{"k": "a", "v": v, "d": d, "at": (BASE_S + i) * 1000} for i, (v, d) in enumerate([(10, 0.0), (None, 5.0), (91, 1.0), (50, 8.0)])])
    text = FUNCTIONS + """stream q as select k, distance_km(v, 0, 0, d) as km from s;
    stream fixed as select k, round(distance_km(0, 0, 0, 90), 1) as quarter, geo_mean(d) over (partition by k order by at) as g from s;
    pattern far from s partition by k match a define a as distance_km(v, 0, 0, d) > 5000 measures distance_km(a.v, 0, 0, a.d) as km;
    alert went on far severity low message '{round(distance_km(km, 0, 0, 0), 0)}';
    sink q to file (path = 'out.ndjson') format json;
    sink q.errors to file (path = 'out2.ndjson') format json;
    sink far to file (path = 'out3.ndjson') format json;
    sink fixed to file (path = 'out4.ndjson') format json;
    sink fixed.errors to file (path = 'out5.ndjson') format json;
    sink went to file (path = 'out6.ndjson') format json;"""
    w.run(folder, text, 1)
    read = lambda name: [json.loads(line) for line in (folder / name).read_text().splitlines()]
    km = [None if r["km"] is None else round(r["km"], 1) for r in read("out.ndjson")]
    assert km == [1112.0, None, None, 5611.6], km
    assert [r["reason"] for r in read("out2.ndjson")] == ["a latitude is beyond the poles"], read("out2.ndjson")
    assert [round(r["km"]) for r in read("out3.ndjson")] == [5612]
    assert all(r["quarter"] == 10007.6 and r["g"] is None for r in read("out4.ndjson")), read("out4.ndjson")
    assert [r["reason"] for r in read("out5.ndjson")] == ['"geo_mean" failed on a value'] * 4, read("out5.ndjson")


POOR = """#include <cep/operator.h>
static enum cep_rc add(void *acc, const struct cep_value *v) { *(double *)acc += v->d; return CEP_OK; }
static enum cep_rc get(const void *acc, struct cep_call *c, struct cep_value *r) { (void)c; *r = cep_double(*(const double *)acc); return CEP_OK; }
static enum cep_rc lie(struct cep_call *c, const struct cep_value *a, struct cep_value *r) { (void)c; (void)a; *r = cep_int(7); return CEP_OK; }
static const struct cep_type *const one[] = { &cep_type_double };
static const struct cep_function fs[] = { { "lies", 1, one, &cep_type_double, false, false, lie } };
static const struct cep_aggregate as[] = { { .name = "poor", .arg = &cep_type_double, .result = &cep_type_double, .size = sizeof(double), .add = add, .result_of = get } };
static const struct cep_library l = { CEP_LIBRARY, .name = "poor", .n_functions = 1, .functions = fs, .n_aggregates = 1, .aggregates = as };
CEP_EXPORT const struct cep_library *cep_library(void) { return &l; }
"""


def check(folder, text):
    (folder / "c.pattern").write_text(w.SOURCE + text)
    done = subprocess.run([CEPD, "check", "c.pattern"], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    return done.returncode, done.stdout + done.stderr


def test_what_does_not_fit_is_refused(folder):
    build(folder)
    compile_library(folder, "poor", POOR)
    poor = "aggregate poor (x double) double from './libpoor.so';\nsink x to stdout;\n"
    geo_mean = "aggregate geo_mean (x double) double from './libfunctions.so';\nsink x to stdout;\n"
    for text, wanted in (
            ("function distance_kn (a double, b double) double from './libfunctions.so';", ('has no function "distance_kn"', 'did you mean "distance_km"?')),
            ("function distance_km (a double, b double) double from './libfunctions.so';", ("takes 4 arguments, not 2",)),
            ("function distance_km (a double, b int, c double, d double) double from './libfunctions.so';", ("is double in the library, not int",)),
            ("function distance_km (a double, b double, c double, d double) int from './libfunctions.so';", ("the result", "is double in the library, not int")),
            ("aggregate geo_mean (x int) double from './libfunctions.so';", ("this argument of aggregate",)),
            ("function geo_mean (x double) double from './libfunctions.so';", ('has no function "geo_mean"',)),
            ("function lower (s string) string from './libfunctions.so';", ("is a function of the language",)),
            ("aggregate Sum (x double) double from './libfunctions.so';", ("is a function of the language",)),
            ("function f (x double) double from './none.so';", ('library "./none.so"', "relative to the folder")),
            (geo_mean + "stream x as select geo_mean(k) as g from s group by k;", ('"geo_mean" takes double here, not string',)),
            (geo_mean + "stream x as select geo_mean(d, v) as g from s group by k;", ("takes one argument",)),
            (geo_mean + "pattern x from s match a define a as geo_mean(a.d) > 1;", ("cannot stand here",)),
            (poor + "stream x as select poor(d) as g from s window sliding 4 s every 1 s;", ('"poor" has no merge()',)),
            (poor + "stream x as select poor(d) as g from s window session gap 4 s;", ('"poor" has no merge()',)),
            (poor + "stream x as select poor(d) over (partition by k order by at rows 3 preceding) as g from s;", ('"poor" has no back()',)),
            (poor + "stream u as select k, avg(d) as d from s group by k retracting;\nstream x as select poor(d) as g from u retracting;",
             ('"poor" cannot forget one',))):
        status, told = check(folder, text)
        assert status == 1 and all(t in told for t in wanted), (text, wanted, told)
    status, told = check(folder, poor + "stream x as select poor(d) as g, window_end as e from s window tumbling 4 s;")
    assert status == 0, told


def test_a_result_of_another_type_is_a_failure(folder):
    compile_library(folder, "poor", POOR)
    w.write(folder, [{"k": "a", "v": 1, "d": 2.0, "at": BASE_S * 1000}])
    w.run(folder, """function lies (x double) double from './libpoor.so';
    stream x as select k, lies(d) as l from s;
    sink x to file (path = 'out.ndjson') format json;
    sink x.errors to file (path = 'out2.ndjson') format json;""", 1)
    assert as_rows(folder / "out.ndjson", ("k", "l")) == [("a", None)]
    assert [r for (r,) in as_rows(folder / "out2.ndjson", ("reason",))] == ['"lies" gave int, not double']


run_tests(globals())
