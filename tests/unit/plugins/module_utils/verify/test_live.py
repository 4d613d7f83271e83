"""What a deployed service answered, judged: a good answer holds, and each way to be wrong is found by its check alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.lks.llm.plugins.module_utils.verify.catalogue import CHECKS, PROBES
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import complete
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import FAIL, PASS, UNPROBED, evaluate
from ansible_collections.lks.llm.plugins.module_utils.verify.probe_plan import choose_areas, plan
from ansible_collections.lks.llm.plugins.module_utils.verify.report import build_report
from ansible_collections.lks.llm.plugins.module_utils.verify.report_html import render_html
from ansible_collections.lks.llm.plugins.module_utils.verify.report_junit import render_junit
from ansible_collections.lks.llm.plugins.module_utils.verify.report_text import render_text
from ansible_collections.lks.llm.plugins.module_utils.verify.system import System

ZONES: list[dict] = [
    {"name": "zone-a", "region": "us-east-1", "cidr": "172.32.0.0/23", "home": True},
    {"name": "zone-b", "region": "us-west-2", "cidr": "10.10.0.0/23"},
]
POOL: dict = {"Id": "us-east-1_1", "Name": "lks-users", "Clients": [{"ClientName": "lks-web", "ClientId": "client"}]}
SNAPSHOT: dict = {
    "regions": {"us-east-1": {"user_pools": [POOL], "rest_apis": []}, "us-west-2": {}},
    "global": {},
    "refused": [],
    "taken": "2026-01-31T12:00:00+00:00",
}
MODELS = ["llama3:latest@365c0bd3c000", "nomic-embed-text:latest@0a109f422b47", "orca-mini:latest@2dbd9f439647"]
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Authorization,Content-Type",
    "access-control-allow-methods": "GET,POST,PUT,DELETE,OPTIONS",
}
SAVED = {"id": "1", "title": "Probe", "conversation": [{"role": "user", "content": "Hello"}]}


def request(name: str, asked: str, status: int = 200, body: Any = None, **more: Any) -> dict:
    method, path = asked.split()
    known = {"name": name, "zone": "", "method": method, "path": path, "signed": True, "status": status}
    return {**known, "headers": dict(CORS), "body": body, "seconds": 0.02, **more}


def of_zone(name: str, path: str) -> list[dict]:
    refused = {"status": "error", "message": "Unauthorized"}
    chat: dict = {
        "lines": 9,
        "garbled": 0,
        "first_byte": 0.12,
        "last_byte": 1.5,
        "text": "A verb is",
        "model": "orca-mini:latest",
    }
    return [
        request("preflight", f"OPTIONS {path}/chat", 204, "", zone=name, wanted="POST"),
        request("stranger", f"GET {path}/tags", 401, refused, zone=name),
        request("forged", f"GET {path}/tags", 401, refused, zone=name),
        request("tags", f"GET {path}/tags", body={"models": [{"name": "orca-mini:latest"}]}, zone=name),
        request("embed", f"POST {path}/embed", body={"embeddings": [[0.5] * 768]}, zone=name, model="nomic-embed-text"),
        request("chat", f"POST {path}/chat", zone=name, last={"done": True, "eval_duration": 10**9}, **chat),
    ]


def good() -> dict:
    one = "/conversations/me/1"
    return {
        "seconds": 2.5,
        "not_probed": {},
        "user": {"name": "verify-probe-0-1-2@example.invalid"},
        "requests": [
            *of_zone("zone-a", "/us-east-1"),
            *of_zone("zone-b", "/us-west-2"),
            request("save", "POST /conversations/me", 201, {"status": "success", "data": SAVED}, sent=SAVED),
            request("list", "GET /conversations/me", body={"status": "success", "data": [SAVED]}),
            request("read", f"GET {one}", body={"status": "success", "data": SAVED}),
            request("change", f"PUT {one}", body={"status": "success", "data": SAVED}),
            request("delete", f"DELETE {one}", body={"status": "success"}),
            request("gone", f"GET {one}", 404, {"status": "error"}),
            request("other", "GET /conversations/other", 404, {"status": "error"}),
        ],
        "workers": [
            {"zone": zone["name"], "region": zone["region"], "instance": f"i-{zone['name']}-{number}"}
            | {"status": "Success", "models": list(MODELS), "output": ""}
            for zone in ZONES
            for number in range(3)
        ],
        "database": {
            "function": "migrate",
            "encrypted": {"protocol": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "authorized": True},
            "plain": "refused",
        },
    }


def judged(probes: dict | None, checks: list = PROBES) -> dict:
    return {result.id: result for result in evaluate(checks, System(SNAPSHOT, complete({"zones": ZONES}), probes))}


def the(probes: dict, name: str, zone: str = "") -> dict:
    return next(entry for entry in probes["requests"] if entry["name"] == name and entry["zone"] == zone)


BREAKAGES: list[tuple[str, Callable[[dict], Any]]] = [
    ("A-5.probe_preflight", lambda probes: the(probes, "preflight", "zone-a").update(status=403)),
    (
        "A-5.probe_preflight",
        lambda probes: the(probes, "preflight", "zone-b")["headers"].pop("access-control-allow-origin"),
    ),
    (
        "A-5.probe_preflight",
        lambda probes: the(probes, "preflight", "zone-b")["headers"].update(
            {"access-control-allow-methods": "GET,PUT"}
        ),
    ),
    (
        "A-5.probe_preflight",
        lambda probes: the(probes, "preflight", "zone-b")["headers"].update(
            {"access-control-allow-headers": "content-type"}
        ),
    ),
    ("A-1.probe_strangers", lambda probes: the(probes, "stranger", "zone-a").update(status=200)),
    ("A-1.probe_strangers", lambda probes: the(probes, "forged", "zone-b").update(status=200)),
    ("A-1.probe_strangers", lambda probes: the(probes, "stranger", "zone-b")["headers"].clear()),
    ("A-1.probe_strangers", lambda probes: the(probes, "stranger", "zone-b").update(body="Unauthorized")),
    ("G-7.probe_removed", lambda probes: probes["user"].update(left=["verify-probe-0@example.invalid"])),
    ("A-3.probe_tags", lambda probes: the(probes, "tags", "zone-b").update(status=504)),
    ("A-3.probe_tags", lambda probes: the(probes, "tags", "zone-b").update(body="<html>")),
    ("A-3.probe_tags", lambda probes: the(probes, "tags", "zone-a").update(status=0, error="timed out")),
    ("A-3.probe_embed", lambda probes: the(probes, "embed", "zone-a").update(body={"embeddings": []})),
    ("A-3.probe_embed", lambda probes: the(probes, "embed", "zone-a").update(body={"embeddings": [[0.5] * 512]})),
    ("A-4.probe_chat", lambda probes: the(probes, "chat", "zone-a").update(status=502)),
    ("A-4.probe_chat", lambda probes: the(probes, "chat", "zone-a").update(garbled=2)),
    ("A-4.probe_chat", lambda probes: the(probes, "chat", "zone-b").update(last={})),
    ("A-4.probe_chat", lambda probes: the(probes, "chat", "zone-b").update(text=" ")),
    ("A-4.probe_chat", lambda probes: the(probes, "chat", "zone-b").update(first_byte=1.49)),
    ("F-2.probe_keeps", lambda probes: the(probes, "save").update(status=500)),
    ("F-2.probe_keeps", lambda probes: the(probes, "list").update(body={"status": "success", "data": []})),
    ("F-2.probe_keeps", lambda probes: the(probes, "read").update(body={"data": {**SAVED, "conversation": "[]"}})),
    ("F-2.probe_keeps", lambda probes: the(probes, "delete").update(body="", status=204)),
    ("F-2.probe_keeps", lambda probes: the(probes, "gone").update(status=200)),
    ("F-3.probe_apart", lambda probes: the(probes, "other").update(status=200)),
    (
        "W-5.probe_workers",
        lambda probes: probes["workers"][4].update(models=None, status="Failed", output="lacks llama3\n"),
    ),
    ("W-4.probe_models", lambda probes: probes["workers"][5]["models"].pop()),
    (
        "W-4.probe_models",
        lambda probes: probes["workers"][0].update(models=[*MODELS[:2], "orca-mini:latest@000000000000"]),
    ),
    ("W-4.probe_models", lambda probes: [each.update(models=MODELS[:2]) for each in probes["workers"]]),
    ("D-1.probe_tls", lambda probes: probes["database"].update(plain="accepted")),
    ("D-1.probe_tls", lambda probes: probes["database"]["encrypted"].update(protocol="TLSv1.1")),
    ("D-1.probe_tls", lambda probes: probes["database"]["encrypted"].update(authorized=False)),
    ("D-1.probe_tls", lambda probes: probes["database"].update(error="Error: timeout")),
]


def test_good_answers_hold_and_say_what_was_measured():
    results = judged(good())
    assert {result.status for result in results.values()} == {PASS}
    assert results["A-4.probe_chat"].notes == [
        f"{zone}: first byte of a chat with orca-mini:latest after 0.12 s, 9 lines in 1.50 s (6 a second)"
        for zone in ("zone-a", "zone-b")
    ]
    assert results["D-1.probe_tls"].notes == ["TLSv1.3, TLS_AES_256_GCM_SHA384; without TLS refused"]


@pytest.mark.parametrize("number", range(len(BREAKAGES)), ids=lambda number: BREAKAGES[number][0])
def test_what_is_wrong_is_found_by_its_check_alone(number):
    check, damage = BREAKAGES[number]
    probes = copy.deepcopy(good())
    damage(probes)
    results = judged(probes)
    assert [name for name, result in results.items() if result.status == FAIL] == [check]
    assert all(finding.found and finding.resource and finding.region for finding in results[check].findings)


def test_who_cannot_sign_in_is_one_finding_and_what_needs_it_was_not_probed():
    probes = good()
    probes["user"]["error"] = "NotAuthorizedException: Incorrect username or password."
    probes["requests"] = [each for each in probes["requests"] if each["name"] in ("preflight", "stranger", "forged")]
    results = judged(probes)
    assert [name for name, result in results.items() if result.status == FAIL] == ["C-1.probe_sign_in"]
    unprobed = {name for name, result in results.items() if result.status == UNPROBED}
    assert {"A-3.probe_tags", "A-4.probe_chat", "F-2.probe_keeps", "F-3.probe_apart"} == unprobed - {"A-3.probe_embed"}


def test_every_probe_is_broken_once_and_ids_are_no_other_checks():
    broken = {check for check, _damage in BREAKAGES} | {"C-1.probe_sign_in"}
    assert {check.id for check in PROBES} == broken
    assert not broken & {check.id for check in CHECKS}


@pytest.mark.parametrize(
    ("subject", "lost"),
    [
        ("all", {check.id for check in PROBES}),
        ("api", {check.id for check in PROBES if check.id[0] not in "WD"}),
        ("database", {"D-1.probe_tls"}),
        ("workers zone-b", set()),
    ],
)
def test_what_was_not_probed_is_said_and_fails_nothing(subject, lost):
    probes = good()
    probes["not_probed"][subject] = "AccessDeniedException: not you"
    probes["workers"] = [each for each in probes["workers"] if subject != f"workers {each['zone']}"]
    results = judged(probes)
    assert {name for name, result in results.items() if result.status == UNPROBED} == lost
    assert all(result.status == PASS for name, result in results.items() if name not in lost)
    if subject == "workers zone-b":
        assert results["W-5.probe_workers"].notes == [
            "zone-a: 3 workers answered",
            "not probed in zone-b: AccessDeniedException: not you",
        ]


def test_reports_show_what_was_probed_and_what_was_not():
    probes = good()
    probes["not_probed"]["database"] = "there is no function that tells"
    options = {"areas": ["api"], "not_probed": [], "deploy_command": "make site", "probes": probes}
    found = build_report(SNAPSHOT, {"zones": ZONES}, options)
    for said in (render_text(found), render_html(found), render_junit(found)):
        assert "first byte of a chat with orca-mini:latest after 0.12 s" in said
    assert "Probed in 2.5 s" in render_text(found)
    options["areas"] = ["database"]
    found = build_report(SNAPSHOT, {"zones": ZONES}, options)
    assert found["not_probed"] == [
        {"what": "The database is spoken to with TLS alone", "why": "there is no function that tells"}
    ]
    assert "D-1.probe_tls" not in {result["id"] for result in found["results"]}


def planned(**parts: Any) -> dict:
    home = {"vpcs": [{"VpcId": "vpc-1", "CidrBlock": "172.32.0.0/23"}], "subnets": [], "associations": [], **parts}
    regions = {"us-east-1": {**SNAPSHOT["regions"]["us-east-1"], **home}, "us-west-2": {"vpcs": []}}
    return plan(System({**SNAPSHOT, "regions": regions}, complete({"zones": ZONES})))


def test_what_can_be_probed_is_found_in_the_snapshot_and_what_cannot_says_why():
    worker = {"InstanceId": "i-1", "VpcId": "vpc-1", "State": {"Name": "running"}}
    api = {"id": "abc", "name": "lks-api", "resources": [], "stages": [{"stageName": "v1"}]}
    association: dict = {
        "Name": "AWS-ApplyAnsiblePlaybooks",
        "AssociationId": "1",
        "Parameters": {"PlaybookFile": ["models_check.yml"]},
    }
    function = {"FunctionName": "lks-conversations-migrate"}
    found = planned(instances=[worker], rest_apis=[api], associations=[association], functions=[function])
    assert found["api"] == {"url": "https://abc.execute-api.us-east-1.amazonaws.com/v1"}
    assert found["user"] == {"pool": {"Id": "us-east-1_1"}, "client_id": "client", "region": "us-east-1"}
    assert found["workers"][0]["question"] == [association["Name"], association["Parameters"]]
    assert found["workers"] == [
        {**found["workers"][0], "zone": "zone-a", "region": "us-east-1", "instances": ["i-1"]},
        {"zone": "zone-b", "why": "zone-b has no VPC"},
    ]
    assert found["database"] == {"function": "lks-conversations-migrate", "region": "us-east-1"}
    by_hand = planned(instances=[worker], functions=[])
    assert by_hand["workers"][0]["question"][0] == "AWS-RunShellScript"
    assert "there is no function" in by_hand["database"]["why"]
    assert by_hand["api"] == {"why": "there is no API"}
    some = choose_areas(found, ["workers"])
    assert some["workers"] == found["workers"]
    assert some["api"] == some["database"] == {"why": "its area was not chosen"}
    assert choose_areas(found, None) == found


def test_without_probes_each_counts_as_not_probed():
    assert {result.status for result in judged(None).values()} == {UNPROBED}
