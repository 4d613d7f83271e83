"""Each of RDS's rules refuses what AWS refuses, and lets pass what AWS takes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto.backends import get_backend

from localcloud import ACCOUNT, rules
from localcloud.rules import rds as _  # noqa: F401  (registers them)

REGION = "eu-west-1"
GOOD: dict[str, Any] = {
    "DBInstanceIdentifier": "new",
    "Engine": "postgres",
    "EngineVersion": "17.6",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "boss",
    "MasterUserPassword": "secret-word",
}


def ask(operation: str, **parameters: Any) -> None:
    rules.enforce(rules.Call("rds", operation, parameters, REGION, ACCOUNT))


def refused(operation: str, **parameters: Any) -> str:
    with pytest.raises(rules.Refusal) as caught:
        ask(operation, **parameters)
    return f"{caught.value.code}: {caught.value.message}"


@pytest.fixture(scope="module")
def network() -> Any:
    ec2 = get_backend("ec2")[ACCOUNT][REGION]
    one, two = ec2.create_vpc("10.1.0.0/16"), ec2.create_vpc("10.2.0.0/16")
    return SimpleNamespace(
        a=ec2.create_subnet(one.id, "10.1.0.0/24", availability_zone=f"{REGION}a"),
        b=ec2.create_subnet(one.id, "10.1.1.0/24", availability_zone=f"{REGION}b"),
        same_zone=ec2.create_subnet(one.id, "10.1.2.0/24", availability_zone=f"{REGION}a"),
        other=ec2.create_subnet(two.id, "10.2.0.0/24", availability_zone=f"{REGION}b"),
        group=ec2.create_security_group("mine", "mine", one.id),
        foreign=ec2.create_security_group("foreign", "foreign", two.id),
    )


@pytest.fixture(scope="module")
def deployed(network: Any) -> Iterator[Any]:
    """What an instance that runs leaves behind in moto, without the server."""
    rds = get_backend("rds")[ACCOUNT][REGION]
    rds.create_subnet_group("nets", "d", [network.a, network.b], [])
    for name, family in (("params", "postgres17"), ("old-params", "postgres16")):
        rds.create_db_parameter_group(
            {"db_parameter_group_name": name, "db_parameter_group_family": family, "description": "d"}
        )
    instance: Any = SimpleNamespace(
        engine="postgres",
        engine_version="17.5",
        allocated_storage=100,
        status="modifying",
        db_instance_identifier="mine",
        db_parameter_group_name="params",
        db_subnet_group=rds.subnet_groups["nets"],
        machine=SimpleNamespace(interface=SimpleNamespace(subnet=network.a)),
    )
    rds.databases["mine"] = instance
    yield instance
    del rds.databases["mine"]


def test_what_aws_takes_passes(network: Any, deployed: Any) -> None:
    ask(
        "CreateDBInstance",
        **GOOD,
        DBName="conversations",
        DBSubnetGroupName="nets",
        DBParameterGroupName="params",
        VpcSecurityGroupIds=[network.group.id],
        BackupRetentionPeriod=35,
        Port=5432,
        PreferredBackupWindow="23:45-00:15",
    )
    ask("ModifyDBInstance", DBInstanceIdentifier="mine", EngineVersion="17.6", AllocatedStorage=110)
    ask("DeleteDBInstance", DBInstanceIdentifier="mine", SkipFinalSnapshot=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"DBInstanceIdentifier": "1st"}, "begin with a letter"),
        ({"DBInstanceIdentifier": "a--b"}, "consecutive hyphens"),
        ({"DBInstanceIdentifier": "a-"}, "not a valid identifier"),
        ({"MasterUserPassword": "short"}, "shorter than 8"),
        ({"MasterUserPassword": "x" * 129}, "longer than 128"),
        ({"MasterUserPassword": "with space"}, "Only printable ASCII"),
        ({"MasterUserPassword": "with/slash"}, "Only printable ASCII"),
        ({"MasterUserPassword": 'with"quote'}, "Only printable ASCII"),
        ({"MasterUserPassword": "with@sign"}, "Only printable ASCII"),
        ({"MasterUserPassword": None}, "MasterUserPassword must be provided"),
        ({"MasterUsername": None}, "MasterUsername must be provided"),
        ({"AllocatedStorage": None}, "AllocatedStorage must be provided"),
        ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"),
        ({"MasterUsername": "admin"}, "reserved word"),
        ({"MasterUsername": "rdsadmin"}, "reserved word"),
        ({"MasterUsername": "pg_me"}, "reserved word"),
        ({"MasterUsername": "lks-admin"}, "letters, digits or underscores"),
        ({"DBName": "my-db"}, "alphanumeric"),
        ({"DBName": "select"}, "reserved word"),
        ({"DBInstanceClass": "t3.micro"}, "Invalid DB Instance class"),
        ({"DBInstanceClass": "db.t1.micro"}, "DBInstanceClass=db.t1.micro"),
        ({"EngineVersion": "17.99"}, "Cannot find version 17.99"),
        ({"AllocatedStorage": 19}, "from 20"),
        ({"AllocatedStorage": 19, "StorageType": "gp3"}, "from 20"),
        ({"StorageType": "ssd"}, "Invalid storage type"),
        ({"BackupRetentionPeriod": 36}, "between 0 and 35"),
        ({"Port": 443}, "1150"),
        ({"PreferredBackupWindow": "25:00-26:00"}, "hh24:mi"),
        ({"PreferredBackupWindow": "10:00-10:20"}, "30 minutes"),
        ({"DBParameterGroupName": "old-params"}, "postgres17"),
        ({"VpcSecurityGroupIds": ["sg-00000000000000000"]}, "Invalid security group"),
    ],
)
def test_new_instances(deployed: Any, change: dict[str, Any], says: str) -> None:
    assert says in refused("CreateDBInstance", **{**GOOD, **change})


def test_groups_of_another_vpc(network: Any, deployed: Any) -> None:
    answer = refused("CreateDBInstance", **GOOD, DBSubnetGroupName="nets", VpcSecurityGroupIds=[network.foreign.id])
    assert answer.startswith("InvalidVPCNetworkStateFault")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"AllocatedStorage": 50}, "less than the current"),
        ({"AllocatedStorage": 105}, "10 percent"),
        ({"EngineVersion": "18.1"}, "AllowMajorVersionUpgrade"),
        ({"EngineVersion": "17.4"}, "Cannot upgrade"),
        ({"MasterUserPassword": "short"}, "shorter"),
    ],
)
def test_changes_of_instances(deployed: Any, change: dict[str, Any], says: str) -> None:
    assert says in refused("ModifyDBInstance", DBInstanceIdentifier="mine", **change)


def test_a_last_snapshot_is_taken_or_waived(deployed: Any) -> None:
    assert "required unless" in refused("DeleteDBInstance", DBInstanceIdentifier="mine")
    answer = refused(
        "DeleteDBInstance", DBInstanceIdentifier="mine", SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last"
    )
    assert "cannot be specified" in answer


def test_only_what_runs_is_saved(deployed: Any) -> None:
    answer = refused("CreateDBSnapshot", DBInstanceIdentifier="mine", DBSnapshotIdentifier="s")
    assert answer.startswith("InvalidDBInstanceState")


def test_subnet_groups(network: Any, deployed: Any) -> None:
    ask("CreateDBSubnetGroup", DBSubnetGroupName="more", SubnetIds=[network.a.id, network.b.id])
    for subnets, code in (
        ([network.a.id, network.same_zone.id], "DBSubnetGroupDoesNotCoverEnoughAZs"),
        ([network.a.id, network.other.id], "InvalidSubnet"),
        (["subnet-0"], "InvalidSubnet"),
    ):
        assert refused("CreateDBSubnetGroup", DBSubnetGroupName="more", SubnetIds=subnets).startswith(code)
    assert "already exists" in refused(
        "CreateDBSubnetGroup", DBSubnetGroupName="nets", SubnetIds=[network.a.id, network.b.id]
    )
    assert "not valid" in refused(
        "CreateDBSubnetGroup", DBSubnetGroupName="default", SubnetIds=[network.a.id, network.b.id]
    )
    assert "still using it" in refused("DeleteDBSubnetGroup", DBSubnetGroupName="nets")
    answer = refused("ModifyDBSubnetGroup", DBSubnetGroupName="nets", SubnetIds=[network.b.id, network.same_zone.id])
    assert answer.startswith("SubnetAlreadyInUse")


def test_parameter_groups(deployed: Any) -> None:
    assert "valid parameter group family" in refused(
        "CreateDBParameterGroup", DBParameterGroupName="p", DBParameterGroupFamily="postgres99"
    )
    assert "valid identifier" in refused(
        "CreateDBParameterGroup", DBParameterGroupName="p_q", DBParameterGroupFamily="postgres17"
    )
    assert "still members" in refused("DeleteDBParameterGroup", DBParameterGroupName="params")
    assert "Default" in refused("DeleteDBParameterGroup", DBParameterGroupName="default.postgres17")
    for parameter, says in (
        ({"ParameterName": "nonsense", "ParameterValue": "1"}, "Could not find parameter"),
        ({"ParameterName": "rds.force_ssl", "ParameterValue": "yes"}, "allowed values"),
        ({"ParameterName": "max_connections", "ParameterValue": "9", "ApplyMethod": "immediate"}, "static parameter"),
    ):
        assert says in refused("ModifyDBParameterGroup", DBParameterGroupName="params", Parameters=[parameter])
    many = [{"ParameterName": "work_mem", "ParameterValue": "64"}] * 21
    assert "maximum of 20" in refused("ModifyDBParameterGroup", DBParameterGroupName="params", Parameters=many)
    assert "Default" in refused("ModifyDBParameterGroup", DBParameterGroupName="default.postgres17", Parameters=[])
