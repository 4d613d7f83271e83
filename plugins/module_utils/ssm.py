# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the Systems Manager modules share: error handler, wrappers of AWS's calls, tags, and the results of associations."""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)

# Statuses of a target that are not its last one; whatever else AWS writes (Failed, TimedOut, Cancelled, …) is a failure.
UNFINISHED = ("", "Pending", "InProgress", "Delayed", "Cancelling", "Associated")
# An association keeps its executions for months; those of the present version are among the newest.
EXECUTIONS = 50


class SsmError(AnsibleAWSError):
    pass


class SsmErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = SsmError

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["AssociationDoesNotExist", "ParameterNotFound"])


def connect(module):
    # An association takes one update at a time.
    retries = AWSRetry.jittered_backoff(retries=10, max_delay=30, catch_extra_error_codes=["TooManyUpdates"])
    return module.client("ssm", retry_decorator=retries)


def paginate(client, operation, key, **params):
    """The client's retries do not reach inside a paginator, hence a function of its own that is retried as a whole."""

    @AWSRetry.jittered_backoff(retries=10, max_delay=30)
    def pages():
        return client.get_paginator(operation).paginate(**params).build_full_result()

    return pages().get(key, [])


@SsmErrorHandler.common_error_handler("list associations")
def list_associations(client, name=None):
    """Entries of ListAssociations; the filter is AWS's own."""
    params = {"AssociationFilterList": [{"key": "AssociationName", "value": name}]} if name else {}
    return paginate(client, "list_associations", "Associations", **params)


@SsmErrorHandler.list_error_handler("describe the association", None)
def describe_association(client, association_id):
    return client.describe_association(AssociationId=association_id, aws_retry=True)["AssociationDescription"]


@SsmErrorHandler.list_error_handler("list the tags", {})
def list_tags(client, resource_type, resource_id):
    answer = client.list_tags_for_resource(ResourceType=resource_type, ResourceId=resource_id, aws_retry=True)
    return boto3_tag_list_to_ansible_dict(answer.get("TagList", []))


@SsmErrorHandler.common_error_handler("tag the resource")
def add_tags(client, resource_type, resource_id, tags):
    client.add_tags_to_resource(
        ResourceType=resource_type,
        ResourceId=resource_id,
        Tags=ansible_dict_to_boto3_tag_list(tags),
        aws_retry=True,
    )


@SsmErrorHandler.common_error_handler("remove tags of the resource")
def remove_tags(client, resource_type, resource_id, keys):
    client.remove_tags_from_resource(ResourceType=resource_type, ResourceId=resource_id, TagKeys=keys, aws_retry=True)


def apply_tags(client, resource_type, resource_id, to_set, to_remove):
    if to_remove:
        remove_tags(client, resource_type, resource_id, to_remove)
    if to_set:
        add_tags(client, resource_type, resource_id, to_set)


@SsmErrorHandler.list_error_handler("list the association's executions", [])
def list_executions(client, association_id):
    """The newest executions, in the order of their time."""
    executions = paginate(
        client,
        "describe_association_executions",
        "AssociationExecutions",
        AssociationId=association_id,
        PaginationConfig={"MaxItems": EXECUTIONS},
    )
    return sorted(executions, key=lambda execution: execution["CreatedTime"])


@SsmErrorHandler.common_error_handler("list the targets of an association's execution")
def list_execution_targets(client, association_id, execution_id):
    return paginate(
        client,
        "describe_association_execution_targets",
        "AssociationExecutionTargets",
        AssociationId=association_id,
        ExecutionId=execution_id,
    )


@SsmErrorHandler.common_error_handler("list managed instances")
def list_managed_instances(client, filters):
    return paginate(client, "describe_instance_information", "InstanceInformationList", Filters=filters)


def build_instance_filters(targets):
    """Filters of DescribeInstanceInformation that mean the same as targets; None where there are none (resource groups)."""
    filters = []
    for target in targets:
        key, values = target["Key"], target["Values"]
        if key == "InstanceIds" and "*" in values:
            continue
        if key != "InstanceIds" and not key.startswith("tag:"):
            return None
        filters.append({"Key": key, "Values": values})
    return filters


def build_result(target):
    """One target of an execution, as it is returned."""
    return {
        "instance_id": target["ResourceId"],
        "status": target.get("Status") or "Pending",
        "detailed_status": target.get("DetailedStatus") or "",
        "execution_id": target["ExecutionId"],
        "command_id": (target.get("OutputSource") or {}).get("OutputSourceId", ""),
    }


def merge_results(executions, version, stale=()):
    """The newest result of each instance for one version of the association.

    C(executions) are pairs of an execution and its targets, the oldest first. A failure in an execution named by C(stale) counts as
    no result: its instances have been asked again.
    """
    results: dict = {}
    for execution, targets in executions:
        if execution.get("AssociationVersion") != version:
            continue
        for target in targets:
            result = build_result(target)
            if execution["ExecutionId"] in stale and has_failed(result):
                results.pop(result["instance_id"], None)
            else:
                results[result["instance_id"]] = result
    return results


def read_results(client, association, stale=()):
    """The newest result of each instance, for the association's present version."""
    version = association["AssociationVersion"]
    executions = [
        each for each in list_executions(client, association["AssociationId"]) if each["AssociationVersion"] == version
    ]
    pairs = [
        (each, list_execution_targets(client, association["AssociationId"], each["ExecutionId"])) for each in executions
    ]
    return merge_results(pairs, version, stale)


def has_failed(result):
    return result["status"] != "Success" and result["status"] not in UNFINISHED


def normalise_association(association, tags):
    """An association as it is returned: snake case, but for parameters, whose names are the document's."""
    kept = {key: value for key, value in association.items() if key not in ("Parameters", "Overview", "Status")}
    result = camel_dict_to_snake_dict(kept)
    result["parameters"] = association.get("Parameters") or {}
    result["status"] = (association.get("Overview") or {}).get("Status", "Pending")
    result["tags"] = tags
    return result
