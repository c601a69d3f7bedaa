#!/usr/bin/env python3
"""Savepoints on demand: `cepd savepoint`, `cepd stop`, their REST calls, and `--restore PATH` of what they made.

Each test is a function named test_*; it gets a scratch folder. Usage: savepoint_test.py [-k TEXT].
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests, wait_for  # noqa: E402

PROGRAM = """stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 2 s;
pattern rise from payments partition by card match a -> b -> c
define a as amount > 100, b as amount > a.amount, c as amount > b.amount
within 1 min after match skip past last event
measures card as card, a.amount as first, c.amount as last;
pattern small from payments partition by card match a -> !b -> c
define a as amount < 10, b as amount > 150, c as amount > 20 within 20 s
measures card as card, a.amount as amount;
alert rising on rise severity high message 'card {card}: {first}, {last}' by card suppress for 30 s;
sink rise to file (path = 'rise.ndjson') format json;
sink small to file (path = 'small.ndjson') format json;
sink rising to file (path = 'rising.ndjson') format json;
"""
SINKS = ("rise.ndjson", "small.ndjson", "rising.ndjson")


def row(amount, second, card="c1"):
    return json.dumps({"card": card, "amount": amount,
                       "at": f"2026-01-01T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"}) + "\n"


def rows(first, last):
    """Rows of every second, of 23 cards, out of order within the delay of the watermark."""
    out = []
    for i in range(first, last):
        second = i // 4 + (1 if i % 7 == 0 else 0)
        out.append(row((i * 7919) % 211, second, f"c{i * 31 % 23}"))
    return out


def append(folder, lines):
    with open(folder / "in.ndjson", "a") as f:
        f.writelines(lines)


def content(folder, names=SINKS):
    return {n: sorted((folder / n).read_text().splitlines()) if (folder / n).exists() else [] for n in names}


class Job:
    """A job with a REST interface; killed at the end of the block if it still runs."""

    def __init__(self, folder, *args, text=PROGRAM):
        self.folder = folder
        if text:
            (folder / "p.pattern").write_text(text)
        self.log = open(folder / f"log-{time.monotonic_ns()}", "w+")
        self.process = subprocess.Popen([CEPD, "run", "p.pattern", "--http", "127.0.0.1:0", *args], cwd=folder,
                                        stderr=self.log)

    def __enter__(self):
        found = wait_for(lambda: re.search(r"job ([0-9a-f]{32}), REST interface on port (\d+)", self.said())
                         or self.process.poll() is not None)
        assert found is not True, self.said()
        self.id, self.url = found.group(1), f"http://127.0.0.1:{found.group(2)}"
        wait_for(lambda: self.call("GET", "/jobs")[1]["jobs"][0]["status"] == "RUNNING")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=LIMIT_S)
        self.log.close()

    def said(self):
        return pathlib.Path(self.log.name).read_text()

    def call(self, method, path, body=None):
        """Returns: status and what the answer says."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def read(self, n):
        """Waits until so many rows were read."""
        wait_for(lambda: self.call("GET", f"/jobs/{self.id}")[1].get("totals", {}).get("events", 0) >= n, self)

    def cepd(self, *args, status=0):
        done = subprocess.run([CEPD, *args, "--coordinator", self.url], cwd=self.folder, capture_output=True, text=True,
                              timeout=LIMIT_S)
        assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def stop(self, *args):
        """`cepd stop`. Returns: the savepoint's path."""
        path = self.cepd("stop", "p", *args).stdout.strip()
        assert self.process.wait(timeout=LIMIT_S) == 0, self.said()
        return path


def undisturbed(folder, n):
    """What one run over the first n rows gives, up to its end but for the watermark at the end of time."""
    alone = folder / "alone"
    alone.mkdir()
    append(alone, rows(0, n))
    with Job(alone) as job:
        job.read(n)
        job.cepd("stop", "p", "sp")
        job.process.wait(timeout=LIMIT_S)
    return content(alone)


# -- a savepoint of a job that goes on -------------------------------------------------------------------------------


def test_a_savepoint_is_a_folder_of_its_own_and_the_job_goes_on(folder):
    append(folder, rows(0, 800))
    with Job(folder) as job:
        job.read(800)
        path = pathlib.Path(job.cepd("savepoint", "p", "sp").stdout.strip())
        assert path.parent == folder / "sp" and re.fullmatch(rf"savepoint-{job.id[:6]}-\d{{8}}T\d{{6}}Z", path.name), path
        assert (path / "MANIFEST").exists() and sorted(path.glob("part-*"))
        again = json.loads(job.cepd("savepoint", job.id, "sp", "--json").stdout)["location"]
        assert again != str(path) and os.path.exists(again)
        append(folder, rows(800, 1200))
        job.read(1200)
        assert "savepoint" in job.said() and str(path) in job.said()
        job.process.send_signal(signal.SIGTERM)
        assert job.process.wait(timeout=LIMIT_S) == 143
    shutil.rmtree(folder / "sp" / path.name)


def test_a_job_restored_from_a_savepoint_gives_what_the_first_gave_behind_it(folder):
    append(folder, rows(0, 1000))
    with Job(folder) as job:
        job.read(1000)
        path = job.cepd("savepoint", "p", "sp").stdout.strip()
        append(folder, rows(1000, 2000))
        job.read(2000)
        job.stop("end")
    first = content(folder)
    assert first["rise.ndjson"] and first["small.ndjson"] and first["rising.ndjson"]
    with Job(folder, "--restore", path, "--parallelism", "3") as job:
        job.read(1000)
        job.stop("end")
        assert "was cut back" in job.said(), "its sinks are what they were at the savepoint"
    assert content(folder) == first == undisturbed(folder, 2000)


# -- stop, and go on ------------------------------------------------------------------------------------------------------


def stop_and_go_on(folder, args):
    steps = [(0, 700, "1"), (700, 1300, "4"), (1300, 1301, "2"), (1301, 2200, "1"), (2200, 2600, "3")]
    path = None
    for first, last, parallelism in steps:
        append(folder, rows(first, last))
        restore = ["--restore", path] if path else []
        with Job(folder, "--parallelism", parallelism, *args(first), *restore) as job:
            job.read(last - first)
            path = job.stop("sp")
            assert "stopped with a savepoint" in job.said() and f"--restore {path}" in job.said(), job.said()
    assert content(folder) == undisturbed(folder, 2600)


def test_stops_and_restores_at_any_parallelism_change_nothing(folder):
    stop_and_go_on(folder, lambda first: [])


def test_so_it_is_with_checkpoints_too(folder):
    stop_and_go_on(folder, lambda first: ["--state-dir", f"state-{first}", "--checkpoint-interval", "30 ms"])


def test_and_with_another_backend_each_time(folder):
    stop_and_go_on(folder, lambda first: ["--state-dir", f"state-{first}", "--checkpoint-interval", "30 ms", "--state-backend",
                                          "memory" if first in (700, 1301) else "rocksdb", "--state-memory", "16m"])


def test_part_files_are_committed_by_a_stop(folder):
    text = PROGRAM.replace("'rise.ndjson'", "'rise/'")
    (folder / "rise").mkdir()
    append(folder, rows(0, 900))
    with Job(folder, "--state-dir", "state", text=text) as job:
        job.read(900)
        path = job.stop("sp")
    append(folder, rows(900, 1500))
    with Job(folder, "--state-dir", "other", "--restore", path, "--parallelism", "2", text=text) as job:
        job.read(600)
        job.stop("sp")
    lines = [line for p in (folder / "rise").glob("part-*") for line in p.read_text().splitlines()]
    assert not list((folder / "rise").glob(".part-*")) and sorted(lines) == undisturbed(folder, 1500)["rise.ndjson"]


def test_a_stop_reads_nothing_behind_its_savepoint(folder):
    append(folder, rows(0, 20000))
    with Job(folder, "--batch-size", "16") as job:
        path = job.stop("sp")
    with Job(folder, "--restore", path) as job:
        job.read(0)
        job.cepd("cancel", "p")
        job.process.wait(timeout=LIMIT_S)


# -- what goes wrong --------------------------------------------------------------------------------------------------------


def test_a_savepoint_that_fails_says_why_and_the_job_goes_on(folder):
    append(folder, rows(0, 400))
    (folder / "file").write_text("in the way")
    with Job(folder) as job:
        job.read(400)
        for command in ("savepoint", "stop"):
            said = job.cepd(command, "p", "file/sp", status=2).stderr
            assert "could not make folder" in said and "file" in said, said
        append(folder, rows(400, 800))
        job.read(800)
        assert job.said().count("the job goes on") == 2 and job.process.poll() is None, job.said()
        job.stop("sp")
    assert content(folder) == undisturbed(folder, 800)


def test_a_savepoint_wants_a_folder(folder):
    append(folder, rows(0, 10))
    with Job(folder) as job:
        said = job.cepd("savepoint", "p", status=1).stderr
        assert "no folder to go to" in said, said
        assert 'no job "q"' in job.cepd("savepoint", "q", "sp", status=1).stderr
        assert 'no job "q"' in job.cepd("stop", "q", "sp", status=1).stderr
    with Job(folder, "--savepoint-dir", "there") as job:
        path = job.cepd("stop", "p").stdout.strip()
        assert os.path.dirname(path) == str(folder / "there") and os.path.exists(path + "/MANIFEST")
    assert "could not reach" in job.cepd("savepoint", "p", "sp", status=2).stderr


def test_the_rest_calls_have_flinks_shape(folder):
    append(folder, rows(0, 100))
    with Job(folder) as job:
        base = f"/jobs/{job.id}"
        job.read(100)
        status, answer = job.call("POST", base + "/savepoints", {"target-directory": str(folder / "sp"), "cancel-job": False})
        assert status == 202 and re.fullmatch("[0-9a-f]{32}", answer["request-id"]), answer
        at = f"{base}/savepoints/{answer['request-id']}"
        wait_for(lambda: job.call("GET", at)[1]["status"]["id"] == "COMPLETED")
        location = job.call("GET", at)[1]["operation"]["location"]
        assert os.path.exists(location + "/MANIFEST") and location.startswith(str(folder / "sp"))
        status, answer = job.call("POST", base + "/savepoints", {"target-directory": "/dev/null/sp"})
        at = f"{base}/savepoints/{answer['request-id']}"
        wait_for(lambda: job.call("GET", at)[1]["status"]["id"] == "COMPLETED")
        cause = job.call("GET", at)[1]["operation"]["failure-cause"]
        assert "/dev/null" in cause["stack-trace"] and cause["class"], cause
        assert job.call("POST", base + "/stop", {"targetDirectory": "x", "drain": True})[0] == 501
        assert job.call("POST", base + "/savepoints", {})[0] == 400
        assert job.call("GET", base + "/savepoints/x") == (404, {"errors": ['there is no savepoint "x"']})
        status, answer = job.call("POST", base + "/stop", {"targetDirectory": "relative"})
        at = f"{base}/savepoints/{answer['request-id']}"
        wait_for(lambda: job.call("GET", at)[1]["status"]["id"] == "COMPLETED")
        assert job.process.wait(timeout=LIMIT_S) == 0
    assert list((folder / "relative").glob("savepoint-*/MANIFEST"))


def test_a_damaged_savepoint_is_named_with_the_file(folder):
    append(folder, rows(0, 400))
    with Job(folder) as job:
        job.read(400)
        path = pathlib.Path(job.stop("sp"))
    moved = folder / "elsewhere" / "mine"
    moved.parent.mkdir()
    path.rename(moved)
    part = sorted(moved.glob("part-*"))[0]
    good = part.read_bytes()
    for bad in (good[:-1], good[:-1] + bytes([good[-1] ^ 1]), b""):
        part.write_bytes(bad)
        done = subprocess.run([CEPD, "run", "p.pattern", "--restore", str(moved)], cwd=folder, capture_output=True, text=True,
                              timeout=LIMIT_S)
        assert done.returncode == 2 and f'file "{part}" is damaged' in done.stderr, done.stderr
    part.unlink()
    done = subprocess.run([CEPD, "run", "p.pattern", "--restore", str(moved)], cwd=folder, capture_output=True, text=True,
                          timeout=LIMIT_S)
    assert done.returncode == 2 and f'file "{part}" is missing' in done.stderr, done.stderr
    part.write_bytes(good)
    append(folder, rows(400, 800))
    with Job(folder, "--restore", str(moved)) as job:
        job.read(400)
        assert 'goes on from savepoint of ' in job.said(), job.said()
        job.stop("sp")
    assert content(folder) == undisturbed(folder, 800)


def test_a_savepoint_goes_into_an_edited_file(folder):
    append(folder, [row(200, 1), row(300, 2), row(5, 3, "c2"), row(0, 6)])
    with Job(folder) as job:
        job.read(4)
        path = job.stop("sp")
    edited = PROGRAM.replace("measures card as card, a.amount as first", "measures card as card, b.amount as second").replace(
        "{first}", "{second}").replace("'rise.ndjson'", "'rise2.ndjson'") + """
pattern large from payments partition by card match a define a as amount > 300 measures a.amount as amount;
sink large to file (path = 'large.ndjson') format json;"""
    append(folder, [row(400, 7), row(0, 40)])
    with Job(folder, "--restore", path, "--parallelism", "2", text=edited) as job:
        job.read(2)
        job.stop("sp")
    assert [json.loads(m)["second"] for m in content(folder, ["rise2.ndjson"])["rise2.ndjson"]] == [300.0]
    assert len(content(folder, ["large.ndjson"])["large.ndjson"]) == 1
    (folder / "p.pattern").write_text(PROGRAM.replace("c as amount > b.amount", "c as amount > 1000"))
    done = subprocess.run([CEPD, "run", "p.pattern", "--restore", path], cwd=folder, capture_output=True, text=True,
                          timeout=LIMIT_S)
    assert done.returncode == 2 and '"rise": has no place for 1 partial matches at "wait c"' in done.stderr, done.stderr
    without = re.sub(r"pattern small .*?;\n", "", PROGRAM, flags=re.S).replace(
        "sink small to file (path = 'small.ndjson') format json;\n", "")
    (folder / "p.pattern").write_text(without)
    done = subprocess.run([CEPD, "run", "p.pattern", "--restore", path], cwd=folder, capture_output=True, text=True,
                          timeout=LIMIT_S)
    assert done.returncode == 2 and '"small": has no place for' in done.stderr, done.stderr
    with Job(folder, "--restore", path, "--allow-dropped-state", text=without) as job:
        job.read(2)


def test_a_restore_that_is_refused_leaves_what_was_written(folder):
    """Files are cut back, and part files committed, when it is certain that the job goes on from there, and not before."""
    text = PROGRAM + "sink rise to file (path = 'parts/') format json as all_rises;\n"
    outputs = lambda: {p: p.read_bytes() for p in [folder / n for n in SINKS] + sorted((folder / "parts").iterdir())}
    (folder / "parts").mkdir()
    append(folder, rows(0, 300))
    with Job(folder, "--state-dir", "state", text=text) as job:
        job.read(300)
        path = job.cepd("savepoint", "p", "sp").stdout.strip()
        append(folder, rows(300, 600))
        job.read(600)
        job.stop("sp")
    before = outputs()
    assert len(before) > len(SINKS)
    for edited, args, what in [
            (text.replace("c as amount > b.amount", "c as amount > 1000"), [], "fits nothing in this file"),
            (text.replace("c as amount > b.amount", "c as amount > 1000"), ["--state-backend", "rocksdb", "--parallelism", "3"],
             "fits nothing in this file"),
            (text.replace("stream payments", "stream others").replace("from payments", "from others"), [], "fits nothing in this file"),
            (text.replace("'in.ndjson', follow = true", "'in.ndjson'").replace("delay 2 s;", "delay 2 s;\nstream x (a int, at timestamp) from "
             "file (path = 'nowhere') format json event time at watermark ascending;\nsink x to stdout format json;"), [], "nowhere")]:
        (folder / "p.pattern").write_text(edited)
        done = subprocess.run([CEPD, "run", "p.pattern", "--restore", path, *args], cwd=folder, capture_output=True, text=True,
                              timeout=LIMIT_S)
        assert done.returncode == 2 and what in done.stderr, done.stderr
        assert outputs() == before, edited
    with Job(folder, "--restore", path, text=text) as job:
        job.read(300)
        job.stop("sp")
    assert outputs()[folder / "rise.ndjson"] == before[folder / "rise.ndjson"]


run_tests(globals())
