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
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests, wait_for  # noqa: E402

SHIM = pathlib.Path(os.environ["CEP_SRCDIR"]) / "tests" / "cli" / "fault_shim.c"

PROGRAM = """stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 1 s;
pattern big from payments partition by card match a -> b
define a as amount > 100, b as amount > a.amount
within 1 h
measures card as card, a.amount as first, b.amount as amount;
alert rising on big severity high message 'card {card}: {first}, {amount}' by card suppress for 1 min;
sink big to file (path = 'big.ndjson') format json;
sink rising to file (path = 'rising/') format json;
"""

BOUNDED = PROGRAM.replace(", follow = true", "")


def rows(first, n):
    """Amounts that rise in waves, so that there are matches; one card after the other."""
    return "".join(
        json.dumps({"card": f"c{i % 7}", "amount": float(90 + (i * 37) % 120),
                    "at": f"2026-01-01T10:{i // 60:02d}:{i % 60:02d}Z"}) + "\n" for i in range(first, first + n))


class Job:
    """A job whose disk fails when `faults` says so."""

    def __init__(self, folder, shim, *args, faults=(), text=PROGRAM, log=None, file=None):
        (folder / "p.pattern").write_text(text)
        (folder / "rising").mkdir(exist_ok=True)
        self.folder, self.file = folder, file or folder / "faults"
        self.fail(*faults)
        # The sanitizers' own libraries need not come first: the shim calls what comes next, theirs.
        sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        env = {**os.environ, "LD_PRELOAD": str(shim), "CEPD_FAULTS": str(self.file), "ASAN_OPTIONS": sanitizer}
        self.log = log or folder / "log"
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

    def rest(self, path):
        """What the REST interface says."""
        port = wait_for(lambda: re.search(r"REST interface on port (\d+)", self.said()), self).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as answer:
            text = answer.read().decode()
        return text if path == "/metrics" else json.loads(text)

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
    """What sinks hold for good, sorted; but for ids, which tell versions of the program apart."""
    parts = sorted((folder / "rising").glob("part-*"))
    assert parts, "there are alerts"
    lines = [json.loads(line) for f in [folder / "big.ndjson", *parts] for line in f.read_text().splitlines()]
    ids = [line.pop("id") for line in lines if "id" in line]
    assert len(ids) == len(set(ids))
    return sorted(json.dumps(line) for line in lines)


def append(folder, text):
    with open(folder / "in.ndjson", "a") as f:
        f.write(text)


def undisturbed(folder, n):
    """What a run without faults commits."""
    calm = folder / "calm"
    calm.mkdir()
    append(calm, rows(0, n))
    (calm / "rising").mkdir()
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
    with Job(folder, shim, "--restart-delay", "3 s", "--http", "127.0.0.1:0") as job:
        next_checkpoints(job)
        jid = job.rest("/jobs")["jobs"][0]["id"]
        job.fail(f"fsync big.ndjson {errno.EIO} once")
        append(folder, rows(200, 200))
        wait_for(lambda: job.rest("/jobs")["jobs"][0]["status"] == "RESTARTING", job)
        wait_for(lambda: job.rest("/jobs")["jobs"][0]["status"] == "RUNNING", job)
        got = job.rest(f"/jobs/{jid}/checkpoints")
        assert got["counts"]["restarts"] == 1 and got["counts"]["restored"] == 1, got
        assert got["latest"]["failed"]["id"] > got["latest"]["restored"]["id"], got
        assert "could not sync" in got["latest"]["failed"]["failure_message"], got
        assert "could not sync" in job.rest(f"/jobs/{jid}/exceptions")["root-exception"]
        metrics = job.rest("/metrics")
        assert re.search(r"^cepd_restarts_total 1(\.0)?$", metrics, re.M), metrics
        assert re.search(r"^cepd_failures_total 1(\.0)?$", metrics, re.M), metrics
        job.stop()


def test_the_strategy_has_the_last_word(folder, shim):
    for args, n, why in [(["--restart-strategy", "none"], 0, "restart.strategy is none"),
                         (["--restart-strategy", "fixed-delay", "--restart-attempts", "2", "--restart-delay", "1 ms"], 2,
                          "restart.strategy fixed-delay allows 2 in all (restart.attempts)"),
                         (["--restart-strategy", "failure-rate", "--restart-attempts", "3", "--restart-delay", "1 ms"], 3,
                          "restart.strategy failure-rate allows 3 failures in 60.0 s (restart.attempts, restart.interval)")]:
        here = folder / args[1]
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, *args) as job:
            next_checkpoints(job)
            job.fail(f"fsync big.ndjson {errno.EIO}")
            append(here, rows(200, 200))
            assert job.process.wait(timeout=LIMIT_S) == 2, job.said()
            said = job.said()
        assert len(re.findall(r"\(restart \d+\)", said)) == n and f"no restart: {why}" in said, said
        assert re.search(r'error: .*file "big.ndjson".*: Input/output error', "\n".join(said.splitlines()[-2:])), said
        assert f"checkpoint {last_checkpoint(here)} is the newest: the same command with --restore latest goes on from it" in said, said
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


# -- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_checkpoint_that_cannot_be_kept_is_dropped(folder, shim):
    """Whatever fails of it: it is said and counted, the job goes on, and the one before it is there to go back to."""
    for i, (call, path, number) in enumerate([("write", "/chk-", errno.ENOSPC), ("fsync", "/chk-", errno.EIO),
                                              ("open", "/chk-", errno.ENOSPC), ("mkdir", "/chk-", errno.EDQUOT),
                                              ("rename", "/chk-", errno.EIO), ("rename", "MANIFEST", errno.EIO)]):
        here = folder / str(i)
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, "--parallelism", str(1 + i % 3), "--http", "127.0.0.1:0") as job:
            next_checkpoints(job)
            job.fail(f"{call} {path} {number}")
            append(here, rows(200, 200))
            wait_for(lambda: job.said().count("the job goes on without it") >= 2, job)
            said = job.said()
            what = re.search(r'error: checkpoint \d+: could not (.*) "(.*)": ' + re.escape(os.strerror(number)), said)
            assert what and "checkpoints/chk-" in what.group(2), said
            assert number != errno.ENOSPC or "free" in said or "make room" in said, said
            failed = job.rest(f"/jobs/{job.rest('/jobs')['jobs'][0]['id']}/checkpoints")
            assert failed["counts"]["failed"] >= 2 and failed["counts"]["restarts"] == 0, failed
            assert failed["latest"]["completed"]["id"] < failed["latest"]["failed"]["id"], failed
            if i % 2 == 0:
                job.process.send_signal(signal.SIGKILL)
                job.process.wait(timeout=LIMIT_S)
            else:
                job.fail()
                next_checkpoints(job)
                job.stop()
        append(here, rows(400, 200))
        ends(here, shim)
        assert committed(here) == undisturbed(here, 600), (call, path)


def test_a_savepoint_that_cannot_be_kept_leaves_the_job_running(folder, shim):
    """Neither it nor a stop: nothing of it stays, checkpoints go on, and when the disk is well again the stop goes through."""
    for i, (call, path, number) in enumerate([("write", "/savepoint-", errno.ENOSPC), ("fsync", "/savepoint-", errno.EIO),
                                              ("mkdir", "/savepoint-", errno.EDQUOT), ("rename", "/savepoint-", errno.EIO)]):
        here = folder / str(i)
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, "--parallelism", str(1 + i % 3), "--http", "127.0.0.1:0") as job:
            next_checkpoints(job)
            port = re.search(r"REST interface on port (\d+)", job.said()).group(1)
            ask = lambda command: subprocess.run(
                [CEPD, command, "p", "sp", "--coordinator", f"http://127.0.0.1:{port}"], cwd=here, capture_output=True,
                text=True, timeout=LIMIT_S)
            job.fail(f"{call} {path} {number}")
            for command in ("savepoint", "stop"):
                done = ask(command)
                assert done.returncode == 2 and os.strerror(number) in done.stderr and "sp/savepoint-" in done.stderr, done
            assert job.said().count("; the job goes on") >= 2, job.said()
            append(here, rows(200, 200))
            next_checkpoints(job)
            job.fail()
            done = ask("stop")
            assert done.returncode == 0 and job.process.wait(timeout=LIMIT_S) == 0, (done, job.said())
            assert [str(p) for p in (here / "sp").iterdir()] == [done.stdout.strip()], "what failed is gone"
        append(here, rows(400, 200))
        (here / "state").rename(here / "old")
        with Job(here, shim, "--restore", done.stdout.strip(), text=BOUNDED) as job:
            assert job.process.wait(timeout=LIMIT_S) == 0, job.said()
        assert committed(here) == undisturbed(here, 600), (call, path)


def test_a_checkpoint_that_cannot_be_read_is_not_passed_over(folder, shim):
    """It may be as good as new, and part files hold what it covers: a restart tries again, a start says how to go on without it."""
    append(folder, rows(0, 200))
    with Job(folder, shim, "--restart-delay", "10 ms") as job:
        next_checkpoints(job)
        append(folder, rows(200, 100))
        next_checkpoints(job)
        # The disk fails a sink, and then whoever reads the checkpoint to go back to.
        job.fail(f"fsync big.ndjson {errno.EIO}", f"open /MANIFEST {errno.EIO}")
        append(folder, rows(300, 100))
        wait_for(lambda: job.said().count("/MANIFEST\": Input/output error; the job goes back") >= 2, job)
        job.fail()
        next_checkpoints(job, 3)
        assert "not used" not in job.said(), job.said()
        job.process.send_signal(signal.SIGKILL)
        job.process.wait(timeout=LIMIT_S)
    last = last_checkpoint(folder)
    with Job(folder, shim, "--restore", "latest", faults=[f"open chk-{last}/part- {errno.EIO}"], text=BOUNDED) as job:
        assert job.process.wait(timeout=LIMIT_S) == 2, job.said()
    said = job.said()
    assert f'error: checkpoint {last}: could not read' in said and "--restore FOLDER goes on from an older one" in said, said
    ends(folder, shim)
    assert committed(folder) == undisturbed(folder, 400)


def test_an_older_checkpoint_may_be_chosen(folder, shim):
    append(folder, rows(0, 200))
    with Job(folder, shim) as job:
        next_checkpoints(job)
        append(folder, rows(200, 200))
        next_checkpoints(job, 3)
        job.process.send_signal(signal.SIGKILL)
        job.process.wait(timeout=LIMIT_S)
    older = f"state/checkpoints/chk-{last_checkpoint(folder) - 1}"
    with Job(folder, shim, "--restore", older, text=BOUNDED) as job:
        assert job.process.wait(timeout=LIMIT_S) == 0, job.said()
    # What has its name keeps it (doc/connectors.md): of alerts some may have come again. The one file is cut back.
    got, want = committed(folder), undisturbed(folder, 400)
    assert sorted(set(got)) == want and [line for line in got if "alert" not in line] == [
        line for line in want if "alert" not in line]


# -- sinks ------------------------------------------------------------------------------------------------------------


def test_a_sink_that_fails_takes_the_job_back(folder, shim):
    """As often as it takes; then every row is in its files once."""
    for i, (call, path, number) in enumerate([("write", "big.ndjson", errno.ENOSPC), ("fsync", "big.ndjson", errno.EIO),
                                              ("rename", "rising/part-", errno.EIO), ("fsync", "rising/", errno.EIO)]):
        here = folder / str(i)
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, "--parallelism", str(1 + i % 3), "--restart-delay", "5 ms", "--restart-factor", "1") as job:
            next_checkpoints(job)
            job.fail(f"{call} {path} {number}")
            append(here, rows(200, 200))
            wait_for(lambda: "(restart 2)" in job.said(), job)
            assert re.search(r"could not .*" + re.escape(path.split("/")[0]) + ".*" + re.escape(os.strerror(number)),
                             job.said()), job.said()
            job.fail()
            append(here, rows(400, 200))
            next_checkpoints(job, 3)
            job.stop()
        ends(here, shim)
        assert committed(here) == undisturbed(here, 600), (call, path)


# -- sources ----------------------------------------------------------------------------------------------------------


def test_an_input_that_cannot_be_read_is_not_passed_over(folder, shim):
    """What the disk does not give out is read again when it does; without a restart the job fails."""
    append(folder, rows(0, 200))
    with Job(folder, shim, "--restart-delay", "5 ms", "--restart-factor", "1") as job:
        next_checkpoints(job)
        job.fail(f"read in.ndjson {errno.EIO}")
        append(folder, rows(200, 200))
        wait_for(lambda: "(restart 2)" in job.said(), job)
        assert 'stream "payments": could not read file "in.ndjson": Input/output error' in job.said(), job.said()
        job.fail()
        next_checkpoints(job, 3)
        job.stop()
    ends(folder, shim)
    assert committed(folder) == undisturbed(folder, 400)
    with Job(folder, shim, "--fresh", "--restart-strategy", "none", faults=[f"read in.ndjson {errno.EIO}"], text=BOUNDED) as job:
        assert job.process.wait(timeout=LIMIT_S) == 2, job.said()


# -- the database under memory ------------------------------------------------------------------------------------------

# No key stays in memory, and no event that waits.
ROCKSDB = ("--state-backend", "rocksdb", "--state-memory", "1k")


def test_a_database_that_cannot_be_opened_ends_the_start(folder, shim):
    append(folder, rows(0, 200))
    with Job(folder, shim, *ROCKSDB, faults=[f"open state/db/task-0/ {errno.EACCES}"]) as job:
        assert job.process.wait(timeout=LIMIT_S) == 2, job.said()
    assert re.search(r'error: .*could not open state in "state/db/task-0": .*Permission denied', job.said()), job.said()
    with Job(folder, shim, *ROCKSDB, "--fresh", text=BOUNDED) as job:
        assert job.process.wait(timeout=LIMIT_S) == 0, job.said()
    assert committed(folder) == undisturbed(folder, 200)


def test_a_restart_tries_again_to_open_its_database(folder, shim):
    """A sink's failure takes the job back; then the database cannot be made of the checkpoint's files, by link or by opening them."""
    for i, (call, what) in enumerate([("link", "could not link"), ("open", "could not")]):
        here = folder / str(i)
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, *ROCKSDB, "--restart-delay", "10 ms", "--restart-factor", "1") as job:
            next_checkpoints(job)
            append(here, rows(200, 100))
            next_checkpoints(job)
            job.fail(f"fsync big.ndjson {errno.EIO}", f"{call} state/db/task-0/ {errno.EIO}")
            append(here, rows(300, 100))
            wait_for(lambda: re.search(what + r".*state/db/task-0.*restart [2-9]", job.said()), job)
            job.fail()
            append(here, rows(400, 100))
            next_checkpoints(job, 3)
            job.stop()
        ends(here, shim)
        assert committed(here) == undisturbed(here, 500), call


def test_a_database_that_cannot_be_written_or_copied(folder, shim):
    """Table files that cannot be written, a copy that cannot be linked: a checkpoint fails or the job goes back, and nothing is lost."""
    for i, (call, path, number) in enumerate([("write", ".sst", errno.ENOSPC), ("fsync", ".sst", errno.EIO), ("link", ".at-", errno.EIO),
                                              ("link", "/shared/", errno.EIO), ("mkdir", ".at-", errno.ENOSPC)]):
        here = folder / str(i)
        here.mkdir()
        append(here, rows(0, 200))
        with Job(here, shim, *ROCKSDB, "--restart-delay", "10 ms", "--restart-factor", "1") as job:
            next_checkpoints(job)
            job.fail(f"{call} {path} {number}")
            append(here, rows(200, 200))
            wait_for(lambda: re.search(r"the job goes (on without it|back to its last checkpoint)", job.said()), job)
            job.fail()
            append(here, rows(400, 200))
            next_checkpoints(job, 3)
            job.stop()
        ends(here, shim)
        assert committed(here) == undisturbed(here, 600), (call, path)


# -- anything, anywhere ---------------------------------------------------------------------------------------------------


def test_single_faults_at_any_place_change_nothing(folder, shim):
    """The same faults in each run of the suite; CEP_FAULT_SEED says which others."""
    seed = int(os.environ.get("CEP_FAULT_SEED", "20261128"))
    rng = random.Random(seed)
    for mode in ("aligned", "unaligned"):
        here = folder / mode
        here.mkdir()
        append(here, rows(0, 100))
        with Job(here, shim, "--parallelism", str(1 + rng.randrange(3)), "--checkpoint-mode", mode, "--restart-delay", "1 ms",
                 "--restart-factor", "1") as job:
            next_checkpoints(job)
            for n in range(100, 600, 50):
                call, path = rng.choice([("write", "chk-"), ("write", ".ndjson"), ("write", "rising"), ("fsync", "chk-"),
                                         ("fsync", "big"), ("fsync", "rising"), ("rename", "chk-"), ("rename", "rising"),
                                         ("open", "chk-"), ("mkdir", "chk-"), ("fsync", "checkpoints")])
                job.fail(f"{call} {path} {rng.choice([errno.EIO, errno.ENOSPC])} once")
                append(here, rows(n, 50))
                time.sleep(0.1 * rng.random())
            job.fail()
            next_checkpoints(job, 3)
            job.stop()
        ends(here, shim)
        assert committed(here) == undisturbed(here, 600), f"seed {seed}, {mode}:\n{job.said()}"


# -- a disk that is really full ---------------------------------------------------------------------------------------------


class SmallDisk:
    """A folder on a file system of four megabytes; where none can be mounted, one whose writes answer as a full disk does."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=20k", "none", str(folder)], capture_output=True,
                              timeout=LIMIT_S)
        self.mounted = done.returncode == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True, timeout=LIMIT_S)

    def fill(self, job):
        if not self.mounted:
            job.fail(f"write {self.folder.name}/ {errno.ENOSPC}")
            return
        with open(self.folder / "ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError as e:
                assert e.errno == errno.ENOSPC

    def free(self, job):
        job.fail()
        if self.mounted:
            (self.folder / "ballast").unlink()


def a_full_disk(folder, shim, *backend):
    """State and sinks are on it: checkpoints fail, sinks fail, the job goes back and back until there is room again."""
    with SmallDisk(folder / "small") as disk:
        here = disk.folder
        append(folder, rows(0, 200))
        text = PROGRAM.replace("'in.ndjson'", "'../in.ndjson'")
        with Job(here, shim, *backend, "--restart-delay", "20 ms", "--restart-factor", "1", text=text, log=folder / "log",
                 file=folder / "faults") as job:
            next_checkpoints(job)
            disk.fill(job)
            append(folder, rows(200, 400))
            wait_for(lambda: "No space left on device" in job.said() and re.search("free|make room", job.said()), job)
            disk.free(job)
            next_checkpoints(job, 3)
            job.stop()
        with Job(here, shim, *backend, "--restore", "latest", text=text.replace(", follow = true", ""), log=folder / "log",
                 file=folder / "faults") as job:
            assert job.process.wait(timeout=LIMIT_S) == 0, job.said()
        assert committed(here) == undisturbed(folder, 600)


def test_a_full_disk_costs_nothing_but_time(folder, shim):
    a_full_disk(folder, shim)


def test_a_full_disk_under_the_database_costs_nothing_but_time(folder, shim):
    a_full_disk(folder, shim, *ROCKSDB)


with tempfile.TemporaryDirectory() as built:
    library = pathlib.Path(built) / "fault_shim.so"
    subprocess.run([*os.environ.get("CC", "cc").split(), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra",
                    "-Werror", "-o", str(library), str(SHIM), "-ldl"], check=True, timeout=LIMIT_S)
    run_tests(globals(), library)
