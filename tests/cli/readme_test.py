#!/usr/bin/env python3
"""The tour of ten minutes in README.md does what the page says: its sh blocks are run one after the other, as a reader would paste
them, and each text block is what the block before it prints.

Usage: readme_test.py [--accept]. --accept writes what came into README.md: look at the difference before you commit it.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

README = pathlib.Path(os.environ["CEP_SRCDIR"]) / "README.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.M | re.S)
LIMIT_S = 60


def comparable(text):
    """Without what differs from run to run: how long it took."""
    return re.sub(r"in \d+\.\d\d s( \([^)]*\))?", "in T", text)


def main():
    accept = "--accept" in sys.argv
    page = README.read_text()
    tour, end = page.index("## A tour of ten minutes"), page.index("## A tour of a cluster")
    passed = failed = 0
    out, done, said = [page[:tour]], tour, ""
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "bin").mkdir()
        os.symlink(os.path.abspath(os.environ["CEPD"]), pathlib.Path(scratch) / "bin" / "cepd")
        env = {**os.environ, "PATH": f"{scratch}/bin:{os.environ['PATH']}"}
        cwd = pathlib.Path(scratch)
        for block in BLOCK.finditer(page, tour, end):
            kind, text = block.groups()
            if kind == "sh":
                if "--format svg" in text and not shutil.which("dot"):
                    text = "".join(line for line in text.splitlines(True) if "--format svg" not in line)
                # timeout(1) sends SIGCONT behind its signal; when that meets the leak sanitizer stopping the program at its end,
                # it takes the stop back and both wait for ever. In the foreground it sends the signal alone.
                text = text.replace("timeout -s", "timeout --foreground -s")
                run = subprocess.run(["sh", "-c", text], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, timeout=LIMIT_S, check=False)
                said = run.stdout
                if re.search(r"^mkdir (\w+) && cd \1$", text, re.M):
                    cwd = cwd / re.search(r"^mkdir (\w+)", text, re.M).group(1)
            elif comparable(text) == comparable(said):
                passed += 1
            elif accept:
                out.append(page[done:block.start(2)] + said)
                done = block.end(2)
            else:
                failed += 1
                print(f"FAILED: the page says\n{text}and it was\n{said}")
    if accept:
        README.write_text("".join(out) + page[done:])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or (not accept and not passed) else 0


sys.exit(main())
