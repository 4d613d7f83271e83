"""What AWS refuses of load balancers is refused, by AWS's code; what it accepts right beside it is not."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from .in_process import refusal

BLOCKS = itertools.count(100)
NAMES = itertools.count()
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain"}}


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def elbv2(aws):
    return aws("elbv2")


@pytest.fixture
def net(ec2):
    """A VPC with two subnets in us-east-1a and one in us-east-1b."""
    prefix = f"10.{next(BLOCKS)}"
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/22")["Vpc"]["VpcId"]
    a, a2, b = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("aab")
    )
    group = ec2.create_security_group(VpcId=vpc, GroupName="lb", Description="lb")["GroupId"]
    return SimpleNamespace(vpc=vpc, a=a, a2=a2, b=b, group=group, prefix=prefix)


def fresh() -> str:
    return f"lb{next(NAMES)}"


def application(elbv2, net, **more):
    wanted = {"Name": fresh(), "Scheme": "internal", "Subnets": [net.a, net.b], "SecurityGroups": [net.group], **more}
    return elbv2.create_load_balancer(**wanted)["LoadBalancers"][0]["LoadBalancerArn"]


def network(elbv2, net, *addresses, **more):
    mappings = [
        {"SubnetId": subnet} | ({"PrivateIPv4Address": address} if address else {})
        for subnet, address in zip((net.a, net.b), addresses or (None, None), strict=False)
    ]
    wanted = {"Name": fresh(), "Type": "network", "Scheme": "internal", "SubnetMappings": mappings, **more}
    return elbv2.create_load_balancer(**wanted)["LoadBalancers"][0]["LoadBalancerArn"]


def group(elbv2, net, **more):
    wanted = {"Name": f"tg{next(NAMES)}", "Protocol": "HTTP", "Port": 80, "VpcId": net.vpc, **more}
    return elbv2.create_target_group(**wanted)["TargetGroups"][0]["TargetGroupArn"]


def listen(elbv2, balancer, target=None, port=80, protocol="HTTP", action=None):
    action = action or ({"Type": "forward", "TargetGroupArn": target} if target else FIXED)
    request = {"LoadBalancerArn": balancer, "Port": port, "Protocol": protocol, "DefaultActions": [action]}
    return elbv2.create_listener(**request)["Listeners"][0]["ListenerArn"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("x" * 33, "longer than"), ("-x", "hyphen"), ("x_y", "alphanumeric"), ("internal-x", "internal-")],
)
def test_names(elbv2, net, name, words):
    with refusal("ValidationError", words):
        application(elbv2, net, Name=name)
    application(elbv2, net, Name=f"a{'x' * 27}{next(NAMES)}")


def test_a_name_is_taken_once_unless_all_is_the_same(elbv2, net):
    name = fresh()
    arn = application(elbv2, net, Name=name)
    assert application(elbv2, net, Name=name) == arn
    with refusal("DuplicateLoadBalancerName"):
        network(elbv2, net, Name=name)


def test_subnets(ec2, elbv2, net):
    with refusal("ValidationError", "two different Availability Zones"):
        application(elbv2, net, Subnets=[net.a])
    with refusal("InvalidConfigurationRequest", "same Availability Zone"):
        application(elbv2, net, Subnets=[net.a, net.a2])
    with refusal("SubnetNotFound"):
        application(elbv2, net, Subnets=[net.a, "subnet-0123456789abcdef0"])
    elsewhere = ec2.create_vpc(CidrBlock="10.99.0.0/24")["Vpc"]["VpcId"]
    there = ec2.create_subnet(VpcId=elsewhere, CidrBlock="10.99.0.0/28", AvailabilityZone="us-east-1b")["Subnet"][
        "SubnetId"
    ]
    with refusal("InvalidConfigurationRequest", "same VPC"):
        application(elbv2, net, Subnets=[net.a, there])
    small = ec2.create_subnet(VpcId=net.vpc, CidrBlock=f"{net.prefix}.3.0/28", AvailabilityZone="us-east-1c")["Subnet"][
        "SubnetId"
    ]
    application(elbv2, net, Subnets=[net.a, small])
    for number in range(4, 7):
        ec2.create_network_interface(SubnetId=small, PrivateIpAddress=f"{net.prefix}.3.{number}")
    with refusal("InvalidSubnet", "8 free"):
        application(elbv2, net, Subnets=[net.a, small])


def test_addresses_that_are_fixed(elbv2, net):
    ten = f"{net.prefix}.0.10"
    with refusal("InvalidConfigurationRequest", "does not fall within"):
        network(elbv2, net, f"{net.prefix}.2.10")
    with refusal("InvalidConfigurationRequest", "reserved"):
        network(elbv2, net, f"{net.prefix}.0.3")
    with refusal("ValidationError", "internal"):
        network(elbv2, net, ten, Scheme="internet-facing")
    with refusal("ValidationError", "Network Load Balancers only"):
        network(elbv2, net, ten, None, Type="application")
    network(elbv2, net, ten)
    with refusal("InvalidConfigurationRequest", "in use"):
        network(elbv2, net, ten)


def test_a_balancer_has_interfaces_while_it_lives(ec2, elbv2, net):
    arn = network(elbv2, net, f"{net.prefix}.0.10", f"{net.prefix}.2.10")
    of_vpc = [{"Name": "vpc-id", "Values": [net.vpc]}]
    interfaces = ec2.describe_network_interfaces(Filters=of_vpc)["NetworkInterfaces"]
    assert {each["PrivateIpAddress"] for each in interfaces} == {f"{net.prefix}.0.10", f"{net.prefix}.2.10"}
    assert {each["Description"] for each in interfaces} == {"ELB " + arn.partition("loadbalancer/")[2]}
    elbv2.delete_load_balancer(LoadBalancerArn=arn)
    assert ec2.describe_network_interfaces(Filters=of_vpc)["NetworkInterfaces"] == []
    network(elbv2, net, f"{net.prefix}.0.10")


def test_security_groups_are_of_the_vpc(ec2, elbv2, net):
    other = ec2.create_vpc(CidrBlock="10.98.0.0/24")["Vpc"]["VpcId"]
    foreign = ec2.create_security_group(VpcId=other, GroupName="x", Description="x")["GroupId"]
    with refusal("InvalidSecurityGroup"):
        application(elbv2, net, SecurityGroups=[foreign])
    with refusal("InvalidConfigurationRequest", "created without any"):
        elbv2.set_security_groups(LoadBalancerArn=network(elbv2, net), SecurityGroups=[net.group])


def test_deletion_is_refused_while_protected_or_in_use(aws, elbv2, net):
    arn = application(elbv2, net)
    protect = {"Key": "deletion_protection.enabled", "Value": "true"}
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[protect])
    with refusal("OperationNotPermitted"):
        elbv2.delete_load_balancer(LoadBalancerArn=arn)
    linked = network(elbv2, net)
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[linked], WaiterConfig={"Delay": 1})
    aws("apigateway").create_vpc_link(name="link", targetArns=[linked])
    with refusal("ResourceInUse", "another service"):
        elbv2.delete_load_balancer(LoadBalancerArn=linked)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("idle_timeout.timeout_seconds", "4001", "ValidationError"),
        ("idle_timeout.timeout_seconds", "0", "ValidationError"),
        ("routing.http2.enabled", "True", "ValidationError"),
        ("no.such.attribute", "1", "InvalidConfigurationRequest"),
    ],
)
def test_attributes_of_balancers(elbv2, net, key, value, code):
    arn = application(elbv2, net)
    with refusal(code, key):
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])
    good = {"Key": "idle_timeout.timeout_seconds", "Value": "4000"}
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[good])
    with refusal("InvalidConfigurationRequest", "type 'network'"):
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=network(elbv2, net), Attributes=[good])


def test_attributes_of_target_groups(elbv2, net):
    http = group(elbv2, net)
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "3601"}
    with refusal("ValidationError", "0-3600"):
        elbv2.modify_target_group_attributes(TargetGroupArn=http, Attributes=[delay])
    with refusal("ValidationError", "one of"):
        elbv2.modify_target_group_attributes(
            TargetGroupArn=http, Attributes=[{"Key": "load_balancing.algorithm.type", "Value": "best"}]
        )
    with refusal("InvalidConfigurationRequest", "'alb'"):
        elbv2.modify_target_group_attributes(
            TargetGroupArn=group(elbv2, net, Protocol="TCP", TargetType="alb"), Attributes=[{**delay, "Value": "30"}]
        )


def test_listeners(elbv2, net):
    balancer, other = application(elbv2, net), application(elbv2, net)
    target = group(elbv2, net)
    listen(elbv2, balancer, target)
    with refusal("DuplicateListener"):
        listen(elbv2, balancer)
    with refusal("ValidationError", "HTTP, HTTPS"):
        listen(elbv2, balancer, protocol="TCP", port=81)
    with refusal("ValidationError", "certificate"):
        listen(elbv2, balancer, protocol="HTTPS", port=443)
    with refusal("TargetGroupAssociationLimit"):
        listen(elbv2, other, target)
    with refusal("IncompatibleProtocols"):
        listen(elbv2, other, group(elbv2, net, Protocol="TCP"))
    wide = network(elbv2, net)
    with refusal("InvalidLoadBalancerAction"):
        listen(elbv2, wide, protocol="TCP")
    with refusal("IncompatibleProtocols"):
        listen(elbv2, wide, group(elbv2, net), protocol="TCP")
    plain = listen(elbv2, wide, group(elbv2, net, Protocol="TCP"), protocol="TCP")
    idle = {"Key": "tcp.idle_timeout.seconds", "Value": "6001"}
    with refusal("ValidationError", "60-6000"):
        elbv2.modify_listener_attributes(ListenerArn=plain, Attributes=[idle])
    elbv2.modify_listener_attributes(ListenerArn=plain, Attributes=[{**idle, "Value": "6000"}])
    with refusal("InvalidConfigurationRequest", "protocol 'HTTP'"):
        elbv2.modify_listener_attributes(ListenerArn=listen(elbv2, other, port=82), Attributes=[idle])


def test_a_target_group_in_use_cannot_be_deleted_but_afterwards(elbv2, net):
    balancer, target = application(elbv2, net), group(elbv2, net)
    listener = listen(elbv2, balancer, target)
    with refusal("ResourceInUse"):
        elbv2.delete_target_group(TargetGroupArn=target)
    elbv2.delete_listener(ListenerArn=listener)
    assert elbv2.describe_target_groups(TargetGroupArns=[target])["TargetGroups"][0].get("LoadBalancerArns", []) == []
    elbv2.delete_target_group(TargetGroupArn=target)


def test_rules(elbv2, net):
    listener = listen(elbv2, application(elbv2, net))

    def make(priority, *paths, action=FIXED):
        condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": list(paths)}}
        request = {"ListenerArn": listener, "Priority": priority, "Conditions": [condition], "Actions": [action]}
        return elbv2.create_rule(**request)["Rules"][0]["RuleArn"]

    one, two = make(1, "/a/*", "/b?", "/c~$&x"), make(2, *(f"/{n}" for n in range(5)))
    with refusal("PriorityInUse"):
        make(1, "/x")
    with refusal("ValidationError", "50000"):
        make(50001, "/x")
    with refusal("ValidationError", "'5' condition values"):
        make(3, *(f"/{n}" for n in range(6)))
    with refusal("ValidationError", "not allowed"):
        make(3, "/with space")
    with refusal("ValidationError", "128"):
        make(3, "/" + "x" * 128)
    with refusal("ValidationError", "1024"):
        make(
            3,
            "/x",
            action={"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "x" * 1025}},
        )
    with refusal("ValidationError", "statusCode"):
        make(3, "/x", action={"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "301"}})
    with refusal("InvalidLoadBalancerAction", "ContentType"):
        make(
            3,
            "/x",
            action={"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "image/png"}},
        )
    with refusal("TargetGroupNotFound"):
        missing = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/0123456789abcdef"
        make(3, "/x", action={"Type": "forward", "TargetGroupArn": missing})
    # Rules swap places at once, and no two end in one place.
    elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": one, "Priority": 2}, {"RuleArn": two, "Priority": 1}])
    with refusal("PriorityInUse"):
        elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": one, "Priority": 1}])
    plain = listen(elbv2, network(elbv2, net), group(elbv2, net, Protocol="TCP"), protocol="TCP")
    with refusal("UnsupportedOperation"):
        elbv2.create_rule(
            ListenerArn=plain, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/"]}], Actions=[FIXED]
        )


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"Name": "x" * 33}, "ValidationError", "32"),
        ({"Protocol": "HTTP", "TargetType": "alb"}, "InvalidConfigurationRequest", "TCP"),
        ({"HealthCheckProtocol": "TCP"}, "InvalidConfigurationRequest", "not supported"),
        ({"Protocol": "TCP", "HealthCheckPath": "/"}, "InvalidConfigurationRequest", "path"),
        ({"Protocol": "TCP", "Matcher": {"HttpCode": "200"}}, "InvalidConfigurationRequest", "success codes"),
        ({"HealthCheckPath": "health"}, "ValidationError", "begin with"),
        ({"HealthCheckIntervalSeconds": 5}, "ValidationError", "smaller than"),
        ({"HealthCheckIntervalSeconds": 4}, "ValidationError", "healthCheckIntervalSeconds"),
        ({"HealthyThresholdCount": 11}, "ValidationError", "healthyThresholdCount"),
    ],
)
def test_target_groups(elbv2, net, request_, code, words):
    with refusal(code, words):
        group(elbv2, net, **request_)


def test_targets_by_address(elbv2, net):
    target = group(elbv2, net, Protocol="TCP", TargetType="ip")

    def register(address, **more):
        elbv2.register_targets(TargetGroupArn=target, Targets=[{"Id": address, **more}])

    register(f"{net.prefix}.0.77")
    register("10.250.0.10", AvailabilityZone="all")
    with refusal("ValidationError", "outside the VPC"):
        register("10.250.0.11")
    for address in ("172.32.0.10", "8.8.8.8"):
        with refusal("ValidationError", "RFC 1918"):
            register(address, AvailabilityZone="all")
    registered = elbv2.describe_target_health(TargetGroupArn=target)["TargetHealthDescriptions"]
    assert {each["Target"]["Id"]: each["Target"].get("AvailabilityZone") for each in registered}["10.250.0.10"] == "all"


def test_a_balancer_as_target(elbv2, net):
    front = application(elbv2, net)
    target = group(elbv2, net, Protocol="TCP", TargetType="alb")

    def register(arn, **more):
        elbv2.register_targets(TargetGroupArn=target, Targets=[{"Id": arn, **more}])

    with refusal("InvalidTarget", "no listener on port"):
        register(front)
    listener = listen(elbv2, front)
    with refusal("InvalidTarget", "must match"):
        register(front, Port=81)
    with refusal("InvalidTarget", "not an Application"):
        register(network(elbv2, net))
    register(front)
    second = application(elbv2, net)
    listen(elbv2, second)
    with refusal("TooManyTargets"):
        register(second)
    with refusal("ResourceInUse", "cannot be removed"):
        elbv2.delete_listener(ListenerArn=listener)
    elbv2.deregister_targets(TargetGroupArn=target, Targets=[{"Id": front}])
    elbv2.delete_listener(ListenerArn=listener)


def test_an_instance_of_another_network_is_no_target(ec2, elbv2, net):
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    other = ec2.create_vpc(CidrBlock="10.97.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.97.0.0/25")["Subnet"]["SubnetId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t2.micro", SubnetId=subnet)
    identity = instance["Instances"][0]["InstanceId"]
    target = group(elbv2, net)
    with refusal("InvalidTarget", "not in the target group VPC"):
        elbv2.register_targets(TargetGroupArn=target, Targets=[{"Id": identity}])
    with refusal("InvalidTarget", "not valid"):
        elbv2.register_targets(TargetGroupArn=target, Targets=[{"Id": "i-0123456789abcdef0"}])


def test_the_tagging_api_lists_listeners_and_rules_while_they_are(aws, elbv2, net):
    tags = [{"Key": "Mark", "Value": net.vpc}]
    balancer = application(elbv2, net, Tags=tags)
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[FIXED], Tags=tags
    )["Listeners"][0]["ListenerArn"]
    condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x"]}}
    rule = elbv2.create_rule(ListenerArn=listener, Priority=1, Conditions=[condition], Actions=[FIXED], Tags=tags)
    of_this = [{"Key": "Mark", "Values": [net.vpc]}]

    def listed():
        found = aws("resourcegroupstaggingapi").get_resources(TagFilters=of_this)["ResourceTagMappingList"]
        return {each["ResourceARN"] for each in found}

    assert listed() == {balancer, listener, rule["Rules"][0]["RuleArn"]}
    elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    assert listed() == set()
