"""What Elastic Load Balancing refuses."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from moto.backends import get_backend

from localcloud.rules import Call, Refusal, rule
from localcloud.services.ec2_addresses import taken_addresses, usable
from localcloud.services.elbv2 import (
    DEFAULTS,
    LISTENER_DEFAULTS,
    group_arns,
    target_group_defaults,
    users,
)

API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference"
ALB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application"
NLB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network"

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
PROTOCOLS = {"application": ("HTTP", "HTTPS"), "network": ("TCP", "TLS", "UDP", "TCP_UDP")}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
# A-Z, a-z, 0-9, these, & as it is or as &amp;, and the wildcards * and ?
PATH_PATTERN = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&;*?]+")
TARGET_NETWORKS = [
    ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]
ATTRIBUTE_RANGES = {
    "idle_timeout.timeout_seconds": (1, 4000),
    "client_keep_alive.seconds": (60, 604800),
    "tcp.idle_timeout.seconds": (60, 6000),
    "deregistration_delay.timeout_seconds": (0, 3600),
    "slow_start.duration_seconds": (0, 900),
    "stickiness.lb_cookie.duration_seconds": (1, 604800),
}
ATTRIBUTE_CHOICES = {
    "load_balancing.algorithm.type": ("round_robin", "least_outstanding_requests", "weighted_random"),
    "routing.http.desync_mitigation_mode": ("monitor", "defensive", "strictest"),
    "routing.http.xff_header_processing.mode": ("append", "preserve", "remove"),
}


def backend(call: Call) -> Any:
    return get_backend("elbv2")[call.account][call.region]


def ec2(call: Call) -> Any:
    return get_backend("ec2")[call.account][call.region]


def validation(message: str) -> Refusal:
    return Refusal("ValidationError", message)


def invalid(message: str) -> Refusal:
    return Refusal("InvalidConfigurationRequest", message)


def find_balancer(call: Call) -> Any:
    """The load balancer that a request names, or None: moto says that there is none."""
    return backend(call).load_balancers.get(call.parameters.get("LoadBalancerArn"))


def find_group(call: Call) -> Any:
    return backend(call).target_groups.get(call.parameters.get("TargetGroupArn"))


def find_listener(call: Call, arn: str | None) -> tuple[Any, Any]:
    for balancer in backend(call).load_balancers.values():
        if arn in balancer.listeners:
            return balancer, balancer.listeners[arn]
    return None, None


def mappings(call: Call) -> list[dict[str, Any]]:
    parameters = call.parameters
    return parameters.get("SubnetMappings") or [{"SubnetId": subnet} for subnet in parameters.get("Subnets") or []]


def found_subnets(call: Call) -> list[Any]:
    known = {subnet.id: subnet for each in ec2(call).subnets.values() for subnet in each.values()}
    wanted = [mapping["SubnetId"] for mapping in mappings(call)]
    for identity in wanted:
        if identity not in known:
            raise Refusal("SubnetNotFound", f"The subnet ID '{identity}' does not exist")
    return [known[identity] for identity in wanted]


@rule("elbv2", "CreateLoadBalancer", source=f"{API}/API_CreateLoadBalancer.html")
def name_of_a_load_balancer(call: Call) -> None:
    name = call.parameters["Name"]
    if len(name) > 32:
        raise validation(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if not NAME.fullmatch(name):
        raise validation(
            f"The load balancer name '{name}' can only contain characters that are alphanumeric characters and hyphens(-), "
            "and cannot begin or end with a hyphen"
        )
    if name.startswith("internal-"):
        raise validation(f"The load balancer name '{name}' cannot begin with 'internal-'")


@rule("elbv2", "CreateLoadBalancer", source=f"{API}/API_CreateLoadBalancer.html")
def a_name_is_taken_once(call: Call) -> None:
    parameters = call.parameters
    for balancer in backend(call).load_balancers.values():
        if balancer.name != parameters["Name"]:
            continue
        same = (
            balancer.type == parameters.get("Type", "application")
            and balancer.scheme == parameters.get("Scheme", "internet-facing")
            and {subnet.id for subnet in balancer.subnets} == {mapping["SubnetId"] for mapping in mappings(call)}
        )
        if not same:
            raise Refusal(
                "DuplicateLoadBalancerName",
                f"A load balancer with the same name '{balancer.name}' exists, but with different settings",
            )


@rule("elbv2", "CreateLoadBalancer", "SetSubnets", source=f"{API}/API_SetSubnets.html")
def subnets_and_zones(call: Call) -> None:
    if call.parameters.get("Subnets") and call.parameters.get("SubnetMappings"):
        raise validation("You must specify either subnets or subnet mappings, not both")
    subnets = found_subnets(call)
    if not subnets:
        raise validation("At least one subnet must be specified")
    zones = [subnet.availability_zone for subnet in subnets]
    if len(set(zones)) < len(zones):
        raise invalid("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise invalid("All subnets must belong to the same VPC")
    balancer = find_balancer(call)
    kind = balancer.type if balancer else call.parameters.get("Type", "application")
    if kind == "application" and len(zones) < 2:
        raise validation("At least two subnets in two different Availability Zones must be specified")
    if kind == "application":
        for subnet in subnets:
            if (
                ipaddress.ip_network(subnet.cidr_block).num_addresses - 5 - len(taken_addresses(ec2(call), subnet.id))
                < 8
            ):
                # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html
                raise Refusal(
                    "InvalidSubnet", f"Subnet '{subnet.id}' has not the 8 free addresses that a load balancer needs"
                )


@rule("elbv2", "CreateLoadBalancer", "SetSubnets", source=f"{API}/API_SubnetMapping.html")
def fixed_addresses(call: Call) -> None:
    balancer = find_balancer(call)
    kind = balancer.type if balancer else call.parameters.get("Type", "application")
    scheme = balancer.scheme if balancer else call.parameters.get("Scheme", "internet-facing")
    kept = getattr(balancer, "chosen", {})
    for subnet, mapping in zip(found_subnets(call), mappings(call), strict=True):
        address = mapping.get("PrivateIPv4Address")
        if not address:
            continue
        if kind != "network":
            raise validation("A private IPv4 address can be specified for Network Load Balancers only")
        if scheme != "internal":
            raise validation("A private IPv4 address can be specified for internal load balancers only")
        if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet.cidr_block):
            raise invalid(f"The address '{address}' does not fall within the range of subnet '{subnet.id}'")
        if not usable(subnet, address):
            raise invalid(f"The address '{address}' is reserved in subnet '{subnet.id}'")
        if kept.get(subnet.id) != address and address in taken_addresses(ec2(call), subnet.id):
            raise invalid(f"The address '{address}' of subnet '{subnet.id}' is in use")


@rule("elbv2", "CreateLoadBalancer", "SetSecurityGroups", source=f"{ALB}/load-balancer-update-security-groups.html")
def security_groups_of_the_vpc(call: Call) -> None:
    wanted = call.parameters.get("SecurityGroups") or []
    balancer = find_balancer(call)
    vpc = balancer.vpc_id if balancer else (found_subnets(call) or [None])[0]
    vpc = getattr(vpc, "vpc_id", vpc)
    for identity in wanted:
        group = ec2(call).get_security_group_from_id(identity)
        if group is None or group.vpc_id != vpc:
            raise Refusal("InvalidSecurityGroup", f"The security group '{identity}' does not exist in VPC '{vpc}'")
    if balancer is not None and balancer.type == "network" and not balancer.security_groups:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
        raise invalid("You can't add security groups to a Network Load Balancer that was created without any")


@rule("elbv2", "DeleteLoadBalancer", source=f"{API}/API_DeleteLoadBalancer.html")
def protected_from_deletion(call: Call) -> None:
    balancer = find_balancer(call)
    if balancer and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise Refusal(
            "OperationNotPermitted",
            f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled",
        )


@rule("elbv2", "DeleteLoadBalancer", source=f"{NLB}/load-balancer-delete.html")
def in_use_by_a_vpc_link(call: Call) -> None:
    balancer = find_balancer(call)
    if not balancer or balancer.type != "network":
        return
    links = getattr(get_backend("apigateway")[call.account][call.region], "vpc_links", {})
    for link in links.values():
        if balancer.arn in (getattr(link, "target_arns", None) or []):
            raise Refusal(
                "ResourceInUse",
                f"Load balancer '{balancer.arn}' cannot be deleted because it is currently associated with another service",
            )


@rule("elbv2", "ModifyLoadBalancerAttributes", source=f"{API}/API_LoadBalancerAttribute.html")
def attributes_of_a_load_balancer(call: Call) -> None:
    balancer = find_balancer(call)
    if balancer:
        known = DEFAULTS.get(balancer.type, {})
        check_attributes(call.parameters["Attributes"], known, f"load balancers of type '{balancer.type}'")


@rule("elbv2", "ModifyTargetGroupAttributes", source=f"{API}/API_TargetGroupAttribute.html")
def attributes_of_a_target_group(call: Call) -> None:
    group = find_group(call)
    if not group:
        return
    if group.target_type == "alb":
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/application-load-balancer-target.html
        raise invalid("Attributes cannot be modified for target groups with target type 'alb'")
    check_attributes(call.parameters["Attributes"], target_group_defaults(group), f"protocol '{group.protocol}'")


def check_attributes(attributes: list[dict[str, str]], known: dict[str, str], what: str) -> None:
    for attribute in attributes:
        key, value = attribute["Key"], attribute.get("Value") or ""
        if key not in known:
            raise invalid(f"The attribute '{key}' is not supported for {what}")
        if key in ATTRIBUTE_RANGES:
            low, high = ATTRIBUTE_RANGES[key]
            if not value.isdigit() or not low <= int(value) <= high:
                raise validation(f"'{key}' value '{value}' must be between '{low}-{high}' inclusive")
        elif key in ATTRIBUTE_CHOICES:
            if value not in ATTRIBUTE_CHOICES[key]:
                raise validation(f"'{key}' value '{value}' must be one of {list(ATTRIBUTE_CHOICES[key])}")
        elif known[key] in ("true", "false") and value not in ("true", "false"):
            raise validation(f"'{key}' value '{value}' must be one of [true, false]")


# Listeners and rules


@rule("elbv2", "ModifyListenerAttributes", source=f"{API}/API_ListenerAttribute.html")
def attributes_of_a_listener(call: Call) -> None:
    _, listener = find_listener(call, call.parameters["ListenerArn"])
    if listener:
        known = LISTENER_DEFAULTS.get(listener.protocol, {})
        check_attributes(call.parameters["Attributes"], known, f"listeners of protocol '{listener.protocol}'")


@rule("elbv2", "CreateListener", "ModifyListener", source=f"{API}/API_CreateListener.html")
def listeners(call: Call) -> None:
    parameters = call.parameters
    balancer, listener = find_listener(call, parameters.get("ListenerArn"))
    balancer = balancer or find_balancer(call)
    if not balancer:
        return
    port, protocol = parameters.get("Port"), parameters.get("Protocol")
    if protocol and protocol not in PROTOCOLS.get(balancer.type, ()):
        raise validation(f"Listener protocol '{protocol}' must be one of '{', '.join(PROTOCOLS[balancer.type])}'")
    if protocol in ("HTTPS", "TLS") and not (parameters.get("Certificates") or getattr(listener, "certificates", None)):
        raise validation(f"A certificate must be specified for {protocol} listeners")
    for other in balancer.listeners.values():
        if port and other is not listener and int(other.port) == int(port):
            raise Refusal("DuplicateListener", "A listener already exists on this port for this load balancer")
    if listener is not None and port and int(port) != int(listener.port):
        in_use_as_target(call, balancer, listener)
    check_actions(call, balancer, parameters.get("DefaultActions") or [])


@rule("elbv2", "CreateRule", "ModifyRule", source=f"{API}/API_CreateRule.html")
def rules(call: Call) -> None:
    parameters = call.parameters
    arn = (
        parameters.get("ListenerArn")
        or str(parameters.get("RuleArn")).replace(":listener-rule/", ":listener/").rpartition("/")[0]
    )
    balancer, listener = find_listener(call, arn)
    if not balancer:
        return
    if balancer.type != "application":
        raise Refusal("UnsupportedOperation", "Rules are supported for Application Load Balancers only")
    check_conditions(parameters.get("Conditions") or [])
    check_actions(call, balancer, parameters.get("Actions") or [])
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
    count = sum(len(each.rules) - 1 for each in balancer.listeners.values())
    if call.operation == "CreateRule" and count >= 100:
        raise Refusal("TooManyRules", f"The maximum number of rules on load balancer '{balancer.arn}' has been reached")


def check_conditions(conditions: list[dict[str, Any]]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    values = 0
    for condition in conditions:
        config: dict[str, Any] = next((condition[key] for key in condition if key.endswith("Config")), {})
        given = config.get("Values") or condition.get("Values") or []
        if not given:
            raise validation("A condition value must be specified")
        values += len(given)
        if condition.get("Field") == "path-pattern":
            for value in given:
                if not PATH_PATTERN.fullmatch(value):
                    raise validation(f"The path pattern '{value}' contains characters that are not allowed")
    if values > 5:
        raise validation(f"A rule can only have '5' condition values, not '{values}'")


def check_actions(call: Call, balancer: Any, actions: list[dict[str, Any]]) -> None:
    for action in actions:
        if balancer.type == "network" and action["Type"] != "forward":
            raise Refusal(
                "InvalidLoadBalancerAction",
                f"Action type '{action['Type']}' is not supported for network load balancers",
            )
        fixed = action.get("FixedResponseConfig") or {}
        if action["Type"] == "fixed-response" and not fixed.get("StatusCode"):
            raise validation("A fixed-response action must have a FixedResponseConfig with a status code")
        if fixed.get("ContentType") and fixed["ContentType"] not in CONTENT_TYPES:
            raise Refusal("InvalidLoadBalancerAction", f"The ContentType must be one of: {', '.join(CONTENT_TYPES)}")
        for arn in group_arns(action):
            check_group(call, balancer, arn)


def check_group(call: Call, balancer: Any, arn: str) -> None:
    group = backend(call).target_groups.get(arn)
    if group is None:
        raise Refusal("TargetGroupNotFound", f"Target group '{arn}' not found")
    if group.protocol not in PROTOCOLS.get(balancer.type, ()):
        raise Refusal(
            "IncompatibleProtocols",
            f"Target group '{arn}' of protocol '{group.protocol}' cannot be used by a load balancer of type '{balancer.type}'",
        )
    if group.vpc_id != balancer.vpc_id:
        raise invalid(f"The load balancer and target group '{arn}' are in different VPCs")
    others = [user for user in users(backend(call), arn) if user != balancer.arn]
    if others:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
        raise Refusal(
            "TargetGroupAssociationLimit",
            f"Target group '{arn}' is already associated with load balancer '{others[0]}'",
        )


@rule("elbv2", "DeleteListener", source=f"{API}/API_DeleteListener.html")
def listener_in_use_as_target(call: Call) -> None:
    balancer, listener = find_listener(call, call.parameters["ListenerArn"])
    if balancer:
        in_use_as_target(call, balancer, listener)


def in_use_as_target(call: Call, balancer: Any, listener: Any) -> None:
    """A target group of type alb leads to a listener of its port, which therefore stays."""
    for group in backend(call).target_groups.values():
        target = group.targets.get(balancer.arn)
        if target and int(target["Port"]) == int(listener.port):
            raise Refusal(
                "ResourceInUse",
                f"Listener port '{listener.port}' is in use by registered target '{balancer.arn}' and cannot be removed",
            )


# Target groups


@rule("elbv2", "CreateTargetGroup", source=f"{API}/API_CreateTargetGroup.html")
def new_target_groups(call: Call) -> None:
    parameters = call.parameters
    kind, protocol = parameters.get("TargetType", "instance"), parameters.get("Protocol")
    if kind == "alb" and protocol != "TCP":
        raise invalid(
            f"Protocol '{protocol}' is not supported for target groups with target type 'alb'; it must be TCP"
        )


@rule("elbv2", "CreateTargetGroup", "ModifyTargetGroup", source=f"{ALB}/target-group-health-checks.html")
def health_checks(call: Call) -> None:
    parameters, group = call.parameters, find_group(call)
    kind = group.target_type if group else parameters.get("TargetType", "instance")
    protocol = group.protocol if group else parameters.get("Protocol")
    check = parameters.get("HealthCheckProtocol") or (group.health_check_protocol if group else None)
    if kind == "alb" and check not in (None, "HTTP", "HTTPS"):
        raise invalid("The health check protocol must be HTTP or HTTPS for target groups with target type 'alb'")
    if protocol in ("HTTP", "HTTPS") and check not in (None, "HTTP", "HTTPS"):
        raise invalid(
            f"Health check protocol '{check}' is not supported for target groups with the {protocol} protocol"
        )
    if check in ("UDP", "TCP_UDP", "TLS"):
        raise invalid(f"Health check protocol '{check}' is not supported")
    is_http = check in ("HTTP", "HTTPS") or (check is None and (kind == "alb" or protocol in ("HTTP", "HTTPS")))
    path = parameters.get("HealthCheckPath")
    if path is not None and not is_http:
        raise invalid("You cannot specify a health check path with TCP health checks")
    if path is not None and not path.startswith("/"):
        raise validation(f"Health check path '{path}' must begin with a '/' character")
    if parameters.get("Matcher") and not is_http:
        raise invalid("You cannot specify success codes with TCP health checks")
    default_timeout = {"alb": 6}.get(str(kind), 5 if protocol in ("HTTP", "HTTPS") else 6 if is_http else 10)
    interval = parameters.get("HealthCheckIntervalSeconds") or (group.health_check_interval_seconds if group else 30)
    timeout = parameters.get("HealthCheckTimeoutSeconds") or (
        group.health_check_timeout_seconds if group else default_timeout
    )
    if int(timeout) >= int(interval):
        raise validation(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")


@rule("elbv2", "RegisterTargets", source=f"{NLB}/load-balancer-target-groups.html")
def targets(call: Call) -> None:
    group = find_group(call)
    if not group:
        return
    wanted = call.parameters["Targets"]
    check = {"alb": balancer_target, "ip": address_target, "instance": instance_target}.get(group.target_type)
    for target in wanted:
        if check:
            check(call, group, target)
    if group.target_type == "alb" and len({target["Id"] for target in wanted} | set(group.targets)) > 1:
        raise Refusal("TooManyTargets", "A target group with target type 'alb' can have one target only")


def instance_target(call: Call, group: Any, target: dict[str, Any]) -> None:
    instance = ec2(call).get_instance_by_id(target["Id"])
    if instance is None:
        raise Refusal("InvalidTarget", f"The following targets are not valid: '{target['Id']}'")
    if instance.vpc_id != group.vpc_id:
        raise Refusal(
            "InvalidTarget", f"The following targets are not in the target group VPC '{group.vpc_id}': '{target['Id']}'"
        )
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html
    if instance.state != "running":
        raise Refusal(
            "InvalidTarget",
            f"The following targets are not in a running state and cannot be registered: '{target['Id']}'",
        )


def address_target(call: Call, group: Any, target: dict[str, Any]) -> None:
    try:
        address = ipaddress.ip_address(target["Id"])
    except ValueError:
        raise validation(f"The IP address '{target['Id']}' is not valid") from None
    vpc = ec2(call).get_vpc(group.vpc_id)
    blocks = [ipaddress.ip_network(each["cidr_block"]) for each in vpc.cidr_block_association_set]
    inside = any(address in block for block in blocks)
    if not inside and not any(address in network for network in TARGET_NETWORKS):
        raise validation(
            f"The IP address '{address}' is not a valid target: it must be in the VPC, RFC 1918 or RFC 6598"
        )
    if not inside and target.get("AvailabilityZone") != "all":
        raise validation(
            f"You must specify an Availability Zone of 'all' for the IP address '{address}', which is outside the VPC"
        )


def balancer_target(call: Call, group: Any, target: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/application-load-balancer-target.html"""
    balancer = backend(call).load_balancers.get(target["Id"])
    if balancer is None or balancer.type != "application":
        raise Refusal("InvalidTarget", f"The target '{target['Id']}' is not an Application Load Balancer")
    if balancer.vpc_id != group.vpc_id:
        raise Refusal(
            "InvalidTarget", f"The load balancer '{balancer.arn}' is not in the target group VPC '{group.vpc_id}'"
        )
    port = int(target.get("Port") or group.port)
    if port != int(group.port):
        raise Refusal("InvalidTarget", f"The target port '{port}' must match the target group port '{group.port}'")
    if port not in {int(listener.port) for listener in balancer.listeners.values()}:
        raise Refusal("InvalidTarget", f"The load balancer '{balancer.arn}' has no listener on port '{port}'")
