"""The tests beside the source, their coverage, lint, and the bundle."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import yaml

from . import function

LINES, BRANCHES = 95, 90  # per cent


def test_lint() -> None:
    eslint = function.SOURCE / "node_modules" / "eslint" / "bin" / "eslint.js"
    done = subprocess.run(
        [function.node(), eslint, "."], cwd=function.SOURCE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_tests_beside_the_source(database: function.Database) -> None:
    command = [
        str(function.node()),
        "--test",
        "--test-timeout=120000",
        "--test-reporter=spec",
        "--experimental-test-coverage",
        "--test-coverage-exclude=**/*.test.mjs",
        "--test-coverage-exclude=testing/**",
        f"--test-coverage-lines={LINES}",
        f"--test-coverage-branches={BRANCHES}",
    ]
    done = subprocess.run(
        command, cwd=function.SOURCE, env=database.testing, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "fail 0" in done.stdout and "skipped 0" in done.stdout


def test_the_bundle_is_small_and_reproducible(bundle: Path, tmp_path: Path) -> None:
    assert bundle.stat().st_size < 500_000
    assert function.build(bundle) == "up to date"
    again = tmp_path / "again.zip"
    assert function.build(again) == "built"
    assert again.read_bytes() == bundle.read_bytes()
    bundle.write_bytes(b"broken")
    assert function.build(bundle) == "built"
    assert again.read_bytes() == bundle.read_bytes()


def test_the_bundle_runs_by_itself(bundle: Path, database: function.Database, tmp_path: Path) -> None:
    """As in Lambda: the zip's files alone, in a folder without node_modules."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    database.migrate(tmp_path / "migrate.js")
    assert database.migrate(tmp_path / "migrate.js", "status")["changed"] is False
    with function.served(database.serving, tmp_path / "index.mjs") as address:
        user = function.User(address, "5b0e9b4c-6a55-4f0e-9d3a-1f0a3f1f2a3b")
        answer = user.call("GET")
        assert (answer.status_code, answer.json()) == (200, {"status": "success", "data": []})


def test_the_lock_file_names_no_registry() -> None:
    lock = (function.SOURCE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 50


def test_the_document_is_what_api_gateway_takes() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html"""
    document = yaml.safe_load((function.SOURCE / "openapi.yaml").read_text())
    assert document["openapi"].startswith("3.0.")
    assert all(name.isalnum() for name in document["components"]["schemas"])
    assert set(document["components"]) == {"schemas"}

    def keywords(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield key, value
                yield from keywords(value)
        elif isinstance(node, list):
            for each in node:
                yield from keywords(each)

    found = list(keywords(document))
    assert not {key for key, _ in found} & {"anyOf", "discriminator", "exclusiveMinimum", "exclusiveMaximum"}
    references = {value for key, value in found if key == "$ref"}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
