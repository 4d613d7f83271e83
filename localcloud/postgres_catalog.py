"""What RDS offers of PostgreSQL: versions, classes, parameters.

https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-versions.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Support.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html
"""

from __future__ import annotations

import datetime
from typing import Any

MINORS = {
    "13": (20, 21, 22, 23),
    "14": (17, 18, 19, 20, 22),
    "15": (12, 13, 14, 15, 17),
    "16": (8, 9, 10, 11, 13),
    "17": (4, 5, 6, 7, 9),
    "18": (1, 3),
}
VERSIONS = [f"{major}.{minor}" for major, minors in MINORS.items() for minor in minors]

GIB = 1 << 30
# Memory in GiB.
CLASSES = {
    "db.t3.micro": 1,
    "db.t3.small": 2,
    "db.t3.medium": 4,
    "db.t3.large": 8,
    "db.t3.xlarge": 16,
    "db.t3.2xlarge": 32,
    "db.t4g.micro": 1,
    "db.t4g.small": 2,
    "db.t4g.medium": 4,
    "db.t4g.large": 8,
    "db.t4g.xlarge": 16,
    "db.t4g.2xlarge": 32,
    "db.m5.large": 8,
    "db.m5.xlarge": 16,
    "db.m5.2xlarge": 32,
    "db.m6g.large": 8,
    "db.m6g.xlarge": 16,
    "db.m6i.large": 8,
    "db.m6i.xlarge": 16,
    "db.m7g.large": 8,
    "db.m7g.xlarge": 16,
    "db.r5.large": 16,
    "db.r6g.large": 16,
    "db.r6i.large": 16,
    "db.r7g.large": 16,
}
STORAGE_TYPES = ("standard", "gp2", "gp3", "io1", "io2")

# Name: (data type, whether it needs a reboot, allowed values, description, default).
PARAMETERS: dict[str, tuple[str, bool, str, str, str | None]] = {
    "autovacuum": ("boolean", False, "0,1", "Starts the autovacuum subprocess.", "1"),
    "idle_in_transaction_session_timeout": (
        "integer",
        False,
        "0-2147483647",
        "(ms) Idle transactions end.",
        "86400000",
    ),
    "log_connections": ("boolean", False, "0,1", "Logs each successful connection.", None),
    "log_disconnections": ("boolean", False, "0,1", "Logs end of a session, including duration.", None),
    "log_min_duration_statement": ("integer", False, "-1-2147483647", "(ms) Logs statements that take longer.", None),
    "log_statement": ("string", False, "none,ddl,mod,all", "Sets the type of statements logged.", None),
    "maintenance_work_mem": ("integer", False, "1024-2147483647", "(kB) Memory of maintenance.", None),
    "max_connections": ("integer", True, "6-262143", "Sets the maximum number of connections.", None),
    "rds.force_ssl": ("boolean", False, "0,1", "Force SSL connections.", None),
    "shared_buffers": ("integer", True, "16-1073741823", "(8kB) Shared memory buffers.", None),
    "shared_preload_libraries": (
        "list",
        True,
        "pg_stat_statements,pgaudit,pg_cron",
        "Lists libraries to preload.",
        None,
    ),
    "ssl_min_protocol_version": ("string", False, "TLSv1.2,TLSv1.3", "Minimum SSL/TLS protocol version.", None),
    "statement_timeout": ("integer", False, "0-2147483647", "(ms) Maximum duration of a statement.", None),
    "work_mem": ("integer", False, "64-2147483647", "(kB) Memory of a sort or hash.", None),
}


def default(name: str, family: str) -> str | None:
    """A parameter's value where nobody sets it. TLS is required from PostgreSQL 15 on.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    """
    if name == "rds.force_ssl":
        return "1" if int(family.removeprefix("postgres").split(".")[0] or 0) >= 15 else "0"
    return PARAMETERS[name][4]


def parameters(family: str | None, changed: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """As DescribeDBParameters gives them; a default that is not set has no value."""
    if not (family or "").startswith("postgres"):
        return [{"IsModifiable": True, "DataType": "string", "Source": "user", **each} for each in changed.values()]
    described = []
    for name, (kind, reboot, allowed, description, _) in PARAMETERS.items():
        parameter: dict[str, Any] = {
            "ParameterName": name,
            "Description": description,
            "Source": "system" if default(name, family or "") else "engine-default",
            "ApplyType": "static" if reboot else "dynamic",
            "DataType": kind,
            "AllowedValues": allowed,
            "IsModifiable": True,
            "ApplyMethod": "pending-reboot",
        }
        if (value := default(name, family or "")) is not None:
            parameter["ParameterValue"] = value
        if name in changed:
            parameter |= {**changed[name], "Source": "user"}
        described.append(parameter)
    return described


def engine_version(version: str) -> dict[str, Any]:
    major = version.split(".")[0]
    newer = [each for each in VERSIONS if tuple(map(int, each.split("."))) > tuple(map(int, version.split(".")))]
    return {
        "Engine": "postgres",
        "MajorEngineVersion": major,
        "EngineVersion": version,
        "DBParameterGroupFamily": f"postgres{major}",
        "DBEngineDescription": "PostgreSQL",
        "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
        "ValidUpgradeTarget": [
            {
                "Engine": "postgres",
                "EngineVersion": each,
                "Description": f"PostgreSQL {each}-R1",
                "AutoUpgrade": False,
                "IsMajorVersionUpgrade": each.split(".")[0] != major,
            }
            for each in newer
        ],
        "ExportableLogTypes": ["postgresql", "upgrade", "iam-db-auth-error"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": True,
        "SupportedCACertificateIdentifiers": ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"],
        "Status": "available",
    }


def orderable(region: str) -> list[dict[str, Any]]:
    return [
        {
            "Engine": "postgres",
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": [{"Name": f"{region}{letter}"} for letter in "abc"],
            "MultiAZCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": storage,
            "MinStorageSize": 20,
            "MaxStorageSize": 65536,
        }
        for version in VERSIONS
        for name in CLASSES
        for storage in ("gp2", "gp3")
    ]


def max_connections(name: str) -> int:
    """LEAST({DBInstanceClassMemory/9531392}, 5000); the instance's memory is less than its class's by what RDS itself needs.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
    """
    return min(int(CLASSES.get(name, 1) * GIB * 0.72 / 9531392), 5000)


def certificates(region: str, account: str) -> list[dict[str, Any]]:
    begin = datetime.datetime(2021, 5, 21, tzinfo=datetime.UTC)
    return [
        {
            "CertificateIdentifier": name,
            "CertificateType": "CA",
            "ValidFrom": begin,
            "ValidTill": begin.replace(year=begin.year + years),
            "CertificateArn": f"arn:aws:rds:{region}::cert:{name}",
            "CustomerOverride": False,
        }
        for name, years in (("rds-ca-rsa2048-g1", 40), ("rds-ca-rsa4096-g1", 100), ("rds-ca-ecc384-g1", 100))
    ]
