"""Pure functions of cognito_user_pool and of what it shares with cognito_user_pool_client."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lks.llm.plugins.module_utils import cognito, tags
from ansible_collections.lks.llm.plugins.modules import cognito_user_pool as module

NOTHING = dict.fromkeys(
    (
        "name",
        "username_attributes",
        "auto_verified_attributes",
        "username_case_sensitive",
        "schema",
        "password_policy",
        "mfa_configuration",
        "allow_admin_create_user_only",
        "account_recovery",
        "deletion_protection",
        "user_pool_tier",
        "tags",
    )
)
POOL: dict[str, Any] = {
    "Id": "us-east-1_abc",
    "Name": "users",
    "Policies": {
        "PasswordPolicy": {"MinimumLength": 8, "RequireSymbols": True, "TemporaryPasswordValidityDays": 7},
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    },
    "MfaConfiguration": "OFF",
    "LambdaConfig": {"PreSignUp": "arn:aws:lambda:us-east-1:123456789012:function:check"},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
    "UserPoolTags": {"a": "b"},
    "CreationDate": "2024-01-01",
    "SchemaAttributes": [
        {"Name": "email", "Required": True, "Mutable": True},
        {"Name": "custom:plan", "Required": False, "Mutable": True},
    ],
}


def attribute(name, **more):
    return {
        "name": name,
        "attribute_data_type": None,
        "required": False,
        "mutable": True,
        "minimum": None,
        "maximum": None,
        **more,
    }


def test_an_update_sends_all_that_it_takes_and_the_pool_has():
    asked = module.build_settings({**NOTHING, "password_policy": {"minimum_length": 12}}, POOL)
    names = {"Policies", "LambdaConfig", "AdminCreateUserConfig", "UserPoolTags", "MfaConfiguration", "UserPoolId"}
    assert module.build_update(POOL, asked, names) == {
        "UserPoolId": "us-east-1_abc",
        "Policies": {
            "PasswordPolicy": {"MinimumLength": 12, "RequireSymbols": True, "TemporaryPasswordValidityDays": 7},
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
        },
        "LambdaConfig": POOL["LambdaConfig"],
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False},
        "UserPoolTags": {"a": "b"},
    }
    assert POOL["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == 7


def test_a_new_pool_has_the_strict_defaults_in_a_policy_that_names_one_rule():
    request = module.build_create({**NOTHING, "name": "users", "password_policy": {"minimum_length": 12}})
    assert request["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 12,
        "RequireLowercase": True,
        "RequireUppercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
    }


def test_the_order_of_ways_to_recover_is_their_priority():
    asked = module.build_settings({**NOTHING, "account_recovery": ["verified_phone_number", "verified_email"]})
    mechanisms = asked["AccountRecoverySetting"]["RecoveryMechanisms"]
    assert [(item["Priority"], item["Name"]) for item in mechanisms] == [
        (1, "verified_phone_number"),
        (2, "verified_email"),
    ]


def test_the_schema_tells_what_to_add_from_what_is_fixed():
    asked = [
        attribute("email", required=True),
        attribute("plan", mutable=False, attribute_data_type="String"),
        attribute("age", attribute_data_type="Number", minimum=0),
    ]
    missing, fixed = module.compare_schema(POOL, asked)
    assert [item["name"] for item in missing] == ["age"]
    assert fixed == ["schema: plan has mutable true"]
    assert module.build_attribute(missing[0])["NumberAttributeConstraints"] == {"MinValue": "0"}


@pytest.mark.parametrize(
    ("current", "asked", "after"),
    [
        ({"A": ["x", "y"]}, {"A": ["y", "x"]}, {}),
        ({}, {"A": ["x"]}, {"A": ["x"]}),
        ({"A": [{"n": 1}, {"n": 2}]}, {"A": [{"n": 2}, {"n": 1}]}, {"A": [{"n": 2}, {"n": 1}]}),
        ({"A": 1, "B": 2}, {"A": 1}, {}),
    ],
)
def test_only_what_is_asked_for_is_compared(current, asked, after):
    assert cognito.differences(current, asked)[1] == after


@pytest.mark.parametrize(
    ("desired", "purge", "to_set", "to_remove"),
    [
        (None, True, {}, []),
        ({"c": "d"}, True, {"c": "d"}, ["a"]),
        ({"c": "d"}, False, {"c": "d"}, []),
        ({}, True, {}, ["a"]),
    ],
)
def test_tags(desired, purge, to_set, to_remove):
    assert tags.plan_tags({"a": "b"}, desired, purge)[:2] == (to_set, to_remove)
