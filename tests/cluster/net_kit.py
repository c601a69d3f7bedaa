"""Network namespaces as hosts, for tests: a coordinator and workers with addresses of their own, links that can be cut, lossy, narrow or
slow, disks that can be full.

    bridge `hub` (this process: 10.77.0.254) ── coordinator 10.77.0.10
                                             ├─ worker 0   10.77.0.1        each: a namespace, a link, nftables of its own,
                                             ├─ worker 1   10.77.0.2              a small disk for what a worker keeps locally
                                             └─ worker 2   10.77.0.3

All of it is inside a network, a mount and a process namespace that enter() makes for the test program: programs that run side by side do
not see each other, and whatever way this one ends, the kernel takes away what it made. Root is not needed where the kernel lets users
have namespaces. Where it does not, enter() says so and exits with 77 (skipped), and for no other reason.

Cuts and losses are rules of nftables, narrow links a token bucket (tc tbf), delay is a relay in this process (netem is not in every
kernel): connections to a host go through it, by a rule that gives them another destination.
"""
import collections
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from cluster_kit import Cluster

INSIDE = "CEP_NET_KIT"
COORDINATOR = "10.77.0.10"
CONTROL, HTTP, ROWS = 6123, 8081, 6124
DISK_MB = 32
NFT = """
table inet faults {
  chain in { type filter hook input priority 0; policy accept; }
  chain out { type filter hook output priority 0; policy accept; }
}
table ip detour {
  chain out { type nat hook output priority -100; policy accept; }
}
"""


def ours(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


def enter():
    """Begins the program again inside namespaces of its own; returns when it is there. Call it first."""
    if os.environ.get(INSIDE):
        # A file system of this process's own hides those of the machine's namespaces.
        ours("mount", "-t", "tmpfs", "none", "/run")
        os.mkdir("/run/netns")
        ours("ip", "link", "set", "lo", "up")
        ours("ip", "link", "add", "hub", "type", "bridge")
        ours("ip", "address", "add", "10.77.0.254/24", "dev", "hub")
        ours("ip", "link", "set", "hub", "up")
        return
    missing = [tool for tool in ("unshare", "nsenter", "ip", "tc", "nft") if not shutil.which(tool)]
    if missing:
        print(f"not there: {', '.join(missing)}; script/bootstrap installs what the tests need (iproute2, nftables, util-linux)")
        sys.exit(1)
    words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words += [] if os.geteuid() == 0 else ["--map-root-user"]
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"skipped: this machine gives no rights to make namespaces ({tried.stderr.strip()}); run it as root")
        sys.exit(77)
    os.environ[INSIDE] = "1"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


# -- delay -------------------------------------------------------------------------------------------------------------------


class Relay:
    """Takes connections at a port of its own and passes on what goes through them, later by `delay` seconds. May be changed at any time."""

    ROOM = 1 << 22  # bytes under way, each direction of a connection

    def __init__(self, to):
        self.to, self.delay, self.sockets = to, 0.0, []
        self.listener = socket.create_server(("", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(near,), daemon=True).start()

    def connect(self, near):
        try:
            far = socket.create_connection(self.to, timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self.sockets += (near, far)
        for a, b in ((near, far), (far, near)):
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pump(a, b)

    def pump(self, a, b):
        waiting, changed, room = collections.deque(), threading.Condition(), [self.ROOM]

        def read():
            while True:
                try:
                    data = a.recv(1 << 16)
                except OSError:
                    data = b""
                with changed:
                    waiting.append((time.monotonic() + self.delay, data))
                    room[0] -= len(data)
                    changed.notify_all()
                    changed.wait_for(lambda: room[0] > 0)
                if not data:
                    return

        def write():
            while True:
                with changed:
                    changed.wait_for(lambda: waiting)
                    due, data = waiting.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    if not data:
                        b.shutdown(socket.SHUT_WR)
                        return
                    b.sendall(data)
                except OSError:
                    a.close()
                with changed:
                    room[0] += len(data)
                    changed.notify_all()

        for f in (read, write):
            threading.Thread(target=f, daemon=True).start()

    def break_all(self):
        """Those who are connected are not any more; they may come again."""
        while self.sockets:
            try:
                self.sockets.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def close(self):
        self.listener.close()
        self.break_all()


# -- hosts --------------------------------------------------------------------------------------------------------------------


class Host:
    def __init__(self, name, address):
        self.name, self.address = name, address
        ours("ip", "netns", "add", name)
        ours("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ours("ip", "link", "set", name, "master", "hub", "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("nft", "-f", "-", text=NFT)

    def words(self):
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def run(self, *command, text=None):
        ours(*self.words(), *command, text=text)

    def rule(self, chain, *words):
        self.run("nft", "add", "rule", "inet", "faults", chain, *words)

    def detour(self, host, port, relay):
        self.run("nft", "add", "rule", "ip", "detour", "out", "ip", "daddr", host.address, "tcp", "dport", str(port), "dnat", "to",
                 f"10.77.0.254:{relay.port}")

    def narrow(self, rate):
        shape = ("root", "tbf", "rate", rate, "burst", "32k", "latency", "100ms")
        self.run("tc", "qdisc", "replace", "dev", "eth0", *shape)
        ours("tc", "qdisc", "replace", "dev", self.name, *shape)

    def heal(self):
        self.run("nft", "flush", "table", "inet", "faults")
        for command in ([*self.words(), "tc", "qdisc", "del", "dev", "eth0", "root"], ["tc", "qdisc", "del", "dev", self.name, "root"]):
            subprocess.run(command, capture_output=True, check=False)  # there may be none

    def close(self):
        ours("ip", "link", "del", self.name)
        ours("ip", "netns", "del", self.name)


class NetCluster(Cluster):
    """A cluster whose processes are on hosts of their own. `relays`: between all of them, for delay()."""

    def __init__(self, folder, workers=3, relays=False, **more):
        super().__init__(folder, workers=workers, **more)
        if self.tls is None:
            self.env["CEPD_SECURITY"] = "none"
        self.relays = {}  # by the host that they lead to
        self.hosts = {}
        self.mounted = []
        try:
            self.hosts[None] = Host("coordinator", COORDINATOR)
            for i in range(workers):
                self.hosts[i] = Host(f"worker{i}", f"10.77.0.{i + 1}")
                disk = self.disk(i)
                disk.mkdir()
                ours("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(disk))
                self.mounted.append(disk)
            if relays:
                self.set_relays()
        except BaseException:
            self.__exit__(None, None, None)  # a folder under which something is mounted cannot be removed
            raise

    def __exit__(self, *_):
        super().__exit__()
        for r in self.relays.values():
            r.close()
        for host in self.hosts.values():
            host.close()
        for disk in self.mounted:
            ours("umount", "-l", str(disk))

    def set_relays(self):
        for to, host in self.hosts.items():
            port = CONTROL if to is None else ROWS
            relay = self.relays[to] = Relay((host.address, port))
            for i, other in self.hosts.items():
                if i not in (to, None):
                    other.detour(host, port, relay)

    # where things are

    def addresses(self):
        return f"{COORDINATOR}:{CONTROL}", f"{COORDINATOR}:{HTTP}", COORDINATOR

    def on_host(self, i):
        return self.hosts[i].words(), {} if i is None else {"TMPDIR": str(self.disk(i))}

    def worker_args(self, i):
        return ["--worker-address", f"{self.hosts[i].address}:{ROWS}"]

    def disk(self, i):
        return self.folder / f"disk{i}"

    # what is done. None is the coordinator

    def say(self, i):
        return "the coordinator" if i is None else f"worker {self.workers[i].pid} ({self.hosts[i].address})"

    def cut(self, a, b, both=True):
        """Between two hosts; not both: a does not hear b any more, b goes on hearing a."""
        self.note(f"{self.say(a)} does not hear {self.say(b)}{', nor the other way round' if both else ''}")
        self.hosts[a].rule("in", "ip", "saddr", self.hosts[b].address, "drop")
        if both:
            self.hosts[b].rule("in", "ip", "saddr", self.hosts[a].address, "drop")

    def reset(self, a, b):
        """A firewall between two hosts that answers for them: what a sends to b is answered as if nobody were there."""
        self.note(f"{self.say(a)} is refused by {self.say(b)}")
        self.hosts[a].rule("out", "ip", "daddr", self.hosts[b].address, "meta", "l4proto", "tcp", "reject", "with", "tcp", "reset")

    def lose(self, i, percent):
        self.note(f"{self.say(i)} loses {percent} of 100 packets that come")
        self.hosts[i].rule("in", "numgen", "random", "mod", "100", "<", str(percent), "drop")

    def narrow(self, i, rate):
        self.note(f"the link of {self.say(i)} has {rate}")
        self.hosts[i].narrow(rate)

    def delay(self, seconds):
        self.note(f"all that is sent comes {seconds} s later")
        for r in self.relays.values():
            r.delay = seconds

    def break_connections(self, to):
        """To a host, through its relay: they are closed, and can be made again at once."""
        self.note(f"the connections to {self.say(to)} break")
        self.relays[to].break_all()

    def fill(self, i):
        self.note(f"the disk of {self.say(i)} is full")
        with open(self.disk(i) / "ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def heal(self):
        """Links and disks are as they were, and who was stopped goes on."""
        self.note("healed")
        for p in [*self.workers, self.coordinator]:
            p.send_signal(signal.SIGCONT)
        for i, host in self.hosts.items():
            host.heal()
            if i is not None:
                (self.disk(i) / "ballast").unlink(missing_ok=True)
        self.delay(0)

    def freeze(self, i):
        self.note(f"SIGSTOP {self.say(i)}")
        (self.coordinator if i is None else self.workers[i]).send_signal(signal.SIGSTOP)
