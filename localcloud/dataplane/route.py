"""A request's way through the VPCs: from an origin to a balancer or an instance, hop by hop, each as the network allows it.

answer = await send("vpc-link:abc123", "us-east-1", host, 80, Request("GET", "/", [("Host", host)]))
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import time
from collections.abc import Awaitable
from typing import Any

from localcloud.dataplane import application_balancer, balancing, network, network_balancer, upstream
from localcloud.dataplane.messages import Answer, Blocked, Hop, Request
from localcloud.dataplane.picture import PICTURES, Picture
from localcloud.dataplane.upstream import Body, Failed, Idle, Patience
from localcloud.dataplane.workers import WORKERS
from plugins.module_utils.reachability.balance import listener_on
from plugins.module_utils.reachability.model import Balancer, Interface, Listener, TargetGroup

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames
PRIVATE_NAME = re.compile(r"ip-(\d+)-(\d+)-(\d+)-(\d+)\.(?:ec2|[a-z0-9-]+\.compute)\.internal")


async def send(origin: str, region: str, host: str, port: int, request: Request) -> Answer:
    """The answer to a request that an origin sends to a host in a VPC, its body still streaming.

    origin: vpc-link:ID, instance:ID or function:ARN. host: the DNS name of a balancer, a private address, or an instance's
    private DNS name; of a request through a VPC link it does not count, which leads to its own balancer:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-api-with-vpclink-using-swagger.html
    Raises Blocked, with the hops so far, where no answer comes: a hop that the network does not let through, a connection
    that is refused or stays silent.
    """
    picture = await PICTURES.now()
    try:
        return await begin(Journey(picture, region), origin, host.lower(), port, request)
    except Blocked as blocked:
        if isinstance(blocked, NoAnswer) or not PICTURES.settling:
            raise
    # A balancer, say, may have become active since: nothing has been sent yet, so there is no harm in trying again.
    return await begin(Journey(await PICTURES.anew(), region), origin, host.lower(), port, request)


async def begin(journey: Journey, origin: str, host: str, port: int, request: Request) -> Answer:
    kind, _, identity = origin.partition(":")
    try:
        if kind == "vpc-link":
            return await journey.through_link(identity, port, request)
        if kind in ("instance", "function"):
            return await journey.from_interface(identity, host, port, request)
    except network.Barred as barred:
        raise Blocked(barred.reason, journey.hops, timed_out=barred.timed_out) from None
    except Failed as failed:
        raise NoAnswer(str(failed), journey.hops) from None
    except Idle as idle:
        raise NoAnswer(str(idle), journey.hops, timed_out=True) from None
    raise ValueError(f"{origin} is no origin that is known here")


class NoAnswer(Blocked):
    """From whoever got the request."""


class Journey:
    """One request on its way. All methods that lead on return the final answer."""

    def __init__(self, picture: Picture, region: str) -> None:
        self.picture = picture
        self.region = region
        self.hops: list[Hop] = []
        self.patience: Patience | None = None

    # Where it begins

    async def through_link(self, link: str, port: int, request: Request) -> Answer:
        known = self.picture.network.links.get(link)
        found = [self.picture.network.balancers[arn] for arn in (known.balancers if known else ()) if self.has(arn)]
        if not known or not found:
            raise self.blocked(f"the VPC link {link} leads to no load balancer")
        node = self.node(found[0], port)

        async def on() -> Answer:
            network.enter(self.picture, link, found[0], port, node)
            return await self.arrive(node, port, request, None)

        return await self.hop("vpc-link", link, known.region, on())

    async def from_interface(self, owner: str, host: str, port: int, request: Request) -> Answer:
        own = self.picture.network.names.get(owner, ())
        if not own:
            raise self.blocked(f"{owner} has no network interface in a VPC")
        source = self.picture.network.interfaces[own[balancing.TURNS.number(owner, len(own))]]
        interface = network.take(self.picture, source.id, self.resolve(host, port), port)
        return await self.arrive(interface, port, request, network.Client(owner, network.address_of(source)))

    def has(self, arn: str) -> bool:
        return arn in self.picture.network.balancers

    def resolve(self, host: str, port: int) -> str:
        """The private address of a name."""
        arn = self.picture.names.get(host) or self.picture.names.get(host.removeprefix("dualstack."))
        if arn and self.has(arn):
            return network.address_of(self.node(self.picture.network.balancers[arn], port))
        if found := PRIVATE_NAME.fullmatch(host):
            return ".".join(found.groups())
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise self.blocked(f"{host} is no name of a load balancer or an instance") from None

    def node(self, balancer: Balancer, port: int) -> Interface:
        found = network.nodes(self.picture, balancer, port)
        if not found:
            raise self.blocked(f"{balancer.name} has no node")
        return found[balancing.TURNS.number(f"{balancer.id} nodes", len(found))]

    # How it goes on

    async def arrive(self, interface: Interface, port: int, request: Request, client: network.Client | None) -> Answer:
        """At whoever has this interface. client: who connected, None where a VPC link did."""
        balancer = self.picture.network.balancers.get(interface.owner)
        if balancer is None:
            return await self.hop("instance", interface.owner, interface.region, self.fetch(interface, port, request))
        if balancer.network:
            work = network_balancer.serve(self, balancer, interface, port, request, client)
            return await self.hop("network-load-balancer", balancer.name, balancer.region, work)
        seen = client or network.Client(balancer.id, network.address_of(interface))
        work = application_balancer.serve(self, balancer, interface, port, request, seen)
        return await self.hop("application-load-balancer", balancer.name, balancer.region, work)

    async def to_target(
        self,
        balancer: Balancer,
        node: Interface,
        group: TargetGroup,
        found: list[balancing.Candidate],
        request: Request,
        client: network.Client,
        kept: network.Client | None,
    ) -> Answer:
        """To one of a group's targets, which sees `client`. kept: that client, where its address is kept."""
        if not found:
            raise self.blocked(
                f"{group.name}, to which {balancer.name} forwards, has no targets for its node in {node.subnet}"
            )
        chosen = balancing.TURNS.pick(group.id, balancing.algorithm(self.picture, group.id), found)

        async def on() -> Answer:
            interface = network.take(self.picture, node.id, chosen.address, chosen.port, kept)
            return await self.arrive(interface, chosen.port, request, client)

        balancing.TURNS.begin(group.id, chosen)
        try:
            answer = await self.hop("target-group", group.name, group.region, on())
        except BaseException:
            balancing.TURNS.end(group.id, chosen)
            raise
        if isinstance(answer.body, Body):
            answer.body.at_end(lambda: balancing.TURNS.end(group.id, chosen))
        else:
            balancing.TURNS.end(group.id, chosen)
        return answer

    async def fetch(self, interface: Interface, port: int, request: Request) -> Answer:
        base = WORKERS.place(interface.owner, port)
        if base is None:
            raise Failed(f"nothing listens on tcp {port} of {interface.owner}")
        answer = await upstream.fetch(base, request, interface.owner, self.patience)
        answer.hops = self.hops
        return answer

    async def connect(self, interface: Interface, port: int) -> None:
        """A connection without a request, as a TCP health check makes one."""
        balancer = self.picture.network.balancers.get(interface.owner)
        if balancer is not None:
            self.listener(balancer, port)
            return
        base = WORKERS.place(interface.owner, port)
        if base is None:
            raise Failed(f"nothing listens on tcp {port} of {interface.owner}")
        await upstream.connect(base, interface.owner)

    async def hop(self, kind: str, name: str, region: str, work: Awaitable[Answer]) -> Answer:
        """Notes a step that is made, with the time until its answer's head and how it came out."""
        index = len(self.hops)
        self.hops.append(Hop(kind, name, region))
        started, outcome = time.perf_counter(), "ok"
        try:
            answer = await work
        except (Blocked, network.Barred, Failed, Idle) as error:
            outcome = str(error) if index == len(self.hops) - 1 else "no answer"
            raise
        finally:
            took = (time.perf_counter() - started) * 1000
            self.hops[index] = dataclasses.replace(self.hops[index], milliseconds=round(took, 3), outcome=outcome)
        answer.hops = self.hops
        return answer

    # What the steps ask

    def waits(self, patience: Patience) -> None:
        """From here on somebody more closes a connection on which nothing moves."""
        if self.patience is None or patience.seconds < self.patience.seconds:
            self.patience = patience

    def listener(self, balancer: Balancer, port: int) -> Listener:
        if balancer.state not in ("active", "active_impaired"):
            raise self.blocked(f"{balancer.name} is {balancer.state}")
        found = listener_on(balancer, "tcp", port)
        if found is None:
            raise self.blocked(f"{balancer.name} has no listener on tcp {port}")
        return found

    def described(self, listener: str) -> dict[str, Any]:
        """A listener as DescribeListeners shows it, with its Rules and Attributes."""
        key = ("listener", listener)
        if key not in self.picture.memory:
            self.picture.memory[key] = next(
                each
                for balancer in self.picture.balancers.values()
                for each in balancer["Listeners"]
                if each["ListenerArn"] == listener
            )
        found: dict[str, Any] = self.picture.memory[key]
        return found

    def group(self, arn: str) -> TargetGroup:
        return self.picture.network.target_groups[arn]

    def blocked(self, reason: str) -> Blocked:
        return Blocked(reason, self.hops)
