#!/usr/bin/env python3
"""The tour of a cluster in README.md does what the page says: its sh blocks are typed into one shell, one after the other, and each text
block is what the block before it prints, but for ids, times, rates and counts that differ from run to run.

Usage: walk_test.py [--accept]. --accept writes what came into README.md: look at the difference before you commit it.
"""
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, free_port  # noqa: E402

ROOT = pathlib.Path(os.environ.get("CEP_SRCDIR", ".")).absolute()
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.M | re.S)
LIMIT_S = 90

# What differs from run to run. Numbers that are the point of a step stand in words or in alerts, which are compared as they are.
VARYING = [
    (r'(?<!")\b[0-9a-f]{32}\b', "ID"), (r"\b[0-9a-f]{16}\b", "WORKER"), (r"worker [0-9a-f]{6}\b", "worker NAME"), (r"savepoint-\w+-\w+", "SAVEPOINT"),
    (r"(?<!\")20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"), (r'"/[^"]*/', '"DIR/'), (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"-?\d+(\.\d+)? (ms|s|min|h|d)\b( \d+ (s|min|h)\b)?", "SPAN"), (r"\d+(\.\d+)?( [kM])?/s", "RATE"), (r"\d+(\.\d+)? (B|KiB|MiB)\b", "SIZE"),
    (r"checkpoint \d+|\d+ complete", "N"), (r"(?m)^(events +)\d+", r"\1N"),
    # why a job failed: whoever saw it first
    (r"(?m)^(failed +TIME: ).*$", r"\1WHY"),
    (r"(?m)^(WORKER +)\S+( +)\d+", r"\1HOST\2PID"), (r" +", " "),
]


def comparable(text):
    for what, by in VARYING:
        text = re.sub(what, by, text)
    return text


class Shell:
    """Ended, and all that it started, when the block ends."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(["bash"], cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.buffer = b""

    def run(self, text):
        mark = b"--- the block is over ---\n"
        self.process.stdin.write(text.encode() + b"\necho '" + mark[:-1] + b"'\n")
        self.process.stdin.flush()
        until = time.monotonic() + LIMIT_S
        while mark not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise AssertionError(f"it is not over after {LIMIT_S} s, or the shell has ended:\n{text}\n{self.buffer.decode()}")
            self.buffer += more
        said, _, self.buffer = self.buffer.partition(mark)
        return said.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def end_cluster(folder):
    """A step has failed: what it started is ended by its folder, which no other process is in."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(folder):
                os.kill(int(entry.name), 9)
        except OSError:
            pass


def main():
    accept = "--accept" in sys.argv
    page = README.read_text(encoding="utf-8")
    tour = page.index("## A tour of a cluster")
    passed = failed = 0
    out, done, said = [page[:tour]], tour, ""
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "bin").mkdir()
        os.symlink(CEPD, pathlib.Path(scratch) / "bin" / "cepd")
        http = f"127.0.0.1:{free_port()}"
        env = {**os.environ, "PATH": f"{scratch}/bin:{os.environ['PATH']}", "EXAMPLES": str(ROOT / "examples"),
               "CEPD_COORDINATOR": f"http://{http}", "CEPD_HTTP_ADDRESS": http, "CEPD_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}"}
        with Shell(scratch, env) as shell:
            try:
                for block in BLOCK.finditer(page, tour):
                    kind, text = block.groups()
                    if kind == "sh":
                        said = shell.run(text.replace("cepd run", "CEPD_HTTP_ADDRESS= cepd run"))
                    elif comparable(text) == comparable(said):
                        passed += 1
                    elif accept:
                        out.append(page[done:block.start(2)] + said)
                        done = block.end(2)
                    else:
                        failed += 1
                        print(f"FAILED: the page says\n{comparable(text)}and it was\n{comparable(said)}")
            except AssertionError as e:
                failed += 1
                print(f"FAILED: {e}")
            finally:
                end_cluster(scratch)
    if accept:
        README.write_text("".join(out) + page[done:], encoding="utf-8")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or (not accept and not passed) else 0


sys.exit(main())
