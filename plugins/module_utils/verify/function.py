# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Conversation function (F-1 to F-3)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding


def variables(system):
    """F-1"""
    function = system.function
    present = function.get("Environment", {}).get("Variables", {})
    lacking = [name for name in system.expected["function_variables"] if not present.get(name)]
    if lacking:
        yield Finding(f"{function['FunctionName']} lacks {', '.join(lacking)}", function["FunctionArn"])


def endpoint(system):
    """F-1. Judged where the snapshot kept the values."""
    function, known = system.function, system.database.get("Endpoint", {})
    present = function.get("Environment", {}).get("Variables", {})
    for name, value in (("DB_HOST", known.get("Address")), ("DB_PORT", known.get("Port"))):
        said = present.get(name)
        if value and said and not said.startswith("(") and said != str(value):
            yield Finding(f"{name} is {said}", function["FunctionArn"], expected=f"{value}, the database's")


def works(system):
    """F-2"""
    function = system.function
    arn = function["FunctionArn"]
    if function.get("State", "Active") not in ("Active", "Inactive"):
        yield Finding(
            f"{function['FunctionName']} is {function['State']}: {function.get('StateReason', '')}",
            arn,
            expected="Active",
        )
    if function.get("LastUpdateStatus") == "Failed":
        yield Finding(f"its last update failed: {function.get('LastUpdateStatusReason', '')}", arn)


def placed(system):
    """F-2. Where the database is."""
    function, home = system.function, system.home
    subnets = set(function.get("VpcConfig", {}).get("SubnetIds", []))
    if not subnets:
        yield Finding(
            f"{function['FunctionName']} is in no VPC, so it cannot reach the database", function["FunctionArn"]
        )
    for subnet in sorted(subnets - home.private_ids):
        yield Finding(f"{function['FunctionName']} is in {subnet}, which is not private", function["FunctionArn"])


def statements(system):
    return system.function.get("Policy", {}).get("Statement", [])


def invocable(system):
    """F-2"""
    function, api = system.function, system.api
    allowed = [
        each
        for each in statements(system)
        if each.get("Effect") == "Allow" and "apigateway.amazonaws.com" in str(each.get("Principal"))
    ]
    sources = [arn for each in allowed for arn in source_arns(each)]
    if not allowed or (sources and not any(f":{api['id']}/" in arn for arn in sources)):
        yield Finding(
            f"the API may not invoke {function['FunctionName']}", function["FunctionArn"], missing=not allowed
        )


def source_arns(statement):
    found = []
    for condition in statement.get("Condition", {}).values():
        for key, value in condition.items():
            if key.lower() == "aws:sourcearn":
                found += value if isinstance(value, list) else [value]
    return found


def only_the_api(system):
    """F-2. Who else may call the function is not asked for a token."""
    function = system.function
    for each in statements(system):
        if "apigateway.amazonaws.com" not in str(each.get("Principal")) or not source_arns(each):
            yield Finding(
                f"{each.get('Sid', 'a statement')} lets {each.get('Principal')} invoke {function['FunctionName']} from anywhere",
                function["FunctionArn"],
            )


def told_who(system):
    """F-3. Only a proxy integration behind the authorizer hands the token's claims to the function."""
    for path, verb, method in system.methods():
        if path in system.expected["conversation_paths"] and verb in system.expected["conversation_paths"][path]:
            kind = method.get("methodIntegration", {}).get("type")
            if kind != "AWS_PROXY":
                yield Finding(
                    f"{verb} {path} calls the function as {kind}, without the caller's claims",
                    system.api["id"],
                    expected="AWS_PROXY",
                )


RERUN = "Run {playbook}."
CHECKS = [
    Check("F-1.variables", "Its variables", variables, "DB_USER, DB_PASSWORD, DB_HOST, DB_PORT, DB_NAME", RERUN),
    Check("F-1.endpoint", "They name the database", endpoint, "the database's endpoint", RERUN, 1),
    Check(
        "F-2.works",
        "It works",
        works,
        "active, and its last update successful",
        "Read the reason, mend it, run {playbook}.",
        makes="conversation function",
    ),
    Check("F-2.placed", "It is where the database is", placed, "the private subnets of the home zone", RERUN),
    Check(
        "F-2.invocable",
        "The API may call it",
        invocable,
        "a permission for the API",
        RERUN,
        makes="permission for the API to call the function",
    ),
    Check(
        "F-2.only_api",
        "Nobody else may",
        only_the_api,
        "permissions for API Gateway alone, narrowed to the API",
        "Remove the permission.",
        1,
    ),
    Check("F-3.claims", "It is told who calls", told_who, "a proxy integration", RERUN),
]
