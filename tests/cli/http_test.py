#!/usr/bin/env python3
"""`cepd run --http`: every REST call of one job, /metrics, cancel, and the commands that use them.

Each test is a function named test_*; it gets a scratch folder. Usage: http_test.py [-k TEXT].
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, run_tests, wait_for  # noqa: E402

LIMIT_S = 60

PROGRAM = """stream payments (card string, amount double, at timestamp)
from generate (rate = 2000, seed = 7, start = 'now', amount = 'uniform 0 1000')
event time at watermark delay 100 ms;
pattern big from payments partition by card match a -> b
define a as amount > 900, b as amount > 900
within 1 min
measures card as card, b.amount as amount;
sink big to file (path = 'out.ndjson') format json;
"""


class Job:
    """A job that runs; ended at the end of the block."""

    def __init__(self, folder, *args, text=PROGRAM, token=None):
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        env = {**os.environ, "CEPD_SECURITY_TOKEN": token or ""}
        (folder / "big-payments.pattern").write_text(text)
        self.process = subprocess.Popen([CEPD, "run", "big-payments.pattern", "--http", "127.0.0.1:0", *args],
                                        cwd=folder, stderr=subprocess.PIPE, text=True, env=env)

    def __enter__(self):
        said = ""
        while not (found := re.search(r"^cepd: job ([0-9a-f]{32}), REST interface on port (\d+)", said, re.M)):
            line = self.process.stderr.readline()
            assert line, said
            said += line
        self.id, self.url = found.group(1), f"http://127.0.0.1:{found.group(2)}"
        wait_for(lambda: self.get("/jobs")[1]["jobs"][0]["status"] == "RUNNING")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=LIMIT_S)

    def call(self, method, path, body=None):
        """Returns: status and body."""
        request = urllib.request.Request(self.url + path, method=method, data=body, headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def get(self, path):
        status, text = self.call("GET", path)
        return status, json.loads(text)

    def job(self):
        status, job = self.get(f"/jobs/{self.id}")
        assert status == 200, job
        return job

    def metrics(self):
        """Returns: {(name, ((label, value), ...)): value}"""
        status, text = self.call("GET", "/metrics")
        assert status == 200
        out, typed = {}, set()
        for line in text.splitlines():
            if line.startswith("#"):
                typed.add(line.split()[2])
                continue
            m = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line)
            assert m and (m.group(1) in typed or re.sub("_(sum|count)$", "", m.group(1)) in typed), line
            labels = tuple(re.findall(r'([a-z_]+)="([^"]*)"', m.group(2) or ""))
            assert (m.group(1), labels) not in out, line
            out[m.group(1), labels] = float(m.group(3))
        return out


def total(metrics, metric, **labels):
    found = [v for (n, l), v in metrics.items() if n == metric and labels.items() <= dict(l).items()]
    assert found, (metric, labels)
    return sum(found)


def client(job, *args, status=0):
    done = subprocess.run([CEPD, *args, "--coordinator", job.url], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, f"cepd {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


# -- calls ------------------------------------------------------------------------------------------------------------


def check_calls(job, parallelism):
    overview = job.get("/overview")[1]
    assert overview["jobs-running"] == 1 and overview["slots-total"] == parallelism, overview
    assert job.get("/jobs") == (200, {"jobs": [{"id": job.id, "status": "RUNNING"}]})
    one = job.get("/jobs/overview")[1]["jobs"][0]
    assert (one["jid"], one["name"], one["state"]) == (job.id, "big-payments", "RUNNING"), one
    assert one["duration"] >= 0 and one["end-time"] == -1 and one["tasks"]["total"] >= 1, one
    wait_for(lambda: job.job()["totals"]["matches"] > 0)
    full = job.job()
    ops = {(o["kind"], o["name"]): o for o in full["operators"]}
    source, big = ops["source", "payments"], ops["pattern", "big"]
    assert source["rows_in"] > 0 and big["matches"] > 0 and big["open"] > 0 and big["state_bytes"] > 0, ops
    assert big["held-by"] == {"stream": "payments", "partition": None}, big
    assert 0 <= big["watermark-lag"] < 60000 and full["totals"]["held-by"]["stream"] == "payments", full
    assert [k for k in ops if k[0] == "sink"], ops
    assert full["plan"] == job.get(f"/jobs/{job.id}/plan")[1]["plan"]
    assert [v["id"] for v in full["vertices"]] == [n["id"] for n in full["plan"]["nodes"]]
    if parallelism > 1:
        assert any(i["ship_strategy"] == "HASH" for n in full["plan"]["nodes"] for i in n.get("inputs", []))
    matches = 0
    for v in full["vertices"]:
        vertex = job.get(f"/jobs/{job.id}/vertices/{v['id']}")[1]
        assert len(vertex["subtasks"]) == v["parallelism"] and vertex["name"] == v["name"], vertex
        matches += sum(o["matches"] for s in vertex["subtasks"] for o in s["operators"] if o["kind"] == "pattern")
        for s in vertex["subtasks"]:
            m = s["metrics"]
            spent = sum(m[f"accumulated-{k}-time"] for k in ("busy", "idle", "backpressured"))
            assert s["status"] == "RUNNING" and abs(spent - s["duration"]) <= 3, s
    assert matches >= big["matches"] > 0
    assert job.get(f"/jobs/{job.id}/checkpoints")[1]["counts"]["total"] == 0
    assert job.get(f"/jobs/{job.id}/exceptions")[1]["root-exception"] is None
    config = job.get(f"/jobs/{job.id}/config")[1]["execution-config"]
    assert config["job-parallelism"] == parallelism and config["user-config"]["http.address"] == "127.0.0.1:0"
    tm = job.get("/taskmanagers")[1]["taskmanagers"]
    assert len(tm) == 1 and tm[0]["pid"] == job.process.pid, tm


def test_calls_of_a_job_on_one_thread(folder):
    with Job(folder) as job:
        check_calls(job, 1)


def test_calls_of_a_parallel_job(folder):
    with Job(folder, "--parallelism", "3") as job:
        check_calls(job, 3)


def test_metrics_go_on_and_are_well_formed(folder):
    with Job(folder, "--parallelism", "2") as job:
        wait_for(lambda: job.job()["totals"]["matches"] > 0)
        a = job.metrics()
        wait_for(lambda: job.job()["totals"]["events"] > total(a, "cepd_records_in_total", operator="payments"))
        b = job.metrics()
        for (name, labels), v in a.items():
            if name.endswith("_total"):
                assert b[name, labels] >= v, (name, labels)
        assert {dict(l)["subtask"] for n, l in a if n == "cepd_matches_total"} == {"0", "1"}
        assert total(b, "cepd_records_in_total", operator="payments") > total(
            a, "cepd_records_in_total", operator="payments")
        assert total(b, "cepd_task_busy_seconds_total") > 0
        assert total(b, "cepd_open_partial_matches", operator="big") > 0
        assert total(b, "cepd_state_bytes", operator="big") > 0
        assert total(b, "cepd_state_bytes_per_key", operator="big") > 0
        assert total(b, "cepd_state_bytes_per_open_partial_match", operator="big") > 0
        assert total(b, "cepd_watermark_lag_seconds", operator="big", held_by="payments") < 60
        assert total(b, "cepd_bytes_out_total", kind="sink") > 0
        assert total(b, "cepd_job_info", job=job.id, name="big-payments") == 1


def test_the_partition_that_holds_the_watermark_is_named(folder):
    for name, second in (("slow", 1), ("fast", 30)):
        (folder / f"{name}.ndjson").write_text(json.dumps({"card": "c", "at": f"2026-01-01T10:00:{second:02d}Z"}) + "\n")
    text = """stream payments (card string, at timestamp)
from file (path = '*.ndjson', follow = true) format json event time at watermark delay 0 s;
sink payments to stderr format json;
"""
    with Job(folder, text=text) as job:
        held = wait_for(lambda: job.job()["totals"]["held-by"])
        held = wait_for(lambda: (job.job()["totals"]["held-by"] or {}).get("partition"))
        assert held.endswith("slow.ndjson"), held


# -- checkpoints ------------------------------------------------------------------------------------------------------


def test_checkpoints_are_shown(folder):
    for parallelism, tasks in (("1", 1), ("3", None)):
        with Job(folder, "--parallelism", parallelism, "--state-dir", "state", "--checkpoint-interval", "50 ms", "--fresh") as job:
            path = f"/jobs/{job.id}/checkpoints"
            wait_for(lambda: job.get(path)[1]["counts"]["completed"] >= 12)
            got = job.get(path)[1]
            counts, last, history = got["counts"], got["latest"]["completed"], got["history"]
            assert counts["total"] == counts["completed"] + counts["in_progress"] and counts["failed"] == 0, counts
            assert len(history) == 10 and [h["id"] for h in history] == list(range(history[0]["id"], history[0]["id"] - 10, -1))
            assert last in history and last["status"] == "COMPLETED" and last["checkpointed_size"] > 0, got
            assert last["num_acknowledged_subtasks"] == last["num_subtasks"] == (tasks or job.job()["status-counts"]["RUNNING"]), got
            assert last["external_path"] == f"state/checkpoints/chk-{last['id']}", got
            assert last["latest_ack_timestamp"] - last["trigger_timestamp"] - last["end_to_end_duration"] in (0, 1, -1), got
            size = got["summary"]["checkpointed_size"]
            assert 0 < size["min"] <= size["avg"] <= size["max"] and size["max"] >= last["checkpointed_size"], got
            assert got["latest"]["failed"] is None and got["latest"]["restored"] is None, got
            m = job.metrics()
            assert total(m, "cepd_checkpoints_completed_total") >= 12 and total(m, "cepd_restarts_total") == 0
            assert total(m, "cepd_checkpoints_failed_total") == 0
            assert total(m, "cepd_checkpoint_duration_seconds_sum") > 0 and total(m, "cepd_checkpoint_last_size_bytes") > 0
            assert total(m, "cepd_checkpoint_size_bytes_count") == total(m, "cepd_checkpoints_completed_total")
            config = job.get(f"/jobs/{job.id}/config")[1]["execution-config"]
            assert config["restart-strategy"] == "exponential-delay" and config["user-config"]["restart.delay"] == "1 s"
            shown = client(job, "job", job.id).stdout
            assert re.search(r"^kept +checkpoint \d+, .* ago, took \d+.*; \d+ complete, 0 failed, 0 restarts$", shown, re.M), shown
            job.process.send_signal(signal.SIGTERM)
            assert job.process.wait(timeout=LIMIT_S) == 143
        with Job(folder, "--state-dir", "state", "--restore", "latest") as job:
            got = job.get(f"/jobs/{job.id}/checkpoints")[1]
            assert got["counts"]["restored"] == 1 and got["latest"]["restored"]["id"] >= last["id"], got
            assert got["latest"]["restored"]["is_savepoint"] is False, got


# -- errors ------------------------------------------------------------------------------------------------------------


def test_errors_say_what_is_wrong(folder):
    with Job(folder) as job:
        for method, path, status, text in [
            ("GET", "/jobs/nope", 404, 'there is no job "nope"'),
            ("GET", f"/jobs/{job.id}/vertices/9", 404, 'there is no vertex "9": they are 0 to 0'),
            ("GET", f"/jobs/{job.id}/savepoints/x", 404, "there is no savepoint"),
            ("POST", f"/jobs/{job.id}/savepoints", 400, "the savepoint has no folder to go to"),
            ("POST", f"/jobs/{job.id}/stop", 400, "the savepoint has no folder to go to"),
            ("PATCH", f"/jobs/{job.id}/rescaling", 501, "cannot be rescaled"),
            ("PATCH", f"/jobs/{job.id}?mode=stop", 400, "mode=cancel"),
            ("POST", "/jobs", 501, "one job"),
            ("DELETE", "/jobs", 405, "method"),
        ]:
            got, body = job.call(method, path, b"{}" if method == "POST" else None)
            assert got == status and text in json.loads(body)["errors"][0], (method, path, got, body)
        assert job.process.poll() is None


def test_only_loopback_addresses(folder):
    (folder / "p.pattern").write_text(PROGRAM)
    for address, status, text in [("0.0.0.0:0", 1, "can be reached from other machines"),
                                  ("nonsense", 1, "not an address")]:
        done = subprocess.run([CEPD, "run", "p.pattern", "--http", address], cwd=folder, capture_output=True,
                              text=True, timeout=LIMIT_S)
        assert done.returncode == status and text in done.stderr and "http.address" in done.stderr, done.stderr
        assert not (folder / "out.ndjson").exists()


def test_a_token_is_asked_for(folder):
    with Job(folder, token="s3cret") as job:
        config = job.call("GET", f"/jobs/{job.id}/config")[1]
        assert "security.token" in config and "s3cret" not in config, config
        job.headers = {}
        got, body = job.call("GET", "/overview")
        assert got == 401 and "token" in json.loads(body)["errors"][0], body
        for token, status, text in [("s3cret", 0, job.id), ("other", 1, "not the right one")]:
            done = subprocess.run([CEPD, "jobs", "--json", "--coordinator", job.url], capture_output=True, text=True,
                                  timeout=LIMIT_S, env={**os.environ, "CEPD_SECURITY_TOKEN": token})
            assert done.returncode == status and text in done.stdout + done.stderr, done


def test_a_port_that_is_taken_costs_nothing(folder):
    with Job(folder) as job:
        other = folder / "other"
        other.mkdir()
        (other / "p.pattern").write_text(PROGRAM)
        done = subprocess.run([CEPD, "run", "p.pattern", "--http", job.url.removeprefix("http://")], cwd=other,
                              capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 2 and "could not listen" in done.stderr, done.stderr
        assert not (other / "out.ndjson").exists()


# -- the end ------------------------------------------------------------------------------------------------------------


def test_cancel_is_a_clean_stop(folder):
    for parallelism in ("1", "3"):
        with Job(folder, "--parallelism", parallelism) as job:
            wait_for(lambda: job.job()["totals"]["matches"] > 0)
            assert job.call("PATCH", f"/jobs/{job.id}?mode=cancel")[0] == 202
            _, err = job.process.communicate(timeout=LIMIT_S)
            assert job.process.returncode == 0 and "cancelled over the REST interface" in err, err
            n = int(re.search(r"(\d+) match", err).group(1))
            assert len((folder / "out.ndjson").read_text().splitlines()) == n > 0
            (folder / "out.ndjson").unlink()


def test_a_signal_ends_a_job_that_serves(folder):
    with Job(folder) as job:
        job.process.send_signal(signal.SIGINT)
        _, err = job.process.communicate(timeout=LIMIT_S)
        assert job.process.returncode == 130 and "stopped by SIGINT" in err, err


# -- commands -----------------------------------------------------------------------------------------------------------


def test_commands_show_and_cancel(folder):
    with Job(folder, "--parallelism", "2") as job:
        wait_for(lambda: job.job()["totals"]["matches"] > 0)
        table = client(job, "jobs").stdout
        assert job.id in table and "RUNNING" in table and "big-payments" in table, table
        assert json.loads(client(job, "jobs", "--json").stdout)["jobs"][0]["jid"] == job.id
        for name in (job.id, job.id[:6], "big-payments"):
            shown = client(job, "job", name).stdout
            assert re.search(r"pattern +big ", shown) and "held by payments" in shown, shown
        assert json.loads(client(job, "job", job.id, "--json").stdout)["jid"] == job.id
        assert 'no job "nope"' in client(job, "job", "nope", status=1).stderr
        assert "cancel" in client(job, "cancel", job.id).stdout
        assert job.process.wait(timeout=LIMIT_S) == 0
        for args in (("jobs",), ("job", job.id), ("cancel", job.id)):
            assert "could not reach" in client(job, *args, status=2).stderr


def test_the_coordinator_can_be_named_in_the_environment(folder):
    with Job(folder) as job:
        done = subprocess.run([CEPD, "jobs"], capture_output=True, text=True, timeout=LIMIT_S,
                              env={**os.environ, "CEPD_COORDINATOR": job.url})
        assert done.returncode == 0 and job.id in done.stdout, done.stderr


run_tests(globals())
