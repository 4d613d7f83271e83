"""Start, configure and stop the machines of a run; molecule's playbooks call this. Inside isolated.py only.

python -m tests.machines start SCENARIO.json
python -m tests.machines apply SCENARIO.json
python -m tests.machines stop
python -m tests.machines run NAME SCRIPT

SCENARIO: {"machines": [descriptions], "hosts": [names], "playbook": …, "variables": {…}, "core": …, "extra": …, "options": […]}
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from machines import image, machine

from .apply import apply


def start(scenario):
    made = [machine.make(description) for description in json.loads(Path(scenario).read_text())["machines"]]
    image.ensure()
    with ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda machine: machine.start(), made))


def stop():
    for name in machine.names():
        machine.tell(f"stopping {name}")
        machine.load(name).stop()


def run(name, script):
    done = machine.load(name).run(script, check=False)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    sys.exit(done.rc)


def apply_all(scenario):
    asked = json.loads(Path(scenario).read_text())

    def one(name):
        machine.tell(f"applying {asked['playbook']} on {name} with ansible-core {asked['core']}")
        applied = apply(
            machine.load(name),
            asked["playbook"],
            asked["variables"],
            asked["extra"],
            asked["core"],
            asked.get("options", []),
        )
        machine.tell(f"{name}: {applied.summary}")
        return applied

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(one, asked["hosts"]))
    for applied in results:
        print(applied.output)
    sys.exit(max(applied.rc for applied in results))


if __name__ == "__main__":
    verbs: dict[str, Callable[..., None]] = {"start": start, "stop": stop, "run": run, "apply": apply_all}
    verbs[sys.argv[1]](*sys.argv[2:])
