#!/usr/bin/env python3
"""Writes fuzz/restore.in and fuzz/part.in: what jobs of the program in restore_fuzz.c saved at some moments.

Usage: CEPD=build/cepd fuzz/restore_seed.py

restore.in/job-meta-N are of programs whose META had version N: they stay as they are.
"""
import os
import pathlib
import re
import subprocess
import tempfile
import time

CEPD = os.path.abspath(os.environ["CEPD"])
HERE = pathlib.Path(__file__).resolve().parent


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def save(folder, parallelism, seconds):
    """Runs the job for a while and stops it. Returns: the parts of its savepoint."""
    text = re.search(r"program\[\] =\n(.*?);\n\n", (HERE / "restore_fuzz.c").read_text(), re.S).group(1)
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace("\\n", "\n").replace("rows = 40", "rate = 300")
    (folder / "p.pattern").write_text(text)
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--http", "127.0.0.1:0", "--parallelism", str(parallelism)], cwd=folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in job.stderr:
        found = re.search(r"port (\d+)", line)
        if found:
            break
    time.sleep(seconds)
    done = subprocess.run([CEPD, "stop", "p", "sp", "--coordinator", f"http://127.0.0.1:{found.group(1)}"], cwd=folder,
                          capture_output=True, text=True, check=True)
    job.communicate()
    return [p.read_bytes() for p in sorted(pathlib.Path(done.stdout.strip()).glob("part-*"))]


def main():
    for name in ("restore.in", "part.in"):
        (HERE / name).mkdir(exist_ok=True)
    for i, (parallelism, seconds) in enumerate([(1, 0.05), (1, 0.4), (2, 0.3), (1, 1.0)]):
        with tempfile.TemporaryDirectory() as folder:
            parts = save(pathlib.Path(folder), parallelism, seconds)
            (HERE / "restore.in" / f"job-{i}").write_bytes(b"".join(varint(len(p)) + p for p in parts))
            for k, part in enumerate(parts if i == 1 else []):
                (HERE / "part.in" / f"part-{k}").write_bytes(part)
                (HERE / "restore.in" / f"one-{k}").write_bytes(varint(len(part)) + part)
    (HERE / "part.in" / "cut").write_bytes(parts[0][:-5])
    (HERE / "part.in" / "empty").write_bytes(b"")
    (HERE / "restore.in" / "empty").write_bytes(b"")


main()
