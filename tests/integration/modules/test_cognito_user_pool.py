"""cognito_user_pool on the local cloud."""

from __future__ import annotations

from typing import Any

import pytest

MODULE = "lks.llm.cognito_user_pool"
POOL: dict[str, Any] = {
    "username_attributes": ["email"],
    "auto_verified_attributes": ["email"],
    "schema": [{"name": "name", "required": True}, {"name": "email", "required": True}],
    "password_policy": {"minimum_length": 10},
    "mfa_configuration": "OFF",
    "account_recovery": ["verified_email"],
    "tags": {"Project": "test", "Name": "pool"},
}


@pytest.fixture
def cognito(module_cloud):
    return module_cloud.client("cognito-idp", "us-east-1")


def test_a_pool_is_made_kept_repaired_and_removed(modules, cognito):
    made = modules.lifecycle(MODULE, name="pool", **POOL)["user_pool"]
    assert made["id"]
    assert made["tags"] == POOL["tags"]

    # As drift comes about on AWS: an update that names one setting resets the others.
    cognito.update_user_pool(UserPoolId=made["id"], DeletionProtection="INACTIVE")
    repaired = modules.lifecycle(MODULE, name="pool", **POOL)
    assert set(repaired["diff"]["after"]) == {
        "AutoVerifiedAttributes",
        "Policies",
        "AccountRecoverySetting",
        "UserPoolTags",
    }

    modules.lifecycle(MODULE, name="pool", state="absent")
    modules.unchanged(MODULE, name="pool", state="absent")


def test_an_update_keeps_what_it_does_not_name(modules, cognito):
    made = modules(MODULE, name="kept", allow_admin_create_user_only=True, **POOL)["user_pool"]
    modules(MODULE, name="kept", password_policy={"require_symbols": False}, tags={"Only": "this"})
    pool = cognito.describe_user_pool(UserPoolId=made["id"])["UserPool"]
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    policy = pool["Policies"]["PasswordPolicy"]
    assert (policy["MinimumLength"], policy["RequireSymbols"], policy["RequireNumbers"]) == (10, False, True)
    assert pool["UserPoolTags"] == {"Only": "this"}


def test_a_second_factor_and_custom_attributes_can_be_added(modules, cognito):
    made = modules(MODULE, name="grows", **POOL)["user_pool"]
    more = {
        **POOL,
        "mfa_configuration": "OPTIONAL",
        "schema": [
            *POOL["schema"],
            {"name": "plan", "attribute_data_type": "String", "minimum": 1, "maximum": 20},
        ],
    }
    modules.lifecycle(MODULE, name="grows", **more)
    pool = cognito.describe_user_pool(UserPoolId=made["id"])["UserPool"]
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert "custom:plan" in [item["Name"] for item in pool["SchemaAttributes"]]


def test_what_aws_cannot_change_is_refused_with_a_remedy(modules):
    modules(MODULE, name="fixed", **POOL)
    for change, word in (
        ({"username_attributes": ["phone_number"]}, "username_attributes are ['email']"),
        ({"schema": [{"name": "nickname", "required": True}]}, "nickname has required false"),
    ):
        refused = modules(MODULE, name="fixed", **{**POOL, **change})
        assert refused["failed"]
        assert word in refused["msg"]
        assert "state: absent" in refused["msg"]


def test_two_pools_of_one_name_are_refused(modules, cognito):
    for _ in range(2):
        cognito.create_user_pool(PoolName="twin")
    refused = modules(MODULE, name="twin", state="absent")
    assert refused["failed"]
    assert "More than one user pool is named twin" in refused["msg"]


def test_a_protected_pool_stays(modules):
    modules(MODULE, name="protected", deletion_protection=True)
    refused = modules(MODULE, name="protected", state="absent")
    assert refused["failed"]
    assert "deletion_protection: false" in refused["msg"]
    modules.lifecycle(MODULE, name="protected", deletion_protection=False)
    assert modules(MODULE, name="protected", state="absent")["changed"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"password_policy": {"minimum_length": 5}}, "from 6 to 99"),
        ({"password_policy": {"temporary_password_validity_days": 0}}, "from 1 to 365"),
        ({"schema": [{"name": "plan", "required": True, "attribute_data_type": "String"}]}, "cannot be required"),
        ({"schema": [{"name": "plan"}]}, "needs attribute_data_type"),
        ({"schema": [{"name": "email"}, {"name": "email"}]}, "more than once"),
    ],
)
def test_nonsense_is_refused_before_any_call(modules, arguments, word):
    refused = modules(MODULE, name="nonsense", **arguments)
    assert refused["failed"]
    assert word in refused["msg"]
