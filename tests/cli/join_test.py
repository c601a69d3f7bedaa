#!/usr/bin/env python3
"""Joins of the real program, judged by SQLite on the same data: close in time, by window, with a table, several in a row.

Random events, out of order within the watermark's delay, at parallelism 1, 2 and 4; and runs killed in the midst and gone on with.
Each test is a function named test_*; it gets a scratch folder. Usage: join_test.py [-k TEXT].
"""
import json
import pathlib
import random
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, at_each_parallelism, kill_and_go_on, lines, run_file, run_tests, stamp  # noqa: E402

S = 1_000_000

SOURCES = "".join(f"""stream {n} (k string, {v} int, at timestamp)
from file (path = '{n}.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 5 s;
""" for n, v in (("a", "x"), ("b", "y"), ("c", "z")))


def events(n, seed, value, keys=6, step=400):
    rng = random.Random(seed)
    return [{"k": None if rng.random() < 0.05 else f"key{rng.randrange(keys)}", value: rng.randrange(-50, 50),
             "at": BASE_S * 1000 + i * step + rng.randrange(-4000, 400)} for i in range(n)]


def write(folder, name, rows):
    (folder / f"{name}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))


def sqlite(**streams):
    """A table a stream, with the position as n, times in microseconds."""
    db = sqlite3.connect(":memory:")
    for name, rows in streams.items():
        value = next(c for c in rows[0] if c not in ("k", "at"))
        db.execute(f"create table {name} (n int, k text, {value} int, at int)")
        db.executemany(f"insert into {name} values (?, ?, ?, ?)",
                       [(i, r["k"], r[value], r["at"] * 1000) for i, r in enumerate(rows)])
    return db


def run(folder, text, parallelism, *more):
    (folder / "j.pattern").write_text(SOURCES + text)
    run_file(folder, "j.pattern", parallelism, *more)


def got(folder, names, file="out.ndjson"):
    return sorted((tuple(json.loads(line)[n] for n in names) for line in lines(folder / file)), key=repr)


def check(folder, text, names, expected):
    (folder / "j.pattern").write_text(SOURCES + text)
    at_each_parallelism(folder, "j.pattern", names, expected, 21)


SINK = "sink j to file (path = 'out.ndjson') format json;"


def two(folder, seed=1, n=600):
    a, b = events(n, seed, "x"), events(n * 2 // 3, seed + 100, "y", keys=8, step=600)
    write(folder, "a", a)
    write(folder, "b", b)
    write(folder, "c", [])
    return sqlite(a=a, b=b)


def test_rows_close_in_time_equal_sql(folder):
    db = two(folder)
    for kind in ("", "left", "right", "full"):
        text = f"""stream j as select a.k as ka, b.k as kb, x, y, a.at as ta from a {kind} join b on a.k = b.k within 3 s; {SINK}"""
        expected = db.execute(f"""select a.k, b.k, x, y, a.at from a {kind} join b
          on a.k = b.k and abs(a.at - b.at) <= {3 * S}""").fetchall()
        check(folder, text, ("ka", "kb", "x", "y", "ta"), [(*r[:4], r[4] and stamp(r[4])) for r in expected])


def test_the_rest_of_the_condition_equals_sql(folder):
    db = two(folder, 2)
    for kind in ("", "left", "right", "full"):
        on = "a.k = b.k and x < y and x > -40 and y < 45"
        text = f"""stream j as select a.k as ka, b.k as kb, x, y from a {kind} join b on {on} and b.at >= a.at within 4 s
          where coalesce(x, 0) < 48; {SINK}"""
        expected = db.execute(f"""select a.k, b.k, x, y from a {kind} join b
          on {on} and b.at >= a.at and b.at - a.at <= {4 * S} where coalesce(x, 0) < 48""").fetchall()
        check(folder, text, ("ka", "kb", "x", "y"), expected)


def test_a_stream_with_itself_and_using_equal_sql(folder):
    db = two(folder, 3, 300)
    text = f"stream j as select k, p.x as x, q.x as y from a as p full join a as q using (k, x) within 2 s; {SINK}"
    expected = db.execute(f"""select coalesce(p.k, q.k), p.x, q.x from a as p full join a as q
      on p.k = q.k and p.x = q.x and abs(p.at - q.at) <= {2 * S}""").fetchall()
    check(folder, text, ("k", "x", "y"), expected)


def test_rows_without_equal_keys_equal_sql(folder):
    db = two(folder, 4, 200)
    text = f"stream j as select a.k as ka, b.k as kb, x, y from a left join b on x = y + 1 or x = y - 1 within 2 s; {SINK}"
    expected = db.execute(f"""select a.k, b.k, x, y from a left join b
      on (x = y + 1 or x = y - 1) and abs(a.at - b.at) <= {2 * S}""").fetchall()
    check(folder, text, ("ka", "kb", "x", "y"), expected)


def test_without_a_bound_equals_sql(folder):
    db = two(folder, 5, 150)
    text = f"stream j as select a.k as ka, x, y from a left join b on a.k = b.k and x = y; {SINK}"
    check(folder, text, ("ka", "x", "y"), db.execute("select a.k, x, y from a left join b on a.k = b.k and x = y").fetchall())


def test_rows_of_a_window_equal_sql(folder):
    db = two(folder, 6, 300)
    for kind in ("", "left", "right", "full"):
        text = f"""stream j as select a.k as ka, b.k as kb, x, y, window_start as s from a {kind} join b
          on a.k = b.k and x < y window tumbling 4 s; {SINK}"""
        size = 4 * S
        expected = db.execute(f"""select a.k, b.k, x, y, coalesce(a.at, b.at) / {size} * {size} from a {kind} join b
          on a.k = b.k and x < y and a.at / {size} = b.at / {size}""").fetchall()
        check(folder, text, ("ka", "kb", "x", "y", "s"), [(*r[:4], stamp(r[4])) for r in expected])


def test_rows_of_sliding_windows_equal_sql(folder):
    db = two(folder, 7, 200)
    size, slide = 6 * S, 2 * S
    db.execute("create table w (s int)")
    db.executemany("insert into w values (?)", [(s,) for s in range((BASE_S - 60) * S, (BASE_S + 400) * S, slide)])
    for kind in ("", "full"):
        text = f"""stream j as select a.k as ka, b.k as kb, x, y, window_end as e from a {kind} join b
          on a.k = b.k window sliding 6 s every 2 s; {SINK}"""
        expected = db.execute(f"""select a.k, b.k, x, y, coalesce(a.s, b.s) + {size}
          from (select * from a join w on a.at >= s and a.at < s + {size}) as a
          {kind} join (select * from b join w on b.at >= s and b.at < s + {size}) as b
          on a.k = b.k and a.s = b.s""").fetchall()
        check(folder, text, ("ka", "kb", "x", "y", "e"), [(*r[:4], stamp(r[4])) for r in expected])


def with_sessions(db, gap, key="k"):
    """Views sa, sb: the rows with their session's number among those of the key, its start and its end."""
    db.execute(f"create view both as select 'a' as side, n, {key} as g, at from a union all select 'b', n, {key}, at from b")
    db.execute(f"""create view begun as select *, sum(begins) over (partition by g order by at, side, n) as nth from
      (select *, at - lag(at) over (partition by g order by at, side, n) > {gap} as begins from both)""")
    db.execute("create view sessions as select *, min(at) over (partition by g, coalesce(nth, 0)) as s, max(at) over (partition by g, coalesce(nth, 0)) as l from begun")
    for name in "ab":
        db.execute(f"create table s{name} as select t.*, coalesce(nth, 0) as nth, s, l + {gap} as e from {name} t join sessions on side = '{name}' and sessions.n = t.n")


def test_rows_of_sessions_equal_sql(folder):
    """A session is rows of both sides, each at most the gap behind the one before."""
    a, b = events(500, 61, "x", keys=30, step=900), events(400, 62, "y", keys=33, step=1100)
    a += [dict(r, at=r["at"] + 4000) for r in a[::9]]  # just the gap apart
    for name, rows in ("a", a), ("b", b), ("c", []):
        write(folder, name, sorted(rows, key=lambda r: r["at"]))
    db = sqlite(a=sorted(a, key=lambda r: r["at"]), b=sorted(b, key=lambda r: r["at"]))
    with_sessions(db, 4 * S)
    for kind in ("", "left", "right", "full"):
        for more in ("", " and x < y"):
            text = f"""stream j as select a.k as ka, b.k as kb, x, y, window_start as s, window_end as e from a {kind} join b
              on a.k = b.k{more} window session gap 4 s; {SINK}"""
            expected = db.execute(f"""select a.k, b.k, x, y, coalesce(a.s, b.s), coalesce(a.e, b.e) from sa as a {kind} join sb as b
              on a.k = b.k and a.nth = b.nth{more}""").fetchall()
            check(folder, text, ("ka", "kb", "x", "y", "s", "e"), [(*r[:4], stamp(r[4]), stamp(r[5])) for r in expected])


def test_sessions_without_a_key_equal_sql(folder):
    a, b = events(90, 63, "x", step=3000), events(90, 64, "y", step=3000)
    for name, rows in ("a", a), ("b", b), ("c", []):
        write(folder, name, rows)
    db = sqlite(a=a, b=b)
    with_sessions(db, S, "1")
    text = f"stream j as select x, y, window_end as e from a full join b on x > y window session gap 1 s; {SINK}"
    expected = db.execute("select x, y, coalesce(a.e, b.e) from sa as a full join sb as b on x > y and a.nth = b.nth").fetchall()
    check(folder, text, ("x", "y", "e"), [(*r[:2], stamp(r[2])) for r in expected])


def test_the_version_of_a_tables_key_equals_sql(folder):
    db = two(folder, 8)
    for kind in ("", "left"):
        text = f"""table t as select k, last(y) as y, count(*) as n from b group by k;
          stream j as select a.k as ka, x, t.y, n from a {kind} join table t on t.k = a.k and x > -45; {SINK}"""
        expected = db.execute(f"""select a.k, x, v.y, v.nth from a {kind} join
            (select k, y, at, n, row_number() over (partition by k order by at, n) as nth from b) as v
          on v.k = a.k and x > -45 and v.nth = (select count(*) from b where b.k = a.k and b.at <= a.at)""").fetchall()
        check(folder, text, ("ka", "x", "y", "n"), expected)


def test_several_in_a_row_equal_sql(folder):
    a, b, c = events(200, 9, "x"), events(200, 10, "y"), events(200, 11, "z")
    for n, rows in (("a", a), ("b", b), ("c", c)):
        write(folder, n, rows)
    db = sqlite(a=a, b=b, c=c)
    text = f"""stream j as select a.k, count(*) as n, sum(x * z) as s, min(y) as least
      from a join b on a.k = b.k within 2 s join c on c.k = b.k and z > x within 3 s group by a.k window global; {SINK}
      stream i as select a.k as ka, x, y, z from a left join b on a.k = b.k within 2 s join c on c.k = a.k within 3 s;
      sink i to file (path = 'out2.ndjson') format json;"""
    # A pair's time is that of the later row; that of a row alone, when its wait is over.
    later = f"a.at + case when b.at is null then {2 * S} else max(0, b.at - a.at) end"
    expected = db.execute(f"""select a.k, count(*), sum(x * z), min(y) from a join b on a.k = b.k and abs(a.at - b.at) <= {2 * S}
      join c on c.k = b.k and z > x and abs({later} - c.at) <= {3 * S} group by a.k""").fetchall()
    for parallelism in (1, 2, 4):
        for p in folder.glob("out*"):
            p.unlink()
        run(folder, text, parallelism)
        assert got(folder, ("k", "n", "s", "least")) == sorted(expected, key=repr)
        pairs = db.execute(f"""select a.k, x, y, z from a left join b on a.k = b.k and abs(a.at - b.at) <= {2 * S}
          join c on c.k = a.k and abs({later} - c.at) <= {3 * S}""").fetchall()
        assert got(folder, ("ka", "x", "y", "z"), "out2.ndjson") == sorted(pairs, key=repr)


def test_kills_change_nothing(folder):
    """The file sinks after kills and restores, at another parallelism each time, are those of a run without."""
    two(folder, 12, 3000)
    text = """stream j as select a.k as ka, b.k as kb, x, y, a.at as ta from a full join b on a.k = b.k and x < y within 2 s;
    stream w as select a.k as ka, b.k as kb, x, y, window_start as s from a full join b on a.k = b.k and x > y window sliding 4 s every 2 s;
    table t as select k, last(y) as y, count(*) as n from b group by k;
    stream v as select a.k, x, t.y, n from a left join table t on t.k = a.k;
    stream z as select a.k as ka, b.k as kb, x, y, window_start as s, window_end as e from a full join b on a.k = b.k and x < y window session gap 700 ms;
    sink z to file (path = 'out4.ndjson') format json;
    sink j to file (path = 'out.ndjson') format json;
    sink w to file (path = 'out2.ndjson') format json;
    sink v to file (path = 'out3.ndjson') format json;"""
    run(folder, text, 1)
    names = ("out.ndjson", "out2.ndjson", "out3.ndjson", "out4.ndjson")
    whole = [lines(folder / n) for n in names]
    assert all(len(w) > 100 for w in whole)
    for p in folder.glob("out*"):
        p.unlink()
    kill_and_go_on(folder, "j.pattern", ["a.ndjson", "b.ndjson"])
    for n, w in zip(names, whole):
        assert lines(folder / n) == w, n


run_tests(globals())
