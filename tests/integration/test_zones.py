"""Zones, kinds and the prefix are data: three zones in three regions, another prefix, another set of workers, with no playbook touched. Its
workers are an Ollama that runs already, and what AWS is slow to make takes a hundredth of its time. A destroy leaves nothing of it and all
that is others', twice, and on an empty account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from ..ports import free_port
from .playbooks import ROOT, Cloud
from .sweep import left, others, others_remain

ZONES = {
    "zone-a": {"zone_region": "us-east-1", "zone_cidr": "10.20.0.0/23"},
    "zone-b": {"zone_region": "us-west-2", "zone_cidr": "10.30.0.0/22"},
    "zone-c": {"zone_region": "eu-central-1", "zone_cidr": "192.168.8.0/23"},
}
REGIONS = [zone["zone_region"] for zone in ZONES.values()]
VARIABLES = {
    "project_prefix": "demo",
    "worker_models": ["orca-mini"],
    "cloud_pace": 0.01,
    "worker_kinds": [
        {"name": "chat", "purpose": "chats", "paths": ["/api/chat", "/api/chat/*"], "priority": 20},
        {"name": "llm", "purpose": "the rest", "paths": ["/api/*"], "priority": 30, "instance_type": "t2.medium"},
    ],
}


@pytest.fixture
def own_cloud(tmp_path):
    cloud = Cloud(free_port(), tmp_path / "own")
    yield cloud
    cloud.stop()


@pytest.fixture
def ollama(tmp_path):
    """URL of a user's own."""
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "OLLAMA_HOST": address, "OLLAMA_MODELS": str(tmp_path / "models")}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "standin" / "ollama.py"), "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    yield f"http://{address}"
    process.kill()
    process.wait()


def test_three_zones_are_built_run_again_unchanged_and_removed(own_cloud, inventory, ollama):
    arguments = ["-i", inventory(ZONES), "-e", json.dumps({**VARIABLES, "local_ollama_url": ollama})]
    empty = own_cloud.play("playbooks/destroy.yml", *arguments, run="empty").must_succeed()
    assert empty.changed == set()
    others(own_cloud)

    own_cloud.play("site.yml", *arguments).must_succeed()
    assert left(own_cloud, REGIONS, "demo") != {}

    pace = own_cloud.control("pace")
    assert pace["factor"] == 0.01
    # Each was asked for, and nothing was used before it was there: AWS's rules would have refused it.
    assert {each["kind"] for each in pace["waits"]} >= {
        "database",
        "network load balancer",
        "application load balancer",
        "vpc link",
        "file system",
        "mount target",
        "instance",
        "managed instance",
        "association",
        "function",
    }
    served = own_cloud.control("hosts")
    assert len(served) == 12
    assert {(each["url"], each["pid"]) for each in served} == {(ollama, None)}
    with urllib.request.urlopen(f"{ollama}/api/tags") as answer:
        assert [model["name"] for model in json.load(answer)["models"]] == ["orca-mini:latest"]

    for name, zone in ZONES.items():
        ec2 = own_cloud.client("ec2", zone["zone_region"])
        vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"demo-vpc-{name}"]}])["Vpcs"][0]
        assert vpc["CidrBlock"] == zone["zone_cidr"]
        peerings = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
        active = [peering for peering in peerings if peering["Status"]["Code"] == "active"]
        assert len(active) == 2
        for table in ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["RouteTables"]:
            reached = {route["DestinationCidrBlock"] for route in table["Routes"]}
            assert reached == {"0.0.0.0/0", *(other["zone_cidr"] for other in ZONES.values())}
        workers = ec2.describe_instances(
            Filters=[
                {"Name": "tag:Component", "Values": ["worker"]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
        )
        types = sorted(instance["InstanceType"] for item in workers["Reservations"] for instance in item["Instances"])
        assert types == ["t2.large", "t2.large", "t2.medium", "t2.medium"]

    api = own_cloud.client("apigateway", "us-east-1")
    rest_api = next(item["id"] for item in api.get_rest_apis()["items"] if item["name"] == "demo-api-gateway")
    paths = {item["path"] for item in api.get_resources(restApiId=rest_api, limit=500)["items"]}
    assert {f"/{zone['zone_region']}/{{proxy+}}" for zone in ZONES.values()} <= paths
    elb = own_cloud.client("elbv2", "us-east-1")
    balancer = elb.describe_load_balancers(Names=["demo-nlb-zone-a"])["LoadBalancers"][0]
    ports = {
        listener["Port"]
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    }
    assert ports == {80, 81, 82}

    again = own_cloud.play("site.yml", *arguments, run="again").must_succeed()
    assert again.changed == set()
    assert sum(own_cloud.requests("again")["writes"].values()) == 0

    own_cloud.play("playbooks/destroy.yml", *arguments).must_succeed()
    assert left(own_cloud, REGIONS, "demo") == {}
    assert others_remain(own_cloud)

    twice = own_cloud.play("playbooks/destroy.yml", *arguments, run="twice").must_succeed()
    assert twice.changed == set()
    assert sum(own_cloud.requests("twice")["writes"].values()) == 0
