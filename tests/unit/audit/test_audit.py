"""What strangers' checks find: whose it is, whether it is answered, and what the document says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from audit.__main__ import ANSWERS, DOCUMENT, with_table
from audit.findings import (
    AnswerError,
    Finding,
    Scope,
    of_custodian,
    of_prowler,
    read_answers,
    table,
    unanswered,
    unused,
)
from audit.scanners import policies

ARN = "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"
SCOPE = Scope("lks-", ("Project", "lks-llm"), frozenset({ARN}))


def finding(**more: str) -> Finding:
    known = {"tool": "prowler", "check": "ec2_open", "severity": "high", "region": "us-east-1"}
    return Finding(**{**known, "resource": "sg-9", "name": "sg-9", "title": "Closed", **more})  # type: ignore[arg-type]


def of_ocsf(status: str = "FAIL", severity: str = "High", labels: tuple[str, ...] = ()) -> dict:
    return {
        "status_code": status,
        "severity": severity,
        "status_detail": "It is open.",
        "metadata": {"event_code": "ec2_open"},
        "finding_info": {"title": "Closed"},
        "resources": [{"uid": ARN, "name": "sg-1", "region": "us-east-1", "labels": list(labels)}],
    }


def test_prowlers_report_is_read():
    document = [of_ocsf(labels=("Name:lks-sg-lb", "Project:lks-llm")), of_ocsf(status="PASS"), of_ocsf("MANUAL")]
    (found,) = of_prowler(document)
    assert (found.check, found.severity, found.resource, found.name) == ("ec2_open", "high", ARN, "lks-sg-lb")
    assert SCOPE.holds(found)


def test_custodians_results_are_read():
    policy = next(each for each in policies() if each["name"] == "security-group-open-to-everybody")
    group = {"GroupId": "sg-2", "GroupName": "lks-sg-lb", "Tags": [{"Key": "Project", "Value": "lks-llm"}]}
    (found,) = of_custodian(policy, "us-west-2", [group])
    assert (found.tool, found.severity, found.resource, found.name) == ("custodian", "high", "sg-2", "lks-sg-lb")
    (api,) = of_custodian(policy, "us-west-2", [{"id": "abc", "name": "x", "tags": {"Project": "lks-llm"}}])
    assert (api.resource, api.tags) == ("abc", (("Project", "lks-llm"),))


@pytest.mark.parametrize(
    ("ours", "more"),
    [
        (True, {"tags": (("Project", "lks-llm"),)}),
        (True, {"resource": ARN}),
        (True, {"resource": "sg-1"}),
        (True, {"name": "/aws/lambda/lks-conversations"}),
        (False, {"name": "asks-nobody", "resource": "sg-11"}),
        (False, {"tags": (("Project", "lks-llm-2"),)}),
        (False, {"resource": "arn:aws:iam::123456789012:root", "name": "root"}),
    ],
)
def test_what_is_ours(ours, more):
    assert SCOPE.holds(finding(**more)) is ours


def test_a_grave_finding_wants_an_answer_of_its_own():
    (answer,) = read_answers(
        [{"tool": "prowler", "check": "ec2_open", "resources": ["lks-sg-*"], "reason": "It is meant to be so."}]
    )
    answered = finding(name="lks-sg-lb")
    others = [
        finding(name="lks-other"),
        finding(name="lks-sg-lb", check="ec2_else"),
        finding(name="lks-sg-lb", tool="custodian"),
        finding(name="lks-sg-lb", severity="critical", check="ec2_worse"),
    ]
    lesser = finding(name="lks-x", severity="medium", check="ec2_lesser")
    assert unanswered([answered, *others, lesser], [answer]) == others
    assert unused([answered], [answer]) == []
    assert unused(others, [answer]) == [answer]


@pytest.mark.parametrize(
    "document",
    [
        [{"tool": "prowler", "check": "x", "resources": ["a"]}],
        [{"tool": "prowler", "check": "x", "resources": [], "reason": "It is meant to be so."}],
        [{"tool": "prowler", "check": "x", "resources": ["a"], "reason": "Fine."}],
        [{"tool": "prowler", "check": "x", "resources": ["a"], "reason": "It is meant to be so."}] * 2,
    ],
)
def test_answers_without_reason_are_refused(document):
    with pytest.raises(AnswerError):
        read_answers(document)


def test_the_document_holds_the_answers():
    answers = read_answers(yaml.safe_load(ANSWERS.read_text()))
    text = DOCUMENT.read_text()
    assert text == with_table(text, table(answers)), "run python -m audit --write"


def test_policies_say_which_control_they_are_and_how_grave():
    for policy in policies():
        assert policy["metadata"]["severity"] in ("critical", "high", "medium"), policy["name"]
        assert policy["metadata"]["control"]
        assert policy["description"]
        assert json.dumps(policy["filters"])


def test_both_scanners_are_pinned():
    folder = Path(ANSWERS).parent
    for name, package in (("prowler", "prowler"), ("custodian", "c7n")):
        wanted = [line for line in (folder / f"{name}.in").read_text().splitlines() if not line.startswith("#")]
        lines = (folder / f"{name}.txt").read_text().splitlines()
        assert wanted[0].startswith(f"{package}==")
        assert wanted[0] in lines
        assert all("==" in line for line in lines)


def test_a_document_without_a_place_is_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="has no place for the answers"):
        with_table("# Security\n", "| rows |")
