"""One step at a time: the same network, asked hop by hop."""

from __future__ import annotations

import pytest

from plugins.module_utils.reachability import Answer, link_step, load, step

from .described import Cloud, rule
from .test_balancers import Chain


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def chain(cloud: Cloud) -> Chain:
    return Chain(cloud)


def arrived(answer: Answer) -> tuple[str, str]:
    """The interface and owner of whoever took the connection."""
    assert answer.verdict == "always", answer.blocks
    [(interface, end)] = {(trace.hops[-1].id, trace.end or "") for trace in answer.traces}
    return interface, end


def node(cloud: Cloud, address: str) -> str:
    found = [each for parts in cloud.regions.values() for each in parts["network_interfaces"]]
    return next(each["NetworkInterfaceId"] for each in found if each["PrivateIpAddress"] == address)


def test_a_step_ends_at_the_balancer_that_takes_the_connection(cloud: Cloud, chain: Chain) -> None:
    far = chain.b.nodes[1]
    assert arrived(step(load(cloud.snapshot), node(cloud, chain.a.nodes[0]), far, 80)) == (
        node(cloud, far),
        chain.b.nlb,
    )


def test_a_step_looks_no_further(cloud: Cloud, chain: Chain) -> None:
    cloud.found[chain.b.front]["IpPermissions"].clear()  # the next one would be barred
    arrived(step(load(cloud.snapshot), node(cloud, chain.a.nodes[0]), chain.b.nodes[1], 80))


def test_a_step_needs_the_way_back(cloud: Cloud, chain: Chain) -> None:
    cloud.found[chain.b.table]["Routes"].pop()
    answer = step(load(cloud.snapshot), node(cloud, chain.a.nodes[0]), chain.b.nodes[1], 80)
    assert answer.verdict == "never"
    assert {(block.kind, block.id) for block in answer.blocks} == {("route-table", chain.b.table)}


def test_a_kept_client_is_judged_by_its_own_address(cloud: Cloud, chain: Chain) -> None:
    chat, source = chain.b.chat[0], node(cloud, chain.b.nodes[0])
    cloud.found[chain.b.back]["IpPermissions"].append(rule("tcp", 11434, "192.0.2.7/32"))
    network, address = load(cloud.snapshot), cloud.address_of(chat)
    assert step(network, source, address, 11434).verdict == "never"
    assert arrived(step(network, source, address, 11434, client=("far", "192.0.2.7")))[1] == chat


def test_a_link_reaches_its_own_balancer_alone(cloud: Cloud, chain: Chain) -> None:
    network = load(cloud.snapshot)
    answer = link_step(network, "link", chain.a.nlb, 81)
    assert answer.verdict == "always"
    assert {trace.source_addresses for trace in answer.traces} == set(chain.a.nodes)
    assert {trace.end for trace in answer.traces} == {chain.a.nlb}
    assert [block.kind for block in link_step(network, "link", chain.b.nlb, 80).blocks] == ["vpc-link"]
