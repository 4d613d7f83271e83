"""Each rule of Cognito refuses what AWS refuses, and lets pass what AWS takes."""

from __future__ import annotations

import pytest
from moto.cognitoidp.models import cognitoidp_backends

from localcloud import rules
from localcloud.rules import cognito as _cognito_rules  # noqa: F401  registers the rules
from localcloud.services import cognito as service

ACCOUNT, REGION = "111122223333", "us-east-1"


@pytest.fixture(autouse=True)
def backend():
    service.install()
    backend = cognitoidp_backends[ACCOUNT][REGION]
    yield backend
    backend.reset()


@pytest.fixture
def pool(backend):
    return backend.create_user_pool(
        "users",
        {
            "UsernameAttributes": ["email"],
            "Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireUppercase": True, "RequireSymbols": True}},
            "Schema": [
                {"Name": "name", "Required": True, "Mutable": True},
                {"Name": "nickname", "Mutable": False},
            ],
        },
    )


@pytest.fixture
def client(backend, pool):
    return backend.create_user_pool_client(pool.id, False, {"ClientName": "web"}).id


def ask(operation, **parameters):
    rules.enforce(rules.Call("cognito-idp", operation, parameters, REGION, ACCOUNT))


def refused(operation, **parameters):
    with pytest.raises(rules.Refusal) as caught:
        ask(operation, **parameters)
    return f"{caught.value.code}: {caught.value.message}"


def test_a_pool_has_aliases_or_user_name_attributes():
    assert "Only one of" in refused("CreateUserPool", AliasAttributes=["email"], UsernameAttributes=["email"])
    ask("CreateUserPool", UsernameAttributes=["email"])


def test_a_second_factor_needs_a_way():
    assert "MFA is required" in refused("CreateUserPool", MfaConfiguration="ON")
    ask("CreateUserPool", MfaConfiguration="OFF")


def test_a_protected_pool_and_one_with_a_domain_are_not_deleted(backend, pool):
    ask("DeleteUserPool", UserPoolId=pool.id)
    backend.create_user_pool_domain(pool.id, "example")
    assert "has a domain" in refused("DeleteUserPool", UserPoolId=pool.id)
    backend.update_user_pool(pool.id, {"DeletionProtection": "ACTIVE"})
    assert "deletion protection is activated" in refused("DeleteUserPool", UserPoolId=pool.id)


@pytest.mark.parametrize(
    ("token", "value", "unit"),
    [
        ("IdToken", 4, "minutes"),
        ("AccessToken", 86401, "seconds"),
        ("RefreshToken", 59, "minutes"),
        ("RefreshToken", 3651, "days"),
    ],
)
def test_tokens_live_within_limits(pool, token, value, unit):
    given = {f"{token}Validity": value, "TokenValidityUnits": {token: unit}, "UserPoolId": pool.id}
    assert "Invalid range for token validity." in refused("CreateUserPoolClient", **given)


def test_tokens_at_their_limits_are_taken_unless_they_outlive_the_refresh_token(pool):
    given = {"UserPoolId": pool.id, "IdTokenValidity": 5, "AccessTokenValidity": 24, "RefreshTokenValidity": 3650}
    ask("UpdateUserPoolClient", **given, TokenValidityUnits={"IdToken": "minutes"})
    short = {"RefreshTokenValidity": 2, "TokenValidityUnits": {"RefreshToken": "hours"}}
    assert "Invalid range" in refused("UpdateUserPoolClient", UserPoolId=pool.id, IdTokenValidity=3, **short)


def test_flows_are_of_one_kind(pool):
    mixed = ["ALLOW_REFRESH_TOKEN_AUTH", "USER_PASSWORD_AUTH"]
    assert "only allow or only legacy" in refused("CreateUserPoolClient", UserPoolId=pool.id, ExplicitAuthFlows=mixed)


def test_a_client_reads_known_attributes_and_writes_the_required_ones(pool):
    ask("CreateUserPoolClient", UserPoolId=pool.id, ReadAttributes=["name"], WriteAttributes=["name", "email"])
    assert "Invalid read" in refused("CreateUserPoolClient", UserPoolId=pool.id, ReadAttributes=["custom:x"])
    assert "Invalid write" in refused("CreateUserPoolClient", UserPoolId=pool.id, WriteAttributes=["email"])


def sign_up(client, password="Passw0rd!", **attributes):
    given = [{"Name": name, "Value": value} for name, value in attributes.items()]
    return {"ClientId": client, "Username": "a@example.com", "Password": password, "UserAttributes": given}


def test_who_signs_up_gives_what_is_required(client):
    ask("SignUp", **sign_up(client, name="A"))
    assert "InvalidParameterException" in refused("SignUp", **sign_up(client))
    assert "name: The attribute name is required" in refused("SignUp", **sign_up(client, name=""))


@pytest.mark.parametrize(
    ("password", "fault"), [("Short1!", "long enough"), ("no-capital", "uppercase"), ("NoSymbols1", "symbol")]
)
def test_who_signs_up_keeps_to_the_password_policy(client, password, fault):
    assert refused("SignUp", **sign_up(client, password, name="A")).startswith("InvalidPasswordException")
    assert fault in refused("SignUp", **sign_up(client, password, name="A"))


def test_a_closed_pool_lets_nobody_sign_up(backend, pool, client):
    backend.update_user_pool(pool.id, {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}})
    assert "SignUp is not permitted" in refused("SignUp", **sign_up(client, name="A"))


def test_a_user_is_confirmed_once_and_keeps_immutable_attributes(backend, pool, client):
    user, _ = backend.sign_up(client, "a@example.com", "Passw0rd!", [{"Name": "name", "Value": "A"}])
    ask("AdminConfirmSignUp", UserPoolId=pool.id, Username=user.username)
    backend.admin_confirm_sign_up(pool.id, user.username)
    assert "Current status is CONFIRMED" in refused("AdminConfirmSignUp", UserPoolId=pool.id, Username=user.username)

    def change(name):
        return {"UserPoolId": pool.id, "Username": user.username, "UserAttributes": [{"Name": name, "Value": "x"}]}

    ask("AdminUpdateUserAttributes", **change("name"))
    assert "cannot be updated" in refused("AdminUpdateUserAttributes", **change("nickname"))
    assert "does not exist" in refused("AdminUpdateUserAttributes", **change("custom:none"))


def test_tokens_carry_what_their_client_says(backend, pool):
    from joserfc import jwt

    client = backend.create_user_pool_client(
        pool.id,
        False,
        {
            "ClientName": "web",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
            "PreventUserExistenceErrors": "ENABLED",
            "IdTokenValidity": 10,
            "TokenValidityUnits": {"IdToken": "minutes"},
        },
    ).id
    user, _ = backend.sign_up(client, "a@example.com", "Passw0rd!", [{"Name": "name", "Value": "A"}])
    backend.admin_confirm_sign_up(pool.id, user.username)
    credentials = {"USERNAME": "a@example.com", "PASSWORD": "Passw0rd!"}
    answer = backend.initiate_auth(client, "USER_PASSWORD_AUTH", credentials)["AuthenticationResult"]
    claims = jwt.decode(answer["IdToken"], pool.json_web_key).claims
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["sub"], claims["name"], claims["email"]) == (user.id, "A", "a@example.com")
    assert answer["ExpiresIn"] == 3600

    unknown = {**credentials, "USERNAME": "b@example.com"}
    with pytest.raises(Exception, match=r"Incorrect username or password"):
        backend.initiate_auth(client, "USER_PASSWORD_AUTH", unknown)
    with pytest.raises(Exception, match=r"flow not enabled"):
        backend.initiate_auth(client, "USER_SRP_AUTH", {**credentials, "SRP_A": "1"})
