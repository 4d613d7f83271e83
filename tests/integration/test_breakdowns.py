"""The deployed system while a part of it is gone: a worker, a whole zone, the way to the database. Each is whole again afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..waiting import until
from .api_client import HOME, REGIONS, Browser, Stream, chat, noted, way
from .playbooks import Cloud

pytestmark = [pytest.mark.usefixtures("first_run"), pytest.mark.breaks]
ZONES = dict(zip(REGIONS, ("zone-a", "zone-b"), strict=True))
SLOW = chat("Tell me everything that you know about the history of verbs.", stand_in_tokens_per_second=4)
SHORT = {**chat("Are you there?", num_predict=2), "stream": False}


def states(cloud: Cloud, region: str, kind: str) -> dict[str, str]:
    """Workers' health by id."""
    balancing = cloud.client("elbv2", region)
    (group,) = balancing.describe_target_groups(Names=[f"lks-tg-{kind}-{ZONES[region]}"])["TargetGroups"]
    found = balancing.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found}


def await_health(cloud: Cloud, region: str, *kinds: str) -> None:
    for kind in kinds:
        until(
            lambda kind=kind: set(states(cloud, region, kind).values()) == {"healthy"},  # type: ignore[misc]
            f"health of the workers for {kind}",
        )


def process(cloud: Cloud, instance: str) -> int:
    """Of what an instance serves; 0 while there is none."""
    return next(each["pid"] or 0 for each in cloud.control("hosts") if each["instance"] == instance)


@pytest.mark.parametrize("region", REGIONS)
def test_a_worker_that_is_killed_loses_what_it_was_saying_and_no_more(cloud: Cloud, user: Browser, region: str) -> None:
    await_health(cloud, region, "chat")
    lost, backup = sorted(states(cloud, region, "chat"))
    killed = process(cloud, lost)
    speaking: set[str] = set()

    def heard(answer: Stream) -> None:
        """Kills the one as soon as both speak."""
        speaking.add(answer.id)
        if len(speaking) == 2 and len(answer.lines) == 3:
            kill(killed)

    with ThreadPoolExecutor(2) as threads:  # in turn, one on each
        both = [threads.submit(user.stream, f"/{region}/chat", SLOW, heard) for _ in range(2)]
        broken, whole = sorted((each.result() for each in both), key=lambda each: each.whole)
    assert (broken.whole, whole.whole) == (False, True)
    assert (way(cloud, broken.id)[-1]["name"], way(cloud, whole.id)[-1]["name"]) == (lost, backup)
    # What came before the end is the beginning of the whole answer; how much is missing is known, and noted.
    assert whole.text.startswith(broken.text)
    assert 0 < len(broken.lines) < len(whole.lines)
    assert noted(cloud, broken.id)["reason"] == f"{lost} closed the connection before the answer's end"
    assert f"{lost} closed the connection" in logged(cloud, broken.id)["integrationError"]

    # Until checks find out, or it is started again, its turns are lost: those, and no others.
    until(lambda: process(cloud, lost) not in (0, killed), "another process of the worker")
    kill(again := process(cloud, lost))
    after = [user.ask("POST", f"/{region}/chat", SHORT) for _ in range(6)]
    failed = [answer for answer in after if answer.status != 200]
    assert {answer.status for answer in failed} <= {502}
    assert {way(cloud, answer.id)[-1]["name"] for answer in failed} <= {lost}
    assert len(failed) <= 3
    until(lambda: process(cloud, lost) not in (0, again), "another process of the worker")
    await_health(cloud, region, "chat")
    answered = [user.ask("POST", f"/{region}/chat", SHORT) for _ in range(4)]
    assert {answer.status for answer in answered} == {200}
    assert {way(cloud, answer.id)[-1]["name"] for answer in answered} == {lost, backup}


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def logged(cloud: Cloud, request_id: str) -> dict[str, Any]:
    """A request's line in the API's access log, which is written behind its answer."""
    logs = cloud.client("logs", HOME)
    found: list[dict[str, Any]] = []

    def written() -> bool:
        events = logs.filter_log_events(logGroupName="/aws/apigateway/lks-api-gateway", filterPattern=f'"{request_id}"')
        found[:] = events["events"]
        return bool(found)

    until(written, f"the access log's line on {request_id}", 30)
    return dict(json.loads(found[0]["message"]))


def test_the_backup_answers_while_a_worker_is_gone(cloud: Cloud, user: Browser) -> None:
    await_health(cloud, HOME, "chat")
    lost, backup = sorted(states(cloud, HOME, "chat"))
    ec2 = cloud.client("ec2", HOME)
    ec2.stop_instances(InstanceIds=[lost])
    try:
        for _ in range(4):  # in turn, one of two would be the lost one's
            said = user.stream(f"/{HOME}/chat", chat("Are you there?"))
            assert said.whole
            assert way(cloud, said.id)[-1]["name"] == backup
    finally:
        ec2.start_instances(InstanceIds=[lost])
    await_health(cloud, HOME, "chat")


def test_a_zone_that_is_down_says_so_at_once_and_the_other_one_goes_on(cloud: Cloud, user: Browser) -> None:
    away = REGIONS[1]
    kinds = ("chat", "scoring", "llm")
    ec2 = cloud.client("ec2", away)
    workers = [worker for kind in kinds for worker in states(cloud, away, kind)]
    assert len(workers) == 6
    asked: tuple[tuple[str, str, Any], ...] = (
        ("POST", "chat", SHORT),
        ("POST", "generate", {"model": "orca-mini", "prompt": "words", "stream": False}),
        ("GET", "tags", None),
    )
    ec2.stop_instances(InstanceIds=workers)
    try:
        for method, path, body in asked:
            began = time.monotonic()
            answer = user.ask(method, f"/{away}/{path}", body)
            assert answer.status == 503, (path, answer.body)
            assert time.monotonic() - began < 10, f"{path} was refused late"
            assert user.ask(method, f"/{HOME}/{path}", body).status == 200
    finally:
        ec2.start_instances(InstanceIds=workers)
    await_health(cloud, away, *kinds)
    for method, path, body in asked:
        assert user.ask(method, f"/{away}/{path}", body).status == 200


def test_a_database_out_of_reach_is_an_answer_and_what_blocks_it_is_named(cloud: Cloud, user: Browser) -> None:
    ec2, place = cloud.client("ec2", HOME), f"/conversations/{user.uid}"
    filters = [{"Name": "group-name", "Values": ["lks-sg-database"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    rules = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissions"]}
    assert user.ask("GET", place).status == 200
    ec2.revoke_security_group_ingress(**rules)
    try:
        blocked = user.ask("GET", place)  # over a connection that was open before
        again = user.ask("GET", place)  # over a new one
    finally:
        ec2.authorize_security_group_ingress(**rules)
    for answer in (blocked, again):
        assert (answer.status, answer.json["status"]) == (503, "error")
        reason = way(cloud, answer.id)[-1]["outcome"]
        assert f"{group['GroupId']} of " in reason
        assert "has no ingress rule for tcp 5432" in reason
    log = (cloud.home / str(cloud.port) / "server.log").read_text()
    assert f"function lks-conversations does not reach database lks-database: {reason}" in log
    assert user.ask("GET", place).status == 200
