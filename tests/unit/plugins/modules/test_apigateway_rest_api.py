"""What a document means, what an API is, and how they differ: the pure functions of apigateway_rest_api."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.lks.llm.plugins.module_utils import apigateway_state, tags
from ansible_collections.lks.llm.plugins.modules import apigateway_rest_api as module

NO_OPTIONS = dict.fromkeys(module.OPTIONS_OF_SETTINGS)
OPERATION = {
    "responses": {"200": {"description": "ok"}},
    "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": "https://example.com"},
}


def document(**more):
    return {"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/a/b": {"get": copy.deepcopy(OPERATION)}}, **more}


def state(**more):
    return apigateway_state.document_to_state(document(**more), NO_OPTIONS)


def test_resources_above_a_path_belong_to_the_state():
    assert set(state()["paths"]) == {"/", "/a", "/a/b"}


def test_what_aws_fills_in_is_filled_in():
    method = state()["paths"]["/a/b"]["GET"]
    assert method["authorization"] == "NONE"
    assert method["integration"]["timeout_in_millis"] == 29000
    assert method["integration"]["passthrough_behavior"] == "WHEN_NO_MATCH"
    assert method["integration"]["response_transfer_mode"] == "BUFFERED"
    assert method["integration"]["connection_type"] == "INTERNET"


def test_a_proxy_has_no_templates_of_its_own():
    integration = apigateway_state.normalise_integration(
        {"type": "aws_proxy", "requestTemplates": {"a": "b"}}, {"200": {}}
    )
    assert "request_templates" not in integration
    assert "responses" not in integration


def test_schemas_are_compared_by_what_they_allow():
    normalise = apigateway_state.normalise_schema
    said = {
        "type": "object",
        "description": "x",
        "example": 1,
        "required": ["b", "a"],
        "properties": {"title": {"$ref": "#/x/Y"}},
    }
    held = {
        "$schema": "s",
        "type": "object",
        "required": ["a", "b"],
        "properties": {"title": {"$ref": "https://z/models/Y"}},
    }
    assert normalise(said) == normalise(held)
    assert normalise(said)["properties"] == {"title": {"$ref": "Y"}}


def test_a_policy_is_read_however_it_is_escaped():
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
        ],
    }
    held = (
        '{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Principal\\":{\\"AWS\\":\\"*\\"},'
        '\\"Action\\":\\"execute-api:Invoke\\",\\"Resource\\":\\"arn:aws:execute-api:us-east-1:123456789012:a1b2c3\\/*\\"}]}'
    )
    assert apigateway_state.normalise_policy(policy) == apigateway_state.normalise_policy(held)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"openapi": "3.1.0"}, "OpenAPI 3.0"),
        ({"security": [{"nobody": []}]}, "components.securitySchemes lacks"),
        ({"paths": {"/": {"$ref": "other.yml#/paths"}}}, "leads out of the document"),
        ({"paths": {"/": {"$ref": "#/nowhere"}}}, "leads nowhere"),
        ({"paths": {"/": {"$ref": "#/x"}}, "x": {"$ref": "#/x"}}, "in a circle"),
    ],
)
def test_documents_that_mean_nothing_are_refused(more, words):
    with pytest.raises(ValueError, match=words):
        state(**more)


@pytest.mark.parametrize(
    ("definition", "words"),
    [("[", "neither JSON nor YAML"), ("- a", "not a list"), ({"paths": {}}, "paths is missing or empty")],
)
def test_definitions_that_are_no_documents_are_refused(definition, words):
    with pytest.raises(ValueError, match=words):
        module.parse_definition(definition)


def test_options_win_over_the_document_and_defaults_stand_where_both_are_silent():
    settings = apigateway_state.settings_of(
        {"info": {"description": "said"}, "x-amazon-apigateway-api-key-source": "authorizer"},
        {**NO_OPTIONS, "description": "asked", "endpoint_type": "EDGE"},
    )
    assert settings["description"] == "asked"
    assert settings["api_key_source"] == "AUTHORIZER"
    assert settings["endpoint_type"] == "EDGE"
    assert settings["minimum_compression_size"] is None


def test_the_imported_document_holds_the_settings_that_overwriting_would_reset():
    settings = apigateway_state.settings_of({}, {**NO_OPTIONS, "description": "d", "binary_media_types": ["image/png"]})
    sent = module.build_import_document(document(), "orders", settings)
    assert sent["info"]["title"] == "orders"
    assert sent["info"]["description"] == "d"
    assert sent["info"]["version"]
    assert sent["x-amazon-apigateway-binary-media-types"] == ["image/png"]
    assert "x-amazon-apigateway-minimum-compression-size" not in sent


def test_settings_are_patched_one_by_one():
    actual = {
        "name": "n",
        **apigateway_state.settings_to_state({"binaryMediaTypes": ["a/b"], "minimumCompressionSize": 5}),
    }
    desired = {**actual, "binary_media_types": ["c/d"], "minimum_compression_size": None, "endpoint_type": "REGIONAL"}
    assert module.build_settings_patch(actual, desired) == [
        {"op": "replace", "path": "/minimumCompressionSize"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
        {"op": "add", "path": "/binaryMediaTypes/c~1d"},
        {"op": "remove", "path": "/binaryMediaTypes/a~1b"},
    ]
    assert module.build_settings_patch(actual, actual) == []


def test_the_fingerprint_tells_what_is_served_from_what_is_said_about_it():
    same = apigateway_state.fingerprint(state(info={"title": "t", "description": "other words"}))
    assert apigateway_state.fingerprint(state()) == same
    other = document()
    other["paths"]["/a/b"]["get"]["x-amazon-apigateway-integration"]["timeoutInMillis"] = 1000
    assert apigateway_state.fingerprint(apigateway_state.document_to_state(other, NO_OPTIONS)) != same


def test_an_unused_authorizer_may_be_left_out_by_aws():
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authorizer": {"type": "token"},
    }
    desired = state(components={"securitySchemes": {"users": scheme}})
    assert desired["authorizers"]["users"]["identity_source"] == "method.request.header.Authorization"
    actual = {**desired, "authorizers": {}}
    assert apigateway_state.diff_states(actual, desired) == []
    used = state(components={"securitySchemes": {"users": scheme}}, security=[{"users": []}])
    assert [each["where"] for each in apigateway_state.diff_states({**used, "authorizers": {}}, used)] == [
        "authorizer users"
    ]


def test_tags_are_planned():
    assert tags.plan_tags({"a": "1", "b": "2"}, {"a": "9"}, True) == ({"a": "9"}, ["b"], {"a": "9"})
    assert tags.plan_tags({"a": "1", "b": "2"}, {"a": "9"}, False)[2] == {"a": "9", "b": "2"}
    assert tags.plan_tags({"a": "1"}, None, True) == ({}, [], {"a": "1"})
