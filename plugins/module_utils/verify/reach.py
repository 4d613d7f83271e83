# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who can reach whom, of several areas: what must be reachable is walked, and so is what must not. The other checks read rules and
routes one by one; these tell whether all of them together let something through, whatever it was that somebody changed."""

from ansible_collections.lks.llm.plugins.module_utils.reachability import load, reach
from ansible_collections.lks.llm.plugins.module_utils.verify.api import URI, calls
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.storage import NFS

PARTS = (
    "vpcs",
    "subnets",
    "route_tables",
    "security_groups",
    "network_acls",
    "instances",
    "network_interfaces",
    "internet_gateways",
    "nat_gateways",
    "vpc_peering_connections",
    "vpc_endpoints",
    "prefix_lists",
    "managed_prefix_lists",
    "load_balancers",
    "target_groups",
    "mount_targets",
    "db_instances",
    "functions",
    "vpc_links",
)
INTERNET = "internet"


def walk(system, sources, destinations, **question):
    """The engine's answer. What AWS refused to tell must not look like a closed way, so every part has to be there."""
    for region in system.snapshot["regions"]:
        for part in PARTS:
            system.part(region, part)
    if not hasattr(system, "network"):
        system.network = load(system.snapshot)
    answer = reach(system.network, sources, destinations, **question)
    if not answer.traces:
        raise NotJudged(f"there is nothing to try from {' or '.join(sources)} to {' or '.join(destinations)}")
    return answer


def must(answer, what, zone=""):
    """Findings for a way that has to be open, always. zone: who suffers, where the check is not asked zone by zone."""
    if answer.verdict == "always":
        return
    where = " and from elsewhere it does" if answer.verdict == "sometimes" else ""
    for block in answer.blocks[:3]:
        yield Finding(f"{what} fails{where}: {block.reason}", block.id, block.region, zone=zone)


def must_not(answer, what):
    """Findings for a way that has to be closed, always."""
    open_ways: dict = {}
    for trace in answer.open:
        open_ways.setdefault((trace.source, trace.destination), trace)
    for (source, destination), trace in list(open_ways.items())[:5]:
        through = ", ".join(
            f"{hop.kind} {hop.id}" for hop in trace.hops if hop.kind in ("security-group", "route", "internet-gateway")
        )
        ports = "" if trace.ports[0] != trace.ports[1] else f" {trace.ports[0]}"
        yield Finding(
            f"{source} reaches {destination} on {trace.protocol}{ports}{f' ({through})' if through else ''}: {what}",
            destination,
        )


def ids(instances):
    return [each["InstanceId"] for each in instances if each["State"]["Name"] in ("running", "pending")]


def nats(system):
    return ids([zone.nat_or_none for zone in system.zones if zone.vpc_or_none and zone.nat_or_none])


def running(zone):
    found = ids(zone.some_workers())
    if not found:
        raise NotJudged(f"no worker of {zone.name} runs")
    return found


def balancers(zone):
    return [each["LoadBalancerArn"] for each in (zone.alb_or_none, zone.nlb_or_none) if each]


def function_arns(system):
    return [each["FunctionArn"] for each in system.functions if each.get("VpcConfig", {}).get("SubnetIds")]


def out(system, zone):
    """N-5"""
    yield from must(walk(system, running(zone), [INTERNET], protocol="tcp", port=443), "from a worker to the internet")


def to_peers(system):
    """N-4. From the home zone's NLB to those of the others, which is the way that needs the peering."""
    for zone in system.peers(system.home):
        sources, destinations = [system.home.nlb["LoadBalancerArn"]], [zone.nlb["LoadBalancerArn"]]
        answer = walk(
            system, sources, destinations, protocol="tcp", port=system.expected["balancer_port"], request={"path": "/"}
        )
        yield from must(answer, f"from the NLB of {system.home.name} to that of {zone.name}", zone.name)


def to_store(system, zone):
    """S-3"""
    if not system.mount_targets:
        raise NotJudged("the store has no mount targets")
    answer = walk(system, running(zone), [system.store["FileSystemId"]], protocol="tcp", port=NFS)
    yield from must(answer, f"from a worker of {zone.name} to the store")


def store_closed(system):
    """S-3"""
    if not system.mount_targets:
        raise NotJudged("the store has no mount targets")
    sources = [INTERNET, *nats(system), *function_arns(system), *balancers(system.home)]
    yield from must_not(
        walk(system, sources, [system.store["FileSystemId"]], protocol="tcp", port=NFS), "only workers may"
    )


def to_database(system):
    """X-1"""
    if not system.function.get("VpcConfig", {}).get("SubnetIds"):
        raise NotJudged("the conversation function is in no VPC")
    answer = walk(
        system,
        [system.function["FunctionArn"]],
        [system.database["DBInstanceArn"]],
        protocol="tcp",
        port=system.expected["database_port"],
    )
    yield from must(answer, "from the function to the database")


def database_closed(system):
    """X-1. On no port at all."""
    sources = [INTERNET, *nats(system)]
    for zone in system.zones:
        if zone.vpc_or_none:
            sources += ids(zone.workers) + balancers(zone)
    if system.file_systems:
        sources.append(system.store["FileSystemId"])
    yield from must_not(
        walk(system, sources, [system.database["DBInstanceArn"]], protocol="any"), "only the function may"
    )


def to_workers(system, zone):
    """X-2"""
    answer = walk(
        system, [zone.alb["LoadBalancerArn"]], running(zone), protocol="tcp", port=system.expected["worker_port"]
    )
    yield from must(answer, f"from the ALB of {zone.name} to a worker")


def workers_closed(system, zone):
    """X-2. Workers that share the balancer's group let each other in: the budget leaves their zone no other group."""
    sources = [INTERNET, *nats(system), *function_arns(system)]
    sources += [zone.nlb["LoadBalancerArn"]] if zone.nlb_or_none else []
    for each in system.zones:
        if each.vpc_or_none is None:
            continue
        if each is not zone:
            sources += balancers(each) + ids(each.workers)
        elif not zone.balancer_groups & zone.worker_groups:
            sources += ids(zone.workers)
    answer = walk(system, sources, running(zone), protocol="tcp", port=system.expected["worker_port"])
    yield from must_not(answer, "only the load balancer may")


def to_balancer(system, zone):
    """X-3"""
    answer = walk(
        system,
        [zone.nlb["LoadBalancerArn"]],
        [zone.alb["LoadBalancerArn"]],
        protocol="tcp",
        port=system.expected["balancer_port"],
        request={"path": "/"},
    )
    yield from must(answer, f"from the NLB of {zone.name} to its ALB")


def balancer_closed(system, zone):
    """X-3"""
    answer = walk(
        system,
        [INTERNET, *nats(system)],
        [zone.alb["LoadBalancerArn"]],
        protocol="tcp",
        port=system.expected["balancer_port"],
        request={"path": "/"},
    )
    yield from must_not(answer, "only API traffic may")


def nothing_from_the_internet(system, zone):
    """X-4. What has no public address cannot be reached, so the question is about what has one."""
    public = [
        each["NetworkInterfaceId"]
        for each in zone.inside("network_interfaces")
        if each.get("Association", {}).get("PublicIp")
    ]
    if public:
        yield from must_not(walk(system, [INTERNET], public, protocol="any"), "nothing of the internet may")


def from_api(system, zone):
    """A-3. From the VPC link to each kind of worker, through every balancer, peering and rule between."""
    home = system.home
    _path, _verb, method = calls(system, zone)[0]
    integration = method.get("methodIntegration", {})
    parts = URI.fullmatch(integration.get("uri", ""))
    link = next((each for each in home.part("vpc_links") if each["id"] == integration.get("connectionId")), None)
    if parts is None or link is None or integration.get("connectionType") != "VPC_LINK":
        raise NotJudged(f"the API does not call {zone.name} through a VPC link")
    for kind in system.expected["kinds"]:
        answer = walk(
            system,
            [f"vpclink:{link['id']}"],
            [home.nlb["LoadBalancerArn"]],
            protocol="tcp",
            port=int(parts["port"] or 80),
            request={"path": kind["paths"][0]},
        )
        yield from must(answer, f"{kind['paths'][0]} of {zone.name}")
        workers = {each["InstanceId"] for each in zone.some_workers() if zone.kind_of(each) == kind["name"]}
        strays = [end for end in answer.ends if end not in workers]
        if strays:
            yield Finding(
                f"{kind['paths'][0]} of {zone.name} ends at {', '.join(strays)}",
                ", ".join(strays),
                expected=f"{kind['name']} workers",
            )


REMEDY = "See the checks of the rules, routes and targets that it names; {playbook} mends what differs from the plan."
CHECKS = [
    Check(
        "N-4.reach",
        "Proven: the peering carries API traffic",
        to_peers,
        "a way from the home zone's NLB to every other zone's",
        REMEDY,
    ),
    Check(
        "N-5.reach",
        "Proven: private subnets reach the internet",
        out,
        "a way from every worker to the internet",
        REMEDY,
        zones=True,
    ),
    Check(
        "S-3.reach",
        "Proven: workers reach the store",
        to_store,
        "a way from every worker to every mount target",
        REMEDY,
        zones=True,
    ),
    Check(
        "S-3.closed",
        "Proven: nothing else does",
        store_closed,
        "no way from internet, NAT, function or balancers",
        REMEDY,
    ),
    Check(
        "X-1.reach",
        "Proven: the function reaches the database",
        to_database,
        "a way from the function to the database",
        REMEDY,
    ),
    Check("X-1.closed", "Proven: nothing else does", database_closed, "no way from anything else, on any port", REMEDY),
    Check(
        "X-2.reach",
        "Proven: the load balancer reaches the workers",
        to_workers,
        "a way from the ALB to every worker",
        REMEDY,
        zones=True,
    ),
    Check(
        "X-2.closed",
        "Proven: nothing else does",
        workers_closed,
        "no way from anything else to Ollama's port",
        REMEDY,
        zones=True,
    ),
    Check(
        "X-3.reach", "Proven: the NLB reaches the ALB", to_balancer, "a way from the NLB to the ALB", REMEDY, zones=True
    ),
    Check(
        "X-3.closed",
        "Proven: the internet does not",
        balancer_closed,
        "no way from internet or NAT",
        REMEDY,
        zones=True,
    ),
    Check(
        "X-4.closed",
        "Proven: nothing is reached from the internet",
        nothing_from_the_internet,
        "no way from the internet, on any port",
        REMEDY,
        3,
        zones=True,
    ),
    Check(
        "A-3.reach",
        "Proven: the API reaches each kind of worker",
        from_api,
        "a way from the VPC link to the kind's workers alone",
        REMEDY,
        3,
        zones=True,
    ),
]
