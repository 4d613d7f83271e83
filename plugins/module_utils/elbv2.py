# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the modules of application and network load balancers and of target groups share: AWS's calls, waiters, tags, attributes."""

import contextlib

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

WAIT_DELAY = 3
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
ARNS_IN_DESCRIBE_TAGS = 20


class Elbv2Error(AnsibleAWSError):
    pass


class Elbv2ErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = Elbv2Error

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"])


class LoadBalancerWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self):
        def waiter(acceptors):
            return {
                "operation": "DescribeLoadBalancers",
                "delay": WAIT_DELAY,
                "maxAttempts": 120,
                "acceptors": acceptors,
            }

        def state(matcher, code, outcome):
            argument = "LoadBalancers[].State.Code"
            return {"state": outcome, "matcher": matcher, "expected": code, "argument": argument}

        return {
            "load_balancer_active": waiter(
                [state("pathAll", "active", "success"), state("pathAny", "failed", "failure")]
            ),
            "load_balancer_deleted": waiter(
                [{"state": "success", "matcher": "error", "expected": "LoadBalancerNotFound"}]
            ),
        }


def connect(module):
    return module.client("elbv2", retry_decorator=AWSRetry.jittered_backoff(retries=10))


def paginate(client, operation, **params):
    """The client's retries do not reach inside a paginator, hence a function of its own that is retried as a whole."""

    @AWSRetry.jittered_backoff(retries=10)
    def pages():
        return client.get_paginator(operation).paginate(**params).build_full_result()

    return pages()


@Elbv2ErrorHandler.list_error_handler("find the load balancer", None)
def find_load_balancer(client, name):
    found = client.describe_load_balancers(Names=[name], aws_retry=True)["LoadBalancers"]
    return found[0] if found else None


@Elbv2ErrorHandler.list_error_handler("find the target group", None)
def find_target_group(client, name):
    found = client.describe_target_groups(Names=[name], aws_retry=True)["TargetGroups"]
    return found[0] if found else None


def target_group_arns(client, names, tolerate_missing):
    """{name: ARN} of target groups; one that is not there is an error, or (in check mode, where an earlier task
    would have made it) unknown."""
    arns = {}
    for name in sorted(set(names)):
        group = find_target_group(client, name)
        if group is None and not tolerate_missing:
            raise Elbv2Error(
                message=f"Target group {name} does not exist; create it first (lks.llm.elbv2_target_group)"
            )
        arns[name] = group["TargetGroupArn"] if group else ""
    return arns


def wait_for_load_balancer(client, name, arn, waiter_name, timeout):
    waiter = LoadBalancerWaiterFactory().get_waiter(client, waiter_name)
    attempts = max(1, -(-timeout // WAIT_DELAY))
    try:
        waiter.wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": attempts})
    except botocore.exceptions.WaiterError as e:
        balancers = (e.last_response or {}).get("LoadBalancers") or [{}]
        state = balancers[0].get("State", {})
        reason = state.get("Reason") or "AWS gives no reason"
        wanted = waiter_name.rpartition("_")[2]
        raise Elbv2Error(
            message=f"Load balancer {name} did not become {wanted} in {timeout} s: state {state.get('Code', 'unknown')}: {reason}",
            exception=e,
        ) from e


@Elbv2ErrorHandler.common_error_handler("read the tags")
def describe_tags(client, arns):
    """{ARN: tags} for any number of load balancers, listeners, rules and target groups."""
    tags = {}
    for start in range(0, len(arns), ARNS_IN_DESCRIBE_TAGS):
        batch = arns[start : start + ARNS_IN_DESCRIBE_TAGS]
        for description in client.describe_tags(ResourceArns=batch, aws_retry=True)["TagDescriptions"]:
            tags[description["ResourceArn"]] = boto3_tag_list_to_ansible_dict(description["Tags"])
    return tags


@Elbv2ErrorHandler.common_error_handler("set tags")
def add_tags(client, arn, tags):
    client.add_tags(ResourceArns=[arn], Tags=ansible_dict_to_boto3_tag_list(tags), aws_retry=True)


@Elbv2ErrorHandler.common_error_handler("remove tags")
def remove_tags(client, arn, keys):
    client.remove_tags(ResourceArns=[arn], TagKeys=keys, aws_retry=True)


def apply_tags(client, arn, to_set, to_remove):
    if to_remove:
        remove_tags(client, arn, to_remove)
    if to_set:
        add_tags(client, arn, to_set)


def tag_list(tags):
    return ansible_dict_to_boto3_tag_list(tags or {})


def attribute_text(value):
    """AWS's attributes are all text, booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def normalise_attributes(attributes):
    return {key: attribute_text(value) for key, value in (attributes or {}).items()}


def diff_attributes(current, desired):
    """The attributes among those asked for that differ."""
    return {key: value for key, value in normalise_attributes(desired).items() if current.get(key) != value}


def attribute_list(attributes):
    return [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]
