#!/usr/bin/env python3
"""Compiled operators in the real program: the example built by its Makefile, at any parallelism, through stops; libraries that do not fit.

Each test is a function named test_*; it gets a scratch folder. Usage: operator_test.py [-k TEXT].
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests  # noqa: E402

SRC = pathlib.Path(os.environ["CEP_SRCDIR"]).resolve()
CC = os.environ.get("CC", "cc")
BASE_MS = 1767261600000  # 2026-01-01T10:00:00Z
STABLE_MS = 10000

PROGRAM = """stream readings (device string, state string, at timestamp)
from file (path = 'in.ndjson', follow = FOLLOW) format json (timestamp_format = 'epoch_ms') event time at watermark delay 2 s;
stream steady (device string, state string, since timestamp, flaps int)
as process './libdebounce.so' (stable = 10 s) from readings partition by device;
stream short as select device, state, lasted from steady.flaps where lasted < 5 s;
sink steady to file (path = 'steady.ndjson') format json;
sink short to file (path = 'short.ndjson') format json;
sink steady.errors to file (path = 'errors.ndjson') format json;
"""
SINKS = ("steady.ndjson", "short.ndjson", "errors.ndjson")


def build(folder):
    done = subprocess.run(["make", "-s", f"CC={CC}", f"CEP_CFLAGS=-I{SRC}/include", f"OUT={folder}", "CFLAGS=-O1 -Werror"],
                          cwd=SRC / "examples/operators", capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


def cepd(folder, *args, status=0):
    done = subprocess.run([CEPD, *args], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def readings(n, seed, devices=11):
    """In order of time but for what the watermark's delay allows."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        state = None if rng.random() < 0.01 else rng.choice(["on", "off", "on", "open"])
        rows.append({"device": f"d{rng.randrange(devices)}", "state": state, "at": BASE_MS + i * 997 - rng.randrange(1500)})
    return rows


def expected(rows):
    """The same by hand: each device's readings in order of time, ties in order of arrival."""
    steady, short, errors = [], [], 0
    by_device = {}
    for place, r in enumerate(rows):
        by_device.setdefault(r["device"], []).append((r["at"], place, r["state"]))
    for device, seen in by_device.items():
        current, since, told, flaps = None, 0, True, 0

        def lasts(until):
            nonlocal told, flaps
            if not told and since + STABLE_MS < until:
                steady.append((device, current, since, flaps))
                told, flaps = True, 0

        for at, _, state in sorted(seen):
            lasts(at)
            if state is None:
                errors += 1
            elif state != current:
                if current is not None and at - since < STABLE_MS:
                    flaps += 1
                    if at - since < 5000:
                        short.append((device, current, at - since))
                elif not told:  # it lasted to this very moment: the timer comes after the row
                    pass
                current, since, told = state, at, False
        lasts(1 << 62)
    return sorted(steady), sorted(short), errors


def write(folder, rows, mode="w"):
    with open(folder / "in.ndjson", mode) as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + (f".{ms % 1000:03d}" if ms % 1000 else "") + "Z"


def lines(path):
    return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


def duration_ms(text):
    units = {"ms": 1, "s": 1000, "min": 60000, "h": 3600000}
    return sum(int(n) * units[u] for n, u in re.findall(r"(\d+) (ms|s|min|h)\b", text))


def compare(folder, rows):
    steady, short, errors = expected(rows)
    got = sorted((r["device"], r["state"], r["since"], r["flaps"]) for r in lines(folder / "steady.ndjson"))
    assert got == [(d, s, stamp(t), n) for d, s, t, n in steady], f"{len(got)} and {len(steady)} rows"
    got = sorted((r["device"], r["state"], duration_ms(r["lasted"])) for r in lines(folder / "short.ndjson"))
    assert got == short, f"{len(got)} and {len(short)} rows"
    assert len(lines(folder / "errors.ndjson")) == errors
    assert len(steady) > 20 and len(short) > 100 and errors > 3


def test_the_example_passes_its_own_tests(folder):
    build(folder)
    shutil.copy(SRC / "examples/operators/debounce.pattern", folder)
    assert "1 passed, 0 failed" in cepd(folder, "test", "debounce.pattern").stdout
    assert cepd(folder, "fmt", "debounce.pattern").stdout == (folder / "debounce.pattern").read_text()


def test_results_are_those_by_hand_at_any_parallelism(folder):
    build(folder)
    rows = readings(3000, 1)
    write(folder, rows)
    (folder / "p.pattern").write_text(PROGRAM.replace("FOLLOW", "false"))
    for n in (1, 2, 4):
        for s in SINKS:
            (folder / s).unlink(missing_ok=True)
        done = cepd(folder, "run", "p.pattern", "--parallelism", str(n))
        compare(folder, rows)
        assert "its library rejected" in done.stderr and "a reading without a state" in done.stderr, done.stderr


def stopped_after(folder, n_rows, *args):
    """Runs until the sinks have not moved for a while, then stops it with a last checkpoint."""
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--state-dir", "state", *args], cwd=folder, stderr=subprocess.PIPE, text=True)
    sizes, until = None, time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        time.sleep(0.3)
        now = [(folder / s).stat().st_size if (folder / s).exists() else 0 for s in SINKS]
        if now == sizes and any(now):
            break
        sizes = now
    job.send_signal(signal.SIGTERM)
    said = job.communicate(timeout=LIMIT_S)[1]
    assert job.returncode in (0, 143), said
    return said


def test_stops_and_another_parallelism_change_nothing(folder):
    build(folder)
    rows = readings(3000, 2)
    (folder / "p.pattern").write_text(PROGRAM.replace("FOLLOW", "true"))
    for i, (first, last, parallelism) in enumerate(((0, 900, 1), (900, 1700, 3), (1700, 3000, 2))):
        write(folder, rows[first:last], "a")
        stopped_after(folder, last, "--parallelism", str(parallelism), *(["--restore", "latest"] if i else []))
    checkpoint = sorted((folder / "state").glob("**/MANIFEST"))[-1].parent
    shown = cepd(folder, "state", "show", str(checkpoint), "--json").stdout
    ops = {o["name"]: o for o in json.loads(shown)["operators"] if o["kind"] == "process"}
    assert ops["steady"]["keys"] == 11, ops
    (folder / "p.pattern").write_text(PROGRAM.replace("FOLLOW", "false"))
    cepd(folder, "run", "p.pattern", "--state-dir", "state", "--restore", "latest")
    compare(folder, rows)


def library(folder, name, source, *flags):
    (folder / f"{name}.c").write_text(source)
    done = subprocess.run([*CC.split(), "-std=gnu17", "-shared", "-fPIC", f"-I{SRC}/include", *flags, "-o", f"lib{name}.so", f"{name}.c"],
                          cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


def test_libraries_that_do_not_fit_are_mistakes_with_a_place(folder):
    probe = (SRC / "tests/runtime/lib/probe.c").read_text()
    row = "static enum cep_rc row(void *s, struct cep_ctx *c, const struct cep_row *r) { (void)s; (void)c; (void)r; return CEP_OK; }\n"
    tail = "CEP_EXPORT const struct cep_library *cep_library(void) { return &library; }\n"
    library(folder, "newer", probe, "-DPROBE_ABI=9")
    library(folder, "plain", "int x;\n")
    library(folder, "empty", "#include <cep/operator.h>\nstatic const struct cep_library library = { CEP_LIBRARY, .name = \"e\" };\n" + tail)
    library(folder, "norow", "#include <cep/operator.h>\nstatic const struct cep_operator op;\n"
            "static const struct cep_library library = { CEP_LIBRARY, .op = &op };\n" + tail)
    library(folder, "side", "#include <cep/operator.h>\n" + row + "static const struct cep_side sides[] = { { \"late\", { 0, NULL } } };\n"
            "static const struct cep_operator op = { .sides = sides, .n_sides = 1, .row = row };\n"
            "static const struct cep_library library = { CEP_LIBRARY, .op = &op };\n" + tail)
    library(folder, "probe", probe)
    (folder / "libtext.so").write_text("no library\n")
    source = "stream s (k string, v int, at timestamp) from file (path = 'x') format json event time at watermark ascending;\n"
    for name, wanted in (("newer", "made for version 9 of the interface, this program has version 1"),
                         ("plain", "does not export cep_library()"), ("empty", "has no operator"),
                         ("norow", "its operator has no row()"), ("side", "its side output 0 has a name that is taken"),
                         ("text", "library \"libtext.so\": "), ("probe", "five columns, not 1"), ("gone", "No such file")):
        (folder / "p.pattern").write_text(source + f"stream p (n int) as process 'lib{name}.so' from s;\nsink p to stdout format json;\n")
        said = cepd(folder, "check", "p.pattern", status=1).stderr
        assert wanted in said and "p.pattern:2:29: error: library" in said, said
    (folder / "p.pattern").write_text(source + "stream p (k string, what string, n int, sum int, kept string)\nas process 'libprobe.so' "
                                      "(factor = 0, label = 3)\nfrom s;\nsink p to stdout format json;\n")
    said = cepd(folder, "check", "p.pattern", status=1).stderr
    assert "p.pattern:3:47: error: option \"label\" is string, not int" in said, said


def test_a_job_fails_when_its_library_says_so(folder):
    library(folder, "probe", (SRC / "tests/runtime/lib/probe.c").read_text())
    (folder / "p.pattern").write_text(
        "stream s (k string, v int, at timestamp) from file (path = 'in.ndjson') format json event time at watermark ascending;\n"
        "stream p (k string, what string, n int, sum int, kept string) as process 'libprobe.so' from s;\nsink p to stdout format json;\n")
    (folder / "in.ndjson").write_text('{"k":"a","v":-1,"at":"2026-01-01T10:00:00Z"}\n')
    said = cepd(folder, "run", "p.pattern", status=2).stderr
    assert 'stream "p": library "libprobe.so": told to' in said, said


run_tests(globals())
