"""The engine against single packets, on generated networks: what it says of all addresses, ports and choices must be
what packets do.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plugins.module_utils.reachability import Block, load, reach

from .packets import RESERVED, World, within
from .topologies import PATHS, Draw, Topology, topologies

EXAMPLES = settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


def strangers(snapshot: Any) -> list[str]:
    """Public addresses at every edge where anything might change."""
    text = json.dumps(snapshot)
    edges = {int(ipaddress.IPv4Address("8.8.8.8"))}
    for found in re.findall(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?", text):
        block = ipaddress.ip_network(found, strict=False)
        first, last = int(block.network_address), int(block.broadcast_address)
        edges |= {first - 1, first, last, last + 1}
    own = re.findall(r'"PublicIp": "([^"]+)"', text)
    vpcs = [vpc["CidrBlock"] for parts in snapshot["regions"].values() for vpc in parts["vpcs"]]
    addresses = [str(ipaddress.IPv4Address(each)) for each in sorted(edges) if 0 <= each < 2**32]
    return [
        each for each in addresses if each not in own and not any(within(each, cidr) for cidr in [*RESERVED, *vpcs])
    ]


def interface(topology: Topology, host: str) -> dict[str, Any]:
    return topology.cloud.found[host if host.startswith("eni-") else topology.cloud.interface_of(host)]


def question(data: Any, topology: Topology) -> dict[str, Any]:
    """What is asked, in the engine's words."""
    one = Draw(data.draw).one
    hosts = [*topology.instances, *topology.functions]
    kinds = ["host to host", "host to internet", "internet to any"]
    kinds += ["host to balancer"] * 2 if topology.balancers else []
    kinds += ["link"] if topology.links else []
    public = [each for each in hosts if "Association" in interface(topology, each)]
    kinds += ["host to public"] if public else []
    kind = one(kinds)
    source = one(hosts) if kind.startswith("host") else "internet"
    destination = one([each for each in hosts if each != source] or hosts)
    if kind == "internet to any":
        destination = one([*public * 6, *topology.balancers, *hosts])
    elif kind == "host to internet":
        destination = "internet"
    elif kind == "host to public":
        destination = interface(topology, one(public))["Association"]["PublicIp"]
    elif kind == "host to balancer":
        destination = one(topology.balancers)
    elif kind == "link":
        link = one(sorted(topology.links))
        source, destination = f"vpclink:{link}", topology.links[link]
    path = one([None, *PATHS, "/api/chat"])
    return {
        "sources": source,
        "destinations": destination,
        "protocol": one(["tcp"] * 8 + ["udp", "icmp"]),
        "port": one([80, 80, 443, 443, 22, 2000]) if destination not in topology.balancers else 80,
        "request": {"path": path} if path else None,
    }


def brute(world: World, topology: Topology, asked: dict[str, Any], **options: Any) -> set[str | None]:
    """All that may become of all packets that the question is about."""
    cloud = topology.cloud
    source, destination = asked["sources"], asked["destinations"]
    if source == "internet":
        origins = [("outside", each) for each in strangers(cloud.snapshot)]
    elif source.startswith("vpclink:"):
        origins = [("link", destination)]
    else:
        origins = [("interface", interface(topology, source)["NetworkInterfaceId"])]
    if destination == "internet":
        goals = [("address", each) for each in strangers(cloud.snapshot)]
    elif destination[0].isdigit():
        goals = [("address", destination)]
    elif destination.startswith("arn:"):
        goals = [("balancer", destination)]
    else:
        goals = [("interface", interface(topology, destination)["NetworkInterfaceId"])]
    icmp = asked["protocol"] == "icmp"
    return {
        end
        for origin in origins
        for goal in goals
        if origin != goal
        for sport in ([0] if icmp else world.ports)
        for end in world.outcomes(
            origin,
            goal,
            protocol=asked["protocol"],
            port=8 if icmp else asked["port"],
            sport=sport,
            request=asked["request"],
            **options,
        )
    }


def verdict(outcomes: set[str | None]) -> str:
    if not outcomes - {None}:
        return "never"
    return "sometimes" if None in outcomes else "always"


@EXAMPLES
@given(topologies(), st.data())
def test_packets_do_what_the_engine_says(topology: Topology, data: st.DataObject) -> None:
    network, world = load(topology.cloud.snapshot), World(topology.cloud.snapshot)
    for _ in range(3):
        asked = question(data, topology)
        answer = reach(network, **asked)
        outcomes = brute(world, topology, asked)
        assert (answer.verdict, set(answer.ends)) == (verdict(outcomes), outcomes - {None}), (asked, answer.to_dict())
        for block in answer.blocks:
            assert None in brute(world, topology, asked, enforced=alone(block)), (asked, block)


def alone(block: Block) -> Callable[[str, str], bool]:
    """Were this the only group or network ACL that does its work (were there none, where something else is to blame),
    packets would still be lost.
    """
    return lambda kind, identity: (kind, identity) == (block.kind, block.id)
