#!/usr/bin/env python3
"""A cluster of real processes: submission, mistakes, faults, savepoints, another parallelism. What is committed is what an undisturbed
run in one process gives.

Each test is a function named test_*; it gets a scratch folder. Usage: cluster_test.py [-k TEXT].
"""
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, EXAMPLES, Cluster, difference, free_port, prepare, rows, run_tests  # noqa: E402

EVENTS = 400_000


def finish(cluster, job, expected):
    cluster.wait_state(job, "FINISHED")
    wrong = difference(expected, rows(cluster.folder / "out.ndjson"))
    assert not wrong, f"{wrong}\n{cluster.said()}"


def test_a_job_on_two_workers_gives_what_one_process_gives(folder):
    expected = prepare(folder, EVENTS // 4, 1)
    with Cluster(folder, workers=2) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        finish(c, job, expected)
        assert job in c.cepd("jobs").stdout and "FINISHED" in c.cepd("jobs").stdout
        assert len(c.get("/taskmanagers")["taskmanagers"]) == 2
        assert c.cepd("workers").stdout.count("127.0.0.1:") == 2


def test_what_goes_over_the_wire_is_counted(folder):
    expected = prepare(folder, 50_000, 9)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("p.pattern", "--parallelism", "2")
        finish(c, job, expected)

        def told():
            wires = [w["wire"] for w in c.get("/taskmanagers")["taskmanagers"]]
            rows_out, rows_in = (sum(w[k] for w in wires) for k in ("rows-out", "rows-in"))
            return wires if rows_out == rows_in and rows_out > 10_000 else None
        for wire in c.wait(told):
            assert wire["connections"] >= 1 and wire["refused"] == 0 and wire["bytes-out"] > wire["frames-out"], wire
        with socket.create_connection(("127.0.0.1", int(c.control.split(":")[1]))) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            s.recv(1000)

        def page():
            with urllib.request.urlopen(c.url + "/metrics", timeout=10) as answer:
                lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#"]
                return {name: float(value) for name, value in lines}
        c.wait(lambda: page()["cepd_control_refused_total"] == 1)
        values = page()
        assert values["cepd_control_connections"] == 2 and values["cepd_control_bytes_in_total"] > 0, values
        assert values["cepd_cluster_workers"] == 2, values


def test_mistakes_come_back_as_check_prints_them(folder):
    (folder / "wrong.pattern").write_text("pattern p from nowhere match a define a as x > 1;\n", encoding="utf-8")
    with Cluster(folder, workers=1) as c:
        sent = c.cepd("submit", "wrong.pattern", status=1).stderr
        assert "wrong.pattern:1:16: error:" in sent and "nowhere" in sent and "^" in sent, sent
        assert c.get("/jobs")["jobs"] == []


def test_a_job_waits_for_slots_and_says_so(folder):
    expected = prepare(folder, 20_000, 2)
    with Cluster(folder, workers=1, slots=1) as c:
        job = c.submit("p.pattern", "--parallelism", "2")
        c.wait(lambda: "waits for 2 slots" in c.said())
        c.workers.append(c.start_worker(1))
        finish(c, job, expected)


def test_a_job_that_goes_back_says_what_it_waits_for(folder):
    expected = prepare(folder, 2 * EVENTS, 10)
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("p.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        c.workers[0].kill()
        c.workers[0].wait()
        c.wait(lambda: c.state(job) == "RESTARTING")
        c.wait(lambda: "waits for 2 slots, 1 is free" in c.cepd("jobs").stdout)
        said = c.cepd("job", job).stdout
        assert "state      RESTARTING for " in said and "waits for 2 slots, 1 is free" in said and "failed     20" in said, said
        c.workers[0] = c.start_worker(0)
        c.wait_state(job, "RUNNING")
        path = c.cepd("stop", job).stdout.strip()
        c.wait_state(job, "FINISHED")
        c.kill_coordinator()
        said = c.wait(lambda: c.get(f"/jobs/{job}")) and c.cepd("job", job).stdout
        assert f"stopped with savepoint {path}" in said and "failed     20" in said, said
        finish(c, c.submit("p.pattern", "--parallelism", "2", "--restore", path), expected)


def test_workers_and_the_coordinator_are_killed(folder):
    expected = prepare(folder, 2 * EVENTS, 3)
    with Cluster(folder) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        c.wait_checkpoints(job)
        c.kill_worker(0)
        c.wait_checkpoints(job)
        c.kill_worker(1)
        c.kill_worker(2)
        c.kill_coordinator()
        c.wait_checkpoints(job)
        c.kill_worker(0)
        finish(c, job, expected)


def test_a_worker_that_was_stopped_writes_nothing_when_it_comes_back(folder):
    expected = prepare(folder, EVENTS, 4)
    with Cluster(folder, workers=2, slots=2, heartbeat=("300 ms", "2 s")) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        c.wait_checkpoints(job)
        c.stop_worker(0, 4)
        finish(c, job, expected)


def test_a_worker_that_is_to_go_hands_its_tasks_over(folder):
    expected = prepare(folder, EVENTS, 5)
    with Cluster(folder) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        c.wait_checkpoints(job)
        c.end_worker(0)
        finish(c, job, expected)


def test_another_parallelism(folder):
    expected = prepare(folder, 3 * EVENTS, 6)
    with Cluster(folder) as c:
        job = c.submit("p.pattern", "--parallelism", "2")
        c.wait_checkpoints(job)
        c.cepd("rescale", job, "4")
        finish(c, job, expected)
        assert "parallelism 4" in c.cepd("job", job).stdout


def test_stopped_with_a_savepoint_and_submitted_again(folder):
    expected = prepare(folder, 2 * EVENTS, 7)
    with Cluster(folder) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        c.wait_checkpoints(job)
        path = c.cepd("stop", job).stdout.strip()
        c.wait_state(job, "FINISHED")
        assert len(rows(folder / "out.ndjson")) < len(expected), "it was over before it was stopped"
        again = c.submit("p.pattern", "--parallelism", "3", "--restore", path)
        finish(c, again, expected)
        # What would lose state is refused before its sinks have taken anything back.
        before = (folder / "out.ndjson").read_bytes()
        (folder / "edited.pattern").write_text((folder / "p.pattern").read_text().replace("large as amount > 1000", "large as amount > 999"))
        refused = c.submit("edited.pattern", "--parallelism", "3", "--restore", path)
        c.wait_state(refused, "FAILED")
        assert "fits nothing in this file" in c.get(f"/jobs/{refused}/exceptions")["root-exception"]
        assert (folder / "out.ndjson").read_bytes() == before


# Keys that stay open; the file may grow.
OPEN = """stream payments (at timestamp, card string, amount double)
  from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 1 s;
pattern opened from payments partition by card
  match small -> large
  define small as amount < 10, large as amount > 1000
  within 300 days
  measures card as card, large.at as at;
sink opened to file (path = 'out.ndjson') format json delivery exactly once;
"""


def test_what_has_not_changed_does_not_travel_with_each_checkpoint(folder):
    keys = 60_000
    pad = "x" * 100
    (folder / "p.pattern").write_text(OPEN, encoding="utf-8")
    with open(folder / "in.ndjson", "w", encoding="utf-8") as f:
        for i in range(keys):
            f.write(f'{{"at":"2026-01-01T10:{i // 3000:02d}:{i // 50 % 60:02d}Z","card":"{pad}{i}","amount":1}}\n')
        f.write('{"at":"2026-01-01T12:00:00Z","card":"last","amount":100}\n')
    with Cluster(folder, workers=2, slots=1) as c:
        job = c.submit("p.pattern", "--parallelism", "2", "--state-backend", "rocksdb", "--state-memory", "1m")

        def last():
            return c.get(f"/jobs/{job}/checkpoints")["latest"]["completed"] or {"id": 0, "checkpointed_size": 0}
        c.wait(lambda: last()["checkpointed_size"] > keys * len(pad) / 4)
        c.wait_checkpoints(job, 2)
        time.sleep(1)
        before = last()
        with open(folder / "in.ndjson", "a", encoding="utf-8") as f:
            f.write('{"at":"2026-01-01T13:00:00Z","card":"one more","amount":1}\n')
        c.wait_checkpoints(job, 2)
        after = c.wait(lambda: last() if last()["id"] > before["id"] + 1 else None)
        assert after["new_size"] * 10 < after["checkpointed_size"], (before, after)
        c.kill_worker(0)
        c.wait(lambda: c.get(f"/jobs/{job}/checkpoints")["counts"]["restored"] == 1)
        c.wait_checkpoints(job)
        again = c.wait(lambda: last() if last()["id"] > after["id"] else None)
        assert again["new_size"] * 2 < again["checkpointed_size"], again
        with open(folder / "in.ndjson", "a", encoding="utf-8") as f:
            f.write('{"at":"2026-01-01T14:00:00Z","card":"one more","amount":2000}\n')
            f.write(f'{{"at":"2026-01-01T14:00:00Z","card":"{pad}0","amount":2000}}\n')
            f.write('{"at":"2026-01-01T15:00:00Z","card":"last","amount":100}\n')
        c.wait(lambda: len(rows(folder / "out.ndjson")) == 2)
        path = c.cepd("savepoint", job, str(folder / "saved")).stdout.strip()
        held = json.loads(c.cepd_here("state", "show", path, "--json").stdout)
        assert sum(op["keys"] for op in held["operators"] if op["name"] == "opened") >= keys - 1, held
        assert not list((folder / "state" / "scratch").glob("*/dissolved*")), "what the savepoint was made in is left"
        c.cepd("cancel", job)
        c.wait_state(job, "CANCELED")
        said = c.cepd("cancel", job, status=1).stderr
        assert "has been cancelled already: there is nothing to cancel" in said, said
        assert not list((folder / "state" / "checkpoints").glob("*/parts/*")), "parts are left"


def test_the_databases_of_a_worker_lie_where_it_was_told(folder):
    (folder / "p.pattern").write_text(OPEN, encoding="utf-8")
    (folder / "in.ndjson").write_text('{"at":"2026-01-01T10:00:00Z","card":"a","amount":1}\n', encoding="utf-8")
    with Cluster(folder, workers=1, slots=1) as c:
        c.env["CEPD_STATE_DIR"] = str(folder / "databases")
        c.kill_worker(0)
        job = c.submit("p.pattern", "--state-backend", "rocksdb")
        c.wait_checkpoints(job)
        first = [p.name for p in (folder / "databases").glob("worker-*")]
        assert len(first) == 1 and list((folder / "databases" / first[0]).glob("*/task-0/CURRENT")), first
        c.kill_worker(0)
        c.wait(lambda: c.get(f"/jobs/{job}/checkpoints")["counts"]["restored"] == 1)
        now = [p.name for p in (folder / "databases").glob("worker-*")]
        assert len(now) == 1 and now != first, (first, now)
        c.end_worker(0)
        left = [p.name for p in (folder / "databases").glob("worker-*")]
        assert now[0] not in left, left


def test_certificates_and_a_token(folder):
    expected = prepare(folder, 20_000, 8)
    subprocess.run([EXAMPLES / "certificates.sh", "localhost"], cwd=folder, check=True, capture_output=True)
    with Cluster(folder, workers=2, secured=(folder / "localhost", "a token")) as c:
        job = c.submit("p.pattern", "--parallelism", "4")
        finish(c, job, expected)
        c.env["CEPD_SECURITY_TOKEN"] = "another"
        assert "token" in c.cepd("jobs", status=1).stderr
        for key in ("CEPD_SECURITY_TOKEN", "CEPD_SECURITY_TLS_CA", "CEPD_SECURITY_TLS_CERT", "CEPD_SECURITY_TLS_KEY"):
            del c.env[key]
        assert "certificate" in c.cepd("jobs", status=2).stderr
        ca = str(folder / "localhost" / "ca.pem")
        assert "token" in c.cepd("jobs", "--security-tls-ca", ca, status=1).stderr
        said = ("--security-tls-ca", ca, "--security-token", "a token")
        assert job in c.cepd("jobs", *said).stdout
        assert c.cepd("submit", "p.pattern", "--parallelism", "2", *said).stdout.strip() in c.cepd("jobs", *said).stdout
        (folder / "cepd.yaml").write_text(f"security.token: a token\nsecurity.tls.ca: {ca}\n", encoding="utf-8")
        assert job in c.cepd("jobs").stdout


def test_a_cluster_of_one_machine_takes_the_security_options(folder):
    subprocess.run([EXAMPLES / "certificates.sh", "localhost"], cwd=folder, check=True, capture_output=True)
    control, http = free_port(), free_port()
    files = [f"--security-tls-{k}={folder}/localhost/{k}.pem" for k in ("cert", "key", "ca")]
    with open(folder / "said", "w", encoding="utf-8") as log:
        cluster = subprocess.Popen([CEPD, "cluster", "--workers", "1", "--http", f"127.0.0.1:{http}", "--coordinator-address",
                                    f"127.0.0.1:{control}", "--security-token", "a token", *files], cwd=folder, stdout=log, stderr=log)
    try:
        def cepd(*args):
            return subprocess.run([CEPD, *args, "--coordinator", f"https://localhost:{http}", files[2]], cwd=folder, capture_output=True,
                                  text=True, check=False, timeout=60)
        until = time.monotonic() + 30
        while (done := cepd("workers", "--security-token", "a token")).stdout.count("127.0.0.1:") != 1:
            assert time.monotonic() < until, done.stderr + (folder / "said").read_text(encoding="utf-8")
            time.sleep(0.1)
        done = cepd("workers")
        assert done.returncode == 1 and "token" in done.stderr, done
        assert list((folder / "cepd-cluster" / "workers").glob("worker-*"))
        for line in subprocess.run(["ps", "-o", "args", "--ppid", str(cluster.pid)], capture_output=True, text=True, check=True).stdout.splitlines():
            assert "a token" not in line, line
    finally:
        cluster.terminate()
        assert cluster.wait(timeout=60) == 143
    assert not list((folder / "cepd-cluster" / "workers").glob("worker-*"))


def test_the_configuration_of_the_examples_is_read(folder):
    (folder / "p.pattern").write_text("stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"
                                      "sink a to stdout format json;\n", encoding="utf-8")
    (folder / "a.ndjson").write_text('{"x":1}\n', encoding="utf-8")
    for name in ("coordinator.yaml", "worker.yaml"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        for place in ("/srv/cepd", "/var/lib/cepd"):
            text = text.replace(f"state.dir: {place}", f"state.dir: {folder}/{name}.state")
        text = text.replace("http.address: 0.0.0.0:8081", "http.address: ''")
        (folder / name).write_text(text, encoding="utf-8")
        done = subprocess.run([CEPD, "run", "p.pattern", "--config", name], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    run_tests(globals())
