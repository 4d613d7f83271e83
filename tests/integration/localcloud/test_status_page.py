"""The status page of the deployed system, looked at and clicked through in a browser, by the address that site.yml prints."""

from __future__ import annotations

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from ..browser import browser, needs_chromium
from ..playbooks import Cloud, Run

HOME, AWAY = "us-east-1", "us-west-2"
REGIONS = (HOME, AWAY)
EMAIL, PASSWORD = f"{uuid.uuid4().hex}@example.com", "Passw0rd!"
PATIENCE = 60_000  # milliseconds: the machine may be busy
MARKUP = "<img src=x onerror=\"document.title='broken in'\">"
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def url(first_run: Run) -> str:
    assert (printed := re.findall(r"^\s*Status\s+(http://\S+)", first_run.output.replace("\\n", "\n"), re.M)), (
        first_run.output[-3000:]
    )
    return str(printed[-1])


@pytest.fixture(scope="module")
def page(url: str) -> Iterator[Page]:
    """Opened; a fault of its scripts fails the test that it happens in."""
    with browser() as opened:
        context = opened.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        faults: list[str] = []
        page.goto(url)
        page.locator("#topology .node").first.wait_for()
        yield page
        assert faults == []


@pytest.fixture(scope="module")
def user(cloud: Cloud, first_run: Run) -> Iterator[str]:
    """Somebody who signed up and was confirmed; gives the user's id."""
    cognito = cloud.client("cognito-idp", HOME)
    pool = next(each["Id"] for each in cognito.list_user_pools(MaxResults=60)["UserPools"] if "users" in each["Name"])
    client = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"][0]["ClientId"]
    attributes = [{"Name": "name", "Value": "Traveller"}, {"Name": "email", "Value": EMAIL}]
    signed = cognito.sign_up(ClientId=client, Username=EMAIL, Password=PASSWORD, UserAttributes=attributes)
    cognito.admin_confirm_sign_up(UserPoolId=pool, Username=EMAIL)
    yield signed["UserSub"]
    cognito.admin_delete_user(UserPoolId=pool, Username=EMAIL)


def part(url: str, name: str, host: str = "") -> tuple[int, str]:
    """Status and text of a part of the page, as whoever asks by this name of the host is answered."""
    asked = urlsplit(url)
    connection = http.client.HTTPConnection(asked.hostname or "", asked.port, timeout=30)
    connection.request("GET", f"/_localcloud/status/{name}", headers={"Host": host or asked.netloc})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def node(page: Page, identity: str) -> Locator:
    return page.locator(f'#topology .node[data-id="{identity}"]')


def deployed(cloud: Cloud) -> set[str]:
    """What must be in the picture, as AWS's API describes it."""
    found = set()
    for region in REGIONS:
        for each in cloud.client("ec2", region).describe_instances()["Reservations"]:
            found |= {
                f"instance:{region}:{i['InstanceId']}" for i in each["Instances"] if i["State"]["Name"] != "terminated"
            }
        for each in cloud.client("elbv2", region).describe_load_balancers()["LoadBalancers"]:
            found.add(f"{each['Type']}-load-balancer:{region}:{each['LoadBalancerName']}")
        for each in cloud.client("lambda", region).list_functions()["Functions"]:
            found.add(f"function:{region}:{each['FunctionName']}")
        for each in cloud.client("rds", region).describe_db_instances()["DBInstances"]:
            found.add(f"database:{region}:{each['DBInstanceIdentifier']}")
        for each in cloud.client("efs", region).describe_file_systems()["FileSystems"]:
            found.add(f"file-system:{region}:{each['FileSystemId']}")
        for each in cloud.client("apigateway", region).get_rest_apis()["items"]:
            found.add(f"api:{region}:{each['id']}")
        for each in cloud.client("apigateway", region).get_vpc_links()["items"]:
            found.add(f"vpc-link:{region}:{each['id']}")
    return found


def test_everything_that_is_deployed_is_drawn_where_it_is_and_is_well(page: Page, cloud: Cloud) -> None:
    wanted = deployed(cloud)
    assert len(wanted) > 20
    drawn = page.locator("#topology .node").evaluate_all("found => found.map((each) => each.dataset.id)")
    assert wanted <= set(drawn)
    assert len(drawn) == len(set(drawn))
    expect(page.locator("#verdict")).to_have_text("All is well")
    assert page.locator("#topology .node:not(.good)").count() == 0

    # What is drawn covers nothing else, and is within the frame that it belongs to.
    boxes = {name: node(page, name).locator(".box").bounding_box() for name in drawn}
    frames = {
        region: page.locator(f'#topology .region[data-region="{region}"] > rect').bounding_box() for region in REGIONS
    }
    for name, box in boxes.items():
        assert box and within(box, frames[name.split(":")[1]]), name
        assert not [other for other, its in boxes.items() if other != name and overlap(box, its)], name
    for region in REGIONS:
        for reservation in cloud.client("ec2", region).describe_instances()["Reservations"]:
            for each in reservation["Instances"]:
                if each["State"]["Name"] != "terminated":
                    subnet = page.locator(f'[data-subnet="subnet:{region}:{each["SubnetId"]}"] rect').bounding_box()
                    assert within(boxes[f"instance:{region}:{each['InstanceId']}"], subnet)


def within(box: Any, frame: Any) -> bool:
    return bool(
        box["x"] >= frame["x"] - 1
        and box["y"] >= frame["y"] - 1
        and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
        and box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
    )


def overlap(box: Any, other: Any) -> bool:
    return bool(
        box["x"] < other["x"] + other["width"]
        and other["x"] < box["x"] + box["width"]
        and box["y"] < other["y"] + other["height"]
        and other["y"] < box["y"] + box["height"]
    )


def test_listeners_lead_to_their_targets_and_functions_to_their_database(page: Page, cloud: Cloud) -> None:
    for region in REGIONS:
        balancing = cloud.client("elbv2", region)
        for group in balancing.describe_target_groups()["TargetGroups"]:
            row = page.locator(f'#topology .row[data-group="target-group:{region}:{group["TargetGroupName"]}"]').first
            targets = balancing.describe_target_health(TargetGroupArn=group["TargetGroupArn"])[
                "TargetHealthDescriptions"
            ]
            expect(row.locator(".count")).to_have_text(f"{len(targets)}/{len(targets)}")
            for each in targets:
                if group["TargetType"] == "instance":
                    name = f"instance:{region}:{each['Target']['Id']}"
                    assert page.locator(f'.link.forwards[data-target="{name}"]').count() == 1
    functions = len(cloud.client("lambda", HOME).list_functions()["Functions"])
    assert functions
    assert page.locator('.link.reaches[data-source^="function:"][data-target^="database:"]').count() == functions
    assert page.locator('.link.mounts[data-target^="file-system:"]').count() == 4  # each zone's two private subnets
    assert page.locator(".link.peering.good").count() == 1


def test_what_is_selected_says_what_aws_says_of_it(page: Page, cloud: Cloud) -> None:
    (database,) = cloud.client("rds", HOME).describe_db_instances()["DBInstances"]
    name = database["DBInstanceIdentifier"]
    node(page, f"database:{HOME}:{name}").focus()
    page.keyboard.press("Enter")
    details = page.locator("#details")
    expect(details).to_contain_text(f"{database['Engine']} {database['EngineVersion']}")
    expect(details).to_contain_text("available")
    balancer = page.locator("#topology .application-load-balancer").first
    balancer.click()
    expect(details.locator("tbody tr")).to_have_count(6)


def test_associations_are_listed_with_what_came_of_them(page: Page, cloud: Cloud) -> None:
    found = [each for region in REGIONS for each in cloud.client("ssm", region).list_associations()["Associations"]]
    assert found
    for each in found:
        listed = page.locator(f'#associations [data-association="{each["AssociationId"]}"]')
        expect(listed.locator("summary")).to_contain_text(each["AssociationName"])
        expect(listed.locator("summary .badge")).to_have_text("Success")
        listed.locator("summary").click()
        results = listed.locator("[data-result]")
        expect(results.first).to_be_visible()
        assert set(results.locator(".badge").all_inner_texts()) == {"Success"}


def test_a_user_signs_in_and_an_answer_arrives_word_by_word(page: Page, user: str, url: str, cloud: Cloud) -> None:
    box = page.locator("#chat")
    box.get_by_label("E-mail or user name").fill(EMAIL)
    box.get_by_label("Password").fill("Wrong0rd!")
    box.get_by_role("button", name="Sign in").click()
    expect(box.locator(".problem")).to_contain_text("Incorrect username or password")
    box.get_by_label("Password").fill(PASSWORD)
    box.get_by_role("button", name="Sign in").click()
    models = box.get_by_label("Model")
    expect(models.locator("option")).to_have_count(3)
    assert box.get_by_label("Through").locator("option").all_inner_texts() == [f"/{region}" for region in REGIONS]
    box.get_by_label("Through").select_option(f"/{AWAY}")

    # What a person sees: the newest answer in each frame that is drawn while it is still on its way.
    page.evaluate(
        """() => {
            window.seen = new Set();
            const look = () => {
                const newest = [...document.querySelectorAll("#chat li.assistant p")].at(-1);
                if (newest && !document.querySelector("#chat .stop").hidden) seen.add(newest.textContent);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    for turn in range(3):  # a machine that is busy may draw no frame meanwhile, but not time and again
        box.get_by_label("Question").fill("Tell me about the history of verbs.")
        box.get_by_role("button", name="Send").click()
        answer = box.locator("li.assistant").nth(turn)
        expect(answer.locator("small.soft")).to_contain_text("first word after")
        whole = answer.locator("p").inner_text()
        grown = [each for each in page.evaluate("[...seen]") if each.strip() and each != whole]
        if len(grown) >= 3:
            break
        page.evaluate("seen.clear()")
    else:
        raise AssertionError(f"{whole} came at once")
    assert all(whole.startswith(each.rstrip()) for each in grown)
    expect(box.locator(".problem")).to_have_text("")

    request = page.locator("#requests .list button", has_text=f"/{AWAY}/chat").first
    request.click()
    (hops,) = [each["hops"] for each in cloud.control("journeys")[::-1] if each["path"] == f"/{AWAY}/chat"][:1]
    shown = page.locator("#requests .hops li")
    expect(shown).to_have_count(len(hops) + 1)
    assert [each.get_attribute("data-kind") for each in shown.all()] == ["api", *(hop["kind"] for hop in hops)]
    last = hops[-1]
    expect(node(page, f"instance:{last['region']}:{last['name']}")).to_have_class(re.compile(r"\bon\b"))
    stops = 1 + len([hop for hop in hops if hop["kind"] != "target-group"])
    assert page.locator("#topology .node.on").count() == stops
    assert set(page.locator("#topology .row.on").evaluate_all("found => found.map((each) => each.dataset.group)")) == {
        None,
        *(f"{hop['kind']}:{hop['region']}:{hop['name']}" for hop in hops if hop["kind"] == "target-group"),
    }
    ways = page.locator("#topology .link.on").evaluate_all("found => found.map((each) => each.dataset.target)")
    assert len(set(ways)) == stops - 1
    request.click()
    expect(shown).to_have_count(0)

    told = part(url, "state")[1] + part(url, "requests")[1]
    function = cloud.client("lambda", HOME).list_functions()["Functions"][0]
    secret = function["Environment"]["Variables"]["DB_PASSWORD"]
    assert not [each for each in (EMAIL, PASSWORD, user, secret, "history of verbs") if each in told]
    box.get_by_role("button", name="Sign out").click()
    expect(box.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_alarm_is_shown_at_once_and_markup_in_it_is_text(page: Page, cloud: Cloud) -> None:
    watch = cloud.client("cloudwatch", AWAY)
    name = "status-page"
    watch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=MARKUP,
        Namespace="Status",
        MetricName="None",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    try:
        watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="to see it")
        alarm = page.locator(f'#alarms [data-alarm="{name}"]')
        expect(alarm.locator(".badge.bad")).to_have_text("alarm")
        expect(alarm).to_contain_text(MARKUP)
        expect(page.locator("#attention")).to_contain_text(name)
        assert page.locator("img").count() == 0
        expect(page).to_have_title("(1) Local cloud")
    finally:
        watch.delete_alarms(AlarmNames=[name])
    expect(alarm).to_have_count(0)
    expect(page.locator("#verdict")).to_have_text("All is well")


def test_it_fits_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        page.set_viewport_size({"width": 1440, "height": 900})


def test_other_sites_learn_nothing(url: str) -> None:
    status, text = part(url, "state", "rebound.example.com")
    assert (status, "nodes" in text) == (421, False)
    status, text = part(url, "state")
    assert (status, "nodes" in json.loads(text)) == (200, True)
    assert part(url, "../state.py")[0] == part(url, "nothing")[0] == 404


@pytest.mark.breaks
def test_what_is_down_is_shown_to_be_down(page: Page, cloud: Cloud) -> None:
    ec2, balancing = cloud.client("ec2", AWAY), cloud.client("elbv2", AWAY)
    group = next(
        each for each in balancing.describe_target_groups()["TargetGroups"] if each["TargetType"] == "instance"
    )
    lost = balancing.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"][0][
        "Target"
    ]["Id"]
    chip = node(page, f"instance:{AWAY}:{lost}")
    row = page.locator(f'#topology .row[data-group="target-group:{AWAY}:{group["TargetGroupName"]}"]').first
    expect(chip).to_have_attribute("data-health", "good")
    ec2.stop_instances(InstanceIds=[lost])
    try:
        expect(chip).to_have_attribute("data-health", "off")
        expect(chip).to_contain_text("stopped")
        expect(row.locator(".count")).to_have_text("1/2")
        expect(page.locator("#attention")).to_contain_text("stopped")
    finally:
        ec2.start_instances(InstanceIds=[lost])
    expect(chip).to_have_attribute("data-health", "good", timeout=2 * PATIENCE)
    expect(row.locator(".count")).to_have_text("2/2")
    expect(page.locator("#verdict")).to_have_text("All is well")
