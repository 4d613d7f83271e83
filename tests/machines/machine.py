"""Machines of one run, and the router between them. Used inside isolated.py only.

The network namespace of the run is the router: it is the first address of every machine's network and sends on what comes from one
machine to another. A machine is described by a dict:

    name, type       namespace (network only), container (systemd) or kernel (systemd on a kernel of its own)
    addresses        ["10.20.0.10/24", …]; the first one's network has the router as its first address
    share            {path in the container: folder of the run that several machines can have}; containers only
    files            {path: content} put in before the start; containers only
    disk             megabytes of a container's disk
    image            disk (default) or server: what a kernel starts from
    command          of a namespace: what runs in it all the time, at RUN
    router           commands of ip, carried out in the router once the machine is attached
"""

import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import image
from .agent import PORT
from .isolated import RUN

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
READY_SECONDS = 240


class Done:
    def __init__(self, rc, stdout, stderr):
        self.rc, self.stdout, self.stderr = rc, stdout, stderr

    def __repr__(self):
        return f"exit status {self.rc}\n{self.stdout}\n{self.stderr}"

    @property
    def text(self):
        return self.stdout.strip()


class Failed(AssertionError):
    pass


def tell(text):
    print(f"[machines] {text}", flush=True)


def ip(command, **options):
    return subprocess.run(["ip", *command.split()], check=True, capture_output=True, text=True, **options).stdout


def router(addresses):
    network = ipaddress.ip_interface(addresses[0]).network
    return f"{next(network.hosts())}", network.prefixlen


def wait(what, condition, seconds=30):
    """The first value of condition() that is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.2)


class Machine:
    """A network namespace with an address."""

    def __init__(self, description):
        self.description = description
        self.name = description["name"]
        self.addresses = description["addresses"]
        self.address = self.addresses[0].partition("/")[0]
        self.gateway, self.prefix = router(self.addresses)
        self.folder = RUN / "machines" / self.name
        self.link = f"to-{self.name}"[:15]

    def start(self):
        tell(f"starting {self.name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "machine.json").write_text(json.dumps(self.description))
        self.attach()
        self.boot()

    def attach(self):
        ip(f"netns add {self.name}")
        ip(f"link add {self.link} type veth peer name eth0 netns {self.name}")
        self.route()
        for address in self.addresses:
            ip(f"-n {self.name} address add {address} dev eth0")
        ip(f"-n {self.name} link set lo up")
        ip(f"-n {self.name} link set eth0 up")
        ip(f"-n {self.name} route add default via {self.gateway}")

    def route(self):
        for setting in ("ip_forward", f"conf/{self.link}/forwarding"):
            Path("/proc/sys/net/ipv4", setting).write_text("1")
        for name in ("all", self.link):
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
        ip(f"address add {self.gateway}/{self.prefix} dev {self.link}")
        ip(f"link set {self.link} up")
        for command in self.description.get("router", []):
            ip(command.replace("LINK", self.link))

    def detach(self):
        ip(f"link delete {self.link}")
        ip(f"netns delete {self.name}")

    def boot(self):
        if "command" in self.description:
            process = self.popen(*self.description["command"], cwd=RUN, start_new_session=True)
            (self.folder / "pid").write_text(str(process.pid))

    def stop(self):
        if "command" in self.description:
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        self.detach()

    def command(self, argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, stdin="", env=None, check=True, seconds=600):
        """Run a command, or the text of a shell script if it is one word; Failed if it fails."""
        words = ["sh", "-c", argv[0]] if len(argv) == 1 else list(argv)
        done = self.execute(words, stdin, env or {}, seconds)
        if check and done.rc != 0:
            raise Failed(f"{self.name}: {' '.join(words)}: {done!r}")
        return done

    def execute(self, argv, stdin, env, seconds):
        done = subprocess.run(
            self.command(argv), input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds,
            env={**ENVIRONMENT, **env},
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def popen(self, *argv, **options):
        return subprocess.Popen(self.command(list(argv)), env=ENVIRONMENT, **options)


class Container(Machine):
    """Debian booted with systemd, on this system's kernel."""

    @property
    def root(self):
        return self.folder / "root"

    def boot(self):
        if not self.root.is_dir():
            disk = self.folder / "disk"
            for folder in (disk, self.root):
                folder.mkdir()
            size = f"size={self.description.get('disk', 1024)}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, self.name, disk], check=True)
            for name in ("upper", "work"):
                (disk / name).mkdir()
            layers = f"lowerdir={image.ensure() / 'root'},upperdir={disk / 'upper'},workdir={disk / 'work'}"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
            for path, content in self.description.get("files", {}).items():
                self.put(path, content)
        binds = []
        for inside, outside in self.description.get("share", {}).items():
            (RUN / outside).mkdir(exist_ok=True)
            binds.append(f"--bind={RUN / outside}:{inside}")
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3", f"--machine={self.name}",
                  f"--directory={self.root}", f"--network-namespace-path=/run/netns/{self.name}", "--resolv-conf=off", "--timezone=off",
                  "--console=pipe", "--capability=all", *binds, "--boot"]  # fmt: skip
        # Started inside the namespace, for /sys to show its interfaces; the new /sys lacks the control groups.
        prepare = f'mount --rbind {RUN}/cgroup /sys/fs/cgroup && exec "$@"'
        command = ["ip", "netns", "exec", self.name, "sh", "-c", prepare, "sh", *nspawn]
        with (self.folder / "console.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )
        (self.folder / "pid").write_text(str(process.pid))
        self.wait_booted()

    def wait_booted(self):
        def booted():
            if gone(int((self.folder / "pid").read_text())):
                raise Failed(f"{self.name} ended: {(self.folder / 'console.log').read_text()}")
            return self.leader() and self.execute(["systemctl", "is-system-running"], "", {}, 30).text in (
                "running",
                "degraded",
            )

        wait(f"{self.name} has booted; see {self.folder}/console.log", booted, READY_SECONDS)

    def leader(self):
        """The number of the container's first process, 0 if it does not run."""
        try:
            pid = int((self.folder / "pid").read_text())
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return 0
        return int(children[0]) if children else 0

    def command(self, argv):
        return ["nsenter", "--all", f"--target={self.leader()}", f"--wd=/proc/{self.leader()}/root/root", "--", *argv]

    def put(self, path, content):
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(content)

    def halt(self):
        """As a stopped instance: its disk stays."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGTERM)
        try:
            wait(f"{self.name} has stopped", lambda: gone(pid), 60)
        except Failed:
            os.kill(pid, signal.SIGKILL)
            wait(f"{self.name} was killed", lambda: gone(pid), 10)

    def reboot(self):
        """The network namespace is the container's memory of rules and settings, so it is made anew as well."""
        tell(f"rebooting {self.name}")
        self.halt()
        self.detach()
        self.attach()
        self.boot()

    def stop(self):
        self.halt()
        self.detach()


class Kernel(Machine):
    """Debian booted with systemd on a kernel of its own."""

    def attach(self):
        if not (self.folder / "attached").exists():
            ip(f"tuntap add dev {self.link} mode tap")
            self.route()
            (self.folder / "attached").touch()

    def detach(self):
        ip(f"link delete {self.link}")

    def boot(self):
        command = [
            "linux.uml", f"umid={self.name}", f"uml_dir={self.folder}", f"mem={self.description.get('memory', 512)}M",
            f"ubd0={self.folder / 'cow'},{image.ensure() / self.description.get('image', 'disk')}", "root=/dev/ubda", "rw", "con=null", "con0=null,fd:1", "quiet",
            "systemd.show_status=0", "net.ifnames=0", f"vec0:transport=tap,ifname={self.link},depth=64",
            f"machine.name={self.name}", f"machine.address={','.join(self.addresses)}", f"machine.gateway={self.gateway}",
        ]  # fmt: skip
        with (self.folder / "console.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**ENVIRONMENT, "TMPDIR": f"{RUN}/tmp", "HOME": str(self.folder)},
            )  # fmt: skip
        (self.folder / "pid").write_text(str(process.pid))
        self.wait_answers()

    def wait_answers(self):
        def answers():
            try:
                return self.execute(["true"], "", {}, 5).rc == 0
            except (OSError, ValueError):
                return False

        wait(f"{self.name} answers; see {self.folder}/console.log", answers, READY_SECONDS)

    def wait_booted(self, seconds=READY_SECONDS):
        """The state of a system that has finished booting."""
        states = ("running", "degraded")
        wait(
            f"{self.name} has booted",
            lambda: self.run("systemctl is-system-running", check=False).text in states,
            seconds,
        )

    def execute(self, argv, stdin, env, seconds):
        with socket.create_connection((self.address, PORT), timeout=5) as connection:
            connection.settimeout(seconds)
            connection.sendall(json.dumps({"argv": argv, "input": stdin, "env": env}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        return Done(answer["rc"], answer["stdout"], answer["stderr"])

    def put(self, path, content):
        if isinstance(content, bytes):
            self.run(f"mkdir -p $(dirname {path}); python3 -c 'import sys; open(sys.argv[1], \"wb\").write(bytes.fromhex(sys.stdin.read()))' {path}",
                     stdin=content.hex())  # fmt: skip
        else:
            self.run(f"mkdir -p $(dirname {path}); cat > {path}", stdin=content)

    def signal(self, number):
        os.killpg(int((self.folder / "pid").read_text()), number)

    def halt(self):
        pid = int((self.folder / "pid").read_text())
        self.signal(signal.SIGKILL)
        wait(f"{self.name} has stopped", lambda: gone(pid), 20)
        shutil.rmtree(self.folder / self.name, ignore_errors=True)

    def reboot(self):
        """As after a loss of power, which asks more of a machine than an orderly one: what is on its disk comes back."""
        tell(f"rebooting {self.name}")
        self.run("sync")
        self.halt()
        self.boot()

    def stop(self):
        self.halt()
        self.detach()


def gone(pid):
    """Whether a process has ended; one of ours is reaped."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
    except ChildProcessError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


TYPES = {"namespace": Machine, "container": Container, "kernel": Kernel}


def make(description):
    return TYPES[description["type"]](description)


def load(name):
    """A machine that an earlier process of this run has started."""
    return make(json.loads((RUN / "machines" / name / "machine.json").read_text()))


def names():
    return sorted(path.parent.name for path in (RUN / "machines").glob("*/machine.json"))
