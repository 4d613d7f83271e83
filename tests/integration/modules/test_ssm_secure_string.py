"""ssm_secure_string on the local cloud."""

from __future__ import annotations

from .runner import REGION

MODULE = "lks.llm.ssm_secure_string"
NAME = "/example/database/password"
TAGS = {"Project": "example", "Name": NAME}


def test_a_secret_is_generated_once_and_kept(modules):
    ssm = modules.cloud.client("ssm", REGION)
    arguments = {"name": NAME, "length": 40, "exclude_characters": "/@\"'\\ ", "return_value": True}

    preview = modules(MODULE, check_mode=True, **arguments)
    created = modules.lifecycle(MODULE, **arguments, description="First", tags=TAGS)
    value = created["value"]
    assert len(value) == 40
    assert not set("/@\"'\\ ") & set(value)
    assert value != preview["value"]
    assert value not in str(created["diff"])

    stored = ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]
    assert (stored["Type"], stored["Value"], stored["ARN"]) == ("SecureString", value, created["arn"])
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] != value

    # Another length is for a value yet to be made; what describes the parameter may change, and the value does not.
    modules.unchanged(MODULE, **{**arguments, "length": 20})
    changed = modules.lifecycle(MODULE, **arguments, description="Second", tags={"Project": "other"})
    assert changed["value"] == value
    assert ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"] == value
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"] == [
        {"Key": "Project", "Value": "other"}
    ]
    assert "value" not in modules(MODULE, name=NAME)

    modules.lifecycle(MODULE, name=NAME, state="absent")
    assert modules(MODULE, **arguments)["value"] != value
    modules(MODULE, name=NAME, state="absent")


def test_what_is_no_secret_or_cannot_be_one_is_refused(modules):
    modules.cloud.client("ssm", REGION).put_parameter(Name="/example/plain", Type="String", Value="seen")
    for arguments, message in (
        ({"name": "/example/plain"}, "not secret"),
        ({"name": "/ends/"}, "levels"),
        ({"name": "/example/short", "length": 4}, "12 to 4096"),
        ({"name": "/example/poor", "exclude_characters": "".join(map(chr, range(33, 120)))}, "fewer than 16"),
        ({"name": "/aws/example"}, "reserved parameter name"),
        ({"name": "/example/key", "key_id": "alias/none"}, "alias/none does not exist"),
    ):
        answer = modules(MODULE, **arguments)
        assert answer["failed"], arguments
        assert message in answer["msg"]
