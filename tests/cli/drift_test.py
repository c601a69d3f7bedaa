#!/usr/bin/env python3
"""Sources that wait for each other: `drift at most`, `idle after`, and who holds the watermark, as metrics and `cepd job` tell it.

Each test is a function named test_*; it gets a scratch folder. Usage: drift_test.py [-k TEXT].
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cli_kit import CEPD, LIMIT_S, run_tests, wait_for  # noqa: E402

BASE_MS = 1767261600000
BATCH = 1024

PROGRAM = """stream a (k string, at timestamp) from file (path = 'a.ndjson') format json (timestamp_format = 'epoch_ms')
event time at watermark ascending drift at most 10 s;
stream b (k string, at timestamp) from file (path = 'b.ndjson', follow = true) format json (timestamp_format = 'epoch_ms')
event time at watermark ascending IDLE;
stream both as select k, at from a union all select k, at from b;
stream n as select k, count(*) as n from both group by k window tumbling 1 min;
sink n to file (path = 'n.ndjson') format json;
"""


def write(folder, name, first, last, step_ms, mode="w"):
    with open(folder / f"{name}.ndjson", mode) as f:
        f.writelines(json.dumps({"k": name, "at": BASE_MS + t}) + "\n" for t in range(first, last, step_ms))


class Job:
    def __init__(self, folder, parallelism, idle):
        (folder / "p.pattern").write_text(PROGRAM.replace("IDLE", idle))
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen([CEPD, "run", "p.pattern", "--parallelism", str(parallelism), "--http", "127.0.0.1:0"], cwd=folder,
                                        stderr=self.log)

    def __enter__(self):
        self.url = wait_for(lambda: re.search(r"port (\d+)", self.said()), self)
        self.url = f"http://127.0.0.1:{self.url.group(1)}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=LIMIT_S)
        self.log.close()

    def said(self):
        return pathlib.Path(self.log.name).read_text()

    def metrics(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=LIMIT_S) as answer:
            return answer.read().decode()

    def read(self, stream):
        found = re.search(rf'cepd_records_out_total{{kind="source",operator="{stream}",subtask="0"}} ([0-9.]+)', self.metrics())
        return int(float(found.group(1))) if found else 0

    def waited(self, stream):
        return float(re.search(rf'cepd_drift_wait_seconds_total{{kind="source",operator="{stream}",subtask="0"}} ([0-9.]+)', self.metrics()).group(1))

    def held_by(self, operator):
        found = re.search(rf'cepd_watermark_lag_seconds{{kind="\w+",operator="{operator}",held_by="(\w*)"', self.metrics())
        return found.group(1) if found else None


def test_a_source_waits_for_one_that_is_behind(folder):
    for parallelism in (1, 2):
        write(folder, "a", 0, 3600000, 100)  # an hour, ten a second
        write(folder, "b", 0, 5000, 1000)
        with Job(folder, parallelism, "") as job:
            wait_for(lambda: job.read("b") == 5 and job.read("a") > 0, job)
            time.sleep(1)
            # It stops with the batch that takes it more than 10 s ahead of b.
            read = job.read("a")
            assert read <= 150 + BATCH, read
            assert job.held_by("n") == "b", job.metrics()
            # How long is told while it waits: about the second it was left alone.
            waited = job.waited("a")
            assert 0.5 < waited < LIMIT_S and job.waited("b") == 0, job.metrics()
            time.sleep(0.3)
            assert job.waited("a") > waited
            said = subprocess.run([CEPD, "job", "p", "--coordinator", job.url], capture_output=True, text=True, timeout=LIMIT_S).stdout
            assert re.search(r"watermark .*\bb\b", said), said
            assert re.search(r"^drift +a waited [0-9.]+ s for sources behind it$", said, re.M) and "drift      b" not in said, said
            write(folder, "b", 5000, 600000, 1000, "a")
            wait_for(lambda: job.read("a") >= 6000, job)
            time.sleep(0.5)
            assert job.read("a") <= 6150 + BATCH, job.read("a")


def test_an_idle_one_is_not_waited_for(folder):
    write(folder, "a", 0, 600000, 100)
    write(folder, "b", 0, 5000, 1000)
    with Job(folder, 2, "idle after 300 ms") as job:
        wait_for(lambda: job.read("a") == 6000, job)
        # Nobody holds what stands behind both: windows end.
        wait_for(lambda: (folder / "n.ndjson").exists() and (folder / "n.ndjson").read_text().count("\n") >= 9, job)


run_tests(globals())
