#!/usr/bin/env python3
"""Statements of a job that have nothing to do with each other fail apart: the tasks of one go back to the last checkpoint, those of the others
go on, and all that is committed is what an undisturbed run gives.

Each test is a function named test_*; it gets a scratch folder. Usage: region_test.py [-k TEXT].
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, Cluster, difference, rows, run_tests  # noqa: E402

# Without a key, so that each has a task a vertex and one worker; by the clock.
STREAM = """stream NAME (id int, card string, amount double, at timestamp)
  from generate (rows = ROWS, rate = RATE, seed = SEED, step = 20 ms, id = 'sequence', card = 'key c 300',
                 amount = 'pick 1|2|5|2000|50')
  event time at watermark delay 1 s;
pattern NAME_found from NAME
  match small{3} consecutive large
  define small as amount < 10, large as amount > 1000
  within 10 s
  measures large.id as id, large.amount as amount, count(small) as n;
sink NAME_found to file (path = 'OUT.NAME/') format json delivery exactly once;
"""
NAMES = ("left", "right")
ROWS = 40_000


def write(folder, out, rate):
    text = ""
    for seed, name in enumerate(NAMES):
        (folder / f"{out}.{name}").mkdir()
        text += (STREAM.replace("NAME", name).replace("ROWS", str(ROWS)).replace("RATE", str(rate)).replace("SEED", str(seed))
                 .replace("OUT", out))
    (folder / f"{out}.pattern").write_text(text, encoding="utf-8")


def found(folder, out):
    return {name: sorted(row for part in (folder / f"{out}.{name}").glob("part-*") for row in rows(part)) for name in NAMES}


def prepare_two(folder, rate):
    write(folder, "undisturbed", 0)
    subprocess.run([CEPD, "run", "undisturbed.pattern"], cwd=folder, check=True, capture_output=True)
    write(folder, "out", rate)
    return found(folder, "undisturbed")


def check(cluster, expected):
    got = found(cluster.folder, "out")
    for name in NAMES:
        wrong = difference(expected[name], got[name])
        assert expected[name] and not wrong, f"{name}: {wrong}\n{cluster.said()}"


def attempts(cluster, job):
    """By the first stream: the attempts of its tasks, as GET /jobs/:id/vertices/:vid has them."""
    out = {}
    for vertex in cluster.get(f"/jobs/{job}")["vertices"]:
        name = next(n for n in NAMES if n in vertex["name"])
        for task in cluster.get(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]:
            out.setdefault(name, set()).add(task["attempt"])
    return out


def worker_of(cluster, job, name):
    """Which of the kit's workers has its tasks."""
    pid = next(r["workers"][0]["pid"] for r in cluster.get(f"/jobs/{job}")["regions"] if name in r["name"])
    return next(i for i, w in enumerate(cluster.workers) if w.pid == pid)


def test_only_the_region_of_the_worker_that_is_killed_goes_back(folder):
    expected = prepare_two(folder, 5_000)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("out.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        assert attempts(c, job) == {"left": {1}, "right": {1}}
        c.kill_worker(worker_of(c, job, "left"))
        c.wait(lambda: attempts(c, job) == {"left": {2}, "right": {1}} and c.state(job) == "RUNNING")
        said = c.cepd("job", job).stdout
        assert "1 restart" in said and "left" in said, said
        c.wait_checkpoints(job)
        c.kill_worker(worker_of(c, job, "right"))
        c.wait(lambda: attempts(c, job) == {"left": {2}, "right": {3}} and c.state(job) == "RUNNING")
        c.wait_checkpoints(job)
        c.wait_state(job, "FINISHED")
        check(c, expected)
        assert "2 of 6 tasks" not in c.said() and "3 of 6 tasks go back to the last checkpoint" in c.logged(), c.said()


def test_the_others_go_on_while_a_region_waits_for_a_worker(folder):
    expected = prepare_two(folder, 5_000)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("out.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        i = worker_of(c, job, "left")
        c.workers[i].kill()
        c.workers[i].wait()
        c.wait(lambda: c.state(job) == "RESTARTING")
        c.wait(lambda: "waits for 1 slot, 0 are free" in c.cepd("job", job).stdout)

        def read(name):
            return next(o["rows_in"] for o in c.get(f"/jobs/{job}")["operators"] if o["name"] == name)
        before = read("right")
        c.wait(lambda: read("right") > before + 2_000)
        assert c.state(job) == "RESTARTING" and attempts(c, job)["right"] == {1}
        c.workers[i] = c.start_worker(i)
        c.wait_state(job, "FINISHED")
        check(c, expected)


def test_the_coordinator_is_killed_after_a_region_went_back(folder):
    expected = prepare_two(folder, 5_000)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("out.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        c.kill_worker(worker_of(c, job, "right"))
        c.wait(lambda: attempts(c, job)["right"] == {2})
        c.wait_checkpoints(job)
        c.kill_coordinator()
        c.wait_checkpoints(job)
        assert attempts(c, job) == {"left": {3}, "right": {3}}
        c.wait_state(job, "FINISHED")
        check(c, expected)


def test_a_savepoint_while_a_region_goes_back_comes_when_it_runs(folder):
    expected = prepare_two(folder, 5_000)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("out.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        c.kill_worker(worker_of(c, job, "left"))
        c.wait(lambda: c.state(job) == "RESTARTING")
        path = c.cepd("stop", job).stdout.strip()
        c.wait_state(job, "FINISHED")
        again = c.submit("out.pattern", "--parallelism", "1", "--restore", path)
        c.wait_state(again, "FINISHED")
        check(c, expected)


if __name__ == "__main__":
    run_tests(globals())
