"""Under a factor things are in AWS's states in between for as long as AWS takes, times the factor; without one, as quickly as ever."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from localcloud import hooks, pace
from localcloud.pace import PACE, WAITS

from ...waiting import until
from .in_process import refusal

NUMBERS = itertools.count(1)
LONG = 10.0  # nothing that was asked for at this factor becomes available while a test runs
IMAGE = "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*"


@pytest.fixture
def at(monkeypatch):
    """Sets the factor, for this test."""

    def set_factor(factor: float) -> None:
        monkeypatch.setattr(PACE, "factor", factor)

    return set_factor


def within(kind: str, seconds: float) -> float:
    """The factor at which that takes so many seconds."""
    return seconds / WAITS[kind].middle


@pytest.fixture
def net(aws):
    ec2 = aws("ec2")
    prefix = f"10.{200 + next(NUMBERS)}"
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/23")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    image = ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "name", "Values": [IMAGE]}])["Images"][0]

    def launch() -> str:
        made = ec2.run_instances(
            ImageId=image["ImageId"],
            MinCount=1,
            MaxCount=1,
            InstanceType="t2.micro",
            SubnetId=subnets[0],
            IamInstanceProfile={"Name": "LabInstanceProfile"},
        )["Instances"][0]
        return made["InstanceId"]

    return SimpleNamespace(vpc=vpc, subnets=subnets, launch=launch)


def test_a_factor_is_a_number_of_a_range():
    assert [pace.parse(text) for text in (None, "", "0", "0.05", "1")] == [0, 0, 0, 0.05, 1]
    for text in ("fast", "-1", "11", "nan", "inf"):
        with pytest.raises(ValueError, match=rf"LOCALCLOUD_PACE is '{text}'.* 0.05 a twentieth"):
            pace.parse(text)


def test_a_wrong_factor_is_refused_before_anything_starts(tmp_path):
    environment = {**os.environ, "LOCALCLOUD_PACE": "fast", "LOCALCLOUD_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "localcloud", "start", "--port=1"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("LOCALCLOUD_PACE is 'fast'")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_wait_has_a_range_and_a_source():
    for kind, wait in WAITS.items():
        assert 0 <= wait.shortest <= wait.longest, kind
        assert wait.quick <= 5, kind
        assert wait.source.startswith("an estimate: ") or "https://" in wait.source, kind


def test_the_middle_of_the_range_counts_every_time(at):
    at(0.5)
    assert [PACE.seconds("vpc link") for _ in range(3)] == [90, 90, 90]
    at(0)
    assert PACE.seconds("vpc link") == WAITS["vpc link"].quick


def test_what_becomes_available_by_itself_is_told_to_data_planes(at, monkeypatch):
    told = []
    monkeypatch.setitem(hooks.LISTENERS, "aws.changed", [lambda **facts: told.append(facts)])
    at(within("mount target", 0.05))
    ready = PACE.ready_at("mount target", "us-east-1", "fsmt-1")
    until(lambda: told)
    assert pace.passed(ready)
    assert told == [{"service": "efs", "operation": "", "region": "us-east-1"}]
    listed = PACE.as_dict()["waits"][-1]
    assert (listed["kind"], listed["name"], listed["region"]) == ("mount target", "fsmt-1", "us-east-1")
    assert listed["ready"] - listed["asked"] == pytest.approx(0.05)


def test_without_a_factor_no_thread_waits(at, monkeypatch):
    at(0)
    monkeypatch.setattr(pace, "after", None)
    PACE.ready_at("network load balancer", "us-east-1", "nlb")
    done = []
    PACE.later("association", "us-east-1", "association", lambda: done.append(True))
    assert done


def test_load_balancers_are_provisioning(aws, net, at):
    elbv2, apigateway = aws("elbv2"), aws("apigateway")
    at(LONG)
    made = elbv2.create_load_balancer(Name="paced", Type="network", Scheme="internal", Subnets=net.subnets)
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]

    def state() -> str:
        return elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"]

    assert state() == "provisioning"
    with refusal("BadRequestException", "is not active yet"):
        apigateway.create_vpc_link(name="paced", targetArns=[arn])

    at(within("network load balancer", 0.3))
    other = elbv2.create_load_balancer(Name="paced-2", Type="network", Scheme="internal", Subnets=net.subnets)
    arn = other["LoadBalancers"][0]["LoadBalancerArn"]
    until(lambda: state() == "active")

    at(LONG)
    link = apigateway.create_vpc_link(name="paced", targetArns=[arn])
    assert apigateway.get_vpc_link(vpcLinkId=link["id"])["status"] == "PENDING"
    apigateway.delete_vpc_link(vpcLinkId=link["id"])
    assert apigateway.get_vpc_link(vpcLinkId=link["id"])["status"] == "DELETING"


def test_interfaces_of_a_deleted_load_balancer_stay_a_while(aws, net, at):
    elbv2, ec2 = aws("elbv2"), aws("ec2")
    for name, subnet in zip(("paced-3", "paced-4"), net.subnets, strict=True):
        elbv2.create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=[subnet])

    def delete(name: str) -> None:
        found = elbv2.describe_load_balancers(Names=[name])["LoadBalancers"][0]
        elbv2.delete_load_balancer(LoadBalancerArn=found["LoadBalancerArn"])

    at(LONG)
    delete("paced-3")
    assert "paced-3" not in [each["LoadBalancerName"] for each in elbv2.describe_load_balancers()["LoadBalancers"]]
    with refusal("DependencyViolation"):
        ec2.delete_subnet(SubnetId=net.subnets[0])
    at(within("load balancer deletion", 0.2))
    delete("paced-4")

    def deleted() -> bool:
        with contextlib.suppress(ClientError):
            ec2.delete_subnet(SubnetId=net.subnets[1])
            return True
        return False

    until(deleted)


def test_file_systems_and_mount_targets_are_creating(aws, net, at):
    efs = aws("efs")
    at(LONG)
    system = efs.create_file_system(CreationToken="paced")["FileSystemId"]
    assert efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "creating"
    with refusal("IncorrectFileSystemLifeCycleState"):
        efs.create_mount_target(FileSystemId=system, SubnetId=net.subnets[0])
    at(within("file system", 0.1))
    system = efs.create_file_system(CreationToken="paced-2")["FileSystemId"]
    until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    at(LONG)
    target = efs.create_mount_target(FileSystemId=system, SubnetId=net.subnets[0])
    assert target["LifeCycleState"] == "creating"
    with refusal("IncorrectMountTargetState"):
        efs.modify_mount_target_security_groups(
            MountTargetId=target["MountTargetId"], SecurityGroups=["sg-0123456789abcdef0"]
        )


def test_instances_are_pending_then_running_then_managed_and_go_slowly(aws, net, at):
    ec2, ssm, elbv2 = aws("ec2"), aws("ssm"), aws("elbv2")

    def state(identity: str) -> str:
        found = ec2.describe_instances(InstanceIds=[identity])["Reservations"][0]["Instances"][0]
        return found["State"]["Name"]

    def managed(identity: str) -> bool:
        wanted = [{"Key": "InstanceIds", "Values": [identity]}]
        return bool(ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"])

    at(LONG)
    slow = net.launch()
    assert state(slow) == "pending"
    group = elbv2.create_target_group(Name="paced", Protocol="HTTP", Port=80, VpcId=net.vpc)["TargetGroups"][0]
    with refusal("InvalidTarget", "not in a running state"):
        elbv2.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": slow}])

    at(within("managed instance", 1))
    quick = net.launch()
    until(lambda: state(quick) == "running")
    elbv2.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": quick}])
    until(lambda: managed(quick))
    assert not managed(slow)

    at(LONG)
    ended = ec2.terminate_instances(InstanceIds=[slow])["TerminatingInstances"][0]
    assert (ended["PreviousState"]["Name"], ended["CurrentState"]["Name"]) == ("pending", "shutting-down")
    assert state(slow) == "shutting-down"
    with refusal("DependencyViolation"):
        ec2.delete_subnet(SubnetId=net.subnets[0])
    at(within("instance termination", 0.2))
    ec2.terminate_instances(InstanceIds=[quick])
    until(lambda: state(quick) == "terminated")


def test_an_association_is_in_progress_for_as_long_as_a_run_takes(aws, net, at):
    ssm = aws("ssm")
    at(0)
    instance = net.launch()

    def associate() -> str:
        made = ssm.create_association(
            Name="AWS-RunShellScript",
            Targets=[{"Key": "InstanceIds", "Values": [instance]}],
            Parameters={"commands": ["true"]},
        )
        return made["AssociationDescription"]["AssociationId"]

    def statuses(association: str) -> list[str]:
        executions = ssm.describe_association_executions(AssociationId=association)["AssociationExecutions"]
        return [each["Status"] for each in executions]

    at(LONG)
    assert statuses(associate()) == ["InProgress"]
    at(within("association", 0.5))
    made = associate()
    # There is no machine behind the instance to run a script on.
    until(lambda: statuses(made) == ["Failed"])
    listed = next(each for each in PACE.as_dict()["waits"][::-1] if each["kind"] == "association")
    assert listed["ready"] - listed["asked"] >= 0.5


def test_a_function_is_pending(aws, at):
    import io
    import zipfile

    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.mjs", "export const handler = async () => 1")
    client = aws("lambda")
    at(LONG)
    client.create_function(
        FunctionName="paced",
        Runtime="nodejs24.x",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/LabRole",
        Code={"ZipFile": code.getvalue()},
    )
    assert client.get_function(FunctionName="paced")["Configuration"]["State"] == "Pending"
    with refusal("ResourceConflictException", "Pending"):
        client.invoke(FunctionName="paced")
    client.delete_function(FunctionName="paced")


def test_a_client_is_built_in_its_time(aws, at):
    amplify = aws("amplify")
    app = amplify.create_app(name="paced", repository="https://github.com/example/client", accessToken="x")["app"][
        "appId"
    ]
    amplify.create_branch(appId=app, branchName="main")
    at(within("client build", 1))
    began = time.monotonic()
    job = amplify.start_job(appId=app, branchName="main", jobType="RELEASE")["jobSummary"]["jobId"]
    seen = []

    def status() -> str:
        now = amplify.get_job(appId=app, branchName="main", jobId=job)["job"]["summary"]["status"]
        seen.extend([now] if now not in seen else [])
        return now

    until(lambda: status() == "SUCCEED")
    assert time.monotonic() - began >= 0.9
    assert seen[-1] == "SUCCEED"


def test_a_database_is_creating_and_can_be_deleted_meanwhile(aws, at):
    rds = aws("rds")
    at(LONG)
    rds.create_db_instance(
        DBInstanceIdentifier="paced",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword="correct-horse-battery",
    )

    def described() -> dict:
        return next(
            (each for each in rds.describe_db_instances()["DBInstances"] if each["DBInstanceIdentifier"] == "paced"), {}
        )

    try:
        assert described()["DBInstanceStatus"] == "creating"
        assert "Endpoint" not in described()
        with refusal("InvalidDBInstanceState"):
            rds.modify_db_instance(DBInstanceIdentifier="paced", MasterUserPassword="another-horse-battery")
    finally:
        at(within("database deletion", 0.5))
        rds.delete_db_instance(DBInstanceIdentifier="paced", SkipFinalSnapshot=True)
    until(lambda: not described())
