"""Every request is recognised for what a client meant by it, in each of AWS's protocols."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
from typing import Any

import botocore.exceptions
import pytest

from localcloud import protocol

from .in_process import client, clients, refusal

ARN = "arn:aws:apigateway:us-east-1::/restapis/abc"


@pytest.fixture
def last(application):
    """The newest call on record: (service, operation, region, mutating)."""

    def read() -> tuple[str, str, str, bool]:
        call = application.calls.calls[-1]
        return call["service"], call["operation"], call["region"], call["mutating"]

    return read


@pytest.mark.parametrize(
    ("service", "method", "arguments", "mutating"),
    [
        ("ec2", "describe_vpcs", {}, False),
        ("ec2", "create_tags", {"Resources": ["vpc-1"], "Tags": [{"Key": "a", "Value": "b"}]}, True),
        ("elbv2", "describe_load_balancers", {}, False),
        ("rds", "describe_db_instances", {}, False),
        ("rds", "delete_db_instance", {"DBInstanceIdentifier": "none"}, True),
        ("iam", "get_role", {"RoleName": "LabRole"}, False),
        ("sts", "get_caller_identity", {}, False),
        ("cloudwatch", "describe_alarms", {}, False),
        ("cloudwatch", "put_metric_data", {"Namespace": "a", "MetricData": [{"MetricName": "b"}]}, False),
        ("ssm", "get_parameter", {"Name": "/none"}, False),
        ("ssm", "put_parameter", {"Name": "/one", "Value": "1", "Type": "String"}, True),
        ("logs", "describe_log_groups", {}, False),
        ("cognito-idp", "list_user_pools", {"MaxResults": 10}, False),
        ("cognito-idp", "sign_up", {"ClientId": "a", "Username": "b", "Password": "secret"}, True),
        ("cognito-idp", "initiate_auth", {"ClientId": "a", "AuthFlow": "USER_PASSWORD_AUTH"}, False),
        ("resourcegroupstaggingapi", "get_resources", {}, False),
        ("secretsmanager", "list_secrets", {}, False),
        ("efs", "describe_mount_targets", {"FileSystemId": "fs-0123456789abcdef0"}, False),
        ("efs", "list_tags_for_resource", {"ResourceId": "fs-0123456789abcdef0"}, False),
        ("lambda", "list_functions", {}, False),
        ("lambda", "get_function", {"FunctionName": "none"}, False),
        ("lambda", "update_function_code", {"FunctionName": "none", "ZipFile": b"x"}, True),
        ("lambda", "list_tags", {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:none"}, False),
        ("amplify", "list_apps", {}, False),
        ("apigateway", "get_rest_apis", {}, False),
        ("apigateway", "put_rest_api", {"restApiId": "abc", "body": b"{}"}, True),
        ("apigateway", "import_rest_api", {"body": b"{}"}, True),
        ("apigateway", "get_tags", {"resourceArn": ARN}, False),
        ("apigateway", "tag_resource", {"resourceArn": ARN, "tags": {"a": "b"}}, True),
        ("apigateway", "get_method", {"restApiId": "a", "resourceId": "b", "httpMethod": "GET"}, False),
        ("s3", "list_buckets", {}, False),
        ("s3", "list_objects_v2", {"Bucket": "none"}, False),
        ("s3", "head_object", {"Bucket": "none", "Key": "a/b c/ü"}, False),
        ("s3", "put_object", {"Bucket": "none", "Key": "a/b", "Body": b"x", "ContentType": "application/json"}, True),
        ("s3", "copy_object", {"Bucket": "none", "Key": "a", "CopySource": "none/b"}, True),
        ("s3", "upload_part", {"Bucket": "none", "Key": "a", "PartNumber": 1, "UploadId": "u", "Body": b"x"}, True),
        ("s3", "get_bucket_policy", {"Bucket": "none"}, False),
        ("s3", "put_public_access_block", {"Bucket": "none", "PublicAccessBlockConfiguration": {}}, True),
    ],
)
def test_what_a_client_calls_is_what_is_counted(aws, last, service, method, arguments, mutating):
    client = aws(service, "us-west-2")
    with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError):
        getattr(client, method)(**arguments)
    # A sign-in carries no signature, and so no region.
    region = "us-east-1" if method in ("sign_up", "initiate_auth") else "us-west-2"
    assert last() == (service, client.meta.method_to_api_mapping[method], region, mutating)


@pytest.mark.parametrize(
    ("service", "method", "arguments", "code", "status"),
    [
        ("ssm", "put_parameter", {"Name": "", "Value": "1"}, "ValidationException", 400),
        ("efs", "create_file_system", {"CreationToken": "x" * 65}, "ValidationException", 400),
        ("iam", "get_role", {"RoleName": "käse"}, "ValidationException", 400),
        ("rds", "describe_db_instances", {"DBInstanceIdentifier": "none"}, "DBInstanceNotFound", 404),
        ("ec2", "create_subnet", {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/29"}, "InvalidSubnet.Range", 400),
    ],
)
def test_refusals_are_in_the_services_own_protocol(aws, service, method, arguments, code, status):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(aws(service), method)(**arguments)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def test_expired_credentials_are_refused(endpoint):
    import boto3

    client = boto3.client(
        "sts", "us-east-1", endpoint_url=endpoint, aws_access_key_id="ASIAEXPIRED", aws_secret_access_key="x"
    )
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "ExpiredToken"


def environ(**extra: Any) -> dict[str, Any]:
    scope = "20260101/us-west-2/{}/aws4_request"
    service = extra.pop("service", "s3")
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=KEY/{scope.format(service)}, SignedHeaders=host",
        "wsgi.input": io.BytesIO(),
        **extra,
    }


def test_a_bucket_may_be_part_of_the_host():
    found = protocol.identify(environ(HTTP_HOST="files.localhost:4566"), b"")
    assert found is not None
    assert found.name == "ListObjects"
    assert found.url_parameters == {"Bucket": "files"}
    listed = protocol.identify(environ(HTTP_HOST="localhost:4566"), b"")
    assert listed is not None
    assert listed.name == "ListBuckets"


def test_a_presigned_request_names_its_operation_in_the_query():
    found = protocol.identify(
        environ(service="sts", QUERY_STRING="Action=GetCallerIdentity&Version=2011-06-15", HTTP_HOST="localhost"), b""
    )
    assert found is not None
    assert found.name == "GetCallerIdentity"


def test_sign_in_needs_no_signature(application, endpoint, last):
    host = endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    connection.request(
        "POST",
        "/",
        body=json.dumps({"ClientId": "a", "AuthFlow": "USER_PASSWORD_AUTH"}),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
            "User-Agent": "aws-sdk-js/3.0 region/us-west-2",
        },
    )
    connection.getresponse().read()
    assert last() == ("cognito-idp", "InitiateAuth", "us-west-2", False)


def test_parameters_are_typed_as_the_model_says():
    body = b"Action=RunInstances&Version=2016-11-15&MinCount=2&NetworkInterface.1.SecurityGroupId.1=sg-1&EbsOptimized=true&UserData="
    body += base64.b64encode(b"hello")
    asked = environ(service="ec2", REQUEST_METHOD="POST", CONTENT_TYPE="application/x-www-form-urlencoded")
    operation = protocol.identify(asked, body)
    assert operation is not None
    parameters = protocol.parse(operation, asked, body)
    assert parameters["MinCount"] == 2
    assert parameters["EbsOptimized"] is True
    assert parameters["UserData"] == base64.b64encode(b"hello").decode()
    assert parameters["NetworkInterfaces"] == [{"Groups": ["sg-1"]}]


def test_what_is_none_of_awss_is_left_alone():
    assert protocol.identify({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}, b"") is None


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "describe_vpcs"),
        ("elbv2", "describe_load_balancers"),
        ("efs", "describe_file_systems"),
        ("s3", "list_buckets"),
    ],
)
def test_a_failure_of_our_own_is_answered_in_the_services_protocol(monkeypatch, service, operation):
    def fail(*_: object) -> bytes:
        raise IndexError("list index out of range")

    monkeypatch.setattr(clients().application, "moto", fail)
    with refusal("InternalFailure", "IndexError('list index out of range')"):
        getattr(client(service), operation)()


def test_what_nobody_has_built_is_no_action():
    with refusal("InvalidAction", "no DescribePlacementGroups of ec2"):
        client("ec2").describe_placement_groups()
