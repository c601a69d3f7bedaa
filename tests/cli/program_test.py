#!/usr/bin/env python3
"""The program as a user meets it: exit statuses, what it says, signals, pipes, full disks, sockets.

Each test is a function named test_*; it gets a scratch folder. Usage: program_test.py [-k TEXT].
"""
import gzip
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, run_tests, wait_for  # noqa: E402

LIMIT_S = 60

STREAM = """stream payments (card string, amount double, at timestamp)
from {source} format json event time at watermark delay 5 s;
"""
PATTERN = """pattern big from payments partition by card match a -> b
define a as amount > 100, b as amount > 100
within 1 min
measures card as card, b.amount as amount;
"""


def cepd(*args, cwd, stdin=None, status=0, env=None):
    done = subprocess.run([CEPD, *args], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=LIMIT_S,
                          env={**os.environ, **(env or {})})
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}, not {status}\n{done.stderr}"
    return done


def program(folder, source="file (path = 'in.ndjson')", sinks="sink big to stdout format json;", name="p.pattern"):
    (folder / name).write_text(STREAM.format(source=source) + PATTERN + sinks)
    return name


def rows(n=2, card="c1"):
    return [{"card": card, "amount": 200.0 + i, "at": f"2026-01-01T10:00:{i:02d}Z"} for i in range(n)]


def lines(items):
    return "".join(json.dumps(i) + "\n" for i in items)


def start(*args, cwd, **kw):
    return subprocess.Popen([CEPD, *args], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)


# -- the command line -----------------------------------------------------------------------------------------------


def test_help_lists_every_command_and_explains_each(folder):
    overview = cepd("help", cwd=folder).stdout
    for name in ["run", "check", "fmt", "explain", "test", "cluster", "submit", "replay", "savepoint"]:
        assert re.search(rf"^  {name}\b", overview, re.M), name
        assert cepd("help", name, cwd=folder).stdout.startswith(f"usage: cepd {name}")
    for topic in ["connectors", "formats", "functions", "config", "file", "json", "substring"]:
        assert len(cepd("help", topic, cwd=folder).stdout) > 20, topic


def test_mistakes_on_the_command_line_are_explained(folder):
    assert 'did you mean "cepd run"' in cepd("runn", cwd=folder, status=1).stderr
    assert 'did you mean "--set"' in cepd("run", "--sett", "a=1", "x", cwd=folder, status=1).stderr
    assert '"cepd run" wants FILE' in cepd("run", cwd=folder, status=1).stderr
    assert "means nothing without --state-dir" in cepd("run", "--fresh", "y", cwd=folder, status=1).stderr
    assert "no such file" in cepd("run", "nowhere.pattern", cwd=folder, status=1).stderr.lower()
    name = program(folder)
    assert 'parameter "nope"' in cepd("run", "--set", "nope=1", name, cwd=folder, status=1).stderr
    assert "1 to 1024" in cepd("run", "--batch-size", "0", name, cwd=folder, status=1).stderr


def test_configuration_is_read_and_mistakes_in_it_are_named(folder):
    name = program(folder)
    (folder / "in.ndjson").write_text(lines(rows()))
    (folder / "cepd.yaml").write_text("batch:\n  size: 64\n")
    cepd("run", name, cwd=folder)
    (folder / "cepd.yaml").write_text("batch:\n  sise: 64\n")
    err = cepd("run", name, cwd=folder, status=1).stderr
    assert 'cepd.yaml:2: unknown key "batch.sise"' in err and 'did you mean "batch.size"' in err
    (folder / "cepd.yaml").write_text("batch.size: many\n")
    assert '"batch.size" takes' in cepd("run", name, cwd=folder, status=1).stderr
    (folder / "cepd.yaml").write_text("state.backend: disk\n")
    assert '"state.backend" takes "memory" or "rocksdb", not "disk"' in cepd("run", name, cwd=folder, status=1).stderr


def test_every_key_of_the_configuration_has_an_option(folder):
    helps = "".join(cepd("help", c, cwd=folder).stdout for c in ("run", "cluster", "coordinator", "worker", "submit"))
    options = set(re.findall(r"--([a-z-]+)", helps))
    others = {"parallelism.default": "parallelism", "http.address": "http", "worker.slots": "slots"}
    keys = re.findall(r"^  ([a-z.-]+) ", cepd("help", "config", cwd=folder).stdout, re.M)
    assert len(keys) > 30, keys
    for key in keys:
        assert others.get(key, key.replace(".", "-")) in options, key


def test_a_misspelt_topic_gets_the_nearest(folder):
    assert 'did you mean "cepd help run"' in cepd("help", "runn", cwd=folder, status=1).stderr
    assert 'did you mean "cepd help connectors"' in cepd("help", "conectors", cwd=folder, status=1).stderr
    assert "expected a command before option" in cepd("--log-level", "info", "run", cwd=folder, status=1).stderr


def test_man_pages_are_what_help_prints(folder):
    man = pathlib.Path(os.environ["CEP_SRCDIR"]) / "man"
    assert (man / "cepd.1").read_text() == cepd("help", "--man", cwd=folder).stdout, "cepd.1: make man-pages"
    for name in ["run", "check", "fmt", "explain", "test", "help"]:
        text = cepd("help", "--man", name, cwd=folder).stdout
        assert (man / f"cepd-{name}.1").read_text() == text, f"cepd-{name}.1: make man-pages"


def test_files_that_are_no_patterns_are_refused_in_one_line(folder):
    (folder / "sub").mkdir()
    (folder / "bytes.pattern").write_bytes(bytes(range(1, 256)) + bytes(range(256)) * 40)
    for name, said in [("sub", "Is a directory"), ("nowhere", "No such file"), ("bytes.pattern", "is not text: byte 255")]:
        for command in ["check", "run", "fmt", "test", "explain"]:
            err = cepd(command, name, cwd=folder, status=1).stderr
            assert said in err and len(err.splitlines()) == 1, (command, err)


# -- running --------------------------------------------------------------------------------------------------------


def test_a_match_goes_to_stdout_and_counts_to_stderr(folder):
    name = program(folder)
    (folder / "in.ndjson").write_text(lines(rows()))
    done = cepd("run", name, cwd=folder)
    assert [json.loads(x) for x in done.stdout.splitlines()] == [{"card": "c1", "amount": 201.0}]
    assert re.search(r"^cepd: done: 2 events in .*, 1 match, 0 alerts, 0 late, 0 errors$", done.stderr, re.M), done.stderr


def test_relative_paths_start_at_the_folder_of_the_file(folder):
    sub = folder / "sub"
    sub.mkdir()
    program(sub, sinks="sink big to file (path = 'out.ndjson') format json;")
    (sub / "in.ndjson").write_text(lines(rows()))
    cepd("run", "sub/p.pattern", cwd=folder)
    assert len((sub / "out.ndjson").read_text().splitlines()) == 1


def test_stdin_and_compressed_files_are_sources(folder):
    name = program(folder, source="stdin")
    assert len(cepd("run", name, cwd=folder, stdin=lines(rows())).stdout.splitlines()) == 1
    name = program(folder, source="file (path = 'in.ndjson.gz')")
    with gzip.open(folder / "in.ndjson.gz", "wt") as f:
        f.write(lines(rows()))
    assert len(cepd("run", name, cwd=folder).stdout.splitlines()) == 1


def test_bad_records_are_kept_counted_and_do_not_stop_it(folder):
    sinks = "sink big to stdout format json; sink payments.errors to file (path = 'bad.ndjson') format json;"
    name = program(folder, sinks=sinks)
    good = lines(rows()).splitlines()
    (folder / "in.ndjson").write_bytes("\n".join([good[0], "{not json", '{"card": "x", "amount": "many"}', good[1], '{"card"']).encode())
    done = cepd("run", name, cwd=folder)
    assert len(done.stdout.splitlines()) == 1
    bad = [json.loads(x) for x in (folder / "bad.ndjson").read_text().splitlines()]
    assert len(bad) == 3 and all(b["reason"] for b in bad), bad
    assert bad[0]["offset"] == len(good[0]) + 1
    assert "3 records could not be decoded" in done.stderr and f"the first: in.ndjson, byte {len(good[0]) + 1}: not JSON" in done.stderr


def test_keys_that_came_twice_are_said_in_the_right_number(folder):
    program(folder)
    one, two = (lines([r]).rstrip("\n") for r in rows(2))
    again = lambda text: text[:-1] + ',"card":"c1"}\n'
    (folder / "in.ndjson").write_text(again(one) + two + "\n")
    assert ": 1 key came twice in its record; the last one was taken" in cepd("run", "p.pattern", cwd=folder).stderr
    (folder / "in.ndjson").write_text(again(one) + again(two))
    assert ": 2 keys came twice in their record; the last one was taken" in cepd("run", "p.pattern", cwd=folder).stderr


def test_late_events_and_events_without_a_time_are_said(folder):
    sinks = "sink big to stdout format json; sink payments.late to file (path = 'late.ndjson') format json;"
    name = program(folder, sinks=sinks)
    data = [{"card": "c", "amount": 1.0, "at": "2026-01-01T10:01:00Z"}, {"card": "c", "amount": 2.0, "at": "2026-01-01T10:00:00Z"},
            {"card": "c", "amount": 3.0}]
    (folder / "in.ndjson").write_text(lines(data))
    done = cepd("run", name, cwd=folder)
    assert [json.loads(x)["amount"] for x in (folder / "late.ndjson").read_text().splitlines()] == [2.0]
    assert "1 late event" in done.stderr and "1 event without a time, dropped: no sink reads them" in done.stderr


def test_a_missing_input_and_a_full_disk_fail_the_job_with_its_name(folder):
    name = program(folder)
    err = cepd("run", name, cwd=folder, status=2).stderr
    assert 'stream "payments"' in err and "in.ndjson" in err
    name = program(folder, sinks="sink big to file (path = '/dev/full') format json;")
    (folder / "in.ndjson").write_text(lines(rows()))
    err = cepd("run", name, cwd=folder, status=2).stderr
    assert "/dev/full" in err and "No space left" in err, err


def test_alerts_that_a_webhook_does_not_take_fail_the_job_at_its_end(folder):
    name = program(folder, sinks=f"sink big to http (url = 'http://127.0.0.1:{free_port()}/', retries = 1, retry_min = 1 ms) format json;")
    (folder / "in.ndjson").write_text(lines(rows()))
    err = cepd("run", name, cwd=folder, status=2).stderr
    assert "1 row could not be delivered" in err and "done: 2 events" in err, err


def test_output_that_cannot_be_written_is_said(folder):
    name = program(folder)
    for args in [["check", name], ["help"], ["fmt", name], ["explain", name]]:
        with open("/dev/full", "w") as full:
            done = subprocess.run([CEPD, *args], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
        assert done.returncode == 2 and "No space left" in done.stderr, args


def test_a_closed_standard_output_is_no_file_of_the_job(folder):
    name = program(folder)
    (folder / "in.ndjson").write_text(lines(rows()))
    before = (folder / "in.ndjson").read_text()
    done = subprocess.run(["sh", "-c", f'"{CEPD}" run {name} >&-'], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2 and "could not write stdout" in done.stderr, done.stderr
    assert (folder / "in.ndjson").read_text() == before


def test_a_closed_pipe_ends_it_cleanly(folder):
    name = program(folder, source="generate (rows = 100000000, seed = 1, start = '2026-01-01 00:00:00', step = 1 ms)".replace(" 1 ms", " 1 ms"))
    text = (folder / name).read_text().replace(" format json event", " event").replace("amount > 100", "true")
    (folder / name).write_text(text)
    p = start("run", name, cwd=folder)
    for _ in range(3):
        assert p.stdout.readline()
    p.stdout.close()
    assert p.wait(timeout=LIMIT_S) == 0, p.stderr.read()
    p.stderr.close()


def test_signals_stop_it_cleanly(folder):
    name = program(folder, source="file (path = 'in.ndjson', follow = true)", sinks="sink big to file (path = 'out.ndjson') format json;")
    (folder / "in.ndjson").write_text(lines(rows(20)))
    for sig, status in [(signal.SIGINT, 130), (signal.SIGTERM, 143)]:
        out = folder / "out.ndjson"
        out.unlink(missing_ok=True)
        p = start("run", name, cwd=folder)
        wait_for(lambda: out.exists() and out.read_text().count("\n") >= 5)
        p.send_signal(sig)
        _, err = p.communicate(timeout=LIMIT_S)
        assert p.returncode == status, err
        assert f"stopped by {sig.name}" in err and "20 events" in err, err


def test_a_signal_that_comes_twice_at_once_is_one(folder):
    name = program(folder, source="file (path = 'in.ndjson', follow = true)")
    (folder / "in.ndjson").write_text(lines(rows(20)))
    for _ in range(5):
        p = start("run", name, cwd=folder)
        assert p.stdout.readline()
        for sig in [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]:
            p.send_signal(sig)
        _, err = p.communicate(timeout=LIMIT_S)
        assert p.returncode in (130, 143) and "stopped by SIG" in err, err


def test_a_second_signal_ends_a_job_that_is_still_being_made(folder):
    """A sink's pipe that nobody reads keeps it from being made."""
    (folder / "in.ndjson").write_text(lines(rows()))
    program(folder, sinks="sink big to file (path = 'pipe') format json delivery at least once;")
    os.mkfifo(folder / "pipe")
    p = start("run", "p.pattern", "--http", "127.0.0.1:0", cwd=folder)
    assert "REST interface" in p.stderr.readline()  # signals are the job's from before that
    for _ in range(20):
        p.send_signal(signal.SIGTERM)
        try:
            assert p.wait(timeout=1) == 143
            break
        except subprocess.TimeoutExpired:
            continue
    else:
        p.kill()
        raise AssertionError("no signal ended it")
    p.communicate()


def test_a_signal_that_came_while_the_job_was_made_stops_it(folder):
    (folder / "in.ndjson").write_text(lines(rows()))
    program(folder, source="file (path = 'in.ndjson', follow = true)",
            sinks="sink big to file (path = 'pipe') format json delivery at least once;")
    os.mkfifo(folder / "pipe")
    p = start("run", "p.pattern", "--http", "127.0.0.1:0", cwd=folder)
    assert "REST interface" in p.stderr.readline()
    p.send_signal(signal.SIGTERM)
    with open(folder / "pipe") as reader:
        reader.read()
    _, err = p.communicate(timeout=LIMIT_S)
    assert p.returncode == 143 and "stopped by SIGTERM" in err, err


def test_a_followed_file_gives_alerts_as_it_grows(folder):
    name = program(folder, source="file (path = 'in.ndjson', follow = true)")
    (folder / "in.ndjson").write_text("")
    p = start("run", name, cwd=folder)
    with open(folder / "in.ndjson", "a") as f:
        f.write(lines(rows(20)))
        f.flush()
    first = json.loads(p.stdout.readline())
    assert first["amount"] == 201.0
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=LIMIT_S)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port):
    def attempt():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            return None
    return wait_for(attempt)


def test_tcp_connections_are_producers(folder):
    port = free_port()
    name = program(folder, source=f"tcp (host = '127.0.0.1', port = {port})")
    p = start("run", name, cwd=folder)
    a, b = connect(port), connect(port)
    a.sendall(lines(rows(1)).encode())
    b.sendall(lines([{"card": "c2", "amount": 1.0, "at": "2026-01-01T10:05:00Z"}]).encode())
    a.sendall(lines(rows(2)[1:]).encode())
    a.sendall(lines([{"card": "c3", "amount": 1.0, "at": "2026-01-01T10:05:00Z"}]).encode())
    assert json.loads(p.stdout.readline()) == {"card": "c1", "amount": 201.0}
    a.close()
    b.close()
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=LIMIT_S)
    assert p.returncode == 143


def test_trace_shows_rows_and_watermarks(folder):
    name = program(folder)
    (folder / "in.ndjson").write_text(lines(rows()))
    err = cepd("run", "--trace", name, cwd=folder).stderr
    assert 'trace: payments: 2026-01-01T10:00:00Z {"card":"c1","amount":200.0' in err
    assert "trace: payments: watermark at the end of time" in err


def test_trace_shows_what_the_matcher_does(folder):
    name = "p.pattern"
    (folder / name).write_text(
        """stream ev (k string, v int, at timestamp) from file (path = 'in.ndjson') format json
event time at watermark delay 1 s;
pattern p from ev partition by k match a+ -> !n -> b
  define a as v < 10, n as v = 50, b as v > 100 and count(a) > 1
  within 10 s measures count(a) as n;
sink p to stdout format json;
"""
    )
    (folder / "in.ndjson").write_text(
        "".join(
            '{"k":"x","v":%d,"at":"2026-01-01 10:00:%02d"}\n' % (v, i) for i, v in enumerate([1, 2, 101, 3, 50, 4])
        )
    )
    err = cepd("run", "--trace", name, cwd=folder).stderr
    for line in [
        'p ("x"): event 2026-01-01T10:00:00Z {"k":"x","v":1,"at":"2026-01-01T10:00:00Z"}',
        'p ("x"):   start: take a -> fork a after 1+',
        'p ("x"):   [a 2026-01-01T10:00:00Z] in fork a after 1+: take a -> fork a after 1+; ignore -> wait b',
        'p ("x"): match [a 2026-01-01T10:00:00Z, a 2026-01-01T10:00:01Z, b 2026-01-01T10:00:02Z], '
        "let go at 2026-01-01T10:00:02Z",
        'p ("x"): 4 pruned by the skip policy',
        'p ("x"):   [a 2026-01-01T10:00:03Z] in fork a after 1+: stop, by a negation',
        'p ("x"): timed out at 2026-01-01T10:00:15Z: [a 2026-01-01T10:00:05Z] in fork a after 1+',
    ]:
        assert "trace: " + line + "\n" in err, line


def test_json_logs_are_json(folder):
    name = program(folder)
    (folder / "in.ndjson").write_text(lines(rows()))
    err = cepd("run", "--log-format", "json", name, cwd=folder).stderr
    said = [json.loads(x) for x in err.splitlines()]
    assert said[-1]["level"] == "info" and said[-1]["message"].startswith("done: 2 events")


def test_a_program_without_sinks_has_nothing_to_run(folder):
    (folder / "empty.pattern").write_text("-- nothing yet\n")
    assert "nothing to run" in cepd("run", "empty.pattern", cwd=folder, status=1).stderr


def test_a_full_buffer_names_who_holds_the_watermark(folder):
    (folder / "p.pattern").write_text(
        "stream a (k string, v int, at timestamp) from generate (rows = 200000, step = 1 ms) event time at watermark ascending;\n"
        "stream b (k string, at timestamp) from tcp (host = '127.0.0.1', port = 0) format json event time at watermark ascending;\n"
        "pattern p from a, b match x -> y define x as a, y as b within 1 min measures x.k as k;\nsink p to stdout format json;\n")
    err = cepd("run", "p.pattern", "--buffer-rows", "5000", "--buffer-patience", "100 ms", cwd=folder, status=2).stderr
    assert 'stream "b": nobody has sent anything yet and has held the watermark back' in err, err
    assert "idle after" in err


def test_budgets_end_a_job_with_a_reason(folder):
    head = ("stream a (k string, v int, at timestamp) from generate (rows = 200000, step = 1 ms, k = 'key k 3') "
            "event time at watermark delay {delay};\n")
    (folder / "p.pattern").write_text(head.format(delay="0 s") + "pattern p from a match x+ combinations -> y "
                                      "define x as v >= 0, y as v < 0 after match no skip measures count(x) as n;\nsink p to stdout format json;\n")
    err = cepd("run", "p.pattern", "--state-memory", "50m", cwd=folder, status=2).stderr
    assert 'pattern "p": partial matches need more than 52428800 bytes' in err, err
    (folder / "p.pattern").write_text(head.format(delay="1 d") + "pattern p from a match x define x as v >= 0 within 1 min "
                                      "measures x.v as v;\nsink p to stdout format json;\n")
    err = cepd("run", "p.pattern", "--buffer-rows", "2000", cwd=folder, status=2).stderr
    assert 'events wait for its watermark (limit 2000), and more keep coming' in err, err


# -- writing patterns -----------------------------------------------------------------------------------------------


def test_check_says_mistakes_with_their_place(folder):
    name = program(folder)
    text = (folder / name).read_text().replace("b as amount", "b as amuont")
    (folder / name).write_text(text)
    done = cepd("check", name, cwd=folder, status=1)
    assert re.search(r'^p\.pattern:\d+:\d+: error: .*"amuont"', done.stderr, re.M), done.stderr
    assert 'did you mean "amount"' in done.stderr
    assert done.stdout == ""


def test_check_fmt_explain_and_test_work_on_a_good_file(folder):
    name = program(folder)
    with open(folder / name, "a") as f:
        f.write("\ntest 'two' given payments ('c', 200, '2026-01-01 10:00:00'), ('c', 201, '2026-01-01 10:00:01')\n"
                "  expect big (card = 'c', amount = 201);\ntest 'wrong' given payments ('c', 1, '2026-01-01 10:00:00') expect big (amount = 2);\n")
    assert "states" in cepd("check", name, cwd=folder).stdout
    done = cepd("test", name, cwd=folder, status=1)
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"
    once = cepd("fmt", name, cwd=folder).stdout
    (folder / name).write_text(once)
    assert cepd("fmt", name, cwd=folder).stdout == once
    cepd("fmt", "--check", name, cwd=folder)
    for stage in ["ast", "checked", "plan", "nfa", "program", "graph"]:
        assert len(cepd("explain", "--stage", stage, name, cwd=folder).stdout) > 40, stage
    for stage in ["plan", "nfa", "graph"]:
        assert cepd("explain", "--stage", stage, "--format", "dot", name, cwd=folder).stdout.lstrip().startswith("digraph"), stage
    assert "store: " in cepd("explain", name, cwd=folder).stdout


def test_check_and_explain_tell_the_store(folder):
    (folder / "p.pattern").write_text(
        "stream s (card int, t int, at timestamp) from file (path = 'x.ndjson') format json event time at watermark ascending;\n"
        "pattern p from s partition by card match a -> b -> c define a as t = 1, b as t = 2, c as t = 3 within 1 h\n"
        "after match no skip measures card as card;\nsink p to file (path = 'y');\n")
    said = cepd("check", "p.pattern", cwd=folder).stdout
    assert "store: sets\n" in said and "quadratic growth" not in said and "state-dir" not in said
    said = cepd("explain", "p.pattern", cwd=folder).stdout
    assert "store: sets, because conditions look at the event alone" in said and "state-dir" not in said


def test_explain_tells_what_patterns_share(folder):
    text = ("stream s (card int, sku string, amount double, at timestamp) from file (path = 'x.ndjson') format json\n"
            "  event time at watermark ascending;\n")
    for i in range(10):
        text += (f"pattern p{i} from s partition by card match a -> b define a as sku = 'x{i}' and amount < 5, b as amount > 7"
                 f" within 1 min;\nsink p{i} to file (path = 'y{i}') format json;\n")
    text += ("pattern odd from s match a -> b define a as sku like '%x%', b as sku = 'x3' and amount < 5 within 1 min;\n"
             "sink odd to file (path = 'z') format json;\n")
    (folder / "many.pattern").write_text(text)
    shared = cepd("explain", "--stage", "shared", "many.pattern", cwd=folder).stdout
    summary = ("together on s: 11 patterns (p0, p1, p2, p3, p4, p5, p6, p7, ...)\n"
               "  conditions: 22 on an event alone, 12 of them different, 2 of these of several patterns\n"
               "  programs: 2 (those that differ in names and constants alone have one)\n"
               "  looked up: 10 by equality of sku\n"
               "  evaluated for every batch: 2\n")
    lines = "".join(f"  pattern p{i}: 2 conditions, {2 if i == 3 else 1} also another pattern's; 1 by equality, 0 by range, "
                    "1 for every batch\n" for i in range(10))
    lines += "  pattern odd: 2 conditions, 1 also another pattern's; 1 by equality, 0 by range, 1 for every batch\n"
    assert shared == summary + lines, shared
    assert summary in cepd("explain", "many.pattern", cwd=folder).stdout
    groups = json.loads(cepd("explain", "--stage", "shared", "--format", "json", "many.pattern", cwd=folder).stdout)
    assert len(groups) == 1 and groups[0]["programs"] == 2 and groups[0]["inputs"] == ["s"] and len(groups[0]["patterns"]) == 11
    assert groups[0]["looked_up"] == [{"column": "sku", "by": "equality", "conditions": 10}]
    assert groups[0]["patterns"][3] == {"name": "p3", "conditions": 2, "different": 2, "shared": 2, "by_equality": 1,
                                        "by_range": 0, "every_batch": 1}
    (folder / "one.pattern").write_text(text.split("pattern p1")[0])
    assert cepd("explain", "--stage", "shared", "one.pattern", cwd=folder).stdout == "no two patterns read the same\n"
    assert "together" not in cepd("explain", "one.pattern", cwd=folder).stdout
    assert json.loads(cepd("explain", "--stage", "shared", "--format", "json", "one.pattern", cwd=folder).stdout) == []
    assert "text and json only" in cepd("explain", "--stage", "shared", "--format", "dot", "one.pattern", cwd=folder,
                                        status=1).stderr


run_tests(globals())
