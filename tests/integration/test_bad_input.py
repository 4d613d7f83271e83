"""Bad input is refused before anything is created, by a message that names the variable, its value and what to write instead."""

from __future__ import annotations

import json

import pytest

A = {"zone_region": "us-east-1", "zone_cidr": "172.32.0.0/23"}
B = {"zone_region": "us-west-2", "zone_cidr": "10.10.0.0/23"}


def refused(cloud, *arguments: str) -> str:
    """Runs site.yml, expects it to fail without one mutating call, and returns what it printed in one line."""
    run = cloud.play("site.yml", *arguments, run="refused")
    assert run.returncode != 0, run.output[-3000:]
    assert sum(cloud.requests("refused")["writes"].values()) == 0
    return " ".join(run.output.split())


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_cidr": "172.32.1.0/24"}}, ["zone_cidr", "172.32.1.0/24"], id="too small"
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_cidr": "172.32.0.0/20"}},
            ["zone_cidr of zone-b (172.32.0.0/20) overlaps that of zone-a (172.32.0.0/23)", "such as 10.20.0.0/23"],
            id="overlap",
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_cidr": "10.10.1.0/23"}},
            ["zone_cidr", "10.10.1.0/23", "10.10.0.0/23"],
            id="host bits",
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_cidr": "ten"}}, ["zone_cidr", "'ten'", "/16 to /23"], id="not a network"
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {"zone_region": "us-west-2"}}, ["zone_cidr ''", "in the inventory"], id="no CIDR"
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_region": "us-east-1"}},
            ["both in us-east-1", "zone_region"],
            id="one region twice",
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_region": "us-east-1", "zone_name": "zone-a"}},
            ["both called 'zone-a' in us-east-1", "another zone_name"],
            id="same names in one region",
        ),
        pytest.param(
            {"zone-a": A, "zone-b": {**B, "zone_region": "xx-nowhere-1"}},
            ["'xx-nowhere-1'", "does not have"],
            id="unknown region",
        ),
        pytest.param(
            {"zone-a": A, "zone-b-with-a-rather-long-name": B},
            ["32", "Shorten project_prefix", "zone-b-with-a-rather-long-name"],
            id="long zone",
        ),
    ],
)
def test_zones_that_cannot_work_are_refused(empty_cloud, inventory, zones, expected):
    said = refused(empty_cloud, "-i", inventory(zones))
    for words in expected:
        assert words in said


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param(
            {"project_prefix": "a-very-long-prefix"},
            ["project_prefix is 'a-very-long-prefix'", "such as 'lks'"],
            id="prefix",
        ),
        pytest.param(
            {"worker_instance_type": "t2.enormous"},
            ["t2.enormous", "worker_instance_type", "such as t2.large"],
            id="instance type",
        ),
        pytest.param(
            {"worker_kinds": [{"name": "painting", "paths": ["/api/*"], "priority": 10}]},
            ["'painting'", "one of llm, scoring, chat"],
            id="kind",
        ),
        pytest.param(
            {"client_repository": "git@example.com:x"},
            ["client_repository", "https://github.com/example/client"],
            id="repository",
        ),
        pytest.param({"project_role": "NoSuchRole"}, ["'NoSuchRole' (project_role)", "creates none"], id="role"),
        pytest.param(
            {"project_instance_profile": "NoSuchProfile"},
            ["'NoSuchProfile' (project_instance_profile)"],
            id="instance profile",
        ),
    ],
)
def test_variables_that_cannot_work_are_refused(empty_cloud, variables, expected):
    said = refused(empty_cloud, "-e", json.dumps(variables))
    for words in expected:
        assert words in said


def test_expired_credentials_are_named(empty_cloud):
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{empty_cloud.port}",
        "AWS_ACCESS_KEY_ID": "ASIAEXPIRED",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-past-session",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    said = refused(empty_cloud, "-e", json.dumps({"cloud_environment": environment}))
    assert "does not accept the credentials" in said
    assert "ExpiredToken" in said
    assert "AWS_SESSION_TOKEN" in said


def test_missing_credentials_are_named(empty_cloud):
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{empty_cloud.port}",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    said = refused(empty_cloud, "-e", json.dumps({"cloud_environment": environment}))
    assert "does not accept the credentials" in said
    assert "Export AWS_ACCESS_KEY_ID" in said


def test_a_learner_accounts_limit_is_warned_of_and_nothing_more(empty_cloud):
    variables = {"cloud_is_borrowed": True, "worker_per_availability_zone": 2}
    run = empty_cloud.play("playbooks/preflight.yml", "-e", json.dumps(variables)).must_succeed()
    said = " ".join(run.output.split())
    assert "zone-a needs 13 instances; a learner account runs at most 9 in a region" in said
