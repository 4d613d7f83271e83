# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Storage: the one model store (S-1 to S-3)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    covers,
    lies_within,
    name_of,
    permissions,
    spell,
)

NFS = 2049


def one_store(system):
    """S-1"""
    if not system.file_systems:
        yield Finding(f"there is no file system in {system.home.region}", f"{system.prefix}efs", missing=True)
    for store in system.file_systems[1:]:
        yield Finding(f"there is a further file system {store.get('Name') or ''}", store["FileSystemId"])
    for zone in system.peers(system.home):
        for store in zone.part("file_systems"):
            if (store.get("Name") or "").startswith(system.prefix):
                yield Finding(
                    f"there is a file system {store['Name']} in {zone.region}", store["FileSystemId"], zone.region
                )


def bursting(system):
    """S-1"""
    if system.store.get("ThroughputMode") != "bursting":
        yield Finding(f"throughput is {system.store.get('ThroughputMode')}", system.store["FileSystemId"])


def backups(system):
    """S-1"""
    status = system.store["BackupPolicy"].get("Status", "not set")
    if status not in ("ENABLED", "ENABLING"):
        yield Finding(f"automatic backups are {status}", system.store["FileSystemId"])


def encrypted(system):
    """S-1"""
    if not system.store.get("Encrypted"):
        yield Finding("the file system is not encrypted", system.store["FileSystemId"])


def mount_targets(system):
    """S-2. A mount target in every private subnet's availability zone, so that no worker mounts across one."""
    if not system.home.private_subnets:
        raise NotJudged(f"{system.home.name} has no private subnets")
    targets = {target["SubnetId"]: target for target in system.mount_targets}
    for subnet in system.home.private_subnets:
        target = targets.get(subnet["SubnetId"])
        if target is None:
            yield Finding(
                f"the store has no mount target in {subnet['CidrBlock']}", system.store["FileSystemId"], missing=True
            )
        elif target.get("LifeCycleState") != "available":
            yield Finding(
                f"the mount target in {subnet['CidrBlock']} is {target.get('LifeCycleState')}", target["MountTargetId"]
            )


def mounted(system, zone):
    """S-2. A host mounts the store by its playbook; State Manager tells whether it was applied."""
    playbook = system.expected["worker_playbook"]
    results = zone.results(playbook)
    for worker in zone.some_workers():
        status = results.get(worker["InstanceId"])
        if status is None:
            yield Finding(
                f"State Manager has not applied {playbook} to {name_of(worker)}", worker["InstanceId"], missing=True
            )
        elif status[1] != "Success":
            yield Finding(f"{playbook} ended on {name_of(worker)} with {status[1]}", worker["InstanceId"])


def store_sources(system):
    """S-3. Workers of the own zone by their group, those of others by their private subnets."""
    home = system.home
    if not system.mount_targets:
        raise NotJudged("the store has no mount targets")
    workers = home.worker_groups
    away = {cidr: zone.name for zone in system.peers(home) if zone.vpc_or_none for cidr in zone.private_cidrs}
    served_group, served = False, set()
    for group in home.groups(home.store_groups):
        for rule in permissions(group):
            if not covers(rule, NFS):
                continue
            if rule["kind"] == "group" and rule["source"] in workers:
                served_group = True
            elif rule["kind"] == "cidr" and lies_within(rule["source"], away):
                served |= {cidr for cidr in away if lies_within(cidr, [rule["source"]])}
            else:
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])
    if workers and not served_group:
        yield Finding(
            f"workers of {home.name} are not let in by their group",
            ", ".join(sorted(home.store_groups)),
            zone=home.name,
        )
    for cidr, zone in away.items():
        if cidr not in served:
            yield Finding(f"workers in {cidr} are not let in", ", ".join(sorted(home.store_groups)), zone=zone)


def only_nfs(system):
    """X-5"""
    home = system.home
    if not system.mount_targets:
        raise NotJudged("the store has no mount targets")
    for target in system.mount_targets:
        if not target["SecurityGroups"]:
            yield Finding("a mount target has no security group", target["MountTargetId"])
    for group in home.groups(home.store_groups):
        if group["GroupName"] == "default":
            yield Finding("a mount target has the default security group", group["GroupId"])
        for rule in permissions(group):
            if not (rule["protocol"] in ("tcp", "6") and rule["first"] == rule["last"] == NFS):
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "S-1.one",
        "One file system",
        one_store,
        "one file system, in the home zone's region",
        "Run {playbook}; delete those too many.",
        3,
        makes="file system",
    ),
    Check("S-1.bursting", "Bursting throughput", bursting, "bursting throughput", RERUN, 1),
    Check("S-1.backups", "Automatic backups", backups, "automatic backups on", RERUN),
    Check(
        "S-1.encrypted",
        "Encryption",
        encrypted,
        "encryption at rest",
        "Make it anew: a file system cannot be encrypted later.",
    ),
    Check(
        "S-2.targets",
        "Mount targets",
        mount_targets,
        "an available mount target in every private subnet of the home zone",
        RERUN,
        makes="mount targets",
    ),
    Check(
        "S-2.mounted",
        "Every worker mounts it",
        mounted,
        "the worker's playbook ended with Success on every worker",
        "Look at the association's output in the bundle's bucket, mend what it says, run {playbook}.",
        3,
        zones=True,
    ),
    Check(
        "S-3.sources",
        "NFS from workers",
        store_sources,
        "2049 from the workers' group, and from the private subnets of other zones",
        RERUN,
        3,
    ),
    Check("X-5.store", "The store's group lets NFS in, and nothing else", only_nfs, "tcp 2049 alone", RERUN),
]
