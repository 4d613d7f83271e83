# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How far a module is, written to a file line by line, for who shows it (plugin_utils/progress.py says how)."""

import contextlib
import json
import threading
from pathlib import Path


class Progress:
    """Threads may share one. Without a path it does nothing."""

    def __init__(self, path=None):
        self.path = Path(path) if path else None
        self.lock = threading.Lock()
        self.done: dict = {}

    def expect(self, row, whole):
        self.write(row, 0, whole)

    def step(self, row):
        self.write(row, 1)

    def write(self, row, more, whole=None):
        if self.path is None:
            return
        with self.lock:
            self.done[row] = self.done.get(row, 0) + more
            line = {"row": row, "done": self.done[row], **({} if whole is None else {"of": whole})}
            # Nobody is worse off for a line that cannot be written.
            with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
