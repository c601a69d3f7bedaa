#!/usr/bin/env python3
"""The examples with anomaly functions find what is known to be there, and little else.

Their events are made here, with anomalies at known places, so that found, missed and false alerts can be counted: for the events of
examples/patterns/data/ and for others of other seeds. `anomaly_test.py --make FOLDER` writes the former.
"""
import datetime
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("CEP_SRCDIR", pathlib.Path(__file__).parents[2]))
EXAMPLES = ROOT / "examples" / "patterns"
START = datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc)
SEED = 4


def stamp(minutes):
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def spikes(rng):
    """Four sensors, a reading a minute. Some spike and go on; two spike and fall silent: known."""
    rows, known = [], set()
    dead = {"s2": rng.randrange(120, 180), "s4": rng.randrange(120, 180)}
    spike = {"s1": rng.randrange(60, 200), "s3": rng.randrange(60, 200)}
    quiet = {"s3": rng.randrange(205, 215)}
    for name in ("s1", "s2", "s3", "s4"):
        level = rng.uniform(10, 60)
        for t in range(240):
            if t > dead.get(name, 999) or 0 <= t - quiet.get(name, 999) < 10:
                continue
            value = rng.gauss(level, 1.5)
            if t in (dead.get(name), spike.get(name)):
                value = level + 25
            rows.append((t + rng.random() / 2, {"sensor": name, "value": round(value, 2)}))
        if name in dead:
            known.add(name)
    return {"sensor-spike-silence": rows}, known


def energy(rng):
    """Three meters, twelve days, a reading every twenty minutes, with the shape of a day. Known: hours far from it."""
    rows, known = [], set()
    for name in ("m1", "m2", "m3"):
        size = rng.uniform(5, 20)
        day, hour = rng.randrange(7, 11), rng.randrange(0, 21)
        factor = {"m1": 1.9, "m2": 0.2}.get(name)
        for t in range(0, 12 * 1440, 20):
            h = t / 60
            value = size * (1.5 + math.sin((h % 24 - 9) / 24 * 2 * math.pi)) + rng.gauss(0, size * 0.06)
            if factor and 0 <= h - (day * 24 + hour) < 3:
                value += size * 1.5 * (1 if factor > 1 else -1)
            rows.append((t, {"meter": name, "kwh": round(value, 3)}))
        if factor:
            known.add((name, stamp((day * 24 + hour) * 60)))
    return {"energy-off-season": rows}, known


def pumps(rng):
    """Six pumps, a reading every ten minutes. Known: drift for hours, then a trip. Others drift alone, or trip alone."""
    readings, trips, known = [], [], set()
    for i in range(6):
        name, level, begins = f"p{i + 1}", rng.uniform(2, 6), rng.randrange(60, 90)
        drifts, trips_too = i in (0, 2, 4), i in (0, 3, 4)
        for t in range(144):
            shift = 0.2 * min(t - begins, 14) / 10 if drifts and t >= begins else 0
            readings.append((t * 10 + rng.random(), {"pump": name, "vibration": round(rng.gauss(level + shift, 0.1), 3)}))
        if trips_too:
            trips.append(((begins + 16) * 10 + 5, {"pump": name, "code": f"E{rng.randrange(10, 99)}"}))
        if drifts and trips_too:
            known.add(name)
    return {"pump-drift-trip-readings": readings, "pump-drift-trip-trips": trips}, known


def transfers(rng):
    """Users log in from home, now and then from a neighbour. Known: from a country never seen, then a large transfer."""
    logins, moved, known = [], [], set()
    for i in range(8):
        name, home, near = f"u{i + 1}", rng.choice(["DE", "FR", "IT", "ES"]), rng.choice(["AT", "CH", "PT"])
        for t in range(120):
            at = t * 90 + rng.randrange(0, 60)
            logins.append((at, {"usr": name, "country": near if t % 12 == 7 else home}))
            if rng.random() < 0.3:
                moved.append((at + rng.randrange(2, 20), {"usr": name, "amount": round(rng.uniform(5, 900), 2)}))
        at = 120 * 90 + rng.randrange(0, 60)
        if i < 4:  # far away
            logins.append((at, {"usr": name, "country": rng.choice(["BR", "VN", "NG"])}))
        if i % 2 == 0:  # much
            moved.append((at + 12, {"usr": name, "amount": round(rng.uniform(4000, 9000), 2)}))
        if i < 4 and i % 2 == 0:
            known.add(name)
    return {"rare-country-transfer-logins": logins, "rare-country-transfer-transfers": moved}, known


# The example, its events, what tells which anomaly an alert is of.
CASES = {
    "sensor-spike-silence": (spikes, lambda a: a["key"]["sensor"]),
    "energy-off-season": (energy, lambda a: (a["key"]["meter"], a["measures"]["since"])),
    "pump-drift-trip": (pumps, lambda a: a["key"]["pump"]),
    "rare-country-transfer": (transfers, lambda a: a["key"]["usr"]),
}


def write(files, folder):
    for name, rows in files.items():
        rows.sort(key=lambda r: r[0])
        with open(folder / f"{name}.ndjson", "w") as f:
            for minutes, row in rows:
                f.write(json.dumps({**row, "at": stamp(minutes)}) + "\n")


def run(name, files):
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        (tmp / "data").mkdir()
        write(files, tmp / "data")
        shutil.copy(EXAMPLES / f"{name}.pattern", tmp)
        done = subprocess.run([os.path.abspath(os.environ["CEPD"]), "run", f"{name}.pattern", "--parallelism", "2"], cwd=tmp,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--make":
        for make, _ in CASES.values():
            write(make(random.Random(SEED))[0], pathlib.Path(sys.argv[2]))
        return 0
    failed = 0
    for name, (make, anomaly_of) in CASES.items():
        found = missed = false = 0
        for seed in range(SEED, SEED + 8):
            files, known = make(random.Random(seed))
            if seed == SEED:
                with tempfile.TemporaryDirectory() as tmp:
                    write(files, pathlib.Path(tmp))
                    for file in pathlib.Path(tmp).iterdir():
                        assert file.read_text() == (EXAMPLES / "data" / file.name).read_text(), f"{file.name} is not what --make makes"
            alerts = [anomaly_of(a) for a in run(name, files)]
            found += len(known & set(alerts))
            missed += len(known - set(alerts))
            false += sum(a not in known for a in alerts) + len(alerts) - len(set(alerts))
            if seed == SEED and (missed or false):
                failed += 1
                print(f"FAILED {name}: of its own events missed {missed}, false {false}: {alerts} instead of {known}")
        print(f"{name}: {found} found, {missed} missed, {false} false")
        if missed * 10 > found + missed or false * 20 > found:
            failed += 1
            print(f"FAILED {name}: more than one in ten missed, or one in twenty false")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
