"""Start, configure and stop the machines of a run; molecule's playbooks call this. Inside isolated.py only.

python -m tests.machines start DESCRIPTIONS.json
python -m tests.machines apply MACHINE PLAYBOOK VARIABLES.json [CORE [EXTRA [OPTION…]]]
python -m tests.machines stop
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import image
from . import machine as machines
from .apply import apply


def start(descriptions):
    made = [machines.make(description) for description in json.loads(Path(descriptions).read_text())]
    image.ensure()
    with ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda machine: machine.start(), made))


def stop():
    for name in machines.names():
        machines.tell(f"stopping {name}")
        machines.load(name).stop()


def apply_here(name, playbook, variables, core, extra, *options):
    machines.tell(f"applying {playbook} on {name} with ansible-core {core}")
    applied = apply(machines.load(name), playbook, json.loads(Path(variables).read_text()), extra, core, options)
    print(applied.output)
    sys.exit(applied.rc)


if __name__ == "__main__":
    verbs: dict[str, Callable[..., None]] = {"start": start, "stop": stop, "apply": apply_here}
    verbs[sys.argv[1]](*sys.argv[2:])
