"""One deployed system for all tests that only look at it or put it right again; tests that need another make their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..inventories import inventory_of
from ..ports import free_port
from .api_client import HOME, Browser
from .playbooks import Cloud, Run


@pytest.fixture(scope="session")
def empty_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud on which nothing is ever built."""
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("empty"))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The local cloud that carries the deployed system."""
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def first_run(cloud: Cloud) -> Run:
    """The run that deployed the system."""
    return cloud.play("site.yml", run="first").must_succeed()


@pytest.fixture(scope="session")
def client_id(cloud: Cloud, first_run: Run) -> str:
    """Of the app that users sign in with."""
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
    """Signed up, confirmed by the playbook, and signed in."""
    browser = Browser(cloud, stranger.url.geturl())
    browser.sign_up(client_id)
    with pytest.raises(browser.cognito.exceptions.UserNotConfirmedException):
        browser.sign_in(client_id)
    cloud.play("playbooks/confirm.yml", "-e", f"email={browser.email}").must_succeed()
    browser.token = browser.sign_in(client_id)["IdToken"]
    yield browser
    browser.ask("DELETE", f"/conversations/{browser.uid}")


@pytest.fixture
def inventory(tmp_path: Path):
    """Writes an inventory for the local cloud with these zones: {"zone-a": {"zone_region": …}}; the first one is home."""
    import yaml

    def write(zones: dict[str, dict[str, str]], group: str = "local") -> str:
        path = tmp_path / "inventory.yml"
        path.write_text(yaml.safe_dump(inventory_of(zones, group)))
        return str(path)

    return write
