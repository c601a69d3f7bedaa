#!/usr/bin/env python3
"""`over` and the functions of rows in order, of the real program: frames judged by SQLite, functions by plain Python here.

Like window_test.py, whose helpers it uses: random events out of order, at parallelism 1, 2 and 4, and a run that is killed.
Usage: over_test.py [-k TEXT].
"""
import collections
import datetime
import json
import math
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, first_difference, lines, run_tests, stamp  # noqa: E402
import stream_kit as w  # noqa: E402

CAP = 1000.0


# -- frames, as SQL has them ----------------------------------------------------------------------------------------

FRAMES = {"rows 7 preceding": "rows between 7 preceding and current row",
          "rows between 1 preceding and current row": "rows between 1 preceding and current row",
          "range 3 s preceding": "range between 3000000 preceding and current row",
          "rows unbounded preceding": "rows unbounded preceding",
          "": ""}
CALLS = ["count(*)", "count(v)", "sum(v)", "min(v)", "max(d)", "avg(d)", "sum(d)", "min(d)", "avg(v)"]


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def check_rows(folder, text, names, expected, files=("out.ndjson",), at=(1, 2, 4)):
    """Rows in any order; doubles to nine digits."""
    for parallelism in at:
        for p in folder.glob("out*"):
            p.unlink()
        w.run(folder, text, parallelism)
        for file, wanted in zip(files, expected):
            key = lambda r: tuple((x is None, str(x)) for x in r[:2]) + (repr(r),)
            got = sorted((tuple(json.loads(line)[n] for n in names) for line in lines(folder / file)), key=key)
            wanted = sorted((tuple(r) for r in wanted), key=key)
            assert len(wanted) > 20 and len(got) == len(wanted), (file, len(got), len(wanted))
            for g, e in zip(got, wanted):
                assert all(map(same, g, e)), f"parallelism {parallelism}, {file}: {g} instead of {e}"


def test_frames_equal_sql(folder):
    rows = w.events(1200, 11, keys=4)
    for i, r in enumerate(rows):  # peers: times that several rows of a key share
        r["at"] -= r["at"] % 200
        r["d"] = float(r["d"]) + i / 4096
    w.write(folder, rows)
    db = w.sqlite(rows)
    text, expected, files = "", [], []
    for n, (frame, sql) in enumerate(FRAMES.items()):
        items = ", ".join(f"{c} over (partition by k order by at {frame}) as c{i}" for i, c in enumerate(CALLS))
        text += f"stream w{n} as select k, d, {items} from s where v is null or v <> 3;\nsink w{n} to file (path = 'out{n}.ndjson') format json;\n"
        files.append(f"out{n}.ndjson")
        # Ties go by arrival, which is rowid.
        order = "at, rowid" if "rows" in frame else "at"
        expected.append(db.execute("select k, d, " + ", ".join(
            f"{c} over (partition by k order by {order} {sql})" for c in CALLS) + " from s where v is null or v <> 3").fetchall())
    check_rows(folder, text, ["k", "d"] + [f"c{i}" for i in range(len(CALLS))], expected, files)


def test_other_aggregates_equal_a_slow_computation(folder):
    rows = w.events(900, 12, keys=3)
    for i, r in enumerate(rows):
        r["d"] = float(i)
    w.write(folder, rows)
    text = """stream f as select k, d, first(v) over (partition by k order by at rows 4 preceding) as a,
      last(v) over (partition by k order by at rows 4 preceding) as b, count(distinct v) over (partition by k order by at rows 30 preceding) as c,
      array_agg(v) over (partition by k order by at rows 3 preceding) as e, stddev(v) over (partition by k order by at rows 9 preceding) as f,
      sum(v) filter (where v > 0) over (partition by k order by at rows 5 preceding) as g from s;
    sink f to file (path = 'out.ndjson') format json;"""
    expected, seen = [], collections.defaultdict(list)
    for _, i, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        h = seen[r["k"]]
        h.append(r["v"])
        known = [v for v in h[-10:] if v is not None]
        up = [v for v in h[-6:] if v is not None and v > 0]
        expected.append((r["k"], r["d"], h[-5:][0], h[-1], len({v for v in h[-31:] if v is not None}), h[-4:],
                         statistics.stdev(known) if len(known) > 1 else None, sum(up) if up else None))
    check_rows(folder, text, ("k", "d", "a", "b", "c", "e", "f", "g"), [expected])


# -- functions of rows in order, computed plainly --------------------------------------------------------------------

def score(x, mid, sd):
    z = (x - mid) / sd if sd > 0 else math.inf * (x - mid) if x != mid else 0.0
    return max(-CAP, min(CAP, z))


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    i = int(at)
    return values[i] if i + 1 >= len(values) else values[i] + (at - i) * (values[i + 1] - values[i])


def mad(x, values):
    mid = statistics.median(values)
    sd = 1.482602218505602 * statistics.median(abs(v - mid) for v in values)
    if sd == 0:
        sd = math.sqrt(math.pi / 2) * statistics.fmean(abs(v - mid) for v in values)
    return score(x, mid, sd)


def py_ewma(h, half_life):
    m = None
    for t, x in h:
        m = x if m is None else m + (1 - 0.5 ** ((t - last) / half_life)) * (x - m)
        last = t
    return m


def py_zscore(h, warm_up):
    past, x = [v for _, v in h[:-1]], h[-1][1]
    return score(x, statistics.fmean(past), statistics.stdev(past)) if len(past) >= warm_up else None


def py_weighted_zscore(h, warm_up, half_life):
    past, (now, x) = h[:-1], h[-1]
    if len(past) < warm_up:
        return None
    weights = [0.5 ** ((now - t) / half_life) for t, _ in past]
    mean = sum(a * v for a, (_, v) in zip(weights, past)) / sum(weights)
    var = sum(a * (v - mean) ** 2 for a, (_, v) in zip(weights, past)) / sum(weights)
    return score(x, mean, math.sqrt(var))


def py_holt(h, m, alpha=0.3, beta=0.05, gamma=0.2):
    y = [v for _, v in h]
    if len(y) <= 2 * m:
        return None, None
    one, two = statistics.fmean(y[:m]), statistics.fmean(y[m:2 * m])
    trend = (two - one) / m
    line = [one + trend * (i - (m - 1) / 2) for i in range(2 * m)]
    season = [(y[i] - line[i] + y[m + i] - line[m + i]) / 2 for i in range(m)]
    var = statistics.fmean((y[i] - line[i] - season[i % m]) ** 2 for i in range(2 * m))
    level = line[-1]
    for i in range(2 * m, len(y)):
        forecast = level + trend + season[i % m]
        out = score(y[i], forecast, math.sqrt(var)), forecast
        before = level
        level = alpha * (y[i] - season[i % m]) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        season[i % m] = gamma * (y[i] - level) + (1 - gamma) * season[i % m]
        var = gamma * (y[i] - forecast) ** 2 + (1 - gamma) * var
    return out


def py_cusum(h, warm_up, drift=0.5):
    y = [v for _, v in h]
    if len(y) <= warm_up:
        return None
    mean, sd, up, down = statistics.fmean(y[:warm_up]), statistics.stdev(y[:warm_up]), 0.0, 0.0
    for x in y[warm_up:]:
        z = score(x, mean, sd)
        up, down = min(CAP, max(0.0, up + z - drift)), min(CAP, max(0.0, down - z - drift))
    return up if up >= down else -down


def py_band(h, period, slots, q, keep, warm_up):
    now, x = h[-1]
    slot = lambda t: t % period * slots // period
    past = [v for t, v in h[:-1] if slot(t) == slot(now)]
    if len(past) < warm_up:
        return None
    past = past[-keep:]
    low, mid, high = (quantile(past, p) for p in (q, 0.5, 1 - q))
    width = mid - low if x < mid else high - mid
    return {"low": low, "mid": mid, "high": high, "score": score(x, mid, width / statistics.NormalDist().inv_cdf(1 - q))}


def py_rarity(h, warm_up):
    past, x = [v for _, v in h[:-1]], h[-1][1]
    if len(past) < warm_up:
        return None
    often = collections.Counter(past)
    p = (1 + sum(c for c in often.values() if c <= max(1, often[x]))) / (1 + len(past))
    return statistics.NormalDist().inv_cdf(1 - p / 2) if p < 1 else 0.0


def py_rate(h):
    (t0, a), (t1, b) = h[-2:] if len(h) > 1 else [(0, 0), (0, 0)]
    return (b - a) / ((t1 - t0) / 1e6) if t1 != t0 else None


FUNCTIONS = {
    "ewma(v, half_life 10 s)": lambda h: py_ewma(h, 10e6),
    "zscore(v, warm_up => 12)": lambda h: py_zscore(h, 12),
    "zscore(v, half_life 20 s, warm_up => 5)": lambda h: py_weighted_zscore(h, 5, 20e6),
    "mad_score(v, rows => 15, warm_up => 4)": lambda h: mad(h[-1][1], [v for _, v in h[:-1]][-15:]) if len(h) > 4 else None,
    "rate(v)": py_rate,
    "delta(v)": lambda h: h[-1][1] - h[-2][1] if len(h) > 1 else None,
    "holt_winters(v, 6)": lambda h: py_holt(h, 6)[0],
    "holt_winters_forecast(v, 4, alpha => 0.5, beta => 0.1, gamma => 0.25)": lambda h: py_holt(h, 4, 0.5, 0.1, 0.25)[1],
    "cusum(v, warm_up => 20)": lambda h: py_cusum(h, 20),
    "seasonal_band(v, 10 s, slots => 4, keep => 12, quantile => 0.1, warm_up => 3)": lambda h: py_band(h, 10_000_000, 4, 0.1, 12, 3),
    "rarity(v, warm_up => 8)": lambda h: py_rarity(h, 8),
    # These see the rows of their frame, those without a value too.
    "zscore(v, warm_up => 6) over (partition by k order by at rows 10 preceding)":
        lambda a: py_zscore([h for h in a[-11:] if h[1] is not None], 6),
    "mad_score(v, warm_up => 6) over (partition by k order by at range 9 s preceding)":
        lambda a: (lambda past: mad(a[-1][1], past) if len(past) >= 6 else None)(
            [v for t, v in a[:-1] if v is not None and a[-1][0] - t <= 9e6]),
    "delta(v) over (partition by k order by at rows 3 preceding)":
        lambda a: (lambda known: known[-1] - known[0] if len(known) > 1 else None)([v for _, v in a[-4:] if v is not None]),
}


def close(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-7)


def test_functions_equal_plain_python(folder):
    """Running, as calls with over; those without a frame as a running group too, and over a whole window."""
    rows = w.events(700, 13, keys=3)
    for i, r in enumerate(rows):
        r["d"] = float(i)
        r["at"] = BASE_S * 1000 + i * 211 + (i * 7919 % 1500)  # no two of a key at one time
        r["v"] = r["v"] if r["v"] is None else r["v"] + i // 100
    w.write(folder, rows)
    items = ", ".join(f"{f if ' over ' in f else f + ' over (partition by k order by at)'} as f{i}" for i, f in enumerate(FUNCTIONS))
    running = {i: f for i, f in enumerate(FUNCTIONS) if " over " not in f}
    text = f"""stream o as select k, d, {items} from s;
    stream g as select k, last(d) as d, {", ".join(f"{f} as f{i}" for i, f in running.items())} from s group by k;
    sink o to file (path = 'out.ndjson') format json;
    sink g to file (path = 'out2.ndjson') format json;"""
    seen, every, expected = collections.defaultdict(list), collections.defaultdict(list), {}
    for _, i, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        h = seen[r["k"]]
        if r["v"] is not None:
            h.append((r["at"] * 1000, r["v"]))
        every[r["k"]].append((r["at"] * 1000, r["v"]))
        expected[r["d"]] = [None if r["v"] is None else f(every[r["k"]] if " over " in name else h) for name, f in FUNCTIONS.items()]
        if r["v"] is None:  # a mean stays
            expected[r["d"]][0] = py_ewma(h, 10e6)
    for parallelism in (1, 2, 4):
        for p in folder.glob("out*"):
            p.unlink()
        w.run(folder, text, parallelism)
        for file, which in (("out.ndjson", range(len(FUNCTIONS))), ("out2.ndjson", running)):
            got = [json.loads(line) for line in lines(folder / file)]
            assert len(got) == len(rows), (file, len(got))
            for g in got:
                for i in which:
                    assert close(g[f"f{i}"], expected[g["d"]][i]), (parallelism, file, list(FUNCTIONS)[i], g, expected[g["d"]][i])


def test_values_of_any_type(folder):
    """lag, changed, rarity take strings; lag and changed take nulls as values."""
    rows = w.events(600, 14, keys=5)
    for i, r in enumerate(rows):
        r["d"], r["v"] = float(i), i % 3
    w.write(folder, rows)
    text = """stream o as select v, d, lag(k) over (partition by v order by at) as a, lag(k, 3) over (partition by v order by at) as b,
      changed(k) over (partition by v order by at) as c, rarity(k, warm_up => 10) over (partition by v order by at) as e from s;
    sink o to file (path = 'out.ndjson') format json;"""
    seen, expected = collections.defaultdict(list), []
    for _, i, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        h = seen[r["v"]]
        h.append((0, r["k"]))
        ks = [None] * 3 + [k for _, k in h]
        known = [x for x in h if x[1] is not None]
        expected.append((r["v"], r["d"], ks[-2], ks[-4], h[-1][1] != h[-2][1] if len(h) > 1 else None,
                         py_rarity(known, 10) if r["k"] is not None else None))
    check_rows(folder, text, ("v", "d", "a", "b", "c", "e"), [expected])


def test_windows_that_rows_do_not_share(folder):
    rows = w.events(1500, 15, keys=3)
    for r in rows:
        r["v"] = r["v"] or 0
    w.write(folder, rows)
    text = """stream t as select k, delta(v) as a, rate(v) as b, ewma(v, half_life 2 s) as c, count(*) as n, window_start as s
      from s group by k window tumbling 5 s;
    stream c as select k, delta(v) as a, lag(v, 2) as b, zscore(v, warm_up => 3) as c, count(*) as n, window_start as s from s group by k window count 6;
    sink t to file (path = 'out.ndjson') format json;
    sink c to file (path = 'out2.ndjson') format json;"""
    tumbling, counted, out, out2 = collections.defaultdict(list), collections.defaultdict(list), [], []
    for _, i, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        t, k = r["at"] * 1000, r["k"]
        tumbling[k, t // 5_000_000].append((t, r["v"]))
        counted[k].append((t, r["v"]))
        if len(counted[k]) == 6:
            h = counted.pop(k)
            out2.append((k, stamp(h[0][0]), h[-1][1] - h[0][1], h[-3][1], py_zscore(h, 3), 6))
    for (k, n), h in tumbling.items():
        whole = [h[0], h[-1]] if len(h) > 1 else h
        out.append((k, stamp(n * 5_000_000), h[-1][1] - h[0][1] if len(h) > 1 else None, py_rate(whole), py_ewma(h, 2e6), len(h)))
    check_rows(folder, text, ("k", "s", "a", "b", "c", "n"), [out, out2], ("out.ndjson", "out2.ndjson"))


def test_approximate_aggregates(folder):
    """Within their bounds in sliding windows, whose panes are merged; exact over a frame; the same at any parallelism."""
    rows = w.events(3000, 17, keys=3)
    for i, r in enumerate(rows):
        r["v"] = i * 7919 % 1009
    w.write(folder, rows)
    text = """stream s1 as select k, approx_count_distinct(v) as n, count(distinct v) as exact, approx_quantile(d, 0.9) as q, window_end as e from s
      group by k window sliding 60 s every 10 s;
    stream s2 as select k, d, approx_quantile(v, 0.25) over (partition by k order by at rows 20 preceding) as q,
      approx_count_distinct(v) over (partition by k order by at rows 20 preceding) as n from s;
    sink s1 to file (path = 'out.ndjson') format json;
    sink s2 to file (path = 'out2.ndjson') format json;"""
    before = None
    for parallelism in (1, 3):
        for p in folder.glob("out*"):
            p.unlink()
        w.run(folder, text, parallelism)
        got = lines(folder / "out.ndjson"), lines(folder / "out2.ndjson")
        assert before in (None, got)
        before = got
    for line in map(json.loads, got[0]):
        assert abs(line["n"] - line["exact"]) <= 1, line
        end = datetime.datetime.fromisoformat(line["e"].replace("Z", "+00:00")).timestamp() * 1000
        inside = sorted(r["d"] for r in rows if r["k"] == line["k"] and end - 60_000 <= r["at"] < end)
        exact = inside[int(0.9 * (len(inside) - 1))]
        assert abs(line["q"] - exact) <= 0.0101 * abs(exact) + 1e-9, (line, exact)
    seen, expected = collections.defaultdict(list), []
    for _, i, r in sorted((r["at"], i, r) for i, r in enumerate(rows)):
        seen[r["k"]].append(r["v"])
        frame = sorted(seen[r["k"]][-21:])
        expected.append((r["k"], r["d"], frame[int(0.25 * (len(frame) - 1))], len(set(frame))))
    exact = sorted((repr((g["k"], g["d"], int(g["q"]), g["n"])) for g in map(json.loads, got[1])))
    assert exact == sorted(map(repr, expected))


def test_kills_change_nothing(folder):
    rows = w.events(4000, 16)
    for i, r in enumerate(rows):
        r["v"] = i % 37
    w.write(folder, rows)
    items = ", ".join(f"{f if ' over ' in f else f + ' over (partition by k order by at)'} as f{i}" for i, f in enumerate(FUNCTIONS))
    frames = ", ".join(f"{c} over (partition by k order by at {f}) as c{i}_{j}" for i, c in enumerate(CALLS) for j, f in enumerate(FRAMES))
    text = f"""stream o as select k, at, {items}, {frames}, array_agg(d) over (partition by k order by at rows 5 preceding) as ds,
      lag(k, 2) over (partition by k order by at) as l, count(distinct d) over (partition by k order by at rows 50 preceding) as n,
      approx_count_distinct(d) over (partition by k order by at) as n2, approx_quantile(d, 0.9) over (partition by k order by at) as q from s;
    sink o to file (path = 'out.ndjson') format json;"""
    w.run(folder, text, 1)
    whole = lines(folder / "out.ndjson")
    assert len(whole) == len(rows)
    (folder / "out.ndjson").unlink()
    w.kill(folder, text, (0, 0.3, 0.65))
    got = lines(folder / "out.ndjson")
    assert got == whole, first_difference(got, whole)


run_tests(globals())
