# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Database: PostgreSQL with pgvector (D-1)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged


def numbers(version):
    return [int(part) for part in version.split(".") if part.isdigit()]


def there(system):
    """D-1"""
    try:
        database = system.database
    except NotJudged:
        yield Finding(f"there is no database in {system.home.region}", f"{system.prefix}database", missing=True)
        return
    if database["DBInstanceStatus"] in (
        "failed",
        "stopped",
        "stopping",
        "storage-full",
        "incompatible-network",
        "incompatible-parameters",
    ):
        yield Finding(
            f"{database['DBInstanceIdentifier']} is {database['DBInstanceStatus']}",
            database["DBInstanceArn"],
            expected="available",
        )


def engine(system):
    """D-1. pgvector comes with 15.2 and newer: https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/"""
    database, lowest = system.database, system.expected["database_version"]
    if database["Engine"] != "postgres":
        yield Finding(f"the engine is {database['Engine']}", database["DBInstanceArn"], expected="postgres")
    elif numbers(database["EngineVersion"]) < numbers(lowest):
        yield Finding(
            f"the version is {database['EngineVersion']}", database["DBInstanceArn"], expected=f"{lowest} at least"
        )


def private(system):
    """D-1"""
    database = system.database
    if database.get("PubliclyAccessible"):
        yield Finding(f"{database['DBInstanceIdentifier']} is publicly accessible", database["DBInstanceArn"])
    subnets = {each["SubnetIdentifier"] for each in database.get("DBSubnetGroup", {}).get("Subnets", [])}
    for subnet in sorted(subnets - system.home.private_ids):
        yield Finding(f"its subnet group holds {subnet}, which is not private", database["DBInstanceArn"])


def encrypted(system):
    """D-1"""
    if not system.database.get("StorageEncrypted"):
        yield Finding("its storage is not encrypted", system.database["DBInstanceArn"])


def tls(system):
    """D-1. On by default from PostgreSQL 15 on: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html"""
    database = system.database
    default = "1" if numbers(database["EngineVersion"])[:1] >= [15] else "0"
    groups = {each["DBParameterGroupName"]: each["Parameters"] for each in system.home.part("db_parameter_groups")}
    for used in database.get("DBParameterGroups", []):
        name = used["DBParameterGroupName"]
        if groups.get(name, {}).get("rds.force_ssl", default) != "1":
            yield Finding(
                f"{name} lets clients connect without TLS", database["DBInstanceArn"], expected="rds.force_ssl = 1"
            )


def backups(system):
    """D-1"""
    if not system.database.get("BackupRetentionPeriod"):
        yield Finding("it keeps no backups", system.database["DBInstanceArn"])


def smallest(system):
    """D-1"""
    database = system.database
    if database["DBInstanceClass"] not in system.expected["database_classes"]:
        yield Finding(
            f"its class is {database['DBInstanceClass']}",
            database["DBInstanceArn"],
            expected=" or ".join(system.expected["database_classes"]),
        )


def password(system):
    """D-1. The value is not read: what counts is that it is kept where it is encrypted."""
    zone = system.home
    if system.database.get("MasterUserSecret"):
        return
    parameters = [
        each
        for each in zone.part("parameters")
        if any(part.startswith(system.prefix) for part in each["Name"].split("/"))
        and "password" in each["Name"].lower()
    ]
    secrets = [
        each for each in zone.part("secrets") if any(part.startswith(system.prefix) for part in each["Name"].split("/"))
    ]
    for each in parameters:
        if each["Type"] != "SecureString":
            yield Finding(f"the parameter {each['Name']} keeps a password as {each['Type']}", each["Name"])
    if not parameters and not secrets:
        yield Finding(
            "its password is kept neither in Secrets Manager nor as a SecureString",
            system.database["DBInstanceArn"],
            missing=True,
        )


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "D-1.there",
        "The database",
        there,
        "a database that is available",
        "Run {playbook}; it starts one that was stopped.",
        3,
        makes="database",
    ),
    Check("D-1.engine", "PostgreSQL that has pgvector", engine, "postgres of a version with pgvector", RERUN),
    Check("D-1.private", "Private", private, "no public access, private subnets alone", RERUN, 3),
    Check(
        "D-1.encrypted",
        "Encrypted",
        encrypted,
        "encrypted storage",
        "Make it anew from a copied, encrypted snapshot: it cannot be encrypted later.",
    ),
    Check("D-1.tls", "TLS enforced", tls, "no connections without TLS", RERUN),
    Check("D-1.backups", "Backups", backups, "automated backups", RERUN),
    Check("D-1.class", "The smallest class", smallest, "the smallest class", RERUN, 1),
    Check(
        "D-1.password",
        "Its password is kept encrypted",
        password,
        "a secret or a SecureString",
        RERUN,
        makes="database's password",
    ),
]
