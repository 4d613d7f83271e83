"""A request on its way through two peered zones, in this process: what the network lets through, and what balancers make of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as http

from localcloud import loopback
from localcloud.dataplane import checks, hosts, upstream
from localcloud.dataplane.clock import Clock
from localcloud.dataplane.health import PASSED, REGISTER, Health
from localcloud.dataplane.messages import Answer, Blocked, Broken, Headers, Hop, Request
from localcloud.dataplane.picture import PICTURES
from localcloud.dataplane.route import Journey, send
from localcloud.dataplane.upstream import Patience
from localcloud.dataplane.workers import WORKERS, Worker

from ...fabric import topology, web
from ...fabric.topology import AWAY, HOME, PORT, Topology, permission

HOPS = ["vpc-link", "network-load-balancer", "target-group", "network-load-balancer", "target-group",
        "application-load-balancer", "target-group", "instance"]  # fmt: skip


@pytest.fixture(scope="module")
def top(aws: Callable[..., Any]) -> Topology:
    return topology.build(aws, name="route", blocks=("172.21", "10.21"))


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    WORKERS.workers.clear()
    REGISTER.checked = False
    REGISTER.keep(set())


@contextlib.asynccontextmanager
async def serving(top: Topology, *which: int) -> AsyncIterator[list[http.AppRunner]]:
    """The instances of these numbers serve, each by a server of its own."""
    runners = []
    for number in which:
        runner = http.AppRunner(web.application(), shutdown_timeout=0.5)
        await runner.setup()
        site = http.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        instance, base = top.away.instances[number], site.name
        worker = WORKERS.workers[instance, PORT] = Worker(
            instance, AWAY, loopback.hold_one("127.0.0.1", 0), Path("/dev/null")
        )
        worker.service = hosts.Service(PORT, base)
        runners.append(runner)
    try:
        yield runners
    finally:
        await upstream.SESSIONS.close()
        for runner in runners:
            await runner.cleanup()


async def ask(
    top: Topology,
    target: str,
    *,
    origin: str = "",
    host: str = "",
    headers: Headers | None = None,
    method: str = "GET",
    body: bytes = b"",
) -> Answer:
    asked = Request(method, target, [("Host", "api.example.com"), *(headers or [])], body)
    return await send(origin or f"vpc-link:{top.link}", HOME, host or top.home.nlb["DNSName"], 80, asked)


async def text(answer: Answer) -> str:
    return b"".join([piece async for piece in answer.body]).decode()


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await work

    asyncio.run(bounded())


def blocked(top: Topology, target: str = "/web/who") -> Blocked:
    async def attempt() -> None:
        async with serving(top, 0, 1):
            with pytest.raises(Blocked) as caught:
                await ask(top, target)
            found.append(caught.value)

    found: list[Blocked] = []
    run(attempt())
    return found[0]


def works(top: Topology) -> None:
    async def attempt() -> None:
        async with serving(top, 0, 1):
            for _ in range(8):
                answer = await ask(top, "/web/who")
                assert answer.status == 200
                await answer.body.aclose()  # type: ignore[attr-defined]

    run(attempt())


def test_a_request_goes_the_whole_way_and_says_how(top: Topology) -> None:
    async def attempt() -> None:
        async with serving(top, 0, 1):
            headers = [("X-Forwarded-For", "192.0.2.1"), ("Connection", "X-Own"), ("X-Own", "1"), ("TE", "trailers")]
            answer = await ask(top, "/web/echo?a=%2F+b", method="PUT", headers=headers, body=b"content")
            assert answer.status == 200
            echoed = json.loads(await text(answer))
            assert [hop.kind for hop in answer.hops] == HOPS
            assert {hop.outcome for hop in answer.hops} == {"ok"}
            assert answer.hops[0].milliseconds >= answer.hops[-1].milliseconds > 0
            assert (echoed["method"], echoed["target"], echoed["body"]) == ("PUT", "/web/echo?a=%2F+b", "content")
            got = {key.lower(): value for key, value in echoed["headers"]}
            assert got["host"] == "api.example.com"
            assert got["x-forwarded-for"] in {
                f"192.0.2.1, {address}" for address in top.home.addresses + top.away.addresses
            }
            assert (got["x-forwarded-proto"], got["x-forwarded-port"]) == ("http", "80")
            assert got["x-amzn-trace-id"].startswith("Root=1-")
            assert not {"te", "x-own", "accept-encoding", "user-agent"} & set(got)

    run(attempt())


def test_rules_answer_by_themselves(top: Topology) -> None:
    async def attempt() -> None:
        answers = [await ask(top, path) for path in ("/", "/elsewhere")]
        assert [answer.status for answer in answers] == [200, 404]
        assert [await text(answer) for answer in answers] == ["works", "no"]
        assert dict(answers[0].headers)["Server"] == "awselb/2.0"

    run(attempt())


def test_a_listener_adds_headers_to_every_answer(top: Topology, aws: Callable[..., Any]) -> None:
    def add(value: str) -> None:
        key = "routing.http.response.access_control_allow_origin.header_value"
        attributes = [{"Key": key, "Value": value}]
        aws("elbv2", AWAY).modify_listener_attributes(ListenerArn=top.away.listener, Attributes=attributes)

    async def attempt(expected: list[str]) -> None:
        async with serving(top, 0, 1):
            for target in ("/", "/elsewhere", "/web/who"):  # a rule's own answers, and a target's
                answer = await ask(top, target)
                got = [value for key, value in answer.headers if key.lower() == "access-control-allow-origin"]
                assert got == expected, target
                await answer.body.aclose()  # type: ignore[attr-defined]

    run(attempt([]))
    add("*")
    run(attempt(["*"]))
    add("")
    run(attempt([]))


def test_a_rule_that_is_taken_away_blocks_and_is_named_and_put_back_lets_through(
    top: Topology, aws: Callable[..., Any]
) -> None:
    ec2, rules = aws("ec2", AWAY), [permission(PORT, top.away.balancers)]
    works(top)
    ec2.revoke_security_group_ingress(GroupId=top.away.workers, IpPermissions=rules)
    try:
        error = blocked(top)
        assert top.away.workers in error.reason
        assert f"ingress rule for tcp {PORT}" in error.reason
        assert error.timed_out  # security groups drop and say nothing
        assert [hop.kind for hop in error.hops] == HOPS[:-1]
        assert error.hops[-1].outcome == error.reason
    finally:
        ec2.authorize_security_group_ingress(GroupId=top.away.workers, IpPermissions=rules)
    works(top)


def test_a_route_that_is_taken_away_blocks(top: Topology, aws: Callable[..., Any]) -> None:
    ec2, block = aws("ec2", AWAY), f"{top.home.block}.0.0/16"
    ec2.delete_route(RouteTableId=top.away.table, DestinationCidrBlock=block)
    try:
        error = blocked(top, "/")
        assert "leads answers to" in error.reason
    finally:
        ec2.create_route(RouteTableId=top.away.table, DestinationCidrBlock=block, VpcPeeringConnectionId=top.peering)
    works(top)


def test_a_network_acl_blocks_and_the_entry_is_named(top: Topology, aws: Callable[..., Any]) -> None:
    ec2 = aws("ec2", AWAY)
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [top.away.vpc]}])["NetworkAcls"][0][
        "NetworkAclId"
    ]
    entry = {"NetworkAclId": acl, "RuleNumber": 50, "Egress": False}
    ec2.create_network_acl_entry(
        **entry, Protocol="6", RuleAction="deny", CidrBlock=f"{top.home.block}.0.0/16", PortRange={"From": 80, "To": 80}
    )
    try:
        error = blocked(top, "/")
        assert "entry 50 denies tcp 80" in error.reason
    finally:
        ec2.delete_network_acl_entry(**entry)
    works(top)


def test_an_instance_reaches_what_its_groups_let_it_reach(top: Topology, aws: Callable[..., Any]) -> None:
    ec2, origin = aws("ec2", AWAY), f"instance:{top.away.instances[0]}"
    names = [top.away.alb["DNSName"], top.away.nlb["DNSName"].upper(), top.away.addresses[1]]

    async def barred() -> None:
        for host in names:
            with pytest.raises(Blocked, match=f"{top.away.workers} .* has no egress rule for tcp 80"):
                await ask(top, "/", origin=origin, host=host)

    async def open_() -> None:
        for host in names:
            assert await text(await ask(top, "/", origin=origin, host=host)) == "works"
        with pytest.raises(Blocked, match=r"nowhere\.example\.com is no name"):
            await ask(top, "/", origin=origin, host="nowhere.example.com")

    run(barred())
    rule = [permission(80, f"{top.away.block}.0.0/16")]
    ec2.authorize_security_group_egress(GroupId=top.away.workers, IpPermissions=rule)
    try:
        run(open_())
    finally:
        ec2.revoke_security_group_egress(GroupId=top.away.workers, IpPermissions=rule)


def test_a_network_balancer_leads_to_an_instance_that_sees_its_client(top: Topology, aws: Callable[..., Any]) -> None:
    elbv2, ec2 = aws("elbv2", AWAY), aws("ec2", AWAY)
    client, target = top.away.instances
    group = elbv2.create_target_group(
        Name="route-tcp", Protocol="TCP", Port=PORT, VpcId=top.away.vpc, TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": target}])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    listener = elbv2.create_listener(
        LoadBalancerArn=top.away.nlb["LoadBalancerArn"], Protocol="TCP", Port=81, DefaultActions=forward
    )["Listeners"][0]["ListenerArn"]
    # A balancer keeps its client's address, and not its security groups.
    out, inward = ([permission(port, f"{top.away.block}.0.0/16")] for port in (81, PORT))
    request = Request("GET", "/web/who", [("Host", "api.example.com")])

    async def attempt() -> None:
        async with serving(top, 0, 1):
            asked = (f"instance:{client}", AWAY, top.away.nlb["DNSName"], 81, request)
            with pytest.raises(Blocked, match=f"{top.away.workers} of {target} has no ingress rule for tcp {PORT}"):
                await send(*asked)
            ec2.authorize_security_group_ingress(GroupId=top.away.workers, IpPermissions=inward)
            answer = await send(*asked)
            assert answer.status == 200
            assert [hop.kind for hop in answer.hops] == ["network-load-balancer", "target-group", "instance"]
            assert answer.hops[-1].name == target
            await answer.body.aclose()  # type: ignore[attr-defined]

    ec2.authorize_security_group_egress(GroupId=top.away.workers, IpPermissions=out)
    try:
        run(attempt())
    finally:
        ec2.revoke_security_group_egress(GroupId=top.away.workers, IpPermissions=out)
        ec2.revoke_security_group_ingress(GroupId=top.away.workers, IpPermissions=inward)
        elbv2.delete_listener(ListenerArn=listener)
        elbv2.delete_target_group(TargetGroupArn=group)


def test_a_link_leads_to_its_own_balancer_whatever_the_host(top: Topology) -> None:
    async def attempt() -> None:
        assert await text(await ask(top, "/", host="anything.example.com")) == "works"
        with pytest.raises(Blocked, match="leads to no load balancer"):
            await ask(top, "/", origin="vpc-link:none")

    run(attempt())


def test_a_target_that_is_down_is_a_bad_gateway_until_checks_take_it_out(top: Topology) -> None:
    first, second = top.away.instances

    async def attempt() -> None:
        async with serving(top, 0) as _:
            # Only one listens; nobody checks, so the other gets its turns too.
            assert sorted({(await ask(top, "/web/who")).status for _ in range(4)}) == [200, 502]
            REGISTER.checked = True
            for instance, state in ((first, "healthy"), (second, "unhealthy")):
                REGISTER.put((top.away.groups["web"], instance, PORT), Health(state))
            for zone, targets in ((top.home, top.away.addresses), (top.away, [top.away.alb["LoadBalancerArn"]])):
                for target in targets:
                    REGISTER.put((zone.groups["nlb"], target, 80), Health("healthy"))
            assert {(await ask(top, "/web/who")).status for _ in range(4)} == {200}

    run(attempt())


def test_without_any_target_a_balancer_says_unavailable(top: Topology, aws: Callable[..., Any]) -> None:
    elbv2, group = aws("elbv2", AWAY), top.away.groups["web"]
    targets = [{"Id": each} for each in top.away.instances]
    elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)
    try:
        run(expect(top, 503))
    finally:
        elbv2.register_targets(TargetGroupArn=group, Targets=targets)


def test_a_check_that_cannot_be_made_has_failed_and_the_next_one_counts_again(
    top: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        async with serving(top, 0, 1):
            picture = PICTURES.current()
            check = next(each for each in checks.wanted(picture) if each.target.target == top.away.instances[0])
            with monkeypatch.context() as patched:
                patched.setattr(upstream, "fetch", None)  # whatever is wrong with the local cloud itself
                assert (await check.verdict(picture)).reason == "Elb.InternalError"
            assert await check.verdict(picture) == PASSED

    run(attempt())


async def expect(top: Topology, status: int) -> None:
    assert (await ask(top, "/web/who")).status == status


def test_a_stopped_instance_gets_nothing(top: Topology, aws: Callable[..., Any]) -> None:
    ec2, stopped = aws("ec2", AWAY), top.away.instances[0]
    ec2.stop_instances(InstanceIds=[stopped])

    async def attempt() -> None:
        async with serving(top, 0, 1):
            hops: list[Hop] = []
            for _ in range(4):
                answer = await ask(top, "/web/who")
                assert answer.status == 200
                hops += answer.hops
                await answer.body.aclose()  # type: ignore[attr-defined]
            assert {hop.name for hop in hops if hop.kind == "instance"} == {top.away.instances[1]}

    try:
        run(attempt())
    finally:
        ec2.start_instances(InstanceIds=[stopped])


def test_a_stream_arrives_as_it_is_made_and_breaks_as_it_breaks(top: Topology, tmp_path: Path) -> None:
    async def attempt() -> None:
        async with serving(top, 0, 1) as runners:
            gate = tmp_path / "gate"
            answer = await ask(top, f"/web/lines?count=3&gate={gate}")
            first = await answer.body.__anext__()  # while the second line cannot have been made
            assert first.count(b"\n") == 1
            gate.touch()
            assert (await text(answer)).count("\n") == 2
            broken = await ask(top, "/web/lines?count=1000&pace=0.05")
            assert b"number" in await broken.body.__anext__()
            for runner in runners:
                for connection in list(runner.server.connections if runner.server else []):
                    connection.force_close()
            with pytest.raises(Broken, match="closed the connection before the answer's end"):
                await text(broken)

    run(attempt())


def test_silence_longer_than_the_idle_timeout_ends_a_request(top: Topology, aws: Callable[..., Any]) -> None:
    elbv2, arn = aws("elbv2", AWAY), top.away.alb["LoadBalancerArn"]

    def idle(seconds: int) -> None:
        attribute = {"Key": "idle_timeout.timeout_seconds", "Value": str(seconds)}
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])

    async def attempt() -> None:
        async with serving(top, 0, 1):
            answer = await ask(top, "/web/lines?count=2&pace=30")
            with pytest.raises(Broken, match="route-alb closes connections that are idle for 4 s"):
                await text(answer)
            assert (await ask(top, "/web/silent")).status == 504

    idle(4)
    try:
        run(attempt())
    finally:
        idle(60)
    works(top)


def test_the_shortest_idle_timeout_on_the_way_counts(top: Topology) -> None:
    journey = Journey(PICTURES.current(), HOME)
    for seconds, who in ((350.0, "far"), (60.0, "near"), (350.0, "last")):
        journey.waits(Patience(seconds, who))
    assert journey.patience == Patience(60.0, "near")


def test_where_time_is_faster_patience_is_over_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "CLOCK", Clock(20))
    assert Patience(900.0, "near").lasts == 45
    for nonsense in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="must be more than 0"):
            Clock().set(nonsense)


def test_forwards_are_weighed(top: Topology, aws: Callable[..., Any]) -> None:
    elbv2, first, second = aws("elbv2", AWAY), *top.away.instances
    other = elbv2.create_target_group(Name="route-other", Protocol="HTTP", Port=PORT, VpcId=top.away.vpc)[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=other, Targets=[{"Id": second}])
    elbv2.deregister_targets(TargetGroupArn=top.away.groups["web"], Targets=[{"Id": second}])
    groups = [{"TargetGroupArn": top.away.groups["web"], "Weight": 3}, {"TargetGroupArn": other, "Weight": 1}]
    rule = elbv2.create_rule(
        ListenerArn=top.away.listener,
        Priority=5,
        Conditions=[{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
    )["Rules"][0]["RuleArn"]

    async def attempt() -> None:
        async with serving(top, 0, 1):
            hit = []
            for _ in range(8):
                answer = await ask(top, "/web/echo", method="POST")
                hit.append(answer.hops[-1].name)
                await answer.body.aclose()  # type: ignore[attr-defined]
            assert (hit.count(first), hit.count(second)) == (6, 2)

    try:
        run(attempt())
    finally:
        elbv2.delete_rule(RuleArn=rule)
        elbv2.delete_target_group(TargetGroupArn=other)
        elbv2.register_targets(TargetGroupArn=top.away.groups["web"], Targets=[{"Id": second}])
