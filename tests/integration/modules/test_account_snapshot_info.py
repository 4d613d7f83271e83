"""account_snapshot_info on the local cloud: what it keeps, and what it must not."""

from __future__ import annotations

import io
import json
import zipfile

SNAPSHOT = "lks.llm.account_snapshot_info"
REGIONS = ["us-east-1", "us-west-2"]


def test_it_reads_all_regions_at_once_and_changes_nothing(modules, module_cloud):
    module_cloud.client("ssm", "us-west-2").put_parameter(
        Name="/snapshot/secret", Value="do-not-keep", Type="SecureString"
    )
    found = modules.unchanged(SNAPSHOT, regions=REGIONS)["snapshot"]
    assert sorted(found["regions"]) == REGIONS
    assert found["account"] == "123456789012"
    assert found["refused"] == []
    assert set(found["regions"]["us-east-1"]) == set(found["regions"]["us-west-2"])
    assert set(found["calls"]) == {*REGIONS, "global"}
    for region in REGIONS:
        default = [vpc for vpc in found["regions"][region]["vpcs"] if vpc["IsDefault"]]
        assert len(default) == 1
        assert all(subnet["AvailabilityZone"].startswith(region) for subnet in found["regions"][region]["subnets"])
    assert [each["Name"] for each in found["regions"]["us-west-2"]["parameters"]] == ["/snapshot/secret"]
    assert "do-not-keep" not in json.dumps(found)


def test_of_variables_only_those_are_kept_that_hold_no_secret(modules, module_cloud):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.mjs", "export const handler = async () => ({})")
    variables = {"DB_HOST": "db.example.com", "DB_PASSWORD": "do-not-keep"}
    module_cloud.client("lambda", "us-east-1").create_function(
        FunctionName="snapshot-variables",
        Runtime="nodejs24.x",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/LabRole",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables},
    )
    result = modules(SNAPSHOT, regions=["us-east-1"], keep_environment=["DB_HOST"])
    function = next(
        each
        for each in result["snapshot"]["regions"]["us-east-1"]["functions"]
        if each["FunctionName"] == "snapshot-variables"
    )
    assert function["Environment"]["Variables"] == {"DB_HOST": "db.example.com", "DB_PASSWORD": "(not kept)"}
    assert "do-not-keep" not in json.dumps(result)


def test_prefix_lists_that_rules_and_routes_name_are_told_with_what_they_hold(modules, module_cloud):
    ec2 = module_cloud.client("ec2", "us-west-2")
    assert modules(SNAPSHOT, regions=["us-west-2"])["snapshot"]["regions"]["us-west-2"]["managed_prefix_lists"] == []
    made = [
        ec2.create_managed_prefix_list(
            PrefixListName=name, MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": cidr, "Description": name}]
        )["PrefixList"]["PrefixListId"]
        for name, cidr in (
            ("of-a-rule", "192.0.2.0/24"),
            ("of-a-route", "198.51.100.0/24"),
            ("of-nothing", "10.0.0.0/8"),
        )
    ]
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="lists", Description="Lists", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": made[0]}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationPrefixListId=made[1], GatewayId=gateway)
    found = modules(SNAPSHOT, regions=["us-west-2"])["snapshot"]["regions"]["us-west-2"]["managed_prefix_lists"]
    assert {each["PrefixListId"]: [entry["Cidr"] for entry in each["Entries"]] for each in found} == {
        made[0]: ["192.0.2.0/24"],
        made[1]: ["198.51.100.0/24"],
    }


def test_the_file_is_its_owners_alone(modules, tmp_path):
    path = tmp_path / "reports/snapshot.json"
    path.parent.mkdir()
    path.write_text("from before, and readable by everybody")
    path.chmod(0o644)
    result = modules(SNAPSHOT, regions=["us-east-1"], path=str(path))
    assert result["path"] == str(path)
    assert "snapshot" not in result
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(path.read_text())["regions"]) == ["us-east-1"]


def test_nonsense_is_refused(modules, tmp_path):
    assert "at least one region" in modules(SNAPSHOT, regions=[])["msg"]
    assert "regions" in modules(SNAPSHOT)["msg"]
    assert "Could not write" in modules(SNAPSHOT, regions=["us-east-1"], path=str(tmp_path))["msg"]


def test_what_is_refused_is_said_and_nothing_else_is_lost(modules, module_cloud, monkeypatch):
    from ansible_collections.lks.llm.plugins.module_utils import account_snapshot
    from botocore.exceptions import ClientError

    def refuse(place, _found):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "ListApps")

    monkeypatch.setitem(account_snapshot.PARTS, "amplify_apps", ("amplify", refuse))
    result = modules(SNAPSHOT, regions=["us-east-1"])
    assert result["refused"] == [
        {"region": "us-east-1", "part": "amplify_apps", "reason": "AccessDeniedException: not you"}
    ]
    assert "amplify_apps" not in result["snapshot"]["regions"]["us-east-1"]
    assert result["snapshot"]["regions"]["us-east-1"]["vpcs"]
