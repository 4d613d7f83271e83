"""The system on the local cloud, with some instances that are machines. tests/machines/scenarios.py lets pytest run this, as root."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from machines.isolated import RUN

from ..fabric.topology import AWAY, states
from ..integration.api_client import HOME, Browser, chat, way
from ..integration.playbooks import Cloud, Run
from ..ports import free_port
from ..waiting import until
from .interrupted import PROJECT, traces

MACHINES = ["-i", "inventories/local.yml", "-i", "inventories/machines.yml"]
# The NAT instances, a worker with a kernel of its own, which has the store by way of the peering, and one that is a container; the others are
# processes, on the same store.
NAMES = "nat-zone-.$|-chat-zone-b-a1$|-scoring-zone-a-a1$"
WORKERS = {"kernel": "chat-zone-b-a1", "container": "scoring-zone-a-a1"}
INTERNET = "198.51.100.10"
NATS = [{"Name": "tag:Component", "Values": ["nat"]}]


class Inside:
    """A machine, from the system that it runs on."""

    def __init__(self, cloud: Cloud, identity: str, region: str) -> None:
        self.cloud = cloud
        self.identity = identity
        self.region = region

    def run(self, script: str) -> str:
        done = self.execute(script)
        return (done.stdout + done.stderr).strip()

    def execute(self, script: str) -> subprocess.CompletedProcess[str]:
        """By the means of the process that directs all machines."""
        asked = [sys.executable, "-m", "tests.machines", "run", self.identity, script]
        inside = ["nsenter", "--all", f"--target={fleet(self.cloud)}", f"--wd={PROJECT}", "--"]
        return subprocess.run([*inside, *asked], capture_output=True, text=True, check=False, timeout=120)

    @property
    def runs(self) -> bool:
        try:
            return self.execute("true").returncode == 0
        except AssertionError:
            return False


def fleet(cloud: Cloud) -> int:
    """The process that directs all machines."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_text().split("\0")
            if words[1:3] == ["-m", "machines.fleet"] and f"{cloud.home}" in (path.parent / "environ").read_text():
                return int(path.parent.name)
    raise AssertionError("there are no machines")


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
    """By what they are here: nat, and those of WORKERS."""
    names = {"nat": "lks-nat-zone-a", **{key: f"lks-worker-{name}" for key, name in WORKERS.items()}}
    found = {}
    for key, name in names.items():
        region = AWAY if "-zone-b" in name else HOME
        described = cloud.client("ec2", region).describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])
        found[key] = Inside(cloud, described["Reservations"][0]["Instances"][0]["InstanceId"], region)
    return found


def result(cloud: Cloud, name: str, machine: Inside) -> tuple[str, str]:
    """Status and output of an association's newest execution on an instance; of the output, all that is kept in the bucket."""
    ssm, s3 = cloud.client("ssm", machine.region), cloud.client("s3", HOME)
    listed = ssm.list_associations()["Associations"]
    identity = next(each["AssociationId"] for each in listed if each["AssociationName"] == name)
    told = ssm.describe_instance_associations_status(InstanceId=machine.identity)["InstanceAssociationStatusInfos"]
    found = next(each for each in told if each["AssociationId"] == identity)
    bucket, _, folder = found["OutputUrl"]["S3OutputUrl"]["OutputUrl"].partition(".amazonaws.com/")[2].partition("/")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])]
    return found["Status"], "".join(
        s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in sorted(keys)
    )


def test_the_roles_are_applied_on_machines(cloud: Cloud, machines: dict[str, Inside]) -> None:
    for key, name in WORKERS.items():
        worker = machines[key]
        status, said = result(cloud, f"lks-worker-{name.rpartition('-')[0]}", worker)
        assert status == "Success", said
        assert re.search(r"PLAY RECAP .*\nlocalhost +: ok=\d+ +changed=\d+ .* failed=0", said), said
        assert ("TASK [efs_mount : Mount]" in said) == (key != "container"), said
        assert worker.run("systemctl is-active ollama share.mount") == "active\nactive"
        unit = worker.run("systemctl show --property=User,NoNewPrivileges,ProtectSystem ollama")
        assert set(unit.splitlines()) == {"User=ollama", "NoNewPrivileges=yes", "ProtectSystem=strict"}
        assert worker.run("stat --format=%U /proc/$(systemctl show --property=MainPID --value ollama)") == "ollama"
        assert "orca-mini" in worker.run("ls /share/models/manifests/registry.ollama.ai/library")
    status, said = result(cloud, "lks-nat-zone-a", machines["nat"])
    assert status == "Success", said
    rules = machines["nat"].run("iptables --table nat --list-rules")
    assert "-s 172.32.1.0/25 -o eth0 -j MASQUERADE" in rules, rules
    assert machines["nat"].run("cat /proc/sys/net/ipv4/ip_forward") == "1"


def test_a_kernel_mounts_the_store_by_nfs_from_a_mount_target(cloud: Cloud, machines: dict[str, Inside]) -> None:
    """By way of the peering. What one writes all see."""
    efs, kernel, container = cloud.client("efs", HOME), machines["kernel"], machines["container"]
    (system,) = efs.describe_file_systems()["FileSystems"]
    targets = efs.describe_mount_targets(FileSystemId=system["FileSystemId"])["MountTargets"]
    kind, source = kernel.run("findmnt --noheadings --output FSTYPE,SOURCE /share").split()
    assert kind == "nfs4"
    assert source in {f"{each['IpAddress']}:/" for each in targets}
    options = kernel.run("findmnt --noheadings --output OPTIONS /share").split(",")
    assert {"vers=4.1", "hard", "noresvport", "rsize=1048576"} <= set(options)
    kernel.run("echo nouns > /share/one")
    container.run("echo verbs > /share/other")
    assert [each.run("cat /share/one /share/other").split() for each in (kernel, container)] == [["nouns", "verbs"]] * 2
    kernel.run("rm /share/one /share/other")


def test_security_groups_judge_who_reaches_the_store(cloud: Cloud, machines: dict[str, Inside]) -> None:
    ec2 = cloud.client("ec2", HOME)
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["lks-sg-efs"]}])[
        "SecurityGroups"
    ]
    target = machines["kernel"].run("findmnt --noheadings --output SOURCE /share").partition(":")[0]
    knock = f"timeout 3 bash -c '</dev/tcp/{target}/2049' && echo through"
    assert machines["kernel"].run(knock) == "through"
    assert machines["container"].run(knock) == "", "it has the store without a connection of its own"
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    try:
        until(lambda: machines["kernel"].run(knock) != "through", "the end of new connections")
    finally:
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    until(lambda: machines["kernel"].run(knock) == "through", "new connections")


def test_private_hosts_reach_the_internet_through_the_nat(cloud: Cloud, machines: dict[str, Inside]) -> None:
    """What they were configured with came that way: the server there saw the NAT instances' public addresses alone."""
    public = {
        instance["PublicIpAddress"]
        for region in (HOME, AWAY)
        for each in cloud.client("ec2", region).describe_instances(Filters=NATS)["Reservations"]
        for instance in each["Instances"]
    }
    seen = (Path(f"/proc/{fleet(cloud)}/root") / RUN.relative_to("/") / f"internet-{INTERNET}.log").read_text()
    assert {line.split()[0] for line in seen.splitlines() if '"GET ' in line} == public, seen
    fetch = f"import urllib.request as r; print(r.urlopen('http://{INTERNET}/', timeout=5).status)"
    assert machines["container"].run(f'python3 -c "{fetch}"') == "200"
    assert (
        machines["nat"].run(
            "iptables --table nat --list-rules | grep MASQUERADE | sed s/-A/-D/ | xargs -L1 iptables --table nat"
        )
        == ""
    )
    assert "timed out" in machines["container"].run(f'python3 -c "{fetch}"')


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


def test_a_chat_travels_into_a_kernel(cloud: Cloud, user: Browser, machines: dict[str, Inside]) -> None:
    def answered() -> str:
        found = user.stream("/us-west-2/chat", chat("What is a verb?"))
        assert found.whole
        return str(way(cloud, found.id)[-1]["name"])

    machine = machines["kernel"]
    assert machine.identity in {answered() for _ in range(4)}, "its backup and it take turns"
    machine.run("systemctl stop ollama")
    health = cloud.client("elbv2", AWAY)
    group = next(
        each for each in health.describe_target_groups()["TargetGroups"] if "-chat-" in each["TargetGroupName"]
    )

    def state() -> str:
        return states(cloud.client, AWAY, group["TargetGroupArn"])[machine.identity]

    until(lambda: state() == "unhealthy", "the end of its health")
    assert machine.identity not in {answered() for _ in range(4)}
    machine.run("systemctl start ollama")
    until(lambda: state() == "healthy", "its health")


def test_an_instance_that_was_stopped_comes_back_as_it_was(cloud: Cloud, machines: dict[str, Inside]) -> None:
    """With its mount, if it has a kernel."""
    stopped = [machines["container"], machines["kernel"]]
    for worker in stopped:
        worker.run("touch /root/kept")
        cloud.client("ec2", worker.region).stop_instances(InstanceIds=[worker.identity])
    until(lambda: not any(worker.runs for worker in stopped), "their end")
    for worker in stopped:
        cloud.client("ec2", worker.region).start_instances(InstanceIds=[worker.identity])
    until(
        lambda: all(each.run("systemctl is-active ollama share.mount") == "active\nactive" for each in stopped),
        "the workers",
    )
    assert [worker.run("ls /root/kept") for worker in stopped] == ["/root/kept"] * 2
    assert machines["kernel"].run("findmnt --noheadings --output FSTYPE /share") == "nfs4"


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


def test_a_terminated_instance_is_gone(cloud: Cloud, machines: dict[str, Inside]) -> None:
    worker = machines["kernel"]
    cloud.client("ec2", worker.region).terminate_instances(InstanceIds=[worker.identity])
    place = Path(f"/proc/{fleet(cloud)}/root") / RUN.relative_to("/") / "machines" / worker.identity
    until(lambda: not place.exists(), "its end")
    assert not worker.runs


def test_nothing_is_left_behind(cloud: Cloud, machines: dict[str, Inside], before: dict[str, Any]) -> None:
    """Neither of a cloud that is killed. What `stop` has to do after that is nothing."""
    os.kill(cloud.control("health")["pid"], signal.SIGKILL)
    until(lambda: traces() == before and not any(each.runs for each in machines.values()), "the end of it all", 30)
    cloud.stop()
    assert traces() == before
