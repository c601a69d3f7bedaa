#!/usr/bin/env python3
"""Exactly once, shown: the program is killed (SIGKILL) at random moments and started again from its last checkpoint until it
has read everything; what its sinks then hold must be what an undisturbed run gives, byte for byte after sorting. There is a pattern for
each store of partial matches: runs, and the kinds of sets (stepping: a shared graph; falling: fates; settling: the graph under a skip
policy; stacking: stacks), and a select with match_recognize, a window, a join.

    kill_soak.py [--kills N] [--seed S] [--events N] [--parallelism 1,2,4] [--mode aligned,unaligned,either]
                 [--backend memory,rocksdb]

Each round draws a parallelism, whether checkpoints are aligned, and a backend (with rocksdb also a budget, so that keys come and go all
the time), makes events (shuffled within the watermark's delay, some of them late, some
broken), and kills until the job ends by itself. Partial matches, reorder buffers, timers, suppressed and firing alerts are
open at every kill. The seed is printed; the same seed draws the same events and the same rounds (the moments of the kills are
the machine's). The closing line is "N passed, N failed", N rounds.

CEPD names the program (default: build/cepd).
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATTERN = """
stream payments (
  card    string,
  amount  double,
  country string,
  at      timestamp
)
from file (path = 'payments.ndjson')
format json
event time at watermark delay 5 s;

pattern probing
  from payments
  partition by card
  match probe{2,} -> charge
  define probe  as amount < 2.0,
         charge as amount > 500.0 and country <> last(probe.country)
  within 10 min
  measures card as card, count(probe) as probes, charge.amount as amount, charge.at as at;

pattern climbing
  from payments
  partition by card
  match a -> b -> c
  define a as amount < 100.0, b as amount between 100.0 and 400.0, c as amount > 400.0
  within 5 min
  after match no skip
  limit 20 open per key
  measures card as card, a.at as first_at, c.at as last_at;

pattern quiet
  from payments
  partition by card
  match big -> !any_later
  define big as amount > 900.0
  within 2 min
  measures card as card, big.at as at;

pattern stepping
  from payments
  partition by card
  match a -> b -> c
  define a as amount < 1.0, b as amount between 300.0 and 400.0, c as amount > 900.0
  within 5 min
  after match no skip
  measures card as card, a.at as first_at, b.at as mid_at, c.at as last_at;

pattern falling
  from payments
  partition by card
  match high+ -> mid{2,} -> low
  define high as amount > 900.0, mid as amount between 300.0 and 500.0, low as amount < 1.0
  within 3 min
  measures card as card, count(high) as highs, count(mid) as mids, low.at as at;

pattern settling
  from payments
  partition by card
  match high ->> mid ->[5 s] low
  define high as amount > 900.0, mid as amount between 300.0 and 500.0, low as amount < 1.0
  within 3 min
  measures card as card, high.at as first_at, mid.at as mid_at, low.at as at;

pattern stacking
  from payments
  partition by card
  match high ->> mid ->> low
  define high as amount > 900.0, mid as amount between 300.0 and 500.0, low as amount < 1.0
  within 1 min
  after match no skip
  limit 5 matches
  measures card as card, high.at as first_at, mid.at as mid_at, low.at as at;

stream dips as
  select *
  from payments match_recognize (
    partition by card
    order by at
    measures first(down.amount) as top, last(down.amount) as bottom, last(up.amount) as back, match_end() as ended
    one row per match
    after match skip past last row
    pattern (down{2,} up+?)
    within 2 min
    define down as amount < 500.0, up as amount > 600.0
  );

stream sums as
  select card, window_start as begun, count(*) as n, sum(amount) as total
  from payments
  group by card
  window sliding 30 s every 10 s;

stream pairs as
  select a.card as card, a.at as at, b.at as then
  from payments as a
  join payments as b on a.card = b.card within 1 s
  where a.amount > 900.0 and b.amount < 1.0;

alert tested on probing
  severity high
  message 'card {card}: {probes} probes, then {amount}'
  suppress for 30 min;

alert went_quiet on quiet
  resolve after 5 min;

sink tested           to file (path = 'out/tested.ndjson') format json;
sink went_quiet       to file (path = 'out/quiet.ndjson') format json;
sink climbing         to file (path = 'out/climbing/') format json;
sink stepping         to file (path = 'out/stepping.ndjson') format json;
sink falling          to file (path = 'out/falling.ndjson') format json;
sink settling         to file (path = 'out/settling.ndjson') format json;
sink stacking         to file (path = 'out/stacking.ndjson') format json;
sink dips             to file (path = 'out/dips.ndjson') format json;
sink sums             to file (path = 'out/sums.ndjson') format json;
sink pairs            to file (path = 'out/pairs.ndjson') format json;
sink probing.timeouts to file (path = 'out/timeouts.ndjson') format json;
sink payments.late    to file (path = 'out/late.ndjson') format json;
sink payments.errors  to file (path = 'out/errors.ndjson') format json;
"""


PARALLELISMS = ("1", "2", "4")
MODES = {"aligned": ["--checkpoint-alignment-timeout", "1 h"], "unaligned": ["--checkpoint-mode", "unaligned"],
         "either": ["--checkpoint-alignment-timeout", "1 ms", "--channel-capacity", "2", "--batch-size", "64"]}
LIMIT_S = 600  # a loaded machine gives a job that needs a second a hundredth of its time
BACKENDS = ("memory", "rocksdb")
BUDGETS = ("1k", "5m", "64m")  # nothing stays in memory; some; all


def write_events(path, rng, n):
    """n events of 300 cards, a hundredth of a second apart on average, up to 5 s out of order; a few late, a few broken."""
    start = 1767225600.0
    with open(path, "w") as f:
        for i in range(n):
            if rng.random() < 0.0005:
                f.write('{"card": "c1", "amount": broken\n')
                continue
            back = 60.0 if rng.random() < 0.001 else rng.random() * 5.0
            at = start + i * 0.01 + 60.0 - back
            amount = rng.choice((0.5, 1.5, 1.99, 50.0, 150.0, 350.0, 450.0, 700.0, 950.0))
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".%06dZ" % int(at % 1 * 1e6)
            f.write(json.dumps({"card": "c%d" % rng.randrange(300), "amount": amount,
                                "country": rng.choice(("DE", "FR", "BR")), "at": stamp}) + "\n")


def outputs(folder):
    """What every sink has committed: file (or folder of part files) -> sorted lines. Unfinished part files do not count."""
    found = {}
    for path in sorted((folder / "out").rglob("*")):
        name = path.relative_to(folder / "out")
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        key = name.parts[0]
        found.setdefault(key, []).extend(path.read_bytes().splitlines(keepends=True))
    return {key: sorted(lines) for key, lines in found.items()}


def job_folder(root, name, events):
    folder = root / name
    (folder / "out" / "climbing").mkdir(parents=True)
    (folder / "job.pattern").write_text(PATTERN)
    os.link(events, folder / "payments.ndjson")
    return folder


def command(cepd, folder, setting, restore):
    return [cepd, "run", str(folder / "job.pattern"), "--parallelism", str(setting["parallelism"]), "--state-dir",
            str(folder / "state"), "--checkpoint-interval", "20 ms", "--state-backend", setting["backend"],
            "--state-memory", setting["memory"], *MODES[setting["mode"]]] + (["--restore", "latest"] if restore else [])


def draw(rng, opts):
    backend = rng.choice(opts.backend)
    return {"parallelism": rng.choice(opts.parallelism), "mode": rng.choice(opts.mode), "backend": backend,
            "memory": rng.choice(BUDGETS) if backend == "rocksdb" else "4g"}


def run_killed(cepd, folder, setting, rng, kills_wanted, longest):
    """Kills and restarts until the job ends by itself. Returns: kills, or an error text."""
    kills = 0
    log = open(folder / "log", "ab")
    while True:
        # A kill may come before there is anything to go on from.
        begun = (folder / "state" / "checkpoints").exists()
        job = subprocess.Popen(command(cepd, folder, setting, begun), stdout=log, stderr=log)
        try:
            if kills < kills_wanted:
                job.wait(timeout=rng.random() * longest + 0.01)
            else:
                job.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            if kills >= kills_wanted:
                job.kill()
                job.wait()
                return kills, f"did not end within {LIMIT_S} s"
            job.send_signal(signal.SIGKILL)
            job.wait()
            kills += 1
            continue
        if job.returncode != 0:
            return kills, "exit status %d" % job.returncode
        return kills, None


def difference(want, got):
    for key in sorted(set(want) | set(got)):
        a, b = want.get(key, []), got.get(key, [])
        if a != b:
            missing = [line for line in a if line not in set(b)][:3]
            extra = [line for line in b if line not in set(a)][:3]
            return "%s: %d lines, expected %d; missing %r, extra %r" % (key, len(b), len(a), missing, extra)
    return None


def some_of(allowed):
    def parse(text):
        for p in text.split(","):
            if p not in allowed:
                raise argparse.ArgumentTypeError("%r is not one of %s" % (p, ", ".join(allowed)))
        return text.split(",")
    return parse


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--kills", type=int, default=200)
    args.add_argument("--seed", type=int, default=None)
    args.add_argument("--events", type=int, default=300000)
    args.add_argument("--parallelism", default="1,2,4", type=some_of(PARALLELISMS), help="those to draw from: 1,2,4")
    args.add_argument("--mode", default="aligned,unaligned,either", type=some_of(MODES),
                      help="those to draw from: aligned, unaligned, either (as it comes: aligned for 1 ms)")
    args.add_argument("--backend", default="memory,rocksdb", type=some_of(BACKENDS),
                      help="those to draw from: memory,rocksdb")
    args.add_argument("--keep", action="store_true", help="keep the folders of failed rounds")
    opts = args.parse_args()
    seed = opts.seed if opts.seed is not None else int.from_bytes(os.urandom(4), "little")
    rng = random.Random(seed)
    cepd = os.path.abspath(os.environ.get("CEPD", "build/cepd"))
    print("seed %d" % seed, flush=True)
    passed = failed = kills = rounds = 0
    root = pathlib.Path(tempfile.mkdtemp(prefix="cepd_soak_"))
    try:
        while kills < opts.kills:
            rounds += 1
            events = root / ("events%d" % rounds)
            write_events(events, rng, opts.events)
            # One folder for both runs: the errors stream names the file.
            folder = job_folder(root, "job%d" % rounds, events)
            begun = time.monotonic()
            subprocess.run([cepd, "run", str(folder / "job.pattern")], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            took = time.monotonic() - begun
            want = outputs(folder)
            shutil.rmtree(folder / "out")
            (folder / "out" / "climbing").mkdir(parents=True)
            setting = draw(rng, opts)
            n, why = run_killed(cepd, folder, setting, rng, rng.randrange(3, 9), took)
            kills += n
            why = why or difference(want, outputs(folder))
            print("%s round %d: %s, %d kills%s" % ("FAILED" if why else "ok", rounds, setting, n, ": " + why if why else ""),
                  flush=True)
            if why:
                failed += 1
                print((folder / "log").read_text(errors="replace")[-2000:], flush=True)
            else:
                passed += 1
            if not (why and opts.keep):
                shutil.rmtree(folder)
            events.unlink()
    finally:
        if not opts.keep:
            shutil.rmtree(root)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
