"""What the local cloud's Systems Manager answers to others than this collection's modules."""

from __future__ import annotations

import time

import botocore.exceptions
import pytest

from .runner import REGION

PUBLIC_IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


@pytest.fixture
def ssm(modules):
    return modules.cloud.client("ssm", REGION)


@pytest.fixture
def instance(modules, ssm, request) -> str:
    return launch(modules, ssm, request.node.name)


def launch(modules, ssm, test: str) -> str:
    answer = modules.cloud.client("ec2", REGION).run_instances(
        ImageId=ssm.get_parameter(Name=PUBLIC_IMAGE)["Parameter"]["Value"],
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": "LabInstanceProfile"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Test", "Value": test}]}],
    )
    return answer["Instances"][0]["InstanceId"]


def test_the_public_image_is_the_newest_that_ec2_has(modules, ssm):
    images = modules.cloud.client("ec2", REGION).describe_images(
        Owners=["099720109477"],
        Filters=[{"Name": "name", "Values": ["ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*"]}],
    )["Images"]
    newest = max(images, key=lambda image: image["CreationDate"])
    assert ssm.get_parameter(Name=PUBLIC_IMAGE)["Parameter"]["Value"] == newest["ImageId"]
    assert [each["Name"] for each in ssm.get_parameters(Names=[PUBLIC_IMAGE])["Parameters"]] == [PUBLIC_IMAGE]
    listed = ssm.get_paginator("describe_parameters").paginate().build_full_result()["Parameters"]
    assert PUBLIC_IMAGE not in [each["Name"] for each in listed]


def test_instances_are_managed_while_they_run(modules, ssm, instance):
    ec2 = modules.cloud.client("ec2", REGION)

    def seen(*filters: tuple[str, str]) -> list[str]:
        wanted = [{"Key": key, "Values": [value]} for key, value in (("InstanceIds", instance), *filters)]
        return [
            each["PingStatus"] for each in ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"]
        ]

    assert seen() == ["Online"]
    assert seen(("tag:Test", "test_instances_are_managed_while_they_run"), ("PlatformTypes", "Linux")) == ["Online"]
    assert seen(("tag:Test", "other")) == []
    ec2.stop_instances(InstanceIds=[instance])
    assert seen() == ["ConnectionLost"]
    assert seen(("PingStatus", "Online")) == []
    ec2.terminate_instances(InstanceIds=[instance])
    assert seen() == []
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidFilterKey"):
        seen(("Colour", "red"))


def test_a_document_of_aws_is_described_and_cannot_be_deleted(ssm):
    described = ssm.describe_document(Name="AWS-ApplyAnsiblePlaybooks")["Document"]
    assert (described["Owner"], described["DocumentType"]) == ("Amazon", "Command")
    assert {"SourceInfo", "PlaybookFile", "ExtraVariables"} <= {each["Name"] for each in described["Parameters"]}
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidDocument"):
        ssm.delete_document(Name="AWS-ApplyAnsiblePlaybooks")


def test_a_command_reports_what_became_of_it(modules, ssm, instance):
    launch(modules, ssm, "not meant")
    sent = ssm.send_command(
        DocumentName="AWS-ApplyAnsiblePlaybooks",
        InstanceIds=[instance],
        Parameters={"SourceType": ["S3"], "SourceInfo": ['{"path": "https://none.s3.us-east-1.amazonaws.com/a.zip"}']},
    )["Command"]
    assert sent["Status"] == "Pending"
    waiter = ssm.get_waiter("command_executed")
    with pytest.raises(botocore.exceptions.WaiterError):
        waiter.wait(CommandId=sent["CommandId"], InstanceId=instance, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    found = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=instance)
    assert (found["Status"], found["ResponseCode"]) == ("Failed", 1)
    assert "NoSuchBucket" in found["StandardErrorContent"]
    listed = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
    assert [each["InstanceId"] for each in listed] == [instance]
    assert "NoSuchBucket" in listed[0]["CommandPlugins"][0]["Output"]


def test_a_command_goes_to_its_targets(modules, ssm, instance):
    other = launch(modules, ssm, "also meant")
    launch(modules, ssm, "not meant")
    sent = ssm.send_command(
        DocumentName="AWS-RunShellScript",
        Targets=[{"Key": "tag:Test", "Values": ["also meant", "test_a_command_goes_to_its_targets"]}],
        Parameters={"commands": ["id"]},
    )["Command"]
    listed = ssm.list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"]
    assert {each["InstanceId"] for each in listed} == {instance, other}


def test_an_instance_tells_which_associations_it_has(ssm, instance):
    made = ssm.create_association(
        Name="AWS-RunShellScript",
        AssociationName="of-one-instance",
        InstanceId=instance,
        Parameters={"commands": ["id"]},
        Tags=[{"Key": "Project", "Value": "example"}],
    )["AssociationDescription"]
    identity = made["AssociationId"]
    assert made["Targets"] == [{"Key": "InstanceIds", "Values": [instance]}]
    effective = ssm.describe_effective_instance_associations(InstanceId=instance)["Associations"]
    assert [each["AssociationId"] for each in effective] == [identity]

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = ssm.describe_instance_associations_status(InstanceId=instance)["InstanceAssociationStatusInfos"]
        if status and status[0]["Status"] not in ("Pending", "InProgress"):
            break
    # There is no machine to run a script on, and that is what it says.
    assert [(each["AssociationName"], each["Status"]) for each in status] == [("of-one-instance", "Failed")]

    ssm.update_association(AssociationId=identity, Parameters={"commands": ["id"]})
    versions = ssm.list_association_versions(AssociationId=identity)["AssociationVersions"]
    assert [each.get("AssociationName") for each in versions] == ["of-one-instance", None]
    tags = ssm.list_tags_for_resource(ResourceType="Association", ResourceId=identity)["TagList"]
    assert tags == [{"Key": "Project", "Value": "example"}]
    ssm.delete_association(AssociationId=identity)
    for call in (
        lambda: ssm.delete_association(AssociationId=identity),
        lambda: ssm.start_associations_once(AssociationIds=[identity]),
        lambda: ssm.describe_association(AssociationId=identity),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match="AssociationDoesNotExist"):
            call()
