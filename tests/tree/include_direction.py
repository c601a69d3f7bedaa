#!/usr/bin/env python3
"""Includes point one way (doc/architecture.md): a folder may include itself and what is below it, nothing else.

Rocksdb stays behind src/state, libevent in connect, runtime and cluster, and the clock of the machine in src/time.
"""
import os
import pathlib
import re
import sys

BELOW = {
    "base": [],
    "event": ["base"],
    "expr": ["base", "event"],
    "plan": ["base", "event", "expr"],
    "state": ["base", "event", "expr", "plan"],
    "time": ["base", "event", "expr", "plan", "state"],
    "nfa": ["base", "event", "expr", "plan", "state", "time"],
    "connect": ["base", "event", "expr", "plan", "state", "time"],
    "runtime": ["base", "event", "expr", "plan", "nfa", "time", "state", "connect"],
    "dsl": ["base", "event", "expr", "plan"],
    "embed": ["base", "event", "expr", "plan", "nfa", "time", "state", "runtime", "connect", "dsl"],
    "cluster": ["base", "event", "expr", "plan", "nfa", "time", "state", "runtime", "connect", "dsl"],
    "cepd": ["base", "event", "expr", "plan", "nfa", "time", "state", "runtime", "connect", "dsl", "cluster"],
}
# A system header and the only folders that may include it.
KEPT = {
    r"rocksdb/": {"state"},
    r"event2/|event\.h": {"connect", "runtime", "cluster", "cepd"},
    r"curl/": {"connect", "cluster", "cepd"},
    r"simdjson": {"connect"},
}
CLOCK_CALLS = re.compile(r"(?<![\w.>])(time|sleep|usleep|nanosleep|gettimeofday|clock_gettime)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def folder_of(path):
    return path.parts[0] if path.parts[0] == "dsl" else path.parts[1]


def main():
    root = pathlib.Path(os.environ.get("CEP_SRCDIR", "."))
    bad = []
    n = 0
    for top in ("src", "dsl"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".c", ".h", ".cc", ".l", ".y"):
                continue
            n += 1
            rel = path.relative_to(root)
            folder = folder_of(rel)
            allowed = set(BELOW[folder]) | {folder}
            in_comment = False
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = INCLUDE.match(line)
                if found:
                    quote, name = found.groups()
                    first = name.split("/")[0]
                    if quote == '"' and "/" not in name:
                        bad.append(f"{rel}:{number}: \"{name}\" is not written from the root")
                    elif quote == '"' and first in BELOW and first not in allowed:
                        bad.append(f"{rel}:{number}: {folder} may not include {name}")
                    for pattern, folders in KEPT.items():
                        if re.match(pattern, name) and folder not in folders:
                            bad.append(f"{rel}:{number}: {name} is only for {', '.join(sorted(folders))}")
                    continue
                code = re.sub(r"/\*.*?\*/|//.*|\"(\\.|[^\"\\])*\"", "", line)
                if in_comment:
                    if "*/" not in code:
                        continue
                    code = code.split("*/", 1)[1]
                    in_comment = False
                if "/*" in code:
                    code = code.split("/*", 1)[0]
                    in_comment = True
                if folder != "time" and CLOCK_CALLS.search(code):
                    bad.append(f"{rel}:{number}: the clock and sleeping belong to src/time: {line.strip()}")
    print("\n".join(bad))
    print(f"{n} files looked at")
    return 1 if bad or n == 0 else 0


sys.exit(main())
