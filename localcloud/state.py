"""The lock of the control plane's state. moto's backends belong to the process, so this does too."""

from __future__ import annotations

import threading

# moto's backends are plain dictionaries: a rule and the change that it allows must not be parted by another thread.
LOCK = threading.RLock()
