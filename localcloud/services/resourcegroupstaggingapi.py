"""Resource Groups Tagging API: what AWS lists and moto leaves out, so that a sweep finds here what it would find there.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.backends import get_backend
from moto.core.resource_tagging import TaggedResource, make_tag_matcher, match_resource_type
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend as Backend

# EC2 keeps tags by id, whose prefix tells the kind: prefix, what the ARN says. moto lists the other kinds by itself.
EC2_KINDS = {
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "eipalloc": "elastic-ip",
    "fl": "vpc-flow-log",
    "key": "key-pair",
    "lt": "launch-template",
    "sgr": "security-group-rule",
    "vpce": "vpc-endpoint",
}
# What moto names in another way than AWS, listed above under its own name.
MISNAMED = ("ec2:flow-logs",)


def resource(arn: str, tags: Any, kind: str) -> TaggedResource:
    pairs = tags if isinstance(tags, dict) else {each["Key"]: each["Value"] for each in tags or []}
    return TaggedResource(arn=arn, tags=dict(pairs), resource_type=kind)


def of_ec2(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    for identity, tags in list(backend.tags.items()):
        kind = EC2_KINDS.get(identity.partition("-")[0])
        if kind and tags:
            yield resource(f"{prefix}:{kind}/{identity}", tags, f"ec2:{kind}")


def of_elbv2(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    tags_of = backend.tagging_service.get_tag_dict_for_resource
    for balancer in list(backend.load_balancers.values()):
        for listener in list(balancer.listeners.values()):
            yield resource(listener.arn, tags_of(listener.arn), "elasticloadbalancing:listener")
            for rule in list(listener.rules.values()):
                yield resource(rule.arn, tags_of(rule.arn), "elasticloadbalancing:listener-rule")


def of_rds(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    for kind, groups in (("subgrp", backend.subnet_groups), ("pg", backend.db_parameter_groups)):
        for group in list(groups.values()):
            yield resource(group.arn, group.get_tags(), f"rds:{kind}")


def of_ssm(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    for identity, tags in list(backend._resource_tags["Association"].items()):
        yield resource(f"{prefix}:association/{identity}", tags, "ssm:association")


def of_apigateway(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    root = f"arn:{backend.partition}:apigateway:{backend.region_name}::"
    for api in list(backend.apis.values()):
        yield resource(f"{root}/restapis/{api.id}", api.tags, "apigateway:restapis")
        for stage in list(api.stages.values()):
            yield resource(f"{root}/restapis/{api.id}/stages/{stage.name}", stage.tags, "apigateway:restapis/stages")
    for link in backend.get_vpc_links():
        yield resource(f"{root}/vpclinks/{link.id}", link.tags, "apigateway:vpclinks")


def of_cognito(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    for pool in list(backend.user_pools.values()):
        yield resource(pool.arn, pool.extended_config.get("UserPoolTags"), "cognito-idp:userpool")


def of_amplify(backend: Any, prefix: str) -> Iterator[TaggedResource]:
    for app in list(backend.apps.values()):
        yield resource(app.arn, app.tags, "amplify:apps")
        for branch in list(app.branches.values()):
            yield resource(branch.arn, branch.tags, "amplify:branches")


PROVIDERS = {
    "ec2": of_ec2,
    "elbv2": of_elbv2,
    "rds": of_rds,
    "ssm": of_ssm,
    "apigateway": of_apigateway,
    "cognito-idp": of_cognito,
    "amplify": of_amplify,
}


def more_resources(account: str, region: str, partition: str) -> Iterator[TaggedResource]:
    for service, provide in PROVIDERS.items():
        try:
            backend = get_backend(service)[account][region]  # type: ignore[call-overload]
        except (ImportError, KeyError):
            continue  # a service that this cloud does not have
        yield from provide(backend, f"arn:{partition}:{service}:{region}:{account}")


def install() -> None:
    listed = Backend._get_resources_generator

    def all_resources(
        self: Any,
        tag_filters: list[dict[str, Any]] | None = None,
        resource_type_filters: list[str] | None = None,
        resource_arn_list: list[str] | None = None,
    ) -> Iterator[TaggedResource]:
        for found in listed(self, tag_filters, resource_type_filters, resource_arn_list):
            if found.resource_type not in MISNAMED:
                yield found
        matches = make_tag_matcher(tag_filters)
        for found in more_resources(self.account_id, self.region_name, self.partition):
            if (
                found.tags
                and match_resource_type(found.resource_type, resource_type_filters)
                and matches(found.tags)
                and (not resource_arn_list or found.arn in resource_arn_list)
            ):
                yield found

    setattr(Backend, "_get_resources_generator", all_resources)  # noqa: B010 - it stands in for moto's
