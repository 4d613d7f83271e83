#!/usr/bin/python

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A module that does what modules should not, one thing at a time, and reports what it finds of those before it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

leftovers: list[str] = []


def main():
    module = AnsibleModule(
        argument_spec={
            "how": {"type": "str", "required": True},
            "secret": {"type": "str", "no_log": True},
            "count": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    how = module.params["how"]
    found = {
        "leftovers": list(leftovers),
        "folder": str(Path.cwd()),
        "left": os.environ.get("LEFT_BEHIND"),
        "chosen": os.environ.get("CHOSEN"),
        "patched": hasattr(sys, "left_behind"),
        "check": module.check_mode,
        "threads": threading.active_count(),
    }
    leftovers.append(how)
    os.environ["LEFT_BEHIND"] = how
    setattr(sys, "left_behind", how)  # noqa: B010 - types do not know it
    if how == "raises":
        raise RuntimeError("as it should not")
    if how == "exits oddly":
        sys.exit(7)
    if how == "says nothing":
        return
    if how == "prints":
        print("something that is not JSON")
        print("and to stderr", file=sys.stderr)
    if how == "warns":
        module.warn("careful")
        module.deprecate("old", version="9.9.9", collection_name="tests.odd")
    if how == "fails":
        module.fail_json(msg=f"no, and {module.params['secret']} is not shown", reason="because")
    if how == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "changes folder":
        os.chdir("/")
    if how == "takes long":
        time.sleep(600)
    if how == "leaks a thread":
        threading.Thread(target=time.sleep, args=(0.5,)).start()
    module.exit_json(
        changed=how == "changes", found=found, diff={"before": "a\n", "after": "b\n"}, said=module.params["secret"]
    )


if __name__ == "__main__":
    main()
