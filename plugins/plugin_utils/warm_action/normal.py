# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The action plugin in front of Ansible's own C(normal), which runs all modules that have no action plugin of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import ansible.plugins.action
from ansible_collections.lks.llm.plugins.plugin_utils.warm_class import warm_class


def _of_ansible() -> Any:
    """Ansible's own file. It is loaded under another name, since Ansible loads this one under the very name of that."""
    path = Path(ansible.plugins.action.__file__).with_name("normal.py")
    spec = importlib.util.spec_from_file_location(f"{__name__}_of_ansible", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ActionModule = warm_class(_of_ansible().ActionModule)
