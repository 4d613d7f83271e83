"""The local cloud as a program: started, found running, refused a taken port, used by hand, stopped, killed."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localcloud.daemon import birth

from ..fabric import topology
from ..ports import free_port
from ..waiting import until
from .playbooks import ROOT, Cloud

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def own(tmp_path):
    cloud = Cloud(free_port(), tmp_path)
    yield cloud
    cloud.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("running"))
    assert cloud.command("start", f"--port={cloud.port}").returncode == 0
    yield cloud
    cloud.stop()


def test_it_is_started_once_survives_and_is_stopped(own):
    port = f"--port={own.port}"
    assert own.command("status", port).returncode == 3
    started = own.command("start", port)
    assert started.returncode == 0, started.stderr
    assert "was started" in started.stdout
    assert f"http://127.0.0.1:{own.port}" in started.stdout
    log = own.home / str(own.port) / "server.log"
    assert str(log) in started.stdout

    vpc = own.client("ec2", "us-east-1").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    again = own.command("start", port)
    assert again.returncode == 0
    assert " runs at " in again.stdout
    status = own.command("status", port)
    assert status.returncode == 0
    assert f"deployed APIs at http://127.0.0.1:{own.port + 1};" in status.stdout
    other = own.command("start", port, f"--data-port={own.port + 3}")
    assert other.returncode == 1
    assert f"not at http://127.0.0.1:{own.port + 3}. Use that, or stop it first" in other.stderr
    assert own.client("ec2", "us-east-1").describe_vpcs(VpcIds=[vpc])["Vpcs"]

    pid = own.control("health")["pid"]
    stopped = own.command("stop", port)
    assert "was stopped" in stopped.stdout
    assert not birth(pid)
    assert "was not running" in own.command("stop", port).stdout
    with socket.create_server(("127.0.0.1", own.port)):
        pass
    refused = own.command("requests", port)
    assert refused.returncode == 1
    assert f"python -m localcloud start --port={own.port}" in refused.stderr


def test_a_taken_port_is_refused_and_left_alone(own):
    with socket.create_server(("127.0.0.1", own.port)) as other:
        refused = own.command("start", f"--port={own.port}")
        assert refused.returncode == 1
        assert f"Port {own.port} of 127.0.0.1 is taken" in refused.stderr
        assert f"-e cloud_port={own.port + 2}" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert own.command("stop", f"--port={own.port}").stdout.endswith("was not running.\n")
        assert other.fileno() > 0
    with socket.create_server(("127.0.0.1", own.port + 1)):
        refused = own.command("start", f"--port={own.port}")
        assert refused.returncode == 1
        assert f"Port {own.port + 1} of 127.0.0.1 is taken" in refused.stderr
        assert f"-e cloud_data_port={own.port + 3}" in refused.stderr
    assert not (own.home / str(own.port) / "pid").exists()


def test_starts_at_the_same_moment_make_one_cloud(own):
    command = [sys.executable, "-m", "localcloud", "start", f"--port={own.port}"]
    starts = [
        subprocess.Popen(command, cwd=ROOT, env=own.environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [start.communicate(timeout=120)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert sum("was started" in line for line in said) == 1


def test_a_killed_start_leaves_a_whole_cloud_or_none(own):
    command = [sys.executable, "-m", "localcloud", "start", f"--port={own.port}"]
    killed = subprocess.Popen(command, cwd=ROOT, env=own.environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (own.home / str(own.port) / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    started = own.command("start", f"--port={own.port}")
    assert started.returncode == 0, started.stderr
    assert own.client("sts", "us-east-1").get_caller_identity()["Account"] == "123456789012"
    assert "was stopped" in own.command("stop", f"--port={own.port}").stdout


def test_it_is_used_by_hand_with_the_environment_alone(running):
    assert running.command("start", f"--port={running.port}", "--run=mine").returncode == 0
    script = "import boto3; print(boto3.client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId'])"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{running.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.startswith("vpc-"), done.stderr
    assert running.requests("mine")["writes"] == {"ec2": 1}
    shown = running.command("requests", f"--port={running.port}", "--last").stdout
    assert "mine, begun" in shown
    assert "0 reads, 1 writes" in shown


def test_what_calls_carry_is_not_in_the_log(running):
    ssm = running.client("ssm", "us-east-1")
    ssm.put_parameter(Name="/password", Value=SECRET, Type="SecureString")
    with pytest.raises(ssm.exceptions.ClientError):
        ssm.put_parameter(Name="/other", Value=SECRET, Type="SecureString", Tier="Highest")
    log = (running.home / str(running.port) / "server.log").read_text()
    assert "us-east-1 ssm PutParameter: 200" in log
    assert "us-east-1 ssm PutParameter: ValidationException" in log
    assert SECRET not in log


def test_machines_that_cannot_be_are_refused_before_anything_is_there(own, tmp_path):
    """Without root, or without the programs that they need."""
    own.environment["PATH"] = str(tmp_path)
    refused = own.command("start", f"--port={own.port}", f"--machines={ROOT / 'standin/machines.yml'}")
    assert refused.returncode == 1
    reason = "root is needed" if os.geteuid() else "missing: unshare, setpriv, ip, systemd-nspawn"
    assert refused.stderr.startswith(f"Instances cannot be machines here: {reason}"), refused.stderr
    assert "Without --machines (HOSTS=machines of make) they are processes" in refused.stderr
    assert not own.command("status", f"--port={own.port}").stdout.startswith("The local cloud runs")
    assert [path.name for path in (own.home / str(own.port)).iterdir()] == ["lock"]


FUNCTION = "export const handler = () => process.pid"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_that_it_ran_outlives_it(own, how):
    """An instance's service, a database, a function: whether it is stopped or killed."""
    assert own.command("start", f"--port={own.port}", f"--hosts={ROOT / 'tests/fabric/hosts.yml'}").returncode == 0
    pid = own.control("health")["pid"]

    def client(service: str, region: str = topology.AWAY) -> Any:
        return own.client(service, region)

    rds, functions = client("rds"), client("lambda")
    rds.create_db_instance(
        DBInstanceIdentifier="left", Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20,
        MasterUsername="boss", MasterUserPassword="first-word",
    )  # fmt: skip
    zone = topology.zone(client, topology.AWAY, "10.20", "left")
    topology.profile(client, "left")
    topology.launch(client, zone, "left", 1)
    topology.configure(client, "left")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.mjs", FUNCTION)
    functions.create_function(
        FunctionName="left", Runtime="nodejs24.x", Role="arn:aws:iam::123456789012:role/LabRole",
        Handler="index.handler", Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName="left")
    assert int(functions.invoke(FunctionName="left")["Payload"].read())
    until(lambda: [each for each in own.control("hosts") if each["pid"]])
    described = lambda: rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"]  # noqa: E731
    until(lambda: described() == "available")

    left = descendants(pid)
    commands = " ".join(Path(f"/proc/{each}/cmdline").read_text() for each in left)
    for program in ("web.py", "bin/postgres", "postgres_tls.mjs", "bootstrap.mjs"):
        assert program in commands
    if how == "stop":
        assert "was stopped" in own.command("stop", f"--port={own.port}").stdout
    else:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not [each for each, begun in left.items() if birth(each) == begun])


def descendants(pid: int) -> dict[int, str]:
    """All processes below one, with their births."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found: dict[int, str] = {}
    rest = [pid]
    while rest:
        below = parents.get(rest.pop(), [])
        found |= {each: birth(each) for each in below}
        rest += below
    return found


def test_many_connections_that_are_kept_open_hinder_nobody(running):
    """Modules of several zones, with a client for each service and thread, keep some hundred of them."""
    with contextlib.ExitStack() as kept:
        for _ in range(600):
            kept.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=5))
        assert running.client("ec2", "us-east-1").describe_vpcs()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_many_callers_at_once_leave_a_consistent_state(running):
    """Threads that create, tag and describe at the same time: nothing fails, nothing is lost."""
    import concurrent.futures

    client = running.client("ec2", "us-east-1")
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def make(number: int) -> str:
        subnet = client.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        client.create_tags(Resources=[subnet], Tags=[{"Key": "Number", "Value": str(number)}])
        client.describe_subnets(Filters=[{"Name": "tag:Number", "Values": [str(number)]}])
        return subnet

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(40)))
    found = client.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert {subnet["SubnetId"] for subnet in found} == set(made)
