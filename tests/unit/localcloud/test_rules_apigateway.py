"""AWS's rules for API Gateway, each shown refusing, and what must not be refused."""

from __future__ import annotations

import json
import time

import pytest

from .in_process import client, refused

ROLE = "arn:aws:iam::123456789012:role/LabRole"
HTTP = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://backend.example.com/api/{proxy}"}
LAMBDA = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:123456789012:function:orders/invocations"
)


@pytest.fixture
def gateway():
    return client("apigateway")


@pytest.fixture
def api(gateway):
    """An API with GET /{id}, whose path parameter is declared."""
    made = gateway.create_rest_api(name="orders")
    resource = gateway.create_resource(restApiId=made["id"], parentId=made["rootResourceId"], pathPart="{id}")
    method = {"restApiId": made["id"], "resourceId": resource["id"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE", requestParameters={"method.request.path.id": True})
    yield {**made, "resource": resource["id"], "method": method}
    gateway.delete_rest_api(restApiId=made["id"])


@pytest.fixture
def subnet():
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]


def balancer(subnet: str, name: str, kind: str = "network") -> str:
    elb = client("elbv2")
    extra = {} if kind == "network" else {"Subnets": [subnet]}
    arguments = {"Subnets": [subnet]} if kind == "network" else extra
    made = elb.create_load_balancer(Name=name, Type=kind, Scheme="internal", **arguments)["LoadBalancers"][0]
    elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[made["LoadBalancerArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return made["LoadBalancerArn"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timeoutInMillis": 49}, "between 50 ms and 29000 ms"),
        ({"timeoutInMillis": 29001}, "between 50 ms and 29000 ms"),
        ({"timeoutInMillis": 900001, "responseTransferMode": "STREAM"}, "between 50 ms and 900000 ms"),
        ({"type": "HTTP", "responseTransferMode": "STREAM"}, "STREAM is only supported"),
        ({"uri": "backend.example.com/orders"}, "Invalid HTTP endpoint"),
        ({"uri": "ftp://backend.example.com/orders"}, "Invalid HTTP endpoint"),
        ({"connectionType": "VPC_LINK"}, "Vpc link id is required"),
        ({"connectionType": "VPC_LINK", "connectionId": "nolink"}, "Invalid Vpc link identifier"),
        ({"connectionId": "nolink"}, "only allowed for connection type VPC_LINK"),
        (
            {"requestParameters": {"integration.request.path.id": "method.request.path.other"}},
            "method.request.path.other",
        ),
        ({"requestParameters": {"integration.request.path.id": "orders"}}, "specified: orders"),
        ({"requestParameters": {"request.path.id": "method.request.path.id"}}, "specified: request.path.id"),
        ({"type": "AWS_PROXY", "uri": LAMBDA.removesuffix("/invocations")}, "Invalid ARN"),
        ({"type": "AWS_PROXY", "uri": LAMBDA, "connectionType": "VPC_LINK", "connectionId": "a"}, "VPC_LINK is only"),
        ({"integrationHttpMethod": ""}, "HttpMethod must be non-empty"),
    ],
)
def test_integrations_that_do_not_fit_are_refused(gateway, api, change, words):
    refused("BadRequestException", words, gateway.put_integration, **{**api["method"], **HTTP, **change})


def test_integrations_that_fit_are_taken(gateway, api):
    streamed = gateway.put_integration(
        **api["method"],
        **HTTP,
        timeoutInMillis=900000,
        responseTransferMode="STREAM",
        requestParameters={
            "integration.request.path.proxy": "method.request.path.id",
            "integration.request.header.X-Stage": "context.stage",
            "integration.request.header.X-From": "'gateway'",
        },
    )
    assert (streamed["timeoutInMillis"], streamed["responseTransferMode"]) == (900000, "STREAM")
    plain = gateway.put_integration(**api["method"], type="AWS_PROXY", integrationHttpMethod="POST", uri=LAMBDA)
    assert (plain["timeoutInMillis"], plain["responseTransferMode"]) == (29000, "BUFFERED")


def test_integration_responses_answer_only_what_the_method_declares(gateway, api):
    gateway.put_integration(**api["method"], type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    put = gateway.put_integration_response
    refused("NotFoundException", "Invalid Response status code", put, **api["method"], statusCode="200")
    gateway.put_method_response(
        **api["method"], statusCode="200", responseParameters={"method.response.header.X-One": False}
    )
    refused(
        "BadRequestException",
        "method.response.header.X-Two",
        put,
        **api["method"],
        statusCode="200",
        responseParameters={"method.response.header.X-Two": "'2'"},
    )
    refused(
        "BadRequestException",
        "specified: plain",
        put,
        **api["method"],
        statusCode="200",
        responseParameters={"method.response.header.X-One": "plain"},
    )
    put(**api["method"], statusCode="200", responseParameters={"method.response.header.X-One": "'1'"})


def test_resources_have_their_place(gateway, api):
    def create(part, parent=api["rootResourceId"]):
        return gateway.create_resource(restApiId=api["id"], parentId=parent, pathPart=part)

    for part in ("a b", "{id", "a{id}", "{a+}+"):
        refused("BadRequestException", "path part only allow", create, part=part)
    refused("BadRequestException", "sibling ({id})", create, part="{other}")
    create("orders")
    refused("ConflictException", "orders", create, part="orders")
    greedy = create("{proxy+}", create("files")["id"])["id"]
    refused("BadRequestException", "greedy", create, part="more", parent=greedy)


def test_methods_need_the_authorizer_they_name(gateway, api):
    root = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    refused(
        "BadRequestException",
        "Invalid authorizer ID",
        gateway.put_method,
        **root,
        authorizationType="COGNITO_USER_POOLS",
        authorizerId="nobody",
    )
    refused("ConflictException", "already exists", gateway.put_method, **api["method"], authorizationType="NONE")


def test_an_authorizer_needs_a_pool_of_its_region_and_stays_while_it_is_used(gateway, api):
    near = client("cognito-idp").create_user_pool(PoolName="near")["UserPool"]["Arn"]
    far = client("cognito-idp", "us-west-2").create_user_pool(PoolName="far")["UserPool"]["Arn"]
    common = {"restApiId": api["id"], "name": "users", "type": "COGNITO_USER_POOLS"}
    header = {"identitySource": "method.request.header.Authorization"}
    create = gateway.create_authorizer
    refused("BadRequestException", "Provider ARNs are required", create, **common, **header)
    refused("BadRequestException", "must be in the region", create, **common, **header, providerARNs=[far])
    refused(
        "BadRequestException", "does not exist", create, **common, **header, providerARNs=[near[:-1] + "."[:0] + "Z9"]
    )
    refused("BadRequestException", "Identity source is required", create, **common, providerARNs=[near])
    made = create(**common, **header, providerARNs=[near])["id"]
    method = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="COGNITO_USER_POOLS", authorizerId=made)
    delete = gateway.delete_authorizer
    refused("ConflictException", "is referenced in method: GET /", delete, restApiId=api["id"], authorizerId=made)
    gateway.delete_method(**method)
    delete(restApiId=api["id"], authorizerId=made)
    refused("NotFoundException", "Invalid Authorizer", delete, restApiId=api["id"], authorizerId=made)


def test_models_are_draft_4_and_stay_while_they_are_used(gateway, api):
    def create(name, schema):
        return gateway.create_model(
            restApiId=api["id"], name=name, contentType="application/json", schema=json.dumps(schema)
        )

    refused("BadRequestException", "alphanumeric", create, name="my-order", schema={"type": "object"})
    refused("BadRequestException", '["nullable"]', create, name="Order", schema={"type": "object", "nullable": True})
    create("Order", {"type": "object", "properties": {"nullable": {"type": "string"}}})
    root = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    gateway.put_method(**root, authorizationType="NONE", requestModels={"application/json": "Order"})
    refused(
        "ConflictException",
        "is referenced in method: POST /",
        gateway.delete_model,
        restApiId=api["id"],
        modelName="Order",
    )


def test_stages_log_only_where_the_account_has_a_role(gateway, api):
    gateway.put_integration(**api["method"], **{**HTTP, "uri": "http://backend.example.com"})
    deployment = gateway.create_deployment(restApiId=api["id"])["id"]
    create = gateway.create_stage
    refused(
        "BadRequestException", "Stage name only", create, restApiId=api["id"], stageName="a.b", deploymentId=deployment
    )
    refused("BadRequestException", "does not exist", create, restApiId=api["id"], stageName="v1", deploymentId="none")
    create(restApiId=api["id"], stageName="v1", deploymentId=deployment)

    def patch(path, value):
        return gateway.update_stage(
            restApiId=api["id"],
            stageName="v1",
            patchOperations=[{"op": "replace", "path": path, "value": value}],
        )

    group = "arn:aws:logs:us-east-1:123456789012:log-group:orders"
    gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ""}])
    refused("BadRequestException", "role ARN must be set", patch, path="/accessLogSettings/destinationArn", value=group)
    refused("BadRequestException", "role ARN must be set", patch, path="/*/*/logging/loglevel", value="ERROR")
    account = gateway.update_account
    refused(
        "BadRequestException",
        "required permissions",
        account,
        patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE + "Nobody"}],
    )
    account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}])
    refused("BadRequestException", "Invalid ARN", patch, path="/accessLogSettings/destinationArn", value="orders")
    refused(
        "BadRequestException", "single line", patch, path="/accessLogSettings/format", value="$context.requestId\n-"
    )
    refused(
        "BadRequestException", "$context.requestId", patch, path="/accessLogSettings/format", value="$context.status"
    )
    refused("BadRequestException", "logging level", patch, path="/*/*/logging/loglevel", value="DEBUG")
    refused("BadRequestException", "does not exist", patch, path="/deploymentId", value="none")
    refused("BadRequestException", "Stage variable", patch, path="/variables/a-b", value="1")
    patch("/accessLogSettings/destinationArn", group)
    stage = patch("/accessLogSettings/format", "$context.requestId $context.status")
    assert stage["accessLogSettings"]["destinationArn"] == group

    refused(
        "BadRequestException",
        "Active stages pointing to this deployment",
        gateway.delete_deployment,
        restApiId=api["id"],
        deploymentId=deployment,
    )
    newer = gateway.create_deployment(restApiId=api["id"], stageName="v1")["id"]
    assert gateway.get_stage(restApiId=api["id"], stageName="v1")["accessLogSettings"]["destinationArn"] == group
    gateway.delete_deployment(restApiId=api["id"], deploymentId=deployment)
    assert [each["id"] for each in gateway.get_deployments(restApiId=api["id"])["items"]] == [newer]


def test_a_deployment_needs_an_integration_for_every_method(gateway, api):
    refused("BadRequestException", "No integration", gateway.create_deployment, restApiId=api["id"])


def test_a_link_leads_to_an_active_network_load_balancer_of_its_region(gateway, subnet):
    create = gateway.create_vpc_link
    nlb = balancer(subnet, "link-rules-nlb")
    refused("BadRequestException", "More than one", create, name="link", targetArns=[nlb, nlb])
    refused("BadRequestException", "must be a network", create, name="link", targetArns=[nlb.replace("/net/", "/app/")])
    refused("BadRequestException", "Failed to find", create, name="link", targetArns=[nlb + "0"])
    refused(
        "BadRequestException",
        "must be in the region",
        client("apigateway", "us-west-2").create_vpc_link,
        name="link",
        targetArns=[nlb],
    )


def test_links_become_available_and_hold_what_uses_them(gateway, api, subnet):
    nlb = balancer(subnet, "link-life-nlb")
    link = gateway.create_vpc_link(name="link", targetArns=[nlb])
    assert link["status"] == "PENDING"
    delete_balancer = client("elbv2").delete_load_balancer
    refused("ResourceInUse", "associated with another service", delete_balancer, LoadBalancerArn=nlb)
    refused(
        "BadRequestException",
        "not allowed to be changed",
        gateway.update_vpc_link,
        vpcLinkId=link["id"],
        patchOperations=[{"op": "replace", "path": "/targetArns", "value": nlb}],
    )
    gateway.put_integration(**api["method"], **HTTP, connectionType="VPC_LINK", connectionId=link["id"])
    gateway.create_deployment(restApiId=api["id"], stageName="v1")
    delete = gateway.delete_vpc_link
    words = f"referenced in [GET:{api['resource']}, GET:{api['resource']}:v1]"
    refused("BadRequestException", words, delete, vpcLinkId=link["id"])
    # The deployed stage holds the link even when the method has let it go.
    gateway.put_integration(**api["method"], **HTTP)
    refused("BadRequestException", f"[GET:{api['resource']}:v1]", delete, vpcLinkId=link["id"])
    gateway.create_deployment(restApiId=api["id"], stageName="v1")
    delete(vpcLinkId=link["id"])
    deadline = time.monotonic() + 10
    while gateway.get_vpc_links()["items"] and time.monotonic() < deadline:
        time.sleep(0.1)
    refused("NotFoundException", "", gateway.get_vpc_link, vpcLinkId=link["id"])
    delete_balancer(LoadBalancerArn=nlb)


def test_an_api_has_a_name(gateway):
    refused("BadRequestException", "Name must not be blank", gateway.create_rest_api, name=" ")


def test_what_is_no_document_is_not_imported() -> None:
    gateway = client("apigateway", "us-west-1")
    for document in (b"{}", b"[]", b"no"):
        refused("BadRequestException", "Invalid OpenAPI input", gateway.import_rest_api, body=document)
    assert gateway.get_rest_apis()["items"] == []
