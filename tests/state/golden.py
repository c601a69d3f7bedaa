#!/usr/bin/env python3
"""Savepoints of earlier versions, kept as they were written: each has to be restored, told and replayed by this one.

    golden.py                 checks every fixture in tests/state/golden/ (make check does)
    golden.py write NAME patterns|operators   writes a new one with the program as it is now: of patterns and alerts, or of what selects
                              are made of and a compiled operator; those that are there stay as they are

A fixture: p.pattern, its input up to the savepoint (before/) and behind it (after/), what its sinks held at the savepoint (sinks/), the savepoint,
what `cepd state show` told of it (state.txt, of a key: key.txt), and what an undisturbed run over all of the input gives (expected.txt). A library
that the program needs lies there as its source.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

CEPD = os.path.abspath(os.environ["CEPD"])
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
LIMIT_S = 120
SRC = pathlib.Path(os.environ["CEP_SRCDIR"]).resolve()
KEY = ["--key", "card 3"]

PATTERNS = """parameter big double = 100.0;
stream payments (card string, amount double, price decimal(10,2), online bool, tags array(string),
    shop row(name string, opened timestamp), at timestamp)
from file (path = 'payments.ndjson') format json event time at watermark delay 2 s;
stream notes (card string, text string, n int, at timestamp)
from file (path = 'notes.csv') format csv event time at watermark delay 3 s;
stream large as select card, amount, price, at from payments where amount > 50;
pattern rise from payments partition by card match a -> b+ -> c
define a as amount > big and prev(amount, 1 within 1 h) >= 0, b as amount > a.amount, c as amount > avg(b.amount) + 20
within 1 min
measures card as card, a.amount as first, sum(b.amount) as total, count(b) as n, max(b.price) as price, a.shop.name as shop, a.tags as tags, c.amount as last;
pattern fates from large, notes partition by card match a -> b+ -> c
define a as large where amount > 120, b as large where amount < 90, c as notes where n > 5
within 10 min measures a.amount as amount, c.text as text;
pattern graph from payments partition by card match x -> y -> z
define x as amount > 50, y as online, z as amount > 190
within 30 s after match no skip measures x.amount as first, z.amount as last;
pattern silent from payments partition by card match a -> !b
define a as amount > 200, b as amount > 1000 within 20 s measures a.amount as amount;
pattern late from payments partition by card match a ->[20 s] b -> c
define a as amount > 120, b as amount < 60, c as amount > 180
within 40 s measures a.amount as first, b.amount as second;
pattern each from payments partition by card match a ->> b ->[10 s] c
define a as amount > 150, b as amount < 60, c as amount > 190
within 30 s after match no skip measures a.amount as first, b.amount as second;
pattern none from payments partition by card match a ->> b -> !c
define a as amount > 180, b as amount < 30, c as amount > 195
within 20 s after match no skip measures a.amount as first, b.amount as second;
pattern settled from payments partition by card match (w -> v | x ->> y ->[40 s] z)
define w as amount > 170, v as amount < 0, x as amount <= 20, y as amount between 5 and 60, z as amount between 25 and 100
within 100 s after match skip to next event measures x.amount as first, y.amount as second;
pattern every from payments partition by card match a ->> b ->> c
define a as amount > 150, b as amount < 60, c as amount > 190
within 30 s after match no skip limit 5 matches measures a.amount as first, b.amount as second;
alert rising on rise severity high message '{first}: {n}' by card suppress for 5 s;
alert quiet on silent severity low message '{amount}' resolve after 40 s with events;
alert told on fates severity medium message '{text}' by card resolve when rise;
sink rise to file (path = 'rise.ndjson') format json;
sink rising to file (path = 'rising.csv') format csv;
sink quiet to file (path = 'quiet.ndjson') format json;
sink fates to file (path = 'fates.ndjson') format json;
sink told to file (path = 'told.ndjson') format json;
sink late.timeouts to file (path = 'late.ndjson') format json;
sink each.timeouts to file (path = 'each.ndjson') format json;
sink none to file (path = 'none.ndjson') format json;
sink settled to file (path = 'settled.ndjson') format json;
sink settled.timeouts to file (path = 'unsettled.ndjson') format json;
sink every to file (path = 'every.ndjson') format json;
sink graph to file (path = 'graph/') format json;
"""
OPERATORS = """stream payments (card string, amount double, price decimal(10,2), online bool, at timestamp)
from file (path = 'payments.ndjson') format json event time at watermark delay 2 s;
stream notes (card string, text string, n int, at timestamp)
from file (path = 'notes.csv') format csv event time at watermark delay 3 s;
table latest as select card, last(amount) as amount from payments group by card;
stream totals as select card, count(*) as n, sum(price) as total, max(amount) as highest, avg(amount) as mean from payments group by card;
stream tumbled as select card, count(*) as n, sum(amount) as total, stddev(amount) as spread, array_agg(online) as online, count(distinct amount) as amounts,
    window_start as since from payments group by card window tumbling 50 s;
stream rolling as select online, approx_count_distinct(card) as cards, approx_quantile(amount, 0.5) as middle, first(card) as card, window_end as until
    from payments group by online window sliding 40 s every 10 s allowed lateness 20 s;
stream sessions as select card, count(*) as n, min(amount) as lowest, window_start as since, window_end as until from payments where amount > 40
    group by card window session gap 6 s;
stream forties as select card, avg(amount) as mean, last(amount) as latest from payments group by card window count 40;
stream early as select online, count(*) as n, sum(price) as total, window_end as until from payments group by online
    window tumbling 60 s emit every 15 s retracting;
stream replaced as select card, count(*) as n from payments group by card emit each event upsert;
stream summed as select online, sum(amount) over (partition by online order by at rows 30 preceding) as last_30,
    count(*) over (partition by online order by at range 20 s preceding) as in_20_s, zscore(amount) over (partition by online order by at) as score,
    lag(amount, 3) over (partition by online order by at) as before, ewma(amount, half_life 30 s) over (partition by online order by at) as smooth, at from payments;
stream near as select p.card as card, p.amount as amount, n.text as text, p.at as at from payments as p left join notes as n on p.card = n.card within 5 s;
stream together as select p.card as card, p.amount as amount, n.text as text from payments as p join notes as n on p.card = n.card window tumbling 30 s;
stream visits as select p.card as card, p.amount as amount, n.text as text from payments as p full join notes as n on p.card = n.card window session gap 4 s;
stream known as select n.card as card, n.text as text, l.amount as amount from notes as n join table latest as l on n.card = l.card;
stream highest as select card, amount, at from payments window tumbling 60 s order by amount desc, card limit 5;
stream kinds as select distinct card, online from payments;
stream states as select card as device, case when online then 'on' else 'off' end as state, at from payments;
stream steady (device string, state string, since timestamp, flaps int) as process './libdebounce.so' (stable = 8 s) from states partition by device;
sink totals to file (path = 'totals.ndjson') format json;
sink tumbled to file (path = 'tumbled.ndjson') format json;
sink rolling to file (path = 'rolling.ndjson') format json;
sink sessions to file (path = 'sessions.ndjson') format json;
sink forties to file (path = 'forties.ndjson') format json;
sink early to file (path = 'early.ndjson') format json;
sink replaced to file (path = 'replaced.ndjson') format json;
sink summed to file (path = 'summed.ndjson') format json;
sink near to file (path = 'near.ndjson') format json;
sink together to file (path = 'together.ndjson') format json;
sink visits to file (path = 'visits.ndjson') format json;
sink known to file (path = 'known.ndjson') format json;
sink highest to file (path = 'highest.ndjson') format json;
sink kinds to file (path = 'kinds.ndjson') format json;
sink steady to file (path = 'steady.ndjson') format json;
sink steady.flaps to file (path = 'flaps.ndjson') format json;
"""


def text_of(second):
    return f"2026-01-01T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def payment(i):
    second = i // 3 + (1 if i % 7 == 0 else 0)
    return json.dumps({"card": f"card {i * 31 % 17}", "amount": (i * 7919) % 211, "price": f"{i % 50}.25", "online": i % 3 == 0,
                       "tags": ["a", f"t{i % 3}"], "shop": {"name": f"s{i % 4}", "opened": "2020-02-29T00:00:00Z"},
                       "at": text_of(second)}) + "\n"


def note(i):
    return f"card {i * 5 % 17},note {i},{i % 9},{text_of(i * 2)}\n"


def sink_lines(folder, sinks):
    """
    Every line of every sink, sorted: part files have names of their own at each parallelism. Ids speak of the file that they come
    from, and those before the savepoint are of one that follows its input.
    """
    out = []
    for path in sorted(p for p in folder.iterdir() if p.name in sinks):
        files = sorted(path.glob("part-*")) if path.is_dir() else [path]
        out += [f"{path.name}: {line}" for f in files for line in f.read_text().splitlines()]
    return re.sub(r"\b[0-9a-f]{32}\b", "ID", "".join(line + "\n" for line in sorted(out, key=lambda l: re.sub(r"[0-9a-f]{32}", "", l))))


def run(*args, cwd):
    return subprocess.run([CEPD, *args], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)


def told(folder, *args):
    """What state show says, but for where the savepoint is."""
    done = run("state", "show", "savepoint", *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- writing -----------------------------------------------------------------------------------------------------------------


def write_input(to, name, lines):
    to.mkdir(exist_ok=True)
    (to / name).write_text("".join(lines))


def stop_with_savepoint(folder, n):
    """Reads what is there, and stops. Leaves the folder savepoint/ and the sinks."""
    follow = re.sub(r"(path = '(payments.ndjson|notes.csv)')", r"\1, follow = true", (folder / "p.pattern").read_text())
    (folder / "followed.pattern").write_text(follow)
    job = subprocess.Popen([CEPD, "run", "followed.pattern", "--parallelism", "2", "--state-dir", "state", "--http", "127.0.0.1:0"],
                           cwd=folder, stderr=subprocess.PIPE, text=True)
    for line in job.stderr:
        found = re.search(r"REST interface on port (\d+)", line)
        if found:
            break
        print(line, end="")
    url = ["--coordinator", f"http://127.0.0.1:{found.group(1)}"]
    while True:
        done = run("job", "followed", "--json", *url, cwd=folder)
        if done.returncode == 0 and json.loads(done.stdout)["totals"]["events"] == n:
            break
        assert job.poll() is None
        time.sleep(0.02)
    path = run("stop", "followed", "sp", *url, cwd=folder).stdout.strip()
    job.communicate(timeout=LIMIT_S)
    pathlib.Path(path).rename(folder / "savepoint")


def write(version, program):
    to = GOLDEN / version
    assert not to.exists(), f"{to} is there already: a fixture stays as it was written"
    (to / "sinks").mkdir(parents=True)
    sinks = re.findall(r"^sink .* to file \(path = '([^'/]+)", program, re.M)
    write_input(to / "before", "payments.ndjson", [payment(i) for i in range(400)])
    write_input(to / "after", "payments.ndjson", [payment(i) for i in range(400, 800)])
    write_input(to / "before", "notes.csv", ["card,text,n,at\n"] + [note(i) for i in range(70)])
    write_input(to / "after", "notes.csv", [note(i) for i in range(70, 130)])
    (to / "p.pattern").write_text(program)
    if program == OPERATORS:
        shutil.copy(SRC / "examples" / "operators" / "debounce.c", to)
    with tempfile.TemporaryDirectory() as scratch:
        one = pathlib.Path(scratch) / "one"
        prepare(to, one, parts=("before",))
        stop_with_savepoint(one, 470)
        shutil.copytree(one / "savepoint", to / "savepoint")
        for name in sinks:
            (shutil.copytree if (one / name).is_dir() else shutil.copy)(one / name, to / "sinks" / name)
        whole = pathlib.Path(scratch) / "whole"
        prepare(to, whole)
        done = run("run", "p.pattern", cwd=whole)
        assert done.returncode == 0, done.stderr
        (to / "expected.txt").write_text(sink_lines(whole, sinks))
    (to / "state.txt").write_text(told(to))
    if program == PATTERNS:
        (to / "key.txt").write_text(told(to, *KEY))
    check(to)


# -- checking ---------------------------------------------------------------------------------------------------------------


def build_libraries(fixture, folder):
    for source in fixture.glob("*.c"):
        subprocess.run([*os.environ.get("CC", "cc").split(), f"-I{SRC}/include", "-std=gnu17", "-O1", "-shared", "-fPIC", "-o",
                        str(folder / f"lib{source.stem}.so"), str(source)], check=True, timeout=LIMIT_S)


def prepare(fixture, folder, parts=("before", "after")):
    """The program and its input, without a savepoint or anything in its sinks."""
    folder.mkdir()
    text = (fixture / "p.pattern").read_text()
    (folder / "p.pattern").write_text(text)
    for path in (fixture / "before").iterdir():
        (folder / path.name).write_bytes(b"".join((fixture / part / path.name).read_bytes() for part in parts))
    for name in re.findall(r"^sink .* to file \(path = '([^']+)/'", text, re.M):
        (folder / name).mkdir()
    build_libraries(fixture, folder)


def is_text(what, got, want):
    if got != want:
        import difflib
        raise AssertionError(what + "\n" + "".join(difflib.unified_diff(want.splitlines(True), got.splitlines(True), "then", "now", n=1)))


def check(fixture):
    is_text(f"{fixture.name}: state show", told(fixture), (fixture / "state.txt").read_text())
    if (fixture / "key.txt").exists():
        is_text(f"{fixture.name}: state show --key", told(fixture, *KEY), (fixture / "key.txt").read_text())
    sinks = [p.name for p in (fixture / "sinks").iterdir()]
    for parallelism in ("1", "2", "3"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "now"
            prepare(fixture, folder)
            shutil.copytree(fixture / "savepoint", folder / "savepoint")
            shutil.copytree(fixture / "sinks", folder, dirs_exist_ok=True)
            done = run("run", "p.pattern", "--restore", "savepoint", "--parallelism", parallelism, cwd=folder)
            assert done.returncode == 0 and "has no place for" not in done.stderr, done.stderr
            is_text(f"{fixture.name}: restored at parallelism {parallelism}", sink_lines(folder, sinks),
                    (fixture / "expected.txt").read_text())


def main():
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2], {"patterns": PATTERNS, "operators": OPERATORS}[sys.argv[3]])
        return
    fixtures = sorted(p for p in GOLDEN.iterdir() if p.is_dir())
    assert fixtures, "there is no fixture"
    for fixture in fixtures:
        check(fixture)
        print(f"{fixture.name}: as it was")


main()
