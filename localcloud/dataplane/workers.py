"""Instances as processes: what a host runs once a document has been applied to it, for as long as the instance runs.

The file that the environment variable LOCALCLOUD_HOSTS names says what that is (hosts.py); without it instances are empty. A service
listens on a loopback address of its own: the instance's private one with 127 for its first number, or another one where that is taken
(loopback.py).
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import yaml

from localcloud import ACCOUNT, MACHINES, children, interfaces, loopback
from localcloud.dataplane import hosts, network
from localcloud.dataplane.health import REGISTER
from localcloud.dataplane.picture import PICTURES, Picture
from localcloud.scratch import Scratch
from localcloud.systems_manager.application import Problem, unpack

HOSTS = "LOCALCLOUD_HOSTS"
READY_SECONDS = 60.0  # for a process that neither listens nor ends
END_SECONDS = 5.0
RECENT_SECONDS = 10.0  # how old a picture may be that lets a mount through
NFS = 2049
log = logging.getLogger("localcloud.hosts")


class Refusal(Exception):
    """Why a document could not be applied to a host, for its output."""


class Worker:
    """The service of one port of an instance, and the process behind it."""

    def __init__(self, instance: str, region: str, place: loopback.Place, output: Path) -> None:
        self.instance = instance
        self.region = region
        self.place = place  # where it listens
        self.output = output
        self.service: hosts.Service | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.RLock()

    @property
    def base(self) -> str:
        return (self.service and self.service.url) or f"http://{self.place.address}:{self.place.port}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def apply(self, service: hosts.Service) -> None:
        """Serves so, and not otherwise; raises Refusal."""
        with self.lock:
            if service == self.service and (service.url or self.running):
                return
            self.end()
            self.service = service
            self.begin()

    def begin(self) -> None:
        """Starts the service, unless it runs, and waits until it listens; raises Refusal, and goes on trying if it is to."""
        with self.lock:
            if self.service is None or self.service.url or self.running:
                return
            command = list(self.service.command)
            program = shutil.which(command[0])
            if program is None:
                raise Refusal(f"there is no program {command[0]}")
            with self.output.open("ab") as output:
                self.process = children.spawn(
                    [program, *command[1:]],
                    env={
                        "PATH": os.environ.get("PATH", os.defpath),
                        "HOME": str(self.output.parent),
                        **dict(self.service.environment),
                    },
                    cwd=self.output.parent,
                    # A machine that shares the store has another user for this.
                    umask=0 if os.environ.get(MACHINES) else -1,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            threading.Thread(target=self.watch, args=(self.process,), name=f"host-{self.instance}", daemon=True).start()
            self.await_listening(self.process)

    def await_listening(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if listens(self.place.address, self.place.port):
                return
            time.sleep(0.02)
        words = self.output.read_text(errors="replace")[-1000:].strip()
        children.end(process, signal.SIGTERM, seconds=END_SECONDS)
        raise Refusal(f"the service does not listen on its port {self.place.port}; its last words: {words}")

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Starts it again when it fails, if it is to be."""
        code = process.wait()
        seconds = self.service.restart_seconds if self.service else None
        if code == 0 or self.process is not process:
            return
        log.info("the service of %s ended with %s", self.instance, code)
        if seconds is None:
            return
        time.sleep(seconds)
        try:
            with self.lock:
                if self.process is process:
                    self.begin()
        except Refusal as refusal:
            log.warning("%s: %s", self.instance, refusal)

    def end(self) -> None:
        with self.lock:
            process, self.process = self.process, None
            if process is not None:
                children.end(process, signal.SIGTERM, seconds=END_SECONDS)


def listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


class Machines(Protocol):
    """Instances that are machines (localcloud/machines)."""

    def place(self, identity: str, port: int) -> str | None: ...

    def listed(self) -> Iterator[dict[str, Any]]: ...

    def stop(self) -> None: ...


class Workers:
    """Those of all instances."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.workers: dict[tuple[str, int], Worker] = {}
        self.scratch: Scratch | None = None
        self.entries: list[hosts.Entry] | None = None
        self.machines: Machines | None = None  # the instances that are no processes

    # What a document does

    def apply(
        self,
        *,
        region: str,
        instance_id: str,
        document: str,
        parameters: dict[str, list[str]],
        bundle: bytes,
        **_more: Any,
    ) -> tuple[int, str] | None:
        """Exit code and output of a document's playbook on an instance; None where nothing is said about it."""
        try:
            entry = hosts.entry_for(self.known(), document, (parameters.get("PlaybookFile") or [""])[0])
            if entry is None:
                return None
            with tempfile.TemporaryDirectory(dir=self.folder("bundles")) as folder:
                root = Path(folder) / "bundle"
                unpack(bundle, root)
                return self.carry_out(entry, region, instance_id, root, (parameters.get("ExtraVariables") or [""])[0])
        except (hosts.Mistake, Refusal, Problem, network.Barred, OSError) as error:
            return 1, f"{error}\n"
        except Exception as error:  # whoever asks waits for an outcome
            log.exception("%s on %s", document, instance_id)
            return 1, f"the local cloud failed: {error!r}\n"

    def known(self) -> list[hosts.Entry]:
        """The file's entries, read once; a file with a mistake is an error each time."""
        if self.entries is None:
            path = os.environ.get(HOSTS)
            self.entries = hosts.read(Path(path)) if path else []
        return self.entries

    def carry_out(self, entry: hosts.Entry, region: str, instance_id: str, bundle: Path, extra: str) -> tuple[int, str]:
        address = private_address(region, instance_id)
        facts: dict[str, Any] = {
            **{key: each for name in entry.get("vars_files", []) for key, each in yaml_of(bundle / name).items()},
            **hosts.extra_variables(extra),
            "instance_id": instance_id,
            "region": region,
            "private_ip": address,
            "here": str(Path(os.environ[HOSTS]).resolve().parent),
            "bundle": str(bundle),
            "python": sys.executable,
            "environ": dict(os.environ),
            "urls": {port: worker.base for (owner, port), worker in self.workers.items() if owner == instance_id},
        }
        facts["mounts"] = {
            name: str(self.mount(instance_id, str(hosts.render(each, facts))))
            for name, each in entry.get("mounts", {}).items()
        }
        if "serve" in entry:
            return 0, self.serve(entry["serve"], facts)
        return self.run(hosts.run(entry["run"], facts)) if "run" in entry else (0, "")

    def serve(self, described: hosts.Entry, facts: dict[str, Any]) -> str:
        port = int(hosts.render(str(described["port"]), facts))
        worker = self.worker(facts["instance_id"], facts["region"], facts["private_ip"], port)
        service = hosts.service(described, {**facts, "address": worker.place.address, "port": worker.place.port})
        worker.apply(service)
        return f"{facts['instance_id']} serves its port {port} at {worker.base}\n"

    def worker(self, instance: str, region: str, address: str, port: int) -> Worker:
        with self.lock:
            if (instance, port) not in self.workers:
                place = loopback.hold_one("127." + address.partition(".")[2], port)
                output = self.folder("output") / f"{instance}-{port}.log"
                self.workers[instance, port] = Worker(instance, region, place, output)
            return self.workers[instance, port]

    def run(self, what: hosts.Run) -> tuple[int, str]:
        program = shutil.which(what.command[0])
        if program is None:
            raise Refusal(f"there is no program {what.command[0]}")
        process = children.spawn(
            [program, *what.command[1:]],
            env={"PATH": os.environ.get("PATH", os.defpath), **dict(what.environment)},
            cwd=self.folder("output"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output, _ = process.communicate(timeout=what.timeout)
        except subprocess.TimeoutExpired:
            children.end(process)
            return 124, f"{what.command[0]} was ended after {what.timeout:g} s.\n"
        return process.returncode, output.decode("utf-8", "replace")

    def mount(self, instance_id: str, address: str) -> Path:
        """The folder of the file system that has a mount target at this address; raises Barred where the network bars the way."""

        def found(picture: Picture) -> str:
            source = picture.network.names.get(instance_id, ("",))[0]
            interface = network.take(picture, source, address, NFS)
            for parts in picture.regions.values():
                for target in parts.get("mount_targets", []):
                    if target["NetworkInterfaceId"] == interface.id and target["LifeCycleState"] == "available":
                        return str(target["FileSystemId"])
            raise Refusal(
                f"mount.nfs4: {address}, of {interface.owner}, is no mount target of a file system that is available"
            )

        try:
            system = found(PICTURES.recent(RECENT_SECONDS))
        except (network.Barred, Refusal):
            system = found(PICTURES.current())
        return self.file_system(system)

    def file_system(self, identity: str) -> Path:
        """The folder that holds what is on it."""
        folder = self.folder("file-systems") / identity
        folder.mkdir(exist_ok=True)
        return folder

    def folder(self, name: str) -> Path:
        with self.lock:
            if self.scratch is None:
                self.scratch = Scratch("hosts")
            path = self.scratch.path / name
            path.mkdir(exist_ok=True)
            return path

    # What is asked of the instances

    def place(self, instance: str, port: int) -> str | None:
        """The URL of what serves a port of an instance; None where nothing does."""
        if self.machines is not None and (found := self.machines.place(instance, port)):
            return found
        worker = self.workers.get((instance, port))
        return worker.base if worker and (worker.service and worker.service.url or worker.running) else None

    def listed(self) -> Iterator[dict[str, Any]]:
        """pid: of the process behind it, None where there is none."""
        if self.machines is not None:
            yield from self.machines.listed()
        for (owner, port), worker in sorted(self.workers.items()):
            process = worker.process
            alive = process is not None and process.poll() is None
            yield {
                "instance": owner,
                "region": worker.region,
                "port": port,
                "url": worker.base,
                "pid": process.pid if process is not None and alive else None,
            }

    # What becomes of them

    def note(self, *, service: str, operation: str, **_more: Any) -> None:
        """A call of the control plane: instances that stop take their processes along, those that start again bring them back."""
        if service == "ec2" and operation.endswith("Instances") and self.workers:
            threading.Thread(target=self.follow, name="hosts", daemon=True).start()
        if service == "efs" and operation == "DeleteFileSystem" and self.scratch is not None:
            self.forget_file_systems()

    def follow(self) -> None:
        for (instance, port), worker in list(self.workers.items()):
            state = instance_state(worker.region, instance)
            if state == "running":
                try:
                    worker.begin()
                except Refusal as refusal:
                    log.warning("%s: %s", instance, refusal)
                continue
            REGISTER.forget(instance)
            worker.end()
            if state not in ("pending", "stopping", "stopped"):
                self.workers.pop((instance, port), None)
                worker.place.give_up()

    def forget_file_systems(self) -> None:
        alive = {
            identity
            for region in list(
                getattr(sys.modules.get("moto.efs.models"), "efs_backends", {}).get(ACCOUNT, {}).values()
            )
            for identity in region.file_systems_by_id
        }
        for folder in self.folder("file-systems").iterdir():
            if folder.name not in alive:
                shutil.rmtree(folder, ignore_errors=True)

    def stop(self) -> None:
        with self.lock:
            workers, self.workers = list(self.workers.values()), {}
            scratch, self.scratch, self.entries = self.scratch, None, None
        threads = [threading.Thread(target=worker.end) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.place.give_up()
        if scratch is not None:
            scratch.close()


def yaml_of(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise hosts.Mistake(f"{path.name} of the bundle: {error}") from error
    return found if isinstance(found, dict) else {}


def instance(region: str, identity: str) -> Any:
    ec2 = interfaces.backend("ec2", ACCOUNT, region)
    return ec2.get_instance_by_id(identity) if ec2 else None


def instance_state(region: str, identity: str) -> str:
    found = instance(region, identity)
    return str(found.state) if found else "terminated"


def private_address(region: str, identity: str) -> str:
    found = instance(region, identity)
    if found is None or not found.private_ip:
        raise Refusal(f"{identity} has no address")
    return str(found.private_ip)


WORKERS = Workers()
