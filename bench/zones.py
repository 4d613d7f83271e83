"""What further zones cost: first run, second run and destroy of 1, 2, 4 and 8 zones, each on a fresh local cloud.

Prints a table; --write puts it into the documentation, --json writes the figures. The exit status says whether the time grows slower than
the zones, and whether a deploy of two zones stays within its memory.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import deploy, figures, memory  # noqa: E402
from tests.inventories import inventory_of  # noqa: E402

# Of those that have availability zones a and b.
REGIONS = [
    "us-east-1",
    "us-west-2",
    "us-east-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "ap-southeast-1",
    "ap-southeast-2",
]
COUNTS = [1, 2, 4, 8]
STEPS = ("first-run", "second-run", "destroy")
MEGABYTES = 600


def inventory(count: int) -> str:
    """An inventory of so many zones, the first of them home. JSON is YAML."""
    zones = {
        f"zone-{chr(ord('a') + number)}": {"zone_region": region, "zone_cidr": f"10.{20 + number}.0.0/23"}
        for number, region in enumerate(REGIONS[:count])
    }
    return json.dumps(inventory_of(zones))


def measure(count: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        file = home / "zones.yml"
        file.write_text(inventory(count))
        with deploy.fresh_cloud(home, deploy.HOSTS) as port:
            for name in STEPS:
                print(f"{count} zones, {name} …", file=sys.stderr, flush=True)
                with memory.Peak().watched() as peak:
                    more = ["-i", str(file)]
                    found[name] = deploy.measure(home, port, name, deploy.STEPS[name], more, peak.environment)
                found[name]["megabytes"] = peak.megabytes
    return found


def table(measured: dict[int, dict[str, dict[str, float]]]) -> str:
    rows = []
    for count, steps in measured.items():
        row = [str(count), *(f"{steps[name]['seconds']:.1f}" for name in STEPS)]
        row += [f"{steps['first-run']['seconds'] / count:.1f}", f"{steps['first-run']['processor']:.1f}"]
        row += [f"{steps['first-run'][kind]:.0f}" for kind in ("reads", "writes")]
        rows.append([*row, f"{max(steps[name]['megabytes'] for name in STEPS):.0f}"])
    header = ("zones", *(f"{name.replace('-', ' ')}, s" for name in STEPS))
    more = ("first run per zone, s", "its processor, s", "its reads", "its writes", "memory at most, MB")
    return figures.table((*header, *more), rows)


def faults(measured: dict[int, dict[str, dict[str, float]]]) -> list[str]:
    """What is not as it should be."""
    found = []
    for (few, before), (many, after) in itertools.pairwise(measured.items()):
        for name in STEPS:
            times = after[name]["seconds"] / before[name]["seconds"]
            if times >= many / few:
                found.append(f"{name} takes {times:.2f} times as long for {many} zones as for {few}")
    if 2 in measured and (most := max(measured[2][name]["megabytes"] for name in STEPS)) > MEGABYTES:
        found.append(f"two zones take {most:.0f} MB, more than {MEGABYTES}")
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--zones", type=int, nargs="+", default=COUNTS, help="how many, in growing order")
    arguments.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments.add_argument("--json", type=Path, help="where to write the figures")
    options = arguments.parse_args()
    machine = figures.machine()
    measured = {count: measure(count) for count in options.zones}
    text = f"{machine}\n\n{table(measured)}"
    print(text)
    wrong = faults(measured)
    print(*wrong, sep="\n", file=sys.stderr)
    if options.write:
        figures.write("make bench-zones", text)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
