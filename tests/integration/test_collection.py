"""The collection as its users get it: built, installed into an empty path, and run from there with an inventory of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from ..ports import free_port
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

    def play(playbook: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "ansible-playbook"), "-i", inventory(zones), playbook, "-e", f"cloud_port={cloud.port}"]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    try:
        warm = {"ANSIBLE_CALLBACKS_ENABLED": "lks.llm.warm"}  # the one setting that it takes
        built = play("lks.llm.site", **warm)
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-2000:]
        assert cloud.client("ec2", "us-east-1").describe_vpcs(
            Filters=[{"Name": "tag:Name", "Values": ["lks-vpc-only"]}]
        )["Vpcs"]
        again = play("lks.llm.site")  # in Ansible's ordinary way, which finds nothing to change
        assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-2000:]
        assert re.findall(r"^only .* changed=(\d+)", again.stdout, re.MULTILINE) == ["0"], again.stdout[-4000:]
        removed = play("lks.llm.destroy", **warm)
        assert removed.returncode == 0, removed.stdout[-4000:] + removed.stderr[-2000:]
        assert not cloud.client("ec2", "us-east-1").describe_vpcs(
            Filters=[{"Name": "tag:Name", "Values": ["lks-vpc-only"]}]
        )["Vpcs"]
    finally:
        cloud.stop()


ROLES_PLAY = """
- hosts: localhost
  connection: local
  tasks:
    - name: Use a role that refuses what it is given
      ansible.builtin.include_role: {name: "lks.llm.%s"}
      vars: %s
"""


@pytest.mark.parametrize(
    ("role", "variables", "refusal"),
    [
        ("nat", {"nat_private_cidrs": ["10.0.0.1/8"], "nat_interface": "lo"}, "not so: 10.0.0.1/8"),
        ("efs_mount", {"efs_mount_address": "fs-1.example.com"}, "the IPv4 address of a mount target"),
        ("ollama_worker", {"ollama_worker_version": "latest"}, "Name a release such as"),
    ],
)
def test_a_role_is_used_on_its_own(installed, tmp_path, role, variables, refusal):
    """By its full name from the installed collection; what it is given here ends it before it touches this host."""
    playbook = tmp_path / "play.yml"
    playbook.write_text(ROLES_PLAY % (role, json.dumps(variables)))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "HOME": str(tmp_path),
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
    }
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}", str(playbook)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0
    assert refusal in done.stdout, done.stdout + done.stderr
    assert "changed=0" in done.stdout
