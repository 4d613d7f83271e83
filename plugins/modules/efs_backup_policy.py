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

import contextlib

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

WAIT_DELAY = 3
ON_THE_WAY = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}


class EfsBackupPolicyErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        # A file system that never had a policy has none; that is the same as a disabled one.
        return is_boto3_error_code("PolicyNotFound")


class EfsWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self):
        def waiter(wanted, acceptors):
            accept = {"state": "success", "matcher": "path", "expected": wanted, "argument": "BackupPolicy.Status"}
            return {
                "operation": "DescribeBackupPolicy",
                "delay": WAIT_DELAY,
                "maxAttempts": 100,
                "acceptors": [accept, *acceptors],
            }

        missing = {"state": "success", "matcher": "error", "expected": "PolicyNotFound"}
        return {
            "backup_policy_enabled": waiter("ENABLED", []),
            "backup_policy_disabled": waiter("DISABLED", [missing]),
        }


@EfsBackupPolicyErrorHandler.list_error_handler("read the backup policy of the file system", "DISABLED")
def get_status(client, file_system_id):
    policy = client.describe_backup_policy(FileSystemId=file_system_id, aws_retry=True)
    return policy.get("BackupPolicy", {}).get("Status", "DISABLED")


def put_status(client, file_system_id, status):
    @EfsBackupPolicyErrorHandler.common_error_handler(f"set the backup policy of {file_system_id} to {status}")
    def put():
        answer = client.put_backup_policy(FileSystemId=file_system_id, BackupPolicy={"Status": status}, aws_retry=True)
        return answer.get("BackupPolicy", {}).get("Status", status)

    return put()


def wait_for_status(client, file_system_id, status, timeout):
    waiter = EfsWaiterFactory().get_waiter(client, f"backup_policy_{status.lower()}")
    attempts = max(1, -(-timeout // WAIT_DELAY))
    try:
        waiter.wait(FileSystemId=file_system_id, WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": attempts})
    except botocore.exceptions.WaiterError as e:
        raise AnsibleAWSError(
            message=f"The backup policy of {file_system_id} did not become {status} in {timeout} s; run again to go on waiting",
            exception=e,
        ) from e


def needs_change(current, wanted):
    """A policy that is on its way to what is wanted needs patience, not another call."""
    return ON_THE_WAY.get(current, current) != wanted


def ensure_status(client, module):
    params = module.params
    file_system_id, wanted = params["file_system_id"], params["status"]
    current = get_status(client, file_system_id)
    changed = needs_change(current, wanted)
    status = current
    if changed and module.check_mode:
        status = wanted
    elif changed:
        if current in ON_THE_WAY:
            # AWS refuses to turn a policy round on its way.
            wait_for_status(client, file_system_id, ON_THE_WAY[current], params["wait_timeout"])
        status = put_status(client, file_system_id, wanted)
    if params["wait"] and not module.check_mode and status != wanted:
        wait_for_status(client, file_system_id, wanted, params["wait_timeout"])
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
    client = module.client("efs", retry_decorator=AWSRetry.jittered_backoff())
    try:
        result = ensure_status(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
