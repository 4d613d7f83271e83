"""Every requirement has a check, and every check says what it must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.lks.llm.plugins.module_utils.verify.catalogue import CHECKS, PROBES
from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import AREAS, REQUIREMENTS, area_of

ROOT = Path(__file__).resolve().parents[5]
DOCUMENT = (ROOT / "docs/requirements.md").read_text()


def test_the_document_and_the_code_name_the_same_requirements():
    assert dict(re.findall(r"^\| ([A-Z]-\d+) \| (.+) \|$", DOCUMENT, re.MULTILINE)) == REQUIREMENTS


def test_numbers_leave_no_gap():
    for _title, letter in AREAS.values():
        numbers = [int(number.split("-")[1]) for number in REQUIREMENTS if number.startswith(f"{letter}-")]
        assert numbers == list(range(1, len(numbers) + 1)), letter


def test_every_requirement_has_a_check():
    assert {check.requirement for check in CHECKS} == set(REQUIREMENTS)


def test_ids_are_unique():
    ids = [check.id for check in (*CHECKS, *PROBES)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("check", [*CHECKS, *PROBES], ids=lambda check: check.id)
def test_a_check_says_what_it_must(check):
    assert re.fullmatch(r"[A-Z]-\d+\.[a-z_0-9]+", check.id)
    assert check.title
    assert check.expected
    assert len(check.remedy.split()) >= 2
    assert 1 <= check.points <= 5
    assert area_of(check.requirement) in AREAS
    assert (check.look.__doc__ or "").startswith(check.requirement) or check.requirement in (check.look.__doc__ or "")
