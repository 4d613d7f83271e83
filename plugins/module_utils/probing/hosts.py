# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asking hosts that only Systems Manager reaches, by Run Command, and reading what they print."""

import contextlib
import json
import re

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    from botocore.exceptions import WaiterError
    from botocore.waiter import WaiterModel, create_waiter_with_client

SHELL = "AWS-RunShellScript"
INSTANCES = 50  # that one command may name: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
# What hosts/models_check.yml prints, on a line of its own or within Ansible's.
LISTED = re.compile(r"listed: ([^;\n\"]*); missing: none")
UNFINISHED = ("Pending", "InProgress", "Delayed", "Cancelling")
ENDED = {
    "version": 2,
    "waiters": {
        "CommandEnded": {
            "operation": "ListCommandInvocations",
            "delay": 1,
            "maxAttempts": 1,
            "acceptors": [
                {
                    # Invocations appear a moment after the command.
                    "matcher": "path",
                    "expected": True,
                    "argument": "length(CommandInvocations) > `0` && !(CommandInvocations[?"
                    + " || ".join(f"Status == '{status}'" for status in UNFINISHED)
                    + "])",
                    "state": "success",
                }
            ],
        }
    },
}


def shell_question(port):
    """(document, parameters) that ask a worker for its models by a shell alone."""
    return SHELL, {"commands": [f"curl -sS --max-time 60 http://127.0.0.1:{port}/api/tags"]}


def read_models(output):
    """["name@digest"], sorted, of what a worker printed; None where it printed no list."""
    found = LISTED.search(output)
    if found:
        return sorted(each.strip() for each in found[1].split(",") if "@" in each)
    start = output.find('{"models"')
    if start < 0:
        return None
    try:
        models = json.JSONDecoder().raw_decode(output[start:])[0]["models"] or []
        return sorted(f"{each['name']}@{each.get('digest', '')[:12]}" for each in models)
    except (ValueError, KeyError, TypeError):
        return None


def run(client, question, instances, seconds):
    """{instance: (status, output)}; an instance that has not ended by then is Pending or InProgress."""
    document, parameters = question
    command = client.send_command(
        DocumentName=document,
        Parameters=parameters,
        InstanceIds=instances,
        TimeoutSeconds=max(30, seconds),
        Comment="What verify asks each worker",
    )["Command"]["CommandId"]
    waiter = create_waiter_with_client("CommandEnded", WaiterModel(ENDED), client)
    with contextlib.suppress(WaiterError):  # what has not ended is told by its status
        waiter.wait(CommandId=command, WaiterConfig={"Delay": 1, "MaxAttempts": seconds})
    pages = client.get_paginator("list_command_invocations").paginate(CommandId=command)
    found = {}
    for each in (each for page in pages for each in page["CommandInvocations"]):
        status, output = each["Status"], ""
        if status not in UNFINISHED:
            answer = client.get_command_invocation(CommandId=command, InstanceId=each["InstanceId"])
            output = answer.get("StandardOutputContent", "") + answer.get("StandardErrorContent", "")
        found[each["InstanceId"]] = (status, output)
    return {instance: found.get(instance, ("Pending", "")) for instance in instances}
