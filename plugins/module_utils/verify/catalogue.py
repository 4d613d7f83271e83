# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All checks together: CHECKS look at a snapshot, PROBES at what the deployed service answered."""

from ansible_collections.lks.llm.plugins.module_utils.verify import (
    api,
    balancing,
    database,
    function,
    general,
    live,
    network,
    operations,
    reach,
    security_groups,
    sign_in,
    storage,
    workers,
)

CHECKS = [
    check
    for area in (
        general,
        network,
        storage,
        security_groups,
        workers,
        balancing,
        database,
        function,
        api,
        sign_in,
        operations,
        reach,
    )
    for check in area.CHECKS
]
PROBES = live.PROBES
