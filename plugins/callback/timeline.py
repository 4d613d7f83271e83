# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: timeline
type: notification
version_added: 0.1.0
short_description: Write when each task began and ended on each host
description:
  - Writes a JSON file when a run ends, however it ends, from which a chart of the run can be drawn.
  - The file holds C(began) and C(ended) of the run, and C(tasks), a list in the order in which they ended. Each has the names of its
    C(play) and C(task), its C(action) and C(host), when it C(began) and C(ended), in seconds since the epoch, and its C(outcome), one of V(ok),
    V(changed), V(failed), V(skipped) and V(unreachable). A task that waited for a free fork began before its module did.
  - Names are written as the playbook has them, with the variables that Ansible fills in. No argument and no result of a task is written.
options:
  path:
    description: The file to write. Nothing is written without it.
    type: path
    ini:
      - section: callback_timeline
        key: path
    env:
      - name: ANSIBLE_TIMELINE
author:
  - "The lks.llm authors (@lks-llm)"
"""

EXAMPLES = r"""
# ANSIBLE_CALLBACKS_ENABLED=lks.llm.timeline ANSIBLE_TIMELINE=timeline.json ansible-playbook site.yml
"""

import json
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase


def part(result, name):
    """ansible-core has public names for these from 2.19 on."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")


class CallbackModule(CallbackBase):
    """Remembers when each task began on each host, and writes it with the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "lks.llm.timeline"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.began = time.time()
        self.play = ""
        self.started = {}
        self.tasks = []

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name()

    def v2_runner_on_start(self, host, task):
        self.started[host.get_name(), task._uuid] = time.time()

    def v2_runner_on_ok(self, result):
        self.end(result, "changed" if part(result, "result").get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.end(result, "failed")

    def v2_runner_on_skipped(self, result):
        self.end(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self.end(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        path = self.get_option("path")
        if not path:
            return
        content = {"began": self.began, "ended": time.time(), "tasks": self.tasks}
        try:
            Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as error:  # the run is done, whoever wanted to look at it is told
            self._display.warning(f"lks.llm.timeline: cannot write {path}: {error.strerror}")

    def end(self, result, outcome):
        host, task = part(result, "host").get_name(), part(result, "task")
        now = time.time()
        self.tasks.append(
            {
                "play": self.play,
                "task": task.get_name(),
                "action": task.action,
                "host": host,
                "began": self.started.pop((host, task._uuid), now),
                "ended": now,
                "outcome": outcome,
            }
        )
