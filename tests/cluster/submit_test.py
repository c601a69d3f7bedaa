#!/usr/bin/env python3
"""What `cepd submit` says to mistakes is what `cepd check` says, byte for byte: every file of tests/dsl/mistakes, mistakes in files that
are included, warnings; and its exit status.

Each test is a function named test_*; it gets a scratch folder. Usage: submit_test.py [-k TEXT].
"""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, Cluster, run_tests  # noqa: E402

MISTAKES = pathlib.Path(os.environ.get("CEP_SRCDIR", ".")).absolute() / "tests" / "dsl" / "mistakes"
NOTHING = 'cepd: error: there is nothing to run: no sink and no alert in "{}"\n'


def check(folder, name, *args):
    return subprocess.run([CEPD, "check", name, *args], cwd=folder, capture_output=True, text=True, check=False)


def submit(cluster, name, *args):
    return subprocess.run([CEPD, "submit", name, "--coordinator", cluster.url, *args], cwd=cluster.folder, capture_output=True,
                          text=True, timeout=60, check=False)


def compare(cluster, name, *args):
    """Returns: what is different; empty when nothing is. A file with warnings alone becomes a job, if it has something to run."""
    wanted, got = check(cluster.folder, name, *args), submit(cluster, name, *args)
    if (got.returncode, got.stderr) == (wanted.returncode, wanted.stderr) and (got.returncode == 0 or not got.stdout):
        return ""
    if wanted.returncode == 0 and got.returncode == 1 and got.stderr == wanted.stderr + NOTHING.format(name):
        return ""
    return f"{name}: status {got.returncode}, check says\n{wanted.stderr}submit says\n{got.stderr}{got.stdout}"


def test_every_mistake_comes_back_as_check_prints_it(folder):
    files = sorted(MISTAKES.glob("*.pattern"))
    assert len(files) > 100, len(files)
    shutil.copytree(MISTAKES, folder, dirs_exist_ok=True)
    with Cluster(folder, workers=0) as c:
        wrong = [w for f in files if (w := compare(c, f.name))]
        assert not wrong, f"{len(wrong)} of {len(files)}:\n" + "\n".join(wrong[:5])
        n_jobs = len(c.get("/jobs")["jobs"])
        assert n_jobs < len(files) / 4, n_jobs


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


STREAM = "stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"
SINK = "sink s to stdout format json;\n"


def test_mistakes_in_what_is_included(folder):
    write(folder, "parts/streams.pattern", "stream a (x int, y nothing) from file (path = 'a.ndjson') format json processing time;\n")
    write(folder, "parts/deep.pattern", "include 'streams.pattern';\nstream s as select z + from a;\n")
    write(folder, "one.pattern", "include 'parts/streams.pattern';\nstream s as select xx from a;\n" + SINK)
    write(folder, "two.pattern", "include 'parts/deep.pattern';\n" + SINK)
    write(folder, "missing.pattern", "include 'parts/none.pattern';\n" + STREAM + "stream s as select x from a;\n" + SINK)
    write(folder, "itself.pattern", "include 'itself.pattern';\n" + STREAM + "sink a to stdout format json;\n")
    (folder / "away").mkdir()
    with Cluster(folder, workers=0) as c:
        wrong = [w for name in ("one.pattern", "two.pattern", "missing.pattern", "itself.pattern", "./one.pattern",
                                "away/../one.pattern", str(folder / "one.pattern"), "none.pattern") if (w := compare(c, name))]
        assert not wrong, "\n".join(wrong)


def test_mistakes_of_parameters(folder):
    write(folder, "p.pattern", "parameter n int = 3;\n" + STREAM + "stream s as select x from a where x > n;\n" + SINK)
    with Cluster(folder, workers=0) as c:
        wrong = [w for args in (("--set", "m=1"), ("--set", "n=many"), ("--set", "n=")) if (w := compare(c, "p.pattern", *args))]
        assert not wrong, "\n".join(wrong)


def test_warnings_are_said_and_the_job_runs(folder):
    write(folder, "a.ndjson", '{"x":1}\n')
    write(folder, "w.pattern", "stream a (k string, x int, at timestamp) from file (path = 'a.ndjson') format json event time at "
          "watermark delay 1 s;\npattern p from a partition by k match b -> c define b as x > 1, c as x > b.x "
          "measures k as k;\nsink p to stdout format json;\n")
    said = check(folder, "w.pattern").stderr
    assert "warning" in said, said
    with Cluster(folder, workers=1) as c:
        done = submit(c, "w.pattern")
        assert done.returncode == 0 and done.stderr == said, f"{done.stderr}\nand check says\n{said}"
        c.wait_state(done.stdout.strip(), "FINISHED")


def test_a_job_that_has_failed_cannot_be_cancelled(folder):
    write(folder, "p.pattern", "stream a (x int) from file (path = 'nothing.ndjson') format json processing time;\n"
                               "sink a to file (path = 'nowhere/out') format json;\n")
    with Cluster(folder, workers=1) as c:
        job = c.cepd("submit", "p.pattern", "--restart-strategy", "none").stdout.strip()
        c.wait(lambda: c.state(job) == "FAILED")
        said = c.cepd("cancel", job, status=1).stderr
        assert f'job "{job}" has failed already: there is nothing to cancel' in said, said
        assert "is over: failed" in c.cepd("stop", job, str(folder), status=1).stderr


def test_what_submit_ends_with(folder):
    write(folder, "p.pattern", STREAM + "sink a to stdout format json;\n")
    write(folder, "nothing.pattern", STREAM)
    with Cluster(folder, workers=0) as c:
        def status(*args):
            done = subprocess.run([CEPD, *args], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
            # What the compiler warns of may stand before it.
            assert done.returncode == 0 or "\ncepd: " in "\n" + done.stderr, done.stderr
            return done.returncode
        at = ("--coordinator", c.url)
        assert status("submit", "p.pattern", *at) == 0
        assert status("submit", "p.pattern", "--parallelism", "many", *at) == 1
        assert status("submit", "p.pattern", "--parallelism", "0", *at) == 1
        assert status("submit", "p.pattern", "--checkpoint-interval", "soon", *at) == 1
        assert status("submit", "p.pattern", "--restore", "nowhere", *at) == 1
        assert status("submit", "nothing.pattern", *at) == 1
        assert status("submit", *at) == 1
        assert status("job", "none", *at) == 1
        assert status("cancel", "none", *at) == 1
        assert status("rescale", "none", "2", *at) == 1
        assert status("stop", "none", *at) == 1
        c.coordinator.kill()
        c.coordinator.wait()
        for command in (("submit", "p.pattern"), ("jobs",), ("job", "p"), ("cancel", "p"), ("stop", "p"), ("savepoint", "p"),
                        ("rescale", "p", "2"), ("workers",)):
            assert status(*command, *at) == 2, command


run_tests(globals())
