"""Load balancers, their target groups, and the instances behind them, as nodes of the picture: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.status import words
from localcloud.status.described import Regions
from localcloud.status.nodes import Described, Node, identity, name_of, node
from localcloud.status.words import meaning

KINDS = {"network": "network-load-balancer", "application": "application-load-balancer"}


class Targets:
    """The health of every target, by target group."""

    def __init__(self, regions: Regions) -> None:
        self.by_group: dict[str, list[Node]] = {}
        for parts in regions.values():
            for each in parts.get("health", []):
                state = each["TargetHealth"]
                name = each["Target"]["Id"]
                self.by_group.setdefault(each["TargetGroupArn"], []).append(
                    {
                        "target": name,
                        "name": name.rpartition(":loadbalancer/")[2] or name,
                        "port": each["Target"].get("Port"),
                        "said": state["State"],
                        "health": meaning(state["State"]),
                        "why": state.get("Description") or state.get("Reason") or "",
                    }
                )

    def of(self, arn: str) -> list[Node]:
        return self.by_group.get(arn, [])


def balancers(region: str, found: list[Any], groups: Mapping[str, Described], targets: Targets) -> Iterator[Node]:
    for each in found:
        rows = [
            row
            for listener in sorted(each.get("Listeners", []), key=lambda listener: listener.get("Port") or 0)
            for rule in listener.get("Rules", [])
            for row in rule_rows(region, listener, rule, groups, targets)
        ]
        made = node(
            KINDS.get(each["Type"], each["Type"]),
            region,
            each["LoadBalancerName"],
            (each.get("State") or {}).get("Code", "active"),
            facts={
                "Scheme": each.get("Scheme"),
                "DNS name": each.get("DNSName"),
                "Zones": ", ".join(zone["ZoneName"] for zone in each.get("AvailabilityZones", [])),
            },
            vpc=each.get("VpcId", ""),
            arn=each["LoadBalancerArn"],
        )
        made["rows"] = rows
        # What answers nobody is broken, whatever the balancer itself says.
        if made["health"] == words.GOOD and any(row["health"] == words.BAD for row in rows):
            made["health"], made["said"] = words.BAD, "no healthy target"
        yield made


def rule_rows(
    region: str, listener: Described, rule: Described, groups: Mapping[str, Described], targets: Targets
) -> Iterator[Node]:
    """One for each target group that a rule forwards to, or one for what the balancer answers itself."""
    text = condition(rule)
    for number, (arn, answer) in enumerate(leads(rule)):
        group = groups.get(arn)
        known = targets.of(arn) if group else []
        good = sum(target["health"] == words.GOOD for target in known)
        yield {
            "id": f"{rule['RuleArn']}#{number}",
            "port": listener.get("Port"),
            "text": text,
            "group": identity("target-group", region, group["TargetGroupName"]) if group else "",
            "name": group["TargetGroupName"] if group else answer,
            "said": f"{good}/{len(known)}" if group else "",
            "health": row_health(known) if group else words.GOOD,
            "targets": known,
        }


def row_health(targets: list[Node]) -> str:
    """Of a target group: good while one target answers; off where nobody is asked to."""
    found = {target["health"] for target in targets}
    for health in (words.GOOD, words.BUSY, words.BAD):
        if health in found:
            return health
    return words.OFF


def condition(rule: Described) -> str:
    """`/chat, /chat/*`; `else` for the default rule of a listener that has others is for the page to say."""
    said = []
    for each in rule.get("Conditions", []):
        values: list[Any] = each.get("Values") or next(
            (value["Values"] for key, value in each.items() if key.endswith("Config") and "Values" in value), []
        )
        text = ", ".join(str(value) for value in values)
        said.append(text if each.get("Field") == "path-pattern" else f"{each.get('Field')} {text}")
    return " and ".join(said)


def leads(rule: Described) -> Iterator[tuple[str, str]]:
    """(ARN of a target group, "") or ("", what is answered)."""
    for action in rule.get("Actions", []):
        kind = action["Type"]
        if kind == "forward":
            several = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
            for arn in [each["TargetGroupArn"] for each in several] or [action["TargetGroupArn"]]:
                yield arn, ""
        elif kind == "fixed-response":
            yield "", f"answers {action['FixedResponseConfig']['StatusCode']}"
        else:
            yield "", kind


def instances(region: str, found: list[Any], groups: Mapping[str, Described], targets: Targets) -> Iterator[Node]:
    """An instance is as healthy as the worst of its target groups says, while it runs."""
    for each in found:
        state = each["State"]["Name"]
        if state == "terminated":
            continue
        own = each["InstanceId"]
        told = [
            (group["TargetGroupName"], target)
            for arn, group in groups.items()
            for target in targets.of(arn)
            if target["target"] == own
        ]
        facts = {
            "Instance": own,
            "Type": each.get("InstanceType"),
            "Zone": each.get("Placement", {}).get("AvailabilityZone"),
            "Private address": each.get("PrivateIpAddress"),
            "Public address": each.get("PublicIpAddress"),
            **{f"In {name}": f"{target['said']} {target['why']}".strip() for name, target in told},
        }
        made = node(
            "instance",
            region,
            own,
            state,
            title=name_of(each, own),
            facts=facts,
            vpc=each.get("VpcId", ""),
            subnet=each.get("SubnetId", ""),
            arn=own,
        )
        if made["health"] == words.GOOD and told:
            made["health"] = words.worst(*(target["health"] for _, target in told))
            made["said"] = next((target["said"] for _, target in told if target["health"] == made["health"]), state)
        yield made
