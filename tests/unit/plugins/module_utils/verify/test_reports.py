"""The report in its forms, with texts that do not belong there."""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import FAIL, PASS, Finding, Result
from ansible_collections.lks.llm.plugins.module_utils.verify.report import build_report
from ansible_collections.lks.llm.plugins.module_utils.verify.report_html import render_html
from ansible_collections.lks.llm.plugins.module_utils.verify.report_junit import render_junit
from ansible_collections.lks.llm.plugins.module_utils.verify.report_text import render_text
from ansible_collections.lks.llm.plugins.module_utils.verify.topology import Way, judge_way

A = {"name": "zone-a", "region": "us-east-1", "cidr": "172.32.0.0/23", "home": True}
C = {"name": "zone-c", "region": "eu-west-1", "cidr": "10.30.0.0/23"}
EVIL = '<script>alert("x")</script>\x00 & more'


def report(zones, regions, areas=None, refused=()):
    snapshot = {
        "regions": regions,
        "global": {},
        "refused": list(refused),
        "account": "123456789012",
        "taken": "2026-01-31T12:00:00+00:00",
    }
    options = {"areas": areas, "not_probed": [{"what": "The weather", "why": EVIL}], "deploy_command": "make site"}
    return build_report(snapshot, {"zones": zones}, options)


def evil_network():
    vpc = {"VpcId": "vpc-1", "CidrBlock": "172.32.0.0/23", "Tags": [{"Key": "Name", "Value": EVIL}]}
    return {"us-east-1": {"vpcs": [vpc], "subnets": [], "route_tables": []}}


def test_names_that_others_chose_do_no_harm():
    found = report([A], evil_network(), ["network"])
    page = render_html(found)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    suites = ElementTree.fromstring(render_junit(found))
    assert any("script" in (failure.text or "") for failure in suites.iter("failure"))
    assert EVIL in render_text(found)


def test_the_remedy_names_the_command():
    found = report([A], evil_network(), ["network"])
    assert all("{playbook}" not in result["remedy"] for result in found["results"])
    assert any("make site" in result["remedy"] for result in found["results"])


def test_junit_says_waiting_and_refused_apart():
    refused = [{"region": "us-east-1", "part": "vpcs", "reason": "AccessDenied"}]
    suites = ElementTree.fromstring(
        render_junit(report([A], {"us-east-1": {"file_systems": [], "mount_targets": []}}, ["storage"], refused))
    )
    suite = suites[0]
    assert int(suite.get("errors", 0)) == len(list(suite.iter("error"))) > 0
    assert int(suite.get("tests", 0)) == len(list(suite.iter("testcase")))


def test_a_third_zone_is_drawn():
    b = {"name": "zone-b", "region": "us-west-2", "cidr": "10.10.0.0/23"}
    found = report([A, b, C], {"us-east-1": {}, "us-west-2": {}, "eu-west-1": {}})
    page = render_html(found)
    for zone in ("zone-a", "zone-b", "zone-c"):
        assert zone in page
    ways = {(way["source"], way["target"]) for way in found["topology"]["ways"]}
    assert ("nlb zone-a", "nlb zone-c") in ways
    assert page.count('class="way ') == len(found["topology"]["ways"])
    assert all(way["state"] == "unknown" for way in found["topology"]["ways"])


def test_the_table_has_a_row_for_each_area_and_a_sum():
    text = render_text(report([A], evil_network(), ["network", "storage"]))
    rows = [line for line in text.splitlines() if " % " in line]
    assert [line.split("  ")[1].strip() for line in rows] == ["Network", "Storage", "All"]
    assert "Not probed" in text


class TestWhatAWayIs:
    def result(self, name, *zones):
        findings = [Finding("wrong", zone=zone) for zone in zones]
        return {name: Result(name, "N-1", "network", "", 1, "", "", FAIL if zones else PASS, findings)}

    def judge(self, *results, shared=False):
        way = Way("a", "b", "80", "zone-b", ("proof",), ("rule",), shared)
        return judge_way(way, {name: result for each in results for name, result in each.items()})[0]

    def test_it_is_proven_where_it_was_walked_and_good_where_it_was_only_described(self):
        assert self.judge(self.result("proof"), self.result("rule")) == "proven"
        assert self.judge(self.result("rule")) == "good"
        assert self.judge() == "unknown"

    def test_findings_of_other_zones_are_none_of_its_business(self):
        assert self.judge(self.result("proof"), self.result("rule", "zone-a")) == "proven"
        assert self.judge(self.result("proof"), self.result("rule", "zone-a", "zone-b")) == "broken"
        assert self.judge(self.result("proof"), self.result("rule", "")) == "broken"

    def test_where_a_longer_way_fails_this_part_of_it_may_be_good(self):
        assert self.judge(self.result("proof", "zone-b"), self.result("rule"), shared=True) == "good"
        assert self.judge(self.result("proof", "zone-b"), self.result("rule")) == "broken"
