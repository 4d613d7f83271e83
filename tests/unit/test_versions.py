"""The environments of other ansible-cores: made anew when what they are made from changes, and left out where there is no Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import versions

NONE = versions.Core("2.99.0", ("3.98", "3.99"), "ansible==99.0.0")
REPORT = """<testsuites><testsuite>
<testcase file="tests/a.py" name="passes"/>
<testcase file="tests/a.py" name="is[skipped]"><skipped/></testcase>
<testcase file="tests/b.py" name="fails[one]"><failure/></testcase>
<testcase file="tests/b.py" name="breaks"><error/></testcase>
<testcase file="tests/c.py" name="tests.c"><error/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The requirements, to be changed."""
    for name in (*versions.REQUIREMENTS, versions.CONSTRAINTS):
        shutil.copy(versions.PROJECT / name, tmp_path)
    monkeypatch.setattr(versions, "CACHE", tmp_path / "cache")
    return tmp_path


@pytest.mark.parametrize("name", [*versions.REQUIREMENTS, versions.CONSTRAINTS])
def test_a_changed_pin_makes_an_environment_anew(project, monkeypatch, name):
    asked: list[str] = []

    def uv(*arguments: object):
        asked.append(str(arguments[0]))
        folder.mkdir(parents=True, exist_ok=True)
        return versions.subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(versions, "uv", uv)
    core = versions.CORES[0]
    folder = versions.CACHE / core.name
    for _dummy in range(2):
        assert versions.make(folder, versions.ingredients(core, "python", project)) == ""
    assert asked == ["venv", "pip", "pip"]
    path = project / name
    path.write_text(path.read_text().replace("==1", "==2"))
    assert versions.make(folder, versions.ingredients(core, "python", project)) == ""
    assert asked == ["venv", "pip", "pip"] * 2


def test_what_is_of_one_ansible_alone_is_not_asked_for():
    wanted = versions.ingredients(versions.CORES[0], "python")
    names = [line.split("==")[0] for line in (*wanted["packages"], *wanted["constraints"])]
    assert {"boto3", "pytest", "botocore"} <= set(names)
    assert [name for name in names if name.startswith("ansible")] == ["ansible-core"]


def test_an_environment_that_cannot_be_made_is_no_environment(project):
    core = versions.Core("2.0.0", versions.CORES[0].pythons, "ansible==12.3.0")
    wanted = {"python": str(project / "nowhere"), "packages": [], "constraints": [], "collections": core.collections}
    assert "nowhere" in versions.make(versions.CACHE / core.name, wanted)
    assert not (versions.CACHE / core.name / ".made-from").exists()


def test_where_there_is_no_python_a_version_is_left_out(project, monkeypatch, capsys):
    monkeypatch.setattr(versions, "CORES", (NONE,))
    assert versions.main([]) == 2
    assert "ansible-core 2.99.0  left out: none of Python 3.98, 3.99 is here" in capsys.readouterr().out
    assert versions.main(["2.98"]) == 2
    assert "2.98 is not supported; these are: 2.99" in capsys.readouterr().err


def test_the_end_names_what_failed_and_how_to_run_it_again(monkeypatch, capsys):
    counts, failed = versions.results(REPORT)
    assert counts == {"passed": 1, "failed": 3, "skipped": 1}
    assert failed == ["tests/b.py::fails[one]", "tests/b.py::breaks", "tests/c.py"]
    outcomes = {"2.18": versions.Outcome("failed", "1 passed", failed), "2.17": versions.Outcome("passed", "4 passed")}
    monkeypatch.setattr(versions, "run", lambda core: outcomes[core.name])
    assert versions.main(["2.17"]) == 0
    assert versions.main(["2.17", "2.18"]) == 1
    said = capsys.readouterr().out
    assert "  tests/b.py::breaks\n" in said
    assert "again: .cache/versions/2.18/bin/pytest -m '' 'tests/b.py::fails[one]'" in said
