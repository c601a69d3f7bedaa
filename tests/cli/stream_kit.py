"""One stream of random rows for tests of the general operators: s in in.ndjson, out of order within its watermark's delay, and the same
rows as a table of SQLite; a program over it stands in w.pattern."""
import json
import random
import sqlite3

from cli_kit import BASE_S, at_each_parallelism, kill_and_go_on, run_file

SOURCE = """stream s (k string, v int, d double, at timestamp)
from file (path = 'in.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 5 s;
"""


def events(n, seed, keys=7):
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        t_ms = BASE_S * 1000 + i * 137 + rng.randrange(-4000, 400)
        v = None if rng.random() < 0.05 else rng.randrange(-50, 50)
        rows.append({"k": None if rng.random() < 0.02 else f"key{rng.randrange(keys)}", "v": v,
                     "d": rng.randrange(-4000, 4000) / 8, "at": t_ms})
    return rows


def write(folder, rows):
    (folder / "in.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))


def sqlite(rows):
    db = sqlite3.connect(":memory:")
    db.execute("create table s (k text, v int, d real, at int)")
    db.executemany("insert into s values (?, ?, ?, ?)", [(r["k"], r["v"], r["d"], r["at"] * 1000) for r in rows])
    return db


def run(folder, text, parallelism, *more):
    (folder / "w.pattern").write_text(SOURCE + text)
    return run_file(folder, "w.pattern", parallelism, *more)


def check_all(folder, text, names, expected):
    (folder / "w.pattern").write_text(SOURCE + text)
    at_each_parallelism(folder, "w.pattern", names, expected, 21)


def kill(folder, text, parts=(0, 0.2, 0.5, 0.8), more=()):
    """What a run leaves that is killed at each of the parts and gone on with."""
    (folder / "w.pattern").write_text(SOURCE + text)
    kill_and_go_on(folder, "w.pattern", ["in.ndjson"], parts, more)
