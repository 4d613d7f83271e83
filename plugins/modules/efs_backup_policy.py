#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: efs_backup_policy
version_added: 0.1.0
short_description: Turn automatic backups of an EFS file system on or off
description:
  - Manages the backup policy of an Amazon EFS file system, which M(community.aws.efs) does not know.
  - Automatic backups are made daily by AWS Backup and kept 35 days.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  file_system_id:
    description:
      - Id of the file system.
    required: true
    type: str
  status:
    description:
      - Whether automatic backups are made.
    choices: [ENABLED, DISABLED]
    default: ENABLED
    type: str
  wait:
    description:
      - Whether to wait until the policy has the status, rather than is on its way to it.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Back the file system up
  lks.llm.efs_backup_policy:
    file_system_id: fs-0123456789abcdef0

- name: Stop making backups
  lks.llm.efs_backup_policy:
    file_system_id: fs-0123456789abcdef0
    status: DISABLED
"""

RETURN = r"""
file_system_id:
  description: Id of the file system.
  returned: always
  type: str
  sample: "fs-0123456789abcdef0"
status:
  description: Status of the backup policy, C(ENABLED), C(ENABLING), C(DISABLED) or C(DISABLING).
  returned: always
  type: str
  sample: "ENABLED"
"""

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.efs import (
    backup_needs_change,
    change_backup_status,
    connect,
    get_backup_status,
    wait_for_backup_status,
)


def ensure_status(client, module):
    params = module.params
    file_system_id, wanted = params["file_system_id"], params["status"]
    current = get_backup_status(client, file_system_id)
    changed = backup_needs_change(current, wanted)
    status = current
    if changed and module.check_mode:
        status = wanted
    elif changed:
        status = change_backup_status(client, file_system_id, current, wanted, params["wait_timeout"])
    if params["wait"] and not module.check_mode and status != wanted:
        wait_for_backup_status(client, file_system_id, wanted, params["wait_timeout"])
        status = wanted
    diff = {"before": {"status": current}, "after": {"status": wanted}} if changed else {"before": {}, "after": {}}
    return {"changed": changed, "diff": diff, "file_system_id": file_system_id, "status": status}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "file_system_id": {"type": "str", "required": True},
            "status": {"type": "str", "choices": ["ENABLED", "DISABLED"], "default": "ENABLED"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    try:
        result = ensure_status(connect(module), module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
