#!/usr/bin/env python3
"""Random selects over two small streams: projections, groups in all kinds of windows, joins, over, distinct, the first rows of windows, unions, and
each of them over another; at parallelism 1, 2 and 4, and now and then through kills. SQLite judges all of them.

A query is made as text of both languages at once. Each number of a run makes its query and its data from its seed, which is printed when it fails.
Usage: select_fuzz_test.py [--seed SEED] [--count N]; without, a fixed run of 60.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, CEPD, LIMIT_S, kill_and_go_on, stamp  # noqa: E402

US = 1_000_000
PARALLELISMS = (1, 2, 4)
KILLED_EACH = 15
SOURCES = "".join(f"""stream {n} (k string, {v} int, d double, at timestamp)
from file (path = '{n}.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 4 s;
""" for n, v in (("a", "x"), ("b", "y")))


class Rel:
    """What a select can read: the same rows in both languages. `cols`: (name, type). In SQL there are a column _t, the row's time, and _o, which puts rows
    of one time in order."""

    def __init__(self, text, sql, cols):
        self.text, self.sql, self.cols = text, sql, cols

    def of(self, *types):
        return [n for n, t in self.cols if t in types]


def source(name, value):
    return Rel(name, f"select *, at as _t, rowid as _o from {name}", [("k", "text"), (value, "int"), ("d", "double"), ("at", "time")])


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.n = 0

    def one(self, *of):
        return self.rng.choice(of)

    def name(self):
        self.n += 1
        return f"c{self.n}"

    # -- expressions: the same text in both languages, or a pair

    def number(self, r, depth=0):
        names = r.of("int")
        kind = self.rng.randrange(8 if depth < 2 else 2)
        if kind == 0 or not names:
            return str(self.rng.randrange(-4, 9))
        if kind < 3:
            return self.one(*names)
        a = self.number(r, depth + 1)
        if kind == 3:
            return f"({a} {self.one('+', '-', '*')} {self.number(r, depth + 1)})"
        if kind == 4:
            return f"coalesce({a}, {self.rng.randrange(5)})"
        if kind == 5:
            return f"(case when {self.cond(r, depth + 1)} then {a} else {self.number(r, depth + 1)} end)"
        if kind == 6:
            return f"({a} {self.one('/', '%')} {self.number(r, depth + 1)})"
        return f"abs({a})"

    def key(self, r):
        """(expression, type); it names a column. None: there is none that it could."""
        of = [(self.text(r), "text")] * bool(r.of("text")) + [(f"(({n} + {self.number(r)}) % 3)", "int") for n in r.of("int")]
        return self.one(*of) if of else None

    def text(self, r):
        names = r.of("text")
        if not names:
            return "'none'"
        n = self.one(*names)
        return self.one(n, n, f"upper({n})", f"({n} || '!')", f"coalesce({n}, 'none')", f"substr({n}, 1, 2)")

    def cond(self, r, depth=0):
        kind = self.rng.randrange(9 if depth < 2 else 4)
        if kind < 3:
            return f"{self.number(r, depth + 1)} {self.one('<', '<=', '=', '<>', '>', '>=')} {self.number(r, depth + 1)}"
        if kind == 3:
            doubles = r.of("double")
            return f"{self.one(*doubles)} {self.one('<', '>=')} {self.rng.randrange(-9, 9)}.5" if doubles else f"{self.number(r, 2)} is not null"
        if kind == 4:
            return f"({self.cond(r, depth + 1)} {self.one('and', 'or')} {self.cond(r, depth + 1)})"
        if kind == 5:
            return f"not ({self.cond(r, depth + 1)})"
        if kind == 6:
            return f"{self.text(r)} {self.one('is null', 'is not null', self.one('=', '<>') + chr(32) + chr(39) + 'k1' + chr(39))}"
        if kind == 7:
            low = self.rng.randrange(-9, 9)
            return f"{self.number(r, depth + 1)} between {low} and {low + self.rng.randrange(9)}"
        return f"{self.number(r, depth + 1)} {self.one('in', 'not in')} ({self.rng.randrange(4)}, {self.rng.randrange(9)})"

    def where(self, r):
        return f" where {self.cond(r)}" if self.rng.random() < 0.5 else ""

    def aggregate(self, r):
        """(text, type)"""
        x = self.number(r)
        filtered = f" filter (where {self.cond(r)})" if self.rng.random() < 0.2 else ""
        what, t = self.one(("count(*)", "int"), (f"count({x})", "int"), (f"sum({x})", "int"), (f"min({x})", "int"), (f"max({x})", "int"),
                           (f"count(distinct {x})", "int"), (f"avg({x})", "double"), (f"max({self.text(r)})", "text"),
                           *((f"{f}({d})", "double") for d in r.of("double") for f in ("sum", "min", "max", "avg")))
        return what + filtered, t

    # -- selects

    def project(self, r):
        items = [(self.name(), *self.one((self.number(r), "int"), (self.text(r), "text"))) for _ in range(self.rng.randrange(1, 3))]
        items += [(n, n, t) for n, t in r.cols if self.rng.random() < 0.6]
        where = self.where(r)
        shown = ", ".join(f"{e} as {n}" if e != n else n for n, e, _ in items)
        return Rel(f"(select {shown} from {r.text}{where})", f"select {shown}, _t, _o from ({r.sql}){where}", [(n, t) for n, _, t in items])

    def union(self, r, s):
        both = ("k", "text"), ("v", "int")
        one = [f"select {self.text(q)} as k, {self.number(q)} as v" for q in (r, s)]
        wheres = [self.where(q) for q in (r, s)]
        return Rel(f"({one[0]} from {r.text}{wheres[0]} union all {one[1]} from {s.text}{wheres[1]})",
                   f"{one[0]}, _t, _o from ({r.sql}){wheres[0]} union all {one[1]}, _t, _o + 100000 from ({s.sql}){wheres[1]}", list(both))

    def windowed(self, r, last):
        """`last`: nothing reads the groups. Returns: (window, rows with the bounds _s, _e and the time _wt of their windows)"""
        kind = self.rng.randrange(4)
        size = self.rng.randrange(1, 9) * US
        if kind == 0:
            off = self.one(0, 0, 300_000)
            start = f"((_t - {off}) / {size} * {size} + {off})"
            return (f"window tumbling {size // US} s" + (" offset 300 ms" if off else ""),
                    f"select *, {start} as _s, {start} + {size} as _e, {start} + {size} - 1 as _wt from ({r.sql})")
        if kind == 1:
            slide, size = size, size * self.rng.randrange(1, 4) + self.one(0, US)
            return (f"window sliding {size // US} s every {slide // US} s",
                    f"select r.*, w.s as _s, w.s + {size} as _e, w.s + {size} - 1 as _wt from ({r.sql}) as r join (select value * {slide} as s from "
                    f"generate_series({(BASE_S - 60) * US // slide}, {(BASE_S + 300) * US // slide})) as w on _t >= w.s and _t < w.s + {size}")
        if kind == 2:
            return "session", size
        # Its results have a time behind all that was seen: which says nothing to a window behind it.
        return ("window global", f"select *, 0 as _s, 0 as _e, 0 as _wt from ({r.sql})") if last else self.windowed(r, last)

    def session(self, r, size, key):
        begun = f"select *, {key} as _k, _t - lag(_t) over (partition by {key} order by _t, _o) > {size} as _b from ({r.sql})"
        nth = f"select *, sum(coalesce(_b, 0)) over (partition by _k order by _t, _o rows unbounded preceding) as _n from ({begun})"
        return (f"select *, min(_t) over (partition by _k, _n) as _s, max(_t) over (partition by _k, _n) + {size} as _e, "
                f"max(_t) over (partition by _k, _n) + {size} as _wt from ({nth})")

    def groups(self, r, is_last):
        key, kt = self.key(r)
        window, rows = self.windowed(r, is_last)
        where = self.where(r)
        inner = Rel(r.text, f"select * from ({r.sql}){where}", r.cols)
        if window == "session":
            size, window = rows, f"window session gap {rows // US} s"
            rows = self.session(inner, size, key)
        elif where:
            rows = f"select * from ({rows}){where}"
        items = [(self.name(), *self.aggregate(r)) for _ in range(self.rng.randrange(1, 4))]
        bounds = self.rng.random() < 0.5 and window != "window global"
        having = f"count(*) {self.one('>', '<=')} {self.rng.randrange(4)}" if self.rng.random() < 0.3 else ""
        g = self.name()
        shown = ", ".join(f"{e} as {n}" for n, e, _ in items)
        table_fn = r.text.isalpha() and window.startswith("window tumbling") and "offset" not in window and self.rng.random() < 0.4
        read = f"tumble(table {r.text}, descriptor(at), {window.split('tumbling ')[1]})" if table_fn else r.text
        text = (f"(select {key} as {g}, {shown}{', window_start as ws, window_end as we' if bounds else ''} from {read}{where} group by {key} "
                f"{'' if table_fn else window}{' having ' + having if having else ''})")
        sql = (f"select {key} as {g}, {shown}{', _s as ws, _e as we' if bounds else ''}, max(_wt) as _t, 0 as _o from ({rows}) group by {key}, _s, _e"
               f"{' having ' + having if having else ''}")
        return Rel(text, sql, [(g, kt)] + [(n, t) for n, _, t in items] + ([("ws", "time"), ("we", "time")] if bounds else []))

    def distinct(self, r):
        size = self.rng.randrange(1, 9) * US
        items = [(self.name(), *self.key(r)) for _ in range(2)]
        shown = ", ".join(f"{e} as {n}" for n, e, _ in items)
        where = self.where(r)
        return Rel(f"(select distinct {shown}, window_start as ws from {r.text}{where} window tumbling {size // US} s)",
                   f"select distinct {shown}, _t / {size} * {size} as ws, _t / {size} * {size} + {size} - 1 as _t, 0 as _o from ({r.sql}){where}",
                   [(n, t) for n, _, t in items] + [("ws", "time")])

    def over(self, r):
        key, _ = self.key(r)
        keep = [n for n, _ in r.cols]
        calls = []
        for _ in range(self.rng.randrange(1, 3)):
            x = self.number(r)
            what, t = self.one((f"sum({x})", "int"), (f"count({x})", "int"), ("count(*)", "int"), (f"min({x})", "int"), (f"max({x})", "int"), (f"avg({x})", "double"))
            n = self.rng.randrange(1, 5)
            d = self.rng.randrange(1, 7)
            frame = self.one((f"rows {n} preceding", f"rows {n} preceding"), (f"range {d} s preceding", f"range {d * US} preceding"),
                             ("rows unbounded preceding", "rows unbounded preceding"))
            calls.append((self.name(), what, t, frame))
        items = ", ".join(keep)
        text = ", ".join(f"{w} over (partition by {key} order by at {f[0]}) as {n}" for n, w, _, f in calls)
        sql = ", ".join(f"{w} over (partition by {key} order by _t{', _o' if 'rows' in f[1] else ''} {f[1]}) as {n}" for n, w, _, f in calls)
        return Rel(f"(select {items}, {text} from {r.text})", f"select {items}, {sql}, _t, _o from ({r.sql})", r.cols + [(n, t) for n, _, t, _ in calls])

    def join(self, r, s):
        kind = self.one("", "left ", "right ", "full ")
        on = "l.k = r.k" + (f" and l.x {self.one('<', '>=')} r.y" if self.rng.random() < 0.5 else "")
        shown = "l.k as lk, r.k as rk, l.x, r.y, l.at as la"
        d = self.rng.randrange(1, 5) * US
        how = self.rng.randrange(3)
        cols = [("lk", "text"), ("rk", "text"), ("x", "int"), ("y", "int"), ("la", "time")]
        if how == 0:
            late = f"case when l._t is null then r._t + {d} when r._t is null then l._t + {d} else max(l._t, r._t) end"
            return Rel(f"(select {shown} from a as l {kind}join b as r on {on} within {d // US} s)",
                       f"select {shown}, {late} as _t, 0 as _o from ({r.sql}) as l {kind}join ({s.sql}) as r on {on} and abs(l._t - r._t) <= {d}", cols)
        if how == 1:
            return Rel(f"(select {shown}, window_start as ws from a as l {kind}join b as r on {on} window tumbling {d // US} s)",
                       f"select {shown}, coalesce(l._t, r._t) / {d} * {d} as ws, coalesce(l._t, r._t) / {d} * {d} + {d} - 1 as _t, 0 as _o "
                       f"from ({r.sql}) as l {kind}join ({s.sql}) as r on {on} and l._t / {d} = r._t / {d}", cols + [("ws", "time")])
        both = Rel("", f"select 0 as side, k, _t, _o from ({r.sql}) union all select 1, k, _t, _o + 100000 from ({s.sql})", [])
        rows = self.session(both, d, "k")
        side = lambda q, i: f"(select q.*, m._s, m._e from ({q.sql}) as q join ({rows}) as m on m.side = {i} and m._o = q._o + {i * 100000})"
        return Rel(f"(select {shown}, window_start as ws, window_end as we from a as l {kind}join b as r on {on} window session gap {d // US} s)",
                   f"select {shown}, coalesce(l._s, r._s) as ws, coalesce(l._e, r._e) as we, coalesce(l._e, r._e) as _t, 0 as _o "
                   f"from {side(r, 0)} as l {kind}join {side(s, 1)} as r on {on} and l._s = r._s", cols + [("ws", "time"), ("we", "time")])

    def top(self, r):
        size = self.rng.randrange(2, 9) * US
        n = self.rng.randrange(1, 4)
        order = f"{self.number(r)}{self.one('', ' desc')}"
        keep = ", ".join(n for n, _ in r.cols)
        return Rel(f"select {keep}, window_start as ws from {r.text} window tumbling {size // US} s order by {order} limit {n}",
                   f"select {keep}, ws, _t, _o from (select *, _t / {size} * {size} as ws, row_number() over (partition by _t / {size} order by {order}, _t, _o) as nth "
                   f"from ({r.sql})) where nth <= {n}", r.cols + [("ws", "time")])

    def running(self, r):
        key, kt = self.key(r)
        items = [(self.name(), *self.aggregate(r)) for _ in range(self.rng.randrange(1, 3))]
        having = f"count(*) > {self.rng.randrange(6)}" if self.rng.random() < 0.4 else ""
        shown = ", ".join(f"{e} as {n}" for n, e, _ in items)
        where, has = self.where(r), f" having {having}" if having else ""
        return Rel(f"select {key} as g, {shown} from {r.text}{where} group by {key}{has} retracting",
                   f"select {key} as g, {shown}, 0 as _t, 0 as _o from ({r.sql}){where} group by {key}{has}", [("g", kt)] + [(n, t) for n, _, t in items])

    def query(self):
        """Returns: (statement's select, what SQL says, columns)"""
        a, b = source("a", "x"), source("b", "y")
        depth_of = self.rng.randrange(1, 4)
        end = self.rng.random()
        for depth in range(depth_of):
            is_last = depth == depth_of - 1 and end >= 0.15
            last = a if depth == 0 else self.as_input(last)
            plain = last.text.isalpha()
            makers = [lambda: self.project(last), lambda: self.union(last, b)]
            if last.of("text", "int"):
                makers += [lambda: self.groups(last, is_last), lambda: self.groups(last, is_last), lambda: self.distinct(last)]
            if plain:
                makers += [lambda: self.over(last), lambda: self.join(a, b), lambda: self.join(a, b)]
            last = self.one(*makers)()
        if end < 0.15 and last.of("text", "int"):
            last = self.running(self.as_input(last))
        elif 0.15 <= end < 0.25:
            last = self.top(a)
        text = last.text[1:-1] if last.text.startswith("(") else last.text
        return text, last.sql, last.cols

    def as_input(self, r):
        return r if r.text.isalpha() else Rel(f"{r.text} as {self.name().replace('c', 't')}", r.sql, r.cols)


def make_data(rng):
    data = {}
    for n, v in (("a", "x"), ("b", "y")):
        data[n] = [{"k": None if rng.random() < 0.08 else f"k{rng.randrange(4)}", v: None if rng.random() < 0.08 else rng.randrange(-9, 10),
                    "d": None if rng.random() < 0.05 else rng.randrange(-80, 80) / 8, "at": BASE_S * 1000 + i * 400 + rng.randrange(-3000, 400)}
                   for i in range(rng.randrange(40, 110))]
    return data


def judge(data, sql, cols):
    db = sqlite3.connect(":memory:")
    for name, rows in data.items():
        value = "x" if name == "a" else "y"
        db.execute(f"create table {name} (k text, {value} int, d real, at int)")
        db.executemany(f"insert into {name} values (?, ?, ?, ?)", [(r["k"], r[value], r["d"], r["at"] * 1000) for r in rows])
    rows = db.execute(with_series(sql)).fetchall()
    return sorted((tuple(shown(v, t) for v, (_, t) in zip(row, cols)) for row in rows), key=repr)


def with_series(sql):
    """SQLite is often built without generate_series."""
    return re.sub(r"generate_series\((\d+), (\d+)\)",
                  r"(with recursive s(value) as (select \1 union all select value + 1 from s where value < \2) select value from s)", sql)


def stamp_us(us):
    """As stamp(), of times that are no whole milliseconds, too: a window's last microsecond."""
    return stamp(us) if us % 1000 == 0 else stamp(us - us % US)[:-1] + f".{us % US:06d}Z"


def shown(v, t):
    return v if v is None else stamp_us(v) if t == "time" else round(float(v), 9) if t == "double" else v


def read(path, cols):
    if not path.exists():
        return []
    there = collections.Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        there[tuple(round(float(row[n]), 9) if t == "double" and row[n] is not None else row[n] for n, t in cols)] += -1 if row.get("$op", "+")[0] == "-" else 1
    assert all(n >= 0 for n in there.values()), there
    return sorted(there.elements(), key=repr)


def run_one(seed, folder, kills):
    maker = Maker(seed)
    text, sql, cols = maker.query()
    data = make_data(maker.rng)
    for name, rows in data.items():
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    program = SOURCES + f"stream q as {text};\nsink q to file (path = 'out.ndjson') format json;\n"
    (folder / "q.pattern").write_text(program, encoding="utf-8")
    said = f"seed {seed}\n{program}-- SQL: {sql}\n"
    expected = judge(data, sql, cols)
    for parallelism in PARALLELISMS:
        (folder / "out.ndjson").unlink(missing_ok=True)
        done = subprocess.run([CEPD, "run", "q.pattern", "--parallelism", str(parallelism)], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, said + done.stderr
        got = read(folder / "out.ndjson", cols)
        assert got == expected, said + difference(got, expected, parallelism)
    if kills:
        (folder / "out.ndjson").unlink(missing_ok=True)
        kill_and_go_on(folder, "q.pattern", ["a.ndjson", "b.ndjson"], (0, 0.5))
        got = read(folder / "out.ndjson", cols)
        assert got == expected, said + difference(got, expected, "of kills")
    return len(expected)


def difference(got, expected, parallelism):
    more, less = collections.Counter(got), collections.Counter(expected)
    return (f"parallelism {parallelism}: {len(got)} rows for {len(expected)}; missing {list((less - more).elements())[:4]}, "
            f"not expected {list((more - less).elements())[:4]}")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--count", type=int, default=60)
    args.add_argument("-k", default="")
    given = args.parse_args()
    failed, rows, begun = 0, 0, time.monotonic()
    for seed in range(given.seed, given.seed + given.count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows += run_one(seed, pathlib.Path(folder).resolve(), seed % KILLED_EACH == 0)
            except Exception:
                failed += 1
                print(f"FAILED: again with --seed {seed} --count 1", flush=True)
                traceback.print_exc(file=sys.stdout)
    print(f"{rows} rows in {time.monotonic() - begun:.0f} s")
    print(f"{given.count - failed} passed, {failed} failed")
    return 1 if failed or rows == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
