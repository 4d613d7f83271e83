"""Machines of one run, and the router between them. Used inside isolated.py only.

The network namespace of the run is the router: it is the first address of every machine's network and sends on what comes from one
machine to another. A machine is described by a dict:

    name, type       namespace (network only), container (systemd) or kernel (systemd on a kernel of its own)
    addresses        ["10.20.0.10/24", …]; the first one's network has the router as its first address
    bridge           [namespace, bridge]: where it is attached instead, as an instance to its subnet (network.py)
    share            {path in the container: folder that several machines can have, below that of the run if it is relative}; containers only
    files            {path: content} put in before the start
    disk             megabytes of its disk
    layers           of the image (image.py), the uppermost first; root if not said
    init             what a kernel starts instead of systemd
    memory           megabytes of a kernel
    command          of a namespace: what runs in it all the time, at RUN
    router           commands of ip, carried out in the router once the machine is attached
"""

import contextlib
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
from .isolated import RUN, group_of
from .namespaces import within

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
READY_SECONDS = 240
CONNECT_SECONDS = 60


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
    """Say what happens, at once: molecule and Ansible keep what is printed here until the end of a task."""
    with Path("/proc/1/fd/1").open("a") as told:  # of the run's first process, what started it reads
        told.write(f"[machines] {text}\n")


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
        ip(f"{self.where}link add {self.link} type veth peer name eth0 netns {self.name}")
        self.join()
        for address in self.addresses:
            ip(f"-n {self.name} address add {address} dev eth0")
        ip(f"-n {self.name} link set lo up")
        ip(f"-n {self.name} link set eth0 up")
        ip(f"-n {self.name} route add default via {self.gateway}")

    @property
    def where(self):
        """What makes ip act where the machine is attached."""
        return f"-n {self.description['bridge'][0]} " if "bridge" in self.description else ""

    def join(self):
        """Let the outer end of its link into the network."""
        if "bridge" in self.description:
            ip(f"{self.where}link set {self.link} master {self.description['bridge'][1]} up")
        else:
            self.route()

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
        ip(f"{self.where}link delete {self.link}")
        ip(f"netns delete {self.name}")

    def boot(self):
        if "command" in self.description:
            with (self.folder / "console.log").open(
                "ab"
            ) as log:  # what starts it here has ended when it is asked for something
                process = self.popen(
                    *self.description["command"],
                    cwd=RUN,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            (self.folder / "pid").write_text(str(process.pid))

    def stop(self):
        if "command" in self.description:
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        self.detach()

    def silence(self, verb):
        """verb add: let nothing reach the machine, and nobody be told, as when it is off; del: let it be reached again."""
        for address in self.addresses:
            ip(f"route {verb} blackhole {address.partition('/')[0]}/32")

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


# A host may have this. Ansible starts five programs for a task without pipelining, and looks a thousand times a second whether it has
# ended, which is dear in a kernel that is a process. A scenario that wants none of it puts an empty file there.
ANSIBLE_CONFIG = "[defaults]\ninternal_poll_interval = 0.05\n[connection]\npipelining = true\n"


class Booted(Machine):
    """Debian that was booted from the image; what it writes is in memory, and stays over a reboot."""

    @property
    def root(self):
        return self.folder / "root"

    def prepare(self):
        """Lay the machine's disk over the image."""
        if self.root.is_dir():
            return
        disk = self.folder / "disk"
        for folder in (disk, self.root):
            folder.mkdir()
        size = f"size={self.description.get('disk', 1024)}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, self.name, disk], check=True)
        for name in ("upper", "work"):
            (disk / name).mkdir()
        below = ":".join(str(image.ensure() / layer) for layer in self.description.get("layers", ["root"]))
        layers = f"lowerdir={below},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        files = {"/etc/ansible/ansible.cfg": ANSIBLE_CONFIG, **self.description.get("files", {})}
        for path, content in files.items():
            self.put(path, content)

    def put(self, path, content):
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(content)

    def launch(self, command, **environment):
        with (self.folder / "console.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "TMPDIR": f"{RUN}/tmp", **environment},
            )  # fmt: skip
        (self.folder / "pid").write_text(str(process.pid))

    @property
    def pid(self):
        return int((self.folder / "pid").read_text())

    def wait_answers(self):
        """Until commands can be run."""

        def answers():
            if gone(self.pid):
                raise Failed(f"{self.name} ended: {self.console()}")
            try:
                return self.execute(["true"], "", {}, 5).rc == 0
            except (OSError, ValueError):
                return False

        self.wait(f"{self.name} answers", answers)

    def wait_booted(self):
        """Until systemd has started all that it starts."""
        self.wait_answers()

        def booted():
            return self.run("systemctl is-system-running --wait", check=False).text in ("running", "degraded")

        self.wait(f"{self.name} has booted", booted)

    def wait(self, what, condition):
        try:
            wait(what, condition, READY_SECONDS)
        except Failed as failed:
            raise Failed(f"{failed}; its console says: {self.console()}") from None

    def console(self):
        return (self.folder / "console.log").read_text(errors="replace")[-2000:]

    def kill(self):
        """As when the power goes."""
        raise NotImplementedError

    def stop(self):
        self.kill()
        self.detach()

    def remove(self):
        """Take it away with its disk, as far as there is something: its start may have failed."""
        for step in (self.kill, self.detach):
            with contextlib.suppress(OSError, subprocess.CalledProcessError, Failed):
                step()
        for mounted in (self.root, self.folder / "disk"):
            subprocess.run(["umount", "--lazy", mounted], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder)


class Container(Booted):
    """Debian booted with systemd, on this system's kernel."""

    def boot(self):
        self.prepare()
        binds = []
        for inside, outside in self.description.get("share", {}).items():
            (RUN / outside).mkdir(parents=True, exist_ok=True)
            binds.append(f"--bind={RUN / outside}:{inside}")
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3", f"--machine={self.name}",
                  f"--directory={self.root}", f"--network-namespace-path=/run/netns/{self.name}", "--resolv-conf=off", "--timezone=off",
                  "--console=pipe", "--capability=all", *binds, "--boot"]  # fmt: skip
        groups = group_of(os.environ["LKS_MACHINES_RUN"], self.name, RUN / "cgroup")
        for group in groups:
            group.mkdir(parents=True, exist_ok=True)
        # Started inside the namespace, for /sys to show its interfaces; the new /sys lacks the control groups.
        enter = "".join(f"echo 0 > {group}/cgroup.procs && " for group in groups)
        prepare = f'{enter} mount --rbind {RUN}/cgroup /sys/fs/cgroup && exec "$@"'
        command = ["ip", "netns", "exec", self.name, "sh", "-c", prepare, "sh", *nspawn]
        self.launch(command, SYSTEMD_NSPAWN_API_VFS_WRITABLE="network")
        self.wait_booted()

    def leader(self):
        """The number of the container's first process, 0 if it does not run."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(children[0]) if children else 0

    def command(self, argv):
        leader = self.leader()
        if not leader:
            raise ConnectionError(f"{self.name} does not run")
        return ["nsenter", "--all", f"--target={leader}", f"--wd=/proc/{leader}/root/root", "--", *argv]

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        wait(f"{self.name} is gone", lambda: gone(self.pid), 20)

    def halt(self):
        """As a stopped instance: its disk stays."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            wait(f"{self.name} has stopped", lambda: gone(self.pid), 60)
        except Failed:
            self.kill()

    def reboot(self):
        """The network namespace is the container's memory of rules and settings, so it is made anew as well."""
        tell(f"rebooting {self.name}")
        self.halt()
        self.detach()
        self.attach()
        self.boot()


# What a boot does for hardware and file systems that a kernel in a process does not have. It is most of the time of a boot.
MASKED = [
    "systemd-udev-trigger.service", "systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "kmod-static-nodes.service", "systemd-remount-fs.service",
    "modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service", "modprobe@efi_pstore.service",
    "modprobe@fuse.service", "modprobe@loop.service", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-config.mount",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount", "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service", "systemd-random-seed.service", "systemd-logind.service",
]  # fmt: skip


class Kernel(Booted):
    """Debian booted on a kernel of its own; by systemd, unless the description names another init."""

    def attach(self):
        if not (self.folder / "attached").exists():
            ip(f"{self.where}tuntap add dev {self.link} mode tap")
            self.join()
            (self.folder / "attached").touch()

    def detach(self):
        ip(f"{self.where}link delete {self.link}")
        (self.folder / "attached").unlink()

    def boot(self):
        self.prepare()
        init = [f"init={self.description['init']}"] if "init" in self.description else []
        kernel = [
            "linux.uml", f"umid={self.name}", f"uml_dir={self.folder}", f"mem={self.description.get('memory', 512)}M",
            "root=/dev/root", "rootfstype=hostfs", f"rootflags={self.root}", "rw", "con=null", "con0=null,fd:1", "quiet",
            "selinux=0", "systemd.show_status=0", *[f"systemd.mask={unit}" for unit in MASKED], "net.ifnames=0", f"vec0:transport=tap,ifname={self.link},depth=64,gro=1", *init,
            f"machine.name={self.name}", f"machine.address={','.join(self.addresses)}", f"machine.gateway={self.gateway}",
        ]  # fmt: skip
        inside = ["ip", "netns", "exec", self.description["bridge"][0]] if "bridge" in self.description else []
        # Each file that the machine has open is open here.
        self.launch([*inside, "sh", "-c", 'ulimit -n $(ulimit -H -n); exec "$@"', "sh", *kernel], HOME=str(self.folder))
        self.wait_answers()

    def reach(self, seconds):
        """A connection to its agent, within these seconds: a kernel in a process waits for the processor when other work has it."""

        def connect():
            return socket.create_connection((self.address, PORT), timeout=seconds)

        return within(self.description["bridge"][0], connect) if "bridge" in self.description else connect()

    def execute(self, argv, stdin, env, seconds):
        with self.reach(min(seconds, CONNECT_SECONDS)) as connection:
            connection.settimeout(seconds)
            connection.sendall(json.dumps({"argv": argv, "input": stdin, "env": env}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        return Done(answer["rc"], answer["stdout"], answer["stderr"])

    def signal(self, number):
        os.killpg(self.pid, number)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        wait(f"{self.name} is gone", lambda: gone(self.pid), 20)
        shutil.rmtree(self.folder / self.name, ignore_errors=True)

    def halt(self):
        """As a stopped instance: its disk stays."""
        with contextlib.suppress(OSError, ValueError):  # it may be gone before it has answered
            self.run("systemctl poweroff", check=False, seconds=10)
        with contextlib.suppress(Failed):
            wait(f"{self.name} has stopped", lambda: gone(self.pid), 60)
        self.kill()

    def reboot(self):
        """As after a loss of power, which asks more of a machine than an orderly one: what is on its disk comes back."""
        tell(f"rebooting {self.name}")
        self.run("sync")
        self.kill()
        self.boot()


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
