# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An action plugin whose modules run warm: all is as in the plugin that it stands for, but for who runs the module.

Three methods of ActionBase are the whole of what it reaches into (see C(warm.REACHED)): where the module would be packed, where it is asked
whether that needs a temporary folder, and where the packed module would be started.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader
from ansible_collections.lks.llm.plugins.plugin_utils import warm

# Of Ansible's own action plugins those that do little but run one module. C(shell) uses that of C(command).
OF_BUILTIN = ("async_status", "command")


def adopt(collections: list[str]) -> None:
    """Lets the action plugins of these collections run their modules warm: those of modules that read files here, such as s3_object. Classes that
    they have from elsewhere stay as they are, for others have them, too."""
    for collection in collections:
        try:
            package = importlib.import_module(f"ansible_collections.{collection}.plugins.action")
        except ImportError:  # it has none, or is not there
            continue
        names = [found.name for found in pkgutil.iter_modules(package.__path__)]
        for name in OF_BUILTIN if collection == warm.BUILTIN else names:
            plugin = action_loader.get(f"{collection}.{name}", class_only=True)
            if plugin is None or hasattr(plugin, "_warm_job"):
                continue
            for each in plugin.__mro__:
                if ActionBase in each.__bases__ and home(each) == home(plugin):
                    # Not another class in its place: many a plugin calls its parent's methods by super(ActionModule, self).
                    each.__bases__ = tuple(warm_class(base) if base is ActionBase else base for base in each.__bases__)


def home(plugin: type) -> str:
    """The collection that a class belongs to, by its Python name."""
    return plugin.__module__.partition(".plugins.")[0]


def warm_class(plugin: Any) -> Any:
    """A class as the plugin's."""

    class ActionModule(plugin):
        _warm_job = None

        def _execute_module(self, module_name=None, module_args=None, task_vars=None, wrap_async=False, **kwargs):
            module = warm.eligible(self, module_name or self._task.action, task_vars or {})
            self._warm_job = module and {"module": module, "environment": module.environment}
            if module and wrap_async:
                self._warm_job["seconds"] = self._task.async_val
                wrap_async = False  # there is nothing to wrap: who starts the module lets it run on
            try:
                result = super()._execute_module(
                    module_name=module_name,
                    module_args=module_args,
                    task_vars=task_vars,
                    wrap_async=wrap_async,
                    **kwargs,
                )
                if self._warm_job and "seconds" in self._warm_job:
                    result["changed"] = True  # as Ansible says of what has only begun
                return result
            finally:
                self._warm_job = None

        def _is_pipelining_enabled(self, module_style, wrap_async=False):
            return True if self._warm_job else super()._is_pipelining_enabled(module_style, wrap_async)

        def _configure_module(self, module_name, module_args, task_vars):
            if not self._warm_job:
                return super()._configure_module(module_name, module_args, task_vars)
            self._warm_job["arguments"] = module_args
            if self._task.async_val:  # Ansible has just added where results are kept
                self._compute_environment_string(self._warm_job["environment"])
            packed, path = warm.packed(), self._warm_job["module"].path
            return (*packed, path) if isinstance(packed, tuple) else (packed, path)

        def _low_level_execute_command(self, cmd, sudoable=True, in_data=None, executable=None, **kwargs):
            if not self._warm_job:
                return super()._low_level_execute_command(
                    cmd, sudoable=sudoable, in_data=in_data, executable=executable, **kwargs
                )
            run = warm.run_on if "seconds" in self._warm_job else warm.run
            return run(self._warm_job, folder=self._loader.get_basedir())

    return ActionModule
