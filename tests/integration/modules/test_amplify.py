"""amplify_app and amplify_branch on the local cloud."""

from __future__ import annotations

import json

import pytest

APP, BRANCH = "lks.llm.amplify_app", "lks.llm.amplify_branch"
TOKEN, SECRET = "ghp_0123456789abcdefghij", "a-session-secret-of-some-length"
REPOSITORY = "https://github.com/example/shop"
SPEC = "version: 1\napplications:\n  - appRoot: web\n    frontend: {}\n"


def app_of(name, **more):
    return {
        "name": name,
        "description": "A shop",
        "repository": REPOSITORY,
        "access_token": TOKEN,
        "platform": "WEB_COMPUTE",
        "iam_service_role_arn": "arn:aws:iam::123456789012:role/LabRole",
        "build_spec": SPEC,
        "environment_variables": {"AMPLIFY_MONOREPO_APP_ROOT": "web", "MINUTES": 60},
        "secret_environment_variables": {"SESSION_SECRET": SECRET},
        "tags": {"Project": "test"},
        **more,
    }


@pytest.fixture
def amplify(module_cloud):
    return module_cloud.client("amplify", "us-east-1")


def test_an_app_is_made_kept_repaired_and_removed(modules, amplify):
    made = modules.lifecycle(APP, **app_of("shop"))
    app = made["app"]
    assert app["environment_variables"] == ["AMPLIFY_MONOREPO_APP_ROOT", "MINUTES", "SESSION_SECRET"]

    amplify.update_app(appId=app["app_id"], environmentVariables={"MINUTES": "5"}, platform="WEB")
    repaired = modules.lifecycle(APP, **app_of("shop"))
    assert set(repaired["diff"]["after"]) == {"platform", "environmentVariables"}
    assert repaired["diff"]["after"]["environmentVariables"]["MINUTES"] == "another value"
    known = amplify.get_app(appId=app["app_id"])["app"]
    assert known["environmentVariables"]["SESSION_SECRET"] == SECRET
    assert known["environmentVariables"]["MINUTES"] == "60"

    told = json.dumps([made, repaired])
    assert TOKEN not in told
    assert SECRET not in told
    modules.lifecycle(APP, name="shop", state="absent")


def test_an_app_without_a_repository_is_connected_later_but_not_once_it_has_a_branch(modules, amplify):
    bare = {key: value for key, value in app_of("later").items() if key not in ("repository", "access_token")}
    modules.lifecycle(APP, **bare)
    refused = modules(APP, **bare, repository=REPOSITORY)
    assert "give access_token" in refused["msg"]
    connected = modules.lifecycle(APP, **app_of("later"))
    assert connected["app"]["repository"] == REPOSITORY

    amplify.create_branch(appId=connected["app"]["app_id"], branchName="main")
    refused = modules(APP, **app_of("later", repository="https://github.com/example/other"))
    assert refused["failed"]
    assert "delete the branches" in refused["msg"]
    assert TOKEN not in json.dumps(refused)

    assert modules(APP, **app_of("later", renew_access=True))["changed"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"environment_variables": {"AWS_KEY": "x"}}, "which Amplify reserves"),
        ({"environment_variables": {"1": "x"}}, "no name of an environment variable"),
        ({"environment_variables": {"SESSION_SECRET": "x"}}, "and in secret_environment_variables"),
        ({"repository": "example/shop"}, "use its HTTPS address"),
        ({"repository": None}, "repository"),
    ],
)
def test_nonsense_is_refused_before_any_call(modules, arguments, word):
    refused = modules(APP, **app_of("nonsense", **arguments))
    assert refused["failed"]
    assert word in refused["msg"]


def test_a_branch_is_built_once_and_again_when_its_app_changes(modules, amplify):
    app_id = modules(APP, **app_of("built"))["app"]["app_id"]
    branch = {
        "app_id": app_id,
        "name": "main",
        "stage": "PRODUCTION",
        "framework": "Next.js - SSR",
        "environment_variables": {"PUBLIC_URL": "https://main.example.com"},
        "build": "changed",
        "wait": True,
        "tags": {"Project": "test"},
    }
    made = modules.lifecycle(BRANCH, **branch)
    assert made["job"] == {"job_id": "1", "status": "SUCCEED"}
    assert made["url"] == f"https://main.{app_id}.amplifyapp.com"

    modules(APP, **app_of("built", description="Another shop"))
    again = modules.lifecycle(BRANCH, **branch)
    assert again["job"]["job_id"] == "2"
    drifted = modules(
        BRANCH, **{**branch, "environment_variables": {"PUBLIC_URL": "https://example.com"}, "build": "missing"}
    )
    assert drifted["changed"]
    assert drifted["job"]["job_id"] == "2"

    modules.lifecycle(BRANCH, app_id=app_id, name="main", state="absent")
    assert amplify.list_branches(appId=app_id)["branches"] == []


def test_a_build_that_fails_says_where_and_why_and_is_built_again(modules):
    app_id = modules(APP, **app_of("fails", build_spec="version: 1\nfrontend: {}\n"))["app"]["app_id"]
    branch = {"app_id": app_id, "name": "feature/cart", "wait": True}
    failed = modules(BRANCH, **branch)
    assert failed["failed"]
    assert "in step BUILD" in failed["msg"]
    assert '"applications" key' in failed["msg"]
    assert "log: https://" in failed["msg"]

    modules(APP, **app_of("fails"))
    mended = modules(BRANCH, **branch)
    assert mended["job"] == {"job_id": "2", "status": "SUCCEED"}
    assert mended["url"].startswith("https://feature-cart.")
    modules.unchanged(BRANCH, **branch)


def test_an_app_that_does_not_exist_yet_is_a_change_in_check_mode_and_an_error_otherwise(modules):
    preview = modules(BRANCH, app_id="", name="main", check_mode=True)
    assert preview["changed"]
    assert preview["url"] == ""
    assert "app_id must not be empty" in modules(BRANCH, app_id="", name="main")["msg"]
    assert "There is no Amplify app dabc" in modules(BRANCH, app_id="dabc", name="main")["msg"]
    assert "no name of a Git branch" in modules(BRANCH, app_id="dabc", name="a..b")["msg"]
