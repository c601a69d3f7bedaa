#!/usr/bin/env python3
"""match_recognize of the real program against plain backtracking: random patterns on random rows, at parallelism 1, 2 and 4, and a run that
is killed and gone on with at other parallelisms.

CEP_RANDOM_SEED and CEP_RANDOM_ROUNDS in the environment choose other patterns and more of them. Usage: recognize_test.py [-k TEXT].
"""
import collections
import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import lines, run_tests  # noqa: E402
import stream_kit as w  # noqa: E402

SEED = int(os.environ.get("CEP_RANDOM_SEED", "5"))
ROUNDS = int(os.environ.get("CEP_RANDOM_ROUNDS", "1"))
STEPS = 20000  # of backtracking, for a key; patterns that take more are left out
SOURCE = """stream s (k string, v int, n int, at timestamp)
from file (path = 'in.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 5 s;
"""


class TooLong(Exception):
    pass


# -- conditions: the text, and what it says of rows, the number of the one under test, and what was taken -------------------

class View:
    """The match as a condition sees it: rows from `start`, `taken` names the variables, the last one is of the row under test."""

    def __init__(self, rows, start, taken):
        self.rows, self.start, self.taken = rows, start, taken
        self.at = start + len(taken) - 1

    def v(self, i):
        return self.rows[i]["v"] if 0 <= i < len(self.rows) else None

    def of(self, names):
        return [self.start + i for i, t in enumerate(self.taken) if t in names]

    def last(self, names, n=0):
        of = self.of(names)
        return self.v(of[-1 - n]) if len(of) > n else None

    def first(self, names, n=0):
        of = self.of(names)
        return self.v(of[n]) if len(of) > n else None

    def values(self, names):
        return [x for x in map(self.v, self.of(names)) if x is not None]


def both(f, *xs):
    """A comparison is true when its sides are not null and it holds."""
    return all(x is not None for x in xs) and f(*xs)


def conditions(own, rng):
    """Some kinds look at the row alone, some at its neighbours, some at the match."""
    other = rng.choice("abcd")
    c = rng.randrange(5)
    pair = {own, other}
    all_of = "abcd"
    return rng.choice([
        (f"v < {c}", lambda m: both(lambda x: x < c, m.v(m.at))),
        (f"v >= {c}", lambda m: both(lambda x: x >= c, m.v(m.at))),
        (f"v in ({c}, {c + 1}) or v is null", lambda m: m.v(m.at) in (c, c + 1, None)),
        (f"v <> {c}", lambda m: both(lambda x: x != c, m.v(m.at))),
        ("v > prev(v)", lambda m: both(lambda x, y: x > y, m.v(m.at), m.v(m.at - 1))),
        ("coalesce(v <= prev(v, 2), true)", lambda m: m.v(m.at) is None or m.v(m.at - 2) is None or m.v(m.at) <= m.v(m.at - 2)),
        (f"v <= next({own}.v)", lambda m: both(lambda x, y: x <= y, m.v(m.at), m.v(m.at + 1))),
        (f"v <> last({own}.v, 1) or last({own}.v, 1) is null",
         lambda m: m.last(own, 1) is None or both(lambda x, y: x != y, m.v(m.at), m.last(own, 1))),
        (f"coalesce(v >= {other}.v, v < 3)",
         lambda m: both(lambda x: x < 3, m.v(m.at)) if m.v(m.at) is None or m.last(other) is None else m.v(m.at) >= m.last(other)),
        ("v <= first(v) + 1", lambda m: both(lambda x, y: x <= y + 1, m.v(m.at), m.first(all_of))),
        (f"count({own}.v) < 3", lambda m: len(m.values(own)) < 3),
        (f"sum({own}.v) <= {c + 4}", lambda m: bool(m.values(own)) and sum(m.values(own)) <= c + 4),
        ("count(*) <= 4", lambda m: len(m.taken) <= 4),
        (f"count(distinct u_{own}.v) <= 2", lambda m: len(set(m.values(pair))) <= 2),
        (f"max(u_{own}.v) - min(u_{own}.v) < 3", lambda m: bool(m.values(pair)) and max(m.values(pair)) - min(m.values(pair)) < 3),
        ("first(v, 1) is null or v >= first(v, 1)",
         lambda m: m.first(all_of, 1) is None or both(lambda x, y: x >= y, m.v(m.at), m.first(all_of, 1))),
        (f"coalesce(prev(classifier()), '{own}') <> '{other}'",
         lambda m: len(m.taken) < 2 and own != other or len(m.taken) > 1 and m.taken[-2] != other),
    ]), other


# -- patterns ------------------------------------------------------------------------------------------------------------------

def pattern(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.2:
        return ("var", rng.choice("abcd"))
    if kind < 0.5:
        return ("chain", [pattern(rng, depth - 1) for _ in range(rng.randint(2, 3))])
    if kind < 0.65:
        return ("alt", [pattern(rng, depth - 1) for _ in range(2)])
    if kind < 0.68:
        return ("permute", [pattern(rng, 0) for _ in range(rng.randint(2, 3))])
    if kind < 0.70:
        return (rng.choice(["empty", "start", "end"]),)
    low = rng.choice([0, 0, 1, 1, 2])
    high = rng.choice([None, None, low + 1, low + 2])
    return ("loop", pattern(rng, depth - 1), low, high, rng.random() < 0.4)


def text_of(p):
    kind = p[0]
    if kind == "var":
        return p[1]
    if kind in ("chain", "alt"):
        return "(" + (" " if kind == "chain" else " | ").join(map(text_of, p[1])) + ")"
    if kind == "permute":
        return "permute(" + ", ".join(map(text_of, p[1])) + ")"
    if kind == "loop":
        _, body, low, high, reluctant = p
        return f"({text_of(body)}){{{low},{'' if high is None else high}}}" + ("?" if reluctant else "")
    return {"empty": "()", "start": "^", "end": "$"}[kind]


def orders(items):
    if len(items) < 2:
        yield list(items)
    for i, x in enumerate(items):
        for rest in orders(items[:i] + items[i + 1:]) if len(items) > 1 else ():
            yield [x] + rest


def variables(p):
    return {p[1]} if p[0] == "var" else set().union(*map(variables, p[1])) if p[0] in ("chain", "alt", "permute") else \
        variables(p[1]) if p[0] == "loop" else set()


def firsts(p):
    """The variables that a match can begin with, and whether the pattern can take no row."""
    kind = p[0]
    if kind == "var":
        return {p[1]}, False
    if kind == "alt":
        of = [firsts(x) for x in p[1]]
        return set().union(*(f for f, _ in of)), any(none for _, none in of)
    if kind == "permute":
        return set().union(*(firsts(x)[0] for x in p[1])), False
    if kind == "chain":
        found = set()
        for x in p[1]:
            f, none = firsts(x)
            found |= f
            if not none:
                return found, False
        return found, True
    if kind == "loop":
        f, none = firsts(p[1])
        return f, none or p[2] == 0
    return set(), True


# -- backtracking ----------------------------------------------------------------------------------------------------------------

class Match:
    def __init__(self, rows, defines, within):
        self.rows, self.start, self.defines, self.within, self.steps = rows, 0, defines, within, 0

    def all(self, p, taken):
        """What p can take behind `taken`, preferred first: `taken` with more."""
        self.steps += 1
        if self.steps > STEPS:
            raise TooLong
        at = self.start + len(taken)
        kind = p[0]
        if kind == "var":
            if at < len(self.rows) and (self.within is None or self.rows[at]["at"] - self.rows[self.start]["at"] < self.within):
                more = taken + [p[1]]
                if self.defines[p[1]] is None or self.defines[p[1]](View(self.rows, self.start, more)):
                    yield more
        elif kind == "chain":
            yield from self.chain(p[1], taken)
        elif kind == "alt":
            for x in p[1]:
                yield from self.all(x, taken)
        elif kind == "permute":
            for order in orders(p[1]):
                yield from self.chain(order, taken)
        elif kind == "loop":
            yield from self.loop(p, 0, taken)
        elif kind == "empty" or (kind == "start" and at == 0) or (kind == "end" and at == len(self.rows)):
            yield taken

    def chain(self, items, taken):
        if not items:
            yield taken
            return
        for t in self.all(items[0], taken):
            yield from self.chain(items[1:], t)

    def loop(self, p, n, taken):
        _, body, low, high, reluctant = p
        self.steps += 1
        if reluctant and n >= low:
            yield taken
        if high is None or n < high:
            for t in self.all(body, taken):
                # Behind the least number nothing is repeated for nothing, where that could go on for ever.
                if n < low or high is not None or len(t) > len(taken):
                    yield from self.loop(p, n + 1, t)
        if not reluctant and n >= low:
            yield taken


def matches(rows, p, defines, within, skip):
    """(start, variables) of each match of a key's rows."""
    start, match = 0, Match(rows, defines, within)
    while start < len(rows):
        match.start = start
        taken = next(match.all(p, []), None)
        if taken is not None:
            yield start, taken
        to = None
        if taken:
            if skip == "past last row":
                to = start + len(taken)
            elif skip != "to next row":
                way, var = skip.split()[1:]
                of = [start + i for i, t in enumerate(taken) if t == var]
                to = of[0 if way == "first" else -1] if of else None
        start = to if to is not None and to > start else start + 1


# -- cases -------------------------------------------------------------------------------------------------------------------------

class Case:
    def __init__(self, number, rng, by_key):
        p = pattern(rng, 3)
        while not variables(p):
            p = pattern(rng, 3)
        self.vars = sorted(variables(p))
        defines, conds, subsets = {}, [], []
        for v in self.vars:
            defines[v] = None
            if rng.random() < 0.9:
                (text, defines[v]), other = conditions(v, rng)
                if other not in self.vars:
                    while other not in self.vars:
                        (text, defines[v]), other = conditions(v, rng)
                conds.append(f"{v} as {text}")
                if f"u_{v}" in text:
                    subsets.append(f"u_{v} = ({', '.join(sorted({v, other}))})")
        within = rng.choice([None, None, None, 3000, 9000])
        skips = ["past last row", "past last row", "to next row"] + [f"to last {v}" for v in self.vars]
        # A skip that always leads to where the match began is a mistake.
        skips += [f"to first {v}" for v in self.vars if not firsts(p)[0] <= {v}]
        self.skip = rng.choice(skips)
        all_rows = rng.random() < 0.3
        measures = "match_number() as m, count(*) as c, sum(v) as sv, prev(first(v)) as p, next(last(v)) as x, classifier() as cl"
        if not all_rows:
            measures += ", array_agg(n) as ns, array_agg(classifier()) as cs"
        self.text = f"""stream w{number} as select * from s match_recognize (partition by k order by at measures {measures}
          {'all rows' if all_rows else 'one row'} per match after match skip {self.skip} pattern ({text_of(p)})
          {f'within {within} ms' if within else ''} {f"subset {', '.join(subsets)}" if subsets else ''} {f"define {', '.join(conds)}" if conds else ''});
        sink w{number} to file (path = 'out{number}.ndjson') format json;
        """
        self.rows = []
        for k, rows in by_key.items():
            for number, (start, taken) in enumerate(matches(rows, p, defines, within, self.skip), 1):
                self.rows += self.all_rows_of(k, rows, number, start, taken) if all_rows else [self.row_of(k, rows, number, start, taken)]

    @staticmethod
    def common(k, rows, number, start, taken, upto):
        seen = [rows[start + i]["v"] for i in range(upto)]
        known = [v for v in seen if v is not None]
        behind = start + upto
        return {"k": k, "m": number, "c": upto, "sv": sum(known) if known else None,
                "p": rows[start - 1]["v"] if upto and start > 0 else None,
                "x": rows[behind]["v"] if upto and behind < len(rows) else None, "cl": taken[upto - 1] if upto else None}

    def row_of(self, k, rows, number, start, taken):
        row = self.common(k, rows, number, start, taken, len(taken))
        return row | {"ns": [rows[start + i]["n"] for i in range(len(taken))], "cs": list(taken)}

    def all_rows_of(self, k, rows, number, start, taken):
        if not taken:
            return [self.common(k, rows, number, start, taken, 0) | {"n": rows[start]["n"]}]
        return [self.common(k, rows, number, start, taken, i + 1) | {"n": rows[start + i]["n"]} for i in range(len(taken))]

    def check(self, file, what):
        got = [json.loads(line) for line in lines(file)]
        for row in got:
            row.pop("at", None)
            if "ns" not in row:
                row.pop("v", None)
        key = lambda row: json.dumps(row, sort_keys=True)
        missing = sorted((collections.Counter(map(key, self.rows)) - collections.Counter(map(key, got))).elements())
        extra = sorted((collections.Counter(map(key, got)) - collections.Counter(map(key, self.rows))).elements())
        assert not missing and not extra, f"{what}\n{self.text}\nmissing {missing[:3]}\nnot expected {extra[:3]}"


def random_rows(rng, n, keys):
    rows = w.events(n, rng.randrange(1 << 30), keys)
    for i, r in enumerate(rows):
        r["n"] = i
        del r["d"]
        if r["v"] is not None:
            r["v"] = r["v"] % 6
    return rows


def random_cases(rng, n, rows):
    by_key = collections.defaultdict(list)
    for r in sorted(rows, key=lambda r: (r["at"], r["n"])):
        by_key[r["k"]].append(r)
    cases = []
    while len(cases) < n:
        try:
            cases.append(Case(len(cases), rng, by_key))
        except TooLong:
            pass
    return cases


def write(folder, rows):
    (folder / "in.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))


def run(folder, cases, parallelism):
    for p in folder.glob("out*"):
        p.unlink()
    (folder / "w.pattern").write_text(SOURCE + "".join(c.text for c in cases))
    w.run_file(folder, "w.pattern", parallelism)


def test_matches_are_those_of_backtracking(folder):
    for turn in range(ROUNDS):
        rng = random.Random(SEED + turn)
        rows = random_rows(rng, 150, 6)
        write(folder, rows)
        cases = random_cases(rng, 40, rows)
        assert sum(len(c.rows) > 5 for c in cases) > 15
        for parallelism in (1, 2, 4):
            run(folder, cases, parallelism)
            for i, c in enumerate(cases):
                c.check(folder / f"out{i}.ndjson", f"seed {SEED + turn}, parallelism {parallelism}")


def test_a_run_that_is_killed_gives_the_same(folder):
    rng = random.Random(SEED + 1000)
    rows = random_rows(rng, 1500, 40)
    write(folder, rows)
    cases = [c for c in random_cases(rng, 14, rows) if len(c.rows) > 20]
    assert len(cases) > 4
    for i, c in enumerate(cases):
        c.text = c.text.replace("format json;", "format json delivery exactly once;")
    (folder / "w.pattern").write_text(SOURCE + "".join(c.text for c in cases))
    w.kill_and_go_on(folder, "w.pattern", ["in.ndjson"])
    for c in cases:
        c.check(folder / f"out{c.text.split()[1][1:]}.ndjson", "killed")


if __name__ == "__main__":
    run_tests(globals())
