#!/usr/bin/env python3
"""Rows that come behind the watermark of a join, of `order by` and of its groups, because their source was idle: counted, and in `.late`.

Usage: late_test.py [-k TEXT].
"""
import json
import pathlib
import signal
import subprocess
import sys

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
sink j to file (path = 'j.ndjson') format json;
sink t to file (path = 't.ndjson') format json;
sink j.late to file (path = 'j_late.ndjson') format json;
sink t.late to file (path = 't_late.ndjson') format json;
sink g.late to file (path = 'g_late.ndjson') format json;
sink d.late to file (path = 'd_late.ndjson') format json;
sink read to file (path = 'read.ndjson') format json;
"""


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
        job = subprocess.Popen([CEPD, "run", "w.pattern", "--parallelism", str(parallelism)], cwd=folder, stderr=subprocess.PIPE, text=True)
        # b is idle: a's windows end.
        wait_for(lambda: len(read(folder / "t.ndjson")) == 6, job)
        with open(folder / "b.ndjson", "a") as f:
            f.write(row("x", 7, 5) + row("y", 50, 39))
        wait_for(lambda: all(read(folder / f"{n}_late.ndjson") for n in "jtgd"), job)
        job.send_signal(signal.SIGTERM)
        told = job.communicate(timeout=LIMIT_S)[1]
        assert "4 late" in told, told
        at = "2026-01-01T10:00:05Z"
        assert read(folder / "j_late.ndjson") == [{"k": None, "v": None, "w": 7, "twice": 14}], read(folder / "j_late.ndjson")
        assert read(folder / "read.ndjson") == [{"k": None, "twice": 14}], read(folder / "read.ndjson")
        for n in ("g", "d"):
            assert read(folder / f"{n}_late.ndjson") == [{"k": "x", "v": 7, "at": at}], (n, read(folder / f"{n}_late.ndjson"))
        assert read(folder / "t_late.ndjson") == [{"k": "x", "v": 7}], read(folder / "t_late.ndjson")
        assert not any(r["w"] == 7 for r in read(folder / "j.ndjson"))


run_tests(globals())
