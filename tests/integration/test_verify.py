"""verify on the deployed system: no finding where nothing is wrong, and the right one where something is."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pty
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from ansible_collections.lks.llm.plugins.module_utils.probing.user import START
from ansible_collections.lks.llm.plugins.module_utils.verify import reach
from ansible_collections.lks.llm.plugins.module_utils.verify.catalogue import CHECKS, PROBES
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import complete
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import FAIL, evaluate
from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import REQUIREMENTS
from ansible_collections.lks.llm.plugins.module_utils.verify.system import System

from .browser import ARGUMENTS, chromium, needs_chromium
from .modules.runner import Modules
from .modules.runner import run as run_module
from .playbooks import BIN, ROOT, Cloud, Run
from .verify.breakages import BREAKAGES, Account

HOME, AWAY = "us-east-1", "us-west-2"
ZONES = [
    {
        "name": "zone-a",
        "region": HOME,
        "cidr": "172.32.0.0/23",
        "home": True,
        "groups": ["nat", "lb", "llm", "efs", "database"],
    },
    {"name": "zone-b", "region": AWAY, "cidr": "10.10.0.0/23", "groups": ["nat", "llm"]},
]


def verify(cloud: Cloud, folder: Path, *arguments: str, run: str = "verify") -> Run:
    return cloud.play("playbooks/verify.yml", "-e", f"verify_folder={folder}", *arguments, run=run)


def failing(snapshot: dict, endpoint: str, checks: list = CHECKS) -> dict[str, list[str]]:
    results = evaluate(checks, System(snapshot, complete({"zones": ZONES, "api_endpoint": endpoint})))
    return {result.id: [finding.found for finding in result.findings] for result in results if result.status == FAIL}


@pytest.fixture(scope="module")
def untouched(cloud: Cloud, first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """The deployed system, verified."""
    folder = tmp_path_factory.mktemp("reports")
    return verify(cloud, folder), folder


@pytest.fixture(scope="module")
def snapshot(untouched: tuple[Run, Path]) -> dict:
    return json.loads((untouched[1] / "snapshot.json").read_text())


def test_an_untouched_deployment_has_no_finding(untouched):
    run, folder = untouched
    assert run.returncode == 0, run.output[-5000:]
    assert run.changed == set()
    assert "\x1b[" not in run.output  # no table where nobody watches
    assert "Everything holds." in run.output
    assert "Not probed" in run.output  # and what could not be tried is said
    report = json.loads((folder / "report.json").read_text())
    assert report["verified"] is True
    assert report["score"]["percent"] == 100
    assert {result["id"] for result in report["results"]} == {check.id for check in (*CHECKS, *PROBES)}
    assert report["score"]["pass"] == len(report["results"])
    assert {result["requirement"] for result in report["results"]} == set(REQUIREMENTS)


def test_it_asks_little_and_writes_only_what_its_probes_need(cloud, untouched):
    asked = cloud.requests("verify")
    assert {service for service, count in asked["writes"].items() if count} <= {"cognito-idp", "ssm", "lambda"}
    assert all(count < 100 for count in json.loads((untouched[1] / "report.json").read_text())["calls"].values())


def test_the_probes_go_a_users_way_and_leave_nobody(cloud, untouched):
    run, folder = untouched
    for zone in ("zone-a", "zone-b"):
        assert re.search(
            rf"{zone}: first byte of a chat with orca-mini:latest after \d+\.\d\d s, \d+ lines", run.output
        )
        assert f"{zone}: 6 workers answered" in run.output
    assert "without TLS refused" in run.output
    probes = json.loads((folder / "probes.json").read_text())
    assert probes["not_probed"] == {}
    assert {entry["name"] for entry in probes["requests"]} >= {"preflight", "stranger", "tags", "embed", "chat", "save"}
    assert "eyJ" not in json.dumps(probes)  # with which every token begins
    assert (folder / "probes.json").stat().st_mode & 0o077 == 0
    assert probe_users(cloud) == []


def probe_users(cloud: Cloud) -> list[str]:
    cognito = cloud.client("cognito-idp", HOME)
    pools = cognito.list_user_pools(MaxResults=10)["UserPools"]
    pool = next(each["Id"] for each in pools if each["Name"] == "lks-users")
    return [user["Username"] for user in cognito.list_users(UserPoolId=pool, Filter=f'email ^= "{START}"')["Users"]]


class TestProbesThatAreEnded:
    """The module in a process of its own, which is ended as soon as its user exists."""

    @pytest.fixture
    def arguments(self, cloud: Cloud, untouched: tuple[Run, Path], tmp_path: Path) -> dict:
        expectations = {
            "zones": ZONES,
            "api_endpoint": f"http://127.0.0.1:{cloud.port + 1}/execute-api/{{id}}/{{stage}}",
        }
        snapshot = str(untouched[1] / "snapshot.json")
        return {
            "snapshot": snapshot,
            "expectations": expectations,
            "path": str(tmp_path / "probes.json"),
            "timeout": 60,
        }

    def end(self, cloud: Cloud, arguments: dict, number: int) -> None:
        from ansible_collections.lks.llm.plugins.modules import verify_probes

        fork = multiprocessing.get_context("fork")
        receiver, sender = fork.Pipe(duplex=False)
        known: dict = {"region": HOME, "endpoint_url": f"http://127.0.0.1:{cloud.port}"}
        known |= {"access_key": "localcloud", "secret_key": "localcloud", "_ansible_check_mode": False}
        process = fork.Process(target=run_module, args=(verify_probes, {**known, **arguments}, sender))
        process.start()
        deadline = time.monotonic() + 60
        while not probe_users(cloud):
            assert process.is_alive() and time.monotonic() < deadline, "it never had a user"
        os.kill(process.pid or 0, number)
        process.join(60)
        assert not process.is_alive()
        assert not Path(arguments["path"]).exists()
        receiver.close()

    def test_they_remove_their_user(self, cloud, arguments):
        self.end(cloud, arguments, signal.SIGTERM)
        assert probe_users(cloud) == []

    def test_what_was_killed_is_cleaned_by_the_next_run(self, cloud, arguments):
        self.end(cloud, arguments, signal.SIGKILL)
        assert len(probe_users(cloud)) == 1
        result = Modules(cloud)("lks.llm.verify_probes", **arguments)
        assert (result.get("msg"), result["not_probed"], result["left"]) == (None, {}, [])
        assert probe_users(cloud) == []

    def test_who_may_not_make_users_is_told_so_and_all_else_is_probed(self, cloud, arguments, monkeypatch):
        from ansible_collections.lks.llm.plugins.module_utils.probing.user import ThrowawayUser
        from botocore.exceptions import ClientError

        def refuse(user):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "AdminCreateUser")

        monkeypatch.setattr(ThrowawayUser, "create", refuse)
        result = Modules(cloud)("lks.llm.verify_probes", **arguments)
        assert result["not_probed"] == {"user": "no user could be made: AccessDeniedException: not you"}
        names = {entry["name"] for entry in json.loads(Path(arguments["path"]).read_text())["requests"]}
        assert names == {"preflight", "stranger", "forged"}

    def test_where_there_is_no_way_to_the_api_that_is_said(self, cloud, arguments):
        endpoint = {"api_endpoint": "http://127.0.0.1:1/{id}/{stage}"}
        result = Modules(cloud)(
            "lks.llm.verify_probes", **{**arguments, "expectations": {**arguments["expectations"], **endpoint}}
        )
        assert set(result["not_probed"]) == {"api"}
        assert "there is no way to http://127.0.0.1:1/" in result["not_probed"]["api"]
        assert probe_users(cloud) == []


def test_the_snapshot_holds_no_secret(cloud, untouched):
    ssm = cloud.client("ssm", HOME)
    names = ["/lks-llm/database/admin-password", "/lks-llm/database/user-password", "/lks-llm/client/session-secret"]
    secrets = [each["Value"] for each in ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"]]
    assert len(secrets) == 3
    said = untouched[0].output + "".join(path.read_text() for path in untouched[1].iterdir())
    assert not [secret for secret in secrets if secret in said]
    assert (untouched[1] / "snapshot.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_breakage_is_reported_by_its_check_alone(cloud, snapshot, name):
    damage, expected = BREAKAGES[name]
    account = Account(snapshot)
    damage(account)
    # Ways are walked again where something changed that they depend on; elsewhere they are those of the untouched system.
    changed = any(
        snapshot["regions"][region].get(part) != account.snapshot["regions"][region].get(part)
        for region in (HOME, AWAY)
        for part in (*reach.PARTS, "rest_apis")
    )
    checks = CHECKS if changed else [check for check in CHECKS if check not in reach.CHECKS]
    found = failing(account.snapshot, f"http://127.0.0.1:{cloud.port + 1}/execute-api/{{id}}/{{stage}}", checks)
    assert set(found) == expected, found
    assert all(all(each) for each in found.values())


def test_every_check_is_broken_once():
    broken = {check for _damage, checks in BREAKAGES.values() for check in checks}
    assert {check.id for check in CHECKS} - broken == set()
    assert broken - {check.id for check in CHECKS} == set()


def judge(cloud: Cloud, **arguments) -> subprocess.CompletedProcess[str]:
    """The module alone, on a snapshot that was taken."""
    command = [
        str(BIN / "ansible"),
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-m",
        "lks.llm.verify_requirements",
    ]
    return subprocess.run(
        [*command, "-a", json.dumps(arguments)],
        cwd=ROOT,
        env=cloud.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_areas_can_be_chosen(cloud, untouched, tmp_path):
    known = {"snapshot": str(untouched[1] / "snapshot.json"), "expectations": {"zones": ZONES}}
    chosen = judge(cloud, areas=["network", "storage"], report_folder=str(tmp_path), **known)
    assert chosen.returncode == 0, chosen.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verified"] is True
    assert [area["area"] for area in report["areas"]] == ["network", "storage"]
    refused = judge(cloud, areas=["nonsense"], **known)
    assert refused.returncode != 0
    assert "security_groups" in refused.stdout  # the refusal lists what there is


@pytest.fixture(scope="module")
def broken(cloud, untouched, tmp_path_factory):
    """The deployed system with all DAMAGES at once."""
    expected = {check for damage in DAMAGES for check in damage(cloud)}
    folder = tmp_path_factory.mktemp("broken")
    run = verify(cloud, folder, "-e", "verify_probes=false", run="broken")
    return run, json.loads((folder / "report.json").read_text()), folder, expected


@pytest.mark.breaks
class TestTheDeployedSystemItself:
    """Broken through AWS's API, a dozen ways at once, each in another part."""

    def test_each_is_reported_and_nothing_else(self, broken):
        run, report, _folder, expected = broken
        found = {result["id"] for result in report["results"] if result["status"] == "fail"}
        assert found == expected
        assert run.returncode != 0
        for check in expected:
            assert f"  {check}  " in run.output
        assert f"{len(expected)} checks fail" in run.output  # and what to do next is said

    def test_without_probes_it_only_reads(self, broken, cloud):
        run, _report, _folder, _expected = broken
        assert {service for service, count in cloud.requests("broken")["writes"].items() if count} == set()
        assert "verify_probes is false, so that verify only reads" in run.output

    def test_a_finding_says_what_where_and_how_to_mend_it(self, broken, cloud):
        _run, report, _folder, _expected = broken
        ec2 = cloud.client("ec2", AWAY)
        group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["lks-sg-llm"]}])[
            "SecurityGroups"
        ][0]
        result = next(each for each in report["results"] if each["id"] == "G-6.ssh")
        assert [finding["resource"] for finding in result["findings"]] == [group["GroupId"]]
        assert result["findings"][0]["region"] == AWAY
        assert "tcp 22 from 203.0.113.0/24" in result["findings"][0]["found"]
        assert "site.yml" in result["remedy"]

    def test_junit_counts_them(self, broken):
        _run, _report, folder, expected = broken
        suites = ElementTree.parse(folder / "junit.xml").getroot()
        assert sum(int(suite.get("failures", 0)) for suite in suites) == len(expected)
        assert len(list(suites.iter("testcase"))) == len(CHECKS)
        assert {
            case.get("name", "").split()[0] for case in suites.iter("testcase") if case.find("failure") is not None
        } == expected

    def test_the_picture_shows_the_broken_way(self, broken):
        _run, report, folder, _expected = broken
        ways = {(way["source"], way["target"]): way["state"] for way in report["topology"]["ways"]}
        assert ways["workers zone-a", "nat zone-a"] == "broken"
        assert ways["workers zone-b", "nat zone-b"] == "proven"
        page = (folder / "report.html").read_text()
        assert 'class="way broken"' in page
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")  # it needs nothing else


def group_of(ec2, name):
    return ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"][0][
        "GroupId"
    ]


def instance_of(ec2, name):
    named = [{"Name": "tag:Name", "Values": [name]}, {"Name": "instance-state-name", "Values": ["running"]}]
    return ec2.describe_instances(Filters=named)["Reservations"][0]["Instances"][0]["InstanceId"]


def opens_ssh(cloud):
    ec2 = cloud.client("ec2", AWAY)
    source = {"CidrIp": "203.0.113.0/24", "Description": "An office of ours"}
    ec2.authorize_security_group_ingress(
        GroupId=group_of(ec2, "lks-sg-llm"),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [source]}],
    )
    return ["G-6.ssh", "X-2.rule", "X-3.rule"]


def routes_nothing_to_the_peer(cloud):
    ec2 = cloud.client("ec2", AWAY)
    named = [{"Name": "tag:Name", "Values": ["lks-rt-public-zone-b"]}]
    table = ec2.describe_route_tables(Filters=named)["RouteTables"][0]["RouteTableId"]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="172.32.0.0/23")
    return ["N-4.routes"]  # nothing that counts goes that way: the public table is another than the workers'


def checks_addresses_on_the_nat(cloud):
    ec2 = cloud.client("ec2", HOME)
    ec2.modify_instance_attribute(InstanceId=instance_of(ec2, "lks-nat-zone-a"), SourceDestCheck={"Value": True})
    return ["N-5.check", "N-5.reach"]


def takes_a_tag(cloud):
    balancers = cloud.client("elbv2", HOME)
    arn = balancers.describe_load_balancers(Names=["lks-nlb-zone-a"])["LoadBalancers"][0]["LoadBalancerArn"]
    balancers.remove_tags(ResourceArns=[arn], TagKeys=["Component"])
    return ["G-4.tags"]


def stops_backups(cloud):
    efs = cloud.client("efs", HOME)
    store = efs.describe_file_systems()["FileSystems"][0]["FileSystemId"]
    efs.put_backup_policy(FileSystemId=store, BackupPolicy={"Status": "DISABLED"})
    return ["S-1.backups"]


def removes_a_rule(cloud):
    balancers = cloud.client("elbv2", HOME)
    arn = balancers.describe_load_balancers(Names=["lks-alb-zone-a"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = balancers.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
    rules = balancers.describe_rules(ListenerArn=listener)["Rules"]
    balancers.delete_rule(RuleArn=next(rule["RuleArn"] for rule in rules if rule["Priority"] == "1"))
    return ["L-1.root"]


def checks_another_path(cloud):
    balancers = cloud.client("elbv2", AWAY)
    group = balancers.describe_target_groups(Names=["lks-tg-chat-zone-b"])["TargetGroups"][0]["TargetGroupArn"]
    balancers.modify_target_group(TargetGroupArn=group, HealthCheckPath="/")
    return ["L-3.checks"]


def ends_idle_connections(cloud):
    balancers = cloud.client("elbv2", AWAY)
    arn = balancers.describe_load_balancers(Names=["lks-alb-zone-b"])["LoadBalancers"][0]["LoadBalancerArn"]
    balancers.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "60"}]
    )
    return ["L-4.alb"]


def keeps_no_backups(cloud):
    cloud.client("rds", HOME).modify_db_instance(
        DBInstanceIdentifier="lks-database", BackupRetentionPeriod=0, ApplyImmediately=True
    )
    return ["D-1.backups"]


def takes_an_older_node(cloud):
    cloud.client("lambda", HOME).update_function_configuration(FunctionName="lks-conversations", Runtime="nodejs20.x")
    return ["G-8.newest"]


def opens_a_method(cloud):
    api = cloud.client("apigateway", HOME)
    rest_api = next(each["id"] for each in api.get_rest_apis()["items"] if each["name"] == "lks-api-gateway")
    resources = api.get_resources(restApiId=rest_api, limit=500)["items"]
    resource = next(each["id"] for each in resources if each["path"] == "/us-west-2/{proxy+}")
    change = [{"op": "replace", "path": "/authorizationType", "value": "NONE"}]
    api.update_method(restApiId=rest_api, resourceId=resource, httpMethod="POST", patchOperations=change)
    return ["A-1.methods"]


def weakens_passwords(cloud):
    cognito = cloud.client("cognito-idp", HOME)
    pool = next(
        each["Id"] for each in cognito.list_user_pools(MaxResults=10)["UserPools"] if each["Name"] == "lks-users"
    )
    cognito.update_user_pool(UserPoolId=pool, Policies={"PasswordPolicy": {"MinimumLength": 6}})
    return ["C-1.passwords"]


def forgets_an_alarm(cloud):
    cloud.client("cloudwatch", AWAY).delete_alarms(AlarmNames=["lks-nat-zone-b"])
    return ["O-1.zone_alarms"]


DAMAGES = [
    opens_ssh,
    routes_nothing_to_the_peer,
    checks_addresses_on_the_nat,
    takes_a_tag,
    stops_backups,
    removes_a_rule,
    checks_another_path,
    ends_idle_connections,
    keeps_no_backups,
    takes_an_older_node,
    opens_a_method,
    weakens_passwords,
    forgets_an_alarm,
]


def on_a_terminal(cloud: Cloud, folder: Path) -> Run:
    """verify as a person runs it, who sees how far it is."""
    ours, theirs = pty.openpty()
    command = [str(BIN / "ansible-playbook"), "playbooks/verify.yml", "-e", f"cloud_port={cloud.port}"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "-e", f"verify_folder={folder}"],
        cwd=ROOT,
        env={**cloud.environment, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal is gone when its last user is
        while said := os.read(ours, 65536):
            seen += said
    os.close(ours)
    return Run(process.wait(30), seen.decode().replace("\r\n", "\n"), time.monotonic() - began)


def test_an_empty_account_is_told_what_a_deploy_would_make(empty_cloud, tmp_path):
    run = on_a_terminal(empty_cloud, tmp_path)
    assert run.returncode != 0
    for region in (HOME, AWAY):
        assert re.search(rf"\r  {region} +#{{20}} +(\d+) of \1\x1b\[K", run.output), "the table ends full"
    looking = run.output[: run.output.index("TASK [Use the service")]
    drawings = Counter(re.findall(r"\r  (\S+) +[#.]{20} ", looking))  # of each row; one of them is in all
    assert len(re.findall(r"\x1b\[\dA", looking)) == max(drawings.values()) - 1, "each but the first is drawn in place"
    report = json.loads((tmp_path / "report.json").read_text())
    missing = [finding["found"] for result in report["results"] for finding in result["findings"]]
    assert all(finding["missing"] for result in report["results"] for finding in result["findings"])
    for part in (
        "VPC lks-vpc-zone-a",
        "VPC lks-vpc-zone-b",
        "file system",
        "database",
        "REST API",
        "user pool",
        "VPC link",
        "Amplify app",
    ):
        assert any(part in each for each in missing), part
    assert "there is no API" in run.output[run.output.index("Not probed") :]
    planned = run.output[run.output.index("A deploy would make") :]
    for part in ("public subnet", "NAT instance", "workers of every kind", "ALB", "security groups", "alarms"):
        assert part in planned, part


@needs_chromium
def test_a_browser_shows_the_page(untouched, tmp_path):
    page = (untouched[1] / "report.html").as_uri()
    common = [chromium(), "--headless", *ARGUMENTS, f"--user-data-dir={tmp_path}/profile"]
    done = subprocess.run([*common, "--dump-dom", page], capture_output=True, text=True, timeout=120, check=True)
    assert "100 %" in done.stdout
    assert done.stdout.count('class="way ') == len(
        json.loads((untouched[1] / "report.json").read_text())["topology"]["ways"]
    )
    picture = tmp_path / "page.png"
    subprocess.run(
        [*common, f"--screenshot={picture}", "--window-size=1100,1600", page],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert picture.stat().st_size > 20_000


def test_make_has_a_target_for_it():
    assert "playbooks/verify.yml" in (ROOT / "Makefile").read_text()
    assert yaml.safe_load((ROOT / "playbooks/verify.yml").read_text())
