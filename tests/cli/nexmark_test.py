#!/usr/bin/env python3
"""Every Nexmark query on a small input, against SQLite on the same files; at parallelism 1 and 3.

Each test is a function named test_*; it gets a scratch folder. Usage: nexmark_test.py [-k TEXT].
"""
import hashlib
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, run_tests  # noqa: E402

sys.dont_write_bytecode = True
SRC = pathlib.Path(os.environ["CEP_SRCDIR"]).resolve()
sys.path.insert(0, str(SRC / "bench/nexmark"))
import nexmark  # noqa: E402
import nexmark_judge  # noqa: E402

GEN = os.path.join(os.environ["CEP_BUILDDIR"], "bench/nexmark/nexmark_gen")
EVENTS = 8000


def test_results_are_those_of_sqlite(folder):
    nexmark.make(GEN, folder, EVENTS)
    db = nexmark_judge.load(folder)
    assert len(nexmark.queries()) == 21
    for q in nexmark.queries():
        for parallelism in (1, 3):
            files, _, _ = nexmark.run(CEPD, q, folder, parallelism)
            said = nexmark_judge.judge(db, q, files)
            assert not said, f"q{q} at parallelism {parallelism}: {said}"


def test_events_are_the_same_for_a_seed(folder):
    sums = []
    for name, args in (("a", []), ("b", []), ("c", ["--seed", "7"])):
        (folder / name).mkdir()
        subprocess.run([GEN, *args, "2000", folder / name], check=True)
        sums.append([hashlib.sha256((folder / name / f"{i}.ndjson").read_bytes()).hexdigest() for i in ("person", "auction", "bid")])
    assert sums[0] == sums[1] and not set(sums[0]) & set(sums[2])
    lines = [(folder / "a" / f"{i}.ndjson").read_bytes().count(b"\n") for i in ("person", "auction", "bid")]
    assert lines == [40, 120, 1840], lines


def test_queries_are_laid_out(folder):
    del folder
    for path in (SRC / "bench/nexmark").glob("*.pattern"):
        done = subprocess.run([CEPD, "fmt", path.name], cwd=path.parent, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout == path.read_text(), f"{path.name}: {done.stderr or 'not as cepd fmt has it'}"


run_tests(globals())
