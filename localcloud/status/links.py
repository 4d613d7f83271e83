"""What leads to what, as links between nodes and their rows: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.dataplane.network import address_of
from localcloud.status import words
from localcloud.status.nodes import Node, identity
from localcloud.status.words import meaning
from plugins.module_utils.reachability import step
from plugins.module_utils.reachability.model import Interface, Network

NFS = 2049
Described = Mapping[str, Any]
Link = dict[str, Any]


def link(source: str, target: str, kind: str, health: str = words.GOOD, **more: Any) -> Link:
    return {"from": source, "to": target, "kind": kind, "health": health, **more}


def of_api(api: Node, nodes: Mapping[str, Node], pools: list[str]) -> Iterator[Link]:
    """To what its integrations name, and to the user pools whose tokens it takes."""
    region = api["region"]
    for row in api["rows"]:
        _, connection, place = row["leads"]
        named = place.split(":")
        function = identity("function", named[3] if len(named) > 6 else region, named[6] if len(named) > 6 else "")
        target = identity("vpc-link", region, connection) if connection else function
        if target in nodes:
            yield link(row["id"], target, "calls", nodes[target]["health"])
    for pool in pools:
        target = identity("user-pool", region, pool)
        if target in nodes:
            yield link(api["id"], target, "tokens")


def of_vpc_link(described: Described, node: Node, apis: list[Node], by_arn: Mapping[str, Node]) -> Iterator[Link]:
    """To those listeners that some integration asks for; where none does, to the balancer."""
    ports = {
        int(place.rpartition(":")[2]) if ":" in place else 80
        for api in apis
        for _, connection, place in (row["leads"] for row in api["rows"])
        if identity("vpc-link", api["region"], connection) == node["id"]
    }
    for arn in described.get("targetArns", []):
        if balancer := by_arn.get(arn):
            rows = [row for row in balancer["rows"] if row["port"] in ports]
            for each in rows or [balancer]:
                yield link(node["id"], each["id"], "calls", node["health"])


def of_balancer(balancer: Node, by_arn: Mapping[str, Node], owners: Mapping[str, str]) -> Iterator[Link]:
    """To each target, as healthy as it is."""
    for row in balancer["rows"]:
        for target in row["targets"]:
            name = target["target"]
            if found := by_arn.get(owners.get(name, name)):
                yield link(row["id"], found["id"], "forwards", target["health"])


def owners_of(network: Network) -> dict[str, str]:
    """Whose an address is: an instance's id, or an ARN."""
    return {address_of(each): each.owner for each in network.interfaces.values()}


def reached(network: Network, nodes: list[Node], databases: Mapping[str, int]) -> Iterator[Link]:
    """From functions and instances to databases and file systems, where the network lets them: instances by their subnet.

    databases: the port of each, by ARN.
    """
    by_arn = {each["arn"]: each["id"] for each in nodes if each.get("arn")}
    starts = list(sources(network, nodes))
    seen: set[tuple[str, str]] = set()
    for own, port, name in doors(network, by_arn, databases, nodes):
        for source, start in starts:
            if (start, name) not in seen and opens(network, source, own, port):
                seen.add((start, name))
                yield link(start, name, "mounts" if port == NFS else "reaches")


def sources(network: Network, nodes: list[Node]) -> Iterator[tuple[Interface, str]]:
    """(interface, id of the node or subnet) of who may reach something. Functions may share an interface."""
    for each in nodes:
        if each["kind"] == "function":
            yield from ((network.interfaces[own], each["id"]) for own in network.names.get(each["arn"], ()))
    for own in network.interfaces.values():
        if own.kind == "instance":
            yield own, identity("subnet", own.region, own.subnet)


def doors(
    network: Network, by_arn: Mapping[str, str], databases: Mapping[str, int], nodes: list[Node]
) -> Iterator[tuple[Interface, int, str]]:
    """(interface, port, id of the node) of what may be reached."""
    known = {each["id"] for each in nodes}
    for own in network.interfaces.values():
        if own.kind == "database" and own.owner in databases and own.owner in by_arn:
            yield own, databases[own.owner], by_arn[own.owner]
    for name, interfaces in network.names.items():
        if name.startswith("fs-"):
            for own in (network.interfaces[each] for each in interfaces):
                if (found := identity("file-system", own.region, name)) in known:
                    yield own, NFS, found


def opens(network: Network, source: Interface, target: Interface, port: int) -> bool:
    return bool(step(network, source.id, address_of(target), port).verdict == "always")


def peerings(found: Mapping[str, Described]) -> Iterator[Link]:
    """Between VPCs, each once however many regions describe it."""
    for own, each in found.items():
        code = each["Status"]["Code"]
        if code in ("deleted", "rejected", "failed", "expired"):
            continue
        ends = (each["RequesterVpcInfo"], each["AccepterVpcInfo"])
        source, target = (identity("vpc", end.get("Region", ""), end["VpcId"]) for end in ends)
        yield link(source, target, "peering", meaning(code), id=own, said=code)
