#!/usr/bin/env python3
"""Programs of every sort on a cluster of two workers, parallelism 2: what they write is what `cepd run` writes. All of examples/patterns, and
operators of a compiled library; libraries that a worker does not have.

Each test is a function named test_*; it gets a scratch folder. Usage: programs_test.py [-k TEXT].
"""
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, Cluster, difference, rows, run_tests  # noqa: E402

ROOT = pathlib.Path(os.environ.get("CEP_SRCDIR", ".")).absolute()
CC = os.environ.get("CC", "cc")
LIMIT_S = 120


class Printing(Cluster):
    """What jobs print on the workers' standard output is kept apart from what is said."""

    def start(self, host, *args):
        words, env = self.on_host(host)
        with open(self.folder / "printed", "a", encoding="utf-8") as out:
            return subprocess.Popen([*words, CEPD, *args], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=self.log,
                                    env=self.env | env)

    def printed(self):
        return rows(self.folder / "printed")


def written(folder):
    """By file: what a program has written into its folder."""
    return {str(p.relative_to(folder)): rows(p) for p in folder.rglob("*.ndjson")}


def compare(cluster, name, one, many):
    """Runs it in one process in the folder `one` and on the cluster in the folder `many`. Returns: what is different."""
    done = subprocess.run([CEPD, "run", name], cwd=one, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    (cluster.folder / "printed").write_text("", encoding="utf-8")
    job = cluster.submit(str(many / name), "--parallelism", "2")
    cluster.wait_state(job, "FINISHED")
    wrong = []
    if what := difference(sorted(done.stdout.splitlines()), cluster.printed()):
        wrong.append(f"{name}, printed: {what}")
    expected, got = written(one), written(many)
    wrong += [f"{name}, {file}: {what}" for file in sorted(expected | got)
              if (what := difference(expected.get(file, ["no file"]), got.get(file, ["no file"])))]
    return "\n".join(wrong)


def test_examples_give_what_one_process_gives(folder):
    patterns = sorted((ROOT / "examples" / "patterns").glob("*.pattern"))
    assert len(patterns) >= 20, len(patterns)
    wrong = []
    with Printing(folder, workers=2, slots=1) as c:
        for p in patterns:
            one, many = folder / "one" / p.stem, folder / "many" / p.stem
            for to in (one, many):
                shutil.copytree(p.parent, to, ignore=shutil.ignore_patterns("expected"))
            if what := compare(c, p.name, one, many):
                wrong.append(what)
    assert not wrong, "\n".join(wrong)


def build(folder):
    done = subprocess.run(["make", "-s", f"CC={CC}", f"CEP_CFLAGS=-I{ROOT}/include", f"OUT={folder}", "CFLAGS=-O1"],
                          cwd=ROOT / "examples" / "operators", capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr


def write_readings(path, n):
    states = ("on", "off", "open", "on", "off", "off", "on")
    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            at = 1767261600000 + i * 997
            f.write(json.dumps({"device": f"d{i * 7919 % 13}", "state": states[i * i % 7], "at": at}) + "\n")


def prepare_operator(folder):
    source = (ROOT / "examples" / "operators" / "debounce.pattern").read_text(encoding="utf-8")
    text = source.replace("format json\nevent time", "format json (timestamp_format = 'epoch_ms')\nevent time")
    assert text != source
    (folder / "debounce.pattern").write_text(text, encoding="utf-8")
    write_readings(folder / "readings.ndjson", 5000)


def test_a_compiled_operator_runs_on_workers(folder):
    one, many = folder / "one", folder / "many"
    for to in (one, many):
        to.mkdir()
        build(to)
        prepare_operator(to)
    with Printing(folder, workers=2, slots=1) as c:
        wrong = compare(c, "debounce.pattern", one, many)
    assert not wrong, wrong
    assert len(rows(many / "steady.ndjson")) > 100


# Every kind of general operator, rows that are taken back, and what a compiled library has: an operator, a function, an aggregate.
EVERYTHING = """stream s (k string, v int, at timestamp)
from file (path = 'in.ndjson'FOLLOW) format json (timestamp_format = 'epoch_ms') event time at watermark delay 2 s;
function distance_km (lat1 double, lon1 double, lat2 double, lon2 double) double from './libfunctions.so';
aggregate geo_mean (x double) double from './libfunctions.so';
stream readings as select k as device, case when v % 3 = 0 then 'on' when v % 3 = 1 then 'off' end as state, at from s where v % 3 < 2;
stream steady (device string, state string, since timestamp, flaps int) as process './libdebounce.so' (stable = 3 s) from readings partition by device;
stream far as select k, v, round(distance_km(v, 0, 0, v), 3) as km, at from s where distance_km(v, 0, 0, v) > 5000;
stream g as select k, v % 5 as m, count(*) as n, sum(v) as total, geo_mean(v + 1) as g from s group by k, v % 5 having count(*) % 4 <> 0 retracting;
stream h as select m, count(*) as keys, sum(n) as rows, max(total) as most from g group by m retracting;
stream w as select k, count(*) as n, sum(v) as total, window_start as b from s group by k window sliding 4 s every 2 s emit each event retracting;
stream z as select k, count(*) as n, window_start as b from s group by k window sliding 6 s every 2 s emit after 3 events discarding;
stream u as select k, round(geo_mean(v + 1), 6) as g, window_start as b from s group by k window tumbling 3 s;
stream x as select k, array_agg(v) as vs, window_end as e from s group by k window session gap 900 ms;
stream c as select k, sum(v) as total from s group by k window count 7 every 3;
stream j as select l.k, l.v, r.v as w, window_end as e from s as l join s as r on l.k = r.k and l.v < r.v window session gap 300 ms;
stream i as select l.k, l.v, r.v as w from s as l left join s as r on l.k = r.k and r.v = l.v + 1 within 500 ms;
table newest as select k, last(v) as v from s where v % 7 = 0 group by k;
stream t as select s.k, s.v, newest.v as old from s left join table newest on newest.k = s.k;
stream o as select k, v, at, sum(v) over (partition by k order by at rows 4 preceding) as five, geo_mean(v + 1) over (partition by k order by at rows 2 preceding) as g from s;
stream top as select k, v, window_start as b from s window tumbling 2 s order by v desc, k limit 3;
stream d as select distinct k, v / 10 as tens, window_start as b from s window tumbling 5 s;
"""
GIVEN = ("steady", "far", "g", "h", "w", "z", "u", "x", "c", "j", "i", "t", "o", "top", "d")


def write_everything(folder, rows_of_it):
    build(folder)
    sinks = "".join(f"sink {name} to file (path = '{name}.ndjson') format json;\n" for name in GIVEN)
    (folder / "every.pattern").write_text(EVERYTHING.replace("FOLLOW", "") + sinks, encoding="utf-8")
    (folder / "follow.pattern").write_text(EVERYTHING.replace("FOLLOW", ", follow = true") + sinks, encoding="utf-8")
    (folder / "in.ndjson").write_text("".join(rows_of_it), encoding="utf-8")


def what_is_left(path):
    """Rows without those that were taken back: what comes between depends on how rows of several keys met."""
    there = collections.Counter()
    for line in rows(path):
        row = json.loads(line)
        there[json.dumps({n: round(v, 9) if isinstance(v, float) else v for n, v in row.items() if n != "$op"})] += -1 if row.get("$op", "+")[0] == "-" else 1
    assert all(n >= 0 for n in there.values()), path
    return sorted(there.elements())


def test_every_operator_survives_kills_and_another_parallelism(folder):
    rnd = random.Random(17)
    data = [json.dumps({"k": f"k{rnd.randrange(9)}", "v": rnd.randrange(60), "at": 1767261600000 + i * 61 + rnd.randrange(-900, 400)}) + "\n" for i in range(4000)]
    one, many = folder / "one", folder / "many"
    for to, part in (one, data), (many, data[:1000]):
        to.mkdir()
        write_everything(to, part)
    subprocess.run([CEPD, "run", "every.pattern"], cwd=one, capture_output=True, timeout=LIMIT_S, check=True)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit(str(many / "follow.pattern"), "--parallelism", "2")
        for number, kill in enumerate((lambda: c.kill_worker(0), lambda: c.kill_worker(0, 1), c.kill_coordinator), 1):
            c.wait_checkpoints(job)
            kill()
            with open(many / "in.ndjson", "a", encoding="utf-8") as f:
                f.writelines(data[number * 1000:(number + 1) * 1000])
        c.wait_state(job, "RUNNING")
        c.wait_checkpoints(job)
        path = c.cepd("stop", job).stdout.strip()
        c.wait_state(job, "FINISHED")
        job = c.submit(str(many / "every.pattern"), "--parallelism", "1", "--restore", path)
        c.wait_state(job, "FINISHED")
    wrong = {name: what for name in GIVEN if (what := difference(what_is_left(one / f"{name}.ndjson"), what_is_left(many / f"{name}.ndjson")))}
    assert not wrong, wrong
    few = {name: n for name in GIVEN if (n := len(what_is_left(one / f"{name}.ndjson"))) < 5}
    assert not few, few


def test_a_library_that_the_coordinator_does_not_have(folder):
    prepare_operator(folder)
    with Cluster(folder, workers=1) as c:
        said = c.cepd("submit", "debounce.pattern", status=1).stderr
        checked = subprocess.run([CEPD, "check", "debounce.pattern"], cwd=folder, capture_output=True, text=True, check=False).stderr
        assert "libdebounce.so" in said and "debounce.pattern:" in said, said
        assert c.get("/jobs")["jobs"] == []
        # Where it is looked for is said from the root, for it is looked for on other machines too.
        assert [line for line in said.splitlines() if "error:" not in line] == [
            line for line in checked.splitlines() if "error:" not in line], f"{said}\n{checked}"


def test_a_library_that_a_worker_does_not_have_any_more(folder):
    build(folder)
    prepare_operator(folder)
    with Cluster(folder, workers=0, slots=1) as c:
        job = c.cepd("submit", "debounce.pattern", "--restart-strategy", "none").stdout.strip()
        c.wait(lambda: "waits for 1 slot" in c.said())
        os.remove(folder / "libdebounce.so")
        c.workers.append(c.start_worker(0))
        c.wait_state(job, "FAILED")
        said = c.cepd("job", job).stdout
        assert "libdebounce.so" in said and "worker " in said, said


run_tests(globals())
