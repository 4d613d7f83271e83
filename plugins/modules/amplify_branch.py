#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: amplify_branch
version_added: 0.1.0
short_description: Manage and build branches of AWS Amplify Hosting apps
description:
  - Connects, updates and removes branches of an Amplify app, and starts their builds. amazon.aws and community.aws have no module for them.
  - A branch is found by its name in its app. What is not given is left as it is.
  - No value of an environment variable is ever returned or part of a diff.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  app_id:
    description:
      - Id of the app.
      - May be empty in check mode, for an app that does not exist yet.
    required: true
    type: str
  name:
    description:
      - Name of the branch, as it is in the repository.
    required: true
    type: str
  description:
    description:
      - Description of the branch.
    type: str
  framework:
    description:
      - Framework of the app, such as C(React) or C(Next.js - SSR).
    type: str
  stage:
    description:
      - What the branch is for.
    choices: [PRODUCTION, BETA, DEVELOPMENT, EXPERIMENTAL, PULL_REQUEST]
    type: str
  enable_auto_build:
    description:
      - Whether Amplify builds what is pushed to the branch.
    type: bool
  build_spec:
    description:
      - Build specification in YAML for this branch in place of the app's.
    type: str
  environment_variables:
    description:
      - Environment variables of the branch, which go before the app's. Together with O(secret_environment_variables) they replace those
        that the branch has.
    type: dict
  secret_environment_variables:
    description:
      - The same for values that must not appear in any output or log.
    type: dict
  build:
    description:
      - V(missing) builds the branch when it was never built, or when the newest build failed or was cancelled.
      - V(changed) builds it in these cases, and when this run changed the branch, or when the app was changed after the newest build began,
        its environment for example, which only a build brings to the users.
      - V(always) builds it in every run, V(never) leaves building to what is pushed.
      - Amplify runs one job of a branch at a time; one that runs is waited for before another is started.
    choices: [missing, changed, always, never]
    default: missing
    type: str
  wait:
    description:
      - Whether to wait until the newest job, started by this run or before, has ended, and to fail when it failed.
    default: false
    type: bool
  wait_timeout:
    description:
      - How many seconds to wait for a job.
    default: 1800
    type: int
  state:
    description:
      - Whether the branch is connected. The repository's own branch stays when it is not.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Serve the main branch, and build it again whenever its environment changes
  lks.llm.amplify_branch:
    app_id: d1a2b3c4d5e6f7
    name: main
    stage: PRODUCTION
    framework: Next.js - SSR
    environment_variables:
      PUBLIC_URL: https://main.d1a2b3c4d5e6f7.amplifyapp.com
    build: changed
    wait: true

- name: Take a branch away
  lks.llm.amplify_branch:
    app_id: d1a2b3c4d5e6f7
    name: experiment
    state: absent
"""

RETURN = r"""
branch:
  description: The branch.
  returned: when O(state=present)
  type: complex
  contains:
    branch_name:
      description: Name of the branch.
      type: str
      sample: "main"
    branch_arn:
      description: ARN of the branch; unknown (an empty string) in check mode when the branch would be created.
      type: str
      sample: "arn:aws:amplify:us-east-1:123456789012:apps/d1a2b3c4d5e6f7/branches/main"
    environment_variables:
      description: Names of the environment variables.
      type: list
      elements: str
      sample: ["PUBLIC_URL"]
    tags:
      description: Tags of the branch.
      type: dict
url:
  description: Address at which users see the branch; unknown (an empty string) in check mode when the app does not exist yet.
  returned: when O(state=present)
  type: str
  sample: "https://main.d1a2b3c4d5e6f7.amplifyapp.com"
job:
  description: The newest job, in the state in which it was last seen; nothing (null) where there is none.
  returned: when O(state=present)
  type: complex
  contains:
    job_id:
      description: Number of the job.
      type: str
      sample: "3"
    status:
      description: C(PENDING), C(PROVISIONING), C(RUNNING), C(SUCCEED), C(FAILED), C(CANCELLING) or C(CANCELLED).
      type: str
      sample: "SUCCEED"
"""

import contextlib
import re

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.lks.llm.plugins.module_utils.amplify import (
    ENVIRONMENT_SPEC,
    AmplifyError,
    AmplifyErrorHandler,
    apply_tags,
    build_environment,
    compare_settings,
    connect,
    environment_faults,
    get_app,
    normalise_environment,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

WAIT_DELAY = 5
ENDED = ("SUCCEED", "FAILED", "CANCELLED")
SETTINGS = {
    "description": "description",
    "stage": "stage",
    "framework": "framework",
    "enable_auto_build": "enableAutoBuild",
    "build_spec": "buildSpec",
}
SECRETS = ("environmentVariables", "basicAuthCredentials", "tags")


class JobWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self):
        def status(expected, state):
            return {"state": state, "matcher": "path", "expected": expected, "argument": "job.summary.status"}

        return {
            # Failure is an end, too: who waits looks at the status.
            "job_ended": {
                "operation": "GetJob",
                "delay": WAIT_DELAY,
                "maxAttempts": 360,
                "acceptors": [status(each, "success") for each in ENDED],
            },
        }


@AmplifyErrorHandler.list_error_handler("get the branch", None)
def get_branch(client, app_id, name):
    return client.get_branch(appId=app_id, branchName=name, aws_retry=True)["branch"]


@AmplifyErrorHandler.common_error_handler("create the branch")
def create_branch(client, request):
    return client.create_branch(aws_retry=True, **request)["branch"]


@AmplifyErrorHandler.common_error_handler("update the branch")
def update_branch(client, request):
    return client.update_branch(aws_retry=True, **request)["branch"]


@AmplifyErrorHandler.deletion_error_handler("delete the branch")
def delete_branch(client, app_id, name):
    client.delete_branch(appId=app_id, branchName=name, aws_retry=True)
    return True


@AmplifyErrorHandler.common_error_handler("list the jobs of the branch")
def newest_job(client, app_id, name):
    jobs = client.list_jobs(appId=app_id, branchName=name, maxResults=1, aws_retry=True)["jobSummaries"]
    return jobs[0] if jobs else None


@AmplifyErrorHandler.common_error_handler("get the job")
def get_job(client, app_id, name, job_id):
    return client.get_job(appId=app_id, branchName=name, jobId=job_id, aws_retry=True)["job"]


@AmplifyErrorHandler.common_error_handler("start a build of the branch")
def start_job(client, app_id, name):
    request = {"appId": app_id, "branchName": name, "jobType": "RELEASE", "jobReason": "Started by Ansible"}
    return client.start_job(aws_retry=True, **request)["jobSummary"]


def wait_for_job(client, params, job):
    """The job once it has ended."""
    waiter = JobWaiterFactory().get_waiter(client, "job_ended")
    attempts = max(1, -(-params["wait_timeout"] // WAIT_DELAY))
    try:
        waiter.wait(
            appId=params["app_id"],
            branchName=params["name"],
            jobId=job["jobId"],
            WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": attempts},
        )
    except botocore.exceptions.WaiterError as e:
        status = (e.last_response or {}).get("job", {}).get("summary", {}).get("status", "unknown")
        raise AmplifyError(
            message=f"Job {job['jobId']} of branch {params['name']} did not end in {params['wait_timeout']} s: status {status}. "
            "It goes on; wait longer with wait_timeout, or run again later",
            exception=e,
        ) from e
    return get_job(client, params["app_id"], params["name"], job["jobId"])


def describe_failure(name, job):
    """What a person needs to mend a build: the step that failed, AWS's words, its log."""
    summary = job["summary"]
    text = f"Job {summary['jobId']} of branch {name} ended with status {summary['status']}"
    step = next((each for each in job.get("steps", []) if each.get("status") == "FAILED"), None)
    if step:
        text += f" in step {step['stepName']}"
        if step.get("statusReason"):
            text += f": {step['statusReason']}"
        if step.get("logUrl"):
            text += f" (log: {step['logUrl']})"
    return text


def validate(params):
    yield from environment_faults(params)
    # The rules of git check-ref-format, as far as they concern one branch.
    if re.search(r"[\s~^:?*\[\\\x00-\x1f]|\.\.|//|@\{|^[-/.]|[/.]$|\.lock$", params["name"]) or not params["name"]:
        yield f"'{params['name']}' is no name of a Git branch"


def build_settings(params):
    """The settings that are asked for, as AWS names them."""
    asked = {name: params[option] for option, name in SETTINGS.items() if params[option] is not None}
    environment = build_environment(params)
    if environment is not None:
        asked["environmentVariables"] = environment
    return asked


def needs_build(mode, job, branch_changed, app_updated):
    """Whether a job is to be started. AWS moves a branch's updateTime with every job, but an app's with its settings only."""
    if mode in ("always", "never"):
        return mode == "always"
    if job is None or job["status"] in ("FAILED", "CANCELLED", "CANCELLING"):
        return True
    return mode == "changed" and (branch_changed or app_updated > job["startTime"])


def normalise(branch):
    result = camel_dict_to_snake_dict({key: value for key, value in branch.items() if key not in SECRETS})
    result["environment_variables"] = normalise_environment(branch)
    result["tags"] = branch.get("tags") or {}
    result.setdefault("branch_arn", "")
    return result


def build_url(app, branch):
    domain = app.get("defaultDomain")
    # Amplify's own default of the display name, which is the host name of the branch.
    label = branch.get("displayName") or branch["branchName"].replace("/", "-")
    return f"https://{label}.{domain}" if domain else ""


def ensure_branch(client, module, branch):
    """(branch, before, after), the branch made or changed."""
    params = module.params
    asked = build_settings(params)
    key = {"appId": params["app_id"], "branchName": params["name"]}
    if branch is None:
        request = {**key, **asked, **({"tags": params["tags"]} if params["tags"] else {})}
        after = {"branchName": params["name"], **compare_settings({}, asked)[1]}
        if params["tags"]:
            after["tags"] = params["tags"]
        return (request if module.check_mode else create_branch(client, request)), {}, after
    before, after = compare_settings(branch, asked)
    request = {name: asked[name] for name in after}
    to_set, to_remove, tags = plan_tags(branch.get("tags"), params["tags"], params["purge_tags"])
    if to_set or to_remove:
        before["tags"], after["tags"] = branch.get("tags") or {}, tags
    if not module.check_mode:
        if request:
            branch = update_branch(client, {**key, **request})
        apply_tags(client, branch["branchArn"], to_set, to_remove)
    return {**branch, **request, "tags": tags}, before, after


def ensure_build(client, module, app, branch_changed):
    """(newest job or None, whether one is started)."""
    params = module.params
    job = None
    if branch_changed != "created":
        job = newest_job(client, params["app_id"], params["name"])
    started = needs_build(params["build"], job, bool(branch_changed), app.get("updateTime"))
    if module.check_mode:
        return job, started
    if job and job["status"] == "FAILED":
        failed = get_job(client, params["app_id"], params["name"], job["jobId"])
        module.warn(describe_failure(params["name"], failed) + ("; it is built again" if started else ""))
    if started:
        if job and job["status"] not in ENDED:
            wait_for_job(client, params, job)
        job = start_job(client, params["app_id"], params["name"])
    if job and params["wait"]:
        ended = wait_for_job(client, params, job)
        job = ended["summary"]
        if job["status"] != "SUCCEED":
            raise AmplifyError(message=f"{describe_failure(params['name'], ended)}. Correct the cause and run again")
    return job, started


def ensure_present(client, module):
    params = module.params
    app = get_app(client, params["app_id"]) if params["app_id"] else {}
    if app is None:
        raise AmplifyError(message=f"There is no Amplify app {params['app_id']} in {client.meta.region_name}")
    known = get_branch(client, params["app_id"], params["name"]) if app else None
    branch, before, after = ensure_branch(client, module, known)
    how = "created" if known is None else "changed" if set(after) - {"tags"} else ""
    job, started = None, params["build"] != "never"
    if app:
        job, started = ensure_build(client, module, app, how)
    changed = bool(after) or started
    if started:
        before["build"], after["build"] = "", "started"
    return {
        "changed": changed,
        "diff": {"before": before, "after": after},
        "branch": normalise(branch),
        "url": build_url(app, branch),
        "job": {"job_id": job["jobId"], "status": job["status"]} if job else None,
    }


def ensure_absent(client, module):
    params = module.params
    branch = get_branch(client, params["app_id"], params["name"]) if params["app_id"] else None
    if branch is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    changed = True
    if not module.check_mode:
        changed = delete_branch(client, params["app_id"], params["name"])
    return {"changed": changed, "diff": {"before": normalise(branch), "after": {}}}


def main():
    stages = ["PRODUCTION", "BETA", "DEVELOPMENT", "EXPERIMENTAL", "PULL_REQUEST"]
    module = AnsibleAWSModule(
        argument_spec={
            "app_id": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "description": {"type": "str"},
            "framework": {"type": "str"},
            "stage": {"type": "str", "choices": stages},
            "enable_auto_build": {"type": "bool"},
            "build_spec": {"type": "str"},
            **ENVIRONMENT_SPEC,
            "build": {"type": "str", "choices": ["missing", "changed", "always", "never"], "default": "missing"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 1800},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    faults = list(validate(params))
    if not params["app_id"] and not module.check_mode:
        faults.append("app_id must not be empty")
    if faults:
        module.fail_json(msg=f"Branch {params['name']}: {'; '.join(faults)}")
    try:
        client = connect(module)
        result = ensure_present(client, module) if params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
