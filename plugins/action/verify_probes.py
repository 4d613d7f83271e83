# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.lks.llm.plugins.plugin_utils.progress import ProgressAction


class ActionModule(ProgressAction):
    """Shows on a terminal how far the module of its name is."""
