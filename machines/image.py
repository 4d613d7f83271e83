"""The image all machines start from, made of Debian's packages and kept in a cache.

    python -m machines.image      makes it if need be and prints its folder

root/   the files of a Debian 12 with systemd and, as user data would install them, ansible-core and unzip
        /opt/packages: what the roles install, as a repository, for machines have no internet
        /opt/ansible/VERSION: other releases of ansible-core
client/ the same, with nfs-common installed: to unpack packages takes a kernel in a process minutes
server/ to lay over root: the files of Debian's NFS servers, and /opt/server, which serves /srv/store as a machine's init

The cache is LKS_MACHINES_CACHE, or ~/.cache/lks.llm/machines. An image is named by what it is made of, and older ones are removed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

LAYOUT = 3  # counts changes of build() that the rest of what names an image does not show
SUITE = "bookworm"
HERE = Path(__file__).parent
MIRROR = os.environ.get("LKS_MACHINES_MIRROR", "http://deb.debian.org/debian")
INCLUDE = [
    "systemd", "systemd-sysv", "dbus", "udev", "iproute2", "procps", "kmod", "iputils-ping", "ca-certificates",
    "ansible-core", "unzip", "logrotate", "python3-apt",
]  # fmt: skip
OFFERED = [
    "iptables",
    "iptables-persistent",
    "nfs-common",
    "nfs-kernel-server",
    "zstd",
    "nfs-ganesha",
    "nfs-ganesha-vfs",
]  # the roles install these themselves; the last two are for store.py
PACKAGED = "2.14"  # Debian 12's own ansible-core
ANSIBLE = {"2.12": "2.12.10", "2.16": "2.16.14", "2.19": "2.19.14"}  # Ubuntu 22.04, Ubuntu 24.04, newer
# No systemd: it is there as soon as it is started. The store is in memory, for what lies on the run's files cannot be exported.
SERVER = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /srv/store /var/lib/nfs/v4recovery
mount -t tmpfs store /srv/store
modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
echo "/srv/store *(rw,sync,no_root_squash,no_subtree_check,insecure,fsid=0)" > /etc/exports
: > /var/lib/nfs/etab
: > /var/lib/nfs/rmtab
ip link set lo up
exportfs -r
rpc.mountd -N 2 -N 3
rpc.nfsd --no-nfs-version 3 4
echo Y > /proc/fs/nfsd/v4_end_grace # nobody was here before who could reclaim anything
exec python3 /opt/agent.py
"""

OFFER = f"""
set -eu
rm -f "$1"/var/cache/apt/archives/*.deb
chroot "$1" apt-get install -qq --yes --download-only --no-install-recommends {" ".join(OFFERED)}
mkdir -p "$1/opt/packages"
mv "$1"/var/cache/apt/archives/*.deb "$1/opt/packages/"
cd "$1/opt/packages"
mkdir -p "$2/usr/bin" "$2/usr/sbin" "$2/usr/lib" "$2/opt"
for name in bin sbin lib; do ln -s "usr/$name" "$2/$name"; done
for package in *.deb; do dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$2"; done
dpkg-scanpackages --multiversion . > Packages 2> /dev/null
echo 'deb [trusted=yes] file:/opt/packages ./' > "$1/etc/apt/sources.list"
rm -rf "$1"/etc/apt/sources.list.d/*
"""


def cache():
    return Path(os.environ.get("LKS_MACHINES_CACHE") or Path.home() / ".cache" / "lks.llm" / "machines")


def key():
    parts = [LAYOUT, SUITE, INCLUDE, OFFERED, ANSIBLE, OFFER, SERVER, (HERE / "agent.py").read_text()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def build(folder):
    root, server = folder / "root", folder / "server"
    hook = folder / "offer.sh"
    hook.write_text(OFFER)
    print(f"Making Debian {SUITE} in {folder}; this is kept", flush=True)
    # In namespaces of its own: what it mounts goes with it, also when it is killed.
    run("unshare", "--mount", "--pid", "--fork", "--kill-child", "mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", f"--include={','.join(INCLUDE)}", f"--customize-hook=sh {hook} \"$1\" {server}",
        '--skip=cleanup/apt/lists', SUITE, root, MIRROR)  # fmt: skip
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for name, version in ANSIBLE.items():
        print(f"Adding ansible-core {version}", flush=True)
        run(uv, "pip", "install", "--quiet", "--target", root / "opt/ansible" / name, "--python-version", "3.11",
            f"ansible-core=={version}")  # fmt: skip
    run("chroot", root, "python3", "-m", "compileall", "-q", "-j", "0", "/opt/ansible", stdout=subprocess.DEVNULL)
    shutil.copytree("/usr/lib/uml/modules", root / "usr/lib/modules", dirs_exist_ok=True)
    shutil.copy(HERE / "agent.py", root / "opt/agent.py")
    (root / "etc/systemd/system/agent.service").write_text(
        "[Unit]\nConditionKernelCommandLine=machine.address\nDefaultDependencies=no\nAfter=local-fs.target\n"
        "Before=network-pre.target network-online.target\nWants=network-online.target\n"
        "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/usr/bin/python3 /opt/agent.py\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    for unit in ("e2scrub_reap", "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer", "getty@tty1"):
        run("chroot", root, "systemctl", "mask", unit, stderr=subprocess.DEVNULL)
    run("chroot", root, "systemctl", "enable", "agent.service", stderr=subprocess.DEVNULL)
    run("chroot", root, "apt-get", "update", "-qq")
    (root / "etc/fstab").write_text("")
    for name in ("etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/hostname").write_text("machine\n")
    (server / "opt/server").write_text(SERVER)
    (server / "opt/server").chmod(0o755)
    client = folder / "client"
    run("cp", "--archive", "--link", root, client)  # dpkg writes beside a file and renames: the other's stays as it is
    run("chroot", client, "apt-get", "install", "-qq", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-unsafe-io", "nfs-common",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})  # fmt: skip


def remove(folder):
    """Never beyond a file system that something has mounted there."""
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)


def ensure():
    """The image's folder."""
    place = cache() / key()
    if place.is_dir():
        return place
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return place if place.is_dir() else make(place)


def make(place):
    partial = cache() / f".{key()}-{os.getpid()}"
    partial.mkdir()
    begun = time.monotonic()
    try:
        build(partial)
        for old in cache().iterdir():
            if old != partial and old.is_dir():
                remove(old)
        partial.rename(place)
    finally:
        if partial.is_dir():
            remove(partial)
    print(f"Made in {time.monotonic() - begun:.0f} s", flush=True)
    return place


if __name__ == "__main__":
    print(ensure())
