#!/usr/bin/env python3
"""A cluster on this machine: two workers against one process with as many subtasks, bytes on the wire of an event, the gap that a killed
worker leaves, and how long a submission takes until the job runs.

Usage: cluster_bench.py CEPD [EVENTS [throughput|wire|kill|submit ...]]. CPU time is that of all the cluster's processes; the best of three runs counts, the median where times
by the clock are told.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CEPD = os.path.abspath(sys.argv[1])
EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
os.environ["CEPD"] = CEPD
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "cluster"))
from cluster_kit import Cluster  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS = "(id int, card string, amount double, country string, at timestamp)"
MADE = """stream payments {columns}
from generate (rows = {rows}, rate = {rate}, seed = 7, start = '2026-01-01 00:00:00', step = 1 ms, id = 'sequence', card = 'key c 10000',
  amount = 'uniform 0 1000', country = 'pick DE|FR|BR|US')
event time at watermark delay {delay};
"""
READ = "stream payments {columns} from file (path = 'in.csv') format csv event time at watermark delay 1 s;\n"
THREE = """pattern p from payments partition by card match a -> b -> c
define a as amount < 10, b as amount > 990, c as amount > 990 and country <> a.country
within 10 min measures card as card, a.id as first, c.amount as amount, c.at as at;
sink p to file (path = '{out}', append = false) format json;
"""
OFTEN = """pattern p from payments partition by card match a -> b
define a as amount < 500, b as amount > 500
within 10 min measures card as card, b.at as at;
sink p to file (path = 'often.ndjson', append = false) format json delivery at least once;
"""


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def one_process(folder, name):
    begun = time.monotonic()
    process = subprocess.Popen([CEPD, "run", name, "--parallelism", "2", "--state-dir", "one", "--fresh", "--checkpoint-interval", "1 s"],
                               cwd=folder, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(said)
    return used.ru_utime + used.ru_stime, time.monotonic() - begun


def on_workers(cluster, name):
    pids = [p.pid for p in cluster.workers] + [cluster.coordinator.pid]
    before, begun = sum(map(cpu_of, pids)), time.monotonic()
    job = cluster.cepd("submit", name, "--parallelism", "2", "--checkpoint-interval", "1 s").stdout.strip()
    cluster.wait_state(job, "FINISHED")
    return sum(map(cpu_of, pids)) - before, time.monotonic() - begun


def best(run):
    return min((run() for _ in range(3)), key=lambda r: r[0])


def throughput(folder):
    (folder / "made.pattern").write_text(MADE.format(columns=COLUMNS, rows=EVENTS, rate=0, delay="1 s") + THREE.format(out="made.ndjson"))
    (folder / "read.pattern").write_text(READ.format(columns=COLUMNS) + THREE.format(out="read.ndjson"))
    (folder / "in.pattern").write_text(MADE.format(columns=COLUMNS, rows=EVENTS, rate=0, delay="1 s") +
                                       "sink payments to file (path = 'in.csv', append = false) format csv;\n")
    subprocess.run([CEPD, "run", "in.pattern"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    print(f"{EVENTS} events, three steps by card, parallelism 2, a checkpoint every second", flush=True)
    print(f"{'':24s} {'M events/s of CPU':>18s} {'M events/s by clock':>20s} {'CPU, of one process':>20s}")
    for what, name in (("made up", "made.pattern"), ("from a CSV file", "read.pattern")):
        one = best(lambda: one_process(folder, name))
        with Cluster(folder, workers=2, slots=1) as cluster:
            two = best(lambda: on_workers(cluster, name))
        for who, (cpu, wall) in (("one process", one), ("two workers", two)):
            print(f"{what:16s} {who:12s} {EVENTS / cpu / 1e6:13.2f} {EVENTS / wall / 1e6:20.2f} {cpu / one[0]:20.2f}", flush=True)


def wire(folder):
    print("\nrows between two workers: the same, of one run\n"
          f"{'':8s} {'bytes an event':>15s} {'bytes a row on the wire':>25s} {'rows on the wire':>18s} {'frames':>8s}")
    for codec in ("none", "lz4", "zstd"):
        os.environ["CEPD_WIRE_COMPRESSION"] = codec
        with Cluster(folder, workers=2, slots=1) as cluster:
            on_workers(cluster, "made.pattern")
            time.sleep(1.5)  # it is told every second
            sums = [w["wire"] for w in cluster.get("/taskmanagers")["taskmanagers"]]
            total = {k: sum(w[k] for w in sums) for k in ("bytes-out", "rows-out", "frames-out")}
        print(f"{codec:8s} {total['bytes-out'] / EVENTS:15.2f} {total['bytes-out'] / max(1, total['rows-out']):25.2f} "
              f"{total['rows-out']:18d} {total['frames-out']:8d}", flush=True)
    del os.environ["CEPD_WIRE_COMPRESSION"]


def kill(folder):
    """From kill -9 to a row that was not there before, at 5,000 events/s; the slots of the one that is killed are free elsewhere."""
    (folder / "often.pattern").write_text(MADE.format(columns=COLUMNS, rows=0, rate=5000, delay="0 s") + OFTEN)
    took = []
    with Cluster(folder, workers=3, slots=1) as cluster:
        job = cluster.cepd("submit", "often.pattern", "--parallelism", "2", "--checkpoint-interval", "500 ms", "--restart-strategy",
                           "fixed-delay", "--restart-delay", "0 ms", "--restart-attempts", "1000").stdout.strip()
        cluster.wait_state(job, "RUNNING")
        for i in range(9):
            cluster.wait_checkpoints(job, 2)
            used = [w["pid"] for w in cluster.get("/taskmanagers")["taskmanagers"] if w["freeSlots"] == 0]
            victim = [p.pid for p in cluster.workers].index(used[i % len(used)])
            restarts = cluster.get(f"/jobs/{job}/checkpoints")["counts"]["restarts"]
            begun = time.monotonic()
            cluster.kill_worker(victim)
            while cluster.get(f"/jobs/{job}/checkpoints")["counts"]["restarts"] == restarts:
                time.sleep(0.002)
            size = (folder / "often.ndjson").stat().st_size
            while (folder / "often.ndjson").stat().st_size <= size:
                time.sleep(0.002)
            took.append((time.monotonic() - begun) * 1000)
            cluster.wait(lambda: len(cluster.get("/taskmanagers")["taskmanagers"]) == 3)
        cluster.cepd("cancel", job)
        cluster.wait_state(job, "CANCELED")
    print(f"\nkill -9 of a worker until the next row is written: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms, of {len(took)}")


def submit(folder):
    said, running = [], []
    with Cluster(folder, workers=2, slots=1) as cluster:
        for _ in range(11):
            begun = time.time()
            job = cluster.cepd("submit", "often.pattern", "--parallelism", "2").stdout.strip()
            said.append((time.time() - begun) * 1000)
            cluster.wait_state(job, "RUNNING")
            running.append(cluster.get(f"/jobs/{job}")["timestamps"]["RUNNING"] - begun * 1000)
            cluster.cepd("cancel", job)
            cluster.wait_state(job, "CANCELED")
    print(f"cepd submit until the job runs on two workers: median {statistics.median(running):.0f} ms, longest {max(running):.0f} ms; "
          f"the command itself {statistics.median(said):.0f} ms")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        for part in (throughput, wire, kill, submit):
            if len(sys.argv) < 4 or part.__name__ in sys.argv[3:]:
                part(folder)


main()
