"""Configure a machine as State Manager does: the zip of playbooks and roles, unpacked and run by the ansible-core of the host."""

import re

from .image import PACKAGED

PLACE = "/var/lib/applied"  # on the machine
SECONDS = 1000
SCRIPT = f'cd {PLACE} && find . -mindepth 1 ! -name bundle.zip -delete && unzip -q -o bundle.zip && exec "$@"'


class Applied:
    """What a run of ansible-playbook came to."""

    def __init__(self, done):
        self.rc, self.stdout, self.stderr = done.rc, done.stdout, done.stderr
        self.output = done.stdout + done.stderr
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


def apply(machine, bundle, playbook, extra="SSM=True", core=PACKAGED, options=(), seconds=SECONDS):
    """Apply a playbook of a bundle, the bytes of a zip. core: the release of ansible-core. options: of ansible-playbook, beyond those
    that State Manager gives."""
    machine.put(f"{PLACE}/bundle.zip", bundle)
    interpreter = ["ansible-playbook"]
    environment = {}
    if core != PACKAGED:
        interpreter = ["python3", f"/opt/ansible/{core}/bin/ansible-playbook"]
        environment["PYTHONPATH"] = f"/opt/ansible/{core}"
    command = [*interpreter, "-i", "localhost,", "-c", "local", "-e", extra, "-v", *options, playbook]
    return Applied(machine.run("sh", "-c", SCRIPT, "sh", *command, env=environment, check=False, seconds=seconds))
