"""Managed instances: those whose agent has credentials, that is, those with an instance profile.

https://docs.aws.amazon.com/systems-manager/latest/userguide/managed-instances-default-host-management.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends

from localcloud.pace import passed

KNOWN = ("running", "stopping", "stopped")
AGENT = "3.3.3050.0"
UBUNTU = re.compile(r"ubuntu-\w+-(\d\d\.\d\d)-")


def managed(account: str, region: str) -> dict[str, Any]:
    """moto's instances that an agent has reported for, by id; a stopped one is known and does not answer."""
    backend = ec2_backends[account][region]
    profiles = set(backend.iam_instance_profile_associations.copy())
    found = {}
    for reservation in backend.all_reservations():
        for instance in reservation.instances:
            if instance.state in KNOWN and instance.id in profiles and passed(getattr(instance, "managed_at", 0.0)):
                found[instance.id] = instance
    return found


def online(account: str, region: str) -> dict[str, Any]:
    return {key: instance for key, instance in managed(account, region).items() if instance.state == "running"}


def tags(instance: Any) -> dict[str, str]:
    """Read where moto keeps them: its own way goes through the tags of all resources, and this is asked twice a second."""
    return dict(instance.ec2_backend.tags.get(instance.id, {}))


def targeted(instances: dict[str, Any], targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Which of the instances targets mean: values of one target are alternatives, several targets must all hold.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-state-manager-targets-and-rate-controls.html
    """
    return {key: each for key, each in instances.items() if targets and all(means(target, each) for target in targets)}


def means(target: dict[str, Any], instance: Any) -> bool:
    key, values = target["Key"], target.get("Values") or []
    if key == "InstanceIds":
        return "*" in values or instance.id in values
    if key == "tag-key":
        return any(value in tags(instance) for value in values)
    if key.startswith("tag:"):
        return tags(instance).get(key.removeprefix("tag:")) in values
    return False


def describe(account: str, region: str, instance: Any) -> dict[str, Any]:
    """An entry of DescribeInstanceInformation."""
    backend = ec2_backends[account][region]
    profile = backend.iam_instance_profile_associations[instance.id].iam_instance_profile
    image = backend.amis.get(instance.image_id)
    ubuntu = UBUNTU.search(image.name or "") if image else None
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online" if instance.state == "running" else "ConnectionLost",
        "LastPingDateTime": utcnow(),
        "AgentVersion": AGENT,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Ubuntu" if ubuntu else "Amazon Linux",
        "PlatformVersion": ubuntu[1] if ubuntu else "2023",
        "IamRole": profile.roles[0].name if profile.roles else "",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip,
        "ComputerName": instance.private_dns_name,
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
    }
