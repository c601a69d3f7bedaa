#!/usr/bin/env python3
"""Pattern cases: each folder below tests/patterns/cases/ is a run of the program and what must come of it.

    case.pattern, other files    copied to a scratch folder, where the program is started
    cmd                          its arguments, one line as a shell reads it (default: run case.pattern)
    stdin                        its standard input (default: nothing)
    expect.status                exit status (default: 0)
    expect/stdout, stderr        its exact output; without one that output is not compared
    expect/NAME                  a file it writes. *.ndjson: the same objects, in any order

Usage: cases.py [-k TEXT] [--accept]. --accept writes what came into expect/ for the files that are there: look at
the difference before you commit it. Prints what fell short and a closing line "N passed, N failed".
"""
import concurrent.futures
import difflib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

OURS = {"cmd", "stdin", "expect.status", "expect"}
TIME_LIMIT_S = 60


def objects(text):
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in text.splitlines() if line.strip())


def difference(name, want, got):
    if name.endswith(".ndjson"):
        try:
            want, got = "\n".join(objects(want)), "\n".join(objects(got))
        except ValueError as broken:
            return f"{name}: not JSON: {broken}"
    if want == got:
        return None
    lines = difflib.unified_diff(want.splitlines(), got.splitlines(), f"expected {name}", f"got {name}", lineterm="", n=2)
    return "\n".join(list(lines)[:60])


def run(cepd, case, accept):
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        for entry in case.iterdir():
            if entry.name in OURS:
                continue
            if entry.is_dir():
                shutil.copytree(entry, work / entry.name)
            else:
                shutil.copyfile(entry, work / entry.name)
        cmd = (case / "cmd").read_text() if (case / "cmd").exists() else "run case.pattern"
        stdin = (case / "stdin").read_bytes() if (case / "stdin").exists() else b""
        status = int((case / "expect.status").read_text()) if (case / "expect.status").exists() else 0
        try:
            done = subprocess.run(
                [cepd, *shlex.split(cmd)], cwd=work, input=stdin, capture_output=True, timeout=TIME_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return [f"no end after {TIME_LIMIT_S} s"]
        outputs = {"stdout": done.stdout.decode(errors="replace"), "stderr": done.stderr.decode(errors="replace")}
        bad = []
        if done.returncode != status:
            bad.append(f"exit status {done.returncode}, not {status}\n{outputs['stderr'][-2000:]}")
        expected = case / "expect"
        for path in sorted(p for p in expected.rglob("*") if p.is_file()) if expected.exists() else []:
            name = str(path.relative_to(expected))
            if name in outputs:
                got = outputs[name]
            elif (work / name).exists():
                got = (work / name).read_text(errors="replace")
            else:
                bad.append(f"{name} was not written")
                continue
            wrong = difference(name, path.read_text(), got)
            if wrong and accept:
                path.write_text(got)
            elif wrong:
                bad.append(wrong)
        return bad


def main():
    args = sys.argv[1:]
    accept = "--accept" in args
    only = args[args.index("-k") + 1] if "-k" in args else ""
    cepd = os.environ["CEPD"]
    root = pathlib.Path(__file__).resolve().parent / "cases"
    cases = [p for p in sorted(root.iterdir()) if p.is_dir() and only in p.name] if root.exists() else []
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for case, bad in zip(cases, pool.map(lambda c: run(cepd, c, accept), cases)):
            if bad:
                failed += 1
                print(f"FAILED: {case.name}")
                for text in bad:
                    print("    " + text.replace("\n", "\n    "))
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


sys.exit(main())
