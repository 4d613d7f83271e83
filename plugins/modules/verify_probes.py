#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: verify_probes
version_added: 0.1.0
short_description: Use the LLM service as a user does, and write down what it answers
description:
  - Goes the way of a user, with one who is made for that and removed again, also when a request fails or the run is ended. Signs in, lists
    models, has words embedded, chats, and saves, lists, reads, changes and deletes a conversation.
  - Asks without a token what must be refused, every worker for its models (by Run Command of Systems Manager), and the migration function
    whether the database is spoken to with TLS, and whether it would answer without.
  - What it finds to ask comes from a snapshot that M(lks.llm.account_snapshot_info) has taken. What cannot be asked, because it is not there,
    cannot be reached from here or is not allowed, is said in RV(not_probed), and is no failure.
  - It judges nothing. M(lks.llm.verify_requirements) does, from the file that this module writes.
  - In check mode it asks nothing.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  path:
    description:
      - The file to write. It can be read by its owner only.
    type: path
    required: true
  snapshot:
    description:
      - The file with the snapshot.
    type: path
    required: true
  expectations:
    description:
      - As in M(lks.llm.verify_requirements).
    type: dict
    required: true
  areas:
    description:
      - What is probed for these areas alone. All by default.
    type: list
    elements: str
    choices: [general, network, storage, security_groups, workers, balancing, database, function, api, sign_in, operations]
  enabled:
    description:
      - With V(false) nothing is asked, and the file says so.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that a request may go without an answer, and that the workers may take. A model that has to be loaded first takes minutes.
    type: int
    default: 240
  progress:
    description:
      - A file to which a line of JSON is added for each request that has ended, for those who show progress.
    type: path
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Use it as a user does
  lks.llm.verify_probes:
    snapshot: reports/snapshot.json
    path: reports/probes.json
    expectations:
      prefix: example
      zones:
        - {name: zone-a, region: us-east-1, cidr: 172.32.0.0/23, home: true}
"""

RETURN = r"""
path:
  description: The file that was written.
  returned: always
  type: str
  sample: "reports/probes.json"
requests:
  description: How many requests were sent to the API.
  returned: always
  type: int
  sample: 31
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 4.2
not_probed:
  description: What was not probed, and why.
  returned: always
  type: dict
  sample: {"user": "AccessDeniedException: not authorized to perform cognito-idp:AdminCreateUser"}
left:
  description: Users of this or an earlier run who could not be removed.
  returned: always
  type: list
  elements: str
"""

import contextlib
import json
import os
import signal
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.probing import hosts, journey
from ansible_collections.lks.llm.plugins.module_utils.probing.http import Api
from ansible_collections.lks.llm.plugins.module_utils.probing.user import ThrowawayUser
from ansible_collections.lks.llm.plugins.module_utils.progress import Progress
from ansible_collections.lks.llm.plugins.module_utils.resource_sweep import describe_failure
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import complete
from ansible_collections.lks.llm.plugins.module_utils.verify.probe_plan import choose_areas, plan
from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import AREAS
from ansible_collections.lks.llm.plugins.module_utils.verify.system import System

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LAST_SECONDS = 2  # for the conversations of a run that is ended; who ends it waits a few seconds


class Ended(BaseException):
    """The run is told to end."""


def end(_number, _frame):
    raise Ended


def listen_to_signals(handler):
    for number in SIGNALS:
        signal.signal(number, handler)


def client_maker(module):
    _region, endpoint, params = get_aws_connection_info(module)
    config = params.pop("aws_config", None) or Config()
    session = boto3.session.Session(profile_name=params.pop("profile_name", None))

    def make(service, region, **options):
        return session.client(
            service, region_name=region, endpoint_url=endpoint, config=config.merge(Config(**options)), **params
        )

    return make


class Probes:
    """What is written down, as it grows. Clients are made beforehand: threads may share but not make them."""

    def __init__(self, make_client, found, timeout, progress):
        self.plan = found
        self.timeout = timeout
        self.progress = progress
        self.not_probed = {}
        self.workers = []
        self.database = {}
        self.user = {}
        self.api = Api(found["api"].get("url", ""), timeout, lambda name: progress.step(journey.ROWS[name]))
        self.throwaway = None
        self.token = ""
        self.ssm = {each["region"]: make_client("ssm", each["region"]) for each in found["workers"] if "region" in each}
        if "region" in found["database"]:
            self.functions = make_client("lambda", found["database"]["region"])
        if "pool" in found["user"]:
            region = found["user"]["region"]
            visitor = make_client("cognito-idp", region, signature_version=UNSIGNED)
            self.throwaway = ThrowawayUser(
                make_client("cognito-idp", region), visitor, found["user"]["pool"], found["user"]["client_id"]
            )

    def run(self):
        """Raises Ended when the run is told to end; the user is gone even then."""
        zones = len(self.plan["zones"])
        for row, whole in {**journey.expected_requests(zones), "workers": zones, "database": 1}.items():
            self.progress.expect(row, whole)
        try:
            workers = [lambda each=each: self.ask_workers(each) for each in self.plan["workers"]]
            journey.together(self.ask_api, self.ask_database, *workers)
        finally:
            listen_to_signals(signal.SIG_IGN)  # what is being put in order must not be disturbed
            self.remove_user()

    def ask_api(self):
        if "why" in self.plan["api"]:
            self.not_probed["api"] = self.plan["api"]["why"]
            return
        somebody = f"/conversations/{uuid.uuid4()}"
        first = journey.ask_preflight(self.api, somebody, "DELETE")
        if "error" in first:
            self.not_probed["api"] = f"there is no way to {self.api.url} from here ({first['error']})"
            self.api.requests.clear()
            return
        journey.together(lambda: journey.ask_as_stranger(self.api, self.plan["zones"], somebody), self.ask_as_user)

    def ask_as_user(self):
        if not self.throwaway:
            self.not_probed["user"] = self.plan["user"]["why"]
            return
        user = self.throwaway
        try:
            self.clean(user)
            user.create()
        except (ClientError, BotoCoreError) as e:
            self.not_probed["user"] = f"no user could be made: {describe_failure(e)}"
            return
        self.user["name"] = user.address
        try:
            self.token = user.sign_in()
        except (ClientError, BotoCoreError, LookupError) as e:
            self.user["error"] = describe_failure(e) if not isinstance(e, LookupError) else str(e)
            return
        journey.together(
            lambda: self.not_probed.update(journey.ask_models(self.api, self.plan["zones"], self.token)),
            lambda: journey.keep_conversation(self.api, self.token),
        )

    def clean(self, user):
        """Removes whom earlier runs have left behind, and what they kept."""
        for name in user.left_over():
            with contextlib.suppress(ClientError, BotoCoreError, LookupError):
                user.set_password(name)
                journey.forget(Api(self.api.url, self.timeout), user.sign_in(name))
            user.remove(name)

    def remove_user(self):
        user = self.throwaway
        if not user:
            return
        steps = {entry["name"]: entry["status"] for entry in self.api.requests}
        if self.token and steps.get("gone") != 404:
            journey.forget(Api(self.api.url, LAST_SECONDS), self.token)
        try:
            user.end()
        except (ClientError, BotoCoreError) as e:
            self.user["left"] = [user.address]
            self.user["left_why"] = describe_failure(e)

    def ask_workers(self, planned):
        subject = f"workers {planned['zone']}"
        if "why" in planned:
            self.not_probed[subject] = planned["why"]
            return
        instances = planned["instances"]
        try:
            for start in range(0, len(instances), hosts.INSTANCES):
                some = instances[start : start + hosts.INSTANCES]
                found = hosts.run(self.ssm[planned["region"]], planned["question"], some, self.timeout)
                for instance, (status, output) in sorted(found.items()):
                    entry = {"zone": planned["zone"], "region": planned["region"], "instance": instance}
                    models = hosts.read_models(output) if status == "Success" else None
                    said = "" if models is not None else output[-600:]
                    self.workers.append({**entry, "status": status, "models": models, "output": said})
        except (ClientError, BotoCoreError) as e:
            self.not_probed[subject] = f"they could not be asked by Run Command: {describe_failure(e)}"
        self.progress.step("workers")

    def ask_database(self):
        planned = self.plan["database"]
        if "why" in planned:
            self.not_probed["database"] = planned["why"]
            return
        try:
            answer = self.functions.invoke(FunctionName=planned["function"], Payload=json.dumps({"action": "tls"}))
            said = json.loads(answer["Payload"].read() or b"{}")
        except (ClientError, BotoCoreError, ValueError) as e:
            self.not_probed["database"] = f"{planned['function']} could not be asked: {describe_failure(e)}"
            return
        error = str(said.get("errorMessage", "")) if answer.get("FunctionError") else ""
        if error.startswith("action must be"):
            self.not_probed["database"] = f"{planned['function']} is of a version that cannot tell"
            return
        self.database = {"function": planned["function"], **({"error": error} if error else said)}
        self.progress.step("database")

    def to_dict(self):
        return {
            "not_probed": self.not_probed,
            "requests": list(self.api.requests),
            "user": self.user,
            "workers": self.workers,
            "database": self.database,
        }


def write(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)


def probe(module):
    """What is written down. The run that is told to end leaves no user and no file."""
    params = module.params
    if not params["enabled"]:
        return {"not_probed": {"all": "verify_probes is false, so that verify only reads"}}
    if module.check_mode:
        return {"not_probed": {"all": "check mode only reads"}}
    try:
        snapshot = json.loads(Path(params["snapshot"]).read_text(encoding="utf-8"))
        system = System(snapshot, complete(params["expectations"]))
    except (OSError, ValueError) as e:
        module.fail_json(msg=f"Could not take the snapshot {params['snapshot']} and the expectations together: {e}")
    chosen = choose_areas(plan(system), params["areas"])
    probes = Probes(client_maker(module), chosen, params["timeout"], Progress(params["progress"]))
    listen_to_signals(end)
    try:
        probes.run()
    except Ended:
        module.fail_json(msg="The probes were ended. Their user is removed.")
    return probes.to_dict()


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "snapshot": {"type": "path", "required": True},
            "expectations": {"type": "dict", "required": True},
            "areas": {"type": "list", "elements": "str", "choices": list(AREAS)},
            "enabled": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 240},
            "progress": {"type": "path"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    if module.params["timeout"] < 1:
        module.fail_json(msg="timeout must be at least 1 second")
    began = time.monotonic()
    found = probe(module)
    found.update(taken=datetime.now(UTC).isoformat(timespec="seconds"), seconds=round(time.monotonic() - began, 2))
    try:
        write(path, found)
    except OSError as e:
        module.fail_json(msg=f"Could not write the probes to {path}: {e}")
    module.exit_json(
        changed=False,
        path=path,
        requests=len(found.get("requests", [])),
        seconds=found["seconds"],
        not_probed=found["not_probed"],
        left=found.get("user", {}).get("left", []),
    )


if __name__ == "__main__":
    main()
