"""Systems Manager: what moto lacks of the API. The state behind it is in localcloud/systems_manager."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ssm.exceptions import InvalidResourceId, SSMException
from moto.ssm.models import Command, Documents, Parameter, ParameterDict, SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from localcloud import ACCOUNT
from localcloud.systems_manager import documents, instances
from localcloud.systems_manager.associations import (
    CLOCK,
    SETTINGS,
    Association,
    StateManager,
    carry_out,
    overview,
    pend,
    state_manager,
)

# https://documentation.ubuntu.com/aws/en/latest/aws-how-to/instances/find-ubuntu-images/
CANONICAL = re.compile(
    r"/aws/service/canonical/ubuntu/server/(?P<version>\d\d\.\d\d)/stable/current/amd64/hvm/(ebs-gp3|ebs-gp2)/ami-id"
)
OWNER = "099720109477"


def manager(response: SimpleSystemManagerResponse) -> StateManager:
    return state_manager(response.ssm_backend)


def page(response: SimpleSystemManagerResponse, key: str, items: list[Any], largest: int = 50) -> ActionResult:
    """One page of a list; the token is where the next one begins."""
    token = response._get_param("NextToken") or "0"
    if not str(token).isdigit():
        raise SSMException("InvalidNextToken", "The specified token is not valid.")
    start, size = int(token), response._get_param("MaxResults") or largest
    answer: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return ActionResult(answer)


def settings(response: SimpleSystemManagerResponse) -> dict[str, Any]:
    found = {key: response._get_param(key) for key in SETTINGS}
    return {key: value for key, value in found.items() if value not in (None, [], {}, "")}


def missing_association() -> SSMException:
    return SSMException("AssociationDoesNotExist", "The specified association does not exist.")


def find_association(response: SimpleSystemManagerResponse) -> Association:
    known = manager(response).associations
    if identity := response._get_param("AssociationId"):
        found = known.get(identity)
    else:
        wanted = (response._get_param("Name"), response._get_param("InstanceId"))
        pairs = ((each.settings["Name"], each.settings.get("InstanceId")) for each in known.values())
        found = next((each for each, pair in zip(known.values(), pairs, strict=True) if pair == wanted), None)
    if found is None:
        raise missing_association()
    return found


def describe(association: Association) -> dict[str, Any]:
    latest = association.latest().values()
    succeeded = [target.date for target in latest if target.status == "Success"]
    return {
        **association.settings,
        "Targets": association.targets,
        "AssociationId": association.association_id,
        "AssociationVersion": association.version,
        "Date": association.created,
        "LastUpdateAssociationDate": association.updated,
        "Overview": overview(association),
        **({"LastExecutionDate": max(target.date for target in latest)} if latest else {}),
        **({"LastSuccessfulExecutionDate": max(succeeded)} if succeeded else {}),
    }


def summary(association: Association) -> dict[str, Any]:
    """An entry of ListAssociations, which leaves out more than it holds."""
    full = describe(association)
    keys = ("Name", "InstanceId", "AssociationId", "AssociationVersion", "DocumentVersion", "Targets", "Overview")
    more = ("LastExecutionDate", "ScheduleExpression", "AssociationName", "ScheduleOffset", "Duration")
    return {key: full[key] for key in keys + more if key in full}


def create_association(self: SimpleSystemManagerResponse) -> ActionResult:
    association = manager(self).create(settings(self))
    for tag in self._get_param("Tags") or []:
        tags = self.ssm_backend._resource_tags["Association"][association.association_id]
        tags[tag["Key"]] = tag["Value"]
    return ActionResult({"AssociationDescription": describe(association)})


def update_association(self: SimpleSystemManagerResponse) -> ActionResult:
    association = find_association(self)
    manager(self).update(association, settings(self))
    return ActionResult({"AssociationDescription": describe(association)})


def describe_association(self: SimpleSystemManagerResponse) -> ActionResult:
    return ActionResult({"AssociationDescription": describe(find_association(self))})


def delete_association(self: SimpleSystemManagerResponse) -> ActionResult:
    association = find_association(self)
    with manager(self).lock:
        del manager(self).associations[association.association_id]
    self.ssm_backend._resource_tags["Association"].pop(association.association_id, None)
    return EmptyResult()


def list_associations(self: SimpleSystemManagerResponse) -> ActionResult:
    readers: dict[str, Callable[[Association], Any]] = {
        "InstanceId": lambda each: each.settings.get("InstanceId"),
        "Name": lambda each: each.settings["Name"],
        "AssociationId": lambda each: each.association_id,
        "AssociationStatusName": lambda each: overview(each)["Status"],
        "AssociationName": lambda each: each.settings.get("AssociationName"),
    }
    found = list(manager(self).associations.values())
    for wanted in self._get_param("AssociationFilterList") or []:
        if wanted["key"] not in readers:
            raise SSMException(
                "ValidationException", f"The local cloud does not filter associations by {wanted['key']}."
            )
        found = [each for each in found if readers[wanted["key"]](each) == wanted["value"]]
    return page(self, "Associations", [summary(each) for each in found])


def list_association_versions(self: SimpleSystemManagerResponse) -> ActionResult:
    association = find_association(self)
    versions = [
        {**each, "AssociationId": association.association_id, "AssociationVersion": str(number)}
        for number, each in enumerate(association.versions, start=1)
    ]
    return page(self, "AssociationVersions", versions)


def describe_association_executions(self: SimpleSystemManagerResponse) -> ActionResult:
    association = find_association(self)
    executions = [
        {
            "AssociationId": association.association_id,
            "AssociationVersion": each.version,
            "ExecutionId": each.execution_id,
            "Status": each.status,
            "DetailedStatus": each.status,
            "CreatedTime": each.created,
            "LastExecutionDate": max(target.date for target in each.targets.values()),
            "ResourceCountByStatus": counts([target.status for target in each.targets.values()]),
        }
        for each in reversed(association.executions)
    ]
    for wanted in self._get_param("Filters") or []:
        if wanted["Key"] in ("ExecutionId", "Status"):
            executions = [each for each in executions if each[wanted["Key"]] == wanted["Value"]]
    return page(self, "AssociationExecutions", executions)


def counts(statuses: list[str]) -> str:
    """{Success=2, Failed=1}, as AWS writes it."""
    return "{" + ", ".join(f"{status}={statuses.count(status)}" for status in dict.fromkeys(statuses)) + "}"


def describe_association_execution_targets(self: SimpleSystemManagerResponse) -> ActionResult:
    association = find_association(self)
    identity = self._get_param("ExecutionId")
    execution = next((each for each in association.executions if each.execution_id == identity), None)
    if execution is None:
        raise SSMException("AssociationExecutionDoesNotExist", "The specified execution ID does not exist.")
    targets = [
        {
            "AssociationId": association.association_id,
            "AssociationVersion": execution.version,
            "ExecutionId": identity,
            "ResourceId": each.instance_id,
            "ResourceType": "ManagedInstance",
            "Status": each.status,
            "DetailedStatus": each.status,
            "LastExecutionDate": each.date,
            "OutputSource": {"OutputSourceId": each.command_id, "OutputSourceType": "RunCommand"},
        }
        for each in execution.targets.values()
    ]
    for wanted in self._get_param("Filters") or []:
        targets = [each for each in targets if each[wanted["Key"]] == wanted["Value"]]
    return page(self, "AssociationExecutionTargets", targets)


def start_associations_once(self: SimpleSystemManagerResponse) -> ActionResult:
    known = manager(self).associations
    wanted = self._get_param("AssociationIds")
    if any(identity not in known for identity in wanted):
        raise missing_association()
    for identity in wanted:
        manager(self).run_once(known[identity])
    return EmptyResult()


def effective(self: SimpleSystemManagerResponse) -> list[Association]:
    """The associations that apply to the instance of the request."""
    identity = self._get_param("InstanceId")
    found = instances.managed(self.current_account, self.region).get(identity)
    if found is None:
        raise invalid_instance(identity)
    return [each for each in manager(self).associations.values() if instances.targeted({identity: found}, each.targets)]


def invalid_instance(identity: str) -> SSMException:
    return SSMException("InvalidInstanceId", f"Instances [[{identity}]] not in a valid state for account {ACCOUNT}")


def describe_effective_instance_associations(self: SimpleSystemManagerResponse) -> ActionResult:
    found = [
        {
            "AssociationId": each.association_id,
            "InstanceId": self._get_param("InstanceId"),
            "AssociationVersion": each.version,
            "Content": getattr(documents.find(self.ssm_backend, each.settings["Name"]), "content", ""),
        }
        for each in effective(self)
    ]
    return page(self, "Associations", found, largest=5)


def describe_instance_associations_status(self: SimpleSystemManagerResponse) -> ActionResult:
    found = []
    for each in effective(self):
        target = each.latest().get(self._get_param("InstanceId"))
        if target is None:
            continue
        entry = {
            "AssociationId": each.association_id,
            "Name": each.settings["Name"],
            "DocumentVersion": "1",
            "AssociationVersion": each.version,
            "InstanceId": target.instance_id,
            "ExecutionDate": target.date,
            "Status": target.status,
            "DetailedStatus": target.status,
            "ExecutionSummary": target.summary or "The association is pending",
        }
        if name := each.settings.get("AssociationName"):
            entry["AssociationName"] = name
        if target.output_url:
            entry["OutputUrl"] = {"S3OutputUrl": {"OutputUrl": target.output_url}}
        found.append(entry)
    return page(self, "InstanceAssociationStatusInfos", found)


def describe_instance_information(self: SimpleSystemManagerResponse) -> ActionResult:
    account, region = self.current_account, self.region
    found = instances.managed(account, region)
    filters = [
        *((each["Key"], each["Values"]) for each in self._get_param("Filters") or []),
        *((each["key"], each["valueSet"]) for each in self._get_param("InstanceInformationFilterList") or []),
    ]
    plain = {"PingStatus": "PingStatus", "PlatformTypes": "PlatformType", "IamRole": "IamRole"}
    plain |= {"ResourceType": "ResourceType", "AgentVersion": "AgentVersion"}
    for key, values in filters:
        if key in ("InstanceIds", "tag-key") or key.startswith("tag:"):
            found = instances.targeted(found, [{"Key": key, "Values": values}])
        elif key not in plain:
            raise SSMException("InvalidFilterKey", f"The specified key {key} isn't valid.")
    listed = [instances.describe(account, region, each) for each in found.values()]
    for key, values in filters:
        if key in plain:
            listed = [each for each in listed if each[plain[key]] in values]
    for each in listed:
        results = [
            target.status
            for association in manager(self).associations.values()
            if (target := association.latest().get(each["InstanceId"]))
        ]
        if results:
            each["AssociationStatus"] = next(
                (name for name in ("Failed", "InProgress", "Pending") if name in results), "Success"
            )
    return page(self, "InstanceInformationList", listed)


def send_command(self: SimpleSystemManagerResponse) -> ActionResult:
    backend = self.ssm_backend
    sent(self)
    command = backend._commands[-1]
    CLOCK.start()
    pend(command)
    for identity in command.instance_ids:
        CLOCK.orders.put(lambda identity=identity: carry_out(backend, command, identity))
    return ActionResult({"Command": command.response_object()})


def list_command_invocations(self: SimpleSystemManagerResponse) -> ActionResult:
    backend, identity, instance = self.ssm_backend, self._get_param("CommandId"), self._get_param("InstanceId")
    commands = backend.list_commands(identity, None)
    found = []
    for command in commands:
        for each in command.invocations:
            if instance and each["InstanceId"] != instance:
                continue
            entry = {
                **{
                    key: each[key]
                    for key in ("CommandId", "InstanceId", "Comment", "DocumentName", "Status", "StatusDetails")
                },
                "RequestedDateTime": command.requested_date_time,
                "CommandPlugins": [],
            }
            if self._get_param("Details"):
                text = each["StandardOutputContent"]
                if each["StandardErrorContent"]:
                    text += f"\n----------ERROR-------\n{each['StandardErrorContent']}"
                entry["CommandPlugins"] = [
                    {
                        "Name": each.get("StepName") or each["PluginName"],
                        "Status": each["Status"],
                        "StatusDetails": each["StatusDetails"],
                        "ResponseCode": each["ResponseCode"],
                        "Output": text[:2500],
                    }
                ]
            found.append(entry)
    return page(self, "CommandInvocations", found)


OPERATIONS = (
    create_association,
    update_association,
    describe_association,
    delete_association,
    list_associations,
    list_association_versions,
    describe_association_executions,
    describe_association_execution_targets,
    start_associations_once,
    describe_effective_instance_associations,
    describe_instance_associations_status,
    describe_instance_information,
    list_command_invocations,
)
sent = SimpleSystemManagerResponse.send_command


def addressed(command: Command) -> list[str]:
    """The instances that a command's targets mean: none without targets, where moto's own takes every instance of the region."""
    online = instances.online(command.account_id, command.backend_region)
    return list(instances.targeted(online, command.targets))


def canonical_parameter(account: str, region: str, name: str) -> Parameter | None:
    """Canonical's public parameter for its newest image of a release, of the images that EC2 has."""
    found = CANONICAL.fullmatch(name)
    if not found:
        return None
    series = f"-{found['version']}-amd64-server-"
    images = {
        each.name: each.id
        for each in ec2_backends[account][region].amis.copy().values()
        if each.owner_id == OWNER and each.name and series in each.name
    }
    if not images:
        return None
    return Parameter(  # type: ignore[abstract]  # moto makes them itself, its base class notwithstanding
        account_id=account,
        name=name,
        value=images[max(images)],  # a name ends in the day of its build
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=len(images),
        data_type="aws:ec2:image",
        tier="Standard",
    )


def install() -> None:
    for operation in OPERATIONS:
        setattr(SimpleSystemManagerResponse, operation.__name__, operation)
    SimpleSystemManagerResponse.send_command = send_command  # type: ignore[method-assign]
    Command._get_instance_ids_from_targets = addressed  # type: ignore[method-assign,assignment]

    own_documents = SimpleSystemManagerBackend._get_documents

    def with_managed_documents(self: Any, name: str) -> Documents:
        return (name not in self._documents and documents.managed(name)) or own_documents(self, name)

    SimpleSystemManagerBackend._get_documents = with_managed_documents  # type: ignore[method-assign]

    own_check = SimpleSystemManagerBackend._validate_resource_type_and_id

    def with_associations(self: Any, resource_type: str, resource_id: str) -> str:
        if resource_type != "Association":
            return own_check(self, resource_type, resource_id)
        if resource_id not in state_manager(self).associations:
            raise InvalidResourceId()
        return resource_id

    SimpleSystemManagerBackend._validate_resource_type_and_id = with_associations  # type: ignore[method-assign]

    own_item, own_contains = ParameterDict.__getitem__, ParameterDict.__contains__

    # Public parameters are read by name and listed nowhere: they never become entries of the account's own.
    def item(self: Any, name: str) -> list[Parameter]:
        public = canonical_parameter(self.account_id, self.region_name, name)
        return [public] if public else own_item(self, name)

    def contains(self: Any, name: str) -> bool:
        return bool(CANONICAL.fullmatch(name or "")) or own_contains(self, name)

    ParameterDict.__getitem__ = item  # type: ignore[method-assign]
    ParameterDict.__contains__ = contains  # type: ignore[method-assign,assignment]
