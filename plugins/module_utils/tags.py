# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Tags, as every module that tags plans them."""

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags


def plan_tags(current, desired, purge_tags):
    """What to set, what to remove, and what the tags are afterwards. No desired tags means: leave them alone."""
    current = current or {}
    if desired is None:
        return {}, [], current
    to_set, to_remove = compare_aws_tags(current, desired, purge_tags)
    after = {key: value for key, value in current.items() if key not in to_remove}
    after.update(to_set)
    return to_set, to_remove, after
