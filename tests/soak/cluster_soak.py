#!/usr/bin/env python3
"""A cluster under faults drawn by a seed, which is printed: workers killed (one, or two at once), the coordinator killed, workers stopped
for longer than the heartbeat time-out, workers asked to go. The committed output has to be that of an undisturbed run.

    cluster_soak.py [--rounds N] [--seed S] [--events N] [--faults kill,two,coordinator,stop,end]

A round is a job from its submission to its end. The closing line is "N passed, N failed", N rounds. CEPD names the program (default:
build/cepd).
"""
import argparse
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cluster"))
from cluster_kit import FINAL, Cluster, difference, prepare, rows  # noqa: E402


def fault(c, what, rnd):
    if what == "kill":
        c.kill_worker(rnd.randrange(3))
    elif what == "two":
        first = rnd.randrange(3)
        c.kill_worker(first)
        c.kill_worker((first + 1) % 3)
    elif what == "coordinator":
        c.kill_coordinator()
    elif what == "stop":
        c.stop_worker(rnd.randrange(3), 1.5)
    elif what == "end":
        c.end_worker(rnd.randrange(3))


def round_of(folder, rnd, events, faults):
    expected = prepare(folder, events, rnd.randrange(1 << 30))
    n = 0
    with Cluster(folder, heartbeat=("200 ms", "1 s")) as c:
        job = c.submit("p.pattern", "--parallelism", str(rnd.choice([1, 2, 4])))
        while c.wait(lambda: c.state(job)) not in FINAL:
            c.wait_checkpoints(job, rnd.randrange(1, 4))
            if c.wait(lambda: c.state(job)) in FINAL:
                break
            fault(c, rnd.choice(faults), rnd)
            n += 1
            time.sleep(rnd.uniform(0, 0.5))
        state = c.state(job)
        wrong = "" if state == "FINISHED" else f"the job is {state}"
        wrong = wrong or difference(expected, rows(folder / "out.ndjson"))
        return n, wrong and f"{wrong}\n{c.said()}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    p.add_argument("--events", type=int, default=1_000_000)
    p.add_argument("--faults", default="kill,two,coordinator,stop,end")
    a = p.parse_args()
    rnd = random.Random(a.seed)
    print(f"seed {a.seed}", flush=True)
    passed = failed = total = 0
    for i in range(a.rounds):
        with tempfile.TemporaryDirectory() as folder:
            try:
                n, wrong = round_of(pathlib.Path(folder), rnd, a.events, a.faults.split(","))
            except AssertionError as e:
                n, wrong = 0, str(e)
        total += n
        passed += not wrong
        failed += bool(wrong)
        print(f"round {i + 1}: {n} faults, {wrong or 'equal'}", flush=True)
    print(f"{total} faults; {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
