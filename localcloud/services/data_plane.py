"""The data plane's back half: hosts that are configured run something, and load balancers check their targets.

Both begin with the environment variable LOCALCLOUD_HOSTS, which names the file that says what hosts run (localcloud/dataplane/hosts.py).
"""

from __future__ import annotations

import functools
import os

from localcloud import hooks


@functools.cache
def install() -> None:
    if not os.environ.get("LOCALCLOUD_HOSTS"):
        return
    from localcloud.dataplane.checks import CHECKER  # takes a while, and is of no use without hosts
    from localcloud.dataplane.workers import WORKERS

    hooks.on("ssm.apply")(WORKERS.apply)
    hooks.on("aws.changed")(WORKERS.note)
    CHECKER.start()


def stop() -> None:
    if not os.environ.get("LOCALCLOUD_HOSTS"):
        return
    from localcloud.dataplane.checks import CHECKER
    from localcloud.dataplane.workers import WORKERS

    CHECKER.stop()
    WORKERS.stop()
