#!/usr/bin/env python3
"""Nexmark: events a second of every query there is here, from NDJSON files to an NDJSON file, on one core.

nexmark.py CEPD NEXMARK_GEN [--events N] [--parallelism N] [--check] [q7 ...]

The time is the whole program's, start and writing included; of three runs the fastest. --check also holds the results against SQLite
(nexmark_judge.py), which takes long on many events.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import nexmark_judge  # noqa: E402

LIMIT_S = 600
INPUTS = ("bid", "auction", "person", "side")
PARTS = (10,)  # their output is a folder of part files


def queries(wanted=()):
    """Numbers of the queries there are."""
    found = sorted(int(re.fullmatch(r"q(\d+)", p.stem)[1]) for p in HERE.glob("q*.pattern"))
    return [q for q in found if not wanted or f"q{q}" in wanted]


def make(gen, folder, events):
    subprocess.run([gen, str(events), str(folder)], check=True, timeout=LIMIT_S)
    nexmark_judge.write_side(folder)


def inputs_of(query):
    text = (HERE / f"q{query}.pattern").read_text()
    return [i for i in INPUTS if f"'{i}s.pattern'" in text or f"{i}_file" in text]


def run(cepd, query, folder, parallelism=1):
    """Returns: the files that it wrote, wall and processor time in seconds."""
    out = pathlib.Path(folder) / f"q{query}.out"
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    if query in PARTS:
        out.mkdir()
    args = [cepd, "run", str(HERE / f"q{query}.pattern"), "--parallelism", str(parallelism), "--set",
            f"out={out}{'/' if query in PARTS else ''}"]
    for i in inputs_of(query):
        args += ["--set", f"{i}_file={pathlib.Path(folder) / f'{i}.ndjson'}"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(args, capture_output=True, text=True, timeout=LIMIT_S)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"q{query}: exit {done.returncode}\n{done.stderr}")
    files = sorted(p for p in out.rglob("*") if p.is_file()) if out.is_dir() else [out]
    return files, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count(folder, query):
    n = 0
    for i in inputs_of(query):
        with open(pathlib.Path(folder) / f"{i}.ndjson", "rb") as f:
            n += sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("cepd")
    p.add_argument("gen")
    p.add_argument("--events", type=int, default=500000)
    p.add_argument("--parallelism", type=int, default=1)
    p.add_argument("--check", action="store_true")
    p.add_argument("queries", nargs="*")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(args.gen, folder, args.events)
        db = nexmark_judge.load(folder) if args.check else None
        print(f"{'query':6} {'events':>9} {'out':>9} {'seconds':>8} {'cpu s':>7} {'events/s':>11} {'events/cpu s':>13}")
        for q in queries(args.queries):
            runs = [run(os.path.abspath(args.cepd), q, folder, args.parallelism) for _ in range(3)]
            files, wall, _ = min(runs, key=lambda r: r[1])
            cpu = min(r[2] for r in runs)
            n, out = count(folder, q), sum(f.read_bytes().count(b"\n") for f in files)
            print(f"q{q:<5} {n:9} {out:9} {wall:8.2f} {cpu:7.2f} {n / wall:11,.0f} {n / cpu:13,.0f}", flush=True)
            said = nexmark_judge.judge(db, q, files) if db else ""
            if said:
                sys.exit(f"q{q}: {said}")


if __name__ == "__main__":
    main()
