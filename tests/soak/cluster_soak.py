#!/usr/bin/env python3
"""A cluster on hosts of its own (network namespaces) under faults drawn by a seed, which is printed. The committed output has to be that
of an undisturbed run.

    cluster_soak.py [--rounds N] [--first N] [--seed S] [--seconds N] [--rate N] [--faults kill,two,...]

A round is a job, with a load from a file and a generator, from its submission to its end; the parallelism, the state backend and whether
connections go through relays are drawn too. Faults, one after another, each for up to three times the heartbeat time-out:

    kill, two, coordinator   kill -9 of a worker, of two at once, of the coordinator
    stop                     SIGSTOP of a worker or the coordinator, then SIGCONT
    end                      SIGTERM of a worker
    cut, deaf                a link between two hosts, both ways or one way
    reset                    the same, with a firewall that answers
    lose, narrow             a host that loses packets, or has little bandwidth
    delay, break             all that is sent comes later; connections to a host break (rounds with relays)
    disk                     a worker's disk is full

Needs the rights to make namespaces. The closing line is "N passed, N failed", N rounds. CEPD names the program (default: build/cepd).
"""
import argparse
import collections
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cluster"))
from cluster_kit import FINAL, Outcome  # noqa: E402
from net_kit import NetCluster, enter  # noqa: E402

TIMEOUT_S = 2.5
WORKERS = 3
ROUND_S = 600  # a round that takes longer hangs

FAULTS = {
    "kill": lambda c, rnd: c.kill_worker(rnd.randrange(WORKERS)),
    "two": lambda c, rnd: c.kill_worker(*rnd.sample(range(WORKERS), 2)),
    "coordinator": lambda c, rnd: c.kill_coordinator(),
    "stop": lambda c, rnd: c.freeze(a_host(rnd)),
    "end": lambda c, rnd: c.end_worker(rnd.randrange(WORKERS)),
    "cut": lambda c, rnd: c.cut(*two_hosts(rnd)),
    "deaf": lambda c, rnd: c.cut(*two_hosts(rnd), both=False),
    "reset": lambda c, rnd: c.reset(*two_hosts(rnd)),
    "lose": lambda c, rnd: c.lose(a_host(rnd), rnd.randrange(1, 40)),
    "narrow": lambda c, rnd: c.narrow(a_host(rnd), f"{rnd.randrange(500, 8000)}kbit"),
    "delay": lambda c, rnd: c.delay(rnd.uniform(0, 0.4)),
    "break": lambda c, rnd: c.break_connections(a_host(rnd)),
    "disk": lambda c, rnd: c.fill(rnd.randrange(WORKERS)),
}
DIRECT = {"cut", "deaf", "reset"}  # between hosts that see each other's addresses
RELAYED = {"delay", "break"}


def a_host(rnd):
    return rnd.choice([None, *range(WORKERS)])


def two_hosts(rnd):
    return rnd.sample([None, *range(WORKERS)], 2)


def round_of(folder, rnd, seconds, rate, faults, counts):
    """Returns: what is wrong."""
    outcome = Outcome(folder, seconds, rnd.randrange(1 << 30), rate)
    relays = rnd.random() < 0.25
    faults = [f for f in faults if f not in (DIRECT if relays else RELAYED)]
    args = ["--parallelism", str(rnd.choice([1, 2, 4]))]
    if rnd.random() < 0.5:
        args += ["--state-backend", "rocksdb", "--state-memory", rnd.choice(["256k", "1m", "64m"])]
    if rnd.random() < 0.5:
        args += ["--checkpoint-mode", "unaligned"]
    with NetCluster(folder, heartbeat=("300 ms", f"{TIMEOUT_S} s"), relays=relays) as c:
        until = time.monotonic() + ROUND_S
        job = c.submit(outcome.next(), *args)
        while c.wait(lambda: c.state(job)) not in FINAL and time.monotonic() < until:
            c.wait_checkpoints(job, rnd.randrange(1, 4))
            if c.wait(lambda: c.state(job)) in FINAL:
                break
            what = rnd.choice(faults)
            FAULTS[what](c, rnd)
            counts[what] += 1
            time.sleep(rnd.uniform(0, 3 * TIMEOUT_S))
            c.heal()
        state = c.state(job)
        wrong = outcome.difference() if state == "FINISHED" else f"the job is {state}"
        return wrong and f"{wrong}\n{c.said()}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--first", type=int, default=1, help="the round to begin with, to have one again")
    p.add_argument("--seed", type=int)
    p.add_argument("--seconds", type=int, default=6, help="how long a job takes, undisturbed")
    p.add_argument("--rate", type=int, default=5000, help="rows a second of the generator")
    p.add_argument("--faults", default=",".join(FAULTS))
    a = p.parse_args()
    seed = random.SystemRandom().randrange(1 << 30) if a.seed is None else a.seed
    print(f"seed {seed}", flush=True)
    passed = failed = 0
    total = collections.Counter()
    for i in range(a.first, a.first + a.rounds):
        rnd = random.Random(f"{seed} {i}")  # a round can be had again without those before it
        counts = collections.Counter()
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                wrong = round_of(pathlib.Path(folder), rnd, a.seconds, a.rate, a.faults.split(","), counts)
            except AssertionError as e:
                wrong = str(e)
        total += counts
        passed += not wrong
        failed += bool(wrong)
        print(f"round {i}: {counts.total()} faults in {time.monotonic() - begun:.0f} s, {wrong or 'equal'}", flush=True)
    print(f"{total.total()} faults: {', '.join(f'{n} {what}' for what, n in sorted(total.items()))}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    enter()
    main()
