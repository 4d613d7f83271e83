# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: warm
type: notification
version_added: 0.1.0
short_description: Run AWS modules in processes forked from one that has boto3 loaded
description:
  - An ordinary task starts a Python, imports boto3 and parses a service model before it makes its first call, which takes most of its time.
  - This plugin starts one helper process for each run of a playbook, which does that once. Modules of the collections named in O(collections)
    then run in processes forked from it, one for each execution, so that nothing of one is seen by another.
  - What a module gets (arguments, environment, working directory) and how its answer is read do not change.
  - Ansible forks a worker for each task, too, and each loads the Jinja filters and tests that it uses. This plugin loads Ansible's own, and
    those of the collections that O(filters) names one of, before the first fork.
  - A task runs the ordinary way where it uses another connection than C(local), another Python than the playbook's, C(become), or
    environment variables that act on the start of Python; so does every task where this version of ansible-core is not known to this plugin,
    which is then said once.
requirements:
  - a system with fork, such as Linux or macOS
options:
  collections:
    description:
      - Modules of these collections run warm.
      - V(ansible.builtin) may be one of them. Of its modules those run warm that have no action plugin of their own, and C(command),
        C(shell) and C(async_status).
    type: list
    elements: str
    default: [amazon.aws, community.aws, lks.llm]
    ini:
      - section: callback_warm
        key: collections
    env:
      - name: ANSIBLE_WARM_COLLECTIONS
  filters:
    description: Jinja filters of collections, by their full names. All filters of a filter's collection are loaded with it.
    type: list
    elements: str
    default: []
    ini:
      - section: callback_warm
        key: filters
    env:
      - name: ANSIBLE_WARM_FILTERS
  enabled:
    description: Whether to do anything at all.
    type: bool
    default: true
    ini:
      - section: callback_warm
        key: enabled
    env:
      - name: ANSIBLE_WARM
author:
  - "The lks.llm authors (@lks-llm)"
"""

EXAMPLES = r"""
# ansible.cfg
# [defaults]
# callbacks_enabled = lks.llm.warm
# [callback_warm]
# filters = ansible.utils.ipaddr
"""

from pathlib import Path

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader
from ansible_collections.lks.llm.plugins.plugin_utils import warm, warm_class


class CallbackModule(CallbackBase):
    """Starts the helper before the first task and puts the action plugin that uses it in front of Ansible's own."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "lks.llm.warm"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        if not self.get_option("enabled"):
            return
        reason = warm.unsupported()
        if reason:
            self._display.warning(f"lks.llm.warm: AWS modules run the ordinary way: {reason}.")
            return
        warm.start(self.get_option("collections"))
        action_loader.add_directory(str(Path(warm.__file__).parent / "warm_action"))
        warm_class.adopt(self.get_option("collections"))
        warm.load_ahead(self.get_option("filters"))

    def v2_runner_on_start(self, host, task):
        warm.learn()

    def v2_playbook_on_stats(self, stats):
        warm.stop()
