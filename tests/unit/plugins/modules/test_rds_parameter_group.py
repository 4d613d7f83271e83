"""What rds_parameter_group works out without asking."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.modules import rds_parameter_group as module

KNOWN = {
    "rds.force_ssl": {"IsModifiable": True, "ApplyType": "dynamic"},
    "shared_buffers": {"IsModifiable": True, "ApplyType": "static"},
    "server_version": {"IsModifiable": False, "ApplyType": "static"},
}
CURRENT = {
    "name": "service",
    "arn": "arn:aws:rds:us-east-1:123456789012:pg:service",
    "family": "postgres17",
    "description": "of a test",
    "parameters": {"work_mem": "64"},
    "tags": {"Project": "service", "Old": "yes"},
}
PARAMS = {
    "name": "service",
    "family": "postgres17",
    "description": "of a test",
    "parameters": {"rds.force_ssl": True},
    "purge_parameters": True,
    "tags": {"Project": "service"},
    "purge_tags": True,
}


@pytest.mark.parametrize(("given", "text"), [(True, "1"), (False, "0"), (64, "64"), ("a,b", "a,b")])
def test_values_are_text_as_rds_writes_it(given, text):
    assert module.as_text(given) == text


def test_dynamic_parameters_apply_at_once_and_static_ones_with_the_next_start():
    changes = module.build_changes({"shared_buffers": "16", "rds.force_ssl": "1"}, KNOWN)
    assert [(each["ParameterName"], each["ApplyMethod"]) for each in changes] == [
        ("rds.force_ssl", "immediate"),
        ("shared_buffers", "pending-reboot"),
    ]


@pytest.mark.parametrize(
    ("name", "problem"), [("nonsense", "none of the family's"), ("server_version", "fixed by RDS")]
)
def test_what_cannot_be_set_is_named(name, problem):
    with pytest.raises(ValueError, match=f"parameter '{name}' is {problem}"):
        module.build_changes({name: "1"}, KNOWN)


def test_what_is_not_named_goes_or_stays():
    purged = module.build_wanted(CURRENT, PARAMS)
    assert (purged["parameters"], purged["tags"]) == ({"rds.force_ssl": "1"}, {"Project": "service"})
    kept = module.build_wanted(CURRENT, {**PARAMS, "purge_parameters": False, "purge_tags": False})
    assert kept["parameters"] == {"work_mem": "64", "rds.force_ssl": "1"}
    assert kept["tags"] == CURRENT["tags"]
    assert module.build_wanted(CURRENT, {**PARAMS, "tags": None})["tags"] == CURRENT["tags"]


@pytest.mark.parametrize("name", ["service", "a", "a-b-c9"])
def test_names_that_rds_takes(name):
    assert module.NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "9a", "a--b", "a-", "Service", "a_b", "a" * 256])
def test_names_that_rds_refuses(name):
    assert not module.NAME.fullmatch(name)
