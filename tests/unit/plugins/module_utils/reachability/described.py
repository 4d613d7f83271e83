"""Builds described AWS state by hand: what boto3 returns, as short as a test can say it."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import Any

ACCOUNT = "123456789012"
Described = dict[str, Any]


def rule(protocol: str = "-1", ports: int | tuple[int, int] | None = None, *peers: str) -> Described:
    """A permission for CIDRs, groups and prefix lists, told apart by how they look."""
    permission: Described = {"IpProtocol": protocol, "IpRanges": [], "UserIdGroupPairs": [], "PrefixListIds": []}
    if ports is not None:
        permission["FromPort"], permission["ToPort"] = ports if isinstance(ports, tuple) else (ports, ports)
    for peer in peers:
        if peer.startswith("sg-"):
            permission["UserIdGroupPairs"].append({"GroupId": peer, "UserId": ACCOUNT})
        elif peer.startswith("pl-"):
            permission["PrefixListIds"].append({"PrefixListId": peer})
        else:
            permission["IpRanges"].append({"CidrIp": peer})
    return permission


ALL_TRAFFIC = rule("-1", None, "0.0.0.0/0")


def entry(
    number: int, allow: bool, cidr: str = "0.0.0.0/0", protocol: str = "-1", ports: tuple[int, int] | None = None
) -> Described:
    described: Described = {
        "RuleNumber": number,
        "RuleAction": "allow" if allow else "deny",
        "CidrBlock": cidr,
        "Protocol": protocol,
    }
    if ports:
        described["PortRange"] = {"From": ports[0], "To": ports[1]}
    return described


class Cloud:
    """Regions that fill up. Every method returns the id of what it adds; ids are counted, so that they are the same in
    every run.
    """

    def __init__(self) -> None:
        self.regions: dict[str, dict[str, list[Described]]] = {}
        self.counts: dict[str, int] = defaultdict(int)
        self.hosts: dict[str, int] = defaultdict(lambda: 4)
        self.region_of: dict[str, str] = {}
        self.found: dict[str, Described] = {}

    @property
    def snapshot(self) -> Described:
        return {"regions": self.regions}

    def add(self, region: str, part: str, identity: str, described: Described) -> str:
        self.regions.setdefault(region, defaultdict(list))[part].append(described)
        self.region_of[identity] = region
        self.found[identity] = described
        return identity

    def next(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}-{self.counts[kind]:04x}"

    def vpc(self, region: str, cidr: str) -> str:
        """With what comes along: a main route table with the local route, and a network ACL that lets all through."""
        identity = self.add(region, "vpcs", self.next("vpc"), {"CidrBlock": cidr})
        self.found[identity]["VpcId"] = identity
        self.table(identity, main=True)
        self.acl(identity, [entry(100, True)], [entry(100, True)], default=True)
        return identity

    def subnet(self, vpc: str, cidr: str, zone: str = "a") -> str:
        region = self.region_of[vpc]
        identity = self.next("subnet")
        return self.add(
            region,
            "subnets",
            identity,
            {"SubnetId": identity, "VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": region + zone},
        )

    def table(self, vpc: str, *subnets: str, main: bool = False) -> str:
        identity = self.next("rtb")
        cidr = self.found[vpc]["CidrBlock"]
        return self.add(
            self.region_of[vpc],
            "route_tables",
            identity,
            {
                "RouteTableId": identity,
                "VpcId": vpc,
                "Routes": [{"DestinationCidrBlock": cidr, "GatewayId": "local", "State": "active"}],
                "Associations": [{"Main": True}] if main else [{"Main": False, "SubnetId": each} for each in subnets],
            },
        )

    def main_table(self, vpc: str) -> str:
        tables = self.regions[self.region_of[vpc]]["route_tables"]
        return next(
            each["RouteTableId"]
            for each in tables
            if each["VpcId"] == vpc and any(association["Main"] for association in each["Associations"])
        )

    def route(self, table: str, destination: str, target: str, state: str = "active") -> None:
        keys = {"igw": "GatewayId", "vpce": "GatewayId", "nat": "NatGatewayId", "eni": "NetworkInterfaceId"}
        key = {**keys, "pcx": "VpcPeeringConnectionId", "tgw": "TransitGatewayId"}[target.split("-")[0]]
        where = "DestinationPrefixListId" if destination.startswith("pl-") else "DestinationCidrBlock"
        self.found[table]["Routes"].append({where: destination, key: target, "State": state})

    def acl(
        self, vpc: str, ingress: list[Described], egress: list[Described], *subnets: str, default: bool = False
    ) -> str:
        identity = self.next("acl")
        last = {"RuleNumber": 32767, "RuleAction": "deny", "CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
        entries = [{**each, "Egress": egress is side} for side in (ingress, egress) for each in (*side, last)]
        for each in self.regions[self.region_of[vpc]]["network_acls"]:
            each["Associations"] = [at for at in each["Associations"] if at["SubnetId"] not in subnets]
        return self.add(
            self.region_of[vpc],
            "network_acls",
            identity,
            {
                "NetworkAclId": identity,
                "VpcId": vpc,
                "IsDefault": default,
                "Entries": entries,
                "Associations": [{"SubnetId": each} for each in subnets],
            },
        )

    def internet_gateway(self, vpc: str) -> str:
        identity = self.next("igw")
        attachments = [{"VpcId": vpc, "State": "available"}]
        return self.add(
            self.region_of[vpc],
            "internet_gateways",
            identity,
            {"InternetGatewayId": identity, "Attachments": attachments},
        )

    def group(self, vpc: str, ingress: list[Described], egress: list[Described] | None = None) -> str:
        """Without a word on egress it lets all out, as AWS makes groups."""
        identity = self.next("sg")
        return self.add(
            self.region_of[vpc],
            "security_groups",
            identity,
            {
                "GroupId": identity,
                "VpcId": vpc,
                "IpPermissions": ingress,
                "IpPermissionsEgress": [ALL_TRAFFIC] if egress is None else egress,
            },
        )

    def interface(
        self, subnet: str, groups: list[str], *, address: str = "", public: str = "", description: str = "", **more: Any
    ) -> str:
        identity = self.next("eni")
        network = ipaddress.ip_network(self.found[subnet]["CidrBlock"])
        if not address:
            address = str(network[self.hosts[subnet]])
            self.hosts[subnet] += 1
        association = {"Association": {"PublicIp": public}} if public else {}
        return self.add(
            self.region_of[subnet],
            "network_interfaces",
            identity,
            {
                "NetworkInterfaceId": identity,
                "SubnetId": subnet,
                "VpcId": self.found[subnet]["VpcId"],
                "PrivateIpAddress": address,
                "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True, **association}],
                "Groups": [{"GroupId": each} for each in groups],
                "SourceDestCheck": True,
                "Description": description,
                "Status": "in-use",
                **association,
                **more,
            },
        )

    def instance(
        self,
        subnet: str,
        groups: list[str],
        *,
        public: str = "",
        forwards: bool = False,
        state: str = "running",
        address: str = "",
    ) -> str:
        identity = self.next("i")
        self.interface(
            subnet,
            groups,
            public=public,
            address=address,
            SourceDestCheck=not forwards,
            Attachment={"InstanceId": identity, "DeviceIndex": 0},
        )
        return self.add(
            self.region_of[subnet], "instances", identity, {"InstanceId": identity, "State": {"Name": state}}
        )

    def interface_of(self, instance: str) -> str:
        interfaces = self.regions[self.region_of[instance]]["network_interfaces"]
        return next(
            each["NetworkInterfaceId"]
            for each in interfaces
            if each.get("Attachment", {}).get("InstanceId") == instance
        )

    def address_of(self, name: str) -> str:
        return self.found[name if name.startswith("eni-") else self.interface_of(name)]["PrivateIpAddress"]

    def peer(self, requester: str, accepter: str, status: str = "active") -> str:
        identity = self.next("pcx")
        described = {
            "VpcPeeringConnectionId": identity,
            "Status": {"Code": status},
            "RequesterVpcInfo": {"VpcId": requester, "Region": self.region_of[requester]},
            "AccepterVpcInfo": {"VpcId": accepter, "Region": self.region_of[accepter]},
        }
        for region in {self.region_of[requester], self.region_of[accepter]}:
            self.add(region, "vpc_peering_connections", identity, described)
        return identity

    def target_group(
        self,
        vpc: str,
        kind: str,
        port: int,
        targets: list[str],
        *,
        protocol: str = "TCP",
        zone: str = "",
        **attributes: str,
    ) -> str:
        name = self.next("tg")
        region = self.region_of[vpc]
        arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/{name}/0001"
        zones = {"AvailabilityZone": zone} if zone else {}
        return self.add(
            region,
            "target_groups",
            arn,
            {
                "TargetGroupArn": arn,
                "TargetGroupName": name,
                "TargetType": kind,
                "Protocol": protocol,
                "Port": port,
                "VpcId": vpc,
                "Attributes": [{"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()],
                "TargetHealthDescriptions": [
                    {"Target": {"Id": each, "Port": port, **zones}, "TargetHealth": {"State": "healthy"}}
                    for each in targets
                ],
            },
        )

    def balancer(
        self,
        kind: str,
        subnets: list[str],
        listeners: list[Described],
        *,
        groups: list[str] | None = None,
        cross_zone: bool | None = None,
        public: dict[str, str] | None = None,
        seen: bool = True,
        **more: Any,
    ) -> str:
        """kind: app or net. public: addresses by subnet, of one that faces the internet. seen: whether its interfaces
        are described.
        """
        name = self.next(kind)
        region = self.region_of[subnets[0]]
        arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/{kind}/{name}/0001"
        attributes = [{"Key": "load_balancing.cross_zone.enabled", "Value": str(bool(cross_zone)).lower()}]
        for subnet in subnets if seen else []:
            text = f"ELB {kind}/{name}/0001"
            self.interface(subnet, groups or [], description=text, public=(public or {}).get(subnet, ""))
        return self.add(
            region,
            "load_balancers",
            arn,
            {
                "LoadBalancerArn": arn,
                "LoadBalancerName": name,
                "Type": "application" if kind == "app" else "network",
                "Scheme": "internet-facing" if public else "internal",
                "VpcId": self.found[subnets[0]]["VpcId"],
                "State": {"Code": "active"},
                "AvailabilityZones": [{"SubnetId": each, "LoadBalancerAddresses": []} for each in subnets],
                "SecurityGroups": groups or [],
                "Attributes": attributes if cross_zone is not None else [],
                "Listeners": [
                    {**each, "ListenerArn": f"{arn.replace('loadbalancer', 'listener')}/{number}"}
                    for number, each in enumerate(listeners)
                ],
                **more,
            },
        )


def forward(*groups: str) -> Described:
    return {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": each, "Weight": 1} for each in groups]},
    }


def fixed(status: int) -> Described:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": str(status)}}


def listener(port: int, default: Described, *rules: tuple[list[str], Described], protocol: str = "TCP") -> Described:
    """rules: (path patterns, action), in the order of their priority."""
    return {
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": [default],
        "Rules": [
            *(
                {
                    "RuleArn": f"rule-{port}-{number}",
                    "Priority": str(number),
                    "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": paths}}],
                    "Actions": [action],
                }
                for number, (paths, action) in enumerate(rules, 1)
            ),
            {"RuleArn": f"rule-{port}-default", "Priority": "default", "Conditions": [], "Actions": [default]},
        ],
    }
