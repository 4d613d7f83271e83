"""The pure functions of apigateway_stage."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.modules import apigateway_stage as module

MARK = "0" * 64


def test_the_fingerprint_survives_in_a_description():
    description = module.build_deployment_description("by ansible", MARK)
    deployments = [{"id": "a", "description": description}, {"id": "b", "description": "by hand"}]
    assert module.fingerprint_of_deployment(deployments, "a") == MARK
    assert module.fingerprint_of_deployment(deployments, "b") == ""
    assert module.fingerprint_of_deployment(deployments, "gone") == ""


def test_deployments_in_use_are_never_old():
    deployments = [{"id": each, "createdDate": each} for each in "abcde"]
    stages = [{"deploymentId": "a", "canarySettings": {"deploymentId": "b"}}]
    assert module.old_deployments(deployments, stages, 1) == ["d", "c"]
    assert module.old_deployments(deployments, stages, 5) == []


@pytest.mark.parametrize(
    ("path", "method", "key", "pointer"),
    [
        ("*", "*", "*/*", "/*/*"),
        ("/orders/{id}", "GET", "orders/{id}/GET", "/~1orders~1{id}/GET"),
        ("~1orders", "GET", "orders/GET", "/~1orders/GET"),
        ("/", "GET", "//GET", "/~1/GET"),
    ],
)
def test_method_settings_have_one_key_however_they_are_spelt(path, method, key, pointer):
    assert module.setting_key(path, method) == key
    assert module.patch_key(key) == pointer


def test_only_what_differs_is_patched():
    current = module.normalise_stage(
        {
            "accessLogSettings": {"destinationArn": "arn:group:*", "format": '{"a": "b"}'},
            "methodSettings": {"*/*": {"loggingLevel": "OFF", "throttlingRateLimit": 50.0}, "old/GET": {}},
            "variables": {"keep": "1", "gone": "2"},
        }
    )
    desired = {
        "access_log": {"destination_arn": "arn:group", "format": '{"a":"b"}'},
        "method_settings": {"*/*": {"logging_level": "OFF", "throttling_rate_limit": 60.0}},
        "variables": {"keep": "1", "a/b": "3"},
    }
    assert module.build_patch(current, desired) == [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "60"},
        {"op": "remove", "path": "/~1old/GET"},
        {"op": "replace", "path": "/variables/a~1b", "value": "3"},
        {"op": "remove", "path": "/variables/gone"},
    ]
    assert module.build_patch(current, {"access_log": {"destination_arn": "", "format": ""}}) == [
        {"op": "remove", "path": "/accessLogSettings"}
    ]


PARAMS = {"name": "v1", "variables": None, "access_log": None, "keep_deployments": 5}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a.b"}, "letters, digits"),
        ({"variables": {"a-b": "1"}}, "variables: 'a-b'"),
        ({"access_log": {"destination_arn": "a", "format": "$context.requestId\n$context.status"}}, "one line"),
        ({"access_log": {"destination_arn": "a", "format": "nothing"}}, "requestId"),
        ({"access_log": {"destination_arn": "a", "format": {"s": "$context.status"}}}, "requestId"),
        ({"keep_deployments": -1}, "must not be negative"),
    ],
)
def test_nonsense_is_refused_before_any_call(change, words):
    assert words in module.check_params({**PARAMS, **change})
    assert module.check_params(PARAMS) is None
