"""State Manager: associations, their versions, and what came of applying them.

An association is applied when it is created, when it is changed, to each instance that begins to match, on its schedule, and when it is
asked to be. https://docs.aws.amazon.com/systems-manager/latest/userguide/state-manager-about.html
"""

from __future__ import annotations

import datetime
import functools
import logging
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow
from moto.s3.models import s3_backends
from moto.ssm.models import Command, SimpleSystemManagerBackend, ssm_backends

from localcloud.pace import PACE, Asked
from localcloud.systems_manager import application, instances, schedules

TICK_SECONDS = 0.5
WORKERS = 2
KEPT_EXECUTIONS = 50
PENDING = ("Pending", "InProgress")
# What CreateAssociation and UpdateAssociation take, and DescribeAssociation returns.
SETTINGS = (
    "Name",
    "DocumentVersion",
    "InstanceId",
    "Parameters",
    "Targets",
    "ScheduleExpression",
    "OutputLocation",
    "AssociationName",
    "AutomationTargetParameterName",
    "MaxErrors",
    "MaxConcurrency",
    "ComplianceSeverity",
    "SyncCompliance",
    "ApplyOnlyAtCronInterval",
    "CalendarNames",
    "ScheduleOffset",
    "Duration",
    "AlarmConfiguration",
)
DEFAULTS = {
    "DocumentVersion": "$DEFAULT",
    "ComplianceSeverity": "UNSPECIFIED",
    "SyncCompliance": "AUTO",
    "ApplyOnlyAtCronInterval": False,
}
log = logging.getLogger("localcloud")


def aware(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.UTC)


@dataclass
class Target:
    """What came of one execution on one instance."""

    instance_id: str
    command_id: str
    status: str = "Pending"
    date: datetime.datetime = field(default_factory=utcnow)
    summary: str = ""
    output_url: str = ""
    asked: Asked | None = None


@dataclass
class Execution:
    version: str
    targets: dict[str, Target]
    execution_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime.datetime = field(default_factory=utcnow)

    @property
    def status(self) -> str:
        return overall(target.status for target in self.targets.values())


@dataclass
class Association:
    association_id: str
    versions: list[dict[str, Any]]
    created: datetime.datetime = field(default_factory=utcnow)
    updated: datetime.datetime = field(default_factory=utcnow)
    executions: list[Execution] = field(default_factory=list)
    due: datetime.datetime | None = None
    held: bool = False  # until its schedule, when it applies at its cron interval alone

    @property
    def version(self) -> str:
        return str(len(self.versions))

    @property
    def settings(self) -> dict[str, Any]:
        return self.versions[-1]

    @property
    def targets(self) -> list[dict[str, Any]]:
        if instance := self.settings.get("InstanceId"):
            return [{"Key": "InstanceIds", "Values": [instance]}]
        return self.settings.get("Targets") or []

    def latest(self) -> dict[str, Target]:
        """The newest result of each instance."""
        results: dict[str, Target] = {}
        for execution in self.executions:
            results.update(execution.targets)
        return results

    def reached(self) -> set[str]:
        """Instances that were asked to apply the present version."""
        return {key for execution in self.executions if execution.version == self.version for key in execution.targets}


def overall(statuses: Iterable[str]) -> str:
    found = set(statuses)
    for status in ("Failed", "InProgress", "Pending"):
        if status in found:
            return status
    return "Success" if found else "Pending"


class StateManager:
    """The associations of one account and region."""

    def __init__(self, backend: SimpleSystemManagerBackend) -> None:
        self.backend = backend
        self.lock = threading.RLock()
        self.associations: dict[str, Association] = {}

    def create(self, settings: dict[str, Any]) -> Association:
        association = Association(str(uuid.uuid4()), [{**DEFAULTS, **settings}])
        with self.lock:
            self.begin(association)
            self.associations[association.association_id] = association
        CLOCK.start()
        self.tick()
        return association

    def update(self, association: Association, settings: dict[str, Any]) -> None:
        """Replaces all settings: what is left out is nulled, but for the document's name."""
        with self.lock:
            association.versions.append({**DEFAULTS, "Name": association.settings["Name"], **settings})
            association.updated = utcnow()
            self.begin(association)
        self.tick()

    def begin(self, association: Association) -> None:
        schedule = association.settings.get("ScheduleExpression")
        association.due = schedules.following(schedule, aware(utcnow())) if schedule else None
        association.held = bool(association.settings.get("ApplyOnlyAtCronInterval"))

    def tick(self) -> None:
        """Applies what is to be applied now."""
        with self.lock:
            if not self.associations:
                return
            online = instances.online(self.backend.account_id, self.backend.region_name)
            now = aware(utcnow())
            for association in self.associations.values():
                matching = set(instances.targeted(online, association.targets))
                if association.due and association.due <= now:
                    association.held = False
                    association.due = schedules.following(association.settings["ScheduleExpression"], now)
                    self.execute(association, matching)
                elif not association.held:
                    self.execute(association, matching - association.reached())

    def run_once(self, association: Association) -> None:
        with self.lock:
            online = instances.online(self.backend.account_id, self.backend.region_name)
            self.execute(association, set(instances.targeted(online, association.targets)))

    def execute(self, association: Association, chosen: set[str]) -> None:
        if not chosen:
            return
        settings = association.settings
        location = (settings.get("OutputLocation") or {}).get("S3Location") or {}
        command = self.backend.send_command(
            comment="",
            document_name=settings["Name"],
            timeout_seconds=3600,
            instance_ids=sorted(chosen),
            max_concurrency=settings.get("MaxConcurrency") or "50",
            max_errors=settings.get("MaxErrors") or "0",
            notification_config=None,
            output_s3_bucket_name=location.get("OutputS3BucketName", ""),
            output_s3_key_prefix=location.get("OutputS3KeyPrefix", ""),
            output_s3_region=location.get("OutputS3Region", ""),
            parameters=settings.get("Parameters") or {},
            service_role_arn="",
            targets=[],
        )
        pend(command)
        targets = {key: Target(key, command.command_id) for key in sorted(chosen)}
        execution = Execution(association.version, targets)
        association.executions = [*association.executions[1 - KEPT_EXECUTIONS :], execution]
        for target in targets.values():
            # With a factor the agent is at it from now on: what it takes on AWS is mostly the run itself.
            target.status = "InProgress" if PACE.factor else "Pending"
            name = f"{settings.get('AssociationName', association.association_id)} {target.instance_id}"
            order = functools.partial(self.apply, association, target, command)
            put = functools.partial(CLOCK.orders.put, order)
            target.asked = PACE.later("association", self.backend.region_name, name, put)

    def apply(self, association: Association, target: Target, command: Command) -> None:
        target.status = "InProgress"
        outcome = carry_out(self.backend, command, target.instance_id)
        folder = f"{target.instance_id}/{association.association_id}/{aware(utcnow()):%Y-%m-%dT%H-%M-%S.%f}Z"
        target.output_url = keep_output(self.backend.account_id, command, folder, outcome)
        target.summary = (
            f"1 out of 1 plugin processed, {int(outcome.succeeded)} success, {int(not outcome.succeeded)} failed"
        )
        target.date = utcnow()
        if target.asked:
            target.asked.ready = time.time()
        target.status = "Success" if outcome.succeeded else "Failed"


def pend(command: Command) -> None:
    """moto's commands have succeeded when they are made; these have yet to be carried out."""
    command.status = command.status_details = "Pending"
    command.completed_count = 0
    for invocation in command.invocations:
        invocation.update(Status="Pending", StatusDetails="Pending", ExecutionElapsedTime="", ExecutionEndDateTime="")


def carry_out(backend: SimpleSystemManagerBackend, command: Command, instance_id: str) -> application.Outcome:
    """Applies a command's document to an instance, and keeps the outcome where GetCommandInvocation reads it."""
    invocation = command.get_invocation(instance_id, None)
    began = utcnow()
    invocation.update(Status="InProgress", StatusDetails="InProgress", ExecutionStartDateTime=began.isoformat())
    order = application.Order(
        backend.account_id, backend.region_name, instance_id, command.document_name or "", command.parameters
    )
    if instance_id in instances.online(backend.account_id, backend.region_name):
        outcome = application.apply(order)
    else:  # it was stopped or terminated since it was asked
        outcome = application.Outcome("", "", -1, stderr=f"Undeliverable: {instance_id} is not connected.\n")
    status = "Success" if outcome.succeeded else "Failed"
    ended = utcnow()
    # The order in which a reader must not see them: the status is last.
    invocation.update(
        PluginName=outcome.plugin,
        StepName=outcome.step,
        ResponseCode=outcome.code,
        ExecutionElapsedTime=f"PT{(ended - began).total_seconds():.3f}S",
        ExecutionEndDateTime=ended.isoformat(),
        StandardOutputContent=outcome.stdout[:24000],
        StandardErrorContent=outcome.stderr[:8000],
    )
    invocation.update(Status=status, StatusDetails=status)
    statuses = [each["Status"] for each in command.invocations]
    command.status = command.status_details = overall(statuses)
    command.completed_count = sum(each not in PENDING for each in statuses)
    command.error_count = statuses.count("Failed")
    return outcome


def keep_output(account: str, command: Command, folder: str, outcome: application.Outcome) -> str:
    """Writes what was printed where the association says, as the agent does; the address of the folder, or nothing."""
    bucket = command.output_s3_bucket_name
    store = s3_backends[account]["aws"]
    if not bucket or bucket not in store.buckets:
        return ""
    path = "/".join(part for part in (command.output_s3_key_prefix.strip("/"), folder) if part)
    for stream, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        if text:
            parts = (path, outcome.plugin.replace(":", ""), outcome.step, stream)
            store.put_object(bucket, "/".join(part for part in parts if part), text.encode())
    return f"https://s3.{command.output_s3_region or command.backend_region}.amazonaws.com/{bucket}/{path}"


class Clock:
    """Looks now and then for what is due, and carries orders out, on threads that do not keep the process alive."""

    def __init__(self) -> None:
        self.orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.running = False
        self.carriers = WORKERS

    def start(self) -> None:
        with self.lock:
            if self.running:
                return
            self.running = True
        for work in (self.look, *[self.carry] * self.carriers):
            threading.Thread(target=work, name="state-manager", daemon=True).start()

    def look(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK_SECONDS):
            for regions in list(ssm_backends.values()):
                for backend in list(regions.values()):
                    found = getattr(backend, "state_manager", None)
                    if found:
                        guarded(found.tick)

    def carry(self) -> None:
        while True:
            guarded(self.orders.get())


def guarded(work: Any) -> None:
    try:
        work()
    except Exception:  # the next one must not suffer from it
        log.exception("State Manager")


CLOCK = Clock()


def state_manager(backend: Any) -> StateManager:
    """The backend's own, which goes when moto resets the backend."""
    found = getattr(backend, "state_manager", None)
    if found is None:
        found = backend.state_manager = StateManager(backend)
    return found


def overview(association: Association) -> dict[str, Any]:
    results = association.latest()
    counted = Counter(target.status for target in results.values())
    status = overall(counted)
    return {"Status": status, "DetailedStatus": status, "AssociationStatusAggregatedCount": dict(counted)}
