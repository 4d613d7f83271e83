"""Instances that are machines: booted, stopped and taken away as the control plane says, and configured by State Manager.

The environment variable LOCALCLOUD_MACHINES names the file that says which they are (plan.py).
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud import ACCOUNT, MACHINES, interfaces
from localcloud.dataplane import hosts, network
from localcloud.dataplane.health import REGISTER
from localcloud.dataplane.picture import PICTURES, Picture
from localcloud.dataplane.workers import NFS, Refusal, Workers, yaml_of
from localcloud.machines import plan, topology
from localcloud.machines.doors import Door
from localcloud.machines.fleet import Failed, Fleet, proxy
from localcloud.systems_manager.application import Order, Problem, unpack

STORES = "/srv/stores"  # in a container: the file systems of EFS, by id
BOOT_SECONDS = 600.0  # that a document waits for its machine: others boot too
log = logging.getLogger("localcloud.machines")
# An instance's region, its description, and the kind of machine that it is.
Chosen = tuple[str, Mapping[str, Any], plan.Kind]


class Machine:
    """One instance. What is wanted of it is done on a thread of its own, one thing after the other."""

    def __init__(self, fleet: Fleet, region: str, description: Mapping[str, Any], ended: Callable[[], None]) -> None:
        self.fleet = fleet
        self.ended = ended  # told when it is gone
        self.region = region
        self.description = description
        self.changed = threading.Condition()
        self.wanted = "running"
        self.state = "none"  # none, running, stopped, gone
        self.made = False
        self.fault = ""
        self.doors: dict[int, Door] = {}
        threading.Thread(target=self.follow, name=f"machine-{self.name}", daemon=True).start()

    @property
    def name(self) -> str:
        return str(self.description["machine"]["name"])

    @property
    def is_kernel(self) -> bool:
        return bool(self.description["machine"]["type"] == "kernel")

    @property
    def vpc(self) -> str:
        return str(self.description["namespace"])

    def want(self, state: str) -> None:
        with self.changed:
            self.wanted = state
            self.fault = ""
            self.changed.notify_all()

    def follow(self) -> None:
        while self.state != "gone":
            with self.changed:
                self.changed.wait_for(lambda: self.state != self.wanted and not self.fault)
                wanted = self.wanted
            try:
                self.become(wanted)
            except Failed as failed:
                log.warning("the machine of %s: %s", self.name, failed)
                with self.changed:
                    self.fault = str(failed) if wanted != "gone" else ""
                    self.state = "gone" if wanted == "gone" else self.state
                    self.changed.notify_all()
        self.ended()

    def become(self, wanted: str) -> None:
        if wanted == "running":
            if self.made:
                self.fleet.ask("again", name=self.name)
            else:
                self.fleet.ask("start", **self.description)
                self.made = True
            log.info("the machine of %s runs", self.name)
        elif wanted == "stopped" and self.state == "running":
            self.fleet.ask("stop", name=self.name)
        elif wanted == "gone" and self.made:
            self.fleet.ask("remove", name=self.name)
        with self.changed:
            self.state = wanted
            self.changed.notify_all()

    def await_running(self) -> None:
        """Raises Refusal."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.state == "running" or self.wanted != "running" or self.fault, BOOT_SECONDS
            )
            if self.state != "running":
                raise Refusal(f"the machine of {self.name} does not run: {self.fault or f'it is to be {self.wanted}'}")


class Instances:
    """All of them."""

    def __init__(self, chosen: plan.Plan, fleet: Fleet, workers: Workers) -> None:
        self.plan = chosen
        self.fleet = fleet
        self.workers = workers
        self.machines: dict[str, Machine] = {}
        self.lock = threading.Lock()
        self.changed = threading.Event()
        self.ending = False
        self.leaving: list[Machine] = []  # whose networks are still needed
        self.network: dict[str, Any] = {"vpcs": {}}
        self.stores: dict[str, dict[str, Any]] = {}  # file systems that a machine serves
        threading.Thread(target=self.watch, name="machines", daemon=True).start()

    # What becomes of them

    def note(self, *, service: str, **_more: Any) -> None:
        """A call of the control plane."""
        if service in ("ec2", "efs"):
            self.changed.set()

    def watch(self) -> None:
        while not self.ending:
            self.changed.wait()
            self.changed.clear()
            if not self.ending:
                try:
                    self.look()
                except Failed as failed:
                    log.warning("the machines' networks: %s", failed)
                except Exception:  # the next change must not suffer from it
                    log.exception("machines")

    def look(self) -> None:
        with self.lock:
            self.compare()

    def compare(self) -> None:
        """What is described with what is there: networks and stores first, which machines need."""
        picture = PICTURES.current()
        regions = picture.regions
        chosen = self.chosen(regions)
        kernels = {key: described for key, (_, described, found) in chosen.items() if found.type == "kernel"}
        stores = topology.stores(regions) if kernels else {}
        for store in stores.values():
            store["callers"] = callers(picture, kernels, store)
        for identity in set(self.stores) - set(stores):
            self.fleet.ask("close", name=identity)
            self.stores.pop(identity)
        self.leaving = [machine for machine in self.leaving if machine.state != "gone"]
        vpcs = {described["VpcId"] for _, described, _ in chosen.values() if described.get("VpcId")}
        vpcs |= {machine.vpc for machine in (*self.machines.values(), *self.leaving)}
        vpcs |= {store["vpc"] for store in stores.values()}
        internet = [each["address"] for each in self.plan.internet]
        self.lay(topology.network(regions, vpcs, internet, stores))
        self.follow(regions, chosen)
        for identity, store in stores.items():
            self.serve(identity, store)

    def chosen(self, regions: topology.Regions) -> dict[str, Chosen]:
        """The instances that are machines, once they have run."""
        found = {}
        for region, parts in regions.items():
            for described in parts.get("instances", []):
                kind = self.plan.kind({each["Key"]: each["Value"] for each in described.get("Tags") or []})
                if kind and (described["InstanceId"] in self.machines or described["State"]["Name"] == "running"):
                    found[described["InstanceId"]] = (region, described, kind)
        return found

    def follow(self, regions: topology.Regions, chosen: Mapping[str, Chosen]) -> None:
        """Lets machines become what their instances are."""
        for identity, (region, described, kind) in chosen.items():
            state = described["State"]["Name"]
            if identity not in self.machines:
                facts = self.describe(regions, region, described, kind)
                self.machines[identity] = Machine(self.fleet, region, facts, self.changed.set)
            elif state in ("running", "stopped"):
                self.machines[identity].want(state)
            if state != "running":
                REGISTER.forget(identity)
        for identity, machine in list(self.machines.items()):
            if identity not in chosen or chosen[identity][1]["State"]["Name"] in ("shutting-down", "terminated"):
                self.machines.pop(identity)
                REGISTER.forget(identity)
                for door in machine.doors.values():
                    door.close()
                self.leaving.append(machine)
                machine.want("gone")

    def serve(self, identity: str, store: Mapping[str, Any]) -> None:
        """A file system, at the addresses of its mount targets."""
        facts = {"vpc": store["vpc"], "addresses": sorted(store["targets"])}
        if self.stores.get(identity) != facts:
            self.fleet.ask("store", name=identity, folder=str(self.workers.file_system(identity)), **facts)
            self.stores[identity] = facts

    def lay(self, described: dict[str, Any]) -> None:
        """What packets between machines may take."""
        for vpc in {machine.vpc for machine in (*self.machines.values(), *self.leaving)}:
            if vpc in self.network["vpcs"]:  # it may be deleted before its machines are gone
                described["vpcs"].setdefault(vpc, self.network["vpcs"][vpc])
        if described != self.network and (described["vpcs"] or self.network["vpcs"]):
            self.fleet.ask("network", described=described, servers=list(self.plan.internet))
            self.network = described

    def describe(
        self, regions: topology.Regions, region: str, described: Mapping[str, Any], found: plan.Kind
    ) -> dict[str, Any]:
        """For the fleet."""
        subnet = next(each for each in regions[region]["subnets"] if each["SubnetId"] == described["SubnetId"])
        length = ipaddress.ip_network(subnet["CidrBlock"]).prefixlen
        return {
            "machine": {
                "name": described["InstanceId"],
                "type": found.type,
                "addresses": [f"{described['PrivateIpAddress']}/{length}"],
                "disk": found.disk,
                **(
                    {"layers": ["client"], "memory": found.memory}
                    if found.type == "kernel"
                    else {"share": {STORES: str(self.workers.folder("file-systems"))}}
                ),
            },
            "subnet": described["SubnetId"],
            "namespace": described["VpcId"],
            "user_data": user_data(region, described["InstanceId"]),
        }

    # What a document does

    def apply(self, order: Order, bundle: bytes) -> tuple[int, str, str] | None:
        """Exit code, output and errors of a playbook on an instance; None for one that is no machine."""
        try:
            machine = self.find(order.instance_id)
            if machine is None:
                return None
            machine.await_running()
            if machine.is_kernel:
                self.look()  # what it mounts may have become available just now
            with tempfile.TemporaryDirectory(dir=self.workers.folder("bundles")) as folder:
                return self.carry_out(machine, order, bundle, Path(folder))
        except (hosts.Mistake, Refusal, Problem, network.Barred, Failed) as error:
            return 1, "", f"{error}\n"
        except Exception as error:  # whoever asks waits for an outcome
            log.exception("%s on %s", order.document, order.instance_id)
            return 1, "", f"the local cloud failed: {error!r}\n"

    def find(self, identity: str) -> Machine | None:
        """An instance that has just begun to run may not be known yet."""
        if identity not in self.machines:
            self.look()
        return self.machines.get(identity)

    def carry_out(self, machine: Machine, order: Order, bundle: bytes, folder: Path) -> tuple[int, str, str]:
        playbook, extra = order.value("PlaybookFile"), order.value("ExtraVariables")
        unpack(bundle, folder / "bundle")
        # A kernel of its own does all of it.
        entry = {} if machine.is_kernel else self.plan.entry(playbook)
        facts: dict[str, Any] = {
            **{key: each for name in entry.get("vars_files", []) for key, each in yaml_of(folder / "bundle" / name).items()},
            **hosts.extra_variables(extra),
            "instance_id": order.instance_id,
            "region": order.region,
            "environ": dict(os.environ),
        }  # fmt: skip
        for path, address in plan.mounts(entry, facts).items():
            store = self.workers.mount(order.instance_id, address)
            self.fleet.ask("mount", name=machine.name, folder=f"{STORES}/{store.name}", path=path)
        options = [*(["--check"] if order.value("Check") == "True" else []), *plan.options(entry, facts)]
        archive = folder / "bundle.zip"
        archive.write_bytes(bundle)
        done = self.fleet.ask(
            "apply", name=machine.name, bundle=str(archive), playbook=playbook, extra=extra, options=options,
            seconds=float(order.value("TimeoutSeconds") or 3600),
        )  # fmt: skip
        return done["rc"], done["stdout"], done["stderr"]

    # What is asked of them

    def place(self, identity: str, port: int) -> str | None:
        """The URL that leads to a port of a machine; None where none runs."""
        machine = self.machines.get(identity)
        if machine is None or machine.state != "running" or machine.wanted != "running":
            return None
        with machine.changed:
            if port in machine.doors and not machine.doors[port].is_open:
                machine.doors.pop(port).close()
            if port not in machine.doors:
                address = machine.description["machine"]["addresses"][0].partition("/")[0]
                door = Door(address, port)
                door.open(proxy(), self.fleet.pid, machine.vpc, self.fleet.log)
                machine.doors[port] = door
            return machine.doors[port].base

    def listed(self) -> Iterator[dict[str, Any]]:
        """The ports that somebody asked for. There is no process to name: a machine is many."""
        for identity, machine in sorted(self.machines.items()):
            for port, door in sorted(machine.doors.items()):
                yield {"instance": identity, "region": machine.region, "port": port, "url": door.base, "pid": None}

    def stop(self) -> None:
        self.ending = True
        self.changed.set()
        for machine in self.machines.values():
            for door in machine.doors.values():
                door.close()
        self.fleet.stop()


def callers(picture: Picture, instances: Mapping[str, Mapping[str, Any]], store: Mapping[str, Any]) -> list[list[str]]:
    """Which of these instances the network lets reach which mount target of a file system: pairs of addresses."""
    found = []
    for identity, described in instances.items():
        interface = picture.network.names.get(identity, ("",))[0]
        for address in store["targets"]:
            with contextlib.suppress(network.Barred):
                network.take(picture, interface, address, NFS)
                found.append([described["PrivateIpAddress"], address])
    return sorted(found)


def user_data(region: str, identity: str) -> str:
    """What the instance was launched with."""
    ec2 = interfaces.backend("ec2", ACCOUNT, region)
    found = ec2.get_instance_by_id(identity) if ec2 else None
    told = getattr(found, "user_data", None)
    return base64.b64decode(told.as_bytes()).decode("utf-8", "replace") if told else ""


def begin(workers: Workers) -> Instances:
    """By the files that the environment names; raises Mistake."""
    folder = Path(os.environ.get("LOCALCLOUD_FOLDER") or tempfile.gettempdir())
    name = f"localcloud-{folder.name}-{os.getpid()}"  # of a process that is alone with its number
    return Instances(plan.read(Path(os.environ[MACHINES])), Fleet(name, folder / "machines.log"), workers)
