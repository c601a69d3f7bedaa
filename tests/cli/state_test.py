#!/usr/bin/env python3
"""`cepd state show`: what a checkpoint or savepoint holds, by exact text.

Each test is a function named test_*; it gets a scratch folder. Usage: state_test.py [-k TEXT].
"""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests  # noqa: E402

PROGRAM = """stream payments (card string, amount double, at timestamp)
from file (path = 'in.ndjson') format json event time at watermark delay 2 s;
stream refunds (card string, reason string, at timestamp)
from file (path = 'refunds.ndjson') format json event time at watermark delay 2 s;
pattern rise from payments partition by card match a -> b -> c
define a as amount > 100, b as amount > a.amount, c as amount > b.amount
within 1 min after match no skip
measures a.amount as first, c.amount as last;
pattern fraud from payments, refunds partition by card match big -> back
define big as payments where amount > 400, back as refunds where reason = 'fraud'
within 1 h measures big.amount as amount;
pattern pair from payments partition by card match x -> y -> z
define x as amount >= 150, y as amount > 160, z as amount > 1000
within 1 min after match no skip measures x.amount as first;
alert rising on rise severity high message '{first}, {last}' by card resolve after 10 min;
sink rise to file (path = 'rise.ndjson') format json;
sink rising to file (path = 'rising.ndjson') format json;
sink fraud to file (path = 'fraud/') format json;
sink pair to file (path = 'pair.ndjson') format json;
"""
PAYMENTS = [("c1", 150, 0), ("c1", 200, 1), ("c2", 110, 2), ("c1", 170, 3), ("c1", 300, 4), ("c2", 500, 5), ("c3", 7, 6),
            ("c1", 180, 9), ("c 4,\"x\"", 450, 9)]
REFUNDS = [("c2", "late", 4), ("c9", "none", 10)]

WHOLE = """checkpoint  chk
number      2
taken       TIME
files       1, SIZE, each as it was written

KIND     NAME           SUBTASKS  KEYS  PARTIAL MATCHES  ROWS WAITING  ENTRIES  SIZE  WATERMARK
source   payments              1     -                -             -        3  SIZE  2026-01-01T10:00:06.999999Z
source   refunds               1     -                -             -        3  SIZE  2026-01-01T10:00:07.999999Z
pattern  fraud                 1     1                1             1        3  SIZE  2026-01-01T10:00:06.999999Z
pattern  pair                  1     2                5             2        5  SIZE  2026-01-01T10:00:06.999999Z
pattern  rise                  1     2                5             2        5  SIZE  2026-01-01T10:00:06.999999Z
alert    rising                1     1                -             -        2  SIZE  -
sink     fraud_sink_1          1     -                -             -        1  SIZE  -
sink     pair_sink_1           1     -                -             -        1  SIZE  -
sink     rise_sink_1           1     -                -             -        1  SIZE  -
sink     rising_sink_1         1     -                -             -        1  SIZE  -

source payments
  in.ndjson, read on at 545, watermark 2026-01-01T10:00:06.999999Z

source refunds
  refunds.ndjson, read on at 126, watermark 2026-01-01T10:00:07.999999Z

pattern fraud, by card
  1 at "wait back"

pattern pair, by card
  2 at "wait y"
  3 at "wait z"

pattern rise, by card
  2 at "wait b"
  3 at "wait c"

alert rising
  firing c1, last let through at 2026-01-01T10:00:04Z, resolved at 2026-01-01T10:10:04Z

sink fraud_sink_1
  file "fraud/": 0 part files to commit

sink pair_sink_1
  file "pair.ndjson": 0 bytes

sink rise_sink_1
  file "rise.ndjson": 29 bytes

sink rising_sink_1
  file "rising.ndjson": 256 bytes
"""
HEAD = """checkpoint  chk
number      2
taken       TIME
files       1, SIZE, each as it was written

"""
KEYS = HEAD + """pattern rise, by card, watermark 2026-01-01T10:00:06.999999Z
  2 at "wait b"
  3 at "wait c"

KEY  PARTIAL MATCHES  COMPLETE  ASLEEP  FIRST OVER AT
c1                 3         -       -  2026-01-01T10:01:01Z
c2                 2         -       -  2026-01-01T10:01:02Z
"""
KEY = HEAD + """pattern rise, by card, watermark 2026-01-01T10:00:06.999999Z
key c1: 3 partial matches, kept as runs

  1. waits for c, its time is over at 2026-01-01T10:01:01Z
     a  2026-01-01T10:00:01Z  payments  amount 200.0
     b  2026-01-01T10:00:04Z  payments  amount 300.0

  2. waits for c, its time is over at 2026-01-01T10:01:03Z
     a  2026-01-01T10:00:03Z  payments  amount 170.0
     b  2026-01-01T10:00:04Z  payments  amount 300.0

  3. waits for b, its time is over at 2026-01-01T10:01:04Z
     a  2026-01-01T10:00:04Z  payments  amount 300.0

1 event of it waits for the watermark
     2026-01-01T10:00:09Z  payments  {"card":"c1","amount":180.0,"at":"2026-01-01T10:00:09Z"}
"""
EVERYWHERE = HEAD + """pattern fraud, by card, watermark 2026-01-01T10:00:06.999999Z
key c2: 1 partial match, kept as fates

  1. waits for back, its time is over at 2026-01-01T11:00:05Z
     big  2026-01-01T10:00:05Z  payments  amount 500.0

pattern pair, by card, watermark 2026-01-01T10:00:06.999999Z
key c2: 1 partial match, kept as graph

  1. waits for y, its time is over at 2026-01-01T10:01:05Z
     x  2026-01-01T10:00:05Z  payments  amount 500.0

pattern rise, by card, watermark 2026-01-01T10:00:06.999999Z
key c2: 2 partial matches, kept as runs

  1. waits for c, its time is over at 2026-01-01T10:01:02Z
     a  2026-01-01T10:00:02Z  payments  amount 110.0
     b  2026-01-01T10:00:05Z  payments  amount 500.0

  2. waits for b, its time is over at 2026-01-01T10:01:05Z
     a  2026-01-01T10:00:05Z  payments  amount 500.0
"""
GRAPH = HEAD + """pattern pair, by card, watermark 2026-01-01T10:00:06.999999Z
key c1: 4 partial matches, kept as graph

  1. waits for z, its time is over at 2026-01-01T10:01:03Z
     x  2026-01-01T10:00:03Z  payments  amount 170.0
     y  2026-01-01T10:00:04Z  payments  amount 300.0

  2. waits for z, its time is over at 2026-01-01T10:01:01Z
     x  2026-01-01T10:00:01Z  payments  amount 200.0
     y  2026-01-01T10:00:03Z  payments  amount 170.0

  3. waits for z, its time is over at 2026-01-01T10:01:00Z
     x  2026-01-01T10:00:00Z  payments  amount 150.0
     y  2026-01-01T10:00:01Z  payments  amount 200.0

  4. waits for y, its time is over at 2026-01-01T10:01:04Z
     x  2026-01-01T10:00:04Z  payments  amount 300.0

1 event of it waits for the watermark
     2026-01-01T10:00:09Z  payments  {"card":"c1","amount":180.0,"at":"2026-01-01T10:00:09Z"}
"""
ONLY_ROWS = HEAD + """pattern rise, by card, watermark 2026-01-01T10:00:06.999999Z
key c 4,"x": no partial matches

1 event of it waits for the watermark
     2026-01-01T10:00:09Z  payments  {"card":"c 4,\\"x\\"","amount":450.0,"at":"2026-01-01T10:00:09Z"}
"""


def cepd(*args, cwd, status=0):
    done = subprocess.run([CEPD, *args], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}"
    return done


def lines(rows, column):
    return "".join(json.dumps({"card": card, column: value, "at": f"2026-01-01T10:00:{second:02d}Z"}) + "\n"
                   for card, value, second in rows)


def run(folder, *args):
    """A job that has read its input and did not come to its end. Returns: its last checkpoint."""
    (folder / "p.pattern").write_text(PROGRAM.replace(".ndjson')", ".ndjson', follow = true)", 2))
    (folder / "in.ndjson").write_text(lines(PAYMENTS, "amount"))
    (folder / "fraud").mkdir()
    (folder / "refunds.ndjson").write_text(lines(REFUNDS, "reason"))
    job = subprocess.Popen([CEPD, "run", "p.pattern", "--state-dir", "state", "--http", "127.0.0.1:0", *args], cwd=folder,
                           stderr=subprocess.PIPE, text=True)
    port = re.search(r"port (\d+)", job.stderr.readline()).group(1)
    url = ["--coordinator", f"http://127.0.0.1:{port}"]
    while True:
        done = subprocess.run([CEPD, "job", "p", "--json", *url], capture_output=True, text=True, timeout=LIMIT_S)
        if done.returncode == 0 and json.loads(done.stdout).get("totals", {}).get("events") == len(PAYMENTS) + len(REFUNDS):
            break
        assert job.poll() is None
        time.sleep(0.02)
    cepd("cancel", "p", *url, cwd=folder)
    job.communicate(timeout=LIMIT_S)
    return max((folder / "state" / "checkpoints").glob("chk-*"), key=lambda p: int(p.name[4:]))


def make(folder):
    """Its last checkpoint, as chk."""
    run(folder).rename(folder / "chk")


def plain(text):
    """Without what differs from run to run: times, and sizes that follow from the identity of files."""
    text = re.sub(r"(taken +)\S+", r"\1TIME", text)
    text = re.sub(r"(files +\d+, )[0-9.]+ (B|KiB)", r"\1SIZE", text)
    return re.sub(r" +([0-9.]+ (B|KiB)|SIZE)(?=  )", "  SIZE", text)


def is_text(got, want):
    if plain(got) != want:
        import difflib
        raise AssertionError("".join(difflib.unified_diff(want.splitlines(True), plain(got).splitlines(True), "want", "got")))


def test_a_whole_checkpoint(folder):
    make(folder)
    is_text(cepd("state", "show", "chk", cwd=folder).stdout, WHOLE)


def test_a_pattern_and_a_key(folder):
    make(folder)
    (folder / "p.pattern").unlink()
    is_text(cepd("state", "show", "chk", "--pattern", "rise", cwd=folder).stdout, KEYS)
    is_text(cepd("state", "show", "chk", "--pattern", "rise", "--key", "c1", cwd=folder).stdout, KEY)
    is_text(cepd("state", "show", "chk", "--pattern", "pair", "--key", "c1", cwd=folder).stdout, GRAPH)
    is_text(cepd("state", "show", "--key", "c2", "chk", cwd=folder).stdout, EVERYWHERE)
    is_text(cepd("state", "show", "chk", "--pattern", "rise", "--key", 'c 4,"x"', cwd=folder).stdout, ONLY_ROWS)


def test_keys_in_a_database_are_told_as_others_are(folder):
    last = str(run(folder, "--state-backend", "rocksdb").relative_to(folder))
    assert list((folder / last).glob("db-*"))
    body = lambda text: text.split("\n\n", 1)[1]
    for args, want in [(["--pattern", "rise"], KEYS), (["--pattern", "rise", "--key", "c1"], KEY),
                       (["--pattern", "pair", "--key", "c1"], GRAPH), (["--key", "c2"], EVERYWHERE)]:
        is_text(body(cepd("state", "show", last, *args, cwd=folder).stdout), body(want))
    whole = {o["name"]: o for o in json.loads(cepd("state", "show", last, "--json", cwd=folder).stdout)["operators"]}
    assert (whole["rise"]["keys"], whole["rise"]["open"], whole["pair"]["open"], whole["fraud"]["open"]) == (2, 5, 5, 1), whole


def test_json_says_the_same(folder):
    make(folder)
    whole = json.loads(cepd("state", "show", "chk", "--json", cwd=folder).stdout)
    assert (whole["kind"], whole["id"], whole["files"]) == ("checkpoint", 2, 1), whole
    ops = {(o["kind"], o["name"]): o for o in whole["operators"]}
    assert ops["source", "payments"]["partitions"] == [
        {"name": "in.ndjson", "position": 545, "done": False, "watermark": "2026-01-01T10:00:06.999999Z"}]
    rise = ops["pattern", "rise"]
    assert (rise["keys"], rise["open"], rise["rows_waiting"], rise["partition_by"]) == (2, 5, 2, ["card"]), rise
    assert rise["states"] == [{"state": "wait b", "open": 2}, {"state": "wait c", "open": 3}], rise
    life = ops["alert", "rising"]["identities"][0]
    assert (life["identity"], life["firing"], life["deadline"]) == ("c1", True, "2026-01-01T10:10:04Z"), life
    assert life["record"]["message"] == "150.0, 300.0", life
    assert ops["sink", "rise_sink_1"]["holds"] == ['file "rise.ndjson": 29 bytes']
    only = json.loads(cepd("state", "show", "chk", "--json", "--pattern", "rise", "--key", "c2", cwd=folder).stdout)
    key = only["operators"][0]["key_list"][0]
    assert len(only["operators"]) == 1 and key["key"] == "c2" and key["open"] == 2, only
    assert key["partial_matches"][0] == {
        "complete": False, "states": ["wait c"], "deadline": "2026-01-01T10:01:02Z", "events": [
            {"variable": "a", "stream": "payments", "time": "2026-01-01T10:00:02Z", "values": {"amount": 110.0}},
            {"variable": "b", "stream": "payments", "time": "2026-01-01T10:00:05Z", "values": {"amount": 500.0}}]}, key


def test_what_is_not_there_is_a_mistake_and_what_is_damaged_is_named(folder):
    make(folder)
    done = cepd("state", "show", "chk", "--pattern", "fall", cwd=folder, status=1)
    assert 'there is no pattern "fall" in it' in done.stderr and '"fraud", "pair", "rise"' in done.stderr
    assert 'key "c3" has no state in it' in cepd("state", "show", "chk", "--key", "c3", cwd=folder, status=1).stderr
    assert '"state" holds no checkpoint or savepoint' in cepd("state", "show", "state", cwd=folder, status=1).stderr
    assert "is nothing to do with state" in cepd("state", "list", "chk", cwd=folder, status=1).stderr
    part = sorted((folder / "chk").glob("part-*"))[0]
    part.write_bytes(part.read_bytes()[:-1])
    assert f'file "chk/{part.name}" is damaged' in cepd("state", "show", "chk", cwd=folder, status=2).stderr


run_tests(globals())
