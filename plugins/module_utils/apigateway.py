# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the API Gateway (version 1) modules share: error handler, wrappers of AWS's calls, tags and patch operations."""

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry


class ApiGatewayError(AnsibleAWSError):
    pass


class ApiGatewayErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = ApiGatewayError

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code("NotFoundException")


def connect(module):
    """API Gateway allows few control calls a second and answers the rest with TooManyRequestsException."""
    return module.client("apigateway", retry_decorator=AWSRetry.jittered_backoff(retries=12, delay=2, max_delay=30))


def paginate(client, operation, **params):
    """The client's retries do not reach inside a paginator, hence a function of its own that is retried as a whole."""

    @AWSRetry.jittered_backoff(retries=12, delay=2, max_delay=30)
    def pages():
        return client.get_paginator(operation).paginate(**params).build_full_result()

    return pages().get("items", [])


@ApiGatewayErrorHandler.common_error_handler("list REST APIs")
def list_rest_apis(client):
    return paginate(client, "get_rest_apis", PaginationConfig={"PageSize": 500})


@ApiGatewayErrorHandler.list_error_handler("get REST API", None)
def get_rest_api(client, api_id):
    api = client.get_rest_api(restApiId=api_id, aws_retry=True)
    api.pop("ResponseMetadata", None)
    return api


@ApiGatewayErrorHandler.common_error_handler("list the resources of the REST API")
def get_resources(client, api_id):
    return paginate(client, "get_resources", restApiId=api_id, embed=["methods"], PaginationConfig={"PageSize": 500})


@ApiGatewayErrorHandler.common_error_handler("list the authorizers of the REST API")
def get_authorizers(client, api_id):
    return paginate(client, "get_authorizers", restApiId=api_id, PaginationConfig={"PageSize": 500})


@ApiGatewayErrorHandler.common_error_handler("list the gateway responses of the REST API")
def get_gateway_responses(client, api_id):
    # There is no paginator for this one; an API has fewer kinds of gateway response than one page holds.
    return client.get_gateway_responses(restApiId=api_id, limit=500, aws_retry=True).get("items", [])


@ApiGatewayErrorHandler.common_error_handler("list the models of the REST API")
def get_models(client, api_id):
    return paginate(client, "get_models", restApiId=api_id, PaginationConfig={"PageSize": 500})


@ApiGatewayErrorHandler.common_error_handler("list the request validators of the REST API")
def get_request_validators(client, api_id):
    return paginate(client, "get_request_validators", restApiId=api_id, PaginationConfig={"PageSize": 500})


def read_api_parts(client, api):
    """Everything of an API that a document describes, as AWS returns it: the input of C(api_to_state)."""
    api_id = api["id"]
    return {
        "api": api,
        "resources": get_resources(client, api_id),
        "authorizers": get_authorizers(client, api_id),
        "gateway_responses": get_gateway_responses(client, api_id),
        "models": get_models(client, api_id),
        "request_validators": get_request_validators(client, api_id),
    }


def find_rest_api(client, name):
    """The one API of this name, or None. Names are not unique in API Gateway, so more than one is an error."""
    found = [api for api in list_rest_apis(client) if api["name"] == name]
    if len(found) > 1:
        ids = ", ".join(sorted(api["id"] for api in found))
        raise ApiGatewayError(message=f"More than one REST API is named {name} ({ids}); remove or rename all but one")
    return found[0] if found else None


@ApiGatewayErrorHandler.common_error_handler("tag the resource")
def tag_resource(client, arn, tags):
    client.tag_resource(resourceArn=arn, tags=tags, aws_retry=True)


@ApiGatewayErrorHandler.common_error_handler("remove tags of the resource")
def untag_resource(client, arn, keys):
    client.untag_resource(resourceArn=arn, tagKeys=keys, aws_retry=True)


def build_arn(client, path):
    """API Gateway's ARNs carry no account: arn:aws:apigateway:us-east-1::/restapis/abc123."""
    return f"arn:{client.meta.partition}:apigateway:{client.meta.region_name}::{path}"


def apply_tags(client, arn, to_set, to_remove):
    if to_remove:
        untag_resource(client, arn, to_remove)
    if to_set:
        tag_resource(client, arn, to_set)


def escape_pointer(text):
    """A slash or tilde inside one step of a JSON pointer (RFC 6901)."""
    return text.replace("~", "~0").replace("/", "~1")


def patch_text(value):
    """Every value of a patch operation is text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def replace_operation(path, value):
    return {"op": "replace", "path": path, "value": patch_text(value)}


def endpoint_host(client, api_id):
    """Host name of an API's default endpoint."""
    suffix = "amazonaws.com.cn" if client.meta.partition == "aws-cn" else "amazonaws.com"
    return f"{api_id}.execute-api.{client.meta.region_name}.{suffix}"
