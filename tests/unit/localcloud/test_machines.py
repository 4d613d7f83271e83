"""Instances as machines: what the file says, the networks that follow from what is described, and what State Manager makes of it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from localcloud import ACCOUNT, hooks
from localcloud.machines import plan, topology
from localcloud.systems_manager import application
from machines import network

FILE = """
machines:
  - tags: {Role: nat}
  - {tags: {Role: web}, names: ["^web", "{{ environ.KERNELS }}"], type: kernel, memory: 200}
  - {tags: {Role: web}, names: "{{ environ.NAMES | default('') }}", disk: 300}
internet:
  - {address: 198.51.100.10, port: 80, folder: "{{ here }}/www"}
playbooks:
  - playbook: web.yml
    vars_files: [vars.yml]
    mounts: {"{{ path }}": "{{ targets[zone] }}"}
    options: [--skip-tags, "{{ skipped }}"]
"""


def test_the_file_says_which_instances_are_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMES", "-a1$")
    monkeypatch.setenv("KERNELS", "-a2$")
    (tmp_path / "machines.yml").write_text(FILE)
    found = plan.read(tmp_path / "machines.yml")
    nat, web = found.kind({"Role": "nat", "Name": "x"}), found.kind({"Role": "web", "Name": "web-a1"})
    assert nat
    assert web
    assert (nat.type, nat.disk, web.type, web.disk) == ("container", 8192, "container", 300)
    kernel = found.kind({"Role": "web", "Name": "web-a2"})
    assert kernel
    assert (kernel.type, kernel.disk, kernel.memory) == ("kernel", 8192, 200)
    assert found.kind({"Role": "web", "Name": "other-web-a2"}) is None, "each expression must be found"
    assert found.kind({"Role": "web", "Name": "web-b1"}) is None
    assert found.kind({"Role": "web"}) is None
    assert found.kind({}) is None
    assert found.internet == ({"address": "198.51.100.10", "port": 80, "folder": f"{tmp_path}/www"},)
    facts = {"path": "/share", "zone": "b", "targets": {"b": "10.0.0.20"}, "skipped": "mount,run"}
    assert plan.mounts(found.entry("web.yml"), facts) == {"/share": "10.0.0.20"}
    assert plan.options(found.entry("web.yml"), facts) == ["--skip-tags", "mount,run"]
    assert plan.options(found.entry("other.yml"), facts) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "must be a mapping that has machines"),
        ("machines: []", "must be a mapping that has machines"),
        ("{machines: [{tag: {}}]}", "machines has no tag"),
        ("{machines: [{tags: {}}], hosts: []}", "has no hosts"),
        ("{machines: [{kind: cloud}]}", "machines has no kind"),
        ("{machines: [{type: cloud}]}", "no type cloud, but container and kernel"),
        ("{machines: [{names: '('}]}", r"names \(:"),
        ("{machines: [{tags: {}}], internet: [{folder: '{{ nothing }}'}]}", "nothing"),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_the_mistake_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "machines.yml").write_text(content)
    with pytest.raises(plan.Mistake, match=words):
        plan.read(tmp_path / "machines.yml")


def test_the_networks_are_those_that_are_described() -> None:
    def table(vpc: str, association: dict, *routes: dict) -> dict:
        local = {"DestinationCidrBlock": "10.0.0.0/8", "GatewayId": "local", "State": "active"}
        return {
            "VpcId": vpc,
            "Associations": [association],
            "Routes": [local, *({"State": "active", **each} for each in routes)],
        }

    everywhere, other = {"DestinationCidrBlock": "0.0.0.0/0"}, {"DestinationCidrBlock": "10.2.0.0/23"}
    home: dict[str, list[dict[str, Any]]] = {
        "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/23"}, {"VpcId": "vpc-9", "CidrBlock": "10.9.0.0/16"}],
        "subnets": [
            {"SubnetId": "public", "VpcId": "vpc-1", "CidrBlock": "10.1.0.0/24"},
            {"SubnetId": "private", "VpcId": "vpc-1", "CidrBlock": "10.1.1.0/24"},
            {"SubnetId": "unused", "VpcId": "vpc-9", "CidrBlock": "10.9.0.0/24"},
        ],
        "route_tables": [
            table("vpc-1", {"Main": True}, {**everywhere, "NetworkInterfaceId": "eni-1"}, {**other, "VpcPeeringConnectionId": "pcx-1"}),
            table("vpc-1", {"SubnetId": "public"}, {**everywhere, "GatewayId": "igw-1"}, {**other, "GatewayId": "vgw-1"},
                  {"DestinationCidrBlock": "10.4.0.0/24", "InstanceId": "i-2"}),
        ],
        "network_interfaces": [{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.1.0.10"}],
        "instances": [
            {"InstanceId": "i-1", "VpcId": "vpc-1", "PrivateIpAddress": "10.1.0.10", "PublicIpAddress": "54.0.0.1"},
            {"InstanceId": "i-2", "VpcId": "vpc-1", "PrivateIpAddress": "10.1.1.10"},
            {"InstanceId": "i-3", "State": {"Name": "terminated"}},
        ],
    }  # fmt: skip
    pair = {"RequesterVpcInfo": {"VpcId": "vpc-1"}, "AccepterVpcInfo": {"VpcId": "vpc-2"}}
    away: dict[str, list[dict[str, Any]]] = {
        "vpcs": [{"VpcId": "vpc-2", "CidrBlock": "10.2.0.0/23", "CidrBlockAssociationSet": [{"CidrBlock": "10.2.0.0/23"}, {"CidrBlock": "10.3.0.0/24"}]}],
        "subnets": [{"SubnetId": "far", "VpcId": "vpc-2", "CidrBlock": "10.2.0.0/24"}],
        "route_tables": [table("vpc-2", {"Main": True}, {**everywhere, "InstanceId": "i-1", "State": "blackhole"})],
        "vpc_peering_connections": [
            {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}, **pair},
            {"VpcPeeringConnectionId": "pcx-2", "Status": {"Code": "deleted"}, **pair},
        ],
    }  # fmt: skip
    stores = {"fs-1": {"vpc": "vpc-1", "targets": {}, "callers": []}}
    found = topology.network({"us-east-1": home, "us-west-2": away}, {"vpc-1", "vpc-2"}, ["198.51.100.10"], stores)
    assert found == {
        "vpcs": {
            "vpc-1": {
                "cidrs": ["10.1.0.0/23"],
                "subnets": {
                    "public": {"cidr": "10.1.0.0/24", "routes": [["0.0.0.0/0", "internet", ""], ["10.2.0.0/23", "nowhere", "vgw-1"], ["10.4.0.0/24", "host", "10.1.1.10"]]},
                    "private": {"cidr": "10.1.1.0/24", "routes": [["0.0.0.0/0", "host", "10.1.0.10"], ["10.2.0.0/23", "peering", "pcx-1"]]},
                },
                "public": {"54.0.0.1": "10.1.0.10"},
            },
            "vpc-2": {
                "cidrs": ["10.2.0.0/23", "10.3.0.0/24"],
                "subnets": {"far": {"cidr": "10.2.0.0/24", "routes": [["0.0.0.0/0", "nowhere", ""]]}},
                "public": {},
            },
        },
        "peerings": {"pcx-1": ["vpc-1", "vpc-2"]},
        "stores": stores,
        "internet": ["198.51.100.10"],
    }  # fmt: skip
    alone = topology.network({"us-east-1": home, "us-west-2": away}, {"vpc-2"}, [], {})
    assert (set(alone["vpcs"]), alone["peerings"]) == ({"vpc-2"}, {})


def test_links_between_namespaces_share_no_address() -> None:
    found = [address for number in range(300) for address in network.ends(number)]
    assert len(set(found)) == 600
    assert found[:2] == ["169.254.0.1", "169.254.0.2"]
    rules = network.rules(
        {"54.0.0.1": "10.1.0.10", "54.0.0.2": "10.1.0.11"}, [["10.1.0.11", "10.1.1.20"], ["10.2.0.10", "10.1.1.20"]]
    )
    assert "{ 54.0.0.1 : 10.1.0.10, 54.0.0.2 : 10.1.0.11 }" in rules
    assert "{ 10.1.0.10 : 54.0.0.1, 10.1.0.11 : 54.0.0.2 }" in rules
    assert re.search(r"set senders .*\{ 10.1.0.10, 10.1.0.11 \}", rules)
    assert re.search(r"set callers .*\{ 10.1.0.11 . 10.1.1.20, 10.2.0.10 . 10.1.1.20 \}", rules)
    assert "elements" not in network.rules({}, []), "nft takes no empty list"


def test_stores_are_at_the_mount_targets_that_are_available() -> None:
    def target(system: str, address: str, subnet: str, state: str = "available") -> dict[str, str]:
        return {"FileSystemId": system, "IpAddress": address, "SubnetId": subnet, "LifeCycleState": state}

    home: dict[str, list[dict[str, Any]]] = {
        "subnets": [{"SubnetId": "a", "VpcId": "vpc-1"}, {"SubnetId": "b", "VpcId": "vpc-1"}],
        "mount_targets": [
            target("fs-1", "10.1.0.20", "a"),
            target("fs-1", "10.1.1.20", "b"),
            target("fs-2", "10.1.0.21", "a", "creating"),
            target("fs-3", "10.9.0.20", "deleted with its VPC"),
        ],
    }
    away = {
        "subnets": [{"SubnetId": "far", "VpcId": "vpc-2"}],
        "mount_targets": [target("fs-4", "10.2.0.20", "far")],
    }
    assert topology.stores({"us-east-1": home, "us-west-2": away}) == {
        "fs-1": {"vpc": "vpc-1", "targets": {"10.1.0.20": "a", "10.1.1.20": "b"}},
        "fs-4": {"vpc": "vpc-2", "targets": {"10.2.0.20": "far"}},
    }


@pytest.mark.parametrize("answer", [(0, "done", ""), (2, "PLAY RECAP", "no way")])
def test_what_a_machine_says_is_what_came_of_the_document(monkeypatch: pytest.MonkeyPatch, answer: tuple) -> None:
    """And nothing is done in its place."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("web.yml", "no playbook")  # which the check of its syntax would refuse
    bucket = f"machines-{answer[0]}"
    s3_backends[ACCOUNT]["aws"].create_bucket(bucket, "us-east-1")
    s3_backends[ACCOUNT]["aws"].put_object(bucket, "hosts.zip", content.getvalue())
    asked = []

    def machine(*, order: application.Order, bundle: bytes) -> tuple:
        asked.append((order, bundle))
        return answer

    monkeypatch.setitem(hooks.LISTENERS, "ssm.run", [machine])
    monkeypatch.setitem(hooks.LISTENERS, "ssm.apply", [lambda **_: pytest.fail("a machine was stood in for")])
    source = json.dumps({"path": f"https://{bucket}.s3.us-east-1.amazonaws.com/hosts.zip"})
    parameters = {"SourceType": ["S3"], "SourceInfo": [source], "PlaybookFile": ["web.yml"]}
    order = application.Order(ACCOUNT, "us-east-1", "i-1", "AWS-ApplyAnsiblePlaybooks", parameters)
    outcome = application.apply(order)
    assert asked == [(order, content.getvalue())]
    assert (outcome.succeeded, outcome.code, outcome.stdout) == (answer[0] == 0, answer[0], answer[1])
    assert outcome.stderr.startswith(answer[2])
