#!/usr/bin/env python3
"""examples/cluster/ as far as it can be had without the systems it is for: the commands of the units and of the manifests are run with the
configuration that is there, names in the manifests fit together, the image has the libraries that the program needs.

Each test is a function named test_*; it gets a scratch folder. Usage: deploy_test.py [-k TEXT]. Wants systemd-analyze and PyYAML (Debian:
systemd, python3-yaml).
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

try:
    import yaml
except ImportError:  # another Python than Debian's may lack it
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster_kit import CEPD, EXAMPLES, Cluster, difference, free_port, prepare, rows, run_tests  # noqa: E402

TOKEN = "a token of the test"


class Deployed(Cluster):
    """Processes of the commands of a deployment: (arguments, environment) of the coordinator and of workers."""

    def __init__(self, folder, coordinator, workers):
        self.commands, self.of_workers = coordinator, workers
        subprocess.run([EXAMPLES / "certificates.sh", "localhost"], cwd=folder, check=True, capture_output=True)
        super().__init__(folder, workers=len(workers), secured=(folder / "localhost", TOKEN))
        for key in [k for k in self.env if k.startswith("CEPD_")]:  # what the deployment says is what counts
            del self.env[key]
        self.env["CEPD_SECURITY_TOKEN"], self.env["CEPD_SECURITY_TLS_CA"] = TOKEN, str(folder / "localhost" / "ca.pem")

    def fit(self, text):
        """A word of a command, where this machine's folders and ports are."""
        http, control = self.http.split(":")[1], self.control.split(":")[1]
        for what, by in (("/etc/cepd/tls", str(self.folder / "localhost")), ("/etc/cepd", str(self.folder)), ("/srv/cepd", str(self.folder / "state")),
                         ("cep1:6123", f"localhost:{control}"), ("cepd-coordinator:6123", f"localhost:{control}"), ("0.0.0.0:8081", f"0.0.0.0:{http}"),
                         ("0.0.0.0:6123", f"0.0.0.0:{control}"), ("$(POD_IP):6124", f"127.0.0.1:{free_port()}")):
            text = text.replace(what, by)
        return text

    def begin(self, command):
        args, env = command
        return subprocess.Popen([CEPD, *map(self.fit, args)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                env=self.env | {k: self.fit(v) for k, v in env.items()})

    def start_coordinator(self):
        self.coordinator = self.begin(self.commands)

    def start_worker(self, host):
        return self.begin(self.of_workers[host])

    def end(self):
        """As a supervisor ends them. Returns: their statuses."""
        for p in self.workers + [self.coordinator]:
            p.terminate()
        return [p.wait(timeout=60) for p in self.workers + [self.coordinator]]


def run_a_job(cluster, expected):
    job = cluster.submit("p.pattern", "--parallelism", "4")
    cluster.wait_state(job, "FINISHED")
    wrong = difference(expected, rows(cluster.folder / "out.ndjson"))
    assert not wrong, f"{wrong}\n{cluster.said()}"
    assert set(cluster.end()) == {143}, cluster.said()


# -- systemd ---------------------------------------------------------------------------------------------------------------------


def exec_start(unit):
    lines = [line for line in (EXAMPLES / unit).read_text(encoding="utf-8").splitlines() if line.startswith("ExecStart=")]
    assert len(lines) == 1, lines
    program, *args = shlex.split(lines[0].removeprefix("ExecStart="))
    assert program == "/usr/local/bin/cepd", program
    return args


def test_the_units_are_what_systemd_takes(folder):
    for unit in ("cepd-coordinator.service", "cepd-worker.service"):
        text = (EXAMPLES / unit).read_text(encoding="utf-8").replace("/usr/local/bin/cepd", CEPD)
        (folder / unit).write_text(text, encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", folder / unit], capture_output=True, text=True, check=False)
        # What it says of the machine's own units is not about ours.
        said = [line for line in done.stderr.splitlines() if "cepd-" in line]
        assert not said, said


def test_what_the_units_run_is_a_cluster(folder):
    expected = prepare(folder, 20_000, 11)
    for name in ("coordinator.yaml", "worker.yaml"):
        shutil.copy(EXAMPLES / name, folder / f"{name}.in")
    # The variables of /etc/cepd/environment that the units speak of.
    worker = (exec_start("cepd-worker.service"), {"CEPD_WORKER_ADDRESS": "127.0.0.1:0"})
    cluster = Deployed(folder, (exec_start("cepd-coordinator.service"), {}), [worker, worker])
    for name in ("coordinator.yaml", "worker.yaml"):
        (folder / name).write_text(cluster.fit((folder / f"{name}.in").read_text(encoding="utf-8")), encoding="utf-8")
    with cluster as c:
        assert {w["slotsNumber"] for w in c.get("/taskmanagers")["taskmanagers"]} == {4}
        run_a_job(c, expected)


# -- Kubernetes ----------------------------------------------------------------------------------------------------------------------


def manifests():
    text = (EXAMPLES / "kubernetes" / "cepd.yaml").read_text(encoding="utf-8")
    docs = [d for d in yaml.safe_load_all(text) if d]
    return text, {(d["kind"], d["metadata"]["name"]): d for d in docs}


def test_the_manifests_fit_together(_folder):
    text, docs = manifests()
    secrets = dict(re.findall(r"kubectl create secret generic (\S+) (.*)$", text, re.M))
    assert docs[("PersistentVolumeClaim", "cepd")]["spec"]["accessModes"] == ["ReadWriteMany"]
    sets = [d for (kind, _), d in docs.items() if kind == "StatefulSet"]
    assert len(sets) == 2
    for s in sets:
        spec, pod = s["spec"], s["spec"]["template"]
        assert s["apiVersion"] == "apps/v1" and spec["selector"]["matchLabels"] == pod["metadata"]["labels"]
        service = docs[("Service", spec["serviceName"])]["spec"]
        assert service["selector"] == pod["metadata"]["labels"]
        (container,) = pod["spec"]["containers"]
        assert {p["port"] for p in service["ports"]} == {p["containerPort"] for p in container["ports"]}
        volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
        assert {m["name"] for m in container["volumeMounts"]} == set(volumes)
        for v in volumes.values():
            if "persistentVolumeClaim" in v:
                assert ("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"]) in docs
            elif "emptyDir" not in v:
                assert v["secret"]["secretName"] in secrets, v
        # What is written to is a volume, and the image's user may.
        written = [container["args"][container["args"].index("--state-dir") + 1]]
        assert set(written) <= {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}, written
        user = next(rest for what, rest in dockerfile() if what == "USER")
        assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "runAsUser": int(user), "fsGroup": int(user)}
        mounts = {m["mountPath"]: secrets.get(volumes[m["name"]].get("secret", {}).get("secretName"), "") for m in container["volumeMounts"]}
        for e in container["env"]:
            if e["name"].startswith("CEPD_SECURITY_TLS_"):  # a file that the secret has
                where, name = e["value"].rsplit("/", 1)
                assert f"--from-file={name}" in mounts[where], e
            elif "secretKeyRef" in e.get("valueFrom", {}):
                ref = e["valueFrom"]["secretKeyRef"]
                assert f"--from-literal={ref['key']}=" in secrets[ref["name"]], e
        used = set(re.findall(r"\$\((\w+)\)", " ".join(container["args"])))
        assert used <= {e["name"] for e in container["env"]}, used
    ports = {p["name"]: p["port"] for p in docs[("Service", "cepd-coordinator")]["spec"]["ports"]}
    (worker,) = docs[("StatefulSet", "cepd-worker")]["spec"]["template"]["spec"]["containers"]
    assert f"cepd-coordinator:{ports['control']}" in worker["args"]


def command_of(docs, name):
    (container,) = docs[("StatefulSet", name)]["spec"]["template"]["spec"]["containers"]
    env = {e["name"]: e.get("value", TOKEN) for e in container["env"] if e["name"].startswith("CEPD_")}
    return container["args"], env


def test_what_the_manifests_run_is_a_cluster(folder):
    expected = prepare(folder, 20_000, 12)
    _, docs = manifests()
    worker = command_of(docs, "cepd-worker")
    with Deployed(folder, command_of(docs, "cepd-coordinator"), [worker] * 3) as c:
        run_a_job(c, expected)


# -- the image -----------------------------------------------------------------------------------------------------------------------


def dockerfile():
    """Instructions, in their order, with lines put together."""
    text = re.sub(r"\\\n\s*", " ", (EXAMPLES / "Dockerfile").read_text(encoding="utf-8"))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]


def ask_dpkg(*args):
    return subprocess.run(["dpkg-query", *args], capture_output=True, text=True, check=False).stdout.splitlines()


def packages_of(libraries):
    """By library: the packages that have it; what is in /lib may be told as in /usr/lib, and the other way round."""
    ways = {lib: {(real := os.path.realpath(lib)), real.removeprefix("/usr"), "/usr" + real.removeprefix("/usr")} for lib in libraries}
    owners = [line.split(": ", 1) for line in ask_dpkg("-S", *sorted(set().union(*ways.values())))]
    return {lib: {owner.split(":")[0] for owner, path in owners if path in paths} for lib, paths in ways.items()}


def with_depends(packages):
    """They and all that comes with them."""
    of = {}
    for line in ask_dpkg("-W", "-f", "${Package}\t${Pre-Depends}, ${Depends}\n"):
        package, _, needs = line.partition("\t")
        of[package] = re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)", needs)
    have, left = set(), list(packages)
    while left:
        if (package := left.pop()) not in have:
            have.add(package)
            left += of.get(package, [])
    return have, set(packages) - set(of)


def test_the_image_has_what_the_program_needs(_folder):
    steps = dockerfile()
    assert [what for what, _ in steps] == ["FROM", "WORKDIR", "COPY", "RUN", "FROM", "RUN", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"], steps
    install = next(rest for what, rest in steps if what == "RUN" and "apt-get install" in rest)
    named = re.search(r"--no-install-recommends (.*?) &&", install)[1].split()
    have, unknown = with_depends([*named, "libc6", "libgcc-s1", "libstdc++6"])
    assert not unknown, f"there are no packages {unknown}"
    linked = re.findall(r"=> (/\S+)", subprocess.run(["ldd", CEPD], capture_output=True, text=True, check=True).stdout)
    assert len(linked) > 10
    linked = [lib for lib in linked if not re.search(r"/lib[alut]\w*san\.so", lib)]  # a build with a sanitizer is in no image
    missing = {lib for lib, packages in packages_of(linked).items() if not packages & have}
    assert not missing, f"the image lacks the packages of {missing}"


def test_the_command_of_the_image_runs(folder):
    command = next(rest for what, rest in dockerfile() if what == "ENTRYPOINT"), next(rest for what, rest in dockerfile() if what == "CMD")
    words = [w for part in command for w in yaml.safe_load(part)]
    assert words[0] == "cepd"
    done = subprocess.run([CEPD, *words[1:]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "coordinator" in done.stdout


run_tests(globals())
