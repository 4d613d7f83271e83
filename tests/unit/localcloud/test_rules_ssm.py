"""Each rule of Systems Manager refuses what it is for, and lets the rest through."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from moto.ssm.models import ssm_backends

import localcloud.rules.ssm  # noqa: F401  # registers the rules
from localcloud import ACCOUNT
from localcloud.rules import Call, Refusal, enforce
from localcloud.systems_manager.associations import DEFAULTS, Association, state_manager

REGION = "eu-west-1"
INSTANCE = "i-0123456789abcdef0"
PATH = json.dumps({"path": "https://example-bundles.s3.us-east-1.amazonaws.com/bundle.zip"})
GOOD: dict[str, Any] = {
    "Name": "AWS-ApplyAnsiblePlaybooks",
    "Targets": [{"Key": "tag:Role", "Values": ["web"]}],
    "Parameters": {
        "SourceType": ["S3"],
        "SourceInfo": [PATH],
        "PlaybookFile": ["web.yml"],
        "ExtraVariables": ["a=1 b=x"],
    },
    "ScheduleExpression": "rate(30 minutes)",
    "OutputLocation": {"S3Location": {"OutputS3BucketName": "example-bundles"}},
}


def ask(operation: str, parameters: dict[str, Any]) -> str:
    """The code of the refusal, or nothing."""
    try:
        enforce(Call("ssm", operation, parameters, REGION, ACCOUNT))
    except Refusal as refusal:
        return refusal.code
    return ""


@pytest.fixture
def association() -> str:
    """An association of an instance with AWS-RunShellScript; its id."""
    manager = state_manager(ssm_backends[ACCOUNT][REGION])
    found = Association(str(uuid.uuid4()), [{**DEFAULTS, "Name": "AWS-RunShellScript", "InstanceId": INSTANCE}])
    manager.associations = {found.association_id: found}
    return found.association_id


def test_what_aws_accepts_is_let_through():
    assert ask("CreateAssociation", GOOD) == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Name": "AWS-NoSuchDocument"}, "InvalidDocument"),
        ({"Targets": None}, "InvalidTarget"),
        ({"Targets": [{"Key": "Role", "Values": ["web"]}]}, "InvalidTarget"),
        ({"Targets": [{"Key": "tag:Role", "Values": []}]}, "InvalidTarget"),
        ({"InstanceId": INSTANCE}, "ValidationException"),
        ({"Targets": None, "InstanceId": INSTANCE}, "InvalidInstanceId"),
        ({"ScheduleExpression": "rate(29 minutes)"}, "InvalidSchedule"),
        ({"ScheduleExpression": "every(hour)"}, "InvalidSchedule"),
        ({"ApplyOnlyAtCronInterval": True}, "InvalidSchedule"),
        ({"OutputLocation": {"S3Location": {"OutputS3KeyPrefix": "results"}}}, "InvalidOutputLocation"),
    ],
)
def test_associations_that_aws_refuses(change, code):
    assert ask("CreateAssociation", {**GOOD, **change}) == code


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Colour", ["red"]),
        ("SourceType", ["FTP"]),
        ("SourceType", ["S3", "GitHub"]),
        ("SourceInfo", ["https://example.com/bundle.zip"]),
        ("SourceInfo", ['["a"]']),
        ("PlaybookFile", ["web.sh"]),
        ("InstallDependencies", ["false"]),
        ("TimeoutSeconds", ["soon"]),
        *[("ExtraVariables", [f"a=x{character}y"]) for character in ":|();&"],
        ("ExtraVariables", ["a = 1"]),
    ],
)
def test_parameters_that_the_document_does_not_declare(name, values):
    assert ask("CreateAssociation", {**GOOD, "Parameters": {**GOOD["Parameters"], name: values}}) == "InvalidParameters"


def test_a_parameter_without_a_default_is_needed():
    assert ask("SendCommand", {"DocumentName": "AWS-RunShellScript", "Parameters": {}}) == "InvalidParameters"
    assert ask("SendCommand", {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id", "ls"]}}) == ""


def test_an_instance_that_is_not_managed_takes_no_command():
    command = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}, "InstanceIds": [INSTANCE]}
    assert ask("SendCommand", command) == "InvalidInstanceId"


def test_documents_of_aws_are_left_alone():
    for operation in ("DeleteDocument", "UpdateDocument", "ModifyDocumentPermission"):
        assert ask(operation, {"Name": "AWS-RunShellScript"}) == "InvalidDocument"
        assert ask(operation, {"Name": "Own"}) == ""
    assert ask("CreateDocument", {"Name": "AWS-Own"}) == "ValidationException"
    assert ask("CreateDocument", {"Name": "Own"}) == ""


def test_an_instance_is_associated_with_a_document_once(association):
    again = {"Name": "AWS-RunShellScript", "InstanceId": INSTANCE, "Parameters": {"commands": ["id"]}}
    assert ask("CreateAssociation", again) == "AssociationAlreadyExists"


def test_an_update_is_checked_against_the_document_that_is_there(association):
    assert ask("UpdateAssociation", {"AssociationId": association, "Parameters": {"commands": ["id"]}}) == ""
    assert ask("UpdateAssociation", {"AssociationId": association, "Parameters": {"x": ["id"]}}) == "InvalidParameters"
    assert ask("UpdateAssociation", {"AssociationId": str(uuid.uuid4())}) == "AssociationDoesNotExist"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"Name": "plain"}, ""),
        ({"Name": "example/password"}, "ValidationException"),
        ({"Name": "/example//password"}, "ValidationException"),
        ({"Name": "/example/pass word"}, "ValidationException"),
        ({"Name": "/example/"}, "ValidationException"),
        ({"Name": "/a" * 16}, "HierarchyLevelLimitExceededException"),
        ({"Value": "x" * 4096}, ""),
        ({"Value": "x" * 4097}, "ValidationException"),
        ({"Value": "x" * 4097, "Tier": "Advanced"}, ""),
        ({"Value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"KeyId": "alias/aws/ssm"}, ""),
        ({"KeyId": "alias/none"}, "InvalidKeyId"),
        ({"KeyId": "alias/aws/ssm", "Type": "String"}, "ValidationException"),
    ],
)
def test_parameters_of_the_store(change, code):
    assert ask("PutParameter", {"Name": "/example/password", "Value": "x", "Type": "SecureString", **change}) == code
