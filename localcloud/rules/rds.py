"""RDS: names, passwords, sizes, and what may not be removed or changed while it is in use."""

from __future__ import annotations

import re
from typing import Any

from moto.backends import get_backend

from localcloud import postgres_catalog as catalog
from localcloud.rules import Call, Refusal, rule

REFERENCE = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"
CREATE = REFERENCE + "API_CreateDBInstance.html"
MODIFY = REFERENCE + "API_ModifyDBInstance.html"
GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"

IDENTIFIER = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,62}(?<!-)")
# Users of RDS itself, and of PostgreSQL; `admin` and `rdsadmin` are reserved words of RDS for PostgreSQL.
RESERVED_USERS = {
    "admin",
    "rdsadmin",
    "rds_superuser",
    "rdsrepladmin",
    "rds_replication",
    "postgres_rds",
    "public",
    "user",
}
PASSWORD_LENGTHS = {
    "postgres": (8, 128),
    "mysql": (8, 41),
    "mariadb": (8, 41),
    "sqlserver": (8, 128),
    "oracle": (8, 30),
}
# https://www.postgresql.org/docs/current/sql-keywords-appendix.html (reserved)
RESERVED_NAMES = {
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "both", "case", "cast", "check", "collate",
    "column", "constraint", "create", "current_date", "current_user", "default", "deferrable", "desc", "distinct", "do",
    "else", "end", "except", "false", "fetch", "for", "foreign", "from", "grant", "group", "having", "in", "initially",
    "intersect", "into", "leading", "limit", "localtime", "not", "null", "offset", "on", "only", "or", "order",
    "placing", "primary", "references", "returning", "select", "session_user", "some", "symmetric", "table", "then",
    "to", "trailing", "true", "union", "unique", "user", "using", "variadic", "when", "where", "window", "with",
}  # fmt: skip
WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def rds(call: Call) -> Any:
    return get_backend("rds")[call.account][call.region]


def ec2(call: Call) -> Any:
    return get_backend("ec2")[call.account][call.region]


def engine_of(call: Call) -> str:
    if engine := call.parameters.get("Engine"):
        return engine
    instance = rds(call).databases.get(call.parameters.get("DBInstanceIdentifier", ""))
    return instance.engine if instance else ""


@rule("rds", "CreateDBInstance", source=CREATE)
def identifiers_are_names(call: Call) -> None:
    name = call.parameters.get("DBInstanceIdentifier", "")
    if not IDENTIFIER.fullmatch(name):
        raise Refusal(
            "InvalidParameterValue",
            "The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII "
            "letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
        )


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=CREATE)
def passwords_are_printable_and_long_enough(call: Call) -> None:
    password = call.parameters.get("MasterUserPassword")
    if password is None:
        return
    family = next((each for each in PASSWORD_LENGTHS if engine_of(call).startswith(each)), "postgres")
    low, high = PASSWORD_LENGTHS[family]
    if not low <= len(password) <= high:
        raise Refusal(
            "InvalidParameterValue",
            f"The parameter MasterUserPassword is not a valid password because it is {'shorter' if len(password) < low else 'longer'} "
            f"than {low if len(password) < low else high} characters.",
        )
    if not re.fullmatch(r"[!-~]*", password) or set(password) & set("/@\"'" if family == "oracle" else '/@"'):
        raise Refusal(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
        )


@rule("rds", "CreateDBInstance", source=CREATE)
def a_new_instance_needs_its_master(call: Call) -> None:
    given = call.parameters
    if given.get("Engine") != "postgres" or given.get("DBClusterIdentifier"):
        return
    if not given.get("MasterUsername"):
        raise Refusal("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
    if not given.get("MasterUserPassword") and not given.get("ManageMasterUserPassword"):
        raise Refusal(
            "InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank."
        )
    if given.get("MasterUserPassword") and given.get("ManageMasterUserPassword"):
        raise Refusal(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )
    if not given.get("AllocatedStorage"):
        raise Refusal("InvalidParameterValue", "The parameter AllocatedStorage must be provided and must not be blank.")


@rule("rds", "CreateDBInstance", source=CREATE)
def the_master_has_a_name_of_its_own(call: Call) -> None:
    name = call.parameters.get("MasterUsername")
    if name is None or call.parameters.get("Engine") != "postgres":
        return
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise Refusal(
            "InvalidParameterValue",
            f"MasterUsername {name} cannot be used: it must begin with a letter and hold 1 to 63 letters, digits or underscores.",
        )
    if name.lower() in RESERVED_USERS or name.lower().startswith("pg_"):
        raise Refusal(
            "InvalidParameterValue", f"MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        )


@rule("rds", "CreateDBInstance", source=CREATE)
def databases_have_names_that_sql_can_say(call: Call) -> None:
    name = call.parameters.get("DBName")
    if name is None or call.parameters.get("Engine") != "postgres":
        return
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise Refusal(
            "InvalidParameterValue",
            "DBName must begin with a letter and contain only alphanumeric characters and underscores, 63 at most.",
        )
    if name.lower() in RESERVED_NAMES or name.lower() in ("template0", "template1", "rdsadmin"):
        raise Refusal("InvalidParameterValue", f"DBName {name} cannot be used. It is a reserved word for this engine")


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=GUIDE + "Concepts.DBInstanceClass.html")
def classes_exist(call: Call) -> None:
    name = call.parameters.get("DBInstanceClass")
    if name and engine_of(call) == "postgres" and name not in catalog.CLASSES:
        if not re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", name):
            raise Refusal("InvalidParameterValue", f"Invalid DB Instance class: {name}")
        raise Refusal(
            "InvalidParameterCombination",
            f"RDS does not support creating a DB instance with the following combination: DBInstanceClass={name}, Engine=postgres. "
            "For supported combinations of instance class and database engine version, see the documentation.",
        )


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=REFERENCE + "API_DescribeDBEngineVersions.html")
def versions_exist(call: Call) -> None:
    version = call.parameters.get("EngineVersion")
    if version and engine_of(call) == "postgres" and version not in catalog.VERSIONS and version not in catalog.MINORS:
        raise Refusal("InvalidParameterCombination", f"Cannot find version {version} for postgres")


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=GUIDE + "CHAP_Storage.html")
def storage_has_a_least_and_a_greatest_size(call: Call) -> None:
    size, kind = call.parameters.get("AllocatedStorage"), call.parameters.get("StorageType", "gp2")
    if kind not in catalog.STORAGE_TYPES:
        raise Refusal("InvalidParameterValue", f"Invalid storage type: {kind}")
    if size is None or engine_of(call) != "postgres":
        return
    least = {"standard": 5, "io1": 100, "io2": 100}.get(kind, 20)
    most = 3072 if kind == "standard" else 65536
    if not least <= size <= most:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid storage size for engine name postgres and storage type {kind}: {size}. It must be from {least} to {most} GiB.",
        )


@rule("rds", "ModifyDBInstance", source=GUIDE + "USER_PIOPS.ModifyingExisting.html")
def storage_does_not_shrink(call: Call) -> None:
    instance = rds(call).databases.get(call.parameters["DBInstanceIdentifier"])
    size = call.parameters.get("AllocatedStorage")
    if instance and size is not None and size < instance.allocated_storage:
        raise Refusal(
            "InvalidParameterCombination",
            "Invalid storage modification: the requested storage is less than the current one.",
        )
    if instance and size is not None and instance.allocated_storage * 10 < size * 10 < instance.allocated_storage * 11:
        raise Refusal(
            "InvalidParameterCombination", "Invalid storage modification: it must grow by 10 percent or more."
        )


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=CREATE)
def backups_are_kept_35_days_at_most(call: Call) -> None:
    days = call.parameters.get("BackupRetentionPeriod")
    if days is not None and not 0 <= days <= 35:
        raise Refusal("InvalidParameterValue", f"Invalid backup retention period: {days}. It must be between 0 and 35.")


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=CREATE)
def ports_are_above_1150(call: Call) -> None:
    port = call.parameters.get("Port") or call.parameters.get("DBPortNumber")
    if port is not None and not 1150 <= port <= 65535:
        raise Refusal("InvalidParameterValue", f"Invalid database port: {port}. It must be from 1150 to 65535.")


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=CREATE)
def backup_windows_are_half_an_hour_of_a_day(call: Call) -> None:
    window = call.parameters.get("PreferredBackupWindow")
    if window is None:
        return
    if not WINDOW.fullmatch(window):
        raise Refusal(
            "InvalidParameterValue",
            f"The parameter PreferredBackupWindow is not valid: {window}. Its form is hh24:mi-hh24:mi.",
        )
    begin, end = ((int(each[:2]) * 60 + int(each[3:])) for each in window.split("-"))
    if (end - begin) % 1440 < 30:
        raise Refusal("InvalidParameterValue", "The backup window must be at least 30 minutes.")


@rule("rds", "CreateDBSubnetGroup", "ModifyDBSubnetGroup", source=GUIDE + "USER_VPC.WorkingWithRDSInstanceinaVPC.html")
def subnet_groups_span_two_zones_of_one_vpc(call: Call) -> None:
    known = {subnet.id: subnet for zone in ec2(call).subnets.values() for subnet in zone.values()}
    wanted = call.parameters.get("SubnetIds", [])
    missing = [each for each in wanted if each not in known]
    if missing:
        raise Refusal("InvalidSubnet", f"The subnet ID '{missing[0]}' does not exist")
    subnets = [known[each] for each in wanted]
    if len({each.vpc_id for each in subnets}) > 1:
        raise Refusal("InvalidSubnet", "All the subnets of a DB subnet group must be in the same VPC.")
    zones = {each.availability_zone for each in subnets}
    if len(zones) < 2:
        raise Refusal(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(sorted(zones))}. Add subnets to cover at least 2 AZs.",
        )


@rule("rds", "ModifyDBSubnetGroup", source=REFERENCE + "API_ModifyDBSubnetGroup.html")
def subnets_in_use_stay(call: Call) -> None:
    name, wanted = call.parameters["DBSubnetGroupName"].lower(), set(call.parameters.get("SubnetIds", []))
    for instance in users(call, name):
        interface = instance.machine.interface if getattr(instance, "machine", None) else None
        if interface and interface.subnet.id not in wanted:
            raise Refusal(
                "SubnetAlreadyInUse",
                f"The DB subnet group cannot lose subnet {interface.subnet.id}: it is in use by an instance.",
            )


@rule("rds", "CreateDBSubnetGroup", source=REFERENCE + "API_CreateDBSubnetGroup.html")
def subnet_groups_have_names(call: Call) -> None:
    name = call.parameters.get("DBSubnetGroupName", "")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._-]{0,254}", name) or name.lower() == "default":
        raise Refusal("InvalidParameterValue", f"The parameter DBSubnetGroupName is not valid: '{name}'.")
    if name.lower() in {each.lower() for each in rds(call).subnet_groups}:
        raise Refusal("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")


def users(call: Call, subnet_group: str) -> list[Any]:
    return [
        each
        for each in rds(call).databases.values()
        if getattr(each, "db_subnet_group", None) is not None and each.db_subnet_group.name == subnet_group
    ]


@rule("rds", "DeleteDBSubnetGroup", source=REFERENCE + "API_DeleteDBSubnetGroup.html")
def subnet_groups_in_use_stay(call: Call) -> None:
    name = call.parameters["DBSubnetGroupName"].lower()
    if found := users(call, name):
        raise Refusal(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance: {found[0].db_instance_identifier} is still using it.",
        )


@rule("rds", "CreateDBParameterGroup", source=REFERENCE + "API_CreateDBParameterGroup.html")
def parameter_groups_have_names_and_families(call: Call) -> None:
    name, family = call.parameters.get("DBParameterGroupName", ""), call.parameters.get("DBParameterGroupFamily", "")
    if not re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,254}(?<!-)", name):
        raise Refusal(
            "InvalidParameterValue",
            "The parameter DBParameterGroupName is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII "
            "letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
        )
    if family.startswith("postgres") and family.removeprefix("postgres") not in catalog.MINORS:
        raise Refusal("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family")


@rule("rds", "ModifyDBParameterGroup", source=REFERENCE + "API_ModifyDBParameterGroup.html")
def parameters_exist_and_have_their_values(call: Call) -> None:
    name, given = call.parameters["DBParameterGroupName"], call.parameters.get("Parameters", [])
    if name.startswith("default."):
        raise Refusal("InvalidDBParameterGroupState", "Default parameter groups cannot be modified.")
    if len(given) > 20:
        raise Refusal("InvalidParameterValue", "A maximum of 20 parameters can be modified in a single request.")
    group = rds(call).db_parameter_groups.get(name)
    if group is None or not (group.family or "").startswith("postgres"):
        return
    for each in given:
        known = catalog.PARAMETERS.get(each.get("ParameterName", ""))
        if known is None:
            raise Refusal("InvalidParameterValue", f"Could not find parameter with name: {each.get('ParameterName')}")
        kind, static, allowed, _, _ = known
        if static and each.get("ApplyMethod") == "immediate":
            raise Refusal("InvalidParameterCombination", "cannot use immediate apply method for static parameter")
        value = each.get("ParameterValue", "")
        if kind == "boolean" and value not in ("0", "1"):
            raise Refusal(
                "InvalidParameterValue",
                f"Invalid parameter value: {value} for: {each['ParameterName']} allowed values are: {allowed}",
            )


@rule("rds", "DeleteDBParameterGroup", source=REFERENCE + "API_DeleteDBParameterGroup.html")
def parameter_groups_in_use_stay(call: Call) -> None:
    name = call.parameters["DBParameterGroupName"]
    if name.startswith("default."):
        raise Refusal("InvalidDBParameterGroupState", "Default parameter groups cannot be deleted.")
    for instance in rds(call).databases.values():
        if (instance.db_parameter_group_name or "").lower() == name.lower():
            raise Refusal(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group.",
            )


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=GUIDE + "USER_WorkingWithParamGroups.html")
def families_fit_versions(call: Call) -> None:
    name = call.parameters.get("DBParameterGroupName")
    if not name or engine_of(call) != "postgres":
        return
    group = rds(call).db_parameter_groups.get(name)
    instance = rds(call).databases.get(call.parameters.get("DBInstanceIdentifier", ""))
    version = call.parameters.get("EngineVersion") or (instance.engine_version if instance else max(catalog.MINORS))
    family = f"postgres{version.split('.')[0]}"
    if group and group.family != family:
        raise Refusal(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for this instance. "
            f"Use a parameter group with DBParameterGroupFamily {family}.",
        )


@rule("rds", "CreateDBInstance", "ModifyDBInstance", source=GUIDE + "Overview.RDSSecurityGroups.html")
def security_groups_are_of_the_instances_vpc(call: Call) -> None:
    groups = call.parameters.get("VpcSecurityGroupIds") or []
    name = call.parameters.get("DBSubnetGroupName")
    instance = rds(call).databases.get(call.parameters.get("DBInstanceIdentifier", ""))
    subnet_group = rds(call).subnet_groups.get(name) if name else getattr(instance, "db_subnet_group", None)
    for identifier in groups:
        group = ec2(call).get_security_group_from_id(identifier)
        if group is None:
            raise Refusal("InvalidParameterValue", f"Invalid security group , groupId= {identifier}, groupName=.")
        if subnet_group and group.vpc_id != subnet_group.vpc_id:
            raise Refusal(
                "InvalidVPCNetworkStateFault",
                f"The DB instance and EC2 security group are in different VPCs. The DB instance is in {subnet_group.vpc_id} and the EC2 "
                f"security group is in {group.vpc_id}",
            )


@rule("rds", "ModifyDBInstance", source=MODIFY)
def major_upgrades_are_asked_for(call: Call) -> None:
    version = call.parameters.get("EngineVersion")
    instance = rds(call).databases.get(call.parameters["DBInstanceIdentifier"])
    if not version or not instance or instance.engine != "postgres":
        return
    now, wanted = (tuple(map(int, each.split("."))) for each in (instance.engine_version, version))
    if wanted < now:
        raise Refusal(
            "InvalidParameterCombination", f"Cannot upgrade postgres from {instance.engine_version} to {version}"
        )
    if wanted[0] > now[0] and not call.parameters.get("AllowMajorVersionUpgrade"):
        raise Refusal(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )


@rule("rds", "DeleteDBInstance", source=REFERENCE + "API_DeleteDBInstance.html")
def a_last_snapshot_is_taken_or_waived(call: Call) -> None:
    snapshot, skipped = call.parameters.get("FinalDBSnapshotIdentifier"), call.parameters.get("SkipFinalSnapshot")
    if call.parameters["DBInstanceIdentifier"] not in rds(call).databases:
        return
    if not skipped and not snapshot:
        raise Refusal(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if skipped and snapshot:
        raise Refusal(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true.",
        )


@rule("rds", "StopDBInstance", "CreateDBSnapshot", source=GUIDE + "USER_StopInstance.html")
def only_what_runs_is_stopped_or_saved(call: Call) -> None:
    instance = rds(call).databases.get(call.parameters["DBInstanceIdentifier"])
    if instance and instance.status != "available" and call.operation == "CreateDBSnapshot":
        raise Refusal(
            "InvalidDBInstanceState",
            f"Cannot create a snapshot because the database instance {instance.db_instance_identifier} is "
            f"not currently in the available state.",
        )
