"""Nothing is left of a run, whatever ended it. tests/machines/scenarios.py lets pytest run this before the scenarios: alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from machines import image
from machines.isolated import CGROUPS, RUN, hierarchies
from machines.machine import Failed, wait

PROJECT = Path(__file__).parents[2]
MACHINES = [
    {"name": "container", "type": "container", "addresses": ["10.60.0.10/24"], "share": {"/srv/store": "store"}},
    {"name": "kernel", "type": "kernel", "addresses": ["10.60.1.10/24"], "layers": ["server", "root"], "init": "/opt/server",
     "memory": 128},
    {"name": "namespace", "type": "namespace", "addresses": ["10.60.2.10/24"], "command": ["sleep", "600"]},
]  # fmt: skip


def namespaces(pid):
    """Those that a process lives in, by kind and number."""
    try:
        return {str((Path("/proc") / pid / "ns" / kind).readlink()) for kind in ("pid", "net", "mnt")}
    except OSError:
        return set()  # it has just ended


def below(pid):
    """A process and all that it started, and they, and so on."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found.extend(children.read_text().split())
    return found


def inhabitants(spaces):
    return [path.name for path in Path("/proc").glob("[0-9]*") if namespaces(path.name) & spaces]


def listed(folder):
    return sorted(f"{path}" for path in folder.iterdir()) if folder.is_dir() else None


def traces():
    """What a run of machines could leave behind, by kind."""
    links = json.loads(subprocess.run(["ip", "-json", "link"], check=True, capture_output=True).stdout)
    return {
        "interfaces": sorted(link["ifname"] for link in links),
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "control groups": sorted(
            path for base in hierarchies(CGROUPS) for path, _, _ in os.walk(base / RUN.name)
        ),  # may vanish meanwhile
        "files": [listed(path) for path in (RUN, Path("/run/netns"), Path("/run/systemd"), Path.home() / ".uml")],
        "images": listed(image.cache()),
    }


@pytest.mark.parametrize("end", ["control-C", "SIGTERM", "SIGKILL"])
def test_leaves_nothing_behind(tmp_path, end):
    image.ensure()
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"machines": MACHINES}))
    before = traces()
    start = f"{sys.executable} -m tests.machines start {scenario} && echo all are up && read end"
    process = subprocess.Popen(
        [sys.executable, "-m", "machines.isolated", "sh", "-c", start], cwd=PROJECT, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "LKS_MACHINES_CACHE": str(image.cache())},
    )  # fmt: skip
    try:
        assert process.stdout
        told = []
        for line in process.stdout:
            told.append(line)
            if line == "all are up\n":
                break
        else:
            raise AssertionError("".join(told))
        spaces = set().union(*map(namespaces, below(f"{process.pid}"))) - namespaces("self")
        assert len(inhabitants(spaces)) > 8, "systemd and what it starts, a kernel, a command"
        assert len(traces()["control groups"]) > len(before["control groups"]) + 3
        if end == "control-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[end])
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    with contextlib.suppress(Failed):  # what is told is what is left
        wait("nothing is left", lambda: traces() == before and not inhabitants(spaces), 30)
    assert traces() == before
    assert inhabitants(spaces) == [], "processes, and with them mounts and interfaces"
