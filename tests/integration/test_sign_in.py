"""Sign-in and the client app: without a source, with one, confirmed users, and accounts that refuse Cognito or Amplify."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from ..ports import free_port
from .playbooks import ROOT, Cloud

REGION = "us-east-1"
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ"
SOURCE = {"client_repository": "https://github.com/example/client", "vault_client_access_token": TOKEN}
# What the layers before these two leave behind.
BEFORE = {
    "preflight_caller": {"account": "123456789012"},
    "api": {"id": "a1b2c3d4e5"},
}
LAYERS = f"""
- name: Let users sign in
  ansible.builtin.import_playbook: {ROOT}/playbooks/sign_in.yml
- name: Deploy the client
  ansible.builtin.import_playbook: {ROOT}/playbooks/client.yml
- name: Tell
  connection: local
  hosts: home
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
  tasks:
    - name: Tell what is left out
      ansible.builtin.copy:
        content: "{{{{ site_left_out | default([]) | to_json }}}}"
        dest: "{{{{ lookup('ansible.builtin.env', 'LEFT_OUT') }}}}"
        mode: "0600"
      changed_when: false
      check_mode: false
"""


class SignIn:
    """The two layers on a cloud of their own, one after the other as in site.yml."""

    def __init__(self, home: Path, deny: str = "") -> None:
        self.cloud = Cloud(free_port(), home / "cloud")
        self.cloud.environment["LOCALCLOUD_DENY"] = deny
        self.told = home / "left-out.json"
        self.cloud.environment["LEFT_OUT"] = str(self.told)
        self.playbook = home / "layers.yml"
        self.playbook.write_text(LAYERS)
        started = self.cloud.command("start", f"--port={self.cloud.port}")
        assert started.returncode == 0, started.stderr

    def play(self, run: str, *arguments: str, **variables):
        self.cloud.begin(run)
        given = json.dumps({**BEFORE, **variables})
        return self.cloud.play(str(self.playbook), "-e", given, *arguments).must_succeed()

    def left_out(self) -> list[dict[str, str]]:
        """What the last run said is left out."""
        return json.loads(self.told.read_text())

    def writes(self, run: str) -> dict[str, int]:
        return self.cloud.requests(run)["writes"]


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    layers = SignIn(tmp_path_factory.mktemp("sign-in"))
    yield layers
    layers.cloud.stop()


@pytest.fixture
def refusing(tmp_path):
    made = []

    def make(deny: str) -> SignIn:
        made.append(SignIn(tmp_path, deny))
        return made[-1]

    yield make
    for layers in made:
        layers.cloud.stop()


def test_a_preview_of_an_empty_account_changes_nothing(layers):
    preview = layers.play("empty", "--check", "--diff", **SOURCE)
    assert {"Create the user pool", "Create the client", "Create the app"} <= {task for task, _, _ in preview.changed}
    assert layers.writes("empty") == {}
    assert TOKEN not in preview.output


def test_without_a_source_all_but_the_build_is_deployed_and_the_run_says_what_is_missing(layers):
    layers.play("bare")
    assert [item["why"] for item in layers.left_out()] == ["client_repository is empty"]
    amplify = layers.cloud.client("amplify", REGION)
    app = amplify.list_apps()["apps"][0]
    assert (app["name"], app["repository"]) == ("lks-client", "")
    assert amplify.list_branches(appId=app["appId"])["branches"] == []
    assert layers.play("bare again").changed == set()
    assert layers.writes("bare again") == {}


def test_with_a_source_the_client_is_built_with_what_was_deployed_and_no_secret_is_shown(layers):
    run = layers.play("built", "-vvv", "--diff", **SOURCE, client_wait_for_build=True)
    amplify, cognito = layers.cloud.client("amplify", REGION), layers.cloud.client("cognito-idp", REGION)
    app = amplify.list_apps()["apps"][0]
    branch = amplify.get_branch(appId=app["appId"], branchName="main")["branch"]
    pool = cognito.list_user_pools(MaxResults=10)["UserPools"][0]["Id"]
    client = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=10)["UserPoolClients"][0]["ClientId"]

    environment = dict(app["environmentVariables"])
    secret = environment.pop("AUTH_SECRET")
    assert environment == {
        "AMPLIFY_MONOREPO_APP_ROOT": "client-apps",
        "NEXT_PUBLIC_API_GATEWAY_URL": f"http://127.0.0.1:{layers.cloud.port + 1}/execute-api/a1b2c3d4e5/v1",
        "NEXT_PUBLIC_COGNITO_CLIENT_ID": client,
        "NEXT_PUBLUC_COGNITO_ID_TOKEN_EXPIRED": "60",
    }
    assert branch["environmentVariables"] == {"AUTH_URL": f"https://main.{app['defaultDomain']}"}
    jobs = amplify.list_jobs(appId=app["appId"], branchName="main")["jobSummaries"]
    assert [job["status"] for job in jobs] == ["SUCCEED"]
    assert len(secret) >= 32
    assert layers.left_out() == []
    log = layers.cloud.home / str(layers.cloud.port) / "server.log"
    for text in (run.output, log.read_text(errors="replace")):
        assert TOKEN not in text
        assert secret not in text


def test_a_second_run_changes_nothing_in_earnest_and_in_preview(layers):
    assert layers.play("second", **SOURCE).changed == set()
    assert layers.writes("second") == {}
    assert layers.play("preview", "--check", "--diff", **SOURCE).changed == set()
    assert layers.writes("preview") == {}


def test_another_setting_is_built_again(layers):
    run = layers.play("another", **SOURCE, api={"id": "f6g7h8i9j0"})
    assert {task for task, _, _ in run.changed} == {
        "Create the app",
        "Create the branch and build it where something changed",
    }


def test_a_user_who_signed_up_is_confirmed_once(layers):
    import boto3

    cognito = layers.cloud.client("cognito-idp", REGION)
    pool = cognito.list_user_pools(MaxResults=10)["UserPools"][0]["Id"]
    client = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=10)["UserPoolClients"][0]["ClientId"]
    browser = boto3.client(
        "cognito-idp",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{layers.cloud.port}",
        config=botocore.config.Config(signature_version=botocore.UNSIGNED),
    )
    given = {"ClientId": client, "Username": "user@example.com"}
    with pytest.raises(browser.exceptions.InvalidPasswordException):
        browser.sign_up(**given, Password="password", UserAttributes=[{"Name": "name", "Value": "User"}])
    with pytest.raises(browser.exceptions.InvalidParameterException, match="name"):
        browser.sign_up(**given, Password="Passw0rd!")
    browser.sign_up(**given, Password="Passw0rd!", UserAttributes=[{"Name": "name", "Value": "User"}])

    for email, said in (
        ("nobody@example.com", "Nobody signed up with nobody@example.com"),
        ("nobody", "email is 'nobody'. Say whom to confirm"),
        ("", "email is ''. Say whom to confirm"),
    ):
        refused = layers.cloud.play("playbooks/confirm.yml", "-e", f"email={email}")
        assert refused.returncode != 0
        assert said in " ".join(refused.output.split())

    confirmed = layers.cloud.play("playbooks/confirm.yml", "-e", "email=user@example.com").must_succeed()
    assert confirmed.changed == {("Confirm the user", "zone-a", None)}
    tokens = browser.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "user@example.com", "PASSWORD": "Passw0rd!"},
    )["AuthenticationResult"]
    assert tokens["ExpiresIn"] == 3600
    refreshed = browser.initiate_auth(
        ClientId=client,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )
    assert refreshed["AuthenticationResult"]["IdToken"]
    assert layers.cloud.play("playbooks/confirm.yml", "-e", "email=user@example.com").must_succeed().changed == set()


def test_an_account_that_refuses_amplify_still_gets_sign_in(refusing):
    layers = refusing("amplify")
    layers.play("no amplify", **SOURCE)
    (said,) = layers.left_out()
    assert said["what"] == "The client app"
    assert "not authorized to perform: amplify:ListApps" in said["why"]
    assert said["remedy"] == "Use an account that allows Amplify and run again."
    assert layers.cloud.client("cognito-idp", REGION).list_user_pools(MaxResults=10)["UserPools"]


def test_an_account_that_refuses_cognito_is_told_what_is_left_out(refusing):
    layers = refusing("cognito-idp")
    layers.play("no cognito", **SOURCE)
    (said,) = layers.left_out()
    assert said["what"] == "Sign-in, API and client"
    assert "not authorized to perform: cognito-idp:ListUserPools" in said["why"]
    assert layers.cloud.client("amplify", REGION).list_apps()["apps"] == []
