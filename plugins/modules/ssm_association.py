#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: ssm_association
version_added: 0.1.0
short_description: Manage State Manager associations and wait for their results
description:
  - Creates, updates and deletes associations of Systems Manager's State Manager, and waits for the result on each instance.
  - An association is found by its name, which AWS allows to be given twice; more than one of the name is an error.
  - State Manager applies an association when it is created, when it is changed, on its schedule, and to each instance that begins to
    match. This module writes only what differs, so an unchanged association is not applied again.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the association. 3 to 128 letters, digits and any of C(_.-).
    required: true
    type: str
  document_name:
    description:
      - Name of the document that is applied, such as V(AWS-ApplyAnsiblePlaybooks).
      - Required when O(state=present).
    type: str
  document_version:
    description:
      - Version of the document. A new association gets V($DEFAULT).
    type: str
  targets:
    description:
      - What the association is applied to. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - V(tag:Key) for instances with a tag, or V(InstanceIds).
        required: true
        type: str
      values:
        description:
          - Values, one of which must match.
        required: true
        type: list
        elements: str
  parameters:
    description:
      - Parameters of the document. A single value need not be a list. A dictionary becomes JSON text, as parameters of the type
        StringMap want it. Booleans become V(True) and V(False).
      - Left alone when not given.
    type: dict
  schedule_expression:
    description:
      - When it is applied again, such as V(rate(30 minutes)) or V(cron(0 2 ? * SUN *)). An empty text means never.
      - Left alone when not given.
    type: str
  apply_only_at_cron_interval:
    description:
      - Whether creating or changing the association does not apply it at once. Not for rates. Left alone when not given.
    type: bool
  compliance_severity:
    description:
      - How severe it is if an instance does not comply. Left alone when not given.
    choices: [CRITICAL, HIGH, MEDIUM, LOW, UNSPECIFIED]
    type: str
  max_concurrency:
    description:
      - How many targets apply it at a time, as a number or a percentage. Left alone when not given.
    type: str
  max_errors:
    description:
      - After how many failures no more targets are asked, as a number or a percentage. Left alone when not given.
    type: str
  output_location:
    description:
      - Where the output is kept. Left alone when not given.
    type: dict
    suboptions:
      s3_bucket:
        description: Name of the bucket.
        required: true
        type: str
      s3_prefix:
        description: What the keys begin with.
        type: str
      s3_region:
        description: Region of the bucket; by default that of the association.
        type: str
  state:
    description:
      - Whether the association exists.
    choices: [present, absent]
    default: present
    type: str
  wait:
    description:
      - Whether to wait until each matching instance has a result for the association as it now is, and to fail if one of them failed.
      - In check mode nothing is waited for; the present results are returned.
    type: bool
    default: false
  wait_timeout:
    description:
      - How many seconds to wait, retries included.
    type: int
    default: 1800
  expected_targets:
    description:
      - How many managed instances must match and have a result before the waiting ends. Instances that have just been started become
        managed only when their agent has reached Systems Manager; without this they would be missed.
    type: int
    default: 0
  retries:
    description:
      - How often State Manager is asked to apply the association once more when an instance failed. All targets are asked, as AWS
        offers it. Such a run counts as a change.
    type: int
    default: 0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Apply a playbook to all web servers, now and every half hour
  lks.llm.ssm_association:
    name: web-servers
    document_name: AWS-ApplyAnsiblePlaybooks
    targets:
      - key: tag:Role
        values: [web]
    parameters:
      SourceType: S3
      SourceInfo:
        path: https://example-bundles.s3.us-east-1.amazonaws.com/bundle.zip
      InstallDependencies: false
      PlaybookFile: web.yml
      ExtraVariables: stage=production
    schedule_expression: rate(30 minutes)
    output_location:
      s3_bucket: example-bundles
      s3_prefix: results
    tags:
      Project: example
    wait: true
    expected_targets: 2
    retries: 1
  register: association

- name: Show what came of it
  ansible.builtin.debug:
    var: association.results

- name: Remove it
  lks.llm.ssm_association:
    name: web-servers
    state: absent
"""

RETURN = r"""
association:
  description: The association.
  returned: when O(state=present)
  type: complex
  contains:
    association_id:
      description: Id of the association; an empty text in check mode when it would be created.
      type: str
      sample: "8dfe3659-4309-493a-8755-0123456789ab"
    association_name:
      description: Name of the association.
      type: str
    association_version:
      description: Version, which grows with each change.
      type: str
      sample: "1"
    name:
      description: Name of the document.
      type: str
      sample: "AWS-ApplyAnsiblePlaybooks"
    parameters:
      description: Parameters of the document, each a list of texts.
      type: dict
    targets:
      description: What it is applied to.
      type: list
      elements: dict
    schedule_expression:
      description: When it is applied again.
      type: str
    status:
      description: What AWS says of all targets together.
      type: str
      sample: "Success"
    tags:
      description: Tags of the association.
      type: dict
results:
  description: The newest result of each instance for the present version of the association.
  returned: when O(state=present) and O(wait=true)
  type: list
  elements: dict
  contains:
    instance_id:
      description: Id of the instance.
      type: str
      sample: "i-1234567890abcdef0"
    status:
      description: C(Success), C(Failed), C(Pending), C(InProgress), C(TimedOut), …
      type: str
      sample: "Success"
    detailed_status:
      description: The status in more detail.
      type: str
      sample: "Success"
    execution_id:
      description: The execution that the result is of.
      type: str
    command_id:
      description: The command of Run Command that carried it out.
      type: str
    output:
      description: The end of what was printed, of instances that failed.
      type: str
    output_location:
      description: Where all of the output is, of instances that failed.
      type: str
retried:
  description: How often the association was applied once more, because an instance had failed.
  returned: when O(state=present) and O(wait=true)
  type: int
deleted:
  description: Ids of the associations that were deleted, or would be in check mode.
  returned: when O(state=absent)
  type: list
  elements: str
"""

import contextlib
import json
import re
import time
import urllib.parse

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore
    import botocore.waiter

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.lks.llm.plugins.module_utils.ssm import (
    UNFINISHED,
    SsmError,
    SsmErrorHandler,
    apply_tags,
    build_instance_filters,
    connect,
    describe_association,
    has_failed,
    list_associations,
    list_managed_instances,
    list_tags,
    normalise_association,
    read_results,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

WAIT_DELAY = 2
TAIL_BYTES = 16384
TAIL_LINES = 20
# What UpdateAssociation takes and would null if it were left out.
UPDATABLE = (
    "Name",
    "AssociationName",
    "DocumentVersion",
    "Parameters",
    "Targets",
    "ScheduleExpression",
    "OutputLocation",
    "AutomationTargetParameterName",
    "MaxErrors",
    "MaxConcurrency",
    "ComplianceSeverity",
    "SyncCompliance",
    "ApplyOnlyAtCronInterval",
    "CalendarNames",
    "TargetLocations",
    "ScheduleOffset",
    "Duration",
    "TargetMaps",
    "AlarmConfiguration",
    "AssociationDispatchAssumeRole",
)


def create_association(client, request):
    @SsmErrorHandler.common_error_handler(f"create association {request['AssociationName']}")
    def create():
        return client.create_association(aws_retry=True, **request)["AssociationDescription"]

    return create()


def update_association(client, association_id, request):
    @SsmErrorHandler.common_error_handler(f"update association {request['AssociationName']}")
    def update():
        return client.update_association(AssociationId=association_id, aws_retry=True, **request)[
            "AssociationDescription"
        ]

    return update()


@SsmErrorHandler.deletion_error_handler("delete the association")
def delete_association(client, association_id):
    client.delete_association(AssociationId=association_id, aws_retry=True)
    return True


@SsmErrorHandler.common_error_handler("apply the association once more")
def start_once(client, association_id):
    client.start_associations_once(AssociationIds=[association_id], aws_retry=True)


@SsmErrorHandler.list_error_handler("read the status of the instance's associations", {})
def get_output_urls(client, instance_id):
    """{association id: address of the folder with its output}."""
    answer = client.describe_instance_associations_status(InstanceId=instance_id, aws_retry=True)
    return {
        each["AssociationId"]: each["OutputUrl"]["S3OutputUrl"]["OutputUrl"]
        for each in answer["InstanceAssociationStatusInfos"]
        if (each.get("OutputUrl") or {}).get("S3OutputUrl", {}).get("OutputUrl")
    }


@SsmErrorHandler.common_error_handler("read the command's output")
def get_command_output(client, command_id, instance_id):
    answer = client.list_command_invocations(CommandId=command_id, InstanceId=instance_id, Details=True, aws_retry=True)
    plugins = [plugin for each in answer["CommandInvocations"] for plugin in each.get("CommandPlugins", [])]
    failed = [plugin for plugin in plugins if plugin.get("Status") not in ("Success", None)]
    return "\n".join(plugin.get("Output", "") for plugin in failed or plugins)


@SsmErrorHandler.common_error_handler("read the output in S3")
def read_folder(s3, bucket, prefix):
    """The end of each stream that the agent wrote into a folder."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, aws_retry=True).get("Contents", [])
    keys = sorted((each["Key"] for each in listed), key=lambda key: (not key.endswith("stdout"), key))
    texts = []
    for key in keys:
        if key.endswith(("stdout", "stderr")):
            body = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=-{TAIL_BYTES}", aws_retry=True)["Body"]
            texts.append(body.read().decode("utf-8", "replace"))
    return "\n".join(texts)


def parse_output_url(url):
    """(bucket, prefix) of an address as AWS writes it: https://s3.us-east-1.amazonaws.com/bucket/prefix."""
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.unquote(parts.path.lstrip("/"))
    host = parts.hostname or ""
    if host.startswith(("s3.", "s3-")):
        bucket, _slash, prefix = path.partition("/")
        return bucket, prefix
    return host.partition(".s3")[0], path


def tail(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-TAIL_LINES:])


def parameter_text(value):
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return str(value)


def build_parameters(parameters):
    """Every value of a document's parameter is a list of texts."""
    return {
        name: [parameter_text(item) for item in value] if isinstance(value, list) else [parameter_text(value)]
        for name, value in parameters.items()
    }


def build_location(location):
    s3 = {
        "OutputS3BucketName": location["s3_bucket"],
        "OutputS3KeyPrefix": location["s3_prefix"],
        "OutputS3Region": location["s3_region"],
    }
    return {"S3Location": {key: value for key, value in s3.items() if value}}


def build_request(params, current=None):
    """What CreateAssociation or UpdateAssociation is to be sent: what is asked for, upon what there is."""
    request = {key: current[key] for key in UPDATABLE if current.get(key) not in (None, [], {}, "")} if current else {}
    request["AssociationName"] = params["name"]
    request["Name"] = params["document_name"]
    request["Targets"] = [{"Key": each["key"], "Values": each["values"]} for each in params["targets"]]
    if params["parameters"] is not None:
        request["Parameters"] = build_parameters(params["parameters"])
    if params["output_location"] is not None:
        request["OutputLocation"] = build_location(params["output_location"])
    for option, member in (
        ("document_version", "DocumentVersion"),
        ("schedule_expression", "ScheduleExpression"),
        ("apply_only_at_cron_interval", "ApplyOnlyAtCronInterval"),
        ("compliance_severity", "ComplianceSeverity"),
        ("max_concurrency", "MaxConcurrency"),
        ("max_errors", "MaxErrors"),
    ):
        if params[option] is not None:
            request[member] = params[option]
    return {key: value for key, value in request.items() if value not in (None, [], {}, "")}


def comparable(member, value):
    """A form in which equal means the same to AWS: targets in any order, JSON in any spelling."""
    if member == "Targets":
        return sorted((each["Key"], sorted(each["Values"])) for each in value or [])
    if member == "Parameters":
        return {name: [canonical_json(item) for item in items] for name, items in (value or {}).items()}
    return value or None


def canonical_json(text):
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(text), sort_keys=True)
    return text


def diff_requests(current, request):
    """The members that differ, as they are and as they are to be."""
    members = [
        member
        for member in UPDATABLE
        if comparable(member, current.get(member)) != comparable(member, request.get(member))
    ]
    return {m: current[m] for m in members if m in current}, {m: request[m] for m in members if m in request}


class Watch:
    """What is known of an association's targets while it is waited for."""

    def __init__(self, client, association, expected):
        self.client = client
        self.association = association
        self.expected = expected
        self.filters = build_instance_filters(association["Targets"])
        self.stale = set()
        self.results = {}
        self.managed = []

    def look(self, **_kwargs):
        """Called by the waiter: asks AWS, and says whether all that is waited for is there."""
        self.results = read_results(self.client, self.association, self.stale)
        if self.filters is not None:
            self.managed = list_managed_instances(self.client, self.filters)
            # Results of instances that are gone are of no interest.
            known = {each["InstanceId"] for each in self.managed}
            self.results = {key: each for key, each in self.results.items() if key in known}
        return {"waiting": bool(self.missing() or self.unfinished())}

    def online(self):
        return [each["InstanceId"] for each in self.managed if each["PingStatus"] == "Online"]

    def unfinished(self):
        """Instances whose result is to come."""
        open_results = [key for key, each in self.results.items() if each["status"] in UNFINISHED]
        return sorted({*open_results, *(key for key in self.online() if key not in self.results)})

    def missing(self):
        """How many of the expected instances are not there."""
        there = len(set(self.online()) | set(self.results))
        return max(0, self.expected - there)

    def failed(self):
        return [each for _key, each in sorted(self.results.items()) if has_failed(each)]


def build_waiter(look):
    """botocore's waiter around more than one call: the results are spread over several."""
    config = botocore.waiter.SingleWaiterConfig(
        {
            "operation": "DescribeAssociationExecutionTargets",
            "delay": WAIT_DELAY,
            "maxAttempts": 1,
            "acceptors": [{"state": "success", "matcher": "path", "argument": "waiting", "expected": False}],
        }
    )
    return botocore.waiter.Waiter("association_applied", config, look)


def describe_waiting(name, watch, timeout):
    """What was waited for in vain, and what may mend it."""
    parts = []
    if watch.missing():
        offline = sorted(each["InstanceId"] for each in watch.managed if each["PingStatus"] != "Online")
        found = ", ".join(watch.online()) or "none"
        parts.append(
            f"of {watch.expected} expected instances only {len(watch.online())} match and are managed ({found})"
            + (f", {', '.join(offline)} lost the connection" if offline else "")
            + ". An instance is managed once its agent reaches Systems Manager: see that it runs, has an instance profile that allows it, "
            "carries the tag of the targets, and has a way to the internet"
        )
    if watch.unfinished():
        states = (
            f"{key} ({watch.results[key]['status'] if key in watch.results else 'not yet asked'})"
            for key in watch.unfinished()
        )
        parts.append(f"no result of {', '.join(states)}. Raise wait_timeout if that is slow rather than stuck")
    return f"Association {name} was not applied everywhere within {timeout} s: {'; '.join(parts)}"


def explain(module, client, association, result):
    """Adds the end of the output, and where all of it is, to the result of a failed instance."""
    instance_id = result["instance_id"]
    try:
        url = get_output_urls(client, instance_id).get(association["AssociationId"], "")
        if url:
            location = association["OutputLocation"]["S3Location"]
            region = location.get("OutputS3Region") or client.meta.region_name
            bucket, prefix = parse_output_url(url)
            result["output_location"] = f"s3://{bucket}/{prefix}"
            s3 = module.client("s3", retry_decorator=AWSRetry.jittered_backoff(), region=region)
            text = read_folder(s3, bucket, prefix)
        else:
            result["output_location"] = (
                f"aws ssm list-command-invocations --details --command-id {result['command_id']}"
            )
            text = get_command_output(client, result["command_id"], instance_id) if result["command_id"] else ""
    except AnsibleAWSError as e:
        text = f"(the output cannot be read: {e})"
    result["output"] = tail(text)
    return result


def describe_failures(name, failed, total):
    lines = [f"Association {name} failed on {len(failed)} of {total} instances."]
    for each in failed:
        status = each["detailed_status"] or each["status"]
        lines.append(
            f"{each['instance_id']}: {status}. All of its output: {each['output_location']}. Its end:\n{each['output']}"
        )
    lines.append(
        "Correct what the output complains of and run again; retries makes a run ask instances again that failed."
    )
    return "\n".join(lines)


def wait_for_results(client, module, association):
    """Waits for all results and asks failed instances again; (results, how often they were asked again)."""
    params = module.params
    name = params["name"]
    watch = Watch(client, association, params["expected_targets"])
    deadline = time.monotonic() + params["wait_timeout"]
    for attempt in range(params["retries"] + 1):
        left = max(0, deadline - time.monotonic())
        try:
            build_waiter(watch.look).wait(
                WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": int(left // WAIT_DELAY) + 1}
            )
        except botocore.exceptions.WaiterError as e:
            raise SsmError(message=describe_waiting(name, watch, params["wait_timeout"]), exception=e) from e
        failed = watch.failed()
        if not failed:
            return watch, attempt
        if attempt < params["retries"]:
            shown = ", ".join(f"{each['instance_id']} ({each['status']})" for each in failed)
            module.warn(
                f"Association {name} failed on {shown}; applying it once more ({attempt + 1} of {params['retries']})"
            )
            watch.stale |= {each["execution_id"] for each in failed}
            start_once(client, association["AssociationId"])
    explained = [explain(module, client, association, each) for each in watch.failed()]
    raise SsmError(message=describe_failures(name, explained, len(watch.results)))


def find_associations(client, name):
    return [each for each in list_associations(client, name) if each.get("AssociationName") == name]


def find_association(client, name):
    found = find_associations(client, name)
    if len(found) > 1:
        ids = ", ".join(sorted(each["AssociationId"] for each in found))
        raise SsmError(
            message=f"More than one association is named {name} ({ids}); delete all but one, or all with state=absent"
        )
    return describe_association(client, found[0]["AssociationId"]) if found else None


def ensure_present(client, module):
    params = module.params
    current = find_association(client, params["name"])
    request = build_request(params, current)
    if current is None:
        before: dict = {}
        after = {**request, "Tags": params["tags"] or {}}
        tags = params["tags"] or {}
        association = {**request, "AssociationId": "", "AssociationVersion": "1"}
        if not module.check_mode:
            if tags:
                request["Tags"] = ansible_dict_to_boto3_tag_list(tags)
            association = create_association(client, request)
    else:
        association = current
        before, after = diff_requests(current, request)
        tags_before = list_tags(client, "Association", current["AssociationId"])
        to_set, to_remove, tags = plan_tags(tags_before, params["tags"], params["purge_tags"])
        if not module.check_mode:
            if before or after:
                association = update_association(client, current["AssociationId"], request)
            apply_tags(client, "Association", current["AssociationId"], to_set, to_remove)
        elif before or after:
            association = {**current, **request}
        if to_set or to_remove:
            before["Tags"], after["Tags"] = tags_before, tags
    result = {"changed": bool(before or after), "diff": {"before": before, "after": after}}
    if params["wait"]:
        result.update(results=[], retried=0)
        if module.check_mode:
            if current:
                result["results"] = [each for _key, each in sorted(read_results(client, current).items())]
        else:
            watch, retried = wait_for_results(client, module, association)
            result["results"] = [each for _key, each in sorted(watch.results.items())]
            result["retried"] = retried
            result["changed"] = result["changed"] or retried > 0
            association = {**association, "Overview": {"Status": "Success"}}
    result["association"] = normalise_association(association, tags)
    return result


def ensure_absent(client, module):
    found = find_associations(client, module.params["name"])
    deleted = [
        each["AssociationId"]
        for each in found
        if module.check_mode or delete_association(client, each["AssociationId"])
    ]
    before = {"associations": [normalise_association(each, {}) for each in found]} if found else {}
    return {"changed": bool(deleted), "diff": {"before": before, "after": {}}, "deleted": deleted}


def check_params(params):
    """A sentence on the first thing that AWS would refuse, or nothing."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,128}", params["name"]):
        return f"name '{params['name']}' must be 3 to 128 letters, digits and any of _.-"
    if params["state"] == "absent":
        return None
    if not 1 <= len(params["targets"]) <= 5:
        return f"targets must be 1 to 5, not {len(params['targets'])}"
    for target in params["targets"]:
        if not re.fullmatch(r"tag:.+|InstanceIds|resource-groups:.+", target["key"]):
            return f"targets: the key '{target['key']}' must be tag:<key>, InstanceIds or resource-groups:Name"
        if not target["values"]:
            return f"targets: {target['key']} has no values"
    for option in ("max_errors", "max_concurrency"):
        if params[option] is not None and not re.fullmatch(r"\d{1,6}|\d{1,2}%|100%", params[option]):
            return f"{option} '{params[option]}' must be a number or a percentage, such as 1 or 50%"
    schedule = params["schedule_expression"]
    if schedule and not re.fullmatch(r"(rate|cron|at)\(.+\)", schedule):
        return f"schedule_expression '{schedule}' must be rate(…), cron(…) or at(…)"
    for option in ("expected_targets", "retries", "wait_timeout"):
        if params[option] < 0:
            return f"{option} must not be negative"
    return None


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "document_name": {"type": "str"},
            "document_version": {"type": "str"},
            "targets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "key": {"type": "str", "required": True, "no_log": False},
                    "values": {"type": "list", "elements": "str", "required": True},
                },
            },
            "parameters": {"type": "dict"},
            "schedule_expression": {"type": "str"},
            "apply_only_at_cron_interval": {"type": "bool"},
            "compliance_severity": {"type": "str", "choices": ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNSPECIFIED"]},
            "max_concurrency": {"type": "str"},
            "max_errors": {"type": "str"},
            "output_location": {
                "type": "dict",
                "options": {
                    "s3_bucket": {"type": "str", "required": True},
                    "s3_prefix": {"type": "str"},
                    "s3_region": {"type": "str"},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 1800},
            "expected_targets": {"type": "int", "default": 0},
            "retries": {"type": "int", "default": 0},
        },
        required_if=[("state", "present", ["document_name", "targets"])],
        supports_check_mode=True,
    )
    problem = check_params(module.params)
    if problem:
        module.fail_json(msg=problem)
    client = connect(module)
    try:
        result = (
            ensure_present(client, module) if module.params["state"] == "present" else ensure_absent(client, module)
        )
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
