"""Systems Manager: what associations, commands and parameters must be, beyond their shapes."""

from __future__ import annotations

import re
from typing import Any

from moto.kms.models import kms_backends
from moto.ssm.models import ssm_backends

from localcloud.rules import Call, Refusal, rule
from localcloud.systems_manager import documents, instances, schedules
from localcloud.systems_manager.associations import state_manager

API = "https://docs.aws.amazon.com/systems-manager/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/systems-manager/latest/userguide"
TARGET_KEY = re.compile(r"tag:.{1,128}|tag-key|InstanceIds|ParameterValues|resource-groups:(Name|ResourceTypeFilters)")
STANDARD_BYTES, ADVANCED_BYTES = 4096, 8192
LEVELS = 15
PARAMETER_NAME = re.compile(r"[a-zA-Z0-9_.\-/]+")


def backend(call: Call) -> Any:
    return ssm_backends[call.account][call.region]


def existing(call: Call) -> Any:
    """The association that an update is about, or None."""
    return state_manager(backend(call)).associations.get(call.parameters.get("AssociationId", ""))


def document_of(call: Call) -> str:
    name = call.parameters.get("Name") or call.parameters.get("DocumentName")
    if not name and (association := existing(call)):
        name = association.settings["Name"]
    return name or ""


@rule(
    "ssm",
    "CreateAssociation",
    "UpdateAssociation",
    "SendCommand",
    source=f"{API}/API_CreateAssociation.html#API_CreateAssociation_Errors",
)
def document_exists(call: Call) -> None:
    name = document_of(call)
    if name and documents.find(backend(call), name) is None:
        raise Refusal("InvalidDocument", "The specified document does not exist.")


@rule(
    "ssm",
    "CreateAssociation",
    "UpdateAssociation",
    "SendCommand",
    source=f"{GUIDE}/documents-syntax-data-elements-parameters.html",
)
def parameters_as_declared(call: Call) -> None:
    document = documents.find(backend(call), document_of(call))
    if document is None:
        return
    found = list(documents.complaints(document, call.parameters.get("Parameters") or {}))
    if found:
        raise Refusal("InvalidParameters", "; ".join(found))


@rule("ssm", "CreateAssociation", "UpdateAssociation", "SendCommand", source=f"{API}/API_Target.html")
def targets_are_of_a_known_kind(call: Call) -> None:
    for target in call.parameters.get("Targets") or []:
        key = target.get("Key", "")
        if not TARGET_KEY.fullmatch(key):
            raise Refusal(
                "InvalidTarget",
                f"The target key {key} is not valid: use tag:<key>, InstanceIds or resource-groups:Name.",
            )
        if not target.get("Values"):
            raise Refusal("InvalidTarget", f"The target {key} has no values.")


@rule("ssm", "CreateAssociation", source=f"{API}/API_CreateAssociation.html")
def association_has_targets(call: Call) -> None:
    given = [key for key in ("InstanceId", "Targets") if call.parameters.get(key)]
    if len(given) > 1:
        raise Refusal("ValidationException", "InstanceId and Targets cannot be used together.")
    if not given:
        raise Refusal("InvalidTarget", "The association has neither Targets nor InstanceId.")


@rule("ssm", "CreateAssociation", source=f"{API}/API_CreateAssociation.html")
def instance_has_no_association_with_the_document(call: Call) -> None:
    """Only of associations by InstanceId; those by targets may share a document, and even a name."""
    pair = (call.parameters.get("InstanceId"), call.parameters["Name"])
    for each in state_manager(backend(call)).associations.values():
        if pair[0] and pair == (each.settings.get("InstanceId"), each.settings["Name"]):
            raise Refusal("AssociationAlreadyExists", "The specified association already exists.")


@rule("ssm", "CreateAssociation", source=f"{API}/API_CreateAssociation.html#API_CreateAssociation_Errors")
def instance_is_managed(call: Call) -> None:
    wanted = call.parameters.get("InstanceId")
    if wanted and wanted not in instances.managed(call.account, call.region):
        raise Refusal("InvalidInstanceId", f"Instance {wanted} is not a managed instance of this account.")


@rule("ssm", "SendCommand", source=f"{API}/API_SendCommand.html#API_SendCommand_Errors")
def commanded_instances_are_online(call: Call) -> None:
    online = instances.online(call.account, call.region)
    gone = [each for each in call.parameters.get("InstanceIds") or [] if each not in online]
    if gone:
        raise Refusal(
            "InvalidInstanceId", f"Instances [[{', '.join(gone)}]] not in a valid state for account {call.account}"
        )


@rule("ssm", "CreateAssociation", "UpdateAssociation", source=f"{GUIDE}/reference-cron-and-rate-expressions.html")
def schedule_can_be_read(call: Call) -> None:
    expression = call.parameters.get("ScheduleExpression")
    if not expression:
        return
    try:
        kind, _ = schedules.parse(expression)
    except ValueError as error:
        raise Refusal("InvalidSchedule", f"The schedule is invalid: {error}.") from error
    if kind == "rate" and call.parameters.get("ApplyOnlyAtCronInterval"):
        raise Refusal("InvalidSchedule", "ApplyOnlyAtCronInterval is not supported for rate expressions.")


@rule("ssm", "CreateAssociation", "UpdateAssociation", source=f"{API}/API_S3OutputLocation.html")
def output_location_has_a_bucket(call: Call) -> None:
    location = call.parameters.get("OutputLocation")
    if location is not None and not (location.get("S3Location") or {}).get("OutputS3BucketName"):
        raise Refusal("InvalidOutputLocation", "The output location is not valid or does not exist.")


@rule("ssm", "UpdateAssociation", source=f"{API}/API_UpdateAssociation.html#API_UpdateAssociation_Errors")
def updated_association_exists(call: Call) -> None:
    if existing(call) is None:
        raise Refusal("AssociationDoesNotExist", "The specified association does not exist.")


@rule(
    "ssm",
    "DeleteDocument",
    "UpdateDocument",
    "ModifyDocumentPermission",
    source=f"{API}/API_DeleteDocument.html#API_DeleteDocument_Errors",
)
def document_is_ones_own(call: Call) -> None:
    if documents.managed(call.parameters["Name"]):
        raise Refusal("InvalidDocument", "The specified document is not owned by this account.")


@rule("ssm", "CreateDocument", source=f"{API}/API_CreateDocument.html#systemsmanager-CreateDocument-request-Name")
def document_is_not_named_as_those_of_aws(call: Call) -> None:
    if call.parameters["Name"].lower().startswith(("aws", "amazon", "amzn")):
        raise Refusal("ValidationException", "A document's name must not begin with aws, amazon or amzn.")


@rule("ssm", "PutParameter", source=f"{API}/API_PutParameter.html#systemsmanager-PutParameter-request-Name")
def parameter_is_named_well(call: Call) -> None:
    name = call.parameters["Name"]
    if name.startswith("arn:"):
        return
    if not PARAMETER_NAME.fullmatch(name) or "//" in name or name.endswith("/"):
        raise Refusal(
            "ValidationException",
            f"Parameter name: {name} can consist of letters, numbers and the symbols .-_ with / between the levels of its hierarchy.",
        )
    if "/" in name and not name.startswith("/"):
        raise Refusal("ValidationException", "Parameter name must be a fully qualified name.")
    if name.count("/") > LEVELS:
        raise Refusal("HierarchyLevelLimitExceededException", f"A parameter's name has at most {LEVELS} levels.")


@rule("ssm", "PutParameter", source=f"{GUIDE}/parameter-store-advanced-parameters.html")
def value_fits_its_tier(call: Call) -> None:
    tier = call.parameters.get("Tier") or "Standard"
    size, limit = len(call.parameters["Value"].encode()), STANDARD_BYTES if tier == "Standard" else ADVANCED_BYTES
    if size > limit:
        raise Refusal(
            "ValidationException",
            f"{tier} tier parameters support a maximum parameter value of {limit} characters.",
        )


@rule("ssm", "PutParameter", source=f"{API}/API_PutParameter.html#systemsmanager-PutParameter-request-KeyId")
def key_fits_the_type(call: Call) -> None:
    key = call.parameters.get("KeyId")
    if not key:
        return
    if call.parameters.get("Type") not in (None, "SecureString"):
        raise Refusal("ValidationException", "KeyId is required for SecureString type parameter only.")
    if key == "alias/aws/ssm":
        return
    kms = kms_backends[call.account][call.region]
    aliases = kms.list_aliases()
    known = any(each.alias_name == key for each in aliases) or key.rpartition("key/")[2] in kms.keys
    if not known:
        raise Refusal("InvalidKeyId", f"Key {key} does not exist")
