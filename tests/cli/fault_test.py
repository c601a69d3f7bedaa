#!/usr/bin/env python3
"""Disks that fail: writes, syncs, renames, links that answer EIO or ENOSPC while a job runs. The job goes on, or goes back to its
last checkpoint as its restart strategy says; what it committed in the end is what an undisturbed run commits.

Faults come from fault_shim.c, preloaded into cepd. Each test is a function named test_*; it gets a scratch folder.
Usage: fault_test.py [-k TEXT].
"""
import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

CEPD = os.path.abspath(os.environ["CEPD"])
SHIM = pathlib.Path(os.environ["CEP_SRCDIR"]) / "tests" / "cli" / "fault_shim.c"
LIMIT_S = 120

PROGRAM = """stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 1 s;
pattern big from payments partition by card match a -> b
define a as amount > 100, b as amount > a.amount
within 1 h
measures card as card, a.amount as first, b.amount as amount;
alert rising on big severity high message 'card {card}: {first}, {amount}' by card suppress for 1 h;
sink big to file (path = 'big.ndjson') format json;
sink rising to file (path = 'rising', rotate_size = 1) format json;
"""

BOUNDED = PROGRAM.replace(", follow = true", "")


def wait_for(what, job=None, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        got = what()
        if got:
            return got
        assert job is None or job.process.poll() is None, "it ended:\n" + job.said()
        time.sleep(0.01)
    raise AssertionError("it did not happen in time" + (":\n" + job.said() if job else ""))


def rows(first, n):
    """Amounts that rise in waves, so that there are matches; one card after the other."""
    return "".join(
        json.dumps({"card": f"c{i % 7}", "amount": float(90 + (i * 37) % 120),
                    "at": f"2026-01-01T10:{i // 60:02d}:{i % 60:02d}Z"}) + "\n" for i in range(first, first + n))


class Job:
    """A job whose disk fails when `faults` says so."""

    def __init__(self, folder, shim, *args, faults=(), text=PROGRAM):
        (folder / "p.pattern").write_text(text)
        self.folder, self.file = folder, folder / "faults"
        self.fail(*faults)
        # The sanitizers' own libraries need not come first: the shim calls what comes next, theirs.
        sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        env = {**os.environ, "LD_PRELOAD": str(shim), "CEPD_FAULTS": str(self.file), "ASAN_OPTIONS": sanitizer}
        self.log = folder / "log"
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [CEPD, "run", "p.pattern", "--state-dir", "state", "--checkpoint-interval", "20 ms", *args], cwd=folder,
                env=env, stderr=log)

    def fail(self, *faults):
        """From now on; none: nothing fails any more. The file changes at once."""
        if not faults:
            self.file.unlink(missing_ok=True)
            return
        new = self.file.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in faults))
        new.rename(self.file)

    def said(self):
        return self.log.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=LIMIT_S)

    def stop(self, status=143):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=LIMIT_S) == status, self.said()
        return self.said()


def last_checkpoint(folder):
    return max((int(p.parent.name[4:]) for p in (folder / "state" / "checkpoints").glob("chk-*[0-9]/MANIFEST")), default=0)


def next_checkpoints(job, n=2):
    """Until n more are kept."""
    last = last_checkpoint(job.folder)
    wait_for(lambda: last_checkpoint(job.folder) >= last + n, job)


def committed(folder):
    """What sinks hold for good, sorted."""
    files = [folder / "big.ndjson", *sorted((folder / "rising").glob("part-*"))]
    return sorted(line for f in files for line in f.read_text().splitlines())


def append(folder, text):
    with open(folder / "in.ndjson", "a") as f:
        f.write(text)


def undisturbed(folder, n):
    """What a run without faults commits."""
    calm = folder / "calm"
    calm.mkdir()
    append(calm, rows(0, n))
    (calm / "p.pattern").write_text(BOUNDED)
    subprocess.run([CEPD, "run", "p.pattern"], cwd=calm, check=True, timeout=LIMIT_S, stderr=subprocess.DEVNULL)
    return committed(calm)


def ends(folder, shim):
    """Goes on from what is kept, without faults, to the end of the input."""
    with Job(folder, shim, "--restore", "latest", text=BOUNDED) as job:
        assert job.process.wait(timeout=LIMIT_S) == 0, job.said()


# -- restarts ---------------------------------------------------------------------------------------------------------


def test_a_job_goes_back_and_goes_on(folder, shim):
    for parallelism in ("1", "3"):
        here = folder / parallelism
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, "--restart-delay", "10 ms", "--parallelism", parallelism) as job:
            next_checkpoints(job)
            job.fail(f"fsync big.ndjson {errno.EIO} once")
            append(here, rows(200, 200))
            wait_for(lambda: "the job goes back to its last checkpoint in 0.0 s (restart 1)" in job.said(), job)
            append(here, rows(400, 200))
            next_checkpoints(job, 3)
            said = job.stop()
        assert "could not sync" in said and "big.ndjson" in said, said
        assert "all since the last of 1 restart" in said, said
        ends(here, shim)
        assert committed(here) == undisturbed(here, 600)


def test_a_restart_is_shown(folder, shim):
    append(folder, rows(0, 200))
    with Job(folder, shim, "--restart-delay", "300 ms", "--http", "127.0.0.1:0") as job:
        port = wait_for(lambda: re.search(r"REST interface on port (\d+)", job.said()), job).group(1)

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as answer:
                return answer.read().decode()
        next_checkpoints(job)
        jid = json.loads(get("/jobs"))["jobs"][0]["id"]
        job.fail(f"fsync big.ndjson {errno.EIO} once")
        append(folder, rows(200, 200))
        wait_for(lambda: json.loads(get("/jobs"))["jobs"][0]["status"] == "RESTARTING", job)
        wait_for(lambda: json.loads(get("/jobs"))["jobs"][0]["status"] == "RUNNING", job)
        got = json.loads(get(f"/jobs/{jid}/checkpoints"))
        assert got["counts"]["restarts"] == 1 and got["counts"]["restored"] == 1, got
        assert got["latest"]["failed"]["id"] > got["latest"]["restored"]["id"], got
        assert "could not sync" in got["latest"]["failed"]["failure_message"], got
        assert "could not sync" in json.loads(get(f"/jobs/{jid}/exceptions"))["root-exception"]
        metrics = get("/metrics")
        assert re.search(r"^cepd_restarts_total 1(\.0)?$", metrics, re.M), metrics
        assert re.search(r"^cepd_failures_total 1(\.0)?$", metrics, re.M), metrics
        job.stop()


def test_the_strategy_has_the_last_word(folder, shim):
    for args, n in [(["--restart-strategy", "none"], 0),
                    (["--restart-strategy", "fixed-delay", "--restart-attempts", "2", "--restart-delay", "1 ms"], 2),
                    (["--restart-strategy", "failure-rate", "--restart-attempts", "3", "--restart-delay", "1 ms"], 3)]:
        here = folder / args[1]
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, *args) as job:
            next_checkpoints(job)
            job.fail(f"fsync big.ndjson {errno.EIO}")
            append(here, rows(200, 200))
            assert job.process.wait(timeout=LIMIT_S) == 2, job.said()
            said = job.said()
        assert len(re.findall(r"\(restart \d+\)", said)) == n, said
        assert re.search(r'error: .*file "big.ndjson".*: Input/output error', "\n".join(said.splitlines()[-2:])), said
        # What was committed before is still there to go on from.
        ends(here, shim)
        assert committed(here) == undisturbed(here, 400)


def test_a_job_that_waits_for_its_restart_can_be_stopped(folder, shim):
    append(folder, rows(0, 200))
    with Job(folder, shim, "--restart-delay", "1 h", "--restart-max-delay", "2 h") as job:
        next_checkpoints(job)
        job.fail(f"fsync big.ndjson {errno.EIO}")
        append(folder, rows(200, 200))
        wait_for(lambda: "in 3600.0 s (restart 1)" in job.said(), job)
        assert "--restore latest goes on from there" in job.stop()


def main():
    only = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "-k" else ""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as built:
        shim = pathlib.Path(built) / "fault_shim.so"
        subprocess.run([*os.environ.get("CC", "cc").split(), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra",
                        "-Werror", "-o", str(shim), str(SHIM), "-ldl"], check=True, timeout=LIMIT_S)
        for name, test in sorted(globals().items()):
            if not name.startswith("test_") or only not in name:
                continue
            with tempfile.TemporaryDirectory() as tmp:
                try:
                    test(pathlib.Path(tmp), shim)
                    passed += 1
                except Exception:
                    failed += 1
                    print(f"FAILED {name}")
                    traceback.print_exc(limit=-3, file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
