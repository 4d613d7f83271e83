#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: ec2_instance_type_info
version_added: 0.1.0
short_description: Gather information about EC2 instance types
description:
  - Describes instance types of a region, with processors, memory, architecture and the availability zones that offer them.
  - Useful to refuse an instance type that does not exist, or is not offered where it is needed, before anything is created.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  names:
    description:
      - Names of the instance types.
      - Without names and filters all types of the region are described.
    type: list
    elements: str
    aliases: [instance_types]
  filters:
    description:
      - A dictionary of filters, see
        U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html).
    type: dict
    default: {}
  fail_on_unknown:
    description:
      - Whether a name that the region does not know is a failure. When V(false) it is returned in RV(unknown).
    type: bool
    default: true
  offerings:
    description:
      - Whether to look up which availability zones offer each type.
    type: bool
    default: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Look two types up
  lks.llm.ec2_instance_type_info:
    names: [t2.micro, t2.large]
    fail_on_unknown: false
  register: types

- name: Every current type with two processors
  lks.llm.ec2_instance_type_info:
    filters:
      current-generation: true
      vcpu-info.default-vcpus: 2
    offerings: false
"""

RETURN = r"""
instance_types:
  description: The types, sorted by name, with everything that AWS describes.
  returned: always
  type: list
  elements: dict
  contains:
    instance_type:
      description: Name of the type.
      type: str
      sample: "t2.large"
    v_cpu_info:
      description: Its processors.
      type: dict
      sample: {"default_v_cpus": 2, "default_cores": 2, "default_threads_per_core": 1}
    memory_info:
      description: Its memory.
      type: dict
      sample: {"size_in_mi_b": 8192}
    vcpus:
      description: How many virtual processors it has.
      type: int
      sample: 2
    memory_mib:
      description: How many MiB of memory it has.
      type: int
      sample: 8192
    architectures:
      description: The architectures it runs.
      type: list
      elements: str
      sample: ["i386", "x86_64"]
    availability_zones:
      description: The availability zones of the region that offer it.
      returned: when O(offerings=true)
      type: list
      elements: str
      sample: ["us-east-1a", "us-east-1b"]
unknown:
  description: Names that the region does not know.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

# A filter takes at most 200 values.
MAX_FILTER_VALUES = 200


@AWSErrorHandler.common_error_handler("describe instance types")
@AWSRetry.jittered_backoff()
def describe_instance_types(client, filters):
    pages = client.get_paginator("describe_instance_types").paginate(Filters=filters)
    return pages.build_full_result().get("InstanceTypes", [])


@AWSErrorHandler.common_error_handler("describe the offerings of instance types")
@AWSRetry.jittered_backoff()
def describe_offerings(client, filters):
    pages = client.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=filters
    )
    return pages.build_full_result().get("InstanceTypeOfferings", [])


def build_filter_sets(names, filters):
    """Names go into a filter, because DescribeInstanceTypes fails as a whole for one unknown name among them."""
    base = ansible_dict_to_boto3_filter_list(filters)
    if names is None:
        return [base]
    unique = sorted(set(names))
    chunks = [unique[start : start + MAX_FILTER_VALUES] for start in range(0, len(unique), MAX_FILTER_VALUES)]
    return [[*base, {"Name": "instance-type", "Values": chunk}] for chunk in chunks]


def zones_by_type(offerings):
    zones: dict = {}
    for offering in offerings:
        zones.setdefault(offering["InstanceType"], set()).add(offering["Location"])
    return {name: sorted(found) for name, found in zones.items()}


def normalise_types(types, zones):
    """Snake case, with the three figures that everybody asks for at the top; zones None means: not looked up."""
    result = []
    for entry in sorted(types, key=lambda each: each["InstanceType"]):
        item = camel_dict_to_snake_dict(entry)
        item["vcpus"] = entry.get("VCpuInfo", {}).get("DefaultVCpus", 0)
        item["memory_mib"] = entry.get("MemoryInfo", {}).get("SizeInMiB", 0)
        item["architectures"] = sorted(entry.get("ProcessorInfo", {}).get("SupportedArchitectures", []))
        if zones is not None:
            item["availability_zones"] = zones.get(entry["InstanceType"], [])
        result.append(item)
    return result


def gather(client, params):
    types: list = []
    for filters in build_filter_sets(params["names"], params["filters"]):
        types.extend(describe_instance_types(client, filters))
    zones = None
    if params["offerings"]:
        # Offerings know only the filter for names; the types that the other filters chose are named to it.
        chosen = [entry["InstanceType"] for entry in types] if (params["names"] or params["filters"]) else None
        offerings: list = []
        for filters in build_filter_sets(chosen, {}):
            offerings.extend(describe_offerings(client, filters))
        zones = zones_by_type(offerings)
    return normalise_types(types, zones)


def find_unknown(client, params, found):
    """Names the region does not have; a name that only the other filters ruled out is known all the same."""
    missing = sorted(set(params["names"] or []) - {entry["instance_type"] for entry in found})
    if missing and params["filters"]:
        known: set = set()
        for filters in build_filter_sets(missing, {}):
            known.update(entry["InstanceType"] for entry in describe_instance_types(client, filters))
        missing = [name for name in missing if name not in known]
    return missing


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "aliases": ["instance_types"]},
            "filters": {"type": "dict", "default": {}},
            "fail_on_unknown": {"type": "bool", "default": True},
            "offerings": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())
    try:
        found = gather(client, module.params)
        unknown = find_unknown(client, module.params, found)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    if unknown and module.params["fail_on_unknown"]:
        module.fail_json(
            msg=f"Instance types not known in {module.region}: {', '.join(unknown)}; choose others, or another region",
            unknown=unknown,
        )
    module.exit_json(changed=False, instance_types=found, unknown=unknown)


if __name__ == "__main__":
    main()
