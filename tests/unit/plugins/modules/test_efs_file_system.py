"""Pure functions of efs_file_system."""

from __future__ import annotations

from ansible_collections.lks.llm.plugins.modules.efs_file_system import build_request, desired_tags, diff_mount_targets

HAVE = [
    {"MountTargetId": "fsmt-1", "SubnetId": "subnet-a", "IpAddress": "10.0.0.20"},
    {"MountTargetId": "fsmt-2", "SubnetId": "subnet-b", "IpAddress": "10.0.1.20"},
]


def target(subnet, address=None):
    return {"subnet_id": subnet, "ip_address": address, "security_groups": None}


def difference(*desired):
    create, delete, stays = diff_mount_targets(HAVE, list(desired))
    return (
        [each["subnet_id"] for each in create],
        [each["MountTargetId"] for each in delete],
        [have["MountTargetId"] for have, _ in stays],
    )


def test_mount_targets_stay_go_and_are_replaced():
    assert difference(target("subnet-a"), target("subnet-b", "10.0.1.20")) == ([], [], ["fsmt-1", "fsmt-2"])
    assert difference(target("subnet-a", "10.0.0.21")) == (["subnet-a"], ["fsmt-1", "fsmt-2"], [])
    assert difference(target("subnet-a"), target("subnet-c")) == (["subnet-c"], ["fsmt-2"], ["fsmt-1"])


def test_the_name_is_token_and_tag():
    params = {"name": "models", "encrypted": True, "tags": {"Project": "x"}, "throughput_mode": None, "backup": None}
    request = build_request(params)
    assert request["CreationToken"] == "models"
    assert {"Key": "Name", "Value": "models"} in request["Tags"]
    assert "Backup" not in request and "ThroughputMode" not in request
    assert desired_tags("models", {"Name": "other"}) == {"Name": "other"}
