"""Modules of amazon.aws and community.aws give the same results ordinary and warm, each on a local cloud of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...ports import free_port
from ..playbooks import Cloud

OTHERS = yaml.safe_load((Path(__file__).parent / "others.yml").read_text())
SECRET = "hunter2-secret"
LEAST = 40
TRACEBACK = "module_stderr"
# What two clouds name differently: ids that they draw, each of which is the same one wherever it comes up again; and times, keys, addresses.
# And tracebacks, which name the packed module ordinarily.
ID = re.compile(r"\b[a-z]+-[0-9a-f]{8,17}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bA[A-Z0-9]{19,20}\b")
OTHER = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|\+\d\d:?\d\d)?|\b\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|127\.0\.0\.1:\d+|Signature=[^&]+&Expires=\d+"
    r"|(?<=X-Amz-Date=)\w{16}\b|(?<=X-Amz-Signature=)[0-9a-f]{64}\b"
    r"|(?<=secret:side-)\w{6}\b|(?<=side-Queue-)\w{12}\b|(?<=net/side-net/)[0-9a-f]{16}\b|(?<=targetgroup/side/)[0-9a-f]{16}\b"
)
DRAWN = {
    "RequestId", "access_key_id", "created_timestamp", "creation_time", "exception", "fingerprint", "group_id", "hosted_zone_id", "instance_profile_id", "last_modified_timestamp",
    "mac_address", "policy_id", "private_ip", "private_key", "public_ip", "request_id", "secret_access_key", "secret_key", "session_token", "user_id", "version_id",
    "x-amzn-requestid", "zone_id",
}  # fmt: skip


@pytest.fixture
def environments(tmp_path: Path) -> Iterator[dict[str, dict[str, str]]]:
    """Two local clouds, and what leads to each."""
    clouds = {way: Cloud(free_port(), tmp_path / way) for way in ("ordinary", "warm")}
    for cloud in clouds.values():
        assert cloud.command("start", f"--port={cloud.port}").returncode == 0
    yield {
        way: {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{cloud.port}",
            "AWS_ACCESS_KEY_ID": "localcloud",
            "AWS_SECRET_ACCESS_KEY": "localcloud",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for way, cloud in clouds.items()
    }
    for cloud in clouds.values():
        cloud.stop()


def tasks() -> Iterator[dict[str, Any]]:
    for entry in OTHERS:
        asked = {entry["module"]: entry["with"], "ignore_errors": True, "diff": True}
        if entry.get("once"):
            yield {"name": f"{entry['module']}, once", **asked}
            continue
        yield {"name": f"{entry['module']}, preview", **asked, "check_mode": True}
        yield {"name": f"{entry['module']}, apply", **asked, **({"register": entry["as"]} if "as" in entry else {})}
        if entry.get("again"):
            yield {"name": f"{entry['module']}, again", **asked}


def comparable(results: list[dict[str, Any]]) -> list[str]:
    """Each result with an id that the cloud drew replaced by the place at which it first came up, and without what else it drew. Of a traceback
    (before ansible-core 2.19 a module that crashes writes one) the end, as the way to it leads through the packed module ordinarily."""
    seen: dict[str, str] = {}

    def clean(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {key: "drawn" if key in DRAWN and item else clean(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [clean(item) for item in value]
        return value.splitlines()[-1:] if key == TRACEBACK else value

    def text(result: dict[str, Any]) -> str:
        said = OTHER.sub("drawn", json.dumps(clean(result), sort_keys=True))
        return ID.sub(lambda found: seen.setdefault(found[0], f"<{len(seen)}>"), said)

    return [text(result) for result in results]


def test_forty_other_modules_give_the_same_results(both, environments):
    answers = both(list(tasks()), hosts=["a"], environments=environments)
    for ordinary, warm in zip(comparable(answers.ordinary), comparable(answers.warm), strict=True):
        assert warm == ordinary
    applied = {
        item["task"].partition(",")[0]
        for item in answers.warm
        if item["task"].endswith("apply") and not item["result"].get("failed")
    }
    assert len(applied) >= LEAST, sorted(applied)
    assert SECRET not in answers.output
