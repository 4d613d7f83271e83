"""A client that was made ahead is as the module would have made it, is handed out once, and never where anything differs."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.amazon.aws.plugins.module_utils import botocore as connections
from ansible_collections.lks.llm.plugins.plugin_utils import warm_clients

ARGUMENTS = {"region": "us-west-2", "endpoint": None, "aws_access_key_id": None, "aws_secret_access_key": None}


@pytest.fixture
def around(tmp_path):
    """The environment and the folder of modules, with configuration files of their own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {"environment": environment, "folder": str(tmp_path)}


@pytest.fixture
def clients(monkeypatch):
    monkeypatch.setattr(connections, "_boto3_conn", connections._boto3_conn)  # put back at the end
    return warm_clients.start(connections)


@pytest.fixture
def module(clients, monkeypatch):
    """Does what the process of a module does: is somewhere, asks for something, and says at its end what it had to make."""

    def run(order, ask):
        clients.begin(clients.remember(order))
        with monkeypatch.context() as patched:
            for name in os.environ:
                patched.delenv(name)
            for name, value in order["environment"].items():
                patched.setenv(name, value)
            patched.chdir(order["folder"])
            answer = ask()
            wishes = clients.wishes()
        before = dict(os.environ), os.getcwd()  # noqa: PTH109 - what is compared is the folder itself
        for wish in wishes:
            clients.fulfil(wish)
        assert (dict(os.environ), os.getcwd()) == before  # noqa: PTH109
        return answer, wishes

    return run


def connect(service="sqs", **other):
    return connections._boto3_conn(conn_type="client", resource=service, **{**ARGUMENTS, **other})


def described(client):
    credentials = client._get_credentials()
    return {
        "region": client.meta.region_name,
        "endpoint": client.meta.endpoint_url,
        "agent": client.meta.config.user_agent,
        "keys": (credentials.access_key, credentials.secret_key, credentials.token),
        "retries": client.meta.config.retries,
    }


def test_what_was_asked_for_is_made_ahead_and_handed_out_once(module, around):
    first, wishes = module(around, connect)
    assert len(wishes) == 1
    second, wishes = module(around, connect)
    assert wishes == []
    third, wishes = module(around, connect)  # nobody has made another: in the helper what it has is never used up
    assert len(wishes) == 1
    assert len({id(each) for each in (first, second, third)}) == 3
    assert described(second) == described(first)
    assert described(second)["keys"] == ("key", "secret", None)
    assert described(second)["endpoint"] == "https://sqs.us-west-2.amazonaws.com"
    assert "Ansible/" in described(second)["agent"]


def test_as_many_as_one_module_wants_are_made(module, around):
    module(around, lambda: [connect(), connect()])
    both, wishes = module(around, lambda: [connect(), connect()])
    assert wishes == []
    assert both[0] is not both[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda order: order["environment"].update(AWS_ACCESS_KEY_ID="another"),
        lambda order: order["environment"].update(AWS_ENDPOINT_URL="http://127.0.0.1:1"),
        lambda order: order.update(folder="/"),
    ],
    ids=["credentials", "endpoint", "folder"],
)
def test_other_surroundings_have_other_clients(module, around, change):
    module(around, connect)
    module(around, connect)
    other = {"environment": dict(around["environment"]), "folder": around["folder"]}
    change(other)
    client, wishes = module(other, connect)
    assert len(wishes) == 1
    assert described(client)["keys"][0] == other["environment"]["AWS_ACCESS_KEY_ID"]
    assert client.meta.endpoint_url == other["environment"].get(
        "AWS_ENDPOINT_URL", "https://sqs.us-west-2.amazonaws.com"
    )


@pytest.mark.parametrize(
    "other", [{"region": "us-east-1"}, {"aws_access_key_id": "mine", "aws_secret_access_key": "x"}]
)
def test_other_arguments_have_other_clients(module, around, other):
    for _ in range(2):
        module(around, connect)
    client, wishes = module(around, lambda: connect(**other))
    assert len(wishes) == 1
    assert client.meta.region_name == other.get("region", "us-west-2")
    assert described(client)["keys"][0] == other.get("aws_access_key_id", "key")


def test_another_collection_calls_itself_otherwise(module, around, monkeypatch):
    module(around, connect)
    module(around, connect)
    monkeypatch.setattr(connections, "_get_user_agent_string", lambda: "of another")
    for _ in range(3):
        client, _wishes = module(around, connect)
        assert described(client)["agent"].startswith("of another")


def test_configuration_that_was_written_meanwhile_counts(module, around, tmp_path):
    module(around, connect)
    module(around, connect)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[default]\nmax_attempts = 7\n")
    client, wishes = module(around, connect)
    assert len(wishes) == 1
    assert described(client)["retries"]["total_max_attempts"] == 7


@pytest.mark.parametrize(
    "config",
    [
        'credential_process = sh -c \'date +%s%N >> asked; echo {\\"Version\\": 1, \\"AccessKeyId\\": \\"a\\", \\"SecretAccessKey\\": \\"b\\"}\'',
        "role_arn = arn:aws:iam::123456789012:role/Example\nsource_profile = other",
    ],
    ids=["of a process", "of a role"],
)
def test_credentials_that_may_change_are_asked_for_each_time(module, around, tmp_path, config):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(
        f"[profile it]\n{config}\n[profile other]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    for _ in range(3):
        client, wishes = module(around, lambda: connect(profile_name="it"))
        assert client.meta.region_name == "us-west-2"
        assert wishes == []


def test_only_the_newest_surroundings_are_kept(module, clients, around):
    module(around, connect)
    module(around, connect)
    assert clients.ahead
    for number in range(warm_clients.SURROUNDINGS):
        clients.remember({"environment": {"NUMBER": str(number)}, "folder": "/"})
    assert len(clients.around) == warm_clients.SURROUNDINGS
    assert not clients.ahead


def test_another_amazon_aws_is_left_alone():
    other = SimpleNamespace(_boto3_conn=lambda service: service, _get_user_agent_string=None)
    assert warm_clients.start(other) is None
