#!/usr/bin/env python3
"""distinct, unnest, unions of groups and groups of unions, and the first rows of windows in the real program, judged by SQLite on the same data.

Random events, out of order within the watermark's delay, at parallelism 1, 2 and 4; and a run killed in the midst and gone on with.
Each test is a function named test_*; it gets a scratch folder. Usage: query_test.py [-k TEXT].
"""
import json
import pathlib
import random
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, at_each_parallelism, kill_and_go_on, lines, run_file, run_tests, stamp  # noqa: E402

S = 1_000_000

SOURCES = "".join(f"""stream {n} (k string, v int, tags array(string), items array(row(name string, n int)), at timestamp)
from file (path = '{n}.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 5 s;
""" for n in "ab")
SINK = "sink q to file (path = 'out.ndjson') format json;"


def events(n, seed):
    rng = random.Random(seed)
    return [{"k": None if rng.random() < 0.05 else f"key{rng.randrange(4)}", "v": rng.randrange(6),
             "tags": None if rng.random() < 0.1 else [rng.choice(["x", "y", "z", None]) for _ in range(rng.randrange(4))],
             "items": [{"name": rng.choice("pqr"), "n": rng.randrange(9)} for _ in range(rng.randrange(3))],
             "at": BASE_S * 1000 + i * 300 + rng.randrange(-4000, 400)} for i in range(n)]


def two(folder, seed, n=400):
    db = sqlite3.connect(":memory:")
    for name in "ab":
        rows = events(n, seed)
        seed += 1
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))
        db.execute(f"create table {name} (k text, v int, tags text, items text, at int)")
        db.executemany(f"insert into {name} values (?, ?, ?, ?, ?)", [
            (r["k"], r["v"], json.dumps(r["tags"]), json.dumps(r["items"]), r["at"] * 1000) for r in rows])
    return db


def run(folder, text, parallelism, *more):
    (folder / "q.pattern").write_text(SOURCES + text)
    run_file(folder, "q.pattern", parallelism, *more)


def check(folder, text, names, expected, least=10):
    (folder / "q.pattern").write_text(SOURCES + text)
    at_each_parallelism(folder, "q.pattern", names, expected, least)


def test_distinct_in_a_window_equals_sql(folder):
    db = two(folder, 1)
    text = f"stream q as select distinct k, v * 2 as twice, window_start as s from a where v > 0 window tumbling 10 s; {SINK}"
    size = 10 * S
    expected = db.execute(f"select distinct k, v * 2, at / {size} * {size} from a where v > 0").fetchall()
    check(folder, text, ("k", "twice", "s"), [(*r[:2], stamp(r[2])) for r in expected])


def test_distinct_for_ever_equals_sql(folder):
    db = two(folder, 3)
    text = f"stream t as select k, v from a; stream q as select distinct * from t; {SINK}"
    check(folder, text, ("k", "v"), db.execute("select distinct k, v from a").fetchall())


def test_elements_equal_sql(folder):
    db = two(folder, 5)
    text = f"stream q as select a.k, v, tag from a cross join unnest(tags) as t (tag) where v < 5; {SINK}"
    check(folder, text, ("k", "v", "tag"), db.execute(
        "select k, v, e.value from a, json_each(coalesce(tags, '[]')) as e where v < 5 and tags <> 'null'").fetchall())
    text = f"stream q as select v, tag from a left join unnest(a.tags) as tag on true; {SINK}"
    check(folder, text, ("v", "tag"), db.execute(
        "select v, e.value from a left join json_each(case when tags = 'null' then '[]' else tags end) as e on true").fetchall())


def test_elements_that_are_rows_are_grouped(folder):
    db = two(folder, 7)
    text = f"""stream q as select k, i.name, count(*) as c, sum(n) as total, window_end as e from a, unnest(items) as i
      group by k, i.name window tumbling 20 s; {SINK}"""
    size = 20 * S
    expected = db.execute(f"""select k, e.value ->> 'name', count(*), sum(e.value ->> 'n'), at / {size} * {size} + {size}
      from a, json_each(items) as e group by 1, 2, 5""").fetchall()
    check(folder, text, ("k", "name", "c", "total", "e"), [(*r[:4], stamp(r[4])) for r in expected])


def test_table_functions_equal_sql(folder):
    db = two(folder, 19)
    size, slide = 12 * S, 4 * S
    text = f"""stream q as select k, window_end as e, count(*) as n, sum(v) as total
      from table(hop(table a, descriptor(at), interval '4' second, interval '12' second)) group by k, window_start, window_end; {SINK}"""
    db.execute("create table w (s int)")
    db.executemany("insert into w values (?)", [(s,) for s in range((BASE_S - 60) * S, (BASE_S + 300) * S, slide)])
    db.execute(f"create view h as select a.*, s, s + {size} as e from a join w on at >= s and at < s + {size}")
    check(folder, text, ("k", "e", "n", "total"), [(r[0], stamp(r[1]), *r[2:]) for r in db.execute("select k, e, count(*), sum(v) from h group by k, e")])
    # Rows in their windows, and groups of them by the window's start.
    text = f"stream q as select k, v * 2 as twice, window_start as s, h.window_end as e from hop(table a, descriptor(at), 4 s, 12 s) as h where v > 2; {SINK}"
    check(folder, text, ("k", "twice", "s", "e"), [(*r[:2], stamp(r[2]), stamp(r[3])) for r in db.execute("select k, v * 2, s, e from h where v > 2")])
    text = f"""stream q as select w.k, w.window_start as s, count(*) as n from (select * from hop(table a, descriptor(at), 4 s, 12 s)) as w
      group by w.k, w.window_start window global; {SINK}"""
    check(folder, text, ("k", "s", "n"), [(r[0], stamp(r[1]), r[2]) for r in db.execute("select k, s, count(*) from h group by k, s")])
    # A join by the window that both sides are in, and one of rows whose windows are equal, which keeps them all.
    size = 6 * S
    pairs = [(*r[:3], stamp(r[3])) for r in db.execute(f"""select l.k, l.v, r.v, l.at / {size} * {size} from a as l join b as r
      on l.k = r.k and l.v < r.v and l.at / {size} = r.at / {size}""")]
    for on in ("l.k = r.k and l.v < r.v and l.window_start = r.window_start and l.window_end = r.window_end",
               "l.window_start = r.window_start and l.k = r.k and r.v > l.v"):
        text = f"""stream q as select l.k, l.v, r.v as w, l.window_start as s
          from tumble(table a, descriptor(at), 6 s) as l join tumble(table b, descriptor(at), 6 s) as r on {on}; {SINK}"""
        check(folder, text, ("k", "v", "w", "s"), pairs)
    text = f"""stream q as select l.k, l.v, r.v as w, l.window_start as s
      from (select * from tumble(table a, descriptor(at), 6 s)) as l join tumble(table b, descriptor(at), 6 s) as r
      on l.k = r.k and l.v < r.v and l.window_start = r.window_start within 6 s; {SINK}"""
    check(folder, text, ("k", "v", "w", "s"), pairs)


def test_unions_of_groups_and_groups_of_unions_equal_sql(folder):
    db = two(folder, 9)
    size = 10 * S
    text = f"""stream q as select k, count(*) as n, sum(v) as total from a group by k window tumbling 10 s
      union all select k, count(*) as n, max(v) as total from b where v > 1 group by k window tumbling 10 s; {SINK}"""
    check(folder, text, ("k", "n", "total"), db.execute(f"""select k, count(*), sum(v) from a group by k, at / {size}
      union all select k, count(*), max(v) from b where v > 1 group by k, at / {size}""").fetchall())
    text = f"""stream q as select k, count(*) as n, sum(v) as total from (select k, v from a union all select k, v + 1 from b where v > 1) as u
      group by k window tumbling 10 s; {SINK}"""
    check(folder, text, ("k", "n", "total"), db.execute(f"""select k, count(*), sum(v) from
      (select k, v, at from a union all select k, v + 1, at from b where v > 1) group by k, at / {size}""").fetchall())


def test_the_first_rows_of_a_window_equal_sql(folder):
    db = two(folder, 13)
    size, slide = 10 * S, 5 * S
    text = f"""stream q as select k, v * 2 as twice, window_start as s, at from a where v <> 3
      window tumbling 10 s order by v desc, k limit 4; {SINK}"""
    expected = db.execute(f"""select k, v * 2, s, at from (select *, at / {size} * {size} as s, row_number() over
      (partition by at / {size} order by v desc, k, at, rowid) as nth from a where v <> 3) where nth <= 4""").fetchall()
    check(folder, text, ("k", "twice", "s", "at"), [(*r[:2], stamp(r[2]), stamp(r[3])) for r in expected])
    text = f"stream q as select v, window_end as e, k from a window sliding 10 s every 5 s order by k desc, v limit 3; {SINK}"
    db.execute("create table w (s int)")
    db.executemany("insert into w values (?)", [(s,) for s in range((BASE_S - 60) * S, (BASE_S + 300) * S, slide)])
    expected = db.execute(f"""select v, s + {size}, k from (select *, row_number() over
      (partition by s order by k desc, v, at, a.rowid) as nth from a join w on at >= s and at < s + {size}) where nth <= 3""").fetchall()
    check(folder, text, ("v", "e", "k"), [(r[0], stamp(r[1]), r[2]) for r in expected])


def test_the_first_groups_of_a_window_equal_sql(folder):
    db = two(folder, 15)
    size = 20 * S
    text = f"""stream q as select k, v, count(*) as n, window_start as s from a group by k, v window tumbling 20 s having count(*) > 1
      order by n desc, sum(v), k, v limit 3; {SINK}"""
    expected = db.execute(f"""select k, v, n, s from (select *, row_number() over (partition by s order by n desc, total, k, v) as nth from
      (select k, v, count(*) as n, sum(v) as total, at / {size} * {size} as s from a group by k, v, 5 having count(*) > 1))
      where nth <= 3""").fetchall()
    check(folder, text, ("k", "v", "n", "s"), [(*r[:3], stamp(r[3])) for r in expected])


def test_all_rows_of_a_window_come_in_order(folder):
    two(folder, 17)
    text = f"stream q as select v, at, window_start as s from a window tumbling 20 s order by v desc, at; {SINK}"
    run(folder, text, 1)
    rows = [json.loads(line) for line in (folder / "out.ndjson").read_text().splitlines()]
    assert len(rows) > 300 and rows == sorted(rows, key=lambda r: (r["s"], -r["v"], r["at"].rstrip("Z").ljust(23, "0")))


def test_kills_change_nothing(folder):
    """The file sinks after kills and restores, at another parallelism each time, are those of a run without."""
    two(folder, 11, 3000)
    text = """stream d as select distinct k, v, tag from a cross join unnest(tags) as t (tag) window tumbling 5 s;
    stream e as select distinct k, n from a, unnest(items) as i;
    stream f as select k, v, window_start as s from a window sliding 20 s every 10 s order by v desc, k limit 7;
    sink d to file (path = 'out.ndjson') format json;
    sink e to file (path = 'out2.ndjson') format json;
    sink f to file (path = 'out3.ndjson') format json;"""
    run(folder, text, 1)
    names = ("out.ndjson", "out2.ndjson", "out3.ndjson")
    whole = [lines(folder / n) for n in names]
    assert len(whole[0]) > 100 and len(whole[1]) > 20 and len(whole[2]) > 100
    for p in folder.glob("out*"):
        p.unlink()
    kill_and_go_on(folder, "q.pattern", ["a.ndjson"])
    for n, w in zip(names, whole):
        assert lines(folder / n) == w, n


run_tests(globals())
