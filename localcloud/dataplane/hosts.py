"""What a host runs once it is configured, as a file says: a command that serves in its place, or one that ends, by playbook.

The file is a list. Its values are Jinja templates, over the document's extra variables, the YAML files of the bundle that `vars_files`
names, and: instance_id, region, private_ip; here (the file's folder), bundle (where the bundle is unpacked), python, environ; mounts
(folders by name), urls (what the instance serves, by port); for a service also address and port, where it is to listen.

    - playbook: web.yml               # of AWS-ApplyAnsiblePlaybooks
      vars_files: [vars.yml]
      mounts: {site: "{{ mount_target_address }}"}    # of EFS: one folder a file system, if the network lets the host reach it
      serve:
        port: 80                      # of the instance
        url: "{{ environ.SITE_URL | default('') }}"   # what serves instead, if it is not empty
        command: ["{{ python }}", -m, http.server, --bind, "{{ address }}", "{{ port }}"]
        environment: [{MODE: quiet}, "{{ settings[kind] }}"]    # mappings, the later ones over the earlier
        restart_seconds: 5            # after which it is started again when it fails; never, if it is left out
    - playbook: migrate.yml
      run:
        command: ["{{ python }}", "{{ bundle }}/migrate.py", "{{ urls[80] }}"]
        environment: []
        timeout: 600
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.nativetypes import NativeEnvironment

DOCUMENT = "AWS-ApplyAnsiblePlaybooks"
RUN_SECONDS = 900.0
TEMPLATES = NativeEnvironment(undefined=StrictUndefined)
Entry = dict[str, Any]


class Mistake(Exception):
    """What is wrong with the file, or with what it says for a host."""


@dataclass(frozen=True)
class Service:
    """What serves a port of an instance: the process of a command, or something at a URL."""

    port: int
    url: str = ""
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    restart_seconds: float | None = None


@dataclass(frozen=True)
class Run:
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    timeout: float = RUN_SECONDS


KEYS = {
    "": {"playbook", "vars_files", "mounts", "serve", "run"},
    "serve": {"port", "url", "command", "environment", "restart_seconds"},
    "run": {"command", "environment", "timeout"},
}


def read(path: Path) -> list[Entry]:
    """The file's entries; raises Mistake."""
    try:
        entries = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Mistake(f"{path}: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(each, dict) and "playbook" in each for each in entries):
        raise Mistake(f"{path} must be a list of mappings that have a playbook")
    for entry in entries:
        for where, part in (("", entry), *((key, entry[key]) for key in ("serve", "run") if key in entry)):
            if unknown := set(part) - KEYS[where]:
                raise Mistake(f"{path}: {entry['playbook']} {where} has no {', '.join(sorted(unknown))}")
    return entries


def entry_for(entries: list[Entry], document: str, playbook: str) -> Entry | None:
    """What stands for this playbook; None where the file says nothing of it."""
    return next((each for each in entries if document == DOCUMENT and each["playbook"] == playbook), None)


def extra_variables(text: str) -> dict[str, str]:
    """`zone=a kind=chat` as a mapping."""
    return dict(part.partition("=")[::2] for part in text.split())


def render(value: Any, facts: Mapping[str, Any]) -> Any:
    """A value with its templates filled in; raises Mistake."""
    if isinstance(value, str) and "{" in value:
        try:
            found = TEMPLATES.from_string(value).render(facts)
            if isinstance(found, Undefined):
                found._fail_with_undefined_error()
            return "" if found is None else found
        except (TemplateError, TypeError, ValueError) as error:
            raise Mistake(f"{value}: {error}") from error
    if isinstance(value, list):
        return [render(each, facts) for each in value]
    if isinstance(value, dict):
        return {key: render(each, facts) for key, each in value.items()}
    return value


def words(value: Any, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """A command: items that are lists themselves are put in line."""

    def flat(items: Any) -> Iterator[str]:
        for item in items if isinstance(items, list | tuple) else [items]:
            yield from flat(item) if isinstance(item, list | tuple) else (str(item),)

    return tuple(flat(render(value, facts)))


def variables(value: Any, facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """An environment, from a mapping or a list of them."""
    found: dict[str, str] = {}
    for each in value if isinstance(value, list) else [value or {}]:
        rendered = render(each, facts)
        if not isinstance(rendered, dict):
            raise Mistake(f"{each} is not a mapping")
        found.update({str(key): str(setting) for key, setting in rendered.items()})
    return tuple(sorted(found.items()))


def service(described: Entry, facts: Mapping[str, Any]) -> Service:
    """Raises Mistake. facts: with address and port, where it is to listen."""
    url = str(render(described.get("url", ""), facts)).rstrip("/")
    seconds = described.get("restart_seconds")
    return Service(
        port=int(render(str(described["port"]), facts)),
        url=url,
        command=() if url else words(described["command"], facts),
        environment=() if url else variables(described.get("environment"), facts),
        restart_seconds=None if seconds is None else float(seconds),
    )


def run(described: Entry, facts: Mapping[str, Any]) -> Run:
    return Run(
        words(described["command"], facts),
        variables(described.get("environment"), facts),
        float(described.get("timeout", RUN_SECONDS)),
    )
