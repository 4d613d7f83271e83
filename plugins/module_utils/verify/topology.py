# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the picture of the topology shows: nodes, and which checks decide whether the way between two of them is good. Data, no drawing."""

from dataclasses import dataclass

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import (
    BLOCKED,
    FAIL,
    PASS,
    UNSEEN,
    NotJudged,
    NotSeen,
)
from ansible_collections.lks.llm.plugins.module_utils.verify.system import name_of


@dataclass(frozen=True)
class Way:
    """From one node to another. proof: checks that prove that it is reachable; checks: what else must hold for it; zone: whose findings
    count; shared: the proof is of a longer way, so where it fails this part of it may be good."""

    source: str
    target: str
    label: str
    zone: str
    proof: tuple
    checks: tuple
    shared: bool = False


def ways(system):
    home = system.home
    name = home.name
    yield Way("client", "sign-in", "sign in", name, (), ("C-1.pool", "C-1.flows", "C-1.secret"))
    yield Way(
        "client", "api", "calls", name, (), ("A-1.api", "A-1.stage", "A-1.methods", "A-5.preflight", "A-5.errors")
    )
    yield Way("api", "function", "conversations", name, (), ("A-2.paths", "A-2.function", "F-2.invocable", "F-2.works"))
    yield Way("function", "database", "5432", name, ("X-1.reach",), ("X-1.rule", "F-1.variables", "D-1.there"))
    yield Way(
        "api", f"nlb {home.name}", "VPC link", name, ("A-3.reach",), ("A-3.available", "A-3.link", "L-5.nlb"), True
    )
    for zone in system.zones:
        away = not zone.is_home
        if away:
            yield Way(
                f"nlb {home.name}",
                f"nlb {zone.name}",
                "peering",
                zone.name,
                ("N-4.reach",),
                ("L-5.peers", "N-4.peerings", "N-4.routes"),
            )
        yield Way(
            f"nlb {zone.name}",
            f"alb {zone.name}",
            "80",
            zone.name,
            ("X-3.reach",),
            ("L-5.alb", "X-3.rule", "L-1.port"),
        )
        yield Way(
            f"alb {zone.name}",
            f"workers {zone.name}",
            "11434",
            zone.name,
            ("X-2.reach",),
            ("X-2.rule", "L-2.rules", "L-2.members", "W-5.healthy"),
        )
        yield Way(
            f"workers {zone.name}",
            "store",
            "2049",
            zone.name,
            ("S-3.reach",),
            ("S-3.sources", "S-2.targets", "S-2.mounted"),
        )
        yield Way(
            f"workers {zone.name}",
            f"nat {zone.name}",
            "web",
            zone.name,
            ("N-5.reach",),
            ("N-5.route", "N-5.check", "X-4.rule", "N-5.forwards", "N-5.instance"),
        )


def status_in(result, zone):
    """A check's status for one zone: findings of others are none of its business."""
    if result.status == FAIL:
        return FAIL if any(finding.zone in ("", zone) for finding in result.findings) else PASS
    return result.status


def judge_way(way, results):
    """proven (an engine has walked it), good (as described), broken, or unknown; and the checks that say so."""
    chosen = {name: status_in(results[name], way.zone) for name in (*way.proof, *way.checks) if name in results}
    if way.shared:
        chosen = {name: status for name, status in chosen.items() if name not in way.proof or status == PASS}
    failed = sorted(name for name, status in chosen.items() if status == FAIL)
    if failed:
        return "broken", failed
    waiting = sorted(name for name, status in chosen.items() if status in (BLOCKED, UNSEEN))
    if waiting or not chosen:
        return "unknown", waiting
    proofs = [name for name in way.proof if name in chosen]
    return ("proven", proofs) if proofs else ("good", sorted(chosen))


def optional(look, default=None):
    """What is there to be shown, or the default where it is not there or could not be looked at."""
    try:
        return look()
    except (NotJudged, NotSeen):
        return default


def zone_nodes(system, zone):
    workers: dict = {}
    for worker in optional(lambda: zone.workers, []):
        kind = zone.kind_of(worker) or "?"
        workers.setdefault(kind, []).append(
            {"id": worker["InstanceId"], "name": name_of(worker), "state": worker["State"]["Name"]}
        )
    nat = optional(lambda: zone.nat)
    return {
        "name": zone.name,
        "region": zone.region,
        "cidr": zone.cidr,
        "home": zone.is_home,
        "vpc": optional(lambda: zone.vpc_id, ""),
        "public": optional(lambda: [each["CidrBlock"] for each in zone.public_subnets], []),
        "private": optional(lambda: zone.private_cidrs, []),
        "nat": nat["InstanceId"] if nat else "",
        "alb": optional(lambda: zone.alb["LoadBalancerName"], ""),
        "nlb": optional(lambda: zone.nlb["LoadBalancerName"], ""),
        "workers": {kind["name"]: workers.get(kind["name"], []) for kind in system.expected["kinds"]},
    }


def draw_up(system, results):
    """{"zones": […], "once": {node: name or ""}, "ways": [{source, target, label, zone, state, checks}]}"""
    known = {result.id: result for result in results}
    drawn = []
    for way in ways(system):
        state, checks = judge_way(way, known)
        drawn.append(
            {
                "source": way.source,
                "target": way.target,
                "label": way.label,
                "zone": way.zone,
                "state": state,
                "checks": checks,
            }
        )
    return {
        "zones": [zone_nodes(system, zone) for zone in system.zones],
        "once": {
            "api": optional(lambda: system.api["name"], ""),
            "sign-in": optional(lambda: system.pool["Name"], ""),
            "client": optional(lambda: system.app["name"], ""),
            "function": optional(lambda: system.function["FunctionName"], ""),
            "database": optional(lambda: system.database["DBInstanceIdentifier"], ""),
            "store": optional(lambda: system.store.get("Name") or system.store["FileSystemId"], ""),
        },
        "ways": drawn,
    }
