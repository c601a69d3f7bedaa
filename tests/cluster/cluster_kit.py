"""A cluster of real processes for tests: a coordinator, workers, jobs that are submitted, and what is done to them."""
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from runner import run_tests  # noqa: E402, F401

CEPD = os.path.abspath(os.environ.get("CEPD", "build/cepd"))
EXAMPLES = pathlib.Path(os.environ.get("CEP_SRCDIR", ".")).absolute() / "examples" / "cluster"
FINAL = {"FINISHED", "FAILED", "CANCELED"}

PATTERN = """stream payments (at timestamp, card string, amount double)
  from file (path = 'in.ndjson') format json event time at watermark delay 1 s;
pattern tested from payments partition by card
  match small{3} -> large
  define small as amount < 10, large as amount > 1000
  within 10 min
  measures card as card, large.at as at, large.amount as amount, count(small) as n;
sink tested to file (path = 'OUT') format json delivery exactly once;
"""

# From a generator too, which goes by the clock: the job lasts as long as RATE says, whatever the machine. Into part files.
LOAD = PATTERN + """
stream made (id int, card string, amount double, at timestamp)
  from generate (rows = ROWS, rate = RATE, seed = SEED, step = 20 ms, id = 'sequence', card = 'key c 300',
                 amount = 'pick 1|2|5|2000|50')
  event time at watermark delay 1 s;
pattern made_up from made partition by card
  match small{3} -> large
  define small as amount < 10, large as amount > 1000
  within 10 min
  measures card as card, large.id as id, large.amount as amount, count(small) as n;
sink made_up to file (path = 'PARTS/') format json delivery exactly once;
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_events(path, n, seed):
    rnd = random.Random(seed)
    at = 1767225600000
    with open(path, "w", encoding="utf-8") as f:
        for _ in range(n):
            at += 20
            second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000))
            f.write(f'{{"at":"{second}.{at % 1000:03d}Z","card":"c{rnd.randrange(300)}",'
                    f'"amount":{rnd.choice([1, 2, 5, 2000, 50])}}}\n')


def rows(path):
    return sorted(pathlib.Path(path).read_text(encoding="utf-8").splitlines()) if pathlib.Path(path).exists() else []


class Cluster:
    """Ended at the end of the block, whatever became of its processes."""

    def __init__(self, folder, workers=3, slots=2, heartbeat=("500 ms", "3 s"), secured=None):
        """secured: a folder with cert.pem, key.pem and ca.pem, and then a token."""
        self.env, self.headers, self.tls = dict(os.environ), {}, None
        if secured:
            folder_of, token = secured
            self.env.update({f"CEPD_SECURITY_TLS_{k.upper()}": str(folder_of / f"{k}.pem") for k in ("cert", "key", "ca")})
            self.env["CEPD_SECURITY_TOKEN"] = token
            self.headers["Authorization"] = f"Bearer {token}"
            self.tls = ssl.create_default_context(cafile=folder_of / "ca.pem")
        self.folder = pathlib.Path(folder)
        self.slots = slots
        self.control, self.http, name = self.addresses()
        self.url = f"{'https' if secured else 'http'}://{name}:{self.http.split(':')[1]}"
        self.env["CEPD_HEARTBEAT_INTERVAL"], self.env["CEPD_HEARTBEAT_TIMEOUT"] = heartbeat
        self.n_workers = workers
        self.log = open(self.folder / "cluster.log", "a", encoding="utf-8")
        self.coordinator, self.workers = None, []

    def __enter__(self):
        self.start_coordinator()
        for i in range(self.n_workers):
            self.workers.append(self.start_worker(i))
        self.wait(lambda: len(self.get("/taskmanagers")["taskmanagers"]) == self.n_workers)
        return self

    def __exit__(self, *_):
        for p in self.workers + [self.coordinator]:
            if p and p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.kill()
                p.wait()
        self.log.close()

    # where things are: on this machine. Worker i is the one of host i, the coordinator has a host of its own (None)

    def addresses(self):
        """Of the coordinator: for workers, for REST, and the name by which REST clients find it."""
        return f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", "localhost"

    def on_host(self, _host):
        """Words in front of a command, and what its environment has besides."""
        return [], {}

    def worker_args(self, _host):
        return []

    def start(self, host, *args):
        words, env = self.on_host(host)
        return subprocess.Popen([*words, CEPD, *args], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                env=self.env | env)

    def start_coordinator(self):
        self.coordinator = self.start(None, "coordinator", "--state-dir", "state", "--coordinator-address", self.control,
                                      "--http", self.http)

    def start_worker(self, host):
        return self.start(host, "worker", "--coordinator", self.control, "--slots", str(self.slots), *self.worker_args(host))

    def note(self, text):
        self.log.write(f"### {text}\n")
        self.log.flush()

    # what is asked

    def get(self, path):
        asked = urllib.request.Request(self.url + path, headers=self.headers)
        with urllib.request.urlopen(asked, timeout=10, context=self.tls) as answer:
            return json.load(answer)

    def wait(self, what, seconds=90):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                got = what()
            except OSError:
                got = None
            if got:
                return got
            time.sleep(0.05)
        raise AssertionError("it did not happen in time; the processes said:\n" + self.said())

    def logged(self):
        self.log.flush()
        return (self.folder / "cluster.log").read_text(encoding="utf-8")

    def said(self):
        """The end of it, for messages."""
        return self.logged()[-6000:]

    def cepd(self, *args, status=0):
        done = subprocess.run([CEPD, *args, "--coordinator", self.url], cwd=self.folder, capture_output=True, text=True,
                              timeout=120, check=False, env=self.env)
        assert done.returncode == status, f"cepd {' '.join(args)}: {done.returncode}\n{done.stderr}\n{self.said()}"
        return done

    def cepd_here(self, *args):
        """A command that asks nobody."""
        return subprocess.run([CEPD, *args], cwd=self.folder, capture_output=True, text=True, timeout=120, check=True, env=self.env)

    def submit(self, name, *args):
        return self.cepd("submit", name, "--checkpoint-interval", "200 ms", "--restart-strategy", "fixed-delay",
                         "--restart-delay", "100 ms", "--restart-attempts", "10000", *args).stdout.strip()

    def state(self, job):
        return self.get(f"/jobs/{job}")["state"]

    def wait_state(self, job, *states, seconds=120):
        def there():
            state = self.state(job)
            assert state in states or state not in FINAL, f"the job is {state}\n{self.said()}"
            return state in states
        self.wait(there, seconds)

    def wait_checkpoints(self, job, more=1):
        """Until so many more are complete than now."""
        def complete():
            return self.get(f"/jobs/{job}/checkpoints")["counts"]["completed"]
        at = self.wait(lambda: complete() + 1) - 1
        self.wait(lambda: complete() >= at + more or self.state(job) in FINAL)

    # what is done

    def kill_worker(self, *which):
        """Several: at once, not one after the other."""
        for i in which:
            self.note(f"kill -9 worker {self.workers[i].pid}")
            self.workers[i].kill()
        for i in which:
            self.workers[i].wait()
            self.workers[i] = self.start_worker(i)

    def kill_coordinator(self):
        self.note("kill -9 coordinator")
        self.coordinator.kill()
        self.coordinator.wait()
        self.start_coordinator()

    def stop_worker(self, i, seconds):
        self.note(f"SIGSTOP worker {self.workers[i].pid} for {seconds} s")
        self.workers[i].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.workers[i].send_signal(signal.SIGCONT)

    def end_worker(self, i):
        self.note(f"SIGTERM worker {self.workers[i].pid}")
        self.workers[i].terminate()
        status = self.workers[i].wait(timeout=60)
        self.workers[i] = self.start_worker(i)
        return status


def prepare(folder, n, seed):
    """Events, the program, and what an undisturbed run of it gives. Returns: its rows."""
    folder = pathlib.Path(folder)
    write_events(folder / "in.ndjson", n, seed)
    (folder / "p.pattern").write_text(PATTERN.replace("OUT", "out.ndjson"), encoding="utf-8")
    (folder / "q.pattern").write_text(PATTERN.replace("OUT", "expected.ndjson"), encoding="utf-8")
    subprocess.run([CEPD, "run", "q.pattern"], cwd=folder, check=True, capture_output=True)
    return rows(folder / "expected.ndjson")


class Outcome:
    """A load from a file and a generator; what an undisturbed run of it gives is compared with what a cluster has made of it."""

    def __init__(self, folder, seconds, seed, rate=20_000):
        """seconds: how long it lasts, undisturbed; rate: rows a second of the generator. The file has as many."""
        self.folder, self.seed, self.rate, self.n, self.jobs = pathlib.Path(folder), seed, rate, int(seconds * rate), 0
        write_events(self.folder / "in.ndjson", self.n, seed)
        self.write("undisturbed", 0)
        subprocess.run([CEPD, "run", "undisturbed.pattern"], cwd=self.folder, check=True, capture_output=True)
        self.expected = self.of("undisturbed")

    def write(self, name, rate):
        text = LOAD.replace("OUT", f"{name}.ndjson").replace("PARTS", f"{name}.parts").replace("ROWS", str(self.n))
        text = text.replace("RATE", str(rate)).replace("SEED", str(self.seed))
        (self.folder / f"{name}.pattern").write_text(text, encoding="utf-8")
        (self.folder / f"{name}.parts").mkdir()

    def next(self):
        """Another job. Returns: its file."""
        self.jobs += 1
        self.write(f"job{self.jobs}", self.rate)
        return f"job{self.jobs}.pattern"

    def of(self, name):
        parts = sorted(row for part in (self.folder / f"{name}.parts").glob("part-*") for row in rows(part))
        return rows(self.folder / f"{name}.ndjson"), parts

    def difference(self):
        """Of the last job's. Empty when there is none."""
        return "; ".join(f"{what}: {wrong}" for what, expected, got in
                         zip(("from the file", "made up"), self.expected, self.of(f"job{self.jobs}"))
                         if (wrong := difference(expected, got)))


def difference(expected, got):
    if expected == got:
        return ""
    missing, more = set(expected) - set(got), set(got) - set(expected)
    return (f"{len(got)} rows, not {len(expected)}: {len(missing)} missing {sorted(missing)[:2]}, {len(more)} not expected "
            f"{sorted(more)[:2]}, {len(got) - len(set(got))} repeated")
