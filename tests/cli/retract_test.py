#!/usr/bin/env python3
"""Rows that are taken back: what is left of a stream's rows in the end is what SQLite says of all of the data, and no row is taken back that is not there.

Like window_test.py, whose helpers it uses: random events out of order, at parallelism 1, 2 and 4, and a run that is killed.
Usage: retract_test.py [-k TEXT].
"""
import collections
import csv
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import as_rows, first_difference, lines, run_tests, stamp  # noqa: E402
import stream_kit as w  # noqa: E402

def rows_of(path, names):
    with open(path) as f:
        if path.suffix == ".csv":
            return [(tuple(r[n] for n in names), r["$op"]) for r in csv.DictReader(f)]
        return [(tuple(r[n] for n in names), r["$op"]) for r in map(json.loads, f)]


def left_of(path, names):
    """Rows that are there in the end. A -U is followed by its +U; nothing is taken back that is not there."""
    there = collections.Counter()
    for row, op in rows_of(path, names):
        assert op in ("+I", "-U", "+U", "-D"), op
        there[row] += 1 if op[0] == "+" else -1
        assert there[row] >= 0, f"{row} is taken back and not there"
    return sorted(there.elements(), key=repr)


def left_by_key(path, names, n_keys):
    """Of an upsert: the newest row of each key, which -D takes away."""
    there = {}
    for row, op in rows_of(path, names):
        assert op == ("-D" if op == "-D" else "+U" if row[:n_keys] in there else "+I"), (row, op)
        there[row[:n_keys]] = row
        if op == "-D":
            del there[row[:n_keys]]
    return sorted(there.values(), key=repr)


def judge(folder, text, checks):
    """checks: [(file, how to read it, expected)]"""
    for parallelism in (1, 2, 4):
        for p in folder.glob("out*"):
            p.unlink()
        w.run(folder, text, parallelism)
        for name, read, expected in checks:
            got = read(folder / name)
            expected = sorted(expected, key=repr)
            assert len(expected) > 0
            assert got == expected, f"parallelism {parallelism}, {name}: {first_difference(got, expected)}"


GROUPS = """stream g as select k, sum(v) as total, count(*) as n, min(v) as least from s group by k having sum(v) > 40 retracting;
stream u as select k, sum(v) as total, count(*) as n from s group by k having sum(v) > 40 upsert;
sink g to file (path = 'out.ndjson') format json;
sink u to file (path = 'out2.csv') format csv;
"""


def test_groups_are_taken_back(folder):
    rows = w.events(1500, 21)
    w.write(folder, rows)
    db = w.sqlite(rows)
    g = db.execute("select k, sum(v), count(*), min(v) from s group by k having sum(v) > 40").fetchall()
    u = [("" if k is None else k, str(t), str(n)) for k, t, n in
         db.execute("select k, sum(v), count(*) from s group by k having sum(v) > 40")]
    judge(folder, GROUPS, [("out.ndjson", lambda p: left_of(p, ("k", "total", "n", "least")), g),
                           ("out2.csv", lambda p: left_by_key(p, ("k", "total", "n"), 1), u)])
    ops = collections.Counter(op for _, op in rows_of(folder / "out.ndjson", ("k",)))
    assert all(ops[op] > 0 for op in ("+I", "-U", "+U", "-D")) and ops["-U"] == ops["+U"], ops


# Groups of groups: how many keys have a count, and what their sums are.
NESTED = """stream g as select k, v % 5 as m, count(*) as n, sum(d) as sd, max(v) as most from s group by k, v % 5 retracting;
stream both as select k, n, sd, most from g where n > 3 union all select k, v, d, v from s where v < 0;
stream h as select n, count(*) as keys, sum(sd) as sd, min(most) as least, max(most) as most, avg(sd) as mean, count(distinct k) as kinds, var(most) as spread
  from g group by n retracting;
stream o as select count(*) as keys, sum(n) as rows, max(k) as last from g retracting;
stream d as select distinct n from g retracting;
stream b as select k, count(*) as c, sum(n) as n, min(most) as least from both group by k retracting;
stream last as select n, count(*) as keys from g group by n window global;
sink h to file (path = 'out.ndjson') format json;
sink o to file (path = 'out2.ndjson') format json;
sink d to file (path = 'out3.ndjson') format json;
sink b to file (path = 'out4.ndjson') format json;
sink last to file (path = 'out5.ndjson') format json;
"""


def nested(db):
    db.execute("create view g as select k, v % 5 as m, count(*) as n, sum(d) as sd, max(v) as most from s group by k, v % 5")
    db.execute("create view both as select k, n, sd, most from g where n > 3 union all select k, v, d, v from s where v < 0")
    one = lambda q: db.execute(q).fetchall()
    spread = "case when count(most) > 1 then (sum(most * most) - sum(most) * 1.0 * sum(most) / count(most)) / (count(most) - 1) end"
    return [("out.ndjson", rounded(("n", "keys", "sd", "least", "most", "mean", "kinds", "spread")),
             [rounded_row(r) for r in one(f"select n, count(*), sum(sd), min(most), max(most), avg(sd), count(distinct k), {spread} from g group by n")]),
            ("out2.ndjson", lambda p: left_of(p, ("keys", "rows", "last")), one("select count(*), sum(n), max(k) from g")),
            ("out3.ndjson", lambda p: left_of(p, ("n",)), one("select distinct n from g")),
            ("out4.ndjson", lambda p: left_of(p, ("k", "c", "n", "least")), one("select k, count(*), sum(n), min(most) from both group by k")),
            ("out5.ndjson", lambda p: as_rows(p, ("n", "keys")), one("select n, count(*) from g group by n"))]


def rounded_row(row):
    return tuple(round(x, 6) if isinstance(x, float) else x for x in row)


def rounded(names):
    """A row is taken back as it was given, to the last digit; in the end the last digits depend on the order of sums."""
    return lambda p: sorted((rounded_row(r) for r in left_of(p, names)), key=repr)


def test_groups_of_groups_equal_sql(folder):
    rows = w.events(900, 22)
    w.write(folder, rows)
    judge(folder, NESTED, nested(w.sqlite(rows)))


def test_windows_are_taken_back(folder):
    """Early results, late ones, and those of sessions that grew together."""
    rows = w.events(1200, 23)
    w.write(folder, rows)
    text = "".join(f"""stream {name} as select k, count(*) as n, sum(v) as total, window_start as b, window_end as e from s group by k
      window {window} {emit} retracting;
    sink {name} to file (path = 'out_{name}.ndjson') format json;
    """ for name, window, emit in (
        ("t", "tumbling 7 s", "emit each event"), ("t2", "tumbling 7 s", "emit every 2 s"), ("t3", "tumbling 7 s", "emit after 3 events"),
        ("l", "sliding 8 s every 2 s", "emit each event"), ("l2", "sliding 8 s every 3 s", "emit every 3 s"),
        ("l3", "sliding 8 s every 2 s", "emit after 3 events"), ("c", "count 4", "emit each event"), ("c2", "count 5", "emit every 2 s"),
        ("x", "session gap 1500 ms", "emit each event"), ("x2", "session gap 1500 ms", "emit after 2 events")))
    db = w.sqlite(rows)
    us = 1_000_000

    def time_windows(size, slide):
        first, last = min(r["at"] for r in rows) * 1000, max(r["at"] for r in rows) * 1000
        return [(*r, stamp(b), stamp(b + size)) for b in range((first - size) // slide * slide + slide, last + 1, slide)
                for r in db.execute("select k, count(*), sum(v) from s where at >= ? and at < ? group by k", (b, b + size))]

    by_key = collections.defaultdict(list)
    for r in sorted(rows, key=lambda r: r["at"]):
        by_key[r["k"]].append((r["at"] * 1000, r["v"]))
    sessions = []
    for k, seen in by_key.items():
        group = []
        for one in seen + [(1 << 62, None)]:
            if group and one[0] - group[-1][0] > 1500_000:
                known = [v for _, v in group if v is not None]
                sessions.append((k, len(group), sum(known) if known else None, stamp(group[0][0]), stamp(group[-1][0] + 1500_000)))
                group = []
            group.append(one)

    def counted(size):
        for k, seen in by_key.items():
            for i in range(0, len(seen), size):
                window = seen[i:i + size]
                known = [v for _, v in window if v is not None]
                yield k, len(window), sum(known) if known else None, stamp(window[0][0]), stamp(window[-1][0])

    read = lambda p: left_of(p, ("k", "n", "total", "b", "e"))
    judge(folder, text, [
        ("out_l3.ndjson", read, time_windows(8 * us, 2 * us)), ("out_c.ndjson", read, list(counted(4))), ("out_c2.ndjson", read, list(counted(5))),
        *((f"out_{n}.ndjson", read, time_windows(7 * us, 7 * us)) for n in ("t", "t2", "t3")),
        ("out_l.ndjson", read, time_windows(8 * us, 2 * us)), ("out_l2.ndjson", read, time_windows(8 * us, 3 * us)),
        ("out_x.ndjson", read, sessions), ("out_x2.ndjson", read, sessions)])


def test_late_rows_correct_windows(folder):
    """The watermark has passed, the lateness has not: the old result is taken back."""
    rows = w.events(4200, 24)
    slow = [dict(r, at=r["at"] - 9000) for r in w.events(4200, 25)[::7]]
    merged = [r for i, r in enumerate(rows) for r in ([r, slow[i // 7]] if i % 7 == 0 else [r])]
    w.write(folder, merged)
    text = """stream t as select k, count(*) as n, sum(v) as total, window_start as b from s group by k window tumbling 5 s allowed lateness 1 min retracting;
    stream l as select k, count(*) as n, sum(v) as total, window_start as b from s group by k window sliding 6 s every 2 s allowed lateness 1 min retracting;
    stream x as select k, count(*) as n, sum(v) as total, window_start as b from s group by k window session gap 800 ms allowed lateness 1 min retracting;
    sink t to file (path = 'out.ndjson') format json;
    sink l to file (path = 'out2.ndjson') format json;
    sink x to file (path = 'out3.ndjson') format json;"""
    db = w.sqlite(merged)
    us = 1_000_000
    windows = lambda size, slide: [
        (*r, stamp(b)) for b in range((min(r["at"] for r in merged) * 1000 - size) // slide * slide + slide, max(r["at"] for r in merged) * 1000 + 1, slide)
        for r in db.execute("select k, count(*), sum(v) from s where at >= ? and at < ? group by k", (b, b + size))]
    by_key, sessions = collections.defaultdict(list), []
    for r in sorted(merged, key=lambda r: r["at"]):
        by_key[r["k"]].append((r["at"] * 1000, r["v"]))
    for k, seen in by_key.items():
        group = []
        for one in seen + [(1 << 62, None)]:
            if group and one[0] - group[-1][0] > 800_000:
                known = [v for _, v in group if v is not None]
                sessions.append((k, len(group), sum(known) if known else None, stamp(group[0][0])))
                group = []
            group.append(one)
    read = lambda p: left_of(p, ("k", "n", "total", "b"))
    judge(folder, text, [("out.ndjson", read, windows(5 * us, 5 * us)), ("out2.ndjson", read, windows(6 * us, 2 * us)),
                        ("out3.ndjson", read, sessions)])
    for name in ("out.ndjson", "out2.ndjson", "out3.ndjson"):
        assert any(op == "-U" for _, op in rows_of(folder / name, ("k",))), f"{name}: nothing was late"


def test_kills_change_nothing(folder):
    rows = w.events(2500, 26)
    w.write(folder, rows)
    text = NESTED + """stream t as select k, count(*) as n, window_start as b from s group by k window sliding 6 s every 2 s emit each event retracting;
    stream x as select k, count(*) as n, window_start as b from s group by k window session gap 1 s emit each event retracting;
    sink t to file (path = 'out6.ndjson') format json;
    sink x to file (path = 'out7.ndjson') format json;"""
    w.run(folder, text, 1)
    names = [f"out{i}.ndjson" for i in ("", 3, 6, 7)]
    whole = [lines(folder / n) for n in names]
    assert all(len(x) > 20 for x in whole)
    for p in folder.glob("out*"):
        p.unlink()
    w.kill(folder, text, (0, 0.3, 0.65))
    for n, x in zip(names, whole):
        if n in ("out.ndjson", "out3.ndjson"):  # what comes between depends on how the groups' rows met
            read = lambda p: left_of(p, ("n",))
            assert read(folder / n) == sorted(((json.loads(line)["n"],) for line in left_lines(x)), key=repr), n
        else:
            assert lines(folder / n) == x, n


def left_lines(lines):
    there = collections.Counter()
    for line in lines:
        op = json.loads(line)["$op"]
        plain = line.replace(f',"$op":"{op}"', "")
        there[plain] += 1 if op[0] == "+" else -1
    return there.elements()


run_tests(globals())
