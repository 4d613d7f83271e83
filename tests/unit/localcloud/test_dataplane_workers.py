"""Instances as processes, in this process's own local cloud: what applying a playbook to one of them does."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.dataplane.workers import HOSTS, Workers, listens

from ...fabric.topology import permission
from ...waiting import until

SERVE = {
    "port": "{{ port }}",
    "command": ["{{ python }}", "-m", "http.server", "--bind", "{{ address }}", "{{ port }}"],
}
# It fails each second time that it is started.
FLAKY = """
import http.server, os, sys
with open(os.environ["STARTS"], "a+") as file:
    file.write("x")
    file.seek(0)
    if len(file.read()) % 2 == 0:
        sys.exit(1)
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
ENTRIES: list[dict[str, Any]] = [
    {"playbook": "serve.yml", "serve": {**SERVE, "port": 18080, "environment": {"MODE": "{{ mode }}"}}},
    {"playbook": "again.yml", "serve": {**SERVE, "port": 18081, "restart_seconds": 0.1}},
    {
        "playbook": "flaky.yml",
        "serve": {**SERVE, "port": 18083, "command": ["{{ python }}", "-c", FLAKY, "{{ address }}", "{{ port }}"],
                  "environment": {"STARTS": "{{ here }}/starts"}, "restart_seconds": 0.1},
    },
    {"playbook": "broken.yml", "serve": {"port": 18082, "command": ["{{ python }}", "-c", "raise SystemExit('no store')"]}},
    {
        "playbook": "store.yml",
        "vars_files": ["vars.yml"],
        "mounts": {"store": "{{ target }}"},
        "run": {"command": ["{{ python }}", "{{ bundle }}/say.py", "{{ mounts.store }}", "{{ urls | length }}"]},
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def place(aws: Callable[..., Any]) -> dict[str, str]:
    """An instance, and a mount target that lets nobody in, each with a security group."""
    ec2, efs = aws("ec2", "eu-west-1"), aws("efs", "eu-west-1")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/25")["Subnet"]["SubnetId"]
    host, store = (
        ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"] for name in ("host", "store")
    )
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[host]
    )
    system = efs.create_file_system(CreationToken="workers")["FileSystemId"]
    until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    target = efs.create_mount_target(FileSystemId=system, SubnetId=subnet, SecurityGroups=[store])
    until(lambda: efs.describe_mount_targets(FileSystemId=system)["MountTargets"][0]["LifeCycleState"] == "available")
    return {
        "instance": made["Instances"][0]["InstanceId"],
        "host": host,
        "store": store,
        "system": system,
        "target": target["IpAddress"],
        "mount": target["MountTargetId"],
    }


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(ENTRIES))
    monkeypatch.setenv(HOSTS, str(tmp_path / "hosts.yml"))
    made = Workers()
    yield made
    made.stop()


def apply(workers: Workers, place: dict[str, str], playbook: str, extra: str = "mode=first") -> tuple[int, str] | None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("vars.yml", yaml.safe_dump({"target": place["target"]}))
        archive.writestr(
            "say.py",
            "import sys\nopen(sys.argv[1] + '/mark', 'a').close()\nprint('urls', sys.argv[2])\nsys.exit(int(sys.argv[2]))\n",
        )
    return workers.apply(
        region="eu-west-1",
        instance_id=place["instance"],
        document="AWS-ApplyAnsiblePlaybooks",
        parameters={"PlaybookFile": [playbook], "ExtraVariables": [extra]},
        bundle=content.getvalue(),
    )


def pid(workers: Workers, place: dict[str, str], port: int) -> int:
    process = workers.workers[place["instance"], port].process
    return process.pid if process and process.poll() is None else 0


def test_a_service_starts_once_and_again_when_what_it_was_told_differs(workers: Workers, place: dict[str, str]) -> None:
    assert workers.place(place["instance"], 18080) is None
    code, text = apply(workers, place, "serve.yml") or (1, "")
    assert (code, place["instance"] in text) == (0, True)
    worker = workers.workers[place["instance"], 18080]
    assert workers.place(place["instance"], 18080) == f"http://{worker.place.address}:{worker.place.port}"
    assert worker.place.address.startswith("127.")
    assert listens(worker.place.address, worker.place.port)
    first = pid(workers, place, 18080)
    apply(workers, place, "serve.yml")
    assert pid(workers, place, 18080) == first
    apply(workers, place, "serve.yml", "mode=second")
    assert pid(workers, place, 18080) not in (0, first)
    workers.stop()
    assert not listens(worker.place.address, worker.place.port)


def test_a_service_that_fails_is_started_again(workers: Workers, place: dict[str, str]) -> None:
    apply(workers, place, "again.yml")
    first = pid(workers, place, 18081)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid(workers, place, 18081) not in (0, first))
    until(lambda: workers.place(place["instance"], 18081))


def test_a_service_whose_restart_fails_is_tried_again(workers: Workers, place: dict[str, str], tmp_path: Path) -> None:
    apply(workers, place, "flaky.yml")
    first = pid(workers, place, 18083)
    os.kill(first, signal.SIGKILL)
    until(lambda: (tmp_path / "starts").read_text() == "xxx")
    until(lambda: workers.place(place["instance"], 18083))
    (listed,) = workers.listed()
    assert listed["url"] == workers.place(place["instance"], 18083)
    assert listed["pid"] not in (None, first)


def test_a_service_that_cannot_start_fails_with_its_last_words(workers: Workers, place: dict[str, str]) -> None:
    code, text = apply(workers, place, "broken.yml") or (0, "")
    assert code == 1
    assert "no store" in text
    assert workers.place(place["instance"], 18082) is None


def test_of_a_playbook_that_the_file_does_not_name_nothing_is_said(workers: Workers, place: dict[str, str]) -> None:
    assert apply(workers, place, "other.yml") is None


def test_a_file_system_is_mounted_only_where_the_network_leads_to_it(
    workers: Workers, place: dict[str, str], aws: Callable[..., Any]
) -> None:
    ec2, efs = aws("ec2", "eu-west-1"), aws("efs", "eu-west-1")
    code, text = apply(workers, place, "store.yml") or (0, "")
    assert code == 1
    assert f"{place['store']} of {place['mount']} has no ingress rule for tcp 2049" in text
    ec2.authorize_security_group_ingress(GroupId=place["store"], IpPermissions=[permission(2049, place["host"])])
    assert apply(workers, place, "store.yml") == (0, "urls 0\n")
    folder = workers.folder("file-systems") / place["system"]
    assert (folder / "mark").exists()
    apply(workers, place, "serve.yml")
    assert apply(workers, place, "store.yml") == (1, "urls 1\n")  # its exit status is the outcome's
    efs.delete_mount_target(MountTargetId=place["mount"])
    efs.delete_file_system(FileSystemId=place["system"])
    workers.note(service="efs", operation="DeleteFileSystem")
    assert not folder.exists()
