# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Network: VPCs, subnets, route tables, peerings, NAT (N-1 to N-6)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    name_of,
    network,
    planned_subnets,
)


def vpc(system, zone):
    """N-1"""
    named = f"{system.prefix}vpc-{zone.name}"
    if zone.vpc_or_none is None:
        yield Finding(f"{zone.region} has no VPC {named} with {zone.cidr}", named, missing=True)
        return
    if zone.vpc["CidrBlock"] != zone.cidr:
        yield Finding(f"{named} has {zone.vpc['CidrBlock']}", zone.vpc_id, expected=zone.cidr)
    if name_of(zone.vpc) != named:
        yield Finding(f"the VPC of {zone.name} is named {name_of(zone.vpc) or 'nothing'}", zone.vpc_id, expected=named)
    more = [
        each["CidrBlock"]
        for each in zone.vpc.get("CidrBlockAssociationSet", [])
        if each["CidrBlock"] != zone.vpc["CidrBlock"]
    ]
    if more:
        yield Finding(f"{named} has further CIDRs: {', '.join(more)}", zone.vpc_id, expected=f"{zone.cidr} alone")


def subnet_of(zone, cidr):
    return next((subnet for subnet in zone.subnets if subnet["CidrBlock"] == cidr), None)


def plan(zone):
    planned = planned_subnets(zone.vpc["CidrBlock"])
    if planned is None:
        raise NotJudged(f"{zone.vpc['CidrBlock']} of {zone.name} cannot be cut into subnets")
    return planned


def public_subnet(system, zone):
    """N-2. AWS keeps five addresses of every subnet: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""
    cidr, _private = plan(zone)
    letter = system.expected["availability_zones"][0]
    subnet = subnet_of(zone, cidr)
    if subnet is None:
        yield Finding(f"{zone.name} has no subnet {cidr}", zone.vpc_id, missing=True)
        return
    if network(cidr).num_addresses - 5 < system.expected["subnet_hosts"]:
        yield Finding(
            f"{cidr} holds too few hosts", subnet["SubnetId"], expected=f"{system.expected['subnet_hosts']} hosts"
        )
    if subnet["AvailabilityZone"] != zone.region + letter:
        yield Finding(f"{cidr} is in {subnet['AvailabilityZone']}", subnet["SubnetId"], expected=zone.region + letter)


def private_subnets(system, zone):
    """N-2"""
    _public, cidrs = plan(zone)
    for cidr, letter in zip(cidrs, system.expected["availability_zones"], strict=False):
        subnet = subnet_of(zone, cidr)
        if subnet is None:
            yield Finding(f"{zone.name} has no subnet {cidr}", zone.vpc_id, missing=True)
        elif subnet["AvailabilityZone"] != zone.region + letter:
            yield Finding(
                f"{cidr} is in {subnet['AvailabilityZone']}", subnet["SubnetId"], expected=zone.region + letter
            )
        elif subnet.get("MapPublicIpOnLaunch"):
            yield Finding(
                f"{cidr} gives its instances public addresses", subnet["SubnetId"], expected="private addresses only"
            )


def three_subnets(system, zone):
    """N-2"""
    public, private = plan(zone)
    for subnet in zone.subnets:
        if subnet["CidrBlock"] not in (public, *private):
            yield Finding(
                f"{zone.name} has a further subnet {subnet['CidrBlock']}",
                subnet["SubnetId"],
                expected=f"{public}, {', '.join(private)} alone",
            )


def default_route(table):
    return next((route for route in table.get("Routes", []) if route.get("DestinationCidrBlock") == "0.0.0.0/0"), {})


def to_gateway(table):
    return default_route(table).get("GatewayId", "").startswith("igw-")


def two_tables(system, zone):
    """N-3"""
    count = len(zone.route_tables)
    if zone.vpc and count != 2:
        yield Finding(
            f"{zone.name} has {count} route table{'s' * (count != 1)}: {', '.join(name_of(table) or table['RouteTableId'] for table in zone.route_tables)}",
            zone.vpc_id,
            missing=count < 2,
        )


def public_table(system, zone):
    """N-3"""
    if not zone.public_subnets:
        raise NotJudged(f"{zone.name} has no public subnet")
    for subnet in zone.public_subnets:
        table = zone.table_of(subnet["SubnetId"])
        if table is None or not to_gateway(table) or default_route(table).get("State") == "blackhole":
            yield Finding(
                f"the route table of {subnet['CidrBlock']} does not lead to an internet gateway",
                table["RouteTableId"] if table else subnet["SubnetId"],
                missing=table is None,
            )


def private_tables(system, zone):
    """N-3"""
    if not zone.private_subnets:
        raise NotJudged(f"{zone.name} has no private subnets")
    tables = {}
    for subnet in zone.private_subnets:
        table = zone.table_of(subnet["SubnetId"])
        if table:
            tables[table["RouteTableId"]] = table
    public = {
        table["RouteTableId"] for table in (zone.table_of(each["SubnetId"]) for each in zone.public_subnets) if table
    }
    if len(tables) > 1:
        yield Finding(f"the private subnets of {zone.name} use different route tables", ", ".join(sorted(tables)))
    for identity, table in tables.items():
        if identity in public or to_gateway(table):
            yield Finding(f"a private subnet of {zone.name} uses a public route table", identity)


def peerings(system):
    """N-4"""
    if len(system.zones) == 1:
        return
    for index, zone in enumerate(system.zones):
        for peer in system.zones[index + 1 :]:
            found = peering_between(zone, peer)
            away = peer.name if zone.is_home else zone.name
            if found is None:
                yield Finding(
                    f"{zone.name} and {peer.name} are not peered",
                    f"{zone.vpc_id}, {peer.vpc_id}",
                    zone.region,
                    missing=True,
                    zone=away,
                )
            elif found["Status"]["Code"] != "active":
                yield Finding(
                    f"the peering of {zone.name} and {peer.name} is {found['Status']['Code']}",
                    found["VpcPeeringConnectionId"],
                    zone.region,
                    zone=away,
                )


ENDED = ("deleted", "rejected", "expired", "failed", "deleting")


def peering_between(zone, peer):
    ends = {zone.vpc_id, peer.vpc_id}
    found = [
        each
        for each in zone.part("vpc_peering_connections")
        if {each.get("RequesterVpcInfo", {}).get("VpcId"), each.get("AccepterVpcInfo", {}).get("VpcId")} == ends
        and each["Status"]["Code"] not in ENDED
    ]
    return min(found, key=lambda each: each["Status"]["Code"] != "active", default=None)


def peer_routes(system, zone):
    """N-4. Both tables of a zone lead to every other zone, through the peering with it."""
    for peer in system.peers(zone):
        peering = peering_between(zone, peer)
        if peering is None:
            raise NotJudged(f"{zone.name} and {peer.name} are not peered")
        for table in zone.route_tables:
            route = next(
                (each for each in table["Routes"] if each.get("DestinationCidrBlock") == peer.vpc["CidrBlock"]), None
            )
            what = f"{name_of(table) or 'a route table'} of {zone.name}"
            if route is None:
                yield Finding(
                    f"{what} has no route to {peer.vpc['CidrBlock']} of {peer.name}",
                    table["RouteTableId"],
                    missing=True,
                )
            elif (
                route.get("VpcPeeringConnectionId") != peering["VpcPeeringConnectionId"]
                or route.get("State") == "blackhole"
            ):
                yield Finding(f"{what} does not lead to {peer.name} through their peering", table["RouteTableId"])


def nat_instance(system, zone):
    """N-5"""
    if not zone.vpc or zone.nat_or_none is None:
        yield Finding(f"{zone.name} has no NAT instance in its public subnet", zone.vpc_id, missing=True)
        return
    nat, public = zone.nat, {subnet["SubnetId"] for subnet in zone.public_subnets}
    identity = nat["InstanceId"]
    if nat["InstanceType"] != system.expected["nat_type"]:
        yield Finding(f"the NAT instance is a {nat['InstanceType']}", identity, expected=system.expected["nat_type"])
    if nat.get("SubnetId") not in public:
        yield Finding("the NAT instance is not in the public subnet", identity)
    if nat["State"]["Name"] not in ("running", "pending"):
        yield Finding(f"the NAT instance is {nat['State']['Name']}", identity, expected="running")
    elif not nat.get("PublicIpAddress"):
        yield Finding("the NAT instance has no public address", identity)


def nat_check(system, zone):
    """N-5"""
    interfaces = {each["NetworkInterfaceId"] for each in zone.nat.get("NetworkInterfaces", [])}
    checked = [
        each["NetworkInterfaceId"]
        for each in zone.part("network_interfaces")
        if each["NetworkInterfaceId"] in interfaces and each.get("SourceDestCheck")
    ]
    if zone.nat.get("SourceDestCheck", True) or checked:
        yield Finding(
            "the NAT instance checks source and destination, so it drops what it should forward", zone.nat["InstanceId"]
        )


def nat_route(system, zone):
    """N-5"""
    if not zone.private_subnets:
        raise NotJudged(f"{zone.name} has no private subnets")
    own = {zone.nat["InstanceId"], *(each["NetworkInterfaceId"] for each in zone.nat.get("NetworkInterfaces", []))}
    seen = set()
    for subnet in zone.private_subnets:
        table = zone.table_of(subnet["SubnetId"])
        if table is None or table["RouteTableId"] in seen:
            continue
        seen.add(table["RouteTableId"])
        route = default_route(table)
        if to_gateway(table):
            continue  # said by N-3
        if not route:
            yield Finding(
                f"{name_of(table) or 'the private route table'} has no default route",
                table["RouteTableId"],
                missing=True,
            )
        elif not own & {route.get("InstanceId"), route.get("NetworkInterfaceId")} or route.get("State") == "blackhole":
            yield Finding(
                f"the default route of {name_of(table) or 'the private route table'} does not lead to the NAT instance",
                table["RouteTableId"],
            )


def nat_forwards(system, zone):
    """N-5. That the host forwards and masquerades is set by its playbook; State Manager tells whether it was applied."""
    results = zone.results(system.expected["nat_playbook"])
    status = results.get(zone.nat["InstanceId"])
    if status is None:
        yield Finding(
            f"State Manager has not applied {system.expected['nat_playbook']} to the NAT instance",
            zone.nat["InstanceId"],
            missing=True,
        )
    elif status[1] != "Success":
        yield Finding(
            f"the association {status[0].get('AssociationName')} ended on the NAT instance with {status[1]}",
            zone.nat["InstanceId"],
        )


def no_gateway(system, zone):
    """N-5"""
    for gateway in zone.inside("nat_gateways"):
        if gateway.get("State") not in ("deleted", "deleting", "failed"):
            yield Finding(f"{zone.name} has a NAT gateway, which costs by the hour", gateway["NatGatewayId"])


def overlaps(system):
    """N-6. Of the plan, and of what there is: a zone whose VPC is not there yet would get the planned CIDR."""
    cidrs = [(zone, zone.vpc_or_none["CidrBlock"] if zone.vpc_or_none else zone.cidr) for zone in system.zones]
    for index, (zone, cidr) in enumerate(cidrs):
        if planned_subnets(cidr) is None:
            yield Finding(f"{cidr} of {zone.name} cannot be cut into two /24", zone.name, zone.region)
        for peer, other in cidrs[index + 1 :]:
            if network(cidr).overlaps(network(other)):
                yield Finding(
                    f"{cidr} of {zone.name} overlaps {other} of {peer.name}", f"{zone.name}, {peer.name}", zone.region
                )


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "N-1.vpc",
        "The VPC",
        vpc,
        "a VPC with the zone's name and CIDR alone",
        "Run {playbook}; a VPC with another CIDR has to be made anew.",
        3,
        zones=True,
        makes="VPC",
    ),
    Check(
        "N-2.public",
        "The public subnet",
        public_subnet,
        "the first /24, in the first availability zone",
        RERUN,
        zones=True,
        makes="public subnet",
    ),
    Check(
        "N-2.private",
        "The private subnets",
        private_subnets,
        "the halves of the second /24, in two availability zones, without public addresses",
        RERUN,
        zones=True,
        makes="private subnets",
    ),
    Check("N-2.three", "No further subnets", three_subnets, "three subnets", "Delete the subnet.", 1, zones=True),
    Check(
        "N-3.two",
        "Two route tables",
        two_tables,
        "two route tables, the one that came with the VPC included",
        "Delete those too many, or run {playbook}.",
        zones=True,
        makes="route tables",
    ),
    Check(
        "N-3.public",
        "The public route table",
        public_table,
        "a default route to the internet gateway",
        RERUN,
        zones=True,
    ),
    Check(
        "N-3.private",
        "The private route table",
        private_tables,
        "one table for both private subnets, without a route to an internet gateway",
        RERUN,
        zones=True,
    ),
    Check(
        "N-4.peerings",
        "Zones are peered",
        peerings,
        "an active peering of every pair of zones",
        "Run {playbook}; a request that waits is accepted in the other region.",
        3,
        makes="peerings of the zones",
    ),
    Check(
        "N-4.routes",
        "Routes to the other zones",
        peer_routes,
        "a route to every other zone in both tables",
        RERUN,
        zones=True,
        makes="routes to the other zones",
    ),
    Check(
        "N-5.instance",
        "The NAT instance",
        nat_instance,
        "a running t2.micro in the public subnet with a public address",
        RERUN,
        3,
        zones=True,
        makes="NAT instance",
    ),
    Check(
        "N-5.check",
        "The NAT instance forwards what is not its own",
        nat_check,
        "source and destination check off",
        RERUN,
        zones=True,
    ),
    Check(
        "N-5.route",
        "Private subnets lead to it",
        nat_route,
        "a default route to the NAT instance",
        RERUN,
        zones=True,
        makes="default route",
    ),
    Check(
        "N-5.forwards",
        "It was told to forward and masquerade",
        nat_forwards,
        "its association ended with Success",
        "Look at the association's output in the bundle's bucket, mend what it says, run {playbook}.",
        zones=True,
    ),
    Check("N-5.no_gateway", "No NAT gateway", no_gateway, "no NAT gateway", "Delete the NAT gateway.", 1, zones=True),
    Check(
        "N-6.cidrs",
        "CIDRs fit",
        overlaps,
        "CIDRs of /23 or larger that do not overlap",
        "Change zone_cidr in the inventory, destroy and deploy again.",
        1,
    ),
]
