"""What AWS refuses of EC2 and VPC is refused, by AWS's code; what it accepts right beside it is not."""

from __future__ import annotations

import ipaddress
import itertools
import time
from types import SimpleNamespace

import botocore.exceptions
import pytest

from localcloud import rules

from .in_process import refusal

BLOCKS = itertools.count()
ANYWHERE = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}


@pytest.fixture
def ec2(aws):
    return aws("ec2")


def make_vpc(client, block: str | None = None) -> SimpleNamespace:
    block = block or f"10.{next(BLOCKS)}.0.0/23"
    vpc = client.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    cidr = str(next(ipaddress.ip_network(block).subnets(new_prefix=24)))
    zone = f"{client.meta.region_name}a"
    subnet = client.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    group = client.create_security_group(VpcId=vpc, GroupName="web", Description="Web")["GroupId"]
    return SimpleNamespace(id=vpc, subnet=subnet, group=group, block=block)


@pytest.fixture
def vpc(ec2):
    return make_vpc(ec2)


@pytest.fixture
def image(ec2):
    return ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]


def launch(client, image, **arguments):
    wanted = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t2.micro", **arguments}
    return client.run_instances(**wanted)["Instances"][0]


def test_every_rule_says_where_aws_documents_it():
    for found in rules.RULES.values():
        assert all(rule.source.startswith("https://docs.aws.amazon.com/") for rule in found)


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("default", "x"),
        ("sg-web", "x"),
        ("käse", "x"),
        ("x" * 256, "x"),
        ("a", "it's"),
        ("a", "x" * 256),
    ],
)
def test_names_and_descriptions_of_security_groups(ec2, vpc, name, description):
    with refusal("InvalidParameterValue"):
        ec2.create_security_group(VpcId=vpc.id, GroupName=name, Description=description)
    ec2.create_security_group(VpcId=vpc.id, GroupName="a" * 255, Description="._-:/()#,@[]+=&;{}!$* " + "x" * 233)


@pytest.mark.parametrize("description", ["it's", "x" * 256, "ü"])
def test_descriptions_of_rules(ec2, vpc, description):
    with refusal("InvalidParameterValue"):
        ec2.authorize_security_group_ingress(
            GroupId=vpc.group,
            IpPermissions=[{**ANYWHERE, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": description}]}],
        )
    ec2.authorize_security_group_ingress(
        GroupId=vpc.group,
        IpPermissions=[{**ANYWHERE, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "From inside (X-1)"}]}],
    )


def test_rules_name_groups_of_their_own_vpc_or_of_a_peer_in_the_region(aws, ec2, vpc):
    def allow(group):
        ec2.authorize_security_group_ingress(
            GroupId=vpc.group, IpPermissions=[{**ANYWHERE, "UserIdGroupPairs": [{"GroupId": group}]}]
        )

    elsewhere = make_vpc(aws("ec2", "us-west-2"))
    with refusal("InvalidGroup.NotFound"):
        allow(elsewhere.group)
    other = make_vpc(ec2)
    with refusal("InvalidGroup.NotFound", "different networks"):
        allow(other.group)
    peering = ec2.create_vpc_peering_connection(VpcId=vpc.id, PeerVpcId=other.id)["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    allow(other.group)
    allow(vpc.group)


def test_security_groups_in_use_stay(ec2, vpc, image):
    default = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"][0]["GroupId"]
    with refusal("CannotDelete"):
        ec2.delete_security_group(GroupId=default)

    other = ec2.create_security_group(VpcId=vpc.id, GroupName="other", Description="Other")["GroupId"]
    permission = [{**ANYWHERE, "UserIdGroupPairs": [{"GroupId": vpc.group}]}]
    ec2.authorize_security_group_egress(GroupId=other, IpPermissions=permission)
    with refusal("DependencyViolation"):
        ec2.delete_security_group(GroupId=vpc.group)
    ec2.delete_security_group(GroupId=other)

    instance = launch(ec2, image, SubnetId=vpc.subnet, SecurityGroupIds=[vpc.group])["InstanceId"]
    with refusal("DependencyViolation"):
        ec2.delete_security_group(GroupId=vpc.group)
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_security_group(GroupId=vpc.group)


def in_time(call, **arguments):
    """What a call answers once it is no longer refused: what is made or taken away takes a moment."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call(**arguments)
        except botocore.exceptions.ClientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_what_others_hold_on_to_stays(aws, ec2, vpc):
    """Load balancers, databases, functions and mount targets keep their groups and subnets."""
    blocks = list(ipaddress.ip_network(vpc.block).subnets(new_prefix=25))
    second = ec2.create_subnet(VpcId=vpc.id, CidrBlock=str(blocks[2]), AvailabilityZone="us-east-1b")["Subnet"][
        "SubnetId"
    ]
    subnets = [vpc.subnet, second]

    def held():
        for call, arguments in (
            (ec2.delete_security_group, {"GroupId": vpc.group}),
            (ec2.delete_subnet, {"SubnetId": second}),
        ):
            with refusal("DependencyViolation"):
                call(**arguments)

    elb = aws("elbv2")
    balancer = elb.create_load_balancer(Name=vpc.id[:20], Subnets=subnets, SecurityGroups=[vpc.group])["LoadBalancers"]
    held()
    elb.delete_load_balancer(LoadBalancerArn=balancer[0]["LoadBalancerArn"])

    rds = aws("rds")
    rds.create_db_subnet_group(DBSubnetGroupName=vpc.id, DBSubnetGroupDescription="x", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier=vpc.id,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword="a-long-password",
        DBSubnetGroupName=vpc.id,
        VpcSecurityGroupIds=[vpc.group],
    )
    held()
    rds.delete_db_instance(DBInstanceIdentifier=vpc.id, SkipFinalSnapshot=True)

    efs = aws("efs")
    store = efs.create_file_system(CreationToken=vpc.id)["FileSystemId"]
    target = in_time(efs.create_mount_target, FileSystemId=store, SubnetId=second, SecurityGroups=[vpc.group])
    held()
    efs.delete_mount_target(MountTargetId=target["MountTargetId"])

    in_time(ec2.delete_security_group, GroupId=vpc.group)
    in_time(ec2.delete_subnet, SubnetId=second)


def test_subnets_fit_their_vpc_and_region(ec2):
    with refusal("InvalidVpc.Range"):
        ec2.create_vpc(CidrBlock="10.0.0.0/8")
    vpc = make_vpc(ec2, "10.200.0.0/16")
    for block, code in (
        ("10.200.1.0/29", "InvalidSubnet.Range"),
        ("10.201.0.0/24", "InvalidSubnet.Range"),
        ("10.200.0.128/25", "InvalidSubnet.Conflict"),
    ):
        with refusal(code):
            ec2.create_subnet(VpcId=vpc.id, CidrBlock=block)
    with refusal("InvalidParameterValue", "us-west-2a"):
        ec2.create_subnet(VpcId=vpc.id, CidrBlock="10.200.2.0/24", AvailabilityZone="us-west-2a")
    made = ec2.create_subnet(VpcId=vpc.id, CidrBlock="10.200.2.0/24", AvailabilityZone="us-east-1d")["Subnet"]
    assert made["MapPublicIpOnLaunch"] is made["DefaultForAz"] is False


def test_a_vpc_goes_last(ec2, vpc, image):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc.id)
    second = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    with refusal("InvalidParameterValue", "already attached"):
        ec2.attach_internet_gateway(InternetGatewayId=second, VpcId=vpc.id)
    table = ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=vpc.subnet)
    ec2.modify_subnet_attribute(SubnetId=vpc.subnet, MapPublicIpOnLaunch={"Value": True})
    instance = launch(ec2, image, SubnetId=vpc.subnet, SecurityGroupIds=[vpc.group])
    assert instance["PublicIpAddress"]
    main = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"][0]["RouteTableId"]

    with refusal("DependencyViolation", "mapped public address"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc.id)
    with refusal("DependencyViolation"):
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    for table_id in (table, main):
        with refusal("DependencyViolation"):
            ec2.delete_route_table(RouteTableId=table_id)
    with refusal("DependencyViolation"):
        ec2.delete_subnet(SubnetId=vpc.subnet)
    with refusal("InvalidParameterValue"):
        ec2.delete_network_interface(NetworkInterfaceId=instance["NetworkInterfaces"][0]["NetworkInterfaceId"])

    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    ec2.delete_subnet(SubnetId=vpc.subnet)
    with refusal("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc.id)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_security_group(GroupId=vpc.group)
    with refusal("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc.id)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc.id)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc.id)


def test_peerings_are_accepted_where_they_are_offered_and_seen_by_each_side(aws, ec2, vpc):
    west = aws("ec2", "us-west-2")
    other = make_vpc(west)
    tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "asked"}]}]
    peering = ec2.create_vpc_peering_connection(
        VpcId=vpc.id, PeerVpcId=other.id, PeerRegion="us-west-2", TagSpecifications=tags
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    with refusal("OperationNotPermitted"):
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    with refusal("OperationNotPermitted", "not active"):
        ec2.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=peering, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
        )
    west.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    with refusal("OperationNotPermitted", "us-west-2"):
        ec2.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=peering, AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
        )

    def seen(client):
        filters = [{"Name": "requester-vpc-info.vpc-id", "Values": [vpc.id]}]
        (found,) = client.describe_vpc_peering_connections(Filters=filters)["VpcPeeringConnections"]
        assert found["Status"]["Code"] == "active"
        return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}

    assert seen(ec2) == {"Name": "asked"}
    assert seen(west) == {}
    west.create_tags(Resources=[peering], Tags=[{"Key": "Name", "Value": "accepted"}])
    assert seen(west) == {"Name": "accepted"}
    assert seen(ec2) == {"Name": "asked"}
    with refusal("InvalidVpcPeeringConnectionId.NotFound"):
        ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=["pcx-00000000000000000"])


def test_peerings_of_overlapping_networks_fail(aws, ec2, vpc):
    other = make_vpc(aws("ec2", "us-west-2"), vpc.block)
    peering = ec2.create_vpc_peering_connection(VpcId=vpc.id, PeerVpcId=other.id, PeerRegion="us-west-2")
    identifier = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    found = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[identifier])["VpcPeeringConnections"][0]
    assert found["Status"]["Code"] == "failed"
    assert "overlapping CIDR" in found["Status"]["Message"]


def test_launches_that_cannot_be(ec2, vpc, image):
    other = make_vpc(ec2)
    for code, arguments in (
        ("InvalidAMIID.NotFound", {"ImageId": "ami-00000000000000000"}),
        ("InvalidInstanceType.NotFound", {"InstanceType": "t2.enormous"}),
        ("InvalidSubnetID.NotFound", {"SubnetId": "subnet-00000000000000000"}),
        ("InvalidGroup.NotFound", {"SecurityGroupIds": ["sg-00000000000000000"]}),
        ("InvalidParameter", {"SecurityGroupIds": [other.group]}),
        ("InvalidParameterValue", {"PrivateIpAddress": "192.0.2.1"}),
        ("InvalidParameterValue", {"UserData": "x" * 16385}),
        ("InvalidParameterValue", {"IamInstanceProfile": {"Name": "nobody"}}),
        (
            "InvalidParameterValue",
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 70000, "VolumeType": "gp3"}}]},
        ),
    ):
        with refusal(code):
            launch(ec2, **{"image": image, "SubnetId": vpc.subnet, "SecurityGroupIds": [vpc.group], **arguments})


def test_an_instance_is_as_asked_for_and_takes_what_is_its_own_with_it(ec2, vpc, image):
    tags = [{"Key": "Name", "Value": "one"}]
    instance = launch(
        ec2,
        image,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": vpc.subnet, "Groups": [vpc.group]}],
        IamInstanceProfile={"Name": "LabInstanceProfile"},
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": True}}
        ],
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        UserData="x" * 16384,
        TagSpecifications=[
            {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume", "network-interface")
        ],
    )
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    identifier = instance["InstanceId"]
    assert "PublicIpAddress" not in instance
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [identifier]}])["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"], volume["Tags"]) == (20, "gp3", True, tags)
    assert volume["Attachments"][0]["DeleteOnTermination"] is True
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["TagSet"] == tags

    ec2.modify_instance_attribute(InstanceId=identifier, SourceDestCheck={"Value": False})
    ec2.modify_instance_metadata_options(InstanceId=identifier, HttpPutResponseHopLimit=2)
    found = ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
    assert found["SourceDestCheck"] is found["NetworkInterfaces"][0]["SourceDestCheck"] is False
    assert (found["MetadataOptions"]["HttpTokens"], found["MetadataOptions"]["HttpPutResponseHopLimit"]) == (
        "required",
        2,
    )
    table = ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=interface)

    ec2.terminate_instances(InstanceIds=[identifier])
    gone = ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
    assert gone["State"]["Name"] == "terminated"
    assert gone["Tags"] == tags
    assert not gone.get("NetworkInterfaces")
    assert not gone.get("PrivateIpAddress")
    with refusal("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[volume["VolumeId"]])
    with refusal("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [route["State"] for route in routes if route["DestinationCidrBlock"] == "0.0.0.0/0"] == ["blackhole"]


def test_interfaces_have_groups_and_volumes_have_sizes(ec2, vpc):
    with refusal("InvalidGroup.NotFound"):
        ec2.create_network_interface(SubnetId=vpc.subnet, Groups=["sg-00000000000000000"])
    with refusal("InvalidParameterValue", "between 125GiB"):
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=20, VolumeType="st1")
    ec2.create_network_interface(SubnetId=vpc.subnet, Groups=[vpc.group])
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=20, VolumeType="gp3")


def test_volumes_and_addresses_in_use_stay(ec2, vpc, image):
    instance = launch(ec2, image, SubnetId=vpc.subnet, SecurityGroupIds=[vpc.group])["InstanceId"]
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    with refusal("VolumeInUse"):
        ec2.delete_volume(VolumeId=volume["VolumeId"])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]
    with refusal("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "aws:mine", "Value": "x"}], "InvalidParameterValue"),
        ([{"Key": "k" * 128, "Value": "x"}], "InvalidParameterValue"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidParameterValue"),
        ([{"Key": f"k{number}", "Value": "x"} for number in range(51)], "TagLimitExceeded"),
    ],
)
def test_tags_have_limits(ec2, vpc, tags, code):
    with refusal(code):
        ec2.create_tags(Resources=[vpc.id], Tags=tags)
    ec2.create_tags(Resources=[vpc.id], Tags=[{"Key": "k" * 127, "Value": "v" * 256}])
