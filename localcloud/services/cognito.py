"""Cognito user pools: what moto answers otherwise than AWS does: updates, defaults, the lives and claims of tokens."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from moto.cognitoidp import models
from moto.cognitoidp.exceptions import (
    InvalidParameterException,
    NotAuthorizedError,
    ResourceNotFoundError,
    UserNotFoundError,
)
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
# (member, unit where none is given, value where none is given)
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_TokenValidityUnitsType.html
TOKENS = {"AccessToken": ("hours", 1), "IdToken": ("hours", 1), "RefreshToken": ("days", 30)}
# Settings that UpdateUserPool has no parameter for. MfaConfiguration, kept elsewhere, stays when it is not given, too.
KEPT_BY_UPDATE = ("UsernameAttributes", "AliasAttributes", "UsernameConfiguration")
POOL_DEFAULTS = {"DeletionProtection": "INACTIVE", "UserPoolTier": "ESSENTIALS"}
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_PasswordPolicyType.html
PASSWORD_DEFAULTS = {
    "RequireUppercase": False,
    "RequireLowercase": False,
    "RequireNumbers": False,
    "RequireSymbols": False,
    "TemporaryPasswordValidityDays": 7,
}
CLIENT_DEFAULTS = {
    "AllowedOAuthFlowsUserPoolClient": False,
    "AuthSessionValidity": 3,
    "EnablePropagateAdditionalUserContextData": False,
    "EnableTokenRevocation": True,
    "PreventUserExistenceErrors": "LEGACY",
    "RefreshTokenValidity": 30,
    "TokenValidityUnits": {},
}


def pools(account: str) -> Iterator[Any]:
    """Every user pool of an account: unsigned calls name a client, not a region."""
    for backend in list(models.cognitoidp_backends[account].values()):
        yield from list(backend.user_pools.values())


def pool_of_client(account: str, client_id: str) -> Any | None:
    return next((pool for pool in pools(account) if client_id in pool.clients), None)


def seconds(token: str, settings: dict[str, Any]) -> int:
    """How long a token of a client lives. Zero is the default, too."""
    default_unit, default = TOKENS[token]
    unit = (settings.get("TokenValidityUnits") or {}).get(token, default_unit)
    given = settings.get(f"{token}Validity")
    return given * SECONDS[unit] if given else default * SECONDS[default_unit]


def pool_settings(given: dict[str, Any]) -> dict[str, Any]:
    """What a pool is created or updated with, the defaults of what is left out put in."""
    settings = {**POOL_DEFAULTS, **{key: value for key, value in given.items() if value is not None}}
    policies = settings.get("Policies")
    if policies and policies.get("PasswordPolicy"):
        policy = {**PASSWORD_DEFAULTS, **policies["PasswordPolicy"]}
        # Documented: 0 is understood as not given.
        policy["TemporaryPasswordValidityDays"] = policy["TemporaryPasswordValidityDays"] or 7
        settings["Policies"] = {**policies, "PasswordPolicy": policy}
    return settings


def complete_schema(pool: Any) -> None:
    """AWS lists every standard attribute, not only those that a request names."""
    named = pool.schema_attributes
    standard = models.CognitoIdpUserPoolAttribute.STANDARD_SCHEMA
    pool.schema_attributes = {
        name: named.get(name) or models.CognitoIdpUserPoolAttribute(name, False, schema)
        for name, schema in standard.items()
    }
    pool.schema_attributes.update(named)


def install_pools() -> None:
    create = models.CognitoIdpUserPool.__init__

    def created(self: Any, account_id: str, region: str, name: str, extended_config: dict[str, Any]) -> None:
        create(self, account_id, region, name, pool_settings(extended_config))
        self.extended_config.pop("MfaConfiguration", None)  # mfa_config holds it, and SetUserPoolMfaConfig changes that
        complete_schema(self)

    def update_user_pool(self: Any, user_pool_id: str, extended_config: dict[str, Any]) -> None:
        pool = self.describe_user_pool(user_pool_id)
        given = {key: value for key, value in extended_config.items() if key not in ("UserPoolId", "PoolName")}
        kept = {key: pool.extended_config[key] for key in KEPT_BY_UPDATE if key in pool.extended_config}
        pool.mfa_config = given.pop("MfaConfiguration", None) or pool.mfa_config
        pool.update_extended_config(pool_settings({**kept, **given}))
        pool.name = extended_config.get("PoolName") or pool.name
        pool.last_modified_date = utcnow()

    models.CognitoIdpUserPool.__init__ = created  # type: ignore[method-assign]
    models.CognitoIdpBackend.update_user_pool = update_user_pool  # type: ignore[method-assign]


def install_clients() -> None:
    create = models.CognitoIdpUserPoolClient.__init__

    def created(self: Any, user_pool_id: str, generate_secret: bool, extended_config: dict[str, Any] | None) -> None:
        create(self, user_pool_id, generate_secret, {**copy.deepcopy(CLIENT_DEFAULTS), **(extended_config or {})})

    def update(self: Any, user_pool_id: str, client_id: str, extended_config: dict[str, Any]) -> Any:
        client = self.describe_user_pool_client(user_pool_id, client_id)
        kept = {"ClientName": client.extended_config["ClientName"]}
        client.extended_config = {**copy.deepcopy(CLIENT_DEFAULTS), **kept, **extended_config}
        return client

    models.CognitoIdpUserPoolClient.__init__ = created  # type: ignore[method-assign]
    models.CognitoIdpBackend.update_user_pool_client = update  # type: ignore[method-assign]


def install_tokens() -> None:
    """Tokens live as long as their client says, and an ID token carries what its client may read."""
    sign = models.CognitoIdpUserPool.create_jwt

    def create_jwt(
        self: Any, client_id: str, username: str, token_use: str, expires_in: int = 0, extra_data: Any = None
    ) -> tuple[str, int]:
        client = self.clients.get(client_id)
        if client:
            expires_in = seconds({"id": "IdToken", "access": "AccessToken"}[token_use], client.extended_config)
        return sign(self, client_id, username, token_use, expires_in=expires_in, extra_data=extra_data)

    def claims(self: Any, client_id: str, username: str) -> dict[str, Any]:
        readable = self.clients[client_id].get_readable_fields() if client_id in self.clients else []
        found: dict[str, Any] = {}
        for attribute in self._get_user(username).attributes:
            name, value = attribute["Name"], attribute["Value"]
            if name != "sub" and (not readable or name in readable):
                found[name] = value == "true" if name.endswith("_verified") else value
        return found

    models.CognitoIdpUserPool.create_jwt = create_jwt  # type: ignore[method-assign]
    models.CognitoIdpUserPool.get_user_extra_data_by_client_id = claims  # type: ignore[method-assign]


def install_authentication() -> None:
    sign_in = models.CognitoIdpBackend.initiate_auth

    def initiate_auth(self: Any, client_id: str, auth_flow: str, auth_parameters: dict[str, str]) -> Any:
        pool = next((pool for pool in self.user_pools.values() if client_id in pool.clients), None)
        settings = pool.clients[client_id].extended_config if pool else {}
        flow = auth_flow if auth_flow != "REFRESH_TOKEN" else "REFRESH_TOKEN_AUTH"
        allowed = settings.get("ExplicitAuthFlows")
        if allowed and not {flow, f"ALLOW_{flow}"} & set(allowed):
            raise InvalidParameterException(f"{flow} flow not enabled for this client")
        try:
            return sign_in(self, client_id, auth_flow, auth_parameters)
        except UserNotFoundError:
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
            if settings.get("PreventUserExistenceErrors") == "ENABLED":
                raise NotAuthorizedError("Incorrect username or password.") from None
            raise

    models.CognitoIdpBackend.initiate_auth = initiate_auth  # type: ignore[method-assign]


def install_tags() -> None:
    """TagResource, UntagResource and ListTagsForResource, which moto lacks for user pools."""

    def tags_of(response: Any) -> dict[str, str]:
        arn = response.parameters["ResourceArn"]
        for pool in response.backend.user_pools.values():
            if pool.arn == arn:
                return pool.extended_config.setdefault("UserPoolTags", {})
        raise ResourceNotFoundError(f"Resource {arn} does not exist.")

    def tag_resource(self: Any) -> ActionResult:
        tags_of(self).update(self.parameters.get("Tags") or {})
        return EmptyResult()

    def untag_resource(self: Any) -> ActionResult:
        tags = tags_of(self)
        for key in self.parameters.get("TagKeys") or []:
            tags.pop(key, None)
        return EmptyResult()

    def list_tags_for_resource(self: Any) -> ActionResult:
        return ActionResult({"Tags": tags_of(self)})

    for operation in (tag_resource, untag_resource, list_tags_for_resource):
        setattr(CognitoIdpResponse, operation.__name__, operation)


def install() -> None:
    if getattr(models, "extended_by_localcloud", False):
        return
    models.extended_by_localcloud = True  # type: ignore[attr-defined]
    install_pools()
    install_clients()
    install_tokens()
    install_authentication()
    install_tags()
