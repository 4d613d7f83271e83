"""efs_file_system and efs_backup_policy on the local cloud."""

from __future__ import annotations

import copy

from .networks import REGION

MODULE = "lks.llm.efs_file_system"


def arguments(network, name):
    return {
        "name": name,
        "throughput_mode": "bursting",
        "backup": True,
        "mount_targets": [
            {"subnet_id": subnet, "ip_address": f"{network.prefix}.{number}.20", "security_groups": [network.group]}
            for number, subnet in enumerate(network.subnets)
        ],
        "tags": {"Project": "test"},
    }


def test_a_file_system_is_made_kept_repaired_and_removed(modules, network):
    wanted = arguments(network, "fs-life")
    missing = modules(MODULE, name="fs-life")
    assert missing["failed"]
    assert "does not exist" in missing["msg"]
    assert not modules(MODULE, check_mode=True, name="fs-life").get("failed")

    started = modules.lifecycle(MODULE, **wanted, wait=False)
    assert {target["life_cycle_state"] for target in started["mount_targets"]} == {"creating"}
    ready = modules(MODULE, name="fs-life")
    assert not ready["changed"], ready
    assert {target["life_cycle_state"] for target in ready["mount_targets"]} == {"available"}
    assert {target["ip_address"] for target in ready["mount_targets"]} == {f"{network.prefix}.{n}.20" for n in (0, 1)}
    identity = ready["file_system_id"]

    efs, ec2 = modules.cloud.client("efs", REGION), modules.cloud.client("ec2", REGION)
    assert efs.describe_file_systems(FileSystemId=identity)["FileSystems"][0]["Encrypted"]
    interfaces = ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])
    assert all(identity in each["Description"] for each in interfaces["NetworkInterfaces"])

    # Drift of every kind, repaired at once.
    first, second = ready["mount_targets"]
    other = ec2.create_security_group(VpcId=network.vpc, GroupName="stray", Description="stray")["GroupId"]
    efs.modify_mount_target_security_groups(MountTargetId=first["mount_target_id"], SecurityGroups=[other])
    efs.delete_mount_target(MountTargetId=second["mount_target_id"])
    efs.put_backup_policy(FileSystemId=identity, BackupPolicy={"Status": "DISABLED"})
    efs.update_file_system(FileSystemId=identity, ThroughputMode="elastic")
    efs.untag_resource(ResourceId=identity, TagKeys=["Project", "Name"])
    efs.tag_resource(ResourceId=identity, Tags=[{"Key": "Stray", "Value": "x"}])
    repaired = modules.lifecycle(MODULE, **wanted)
    assert set(repaired["diff"]["before"]) == {
        "backup",
        "mount_targets",
        f"security_groups of {first['ip_address']} in {first['subnet_id']}",
        "tags",
        "throughput_mode",
    }
    assert repaired["file_system_id"] == identity
    assert repaired["tags"] == {"Name": "fs-life", "Project": "test"}

    # Another address: AWS cannot change it, so the mount target is replaced; one that is not asked for goes.
    moved = copy.deepcopy(wanted)
    moved["mount_targets"][0]["ip_address"] = f"{network.prefix}.0.21"
    del moved["mount_targets"][1]
    result = modules.lifecycle(MODULE, **moved)
    assert [target["ip_address"] for target in result["mount_targets"]] == [f"{network.prefix}.0.21"]

    refused = modules(MODULE, **moved, encrypted=False)
    assert refused["failed"]
    assert "encrypted, which AWS cannot change" in refused["msg"]

    modules.lifecycle(MODULE, name="fs-life", state="absent")
    left = ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])
    assert left["NetworkInterfaces"] == []


def test_the_backup_policy_alone(modules, network):
    made = modules(MODULE, **{**arguments(network, "fs-policy"), "backup": None}, wait=False)
    modules.lifecycle("lks.llm.efs_backup_policy", file_system_id=made["file_system_id"])
    modules.lifecycle("lks.llm.efs_backup_policy", file_system_id=made["file_system_id"], status="DISABLED")


def test_nonsense_is_refused_before_any_call(modules, network):
    modules.cloud.begin("nonsense")
    wanted = arguments(network, "fs-nonsense")
    wanted["mount_targets"][1]["subnet_id"] = wanted["mount_targets"][0]["subnet_id"]
    assert "different subnets" in modules(MODULE, **wanted)["msg"]
    assert "64 characters" in modules(MODULE, name="x" * 65)["msg"]
    assert modules.cloud.requests("nonsense")["reads"] == {}
