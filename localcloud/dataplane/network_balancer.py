"""A network load balancer: a listener's connections go to the targets of its group, byte by byte, by whichever node they came in.

https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.dataplane import balancing, network
from localcloud.dataplane.messages import Answer, Request
from localcloud.dataplane.picture import attributes
from localcloud.dataplane.upstream import Patience
from plugins.module_utils.reachability.model import Balancer, Interface

if TYPE_CHECKING:
    from localcloud.dataplane.route import Journey

IDLE = "tcp.idle_timeout.seconds"


async def serve(
    journey: Journey, balancer: Balancer, node: Interface, port: int, request: Request, client: network.Client | None
) -> Answer:
    """On from a node. client: who connected; None where it was a VPC link, whose address is not told but the node's own."""
    listener = journey.listener(balancer, port)
    rule = listener.rules[-1]
    weights = dict.fromkeys(rule.action.targets, 1)
    if not weights:
        raise journey.blocked(f"the listener {port} of {balancer.name} forwards to no target group")
    group = journey.group(balancing.TURNS.weighed(rule.id, weights))
    seconds = float(attributes(journey.described(listener.id)).get(IDLE) or 350)
    journey.waits(Patience(seconds, balancer.name))
    own = network.Client(balancer.id, network.address_of(node))
    kept = client if client and group.keeps_client else None
    found = balancing.fit(balancing.candidates(journey.picture, balancer, group, node), group.id)
    return await journey.to_target(balancer, node, group, found, request, kept or own, kept)
