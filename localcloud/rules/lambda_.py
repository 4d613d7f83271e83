"""Lambda: what a function may be made of, and whom it may name."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from typing import Any

from moto.backends import get_backend

from localcloud.rules import Call, Refusal, rule

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
REFERENCE = "https://docs.aws.amazon.com/lambda/latest/api/"
LIMITS = GUIDE + "gettingstarted-limits.html"

# What may be created today; what may no longer be created, but still runs.
RUNTIMES = {
    "nodejs20.x", "nodejs22.x", "nodejs24.x", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
    "java11", "java17", "java21", "java25", "java8.al2", "dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4",
    "provided.al2", "provided.al2023",
}  # fmt: skip
DEPRECATED = {
    "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
    "nodejs16.x", "nodejs18.x", "python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "ruby2.5", "ruby2.7",
    "java8", "go1.x", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6", "provided",
}  # fmt: skip
RESERVED_VARIABLES = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}  # fmt: skip
VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
VARIABLES_BYTES = 4096
ZIPPED_BYTES = 52_428_800
UNZIPPED_BYTES = 262_144_000
SYNCHRONOUS_BYTES = 6_291_456
ASYNCHRONOUS_BYTES = 1_048_576
MEMORY = range(128, 10241)
TIMEOUT = range(1, 901)
UNRESERVED = 100
ACCOUNT_CONCURRENCY = 1000

CHANGES = ("CreateFunction", "UpdateFunctionConfiguration")
INVALID = "InvalidParameterValueException"


def functions(call: Call) -> Any:
    return get_backend("lambda")[call.account][call.region]


def named(call: Call) -> Any:
    """The function that a request is about; None where there is none, which the service itself says."""
    name = re.split(r"[:]", call.parameters.get("FunctionName", ""))
    plain = name[6] if len(name) > 6 else name[0]
    return next((each for each in functions(call).list_functions() if each.function_name == plain), None)


@rule("lambda", *CHANGES, source=GUIDE + "lambda-runtimes.html")
def runtimes_are_supported(call: Call) -> None:
    runtime = call.parameters.get("Runtime")
    if runtime in DEPRECATED:
        raise Refusal(
            INVALID,
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a "
            "supported runtime while creating or updating functions.",
        )
    if runtime is not None and runtime not in RUNTIMES:
        raise Refusal(
            INVALID,
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(sorted(RUNTIMES))}] or be a valid ARN",
        )


@rule("lambda", "CreateFunction", source=REFERENCE + "API_CreateFunction.html")
def zips_have_runtime_and_handler(call: Call) -> None:
    if call.parameters.get("PackageType", "Zip") != "Zip":
        return
    for member in ("Runtime", "Handler"):
        if not call.parameters.get(member):
            raise Refusal(INVALID, f"{member} is mandatory for functions created with deployment packages.")


@rule("lambda", *CHANGES, source=LIMITS)
def memory_and_time_have_limits(call: Call) -> None:
    memory, timeout = call.parameters.get("MemorySize"), call.parameters.get("Timeout")
    if memory is not None and memory not in MEMORY:
        raise Refusal(
            INVALID,
            f"'MemorySize' value failed to satisfy constraint: it is {memory}, and must be from 128 to 10240 MB.",
        )
    if timeout is not None and timeout not in TIMEOUT:
        raise Refusal(
            INVALID, f"Value '{timeout}' at 'timeout' failed to satisfy constraint: it must be from 1 to 900 seconds."
        )


@rule("lambda", *CHANGES, source=GUIDE + "configuration-envvars.html")
def variables_are_few_and_not_the_runtimes_own(call: Call) -> None:
    variables = (call.parameters.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise Refusal(
            INVALID,
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved "
            f"keys that are currently not supported for modification. Reserved keys used in this request: {', '.join(reserved)}",
        )
    for name in variables:
        if not VARIABLE.fullmatch(name):
            raise Refusal(
                "ValidationException",
                f"Value '{name}' at 'environment.variables' failed to satisfy constraint: {VARIABLE.pattern}",
            )
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size > VARIABLES_BYTES:
        raise Refusal(
            INVALID,
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB "
            f"limit. String measured: {size} bytes.",
        )


@rule("lambda", *CHANGES, source=REFERENCE + "API_CreateFunction.html")
def roles_exist(call: Call) -> None:
    role = call.parameters.get("Role")
    if role is None:
        return
    known = {each.arn: each for each in get_backend("iam")[call.account]["aws"].get_roles()}
    if role not in known:
        raise Refusal(INVALID, "The role defined for the function cannot be assumed by Lambda.")
    document = known[role].assume_role_policy_document
    if "lambda.amazonaws.com" not in (document if isinstance(document, str) else json.dumps(document)):
        raise Refusal(INVALID, "The role defined for the function cannot be assumed by Lambda.")


@rule("lambda", *CHANGES, source=GUIDE + "configuration-vpc.html")
def subnets_and_groups_are_of_one_vpc(call: Call) -> None:
    config = call.parameters.get("VpcConfig") or {}
    subnets, groups = config.get("SubnetIds") or [], config.get("SecurityGroupIds") or []
    if bool(subnets) != bool(groups):
        raise Refusal(INVALID, "VpcConfig must have both SubnetIds and SecurityGroupIds, or neither.")
    ec2 = get_backend("ec2")[call.account][call.region]
    known = {subnet.id: subnet for zone in ec2.subnets.values() for subnet in zone.values()}
    for each in subnets:
        if each not in known:
            raise Refusal(
                INVALID,
                f"Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '{each}' does not exist",
            )
    networks = {known[each].vpc_id for each in subnets}
    if len(networks) > 1:
        raise Refusal(INVALID, "Subnets of a function must be in one VPC.")
    for each in groups:
        group = ec2.get_security_group_from_id(each)
        if group is None:
            raise Refusal(
                INVALID,
                f"Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group '{each}' does not exist",
            )
        if group.vpc_id not in networks:
            raise Refusal(INVALID, "Security groups and subnets of a function must be in one VPC.")


@rule("lambda", "CreateFunction", "UpdateFunctionCode", source=LIMITS)
def code_is_a_zip_that_is_not_too_large(call: Call) -> None:
    code = call.parameters.get("Code") or call.parameters
    content = code.get("ZipFile")
    if content is None:
        return
    content = content if isinstance(content, bytes) else base64.b64decode(content)
    if len(content) > ZIPPED_BYTES:
        raise Refusal(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {ZIPPED_BYTES * 4 // 3} bytes for the operation",
            413,
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise Refusal(
            INVALID, "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    if not entries:
        raise Refusal(INVALID, "Uploaded file must be a non-empty zip")
    size = sum(each.file_size for each in entries)
    if size > UNZIPPED_BYTES:
        raise Refusal(INVALID, f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")


@rule("lambda", *CHANGES, source=LIMITS)
def layers_are_five_at_most(call: Call) -> None:
    layers = call.parameters.get("Layers") or []
    if len(layers) > 5:
        raise Refusal(INVALID, "Cannot reference more than 5 layers.")


@rule("lambda", "PutFunctionConcurrency", source=GUIDE + "configuration-concurrency.html")
def a_hundred_stay_unreserved(call: Call) -> None:
    wanted = call.parameters.get("ReservedConcurrentExecutions")
    mine = named(call)
    others = sum(int(each.reserved_concurrency or 0) for each in functions(call).list_functions() if each is not mine)
    if wanted is not None and ACCOUNT_CONCURRENCY - others - wanted < UNRESERVED:
        raise Refusal(
            INVALID,
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of "
            f"[{UNRESERVED}].",
        )


@rule("lambda", "AddPermission", source=REFERENCE + "API_AddPermission.html")
def statements_have_ids_of_their_own(call: Call) -> None:
    function, statement = named(call), call.parameters.get("StatementId")
    if function and any(each.get("Sid") == statement for each in function.policy.statements):
        raise Refusal(
            "ResourceConflictException",
            f"The statement id ({statement}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            409,
        )


@rule("lambda", "Invoke", source=LIMITS)
def events_are_not_too_large(call: Call) -> None:
    payload = call.parameters.get("Payload") or b""
    size = len(payload if isinstance(payload, bytes) else str(payload).encode())
    most = ASYNCHRONOUS_BYTES if call.parameters.get("InvocationType") == "Event" else SYNCHRONOUS_BYTES
    if size > most:
        raise Refusal(
            "RequestEntityTooLargeException" if size > ZIPPED_BYTES else "RequestTooLargeException",
            f"Request must be smaller than {most} bytes for the InvokeFunction operation",
            413,
        )
