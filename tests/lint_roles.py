#!/usr/bin/env python3
"""Check that each role's defaults, argument specs and README name the same variables, and follow the roles' rules on names.

    tests/lint_roles.py [ROLE…]

A variable of a role ROLE begins with ROLE_, a constant (vars/) with _ROLE_, what a task registers with __ROLE_. Each default has a line
that says what it is for; each argument a description, and the default that it has.
"""

import re
import sys
from pathlib import Path

import yaml

ROLES = Path(__file__).parents[1] / "roles"
TASK_FILES = ("tasks/*.yml", "handlers/*.yml")


def read(path):
    return yaml.safe_load(path.read_text()) or {}


def documented(readme):
    """Variables that the README's table names; one row may name several."""
    rows = re.findall(r"^\| (`[^|]*) \|", readme, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def differences(what, found, wanted):
    yield from (f"{what} lacks {name}" for name in sorted(set(wanted) - set(found)))
    yield from (f"{what} names {name}, which the defaults do not have" for name in sorted(set(found) - set(wanted)))
    yield from (
        f"{what} names {name} twice" for name in sorted({name for name in found if list(found).count(name) > 1})
    )


def check_options(defaults, options):
    for name, option in options.items():
        if not option.get("description"):
            yield f"meta/argument_specs.yml: {name} has no description"
        if "type" not in option:
            yield f"meta/argument_specs.yml: {name} has no type"
        default = defaults.get(name)
        computed = "{{" in str(default)
        if option.get("required"):
            if default not in ("", [], {}):
                yield f"meta/argument_specs.yml: {name} is required, but its default is {default!r}"
        elif computed and "default" in option:
            yield f"meta/argument_specs.yml: the default of {name} is computed; leave it out"
        elif not computed and option.get("default") != default:
            yield f"meta/argument_specs.yml: the default of {name} is {option.get('default')!r}, in defaults {default!r}"


def check_names(role, folder):
    for line in (folder / "defaults/main.yml").read_text().splitlines():
        if re.match(r"\w+:", line):
            if not line.startswith(f"{role}_"):
                yield f"defaults/main.yml: {line.partition(':')[0]} does not begin with {role}_"
            if " # " not in line:
                yield f"defaults/main.yml: {line.partition(':')[0]} has no line that says what it is for"
    for name in read(folder / "vars/main.yml") if (folder / "vars/main.yml").exists() else {}:
        if not name.startswith(f"_{role}_"):
            yield f"vars/main.yml: {name} does not begin with _{role}_"
    for pattern in TASK_FILES:
        for path in folder.glob(pattern):
            for name in re.findall(r"^\s*register: (\S+)", path.read_text(), re.MULTILINE):
                if not name.startswith(f"__{role}_"):
                    yield f"{path.relative_to(folder)}: {name} does not begin with __{role}_"


def check_used(role, folder, defaults):
    text = "".join(
        path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.parts[-2] in ("tasks", "templates", "vars", "defaults")
    )
    for name in defaults:
        if len(re.findall(rf"(?<!\w){name}(?!\w)", text)) < 2:
            yield f"defaults/main.yml: nothing uses {name}"


def check(folder):
    """What is wrong with a role, a sentence each."""
    role = folder.name
    for name in ("defaults/main.yml", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml", "README.md"):
        if not (folder / name).exists():
            yield f"{name} is missing"
            return
    defaults = read(folder / "defaults/main.yml")
    options = read(folder / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    readme = (folder / "README.md").read_text()
    yield from differences("meta/argument_specs.yml", list(options), defaults)
    yield from differences("README.md", documented(readme), defaults)
    yield from check_options(defaults, options)
    yield from check_names(role, folder)
    yield from check_used(role, folder, defaults)
    if f"lks.llm.{role}" not in readme:
        yield f"README.md has no example that uses lks.llm.{role}"


def main(names):
    folders = [ROLES / name for name in names] if names else sorted(path for path in ROLES.iterdir() if path.is_dir())
    found = [f"roles/{folder.name}: {sentence}" for folder in folders for sentence in check(folder)]
    print("\n".join(found) or f"{len(folders)} roles: defaults, argument specs and READMEs agree")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
