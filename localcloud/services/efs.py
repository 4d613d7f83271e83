"""EFS: what moto leaves out of states, backup policies, updates and the interfaces of mount targets."""

from __future__ import annotations

import functools
import json
import uuid
from typing import Any

from moto.efs.exceptions import FileSystemNotFound
from moto.efs.models import EFSBackend, FileSystem, MountTarget
from moto.efs.responses import EFSResponse

from localcloud.pace import PACE, passed


def life_cycle_state(resource: Any) -> str:
    return "available" if passed(resource._ready) else "creating"


def find_file_system(response: Any) -> Any:
    identity = response._get_param("FileSystemId")
    system = response.efs_backend.file_systems_by_id.get(identity)
    if system is None:
        raise FileSystemNotFound(identity)
    return system


def put_backup_policy(self: Any) -> tuple[str, dict[str, str]]:
    """https://docs.aws.amazon.com/efs/latest/ug/API_PutBackupPolicy.html"""
    system = find_file_system(self)
    system._policy_status = self._get_param("BackupPolicy")["Status"]
    content = {"BackupPolicy": {"Status": system._policy_status}}
    return json.dumps(content), {"Content-Type": "application/json"}


def update_file_system(self: Any) -> tuple[str, dict[str, Any]]:
    """https://docs.aws.amazon.com/efs/latest/ug/API_UpdateFileSystem.html"""
    system = find_file_system(self)
    system.throughput_mode = self._get_param("ThroughputMode") or system.throughput_mode
    if system.throughput_mode == "provisioned":
        system.provisioned_throughput_in_mibps = self._get_param("ProvisionedThroughputInMibps")
    return json.dumps(system.info_json()), {"status": 202, "Content-Type": "application/json"}


def describe_backup_policy(self: Any, file_system_id: str) -> dict[str, str]:
    if file_system_id not in self.file_systems_by_id:
        raise FileSystemNotFound(file_system_id)
    return MOTO_DESCRIBE_BACKUP_POLICY(self, file_system_id)


def backup_policy(self: Any) -> dict[str, str] | None:
    """None until a policy is set, which DescribeBackupPolicy answers with PolicyNotFound."""
    status = getattr(self, "_policy_status", "ENABLED" if self._backup else None)
    return {"Status": status} if status else None


def create_file_system(self: Any, *arguments: Any, **options: Any) -> Any:
    made: Any = MOTO_CREATE_FILE_SYSTEM(self, *arguments, **options)
    made._ready = PACE.ready_at("file system", self.region_name, made.file_system_id)
    if made.encrypted and not made.kms_key_id:
        # AWS's own key for EFS, one in each region.
        key = uuid.uuid5(uuid.NAMESPACE_DNS, f"elasticfilesystem.{self.region_name}.amazonaws.com")
        made.kms_key_id = f"arn:aws:kms:{self.region_name}:{self.account_id}:key/{key}"
    return made


def create_mount_target(self: Any, *arguments: Any, **options: Any) -> Any:
    """Its interface says whose it is, and without security groups it has the VPC's default one.
    https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html"""
    made: Any = MOTO_CREATE_MOUNT_TARGET(self, *arguments, **options)
    made._ready = PACE.ready_at("mount target", self.region_name, made.mount_target_id)
    interface = self.ec2_backend.get_network_interface(made.network_interface_id)
    interface.description = f"EFS mount target for {made.file_system_id} ({made.mount_target_id})"
    interface.requester_managed = True
    interface.requester_id = "amazon-efs"
    interface.status = "in-use"
    if not made.security_groups:
        made.security_groups = [group.id for group in interface._group_set]
    return made


def modify_mount_target_security_groups(self: Any, mount_target_id: str, security_groups: list[str]) -> None:
    MOTO_MODIFY_SECURITY_GROUPS(self, mount_target_id, security_groups)
    target = self.mount_targets_by_id[mount_target_id]
    interface = self.ec2_backend.get_network_interface(target.network_interface_id)
    interface._group_set = [self.ec2_backend.get_security_group_from_id(group) for group in security_groups]


def file_system_json(self: Any) -> dict[str, Any]:
    return {**MOTO_FILE_SYSTEM_JSON(self), "LifeCycleState": life_cycle_state(self)}


def mount_target_json(self: Any) -> dict[str, Any]:
    return {**MOTO_MOUNT_TARGET_JSON(self), "LifeCycleState": life_cycle_state(self)}


MOTO_CREATE_FILE_SYSTEM = EFSBackend.create_file_system
MOTO_CREATE_MOUNT_TARGET = EFSBackend.create_mount_target
MOTO_DESCRIBE_BACKUP_POLICY = EFSBackend.describe_backup_policy
MOTO_MODIFY_SECURITY_GROUPS = EFSBackend.modify_mount_target_security_groups
MOTO_FILE_SYSTEM_JSON = FileSystem.info_json
MOTO_MOUNT_TARGET_JSON = MountTarget.info_json


@functools.cache
def install() -> None:
    response: Any = EFSResponse
    response.put_backup_policy = put_backup_policy
    response.update_file_system = update_file_system
    backend: Any = EFSBackend
    backend.create_file_system = create_file_system
    backend.create_mount_target = create_mount_target
    backend.describe_backup_policy = describe_backup_policy
    backend.modify_mount_target_security_groups = modify_mount_target_security_groups
    system: Any = FileSystem
    system.backup_policy = property(backup_policy)
    system.info_json = file_system_json
    target: Any = MountTarget
    target.info_json = mount_target_json
