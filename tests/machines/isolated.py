"""Run commands with mounts, network and processes of their own, as root.

    python -m tests.machines.isolated COMMAND…

When a command ends, or the process that started it is killed in whatever way, the kernel takes back all that it made: processes,
mounts, interfaces, and the files below RUN, which are in memory. What no namespace holds, empty folders and control groups, a keeper
removes: a process of its own that waits for this one's end.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

RUN = Path("/run/lks-machines")
CGROUPS = Path("/sys/fs/cgroup")
FREE_MB = 3000
SETUP = f"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=0755 machines {RUN}
mount -t tmpfs -o mode=0755 netns /run/netns
mount -t tmpfs -o mode=0755 systemd /run/systemd
mkdir {RUN}/tmp {RUN}/cgroup
mount --rbind {CGROUPS} {RUN}/cgroup
ip link set lo up
export TMPDIR={RUN}/tmp
exec "$@"
"""
KEEPER = """
cat
for try in $(seq 100); do
    left=""
    for group in $GROUPS_MADE; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + || left=yes
    done
    [ -n "$left" ] || break
    sleep 0.1
done
for folder in $FOLDERS_MADE; do rmdir "$folder"; done
"""


def memory_mb():
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024


def why_not():
    """What keeps this system from running the machines; empty if nothing does."""
    if os.geteuid() != 0:
        return "root is needed, for namespaces and mounts: run it with sudo"
    missing = [
        name
        for name in ("unshare", "setpriv", "ip", "systemd-nspawn", "linux.uml", "mmdebstrap", "zstd")
        if not shutil.which(name)
    ]
    if missing:
        return f"missing: {', '.join(missing)}; `make packages` installs them"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this system allows no namespaces (unshare fails): it may itself be a container without the right to"
    if memory_mb() < FREE_MB:
        return f"{memory_mb()} MB of memory are free, {FREE_MB} are needed"
    return ""


def turn():
    """Wait until no other run uses RUN. The socket has no file that could be left behind; it goes with those who hold it."""
    taken = socket.socket(socket.AF_UNIX)
    told = False
    while True:
        try:
            taken.bind(f"\0{RUN}")
            return taken
        except OSError:
            if not told:
                print("Another run uses the machines; waiting for it to end", file=sys.stderr)
            told = True
            time.sleep(1)


def hierarchies(base):
    """Where control groups are made: in the one hierarchy of version 2, or in the two that systemd uses besides version 1."""
    found = [base] if (base / "cgroup.procs").exists() else [base / "systemd", base / "unified"]
    return [path for path in found if (path / "cgroup.procs").exists()]


def group_of(run, name, base):
    """The control groups of a machine, one a hierarchy: systemd in one container must not see those of another."""
    return [path / RUN.name / run / name for path in hierarchies(base)]


@contextlib.contextmanager
def alone():
    """For the time that runs are started: nobody else's, with the folders that they mount on. Afterwards all is as before."""
    with turn() as held:
        folders = [path for path in (RUN, Path("/run/netns"), Path("/run/systemd")) if not path.exists()]
        for path in folders:
            path.mkdir()
        groups = [path / RUN.name for path in hierarchies(CGROUPS)]
        # It holds the turn too: another run must not begin before it is done.
        keeper = subprocess.Popen(
            ["sh", "-c", KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[held.fileno()],
            env={**os.environ, "FOLDERS_MADE": " ".join(map(str, folders)), "GROUPS_MADE": " ".join(map(str, groups))},
        )
        try:
            yield
        finally:
            keeper.communicate()


def spawn(run, command, **options):
    """Start a command in namespaces of its own; run: its name. The kernel kills it with the thread that called this."""
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    environment = {**options.pop("env", os.environ), "LKS_MACHINES_RUN": run}
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *unshare, "sh", "-c", SETUP, "sh", *command], env=environment, **options
    )


def ended_by_signal(number, _):
    sys.exit(128 + number)


def main(command):
    reason = why_not()
    if reason:
        print(f"Cannot run machines here: {reason}", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by_signal)
    with alone():
        process = spawn(f"{os.getpid()}", command)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
