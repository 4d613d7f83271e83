#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: ssm_secure_string
version_added: 0.1.0
short_description: Generate a secret once and keep it as a SecureString in Parameter Store
description:
  - Sees to it that a parameter of type SecureString exists. Its value is made by a cryptographic generator when the parameter is created,
    and never changes afterwards, so that no file, variable or log ever has to hold it.
  - M(community.aws.ssm_parameter) differs in that the caller brings the value, and therefore has to know it.
  - The parameter is of the tier Standard, which costs nothing.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the parameter. With a C(/) in it, it must begin with one.
    required: true
    type: str
  description:
    description:
      - Description of the parameter. Left alone when not given.
      - AWS takes a new description only together with a value; the parameter then gets a new version with its present value.
    type: str
  length:
    description:
      - How many characters the value gets when it is generated, from 12 to 4096. An existing value keeps its own.
    type: int
    default: 32
  exclude_characters:
    description:
      - Characters that a generated value must not hold, because what uses it cannot take them.
      - The value is made of ASCII letters, digits and punctuation, with at least one of each of lower-case letters, upper-case letters,
        digits and punctuation that is left.
    type: str
    default: ""
  key_id:
    description:
      - Id, ARN or alias of the KMS key that encrypts the value. By default the key that AWS keeps for Parameter Store.
      - Only used when the parameter is created.
    type: str
  return_value:
    description:
      - Whether to return the value, which needs the permission to decrypt it. Set C(no_log=true) on such a task.
    type: bool
    default: false
  state:
    description:
      - Whether the parameter exists.
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
- name: A database password, generated in the first run
  lks.llm.ssm_secure_string:
    name: /example/database/password
    description: Password of the database's owner
    length: 32
    exclude_characters: /@"'\
    return_value: true
    tags:
      Project: example
  register: password
  no_log: true

- name: Remove it
  lks.llm.ssm_secure_string:
    name: /example/database/password
    state: absent
"""

RETURN = r"""
name:
  description: Name of the parameter.
  returned: always
  type: str
  sample: "/example/database/password"
arn:
  description: ARN of the parameter; an empty text in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:ssm:us-east-1:123456789012:parameter/example/database/password"
version:
  description: Version of the parameter; 0 in check mode when it would be created.
  returned: when O(state=present)
  type: int
  sample: 1
description:
  description: Description of the parameter.
  returned: when O(state=present)
  type: str
tags:
  description: Tags of the parameter.
  returned: when O(state=present)
  type: dict
value:
  description:
    - The value. In check mode, when the parameter would be created, one that was generated for the occasion and is kept nowhere.
  returned: when O(state=present) and O(return_value=true)
  type: str
"""

import re
import secrets
import string

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.lks.llm.plugins.module_utils.ssm import (
    SsmError,
    SsmErrorHandler,
    apply_tags,
    connect,
    list_tags,
    paginate,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
SHORTEST = 12
LONGEST = 4096  # of the tier Standard
NAME = re.compile(r"/?[A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+){2,15}")


def build_alphabet(exclude):
    """The classes of characters that are left; a ValueError if they are too few to make a secret of."""
    classes = [[character for character in each if character not in exclude] for each in CLASSES]
    classes = [each for each in classes if each]
    if sum(len(each) for each in classes) < 16:
        raise ValueError("exclude_characters leaves fewer than 16 characters to make a secret of")
    return classes


def generate(length, exclude):
    """A value with every class in it. What lacks one is thrown away as a whole, so that all others are equally likely."""
    classes = build_alphabet(exclude)
    alphabet = [character for each in classes for character in each]
    while True:
        value = "".join(secrets.choice(alphabet) for _position in range(length))
        if all(any(character in each for character in value) for each in classes):
            return value


@SsmErrorHandler.common_error_handler("look the parameter up")
def describe_parameter(client, name):
    found = paginate(
        client,
        "describe_parameters",
        "Parameters",
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}],
    )
    return found[0] if found else None


@SsmErrorHandler.common_error_handler("read the parameter")
def get_parameter(client, name, decrypt):
    return client.get_parameter(Name=name, WithDecryption=decrypt, aws_retry=True)["Parameter"]


@SsmErrorHandler.common_error_handler("write the parameter")
def put_parameter(client, request):
    """The new version, or None if somebody else has just created the parameter."""
    try:
        return client.put_parameter(aws_retry=True, **request)["Version"]
    except is_boto3_error_code("ParameterAlreadyExists"):
        return None


@SsmErrorHandler.deletion_error_handler("delete the parameter")
def delete_parameter(client, name):
    client.delete_parameter(Name=name, aws_retry=True)
    return True


def build_request(params, value):
    request = {"Name": params["name"], "Type": "SecureString", "Tier": "Standard", "Value": value}
    if params["description"]:
        request["Description"] = params["description"]
    if params["key_id"]:
        request["KeyId"] = params["key_id"]
    if params["tags"]:
        request["Tags"] = ansible_dict_to_boto3_tag_list(params["tags"])
    return request


def build_overwrite(current, value, description):
    """The same value under another description. AWS refuses tags together with Overwrite."""
    request = {
        "Name": current["Name"],
        "Type": "SecureString",
        "Tier": current.get("Tier") or "Standard",
        "Value": value,
        "Description": description,
        "Overwrite": True,
    }
    if current.get("KeyId"):
        request["KeyId"] = current["KeyId"]
    return request


def create(client, module):
    params = module.params
    value = generate(params["length"], params["exclude_characters"])
    after = {"description": params["description"] or "", "tags": params["tags"] or {}}
    result = {"name": params["name"], "arn": "", "version": 0, **after}
    if not module.check_mode:
        version = put_parameter(client, build_request(params, value))
        if version is None:
            return None
        result["version"] = version
        result["arn"] = get_parameter(client, params["name"], False)["ARN"]
    if params["return_value"]:
        result["value"] = value
    return {"changed": True, "diff": {"before": {}, "after": {"name": params["name"], **after}}, **result}


def update(client, module, current):
    params = module.params
    name = params["name"]
    if current["Type"] != "SecureString":
        raise SsmError(
            message=f"Parameter {name} exists as a {current['Type']}, which is not secret. Delete it, or choose another name"
        )
    description = current.get("Description", "")
    wanted = description if params["description"] is None else params["description"]
    tags_before = list_tags(client, "Parameter", name)
    to_set, to_remove, tags = plan_tags(tags_before, params["tags"], params["purge_tags"])
    before: dict = {}
    after: dict = {}
    if wanted != description:
        before["description"], after["description"] = description, wanted
    if to_set or to_remove:
        before["tags"], after["tags"] = tags_before, tags

    # The value is only asked for where it is needed: not every caller may decrypt it.
    needs_value = params["return_value"] or bool(before.get("description") != after.get("description"))
    found = get_parameter(client, name, needs_value)
    version = found["Version"]
    if not module.check_mode:
        if wanted != description:
            version = put_parameter(client, build_overwrite(current, found["Value"], wanted))
        apply_tags(client, "Parameter", name, to_set, to_remove)
    result = {"name": name, "arn": found["ARN"], "version": version, "description": wanted, "tags": tags}
    if params["return_value"]:
        result["value"] = found["Value"]
    return {"changed": bool(after), "diff": {"before": before, "after": after}, **result}


def ensure_present(client, module):
    current = describe_parameter(client, module.params["name"])
    if current is None:
        created = create(client, module)
        if created is not None:
            return created
        current = describe_parameter(client, module.params["name"])
    return update(client, module, current)


def ensure_absent(client, module):
    name = module.params["name"]
    current = describe_parameter(client, name)
    changed = current is not None
    if changed and not module.check_mode:
        changed = delete_parameter(client, name)
    before = {"name": name, "description": current.get("Description", "")} if current else {}
    return {"changed": changed, "diff": {"before": before, "after": {}}, "name": name}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "description": {"type": "str"},
            "length": {"type": "int", "default": 32},
            "exclude_characters": {"type": "str", "default": ""},
            "key_id": {"type": "str", "no_log": False},
            "return_value": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not NAME.fullmatch(params["name"]):
        module.fail_json(
            msg=f"name '{params['name']}' must be letters, digits and any of _.- , or up to 15 such levels that each begin with /"
        )
    if not SHORTEST <= params["length"] <= LONGEST:
        module.fail_json(msg=f"length must be from {SHORTEST} to {LONGEST}, not {params['length']}")
    try:
        build_alphabet(params["exclude_characters"])
    except ValueError as e:
        module.fail_json(msg=str(e))
    client = connect(module)
    try:
        result = ensure_present(client, module) if params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(SsmError(message=f"Parameter {params['name']}: {e.message}", exception=e.exception))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
