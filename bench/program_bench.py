#!/usr/bin/env python3
"""The whole program, from a file to alerts: events/s by CPU time and by the clock, on made-up events.

Usage: program_bench.py CEPD [EVENTS]. Files are made in a scratch folder by the generate source (seeded: the same each
time), read once to warm the page cache, then each program runs three times; the best run counts.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

CEPD = os.path.abspath(sys.argv[1])
EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000

COLUMNS = "(card string, amount double, country string, merchant int, at timestamp)"
GENERATE = """stream payments {columns}
from generate (rows = {rows}, seed = 7, start = '2026-01-01 00:00:00', step = 1 ms, card = 'key c {keys}',
  amount = 'uniform 0 1000', country = 'pick DE|FR|BR|US', merchant = 'uniform 0 50000')
event time at watermark delay 1 s;
"""
FROM_FILE = "stream payments {columns} from file (path = '{path}') format {format} event time at watermark delay 1 s;\n"
THREE = """pattern p from payments partition by card match a -> b -> c
define a as amount < {low}, b as amount > {high}, c as amount > {high} and country <> a.country
within 10 min measures card as card, c.amount as amount, c.at as at;
alert found on p message 'card {{card}}: {{amount}}';
sink found to file (path = 'alerts.ndjson', append = false) format json;
"""
FILTER = """stream rare as select card, amount from payments where amount < 1.0;
sink rare to file (path = 'rare.ndjson', append = false) format json;
"""
KLEENE = """pattern p from payments partition by card match a+ -> b
define a as amount < 100 and sum(a.amount) < 2000, b as amount > 990
within 10 min measures card as card, count(a) as n, sum(a.amount) as total;
alert found on p message 'card {card}: {n}';
sink found to file (path = 'alerts.ndjson', append = false) format json;
"""


def run(folder, text):
    (folder / "b.pattern").write_text(text)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([CEPD, "run", "b.pattern"], cwd=folder, capture_output=True, text=True)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    counts = done.stderr.strip().splitlines()[-1].split(", ", 1)[1]
    return cpu, wall, counts


def line(folder, name, text):
    best = min((run(folder, text) for _ in range(3)), key=lambda r: r[0])
    cpu, wall, counts = best
    print(f"{name:44s} {EVENTS / cpu / 1e6:8.2f} M events/s of CPU  {EVENTS / wall / 1e6:8.2f} M/s by the clock  "
          f"{cpu / EVENTS * 1e9:7.0f} ns/event  {counts}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        made = GENERATE.format(columns=COLUMNS, rows=EVENTS, keys=10_000)
        run(folder, made + "sink payments to file (path = 'in.ndjson') format json;\nsink payments to file (path = 'in.csv') format csv;\n")
        ndjson = FROM_FILE.format(columns=COLUMNS, path="in.ndjson", format="json")
        csv = FROM_FILE.format(columns=COLUMNS, path="in.csv", format="csv")
        print(f"{EVENTS} events, {(folder / 'in.ndjson').stat().st_size / EVENTS:.0f} bytes each as NDJSON, 5 fields, 10,000 keys")
        line(folder, "NDJSON, 1 in 1,000 to a file", ndjson + FILTER)
        line(folder, "CSV, 1 in 1,000 to a file", csv + FILTER)
        line(folder, "NDJSON to alerts, three steps, 1 % start", ndjson + THREE.format(low=10, high=990))
        line(folder, "NDJSON to alerts, three steps, half start", ndjson + THREE.format(low=500, high=500))
        line(folder, "NDJSON to alerts, Kleene with a sum", ndjson + KLEENE)
        line(folder, "generated, three steps, 1 % start", made + THREE.format(low=10, high=990))
        for keys in [1, 1_000_000]:
            made = GENERATE.format(columns=COLUMNS, rows=EVENTS, keys=keys)
            line(folder, f"generated, three steps, 1 % start, {keys} keys", made + THREE.format(low=10, high=990))


main()
