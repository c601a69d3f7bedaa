#!/usr/bin/env python3
"""A cluster whose processes are on hosts of their own (network namespaces, net_kit.py), under load from a file and a generator, and what is
done to hosts: links cut, one way too, lossy, narrow, slow; a firewall that answers; processes killed and stopped; a disk that is full.
What is committed is what an undisturbed run in one process gives, and a worker that was given up has written nothing.

Each test is a function named test_*; it gets a scratch folder. Usage: cluster_net_test.py [-k TEXT]. Exits with 77 where the machine
gives no rights to make namespaces.
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import EXAMPLES, FINAL, Outcome, run_tests  # noqa: E402
from net_kit import COORDINATOR, NetCluster, enter  # noqa: E402

HEARTBEAT = ("300 ms", "2 s")


class Load:
    """
    The cluster with a job on it: one after another, so that there is one whenever something is done, however slow the machine is. The output
    of each is compared.
    """

    SECONDS = 4  # that a job takes, undisturbed

    def __init__(self, folder, seed, submit=(), **cluster):
        self.outcome = Outcome(folder, self.SECONDS, seed)
        self.cluster = NetCluster(folder, heartbeat=HEARTBEAT, **cluster)
        self.args, self.job = submit, None

    def __enter__(self):
        try:
            self.cluster.__enter__()
            self.submit()
            self.goes_on()
        except BaseException:
            self.cluster.__exit__()
            raise
        return self

    def __exit__(self, failed, *_):
        try:
            if not failed:
                self.cluster.heal()
                self.cluster.wait_state(self.job, "FINISHED")
                self.compare()
        finally:
            self.cluster.__exit__()

    def submit(self):
        self.job = self.cluster.submit(self.outcome.next(), "--parallelism", "4", *self.args)

    def compare(self):
        wrong = self.outcome.difference()
        assert not wrong, f"{wrong}\n{self.cluster.said()}"

    def is_over(self):
        """If it is, there is another one now."""
        state = self.cluster.wait(lambda: self.cluster.state(self.job))
        assert state not in FINAL - {"FINISHED"}, f"the job is {state}\n{self.cluster.said()}"
        if state == "FINISHED":
            self.compare()
            self.submit()
        return state == "FINISHED"

    def goes_on(self, checkpoints=2):
        self.cluster.wait_checkpoints(self.job, checkpoints)
        self.is_over()

    def goes_back(self, what, *args, also="", **more):
        """Disturbs until a job has gone back to a checkpoint, or tried to; or until something else is told."""
        before = self.restarts(also)
        what(*args, **more)
        self.cluster.wait(lambda: (self.is_over(), self.restarts(also) > before)[1])

    def restarts(self, also=""):
        """Of the whole job, or of a region of it: the load is two."""
        told = "go(?:es)? back to (?:its|the) last checkpoint" + (also and "|" + also)
        return len(re.findall(told, self.cluster.logged()))

    def goes_back_and_on(self, what, *args, **more):
        self.goes_back(what, *args, **more)
        self.cluster.heal()
        self.goes_on()


def test_cut_links(folder):
    with Load(folder, 1) as load:
        c = load.cluster
        load.goes_back_and_on(c.cut, 0, 1)
        load.goes_back_and_on(c.cut, 1, 2, both=False)
        load.goes_back_and_on(c.cut, None, 0)
        load.goes_back_and_on(c.cut, None, 1, both=False)
        load.goes_back_and_on(c.cut, 2, None, both=False)


def test_links_that_lose_or_are_narrow(folder):
    with Load(folder, 2) as load:
        c = load.cluster
        for what in (lambda: c.lose(0, 15), lambda: c.lose(None, 15), lambda: c.narrow(1, "4mbit"), lambda: c.narrow(None, "2mbit")):
            what()
            load.goes_on()
            c.heal()


def test_slow_links(folder):
    subprocess.run([EXAMPLES / "certificates.sh", COORDINATOR], cwd=folder, check=True, capture_output=True)
    with Load(folder, 3, relays=True, secured=(folder / COORDINATOR, "a token")) as load:
        c = load.cluster
        for seconds in (0.03, 0.2):
            c.delay(seconds)
            load.goes_on()
        c.kill_worker(1)
        load.goes_on()


def test_connections_that_break(folder):
    """Between coordinator and workers: they are made again, tasks notice nothing. Between workers: the job goes back."""
    with Load(folder, 8, relays=True) as load:
        c = load.cluster
        for _ in range(3):
            before = c.logged().count("is connected again")
            c.break_connections(None)
            c.wait(lambda: c.logged().count("is connected again") >= before + 6)  # three workers, both ends
            load.goes_on()
        assert load.restarts() == 0, c.said()
        load.goes_back_and_on(lambda: [c.break_connections(i) for i in range(3)])


def test_a_firewall_that_answers(folder):
    """A worker that cannot be reached because others answer for it is not taken for one that is not there any more."""
    with Load(folder, 4) as load:
        load.goes_back_and_on(load.cluster.reset, None, 0)
        load.goes_back_and_on(load.cluster.reset, 1, 2)


def test_processes_that_are_killed(folder):
    with Load(folder, 5) as load:
        c = load.cluster
        c.kill_worker(0)
        load.goes_on()
        c.kill_worker(1, 2)
        load.goes_on()
        c.kill_coordinator()
        load.goes_on()


def test_workers_that_are_stopped_and_come_back(folder):
    """The others go on without one that is stopped; when it comes back it writes nothing."""
    with Load(folder, 6) as load:
        c = load.cluster
        for i in range(3):
            load.goes_back(c.freeze, i)
            load.goes_on()
            c.heal()
            load.goes_on()


def test_a_coordinator_that_is_stopped_and_comes_back(folder):
    """Leases run out meanwhile: it does not go on with what has ended."""
    with Load(folder, 9) as load:
        c = load.cluster
        c.freeze(None)
        before = c.logged().count("its tasks end")
        c.wait(lambda: c.logged().count("its tasks end") > before)
        c.heal()
        load.goes_on()


def test_a_full_disk(folder):
    with Load(folder, 7, submit=("--state-backend", "rocksdb", "--state-memory", "256k")) as load:
        # Where only a checkpoint could not be taken, the job goes on without it.
        load.goes_back_and_on(load.cluster.fill, 1, also="No space left on device")


if __name__ == "__main__":
    enter()
    run_tests(globals())
