"""A user's way through the deployed system, by the address that site.yml prints: sign up, be confirmed, sign in,
keep conversations, and ask the models of every region."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore
import pytest

from .playbooks import Cloud, Run

HOME = "us-east-1"
REGIONS = (HOME, "us-west-2")
EMAIL, PASSWORD = f"{uuid.uuid4().hex}@example.com", "Passw0rd!"  # another user each time
ORIGIN = "https://main.example.amplifyapp.com"
VERBS = ("GET", "POST", "PUT", "DELETE")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Asks as the client app's pages do: from another origin, with a token once there is one."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.url = urlsplit(url)
        self.token = ""
        self.asked = ""  # id of the newest request that streamed
        self.cognito = boto3.client(
            "cognito-idp",
            region_name=HOME,
            endpoint_url=f"http://127.0.0.1:{cloud.port}",
            config=botocore.config.Config(signature_version=botocore.UNSIGNED),
        )

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        sent = {
            "Origin": ORIGIN,
            "Content-Type": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if token := self.token if token is None else token:
            sent["Authorization"] = f"Bearer {token}"
        for _ in range(30):
            connection = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=60)
            connection.request(method, self.url.path + path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            if answer.status != 429:  # the stage's throttling, which these tests are fast enough to meet
                break
            time.sleep(1)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", (method, path, answer.status, content)
        return Answer(answer.status, answer.headers, content)

    def stream(self, path: str, body: Any) -> list[tuple[float, Any]]:
        """(seconds since the question, object) of each line of an answer, as it arrives."""
        connection = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=120)
        sent = {"Origin": ORIGIN, "Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        began = time.monotonic()
        connection.request("POST", self.url.path + path, json.dumps(body), sent)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/x-ndjson")
        assert answer.getheader("Access-Control-Allow-Origin") == "*"
        self.asked = answer.headers["x-amzn-RequestId"]
        lines = [(time.monotonic() - began, json.loads(line)) for line in iter(answer.readline, b"")]
        connection.close()
        return lines

    def preflight(self, path: str, method: str) -> Answer:
        wanted = {
            "Access_Control_Request_Method": method,
            "Access_Control_Request_Headers": "authorization,content-type",
        }
        return self.ask("OPTIONS", path, token="", **wanted)

    def sign_in(self, client: str) -> dict[str, str]:
        given = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
        answer = self.cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        return dict(answer["AuthenticationResult"])

    @property
    def uid(self) -> str:
        payload = self.token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])


def way(cloud: Cloud, request_id: str) -> list[dict[str, Any]]:
    """The hops that a request took, which are noted once its answer has ended."""
    for _ in range(200):
        if found := [each["hops"] for each in cloud.control("journeys") if each["id"] == request_id]:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not among the newest requests")


def conversation(title: str, **more: Any) -> dict[str, Any]:
    turns = [{"id": "1", "createdAt": "2026-01-01T00:00:00Z", "role": "user", "content": f"{title}?"}]
    return {"id": str(uuid.uuid4()), "title": title, "conversation": turns, **more}


@pytest.fixture(scope="session")
def client_id(cloud: Cloud, first_run: Run) -> str:
    cognito = cloud.client("cognito-idp", HOME)
    pool = next(
        each["Id"] for each in cognito.list_user_pools(MaxResults=60)["UserPools"] if each["Name"] == "lks-users"
    )
    return str(cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"][0]["ClientId"])


@pytest.fixture(scope="session")
def stranger(cloud: Cloud, first_run: Run) -> Browser:
    """A browser that nobody signed in with."""
    printed = re.search(r"API\s+(http://\S+)", first_run.output)
    assert printed, first_run.output[-3000:]
    return Browser(cloud, printed[1])


@pytest.fixture(scope="session")
def user(cloud: Cloud, stranger: Browser, client_id: str) -> Iterator[Browser]:
    browser = Browser(cloud, stranger.url.geturl())
    browser.cognito.sign_up(
        ClientId=client_id, Username=EMAIL, Password=PASSWORD, UserAttributes=[{"Name": "name", "Value": "Traveller"}]
    )
    with pytest.raises(browser.cognito.exceptions.UserNotConfirmedException):
        browser.sign_in(client_id)
    cloud.play("playbooks/confirm.yml", "-e", f"email={EMAIL}").must_succeed()
    browser.token = browser.sign_in(client_id)["IdToken"]
    yield browser
    browser.ask("DELETE", f"/conversations/{browser.uid}")


@pytest.fixture(scope="session")
def routes(cloud: Cloud, stranger: Browser) -> list[tuple[str, str]]:
    """(method, path) of all that is deployed, with a value for each variable."""
    gateway = cloud.client("apigateway", HOME)
    api = next(each["id"] for each in gateway.get_rest_apis()["items"] if each["name"] == "lks-api-gateway")
    values = {"proxy+": "tags", "uid": str(uuid.uuid4()), "id": str(uuid.uuid4())}
    found = []
    for resource in gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]:
        path = re.sub(r"\{([^}]+)\}", lambda match: values[match[1]], resource["path"])
        for method in resource.get("resourceMethods") or {}:
            found += [(each, path) for each in (VERBS if method == "ANY" else [method])]
    assert len(found) > 20
    return found


def test_every_route_has_a_preflight_and_refuses_strangers_so_that_a_browser_sees_it(
    stranger: Browser, user: Browser, routes: list[tuple[str, str]]
) -> None:
    for method, path in routes:
        allowed = stranger.preflight(path, method)
        assert (allowed.status, allowed.body) == (204, b""), (method, path)
        assert method in allowed.headers["Access-Control-Allow-Methods"]
        assert allowed.headers["Access-Control-Allow-Headers"] == "Authorization,Content-Type"
        if method == "OPTIONS":
            continue
        forged = user.token[:-4] + ("AAAA" if user.token[-4:] != "AAAA" else "BBBB")
        for token in ("", forged):
            refused = stranger.ask(method, path, token=token)
            assert (refused.status, refused.json) == (401, {"status": "error", "message": "Unauthorized"}), (
                method,
                path,
            )


def test_a_path_that_leads_nowhere_says_so(stranger: Browser, user: Browser) -> None:
    for path in ("//tags", "/conversations", "/us-east-1", "/eu-west-1/tags"):
        assert stranger.preflight(path, "GET").status == 204, path
        answer = user.ask("GET", path)
        assert (answer.status, answer.json) == (404, {"status": "error", "message": "No such path or method."}), path
    assert user.ask("PATCH", "/us-east-1/tags").status == 404


def test_a_user_keeps_conversations(user: Browser) -> None:
    place = f"/conversations/{user.uid}"
    assert user.ask("GET", place).json == {"status": "success", "data": []}
    first, second = conversation("One", embedding=[0.5] * 768), conversation("Two")
    assert [user.ask("POST", place, each).status for each in (first, second)] == [201, 201]
    listed = user.ask("GET", place).json["data"]
    assert [each["title"] for each in listed] == ["Two", "One"]
    assert listed[1]["conversation"] == first["conversation"]

    assert user.ask("POST", place, {**first, "title": "One again"}).status == 200
    assert [each["title"] for each in user.ask("GET", place).json["data"]] == ["One again", "Two"]
    changed = user.ask("PUT", f"{place}/{second['id']}", {"title": "Two, later", "userId": "somebody"})
    assert (changed.status, changed.json["data"]["title"]) == (200, "Two, later")
    read = user.ask("GET", f"{place}/{second['id']}").json["data"]
    assert (read["title"], read["conversation"]) == ("Two, later", second["conversation"])

    assert user.ask("DELETE", f"{place}/{second['id']}").status == 200
    assert user.ask("GET", f"{place}/{second['id']}").status == 404
    assert user.ask("POST", place, {"id": "x"}).json["status"] == "error"
    deleted = user.ask("DELETE", place)
    assert (deleted.status, deleted.json["data"]) == (200, {"deleted": 1})


def test_a_user_does_not_reach_anybody_else(user: Browser) -> None:
    for path in (f"/conversations/{uuid.uuid4()}", f"/conversations/{uuid.uuid4()}/{uuid.uuid4()}"):
        assert user.ask("GET", path).status == 404


def test_a_refreshed_token_is_as_good_and_an_access_token_is_not(user: Browser, client_id: str) -> None:
    tokens = user.sign_in(client_id)
    given = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    answer = user.cognito.initiate_auth(ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=given)
    refreshed = answer["AuthenticationResult"]["IdToken"]
    assert user.ask("GET", f"/conversations/{user.uid}", token=refreshed).status == 200
    assert user.ask("GET", f"/conversations/{user.uid}", token=tokens["AccessToken"]).status == 401


@pytest.mark.parametrize("region", REGIONS)
def test_a_user_asks_the_models_of_every_region(cloud: Cloud, user: Browser, region: str) -> None:
    tags = user.ask("GET", f"/{region}/tags").json["models"]
    assert {each["name"] for each in tags} == {"orca-mini:latest", "llama3:latest", "nomic-embed-text:latest"}
    embedded = user.ask("POST", f"/{region}/embed", {"model": "nomic-embed-text", "input": "words"}).json["embeddings"]
    assert [len(each) for each in embedded] == [768]
    question = {"model": "orca-mini", "prompt": "words", "stream": False}
    generated = user.ask("POST", f"/{region}/generate", question)
    assert (generated.status, generated.json["done"]) == (200, True)
    assert generated.json["response"]

    turns = [{"role": "user", "content": "Tell me more."}]
    lines = user.stream(f"/{region}/chat", {"model": "orca-mini", "messages": turns, "stream": True})
    assert [line["done"] for _, line in lines] == [False] * (len(lines) - 1) + [True]
    assert "".join(line["message"]["content"] for _, line in lines).strip()

    hops = way(cloud, user.asked)
    kinds = [hop["kind"] for hop in hops]
    assert kinds[:2] == ["vpc-link", "network-load-balancer"]
    assert kinds[-3:] == ["application-load-balancer", "target-group", "instance"]
    assert {hop["region"] for hop in hops} == {HOME, region}
    assert {hop["outcome"] for hop in hops} == {"ok"}


def test_each_token_of_a_chat_arrives_when_it_is_produced(user: Browser) -> None:
    turns = [{"role": "user", "content": "Tell me everything that you know about the history of verbs."}]
    for _ in range(3):  # a machine that is busy may keep this reader from reading, but not time and again
        lines = user.stream(f"/{HOME}/chat", {"model": "orca-mini", "messages": turns, "stream": True})
        said = lines[-1][1]["eval_duration"] / 1e9
        if lines[-1][0] - lines[0][0] > said / 2:
            return
    raise AssertionError(f"an answer that took {said:.1f} s to say came at once")


def test_a_rule_that_is_gone_blocks_the_way_and_is_named(cloud: Cloud, user: Browser) -> None:
    ec2 = cloud.client("ec2", HOME)
    filters = [{"Name": "group-name", "Values": ["lks-sg-lb"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert user.ask("GET", f"/{HOME}/tags").status == 200
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    try:
        blocked = user.ask("GET", f"/{HOME}/tags")
    finally:
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    assert (blocked.status, blocked.json["status"]) == (504, "error")
    assert group["GroupId"] in blocked.headers["X-Localcloud-Reason"]
    for _ in range(100):  # targets that were out of health for a moment come back
        if user.ask("GET", f"/{HOME}/tags").status == 200:
            return
        time.sleep(0.5)
    raise AssertionError("the way is not open again")


@pytest.mark.breaks
def test_the_backup_answers_while_a_worker_is_gone(cloud: Cloud, user: Browser) -> None:
    ec2, balancing = cloud.client("ec2", HOME), cloud.client("elbv2", HOME)
    (group,) = balancing.describe_target_groups(Names=["lks-tg-chat-zone-a"])["TargetGroups"]

    def healthy() -> set[str]:
        found = balancing.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        return {each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] == "healthy"}

    lost, backup = sorted(healthy())
    turns = [{"role": "user", "content": "Are you there?"}]
    ec2.stop_instances(InstanceIds=[lost])
    try:
        for _ in range(4):  # in turn, one of two would be the lost one's
            assert user.stream(f"/{HOME}/chat", {"model": "orca-mini", "messages": turns})[-1][1]["done"]
            assert way(cloud, user.asked)[-1]["name"] == backup
    finally:
        ec2.start_instances(InstanceIds=[lost])
    deadline = time.monotonic() + 120
    while healthy() != {lost, backup}:
        assert time.monotonic() < deadline, "the worker does not come back"
        time.sleep(0.5)
