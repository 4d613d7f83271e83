"""Each of Lambda's rules refuses what AWS refuses, and lets pass what AWS takes."""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from moto.backends import get_backend

from localcloud import ACCOUNT, rules
from localcloud.rules import lambda_
from localcloud.services import iam

REGION = "eu-west-1"


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.mjs", text)
    return content.getvalue()


GOOD: dict[str, Any] = {
    "FunctionName": "f",
    "Runtime": "nodejs24.x",
    "Handler": "index.handler",
    "Role": f"arn:aws:iam::{ACCOUNT}:role/LabRole",
    "Code": {"ZipFile": packed(index="export const handler = () => 1")},
}


@pytest.fixture(scope="module", autouse=True)
def roles() -> None:
    iam.install()
    backend = get_backend("iam")[ACCOUNT]["aws"]
    if "Other" not in {each.name for each in backend.get_roles()}:
        trust = '{"Statement": [{"Principal": {"Service": "ec2.amazonaws.com"}}]}'
        backend.create_role("Other", trust, "/", None, "", [], "3600")


@pytest.fixture(scope="module")
def network() -> Any:
    ec2 = get_backend("ec2")[ACCOUNT][REGION]
    one, two = ec2.create_vpc("10.3.0.0/16"), ec2.create_vpc("10.4.0.0/16")
    return SimpleNamespace(
        subnet=ec2.create_subnet(one.id, "10.3.0.0/24", availability_zone=f"{REGION}a"),
        other=ec2.create_subnet(two.id, "10.4.0.0/24", availability_zone=f"{REGION}a"),
        group=ec2.create_security_group("functions", "d", one.id),
        foreign=ec2.create_security_group("others", "d", two.id),
    )


def ask(operation: str, **parameters: Any) -> None:
    rules.enforce(rules.Call("lambda", operation, parameters, REGION, ACCOUNT))


def refused(operation: str, **parameters: Any) -> str:
    with pytest.raises(rules.Refusal) as caught:
        ask(operation, **parameters)
    return f"{caught.value.status} {caught.value.code}: {caught.value.message}"


def test_what_aws_takes_passes(network: Any) -> None:
    vpc = {"SubnetIds": [network.subnet.id], "SecurityGroupIds": [network.group.id]}
    ask(
        "CreateFunction",
        **GOOD,
        VpcConfig=vpc,
        MemorySize=10240,
        Timeout=900,
        Environment={"Variables": {"DB_HOST": "x"}},
    )
    ask("UpdateFunctionConfiguration", FunctionName="f", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Runtime": "nodejs18.x"}, "no longer supported"),
        ({"Runtime": "nodejs99.x"}, "enum value set"),
        ({"Runtime": None}, "Runtime is mandatory"),
        ({"Handler": None}, "Handler is mandatory"),
        ({"MemorySize": 64}, "128 to 10240"),
        ({"MemorySize": 10241}, "128 to 10240"),
        ({"Timeout": 901}, "1 to 900"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"1ST": "x"}}}, "environment.variables"),
        ({"Environment": {"Variables": {"LONG": "x" * 4090}}}, "4KB"),
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/Nobody"}, "cannot be assumed"),
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/Other"}, "cannot be assumed"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip"),
        ({"Code": {"ZipFile": packed()}}, "non-empty zip"),
        ({"Code": {"ZipFile": b"x" * (lambda_.ZIPPED_BYTES + 1)}}, "413 RequestEntityTooLarge"),
        ({"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:{number}" for number in range(6)]}, "5 layers"),
        ({"VpcConfig": {"SubnetIds": ["subnet-0"], "SecurityGroupIds": ["sg-0"]}}, "InvalidSubnetID.NotFound"),
        ({"VpcConfig": {"SubnetIds": ["subnet-0"]}}, "or neither"),
    ],
)
def test_functions(change: dict[str, Any], says: str) -> None:
    assert says in refused("CreateFunction", **{**GOOD, **change})


def test_code_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_, "UNZIPPED_BYTES", 10)
    assert "Unzipped size" in refused("UpdateFunctionCode", FunctionName="f", ZipFile=packed(index="x" * 11))


def test_one_vpc(network: Any) -> None:
    for subnets, groups, says in (
        ([network.subnet.id], [network.foreign.id], "one VPC"),
        ([network.subnet.id, network.other.id], [network.group.id], "one VPC"),
        ([network.subnet.id], ["sg-00000000000000000"], "InvalidGroup.NotFound"),
    ):
        config = {"SubnetIds": subnets, "SecurityGroupIds": groups}
        assert says in refused("UpdateFunctionConfiguration", FunctionName="f", VpcConfig=config)


def test_a_hundred_stay_unreserved() -> None:
    ask("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=900)
    assert "below its minimum" in refused("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=901)


def test_statements_have_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    function = SimpleNamespace(function_name="f", policy=SimpleNamespace(statements=[{"Sid": "api"}]))
    backend = get_backend("lambda")[ACCOUNT][REGION]
    monkeypatch.setattr(backend, "list_functions", lambda: [function])
    ask("AddPermission", FunctionName="f", StatementId="other")
    for name in ("f", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"):
        assert refused("AddPermission", FunctionName=name, StatementId="api").startswith("409 ResourceConflict")


def test_events_are_not_too_large() -> None:
    ask("Invoke", FunctionName="f", Payload=b"x" * 2_000_000)
    assert "413" in refused("Invoke", FunctionName="f", Payload=b"x" * 6_291_457)
    assert "413" in refused("Invoke", FunctionName="f", Payload=b"x" * 2_000_000, InvocationType="Event")
