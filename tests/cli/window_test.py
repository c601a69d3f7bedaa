#!/usr/bin/env python3
"""Windows, groups and aggregates of the real program, judged by SQLite and by a slow computation here.

The same random events at parallelism 1, 2 and 4, out of order within the watermark's delay; and a run killed in the midst
and gone on with. Each test is a function named test_*; it gets a scratch folder. Usage: window_test.py [-k TEXT].
"""
import collections
import json
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, CEPD, LIMIT_S, as_rows, lines, run_tests, stamp  # noqa: E402
from stream_kit import check_all, events, kill, run, sqlite, write  # noqa: E402

def test_tumbling_equals_sql(folder):
    rows = events(3000, 1)
    write(folder, rows)
    text = """stream w as select k, count(*) as n, count(v) as nv, sum(v) as total, min(v) as least, max(v) as most, avg(d) as mean,
      count(distinct v) as kinds, sum(d) as sd, window_start as s from s where d > -300 group by k window tumbling 7 s
      having count(*) > 2;
    sink w to file (path = 'out.ndjson') format json;"""
    size = 7_000_000
    expected = sqlite(rows).execute(f"""select k, count(*), count(v), sum(v), min(v), max(v), avg(d), count(distinct v), sum(d),
      at / {size} * {size} from s where d > -300 group by k, at / {size} having count(*) > 2""").fetchall()
    expected = [(*r[:-1], stamp(r[-1])) for r in expected]
    check_all(folder, text, ("k", "n", "nv", "total", "least", "most", "mean", "kinds", "sd", "s"), expected)


def test_sliding_equals_sql(folder):
    rows = events(2000, 2)
    write(folder, rows)
    text = """stream w as select k, count(*) as n, sum(v) as total, max(d) as most, window_end as e from s group by k
      window sliding 10 s every 4 s;
    sink w to file (path = 'out.ndjson') format json;"""
    size, slide = 10_000_000, 4_000_000
    first = (min(r["at"] for r in rows) * 1000 - size) // slide * slide
    last = max(r["at"] for r in rows) * 1000 + size
    expected = []
    db = sqlite(rows)
    for start in range(first, last, slide):
        expected += [(*r, stamp(start + size)) for r in db.execute(
            "select k, count(*), sum(v), max(d) from s where at >= ? and at < ? group by k", (start, start + size))]
    check_all(folder, text, ("k", "n", "total", "most", "e"), expected)


def test_sessions_equal_a_slow_computation(folder):
    rows = events(2500, 3, keys=40)
    write(folder, rows)
    text = """stream w as select k, count(*) as n, array_agg(v) as vs, first(v) as f, last(v) as l, window_start as s, window_end as e
      from s group by k window session gap 6 s;
    sink w to file (path = 'out.ndjson') format json;"""
    by_key = collections.defaultdict(list)
    for i, r in enumerate(rows):
        by_key[r["k"]].append((r["at"] * 1000, i, r["v"]))
    expected = []
    for k, seen in by_key.items():
        seen.sort()
        group = [seen[0]]
        for one in seen[1:] + [(1 << 62, 0, None)]:
            if one[0] - group[-1][0] > 6_000_000:
                vs = [v for _, _, v in group]
                expected.append((k, len(vs), vs, vs[0], vs[-1], stamp(group[0][0]), stamp(group[-1][0] + 6_000_000)))
                group = []
            group.append(one)
    check_all(folder, text, ("k", "n", "vs", "f", "l", "s", "e"), expected)


def test_counts_and_running_groups_go_by_event_time(folder):
    rows = events(1500, 4)
    write(folder, rows)
    text = """stream w as select k, sum(v) as total, count(*) as n from s group by k;
    stream c as select k, array_agg(v) as vs from s group by k window count 5 every 3;
    sink w to file (path = 'out.ndjson') format json;
    sink c to file (path = 'out2.ndjson') format json;"""
    total, number, last = {}, collections.Counter(), collections.defaultdict(list)
    expected, counts = [], []
    for _, _, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        k = r["k"]
        number[k] += 1
        last[k].append(r["v"])
        if r["v"] is not None:
            total[k] = total.get(k, 0) + r["v"]
        expected.append((k, total.get(k), number[k]))
        if number[k] % 3 == 0:
            counts.append((k, last[k][-5:]))
    check_all(folder, text, ("k", "total", "n"), expected)
    assert as_rows(folder / "out2.ndjson", ("k", "vs")) == sorted(counts, key=repr)


def early(rows, size, slide, n, discarding):
    """(key, rows of the result, their sum, start) of each n-th row of each window, and of its end."""
    out = []
    groups = collections.defaultdict(list)
    for _, _, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        t = r["at"] * 1000
        for start in range((t - size) // slide * slide + slide, t + 1, slide):
            if start + size > t:
                groups[r["k"], start].append(r["v"])
    for (k, start), vs in groups.items():
        ends = sorted({*range(n, len(vs) + 1, n), len(vs)})
        if not discarding and len(vs) % n == 0:
            ends.append(len(vs))  # once early, once when it ends
        for before, end in zip([0] + ends, ends):
            part = [v for v in vs[before if discarding else 0:end] if v is not None]
            out.append((k, end - (before if discarding else 0), sum(part) if part else None, stamp(start)))
    return out


def test_sliding_windows_count_and_forget(folder):
    """Each window by itself: results after so many rows of its own, of what came since, whatever its neighbours gave."""
    rows = events(700, 31, keys=3)
    write(folder, rows)
    us = 1_000_000
    for emit, n, discarding in (("emit after 3 events", 3, False), ("emit after 2 events discarding", 2, True), ("emit each event discarding", 1, True)):
        text = f"""stream w as select k, count(*) as n, sum(v) as total, window_start as s from s group by k window sliding 10 s every 4 s {emit};
        sink w to file (path = 'out.ndjson') format json;"""
        check_all(folder, text, ("k", "n", "total", "s"), early(rows, 10 * us, 4 * us, n, discarding))


def test_what_is_forgotten_adds_up(folder):
    """Early results by the clock of events, and late rows: of each window the parts are the whole."""
    rows = events(1500, 32)
    late = [dict(r, at=r["at"] - 8000) for r in events(1500, 33)[::9]]
    rows = [r for i, r in enumerate(rows) for r in ([r, late[i // 9]] if i % 9 == 0 else [r])]
    write(folder, rows)
    us = 1_000_000
    for window, size, slide in (("tumbling 6 s", 6, 6), ("sliding 9 s every 3 s", 9, 3)):
        text = f"""stream w as select k, count(*) as n, sum(v) as total, window_start as s from s group by k window {window}
          allowed lateness 1 min emit every 2 s discarding;
        sink w to file (path = 'out.ndjson') format json;"""
        expected = sorted(((k, n, total or 0, s) for k, n, total, s in early(rows, size * us, slide * us, 10**9, True)), key=repr)
        for parallelism in (1, 2, 4):
            (folder / "out.ndjson").unlink(missing_ok=True)
            run(folder, text, parallelism)
            parts = as_rows(folder / "out.ndjson", ("k", "n", "total", "s"))
            whole = collections.defaultdict(lambda: [0, 0])
            for k, n, total, s in parts:
                whole[k, s][0] += n
                whole[k, s][1] += total or 0
            assert len(parts) > len(whole) > 20
            assert sorted(((k, n, total, s) for (k, s), (n, total) in whole.items()), key=repr) == expected


def test_count_windows_give_early_results(folder):
    rows = events(600, 34, keys=3)
    write(folder, rows)
    by_key = collections.defaultdict(list)
    for _, _, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        by_key[r["k"]].append((r["at"] * 1000, r["v"]))

    def given(size, n, discarding):
        for k, seen in by_key.items():
            for i in range(0, len(seen), size):
                window = seen[i:i + size]
                ends = sorted({*range(n, len(window) + 1, n), *([size] if len(window) == size else [])})
                for before, end in zip([0] + ends, ends):
                    part = window[before if discarding else 0:end]
                    yield k, [v for _, v in part], stamp(window[0][0]), stamp(part[-1][0])

    for emit, n, discarding in (("emit each event", 1, False), ("emit after 2 events", 2, False), ("emit after 3 events discarding", 3, True)):
        text = f"""stream w as select k, array_agg(v) as vs, window_start as s, window_end as e from s group by k window count 5 {emit};
        sink w to file (path = 'out.ndjson') format json;"""
        check_all(folder, text, ("k", "vs", "s", "e"), list(given(5, n, discarding)))


def test_a_pattern_over_windows(folder):
    """The mean of ten seconds rose three times in a row."""
    rows = [{"k": "a", "v": v, "d": 0, "at": (BASE_S + 2 * i) * 1000} for i, v in
            enumerate([5] * 5 + [4] * 5 + [6] * 5 + [7] * 5 + [9] * 5 + [1] * 5)]
    write(folder, rows)
    text = """stream means as select k, avg(v) as mean, window_end as until from s group by k window tumbling 10 s;
    pattern rising from means partition by k match low up{3} consecutive
      define up as mean > prev(mean within 1 h) within 1 h
      measures low.mean as low, last(up.mean) as high;
    alert rose on rising severity high message '{k}: {low} to {high}';
    sink rose to file (path = 'out.ndjson') format json;"""
    for parallelism in (1, 4):
        for p in folder.glob("out*"):
            p.unlink()
        run(folder, text, parallelism)
        alerts = [json.loads(line) for line in lines(folder / "out.ndjson")]
        assert [a["message"] for a in alerts] == ["a: 4.0 to 9.0"], alerts


def test_kills_change_nothing(folder):
    """The file sink after kills and restores is that of a run without."""
    rows = events(4000, 5)
    write(folder, rows)
    text = """stream w as select k, count(*) as n, sum(v) as total, array_agg(d) as ds, window_start as s from s group by k window sliding 6 s every 2 s;
    stream x as select k, count(*) as n, last(v) as l, window_start as s from s group by k window session gap 4 s;
    stream y as select k, sum(v) as total, count(distinct v) as n from s group by k;
    sink w to file (path = 'out.ndjson') format json;
    sink x to file (path = 'out2.ndjson') format json;
    stream z as select k, count(*) as n, sum(v) as total, window_start as s from s group by k window sliding 6 s every 2 s emit after 3 events discarding;
    stream c as select k, count(*) as n, sum(v) as total, window_start as s from s group by k window count 5 emit after 2 events;
    sink z to file (path = 'out4.ndjson') format json;
    sink c to file (path = 'out5.ndjson') format json;
    sink y to file (path = 'out3.ndjson') format json;"""
    run(folder, text, 1)
    names = ("out.ndjson", "out2.ndjson", "out3.ndjson", "out4.ndjson", "out5.ndjson")
    whole = [lines(folder / n) for n in names]
    assert all(len(w) > 100 for w in whole)
    for p in folder.glob("out*"):
        p.unlink()
    kill(folder, text)
    for n, w in zip(names, whole):
        assert lines(folder / n) == w, n


def skewed(n, seed):
    """Most rows are of one key."""
    rng = random.Random(seed)
    return [{"k": "hot" if rng.random() < 0.9 else f"key{rng.randrange(50)}", "v": rng.randrange(-50, 50), "d": rng.randrange(-4000, 4000) / 8,
             "at": BASE_S * 1000 + i + rng.randrange(-4000, 400)} for i in range(n)]


GATHERED = """stream w as select k, count(*) as n, sum(v) as total, min(d) as least, max(v) as most, count(distinct v) as kinds, window_start as s
    from s where v <> 7 group by k window %s;
    sink w to file (path = 'out.ndjson') format json;"""


def test_rows_gathered_before_they_travel_equal_sql(folder):
    rows = skewed(30000, 11)
    write(folder, rows)
    size = 2_000_000
    expected = sqlite(rows).execute(f"""select k, count(*), sum(v), min(d), max(v), count(distinct v), at / {size} * {size} from s where v <> 7
      group by k, at / {size}""").fetchall()
    check_all(folder, GATHERED % "tumbling 2 s", ("k", "n", "total", "least", "most", "kinds", "s"), [(*r[:-1], stamp(r[-1])) for r in expected])
    graph = subprocess.run([CEPD, "explain", "--stage", "graph", "--parallelism", "2", "w.pattern"], cwd=folder, capture_output=True, text=True,
                           timeout=LIMIT_S, check=True).stdout
    assert "gathered by key and pane first: aggregate w" in graph, graph


def test_rows_gathered_before_they_travel_survive_kills(folder):
    """Also where barriers overtake rows, so that some are on their way when it is killed."""
    rows = skewed(60000, 12)
    write(folder, rows)
    text = GATHERED % "sliding 4 s every 1 s"
    run(folder, text, 1)
    whole = lines(folder / "out.ndjson")
    assert len(whole) > 100
    for more in ([], ["--checkpoint-mode", "unaligned"]):
        for p in folder.glob("out*"):
            p.unlink()
        shutil.rmtree(folder / "state", ignore_errors=True)
        kill(folder, text, more=more)
        assert lines(folder / "out.ndjson") == whole, more


run_tests(globals())
