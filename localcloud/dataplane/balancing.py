"""How a load balancer picks a target: which ones it may take at a node, and whose turn it is."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass

from localcloud.dataplane.health import REGISTER
from localcloud.dataplane.picture import Picture, attributes
from plugins.module_utils.reachability.addresses import dotted
from plugins.module_utils.reachability.balance import crosses_zones, places, zone_of
from plugins.module_utils.reachability.model import Balancer, Interface, TargetGroup


@dataclass(frozen=True)
class Candidate:
    """A registered target, at one of its addresses."""

    target: str
    port: int
    address: str
    used: bool  # a stopped instance is not: it gets nothing, whatever the others' health

    def health(self, group: str) -> str:
        found = REGISTER.get(group, self.target, self.port)
        return found.state if found else "healthy"


def candidates(picture: Picture, balancer: Balancer, group: TargetGroup, node: Interface) -> list[Candidate]:
    """All targets that a node may pick: those of its own zone, and of the others where the balancer crosses zones."""
    key = ("candidates", balancer.id, group.id, node.id)
    if key not in picture.memory:
        network = picture.network
        everywhere, zone = crosses_zones(balancer, group), network.subnets[node.subnet].zone
        picture.memory[key] = [
            Candidate(target.id, target.port, dotted(address), not (interface and interface.idle))
            for target in group.targets
            for interface, address in places(network, group, target, node.vpc)
            if address is not None and (everywhere or zone_of(network, target, interface) in ("all", zone))
        ]
    found: list[Candidate] = picture.memory[key]
    return found


def fit(found: list[Candidate], group: str) -> list[Candidate]:
    """The healthy ones; where there is none, all that are used, for both kinds of balancers fail open.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
    """
    used = [each for each in found if each.used]
    return [each for each in used if each.health(group) == "healthy"] or used


class Turns:
    """Whose turn it is. Event loops and threads share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next: Counter[str] = Counter()
        self.credit: dict[str, Counter[str]] = {}
        self.open: Counter[tuple[str, str, int]] = Counter()  # requests on their way, by group, target and port

    def number(self, what: str, count: int) -> int:
        """0, 1, … count - 1, and again."""
        with self.lock:
            turn = self.next[what] % count
            self.next[what] += 1
            return turn

    def weighed(self, what: str, weights: dict[str, int]) -> str:
        """Each as often as its weight says, and evenly spread: who has the most credit pays for one turn of all."""
        with self.lock:
            credit = self.credit.get(what)
            if credit is None or set(credit) != set(weights):
                credit = self.credit[what] = Counter(dict.fromkeys(weights, 0))
            for name, weight in weights.items():
                credit[name] += weight
            chosen = max(weights, key=lambda name: credit[name])
            credit[chosen] -= sum(weights.values())
            return chosen

    def pick(self, group: str, algorithm: str, found: list[Candidate]) -> Candidate:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html"""
        if algorithm == "weighted_random":
            return random.choice(found)
        if algorithm == "least_outstanding_requests":
            with self.lock:
                load = [self.open[group, each.target, each.port] for each in found]
            found = [each for each, open_now in zip(found, load, strict=True) if open_now == min(load)]
        return found[self.number(group, len(found))]

    def begin(self, group: str, candidate: Candidate) -> None:
        with self.lock:
            self.open[group, candidate.target, candidate.port] += 1

    def end(self, group: str, candidate: Candidate) -> None:
        key = (group, candidate.target, candidate.port)
        with self.lock:
            self.open[key] -= 1
            if self.open[key] <= 0:
                del self.open[key]


TURNS = Turns()


def algorithm(picture: Picture, group: str) -> str:
    return attributes(picture.groups[group]).get("load_balancing.algorithm.type", "round_robin")
