#!/usr/bin/env python3
"""A job that survives the end of its process: kills, clean stops, restores, damaged checkpoints, edited files.

Each test is a function named test_*; it gets a scratch folder. Usage: recovery_test.py [-k TEXT].
"""
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

CEPD = os.path.abspath(os.environ["CEPD"])
SOAK = pathlib.Path(os.environ["CEP_SRCDIR"]) / "tests" / "soak" / "kill_soak.py"
LIMIT_S = 120
# They say themselves which backend they use, or need none.
ONCE = ("test_kills_change_nothing_in_what_sinks_hold", "test_options_that_mean_nothing_alone_are_mistakes",
        "test_two_jobs_do_not_work_in_one_folder", "test_what_somebody_else_has_in_the_folder_stays",
        "test_a_checkpoint_of_one_backend_restores_with_the_other", "test_a_path_restores_into_another_folder")

PROGRAM = """stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 1 s;
pattern big from payments partition by card match a -> b
define a as amount > 100, b as amount > a.amount
within 1 h
measures card as card, a.amount as first, b.amount as amount;
alert rising on big severity high message 'card {card}: {first}, {amount}' by card suppress for 1 h;
sink big to file (path = 'big.ndjson') format json;
sink rising to file (path = 'rising.ndjson') format json;
"""


def cepd(*args, cwd, status=0):
    done = subprocess.run([CEPD, *args], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}, not {status}\n{done.stderr}"
    return done


def row(amount, second, card="c1"):
    return json.dumps({"card": card, "amount": amount, "at": f"2026-01-01T10:00:{second:02d}Z"}) + "\n"


def append(folder, *rows):
    with open(folder / "in.ndjson", "a") as f:
        f.writelines(rows)


def content(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(folder, *args, until=lambda: True, sig=signal.SIGTERM, status=143):
    """Starts the job, waits for what is expected of it, and ends it. Returns: what it said."""
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--state-dir", "state", *args], cwd=folder, stderr=subprocess.PIPE,
                           text=True)
    begun = time.monotonic()
    try:
        while not until():
            assert time.monotonic() - begun < LIMIT_S and job.poll() is None, "it did not happen in time: " + (
                job.communicate()[1] if job.poll() is not None else "")
            time.sleep(0.01)
        job.send_signal(sig)
        said = job.communicate(timeout=LIMIT_S)[1]
    finally:
        # One that is left behind would go on in a folder that is being removed.
        if job.poll() is None:
            job.kill()
            job.wait()
    assert job.returncode == (-sig if sig == signal.SIGKILL else status), said
    return said


def start(folder, text=PROGRAM):
    (folder / "p.pattern").write_text(text)
    append(folder, row(200, 1), row(50, 2), row(10, 9))


def checkpoints(folder):
    return sorted((folder / "state" / "checkpoints").glob("chk-*[0-9]"), key=lambda p: int(p.name[4:]))


def ready(folder):
    """A checkpoint after the first one, which is taken before anything is read."""
    known = {p.name for p in checkpoints(folder)}
    return lambda: any(p.name not in known and (p / "MANIFEST").exists() for p in checkpoints(folder)[-1:])


def test_a_killed_job_goes_on_with_its_partial_matches(folder):
    start(folder)
    several = lambda: checkpoints(folder) and int(checkpoints(folder)[-1].name[4:]) > 3
    run(folder, "--checkpoint-interval", "20 ms", until=several, sig=signal.SIGKILL)
    assert content(folder / "big.ndjson") == []
    append(folder, row(300, 10), row(400, 11), row(10, 20))
    said = run(folder, "--restore", "latest", until=lambda: len(content(folder / "big.ndjson")) == 1)
    assert "goes on from checkpoint" in said
    assert content(folder / "big.ndjson") == [{"card": "c1", "first": 200.0, "amount": 300.0}]
    assert len(content(folder / "rising.ndjson")) == 1


SETS = PROGRAM.replace("b as amount > a.amount", "b as amount between 250 and 350")


def test_sets_survive_and_go_into_the_other_store_when_the_pattern_is_edited(folder):
    (folder / "p.pattern").write_text(SETS)
    assert "store: sets" in cepd("explain", "p.pattern", cwd=folder).stdout
    start(folder, SETS)
    several = lambda: checkpoints(folder) and int(checkpoints(folder)[-1].name[4:]) > 3
    run(folder, "--checkpoint-interval", "20 ms", until=several, sig=signal.SIGKILL)
    append(folder, row(150, 10), row(10, 20))
    said = run(folder, "--restore", "latest", until=ready(folder))
    assert "goes on from checkpoint" in said
    # Who skips to an event that the match begins with wants every partial match by itself: what is open is taken apart, and nothing is lost.
    text = SETS + "sink big.timeouts to file (path = 'out.ndjson') format json;\n"
    (folder / "p.pattern").write_text(text)
    assert "store: sets" in cepd("explain", "p.pattern", cwd=folder).stdout
    (folder / "p.pattern").write_text(text.replace("within 1 h\n", "within 1 h\nafter match skip to last a\n"))
    assert "store: runs" in cepd("explain", "p.pattern", cwd=folder).stdout
    said = run(folder, "--restore", "latest", until=ready(folder))
    assert "has no place for" not in said
    # And back; only the sink's own state has no place any more.
    (folder / "p.pattern").write_text(SETS)
    append(folder, row(300, 21), row(10, 30))
    said = run(folder, "--restore", "latest", "--allow-dropped-state", until=lambda: len(content(folder / "big.ndjson")) == 1)
    assert said.count("has no place for") == 1 and '"big_timeouts_sink_1": has no place for' in said, said
    assert content(folder / "big.ndjson") == [{"card": "c1", "first": 200.0, "amount": 300.0}]


def test_a_clean_stop_takes_a_last_checkpoint_and_says_how_to_go_on(folder):
    start(folder)
    append(folder, row(300, 10), row(10, 20))
    said = run(folder, until=lambda: len(content(folder / "rising.ndjson")) == 1, sig=signal.SIGINT, status=130)
    assert "--restore latest goes on from there" in said
    append(folder, row(500, 21), row(600, 22), row(10, 40))
    run(folder, "--restore", "latest", until=lambda: len(content(folder / "big.ndjson")) == 2)
    assert [m["amount"] for m in content(folder / "big.ndjson")] == [300.0, 600.0]
    assert len(content(folder / "rising.ndjson")) == 1, "the suppression of before the stop still holds"


def test_a_folder_that_holds_a_job_wants_restore_or_fresh(folder):
    start(folder)
    run(folder, until=ready(folder))
    done = cepd("run", "p.pattern", "--state-dir", "state", cwd=folder, status=1)
    assert 'error: "state" holds the state of a job' in done.stderr and "--restore latest" in done.stderr
    assert "--fresh" in done.stderr
    said = run(folder, "--fresh", until=ready(folder))
    assert "goes on from checkpoint" not in said
    assert "only one of them" in cepd("run", "p.pattern", "--state-dir", "state", "--fresh", "--restore", "latest", cwd=folder,
                                      status=1).stderr


def test_options_that_mean_nothing_alone_are_mistakes(folder):
    start(folder)
    for args, what in [(["--restore", "latest"], "does not say of what"),
                       (["--restore", "nowhere"], 'no checkpoint or savepoint in "nowhere"'),
                       (["--state-dir", "new", "--restore", "latest"], "there is no checkpoint in"),
                       (["--checkpoint-interval", "1 s"], "checkpoints need a folder"),
                       (["--fresh"], "means nothing without --state-dir"),
                       (["--checkpoint-timeout", "1 s"], "checkpoints need a folder"),
                       (["--checkpoint-max-concurrent", "2"], "checkpoints need a folder"),
                       (["--checkpoint-mode", "unaligned"], "checkpoints need a folder"),
                       (["--state-dir", "new", "--checkpoint-mode", "both"], 'takes aligned|unaligned, not "both"'),
                       (["--state-dir", "new", "--checkpoint-mode", "unaligned", "--checkpoint-alignment-timeout", "1 s"],
                        "means nothing to checkpoint.mode unaligned"),
                       (["--checkpoint-min-pause", "2 s"], "checkpoints need a folder"),
                       (["--restart-strategy", "fixed-delay"], "has nothing to go back to"),
                       (["--restart-delay", "1 s"], '"restart.delay" means nothing to restart.strategy none'),
                       (["--state-dir", "new", "--restart-attempts", "1"],
                        '"restart.attempts" means nothing to restart.strategy exponential-delay'),
                       (["--state-dir", "new", "--restart-strategy", "always"], 'not "always"'),
                       (["--state-dir", "new", "--restart-factor", "0.5"], "takes a number from 1 to 100"),
                       (["--state-dir", "new", "--restart-delay", "2 min"], "is shorter than restart.delay"),
                       (["--state-dir", "new", "--checkpoint-timeout", "0 s"], "takes a duration above 0"),
                       (["--state-dir", "new", "--allow-dropped-state"], "means nothing without --restore")]:
        assert what in cepd("run", "p.pattern", *args, cwd=folder, status=1).stderr, args


def test_two_jobs_do_not_share_a_folder(folder):
    start(folder)
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--state-dir", "state"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not checkpoints(folder) and time.monotonic() < until:
            time.sleep(0.01)
        done = cepd("run", "p.pattern", "--state-dir", "state", "--restore", "latest", cwd=folder, status=2)
        assert "another process keeps its checkpoints" in done.stderr
    finally:
        job.terminate()
        job.wait(timeout=LIMIT_S)


def test_two_jobs_do_not_work_in_one_folder(folder):
    """Their checkpoints lie apart, but not their databases."""
    start(folder)
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--state-dir", "state", "--checkpoint-dir", "one", "--state-backend", "rocksdb"],
                           cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + LIMIT_S
        while not (folder / "one" / "chk-1" / "MANIFEST").exists() and time.monotonic() < until:
            time.sleep(0.01)
        other = folder / "other"
        other.mkdir()
        start(other)
        done = cepd("run", "p.pattern", "--state-dir", str(folder / "state"), "--checkpoint-dir", "two", "--state-backend", "rocksdb",
                    cwd=other, status=2)
        assert f'another process works in "{folder}/state/db"' in done.stderr and "another --state-dir" in done.stderr, done.stderr
        assert (folder / "state" / "db" / "task-0" / "CURRENT").exists()
    finally:
        job.terminate()
        assert job.wait(timeout=LIMIT_S) == 143


def test_what_somebody_else_has_in_the_folder_stays(folder):
    theirs = [folder / "state" / name for name in ("db/orders.sqlite", "checkpoints/shared/data.csv", "checkpoints/chk-notes.part",
                                                   "checkpoints/chk-old/weights")]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    start(folder)
    (folder / "p.pattern").write_text(PROGRAM.replace(", follow = true", ""))
    done = cepd("run", "p.pattern", "--state-dir", "state", "--state-backend", "rocksdb", cwd=folder, status=2)
    assert 'folder "state/db" is not one that cepd made: it holds "orders.sqlite"' in done.stderr, done.stderr
    assert "--state-dir of its own" in done.stderr, done.stderr
    for args in ([], ["--restore", "latest"], ["--fresh"]):
        cepd("run", "p.pattern", "--state-dir", "state", "--state-backend", "memory", *args, cwd=folder)
    assert all(path.read_text() == "theirs" for path in theirs)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(folder):
    start(folder)
    run(folder, until=lambda: len(checkpoints(folder)) >= 1)
    before, last = checkpoints(folder)[-2:]
    part = sorted(last.glob("part-*"))[0]
    part.write_bytes(part.read_bytes()[:-1] + b"X")
    append(folder, row(300, 10), row(10, 20))
    said = run(folder, "--restore", "latest", until=lambda: len(content(folder / "big.ndjson")) == 1)
    assert f"{last.name}/{part.name}" in said and "is damaged" in said
    assert f'goes on from checkpoint {before.name[4:]} ' in said


def test_no_whole_checkpoint_is_an_error(folder):
    start(folder)
    run(folder, until=lambda: len(checkpoints(folder)) >= 1)
    for checkpoint in checkpoints(folder):
        (checkpoint / "MANIFEST").write_bytes(b"nothing")
    done = cepd("run", "p.pattern", "--state-dir", "state", "--restore", "latest", cwd=folder, status=2)
    assert "no checkpoint in" in done.stderr and "--fresh" in done.stderr


def test_state_without_a_place_is_listed_and_needs_a_word(folder):
    start(folder)
    append(folder, row(300, 10), row(10, 20))
    run(folder, until=lambda: len(content(folder / "big.ndjson")) == 1)
    (folder / "p.pattern").write_text(PROGRAM.replace("pattern big", "pattern large").replace("on big", "on large")
                                      .replace("sink big", "sink large"))
    done = cepd("run", "p.pattern", "--state-dir", "state", "--restore", "latest", cwd=folder, status=2)
    assert '"big": has no place for' in done.stderr and "--allow-dropped-state" in done.stderr
    said = run(folder, "--restore", "latest", "--allow-dropped-state", until=ready(folder))
    assert '"big": has no place for' in said


def test_a_path_restores_into_another_folder(folder):
    start(folder)
    run(folder, until=lambda: len(checkpoints(folder)) >= 1)
    last = checkpoints(folder)[-1]
    last.rename(folder / "kept")
    (folder / "state").rename(folder / "old")
    shared = folder / "old" / "checkpoints" / "shared"
    if shared.is_dir() and list(shared.iterdir()):
        done = cepd("run", "p.pattern", "--restore", "kept", cwd=folder, status=2)
        assert "kept/../shared/" in done.stderr and "is missing" in done.stderr and "savepoint" in done.stderr, done.stderr
        shared.rename(folder / "shared")
    append(folder, row(300, 10), row(10, 20))
    run(folder, "--restore", "kept", until=lambda: len(content(folder / "big.ndjson")) == 1)
    assert content(folder / "big.ndjson")[0]["first"] == 200.0


def test_a_job_that_ended_with_its_input_has_nothing_left_to_do(folder):
    start(folder, PROGRAM.replace(", follow = true", ""))
    append(folder, row(300, 10))
    cepd("run", "p.pattern", "--state-dir", "state", cwd=folder)
    once = (folder / "big.ndjson").read_bytes(), (folder / "rising.ndjson").read_bytes()
    assert len(content(folder / "big.ndjson")) == 1
    cepd("run", "p.pattern", "--state-dir", "state", "--restore", "latest", cwd=folder)
    assert once == ((folder / "big.ndjson").read_bytes(), (folder / "rising.ndjson").read_bytes())


def test_kills_change_nothing_in_what_sinks_hold(folder):
    done = subprocess.run([sys.executable, str(SOAK), "--kills", "6", "--seed", "20260101", "--events", "20000"], cwd=folder,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" passed, 0 failed"), done.stdout


def test_a_checkpoint_of_one_backend_restores_with_the_other(folder):
    # Every row is seen to have been read before the job is stopped: the checkpoint that the stop takes has it.
    text = PROGRAM + "sink payments to file (path = 'seen.ndjson') format json;\n"
    start(folder, text)
    last_time = lambda name: [r["at"][:19] for r in content(folder / name)][-1:]
    all_read = lambda: last_time("seen.ndjson") == last_time("in.ndjson")
    run(folder, until=all_read)
    for i, backend in enumerate(("rocksdb", "memory", "rocksdb", "rocksdb", "memory")):
        append(folder, row(60 + i, 10 + i), row(300 + i, 12 + i, f"c{i}"), row(300 + i, 12 + i, f"d{i}"), row(10, 14 + i, "other"))
        run(folder, "--restore", "latest", "--state-backend", backend, "--state-memory", "64m" if i == 2 else "1k" if backend == "rocksdb"
            else "4g", "--parallelism", str(1 + i % 3), "--checkpoint-interval", "20 ms", until=all_read)
        shown = cepd("state", "show", str(checkpoints(folder)[-1]), "--pattern", "big", cwd=folder).stdout
        assert re.search(r"^[cd]\d +1 ", shown, re.M), shown
    append(folder, *(row(400, 30, f"{c}{i}") for i in range(5) for c in "cd"), row(1, 59, "other"))
    ends = text.replace(", follow = true", "")
    want = folder / "want"
    want.mkdir()
    (want / "in.ndjson").write_bytes((folder / "in.ndjson").read_bytes())
    for place, args in ((want, ()), (folder, ("--state-dir", "state", "--restore", "latest"))):
        (place / "p.pattern").write_text(ends)
        cepd("run", "p.pattern", *args, cwd=place)
    for name in ("big.ndjson", "rising.ndjson"):
        # Ids speak of the file that they come from, and this one was followed for a while.
        plain = lambda place: sorted(json.dumps({k: v for k, v in r.items() if k != "id"}) for r in content(place / name))
        assert plain(folder) == plain(want), name
    assert len(content(want / "big.ndjson")) >= 10


def main():
    only = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "-k" else ""
    passed = failed = 0
    tests = [(name, test) for name, test in sorted(globals().items()) if name.startswith("test_") and only in name]
    # With a budget of 1 KiB no key stays in memory.
    for backend, memory in (("memory", "4g"), ("rocksdb", "1k")):
        os.environ["CEPD_STATE_BACKEND"], os.environ["CEPD_STATE_MEMORY"] = backend, memory
        for name, test in tests:
            if backend != "memory" and name in ONCE:
                continue
            with tempfile.TemporaryDirectory() as tmp:
                try:
                    test(pathlib.Path(tmp))
                    passed += 1
                except Exception:
                    failed += 1
                    print(f"FAILED {name}, {backend}")
                    traceback.print_exc(limit=-2, file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
