"""Schedules, targets and bundles of the local cloud's Systems Manager."""

from __future__ import annotations

import datetime
import io
import json
import os
import zipfile
from types import SimpleNamespace

import pytest
from moto.s3.models import s3_backends

from localcloud import ACCOUNT, hooks
from localcloud.systems_manager import application, instances, schedules

NOON = datetime.datetime(2026, 3, 4, 12, 0, 30, tzinfo=datetime.UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(30 minutes)", "2026-03-04T12:30:30"),
        ("rate(1 hour)", "2026-03-04T13:00:30"),
        ("rate(2 days)", "2026-03-06T12:00:30"),
        ("at(2026-03-05T01:02:03)", "2026-03-05T01:02:03"),
        ("at(2026-03-03T01:02:03)", None),
        ("cron(15 10 * * ? *)", "2026-03-05T10:15:00"),
        ("cron(0 2 ? * SUN *)", "2026-03-08T02:00:00"),
        ("cron(0/15 * * * ? *)", "2026-03-04T12:15:00"),
        ("cron(30 8-9 ? * MON-FRI *)", "2026-03-05T08:30:00"),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-07-01T00:00:00"),
    ],
)
def test_when_a_schedule_is_due_next(expression, expected):
    due = schedules.following(expression, NOON)
    assert (due and due.isoformat()) == (expected and f"{expected}+00:00")


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)",
        "rate(30 minute)",
        "rate(1 hours)",
        "rate(0 days)",
        "rate(2 weeks)",
        "cron(* * * * *)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(60 2 * * ? *)",
        "cron(0 2 ? * XYZ *)",
        "at(tomorrow)",
        "30 minutes",
    ],
)
def test_schedules_that_cannot_be_read(expression):
    with pytest.raises(ValueError, match=r".+"):
        schedules.parse(expression)


class Host:
    def __init__(self, identity: str, **tags: str) -> None:
        self.id = identity
        self.ec2_backend = SimpleNamespace(tags={identity: tags})


def test_values_are_alternatives_and_targets_must_all_hold():
    hosts = {
        each.id: each for each in (Host("a", Role="web", Stage="one"), Host("b", Role="db", Stage="one"), Host("c"))
    }

    def chosen(*targets: tuple[str, list[str]]) -> str:
        return "".join(instances.targeted(hosts, [{"Key": key, "Values": values} for key, values in targets]))

    assert chosen(("tag:Role", ["web", "db"])) == "ab"
    assert chosen(("tag:Role", ["web", "db"]), ("tag:Stage", ["one"]), ("InstanceIds", ["b"])) == "b"
    assert chosen(("InstanceIds", ["*"])) == "abc"
    assert chosen(("tag:Role", ["other"])) == ""
    assert chosen() == ""


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


def order(key: str = "bundle.zip", bucket: str = "bundles", **parameters: str) -> application.Order:
    info = json.dumps({"path": f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}"})
    given = {"SourceInfo": info, "PlaybookFile": "web.yml", "ExtraVariables": "colour=red", **parameters}
    return application.Order(
        ACCOUNT, "us-east-1", "i-1", "AWS-ApplyAnsiblePlaybooks", {name: [value] for name, value in given.items()}
    )


@pytest.fixture(scope="module")
def bucket():
    store = s3_backends[ACCOUNT]["aws"]
    store.create_bucket("bundles", "us-east-1")
    return lambda key, content: store.put_object("bundles", key, content)


def test_a_playbook_is_checked_once_and_listeners_are_told_for_each_instance(bucket, monkeypatch):
    told: list[dict] = []
    runs: list[tuple] = []
    check = application.check

    def counted(*arguments):
        runs.append(arguments)
        return check(*arguments)

    monkeypatch.setattr(hooks, "LISTENERS", {})
    monkeypatch.setattr(application, "CHECKS", application.Checks())
    monkeypatch.setattr(application, "check", counted)

    @hooks.on("ssm.applied")
    def at_fault(**facts):
        raise RuntimeError("a listener's fault harms nobody")

    @hooks.on("ssm.applied")
    def listen(**facts):
        told.append(facts)

    content = archive(
        **{"web.yml": "- hosts: all\n  roles: [one]\n", "roles/one/tasks/main.yml": "- ansible.builtin.ping:\n"}
    )
    bucket("bundle.zip", content)
    outcomes = [application.apply(order(ExtraVariables=f"colour={colour}")) for colour in ("red", "red", "blue")]
    assert [(each.code, each.stderr) for each in outcomes] == [(0, "")] * 3
    assert "playbook: web.yml" in outcomes[0].stdout
    assert len(runs) == 1
    assert [(each["instance_id"], each["bundle"]) for each in told] == [("i-1", content)] * 3

    bucket("bundle.zip", archive(**{"web.yml": "- hosts: all\n  roles: [one]\n"}))
    broken = application.apply(order())
    assert broken.code != 0
    assert "'one' was not found" in broken.stderr
    assert (len(runs), len(told)) == (2, 3)


def test_variables_are_told_apart_by_name():
    assert application.names("colour=red size='2 m'") == application.names("colour=blue size=1")
    assert application.names("colour=red") != application.names("colour=red size=1")
    for broken in ("colour='red", "colour"):
        assert application.names(broken) == (broken,)


def test_what_the_agent_could_not_fetch_or_find_is_said(bucket):
    bucket("bundle.zip", archive(**{"web.yml": "- hosts: all\n"}))
    bucket("text.zip", b"no zip")
    bucket("up.zip", archive(**{"../web.yml": "- hosts: all\n"}))
    for given, message in (
        (order(key="none.zip"), "NoSuchKey"),
        (order(bucket="nobodys"), "NoSuchBucket"),
        (order(PlaybookFile="db.yml"), "doesn't exist: db.yml (at the root there are: web.yml)"),
        (order(key="text.zip"), "not a zip file"),
        (order(key="up.zip"), "does not belong into a bundle"),
        (order(SourceInfo="{}"), "must hold the path"),
        (order(SourceInfo='{"path": "https://example.com/a.zip"}'), "not the HTTPS address of an object in S3"),
        (order(SourceType="GitHub"), "not from GitHub"),
    ):
        outcome = application.apply(given)
        assert not outcome.succeeded
        assert message in outcome.stderr


@pytest.mark.parametrize(
    "path",
    [
        "https://bundles.s3.us-east-1.amazonaws.com/a/b%20c.zip",
        "https://bundles.s3.amazonaws.com/a/b%20c.zip",
        "https://s3.us-east-1.amazonaws.com/bundles/a/b%20c.zip",
        "https://s3-us-east-1.amazonaws.com/bundles/a/b%20c.zip",
    ],
)
def test_addresses_of_objects(path):
    assert application.locate(path) == ("bundles", "a/b c.zip")


def test_what_a_killed_cloud_left_is_swept_away(tmp_path, monkeypatch):
    monkeypatch.setattr(application.tempfile, "gettempdir", lambda: str(tmp_path))
    dead = 2**22 + 1  # beyond the largest process id of Linux
    for name in (f"localcloud-bundle-{dead}-a", f"localcloud-bundle-{os.getpid()}-b", "else"):
        (tmp_path / name).mkdir()
    application.sweep()
    assert {each.name for each in tmp_path.iterdir()} == {f"localcloud-bundle-{os.getpid()}-b", "else"}
