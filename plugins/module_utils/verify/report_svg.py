# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The topology as SVG: a column for each zone, what there is once above the home zone, ways coloured by what the checks say."""

from html import escape

COLUMN, GAP, LEFT = 440, 60, 20
TOP = 190  # where zones begin
HEIGHT = 480  # of a zone
BOX = (120, 40)
STATES = {"proven": "proven reachable", "good": "as described", "broken": "broken", "unknown": "not judged"}


def places(topology):
    """{node: (x, y, title, subtitle)}, x and y of its middle. The home zone comes first."""
    zones = sorted(topology["zones"], key=lambda zone: not zone["home"])
    once = topology["once"]
    found = {
        "client": (LEFT + 70, 50, "Client", once["client"]),
        "sign-in": (LEFT + 70, 135, "Cognito", once["sign-in"]),
        "api": (LEFT + 290, 50, "API", once["api"]),
    }
    for index, zone in enumerate(zones):
        left = LEFT + index * (COLUMN + GAP)
        right = left + COLUMN - 85
        found[f"nat {zone['name']}"] = (right, TOP + 190, "NAT instance", zone["nat"])
        found[f"nlb {zone['name']}"] = (left + 220 if zone["home"] else left + 85, TOP + 80, "NLB", zone["nlb"])
        found[f"alb {zone['name']}"] = (left + 220 if zone["home"] else left + 85, TOP + 190, "ALB", zone["alb"])
        found[f"workers {zone['name']}"] = (left + 260, TOP + 310, "Workers", "")
        if zone["home"]:
            found["function"] = (left + 75, TOP + 80, "Function", once["function"])
            found["database"] = (left + 75, TOP + 190, "Database", once["database"])
            found["store"] = (left + 260, TOP + 430, "Model store", once["store"])
    return found


def text(x, y, content, style=""):
    return f'<text x="{x}" y="{y}" class="{style}">{escape(content)}</text>'


def shorten(name, length=20):
    return name if len(name) <= length else name[: length - 1] + "…"


def node(place, there):
    x, y, title, subtitle = place
    width, height = BOX
    style = "node" if there else "node absent"
    return "".join(
        [
            f'<g class="{style}"><title>{escape(subtitle or title + ": not there")}</title>',
            f'<rect x="{x - width / 2}" y="{y - height / 2}" width="{width}" height="{height}" rx="6"/>',
            text(x, y - 3, title, "name"),
            text(x, y + 12, shorten(subtitle) if there else "not there", "sub"),
            "</g>",
        ]
    )


def workers(place, zone):
    """A row of squares for each kind, one for each instance."""
    x, y, _title, _subtitle = place
    rows = []
    width, height = 230, 26 + 24 * len(zone["workers"])
    top = y - height / 2
    rows.append(f'<g class="node"><rect x="{x - width / 2}" y="{top}" width="{width}" height="{height}" rx="6"/>')
    rows.append(text(x, top + 16, "Workers", "name"))
    for index, (kind, instances) in enumerate(zone["workers"].items()):
        line = top + 38 + 24 * index
        rows.append(text(x - width / 2 + 12, line, kind, "kind"))
        if not instances:
            rows.append(text(x + 30, line, "none", "sub"))
        for number, instance in enumerate(instances):
            style = "up" if instance["state"] == "running" else "down"
            rows.append(
                f'<rect class="{style}" x="{x - 25 + 26 * number}" y="{line - 13}" width="20" height="17" rx="3">'
                f"<title>{escape(instance['name'])} {escape(instance['id'])} {escape(instance['state'])}</title></rect>"
            )
    return "".join([*rows, "</g>"])


def edge(place, other):
    """Where the line between two middles leaves one box and enters the other."""
    (x1, y1), (x2, y2) = place[:2], other[:2]

    def leave(x, y, towards_x, towards_y, tall):
        dx, dy = towards_x - x, towards_y - y
        if not dx and not dy:
            return x, y
        half_width, half_height = (BOX[0] / 2, BOX[1] / 2) if not tall else (115, 49)
        scale = min(half_width / abs(dx) if dx else 9e9, half_height / abs(dy) if dy else 9e9)
        return x + dx * scale, y + dy * scale

    start = leave(x1, y1, x2, y2, place[2] == "Workers")
    end = leave(x2, y2, x1, y1, other[2] == "Workers")
    return (*start, *end)


def way(drawn, found):
    place, other = found.get(drawn["source"]), found.get(drawn["target"])
    if place is None or other is None:
        return ""
    x1, y1, x2, y2 = edge(place, other)
    state = drawn["state"]
    said = f"{drawn['source']} to {drawn['target']} ({drawn['label']}): {STATES[state]}"
    if drawn["checks"]:
        said += f" ({', '.join(drawn['checks'])})"
    return (
        f'<g class="way {state}"><title>{escape(said)}</title>'
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" marker-end="url(#arrow-{state})"/>'
        f"{text(round((x1 + x2) / 2), round((y1 + y2) / 2) - 5, drawn['label'], 'label')}</g>"
    )


def zone_frame(zone, left):
    there = zone["vpc"]
    said = f"{zone['name']}  {zone['region']}  {zone['cidr']}" + ("" if there else "  (no VPC)")
    subnets = f"public {', '.join(zone['public']) or '-'}   private {', '.join(zone['private']) or '-'}"
    return (
        f'<g class="zone{"" if there else " absent"}"><rect x="{left}" y="{TOP}" width="{COLUMN}" height="{HEIGHT}" rx="10"/>'
        f"{text(left + 14, TOP + 24, said, 'zone-name')}"
        f"{text(left + 14, TOP + HEIGHT - 14, subnets, 'kind')}</g>"
    )


def render_svg(topology):
    zones = sorted(topology["zones"], key=lambda zone: not zone["home"])
    width = LEFT * 2 + len(zones) * (COLUMN + GAP) - GAP
    found = places(topology)
    once = topology["once"]
    parts = [
        f'<svg viewBox="0 0 {width} {TOP + HEIGHT + 20}" role="img" aria-label="Topology" xmlns="http://www.w3.org/2000/svg"><defs>',
        *(
            f'<marker id="arrow-{state}" class="arrow {state}" viewBox="0 0 8 8" refX="7" refY="4"'
            ' markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z"/></marker>'
            for state in STATES
        ),
        "</defs>",
    ]
    parts += [zone_frame(zone, LEFT + index * (COLUMN + GAP)) for index, zone in enumerate(zones)]
    parts += [way(drawn, found) for drawn in topology["ways"]]
    for name, place in found.items():
        zone = next((zone for zone in zones if name.endswith(f" {zone['name']}")), None)
        if name.startswith("workers ") and zone:
            parts.append(workers(place, zone))
        else:
            parts.append(node(place, bool(once[name] if name in once else place[3])))
    return "".join([*parts, "</svg>"])
