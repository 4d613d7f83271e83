"""Thousands of requests made up from the OpenAPI document, good and bad ones, over HTTP to the handler on a real database."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import schemathesis
import yaml
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi import checks

from . import function

CASES = int(os.environ.get("FUNCTION_CASES", "250"))  # of each operation, good and bad ones each
SUB, STORED = str(uuid4()), str(uuid4())
DIMENSIONS, SEED = 768, 3

document = yaml.safe_load((function.SOURCE / "openapi.yaml").read_text())
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
REJECTIONS = {GenerationMode.POSITIVE: [], GenerationMode.NEGATIVE: [checks.negative_data_rejection]}


def generating(document: dict[str, Any]) -> dict[str, Any]:
    """The document with short embeddings in requests: Hypothesis takes seconds to make up 768 numbers. `complete` makes them whole."""
    changed = copy.deepcopy(document)
    schemas = changed["components"]["schemas"]
    schemas["EmbeddingSeed"] = {**schemas["Embedding"], "minItems": 1, "maxItems": SEED}
    for name in ("ConversationToSave", "ConversationToChange"):
        schemas[name]["properties"]["embedding"] = {"$ref": "#/components/schemas/EmbeddingSeed"}
    return changed


def complete(case: schemathesis.Case) -> None:
    body: Any = case.body
    seed = body.get("embedding") if isinstance(body, dict) else None
    if isinstance(seed, list) and 1 <= len(seed) <= SEED:
        case.body = {**body, "embedding": (seed * DIMENSIONS)[:DIMENSIONS]}


def is_good(case: schemathesis.Case) -> bool:
    """What the document says in words alone: near takes a vector or an id, and not with after; a change changes something."""
    if "near" in (case.query or {}):
        return False
    body: Any = case.body
    return case.method != "PUT" or bool(set(body) - {"userId"})


@pytest.fixture(scope="module")
def address(database: function.Database) -> Iterator[str]:
    database.migrate()
    with function.served(database.serving) as started:
        yield started


schema = schemathesis.openapi.from_dict(generating(document))
OPERATIONS: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
KINDS = [
    pytest.param(operation, mode, id=f"{operation.label} {mode}")
    for operation in OPERATIONS
    for mode in GenerationMode
    # There is no bad way to delete everything but for another user, of which other tests take care.
    if (operation.label, mode) != ("DELETE /conversations/{uid}", GenerationMode.NEGATIVE)
]


@pytest.mark.parametrize(("operation", "mode"), KINDS)
def test_generated(address: str, operation: Any, mode: GenerationMode) -> None:
    seen: list[int] = []
    user = function.User(address, SUB)
    of_one = mode is GenerationMode.POSITIVE and "{id}" in operation.path
    given = {"uid": SUB, "id": STORED} if of_one else {"uid": SUB}

    @hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(mode, path_parameters=given))
    def run(case: schemathesis.Case) -> None:
        if of_one:
            user.call("POST", json={"id": STORED, "title": "Stored", "conversation": []}).raise_for_status()
        complete(case)
        response = case.call(base_url=address, headers={"Authorization": f"Bearer {SUB}"})
        case.validate_response(response, checks=[*CHECKS, *REJECTIONS[mode]])
        assert response.headers["access-control-allow-origin"] == ["*"]
        body = response.json()
        if response.status_code >= 400:
            assert body["status"] == "error" and " at " not in body["message"]
            assert "field" in body or response.status_code != 400
        if mode is GenerationMode.POSITIVE and is_good(case):
            assert response.status_code in (200, 201), response.text
        seen.append(response.status_code)

    run()
    assert seen
    print(operation.label, mode, {status: seen.count(status) for status in sorted(set(seen))})
