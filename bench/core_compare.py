#!/usr/bin/env python3
"""The same query over the same stream on CORE and here: matches are compared first, then time.

CORE is the engine of Bucchi, Grez, Quintana, Riveros and Vansummeren, "CORE: a Complex Event Recognition Engine", PVLDB
15(9), 2022. It is not part of this project: build it yourself and name its `offline` program.

    core_compare.py --core /path/to/offline [--cepd ./cepd] [--events N] [--only NAME]... [--check]
    CORE_OFFLINE=/path/to/offline make bench

Each case is a query of CORE's own kind: sequences of skip-till-any steps, Kleene plus over them, partitions, windows.
A ; B in CORE is a ->> b here, B+ is b+ combinations, CONSUME BY NONE is no skip, WITHIN n [at] (its start is younger than
n) is within n s, LIMIT n is limit n matches.

1. On small streams without a limit both give all matches, and these must be the same sets of events, as often.
2. On a long stream the number of matches must be the same.
3. Only then time: the processor time of CORE's evaluating thread from the moment when it has read its file to its end (reading is left out),
   and ours of the whole program and, beside it, less what the same program takes to read the same file for nothing.

A difference in 1 or 2 is told and makes the status 1. Without CORE nothing is run and the status is 0.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading

SECONDS = 60  # of processor time, for a program over the long stream
MEMORY = "2g"

Case = collections.namedtuple("Case", "name steps weights within keys limit")
"""steps: (type, is Kleene plus); weights: type -> share of the long stream; within: in events; limit: of matches an event."""


def sequence(n, within=1000, keys=0, end=10_000):
    weights = {f"T{i}": 1.0 / (n - 1) for i in range(n - 1)}
    weights["END"] = 1.0 / end
    return [(f"T{i}", False) for i in range(n - 1)] + [("END", False)], weights, within, keys


def kleene(start, loop, within=1000):
    weights = {"A": start, "B": loop, "NOISE": max(0.0, 1 - start - loop), "END": 1e-4}
    return [("A", False), ("B", True), ("END", False)], weights, within, 0


CASES = [Case(name, *made, 0) for name, made in [
    ("sequence of 3", sequence(3)), ("sequence of 6", sequence(6)), ("sequence of 9", sequence(9)),
    ("sequence of 12", sequence(12)), ("sequence of 24", sequence(24)),
    ("sparse Kleene", kleene(0.01, 0.02)), ("dense Kleene", kleene(0.05, 0.95)),
    ("window of 100", sequence(3, 100)), ("window of 10,000", sequence(3, 10_000)),
    ("window of 100,000", sequence(3, 100_000)),
    ("5,000 partitions, 100", sequence(3, 100, 5000, 100)), ("5,000 partitions, 1,000", sequence(3, 1000, 5000, 100)),
    ("5,000 partitions, 10,000", sequence(3, 10_000, 5000, 100)),
]]


# -- the stream, one file for both ----------------------------------------------------------------------------------------

def write_stream(path, case, events, seed, keys, in_turn=0.0):
    """in_turn: the share of events that follow the order of the steps, so that long sequences are found in short streams."""
    rnd = random.Random(seed)
    kinds = rnd.choices(list(case.weights), weights=list(case.weights.values()), k=events)
    if in_turn:
        kinds = [case.steps[i % len(case.steps)][0] if rnd.random() < in_turn else kind for i, kind in enumerate(kinds)]
    with open(path, "w", encoding="utf-8") as f:
        f.write("event_type,id,k,at\n")
        f.writelines(f"{kind},{i},{rnd.randrange(keys) if keys else 0},{i}\n" for i, kind in enumerate(kinds, 1))


# -- CORE --------------------------------------------------------------------------------------------------------------------

def core_query(case, within, limit):
    steps = "; ".join(f"{kind} as v{i}" if not loop else f"({kind} as v{i})+" for i, (kind, loop) in enumerate(case.steps))
    partition = "PARTITION BY [k]\n" if case.keys else ""
    end = f"\nLIMIT {limit}" if limit else ""
    return f"SELECT * FROM S\nWHERE ({steps})\n{partition}WITHIN {within} [at]\nCONSUME BY NONE{end}\n"


def core_declaration(case):
    events = ",\n".join(f"EVENT {kind} {{ id:int, k:int, at:int }}" for kind in case.weights)
    return f"CREATE STREAM S {{\n{events}\n}}\n"


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


class MainThread(threading.Thread):
    """Processor time of a process's first thread: CORE evaluates there, its logger's thread shall not count against it."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.seconds, self.ended = f"/proc/{pid}/task/{pid}/schedstat", 0.0, threading.Event()

    def look(self):
        try:
            with open(self.path, encoding="ascii") as f:
                self.seconds = max(self.seconds, int(f.read().split()[0]) / 1e9)
        except (OSError, IndexError, ValueError):
            pass  # it is gone: what was seen last counts
        return self.seconds

    def run(self):
        while not self.ended.wait(0.01):
            self.look()


class Core:
    def __init__(self, path):
        self.path = os.path.abspath(path)
        said = subprocess.run([self.path, "--help"], capture_output=True, text=True, timeout=30, check=False)
        self.has_options = "--query" in said.stdout + said.stderr

    def command(self, folder):
        files = [str(folder / name) for name in ("query", "declaration", "stream.csv")]
        if not self.has_options:
            return [self.path, *files]
        router, listener, first = free_ports(3)
        return [self.path, "-q", files[0], "-d", files[1], "-c", files[2], "-r", str(router), "-s", str(listener), "-sp", str(first)]

    def run(self, folder, keep):
        """Returns: matches (as tuples of event ids, or their number), seconds after reading, peak bytes."""
        matches, n, mark = [], 0, None
        with subprocess.Popen(self.command(folder), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
            timer = threading.Timer(SECONDS * 4, p.kill)
            timer.start()
            watch = MainThread(p.pid)
            watch.start()
            for line in p.stdout:
                if line.startswith("Read events"):
                    mark = watch.look()
                elif line.startswith("Exception"):
                    raise RuntimeError("CORE: " + line.strip())
                elif line.startswith("[") and "attributes" in line:
                    n += 1
                    if keep:
                        matches.append(tuple(sorted(int(a.split()[0]) for a in re.findall(r"attributes: \[([^\]]*)\]", line))))
            _, status, usage = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            timer.cancel()
            watch.ended.set()
        if p.returncode != 0 or mark is None:
            raise RuntimeError(f"CORE ended with status {p.returncode}" + ("" if mark else " before it had read its file"))
        return (matches if keep else n), max(watch.seconds - mark, 1e-3), usage.ru_maxrss * 1024


# -- here --------------------------------------------------------------------------------------------------------------------

STREAM = """stream s (event_type string, id int, k int, at timestamp)
from file (path = 'stream.csv') format csv (timestamp_format = 'epoch_s') event time at watermark ascending;
"""


def our_pattern(case, within, limit, keep):
    match = " ->> ".join(f"v{i}+ combinations" if loop else f"v{i}" for i, (_, loop) in enumerate(case.steps))
    define = ", ".join(f"v{i} as event_type = '{kind}'" for i, (kind, _) in enumerate(case.steps))
    measures = ", ".join(f"array(v{i}.id) as v{i}" for i in range(len(case.steps))) if keep else "match_start() as s"
    partition = "partition by k " if case.keys else ""
    end = f"limit {limit} matches " if limit else ""
    return (f"{STREAM}pattern p from s {partition}match {match}\ndefine {define}\nwithin {within} s after match no skip {end}"
            f"measures {measures};\nsink p to file (path = 'ours.ndjson', append = false) format json;\n")


def our_reading():
    return STREAM + "stream none as select id from s where id < 0;\nsink none to file (path = 'none.ndjson', append = false) format json;\n"


def run_ours(cepd, folder, text):
    (folder / "ours.pattern").write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    def bounds():
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    done = subprocess.run([cepd, "run", "--state-memory", MEMORY, "ours.pattern"], cwd=folder, capture_output=True, text=True,
                          preexec_fn=bounds, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"more than {SECONDS} s"])[-1]
        raise RuntimeError(f"cepd: {why}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def our_matches(folder, keep):
    with open(folder / "ours.ndjson", encoding="utf-8") as f:
        if not keep:
            return sum(1 for _ in f)
        return [tuple(sorted(i for ids in json.loads(line).values() for i in ids)) for line in f]


# -- comparing ---------------------------------------------------------------------------------------------------------------

def small_case(case):
    """The case's query for short streams, in which ends are frequent."""
    within = 14 if any(loop for _, loop in case.steps) else 8 + 2 * len(case.steps)
    return case._replace(weights={kind: 1.0 for kind in case.weights}, within=within, keys=3 if case.keys else 0, limit=0)


def compare_small(core, cepd, folder, case):
    found = 0
    for seed in range(3):
        small = small_case(case)
        events = 60 + 5 * len(case.steps)
        write_stream(folder / "stream.csv", small, events, seed, small.keys, 0.3 if len(case.steps) < 6 else 0.9)
        (folder / "query").write_text(core_query(small, small.within, 0))
        (folder / "declaration").write_text(core_declaration(small))
        theirs = collections.Counter(core.run(folder, True)[0])
        run_ours(cepd, folder, our_pattern(small, small.within, 0, True))
        ours = collections.Counter(our_matches(folder, True))
        found += sum(ours.values())
        if ours != theirs:
            only = [f"{name}: {list((x - y).elements())[:5]}" for name, x, y in
                    (("only CORE", theirs, ours), ("only here", ours, theirs)) if x - y]
            print(f"{case.name}: the matches DIFFER on {events} events (seed {seed}, {sum(theirs.values())} and "
                  f"{sum(ours.values())}): " + "; ".join(only))
            return None
    return found


def compare_long(core, cepd, folder, case, events):
    write_stream(folder / "stream.csv", case, events, 7, case.keys)
    (folder / "query").write_text(core_query(case, case.within, case.limit))
    (folder / "declaration").write_text(core_declaration(case))
    theirs, their_seconds, their_bytes = core.run(folder, False)
    reading = run_ours(cepd, folder, our_reading())
    try:
        seconds = run_ours(cepd, folder, our_pattern(case, case.within, case.limit, False))
    except RuntimeError as e:
        print(f"{case.name:26s} CORE {events / their_seconds / 1e6:7.3f} M events/s, {theirs} matches, "
              f"{their_bytes / 1e6:.0f} MB; here it did not end: {e}")
        return True
    ours = our_matches(folder, False)
    if ours != theirs:
        print(f"{case.name}: the number of matches DIFFERS on {events} events: CORE {theirs}, here {ours}")
        return False
    matching = max(seconds - reading, 1e-3)
    print(f"{case.name:26s} CORE {events / their_seconds / 1e6:7.3f} M events/s {their_bytes / 1e6:6.0f} MB   "
          f"here {events / seconds / 1e6:7.3f} with reading ({their_seconds / seconds:5.1f} times), "
          f"{events / matching / 1e6:8.3f} without ({their_seconds / matching:6.1f} times)   {ours} matches", flush=True)
    return True


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--core", default=os.environ.get("CORE_OFFLINE"), help="CORE's offline program (or CORE_OFFLINE)")
    ap.add_argument("--cepd", default="./cepd")
    ap.add_argument("--events", type=int, default=1_000_000, help="of the long stream")
    ap.add_argument("--limit", type=int, default=10, help="matches an event may complete, on the long stream; 0: all of them")
    ap.add_argument("--only", action="append", help="a case's name, or how it begins")
    ap.add_argument("--check", action="store_true", help="compare matches on the small streams alone")
    args = ap.parse_args()
    if not args.core:
        print("CORE is not here: name its offline program by --core or CORE_OFFLINE to compare")
        return 0
    core, cepd, ok = Core(args.core), os.path.abspath(args.cepd), True
    cases = [c._replace(limit=args.limit) for c in CASES if not args.only or any(c.name.startswith(o) for o in args.only)]
    compared = {}  # queries that differ in their window or keys alone are compared once
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        for case in cases:
            query = (tuple(case.steps), bool(case.keys))
            try:
                if query not in compared:
                    compared[query] = compare_small(core, cepd, folder, case)
                found = compared[query]
                ok &= found is not None
                if found is None:
                    continue
                if args.check:
                    print(f"{case.name:26s} the same {found} matches on small streams", flush=True)
                else:
                    ok &= compare_long(core, cepd, folder, case, args.events)
            except RuntimeError as e:
                print(f"{case.name}: {e}", flush=True)
                ok = False
    return 0 if ok else 1


sys.exit(main())
