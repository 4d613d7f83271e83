#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: ssm_association_info
version_added: 0.1.0
short_description: Describe State Manager associations and their results
description:
  - Describes associations of Systems Manager's State Manager, with the newest result of each instance.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Only associations of this name.
    type: str
  names:
    description:
      - Only associations of these names.
    type: list
    elements: str
  include_results:
    description:
      - Whether to read the results of the instances too, which takes more calls.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Look at all associations
  lks.llm.ssm_association_info:
  register: all

- name: Look at two of them
  lks.llm.ssm_association_info:
    names: [example-web, example-database]

- name: Which instances failed
  ansible.builtin.debug:
    msg: "{{ all.associations | map(attribute='results') | flatten | selectattr('status', 'ne', 'Success') }}"
"""

RETURN = r"""
associations:
  description: The associations, ordered by name.
  returned: always
  type: list
  elements: dict
  contains:
    association_id:
      description: Id of the association.
      type: str
      sample: "8dfe3659-4309-493a-8755-0123456789ab"
    association_name:
      description: Name of the association, if it has one.
      type: str
    association_version:
      description: Version, which grows with each change.
      type: str
    name:
      description: Name of the document.
      type: str
    parameters:
      description: Parameters of the document, each a list of texts.
      type: dict
    status:
      description: What AWS says of all targets together.
      type: str
      sample: "Success"
    targets:
      description: What it is applied to.
      type: list
      elements: dict
    tags:
      description: Tags of the association.
      type: dict
    results:
      description: The newest result of each instance for the present version of the association.
      returned: when O(include_results=true)
      type: list
      elements: dict
      contains:
        instance_id:
          description: Id of the instance.
          type: str
        status:
          description: C(Success), C(Failed), C(Pending), C(InProgress), C(TimedOut), …
          type: str
        detailed_status:
          description: The status in more detail.
          type: str
        execution_id:
          description: The execution that the result is of.
          type: str
        command_id:
          description: The command of Run Command that carried it out.
          type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.ssm import (
    connect,
    describe_association,
    list_associations,
    list_tags,
    normalise_association,
    read_results,
)


def describe_all(client, name, names, include_results):
    found = []
    for each in list_associations(client, name):
        if names is not None and each.get("AssociationName") not in names:
            continue
        association = describe_association(client, each["AssociationId"])
        if association is None:  # deleted since it was listed
            continue
        entry = normalise_association(association, list_tags(client, "Association", each["AssociationId"]))
        if include_results:
            entry["results"] = [result for _key, result in sorted(read_results(client, association).items())]
        found.append(entry)
    return sorted(found, key=lambda entry: (entry.get("association_name") or "", entry["association_id"]))


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str"},
            "names": {"type": "list", "elements": "str"},
            "include_results": {"type": "bool", "default": True},
        },
        mutually_exclusive=[("name", "names")],
        supports_check_mode=True,
    )
    client = connect(module)
    try:
        associations = describe_all(
            client, module.params["name"], module.params["names"], module.params["include_results"]
        )
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(changed=False, associations=associations)


if __name__ == "__main__":
    main()
