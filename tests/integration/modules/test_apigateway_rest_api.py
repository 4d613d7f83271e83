"""apigateway_rest_api and apigateway_stage on the local cloud: imported and deployed when and only when something changed."""

from __future__ import annotations

import copy

import pytest

API = "lks.llm.apigateway_rest_api"
STAGE = "lks.llm.apigateway_stage"
ACCOUNT = "lks.llm.apigateway_account"
ROLE = "arn:aws:iam::123456789012:role/LabRole"
GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/apigateway/orders"
LAMBDA = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:123456789012:function:orders/invocations"
)
CORS = {"method.response.header.Access-Control-Allow-Origin": "'*'"}


def document(pool: str) -> dict:
    """A document with every extension that the module knows."""
    return {
        "openapi": "3.0.1",
        "info": {"title": "ignored", "version": 1, "description": "Orders of the shop"},
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {
                "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
                "responseTemplates": {"application/json": '{"error": $context.error.messageString}'},
            },
            "MISSING_AUTHENTICATION_TOKEN": {"statusCode": 404},
        },
        "paths": {
            "/orders/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {
                    "security": [{"users": []}],
                    "responses": {200: {"description": "One order"}, "default": {"description": "What went wrong"}},
                    "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": LAMBDA},
                },
                "put": {
                    "operationId": "putOrder",
                    "security": [{"users": []}],
                    "x-amazon-apigateway-request-validator": "body",
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
                    },
                    "responses": {"200": {"description": "Kept"}},
                    "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": LAMBDA},
                },
                "options": {
                    "responses": {
                        "204": {
                            "description": "Who may call",
                            "headers": {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}},
                        }
                    },
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "requestTemplates": {"application/json": '{"statusCode": 204}'},
                        "responses": {"default": {"statusCode": "204", "responseParameters": CORS}},
                    },
                },
            },
            "/files/{proxy+}": {
                "x-amazon-apigateway-any-method": {
                    "security": [{"users": []}],
                    "parameters": [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": {},
                    "x-amazon-apigateway-integration": {
                        "type": "http_proxy",
                        "httpMethod": "ANY",
                        "uri": "http://backend.example.com/{proxy}",
                        "responseTransferMode": "STREAM",
                        "timeoutInMillis": 900000,
                        "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
                    },
                }
            },
        },
        "components": {
            "schemas": {
                "Order": {
                    "type": "object",
                    "required": ["title", "id"],
                    "properties": {
                        "id": {"type": "string"},
                        "title": {"type": "string"},
                        "line": {"$ref": "#/components/schemas/Line"},
                    },
                },
                "Line": {"type": "object"},
            },
            "securitySchemes": {
                "users": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [pool]},
                }
            },
        },
    }


@pytest.fixture(scope="module")
def pool(module_cloud):
    pools = module_cloud.client("cognito-idp", "us-east-1")
    return pools.create_user_pool(PoolName="orders")["UserPool"]["Arn"]


@pytest.fixture
def gateway(module_cloud):
    return module_cloud.client("apigateway", "us-east-1")


@pytest.fixture
def orders(modules, pool, gateway):
    """An API of this name, as the document says."""
    arguments = {"name": "orders", "definition": document(pool), "tags": {"Project": "example"}}
    made = modules(API, **arguments)
    assert made["changed"], made
    yield {**arguments, "id": made["id"]}
    for api in gateway.get_rest_apis()["items"]:
        gateway.delete_rest_api(restApiId=api["id"])


def test_an_api_is_made_kept_and_removed(modules, pool, gateway):
    arguments = {"name": "life", "definition": document(pool), "tags": {"Project": "example"}, "description": "Orders"}
    made = modules.lifecycle(API, **arguments)
    assert made["warnings_of_import"] == []
    api = gateway.get_rest_api(restApiId=made["id"])
    assert (api["name"], api["description"], api["tags"]) == ("life", "Orders", {"Project": "example"})
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert api["binaryMediaTypes"] == ["image/png"]

    paths = {each["path"]: each for each in gateway.get_resources(restApiId=made["id"], embed=["methods"])["items"]}
    assert set(paths) == {"/", "/orders", "/orders/{id}", "/files", "/files/{proxy+}"}
    streamed = paths["/files/{proxy+}"]["resourceMethods"]["ANY"]
    assert streamed["authorizationType"] == "COGNITO_USER_POOLS"
    assert streamed["methodIntegration"]["responseTransferMode"] == "STREAM"
    assert streamed["methodIntegration"]["timeoutInMillis"] == 900000
    put = paths["/orders/{id}"]["resourceMethods"]["PUT"]
    assert put["requestModels"] == {"application/json": "Order"}
    assert put["requestParameters"] == {"method.request.path.id": True}
    answer = paths["/orders/{id}"]["resourceMethods"]["OPTIONS"]["methodIntegration"]["integrationResponses"]["204"]
    assert answer["responseParameters"] == CORS
    plain = {each["path"]: each for each in gateway.get_resources(restApiId=made["id"])["items"]}
    assert plain["/orders/{id}"]["resourceMethods"] == {"GET": {}, "PUT": {}, "OPTIONS": {}}

    modules.lifecycle(API, name="life", state="absent")
    assert all(each["name"] != "life" for each in gateway.get_rest_apis()["items"])


def test_a_changed_document_is_imported_and_the_differences_are_named(modules, orders):
    changed = copy.deepcopy(orders["definition"])
    paths, schemas = changed["paths"], changed["components"]["schemas"]
    paths["/more"] = {"get": copy.deepcopy(paths["/orders/{id}"]["get"])}
    paths["/orders/{id}"]["get"].pop("security")
    del paths["/files/{proxy+}"], paths["/orders/{id}"]["options"]
    schemas["Order"]["required"].pop()
    changed["x-amazon-apigateway-gateway-responses"].pop("DEFAULT_4XX")
    changed["x-amazon-apigateway-request-validators"]["body"].clear()
    changed["info"]["description"] = "Other words"
    changed["x-amazon-apigateway-minimum-compression-size"] = 1000
    result = modules.lifecycle(API, name="orders", definition=changed, tags=orders["tags"])
    assert set(result["differences"]) == {
        "/files",
        "/files/{proxy+}",
        "/more",
        "GET /more",
        "GET /orders/{id}",
        "OPTIONS /orders/{id}",
        "gateway response DEFAULT_4XX",
        "model Order",
        "request validator body",
        "settings",
    }
    assert result["id"] == orders["id"]
    assert result["diff"]["before"]["settings"]["description"] == "Orders of the shop"
    assert result["diff"]["after"]["settings"]["description"] == "Other words"


def test_other_spellings_of_the_same_are_no_change(modules, orders):
    import yaml

    other = copy.deepcopy(orders["definition"])
    other["components"]["schemas"]["Order"]["required"].reverse()
    other["paths"]["/orders/{id}"]["get"]["summary"] = "Another word for it"
    integration = other["paths"]["/files/{proxy+}"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
    integration.update(type="HTTP_PROXY", passthroughBehavior="when_no_match", connectionType="INTERNET")
    modules.unchanged(API, name="orders", definition=yaml.safe_dump(other), tags=orders["tags"])


def drift_authorization(gateway, api, resources):
    gateway.update_method(
        restApiId=api,
        resourceId=resources["/orders/{id}"],
        httpMethod="GET",
        patchOperations=[{"op": "replace", "path": "/authorizationType", "value": "NONE"}],
    )


def drift_timeout(gateway, api, resources):
    gateway.update_integration(
        restApiId=api,
        resourceId=resources["/files/{proxy+}"],
        httpMethod="ANY",
        patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "1000"}],
    )


def drift_resource(gateway, api, resources):
    gateway.create_resource(restApiId=api, parentId=resources["/"], pathPart="back-door")


def drift_gateway_response(gateway, api, resources):
    gateway.put_gateway_response(restApiId=api, responseType="THROTTLED", statusCode="503")


def drift_description(gateway, api, resources):
    gateway.update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/description", "value": "?"}])


def drift_tags(gateway, api, resources):
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    gateway.untag_resource(resourceArn=arn, tagKeys=["Project"])
    gateway.tag_resource(resourceArn=arn, tags={"Other": "1"})


def test_drift_is_repaired(modules, orders, gateway):
    resources = {each["path"]: each["id"] for each in gateway.get_resources(restApiId=orders["id"])["items"]}
    for drift in (
        drift_authorization,
        drift_timeout,
        drift_resource,
        drift_gateway_response,
        drift_description,
        drift_tags,
    ):
        drift(gateway, orders["id"], resources)
    repaired = modules.lifecycle(API, **{key: orders[key] for key in ("name", "definition", "tags")})
    assert set(repaired["differences"]) == {
        "/back-door",
        "GET /orders/{id}",
        "ANY /files/{proxy+}",
        "gateway response THROTTLED",
        "settings",
    }
    assert repaired["diff"]["before"]["GET /orders/{id}"]["authorization"] == "NONE"
    assert repaired["diff"]["before"]["tags"] == {"Other": "1"}
    assert repaired["tags"] == {"Project": "example"}


def test_what_api_gateway_refuses_fails_with_its_words_and_leaves_the_api_alone(modules, orders, gateway):
    arguments = {"name": "orders", "tags": orders["tags"]}
    for change, words in (
        (lambda d: d["paths"].update({"/a b": d["paths"]["/orders/{id}"]}), "path part only allow"),
        (lambda d: d["paths"].update({"/orders/{other}/x": d["paths"]["/orders/{id}"]}), "variable path part"),
        (
            lambda d: d["components"]["schemas"]["Line"].update(nullable=True, minProperties=1),
            "nullable is not supported",
        ),
        (
            lambda d: d["paths"]["/files/{proxy+}"]["x-amazon-apigateway-any-method"].pop("parameters"),
            "Invalid mapping",
        ),
    ):
        changed = copy.deepcopy(orders["definition"])
        change(changed)
        result = modules(API, **arguments, definition=changed)
        assert result.get("failed"), words
        assert words in result["msg"]
    modules.unchanged(API, **arguments, definition=orders["definition"])
    nowhere = copy.deepcopy(orders["definition"])
    nowhere["components"]["schemas"]["Line"] = {"$ref": "#/components/schemas/Nothing"}
    nowhere["paths"]["/orders/{id}"]["put"]["requestBody"]["content"]["application/json"]["schema"] = {
        "$ref": "#/nowhere"
    }
    assert "leads nowhere" in modules(API, **arguments, definition=nowhere)["msg"]
    assert "openapi" in modules(API, **arguments, definition={"openapi": "3.1.0", "paths": {"/": {}}})["msg"]


def test_names_that_are_not_unique_are_an_error(modules, gateway):
    for _each in range(2):
        gateway.create_rest_api(name="twice")
    result = modules(API, name="twice", state="absent")
    assert result["failed"]
    assert "More than one REST API is named twice" in result["msg"]
    for api in gateway.get_rest_apis()["items"]:
        gateway.delete_rest_api(restApiId=api["id"])


# --- stages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(modules, orders):
    modules(ACCOUNT, cloudwatch_role_arn=ROLE)
    arguments = {
        "rest_api_name": "orders",
        "name": "v1",
        "description": "What customers use",
        "access_log": {"destination_arn": GROUP, "format": {"id": "$context.requestId", "status": "$context.status"}},
        "method_settings": [
            {
                "metrics_enabled": False,
                "logging_level": "OFF",
                "throttling_rate_limit": 50,
                "throttling_burst_limit": 100,
            },
            {"path": "/orders/{id}", "http_method": "GET", "throttling_rate_limit": 1, "throttling_burst_limit": 2},
        ],
        "variables": {"color": "blue"},
        "tags": {"Project": "example"},
    }
    assert modules(STAGE, **arguments)["deployed"]
    return arguments


def test_a_stage_deploys_when_and_only_when_the_api_changed(modules, orders, stage, gateway):
    same = modules.unchanged(STAGE, **stage)
    assert same["invoke_url"] == f"https://{orders['id']}.execute-api.us-east-1.amazonaws.com/v1"
    before = gateway.get_stage(restApiId=orders["id"], stageName="v1")["deploymentId"]
    changed = copy.deepcopy(orders["definition"])
    changed["paths"].pop("/files/{proxy+}")
    modules(API, name="orders", definition=changed, tags=orders["tags"])
    result = modules.lifecycle(STAGE, **stage)
    assert result["deployed"]
    assert result["deployment_id"] != before
    settings = gateway.get_stage(restApiId=orders["id"], stageName="v1")
    assert settings["accessLogSettings"]["destinationArn"] == GROUP
    assert settings["methodSettings"]["*/*"]["throttlingRateLimit"] == 50

    # Somebody deploys by hand: nobody knows what is in that, so it is deployed anew.
    gateway.create_deployment(restApiId=orders["id"], stageName="v1", description="by hand")
    assert modules(STAGE, **stage)["deployed"]

    kept = modules.lifecycle(STAGE, **{**stage, "keep_deployments": 0})
    assert kept["removed_deployments"]
    assert len(gateway.get_deployments(restApiId=orders["id"])["items"]) == 1


def test_drift_of_a_stage_is_repaired_without_a_deployment(modules, orders, stage, gateway):
    def patch(path, value=None):
        operation = {"op": "replace", "path": path, "value": value} if value else {"op": "remove", "path": path}
        gateway.update_stage(restApiId=orders["id"], stageName="v1", patchOperations=[operation])

    wanted = gateway.get_stage(restApiId=orders["id"], stageName="v1")
    patch("/description", "?")
    patch("/variables/color", "red")
    patch("/variables/size", "9")
    patch("/*/*/throttling/rateLimit", "10000")
    patch("/*/*/logging/loglevel", "INFO")
    patch("/~1orders~1{id}/GET/throttling/burstLimit", "9")
    patch("/~1orders/POST/throttling/burstLimit", "9")
    patch("/accessLogSettings")
    assert not modules.lifecycle(STAGE, **stage)["deployed"]
    patch("/accessLogSettings/format", "$context.requestId")
    assert not modules(STAGE, **stage)["deployed"]
    repaired = gateway.get_stage(restApiId=orders["id"], stageName="v1")
    dates = ("lastUpdatedDate", "ResponseMetadata")
    assert {k: v for k, v in repaired.items() if k not in dates} == {k: v for k, v in wanted.items() if k not in dates}


def test_a_stage_is_removed_and_nothing_is_missed_where_there_is_none(modules, orders, stage):
    modules.lifecycle(STAGE, rest_api_name="orders", name="v1", state="absent")
    assert not modules(STAGE, rest_api_name="nobody", name="v1", state="absent")["changed"]
    assert "there is no REST API nobody" in modules(STAGE, rest_api_name="nobody", name="v1")["msg"]
    assert modules(STAGE, rest_api_id="", name="v1", check_mode=True)["changed"]
    assert "letters, digits" in modules(STAGE, rest_api_name="orders", name="a.b")["msg"]


def test_a_stage_says_what_is_missing_for_its_logs(modules, orders):
    modules(ACCOUNT, state="absent")
    result = modules(
        STAGE, rest_api_name="orders", name="v1", access_log={"destination_arn": GROUP, "format": "$context.requestId"}
    )
    assert "apigateway_account" in result["msg"]


def test_the_account_has_a_role_or_none(modules):
    modules(ACCOUNT, state="absent")
    modules.lifecycle(ACCOUNT, cloudwatch_role_arn=ROLE)
    assert "required permissions" in modules(ACCOUNT, cloudwatch_role_arn=ROLE + "Nobody")["msg"]
    assert "must be the ARN" in modules(ACCOUNT, cloudwatch_role_arn="LabRole")["msg"]
    modules.lifecycle(ACCOUNT, state="absent")
