"""ssm_association and ssm_association_info on the local cloud: playbooks in a bundle, applied to instances by their tag."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from ansible_collections.lks.llm.plugins.modules.zip_bundle import build_zip

from .runner import REGION, Modules

MODULE = "lks.llm.ssm_association"
PUBLIC_IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
GOOD = '- hosts: all\n  tasks:\n    - ansible.builtin.debug:\n        msg: "{{ colour }}"\n'
BAD = "- hosts: all\n  tasks:\n    - ansible.builtin.no_such_thing_at_all:\n"


@dataclasses.dataclass
class Fleet:
    """Instances with a tag of their own, and a bucket."""

    modules: Modules
    name: str
    bucket: str

    def __post_init__(self) -> None:
        self.ec2 = self.modules.cloud.client("ec2", REGION)
        self.s3 = self.modules.cloud.client("s3", REGION)
        self.ssm = self.modules.cloud.client("ssm", REGION)
        self.s3.create_bucket(Bucket=self.bucket)
        self.image = self.ssm.get_parameter(Name=PUBLIC_IMAGE)["Parameter"]["Value"]

    def start(self, count: int, profile: str | None = "LabInstanceProfile") -> list[str]:
        more = {"IamInstanceProfile": {"Name": profile}} if profile else {}
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Fleet", "Value": self.name}]}]
        started = [
            self.ec2.run_instances(ImageId=self.image, MinCount=1, MaxCount=1, TagSpecifications=tags, **more)
            for _ in range(count)
        ]
        return sorted(answer["Instances"][0]["InstanceId"] for answer in started)

    def upload(self, **playbooks: str) -> str:
        """Packs playbooks and puts the bundle where its checksum says; its address."""
        content = build_zip({f"{name}.yml": (text.encode(), False) for name, text in playbooks.items()})
        key = f"bundles/{hashlib.sha256(content).hexdigest()}.zip"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"https://{self.bucket}.s3.{REGION}.amazonaws.com/{key}"

    def arguments(self, url: str, **more: object) -> dict:
        return {
            "name": self.name,
            "document_name": "AWS-ApplyAnsiblePlaybooks",
            "targets": [{"key": "tag:Fleet", "values": [self.name]}],
            "parameters": {
                "SourceType": "S3",
                "SourceInfo": {"path": url},
                "InstallDependencies": False,
                "PlaybookFile": "web.yml",
                "ExtraVariables": "colour=red size=2",
            },
            "schedule_expression": "rate(30 minutes)",
            "compliance_severity": "HIGH",
            "max_errors": "100%",
            "output_location": {"s3_bucket": self.bucket, "s3_region": REGION, "s3_prefix": "results"},
            "tags": {"Project": "example", "Name": self.name},
            "wait_timeout": 60,
            **more,
        }


@pytest.fixture
def fleet(modules, request) -> Fleet:
    name = request.node.name.replace("_", "-")[:40].strip("-")
    return Fleet(modules, name, f"bundles-{abs(hash(name)) % 10**9}")


def test_an_association_is_made_applied_kept_and_removed(modules, fleet):
    ids = fleet.start(2)
    arguments = fleet.arguments(fleet.upload(web=GOOD), expected_targets=2, wait=True)

    applied = modules.lifecycle(MODULE, **arguments)
    assert [(each["instance_id"], each["status"]) for each in applied["results"]] == [(each, "Success") for each in ids]
    assert applied["association"]["association_version"] == "1"
    assert applied["association"]["tags"] == {"Project": "example", "Name": fleet.name}

    # The same JSON in another spelling is no change.
    spelt = {**arguments["parameters"], "SourceInfo": json.dumps(arguments["parameters"]["SourceInfo"], indent=2)}
    modules.unchanged(MODULE, **{**arguments, "parameters": spelt})

    output = fleet.s3.list_objects_v2(Bucket=fleet.bucket, Prefix="results/")["Contents"]
    assert {each["Key"].split("/")[1] for each in output} == set(ids)

    described = modules("lks.llm.ssm_association_info", name=fleet.name)["associations"]
    assert [each["status"] for each in described[0]["results"]] == ["Success", "Success"]
    assert modules("lks.llm.ssm_association_info", names=[fleet.name, "another"])["associations"] == described
    assert modules("lks.llm.ssm_association_info", names=["another"])["associations"] == []

    removed = modules.lifecycle(MODULE, name=fleet.name, state="absent")
    assert removed["deleted"] == [applied["association"]["association_id"]]
    assert modules("lks.llm.ssm_association_info", name=fleet.name)["associations"] == []


def test_what_changed_is_applied_again_and_what_was_left_out_is_kept(modules, fleet):
    fleet.start(1)
    first = modules(MODULE, **fleet.arguments(fleet.upload(web=GOOD), expected_targets=1, wait=True))
    assert first["changed"], first

    url = fleet.upload(web=GOOD, other=GOOD)
    modules(MODULE, check_mode=True, **fleet.arguments(url, expected_targets=1, wait=True))
    second = modules.lifecycle(MODULE, **fleet.arguments(url, expected_targets=1, wait=True))
    assert second["association"]["association_version"] == "2"
    assert second["results"][0]["execution_id"] != first["results"][0]["execution_id"]
    assert list(second["diff"]["after"]) == ["Parameters"]

    # Drift: somebody else's update nulled everything but what it named.
    association_id = second["association"]["association_id"]
    fleet.ssm.update_association(AssociationId=association_id, AssociationName=fleet.name)
    repaired = modules.lifecycle(MODULE, **fleet.arguments(url))
    assert {"Parameters", "Targets", "ScheduleExpression", "OutputLocation", "MaxErrors"} <= set(
        repaired["diff"]["after"]
    )

    only = {"name": fleet.name, "document_name": "AWS-ApplyAnsiblePlaybooks"}
    modules.unchanged(MODULE, **only, targets=[{"key": "tag:Fleet", "values": [fleet.name]}])


def test_a_failure_names_instance_reason_and_place_and_is_asked_again(modules, fleet):
    (instance,) = fleet.start(1)
    failing = fleet.arguments(fleet.upload(web=BAD), expected_targets=1, wait=True)
    failed = modules(MODULE, **failing)
    assert failed["failed"]
    for part in (fleet.name, instance, "no_such_thing_at_all", f"s3://{fleet.bucket}/results/{instance}/", "Correct"):
        assert part in failed["msg"]

    again = modules(MODULE, **failing, retries=1)
    assert again["failed"]
    assert "applying it once more (1 of 1)" in str(again.get("warnings"))
    executions = fleet.ssm.describe_association_executions(
        AssociationId=modules("lks.llm.ssm_association_info", name=fleet.name)["associations"][0]["association_id"]
    )["AssociationExecutions"]
    assert [each["Status"] for each in executions] == ["Failed", "Failed"]

    # The bundle is mended under its own name: the association is the same, only its results are not.
    key = failing["parameters"]["SourceInfo"]["path"].partition(".com/")[2]
    good = fleet.upload(web=GOOD).partition(".com/")[2]
    fleet.s3.copy_object(Bucket=fleet.bucket, Key=key, CopySource={"Bucket": fleet.bucket, "Key": good})
    mended = modules(MODULE, **failing, retries=1)
    assert (mended["changed"], mended["retried"], mended["results"][0]["status"]) == (True, 1, "Success")
    modules.unchanged(MODULE, **failing, retries=1)


def test_instances_that_come_later_are_waited_for_and_missing_ones_are_named(modules, fleet):
    fleet.start(1, profile=None)
    arguments = fleet.arguments(fleet.upload(web=GOOD), expected_targets=1)
    assert modules(MODULE, **arguments)["changed"]
    missing = modules(MODULE, **{**arguments, "wait": True, "wait_timeout": 1})
    assert missing["failed"]
    assert "of 1 expected instances only 0 match" in missing["msg"]
    assert "instance profile" in missing["msg"]

    late = fleet.start(1)
    found = modules(MODULE, **arguments, wait=True)
    assert [(each["instance_id"], each["status"]) for each in found["results"]] == [(late[0], "Success")]
    assert not found["changed"]

    # One that was stopped or is gone is waited for no more.
    fleet.ec2.terminate_instances(InstanceIds=late)
    assert modules(MODULE, **{**arguments, "expected_targets": 0}, wait=True)["results"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "no spaces"}, "letters, digits"),
        ({"targets": [{"key": "Fleet", "values": ["a"]}]}, "tag:<key>"),
        ({"targets": [{"key": f"tag:{number}", "values": ["a"]} for number in range(6)]}, "1 to 5"),
        ({"schedule_expression": "every day"}, "rate(…)"),
        ({"schedule_expression": "rate(5 minutes)"}, "every 30 minutes"),
        ({"max_errors": "200%"}, "percentage"),
        ({"document_name": "AWS-NoSuchDocument"}, "The specified document does not exist"),
        ({"parameters": {"ExtraVariables": "url=http://example.com"}}, "ExtraVariables"),
        ({"parameters": {"Colour": "red"}}, "Colour is not declared"),
    ],
)
def test_what_aws_would_not_take_is_refused(modules, change, message):
    arguments = {
        "name": "refused",
        "document_name": "AWS-ApplyAnsiblePlaybooks",
        "targets": [{"key": "tag:Fleet", "values": ["none"]}],
        **change,
    }
    answer = modules(MODULE, **arguments)
    assert answer["failed"]
    assert message in answer["msg"]
    assert modules("lks.llm.ssm_association_info", name="refused")["associations"] == []
