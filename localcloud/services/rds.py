"""RDS: instances of PostgreSQL really run, each at an address of its own, and calls that moto lacks.

What an instance takes minutes for on AWS takes seconds here, through the same states, or as long (pace.py).
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status
"""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import string
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.core.responses import ActionResult
from moto.rds import models, responses
from moto.rds.exceptions import DBParameterGroupNotFoundError, InvalidDBInstanceStateFault

from localcloud import loopback
from localcloud import postgres_catalog as catalog
from localcloud.certificates import Authority
from localcloud.pace import PACE, passed
from localcloud.postgres import Postgres, Unavailable
from localcloud.scratch import Scratch
from localcloud.services.ec2_addresses import remove_interface

log = logging.getLogger("localcloud.rds")

TRIES = 5  # at an address that is free


class Authorities:
    """One authority a cloud, as RDS has one a region; its certificate is what a client must trust."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: Authority | None = None
        self.scratch: Scratch | None = None

    def get(self) -> Authority:
        with self.lock:
            if self.made is None:
                self.scratch = Scratch("rds")
                self.made = Authority(self.scratch.path, "Amazon RDS local root CA")
            return self.made

    def forget(self) -> None:
        with self.lock:
            if self.scratch:
                self.scratch.close()
            self.made = self.scratch = None


AUTHORITIES = Authorities()


def ca_file() -> Path:
    """What AWS's runtimes carry at /var/runtime/ca-cert.pem: the certificates of RDS's authorities."""
    return AUTHORITIES.get().certificate


class Machine:
    """The server behind a DB instance, the network interface that it has in the VPC, and the work on them, one piece after the other."""

    def __init__(self, instance: Instance, password: str) -> None:
        self.instance = instance
        self.password = password
        self.server: Postgres | None = None
        self.address: str | None = None
        self.interface: Any = None
        self.working = threading.Lock()
        self.attach()

    def work(self, doing: str, done: str, what: Callable[[], None], kind: str | None = None) -> None:
        """Does something in the background; the instance shows one status meanwhile and the other afterwards. What is of a kind that
        takes its time on AWS (see pace.py) does so."""
        self.instance.status = doing
        ready = PACE.ready_at(kind, self.instance.region, self.instance.db_instance_identifier) if kind else 0.0

        def run() -> None:
            with self.working:
                try:
                    if doing == "deleting":  # it is there until it is gone
                        self.wait(doing, ready)
                    what()
                    self.wait(doing, ready)
                    if self.instance.status == doing:  # else something else was asked for meanwhile, and waits for us
                        self.instance.status = done
                except Exception:  # the instance shows it, as on AWS; the log says why
                    log.exception("instance %s", self.instance.db_instance_identifier)
                    self.instance.status = "failed"

        threading.Thread(target=run, name=f"rds {self.instance.db_instance_identifier}", daemon=True).start()

    def wait(self, doing: str, ready: float) -> None:
        """Until that moment, or until something else is asked of the instance."""
        while not passed(ready) and self.instance.status == doing:
            time.sleep(min(0.2, max(0.0, ready - time.monotonic())))

    def create(self) -> None:
        from localcloud.dataplane.databases import Gate  # takes a while, and is of no use without a database

        instance = self.instance
        for attempt in range(1, TRIES + 1):
            address = loopback.anywhere()
            self.server = Postgres(
                AUTHORITIES.get(),
                user=instance.master_username or "postgres",
                password=self.password,
                database=instance.db_name,
                host=address,
                port=(instance.port or 0) if loopback.distinct() else 0,
                names=(f"{instance.db_instance_identifier}.{instance.region}.rds.amazonaws.com", "localhost"),
                force_tls=instance.forces_tls(),
                settings={"max_connections": str(catalog.max_connections(instance.db_instance_class))},
                gate=Gate(self) if self.interface else None,
            )
            try:
                self.server.start()
            except Unavailable:
                self.server.close()
                if attempt == TRIES:
                    raise
                continue
            instance.port = self.server.port
            self.address = address
            return

    def attach(self) -> None:
        """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html"""
        group = getattr(self.instance, "db_subnet_group", None)
        if group is None:
            return
        ec2 = get_backend("ec2")[self.instance.account_id][self.instance.region]
        subnets = group._subnets
        subnet = next((each for each in subnets if each.availability_zone == self.instance.availability_zone), None)
        subnet = subnet or subnets[0]
        self.instance.availability_zone = subnet.availability_zone
        interface = ec2.create_network_interface(
            subnet,
            private_ip_address=[],
            group_ids=list(self.instance.vpc_security_group_ids),
            description="RDSNetworkInterface",
        )
        interface.requester_managed = True
        interface.requester_id = "amazon-rds"
        interface.status = "in-use"
        self.interface = interface

    def regroup(self) -> None:
        if self.interface:
            ec2 = self.interface.ec2_backend
            groups = [ec2.get_security_group_from_id(each) for each in self.instance.vpc_security_group_ids]
            self.interface._group_set = [group for group in groups if group]

    def detach(self) -> None:
        if self.interface:
            remove_interface(self.interface)
            self.interface = None

    def modify(self, changes: dict[str, Any]) -> None:
        def apply() -> None:
            if password := changes.get("master_user_password"):
                self.password = password
                if self.server:
                    self.server.set_password(password)
                self.instance.pending_modified_values = {}
            port = changes.get("db_port_number")
            if port and self.server:
                self.instance.port = self.server.port = port if loopback.distinct() else self.server.port
                self.server.restart()

        if changes.get("vpc_security_group_ids") is not None:
            self.regroup()
        if changes.get("master_user_password"):
            self.instance.pending_modified_values = {"MasterUserPassword": "****"}
            self.work("resetting-master-credentials", "available", apply, "database change")
        elif changes.get("db_port_number"):
            self.work("modifying", "available", apply, "database change")

    def reboot(self) -> None:
        if self.server:
            self.server.force_tls = self.instance.forces_tls(pending=True)
            self.server.restart()

    def stop(self) -> None:
        if self.server:
            self.server.stop()

    def start(self) -> None:
        if self.server:
            self.server.force_tls = self.instance.forces_tls(pending=True)
            self.server.start()

    def judge_again(self) -> None:
        if self.server:
            self.server.judge_again()

    def close(self) -> None:
        if self.server:
            self.server.close()


class Instance(models.DBInstance):
    """A DB instance as moto knows it, with a machine if its engine is PostgreSQL."""

    machine: Machine | None = None
    db_subnet_group: Any = None

    def __init__(self, backend: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(backend, *arguments, **options)
        self.pending_modified_values: dict[str, Any] = {}
        self.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
        if self.storage_encrypted and not options.get("kms_key_id"):
            key = uuid.uuid5(uuid.NAMESPACE_URL, f"aws/rds {self.account_id} {self.region}")
            self.kms_key_id = f"arn:aws:kms:{self.region}:{self.account_id}:key/{key}"
        if self.engine != "postgres" or self.db_cluster_identifier is not None:
            return
        self.license_model = "postgresql-license"
        if not options.get("option_group_name"):
            self.option_group_name = f"default:postgres-{self.engine_version.split('.')[0]}"
        self.machine = Machine(self, options.get("master_user_password") or secrets.token_urlsafe(24))
        self.machine.work("creating", "available", self.machine.create, "database")

    @property
    def address(self) -> str:
        return (self.machine.address or "") if self.machine else super().address

    @property
    def endpoint(self) -> Any:
        """None until it exists: a client that counts on it while the instance is being created fails on AWS too."""
        if self.machine and (not self.machine.address or self.status == "creating"):
            return None
        return {**super().endpoint, "HostedZoneId": "Z2R2ITUGPM61AM"}

    def forces_tls(self, pending: bool = False) -> bool:
        """The value of rds.force_ssl that counts; with `pending`, changes that wait for a reboot count too."""
        group = self.db_parameter_groups()[0]
        parameter = group.parameters.get("rds.force_ssl", {})
        if parameter and not pending and parameter.get("ApplyMethod") == "pending-reboot" and self.machine:
            server = self.machine.server
            return server.force_tls if server else parameter["ParameterValue"] == "1"
        value = parameter.get("ParameterValue", catalog.default("rds.force_ssl", group.family or ""))
        return value == "1"


class Backend(models.RDSBackend):
    """What modifies, reboots, stops, starts and deletes an instance does so to its machine."""

    __module__ = models.__name__  # beside which moto looks for a backend's addresses

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: dict[str, Any]) -> Any:
        instance = self.ready(db_instance_identifier, "modify", ("available", "storage-optimization", "backing-up"))
        changed = super().modify_db_instance(db_instance_identifier, db_kwargs)
        if instance.machine:
            instance.machine.modify(db_kwargs)
        return changed

    def reboot_db_instance(self, db_instance_identifier: str) -> Any:
        instance = self.ready(db_instance_identifier, "reboot", ("available",))
        if instance.machine:
            instance.machine.work("rebooting", "available", instance.machine.reboot)
        return instance

    def stop_db_instance(self, db_instance_identifier: str, db_snapshot_identifier: str | None = None) -> Any:
        instance = super().stop_db_instance(db_instance_identifier, db_snapshot_identifier)
        if machine := getattr(instance, "machine", None):
            machine.work("stopping", "stopped", machine.stop)
        return instance

    def start_db_instance(self, db_instance_identifier: str) -> Any:
        instance = super().start_db_instance(db_instance_identifier)
        if machine := getattr(instance, "machine", None):
            machine.work("starting", "available", machine.start)
        return instance

    def delete_db_instance(self, db_instance_identifier: str, *arguments: Any, **options: Any) -> Any:
        found = self.databases.get(db_instance_identifier)
        if found is not None and found.status == "deleting":
            raise InvalidDBInstanceStateFault(f"Instance {db_instance_identifier} is already being deleted.")
        instance = super().delete_db_instance(db_instance_identifier, *arguments, **options)
        machine = getattr(instance, "machine", None)
        if machine:
            self.databases[db_instance_identifier] = instance  # seen as deleting until it is gone

            def close() -> None:
                machine.close()
                machine.detach()
                self.databases.pop(db_instance_identifier, None)

            machine.work("deleting", "deleted", close, "database deletion")
        return instance

    def ready(self, identifier: str, verb: str, states: tuple[str, ...]) -> Any:
        instance = self.describe_db_instances(identifier)[0]
        if getattr(instance, "machine", None) and instance.status not in states:
            message = (
                f"Database instance {identifier} is not in available state; it is {instance.status}, and cannot {verb}."
            )
            raise InvalidDBInstanceStateFault(message)
        return instance

    def describe_db_parameter_groups(self, db_parameter_group_kwargs: dict[str, Any]) -> Any:
        found = super().describe_db_parameter_groups(db_parameter_group_kwargs)
        name = db_parameter_group_kwargs.get("db_parameter_group_name")
        if name and not found:
            raise DBParameterGroupNotFoundError(name)
        return found

    def modify_db_parameter_group(self, db_parameter_group_name: str, db_parameter_group_parameters: Any) -> Any:
        group = super().modify_db_parameter_group(db_parameter_group_name, db_parameter_group_parameters)
        self.obey(group)
        return group

    def reset_db_parameter_group(self, name: str, parameters: list[dict[str, Any]] | None) -> Any:
        """None resets all. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ResetDBParameterGroup.html"""
        group = self.describe_db_parameter_groups({"db_parameter_group_name": name})[0]
        for key in list(group.parameters) if parameters is None else [each["ParameterName"] for each in parameters]:
            group.parameters.pop(key, None)
        self.obey(group)
        return group

    def obey(self, group: Any) -> None:
        """The group's running servers do what it says from now on."""
        for instance in self.databases.values():
            machine = getattr(instance, "machine", None)
            if machine and machine.server and group in instance.db_parameter_groups():
                machine.server.set_force_tls(machine.instance.forces_tls())

    def reset(self) -> None:
        for instance in list(self.databases.values()):
            if machine := getattr(instance, "machine", None):
                machine.close()
        super().reset()


class Calls:
    """Operations that moto's RDSResponse lacks, or answers too little in."""

    def describe_db_engine_versions(self: Any) -> ActionResult:
        engine, version = self.params.get("Engine"), self.params.get("EngineVersion")
        if engine not in (None, "postgres"):
            return ActionResult({"DBEngineVersions": []})
        versions = [
            each for each in catalog.VERSIONS if not version or each == version or each.startswith(version + ".")
        ]
        family = self.params.get("DBParameterGroupFamily")
        described = [catalog.engine_version(each) for each in versions]
        return ActionResult(
            {"DBEngineVersions": [each for each in described if family in (None, each["DBParameterGroupFamily"])]}
        )

    def describe_certificates(self: Any) -> ActionResult:
        return ActionResult({"Certificates": catalog.certificates(self.region, self.current_account)})

    def describe_db_parameters(self: Any) -> ActionResult:
        name = self.params.get("DBParameterGroupName")
        group = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})[0]
        parameters = catalog.parameters(group.family, dict(group.parameters))
        source = self.params.get("Source")
        return ActionResult({"Parameters": [each for each in parameters if source in (None, each["Source"])]})

    def reset_db_parameter_group(self: Any) -> ActionResult:
        name = self.params.get("DBParameterGroupName")
        every = self.params.get("ResetAllParameters") or not self.params.get("Parameters")
        self.backend.reset_db_parameter_group(name, None if every else self.params["Parameters"])
        return ActionResult({"DBParameterGroupName": name})

    def describe_orderable_db_instance_options(self: Any) -> ActionResult:
        engine = self.params.get("Engine")
        if engine != "postgres":
            options = self.backend.describe_orderable_db_instance_options(engine, self.params.get("EngineVersion"))
            return ActionResult({"OrderableDBInstanceOptions": options})
        wanted = {
            "EngineVersion": self.params.get("EngineVersion"),
            "DBInstanceClass": self.params.get("DBInstanceClass"),
        }
        options = [
            each
            for each in catalog.orderable(self.region)
            if all(value in (None, each[key]) for key, value in wanted.items())
        ]
        return ActionResult({"OrderableDBInstanceOptions": options})


def install() -> None:
    models.DBInstance = Instance  # type: ignore[misc]
    backends = models.rds_backends
    backends.backend = Backend
    for name in (name for name in vars(Calls) if not name.startswith("_")):
        setattr(responses.RDSResponse, name, vars(Calls)[name])
    # moto keeps a region's backend from its first use on; what was made before is ours too.
    for account in list(backends.values()):
        account.backend = Backend
        for backend in list(account.values()):
            backend.__class__ = Backend


def stop() -> None:
    """Ends all servers and forgets the authority."""
    machines = [
        machine
        for account in models.rds_backends.values()
        for backend in account.values()
        for instance in backend.databases.values()
        if (machine := getattr(instance, "machine", None))
    ]
    for machine in machines:
        with contextlib.suppress(Exception):
            machine.close()
    AUTHORITIES.forget()
