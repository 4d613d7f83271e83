"""Which instances are machines and what they find there, as a file says.

Values are Jinja templates: over environ, here (the file's folder) and python; those of playbooks, also over the document's extra variables
and the YAML files of the bundle that `vars_files` names, as in localcloud/dataplane/hosts.py.

    machines:
      - tags: {Role: web}             # an instance is what the first entry says whose tags it has; without one it is no machine
        names: ".*"                   # and in whose tag Name this expression is found, or each of a list
        type: container               # or kernel: on a kernel of its own, which mounts file systems itself
        disk: 8192                    # MB that it may write, in memory
        memory: 320                   # MB that a kernel has
    internet:                         # what serves HTTP in the internet
      - {address: 198.51.100.10, port: 80, folder: /srv/mirror}
    playbooks:
      - playbook: web.yml             # of AWS-ApplyAnsiblePlaybooks
        vars_files: [vars.yml]
        # For a container, which has no kernel of its own to mount EFS with: what is mounted for it, and options of ansible-playbook,
        # beyond those that the document gives.
        mounts: {/srv/site: "{{ mount_target_address }}"}
        options: [--skip-tags, mount]
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from localcloud.dataplane import hosts
from localcloud.dataplane.hosts import Mistake

KEYS = {
    "machines": {"tags", "names", "type", "disk", "memory"},
    "internet": {"address", "port", "folder"},
    "playbooks": {"playbook", "vars_files", "mounts", "options"},
}
TYPES = ("container", "kernel")


@dataclass(frozen=True)
class Kind:
    """A kind of machine, and the instances that are of it."""

    tags: Mapping[str, str]
    names: tuple[re.Pattern[str], ...]
    type: str = "container"
    disk: int = 8192
    memory: int = 320

    def fits(self, tags: Mapping[str, str]) -> bool:
        return self.tags.items() <= tags.items() and all(each.search(tags.get("Name", "")) for each in self.names)


@dataclass(frozen=True)
class Plan:
    kinds: tuple[Kind, ...] = ()
    internet: tuple[dict[str, Any], ...] = ()
    playbooks: tuple[hosts.Entry, ...] = field(default=())

    def kind(self, tags: Mapping[str, str]) -> Kind | None:
        """What an instance with these tags is; None for no machine."""
        return next((each for each in self.kinds if each.fits(tags)), None)

    def entry(self, playbook: str) -> hosts.Entry:
        return next((each for each in self.playbooks if each["playbook"] == playbook), {})


def read(path: Path) -> Plan:
    """Raises Mistake."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Mistake(f"{path}: {error}") from error
    if not isinstance(found, dict) or not found.get("machines"):
        raise Mistake(f"{path} must be a mapping that has machines")
    for part, entries in found.items():
        if part not in KEYS:
            raise Mistake(f"{path} has no {part}")
        for entry in entries:
            if unknown := set(entry) - KEYS[part]:
                raise Mistake(f"{path}: {part} has no {', '.join(sorted(unknown))}")
    facts = {"environ": dict(os.environ), "here": str(path.resolve().parent), "python": sys.executable}
    kinds = tuple(kind(hosts.render(each, facts), path) for each in found["machines"])
    internet = tuple(hosts.render(each, facts) for each in found.get("internet", []))
    return Plan(kinds, internet, tuple(found.get("playbooks", [])))


def kind(entry: Mapping[str, Any], path: Path) -> Kind:
    asked = entry.get("names") or ""
    try:
        names = tuple(re.compile(str(each)) for each in (asked if isinstance(asked, list) else [asked]))
    except re.error as error:
        raise Mistake(f"{path}: names {entry['names']}: {error}") from error
    made = str(entry.get("type", Kind.type))
    if made not in TYPES:
        raise Mistake(f"{path}: machines has no type {made}, but {' and '.join(TYPES)}")
    tags = {str(key): str(value) for key, value in (entry.get("tags") or {}).items()}
    return Kind(tags, names, made, int(entry.get("disk", Kind.disk)), int(entry.get("memory", Kind.memory)))


def mounts(entry: hosts.Entry, facts: Mapping[str, Any]) -> dict[str, str]:
    """Addresses of mount targets, by path; raises Mistake."""
    return {
        str(hosts.render(path, facts)): str(hosts.render(each, facts)) for path, each in entry.get("mounts", {}).items()
    }


def options(entry: hosts.Entry, facts: Mapping[str, Any]) -> list[str]:
    return list(hosts.words(entry.get("options", []), facts))
