# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the EFS modules share: error handlers, waiters, the backup policy."""

import contextlib

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

WAIT_DELAY = 3
ON_THE_WAY = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}


class EfsError(AnsibleAWSError):
    pass


class EfsErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = EfsError

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["FileSystemNotFound", "MountTargetNotFound"])


class EfsBackupPolicyErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = EfsError

    @classmethod
    def _is_missing(cls):
        # A file system that never had a policy has none; that is the same as a disabled one.
        return is_boto3_error_code("PolicyNotFound")


class EfsWaiterFactory(BaseWaiterFactory):
    """EFS comes without waiters of its own."""

    @property
    def _waiter_model_data(self):
        def waiter(operation, *acceptors):
            return {"operation": operation, "delay": WAIT_DELAY, "maxAttempts": 100, "acceptors": list(acceptors)}

        def accept(state, matcher, expected, argument):
            return {"state": state, "matcher": matcher, "expected": expected, "argument": argument}

        def gone(code):
            return {"state": "success", "matcher": "error", "expected": code}

        files, mounts = "FileSystems[].LifeCycleState", "MountTargets[].LifeCycleState"
        policy = "BackupPolicy.Status"
        return {
            "backup_policy_enabled": waiter("DescribeBackupPolicy", accept("success", "path", "ENABLED", policy)),
            "backup_policy_disabled": waiter(
                "DescribeBackupPolicy", accept("success", "path", "DISABLED", policy), gone("PolicyNotFound")
            ),
            "file_system_available": waiter(
                "DescribeFileSystems",
                accept("success", "pathAll", "available", files),
                accept("failure", "pathAny", "error", files),
                accept("failure", "pathAny", "deleting", files),
            ),
            "file_system_deleted": waiter("DescribeFileSystems", gone("FileSystemNotFound")),
            "mount_targets_available": waiter(
                "DescribeMountTargets",
                accept("success", "pathAll", "available", mounts),
                accept("failure", "pathAny", "error", mounts),
            ),
            "mount_targets_deleted": waiter(
                "DescribeMountTargets",
                accept("success", "path", True, "length(MountTargets) == `0`"),
                gone("FileSystemNotFound"),
                gone("MountTargetNotFound"),
            ),
        }


def connect(module):
    return module.client("efs", retry_decorator=AWSRetry.jittered_backoff())


def wait_for(client, waiter_name, what, timeout, **params):
    """Waits; C(what) says in the failure's message what did not come about."""
    waiter = EfsWaiterFactory().get_waiter(client, waiter_name)
    attempts = max(1, -(-timeout // WAIT_DELAY))
    try:
        waiter.wait(WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": attempts}, **params)
    except botocore.exceptions.WaiterError as e:
        raise EfsError(message=f"{what} in {timeout} s; run again to go on waiting", exception=e) from e


@EfsBackupPolicyErrorHandler.list_error_handler("read the backup policy of the file system", "DISABLED")
def get_backup_status(client, file_system_id):
    policy = client.describe_backup_policy(FileSystemId=file_system_id, aws_retry=True)
    return policy.get("BackupPolicy", {}).get("Status", "DISABLED")


def put_backup_status(client, file_system_id, status):
    @EfsBackupPolicyErrorHandler.common_error_handler(f"set the backup policy of {file_system_id} to {status}")
    def put():
        answer = client.put_backup_policy(FileSystemId=file_system_id, BackupPolicy={"Status": status}, aws_retry=True)
        return answer.get("BackupPolicy", {}).get("Status", status)

    return put()


def wait_for_backup_status(client, file_system_id, status, timeout):
    waiter_name = f"backup_policy_{status.lower()}"
    what = f"The backup policy of {file_system_id} did not become {status}"
    wait_for(client, waiter_name, what, timeout, FileSystemId=file_system_id)


def backup_needs_change(current, wanted):
    """A policy that is on its way to what is wanted needs patience, not another call."""
    return ON_THE_WAY.get(current, current) != wanted


def change_backup_status(client, file_system_id, current, wanted, timeout):
    """Turns the policy; AWS refuses to turn round one that is on its way."""
    if current in ON_THE_WAY:
        wait_for_backup_status(client, file_system_id, ON_THE_WAY[current], timeout)
    return put_backup_status(client, file_system_id, wanted)
