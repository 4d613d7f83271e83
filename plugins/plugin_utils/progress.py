# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A table on the terminal that shows how far a module is, for modules that write progress to the file that their option C(progress) names.

Each line of that file is JSON: {"row": what, "done": how many, "of": how many in all}, and "of" may be left out where an earlier line told it.
The table is drawn by Ansible's own Display, again and again in the same place. That is done where nobody else writes at the time: on a terminal,
by Ansible's own output, for a task of one host, without -v. Everywhere else nothing is shown and the module runs as ever.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()
# Workers are detached from the terminal. Ansible loads the class of an action in its own process first, and there this is found out.
IS_TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
CALLBACKS = ("default", "ansible.builtin.default")
SECONDS = 0.15  # between two drawings
WIDTH = 20
UP, CLEAR = "\x1b[{}A", "\x1b[K"


def gauge(done: int, whole: int) -> str:
    filled = WIDTH if done >= whole else min(WIDTH - 1, WIDTH * done // whole)
    return "#" * filled + "." * (WIDTH - filled)


class Table:
    """The rows so far, and how many of them are on the screen."""

    def __init__(self) -> None:
        self.rows: dict[str, list[int]] = {}
        self.drawn = 0

    def take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        row = self.rows.setdefault(str(said.get("row", "")), [0, 0])
        row[0] = int(said.get("done", row[0]))
        row[1] = int(said.get("of", row[1]))

    def draw(self) -> str:
        """What puts the rows on the screen, over those that are there."""
        lines = [
            f"  {name:<18} {gauge(done, whole)} {done:>3} of {max(whole, done)}"
            for name, (done, whole) in self.rows.items()
        ]
        up = UP.format(self.drawn) if self.drawn else ""
        self.drawn = len(lines)
        return up + "\n".join(f"\r{line}{CLEAR}" for line in lines)


def follow(path: Path, is_over: threading.Event) -> None:
    """Draws what is written to the file until it is over, and once more then."""
    table = Table()
    with path.open(encoding="utf-8") as file:
        rest = ""
        while True:
            last = is_over.wait(SECONDS)
            *lines, rest = (rest + file.read()).split("\n")
            for line in lines:
                table.take(line)
            if lines and table.rows:
                display.display(table.draw(), screen_only=True)
            if last:
                return


class ProgressAction(ActionBase):
    """Runs the module of its name."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        given = dict(self._task.args)
        if not self.is_watched(task_vars or {}) or given.get("progress"):
            return {**result, **self.execute(given, task_vars)}
        with tempfile.TemporaryDirectory(prefix="progress-") as folder:
            path = Path(folder) / "progress"
            path.touch()
            is_over = threading.Event()
            thread = threading.Thread(target=follow, args=(path, is_over), daemon=True)
            thread.start()
            try:
                return {**result, **self.execute({**given, "progress": str(path)}, task_vars)}
            finally:
                is_over.set()
                thread.join(5)

    def execute(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        return dict(
            self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        )

    def is_watched(self, task_vars: dict[str, Any]) -> bool:
        return (
            IS_TERMINAL
            and display.verbosity == 0
            and constants.DEFAULT_STDOUT_CALLBACK in CALLBACKS
            and not self._task.async_val
            and len(task_vars.get("ansible_play_batch", [])) == 1
            and self._connection.transport == "local"
        )
