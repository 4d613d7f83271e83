# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the Amplify modules share: error handler, wrappers of AWS's calls, tags, and environments whose values nobody sees."""

import re

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENVIRONMENT_SPEC = {
    "environment_variables": {"type": "dict"},
    "secret_environment_variables": {"type": "dict", "no_log": True},
}


class AmplifyError(AnsibleAWSError):
    pass


class AmplifyErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AmplifyError

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code("NotFoundException")


def retried():
    # Amplify's own dependencies (CloudFront, the repository) fail for a moment now and then.
    return AWSRetry.jittered_backoff(catch_extra_error_codes=["DependentServiceFailureException"])


def connect(module):
    return module.client("amplify", retry_decorator=retried())


def paginate(client, operation, key, **params):
    """The client's retries do not reach inside a paginator, hence a function of its own that is retried as a whole."""

    @retried()
    def pages():
        return client.get_paginator(operation).paginate(**params).build_full_result()

    return pages().get(key, [])


@AmplifyErrorHandler.common_error_handler("list Amplify apps")
def list_apps(client):
    return paginate(client, "list_apps", "apps")


def find_app(client, name):
    """The one app of this name, or None. Names are not unique in Amplify, so more than one is an error."""
    found = [app for app in list_apps(client) if app["name"] == name]
    if len(found) > 1:
        ids = ", ".join(sorted(app["appId"] for app in found))
        raise AmplifyError(message=f"More than one Amplify app is named {name} ({ids}); delete or rename all but one")
    return found[0] if found else None


@AmplifyErrorHandler.list_error_handler("get the Amplify app", None)
def get_app(client, app_id):
    return client.get_app(appId=app_id, aws_retry=True)["app"]


@AmplifyErrorHandler.common_error_handler("tag the Amplify resource")
def tag_resource(client, arn, tags):
    client.tag_resource(resourceArn=arn, tags=tags, aws_retry=True)


@AmplifyErrorHandler.common_error_handler("remove tags of the Amplify resource")
def untag_resource(client, arn, keys):
    client.untag_resource(resourceArn=arn, tagKeys=keys, aws_retry=True)


def apply_tags(client, arn, to_set, to_remove):
    if to_remove:
        untag_resource(client, arn, to_remove)
    if to_set:
        tag_resource(client, arn, to_set)


def environment_faults(params):
    """Sentences about variables that cannot be.

    https://docs.aws.amazon.com/amplify/latest/userguide/environment-variables.html
    """
    plain, secret = params["environment_variables"] or {}, params["secret_environment_variables"] or {}
    for name in sorted({*plain, *secret}):
        if name in plain and name in secret:
            yield f"{name} is in environment_variables and in secret_environment_variables"
        if not VARIABLE.fullmatch(name):
            yield f"'{name}' is no name of an environment variable"
        if name.startswith("AWS"):
            yield f"{name} begins with AWS, which Amplify reserves"


def build_environment(params):
    """All variables as text, or None where they are not asked for."""
    plain, secret = params["environment_variables"], params["secret_environment_variables"]
    if plain is None and secret is None:
        return None
    return {name: "" if value is None else str(value) for name, value in {**(plain or {}), **(secret or {})}.items()}


def compare_environments(current, asked):
    """(before, after) of the variables that differ, with what happens to them in place of their values."""
    before, after = {}, {}
    for name in sorted({*current, *asked}):
        if current.get(name) == asked.get(name):
            continue
        if name in current:
            before[name] = "a value"
        if name in asked:
            after[name] = "another value" if name in current else "a value"
    return before, after


def compare_settings(current, asked):
    """(before, after) of the settings in C(asked) that differ; no values of environment variables among them."""
    before, after = {}, {}
    for key, value in asked.items():
        had = current.get(key)
        if key == "environmentVariables":
            was, becomes = compare_environments(had or {}, value)
        elif key == "buildSpec":
            was, becomes = (had or "").strip(), value.strip()
        else:
            was, becomes = had, value
        # Amplify leaves out what is empty.
        if (was or None) != (becomes or None):
            before[key], after[key] = was, becomes
    return before, after


def normalise_environment(item):
    """Names alone: the values may be secrets, whoever set them."""
    return sorted(item.get("environmentVariables") or {})
