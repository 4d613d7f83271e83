"""The data plane's back half: hosts that are configured run something, and load balancers check their targets.

Both begin with the environment variable LOCALCLOUD_HOSTS, which names the file that says what hosts run (localcloud/dataplane/hosts.py).
With LOCALCLOUD_MACHINES too, which names another one, hosts are machines (localcloud/machines).
"""

from __future__ import annotations

import functools
import os

from localcloud import MACHINES, hooks

# Machines that are configured at the same time. More would share the processors, and those that others wait for would be late.
AGENTS = max(4, 2 * (os.cpu_count() or 1))


@functools.cache
def install() -> None:
    if not os.environ.get("LOCALCLOUD_HOSTS"):
        return
    from localcloud.dataplane.checks import CHECKER  # takes a while, and is of no use without hosts
    from localcloud.dataplane.workers import WORKERS

    hooks.on("ssm.apply")(WORKERS.apply)
    hooks.on("aws.changed")(WORKERS.note)
    if os.environ.get(MACHINES):
        from localcloud.machines import instances
        from localcloud.systems_manager.associations import CLOCK

        CLOCK.carriers = AGENTS
        machines = instances.begin(WORKERS)
        WORKERS.machines = machines
        hooks.on("ssm.run")(machines.apply)
        hooks.on("aws.changed")(machines.note)
    CHECKER.start()


def stop() -> None:
    if not os.environ.get("LOCALCLOUD_HOSTS"):
        return
    from localcloud.dataplane.checks import CHECKER
    from localcloud.dataplane.workers import WORKERS

    CHECKER.stop()
    if WORKERS.machines is not None:
        WORKERS.machines.stop()
    WORKERS.stop()
