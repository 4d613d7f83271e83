"""Documents that AWS owns, with the parameters they declare, and the check of parameters against any document."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend

TIMEOUT = "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"  # seconds, up to two days
TRUTH = ["True", "False"]

# name: (description, parameters, steps as (plugin, step's name)). What `aws ssm get-document` shows of each, without its scripts.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-state-manager-ansible.html
# https://docs.aws.amazon.com/systems-manager/latest/userguide/documents.html
MANAGED: dict[str, tuple[str, dict[str, dict[str, Any]], list[tuple[str, str]]]] = {
    "AWS-ApplyAnsiblePlaybooks": (
        "Runs Ansible playbooks, from GitHub or S3, on managed instances",
        {
            "SourceType": {"type": "String", "allowedValues": ["GitHub", "S3"], "default": "S3"},
            "SourceInfo": {"type": "StringMap", "default": {}},
            "InstallDependencies": {"type": "String", "allowedValues": TRUTH, "default": "True"},
            "PlaybookFile": {
                "type": "String",
                "allowedPattern": r"[(a-z_A-Z0-9\-\.)/]+(.yml|.yaml)$",
                "default": "hello-world-playbook.yml",
            },
            "ExtraVariables": {
                "type": "String",
                "allowedPattern": r"^$|^\w+\=[^\s|:();&]+(\s\w+\=[^\s|:();&]+)*$",
                "default": "SSM=True",
            },
            "Check": {"type": "String", "allowedValues": TRUTH, "default": "False"},
            "Verbose": {"type": "String", "allowedValues": ["-v", "-vv", "-vvv", "-vvvv"], "default": "-v"},
            "TimeoutSeconds": {"type": "String", "allowedPattern": TIMEOUT, "default": "3600"},
        },
        [("aws:downloadContent", "downloadContent"), ("aws:runShellScript", "runShellScript")],
    ),
    "AWS-RunShellScript": (
        "Runs a shell script, or the path to one",
        {
            "commands": {"type": "StringList"},
            "workingDirectory": {"type": "String", "default": ""},
            "executionTimeout": {"type": "String", "allowedPattern": TIMEOUT, "default": "3600"},
        },
        [("aws:runShellScript", "runShellScript")],
    ),
    "AWS-ConfigureAWSPackage": (
        "Installs or uninstalls a package of Distributor",
        {
            "action": {"type": "String", "allowedValues": ["Install", "Uninstall"]},
            "installationType": {
                "type": "String",
                "allowedValues": ["Uninstall and reinstall", "In-place update"],
                "default": "Uninstall and reinstall",
            },
            "name": {"type": "String", "allowedPattern": r"^arn:[a-z0-9][-.a-z0-9]{0,62}:[\S]+|^[\w\-. ]+$"},
            "version": {"type": "String", "default": ""},
            "additionalArguments": {"type": "StringMap", "default": {}},
        },
        [("aws:configurePackage", "configurePackage")],
    ),
    "AWS-UpdateSSMAgent": (
        "Updates the agent",
        {
            "version": {"type": "String", "default": ""},
            "allowDowngrade": {"type": "String", "allowedValues": ["true", "false"], "default": "false"},
        },
        [("aws:updateSsmAgent", "awsupdateSsmAgent")],
    ),
}


@functools.cache
def managed(name: str) -> Documents | None:
    """A document of AWS's as moto keeps one; None where AWS has none of that name, or the local cloud does not know it."""
    if name not in MANAGED:
        return None
    description, parameters, steps = MANAGED[name]
    content = {
        "schemaVersion": "2.2",
        "description": description,
        "parameters": {key: {"description": key, **each} for key, each in parameters.items()},
        "mainSteps": [{"action": action, "name": step, "inputs": {}} for action, step in steps],
    }
    document = Document(  # type: ignore[abstract]  # moto makes them itself, its base class notwithstanding
        account_id="Amazon",
        name=name,
        version_name="",
        content=json.dumps(content),
        document_type="Command",
        document_format="JSON",
        requires=[],
        attachments=[],
        target_type="/AWS::EC2::Instance",
    )
    document.platform_types = ["Linux"]
    return Documents(document)


def find(backend: SimpleSystemManagerBackend, name: str) -> Document | None:
    """The default version of a document, the account's own or AWS's; ARNs of own documents serve as names."""
    own = backend._documents.get(name.rpartition("document/")[2]) or managed(name)
    return own.get_default_version() if own else None


def complaints(document: Document, parameters: dict[str, list[str]]) -> Iterator[str]:
    """A sentence for each thing that is wrong with parameters, as the document declares them.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html
    """
    declared = document.content_json.get("parameters") or {}
    for name in parameters:
        if name not in declared:
            yield f"Parameter {name} is not declared in document {document.name}"
    for name, rule in declared.items():
        if name not in parameters:
            if "default" not in rule:
                yield f"Parameter {name} of document {document.name} is missing"
            continue
        values = parameters[name]
        if rule["type"] != "StringList" and len(values) != 1:
            yield f"Parameter {name} of type {rule['type']} takes one value, not {len(values)}"
            continue
        for value in values:
            yield from complaints_of_value(name, rule, value)


def complaints_of_value(name: str, rule: dict[str, Any], value: str) -> Iterator[str]:
    if rule["type"] == "StringMap":
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            yield f"Parameter {name} of type StringMap must be a JSON object, not {value}"
    if "allowedValues" in rule and value not in rule["allowedValues"]:
        yield f"Parameter {name} must be one of {', '.join(rule['allowedValues'])}, not {value}"
    if "allowedPattern" in rule and not re.search(rule["allowedPattern"], value):
        yield f"Parameter {name} does not match the pattern {rule['allowedPattern']}: {value}"
