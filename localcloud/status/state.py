"""All that the page shows of what is deployed, as one value for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud import ACCOUNT
from localcloud.dataplane.picture import Picture
from localcloud.status import balancing, links, nodes, reports, sign_in, words
from localcloud.status.described import Regions
from localcloud.status.nodes import Node, identity, name_of
from plugins.module_utils.reachability.model import Network


def state(picture: Picture, more: Regions) -> dict[str, Any]:
    """picture: of the network; more: what described.read() found."""
    regions = sorted({*picture.regions, *more})
    found = {region: {**picture.regions.get(region, {}), **more.get(region, {})} for region in regions}
    made = list(all_nodes(found, picture))
    known = {each["id"]: each for each in made}
    drawn = list(all_links(found, picture, known))
    titles = {each["arn"]: each["title"] for each in made if each["kind"] == "instance"}
    lists = {
        "associations": [
            each
            for region, parts in found.items()
            for each in reports.associations(region, parts.get("associations", []), titles)
        ],
        "alarms": [each for region, parts in found.items() for each in reports.alarms(region, parts.get("alarms", []))],
    }
    pools = {pool["Id"]: pool for parts in found.values() for pool in parts.get("pools", [])}
    frames = [frame for region, parts in found.items() if (frame := frame_of(region, parts, made, picture.network))]
    return {
        "account": ACCOUNT,
        "regions": frames,
        "nodes": made,
        "links": drawn,
        **lists,
        "ways": [
            way
            for region, parts in found.items()
            for api in parts.get("apis", [])
            for way in sign_in.ways(region, api, pools)
        ],
        "verdict": verdict(made, lists),
    }


def all_nodes(found: Regions, picture: Picture) -> Iterator[Node]:
    targets = balancing.Targets(found)
    for region, parts in found.items():
        vpc_of = {each["SubnetId"]: each["VpcId"] for each in parts.get("subnets", [])}
        yield from nodes.apis(region, parts.get("apis", []))
        yield from nodes.user_pools(region, parts.get("pools", []))
        yield from nodes.vpc_links(region, parts.get("vpc_links", []))
        yield from nodes.functions(region, parts.get("functions", []), vpc_of)
        yield from nodes.databases(region, parts.get("databases", []))
        yield from balancing.balancers(region, parts.get("load_balancers", []), picture.groups, targets)
        yield from balancing.instances(region, parts.get("instances", []), picture.groups, targets)
        yield from nodes.file_systems(region, parts.get("file_systems", []), parts.get("mount_targets", []))


def all_links(found: Regions, picture: Picture, known: dict[str, Node]) -> Iterator[links.Link]:
    by_arn = {each["arn"]: each for each in known.values() if each.get("arn")}
    apis = [each for each in known.values() if each["kind"] == "api"]
    owners = links.owners_of(picture.network)
    for region, parts in found.items():
        for api in parts.get("apis", []):
            yield from links.of_api(known[identity("api", region, api["id"])], known, sign_in.pools_of(api))
        for described in parts.get("vpc_links", []):
            own = known[identity("vpc-link", region, described["id"])]
            yield from links.of_vpc_link(described, own, apis, by_arn)
    for each in known.values():
        if each["kind"] in balancing.KINDS.values():
            yield from links.of_balancer(each, by_arn, owners)
    key = ("status", "reached")
    if key not in picture.memory:
        ports = {
            each["DBInstanceArn"]: each["Endpoint"]["Port"]
            for parts in found.values()
            for each in parts.get("databases", [])
            if each.get("Endpoint")
        }
        picture.memory[key] = list(links.reached(picture.network, list(known.values()), ports))
    yield from picture.memory[key]
    yield from links.peerings(
        {
            each["VpcPeeringConnectionId"]: each
            for parts in found.values()
            for each in parts.get("vpc_peering_connections", [])
        }
    )


def frame_of(region: str, parts: dict[str, list[Any]], made: list[Node], network: Network) -> dict[str, Any] | None:
    """A region with its VPCs and their subnets; None where nothing was built. A default VPC counts when something is in it."""
    own = [each for each in made if each["region"] == region]
    used = {each.get("vpc") for each in own}
    vpcs = [
        {
            "id": identity("vpc", region, vpc["VpcId"]),
            "vpc": vpc["VpcId"],
            "title": name_of(vpc, vpc["VpcId"]),
            "cidr": vpc["CidrBlock"],
            "subnets": [
                subnet_of(region, each, network) for each in parts.get("subnets", []) if each["VpcId"] == vpc["VpcId"]
            ],
        }
        for vpc in parts.get("vpcs", [])
        if not vpc.get("IsDefault") or vpc["VpcId"] in used
    ]
    return {"name": region, "vpcs": vpcs} if own or vpcs else None


def subnet_of(region: str, described: Any, network: Network) -> dict[str, Any]:
    """With its way out, if it has one."""
    own = described["SubnetId"]
    table = network.subnets[own].table if own in network.subnets else None
    ways = {route.kind: route.target for route in table.routes if route.active} if table else {}
    out = next((kind for kind in ("internet-gateway", "nat-gateway", "interface") if kind in ways), "")
    return {
        "id": identity("subnet", region, own),
        "subnet": own,
        "title": name_of(described, own),
        "cidr": described["CidrBlock"],
        "zone": described["AvailabilityZone"],
        "out": {"internet-gateway": "public", "interface": "through NAT", "nat-gateway": "through NAT"}.get(
            out, "no way out"
        ),
    }


def verdict(made: list[Node], lists: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """How many are in which health, and which want a look."""
    everything = [*made, *lists["associations"], *lists["alarms"]]
    counted = dict.fromkeys(words.ORDER, 0)
    for each in everything:
        counted[each["health"]] += 1
    quiet = {each["id"] for each in lists["alarms"]}  # an alarm without data is none
    attention = [
        {
            "id": each["id"],
            "title": each["title"],
            "region": each["region"],
            "said": each["said"],
            "health": each["health"],
        }
        for each in everything
        if each["health"] == words.BAD or (each["health"] != words.GOOD and each["id"] not in quiet)
    ]
    attention.sort(key=lambda each: words.ORDER.index(each["health"]), reverse=True)
    return {"counted": counted, "attention": attention}
