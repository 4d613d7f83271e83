"""The database and the function of the deployed system: what a run finds changed it puts right, and secrets stay secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from .playbooks import Cloud, Run

UID = "11111111-1111-4111-8111-111111111111"
DATABASE, FUNCTION, MIGRATION = "lks-database", "lks-conversations", "lks-conversations-migrate"
PASSWORDS = ("/lks-llm/database/admin-password", "/lks-llm/database/user-password")

pytestmark = pytest.mark.long


class Account:
    """Clients of the home region, and what tests ask of them."""

    def __init__(self, cloud: Cloud) -> None:
        def client(service: str) -> Any:
            return boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{cloud.port}",
                aws_access_key_id="localcloud",
                aws_secret_access_key="localcloud",
            )

        self.rds, self.ssm, self.functions = client("rds"), client("ssm"), client("lambda")

    def passwords(self) -> list[str]:
        found = [self.ssm.get_parameter(Name=name, WithDecryption=True) for name in PASSWORDS]
        return [each["Parameter"]["Value"] for each in found]

    def invoke(self, name: str, **event: Any) -> Any:
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def conversations(self) -> dict[str, Any]:
        return self.invoke(
            FUNCTION,
            resource="/conversations/{uid}",
            path=f"/conversations/{UID}",
            httpMethod="GET",
            pathParameters={"uid": UID},
            queryStringParameters=None,
            headers={},
            body=None,
            isBase64Encoded=False,
            requestContext={"requestId": "r", "authorizer": {"claims": {"sub": UID}}},
        )


@pytest.fixture(scope="module")
def account(cloud: Cloud, first_run: Run) -> Iterator[Account]:
    yield Account(cloud)


def test_the_function_reaches_the_database_with_rights_of_its_own(account: Account) -> None:
    assert account.invoke(MIGRATION, action="status")["changed"] is False
    assert account.conversations()["statusCode"] == 200


def test_drift_and_changed_passwords_are_put_right_and_told_to_nobody(cloud: Cloud, account: Account) -> None:
    before = account.passwords()
    for name in PASSWORDS:
        account.ssm.put_parameter(
            Name=name, Value=f"Another-{name[-14:].strip('/')}-1", Type="SecureString", Overwrite=True
        )
    account.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, BackupRetentionPeriod=1, ApplyImmediately=True)
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}
    account.rds.modify_db_parameter_group(DBParameterGroupName="lks-database-parameters", Parameters=[parameter])
    account.functions.update_function_configuration(FunctionName=FUNCTION, MemorySize=128)

    repaired = cloud.play("site.yml", "-vvv", "--diff", run="repair").must_succeed()

    instance = account.rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]
    assert instance["BackupRetentionPeriod"] == 7
    parameters = account.rds.describe_db_parameters(DBParameterGroupName="lks-database-parameters")["Parameters"]
    assert {each["ParameterName"]: each.get("ParameterValue") for each in parameters}["rds.force_ssl"] == "1"
    assert account.functions.get_function_configuration(FunctionName=FUNCTION)["MemorySize"] == 256
    assert account.invoke(MIGRATION, action="status")["changed"] is False
    assert account.conversations()["statusCode"] == 200
    after = account.passwords()
    assert not set(before) & set(after)
    assert not [word for word in (*before, *after) if word in repaired.output]

    again = cloud.play("site.yml", run="after-repair").must_succeed()
    assert again.changed == set()
    assert cloud.requests("after-repair")["writes"] == {}
