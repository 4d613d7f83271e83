"""The system on the local cloud, with some instances that are machines. tests/machines/scenarios.py lets pytest run this, as root."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from machines.isolated import RUN

from ..fabric.topology import states
from ..integration.api_client import HOME, Browser, chat, way
from ..integration.playbooks import Cloud, Run
from ..ports import free_port
from ..waiting import until
from .interrupted import traces

MACHINES = ["-i", "inventories/local.yml", "-i", "inventories/machines.yml"]
NAMES = (
    "nat-zone-a$|-zone-a-a1$"  # a NAT instance and a worker of each kind; the others are processes, on the same store
)
KINDS = ("chat", "llm", "scoring")
INTERNET = "198.51.100.10"


class Inside:
    """A machine, from the system that it runs on."""

    def __init__(self, identity: str) -> None:
        self.identity = identity

    @property
    def leader(self) -> str:
        """The container's first process."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if f"--machine={self.identity}" in path.read_text().split("\0"):
                    return (path.parent / "task" / path.parent.name / "children").read_text().split()[0]
        raise AssertionError(f"{self.identity} is no machine that runs")

    def run(self, script: str) -> str:
        leader = self.leader
        command = ["nsenter", "--all", f"--target={leader}", f"--wd=/proc/{leader}/root", "--", "sh", "-c", script]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    return traces()


@pytest.fixture(scope="module")
def cloud(before: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("machines"))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Run:
    return cloud.play("site.yml", *MACHINES, "-e", f"machines_names='{NAMES}'", run="first").must_succeed()


@pytest.fixture(scope="module")
def machines(cloud: Cloud, deployed: Run) -> dict[str, Inside]:
    """By what the instances are: nat, or the kind of worker."""
    found = cloud.client("ec2", HOME).describe_instances(
        Filters=[{"Name": "tag:Name", "Values": ["lks-nat-zone-a", "lks-worker-*-zone-a-a1"]}]
    )
    described = [each for reservation in found["Reservations"] for each in reservation["Instances"]]
    tags = {each["InstanceId"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in described}
    return {each.get("Kind", "nat"): Inside(identity) for identity, each in tags.items()}


def result(cloud: Cloud, name: str, instance: str) -> tuple[str, str]:
    """Status and output of an association's newest execution on an instance; of the output, all that is kept in the bucket."""
    ssm, s3 = cloud.client("ssm", HOME), cloud.client("s3", HOME)
    listed = ssm.list_associations()["Associations"]
    identity = next(each["AssociationId"] for each in listed if each["AssociationName"] == name)
    told = ssm.describe_instance_associations_status(InstanceId=instance)["InstanceAssociationStatusInfos"]
    found = next(each for each in told if each["AssociationId"] == identity)
    bucket, _, folder = found["OutputUrl"]["S3OutputUrl"]["OutputUrl"].partition(".amazonaws.com/")[2].partition("/")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])]
    return found["Status"], "".join(
        s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in sorted(keys)
    )


def test_the_roles_are_applied_on_machines(cloud: Cloud, machines: dict[str, Inside]) -> None:
    assert set(machines) == {"nat", *KINDS}
    for kind in KINDS:
        worker = machines[kind]
        status, said = result(cloud, f"lks-worker-{kind}-zone-a", worker.identity)
        assert status == "Success", said
        assert re.search(r"PLAY RECAP .*\nlocalhost +: ok=\d+ +changed=\d+ .* failed=0", said), said
        assert worker.run("systemctl is-active ollama share.mount") == "active\nactive"
        unit = worker.run("systemctl show --property=User,NoNewPrivileges,ProtectSystem ollama")
        assert set(unit.splitlines()) == {"User=ollama", "NoNewPrivileges=yes", "ProtectSystem=strict"}
        assert worker.run("stat --format=%U /proc/$(systemctl show --property=MainPID --value ollama)") == "ollama"
        assert "orca-mini" in worker.run("ls /share/models/manifests/registry.ollama.ai/library")
    status, said = result(cloud, "lks-nat-zone-a", machines["nat"].identity)
    assert status == "Success", said
    rules = machines["nat"].run("iptables --table nat --list-rules")
    assert "-s 172.32.1.0/25 -o eth0 -j MASQUERADE" in rules, rules
    assert machines["nat"].run("cat /proc/sys/net/ipv4/ip_forward") == "1"


def test_private_hosts_reach_the_internet_through_the_nat(cloud: Cloud, machines: dict[str, Inside]) -> None:
    """What they were configured with came that way: the server there saw the NAT instance's public address alone."""
    instance = cloud.client("ec2", HOME).describe_instances(InstanceIds=[machines["nat"].identity])
    public = instance["Reservations"][0]["Instances"][0]["PublicIpAddress"]
    fleet = next(
        path.parent for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"machines.fleet" in path.read_bytes() and b"unshare" in path.read_bytes()
        and f"{cloud.home}".encode() in (path.parent / "environ").read_bytes()
    )  # fmt: skip
    seen = (fleet / "root" / RUN.relative_to("/") / f"internet-{INTERNET}.log").read_text()
    assert {line.split()[0] for line in seen.splitlines() if '"GET ' in line} == {public}, seen
    fetch = f"import urllib.request as r; print(r.urlopen('http://{INTERNET}/', timeout=5).status)"
    assert machines["chat"].run(f'python3 -c "{fetch}"') == "200"
    assert (
        machines["nat"].run(
            "iptables --table nat --list-rules | grep MASQUERADE | sed s/-A/-D/ | xargs -L1 iptables --table nat"
        )
        == ""
    )
    assert "timed out" in machines["chat"].run(f'python3 -c "{fetch}"')


@pytest.fixture(scope="module")
def user(cloud: Cloud, deployed: Run) -> Browser:
    printed = re.search(r"API\s+(http://\S+)", deployed.output)
    assert printed, deployed.output[-3000:]
    browser = Browser(cloud, printed[1])
    cognito = cloud.client("cognito-idp", HOME)
    pool = next(
        each["Id"] for each in cognito.list_user_pools(MaxResults=60)["UserPools"] if each["Name"] == "lks-users"
    )
    client = str(cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"][0]["ClientId"])
    browser.sign_up(client)
    cloud.play("playbooks/confirm.yml", *MACHINES, "-e", f"email={browser.email}").must_succeed()
    browser.token = browser.sign_in(client)["IdToken"]
    return browser


def test_a_chat_travels_into_a_machine(cloud: Cloud, user: Browser, machines: dict[str, Inside]) -> None:
    def answered() -> str:
        found = user.stream("/us-east-1/chat", chat("What is a verb?"))
        assert found.whole
        return str(way(cloud, found.id)[-1]["name"])

    machine = machines["chat"]
    assert machine.identity in {answered() for _ in range(4)}, "its backup and it take turns"
    machine.run("systemctl stop ollama")
    health = cloud.client("elbv2", HOME)
    group = next(
        each for each in health.describe_target_groups()["TargetGroups"] if "-chat-" in each["TargetGroupName"]
    )

    def state() -> str:
        return states(cloud.client, HOME, group["TargetGroupArn"])[machine.identity]

    until(lambda: state() == "unhealthy", "the end of its health")
    assert machine.identity not in {answered() for _ in range(4)}
    machine.run("systemctl start ollama")
    until(lambda: state() == "healthy", "its health")


def test_an_instance_that_was_stopped_comes_back_as_it_was(cloud: Cloud, machines: dict[str, Inside]) -> None:
    ec2, worker = cloud.client("ec2", HOME), machines["scoring"]
    worker.run("touch /root/kept")
    ec2.stop_instances(InstanceIds=[worker.identity])
    until(lambda: not running(worker), "its end")
    ec2.start_instances(InstanceIds=[worker.identity])
    until(lambda: running(worker) and worker.run("systemctl is-active ollama") == "active", "the worker")
    assert worker.run("ls /root/kept") == "/root/kept"


def running(machine: Inside) -> bool:
    try:
        return bool(machine.leader)
    except (AssertionError, IndexError, OSError):
        return False


def test_a_second_run_changes_nothing_and_applies_nothing_again(cloud: Cloud, machines: dict[str, Inside]) -> None:
    ssm = cloud.client("ssm", HOME)
    known = {each["AssociationId"] for each in ssm.list_associations()["Associations"]}

    def executions() -> int:
        return sum(
            len(ssm.describe_association_executions(AssociationId=each)["AssociationExecutions"]) for each in known
        )

    before = executions()
    again = cloud.play("site.yml", *MACHINES, "-e", f"machines_names='{NAMES}'", run="second").must_succeed()
    assert again.changed == set(), again.changed
    assert not any(cloud.requests("second")["writes"].values())
    assert executions() == before


def test_nothing_is_left_behind(cloud: Cloud, machines: dict[str, Inside], before: dict[str, Any]) -> None:
    """Neither of a cloud that is killed. What `stop` has to do after that is nothing."""
    os.kill(cloud.control("health")["pid"], signal.SIGKILL)
    until(lambda: traces() == before and not any(running(each) for each in machines.values()), "the end of it all", 30)
    cloud.stop()
    assert traces() == before
