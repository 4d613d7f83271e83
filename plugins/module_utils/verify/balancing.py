# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Load balancing: ALBs, NLBs, rules, health checks, timeouts (L-1 to L-5)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    answer_of,
    attributes_of,
    name_of,
    target_group_arns,
    targets_of,
)


def alb(system, zone):
    """L-1"""
    if not zone.vpc or zone.alb_or_none is None:
        yield Finding(f"{zone.name} has no ALB", zone.vpc_id, missing=True)
        return
    arn = zone.alb["LoadBalancerArn"]
    if zone.alb["Scheme"] != "internal":
        yield Finding(f"{zone.alb['LoadBalancerName']} is {zone.alb['Scheme']}", arn, expected="internal")
    if zone.alb.get("State", {}).get("Code") not in ("active", "provisioning"):
        yield Finding(
            f"{zone.alb['LoadBalancerName']} is {zone.alb.get('State', {}).get('Code')}", arn, expected="active"
        )
    placed = {place["SubnetId"] for place in zone.alb.get("AvailabilityZones", [])}
    for subnet in placed - zone.private_ids:
        yield Finding(f"{zone.alb['LoadBalancerName']} is in {subnet}, which is not private", arn)


def the_listener(system, zone):
    port = system.expected["balancer_port"]
    listener = next((each for each in zone.alb["Listeners"] if each["Port"] == port), None)
    if listener is None:
        raise NotJudged(f"the ALB of {zone.name} does not listen on {port}")
    return listener


def listens(system, zone):
    """L-1"""
    port = system.expected["balancer_port"]
    ports = [(each["Protocol"], each["Port"]) for each in zone.alb["Listeners"]]
    if ("HTTP", port) not in ports:
        yield Finding(
            f"{zone.alb['LoadBalancerName']} does not listen on HTTP {port}", zone.alb["LoadBalancerArn"], missing=True
        )
    for protocol, other in ports:
        if (protocol, other) != ("HTTP", port):
            yield Finding(
                f"{zone.alb['LoadBalancerName']} listens on {protocol} {other}",
                zone.alb["LoadBalancerArn"],
                expected=f"HTTP {port} alone",
            )


def root(system, zone):
    """L-1"""
    action = answer_of(the_listener(system, zone), "/") or {}
    fixed = action.get("FixedResponseConfig", {})
    if (
        action.get("Type") != "fixed-response"
        or fixed.get("StatusCode") != "200"
        or fixed.get("MessageBody", "").strip() != system.expected["root_body"]
    ):
        said = (
            f"{fixed.get('StatusCode')} {fixed.get('MessageBody', '')!r}"
            if fixed
            else f"the action {action.get('Type')}"
        )
        yield Finding(
            f"GET / is answered with {said}",
            zone.alb["LoadBalancerArn"],
            expected=f"200 {system.expected['root_body']!r}",
        )


def rules(system, zone):
    """L-2. What a request meets is worked out from the rules in their order, not from how they are written."""
    listener = the_listener(system, zone)
    groups: dict = {}
    for kind in system.expected["kinds"]:
        for path in kind["paths"]:
            action = answer_of(listener, path)
            arns = target_group_arns(action)
            if len(arns) != 1:
                yield Finding(
                    f"{path} meets {'nothing' if action is None else action['Type']}",
                    listener["ListenerArn"],
                    expected=f"{kind['name']} workers",
                )
                continue
            group = zone.target_group(arns[0]) or {}
            reached = {zone.kind_of(worker) for worker in zone.workers if worker["InstanceId"] in targets_of(group)}
            if reached and kind["name"] not in reached:
                yield Finding(
                    f"{path} leads to {', '.join(sorted(map(str, reached)))} workers",
                    listener["ListenerArn"],
                    expected=f"{kind['name']} workers",
                )
            groups.setdefault(kind["name"], arns[0])


def beyond(system, zone):
    """L-2. Paths outside the API are not the workers'."""
    listener = the_listener(system, zone)
    for path in ("/", "/somewhere", "/generate", "/apiary"):
        if target_group_arns(answer_of(listener, path)):
            yield Finding(f"{path} leads to workers", listener["ListenerArn"], expected="a fixed answer")


def kind_groups(system, zone):
    """[(kind, target group)] that the rules lead to. A group is of the kind that most of its targets are, whichever paths lead there (L-2
    tells that); an empty one is of the kind whose paths lead there."""
    groups: dict = {}
    for kind in system.expected["kinds"]:
        group = zone.group_of_kind(kind["name"])
        if group and group["TargetGroupArn"] not in groups:
            kinds = [zone.kind_of(worker) for worker in zone.workers if worker["InstanceId"] in targets_of(group)]
            groups[group["TargetGroupArn"]] = (max(kinds, key=kinds.count, default=kind["name"]), group)
    if not zone.alb or not groups:
        raise NotJudged(f"the ALB of {zone.name} leads to no target group")
    return list(groups.values())


def members(system, zone):
    """L-2, L-3"""
    zone.some_workers()
    for kind, group in kind_groups(system, zone):
        planned = {worker["InstanceId"]: worker for worker in zone.workers if zone.kind_of(worker) == kind}
        registered = targets_of(group)
        for identity, worker in planned.items():
            if identity not in registered and worker["State"]["Name"] == "running":
                yield Finding(f"{name_of(worker)} is not in {group['TargetGroupName']}", identity, missing=True)
        for identity in registered - set(planned):
            yield Finding(
                f"{identity} is in {group['TargetGroupName']} but is no {kind} worker that is there",
                group["TargetGroupArn"],
            )


def health_checks(system, zone):
    """L-3"""
    for _kind, group in kind_groups(system, zone):
        name, arn = group["TargetGroupName"], group["TargetGroupArn"]
        if not group.get("HealthCheckEnabled", True):
            yield Finding(f"{name} has no health check", arn)
        elif group.get("HealthCheckPath") != system.expected["health_path"]:
            yield Finding(
                f"{name} asks for {group.get('HealthCheckPath')}", arn, expected=system.expected["health_path"]
            )
        elif group.get("Matcher", {}).get("HttpCode") != "200":
            yield Finding(f"{name} takes {group.get('Matcher', {}).get('HttpCode')} for an answer", arn, expected="200")


def worker_ports(system, zone):
    """L-3"""
    wanted = system.expected["worker_port"]
    for _kind, group in kind_groups(system, zone):
        ports = {each["Target"].get("Port", group["Port"]) for each in group["TargetHealthDescriptions"]} or {
            group["Port"]
        }
        if ports != {wanted}:
            yield Finding(
                f"{group['TargetGroupName']} leads to port {', '.join(map(str, sorted(ports)))}",
                group["TargetGroupArn"],
                expected=str(wanted),
            )


def backups(system, zone):
    """L-3"""
    places = {worker["InstanceId"]: worker["Placement"]["AvailabilityZone"] for worker in zone.workers}
    for kind, group in kind_groups(system, zone):
        registered = [places[each] for each in targets_of(group) if each in places]
        if registered and len(set(registered)) < 2:
            yield Finding(
                f"all {kind} workers of {zone.name} that are registered are in {registered[0]}",
                group["TargetGroupArn"],
                expected="two availability zones",
            )


def alb_timeout(system, zone):
    """L-4"""
    seconds = int(attributes_of(zone.alb).get("idle_timeout.timeout_seconds", 60))
    if seconds < system.expected["idle_seconds"]:
        yield Finding(
            f"{zone.alb['LoadBalancerName']} ends connections that are idle for {seconds} s",
            zone.alb["LoadBalancerArn"],
            expected=f"{system.expected['idle_seconds']} s at least",
        )


def nlb_timeout(system, zone):
    """L-4. 350 seconds where nothing is set: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html"""
    for listener in zone.nlb["Listeners"]:
        seconds = int(attributes_of(listener).get("tcp.idle_timeout.seconds", 350))
        if seconds < system.expected["idle_seconds"]:
            yield Finding(
                f"{zone.nlb['LoadBalancerName']} ends connections to {listener['Port']} that are idle for {seconds} s",
                listener["ListenerArn"],
                expected=f"{system.expected['idle_seconds']} s at least",
            )


def nlb(system, zone):
    """L-5"""
    if not zone.vpc or zone.nlb_or_none is None:
        yield Finding(f"{zone.name} has no NLB", zone.vpc_id, missing=True)
        return
    if zone.nlb["Scheme"] != "internal":
        yield Finding(
            f"{zone.nlb['LoadBalancerName']} is {zone.nlb['Scheme']}", zone.nlb["LoadBalancerArn"], expected="internal"
        )
    if zone.nlb.get("State", {}).get("Code") not in ("active", "provisioning"):
        yield Finding(
            f"{zone.nlb['LoadBalancerName']} is {zone.nlb.get('State', {}).get('Code')}",
            zone.nlb["LoadBalancerArn"],
            expected="active",
        )


def addresses(balancer):
    return {
        each["PrivateIPv4Address"]
        for place in balancer.get("AvailabilityZones", [])
        for each in place.get("LoadBalancerAddresses", [])
        if each.get("PrivateIPv4Address")
    }


def leads_to(zone, listener, peer):
    """Whether a listener of the zone's NLB leads to the ALB of the peer: to itself at home, by the addresses of its NLB elsewhere."""
    for arn in (arn for action in listener.get("DefaultActions", []) for arn in target_group_arns(action)):
        group = zone.target_group(arn)
        if group is None:
            continue
        targets = targets_of(group)
        if zone is peer and peer.alb_or_none and peer.alb["LoadBalancerArn"] in targets:
            return True
        if zone is not peer and peer.nlb_or_none and targets and targets <= addresses(peer.nlb):
            return True
    return False


def nlb_to_alb(system, zone):
    """L-5"""
    if not zone.alb:
        return
    if not any(leads_to(zone, listener, zone) for listener in zone.nlb["Listeners"]):
        yield Finding(
            f"{zone.nlb['LoadBalancerName']} does not lead to {zone.alb['LoadBalancerName']}",
            zone.nlb["LoadBalancerArn"],
            missing=True,
        )


def nlb_to_peers(system):
    """L-5. The API's VPC link ends at the home zone's NLB, which leads to every zone."""
    home = system.home
    for zone in system.peers(home):
        if not zone.nlb:
            continue
        if not any(leads_to(home, listener, zone) for listener in home.nlb["Listeners"]):
            yield Finding(
                f"{home.nlb['LoadBalancerName']} does not lead to {zone.nlb['LoadBalancerName']}",
                home.nlb["LoadBalancerArn"],
                missing=True,
            )


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "L-1.alb", "The ALB", alb, "an active internal ALB in the private subnets", RERUN, 3, zones=True, makes="ALB"
    ),
    Check("L-1.port", "It listens on port 80", listens, "one listener, HTTP 80", RERUN, 1, zones=True),
    Check("L-1.root", "It says that it works", root, "GET / is answered with 200", RERUN, 1, zones=True),
    Check(
        "L-2.rules",
        "Paths lead to their kind",
        rules,
        "/api/generate to scoring, /api/chat to chat, other /api to llm workers",
        RERUN,
        3,
        zones=True,
        makes="rules and target groups of the ALB",
    ),
    Check("L-2.beyond", "Nothing else leads to workers", beyond, "a fixed answer outside /api", RERUN, 1, zones=True),
    Check(
        "L-2.members",
        "All workers of a kind are registered, and no others",
        members,
        "the kind's workers in its target group",
        RERUN,
        3,
        zones=True,
    ),
    Check("L-3.checks", "Health checks", health_checks, "GET /api/tags must answer 200", RERUN, zones=True),
    Check("L-3.ports", "Workers are called on Ollama's port", worker_ports, "11434", RERUN, 1, zones=True),
    Check(
        "L-3.backup",
        "A backup in another availability zone",
        backups,
        "targets in two availability zones",
        RERUN,
        zones=True,
    ),
    Check("L-4.alb", "The ALB waits for slow models", alb_timeout, "an idle timeout of minutes", RERUN, zones=True),
    Check("L-4.nlb", "So does the NLB", nlb_timeout, "an idle timeout of minutes", RERUN, 1, zones=True),
    Check("L-5.nlb", "The NLB", nlb, "an active internal NLB", RERUN, 2, zones=True, makes="NLB"),
    Check("L-5.alb", "It leads to its zone's ALB", nlb_to_alb, "a listener whose target is the ALB", RERUN, zones=True),
    Check(
        "L-5.peers",
        "The home zone's leads to the other zones",
        nlb_to_peers,
        "a listener whose targets are the addresses of the other zone's NLB",
        RERUN,
    ),
]
