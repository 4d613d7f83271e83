"""cognito_user on the local cloud, with users who signed up as a browser client's server lets them: unsigned."""

from __future__ import annotations

import botocore
import pytest

MODULE = "lks.llm.cognito_user"
PASSWORD = "Correct-1-horse"


@pytest.fixture
def pool(module_cloud, request):
    cognito = module_cloud.client("cognito-idp", "us-east-1")
    name = f"users-{request.node.name}"[:100].replace("[", "-").replace("]", "")
    made = cognito.create_user_pool(
        PoolName=name,
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
        Schema=[{"Name": "name", "Required": True, "Mutable": True}],
    )["UserPool"]
    client = cognito.create_user_pool_client(
        UserPoolId=made["Id"],
        ClientName="web",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    return {"id": made["Id"], "name": name, "client": client}


@pytest.fixture
def browser(module_cloud):
    import boto3

    return boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{module_cloud.port}",
        config=botocore.config.Config(signature_version=botocore.UNSIGNED),
    )


def sign_up(browser, pool, email):
    browser.sign_up(
        ClientId=pool["client"],
        Username=email,
        Password=PASSWORD,
        UserAttributes=[{"Name": "name", "Value": "A user"}],
    )


def sign_in(browser, pool, email):
    parameters = {"USERNAME": email, "PASSWORD": PASSWORD}
    return browser.initiate_auth(ClientId=pool["client"], AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)


def test_a_user_is_confirmed_once_and_can_then_sign_in(modules, browser, pool):
    sign_up(browser, pool, "user@example.com")
    with pytest.raises(browser.exceptions.UserNotConfirmedException):
        sign_in(browser, pool, "user@example.com")

    asked = {"user_pool_name": pool["name"], "email": "user@example.com", "email_verified": True}
    confirmed = modules.lifecycle(MODULE, **asked)
    assert confirmed["user"]["status"] == "CONFIRMED"
    tokens = sign_in(browser, pool, "user@example.com")["AuthenticationResult"]
    attributes = {
        item["Name"]: item["Value"] for item in browser.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    }
    assert attributes["email_verified"] == "true"
    assert attributes["name"] == "A user"

    modules.lifecycle(MODULE, **{**asked, "email_verified": None}, state="absent")


def test_an_address_that_nobody_signed_up_with_is_refused(modules, browser, pool):
    sign_up(browser, pool, "user@example.com")
    for address in ("other@example.com", 'a"="b@example.com'):
        refused = modules(MODULE, user_pool_id=pool["id"], email=address)
        assert refused["failed"]
        assert f"Nobody signed up with {address}" in refused["msg"]
        assert not modules(MODULE, user_pool_id=pool["id"], email=address, state="absent")["changed"]


def test_a_missing_pool_a_malformed_address_and_a_user_made_by_others_are_refused(modules, module_cloud, pool):
    assert "There is no user pool nowhere" in modules(MODULE, user_pool_name="nowhere", email="a@example.com")["msg"]
    assert "is no e-mail address" in modules(MODULE, user_pool_name=pool["name"], email="nobody")["msg"]
    cognito = module_cloud.client("cognito-idp", "us-east-1")
    cognito.admin_create_user(UserPoolId=pool["id"], Username="invited@example.com")
    refused = modules(MODULE, user_pool_id=pool["id"], email="invited@example.com")
    assert "FORCE_CHANGE_PASSWORD" in refused["msg"]
