"""The generator of ssm_secure_string."""

from __future__ import annotations

import string

import pytest
from ansible_collections.lks.llm.plugins.modules import ssm_secure_string as module


def test_values_hold_every_class_that_is_left_and_nothing_excluded():
    values = {module.generate(16, "/@\"'\\ ") for _ in range(200)}
    assert len(values) == 200
    for value in values:
        assert len(value) == 16
        assert not set(value) & set("/@\"'\\ ")
        for characters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation):
            assert set(value) & set(characters)
    assert module.generate(64, string.punctuation).isalnum()


def test_too_few_characters_are_no_alphabet():
    with pytest.raises(ValueError, match="fewer than 16"):
        module.build_alphabet(string.ascii_letters + string.punctuation)


@pytest.mark.parametrize("name", ["plain", "/plain", "/a/b", "/a-b/c_d/e.f"])
def test_names_that_aws_takes(name):
    assert module.NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["a/b", "/a/", "//a", "/a b", "", "/" + "/".join("a" * 16)])
def test_names_that_aws_does_not_take(name):
    assert not module.NAME.fullmatch(name)


def test_a_new_description_comes_with_the_same_value_and_without_tags():
    current = {"Name": "/a", "Type": "SecureString", "KeyId": "alias/mine", "Tier": "Standard"}
    request = module.build_overwrite(current, "kept", "new")
    assert (request["Value"], request["Description"], request["Overwrite"]) == ("kept", "new", True)
    assert request["KeyId"] == "alias/mine"
    assert "Tags" not in request
