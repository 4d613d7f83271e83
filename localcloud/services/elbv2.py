"""Elastic Load Balancing: addresses, interfaces, states and defaults that moto leaves out."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.elbv2 import models
from moto.elbv2.exceptions import PriorityInUseError
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer, FakeTargetGroup
from moto.elbv2.responses import ELBV2Response

from localcloud.dataplane.health import REGISTER
from localcloud.pace import PACE, WAITS, passed
from localcloud.services.ec2_addresses import free_address, remove_interface

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
COMMON_DEFAULTS = {
    "deletion_protection.enabled": "false",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "ipv6.deny_all_igw_traffic": "false",
    "zonal_shift.config.enabled": "false",
}
DEFAULTS = {
    "application": {
        **COMMON_DEFAULTS,
        "load_balancing.cross_zone.enabled": "true",
        "idle_timeout.timeout_seconds": "60",
        "client_keep_alive.seconds": "3600",
        "connection_logs.s3.enabled": "false",
        "connection_logs.s3.bucket": "",
        "connection_logs.s3.prefix": "",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        "waf.fail_open.enabled": "false",
    },
    "network": {
        **COMMON_DEFAULTS,
        "load_balancing.cross_zone.enabled": "false",
        "dns_record.client_routing_policy": "any_availability_zone",
        "secondary_ips.auto_assigned.per_subnet": "0",
    },
}


def target_group_defaults(group: Any) -> dict[str, str]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html"""
    common = {
        "deregistration_delay.timeout_seconds": "300",
        "stickiness.enabled": "false",
        "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    }
    if group.protocol in ("HTTP", "HTTPS"):
        return {
            **common,
            "stickiness.type": "lb_cookie",
            "stickiness.lb_cookie.duration_seconds": "86400",
            "stickiness.app_cookie.cookie_name": "",
            "stickiness.app_cookie.duration_seconds": "86400",
            "slow_start.duration_seconds": "0",
            "load_balancing.algorithm.type": "round_robin",
            "load_balancing.algorithm.anomaly_mitigation": "off",
        }
    # Clients' addresses are kept unless the targets are addresses of a TCP or TLS group.
    preserved = not (group.target_type == "ip" and group.protocol in ("TCP", "TLS"))
    return {
        **common,
        "stickiness.type": "source_ip",
        "preserve_client_ip.enabled": str(preserved).lower(),
        "proxy_protocol_v2.enabled": "false",
        "deregistration_delay.connection_termination.enabled": "false",
    }


# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html
# A header that has a value is put into each answer of the listener.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html
RESPONSE_HEADERS = {
    f"routing.http.response.{name.lower().replace('-', '_')}.header_value": name
    for name in (
        "Strict-Transport-Security", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
        "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Content-Security-Policy",
        "X-Content-Type-Options", "X-Frame-Options",
    )
}  # fmt: skip
LISTENER_DEFAULTS = {
    "TCP": {"tcp.idle_timeout.seconds": "350"},
    "HTTP": {"routing.http.response.server.enabled": "true", **dict.fromkeys(RESPONSE_HEADERS, "")},
}
LISTENER_DEFAULTS["HTTPS"] = LISTENER_DEFAULTS["HTTP"]


class Zone:
    """One availability zone of a load balancer, with the address that was chosen there; AWS lists no other addresses."""

    def __init__(self, subnet: Any, chosen: str | None) -> None:
        self.subnet_id = subnet.id
        self.zone_name = subnet.availability_zone
        self.load_balancer_addresses = [{"PrivateIPv4Address": chosen}] if chosen else []


def interface_description(balancer: Any) -> str:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html: ELB app/NAME/ID."""
    return "ELB " + balancer.arn.rpartition(":loadbalancer/")[2]


def group_arns(action: dict[str, Any]) -> list[str]:
    if "TargetGroupArn" in action:
        return [action["TargetGroupArn"]]
    return [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]


def users(backend: Any, group_arn: str) -> list[str]:
    """ARNs of the load balancers whose listeners or rules lead to a target group."""
    return [
        balancer.arn
        for balancer in backend.load_balancers.values()
        if any(
            group_arn in group_arns(action.data)
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
            for action in rule.actions
        )
    ]


def place_interfaces(backend: Any, balancer: Any, chosen: dict[str, str]) -> None:
    """Gives a load balancer an interface in each of its subnets and none elsewhere, as AWS does."""
    interfaces: dict[str, Any] = balancer.__dict__.setdefault("interfaces", {})
    wanted = {subnet.id: subnet for subnet in balancer.subnets}
    for subnet_id in set(interfaces) - set(wanted):
        remove_interface(interfaces.pop(subnet_id))
    for subnet_id, subnet in wanted.items():
        if subnet_id in interfaces:
            continue
        address = chosen.get(subnet_id) or free_address(backend.ec2_backend, subnet)
        interface = backend.ec2_backend.create_network_interface(
            subnet,
            [address],
            group_ids=balancer.security_groups or None,
            description=interface_description(balancer),
        )
        if balancer.type == "network" and not balancer.security_groups:
            # A network load balancer without security groups has none, not the VPC's default one.
            interface._group_set = []
        interface.requester_managed = True
        interface.requester_id = "amazon-elb"
        interface.status = "in-use"
        interfaces[subnet_id] = interface


def health(group: Any, target: dict[str, Any], backend: Any) -> Any:
    """A registered target's health: what the data plane's checks have found, where there is one, or what the control plane can tell.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    instance = backend.ec2_backend.get_instance_by_id(target["Id"]) if target["Id"].startswith("i-") else None
    if instance is not None and instance.state == "stopped":
        answer = ("unused", "Target.InvalidState", "Target is in the stopped state")
    elif not users(backend, group.arn):
        answer = (
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        )
    elif instance is not None and instance.state != "running":
        answer = ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
    elif (found := REGISTER.get(group.arn, target["Id"], int(target["Port"]))) is not None:
        answer = (found.state, found.reason, found.description)
    else:
        answer = ("healthy", "", "")
    status, reason, description = answer
    return models.FakeHealthStatus(
        target["Id"], target["Port"], group.health_check_port, status, reason or None, description or None
    )


def tagged_parts(backend: Any) -> Iterator[TaggedResource]:
    """Listeners and rules, which the tagging API lists as it does load balancers.
    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html"""
    for balancer in backend.load_balancers.values():
        family = "app" if balancer.type == "application" else "net"
        for listener in balancer.listeners.values():
            for kind, arns in (("listener", [listener.arn]), ("listener-rule", list(listener._non_default_rules))):
                for arn in arns:
                    tags = backend.tagging_service.get_tag_dict_for_resource(arn)
                    yield TaggedResource(arn=arn, tags=tags, resource_type=f"elasticloadbalancing:{kind}/{family}")


@functools.cache
def install() -> None:
    # The functions below stand in for moto's own, which they call where those are right.
    install_load_balancers()
    install_target_groups()
    install_listeners()


def install_load_balancers() -> None:
    create, delete = ELBv2Backend.create_load_balancer, ELBv2Backend.delete_load_balancer
    set_subnets, set_security_groups = ELBv2Backend.set_subnets, ELBv2Backend.set_security_groups

    def create_load_balancer(self: Any, **arguments: Any) -> Any:
        same = next((each for each in self.load_balancers.values() if each.name == arguments["name"]), None)
        if same:  # asked for once more, the rules have seen to that
            return same
        arguments["loadbalancer_type"] = arguments.get("loadbalancer_type") or "application"
        arguments["scheme"] = arguments.get("scheme") or "internet-facing"
        if arguments["loadbalancer_type"] == "application" and not arguments["security_groups"]:
            subnet = (arguments["subnet_ids"] or [m["SubnetId"] for m in arguments["subnet_mappings"]])[0]
            vpc = self.ec2_backend.get_subnet(subnet).vpc_id
            arguments["security_groups"] = [self.ec2_backend.get_default_security_group(vpc).id]
        balancer: Any = create(self, **arguments)
        identity = balancer.arn.rpartition("/")[2]
        balancer.dns_name = f"{balancer.name}-{identity}.elb.{self.region_name}.amazonaws.com"
        if balancer.type == "application":
            # Of application load balancers the region comes first, and internal ones say that they are.
            prefix = "internal-" if balancer.scheme == "internal" else ""
            balancer.dns_name = f"{prefix}{balancer.name}-{identity[:10]}.{self.region_name}.elb.amazonaws.com"
        balancer.attrs = dict(DEFAULTS.get(balancer.type, COMMON_DEFAULTS))
        kind = f"{balancer.type} load balancer"
        balancer.ready = PACE.ready_at(kind, self.region_name, balancer.name) if kind in WAITS else 0
        balancer.chosen = {
            mapping["SubnetId"]: mapping["PrivateIPv4Address"]
            for mapping in arguments.get("subnet_mappings") or []
            if mapping.get("PrivateIPv4Address")
        }
        place_interfaces(self, balancer, balancer.chosen)
        return balancer

    def delete_load_balancer(self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        for interface in getattr(balancer, "interfaces", {}).values():
            remove = functools.partial(remove_interface, interface)
            PACE.later("load balancer deletion", self.region_name, interface.id, remove)
        delete(self, arn)

    def describe_load_balancers(self: Any, arns: list[str] | None, names: list[str] | None) -> list[Any]:
        balancers = list(self.load_balancers.values())
        for balancer in balancers:
            balancer.activate()
        if not arns and not names:
            return balancers
        found = [balancer for balancer in balancers if balancer.arn in (arns or []) or balancer.name in (names or [])]
        if len(found) < len(set(arns or [])) + len(set(names or [])):
            raise models.LoadBalancerNotFoundError()
        return found

    def activate(self: Any) -> None:
        if self.state == "provisioning" and passed(self.ready):
            self.state = "active"

    def replace_subnets(self: Any, arn: str, subnets: list[str], subnet_mappings: list[dict[str, Any]]) -> Any:
        set_subnets(self, arn, subnets, subnet_mappings)
        balancer = self.load_balancers[arn]
        kept = {subnet.id for subnet in balancer.subnets}
        chosen = {m["SubnetId"]: m["PrivateIPv4Address"] for m in subnet_mappings if m.get("PrivateIPv4Address")}
        balancer.chosen = {k: v for k, v in {**balancer.chosen, **chosen}.items() if k in kept}
        place_interfaces(self, balancer, balancer.chosen)
        return balancer.availability_zones

    def replace_security_groups(self: Any, arn: str, sec_groups: list[str]) -> None:
        set_security_groups(self, arn, sec_groups)
        for interface in self.load_balancers[arn].interfaces.values():
            interface._group_set = [self.ec2_backend.get_security_group_from_id(group) for group in sec_groups]

    backend: Any = ELBv2Backend
    backend.create_load_balancer = create_load_balancer
    backend.delete_load_balancer = delete_load_balancer
    backend.describe_load_balancers = describe_load_balancers
    backend.set_subnets = replace_subnets
    backend.set_security_groups = replace_security_groups
    balancer: Any = FakeLoadBalancer
    balancer.activate = activate
    balancer.availability_zones = property(lambda self: [Zone(s, self.chosen.get(s.id)) for s in self.subnets])


def install_target_groups() -> None:
    create, modify = ELBv2Backend.create_target_group, ELBv2Backend.modify_target_group
    describe = ELBv2Backend.describe_target_groups
    register, find_health = FakeTargetGroup.register, ELBv2Backend.describe_target_health

    def create_target_group(self: Any, name: str, **arguments: Any) -> Any:
        group: Any = create(self, name, **arguments)
        group.attributes = target_group_defaults(group)
        return group

    def modify_target_group(self: Any, *arguments: Any, **options: Any) -> Any:
        group = modify(self, *arguments, **options)
        codes = options.get("http_codes") or (arguments[8] if len(arguments) > 8 else None)
        if codes and group.health_check_protocol != "TCP":
            group.matcher = {"HttpCode": codes}
        return group

    def modify_from_request(self: Any) -> Any:
        # moto asks for Matcher.HttpCode, which parsed parameters do not have.
        matcher = self._get_params().get("Matcher", {}).get("HttpCode")
        answer = modify_response(self)
        if matcher:
            self.elbv2_backend.modify_target_group(self._get_param("TargetGroupArn"), http_codes=matcher)
        return answer

    def describe_target_groups(self: Any, *arguments: Any, **options: Any) -> Any:
        for group in self.target_groups.values():
            group.load_balancer_arns = users(self, group.arn)
        return describe(self, *arguments, **options)

    def register_with_zone(self: Any, targets: list[dict[str, Any]]) -> None:
        register(self, targets)
        for target in targets:
            if target.get("AvailabilityZone"):
                self.targets[target["Id"]]["AvailabilityZone"] = target["AvailabilityZone"]

    def deregister(self: Any, targets: list[dict[str, Any]]) -> None:
        # It is no error when the target is not there.
        for target in targets:
            left = self.targets.pop(target["Id"], None)
            if left:
                self.deregistered_targets[target["Id"]] = left

    def describe_target_health(self: Any, target_group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
        answers = find_health(self, target_group_arn, targets)
        group = self.target_groups[target_group_arn]
        result = []
        for answer in answers:
            registered = group.targets.get(answer.instance_id)
            if registered:
                answer = health(group, registered, self)
                answer.zone = registered.get("AvailabilityZone")
            result.append(answer)
        return result

    def health_target(self: Any) -> dict[str, Any]:
        zone = getattr(self, "zone", None)
        return {"Id": self.instance_id, "Port": self.port} | ({"AvailabilityZone": zone} if zone else {})

    modify_response = ELBV2Response.modify_target_group
    response: Any = ELBV2Response
    response.modify_target_group = modify_from_request
    backend: Any = ELBv2Backend
    backend.create_target_group = create_target_group
    backend.modify_target_group = modify_target_group
    backend.describe_target_groups = describe_target_groups
    backend.describe_target_health = describe_target_health
    group: Any = FakeTargetGroup
    group.register = register_with_zone
    group.deregister = deregister
    status: Any = models.FakeHealthStatus
    status.target = property(health_target)


def install_listeners() -> None:
    def set_rule_priorities(self: Any, rule_priorities: list[dict[str, Any]]) -> list[Any]:
        # moto compares with the places that rules are about to leave; AWS looks at the outcome.
        rules = [self.describe_rules(None, [place["RuleArn"]])[0] for place in rule_priorities]
        wanted = {place["RuleArn"]: int(place["Priority"]) for place in rule_priorities}
        for rule in rules:
            listener = self.describe_listeners(None, [rule.listener_arn])[0]
            outcome = [wanted.get(other.arn, other.priority) for other in listener.rules.values()]
            if outcome.count(wanted[rule.arn]) > 1:
                raise PriorityInUseError()
        for rule in rules:
            rule.priority = wanted[rule.arn]
        return rules

    def modify_listener(self: Any, arn: str, *arguments: Any, **options: Any) -> Any:
        # moto knows only some of the protocols of a network load balancer.
        names = ("port", "protocol", "ssl_policy", "certificates", "actions")
        given = {**dict(zip(names, arguments, strict=False)), **options}
        protocol = given.get("protocol")
        if protocol in ("UDP", "TCP_UDP", "TLS"):
            given["protocol"] = None
        listener = modify(self, arn, **given)
        if protocol:
            listener.protocol = protocol
        return listener

    def create_listener(self: Any, *arguments: Any, **options: Any) -> Any:
        listener = create(self, *arguments, **options)
        listener.attributes = dict(LISTENER_DEFAULTS.get(listener.protocol, {}))
        return listener

    def iter_tagged_resources(self: Any) -> Iterator[TaggedResource]:
        yield from tagged(self)
        yield from tagged_parts(self)

    tagged = ELBv2Backend.iter_tagged_resources
    create, modify = ELBv2Backend.create_listener, ELBv2Backend.modify_listener
    backend: Any = ELBv2Backend
    backend.iter_tagged_resources = iter_tagged_resources
    backend.create_listener = create_listener
    backend.set_rule_priorities = set_rule_priorities
    backend.modify_listener = modify_listener
