"""What the whole-program tests share: the program's place, waiting, rows, kills, and the runner of the functions test_*.

A test's file ends with run_tests(globals()).
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from runner import run_tests  # noqa: E402, F401

CEPD = os.path.abspath(os.environ["CEPD"])
LIMIT_S = 120
BASE_S = 1767261600  # 2026-01-01T10:00:00Z


def wait_for(what, job=None, seconds=LIMIT_S):
    """What `what` gives as soon as that is true. `job` has to live as long: a Popen, or what has one as .process and tells what it said."""
    process, said = getattr(job, "process", job), getattr(job, "said", lambda: "")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        got = what()
        if got:
            return got
        assert job is None or process.poll() is None, f"the job ended with {process.returncode}: {said()}"
        time.sleep(0.02)
    raise AssertionError(f"it did not happen in time: {said()}")


def lines(path):
    return sorted(path.read_text().splitlines()) if path.exists() else []


def as_rows(path, names):
    return sorted((tuple(json.loads(line)[n] for n in names) for line in lines(path)), key=repr)


def stamp(us):
    """As the engine writes it; all times of the tests are whole milliseconds."""
    ms = us % 10**6 // 1000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 10**6)) + (f".{ms:03d}" if ms else "") + "Z"


def first_difference(got, expected):
    for g, e in zip(got, expected):
        if g != e:
            return f"{g} instead of {e}"
    return f"{len(got)} rows instead of {len(expected)}"


def run_file(folder, file, parallelism, *more):
    done = subprocess.run([CEPD, "run", file, "--parallelism", str(parallelism), *more], cwd=folder, capture_output=True, text=True,
                          timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return done


def at_each_parallelism(folder, file, names, expected, least):
    """out.ndjson of the program holds the rows expected, in any order; `least`: how many have to be there for the test to mean something."""
    expected = sorted((tuple(r) for r in expected), key=repr)
    assert len(expected) >= least, len(expected)
    for parallelism in (1, 2, 4):
        for p in folder.glob("out*"):
            p.unlink()
        run_file(folder, file, parallelism)
        got = as_rows(folder / "out.ndjson", names)
        if got != expected:
            missing = [r for r in expected if r not in got][:3]
            extra = [r for r in got if r not in expected][:3]
            raise AssertionError(f"parallelism {parallelism}: {len(got)} rows for {len(expected)}; missing {missing}, not expected {extra}; "
                                 f"first {first_difference(got, expected)}")


def kill_and_go_on(folder, file, inputs, parts=(0, 0.2, 0.5, 0.8), more=()):
    """The program in `file` on inputs that grow, killed at each of the parts (with that much of the input there when it begins, and up to
    the next written while it runs) and gone on with at another parallelism; `more`: what it is started with besides; then with the whole input to the end of time."""
    text = (folder / file).read_text()
    whole = {n: (folder / n).read_bytes() for n in inputs}
    slow = text
    for n in inputs:
        slow = slow.replace(f"path = '{n}'", f"path = '{n}', follow = true")
    (folder / file).write_text(slow)
    for i, part in enumerate(parts):
        for n, data in whole.items():
            (folder / n).write_bytes(data[:int(len(data) * part)])
        args = [CEPD, "run", file, "--state-dir", "state", "--checkpoint-interval", "20 ms", "--parallelism", str(i % 3 + 1), *more]
        job = subprocess.Popen(args + (["--restore", "latest"] if i else []), cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.4)
        if i + 1 < len(parts):
            for n, data in whole.items():
                with open(folder / n, "ab") as f:
                    f.write(data[int(len(data) * part):int(len(data) * parts[i + 1])])
            time.sleep(0.3)
        # There is one to go on from, however slow the machine is.
        wait_for(lambda: any((folder / "state" / "checkpoints").glob("chk-*[0-9]/MANIFEST")), job)
        job.send_signal(signal.SIGKILL)
        job.wait(LIMIT_S)
    for n, data in whole.items():
        (folder / n).write_bytes(data)
    (folder / file).write_text(text)
    run_file(folder, file, 2, "--state-dir", "state", "--restore", "latest")
