"""Run a command with mounts, network and processes of its own, as root.

    python -m tests.machines.isolated COMMAND…

When the command ends, or this process is killed, the kernel takes back all that it made: processes, mounts, interfaces, and the
files below RUN, which are in memory.
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
FREE_MB = 3000
SETUP = f"""
set -eu
mount --make-rprivate /
mkdir -p {RUN} /run/netns
mount -t tmpfs -o mode=0755 machines {RUN}
mount -t tmpfs -o mode=0755 netns /run/netns
mkdir {RUN}/tmp {RUN}/cgroup
mount --rbind /sys/fs/cgroup {RUN}/cgroup
ip link set lo up
export TMPDIR={RUN}/tmp
exec "$@"
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
        for name in ("unshare", "ip", "systemd-nspawn", "linux.uml", "mmdebstrap", "zstd")
        if not shutil.which(name)
    ]
    if missing:
        return f"missing: {', '.join(missing)}; tests/machines/packages.sh installs them"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this system allows no namespaces (unshare fails): it may itself be a container without the right to"
    if memory_mb() < FREE_MB:
        return f"{memory_mb()} MB of memory are free, {FREE_MB} are needed"
    return ""


def turn():
    """Wait until no other run uses RUN. The socket has no file that could be left behind; it goes with this process."""
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


def main(command):
    reason = why_not()
    if reason:
        print(f"Cannot run machines here: {reason}", file=sys.stderr)
        return 3
    _turn = turn()
    made = [path for path in (RUN, Path("/run/netns")) if not path.exists()]
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    process = subprocess.Popen([*unshare, "sh", "-c", SETUP, "sh", *command])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: process.kill())
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.kill()
        process.wait()
        return 130
    finally:
        for path in made:  # empty out here: what was in them was mounted in there
            with contextlib.suppress(OSError):
                path.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
