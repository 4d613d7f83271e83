"""Configure a machine as State Manager does: the zip of playbooks and roles, unpacked and run by the ansible-core of the host."""

import re
from pathlib import Path

import yaml

from plugins.modules.zip_bundle import build_zip, collect

from .image import PACKAGED

PROJECT = Path(__file__).parents[2]
EXCLUDE = ["__pycache__", "*.pyc"]
PLACE = "/var/lib/applied"  # on the machine


class Applied:
    """What a run of ansible-playbook came to."""

    def __init__(self, done):
        self.rc, self.output = done.rc, done.stdout + done.stderr
        recap = re.search(r"ok=\d+ +changed=(\d+)", self.output)
        self.changes = int(recap.group(1)) if recap else None
        self.changed = [
            block.splitlines()[0].partition("]")[0]
            for block in re.split(r"^TASK \[", self.output, flags=re.MULTILINE)[1:]
            if re.search(r"^changed: ", block, re.MULTILINE)
        ]

    @property
    def summary(self):
        return f"changed {self.changes}" if self.rc == 0 else f"failed, changed {self.changes}"

    def __repr__(self):
        return f"exit status {self.rc}, changed: {self.changed}\n{self.output}"


def bundle(variables):
    """Bytes of the zip, as the deploy packs it."""
    sources = [{"src": PROJECT / "hosts", "dest": ""}, {"src": PROJECT / "roles", "dest": "roles"}]
    contents = [{"dest": "vars.yml", "content": yaml.safe_dump(variables)}]
    return build_zip(collect(sources, contents, EXCLUDE))


def apply(machine, playbook, variables, extra="SSM=True", core=PACKAGED, options=()):
    """Apply a playbook. core: the release of ansible-core. options: of ansible-playbook, beyond those that State Manager gives."""
    machine.put(f"{PLACE}/bundle.zip", bundle(variables))
    interpreter = ["ansible-playbook"]
    environment = {}
    if core != PACKAGED:
        interpreter = ["python3", f"/opt/ansible/{core}/bin/ansible-playbook"]
        environment["PYTHONPATH"] = f"/opt/ansible/{core}"
    command = [*interpreter, "-i", "localhost,", "-c", "local", "-e", extra, "-v", *options, playbook]
    script = f'cd {PLACE} && find . -mindepth 1 ! -name bundle.zip -delete && unzip -q -o bundle.zip && exec "$@"'
    return Applied(machine.run("sh", "-c", script, "sh", *command, env=environment, check=False, seconds=1000))
