"""Amplify Hosting: what AWS refuses beyond the patterns and ranges of its service model."""

from __future__ import annotations

from localcloud.rules import Call, Refusal, rule
from localcloud.services.amplify import amplify_backends

API = "https://docs.aws.amazon.com/amplify/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/amplify/latest/userguide"
TOKENS = ("accessToken", "oauthToken")
APPS, BRANCHES = 25, 50  # an account's quotas, unless raised


def bad(message: str) -> Refusal:
    return Refusal("BadRequestException", message)


@rule("amplify", "CreateApp", "UpdateApp", source=f"{API}/API_CreateApp.html")
def a_repository_needs_a_token(call: Call) -> None:
    repository = call.parameters.get("repository")
    if not repository or any(call.parameters.get(token) for token in TOKENS):
        return
    if "codecommit" in repository:
        return  # reached with the app's role
    raise bad("You should at least provide one valid token")


@rule("amplify", "CreateApp", "UpdateApp", "CreateBranch", "UpdateBranch", source=f"{GUIDE}/environment-variables.html")
def names_that_begin_with_aws_are_reserved(call: Call) -> None:
    reserved = [name for name in call.parameters.get("environmentVariables") or {} if name.startswith("AWS")]
    if reserved:
        raise bad(f"Environment variables cannot start with the reserved prefix AWS: {', '.join(sorted(reserved))}")


@rule(
    "amplify",
    "CreateApp",
    "UpdateApp",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
)
def roles_are_of_the_same_account(call: Call) -> None:
    for name in ("iamServiceRoleArn", "computeRoleArn"):
        role = call.parameters.get(name) or ""
        if role and f"::{call.account}:role/" not in role:
            raise bad(f"Cross-account pass role is not allowed: {role}")


@rule("amplify", "CreateApp", source=f"{GUIDE}/quotas-chapter.html")
def an_account_has_so_many_apps(call: Call) -> None:
    if len(amplify_backends[call.account][call.region].apps) >= APPS:
        raise Refusal("LimitExceededException", f"You have reached the maximum of {APPS} apps in this account")


@rule("amplify", "CreateBranch", source=f"{GUIDE}/quotas-chapter.html")
def an_app_has_so_many_branches(call: Call) -> None:
    app = amplify_backends[call.account][call.region].apps.get(call.parameters["appId"])
    if app is not None and len(app.branches) >= BRANCHES:
        raise Refusal("LimitExceededException", f"You have reached the maximum of {BRANCHES} branches in this app")
