#!/usr/bin/env python3
"""libcep as it is installed: `make install` below a folder, the example built against that with pkg-config, shared and static; symbols.

Each test is a function named test_*; it gets a scratch folder that holds the installation. Usage: embed_test.py [-k TEXT].
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import run_tests  # noqa: E402

SRC = pathlib.Path(os.environ["CEP_SRCDIR"]).resolve()
BUILD = pathlib.Path(os.environ["CEP_BUILDDIR"]).resolve()
CC = os.environ.get("CC", "cc")
LIMIT_S = 400
WANTED = """late: {"card":"c3","amount":9.0,"country":"DE","at":"2026-01-01T10:00:01Z"}
alert: card c1: 3 probes, then 900.0
1 late
"""


def run(*args, **more):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=LIMIT_S, **more)
    assert done.returncode == 0, f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def install(folder):
    """Returns: where the libraries and the headers are."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    run("make", "-s", "-C", BUILD, "install", f"DESTDIR={folder}", env=env)
    pc = next(folder.rglob("cep.pc"))
    return pc.parent.parent, pc


def pkg_config(folder, pc, *args):
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=str(folder))
    return run("pkg-config", *args, "cep", env=env).split()


def test_the_example_runs_with_what_is_installed(folder):
    lib, pc = install(folder)
    cflags, libs = pkg_config(folder, pc, "--cflags"), pkg_config(folder, pc, "--libs")
    headers = sorted(p.name for p in next(folder.rglob("cep.h")).parent.iterdir())
    assert headers == ["cep.h", "error.h", "operator.h", "value.h"], headers
    run("make", "-s", f"OUT={folder}", f"CC={CC}", "CFLAGS=-O1 -Werror", f"CEP_CFLAGS={' '.join(cflags)}", f"CEP_LIBS={' '.join(libs)}",
        cwd=SRC / "examples/embed")
    assert run(folder / "app", env=dict(os.environ, LD_LIBRARY_PATH=str(lib))) == WANTED
    exported = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", lib / "libcep.so").splitlines()}
    exported.discard("CEP_1")
    declared = {n for h in ("cep.h", "error.h") for n in re.findall(r"\b(cep_\w+)\(", (SRC / "include/cep" / h).read_text())}
    assert exported == declared & exported and len(exported) >= 16, exported ^ declared
    versions = run("nm", "-D", "--defined-only", "--with-symbol-versions", lib / "libcep.so")
    assert "cep_engine_push@@CEP_1" in versions, versions


def test_the_static_library_links_and_has_no_other_names(folder):
    lib, pc = install(folder)
    cflags = pkg_config(folder, pc, "--cflags")
    private = [w for w in pkg_config(folder, pc, "--static", "--libs") if w != "-lcep" and not w.startswith("-L" + str(folder))]
    run(*CC.split(), "-std=gnu17", *cflags, "-o", folder / "app", SRC / "examples/embed/app.c", lib / "libcep.a", *private)
    assert run(folder / "app") == WANTED
    names = {line.split()[-1] for line in run("nm", "-g", "--defined-only", lib / "libcep.a").splitlines() if " " in line}
    assert names and all(n.startswith("cep_") for n in names), sorted(names)[:20]


def test_an_operator_needs_only_the_headers(folder):
    _, pc = install(folder)
    run("make", "-s", f"OUT={folder}", f"CC={CC}", f"CEP_CFLAGS={' '.join(pkg_config(folder, pc, '--cflags'))}", cwd=SRC / "examples/operators")
    assert (folder / "libdebounce.so").exists()
    installed = next(p for p in folder.rglob("cepd") if p.parent.name == "bin")
    shutil.copy(SRC / "examples/operators/debounce.pattern", folder)
    assert "1 passed" in run(installed, "test", folder / "debounce.pattern")


if os.environ.get("CEP_INSTRUMENTED") == "yes":
    print("instrumented build: what links with libcep would have to be instrumented alike")
    sys.exit(77)
run_tests(globals())
