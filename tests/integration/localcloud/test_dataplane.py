"""The data plane on a running local cloud: instances that State Manager configures, checks that take them out and back, and their ends."""

from __future__ import annotations

import functools
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ...fabric import topology
from ...fabric.topology import AWAY, HOME, PORT, Topology, Zone, permission, states
from ...ports import free_port
from ...waiting import until
from ..playbooks import ROOT

FABRIC = ROOT / "tests" / "fabric"


class Door:
    """A local cloud in a process of its own, and the way into its data plane."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LOCALCLOUD_HOSTS": str(FABRIC / "hosts.yml"),
            "LOCALCLOUD_HEALTH_SCALE": "0.05",
            "TMPDIR": str(folder),
        }
        self.folder = folder
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fabric.door", str(port)],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        assert self.url, (folder / "log").read_text()

        @functools.cache
        def clients(service: str, region: str = HOME) -> Any:
            return boto3.client(
                service,
                region_name=region,
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="localcloud",
                aws_secret_access_key="localcloud",
            )

        self.clients = clients
        until(lambda: listens(port))

    def open(self, top: Topology, target: str) -> Any:
        """The answer, unread; an error status is no exception."""
        headers = {
            "X-Door-Origin": f"vpc-link:{top.link}",
            "X-Door-Region": HOME,
            "X-Door-Host": top.home.nlb["DNSName"],
            "X-Door-Port": "80",
        }
        try:
            return urllib.request.urlopen(urllib.request.Request(self.url + target, headers=headers), timeout=60)
        except urllib.error.HTTPError as error:
            return error

    def ask(self, top: Topology, target: str = "/web/who") -> tuple[int, str]:
        with self.open(top, target) as answer:
            return answer.status, answer.read().decode()

    def who(self, top: Topology) -> dict[str, Any]:
        status, text = self.ask(top)
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("door"))
    yield door
    door.stop()


@pytest.fixture(scope="module")
def bare(door: Door) -> Topology:
    """Before anything is configured."""
    return topology.build(door.clients)


@pytest.fixture(scope="module")
def top(door: Door, bare: Topology) -> Topology:
    until(lambda: set(web(door, bare).values()) == {"unhealthy"})
    assert door.ask(bare)[0] == 502  # all are down, so the balancer fails open
    assert door.ask(bare, "/") == (200, "works")
    topology.configure(door.clients)
    healthy(door, bare)
    return bare


def web(door: Door, top: Topology) -> dict[str, str]:
    return states(door.clients, AWAY, top.away.groups["web"])


def healthy(door: Door, top: Topology) -> None:
    until(lambda: set(web(door, top).values()) == {"healthy"})


def all_healthy(door: Door, zone: Zone) -> bool:
    """The targets of its NLB."""
    return set(states(door.clients, zone.region, zone.groups["nlb"]).values()) == {"healthy"}


def both(door: Door, top: Topology) -> dict[str, dict[str, Any]]:
    """What both instances say of themselves."""
    found: dict[str, dict[str, Any]] = {}

    def seen() -> bool:
        who = door.who(top)
        found[who["INSTANCE"]] = who
        return len(found) == 2

    until(seen)
    return found


def test_an_instance_serves_once_its_association_is_applied(door: Door, top: Topology) -> None:
    found = both(door, top)
    assert set(found) == set(top.away.instances)
    assert {who["GREETING"] for who in found.values()} == {"hello"}
    applied = door.clients("ssm", AWAY).list_associations()["Associations"][0]["Overview"]
    assert applied["AssociationStatusAggregatedCount"] == {"Success": 2}
    until(lambda: all_healthy(door, top.home) and all_healthy(door, top.away))


def test_a_line_arrives_before_the_next_one_is_made(door: Door, top: Topology) -> None:
    gate = door.folder / "gate"
    with door.open(top, f"/web/lines?count=3&gate={gate}") as answer:
        assert json.loads(answer.readline())["number"] == 0
        gate.touch()
        assert [json.loads(line)["number"] for line in answer] == [1, 2]


def test_a_worker_that_is_killed_breaks_its_streams_and_its_backup_answers(door: Door, top: Topology) -> None:
    with door.open(top, "/web/lines?count=1000&pace=0.05") as answer:
        victim = json.loads(answer.readline())["pid"]
        lost = next(name for name, who in both(door, top).items() if who["pid"] == victim)
        os.kill(victim, signal.SIGKILL)
        with pytest.raises((OSError, http.client.IncompleteRead)):
            answer.read()
    until(lambda: web(door, top)[lost] == "unhealthy")
    assert {door.who(top)["INSTANCE"] for _ in range(6)} == set(top.away.instances) - {lost}
    ssm = door.clients("ssm", AWAY)
    ssm.start_associations_once(AssociationIds=[ssm.list_associations()["Associations"][0]["AssociationId"]])
    healthy(door, top)
    assert lost in both(door, top)


def test_a_stopped_instance_ends_its_process_and_serves_again_when_it_starts(door: Door, top: Topology) -> None:
    ec2, stopped = door.clients("ec2", AWAY), top.away.instances[0]
    before = both(door, top)[stopped]["pid"]
    ec2.stop_instances(InstanceIds=[stopped])
    until(lambda: not alive(before))
    assert web(door, top)[stopped] == "unused"
    assert {door.who(top)["INSTANCE"] for _ in range(4)} == {top.away.instances[1]}
    ec2.start_instances(InstanceIds=[stopped])
    healthy(door, top)
    assert both(door, top)[stopped]["pid"] != before


def test_a_target_whose_checks_time_out_comes_back(door: Door, top: Topology) -> None:
    slow, other = top.away.instances
    pid = both(door, top)[slow]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: web(door, top)[slow] == "unhealthy")
        found = door.clients("elbv2", AWAY).describe_target_health(TargetGroupArn=top.away.groups["web"])
        assert {each["TargetHealth"].get("Reason") for each in found["TargetHealthDescriptions"]} == {
            "Target.Timeout",
            None,
        }
        assert {door.who(top)["INSTANCE"] for _ in range(4)} == {other}
    finally:
        os.kill(pid, signal.SIGCONT)
    healthy(door, top)
    assert both(door, top)[slow]["pid"] == pid


def test_what_the_network_bars_is_named_fails_checks_and_comes_back(door: Door, top: Topology) -> None:
    ec2, rules = door.clients("ec2", AWAY), [permission(PORT, top.away.workers)]
    ec2.revoke_security_group_egress(GroupId=top.away.balancers, IpPermissions=rules)
    try:
        status, reason = door.ask(top)
        assert (status, top.away.balancers in reason) == (599, True), reason
        until(lambda: set(web(door, top).values()) == {"unhealthy"})
        found = door.clients("elbv2", AWAY).describe_target_health(TargetGroupArn=top.away.groups["web"])
        assert {each["TargetHealth"]["Reason"] for each in found["TargetHealthDescriptions"]} == {"Target.Timeout"}
    finally:
        ec2.authorize_security_group_egress(GroupId=top.away.balancers, IpPermissions=rules)
    assert door.ask(top)[0] == 200  # it fails open, so nobody waits for the checks
    healthy(door, top)


def test_processes_end_with_their_instance_and_with_the_cloud_even_if_it_is_killed(door: Door, top: Topology) -> None:
    workers = {name: who["pid"] for name, who in both(door, top).items()}
    gone, left = top.away.instances
    assert all(map(alive, workers.values()))
    door.clients("ec2", AWAY).terminate_instances(InstanceIds=[gone])
    until(lambda: not alive(workers[gone]))
    assert alive(workers[left])
    door.process.kill()
    door.process.wait(30)
    until(lambda: not alive(workers[left]))
