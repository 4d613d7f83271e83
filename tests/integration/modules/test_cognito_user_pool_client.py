"""cognito_user_pool_client on the local cloud."""

from __future__ import annotations

import pytest

MODULE = "lks.llm.cognito_user_pool_client"
CLIENT = {
    "name": "web",
    "explicit_auth_flows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    "id_token_validity": 60,
    "access_token_validity": 60,
    "refresh_token_validity": 30,
    "token_validity_units": {"id_token": "minutes", "access_token": "minutes", "refresh_token": "days"},
    "prevent_user_existence_errors": True,
}


@pytest.fixture
def cognito(module_cloud):
    return module_cloud.client("cognito-idp", "us-east-1")


@pytest.fixture
def pool(cognito):
    return cognito.create_user_pool(PoolName="for-clients")["UserPool"]["Id"]


def test_a_client_is_made_kept_repaired_and_removed(modules, cognito, pool):
    made = modules.lifecycle(MODULE, user_pool_id=pool, **CLIENT)["user_pool_client"]
    assert "client_secret" not in made

    # An update of AWS resets what it does not name; ours must not: the OAuth settings are not the module's.
    cognito.update_user_pool_client(
        UserPoolId=pool, ClientId=made["client_id"], CallbackURLs=["https://app.example.com"], IdTokenValidity=1
    )
    repaired = modules.lifecycle(MODULE, user_pool_id=pool, **CLIENT)
    assert "ExplicitAuthFlows" in repaired["diff"]["after"]
    now = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=made["client_id"])["UserPoolClient"]
    assert now["CallbackURLs"] == ["https://app.example.com"]
    assert now["IdTokenValidity"] == 60

    modules.lifecycle(MODULE, user_pool_id=pool, name="web", state="absent")


def test_a_secret_cannot_come_later(modules, pool):
    modules(MODULE, user_pool_id=pool, **CLIENT)
    refused = modules(MODULE, user_pool_id=pool, generate_secret=True, **CLIENT)
    assert refused["failed"]
    assert "AWS cannot change it" in refused["msg"]


def test_a_pool_that_does_not_exist_yet_is_a_change_in_check_mode_and_an_error_otherwise(modules):
    preview = modules(MODULE, user_pool_id="", check_mode=True, **CLIENT)
    assert preview["changed"]
    assert preview["user_pool_client"]["client_id"] == ""
    refused = modules(MODULE, user_pool_id="", **CLIENT)
    assert refused["failed"]
    assert "user_pool_id must not be empty" in refused["msg"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"id_token_validity": 4, "token_validity_units": {"id_token": "minutes"}}, "5 minutes to 1 day"),
        ({"access_token_validity": 25}, "access_token_validity is 25 hours"),
        ({"refresh_token_validity": 3651}, "60 minutes to 10 years"),
        (
            {
                "id_token_validity": 2,
                "refresh_token_validity": 1,
                "token_validity_units": {"refresh_token": "hours"},
            },
            "longer than refresh_token_validity",
        ),
    ],
)
def test_lives_that_aws_refuses_are_refused_before_any_call(modules, arguments, word):
    refused = modules(MODULE, user_pool_id="us-east-1_abc", name="web", **arguments)
    assert refused["failed"]
    assert word in refused["msg"]
