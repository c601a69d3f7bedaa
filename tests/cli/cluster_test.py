#!/usr/bin/env python3
"""A cluster of real processes: a coordinator, three workers, a job; with a worker killed in its midst. What it writes is what one process writes.

Each test is a function named test_*; it gets a scratch folder. Usage: cluster_test.py [-k TEXT].
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

CEPD = os.path.abspath(os.environ["CEPD"])
LIMIT_S = 120
ROWS = 200000

PROGRAM = """stream a (k string, v int, at timestamp) from file (path = 'a.ndjson') format json event time at watermark delay 500 ms;
pattern p from a partition by k match x -> y define x as v < 10, y as v > 80 within 10 min
measures k as k, x.v as x, y.v as y, match_end() as e;
sink p to file (path = 'out.csv', append = false) format csv;
"""


def cepd(*args, cwd):
    done = subprocess.run([CEPD, *args], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, f"cepd {' '.join(args)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


def write_input(folder):
    (folder / "p.pattern").write_text(PROGRAM)
    with open(folder / "a.ndjson", "w") as f:
        for i in range(ROWS):
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1700000000 + i // 10))
            f.write(f'{{"k":"k{i * 7919 % 1000}","v":{(i * 2654435761 >> 7) % 100},"at":"{at}.{i % 10}00Z"}}\n')


def output(folder):
    return sorted((folder / "out.csv").read_text().splitlines())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    def __init__(self, folder, workers):
        self.folder, self.processes = folder, []
        self.url = f"http://127.0.0.1:{free_port()}"
        self.address = f"127.0.0.1:{free_port()}"
        self.start("coordinator", "--state-dir", "state", "--http", self.url[len("http://"):], "--coordinator-address",
                   self.address, "--heartbeat-interval", "200 ms", "--heartbeat-timeout", "5 s")
        self.workers = [self.start("worker", "--coordinator", self.address, "--slots", "2") for _ in range(workers)]
        self.wait(lambda: len(json.loads(self.ask("workers", "--json") or "{}").get("taskmanagers", [])) == workers)

    def start(self, *args):
        log = open(self.folder / f"{len(self.processes)}.log", "w")
        self.processes.append(subprocess.Popen([CEPD, *args], cwd=self.folder, stdout=log, stderr=log))
        return self.processes[-1]

    def ask(self, *args):
        done = subprocess.run([CEPD, *args, "--coordinator", self.url], cwd=self.folder, capture_output=True, text=True,
                              timeout=LIMIT_S)
        return done.stdout

    def wait(self, until):
        end = time.monotonic() + LIMIT_S
        while not until():
            assert time.monotonic() < end, "\n".join(p.read_text() for p in sorted(self.folder.glob("*.log")))
            time.sleep(0.05)

    def state(self):
        jobs = json.loads(self.ask("jobs", "--json") or "{}").get("jobs", [])
        return (jobs[0].get("state") or jobs[0].get("status")) if jobs else None

    def stop(self):
        for p in self.processes:
            p.kill()
            p.wait()


def run(folder, disturb):
    write_input(folder)
    cepd("run", "p.pattern", cwd=folder)
    want = output(folder)
    (folder / "out.csv").unlink()
    assert len(want) > 1000
    cluster = Cluster(folder, 3)
    try:
        cluster.ask("submit", "p.pattern", "--parallelism", "3", "--checkpoint-interval", "100 ms", "--restart-delay", "100 ms")
        disturb(cluster)
        cluster.wait(lambda: cluster.state() in ("FINISHED", "FAILED", "CANCELLED"))
        assert cluster.state() == "FINISHED", cluster.state()
        assert output(folder) == want, f"{len(output(folder))} rows, not {len(want)}"
    finally:
        cluster.stop()


def test_a_job_on_three_workers_writes_what_one_process_writes(folder):
    run(folder, lambda cluster: None)


def test_a_worker_that_is_killed_changes_nothing_in_what_sinks_hold(folder):
    run(folder, lambda cluster: cluster.workers[0].send_signal(signal.SIGKILL))


def main():
    only = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "-k" else ""
    failed = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_") or only not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
            try:
                test(pathlib.Path(folder))
                print(f"ok   {name}")
            except Exception:
                failed += 1
                print(f"FAIL {name}\n{traceback.format_exc()}")
    return 1 if failed else 0


sys.exit(main())
