"""Cognito user pools: what AWS refuses beyond the patterns and ranges of its service model."""

from __future__ import annotations

import re
from typing import Any

from localcloud.rules import Call, Refusal, rule
from localcloud.services import cognito

API = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/cognito/latest/developerguide"
SYMBOLS = set("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
MINUTE, DAY = 60, 86400


def invalid(message: str) -> Refusal:
    return Refusal("InvalidParameterException", message)


def pool_of(call: Call) -> Any | None:
    """The pool that a call names, by its id or by one of its clients; None where moto will say that there is none."""
    named = call.parameters.get("UserPoolId")
    if named:
        return next((pool for pool in cognito.pools(call.account) if pool.id == named), None)
    return cognito.pool_of_client(call.account, call.parameters.get("ClientId", ""))


@rule("cognito-idp", "CreateUserPool", source=f"{GUIDE}/user-pool-settings-attributes.html")
def sign_in_names_are_aliases_or_usernames(call: Call) -> None:
    if call.parameters.get("AliasAttributes") and call.parameters.get("UsernameAttributes"):
        raise invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")


@rule("cognito-idp", "CreateUserPool", "UpdateUserPool", source=f"{GUIDE}/user-pool-settings-mfa.html")
def a_second_factor_has_a_way(call: Call) -> None:
    if call.parameters.get("MfaConfiguration") == "ON" and not call.parameters.get("SmsConfiguration"):
        raise invalid("SMS configuration and Auto verification for phone_number are required when MFA is required")


@rule("cognito-idp", "DeleteUserPool", source=f"{GUIDE}/user-pool-settings-deletion-protection.html")
def protected_pools_stay(call: Call) -> None:
    pool = pool_of(call)
    if pool is not None and pool.extended_config.get("DeletionProtection") == "ACTIVE":
        raise invalid(
            "The user pool cannot be deleted because deletion protection is activated. "
            "Deletion protection must be inactivated first."
        )


@rule("cognito-idp", "DeleteUserPool", source=f"{GUIDE}/cognito-user-pools-assign-domain.html")
def a_domain_goes_first(call: Call) -> None:
    pool = pool_of(call)
    if pool is not None and pool.domain:
        raise invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")


@rule("cognito-idp", "CreateUserPoolClient", "UpdateUserPoolClient", source=f"{API}/API_TokenValidityUnitsType.html")
def tokens_live_within_limits(call: Call) -> None:
    lives = {token: cognito.seconds(token, call.parameters) for token in cognito.TOKENS}
    refresh = lives["RefreshToken"]
    for token in ("AccessToken", "IdToken"):
        # An ID or access token may not outlive the refresh token that it is renewed with.
        if not 5 * MINUTE <= lives[token] <= DAY or lives[token] > refresh:
            raise invalid("Invalid range for token validity.")
    if not 60 * MINUTE <= refresh <= 3650 * DAY:
        raise invalid("Invalid range for token validity.")


@rule("cognito-idp", "CreateUserPoolClient", "UpdateUserPoolClient", source=f"{API}/API_CreateUserPoolClient.html")
def flow_names_are_of_one_kind(call: Call) -> None:
    flows = call.parameters.get("ExplicitAuthFlows") or []
    if len({flow.startswith("ALLOW_") for flow in flows}) > 1:
        raise invalid("Please use either only allow or only legacy values in ExplicitAuthFlows.")


@rule(
    "cognito-idp",
    "CreateUserPoolClient",
    "UpdateUserPoolClient",
    source=f"{GUIDE}/user-pool-settings-attributes.html",
)
def clients_know_the_attributes_that_they_use(call: Call) -> None:
    pool = pool_of(call)
    if pool is None:
        return
    for kind in ("Read", "Write"):
        wanted = call.parameters.get(f"{kind}Attributes")
        if wanted is None:
            continue
        unknown = set(wanted) - set(pool.schema_attributes)
        required = {name for name, item in pool.schema_attributes.items() if item.required and name != "sub"}
        if unknown or (kind == "Write" and required - set(wanted)):
            raise invalid(f"Invalid {kind.lower()} attributes specified while creating a client")


@rule("cognito-idp", "SignUp", source=f"{API}/API_AdminCreateUserConfigType.html")
def only_open_pools_let_users_sign_up(call: Call) -> None:
    pool = pool_of(call)
    if pool is not None and (pool.extended_config.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        raise Refusal("NotAuthorizedException", "SignUp is not permitted for this user pool")


@rule("cognito-idp", "SignUp", source=f"{GUIDE}/user-pool-settings-attributes.html")
def required_attributes_are_given(call: Call) -> None:
    pool = pool_of(call)
    if pool is None:
        return
    given = {item["Name"] for item in call.parameters.get("UserAttributes") or [] if item.get("Value")}
    # Who signs in with an e-mail address gives it as the user name.
    given.update(pool.extended_config.get("UsernameAttributes") or [])
    missing = [name for name, item in pool.schema_attributes.items() if item.required and name not in {*given, "sub"}]
    if missing:
        faults = "; ".join(f"{name}: The attribute {name} is required" for name in missing)
        raise invalid(f"Attributes did not conform to the schema: {faults}")


@rule("cognito-idp", "SignUp", "AdminSetUserPassword", source=f"{GUIDE}/managing-users-passwords.html")
def passwords_keep_to_the_policy(call: Call) -> None:
    pool = pool_of(call)
    if pool is None:
        return
    policy = (pool.extended_config.get("Policies") or {}).get("PasswordPolicy") or {}
    password = call.parameters.get("Password", "")
    wants = (
        (len(password) >= policy.get("MinimumLength", 8), "Password not long enough"),
        (not policy.get("RequireUppercase") or re.search("[A-Z]", password), "Password must have uppercase characters"),
        (not policy.get("RequireLowercase") or re.search("[a-z]", password), "Password must have lowercase characters"),
        (not policy.get("RequireNumbers") or re.search("[0-9]", password), "Password must have numeric characters"),
        (not policy.get("RequireSymbols") or SYMBOLS & set(password), "Password must have symbol characters"),
    )
    for kept, fault in wants:
        if not kept:
            raise Refusal("InvalidPasswordException", f"Password did not conform with policy: {fault}")


@rule("cognito-idp", "AdminConfirmSignUp", "ConfirmSignUp", source=f"{API}/API_AdminConfirmSignUp.html")
def users_are_confirmed_once(call: Call) -> None:
    pool = pool_of(call)
    user = pool._get_user(call.parameters["Username"]) if pool is not None else None
    if user is not None and user.status != "UNCONFIRMED":
        status = getattr(user.status, "value", user.status)
        raise Refusal("NotAuthorizedException", f"User cannot be confirmed. Current status is {status}")


@rule("cognito-idp", "AdminUpdateUserAttributes", source=f"{GUIDE}/user-pool-settings-attributes.html")
def immutable_attributes_stay(call: Call) -> None:
    pool = pool_of(call)
    if pool is None:
        return
    for item in call.parameters.get("UserAttributes") or []:
        known = pool.schema_attributes.get(item["Name"])
        if known is None:
            raise invalid(f"Attributes did not conform to the schema: {item['Name']}: Attribute does not exist")
        if not known.mutable:
            raise invalid(f"user.{item['Name']}: Attribute cannot be updated.")
