"""What the control plane describes of the network, read by its own API in this process and kept until something changes.

    picture = PICTURES.current()        # or, in a coroutine, await PICTURES.now()
    picture.network                     # what the reachability engine asks
    picture.balancers[arn], picture.groups[arn]     # as Describe… answers, with Region, Attributes, Listeners, Rules, Targets

Reading is some hundred milliseconds' work, so only those parts are read again that a mutating call may have changed.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from localcloud import ACCOUNT, hooks, interfaces
from localcloud.dataplane.reader import AT_ONCE, SETTLE_PAUSE, SETTLE_SECONDS, Described, Part, Reader, list_of, listed
from plugins.module_utils.reachability import load
from plugins.module_utils.reachability.model import Network

BACKENDS = {
    "ec2": "ec2",
    "elbv2": "elbv2",
    "efs": "efs",
    "rds": "rds",
    "lambda": "awslambda",
    "apigateway": "apigateway",
}


def attributes(described: Described) -> dict[str, str]:
    """Of a balancer, listener or target group, by name."""
    return {each["Key"]: each.get("Value") or "" for each in described.get("Attributes", [])}


def instances(client: Any) -> list[Described]:
    return [each for found in listed(client, "describe_instances", "Reservations") for each in found["Instances"]]


def load_balancers(client: Any) -> list[Described]:
    found = listed(client, "describe_load_balancers", "LoadBalancers")
    for balancer in found:
        arn = balancer["LoadBalancerArn"]
        balancer["Attributes"] = client.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        balancer["Listeners"] = listed(client, "describe_listeners", "Listeners", LoadBalancerArn=arn)
        for listener in balancer["Listeners"]:
            which = {"ListenerArn": listener["ListenerArn"]}
            listener["Rules"] = listed(client, "describe_rules", "Rules", **which)
            listener["Attributes"] = client.describe_listener_attributes(**which)["Attributes"]
    return found


def target_groups(client: Any) -> list[Described]:
    found = listed(client, "describe_target_groups", "TargetGroups")
    for group in found:
        which = {"TargetGroupArn": group["TargetGroupArn"]}
        group["Attributes"] = client.describe_target_group_attributes(**which)["Attributes"]
        group["Targets"] = client.describe_target_health(**which)["TargetHealthDescriptions"]
    return found


def mount_targets(client: Any) -> list[Described]:
    systems = listed(client, "describe_file_systems", "FileSystems")
    return [
        each
        for system in systems
        for each in listed(client, "describe_mount_targets", "MountTargets", FileSystemId=system["FileSystemId"])
    ]


PARTS = {
    "vpcs": Part("ec2", list_of("describe_vpcs", "Vpcs")),
    "subnets": Part("ec2", list_of("describe_subnets", "Subnets")),
    "route_tables": Part("ec2", list_of("describe_route_tables", "RouteTables"), everywhere=True),
    "security_groups": Part("ec2", list_of("describe_security_groups", "SecurityGroups")),
    "network_acls": Part("ec2", list_of("describe_network_acls", "NetworkAcls")),
    "instances": Part("ec2", instances),
    "network_interfaces": Part(
        "ec2", list_of("describe_network_interfaces", "NetworkInterfaces"), ("elbv2", "efs", "rds", "lambda")
    ),
    "internet_gateways": Part("ec2", list_of("describe_internet_gateways", "InternetGateways")),
    "nat_gateways": Part("ec2", list_of("describe_nat_gateways", "NatGateways")),
    "vpc_peering_connections": Part(
        "ec2", list_of("describe_vpc_peering_connections", "VpcPeeringConnections"), everywhere=True
    ),
    "vpc_endpoints": Part("ec2", list_of("describe_vpc_endpoints", "VpcEndpoints")),
    "load_balancers": Part("elbv2", load_balancers),
    "target_groups": Part("elbv2", target_groups),
    "mount_targets": Part("efs", mount_targets),
    "db_instances": Part("rds", list_of("describe_db_instances", "DBInstances")),
    "functions": Part("lambda", list_of("list_functions", "Functions")),
    "vpc_links": Part("apigateway", list_of("get_vpc_links", "items")),
}


@dataclass
class Picture:
    regions: dict[str, dict[str, list[Described]]]
    network: Network
    total: int = 0  # of changes that it knows of
    taken: float = 0.0
    balancers: dict[str, Described] = field(default_factory=dict)
    groups: dict[str, Described] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # balancers' ARNs by DNS name
    memory: dict[Any, Any] = field(default_factory=dict)  # for whoever works something out from it

    def __post_init__(self) -> None:
        for region, parts in self.regions.items():
            for balancer in parts.get("load_balancers", []):
                self.balancers[balancer["LoadBalancerArn"]] = {**balancer, "Region": region}
                self.names[balancer["DNSName"].lower()] = balancer["LoadBalancerArn"]
            for group in parts.get("target_groups", []):
                self.groups[group["TargetGroupArn"]] = {**group, "Region": region}


class Pictures(Reader):
    """The newest picture. Threads share it."""

    def __init__(self) -> None:
        super().__init__(BACKENDS)
        self.reading = threading.Lock()
        self.picture: Picture | None = None

    def fresh(self) -> Picture | None:
        """The picture, if nothing can have changed since it was taken."""
        picture = self.picture
        if picture is None or picture.total != self.total:
            return None
        return None if self.settling and time.monotonic() - picture.taken > SETTLE_PAUSE else picture

    @property
    def settling(self) -> bool:
        """Whether something may become what it was asked to be without a further call."""
        with self.counting:
            slow = max((at for (service, _), at in self.changed.items() if service not in AT_ONCE), default=-math.inf)
        return time.monotonic() - slow < SETTLE_SECONDS

    def current(self) -> Picture:
        found = self.fresh()
        if found is None:
            with self.reading:
                return self.fresh() or self.take()
        return found

    def recent(self, seconds: float) -> Picture:
        """One that was right so many seconds ago, for whoever can do with that while much is changing."""
        found = self.picture
        return found if found and time.monotonic() - found.taken < seconds else self.current()

    def again(self) -> Picture:
        """Read again, whatever settles."""
        with self.reading:
            return self.take(pause=0)

    async def anew(self) -> Picture:
        return await asyncio.to_thread(self.again)

    async def now(self) -> Picture:
        found = self.fresh()
        return found if found is not None else await asyncio.to_thread(self.current)

    def take(self, pause: float = SETTLE_PAUSE) -> Picture:
        total, taken = self.total, time.monotonic()
        regions: dict[str, dict[str, list[Described]]] = {}
        for region in used_regions():
            parts = regions[region] = {}
            for name, part in PARTS.items():
                if interfaces.backend(BACKENDS[part.service], ACCOUNT, region) is not None:
                    parts[name] = self.read(region, name, part, pause)
        self.picture = Picture(regions, load({"regions": regions}), total, taken)
        return self.picture


def used_regions() -> list[str]:
    """Those in which something was asked of EC2: there are no networks elsewhere."""
    from moto.ec2.models import ec2_backends

    return sorted(ec2_backends[ACCOUNT]) if ACCOUNT in ec2_backends else []


PICTURES = Pictures()
hooks.on("aws.changed")(PICTURES.note)
