# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the Cognito modules share: error handler, wrappers of AWS's calls, finding by name, what an update must send again."""

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

PAGE = 60


class CognitoError(AnsibleAWSError):
    pass


class CognitoErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = CognitoError

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["ResourceNotFoundException", "UserNotFoundException"])


def connect(module):
    return module.client("cognito-idp", retry_decorator=AWSRetry.jittered_backoff())


def paginate(client, operation, key, **params):
    """The client's retries do not reach inside a paginator, hence a function of its own that is retried as a whole."""

    @AWSRetry.jittered_backoff()
    def pages():
        return client.get_paginator(operation).paginate(**params).build_full_result()

    return pages().get(key, [])


@CognitoErrorHandler.common_error_handler("list user pools")
def list_user_pools(client):
    # Unlike elsewhere the page size has no default here.
    return paginate(client, "list_user_pools", "UserPools", PaginationConfig={"PageSize": PAGE})


@CognitoErrorHandler.list_error_handler("describe the user pool", None)
def describe_user_pool(client, pool_id):
    return client.describe_user_pool(UserPoolId=pool_id, aws_retry=True)["UserPool"]


def find_user_pool(client, name):
    """The one pool of this name with all its settings, or None. Names are not unique, so more than one is an error."""
    found = [pool["Id"] for pool in list_user_pools(client) if pool["Name"] == name]
    if len(found) > 1:
        raise CognitoError(
            message=f"More than one user pool is named {name} ({', '.join(sorted(found))}); delete or rename all but one"
        )
    return describe_user_pool(client, found[0]) if found else None


@CognitoErrorHandler.common_error_handler("list the clients of the user pool")
def list_clients(client, pool_id):
    return paginate(
        client, "list_user_pool_clients", "UserPoolClients", UserPoolId=pool_id, PaginationConfig={"PageSize": PAGE}
    )


@CognitoErrorHandler.list_error_handler("describe the user pool client", None)
def describe_client(client, pool_id, client_id):
    return client.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id, aws_retry=True)["UserPoolClient"]


def find_client(client, pool_id, name):
    """The one client of this name with all its settings, or None."""
    found = [item["ClientId"] for item in list_clients(client, pool_id) if item["ClientName"] == name]
    if len(found) > 1:
        raise CognitoError(
            message=f"More than one client of user pool {pool_id} is named {name} ({', '.join(sorted(found))}); "
            "delete or rename all but one"
        )
    return describe_client(client, pool_id, found[0]) if found else None


@CognitoErrorHandler.common_error_handler("find the user")
def list_users(client, pool_id, filter_text):
    return paginate(client, "list_users", "Users", UserPoolId=pool_id, Filter=filter_text)


@CognitoErrorHandler.common_error_handler("tag the user pool")
def tag_resource(client, arn, tags):
    client.tag_resource(ResourceArn=arn, Tags=tags, aws_retry=True)


@CognitoErrorHandler.common_error_handler("remove tags of the user pool")
def untag_resource(client, arn, keys):
    client.untag_resource(ResourceArn=arn, TagKeys=keys, aws_retry=True)


def updatable(client, operation):
    """Names of the settings that an update takes; it sets to their defaults what it is not sent, so all must be sent.

    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html
    """
    return set(client.meta.service_model.operation_model(operation).input_shape.members)


def differences(current, asked):
    """(before, after) of the settings in C(asked) that differ. The order of a list of plain values means nothing."""

    def comparable(value):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return sorted(value)
        return value

    before, after = {}, {}
    for key, value in asked.items():
        if comparable(current.get(key)) != comparable(value):
            before[key], after[key] = current.get(key), value
    return before, after
