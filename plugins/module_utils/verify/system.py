# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The snapshot, asked the way the checks ask. Things are found by what they do (a subnet by its CIDR, a NAT instance by the route that leads
to it, a database by its engine), and by names only where several would do: so this works on what others built by hand."""

import ipaddress
from functools import cached_property

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import NotJudged, NotSeen

ANYWHERE = ("0.0.0.0/0", "::/0")


def tags_of(item):
    """Tags of what carries them in its description, in whichever spelling its service has."""
    for key in ("Tags", "TagSet", "TagList", "tags", "UserPoolTags"):
        tags = item.get(key)
        if isinstance(tags, dict):
            return tags
        if tags:
            return {tag["Key"]: tag.get("Value", "") for tag in tags}
    return {}


def name_of(item):
    return tags_of(item).get("Name", "")


def attributes_of(item):
    return {each["Key"]: each["Value"] for each in item.get("Attributes", [])}


def network(cidr):
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def lies_within(cidr, cidrs):
    """Whether all addresses of cidr are within one of cidrs."""
    inner = network(cidr)
    outers = [each for each in map(network, cidrs) if each is not None]
    return inner is not None and any(inner.version == outer.version and inner.subnet_of(outer) for outer in outers)


def planned_subnets(cidr):
    """The CIDRs of the public and of the private subnets (N-2): the first /24, and the halves of the second /24."""
    whole = network(cidr)
    if whole is None or whole.version != 4 or whole.prefixlen > 23:
        return None
    first, second = list(zip(range(2), whole.subnets(new_prefix=24), strict=False))
    return str(first[1]), [str(half) for half in second[1].subnets(prefixlen_diff=1)]


def arn_name(arn):
    """The last part of an ARN, without its path: the name of a role or an instance profile."""
    return arn.rsplit("/", 1)[-1]


def prefer(items, wanted):
    """The item that fits best: one for which wanted is true, else the first; None where there is none."""
    return next((item for item in items if wanted(item)), items[0] if items else None)


class Zone:
    """One zone of the expectations, and what of it there is."""

    def __init__(self, system, expected):
        self.system = system
        self.name = expected["name"]
        self.region = expected["region"]
        self.cidr = expected["cidr"]
        self.is_home = bool(expected["home"])
        self.groups_planned = expected["groups"]

    def part(self, name):
        """A part of the zone's region; NotSeen where AWS refused to tell."""
        return self.system.part(self.region, name)

    @property
    def prefix(self):
        return self.system.prefix

    @cached_property
    def vpc_or_none(self):
        own = [vpc for vpc in self.part("vpcs") if not vpc.get("IsDefault")]
        named = f"{self.prefix}vpc-{self.name}"
        vpc = prefer([vpc for vpc in own if name_of(vpc) == named], lambda vpc: vpc["CidrBlock"] == self.cidr)
        return vpc or next((vpc for vpc in own if vpc["CidrBlock"] == self.cidr), None)

    @property
    def vpc(self):
        if self.vpc_or_none is None:
            raise NotJudged(f"{self.name} has no VPC")
        return self.vpc_or_none

    @property
    def vpc_id(self):
        return self.vpc["VpcId"]

    def inside(self, name):
        """What of a part is in the zone's VPC."""
        vpc_id = self.vpc_id  # before all else: without a VPC nothing is inside, and nothing can be said about it
        return [item for item in self.part(name) if item.get("VpcId") == vpc_id]

    @cached_property
    def subnets(self):
        return self.inside("subnets")

    @cached_property
    def public_subnets(self):
        """By the plan; where nothing is as planned, those that lead to an internet gateway."""
        planned = planned_subnets(self.vpc["CidrBlock"])
        found = [subnet for subnet in self.subnets if planned and subnet["CidrBlock"] == planned[0]]
        return found or [subnet for subnet in self.subnets if self.leads_out(subnet["SubnetId"])]

    @cached_property
    def private_subnets(self):
        return [subnet for subnet in self.subnets if subnet not in self.public_subnets]

    @property
    def private_ids(self):
        return {subnet["SubnetId"] for subnet in self.private_subnets}

    @property
    def private_cidrs(self):
        return [subnet["CidrBlock"] for subnet in self.private_subnets]

    @cached_property
    def route_tables(self):
        return self.inside("route_tables")

    def table_of(self, subnet_id):
        """The route table of a subnet: the one it is associated with, else the main one."""
        main = None
        for table in self.route_tables:
            for association in table.get("Associations", []):
                if association.get("SubnetId") == subnet_id:
                    return table
                if association.get("Main"):
                    main = table
        return main

    def leads_out(self, subnet_id):
        routes = (self.table_of(subnet_id) or {}).get("Routes", [])
        return any(route.get("GatewayId", "").startswith("igw-") for route in routes)

    @cached_property
    def instances(self):
        """Instances of the VPC that are there and stay there."""
        gone = ("terminated", "shutting-down")
        return [each for each in self.inside("instances") if each["State"]["Name"] not in gone]

    @cached_property
    def nat_or_none(self):
        """The instance that the private subnets' default route leads to, else the one in the public subnet that looks like a NAT."""
        routed = set()
        for subnet in self.private_subnets:
            for route in (self.table_of(subnet["SubnetId"]) or {}).get("Routes", []):
                if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                    routed |= {route.get("InstanceId"), route.get("NetworkInterfaceId")}
        routed.discard(None)
        for instance in self.instances:
            interfaces = {each["NetworkInterfaceId"] for each in instance.get("NetworkInterfaces", [])}
            if instance["InstanceId"] in routed or interfaces & routed:
                return instance
        public = {subnet["SubnetId"] for subnet in self.public_subnets}

        def looks_like(instance):
            return "nat" in (name_of(instance) + tags_of(instance).get("Component", "")).lower()

        near = [each for each in self.instances if each.get("SubnetId") in public or looks_like(each)]
        return prefer(near, looks_like)

    @property
    def nat(self):
        if self.nat_or_none is None:
            raise NotJudged(f"{self.name} has no NAT instance")
        return self.nat_or_none

    @cached_property
    def workers(self):
        return [each for each in self.instances if each is not self.nat_or_none]

    def some_workers(self):
        if not self.workers:
            raise NotJudged(f"{self.name} has no workers")
        return self.workers

    def kind_of(self, instance):
        """The kind of a worker: by its tag, else by the target group that it is in, else by its name."""
        kinds = [kind["name"] for kind in self.system.expected["kinds"]]
        tagged = tags_of(instance).get("Kind")
        if tagged in kinds:
            return tagged
        for kind in kinds:
            group = self.group_of_kind(kind)
            if group and instance["InstanceId"] in targets_of(group):
                return kind
        return next((kind for kind in kinds if kind in name_of(instance).split("-")), None)

    def group_of_kind(self, kind):
        """The target group that the ALB's rules lead the kind's first path to."""
        if self.alb_or_none is None:
            return None
        paths = next(each["paths"] for each in self.system.expected["kinds"] if each["name"] == kind)
        for listener in self.alb_or_none.get("Listeners", []):
            action = answer_of(listener, paths[0])
            arns = target_group_arns(action)
            if arns:
                return self.target_group(arns[0])
        return None

    def target_group(self, arn):
        return next((group for group in self.part("target_groups") if group["TargetGroupArn"] == arn), None)

    def balancer(self, kind):
        found = [each for each in self.inside("load_balancers") if each["Type"] == kind]
        return prefer(found, lambda each: each["LoadBalancerName"].startswith(self.prefix))

    @cached_property
    def alb_or_none(self):
        return self.balancer("application")

    @cached_property
    def nlb_or_none(self):
        return self.balancer("network")

    @property
    def alb(self):
        if self.alb_or_none is None:
            raise NotJudged(f"{self.name} has no ALB")
        return self.alb_or_none

    @property
    def nlb(self):
        if self.nlb_or_none is None:
            raise NotJudged(f"{self.name} has no NLB")
        return self.nlb_or_none

    @cached_property
    def security_groups(self):
        return self.inside("security_groups")

    def groups(self, ids):
        return [group for group in self.security_groups if group["GroupId"] in ids]

    @property
    def worker_groups(self):
        return {group["GroupId"] for worker in self.workers for group in worker.get("SecurityGroups", [])}

    @property
    def balancer_groups(self):
        return set(self.alb.get("SecurityGroups", []))

    @property
    def nat_groups(self):
        return {group["GroupId"] for group in self.nat.get("SecurityGroups", [])}

    @property
    def store_groups(self):
        return {group for target in self.system.mount_targets for group in target.get("SecurityGroups", [])}

    @property
    def database_groups(self):
        return {each["VpcSecurityGroupId"] for each in self.system.database.get("VpcSecurityGroups", [])}

    @property
    def function_groups(self):
        return set(self.system.function.get("VpcConfig", {}).get("SecurityGroupIds", []))

    def results(self, playbook):
        """{instance id: (association, status)} of the associations that apply this playbook; the worst of several counts."""
        chosen = {
            each["AssociationId"]: each
            for each in self.part("associations")
            if each.get("Name") == self.system.expected["document"]
            and each.get("Parameters", {}).get("PlaybookFile") == [playbook]
        }
        found: dict = {}
        for result in self.part("instance_associations"):
            association = chosen.get(result["AssociationId"])
            if association is None:
                continue
            status = result.get("Status") or "Pending"
            if found.get(result["InstanceId"], (None, "Success"))[1] == "Success":
                found[result["InstanceId"]] = (association, status)
        return found


class System:
    """All zones, and what only the home zone has."""

    def __init__(self, snapshot, expected, probes=None):
        self.snapshot = snapshot
        self.expected = expected
        self.probes = probes  # what verify_probes wrote down, or None
        self.prefix = f"{expected['prefix']}-"
        self.zones = [Zone(self, zone) for zone in expected["zones"]]
        self.home = next(zone for zone in self.zones if zone.is_home)

    def part(self, region, name):
        """A part of a region. Parts that AWS refused are missing there."""
        found = self.snapshot["regions"].get(region, {})
        if name not in found:
            refused = [each for each in self.snapshot["refused"] if (each["region"], each["part"]) == (region, name)]
            why = refused[0]["reason"] if refused else "the snapshot does not hold it"
            raise NotSeen(f"{name} of {region} could not be looked at: {why}")
        return found[name]

    def everywhere(self, name):
        """(region, item) of a part in all regions."""
        return [(region, item) for region in self.snapshot["regions"] for item in self.part(region, name)]

    def of_the_account(self, name):
        if name not in self.snapshot["global"]:
            refused = [each for each in self.snapshot["refused"] if each["part"] == name]
            raise NotSeen(
                f"IAM's {name} could not be looked at: {refused[0]['reason'] if refused else 'not in the snapshot'}"
            )
        return self.snapshot["global"][name]

    def tags(self, region, item, arn):
        return tags_of(item) or self.part(region, "tags").get(arn, {})

    def peers(self, zone):
        return [each for each in self.zones if each is not zone]

    @cached_property
    def file_systems(self):
        """File systems of the home zone: those that the prefix names, or that have a mount target in its VPC."""
        vpc = self.home.vpc_or_none
        inside = {
            each["FileSystemId"]
            for each in self.home.part("mount_targets")
            if vpc and each.get("VpcId") == vpc["VpcId"]
        }
        return [
            each
            for each in self.home.part("file_systems")
            if (each.get("Name") or "").startswith(self.prefix) or each["FileSystemId"] in inside
        ]

    @property
    def store(self):
        if not self.file_systems:
            raise NotJudged("there is no file system")
        return self.file_systems[0]

    @cached_property
    def mount_targets(self):
        return [each for each in self.home.part("mount_targets") if each["FileSystemId"] == self.store["FileSystemId"]]

    @cached_property
    def database(self):
        own = [
            each
            for each in self.home.part("db_instances")
            if each.get("DBSubnetGroup", {}).get("VpcId") == self.home.vpc_id
            or each["DBInstanceIdentifier"].startswith(self.prefix)
        ]
        if not own:
            raise NotJudged("there is no database")
        return prefer(own, lambda each: each["DBInstanceIdentifier"].startswith(self.prefix))

    @cached_property
    def functions(self):
        """The functions of the system: by name, or because they are in its VPC or configured like the conversation function."""
        vpc = self.home.vpc_or_none
        vpc_id = vpc["VpcId"] if vpc else None
        return [
            each
            for each in self.home.part("functions")
            if each["FunctionName"].startswith(self.prefix)
            or (vpc_id and each.get("VpcConfig", {}).get("VpcId") == vpc_id)
        ]

    @cached_property
    def function(self):
        """The conversation function: the one the API's conversation paths call, else the one that is configured like it."""
        if not self.functions:
            raise NotJudged("there is no conversation function")
        called = " ".join(
            method.get("methodIntegration", {}).get("uri", "")
            for resource in (self.api_or_none or {}).get("resources", [])
            if resource["path"].startswith("/conversations")
            for method in resource.get("resourceMethods", {}).values()
        )
        by_api = [each for each in self.functions if f":function:{each['FunctionName']}/" in called]
        wanted = set(self.expected["function_variables"])

        def likeness(function):
            """Many of the variables, and few others: a migration of the same database has more."""
            variables = set(function.get("Environment", {}).get("Variables", {}))
            return len(wanted & variables) - len(variables - wanted)

        return by_api[0] if by_api else max(self.functions, key=likeness)

    @cached_property
    def api_or_none(self):
        apis = self.home.part("rest_apis")
        named = [each for each in apis if each["name"].startswith(self.prefix)]
        with_paths = [
            each
            for each in apis
            if any(resource["path"].startswith("/conversations") for resource in each["resources"])
        ]
        return next(iter(named or with_paths), None)

    @property
    def api(self):
        if self.api_or_none is None:
            raise NotJudged("there is no API")
        return self.api_or_none

    def methods(self):
        """(path, method, description) of all methods of the API."""
        return [
            (resource["path"], verb, method)
            for resource in self.api["resources"]
            for verb, method in sorted((resource.get("resourceMethods") or {}).items())
        ]

    @cached_property
    def pool(self):
        pools = self.home.part("user_pools")
        trusted = {
            arn for each in (self.api_or_none or {}).get("authorizers", []) for arn in each.get("providerARNs", [])
        }
        named = [each for each in pools if each["Name"].startswith(self.prefix)]
        found = next(iter(named), None) or next((each for each in pools if each.get("Arn") in trusted), None)
        if found is None:
            raise NotJudged("there is no user pool")
        return found

    @cached_property
    def pool_client(self):
        clients = self.pool.get("Clients", [])
        if not clients:
            raise NotJudged("the user pool has no client")
        return prefer(clients, lambda each: each["ClientName"].startswith(self.prefix))

    @cached_property
    def app(self):
        apps = [each for each in self.home.part("amplify_apps") if each["name"].startswith(self.prefix)]
        if not apps:
            raise NotJudged("there is no Amplify app")
        return apps[0]


def targets_of(group):
    return {each["Target"]["Id"] for each in group.get("TargetHealthDescriptions", [])}


def target_group_arns(action):
    """The target groups of a forward action, in either form that AWS takes."""
    if not action or action.get("Type") != "forward":
        return []
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or []
    return [each["TargetGroupArn"] for each in groups] or [action["TargetGroupArn"]]


def matches(pattern, path):
    """A path pattern of a listener rule: * is any number of characters, ? is one; all else is itself, case included.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    rows = [True] + [False] * len(path)
    for character in pattern:
        if character == "*":
            for index in range(1, len(rows)):
                rows[index] = rows[index] or rows[index - 1]
        else:
            rows = [False] + [rows[index] and character in (path[index], "?") for index in range(len(path))]
    return rows[-1]


def answer_of(listener, path):
    """The last action of the rule that a request for this path meets, in the order of the priorities; None if none does."""
    rules = listener.get("Rules") or [
        {"IsDefault": True, "Priority": "default", "Actions": listener.get("DefaultActions", [])}
    ]
    ordered = sorted(rules, key=lambda rule: int(rule["Priority"]) if rule["Priority"].isdigit() else 10**9)
    for rule in ordered:
        if all(condition_holds(condition, path) for condition in rule.get("Conditions", [])):
            actions = rule.get("Actions") or []
            return actions[-1] if actions else None
    return None


def condition_holds(condition, path):
    """Only paths are known here: a rule that asks for more (a header, a host) is not met by every request, so it does not count."""
    if condition.get("Field") != "path-pattern":
        return False
    values = condition.get("PathPatternConfig", {}).get("Values") or condition.get("Values", [])
    return any(matches(pattern, path) for pattern in values)


def permissions(group, direction="IpPermissions"):
    """The rules of a group, one source each: {protocol, first, last, kind (cidr, group, list), source, description}."""
    for rule in group.get(direction, []):
        protocol = rule["IpProtocol"]
        first, last = (0, 65535) if protocol == "-1" else (rule.get("FromPort", 0), rule.get("ToPort", 65535))
        sources = [
            *(("cidr", each["CidrIp"], each) for each in rule.get("IpRanges", [])),
            *(("cidr", each["CidrIpv6"], each) for each in rule.get("Ipv6Ranges", [])),
            *(("group", each["GroupId"], each) for each in rule.get("UserIdGroupPairs", [])),
            *(("list", each["PrefixListId"], each) for each in rule.get("PrefixListIds", [])),
        ]
        for kind, source, each in sources:
            yield {
                "protocol": protocol,
                "first": first,
                "last": last,
                "kind": kind,
                "source": source,
                "description": each.get("Description", ""),
            }


def is_port(rule, port):
    return rule["protocol"] in ("tcp", "6") and rule["first"] == rule["last"] == port


def covers(rule, port):
    return rule["protocol"] in ("tcp", "6", "-1") and rule["first"] <= port <= rule["last"]


def spell(rule):
    """A rule as a person says it: tcp 22 from 10.0.0.0/8."""
    protocol = "all traffic" if rule["protocol"] == "-1" else rule["protocol"]
    ports = "" if rule["protocol"] == "-1" else f" {rule['first']}"
    if ports and rule["last"] != rule["first"]:
        ports += f"-{rule['last']}"
    return f"{protocol}{ports} from {rule['source']}"
