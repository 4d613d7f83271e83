"""tests/lint_roles.py finds each kind of disagreement that it is there for."""

import shutil

import pytest

from tests.lint_roles import ROLES, check

CASES = {
    "a default that the specs lack": (
        "defaults/main.yml",
        "nat_more: 1 # more\n",
        "meta/argument_specs.yml lacks nat_more",
    ),
    "a default without a line": ("defaults/main.yml", "nat_more: 1\n", "nat_more has no line"),
    "a default of another name": ("defaults/main.yml", "more: 1 # more\n", "more does not begin with nat_"),
    "a default that nothing uses": ("defaults/main.yml", "nat_more: 1 # more\n", "nothing uses nat_more"),
    "a README that knows another": ("README.md", "| `nat_more` | 1 | more |\n", "README.md names nat_more, which"),
    "a README that says it twice": ("README.md", "| `nat_interface` | | |\n", "README.md names nat_interface twice"),
    "a constant of another name": ("vars/main.yml", "more: 1\n", "more does not begin with _nat_"),
    "a result of another name": ("tasks/main.yml", "  register: more\n", "more does not begin with __nat_"),
    "a spec that the defaults lack": (
        "meta/argument_specs.yml",
        "      nat_more: {type: int}\n",
        "names nat_more, which",
    ),
    "a spec without a description": (
        "meta/argument_specs.yml",
        "      nat_more: {type: int}\n",
        "nat_more has no description",
    ),
}


@pytest.fixture
def role(tmp_path):
    return shutil.copytree(ROLES / "nat", tmp_path / "nat")


def test_a_role_as_it_should_be(role):
    assert list(check(role)) == []


@pytest.mark.parametrize("case", CASES)
def test_finds(role, case):
    name, addition, sentence = CASES[case]
    with (role / name).open("a") as file:
        file.write(addition)
    assert any(sentence in found for found in check(role)), list(check(role))


def test_finds_another_default(role):
    path = role / "meta/argument_specs.yml"
    path.write_text(path.read_text().replace("default: true", "default: false"))
    assert list(check(role)) == ["meta/argument_specs.yml: the default of nat_guard_input is False, in defaults True"]
