"""A file server with addresses of its own: NFS-Ganesha in a network namespace, which serves a folder of this system.

The kernels of machines (machine.py) mount it. The folder is open to others at the same time, such as containers that have it bound: what any
of them writes all see. A kernel's own NFS server cannot have that: this system's may have none, and what a kernel of User-Mode Linux sees of
this system's files is a file system that cannot be exported.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess

from . import image
from .isolated import RUN
from .machine import Failed, Machine, gone, ip, wait
from .namespaces import within
from .network import NFS

READY_SECONDS = 60
# Nothing is remembered of files, for others write them too. Nobody was here before who could reclaim anything.
CONFIGURATION = """
NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; }
NFSv4 { Graceless = true; Minor_Versions = 1; RecoveryBackend = fs; Only_Numeric_Owners = true; }
MDCACHE { Dir_Chunk = 0; }
EXPORT_DEFAULTS { Attr_Expiration_Time = 0; }
EXPORT {
    Export_Id = 1; Path = /srv; Pseudo = /; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP;
    FSAL { Name = VFS; }
}
"""
# In mounts of its own, which go with it. It is started again should it end.
SERVE = """
set -eu
mount -t overlay overlay -o "lowerdir=$IMAGE/server:$IMAGE/root" "$PLACE"
mount --bind "$FOLDER" "$PLACE/srv"
mount --rbind /dev "$PLACE/dev"
mount --rbind /proc "$PLACE/proc"
for each in run tmp var/lib/nfs; do mount -t tmpfs tmpfs "$PLACE/$each"; done
mkdir -p "$PLACE/run/ganesha" "$PLACE/var/lib/nfs/ganesha"
printf %s "$CONFIGURATION" > "$PLACE/run/ganesha.conf"
while :; do
    chroot "$PLACE" ganesha.nfsd -F -f /run/ganesha.conf -L /dev/stdout -p /run/ganesha.pid -N NIV_CRIT || :
    sleep 1
done
"""


class Store(Machine):
    """Described as a machine is; folder: what it serves."""

    def boot(self):
        place = self.folder / "root"
        place.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "IMAGE": str(image.ensure()),
            "PLACE": str(place),
            "FOLDER": self.description["folder"],
            "CONFIGURATION": CONFIGURATION,
        }
        with (self.folder / "console.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(["unshare", "--mount", "sh", "-c", SERVE]), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=RUN, env=environment, start_new_session=True,
            )  # fmt: skip
        (self.folder / "pid").write_text(str(process.pid))
        try:
            wait(f"{self.name} serves", lambda: gone(process.pid) or self.serves(), READY_SECONDS)
        except Failed as failed:
            raise Failed(f"{failed}; it says: {self.console()}") from None
        if gone(process.pid):
            raise Failed(f"{self.name} ended: {self.console()}")

    def console(self):
        return (self.folder / "console.log").read_text(errors="replace")[-2000:]

    def serves(self):
        try:
            within(self.name, lambda: socket.create_connection(("127.0.0.1", NFS), timeout=1)).close()
        except OSError:
            return False
        return True

    def move(self, addresses):
        """Be at these addresses, and no others."""
        known = {line.split()[3] for line in ip(f"-n {self.name} -4 -oneline address show dev eth0").splitlines()}
        for verb, those in (("add", set(addresses) - known), ("del", known - set(addresses))):
            for address in those:
                ip(f"-n {self.name} address {verb} {address} dev eth0")

    def remove(self):
        """As far as there is something: its start may have failed. The folder stays as it is."""
        with contextlib.suppress(OSError):
            pid = int((self.folder / "pid").read_text())
            os.killpg(pid, signal.SIGKILL)
            wait(f"{self.name} is gone", lambda: gone(pid), 20)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.detach()
        shutil.rmtree(self.folder)
