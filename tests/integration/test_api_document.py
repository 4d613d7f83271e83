"""The document that the API is made of, as the templates and variables of the playbooks write it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml

from .playbooks import BIN, ROOT

ARN = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abc"
OPERATION = {"operationId": "x", "summary": "x", "responses": {"200": {"description": "x"}}}
VARIABLES = {
    "project_account_id": "123456789012",
    "api_vpc_link": {"vpc_link": {"id": "a1b2c3"}},
    "zone_nlb": {"dns_name": "nlb.example.com"},
    "sign_in_pool": {"user_pool": {"arn": ARN}},
    "api_conversations": {
        "info": {"version": "1"},
        "paths": {
            "/conversations/{uid}": {
                "parameters": [{"name": "uid", "in": "path", "required": True}],
                **dict.fromkeys(("get", "post", "delete"), OPERATION),
            },
            "/conversations/{uid}/{id}": dict.fromkeys(("get", "put", "delete"), OPERATION),
        },
    },
}
VERBS = {"get", "post", "put", "delete", "options", "x-amazon-apigateway-any-method"}


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("document")
    for name in ("group_vars", "playbooks/templates"):
        (folder / name.rpartition("/")[2]).symlink_to(ROOT / name)
    write = {
        "ansible.builtin.copy": {
            "content": "{{ api_document | to_json }}",
            "dest": str(folder / "api.json"),
            "mode": "0600",
        }
    }
    (folder / "write.yml").write_text(yaml.safe_dump([{"hosts": "home", "gather_facts": False, "tasks": [write]}]))
    (folder / "variables.json").write_text(json.dumps(VARIABLES))
    inventory = str(ROOT / "inventories" / "local.yml")
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", inventory, "-e", f"@{folder}/variables.json", str(folder / "write.yml")],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "api.json").read_text())


def methods(document):
    return [
        (path, verb, operation)
        for path, item in document["paths"].items()
        for verb, operation in item.items()
        if verb in VERBS
    ]


def test_every_method_but_options_asks_who_is_there(document):
    scheme = document["components"]["securitySchemes"]["users"]
    assert scheme["x-amazon-apigateway-authorizer"] == {"type": "cognito_user_pools", "providerARNs": [ARN]}
    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    for path, verb, operation in methods(document):
        assert operation.get("security") == (None if verb == "options" else [{"users": []}]), (path, verb)


def test_every_path_answers_a_preflight(document):
    for path, item in document["paths"].items():
        integration = item["options"]["x-amazon-apigateway-integration"]
        headers = integration["responses"]["default"]["responseParameters"]
        assert integration["type"] == "mock"
        allowed = headers["method.response.header.Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed and "content-type" in allowed, path
        assert headers["method.response.header.Access-Control-Allow-Origin"] == "'*'"
        declared = item["options"]["responses"]["204"]["headers"]
        assert {key.rpartition(".")[2] for key in headers} == set(declared)


def test_every_region_streams_for_as_long_as_an_answer_may_take(document):
    for region, port in (("us-east-1", 80), ("us-west-2", 81)):
        item = document["paths"][f"/{region}/{{proxy+}}"]
        assert {verb for verb in item if verb in VERBS} == {"get", "post", "options"}
        for verb in ("get", "post"):
            integration = item[verb]["x-amazon-apigateway-integration"]
            assert integration["uri"] == f"http://nlb.example.com:{port}/api/{{proxy}}"
            assert (integration["connectionType"], integration["connectionId"]) == ("VPC_LINK", "a1b2c3")
            assert (integration["responseTransferMode"], integration["timeoutInMillis"]) == ("STREAM", 900000)
            assert integration["httpMethod"] == verb.upper()


def test_errors_of_every_kind_are_json_with_cors(document):
    responses = document["x-amazon-apigateway-gateway-responses"]
    assert set(responses) == {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"}
    for response in responses.values():
        assert response["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        body = response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"m"')
        assert json.loads(body)["status"] == "error"
    for path in ("/", "/{proxy+}", "/conversations", "/us-east-1", "/us-west-2"):
        anything = document["paths"][path]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
        answer = anything["responses"]["default"]
        assert answer["statusCode"] == "404"
        assert json.loads(answer["responseTemplates"]["application/json"])["status"] == "error"


def test_conversations_go_to_the_function(document):
    found = {
        (path, verb) for path, verb, _ in methods(document) if path.startswith("/conversations/") and verb != "options"
    }
    assert found == {
        *(("/conversations/{uid}", verb) for verb in ("get", "post", "delete")),
        *(("/conversations/{uid}/{id}", verb) for verb in ("get", "put", "delete")),
    }
    integration = document["paths"]["/conversations/{uid}"]["get"]["x-amazon-apigateway-integration"]
    assert integration["uri"].endswith(":lambda:us-east-1:123456789012:function:lks-conversations/invocations")
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
