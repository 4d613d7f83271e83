"""Constraints of the service models: what AWS accepts passes, what it refuses is named."""

from __future__ import annotations

import re

import pytest
from moto.core.utils import get_service_model

from localcloud import constraints

SERVICES = [
    "elbv2",
    "efs",
    "rds",
    "lambda",
    "apigateway",
    "cognito-idp",
    "ssm",
    "cloudwatch",
    "logs",
    "amplify",
    "sts",
    "iam",
    "resourcegroupstaggingapi",
    "secretsmanager",
]


def problems(service: str, operation: str, parameters: dict) -> list[str]:
    shape = get_service_model(service).operation_model(operation).input_shape
    return list(constraints.problems(service, shape, parameters))


def test_every_pattern_of_every_service_in_use_can_be_read():
    unread = [
        (service, name, pattern)
        for service in SERVICES
        for model in [get_service_model(service)]
        for name in model.shape_names
        if (pattern := model.shape_for(name).metadata.get("pattern"))
        if constraints.compiled(pattern) is None
    ]
    assert unread == []


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        (r"[\w+=,.@-]+", ["LabRole", "a=b@c"], ["käse", "a b", ""]),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", ["Straße 1", "漢字", "a/b=c", "", "\u00a0"], ["a!", "a\n", "€"]),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", ["a™–😀", "𠀀", "e\u0301"], ["a b", ""]),
        (r"[\w-_]*", ["a-b_c"], ["a b"]),
        (r"^(s3|https|http)://.*", ["s3://bucket/key"], ["ftp://x"]),
        (r"^sg-[0-9a-f]{8,40}", ["sg-0123456789abcdef0"], ["sg-x"]),
        (r"^$|^arn:aws:iam::\d{12}:role.+", ["", "arn:aws:iam::123456789012:role/x"], ["x"]),
        (r"ALL|[a-z]{2}-[a-z]+-\d{1}", ["ALL", "us-east-1"], ["us-east-1b"]),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", ["a\n😀"], ["\x00"]),
    ],
)
def test_patterns_mean_what_they_mean_to_aws(pattern, accepted, refused):
    assert [value for value in accepted if not constraints.matches(pattern, value)] == []
    assert [value for value in refused if constraints.matches(pattern, value)] == []


def test_a_pattern_of_another_engine_refuses_nothing():
    assert constraints.compiled(r"[a-z&&[^b]](?<!") is None
    assert constraints.matches(r"[a-z&&[^b]](?<!", "anything")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "words"),
    [
        ("ssm", "CreateAssociation", {"Name": "AWS-ApplyAnsiblePlaybooks", "AssociationName": "a b"}, "pattern"),
        ("ssm", "CreateAssociation", {}, "Value null at 'name'"),
        ("efs", "CreateMountTarget", {"FileSystemId": "nonsense", "SubnetId": "subnet-12345678"}, "fileSystemId"),
        ("lambda", "CreateFunction", {"FunctionName": "f", "Timeout": 0}, "greater than or equal to 1"),
        ("lambda", "CreateFunction", {"FunctionName": "f", "Runtime": "nodejs99.x"}, "enum value set"),
        ("cognito-idp", "CreateUserPool", {"PoolName": "x" * 129}, "less than or equal to 128"),
        ("elbv2", "AddTags", {"ResourceArns": ["a"], "Tags": []}, "length greater than or equal to 1"),
        ("logs", "CreateLogGroup", {"logGroupName": "a b"}, "logGroupName"),
    ],
)
def test_what_breaks_a_constraint_is_named(service, operation, parameters, words):
    assert words in "; ".join(problems(service, operation, parameters))


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("iam", "GetRole", {"RoleName": "LabRole"}),
        ("lambda", "GetFunction", {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:web:3"}),
        (
            "lambda",
            "TagResource",
            {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:web", "Tags": {"a": ""}},
        ),
        (
            "ssm",
            "GetParameter",
            {"Name": "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"},
        ),
        ("ssm", "PutParameter", {"Name": "/a/b", "Value": "{{ x }}\n😀", "Type": "SecureString"}),
        ("efs", "CreateFileSystem", {"CreationToken": "t", "Tags": [{"Key": "Name", "Value": "Größe 1"}]}),
        ("logs", "CreateLogGroup", {"logGroupName": "/aws/lambda/web-1", "tags": {"Name": "a b"}}),
        ("cloudwatch", "PutDashboard", {"DashboardName": "a", "DashboardBody": "{}"}),
        ("cognito-idp", "AdminConfirmSignUp", {"UserPoolId": "us-east-1_abcDEF123", "Username": "a@example.com"}),
        ("apigateway", "CreateVpcLink", {"name": "a", "targetArns": ["arn:aws:elasticloadbalancing:x"]}),
        ("ec2", "CreateVpc", {}),
    ],
)
def test_what_aws_accepts_passes(service, operation, parameters):
    assert problems(service, operation, parameters) == []


def test_a_secret_is_never_part_of_a_message():
    secret = "ü-not-for-your-eyes "
    found = "; ".join(problems("iam", "CreateLoginProfile", {"UserName": "u", "Password": "漢" + secret}))
    found += "; ".join(problems("cognito-idp", "SignUp", {"ClientId": "a", "Username": "u", "Password": " " + secret}))
    assert re.search(r"'\*\*\*' at 'password'", found)
    assert secret not in found
