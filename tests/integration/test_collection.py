"""The collection as its users get it: built, installed into an empty path, and run from there with an inventory of their own."""

from __future__ import annotations

import os
import subprocess

import pytest

from .conftest import free_port
from .playbooks import BIN, ROOT, Cloud


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where `ansible-galaxy collection install` put the collection that `build` made of the files git knows."""
    folder = tmp_path_factory.mktemp("collection")
    source = folder / "source"
    source.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    subprocess.run(["tar", "--null", "-T", "-", "-cf", str(folder / "source.tar")], cwd=ROOT, input=files, check=True)
    subprocess.run(["tar", "-xf", str(folder / "source.tar"), "-C", str(source)], check=True)
    galaxy = str(BIN / "ansible-galaxy")
    subprocess.run(
        [galaxy, "collection", "build", "--output-path", str(folder)], cwd=source, check=True, capture_output=True
    )
    archive = next(folder.glob("lks-llm-*.tar.gz"))
    target = folder / "installed"
    subprocess.run(
        [galaxy, "collection", "install", "--no-deps", "--offline", "-p", str(target), str(archive)],
        cwd=folder,  # away from the checkout, whose ansible.cfg has the collection installed already
        check=True,
        capture_output=True,
    )
    return target


def test_the_site_is_built_and_removed_from_an_installed_collection(installed, tmp_path, inventory):
    zones = {"only": {"zone_region": "us-east-1", "zone_cidr": "10.40.0.0/23"}}
    cloud = Cloud(free_port(), tmp_path / "own")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LOCALCLOUD_HOME": str(cloud.home),
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
    }

    def play(playbook: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "ansible-playbook"), "-i", inventory(zones), playbook, "-e", f"cloud_port={cloud.port}"]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    try:
        built = play("lks.llm.site")
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-2000:]
        assert cloud.client("ec2", "us-east-1").describe_vpcs(
            Filters=[{"Name": "tag:Name", "Values": ["lks-vpc-only"]}]
        )["Vpcs"]
        removed = play("lks.llm.destroy")
        assert removed.returncode == 0, removed.stdout[-4000:] + removed.stderr[-2000:]
        assert not cloud.client("ec2", "us-east-1").describe_vpcs(
            Filters=[{"Name": "tag:Name", "Values": ["lks-vpc-only"]}]
        )["Vpcs"]
    finally:
        cloud.stop()
