# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Security groups, judged by what carries them (X-1 to X-4, X-6, X-7; X-5 is storage's)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    ANYWHERE,
    is_port,
    lies_within,
    name_of,
    permissions,
    spell,
)


def database(system):
    """X-1"""
    home, port = system.home, system.expected["database_port"]
    functions = {group for each in system.functions for group in each.get("VpcConfig", {}).get("SecurityGroupIds", [])}
    if not functions:
        raise NotJudged("there is no function in the VPC")
    let_in = set()
    for group in home.groups(home.database_groups):
        for rule in permissions(group):
            if is_port(rule, port) and rule["kind"] == "group" and rule["source"] in functions:
                let_in.add(rule["source"])
            else:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])
    if not let_in & home.function_groups:
        yield Finding("the conversation function is not let in", ", ".join(sorted(home.database_groups)), missing=True)


def database_company(system):
    """X-1. Who carries a group that the database lets in is let in."""
    home = system.home
    let_in = {
        rule["source"]
        for group in home.groups(home.database_groups)
        for rule in permissions(group)
        if rule["kind"] == "group"
    }
    for instance in home.instances:
        if let_in & {each["GroupId"] for each in instance.get("SecurityGroups", [])}:
            yield Finding(f"{name_of(instance)} carries a group that the database lets in", instance["InstanceId"])
    for balancer in home.inside("load_balancers"):
        if let_in & set(balancer.get("SecurityGroups", [])):
            yield Finding(
                f"{balancer['LoadBalancerName']} carries a group that the database lets in", balancer["LoadBalancerArn"]
            )


def workers(system, zone):
    """X-2. Where workers and balancer share a group, the balancer's port is X-3's."""
    port, balancers = system.expected["worker_port"], zone.balancer_groups
    zone.some_workers()
    served = False
    for group in zone.groups(zone.worker_groups):
        for rule in permissions(group):
            if group["GroupId"] in balancers and is_port(rule, system.expected["balancer_port"]):
                continue
            if is_port(rule, port) and rule["kind"] == "group" and rule["source"] in balancers:
                served = True
            else:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])
    if not served:
        yield Finding(f"the load balancer is not let in on {port}", ", ".join(sorted(zone.worker_groups)), missing=True)


def every_worker(system, zone):
    """X-2. A worker with a group of its own, or one too many, is open to more than the others are."""
    for worker in zone.some_workers():
        groups = {each["GroupId"]: each["GroupName"] for each in worker.get("SecurityGroups", [])}
        if len(groups) != 1 or "default" in groups.values():
            yield Finding(
                f"{name_of(worker)} carries the groups {', '.join(sorted(groups.values())) or 'none'}",
                worker["InstanceId"],
            )


def sources_of_api_traffic(system, zone):
    """CIDRs of the subnets of the NLBs that lead here: the zone's own, and the home zone's."""
    cidrs = []
    for each in {zone.name: zone, system.home.name: system.home}.values():
        if each.vpc_or_none and each.nlb_or_none:
            placed = {place["SubnetId"] for place in each.nlb.get("AvailabilityZones", [])}
            cidrs += [subnet["CidrBlock"] for subnet in each.subnets if subnet["SubnetId"] in placed]
    if not cidrs:
        raise NotJudged(f"no NLB leads to {zone.name}")
    return cidrs


def balancer(system, zone):
    """X-3"""
    port, sources = system.expected["balancer_port"], sources_of_api_traffic(system, zone)
    shared = zone.worker_groups
    own = {
        group
        for each in (zone.nlb_or_none, system.home.nlb_or_none)
        if each
        for group in each.get("SecurityGroups", [])
    }
    served, by_group = set(), False
    for group in zone.groups(zone.balancer_groups):
        for rule in permissions(group):
            if group["GroupId"] in shared and is_port(rule, system.expected["worker_port"]):
                continue
            if is_port(rule, port) and rule["kind"] == "cidr" and lies_within(rule["source"], sources):
                served |= {cidr for cidr in sources if lies_within(cidr, [rule["source"]])}
            elif is_port(rule, port) and rule["kind"] == "group" and rule["source"] in own:
                by_group = True
            else:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])
    for cidr in sources:
        if cidr not in served and not by_group:
            yield Finding(
                f"API traffic from {cidr} is not let in", ", ".join(sorted(zone.balancer_groups)), missing=True
            )


def nat(system, zone):
    """X-4"""
    private = zone.private_cidrs
    own = {group["GroupId"] for group in zone.security_groups}
    served = set()
    for group in zone.groups(zone.nat_groups):
        for rule in permissions(group):
            if rule["kind"] == "cidr" and lies_within(rule["source"], private):
                served |= {cidr for cidr in private if lies_within(cidr, [rule["source"]])}
            elif rule["kind"] == "group" and rule["source"] in own:
                served |= set(private)
            else:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])
    for cidr in private:
        if cidr not in served:
            yield Finding(
                f"{cidr} is not let in, so it has no internet", ", ".join(sorted(zone.nat_groups)), missing=True
            )


def anywhere(system, zone):
    """X-6. A prefix list may name everybody, too."""
    wide = set(ANYWHERE)
    for each in zone.part("managed_prefix_lists"):
        if any(entry["Cidr"] in ANYWHERE for entry in each["Entries"]):
            wide.add(each["PrefixListId"])
    for group in zone.security_groups:
        for rule in permissions(group):
            if rule["source"] in wide:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])


def default_groups(system, zone):
    """X-6. They cannot be deleted, so they are set aside by the budget; AWS makes them with a rule that lets all of it out."""
    for group in zone.security_groups:
        if group["GroupName"] == "default" and (group["IpPermissions"] or group["IpPermissionsEgress"]):
            yield Finding(f"the default group of {zone.name} has rules", group["GroupId"])


def egress(system, zone):
    """X-6. The web is where packages and models come from; what needs none of them has no reason to go there."""
    closed = zone.balancer_groups - zone.worker_groups if zone.alb_or_none else set()
    if zone.is_home:
        home = system.home
        closed |= (home.store_groups if system.file_systems else set()) - zone.worker_groups
        if home.part("db_instances"):
            closed |= home.database_groups
    for group in zone.security_groups:
        if group["GroupName"] == "default":
            continue
        for rule in permissions(group, "IpPermissionsEgress"):
            wide = rule["source"] in ANYWHERE
            if wide and (
                rule["protocol"] == "-1" or group["GroupId"] in closed or (rule["first"], rule["last"]) == (0, 65535)
            ):
                yield Finding(
                    f"{group['GroupName']} lets {spell(rule).replace(' from ', ' out to ')}", group["GroupId"]
                )


def budget(system, zone):
    """X-7"""
    limit = system.expected["group_limits"]["home" if zone.is_home else "away"]
    named = sorted(group["GroupName"] for group in zone.security_groups if group["GroupName"] != "default")
    if len(named) > limit:
        yield Finding(
            f"{zone.name} has {len(named)} security groups: {', '.join(named)}",
            zone.vpc_id,
            expected=f"at most {limit}",
        )


def planned_groups(system, zone):
    """X-7. Which groups a zone has is data; without it nothing is asked."""
    if zone.groups_planned is None:
        return
    named = {group["GroupName"] for group in zone.security_groups}
    for name in zone.groups_planned:
        if f"{system.prefix}sg-{name}" not in named:
            yield Finding(f"{zone.name} has no security group {system.prefix}sg-{name}", zone.vpc_id, missing=True)


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "X-1.rule",
        "The database lets the function in",
        database,
        "5432 from the function's group, and nothing else",
        RERUN,
        3,
    ),
    Check(
        "X-1.company",
        "Nothing else carries its group",
        database_company,
        "the group of database and function on nothing else",
        "Take the group off; {playbook} does.",
    ),
    Check(
        "X-2.rule",
        "Workers let the load balancer in",
        workers,
        "11434 from the load balancer's group, and nothing else",
        RERUN,
        3,
        zones=True,
    ),
    Check(
        "X-2.groups", "Every worker carries the workers' group alone", every_worker, "one group", RERUN, 1, zones=True
    ),
    Check(
        "X-3.rule",
        "The load balancer lets API traffic in",
        balancer,
        "80 from the subnets of the NLBs that lead to it, and nothing else",
        RERUN,
        3,
        zones=True,
    ),
    Check(
        "X-4.rule",
        "The NAT instance lets its private subnets in",
        nat,
        "traffic of the zone's private subnets, and nothing else",
        RERUN,
        3,
        zones=True,
    ),
    Check(
        "X-6.anywhere",
        "No inbound rule for everybody",
        anywhere,
        "no inbound rule from 0.0.0.0/0 or ::/0",
        "Revoke the rule; {playbook} does.",
        3,
        zones=True,
    ),
    Check(
        "X-6.egress",
        "Outbound is narrowed",
        egress,
        "no rule that lets everything out, and none to the internet where nothing needs it",
        RERUN,
        1,
        zones=True,
    ),
    Check("X-6.default", "Default groups carry no rules", default_groups, "no rules", RERUN, 1, zones=True),
    Check(
        "X-7.budget",
        "Not too many groups",
        budget,
        "no more groups than the budget",
        "Delete the groups too many.",
        zones=True,
    ),
    Check(
        "X-7.groups",
        "The planned groups",
        planned_groups,
        "the groups that the plan names",
        RERUN,
        1,
        zones=True,
        makes="security groups",
    ),
]
