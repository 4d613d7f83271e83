"""Who may call a method: tokens of Cognito user pools, keys of the API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

from __future__ import annotations

import datetime
import functools
import json
import re
import time
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from moto.apigateway.models import apigateway_backends
from moto.cognitoidp.models import cognitoidp_backends
from moto.cognitoidp.responses import CognitoIdpJsonWebKeyResponse

from localcloud import ACCOUNT
from localcloud.dataplane.exchange import Exchange, Failure, header

POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):userpool/(?P<id>[^/]+)")


def authorize(exchange: Exchange) -> None:
    """Puts the caller's claims into the exchange; raises Failure for callers that API Gateway turns away."""
    kind = exchange.method.get("authorizationType") or "NONE"
    if kind == "COGNITO_USER_POOLS":
        authorizer = exchange.picture["authorizers"].get(exchange.method.get("authorizerId"))
        if authorizer is None:
            raise Failure("AUTHORIZER_CONFIGURATION_ERROR", reason="the method's authorizer is not there")
        exchange.claims = signed_in(exchange, authorizer)
    elif kind != "NONE":
        raise Failure("AUTHORIZER_CONFIGURATION_ERROR", reason=f"the local cloud does not authorize by {kind}")
    if exchange.method.get("apiKeyRequired"):
        check_key(exchange)


def signed_in(exchange: Exchange, authorizer: dict[str, Any]) -> dict[str, str]:
    """The claims of a token of one of the authorizer's pools, as text."""
    source = authorizer.get("identitySource") or "method.request.header.Authorization"
    token = header(exchange.request.headers, source.rpartition("method.request.header.")[2].lower()) or ""
    if token[:7].lower() == "bearer ":
        token = token[7:]
    token = token.strip()
    if not token:
        raise refused(exchange, f"there is no token in {source}")
    try:
        claims = jwt.decode(token, keys(), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise refused(exchange, f"the token is not one of the pool: {error or type(error).__name__}") from error
    if fault := fault_of(claims, authorizer, exchange.method.get("authorizationScopes") or []):
        raise refused(exchange, fault)
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= time.time():
        raise refused(exchange, "the token has expired", "The incoming token has expired")
    return {name: text_of(name, value) for name, value in claims.items()}


def refused(exchange: Exchange, reason: str, message: str = "Unauthorized") -> Failure:
    exchange.told["authorizer.error"] = message
    return Failure("UNAUTHORIZED", message, reason=reason)


@functools.cache
def keys() -> KeySet:
    """What the pools publish at /.well-known/jwks.json: all pools of a local cloud sign with one key."""
    return KeySet.import_key_set(json.loads(CognitoIdpJsonWebKeyResponse.json_web_key))


def fault_of(claims: dict[str, Any], authorizer: dict[str, Any], scopes: list[str]) -> str:
    """What keeps a well-signed token from being accepted; empty if nothing does.

    Without scopes an ID token is taken, with them an access token that has one of them.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enable-cognito-user-pool.html
    """
    pool = issuer(claims.get("iss"), authorizer.get("providerARNs") or [])
    if pool is None:
        return f"the token was issued by {claims.get('iss')}, which is none of the authorizer's pools"
    use = "access" if scopes else "id"
    if claims.get("token_use") != use:
        return f"the token is for {claims.get('token_use')}, not for {use}"
    client = claims.get("client_id" if scopes else "aud")
    if client not in pool.clients:
        return f"the token was made for {client}, which is no client of the pool"
    if scopes and not set(scopes) & set(str(claims.get("scope") or "").split()):
        return f"the token has none of the scopes {', '.join(scopes)}"
    pattern = authorizer.get("identityValidationExpression")
    if pattern and not re.fullmatch(pattern, str(client)):
        return f"the token was made for {client}, which {pattern} does not match"
    return ""


def issuer(issued_by: Any, arns: list[str]) -> Any | None:
    """The living pool that issued a token, if it is one of these."""
    for arn in arns:
        if not (found := POOL.fullmatch(arn)):
            continue
        if issued_by != f"https://cognito-idp.{found['region']}.amazonaws.com/{found['id']}":
            continue
        return cognitoidp_backends[found["account"]][found["region"]].user_pools.get(found["id"])
    return None


def text_of(name: str, value: Any) -> str:
    """A claim as events of REST APIs show it: all are texts, and the times of issue and expiry are dates."""
    if name in ("exp", "iat") and isinstance(value, int | float):
        return f"{datetime.datetime.fromtimestamp(value, datetime.UTC):%a %b %d %H:%M:%S UTC %Y}"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return json.dumps(value)


def check_key(exchange: Exchange) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-setup-api-key-with-restapi.html"""
    backend = apigateway_backends[ACCOUNT][exchange.region]
    sent = header(exchange.request.headers, "x-api-key")
    key = next((each for each in backend.keys.values() if each.value == sent and each.enabled), None)
    if key is None:
        raise Failure("INVALID_API_KEY", reason="x-api-key holds no enabled key")
    for plan, members in backend.usage_plan_keys.items():
        stages = backend.usage_plans[plan].api_stages or [] if plan in backend.usage_plans else []
        here = any(each.get("apiId") == exchange.api_id and each.get("stage") == exchange.stage for each in stages)
        if key.id in members and here:
            return
    raise Failure("INVALID_API_KEY", reason=f"key {key.name} is in no usage plan of the stage")
