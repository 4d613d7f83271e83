"""RDS on the local cloud: an instance is a PostgreSQL that one can log in to, and its calls act on it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ...waiting import until
from ..playbooks import Cloud
from .postgres_client import LoginFailed, login

NAME = "instance"


@pytest.fixture(scope="module")
def rds(client: Callable[[str], Any]) -> Any:
    return client("rds")


@pytest.fixture(scope="module")
def network(client: Callable[[str], Any], rds: Any) -> dict[str, Any]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/23")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"us-east-1{letter}")
        for number, letter in enumerate("ab")
    ]
    subnet_ids = [each["Subnet"]["SubnetId"] for each in subnets]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("one", "two")
    ]
    rds.create_db_subnet_group(DBSubnetGroupName="subnets", DBSubnetGroupDescription="d", SubnetIds=subnet_ids)
    rds.create_db_parameter_group(
        DBParameterGroupName="parameters", DBParameterGroupFamily="postgres17", Description="d"
    )
    return {"groups": groups, "subnets": subnet_ids, "ec2": ec2}


def wait(rds: Any, what: str, name: str = NAME) -> None:
    waiter = rds.get_waiter(what)
    waiter.config.delay = 0.2
    waiter.config.max_attempts = 200
    waiter.wait(DBInstanceIdentifier=name)


def interfaces(network: dict[str, Any]) -> list[dict[str, Any]]:
    found = network["ec2"].describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": network["subnets"]}])
    return found["NetworkInterfaces"]


def test_an_instance_lives(client: Callable[[str], Any], rds: Any, network: dict[str, Any]) -> None:
    created = rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        Engine="postgres",
        EngineVersion="17.6",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        DBName="things",
        MasterUsername="boss",
        MasterUserPassword="first-word",
        DBSubnetGroupName="subnets",
        DBParameterGroupName="parameters",
        VpcSecurityGroupIds=network["groups"][:1],
        StorageEncrypted=True,
    )["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    with pytest.raises(ClientError, match="InvalidDBInstanceState"):
        rds.modify_db_instance(DBInstanceIdentifier=NAME, BackupRetentionPeriod=3)
    wait(rds, "db_instance_available")

    endpoint = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["Endpoint"]
    assert endpoint["Port"] == 5432
    ca = trusted(client)

    def enter(password: str, tls: bool = True) -> None:
        login(
            endpoint["Address"],
            endpoint["Port"],
            user="boss",
            password=password,
            database="things",
            ca=ca if tls else None,
        )

    enter("first-word")
    with pytest.raises(LoginFailed, match="password authentication failed"):
        enter("wrong-word")
    with pytest.raises(LoginFailed, match="no encryption"):
        enter("first-word", tls=False)

    for method, works in (("pending-reboot", False), ("immediate", True)):
        parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName="parameters", Parameters=[parameter])
        if works:
            enter("first-word", tls=False)
        else:
            with pytest.raises(LoginFailed, match="no encryption"):
                enter("first-word", tls=False)

    changing = rds.modify_db_instance(
        DBInstanceIdentifier=NAME, MasterUserPassword="second-word", ApplyImmediately=True
    )["DBInstance"]
    assert changing["DBInstanceStatus"] == "resetting-master-credentials"
    assert changing["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    wait(rds, "db_instance_available")
    enter("second-word")
    with pytest.raises(LoginFailed):
        enter("first-word")

    (interface,) = interfaces(network)
    assert (interface["Description"], interface["RequesterManaged"]) == ("RDSNetworkInterface", True)
    rds.modify_db_instance(DBInstanceIdentifier=NAME, VpcSecurityGroupIds=network["groups"], ApplyImmediately=True)
    assert {group["GroupId"] for group in interfaces(network)[0]["Groups"]} == set(network["groups"])

    rds.stop_db_instance(DBInstanceIdentifier=NAME)
    until(lambda: status(rds) == "stopped")
    with pytest.raises(OSError):
        enter("second-word")
    rds.start_db_instance(DBInstanceIdentifier=NAME)
    wait(rds, "db_instance_available")
    enter("second-word")
    rds.reboot_db_instance(DBInstanceIdentifier=NAME)
    wait(rds, "db_instance_available")
    enter("second-word")

    for call in (
        lambda: rds.delete_db_subnet_group(DBSubnetGroupName="subnets"),
        lambda: rds.delete_db_parameter_group(DBParameterGroupName="parameters"),
        lambda: rds.delete_db_instance(DBInstanceIdentifier=NAME),
    ):
        with pytest.raises(ClientError):
            call()
    deleted = rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert deleted["DBInstance"]["DBInstanceStatus"] == "deleting"
    wait(rds, "db_instance_deleted")
    assert interfaces(network) == []
    rds.delete_db_subnet_group(DBSubnetGroupName="subnets")
    rds.delete_db_parameter_group(DBParameterGroupName="parameters")


KNOCK = """
import net from 'node:net'
export const handler = ({ host, port, milliseconds }) => new Promise((resolve, reject) => {
  const socket = net.connect({ host, port }, () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))) // asks for TLS
  socket.on('error', reject)
  socket.on('data', (data) => { socket.destroy(); resolve(data.toString()) })
  setTimeout(() => { socket.destroy(); resolve('') }, milliseconds)
})
"""


def test_a_function_reaches_a_database_as_the_network_lets_it(
    service_cloud: Cloud, client: Callable[[str], Any], rds: Any
) -> None:
    ec2, functions = client("ec2"), client("lambda")
    vpc = ec2.create_vpc(CidrBlock="10.21.0.0/23")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.21.{number}.0/24", AvailabilityZone=f"us-east-1{letter}")["Subnet"]
        for number, letter in enumerate("ab")
    ]
    subnet_ids = [each["SubnetId"] for each in subnets]
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("function", "database")
    }
    rds.create_db_subnet_group(DBSubnetGroupName="reached", DBSubnetGroupDescription="d", SubnetIds=subnet_ids)
    rds.create_db_instance(
        DBInstanceIdentifier="reached",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="boss",
        MasterUserPassword="first-word",
        DBSubnetGroupName="reached",
        VpcSecurityGroupIds=[groups["database"]],
        PubliclyAccessible=False,
    )
    inside = {"SubnetIds": subnet_ids, "SecurityGroupIds": [groups["function"]]}
    for name, config in (("inside", {"VpcConfig": inside}), ("outside", {})):
        functions.create_function(
            FunctionName=name,
            Runtime="nodejs24.x",
            Role="arn:aws:iam::123456789012:role/LabRole",
            Handler="index.handler",
            Code={"ZipFile": packed(KNOCK)},
            Timeout=60,
            **config,
        )
    for name in ("inside", "outside"):
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
    wait(rds, "db_instance_available", "reached")
    endpoint = rds.describe_db_instances(DBInstanceIdentifier="reached")["DBInstances"][0]["Endpoint"]
    log = service_cloud.home / str(service_cloud.port) / "server.log"

    def answer(name: str, milliseconds: int) -> str:
        event = {"host": endpoint["Address"], "port": endpoint["Port"], "milliseconds": milliseconds}
        return str(json.loads(functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read()))

    def is_silent(name: str, reason: str) -> None:
        """It gets no answer, and for this reason: on a busy machine it might get none in time for no reason at all."""

        def told() -> int:
            return len(re.findall(reason, log.read_text()))

        before = told()
        assert answer(name, 1_500) == ""
        until(lambda: told() > before, f"in the log, {reason}")

    rule = {
        "GroupId": groups["database"],
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 5432,
                "ToPort": 5432,
                "UserIdGroupPairs": [{"GroupId": groups["function"]}],
            }
        ],
    }
    try:
        named = (
            f"function inside does not reach database reached: {groups['database']} .*has no ingress rule for tcp 5432"
        )
        is_silent("inside", named)
        ec2.authorize_security_group_ingress(**rule)
        assert answer("inside", 30_000) == "S"
        is_silent("outside", "function outside does not reach database reached: ")
        ec2.revoke_security_group_ingress(**rule)
        is_silent("inside", named)
    finally:
        for name in ("inside", "outside"):
            functions.delete_function(FunctionName=name)
        rds.delete_db_instance(DBInstanceIdentifier="reached", SkipFinalSnapshot=True)
        wait(rds, "db_instance_deleted", "reached")
        rds.delete_db_subnet_group(DBSubnetGroupName="reached")


def packed(text: str) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.mjs", text)
    return code.getvalue()


def trusted(client: Callable[[str], Any]) -> str:
    """Path of RDS's certificates, asked of a function: where Lambda's runtimes have them."""
    code = packed("export const handler = () => process.env.NODE_EXTRA_CA_CERTS")
    functions = client("lambda")
    role = "arn:aws:iam::123456789012:role/LabRole"
    functions.create_function(
        FunctionName="tell", Runtime="nodejs24.x", Role=role, Handler="index.handler", Code={"ZipFile": code}
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="tell")
    answer = json.loads(functions.invoke(FunctionName="tell")["Payload"].read())
    functions.delete_function(FunctionName="tell")
    return answer


def status(rds: Any) -> str:
    return str(rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["DBInstanceStatus"])


def test_what_moto_lacks(rds: Any) -> None:
    (version,) = rds.describe_db_engine_versions(Engine="postgres", EngineVersion="17.6")["DBEngineVersions"]
    assert version["DBParameterGroupFamily"] == "postgres17"
    options = rds.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass="db.t3.micro")
    assert {each["StorageType"] for each in options["OrderableDBInstanceOptions"]} == {"gp2", "gp3"}
    assert "rds-ca-rsa2048-g1" in {
        each["CertificateIdentifier"] for each in rds.describe_certificates()["Certificates"]
    }
    with pytest.raises(ClientError, match="DBParameterGroupNotFound"):
        rds.describe_db_parameter_groups(DBParameterGroupName="absent")
