"""A user's way through the deployed system, by the address that site.yml prints: sign up, be confirmed, sign in,
keep conversations, and ask the models of every region."""

from __future__ import annotations

import gzip
import json
import re
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from .api_client import HOME, REGIONS, Browser, Stream, chat, way
from .playbooks import Cloud

pytestmark = pytest.mark.usefixtures("first_run")
VERBS = ("GET", "POST", "PUT", "DELETE")
QUESTION = "Tell me everything that you know about the history of verbs."
PACE = 0.25  # seconds from token to token, for tests that look at when each comes
SECONDS_OF_A_WHOLE_ANSWER = 29  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
SCALE = 20  # how many times as fast time passes, for what takes minutes


def conversation(title: str, **more: Any) -> dict[str, Any]:
    turns = [{"id": "1", "createdAt": "2026-01-01T00:00:00Z", "role": "user", "content": f"{title}?"}]
    return {"id": str(uuid.uuid4()), "title": title, "conversation": turns, **more}


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
            refuses(stranger, method, path, token)


def refuses(browser: Browser, method: str, path: str, token: str, message: str = "Unauthorized") -> None:
    refused = browser.ask(method, path, token=token)
    assert (refused.status, refused.json) == (401, {"status": "error", "message": message}), (method, path)


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


def test_a_user_does_not_reach_anybody_else(cloud: Cloud, user: Browser, client_id: str) -> None:
    other = Browser(cloud, user.url.geturl())
    other.sign_up(client_id)
    pool = user.claims["iss"].rpartition("/")[2]
    cloud.client("cognito-idp", HOME).admin_confirm_sign_up(UserPoolId=pool, Username=other.email)
    other.token = other.sign_in(client_id)["IdToken"]
    saved = conversation("Mine")
    place = f"/conversations/{user.uid}"
    assert user.ask("POST", place, saved).status == 201
    for method, path, body in (
        ("GET", place, None),
        ("POST", place, conversation("Yours")),
        ("DELETE", place, None),
        ("GET", f"{place}/{saved['id']}", None),
        ("PUT", f"{place}/{saved['id']}", {"title": "Yours"}),
        ("DELETE", f"{place}/{saved['id']}", None),
    ):
        answer = other.ask(method, path, body)
        assert (answer.status, answer.json["status"]) == (404, "error"), (method, path)
    assert other.ask("GET", f"/conversations/{other.uid}").json["data"] == []
    assert [each["title"] for each in user.ask("GET", place).json["data"]] == ["Mine"]
    assert user.ask("DELETE", place).status == 200


def test_a_refreshed_token_is_as_good_and_an_access_token_is_not(user: Browser, client_id: str) -> None:
    tokens = user.sign_in(client_id)
    given = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    answer = user.cognito.initiate_auth(ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=given)
    refreshed = answer["AuthenticationResult"]["IdToken"]
    assert user.ask("GET", f"/conversations/{user.uid}", token=refreshed).status == 200
    refuses(user, "GET", f"/conversations/{user.uid}", tokens["AccessToken"])


def test_an_expired_token_is_refused_and_so_is_that_of_another_pool(cloud: Cloud, user: Browser) -> None:
    paths = (f"/conversations/{user.uid}", *(f"/{region}/tags" for region in REGIONS))
    private = json.loads(
        gzip.decompress((files("moto.cognitoidp") / "resources" / "jwks-private.json.gz").read_bytes())
    )
    key = RSAKey.import_key(private)  # that the local cloud's pools sign with

    def signed(**claims: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": private["kid"]}, {**user.claims, **claims}, key)

    now = int(time.time())
    cognito = cloud.client("cognito-idp", HOME)
    foreign = cognito.create_user_pool(PoolName="foreign", UsernameAttributes=["email"])["UserPool"]["Id"]
    try:
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        made = cognito.create_user_pool_client(UserPoolId=foreign, ClientName="web", ExplicitAuthFlows=flows)
        other, app = Browser(cloud, user.url.geturl()), made["UserPoolClient"]["ClientId"]
        other.sign_up(app)
        cognito.admin_confirm_sign_up(UserPoolId=foreign, Username=other.email)
        token = other.sign_in(app)["IdToken"]
        for path in paths:
            assert user.ask("GET", path, token=signed(exp=now + 600)).status == 200
            refuses(user, "GET", path, signed(exp=now - 1), "The incoming token has expired")
            refuses(user, "GET", path, token)
    finally:
        cognito.delete_user_pool(UserPoolId=foreign)


@pytest.mark.parametrize("region", REGIONS)
def test_a_user_asks_the_models_of_every_region(cloud: Cloud, user: Browser, region: str) -> None:
    tags = user.ask("GET", f"/{region}/tags").json["models"]
    assert {each["name"] for each in tags} == {"orca-mini:latest", "llama3:latest", "nomic-embed-text:latest"}
    pulled = user.ask("POST", f"/{region}/pull", {"model": "orca-mini"})
    states = [json.loads(line)["status"] for line in pulled.body.splitlines()]
    assert (states[0], states[-1]) == ("pulling manifest", "success")
    embedded = user.ask("POST", f"/{region}/embed", {"model": "nomic-embed-text", "input": "words"}).json["embeddings"]
    older = user.ask("POST", f"/{region}/embeddings", {"model": "nomic-embed-text", "prompt": "words"}).json
    assert [len(each) for each in embedded] == [768]
    assert older["embedding"] == embedded[0]
    question = {"model": "orca-mini", "prompt": "words", "stream": False}
    generated = user.ask("POST", f"/{region}/generate", question)
    assert (generated.status, generated.json["done"]) == (200, True)
    assert generated.json["response"]

    said = user.stream(f"/{region}/chat", chat("Tell me more."))
    assert said.whole
    assert said.text.strip()

    hops = way(cloud, said.id)
    kinds = [hop["kind"] for hop in hops]
    assert kinds[:2] == ["vpc-link", "network-load-balancer"]
    assert kinds[-3:] == ["application-load-balancer", "target-group", "instance"]
    assert {hop["region"] for hop in hops} == {HOME, region}
    assert {hop["outcome"] for hop in hops} == {"ok"}


@pytest.mark.parametrize("region", REGIONS)
def test_each_token_of_a_chat_arrives_when_it_is_produced(user: Browser, region: str) -> None:
    asked = chat(QUESTION, stand_in_tokens_per_second=1 / PACE, num_predict=12)
    for _ in range(3):  # a machine that is busy may keep this reader from reading, but not time and again
        lines = user.stream(f"/{region}/chat", asked).lines
        produced, came = [line.produced for line in lines], [line.came for line in lines]
        late = [after - before for before, after in zip(produced, came, strict=True)]
        gaps = [
            (after - before) for before, after in zip(came, came[1:-1], strict=False)
        ]  # the last line comes at once
        own = [(after - before) for before, after in zip(produced, produced[1:-1], strict=False)]
        assert len(gaps) == 11
        assert min(own) >= PACE * 0.9
        at_once = came[0] < produced[1]
        if (
            at_once
            and statistics.median(late) < PACE / 2
            and statistics.median(map(abs, map(float.__sub__, gaps, own))) < PACE / 2
        ):
            return
    raise AssertionError(f"tokens came {late} s after they were produced, {gaps} s apart instead of {own}")


def together(*work: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(work)) as threads:
        return [each.result() for each in [threads.submit(each) for each in work]]


def test_an_answer_may_take_longer_than_one_that_does_not_stream(user: Browser) -> None:
    """In the time of everybody: a chat that speaks slowly in each region, and a model that is silent all the while."""
    tokens = len(user.stream(f"/{HOME}/chat", chat(QUESTION)).lines) - 1
    seconds = SECONDS_OF_A_WHOLE_ANSWER + 2
    slow = chat(QUESTION, stand_in_tokens_per_second=tokens / seconds)
    question = {
        "model": "orca-mini",
        "prompt": "words",
        "stream": False,
        "options": {"stand_in_silent_seconds": seconds},
    }
    *said, generated = together(
        *(lambda region=region: user.stream(f"/{region}/chat", slow) for region in REGIONS),
        lambda: user.ask("POST", f"/{HOME}/generate", question),
    )
    for each in said:
        assert each.whole
        assert each.lines[-1].said["total_duration"] / 1e9 > SECONDS_OF_A_WHOLE_ANSWER
    assert generated.json["total_duration"] / 1e9 > SECONDS_OF_A_WHOLE_ANSWER


@contextmanager
def faster(cloud: Cloud, scale: float = SCALE) -> Iterator[None]:
    """Timeouts of API Gateway and of the balancers are over so much sooner."""
    cloud.control(f"clock?scale={scale}", "POST")
    try:
        yield
    finally:
        cloud.control("clock?scale=1", "POST")


def test_an_answer_may_take_five_minutes(cloud: Cloud, user: Browser) -> None:
    """Where everything lasts a twentieth of its time, answers too: one that speaks all the while, one that thinks for four minutes."""
    tokens = len(user.stream(f"/{HOME}/chat", chat(QUESTION)).lines) - 1
    seconds = 300 / SCALE
    steady = chat(QUESTION, stand_in_tokens_per_second=tokens / seconds)
    silence = 0.8 * seconds
    late = chat(QUESTION, stand_in_silent_seconds=silence, stand_in_tokens_per_second=tokens / (seconds - silence))
    with faster(cloud):
        said: list[Stream] = together(
            *(lambda region=region: user.stream(f"/{region}/chat", steady) for region in REGIONS),
            *(lambda region=region: user.stream(f"/{region}/chat", late) for region in REGIONS),
        )
    for each in said:
        assert each.whole
        assert each.lines[-1].said["total_duration"] / 1e9 >= seconds
    for region, each in zip(REGIONS * 2, said, strict=True):
        assert way(cloud, each.id)[-1]["region"] == region


def test_shorter_timeouts_cut_it_off(cloud: Cloud, user: Browser) -> None:
    """The other side: the same API without streaming, as another stage, and the same balancer with AWS's own idle timeout."""
    late = chat(QUESTION, stand_in_silent_seconds=100 / SCALE)
    with unstreamed(cloud, HOME) as stage:
        whole = Browser(cloud, user.url.geturl().rpartition("/")[0] + f"/{stage}")
        whole.token = user.token
        assert whole.stream(f"/{HOME}/chat", chat("Are you there?")).whole
        with faster(cloud):
            cut = whole.ask("POST", f"/{HOME}/chat", late)
        assert (cut.status, cut.json["message"]) == (504, "Endpoint request timed out")
    with faster(cloud):
        with idle_timeout(cloud, "lks-alb-zone-a", 60):
            assert user.ask("POST", f"/{HOME}/chat", late).status == 504
        assert user.stream(f"/{HOME}/chat", late).whole


@contextmanager
def unstreamed(cloud: Cloud, region: str) -> Iterator[str]:
    """A stage for which the API was deployed as it is by default: answers are awaited whole, for 29 s."""
    gateway, stage = cloud.client("apigateway", HOME), "whole"
    api = next(each["id"] for each in gateway.get_rest_apis()["items"] if each["name"] == "lks-api-gateway")
    resources = gateway.get_resources(restApiId=api, limit=500)["items"]
    resource = next(each["id"] for each in resources if each["path"] == f"/{region}/{{proxy+}}")
    which = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
    before = gateway.get_integration(**which)

    def change(mode: str, milliseconds: int) -> None:
        paths = {"/responseTransferMode": mode, "/timeoutInMillis": str(milliseconds)}
        operations = [{"op": "replace", "path": path, "value": value} for path, value in paths.items()]
        gateway.update_integration(**which, patchOperations=operations)

    change("BUFFERED", SECONDS_OF_A_WHOLE_ANSWER * 1000)
    try:
        deployment = gateway.create_deployment(restApiId=api, stageName=stage)["id"]
    finally:
        change(before["responseTransferMode"], before["timeoutInMillis"])
    try:
        yield stage
    finally:
        gateway.delete_stage(restApiId=api, stageName=stage)
        gateway.delete_deployment(restApiId=api, deploymentId=deployment)


@contextmanager
def idle_timeout(cloud: Cloud, name: str, seconds: int) -> Iterator[None]:
    balancing = cloud.client("elbv2", HOME)
    arn = balancing.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
    key = "idle_timeout.timeout_seconds"
    found = balancing.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    before = next(each["Value"] for each in found if each["Key"] == key)

    def change(value: str) -> None:
        attributes = [{"Key": key, "Value": value}]
        balancing.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    change(str(seconds))
    try:
        yield
    finally:
        change(before)


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
