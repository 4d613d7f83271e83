"""VPCs with real packets (machines/network.py), with machines that are no more than an address. Run by scenarios.py in namespaces of its own."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from machines import machine as machines
from machines.machine import wait
from machines.network import INTERNET, NFS, Network

SERVER = "198.51.100.10"
PEER = ["10.10.0.0/23", "peering", "pcx-1"]
BACK = ["172.32.0.0/23", "peering", "pcx-1"]
DESCRIBED: dict[str, Any] = {
    "vpcs": {
        "vpc-a": {
            "cidrs": ["172.32.0.0/23"],
            "subnets": {
                "public": {"cidr": "172.32.0.0/24", "routes": [["0.0.0.0/0", "internet", ""], PEER]},
                "private": {"cidr": "172.32.1.0/25", "routes": [["0.0.0.0/0", "host", "172.32.0.10"], PEER]},
            },
            "public": {"54.1.2.3": "172.32.0.10"},
        },
        "vpc-b": {
            "cidrs": ["10.10.0.0/23"],
            "subnets": {"far": {"cidr": "10.10.1.0/25", "routes": [BACK]}},
            "public": {},
        },
    },
    "peerings": {"pcx-1": ["vpc-a", "vpc-b"]},
    "stores": {
        "fs-1": {
            "vpc": "vpc-a",
            "targets": {"172.32.1.100": "private", "172.32.0.100": "public"},
            "callers": [["172.32.1.20", "172.32.1.100"], ["10.10.1.20", "172.32.0.100"]],
        }
    },
    "internet": [SERVER],
}
TELL = """
import socket
listener = socket.create_server(("0.0.0.0", 80))
while True:
    connection, address = listener.accept()
    connection.sendall(address[0].encode())
    connection.close()
"""
ASK = "import socket, sys; print(socket.create_connection((sys.argv[1], 80), 2).recv(99).decode())"
MASQUERADE = "iptables --table nat --append POSTROUTING --source 172.32.1.0/25 --out-interface eth0 --jump MASQUERADE"


@pytest.fixture(scope="module")
def network() -> Network:
    made = Network()
    made.become(DESCRIBED)
    return made


@pytest.fixture(scope="module")
def hosts(network: Network) -> Iterator[dict[str, machines.Machine]]:
    """nat, worker, far; each tells whoever connects from where it seems to come, and so does the internet's server."""
    places = (
        ("nat", "vpc-a", "public", "172.32.0.10/24"),
        ("worker", "vpc-a", "private", "172.32.1.20/25"),
        ("far", "vpc-b", "far", "10.10.1.20/25"),
    )
    made = {}
    for name, vpc, subnet, address in places:
        bridge = [vpc, network.bridge(subnet)]
        made[name] = machines.make({"name": name, "type": "namespace", "addresses": [address], "bridge": bridge})
        made[name].start()
    made["nat"].run(f"echo 1 > /proc/sys/net/ipv4/ip_forward; {MASQUERADE}")
    tellers = [subprocess.Popen(["ip", "netns", "exec", each, "python3", "-c", TELL]) for each in (INTERNET, *made)]
    for name, address in (("nat", SERVER), ("worker", "172.32.1.20"), ("far", "10.10.1.20")):
        wait(f"an answer of {address}", lambda name=name, address=address: ask(made[name], address))
    yield made
    for teller in tellers:
        teller.kill()
        teller.wait()


def ask(host: machines.Machine, address: str) -> str:
    """From where the host seems to come; empty if nobody answers."""
    return str(host.run("python3", "-c", ASK, address, check=False).text)


def test_each_sees_who_really_sent(hosts: dict[str, machines.Machine]) -> None:
    assert ask(hosts["worker"], SERVER) == "54.1.2.3", "by the NAT, whose public address it is"
    assert ask(hosts["nat"], SERVER) == "54.1.2.3"
    assert ask(hosts["worker"], "10.10.1.20") == "172.32.1.20", "a peering translates nothing"
    assert ask(hosts["far"], "172.32.1.20") == "10.10.1.20"


def test_where_no_route_leads_nothing_arrives(hosts: dict[str, machines.Machine]) -> None:
    assert ask(hosts["far"], SERVER) == ""
    hosts["nat"].run(MASQUERADE.replace("--append", "--delete"))
    assert ask(hosts["worker"], SERVER) == "", "a private address does not get into the internet"
    hosts["nat"].run(MASQUERADE)
    assert ask(hosts["worker"], SERVER) == "54.1.2.3"


def test_a_change_of_routes_counts_at_once(network: Network, hosts: dict[str, machines.Machine]) -> None:
    changed = copy.deepcopy(DESCRIBED)
    changed["vpcs"]["vpc-b"]["subnets"]["far"]["routes"] = [["172.32.0.0/23", "nowhere", ""]]
    network.become(changed)
    assert ask(hosts["far"], "172.32.1.20") == ""
    changed["vpcs"]["vpc-a"]["public"] = {"54.9.9.9": "172.32.0.10"}
    changed["peerings"] = {}
    network.become(changed)
    assert ask(hosts["worker"], SERVER) == "54.9.9.9"
    assert ask(hosts["worker"], "10.10.1.20") == ""
    network.become(DESCRIBED)
    assert ask(hosts["far"], "172.32.1.20") == "10.10.1.20"


KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


def gets_through(host: machines.Machine, address: str, port: int = NFS) -> bool:
    return bool(host.run("python3", "-c", KNOCK, address, str(port), check=False).rc == 0)


def test_a_store_is_reached_by_its_callers_from_their_subnets(
    network: Network, hosts: dict[str, machines.Machine]
) -> None:
    """At each of its addresses, by those and at that port alone; also by way of a peering."""
    bridge, own = network.store("fs-1")
    addresses = [f"{own}/30", "172.32.1.100/32", "172.32.0.100/32"]
    command = ["python3", "-c", TELL.replace("80", f"{NFS}")]
    store = machines.make(
        {"name": "fs-1", "type": "namespace", "addresses": addresses, "bridge": ["vpc-a", bridge], "command": command}
    )
    store.start()
    try:
        wait("the store", lambda: gets_through(hosts["worker"], "172.32.1.100"))
        assert gets_through(hosts["far"], "172.32.0.100")
        assert not gets_through(hosts["worker"], "172.32.0.100")
        assert not gets_through(hosts["far"], "172.32.1.100")
        assert not gets_through(hosts["nat"], "172.32.0.100")
        changed = copy.deepcopy(DESCRIBED)
        changed["stores"]["fs-1"]["callers"] = [["172.32.0.10", "172.32.0.100"]]
        network.become(changed)
        assert gets_through(hosts["nat"], "172.32.0.100")
        assert not gets_through(hosts["worker"], "172.32.1.100")
        network.become(DESCRIBED)
        assert gets_through(hosts["worker"], "172.32.1.100")
    finally:
        store.stop()
