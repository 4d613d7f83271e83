"""Calls are counted under the run in which they were made."""

from __future__ import annotations

import json
from types import SimpleNamespace

from localcloud.record import Record, table

READ = SimpleNamespace(service="ec2", name="DescribeVpcs", region="us-east-1", mutating=False)
WRITE = SimpleNamespace(service="ec2", name="CreateVpc", region="us-east-1", mutating=True)


def test_reads_writes_and_refusals_by_run():
    record = Record()
    record.add(READ, 200, "", 1.0)
    record.begin("site")
    record.add(READ, 200, "", 2.0)
    record.add(WRITE, 400, "InvalidVpc.Range", 3.0)
    record.begin("site")
    record.add(READ, 200, "", 1.0)

    first, second, third = record.as_dict()
    assert (first["name"], first["reads"], first["writes"]) == ("start", {"ec2": 1}, {})
    assert second["reads"] == second["writes"] == {"ec2": 1}
    assert second["errors"] == {"ec2 CreateVpc: InvalidVpc.Range": 1}
    assert record.as_dict("site", last=True) == [third]
    assert record.as_dict("nothing", last=True) == []
    shown = table([second])
    assert "site, begun" in shown
    assert "1 reads, 1 writes" in shown
    assert "refused: ec2 CreateVpc: InvalidVpc.Range (1)" in shown


def test_content_is_written_only_where_it_was_asked_for(tmp_path):
    Record().keep(WRITE, {"CidrBlock": "10.0.0.0/16"}, (200, {}, b"<x/>"))
    kept = tmp_path / "calls.jsonl"
    record = Record(kept)
    record.begin("site")
    record.keep(WRITE, {"Blob": b"x"}, (200, {"Content-Type": "text/xml"}, b"<x/>"))
    (line,) = kept.read_text().splitlines()
    assert json.loads(line)["parameters"] == {"Blob": {"base64": "eA=="}}
    assert json.loads(line)["run"] == "site"
