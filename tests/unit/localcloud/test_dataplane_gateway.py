"""The front of the data plane, part by part: resources, parameters, templates, callers, errors, rates, answers of functions, logs."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from moto.utilities.utils import load_resource

from localcloud import server
from localcloud.dataplane import authorizers, failures, functions, mapping, media, mock, proxies, validation
from localcloud.dataplane.access_log import line
from localcloud.dataplane.exchange import Exchange, Failure
from localcloud.dataplane.journeys import Journeys
from localcloud.dataplane.messages import Broken, Request
from localcloud.dataplane.resources import Match, Resources
from localcloud.dataplane.throttling import Throttle
from localcloud.services.apigateway import DEFAULT_TEMPLATE, GATEWAY_RESPONSES

from .in_process import client

REGION = "us-east-1"
EMPTY = {
    "rest_api": {},
    "paths": {},
    "authorizers": {},
    "request_validators": {},
    "models": {},
    "gateway_responses": {
        kind: {"statusCode": status, "responseTemplates": DEFAULT_TEMPLATE, "defaultResponse": True}
        for kind, status in GATEWAY_RESPONSES.items()
    },
}


def exchange(
    target: str = "/notes/1", *, headers: dict[str, str] | None = None, body: bytes = b"", **more: Any
) -> Exchange:
    request = Request(more.pop("verb", "GET"), target, list((headers or {}).items()), body)
    picture = {**EMPTY, **more.pop("picture", {})}
    return Exchange(REGION, "a1b2c3", "v1", picture, request, target.partition("?")[0], **more)


def content(answer: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in answer.body])

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/notes", "/notes", {}),
        ("/notes/", "/notes", {}),
        ("/notes/all", "/notes/all", {}),
        ("/notes/alle", "/notes/{id}", {"id": "alle"}),
        ("/notes/a%2Fb%20c", "/notes/{id}", {"id": "a/b c"}),
        ("/notes/all/parts", "/notes/{id}/parts", {"id": "all"}),
        ("/notes/1/other", "/{proxy+}", {"proxy": "notes/1/other"}),
        ("//tags", "/{proxy+}", {"proxy": "tags"}),
        ("/files/a/b/", "/files/{path+}", {"path": "a/b"}),
        ("/files", "/files", {}),
        ("/notes//parts", "/{proxy+}", {"proxy": "notes//parts"}),
    ],
)
def test_a_path_finds_its_resource(path: str, resource: str, parameters: dict[str, str]) -> None:
    known = ["/", "/notes", "/notes/all", "/notes/{id}", "/notes/{id}/parts", "/files", "/files/{path+}", "/{proxy+}"]
    assert Resources(known).match(path) == Match(resource, parameters)


def test_a_path_without_a_resource_finds_none() -> None:
    assert Resources(["/", "/notes/{id}"]).match("/other") is None
    assert Resources(["/", "/notes/{id}"]).match("/notes") is None
    assert Resources(["/notes"]).match("/") is None


def test_parameters_are_mapped_from_all_their_sources() -> None:
    given = exchange(
        "/notes/1?a=1&a=2&b=%20",
        headers={"X-One": "first", "x-one": "second"},
        body=b'{"deep": {"list": [1, {"x": "y"}]}}',
        path_parameters={"id": "a/b c?"},
        stage_variables={"host": "example.com", "port": "80"},
    )
    for source, value in {
        "'constant'": "constant",
        "method.request.path.id": "a/b c?",
        "method.request.querystring.a": "2",
        "method.request.multivaluequerystring.a": "1,2",
        "method.request.querystring.b": " ",
        "method.request.querystring.c": None,
        "method.request.header.X-One": "second",
        "method.request.body.deep.list[1].x": "y",
        "method.request.body.deep.list[7]": None,
        "stageVariables.host": "example.com",
        "context.httpMethod": "GET",
        "context.identity.sourceIp": "127.0.0.1",
        "context.nothing": None,
    }.items():
        assert mapping.request_value(given, source) == value, source
    given.method = {
        "methodIntegration": {"requestParameters": {"integration.request.path.id": "method.request.path.id"}}
    }
    mapped = mapping.integration_request(given)
    uri = mapping.fill("http://${stageVariables.host}:${stageVariables.port}/x/{id}", given, mapped)
    assert uri == "http://example.com:80/x/a/b%20c%3F"
    with pytest.raises(Failure) as failure:
        mapping.fill("http://example.com/{other}", given, mapped)
    assert (failure.value.kind, "{other}" in failure.value.reason) == ("API_CONFIGURATION_ERROR", True)


def test_what_the_integration_says_replaces_what_the_client_sent() -> None:
    assert proxies.query_of("a=1&b=%2F", "", []) == "a=1&b=%2F"
    assert proxies.query_of("a=1&b=%2F", "fixed=1", [("a", "x y")]) == "fixed=1&b=%2F&a=x+y"


@pytest.mark.parametrize(("seconds", "idle"), [(1.0, 60.0), (60.0, 1.0)])
def test_a_stream_is_cut_off_when_its_time_is_over_or_nothing_comes(
    monkeypatch: pytest.MonkeyPatch, seconds: float, idle: float
) -> None:
    monkeypatch.setattr(proxies, "IDLE_SECONDS", idle)
    ended = []

    async def origin() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(60)
            yield b"never"
        finally:
            ended.append(True)

    async def read() -> None:
        got = []
        with pytest.raises(Broken):
            async for piece in proxies.streamed(origin(), asyncio.get_running_loop().time() + seconds):
                got.append(piece)
        assert got == [b"first"]

    asyncio.run(read())
    assert ended == [True]


def test_a_template_is_filled_and_what_a_client_sent_is_not_run() -> None:
    given = exchange("/notes/1?q=$context.stage", body=b'{"name": "N", "list": [1, 2]}', path_parameters={"id": "7"})
    template = "$input.params('id') $input.params('q') $input.json('$.list') $input.path('$.name') $context.stage:$stageVariables.x"
    assert mapping.render(template, given, given.request.body) == "7 $context.stage [1, 2] N v1:"
    for unknown in ("#set($a = 1)", "#foreach($x in $y)", "$util.escapeJavaScript('x')", "$input.other"):
        with pytest.raises(Failure):
            mapping.render(unknown, given, b"")


def test_a_mock_says_its_status_in_its_template() -> None:
    def answer(
        template: str | None, behaviour: str = "WHEN_NO_MATCH", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> int:
        integration = {
            "requestTemplates": {"application/json": template} if template is not None else None,
            "passthroughBehavior": behaviour,
            "integrationResponses": {
                "200": {"statusCode": "200"},
                "404": {"statusCode": "404", "selectionPattern": "4\\d\\d"},
            },
        }
        return mock.answer(exchange(headers=headers, body=body, method={"methodIntegration": integration})).status

    assert answer('{"statusCode": 200}') == answer('{"statusCode": 500}') == 200
    assert answer('{"statusCode": 403}') == 404
    assert answer(None, body=b'{"statusCode": 400}') == 404
    other = {"Content-Type": "text/plain; charset=utf-8"}
    for failing, kind in (
        (("{}",), "API_CONFIGURATION_ERROR"),
        (('{"statusCode": "200"}',), "API_CONFIGURATION_ERROR"),
        (('{"statusCode": 200}', "WHEN_NO_TEMPLATES", other), "UNSUPPORTED_MEDIA_TYPE"),
        (('{"statusCode": 200}', "NEVER", other), "UNSUPPORTED_MEDIA_TYPE"),
    ):
        with pytest.raises(Failure) as failure:
            answer(*failing)
        assert failure.value.kind == kind


def own(**response: Any) -> dict[str, Any]:
    return {"responseTemplates": DEFAULT_TEMPLATE, "responseParameters": {}, **response}


def test_a_gateway_response_is_its_own_or_that_of_its_class() -> None:
    defined = {
        "DEFAULT_4XX": own(responseParameters={"gatewayresponse.header.X-Class": "'4'"}),
        "DEFAULT_5XX": own(
            statusCode="599", responseTemplates={"application/json": "", "text/plain": "$context.error.message"}
        ),
        "UNAUTHORIZED": own(
            statusCode="418",
            responseParameters={
                "gatewayresponse.header.X-Path": "method.request.path.id",
                "gatewayresponse.header.X-Request": "context.requestId",
                "gatewayresponse.header.X-None": "method.request.header.none",
            },
        ),
    }
    picture = {"gateway_responses": {**EMPTY["gateway_responses"], **defined}}
    given = exchange(picture=picture, path_parameters={"id": "7"}, headers={"Accept": "text/plain, */*"})

    plain = failures.answer(exchange(), Failure("THROTTLED", reason="too\nfast"))
    assert (plain.status, content(plain)) == (429, b'{"message":"Too Many Requests"}')
    assert dict(plain.headers)["X-Localcloud-Reason"] == "too?fast"
    classed = failures.answer(given, Failure("THROTTLED"))
    assert (classed.status, dict(classed.headers)["X-Class"]) == (429, "4")
    special = failures.answer(given, Failure("UNAUTHORIZED", "The incoming token has expired"))
    headers = dict(special.headers)
    assert (special.status, headers["X-Path"], headers["X-Request"]) == (418, "7", given.request_id)
    assert "X-None" not in headers
    assert "X-Class" not in headers
    assert json.loads(content(special)) == {"message": "The incoming token has expired"}
    broken = failures.answer(given, Failure("DEFAULT_5XX", 'a "quoted" fault', status=502))
    assert (dict(broken.headers)["Content-Type"], content(broken)) == ("text/plain", b'a "quoted" fault')
    assert failures.answer(given, Failure("INTEGRATION_TIMEOUT")).status == 599


@pytest.fixture(scope="module")
def pool() -> dict[str, Any]:
    cognito = client("cognito-idp")
    made = cognito.create_user_pool(PoolName="p", UsernameAttributes=["email"])["UserPool"]
    app = cognito.create_user_pool_client(UserPoolId=made["Id"], ClientName="web")["UserPoolClient"]["ClientId"]
    return {
        "arn": made["Arn"],
        "id": made["Id"],
        "client": app,
        "other": cognito.create_user_pool(PoolName="q")["UserPool"]["Id"],
    }


@functools.cache
def pools_key() -> RSAKey:
    return RSAKey.import_key(load_resource("cognitoidp/resources/jwks-private.json"))


def signed(pool: dict[str, Any], key: RSAKey | None = None, algorithm: str = "RS256", **changes: Any) -> str:
    """A token as the pool signs it, with changes; None leaves a claim out."""
    claims = {
        "iss": f"https://cognito-idp.{REGION}.amazonaws.com/{pool['id']}",
        "aud": pool["client"],
        "token_use": "id",
        "sub": "11111111-1111-4111-8111-111111111111",
        "email_verified": True,
        "cognito:groups": ["a", "b"],
        "auth_time": 1_700_000_000,
        "iat": 1_700_000_000,
        "exp": int(time.time()) + 60,
    }
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": "dummy"}, claims, key or pools_key(), algorithms=[algorithm])


def authorized(
    pool: dict[str, Any], token: str | None, *, scopes: list[str] | None = None, **authorizer: Any
) -> Exchange:
    method = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "z", "authorizationScopes": scopes}
    source = "method.request.header.Authorization"
    picture = {"authorizers": {"z": {"providerARNs": [pool["arn"]], "identitySource": source, **authorizer}}}
    given = exchange(headers={} if token is None else {"authorization": token}, method=method, picture=picture)
    authorizers.authorize(given)
    return given


def test_a_token_of_the_pool_is_taken_and_its_claims_are_texts(pool: dict[str, Any]) -> None:
    for prefix in ("", "Bearer ", "bearer "):
        given = authorized(pool, prefix + signed(pool))
    assert given.claims is not None
    assert given.claims["email_verified"] == "true"
    assert given.claims["cognito:groups"] == "a,b"
    assert given.claims["iat"] == "Tue Nov 14 22:13:20 UTC 2023"
    assert given.claims["auth_time"] == "1700000000"
    assert given.variable("authorizer.claims.cognito:groups") == "a,b"
    access = signed(pool, token_use="access", aud=None, client_id=pool["client"], scope="notes/read notes/write")
    assert authorized(pool, access, scopes=["notes/write", "x"]).claims
    assert authorized(pool, signed(pool), identityValidationExpression=f"{pool['client']}|other").claims


def test_all_other_tokens_are_refused_and_the_reason_is_told(pool: dict[str, Any]) -> None:
    now = int(time.time())
    access = {"token_use": "access", "aud": None, "client_id": pool["client"]}
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool['other']}"
    own_key = RSAKey.generate_key(2048)
    for token, words, options in (
        (None, "no token", {}),
        ("Bearer ", "no token", {}),
        ("a.b.c", "not one of the pool", {}),
        ("nonsense", "not one of the pool", {}),
        (signed(pool, own_key), "not one of the pool", {}),
        (signed(pool, own_key, algorithm="RS512"), "not one of the pool", {}),
        (signed(pool, iss=issuer), "none of the authorizer's pools", {}),
        (signed(pool, iss=None), "none of the authorizer's pools", {}),
        (signed(pool, aud="another"), "no client of the pool", {}),
        (signed(pool, **access), "for access, not for id", {}),
        (signed(pool), "for id, not for access", {"scopes": ["notes/read"]}),
        (signed(pool, **access, scope="notes/write"), "none of the scopes", {"scopes": ["notes/read"]}),
        (signed(pool), "does not match", {"identityValidationExpression": "other"}),
        (signed(pool, exp=now - 1), "expired", {}),
        (signed(pool, exp=None), "expired", {}),
        (signed(pool), "no token", {"identitySource": "method.request.header.X-Token"}),
    ):
        with pytest.raises(Failure) as failure:
            authorized(pool, token, **options)
        assert failure.value.kind == "UNAUTHORIZED"
        assert words in failure.value.reason, failure.value.reason
        expected = "The incoming token has expired" if words == "expired" else "Unauthorized"
        assert failure.value.message == expected


def test_a_pool_that_is_gone_vouches_for_nobody(pool: dict[str, Any]) -> None:
    cognito = client("cognito-idp")
    gone = cognito.create_user_pool(PoolName="gone")["UserPool"]
    app = cognito.create_user_pool_client(UserPoolId=gone["Id"], ClientName="web")["UserPoolClient"]["ClientId"]
    lost = {"arn": gone["Arn"], "id": gone["Id"], "client": app}
    assert authorized(lost, signed(lost)).claims
    cognito.delete_user_pool(UserPoolId=gone["Id"])
    with pytest.raises(Failure):
        authorized(lost, signed(lost))


def test_a_method_with_a_key_takes_keys_of_its_stage() -> None:
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="keys")
    key = gateway.create_api_key(name="k", enabled=True, value="0123456789abcdefghij")
    given = exchange(
        headers={"x-api-key": "0123456789abcdefghij"}, method={"authorizationType": "NONE", "apiKeyRequired": True}
    )
    given.api_id = api["id"]
    with pytest.raises(Failure) as failure:
        authorizers.authorize(given)
    assert failure.value.kind == "INVALID_API_KEY"
    method = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK")
    gateway.create_deployment(restApiId=api["id"], stageName="v1")
    plan = gateway.create_usage_plan(name="p", apiStages=[{"apiId": api["id"], "stage": "v1"}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    authorizers.authorize(given)
    gateway.delete_rest_api(restApiId=api["id"])


def test_a_bucket_empties_and_fills_again() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    settings = {
        "*/*": {"throttlingRateLimit": 2.0, "throttlingBurstLimit": 3},
        "notes/{id}/GET": {"throttlingRateLimit": 0.0, "throttlingBurstLimit": 0},
    }
    given = exchange(resource="/other", method_settings=settings)
    for _ in range(3):
        throttle.take(given)
    with pytest.raises(Failure):
        throttle.take(given)
    now[0] = 0.5
    throttle.take(given)
    with pytest.raises(Failure):
        throttle.take(given)
    with pytest.raises(Failure):
        throttle.take(exchange(resource="/notes/{id}", method_settings=settings))
    elsewhere = exchange(resource="/other", method_settings={})
    elsewhere.stage = "v2"
    throttle.take(elsewhere)


def test_a_validator_names_what_is_missing_and_follows_references() -> None:
    models = {
        "Note": {"schema": json.dumps({"type": "object", "required": ["t"], "properties": {"t": {"$ref": ""}}})},
        "Title": {"schema": json.dumps({"type": "string", "maxLength": 3})},
    }
    reference = "https://apigateway.amazonaws.com/restapis/a1b2c3/models/Title"
    models["Note"]["schema"] = models["Note"]["schema"].replace('{"$ref": ""}', json.dumps({"$ref": reference}))
    picture = {
        "models": models,
        "request_validators": {"v": {"validateRequestBody": True, "validateRequestParameters": True}},
    }
    method = {
        "requestValidatorId": "v",
        "requestModels": {"application/json": "Note"},
        "requestParameters": {
            "method.request.querystring.q": True,
            "method.request.header.X": True,
            "method.request.querystring.r": False,
        },
    }

    def check(target: str = "/?q=1", body: bytes = b'{"t": "abc"}', **headers: str) -> None:
        validation.validate(exchange(target, headers={"X": "1", **headers}, body=body, picture=picture, method=method))

    check()
    check(body=b"free", **{"Content-Type": "text/plain"})
    for arguments, kind in (
        ({"target": "/"}, "BAD_REQUEST_PARAMETERS"),
        ({"body": b'{"t": "abcd"}'}, "BAD_REQUEST_BODY"),
        ({"body": b"{}"}, "BAD_REQUEST_BODY"),
        ({"body": b""}, "BAD_REQUEST_BODY"),
    ):
        with pytest.raises(Failure) as failure:
            check(**arguments)  # type: ignore[arg-type]
        assert failure.value.kind == kind
    with pytest.raises(Failure, match=r"Missing required request parameters: \[q, X\]"):
        validation.validate(exchange("/", picture=picture, method=method))


@pytest.mark.parametrize(
    "said",
    [
        None, [], "text", {"statusCode": "abc"}, {"statusCode": 99}, {"statusCode": True}, {"body": {"a": 1}}, {"more": 1},
        {"headers": []}, {"headers": {"a": {}}}, {"multiValueHeaders": {"a": "b"}}, {"isBase64Encoded": "true"},
    ],
)  # fmt: skip
def test_malformed_answers_of_functions_are_bad_gateways(said: Any) -> None:
    with pytest.raises(Failure) as failure:
        functions.response(exchange(), json.dumps(said).encode(), streams=False)
    assert (failure.value.kind, failure.value.status) == ("DEFAULT_5XX", 502)
    assert "the function's answer is not one" in failure.value.reason


def test_answers_of_functions() -> None:
    answer = functions.response(exchange(), b'{"statusCode": "204", "headers": {"X": 1, "y": "z"}}', streams=False)
    assert (answer.status, content(answer), dict(answer.headers)["X"]) == (204, b"", "1")
    assert functions.response(exchange(), b"{}", streams=False).status == 200
    several = {"headers": {"a": "1", "B": "2"}, "multiValueHeaders": {"A": ["3", "4"]}, "body": "ü"}
    answer = functions.response(exchange(), json.dumps(several).encode(), streams=False)
    assert [(name, value) for name, value in answer.headers if name.lower() in "ab"] == [
        ("A", "3"),
        ("A", "4"),
        ("B", "2"),
    ]
    assert content(answer) == "ü".encode()
    streamed = functions.response(exchange(), b'{"statusCode": 202}' + b"\0" * 8 + b"\xff\0rest", streams=True)
    assert (streamed.status, content(streamed)) == (202, b"\xff\0rest")
    with pytest.raises(Failure):
        functions.response(exchange(), b'{"statusCode": 202}', streams=True)


def test_a_function_says_who_may_invoke_it() -> None:
    source = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/v1/GET/notes/{id}"

    def statement(pattern: str | None = None, **changes: Any) -> dict[str, Any]:
        whole = {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            **changes,
        }
        return {**whole, **({"Condition": {"ArnLike": {"AWS:SourceArn": pattern}}} if pattern else {})}

    base = "arn:aws:execute-api:us-east-1:123456789012:"
    for allowed in ("a1b2c3/*/*/notes/*", "a1b2c3/v1/GET/notes/*", "a1b2c3/*", "*"):
        assert functions.allows(statement(base + allowed), source)
    assert functions.allows(statement(), source)
    for refused in ("other/*", "a1b2c3/v2/*", "a1b2c3/*/POST/*"):
        assert not functions.allows(statement(base + refused), source)
    assert not functions.allows(statement(Principal={"Service": "s3.amazonaws.com"}), source)
    assert not functions.allows(statement(Effect="Deny"), source)
    account = {"StringEquals": {"AWS:SourceAccount": "210987654321"}}
    assert not functions.allows({**statement(), "Condition": account}, source)


def test_headers_and_types_on_their_way() -> None:
    headers = [("Date", "d"), ("Transfer-Encoding", "chunked"), ("X", "1"), ("content-length", "5")]
    assert media.answered(headers) == [
        ("x-amzn-Remapped-Date", "d"),
        ("X", "1"),
        ("x-amzn-Remapped-content-length", "5"),
    ]
    known = {"rest_api": {"binaryMediaTypes": ["image/png", "audio/*"]}}
    for media_type, binary in (("image/png", True), ("audio/ogg", True), ("image/gif", False), ("", False)):
        assert media.is_binary(exchange(picture=known), media_type) is binary
    assert media.is_binary(exchange(picture={"rest_api": {"binaryMediaTypes": ["*/*"]}}), "x/y")
    assert media.accepts_binary(exchange(picture=known, headers={"Accept": "image/png;q=1, text/html"}))
    assert not media.accepts_binary(exchange(picture=known, headers={"Accept": "text/html, image/png"}))


def test_a_line_of_the_access_log_stays_json() -> None:
    given = exchange("/a", headers={"User-Agent": 'say "hi"\n'}, resource="/a")
    given.told |= {"error.messageString": '"quoted"', "status": "200"}
    form = (
        '{"agent":"$context.identity.userAgent","status":$context.status,"error":$context.error.messageString,'
        '"none":"$context.authorizer.claims.sub","both":"$context.httpMethod $context.resourcePath."}'
    )
    assert json.loads(line(form, given)) == {
        "agent": 'say "hi"\n', "status": 200, "error": "quoted", "none": "-", "both": "GET /a.",
    }  # fmt: skip


def test_the_newest_journeys_are_kept_without_what_users_wrote() -> None:
    journeys = Journeys(kept=2)
    for number in range(3):
        journeys.add(exchange(f"/{number}?secret=1", body=b"secret"), 200, 1.23, 4, "")
    kept = journeys.newest()
    assert [each["path"] for each in kept] == ["/1", "/2"]
    assert "secret" not in json.dumps(kept)
    assert (kept[0]["milliseconds"], kept[0]["bytes"]) == (1.2, 4)


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    server.prepare()
