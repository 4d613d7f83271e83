"""apigateway_vpc_link on the local cloud."""

from __future__ import annotations

import pytest

MODULE = "lks.llm.apigateway_vpc_link"


@pytest.fixture(scope="module")
def balancers(module_cloud):
    """ARNs of two active network load balancers."""
    ec2, elb = module_cloud.client("ec2", "us-east-1"), module_cloud.client("elbv2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    arns = [
        elb.create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=[subnet])["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        for name in ("link-one", "link-two")
    ]
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=arns, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return arns


def test_a_link_is_made_kept_repaired_and_removed(modules, balancers, module_cloud):
    gateway = module_cloud.client("apigateway", "us-east-1")
    arguments = {
        "name": "link",
        "description": "To the backend",
        "target_arns": balancers[:1],
        "tags": {"Project": "x"},
    }
    asked = modules(MODULE, **arguments, wait=False)
    assert asked["vpc_link"]["status"] == "PENDING"
    ready = modules(MODULE, **arguments)
    assert not ready["changed"]
    assert ready["vpc_link"]["status"] == "AVAILABLE"
    modules.unchanged(MODULE, **arguments)

    link = ready["vpc_link"]["id"]
    gateway.update_vpc_link(vpcLinkId=link, patchOperations=[{"op": "replace", "path": "/description", "value": "?"}])
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/vpclinks/{link}", tags={"Other": "1"})
    repaired = modules.lifecycle(MODULE, **arguments)
    assert repaired["diff"]["before"] == {"description": "?", "tags": {"Project": "x", "Other": "1"}}
    assert gateway.get_vpc_link(vpcLinkId=link)["tags"] == {"Project": "x"}

    modules.lifecycle(MODULE, name="link", state="absent")


def test_a_link_elsewhere_supersedes_the_old_one_once_nothing_uses_that(modules, balancers, module_cloud):
    gateway = module_cloud.client("apigateway", "us-east-1")
    old = modules(MODULE, name="moved", target_arns=balancers[:1])["vpc_link"]["id"]
    api = gateway.create_rest_api(name="user-of-a-link")
    method = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(
        **method,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://example.com",
        connectionType="VPC_LINK",
        connectionId=old,
    )
    moved = modules(MODULE, name="moved", target_arns=balancers[1:])
    assert moved["changed"]
    assert moved["superseded"] == [old]
    assert moved["vpc_link"]["id"] != old
    assert "methods still use them" in str(moved["warnings"])
    refused = modules(MODULE, name="moved", state="absent")
    assert "delete the methods or the REST API" in refused["msg"]
    gateway.delete_rest_api(restApiId=api["id"])
    assert modules(MODULE, name="moved", target_arns=balancers[1:])["deleted"] == [old]
    modules.unchanged(MODULE, name="moved", target_arns=balancers[1:])
    modules(MODULE, name="moved", state="absent", wait=False)


def test_nonsense_is_refused_and_a_balancer_to_come_is_not(modules, balancers):
    def said(**arguments):
        return modules(MODULE, name="link", **arguments)["msg"]

    assert "one load balancer, not 2" in said(target_arns=balancers)
    assert "network load balancer" in said(
        target_arns=["arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/a/1"]
    )
    missing = said(target_arns=[balancers[0] + "0"])
    assert "create VPC link link" in missing
    assert "Failed to find load balancer" in missing
    assert "must be the ARN of a network load balancer" in said(target_arns=[""])
    assert modules(MODULE, name="link", target_arns=[""], check_mode=True)["changed"]
