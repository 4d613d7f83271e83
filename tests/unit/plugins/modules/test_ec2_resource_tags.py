"""The pure functions of ec2_resource_tags."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.modules import ec2_resource_tags as module

ENI, VOLUME = "eni-0123456789abcdef0", "vol-0123456789abcdef0"


def test_values_become_text():
    built = module.build_resources([{"id": ENI, "tags": {"Count": 2, "Empty": None}}])
    assert built == [{"id": ENI, "tags": {"Count": "2", "Empty": ""}}]


def test_what_is_missing_or_differs_is_set_and_what_is_there_stays():
    wanted = [{"id": ENI, "tags": {"Name": "a", "Zone": "z"}}, {"id": VOLUME, "tags": {"Name": "a"}}]
    current = {ENI: {"Name": "b", "Other": "o", "aws:made-by": "x"}, VOLUME: {"Name": "a", "Other": "o"}}
    changes = module.diff_tags(wanted, current, purge_tags=False)
    assert changes == {ENI: ({"Name": "a", "Zone": "z"}, [])}
    assert module.build_results(wanted, current, changes) == [
        {"id": ENI, "tags": {"Name": "a", "Zone": "z", "Other": "o", "aws:made-by": "x"}},
        {"id": VOLUME, "tags": {"Name": "a", "Other": "o"}},
    ]
    purged = module.diff_tags(wanted, current, purge_tags=True)
    assert purged[ENI][1] == ["Other"]
    assert purged[VOLUME] == ({}, ["Other"])


def test_equal_tags_are_set_together_and_no_call_is_too_large():
    wanted = {f"eni-{number:08x}": {"Name": "same"} for number in range(5)}
    batches = module.build_batches({**wanted, VOLUME: {"Name": "other"}, ENI: {}}, 3)
    assert [len(ids) for ids, _ in batches] == [3, 2, 1]
    assert batches[2] == ([VOLUME], {"Name": "other"})
    assert module.build_batches({ENI: ["b", "a"], VOLUME: ["a", "b"]}, 3) == [([ENI, VOLUME], ["b", "a"])]


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([{"id": "my-eni", "tags": {}}], "'my-eni' is not the id"),
        ([{"id": ENI, "tags": {}}, {"id": ENI, "tags": {}}], "listed twice"),
        ([{"id": ENI, "tags": {"aws:x": "y"}}], "'aws:x'"),
        ([{"id": ENI, "tags": {"k" * 128: "y"}}], "1 to 127 characters"),
        ([{"id": ENI, "tags": {"k": "v" * 257}}], "257 characters"),
        ([{"id": ENI, "tags": {str(number): "" for number in range(51)}}], "51 tags"),
    ],
)
def test_nonsense_is_named(resources, words):
    (problem,) = module.find_nonsense(resources)
    assert words in problem


def test_what_aws_accepts_is_no_nonsense():
    tags = {"k" * 127: "v" * 256, **{str(number): "" for number in range(49)}}
    assert module.find_nonsense([{"id": "subnet-cidr-assoc-0123456789abcdef0", "tags": tags}]) == []
