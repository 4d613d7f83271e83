"""Run commands with mounts, network and processes of their own, as root.

    python -m machines.isolated COMMAND…

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
TOOLS = ("unshare", "setpriv", "ip", "systemd-nspawn", "linux.uml", "mmdebstrap", "zstd")
# /run is the run's own, so that no folder is made for it, nor one taken away below another run's feet.
SETUP = f"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=0755 run /run
mkdir -p {RUN}/tmp {RUN}/cgroup /run/netns /run/systemd /run/lock
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
for group in $GROUPS_MADE; do rmdir "${group%/*}"; done # which another run may still need, and keeps
"""


def memory_mb():
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024


def why_not(more=()):
    """What keeps this system from running machines; empty if nothing does. more: programs that are needed too."""
    if os.geteuid() != 0:
        return "root is needed, for namespaces and mounts: run it with sudo"
    missing = [name for name in (*TOOLS, *more) if not shutil.which(name)]
    if missing:
        return f"missing: {', '.join(missing)}; `make packages` installs them"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this system allows no namespaces (unshare fails): it may itself be a container without the right to"
    if memory_mb() < FREE_MB:
        return f"{memory_mb()} MB of memory are free, {FREE_MB} are needed"
    return ""


def turn():
    """Wait until no other run of tests uses machines. The socket has no file that could be left behind; it goes with those who hold it."""
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


def keeper(runs, held=()):
    """A process that takes the control groups of these runs away once its standard input ends, which it does with whoever called this.

    held: files that it keeps open until it is done.
    """
    groups = [path / RUN.name / run for path in hierarchies(CGROUPS) for run in runs]
    return subprocess.Popen(
        ["sh", "-c", KEEPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=held,
        env={**os.environ, "GROUPS_MADE": " ".join(map(str, groups))},
    )


@contextlib.contextmanager
def alone(*runs):
    """For the time that these runs of tests are started: nobody else's. Afterwards all is as before."""
    with turn() as held:
        # It holds the turn too: another run must not begin before it is done.
        ending = keeper(runs, [held.fileno()])
        try:
            yield
        finally:
            ending.communicate()


def environment(run):
    """What the environment of a run's command is to have."""
    return {"LKS_MACHINES_RUN": run}


def inside(command):
    """The command line that gives a command namespaces of its own."""
    return [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        SETUP,
        "sh",
        *command,
    ]


def spawn(run, command, **options):
    """Start a command in namespaces of its own; run: its name. The kernel kills it with the thread that called this."""
    variables = {**options.pop("env", os.environ), **environment(run)}
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *inside(command)], env=variables, **options)


def ended_by_signal(number, _):
    sys.exit(128 + number)


def main(command):
    reason = why_not()
    if reason:
        print(f"Cannot run machines here: {reason}", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by_signal)
    run = f"{os.getpid()}"
    with alone(run):
        process = spawn(run, command)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
