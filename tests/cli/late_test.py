#!/usr/bin/env python3
"""Rows that come behind the watermark of a join, of `order by` and of its groups, because their source was idle: counted, and in `.late`.

Usage: late_test.py [-k TEXT].
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import BASE_S, CEPD, LIMIT_S, run_tests, wait_for  # noqa: E402

PROGRAM = "".join(f"""stream {n} (k string, v int, at timestamp)
from file (path = '{n}.ndjson', follow = true) format json (timestamp_format = 'epoch_ms') event time at watermark delay 1 s idle after 200 ms;
""" for n in "ab") + """stream j as select a.k, a.v, b.v as w, b.v * 2 as twice from a join b on a.k = b.k and a.v < b.v within 5 s;
stream both as select * from a union all select * from b;
stream t as select k, v, window_end as until from both window tumbling 10 s order by v desc, k limit 2;
stream g as select k, count(*) as n from both group by k window tumbling 10 s order by n desc, k limit 2;
stream d as select distinct k, window_end as until from both window tumbling 10 s;
stream read as select k, twice from j.late;
stream h as select n, k from (select k, count(*) as n from both group by k window tumbling 10 s) as counts where n > 0;
stream q as select k, count(*) as n from both group by k window tumbling 10 s order by n limit 1;
stream y as select a.k, count(*) as n from a join b on a.k = b.k and a.v < b.v within 5 s group by a.k window tumbling 10 s;
sink h.late to file (path = 'h_late.ndjson') format json;
sink j to file (path = 'j.ndjson') format json;
sink t to file (path = 't.ndjson') format json;
sink j.late to file (path = 'j_late.ndjson') format json;
sink t.late to file (path = 't_late.ndjson') format json;
sink g.late to file (path = 'g_late.ndjson') format json;
sink d.late to file (path = 'd_late.ndjson') format json;
sink read to file (path = 'read.ndjson') format json;
"""


def late_of(log, operator):
    """What /metrics says of all subtasks."""
    port = re.search(r"port (\d+)", log.read_text()).group(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_S) as answer:
        return sum(float(n) for n in re.findall(rf'cepd_late_total{{[^}}]*operator="{re.escape(operator)}"[^}}]*}} (\S+)', answer.read().decode()))


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_an_idle_source_gives_late(folder):
    for parallelism in (1, 3):
        for p in folder.iterdir():
            p.unlink()
        row = lambda k, v, s: json.dumps({"k": k, "v": v, "at": (BASE_S + s) * 1000}) + "\n"
        (folder / "a.ndjson").write_text("".join(row("x", i, i) for i in range(40)))
        (folder / "b.ndjson").write_text("")
        (folder / "w.pattern").write_text(PROGRAM)
        log = folder / "log"
        job = subprocess.Popen([CEPD, "run", "w.pattern", "--parallelism", str(parallelism), "--http", "127.0.0.1:0"], cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=open(log, "w", encoding="utf-8"))
        # b is idle: a's windows end.
        wait_for(lambda: len(read(folder / "t.ndjson")) == 6, job)
        with open(folder / "b.ndjson", "a") as f:
            f.write(row("x", 7, 5) + row("y", 50, 39))
        wait_for(lambda: all(read(folder / f"{n}_late.ndjson") for n in "jtgdh"), job)
        wait_for(lambda: late_of(log, "$q.1") == 1, job)
        joined = parallelism == 1 or late_of(log, "$y.1") == 1  # between threads it may be there before b's silence is known
        job.send_signal(signal.SIGTERM)
        job.wait(LIMIT_S)
        told = log.read_text()
        assert f"{6 + joined} late" in told and '"$' not in told, told
        assert 'stream "q": 1 late event, dropped: no sink reads them (q.late)' in told, told
        assert 'stream "h": 1 late event (h.late)' in told, told
        assert joined == ('stream "y": 1 late event in its join, dropped (y.late is of what follows; make the join a stream of its own)' in told), told
        at = "2026-01-01T10:00:05Z"
        assert read(folder / "j_late.ndjson") == [{"k": None, "v": None, "w": 7, "twice": 14}], read(folder / "j_late.ndjson")
        assert read(folder / "read.ndjson") == [{"k": None, "twice": 14}], read(folder / "read.ndjson")
        for n in ("g", "d", "h"):
            assert read(folder / f"{n}_late.ndjson") == [{"k": "x", "v": 7, "at": at}], (n, read(folder / f"{n}_late.ndjson"))
        assert read(folder / "t_late.ndjson") == [{"k": "x", "v": 7}], read(folder / "t_late.ndjson")
        assert not any(r["w"] == 7 for r in read(folder / "j.ndjson"))


def test_errors_of_a_statement_are_those_of_all_its_operators(folder):
    """A select in parentheses, groups in order, a join: none of them has a name, and all of their errors are the statement's."""
    source = """stream a (k string, v int, at timestamp)
    from file (path = 'a.ndjson') format json (timestamp_format = 'epoch_ms') event time at watermark delay 1 s;
    """
    text = source + """stream z as select k, q from (select k, 10 / (v - 1) as q from a) as parts where 1 / (q - 5) > -9;
    stream g as select k, sum(10 / (v - 1)) as s from a group by k window tumbling 10 s order by 1 / (count(*) - 2) limit 3;
    stream j as select l.k, count(*) as n from a as l join a as r on l.k = r.k and 10 / (l.v - r.v) > 0 within 1 s group by l.k window tumbling 10 s;
    stream n as select k, 1 / v as one from a;
    sink z.errors to file (path = 'z.ndjson') format json;
    sink g.errors to file (path = 'g.ndjson') format json;
    sink j.errors to file (path = 'j.ndjson') format json;
    sink n.errors to file (path = 'n.ndjson') format json;
    """
    (folder / "a.ndjson").write_text("".join(json.dumps({"k": "x", "v": v, "at": (BASE_S + 3 * v) * 1000}) + "\n" for v in range(5)))
    (folder / "w.pattern").write_text(text)
    for parallelism in (1, 3):
        for name in "zgjn":
            (folder / f"{name}.ndjson").unlink(missing_ok=True)
        said = subprocess.run([CEPD, "run", "w.pattern", "--parallelism", str(parallelism)], cwd=folder, capture_output=True, text=True,
                              timeout=LIMIT_S, check=True).stderr
        # v = 1: no q. v = 3: q is 5. The sum of v = 1. Each row with itself.
        assert {n: len(read(folder / f"{n}.ndjson")) for n in "zgjn"} == {"z": 2, "g": 1, "j": 5, "n": 1}, said
        assert '"$' not in said and "dropped" not in said, said
    (folder / "t.pattern").write_text(source + """stream z as select k, q from (select k, 10 / (v - 1) as q from a) as parts where 1 / (q - 5) > -9;
    test 'errors' given a ('x', 1, '2026-01-01 10:00:00'), ('x', 3, '2026-01-01 10:00:00') expect no z expect z.errors (), ();
    test 'one too many' given a ('x', 1, '2026-01-01 10:00:00') expect z.errors (), ();""")
    said = subprocess.run([CEPD, "test", "t.pattern"], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert said.returncode == 1 and "z.errors: expected 2 rows, got 1" in said.stdout and "1 passed, 1 failed" in said.stdout, said.stdout + said.stderr


run_tests(globals())
