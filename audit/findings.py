"""What a scanner found, whose it is, and what is answered to it: pure functions over what the scanners wrote."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GRAVE = ("critical", "high")
# Where Cloud Custodian's resources, which are as AWS describes them, keep their id and their name.
IDS = (
    "GroupId",
    "InstanceId",
    "VolumeId",
    "SubnetId",
    "VpcId",
    "LoadBalancerArn",
    "DBInstanceArn",
    "FunctionArn",
    "FileSystemArn",
    "Arn",
    "arn",
    "Id",
    "id",
    "Name",
)
NAMES = ("GroupName", "LoadBalancerName", "DBInstanceIdentifier", "FunctionName", "logGroupName", "Name", "name")


class AnswerError(ValueError):
    """What is wrong with answers.yml."""


@dataclass(frozen=True)
class Finding:
    tool: str
    check: str
    severity: str
    region: str
    resource: str  # its ARN or id
    name: str  # what it is called, or its id
    title: str
    message: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        return self.tool, self.check, self.resource


@dataclass(frozen=True)
class Answer:
    """To findings of a check on resources whose names, or ids, match one of the patterns."""

    tool: str
    check: str
    resources: tuple[str, ...]
    reason: str

    def is_for(self, finding: Finding) -> bool:
        names = (finding.name, finding.resource)
        return (self.tool, self.check) == (finding.tool, finding.check) and any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.resources for name in names
        )


def of_prowler(document: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Failed checks of Prowler's OCSF report: https://docs.prowler.com/user-guide/cli/tutorials/reporting"""
    for each in document:
        if each["status_code"] != "FAIL":
            continue
        for resource in each["resources"]:
            labels = [label.partition(":") for label in resource.get("labels") or []]
            tags = tuple((key, value) for key, _colon, value in labels)
            yield Finding(
                tool="prowler",
                check=each["metadata"]["event_code"],
                severity=each["severity"].lower(),
                region=resource.get("region", ""),
                resource=resource["uid"],
                name=dict(tags).get("Name") or resource.get("name") or resource["uid"],
                title=each["finding_info"]["title"],
                message=each.get("status_detail", ""),
                tags=tags,
            )


def tags_of(resource: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    for key in ("Tags", "tags", "TagList", "UserPoolTags"):
        found = resource.get(key)
        if isinstance(found, dict):
            return tuple((str(name), str(value)) for name, value in found.items())
        if found:
            return tuple((tag["Key"], tag.get("Value", "")) for tag in found)
    return ()


def of_custodian(policy: Mapping[str, Any], region: str, resources: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """What a policy matched in a region: its resources.json."""
    for resource in resources:
        tags = tags_of(resource)
        identity = next((str(resource[key]) for key in IDS if resource.get(key)), "")
        name = next((str(resource[key]) for key in NAMES if resource.get(key)), "")
        yield Finding(
            tool="custodian",
            check=policy["name"],
            severity=policy["metadata"]["severity"],
            region=region,
            resource=identity,
            name=dict(tags).get("Name") or name or identity,
            title=policy["description"],
            message=policy["metadata"]["control"],
            tags=tags,
        )


def last_part(resource: str) -> str:
    """The id in an ARN."""
    return re.split(r"[:/]", resource)[-1]


@dataclass(frozen=True)
class Scope:
    """What is ours: by the project's tag, by a name that begins with the prefix, or because it is, or is in, something tagged so."""

    prefix: str
    tag: tuple[str, str]
    tagged: frozenset[str] = frozenset()  # ARNs

    def holds(self, finding: Finding) -> bool:
        if self.tag in finding.tags or finding.resource in self.tagged:
            return True
        ids = {last_part(arn) for arn in self.tagged}
        if last_part(finding.resource) in ids:
            return True
        return any(part.startswith(self.prefix) for part in re.split(r"[:/]", finding.name))


def read_answers(document: Any) -> list[Answer]:
    """Raises AnswerError."""
    answers = []
    for each in document or []:
        if not isinstance(each, dict) or set(each) != {"tool", "check", "resources", "reason"}:
            raise AnswerError(f"an answer has tool, check, resources and reason, and nothing else: {each}")
        if not each["resources"] or len(str(each["reason"]).split()) < 4:
            raise AnswerError(f"an answer names resources, and a reason in words: {each}")
        answers.append(Answer(each["tool"], each["check"], tuple(each["resources"]), " ".join(each["reason"].split())))
    known = [(answer.tool, answer.check, answer.resources) for answer in answers]
    if len(known) != len(set(known)):
        raise AnswerError("two answers are for the same")
    return answers


def unanswered(findings: Iterable[Finding], answers: Iterable[Answer]) -> list[Finding]:
    """Of the grave findings those that no answer is for."""
    known = list(answers)
    return [
        finding
        for finding in findings
        if finding.severity in GRAVE and not any(answer.is_for(finding) for answer in known)
    ]


def unused(findings: Iterable[Finding], answers: Iterable[Answer]) -> list[Answer]:
    """Answers to nothing that was found."""
    found = list(findings)
    return [answer for answer in answers if not any(answer.is_for(finding) for finding in found)]


def table(answers: Iterable[Answer]) -> str:
    """The answers as docs/security.md holds them."""
    rows = [
        f"| {answer.tool} | `{answer.check}` | {', '.join(f'`{each}`' for each in answer.resources)} | {answer.reason} |"
        for answer in answers
    ]
    return "\n".join(["| tool | check | resources | answer |", "|---|---|---|---|", *rows])
