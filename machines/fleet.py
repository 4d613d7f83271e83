"""Machines that somebody else directs: reads orders from a socket and carries them out side by side. Started by isolated.py's means.

    python -m machines.fleet DESCRIPTOR

A request is a line {"id": 1, "do": "start", …}, the answer a line {"id": 1, …} or {"id": 1, "error": "…"}. Answers come as they are
ready. It ends, and with it everything that it made, when the socket does.

    network    what there is: network.py's description, and what serves in the internet: [{address, port, folder}]
    store      name, vpc, addresses, folder: the folder is served by NFS at these addresses, which the network knows as the store's
    close      name: a store is served no longer
    start      machine: a description (machine.py) with its subnet; user_data: a script that its first boot runs
    stop       name: it is shut down, its disk stays
    again      name: it boots anew, with its disk
    remove     name: it goes with its disk
    mount      name, folder, path: what is below folder in the container is mounted at path, at every boot
    apply      name, bundle (a path), playbook, extra, options, seconds: {rc, stdout, stderr}
"""

import contextlib
import json
import shlex
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

from . import image
from . import machine as machines
from .apply import apply
from .isolated import RUN
from .network import INTERNET, Network
from .store import Store

AT_ONCE = 3  # boots: more only get in each other's way
USER_DATA = "/var/lib/cloud/instance/user-data.txt"  # where cloud-init keeps it


@contextlib.contextmanager
def whole(made):
    """Nothing is left of a machine whose start fails, so that it can be tried again."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # as far as there is something
            made.remove()
        raise


class Fleet:
    def __init__(self):
        self.network = Network()
        self.lock = threading.Lock()
        self.booting = threading.Semaphore(AT_ONCE)
        self.servers: dict[str, subprocess.Popen] = {}
        self.stores: dict[str, Store] = {}

    def do_network(self, described, servers):
        with self.lock:
            self.network.become(described)
            for server in servers:
                key = json.dumps(server, sort_keys=True)
                if key not in self.servers:
                    self.servers[key] = self.serve(**server)

    def serve(self, address, port, folder):
        command = [sys.executable, "-m", "http.server", f"{port}", "--bind", address, "--directory", folder]
        with (RUN / f"internet-{address}.log").open("ab") as log:
            return subprocess.Popen(["ip", "netns", "exec", INTERNET, *command], stdout=log, stderr=log)

    def do_store(self, name, vpc, addresses, folder):
        with self.lock:
            bridge, own = self.network.store(name)
        made = Store(
            {
                "name": name,
                "addresses": [f"{own}/30", *(f"{each}/32" for each in addresses)],
                "bridge": [vpc, bridge],
                "folder": folder,
            }
        )
        if name in self.stores:
            made.move(made.addresses)
            return
        with whole(made):
            made.start()
        self.stores[name] = made

    def do_close(self, name):
        self.stores.pop(name).remove()

    def do_start(self, machine, subnet, namespace, user_data):
        with self.lock:
            machine["bridge"] = [namespace, self.network.bridge(subnet)]
        made = machines.make(machine)
        with self.booting, whole(made):
            made.start()
            made.wait_booted()
        if user_data:
            made.put(USER_DATA, user_data)
            made.run("chmod", "700", USER_DATA)
            if user_data.startswith("#!"):
                made.run(USER_DATA, check=False)  # what came of it is its own to say, as on AWS

    def do_stop(self, name):
        made = machines.load(name)
        made.halt()
        made.detach()

    def do_again(self, name):
        made = machines.load(name)
        with self.booting:
            made.attach()
            made.boot()
            made.wait_booted()

    def do_remove(self, name):
        machines.load(name).remove()

    def do_mount(self, name, folder, path):
        made = machines.load(name)
        line = f"{folder} {path} none bind,nofail 0 0"
        quoted = shlex.quote(path)
        made.run(
            f"mkdir -p {quoted} && touch /etc/fstab && {{ grep -qxF {shlex.quote(line)} /etc/fstab || {{ "
            f"sed -i '\\| {path} none bind|d' /etc/fstab && echo {shlex.quote(line)} >> /etc/fstab && systemctl daemon-reload; }}; }} && "
            f"systemctl start $(systemd-escape --path --suffix=mount {quoted})"
        )

    def do_apply(self, name, bundle, playbook, extra, options, seconds):
        content = Path(bundle).read_bytes()
        done = apply(machines.load(name), content, playbook, extra, options=options, seconds=seconds)
        return {"rc": done.rc, "stdout": done.stdout, "stderr": done.stderr}


class Orders:
    """What the socket asks for, each on a thread of its own."""

    def __init__(self, connection):
        self.connection = connection
        self.writing = threading.Lock()
        self.fleet = Fleet()

    def carry_out(self, order):
        identity, what = order.pop("id"), order.pop("do")
        try:
            answer = getattr(self.fleet, f"do_{what}")(**order) or {}
        except subprocess.TimeoutExpired as error:
            answer = {"error": f"it took more than {error.timeout:g} s"}
        except subprocess.CalledProcessError as error:
            answer = {"error": f"{' '.join(map(str, error.cmd))}: {error.stderr or error.returncode}"}
        except BaseException as error:
            traceback.print_exc()
            answer = {"error": f"{error}" or repr(error)}
        with self.writing:
            self.connection.sendall(json.dumps({"id": identity, **answer}).encode() + b"\n")

    def read(self):
        for line in self.connection.makefile("rb"):
            threading.Thread(target=self.carry_out, args=(json.loads(line),), daemon=True).start()


def main(descriptor):
    image.ensure()
    Orders(socket.socket(fileno=int(descriptor))).read()


if __name__ == "__main__":
    main(sys.argv[1])
