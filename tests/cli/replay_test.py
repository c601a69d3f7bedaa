#!/usr/bin/env python3
"""`cepd replay`: history read again from a savepoint, with the same file and with others.

Each test is a function named test_*; it gets a scratch folder. Usage: replay_test.py [-k TEXT].
"""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests  # noqa: E402

PROGRAM = """parameter big double = 100.0;
stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 2 s;
pattern rise from payments partition by card match a -> b
define a as amount > big, b as amount > a.amount
within 1 min after match skip past last event
measures a.amount as first, b.amount as last;
pattern silent from payments partition by card match a -> !b
define a as amount > 900, b as amount < 30
within 30 s measures a.amount as amount;
alert rising on rise severity high message '{first}, {last}' by card;
alert quiet on silent severity low message '{amount}';
sink rising to file (path = 'rising.ndjson') format json;
sink quiet to file (path = 'quiet.ndjson') format json;
sink rise to file (path = 'rise.csv') format csv;
"""
SINKS = ("rising.ndjson", "quiet.ndjson", "rise.csv")


def cepd(*args, cwd, status=0, stdin=None):
    done = subprocess.run([CEPD, *args], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, input=stdin)
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}"
    return done


def row(card, amount, second):
    return json.dumps({"card": card, "amount": amount, "at": f"2026-01-01T10:{second // 60:02d}:{second % 60:02d}Z"}) + "\n"


def rows(first, last):
    return "".join(row(f"c{i * 31 % 23}", (i * 7919) % 211 + (1000 if i % 97 == 5 else 0), i // 4) for i in range(first, last))


def append(folder, text):
    with open(folder / "in.ndjson", "a") as f:
        f.write(text)


class Job:
    def __init__(self, folder, *args):
        self.folder = folder
        self.process = subprocess.Popen([CEPD, "run", "p.pattern", "--http", "127.0.0.1:0", *args], cwd=folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"REST interface on port (\d+)", line)
            if found:
                break
        self.url = ["--coordinator", f"http://127.0.0.1:{found.group(1)}"]

    def cepd(self, *args):
        return cepd(*args, *self.url, cwd=self.folder).stdout.strip()

    def read(self, n):
        while True:
            done = subprocess.run([CEPD, "job", "p", "--json", *self.url], capture_output=True, text=True, timeout=LIMIT_S)
            if done.returncode == 0 and json.loads(done.stdout).get("totals", {}).get("events", 0) >= n:
                return
            assert self.process.poll() is None
            time.sleep(0.02)

    def stop(self):
        path = self.cepd("stop", "p", "sp")
        self.process.communicate(timeout=LIMIT_S)
        return path


def alerts(folder):
    return sorted((folder / "rising.ndjson").read_text().splitlines() + (folder / "quiet.ndjson").read_text().splitlines())


def content(folder):
    return [(folder / name).read_bytes() for name in SINKS]


def history(folder, text=PROGRAM):
    """A job that goes on behind its savepoint. Returns: the savepoint, and the alerts that came after it."""
    (folder / "p.pattern").write_text(text)
    append(folder, rows(0, 500))
    job = Job(folder)
    job.read(500)
    path = job.cepd("savepoint", "p", "sp")
    half = alerts(folder)  # its sinks have written all that came before
    append(folder, rows(500, 1200))
    job.read(1200)
    job.stop()
    after = alerts(folder)
    for line in half:
        after.remove(line)
    assert len(half) > 5 and len(after) > 5
    return path, after


# -- the same file -------------------------------------------------------------------------------------------------------


def test_a_replay_gives_the_alerts_that_the_job_gave_and_its_sinks_stay_as_they_are(folder):
    path, after = history(folder)
    before = content(folder)
    done = cepd("replay", "p.pattern", "--from", path, cwd=folder)
    assert sorted(done.stdout.splitlines()) == after
    assert "700 events replayed" in done.stderr, done.stderr
    assert content(folder) == before
    again = cepd("replay", "p.pattern", "--from", path, cwd=folder)
    assert again.stdout == done.stdout, "in the same order too"


def test_it_ends_without_the_watermark_at_the_end_of_time(folder):
    path, _ = history(folder)
    append(folder, row("c99", 999, 300))
    ended = cepd("replay", "p.pattern", "--from", path, cwd=folder).stdout.splitlines()
    assert all('"c99"' not in line for line in ended), "nobody knows yet that it stays silent"
    append(folder, row("c98", 1, 340))
    assert sum('"c99"' in line for line in cepd("replay", "p.pattern", "--from", path, cwd=folder).stdout.splitlines()) == 1


def test_it_ends_where_the_file_ended_and_leaves_an_unfinished_record_alone(folder):
    path, after = history(folder)
    append(folder, row("c99", 150, 310)[:-20])
    done = cepd("replay", "p.pattern", "--from", path, cwd=folder)
    assert sorted(done.stdout.splitlines()) == after and "700 events replayed" in done.stderr


def test_until_ends_it_at_that_time_exactly(folder):
    path, _ = history(folder)
    whole = [json.loads(line) for line in cepd("replay", "p.pattern", "--from", path, cwd=folder).stdout.splitlines()]
    until = "2026-01-01T10:03:20Z"
    part = [json.loads(line) for line in
            cepd("replay", "p.pattern", "--from", path, "--until", until, cwd=folder).stdout.splitlines()]
    assert part and part == [a for a in whole if a["at"] <= until] and len(part) < len(whole)


def test_live_sinks_append(folder):
    path, after = history(folder)
    before = alerts(folder)
    done = cepd("replay", "p.pattern", "--from", path, "--sinks", "live", cwd=folder)
    assert sorted(done.stdout.splitlines()) == after
    assert alerts(folder) == sorted(before + after)


def test_a_bounded_source_lets_the_others_go_on_when_it_ends(folder):
    text = PROGRAM.replace(", follow = true", "") + """
stream limits (card string, most double, at timestamp) from file (path = 'limits.ndjson') format json
event time at watermark delay 1 s;
pattern over from payments, limits partition by card match l -> p
define l as limits, p as payments where amount > 1000 within 1 h measures p.amount as amount;
alert above on over severity high message '{amount}';
"""
    (folder / "p.pattern").write_text(text.replace("'in.ndjson'", "'in.ndjson', follow = true"))
    append(folder, rows(0, 500))
    (folder / "limits.ndjson").write_text("".join(
        json.dumps({"card": f"c{i}", "most": 1, "at": "2026-01-01T10:00:00Z"}) + "\n" for i in range(23)))
    job = Job(folder)
    job.read(523)
    path = job.stop()
    append(folder, rows(500, 1200))
    (folder / "p.pattern").write_text(text)
    assert '"above"' in cepd("replay", "p.pattern", "--from", path, cwd=folder).stdout


# -- another file --------------------------------------------------------------------------------------------------------


def test_a_file_compared_with_itself_differs_in_nothing(folder):
    path, after = history(folder)
    (folder / "q.pattern").write_text(PROGRAM)
    done = cepd("replay", "p.pattern", "--from", path, "--compare", "q.pattern", cwd=folder)
    assert done.stdout == f"{len(after)} alerts in both, 0 only in p.pattern, 0 only in q.pattern\n"


def test_a_comparison_names_what_only_one_of_them_alerts(folder):
    path, after = history(folder)
    before = content(folder)
    (folder / "q.pattern").write_text(PROGRAM.replace("by card;", "by card suppress for 30 s;").replace(
        "severity low message '{amount}'", "severity medium message '{amount}'"))
    done = cepd("replay", "p.pattern", "--from", path, "--compare", "q.pattern", cwd=folder)
    *lines, last = done.stdout.splitlines()
    old = [json.loads(line[2:]) for line in lines if line.startswith("< ")]
    new = [json.loads(line[2:]) for line in lines if line.startswith("> ")]
    assert len(old) + len(new) == len(lines)
    mine = [json.loads(line) for line in cepd("replay", "p.pattern", "--from", path, cwd=folder).stdout.splitlines()]
    other = [json.loads(line) for line in cepd("replay", "q.pattern", "--from", path, cwd=folder).stdout.splitlines()]
    strip = lambda records: sorted(json.dumps({k: v for k, v in r.items() if k != "id"}) for r in records)
    assert strip(old) == sorted(set(strip(mine)) - set(strip(other))) and strip(new) == sorted(set(strip(other)) - set(strip(mine)))
    assert {r["severity"] for r in new} == {"medium"} and {"low", "high"} == {r["severity"] for r in old}
    assert [r["at"] for r in map(lambda line: json.loads(line[2:]), lines)] == sorted(r["at"] for r in old + new)
    assert last == f"{len(mine) - len(old)} alerts in both, {len(old)} only in p.pattern, {len(new)} only in q.pattern"
    assert content(folder) == before


def test_state_that_fits_nothing_is_refused_as_by_restore(folder):
    path, _ = history(folder)
    (folder / "q.pattern").write_text(PROGRAM.replace("b as amount > a.amount", "b as amount > a.amount + 50"))
    done = cepd("replay", "p.pattern", "--from", path, "--compare", "q.pattern", cwd=folder, status=2)
    assert '"rise": has no place for' in done.stderr and "--allow-dropped-state" in done.stderr
    done = cepd("replay", "p.pattern", "--from", path, "--compare", "q.pattern", "--allow-dropped-state", cwd=folder)
    assert " only in q.pattern" in done.stdout
    cepd("replay", "p.pattern", "--from", path, "--set", "big=190", "--allow-dropped-state", cwd=folder)


# -- what cannot be replayed ---------------------------------------------------------------------------------------------


def test_a_source_without_positions_is_refused_by_name(folder):
    path, _ = history(folder)
    for source in ("stdin format json", "tcp (port = 0) format json"):
        text = re.sub(r"from file \(.*?\) format json", f"from {source}", PROGRAM)
        (folder / "q.pattern").write_text(text)
        done = cepd("replay", "q.pattern", "--from", path, cwd=folder, status=1)
        assert f'stream "payments": connector "{source.split()[0]}" has no positions' in done.stderr, done.stderr
        assert done.stdout == ""


def test_a_source_without_an_end_wants_one(folder):
    text = """stream e (k int, at timestamp)
from generate (rate = 2000, seed = 7, start = '2026-01-01T00:00:00Z', step = 100 ms, k = 'uniform 0 10')
event time at watermark delay 1 s;
pattern p from e partition by k match a define a as k = 3 measures k as k;
alert hit on p severity high message '{k}';
sink hit to file (path = 'hits.ndjson') format json;
"""
    (folder / "p.pattern").write_text(text)
    job = Job(folder)
    job.read(100)
    path = job.stop()
    half = len((folder / "hits.ndjson").read_text().splitlines())
    job = Job(folder, "--restore", path)
    job.read(8000)  # a busy machine may have read far beyond the first hundred
    job.stop()
    done = cepd("replay", "p.pattern", "--from", path, cwd=folder, status=1)
    assert 'stream "e": connector "generate" never ends here' in done.stderr and "--until" in done.stderr, done.stderr
    until = "2026-01-01T00:10:00Z"
    after = (folder / "hits.ndjson").read_text().splitlines()[half:]
    done = cepd("replay", "p.pattern", "--from", path, "--until", until, cwd=folder)
    want = [line for line in after if json.loads(line)["at"].rstrip("Z") <= until.rstrip("Z")]
    assert len(want) > 100 and done.stdout.splitlines() == want


def test_mistakes_are_said(folder):
    path, _ = history(folder)
    for args, what in [(["p.pattern"], "--from does not say which savepoint"),
                       (["p.pattern", "--from", "nowhere"], 'no checkpoint or savepoint in "nowhere"'),
                       (["p.pattern", "--from", path, "--until", "noon"], '--until: "noon" is no timestamp'),
                       (["p.pattern", "--from", path, "--sinks", "dead"], '--sinks: "dead" is not "live"'),
                       (["p.pattern", "--from", path, "--sinks", "live", "--compare", "p.pattern"], "would have both write"),
                       (["p.pattern", "--from", path, "--compare", "none.pattern"], "none.pattern")]:
        assert what in cepd("replay", *args, cwd=folder, status=1).stderr, args
    (folder / "q.pattern").write_text(re.sub(r"(?m)^(alert|sink (rising|quiet)).*\n", "", PROGRAM))
    assert 'there is no alert in "q.pattern"' in cepd("replay", "q.pattern", "--from", path, cwd=folder, status=1).stderr


run_tests(globals())
