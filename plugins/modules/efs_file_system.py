#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: efs_file_system
version_added: 0.1.0
short_description: Manage an EFS file system with its mount targets and backups
description:
  - Creates, updates and deletes an Amazon EFS file system, its mount targets and its backup policy.
  - The name is the file system's creation token, by which it is found again, and its tag C(Name) unless O(tags) has another.
  - In contrast to M(community.aws.efs) it has a check mode and diff, knows automatic backups, changes security groups of mount targets in
    place, moves on without waiting for mount targets when told so, and uses none of AWS's deprecated tag calls.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the file system, 64 characters at most.
    required: true
    type: str
  encrypted:
    description:
      - Whether the file system is encrypted, with AWS's key. AWS cannot change it later.
    type: bool
    default: true
  throughput_mode:
    description:
      - How throughput is granted. Left alone when not given; AWS's default is V(bursting).
    choices: [bursting, elastic]
    type: str
  backup:
    description:
      - Whether AWS Backup makes automatic backups. Left alone when not given.
    type: bool
  mount_targets:
    description:
      - The mount targets, one in each availability zone at most, all of one VPC. Others are deleted. Left alone when not given.
      - Required to create a file system. Without them the module changes and waits for one that exists.
    type: list
    elements: dict
    suboptions:
      subnet_id:
        description:
          - Id of the subnet.
        required: true
        type: str
      ip_address:
        description:
          - Address in the subnet. AWS chooses one when not given. A mount target with another address is replaced.
        type: str
      security_groups:
        description:
          - Ids of security groups, five at most. AWS takes the VPC's default one when not given.
        type: list
        elements: str
  state:
    description:
      - Whether the file system exists. When it shall not, its mount targets and everything in it are deleted too.
    choices: [present, absent]
    default: present
    type: str
  wait:
    description:
      - Whether to wait until the file system and its mount targets are available, which takes a minute or two, or gone.
      - A new file system, and mount targets that are in the way, are waited for in any case.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Start making a file system
  lks.llm.efs_file_system:
    name: models
    throughput_mode: bursting
    backup: true
    mount_targets:
      - subnet_id: subnet-0123456789abcdef0
        ip_address: 10.0.1.20
        security_groups: [sg-0123456789abcdef0]
    tags:
      Project: example
    wait: false

- name: Wait until it can be mounted
  lks.llm.efs_file_system:
    name: models

- name: Delete it
  lks.llm.efs_file_system:
    name: models
    state: absent
"""

RETURN = r"""
file_system_id:
  description: Id of the file system; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "fs-0123456789abcdef0"
file_system_arn:
  description: ARN of the file system; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0123456789abcdef0"
life_cycle_state:
  description: State of the file system, such as C(creating) or C(available).
  returned: when O(state=present)
  type: str
  sample: "available"
encrypted:
  description: Whether it is encrypted.
  returned: when O(state=present)
  type: bool
throughput_mode:
  description: How throughput is granted.
  returned: when O(state=present)
  type: str
  sample: "bursting"
mount_targets:
  description: The mount targets.
  returned: when O(state=present)
  type: list
  elements: dict
  contains:
    mount_target_id:
      description: Id of the mount target; an empty string in check mode when it would be created.
      type: str
      sample: "fsmt-0123456789abcdef0"
    subnet_id:
      description: Its subnet.
      type: str
    ip_address:
      description: Its address.
      type: str
      sample: "10.0.1.20"
    availability_zone_name:
      description: Its availability zone.
      type: str
      sample: "us-east-1a"
    life_cycle_state:
      description: Its state.
      type: str
      sample: "available"
tags:
  description: Tags of the file system.
  returned: when O(state=present)
  type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)
from ansible_collections.lks.llm.plugins.module_utils.efs import (
    EfsError,
    EfsErrorHandler,
    backup_needs_change,
    change_backup_status,
    connect,
    get_backup_status,
    wait_for,
)

MAX_NAME = 64  # of a creation token: https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html
MAX_SECURITY_GROUPS = 5  # https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html


def call(client, operation, what, **params):
    @EfsErrorHandler.common_error_handler(what)
    def run():
        return getattr(client, operation)(aws_retry=True, **params)

    return run()


@EfsErrorHandler.deletion_error_handler("delete the mount target")
def delete_mount_target(client, mount_target_id):
    client.delete_mount_target(MountTargetId=mount_target_id, aws_retry=True)


def delete_file_system(client, file_system_id):
    # A file system holds a mount target for a moment longer than the list of mount targets does.
    @EfsErrorHandler.deletion_error_handler(f"delete file system {file_system_id}")
    @AWSRetry.jittered_backoff(retries=6, delay=2, max_delay=15, catch_extra_error_codes=["FileSystemInUse"])
    def delete():
        client.delete_file_system(FileSystemId=file_system_id)

    delete()


@EfsErrorHandler.list_error_handler("find the file system", [])
def describe_file_systems(client, name):
    return client.describe_file_systems(CreationToken=name, aws_retry=True)["FileSystems"]


def find_file_system(client, name):
    """The file system of this creation token that is there and not about to go, or None."""
    found = [
        each for each in describe_file_systems(client, name) if each["LifeCycleState"] not in ("deleting", "deleted")
    ]
    return found[0] if found else None


@EfsErrorHandler.list_error_handler("list the mount targets", [])
def list_mount_targets(client, file_system_id):
    # One in each availability zone: there is never a second page.
    return client.describe_mount_targets(FileSystemId=file_system_id, MaxItems=100, aws_retry=True)["MountTargets"]


@EfsErrorHandler.common_error_handler("read the security groups of the mount target")
def security_groups(client, mount_target_id):
    answer = client.describe_mount_target_security_groups(MountTargetId=mount_target_id, aws_retry=True)
    return answer["SecurityGroups"]


def desired_tags(name, tags):
    return {"Name": name, **(tags or {})}


def build_request(params):
    request = {
        "CreationToken": params["name"],
        "Encrypted": params["encrypted"],
        "Tags": ansible_dict_to_boto3_tag_list(desired_tags(params["name"], params["tags"])),
    }
    if params["throughput_mode"]:
        request["ThroughputMode"] = params["throughput_mode"]
    if params["backup"] is not None:
        request["Backup"] = params["backup"]
    return request


def build_mount_target(file_system_id, target):
    request = {"FileSystemId": file_system_id, "SubnetId": target["subnet_id"]}
    if target["ip_address"]:
        request["IpAddress"] = target["ip_address"]
    if target["security_groups"]:
        request["SecurityGroups"] = target["security_groups"]
    return request


def shown(target):
    """A mount target as a task names it."""
    return f"{target.get('ip_address') or target.get('IpAddress') or 'any address'} in {target.get('subnet_id') or target.get('SubnetId')}"


def diff_mount_targets(current, desired):
    """What to create, what to delete, and what stays [(current, desired)]. AWS can change neither subnet nor address."""
    stays, create = [], []
    for target in desired:
        match = next(
            (
                have
                for have in current
                if have["SubnetId"] == target["subnet_id"] and target["ip_address"] in (None, have["IpAddress"])
            ),
            None,
        )
        if match:
            stays.append((match, target))
        else:
            create.append(target)
    kept = [have["MountTargetId"] for have, target in stays]
    delete = [have for have in current if have["MountTargetId"] not in kept]
    return create, delete, stays


class Work:
    """One file system on its way to what is wanted: before, after and whether anything changes."""

    def __init__(self, client, module):
        self.client = client
        self.params = module.params
        self.name = module.params["name"]
        self.check_mode = module.check_mode
        self.timeout = module.params["wait_timeout"]
        self.before, self.after = {}, {}
        self.changed = False

    def note(self, key, before, after):
        self.changed = True
        self.before[key], self.after[key] = before, after

    def ensure(self):
        system = find_file_system(self.client, self.name)
        created = system is None
        if created and self.params["mount_targets"] is None:
            if self.check_mode:  # an earlier task would have made it
                return self.result(self.planned(), {}, [])
            raise EfsError(message=f"File system {self.name} does not exist; give mount_targets to create it")
        if created:
            system = self.create()
            tags = desired_tags(self.name, self.params["tags"])
        else:
            system = self.update(system)
            tags = self.ensure_tags(system)
        targets = self.ensure_mount_targets(system, created)
        if self.params["wait"] and not self.check_mode:
            system, targets = self.wait(system, targets)
        return self.result(system, tags, targets)

    def planned(self):
        return {
            "FileSystemId": "",
            "FileSystemArn": "",
            "LifeCycleState": "creating",
            "Encrypted": self.params["encrypted"],
            "ThroughputMode": self.params["throughput_mode"] or "bursting",
        }

    def create(self):
        request = build_request(self.params)
        shown_request = {key: value for key, value in request.items() if key != "Tags"}
        self.note("file_system", {}, {**shown_request, "tags": desired_tags(self.name, self.params["tags"])})
        if self.check_mode:
            return self.planned()
        system = call(self.client, "create_file_system", f"create file system {self.name}", **request)
        # AWS takes mount targets only when the file system is available, which takes it some seconds.
        self.wait_for_system(system)
        return {**system, "LifeCycleState": "available"}

    def update(self, system):
        params, identity = self.params, system["FileSystemId"]
        if system["Encrypted"] != params["encrypted"]:
            raise EfsError(
                message=f"File system {self.name} ({identity}) is {'' if system['Encrypted'] else 'not '}encrypted, which AWS cannot "
                f"change; set encrypted to {str(system['Encrypted']).lower()}, or delete it first"
            )
        mode = params["throughput_mode"]
        if mode and system["ThroughputMode"] != mode:
            self.note("throughput_mode", system["ThroughputMode"], mode)
            if not self.check_mode:
                what = f"change the throughput mode of file system {self.name}"
                call(self.client, "update_file_system", what, FileSystemId=identity, ThroughputMode=mode)
                self.wait_for_system(system)
            system = {**system, "ThroughputMode": mode}
        if params["backup"] is not None:
            wanted = "ENABLED" if params["backup"] else "DISABLED"
            status = get_backup_status(self.client, identity)
            if backup_needs_change(status, wanted):
                self.note("backup", status, wanted)
                if not self.check_mode:
                    change_backup_status(self.client, identity, status, wanted, self.timeout)
        return system

    def ensure_tags(self, system):
        current = boto3_tag_list_to_ansible_dict(system.get("Tags") or [])
        desired = desired_tags(self.name, self.params["tags"])
        purge = self.params["purge_tags"] and self.params["tags"] is not None
        to_set, to_remove = compare_aws_tags(current, desired, purge)
        after = {key: value for key, value in current.items() if key not in to_remove}
        after.update(to_set)
        if to_set or to_remove:
            self.note("tags", current, after)
            if not self.check_mode:
                resource = {"ResourceId": system["FileSystemId"]}
                if to_remove:
                    call(self.client, "untag_resource", f"remove tags of {self.name}", TagKeys=to_remove, **resource)
                if to_set:
                    tags = ansible_dict_to_boto3_tag_list(to_set)
                    call(self.client, "tag_resource", f"set tags of {self.name}", Tags=tags, **resource)
        return after

    def ensure_mount_targets(self, system, created):
        identity = system["FileSystemId"]
        current = [] if created else list_mount_targets(self.client, identity)
        going = [target for target in current if target["LifeCycleState"] in ("deleting", "deleted")]
        current = [target for target in current if target not in going]
        if self.params["mount_targets"] is None:
            return current
        create, delete, stays = diff_mount_targets(current, self.params["mount_targets"])
        if create or delete:
            self.note("mount_targets", sorted(map(shown, current)), sorted(map(shown, self.params["mount_targets"])))
        for target in delete:
            if not self.check_mode:
                delete_mount_target(self.client, target["MountTargetId"])
        if create and not self.check_mode:
            # There is room for one in each availability zone: what goes must be gone.
            for target in delete + going:
                what = f"Mount target {shown(target)} was not deleted"
                wait_for(
                    self.client, "mount_targets_deleted", what, self.timeout, MountTargetId=target["MountTargetId"]
                )
        result = [self.ensure_security_groups(have, target) for have, target in stays]
        for target in create:
            if self.check_mode:
                planned = {"MountTargetId": "", "SubnetId": target["subnet_id"], "IpAddress": target["ip_address"]}
                result.append({**planned, "LifeCycleState": "creating"})
            else:
                request = build_mount_target(identity, target)
                what = f"create a mount target of {self.name} with {shown(target)}"
                result.append(call(self.client, "create_mount_target", what, **request))
        return result

    def ensure_security_groups(self, have, target):
        wanted = target["security_groups"]
        if wanted is None:
            return have
        identity = have["MountTargetId"]
        groups = security_groups(self.client, identity)
        if set(groups) != set(wanted):
            self.note(f"security_groups of {shown(have)}", sorted(groups), sorted(wanted))
            if not self.check_mode:
                if have["LifeCycleState"] != "available":
                    what = f"Mount target {shown(have)} did not become available"
                    wait_for(self.client, "mount_targets_available", what, self.timeout, MountTargetId=identity)
                what = f"set the security groups of mount target {shown(have)}"
                request = {"MountTargetId": identity, "SecurityGroups": wanted}
                call(self.client, "modify_mount_target_security_groups", what, **request)
        return have

    def wait_for_system(self, system):
        what = f"File system {self.name} did not become available"
        wait_for(self.client, "file_system_available", what, self.timeout, FileSystemId=system["FileSystemId"])

    def wait(self, system, targets):
        if system["LifeCycleState"] != "available":
            self.wait_for_system(system)
        if any(target["LifeCycleState"] != "available" for target in targets):
            what = f"The mount targets of file system {self.name} did not become available"
            identity = {"FileSystemId": system["FileSystemId"]}
            wait_for(self.client, "mount_targets_available", what, self.timeout, **identity)
        ready = {"LifeCycleState": "available"}
        return {**system, **ready}, [{**target, **ready} for target in targets]

    def result(self, system, tags, targets):
        return {
            "changed": self.changed,
            "diff": {"before": self.before, "after": self.after},
            "file_system_id": system["FileSystemId"],
            "file_system_arn": system.get("FileSystemArn", ""),
            "life_cycle_state": system["LifeCycleState"],
            "encrypted": system["Encrypted"],
            "throughput_mode": system["ThroughputMode"],
            "mount_targets": [
                {
                    "mount_target_id": target["MountTargetId"],
                    "subnet_id": target["SubnetId"],
                    "ip_address": target.get("IpAddress") or "",
                    "availability_zone_name": target.get("AvailabilityZoneName") or "",
                    "life_cycle_state": target["LifeCycleState"],
                }
                for target in targets
            ],
            "tags": tags,
        }


def ensure_absent(client, module):
    name, timeout = module.params["name"], module.params["wait_timeout"]
    found = describe_file_systems(client, name)
    if not found:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    identity = found[0]["FileSystemId"]
    going = found[0]["LifeCycleState"] in ("deleting", "deleted")
    if not module.check_mode and not going:
        targets = list_mount_targets(client, identity)
        for target in targets:
            if target["LifeCycleState"] not in ("deleting", "deleted"):
                delete_mount_target(client, target["MountTargetId"])
        if targets:
            what = f"The mount targets of file system {name} were not deleted"
            wait_for(client, "mount_targets_deleted", what, timeout, FileSystemId=identity)
        delete_file_system(client, identity)
    if not module.check_mode and module.params["wait"]:
        what = f"File system {name} was not deleted"
        wait_for(client, "file_system_deleted", what, timeout, FileSystemId=identity)
    before = {} if going else {"name": name, "file_system_id": identity}
    return {"changed": not going, "diff": {"before": before, "after": {}}}


def problem(params):
    """What no file system can have, or None."""
    if not 1 <= len(params["name"]) <= MAX_NAME:
        return f"name must have 1 to {MAX_NAME} characters, not {len(params['name'])}"
    targets = params["mount_targets"] or []
    subnets = [target["subnet_id"] for target in targets]
    if len(set(subnets)) != len(subnets):
        return f"mount_targets must be in different subnets, not {subnets}"
    for target in targets:
        if len(target["security_groups"] or []) > MAX_SECURITY_GROUPS:
            return f"mount target in {target['subnet_id']} has more than {MAX_SECURITY_GROUPS} security_groups"
    return None


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "encrypted": {"type": "bool", "default": True},
            "throughput_mode": {"type": "str", "choices": ["bursting", "elastic"]},
            "backup": {"type": "bool"},
            "mount_targets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "subnet_id": {"type": "str", "required": True},
                    "ip_address": {"type": "str"},
                    "security_groups": {"type": "list", "elements": "str"},
                },
            },
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    wrong = problem(module.params)
    if wrong:
        module.fail_json(msg=wrong)
    try:
        client = connect(module)
        result = Work(client, module).ensure() if module.params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
