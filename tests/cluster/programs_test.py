#!/usr/bin/env python3
"""Programs of every sort on a cluster of two workers, parallelism 2: what they write is what `cepd run` writes. All of examples/patterns, and
operators of a compiled library; libraries that a worker does not have.

Each test is a function named test_*; it gets a scratch folder. Usage: programs_test.py [-k TEXT].
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, Cluster, difference, rows, run_tests  # noqa: E402

ROOT = pathlib.Path(os.environ.get("CEP_SRCDIR", ".")).absolute()
CC = os.environ.get("CC", "cc")
LIMIT_S = 120


class Printing(Cluster):
    """What jobs print on the workers' standard output is kept apart from what is said."""

    def start(self, host, *args):
        words, env = self.on_host(host)
        with open(self.folder / "printed", "a", encoding="utf-8") as out:
            return subprocess.Popen([*words, CEPD, *args], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=self.log,
                                    env=self.env | env)

    def printed(self):
        return rows(self.folder / "printed")


def written(folder):
    """By file: what a program has written into its folder."""
    return {str(p.relative_to(folder)): rows(p) for p in folder.rglob("*.ndjson")}


def compare(cluster, name, one, many):
    """Runs it in one process in the folder `one` and on the cluster in the folder `many`. Returns: what is different."""
    done = subprocess.run([CEPD, "run", name], cwd=one, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    (cluster.folder / "printed").write_text("", encoding="utf-8")
    job = cluster.submit(str(many / name), "--parallelism", "2")
    cluster.wait_state(job, "FINISHED")
    wrong = []
    if what := difference(sorted(done.stdout.splitlines()), cluster.printed()):
        wrong.append(f"{name}, printed: {what}")
    expected, got = written(one), written(many)
    wrong += [f"{name}, {file}: {what}" for file in sorted(expected | got)
              if (what := difference(expected.get(file, ["no file"]), got.get(file, ["no file"])))]
    return "\n".join(wrong)


def test_examples_give_what_one_process_gives(folder):
    patterns = sorted((ROOT / "examples" / "patterns").glob("*.pattern"))
    assert len(patterns) >= 20, len(patterns)
    wrong = []
    with Printing(folder, workers=2, slots=1) as c:
        for p in patterns:
            one, many = folder / "one" / p.stem, folder / "many" / p.stem
            for to in (one, many):
                shutil.copytree(p.parent, to, ignore=shutil.ignore_patterns("expected"))
            if what := compare(c, p.name, one, many):
                wrong.append(what)
    assert not wrong, "\n".join(wrong)


def build(folder):
    done = subprocess.run(["make", "-s", f"CC={CC}", f"CEP_CFLAGS=-I{ROOT}/include", f"OUT={folder}", "CFLAGS=-O1"],
                          cwd=ROOT / "examples" / "operators", capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr


def write_readings(path, n):
    states = ("on", "off", "open", "on", "off", "off", "on")
    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            at = 1767261600000 + i * 997
            f.write(json.dumps({"device": f"d{i * 7919 % 13}", "state": states[i * i % 7], "at": at}) + "\n")


def prepare_operator(folder):
    source = (ROOT / "examples" / "operators" / "debounce.pattern").read_text(encoding="utf-8")
    text = source.replace("format json\nevent time", "format json (timestamp_format = 'epoch_ms')\nevent time")
    assert text != source
    (folder / "debounce.pattern").write_text(text, encoding="utf-8")
    write_readings(folder / "readings.ndjson", 5000)


def test_a_compiled_operator_runs_on_workers(folder):
    one, many = folder / "one", folder / "many"
    for to in (one, many):
        to.mkdir()
        build(to)
        prepare_operator(to)
    with Printing(folder, workers=2, slots=1) as c:
        wrong = compare(c, "debounce.pattern", one, many)
    assert not wrong, wrong
    assert len(rows(many / "steady.ndjson")) > 100


def test_a_library_that_the_coordinator_does_not_have(folder):
    prepare_operator(folder)
    with Cluster(folder, workers=1) as c:
        said = c.cepd("submit", "debounce.pattern", status=1).stderr
        checked = subprocess.run([CEPD, "check", "debounce.pattern"], cwd=folder, capture_output=True, text=True, check=False).stderr
        assert "libdebounce.so" in said and "debounce.pattern:" in said, said
        assert c.get("/jobs")["jobs"] == []
        # Where it is looked for is said from the root, for it is looked for on other machines too.
        assert [line for line in said.splitlines() if "error:" not in line] == [
            line for line in checked.splitlines() if "error:" not in line], f"{said}\n{checked}"


def test_a_library_that_a_worker_does_not_have_any_more(folder):
    build(folder)
    prepare_operator(folder)
    with Cluster(folder, workers=0, slots=1) as c:
        job = c.cepd("submit", "debounce.pattern", "--restart-strategy", "none").stdout.strip()
        c.wait(lambda: "waits for 1 slot" in c.said())
        os.remove(folder / "libdebounce.so")
        c.workers.append(c.start_worker(0))
        c.wait_state(job, "FAILED")
        said = c.cepd("job", job).stdout
        assert "libdebounce.so" in said and "worker " in said, said


run_tests(globals())
