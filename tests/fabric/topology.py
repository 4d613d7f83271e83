"""Builds it by boto3: a VPC link to an NLB at home, which leads to the fixed addresses of an NLB in the other zone, which leads to
the ALB of its zone, which leads to instances."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..waiting import until

HOME, AWAY = "us-east-1", "us-west-2"
PORT = 8000  # of the instances
PLAYBOOK = "web.yml"
PLAY = "- hosts: all\n  gather_facts: false\n  tasks: []\n"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
Clients = Callable[..., Any]


@dataclass
class Zone:
    region: str
    block: str  # 10.20: the VPC is 10.20.0.0/16
    vpc: str
    subnets: list[str]
    table: str
    balancers: str  # security groups
    workers: str
    instances: list[str] = field(default_factory=list)
    alb: dict[str, Any] = field(default_factory=dict)
    nlb: dict[str, Any] = field(default_factory=dict)
    listener: str = ""  # of the ALB
    groups: dict[str, str] = field(default_factory=dict)  # target groups by name

    @property
    def addresses(self) -> list[str]:
        """Of the NLB."""
        return [f"{self.block}.{number}.10" for number in (1, 2)]


@dataclass
class Topology:
    home: Zone
    away: Zone
    peering: str
    link: str


def build(
    clients: Clients, *, name: str = "fabric", blocks: tuple[str, str] = ("172.20", "10.20"), count: int = 2
) -> Topology:
    """count: instances in the zone away."""
    home, away = (zone(clients, region, block, name) for region, block in zip((HOME, AWAY), blocks, strict=True))
    peering = peer(clients, home, away)
    profile(clients, name)
    away.instances = launch(clients, away, name, count)
    application_balancer(clients, away, name)
    network_balancer(clients, away, name, "alb", [{"Id": away.alb["LoadBalancerArn"], "Port": 80}])
    targets = [{"Id": address, "Port": 80, "AvailabilityZone": "all"} for address in away.addresses]
    network_balancer(clients, home, name, "ip", targets)
    for each in (home, away):
        await_active(clients("elbv2", each.region), each)
    gateway = clients("apigateway", HOME)
    link = gateway.create_vpc_link(name=name, targetArns=[home.nlb["LoadBalancerArn"]])["id"]
    until(lambda: gateway.get_vpc_link(vpcLinkId=link)["status"] == "AVAILABLE")
    return Topology(home, away, peering, link)


def zone(clients: Clients, region: str, block: str, name: str) -> Zone:
    ec2 = clients("ec2", region)
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{number}.0/24", AvailabilityZone=f"{region}{letter}")[
            "Subnet"
        ]["SubnetId"]
        for number, letter in ((1, "a"), (2, "b"))
    ]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    groups = [
        ec2.create_security_group(VpcId=vpc, GroupName=f"{name}-{kind}", Description=kind)["GroupId"]
        for kind in ("lb", "worker")
    ]
    for group in groups:
        ec2.revoke_security_group_egress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=[permission(80, "0.0.0.0/0")])
    ec2.authorize_security_group_egress(GroupId=groups[0], IpPermissions=[permission(PORT, groups[1])])
    ec2.authorize_security_group_ingress(GroupId=groups[1], IpPermissions=[permission(PORT, groups[0])])
    return Zone(region, block, vpc, subnets, tables[0]["RouteTableId"], *groups)


def permission(port: int, peer: str) -> dict[str, Any]:
    """peer: a CIDR or a security group."""
    who: dict[str, Any] = (
        {"UserIdGroupPairs": [{"GroupId": peer}]} if peer.startswith("sg-") else {"IpRanges": [{"CidrIp": peer}]}
    )
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **who}


def peer(clients: Clients, home: Zone, away: Zone) -> str:
    asked = clients("ec2", HOME).create_vpc_peering_connection(VpcId=home.vpc, PeerVpcId=away.vpc, PeerRegion=AWAY)
    peering: str = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    clients("ec2", AWAY).accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    for one, other in ((home, away), (away, home)):
        clients("ec2", one.region).create_route(
            RouteTableId=one.table, DestinationCidrBlock=f"{other.block}.0.0/16", VpcPeeringConnectionId=peering
        )
    return peering


def profile(clients: Clients, name: str) -> None:
    """Without an instance profile Systems Manager does not manage an instance."""
    iam = clients("iam", HOME)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def launch(clients: Clients, where: Zone, name: str, count: int) -> list[str]:
    ec2 = clients("ec2", where.region)
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    made = [
        ec2.run_instances(
            ImageId=image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=where.subnets[number % 2],
            SecurityGroupIds=[where.workers],
            IamInstanceProfile={"Name": name},
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Fabric", "Value": name}]}],
        )
        for number in range(count)
    ]
    return [each["Instances"][0]["InstanceId"] for each in made]


def application_balancer(clients: Clients, where: Zone, name: str) -> None:
    elbv2 = clients("elbv2", where.region)
    where.alb = elbv2.create_load_balancer(
        Name=f"{name}-alb", Scheme="internal", Subnets=where.subnets, SecurityGroups=[where.balancers]
    )["LoadBalancers"][0]
    where.groups["web"] = group = elbv2.create_target_group(
        Name=f"{name}-web",
        Protocol="HTTP",
        Port=PORT,
        VpcId=where.vpc,
        TargetType="instance",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
        Matcher={"HttpCode": "200"},
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": each} for each in where.instances])
    missing = {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no"},
    }
    where.listener = elbv2.create_listener(
        LoadBalancerArn=where.alb["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[missing]
    )["Listeners"][0]["ListenerArn"]
    alive = {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "works"},
    }
    for priority, path, action in ((1, "/", alive), (10, "/web/*", {"Type": "forward", "TargetGroupArn": group})):
        elbv2.create_rule(
            ListenerArn=where.listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[action],
        )


def network_balancer(clients: Clients, where: Zone, name: str, kind: str, targets: list[dict[str, Any]]) -> None:
    elbv2 = clients("elbv2", where.region)
    mappings = [{"SubnetId": s, "PrivateIPv4Address": a} for s, a in zip(where.subnets, where.addresses, strict=True)]
    where.nlb = elbv2.create_load_balancer(
        Name=f"{name}-nlb", Type="network", Scheme="internal", SubnetMappings=mappings
    )["LoadBalancers"][0]
    crossing = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=where.nlb["LoadBalancerArn"], Attributes=crossing)
    where.groups["nlb"] = group = elbv2.create_target_group(
        Name=f"{name}-nlb", Protocol="TCP", Port=80, VpcId=where.vpc, TargetType=kind, HealthCheckProtocol="HTTP", HealthCheckPath="/",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=4,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elbv2.register_targets(TargetGroupArn=group, Targets=targets)
    forward = {"Type": "forward", "TargetGroupArn": group}
    elbv2.create_listener(
        LoadBalancerArn=where.nlb["LoadBalancerArn"], Protocol="TCP", Port=80, DefaultActions=[forward]
    )


def await_active(elbv2: Any, where: Zone) -> None:
    def active() -> bool:
        found = elbv2.describe_load_balancers()["LoadBalancers"]
        return all(each["State"]["Code"] == "active" for each in found if each["VpcId"] == where.vpc)

    until(active)


def configure(clients: Clients, name: str = "fabric") -> None:
    """Lets State Manager configure the instances."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(PLAYBOOK, PLAY)
        archive.writestr("vars.yml", "greeting: hello\n")
    s3 = clients("s3", HOME)
    s3.create_bucket(Bucket=f"{name}-bundles")
    s3.put_object(Bucket=f"{name}-bundles", Key="hosts.zip", Body=content.getvalue())
    source = json.dumps({"path": f"https://{name}-bundles.s3.{HOME}.amazonaws.com/hosts.zip"})
    clients("ssm", AWAY).create_association(
        Name="AWS-ApplyAnsiblePlaybooks",
        AssociationName=name,
        Targets=[{"Key": "tag:Fabric", "Values": [name]}],
        Parameters={
            "SourceType": ["S3"],
            "SourceInfo": [source],
            "PlaybookFile": [PLAYBOOK],
            "InstallDependencies": ["False"],
            "ExtraVariables": ["pace=0.05"],
        },
    )


def states(clients: Clients, region: str, group: str) -> dict[str, str]:
    """Targets' states by id."""
    found = clients("elbv2", region).describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found}
