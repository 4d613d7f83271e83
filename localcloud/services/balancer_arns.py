"""Elastic Load Balancing: the ARN of a network load balancer says net, not app as moto has it."""

from __future__ import annotations

from typing import Any

from moto.elbv2.models import ELBv2Backend

KINDS = {"network": "net", "gateway": "gwy"}


def install() -> None:
    create = ELBv2Backend.create_load_balancer

    def create_load_balancer(self: Any, *arguments: Any, **named: Any) -> Any:
        balancer = create(self, *arguments, **named)
        kind = KINDS.get(balancer.type)
        if kind and ":loadbalancer/app/" in balancer.arn:
            before = balancer.arn
            balancer.arn = before.replace(":loadbalancer/app/", f":loadbalancer/{kind}/")
            self.load_balancers[balancer.arn] = self.load_balancers.pop(before)
            self.tagging_service.copy_tags(before, balancer.arn)
            self.tagging_service.delete_all_tags_for_resource(before)
        return balancer

    setattr(ELBv2Backend, "create_load_balancer", create_load_balancer)  # noqa: B010 - a method stands in for moto's
