"""Who holds on to subnets and security groups of a region. On AWS that is each resource's network interface; moto makes one for
instances and EFS mount targets alone, so the others are asked for what they are placed in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Holder:
    """A resource in a VPC, such as `load balancer web`, with the ids of its subnets and security groups."""

    what: str
    subnets: frozenset[str]
    groups: frozenset[str]


def backend(service: str, account: str, region: str) -> Any:
    """The backend of a service that was used in this region; None where it was not. Importing a service only to find it empty is slow."""
    module = sys.modules.get(f"moto.{service}.models")
    backends = getattr(module, f"{'lambda' if service == 'awslambda' else service}_backends", None)
    if backends is None or account not in backends or region not in backends[account]:
        return None
    return backends[account][region]


def holders(account: str, region: str) -> Iterator[Holder]:
    if ec2 := backend("ec2", account, region):
        for interface in list(ec2.enis.values()):
            groups = frozenset(group.id for group in interface.group_set)
            yield Holder(f"network interface {interface.id}", frozenset([interface.subnet.id]), groups)
    if elbv2 := backend("elbv2", account, region):
        for balancer in list(elbv2.load_balancers.values()):
            subnets = frozenset(getattr(subnet, "id", subnet) for subnet in balancer.subnets)
            yield Holder(f"load balancer {balancer.name}", subnets, frozenset(balancer.security_groups or []))
    if rds := backend("rds", account, region):
        for database in list(rds.databases.values()):
            group = database.db_subnet_group
            subnets = frozenset(subnet["SubnetIdentifier"] for subnet in getattr(group, "subnets", None) or [])
            identifier = database.db_instance_identifier
            yield Holder(f"database {identifier}", subnets, frozenset(database.vpc_security_group_ids or []))
    if functions := backend("awslambda", account, region):
        for function in functions.list_functions():
            config = function.vpc_config or {}
            subnets = frozenset(config.get("SubnetIds") or [])
            yield Holder(f"function {function.function_name}", subnets, frozenset(config.get("SecurityGroupIds") or []))
