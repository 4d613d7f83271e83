"""Each rule of Amplify refuses what AWS refuses, and lets pass what AWS takes; a build fails where AWS's does."""

from __future__ import annotations

import pytest

from localcloud import rules
from localcloud.rules import amplify as amplify_rules
from localcloud.services.amplify import amplify_backends, build_fault

ACCOUNT, REGION = "111122223333", "us-east-1"


@pytest.fixture(autouse=True)
def backend():
    backend = amplify_backends[ACCOUNT][REGION]
    yield backend
    backend.reset()


def ask(operation, **parameters):
    rules.enforce(rules.Call("amplify", operation, parameters, REGION, ACCOUNT))


def refused(operation, **parameters):
    with pytest.raises(rules.Refusal) as caught:
        ask(operation, **parameters)
    return f"{caught.value.code}: {caught.value.message}"


def test_a_repository_needs_a_token():
    assert "one valid token" in refused("CreateApp", name="a", repository="https://github.com/a/b")
    ask("CreateApp", name="a", repository="https://github.com/a/b", accessToken="t")
    ask("CreateApp", name="a", repository="https://git-codecommit.us-east-1.amazonaws.com/v1/repos/b")
    ask("CreateApp", name="a")


def test_names_that_begin_with_aws_are_reserved():
    assert "reserved prefix AWS: AWS_KEY" in refused("UpdateBranch", appId="d1", environmentVariables={"AWS_KEY": "x"})
    ask("UpdateBranch", appId="d1", environmentVariables={"KEY": "x"})


def test_roles_are_of_the_same_account():
    other = "arn:aws:iam::444455556666:role/LabRole"
    assert "Cross-account" in refused("CreateApp", name="a", iamServiceRoleArn=other)
    ask("CreateApp", name="a", iamServiceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/LabRole")


def test_quotas(backend):
    for number in range(amplify_rules.APPS):
        app = backend.create_app({"name": f"a{number}"})
    assert "LimitExceededException" in refused("CreateApp", name="one more")
    for number in range(amplify_rules.BRANCHES):
        backend.create_branch({"appId": app.id, "branchName": f"b{number}"})
    assert "LimitExceededException" in refused("CreateBranch", appId=app.id, branchName="one more")


@pytest.mark.parametrize(
    ("spec", "root", "word"),
    [
        ("", "web", ""),
        ("version: 1\nfrontend: {}", None, ""),
        ("version: 1\napplications: [{appRoot: web}]", "web", ""),
        ("a: [", None, "not valid YAML"),
        ("text", None, "is invalid"),
        ("version: 1\nfrontend: {}", "web", '"applications" key'),
        ("version: 1\napplications: [{appRoot: web}]", None, "AMPLIFY_MONOREPO_APP_ROOT"),
    ],
)
def test_a_build_needs_a_specification_that_fits(spec, root, word):
    fault = build_fault(spec, {"AMPLIFY_MONOREPO_APP_ROOT": root} if root else {})
    assert (word in fault) if word else fault == ""


def test_only_a_connected_app_is_built(backend):
    app = backend.create_app({"name": "a"})
    backend.create_branch({"appId": app.id, "branchName": "main"})
    with pytest.raises(Exception, match=r"not connected to a repository"):
        backend.start_job({"appId": app.id, "branchName": "main", "jobType": "RELEASE"})
    with pytest.raises(Exception, match=r"issue setting up your repository"):
        backend.update_app({"appId": app.id, "repository": "https://github.com/a/b"})
