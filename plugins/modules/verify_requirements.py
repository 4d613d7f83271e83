#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: verify_requirements
version_added: 0.1.0
short_description: Judge a snapshot of an account by the requirements of the LLM service
description:
  - Reads a snapshot that M(lks.llm.account_snapshot_info) has taken, and says of every requirement whether it holds, with what was found,
    where, and how to mend it.
  - It asks no cloud. What is judged is what was described when the snapshot was taken.
  - Nothing fails because a requirement does not hold. That is said by RV(verified).
author:
  - "The lks.llm authors (@lks-llm)"
options:
  snapshot:
    description:
      - The file with the snapshot.
    type: path
    required: true
  expectations:
    description:
      - What of the requirements is data. C(zones) is a list of dictionaries with C(name), C(region), C(cidr), C(home) (true for exactly one)
        and C(groups), the names of the security groups that are planned, without prefix.
      - Everything else has a default, such as C(prefix), C(tags), C(role), C(kinds), C(worker_type), C(database_classes). An unknown
        name is refused, and the refusal lists the known ones.
    type: dict
    required: true
  probes:
    description:
      - The file that M(lks.llm.verify_probes) has written. Without it what it probes counts as not probed.
    type: path
  areas:
    description:
      - The areas to judge. All by default.
    type: list
    elements: str
    choices: [general, network, storage, security_groups, workers, balancing, database, function, api, sign_in, operations]
  report_folder:
    description:
      - Where to write C(report.json), C(junit.xml) and C(report.html). Nothing is written without it, or in check mode.
    type: path
  not_probed:
    description:
      - What neither a snapshot nor a probe shows, for the report. Probes that were not made are added to it.
    type: list
    elements: dict
    default: []
    suboptions:
      what:
        description: What was not probed.
        type: str
        required: true
      why:
        description: Why not.
        type: str
        required: true
  deploy_command:
    description:
      - The command that mends most of what can be wrong, for the remedies.
    type: str
    default: site.yml
"""

EXAMPLES = r"""
- name: Judge it
  lks.llm.verify_requirements:
    snapshot: reports/snapshot.json
    report_folder: reports
    expectations:
      prefix: example
      zones:
        - {name: zone-a, region: us-east-1, cidr: 172.32.0.0/23, home: true}
        - {name: zone-b, region: us-west-2, cidr: 10.10.0.0/23}
  register: verified

- name: All must hold
  ansible.builtin.assert:
    that: verified.verified
"""

RETURN = r"""
verified:
  description: Whether every check passes.
  returned: always
  type: bool
text:
  description: The report for a terminal.
  returned: always
  type: str
score:
  description: Points, and how many checks ended how.
  returned: always
  type: dict
  sample: {"points": 250, "earned": 248, "percent": 99, "pass": 135, "fail": 1, "blocked": 0, "unseen": 0}
failing:
  description: The ids of the checks that fail.
  returned: always
  type: list
  elements: str
  sample: ["X-6.anywhere"]
files:
  description: What was written.
  returned: always
  type: list
  elements: str
  sample: ["reports/report.json", "reports/junit.xml", "reports/report.html"]
"""

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import ExpectationError
from ansible_collections.lks.llm.plugins.module_utils.verify.report import build_report
from ansible_collections.lks.llm.plugins.module_utils.verify.report_html import render_html
from ansible_collections.lks.llm.plugins.module_utils.verify.report_junit import render_junit
from ansible_collections.lks.llm.plugins.module_utils.verify.report_text import render_text
from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import AREAS


def read(module, option):
    try:
        return json.loads(Path(module.params[option]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        module.fail_json(msg=f"Could not read the {option} {module.params[option]}: {e}")


def write_files(folder, report):
    contents = {
        "report.json": json.dumps(report, indent=2) + "\n",
        "junit.xml": render_junit(report),
        "report.html": render_html(report),
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (Path(folder) / name).write_text(content, encoding="utf-8")
    return [str(Path(folder) / name) for name in contents]


def main():
    module = AnsibleModule(
        argument_spec={
            "snapshot": {"type": "path", "required": True},
            "expectations": {"type": "dict", "required": True},
            "probes": {"type": "path"},
            "areas": {"type": "list", "elements": "str", "choices": list(AREAS)},
            "report_folder": {"type": "path"},
            "not_probed": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"what": {"type": "str", "required": True}, "why": {"type": "str", "required": True}},
            },
            "deploy_command": {"type": "str", "default": "site.yml"},
        },
        supports_check_mode=True,
    )
    params = module.params
    snapshot = read(module, "snapshot")
    probes = read(module, "probes") if params["probes"] else None
    if probes is not None and not (isinstance(probes, dict) and "not_probed" in probes):
        module.fail_json(msg=f"{params['probes']} is nothing that verify_probes has written")
    if not isinstance(snapshot, dict) or not {"regions", "global", "refused"} <= set(snapshot):
        module.fail_json(msg=f"{params['snapshot']} is no snapshot that account_snapshot_info has taken")
    options = {
        "areas": params["areas"] or None,
        "not_probed": params["not_probed"],
        "probes": probes,
        "deploy_command": params["deploy_command"],
    }
    try:
        report = build_report(snapshot, params["expectations"], options)
    except ExpectationError as e:
        module.fail_json(msg=f"The expectations cannot be: {e}")
    files = []
    if params["report_folder"] and not module.check_mode:
        try:
            files = write_files(params["report_folder"], report)
        except OSError as e:
            module.fail_json(msg=f"Could not write the report to {params['report_folder']}: {e}")
    module.exit_json(
        changed=False,
        verified=report["verified"],
        text=render_text(report),
        score=report["score"],
        failing=[result["id"] for result in report["results"] if result["status"] == "fail"],
        files=files,
    )


if __name__ == "__main__":
    main()
