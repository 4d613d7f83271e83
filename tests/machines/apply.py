"""Configure a machine as State Manager does, with the zip that the deploy packs."""

from pathlib import Path

import yaml

from machines.apply import apply as apply_bundle
from machines.image import PACKAGED
from plugins.modules.zip_bundle import build_zip, collect

PROJECT = Path(__file__).parents[2]
EXCLUDE = ["__pycache__", "*.pyc"]


def bundle(variables):
    """Bytes of the zip, as the deploy packs it."""
    sources = [{"src": PROJECT / "hosts", "dest": ""}, {"src": PROJECT / "roles", "dest": "roles"}]
    contents = [{"dest": "vars.yml", "content": yaml.safe_dump(variables)}]
    return build_zip(collect(sources, contents, EXCLUDE))


def apply(machine, playbook, variables, extra="SSM=True", core=PACKAGED, options=()):
    """Apply a playbook with these variables (vars.yml); the rest is machines/apply.py's."""
    return apply_bundle(machine, bundle(variables), playbook, extra, core, options)
