"""A Gantt chart as one SVG file that needs nothing else: rows of bars under headings, over seconds; some of them are marked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABELS, ROW, TOP, LEAST = 1100, 300, 17, 64, 1.5
LETTERS = 46  # of a label, at most
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)  # seconds between two lines
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 } .heading { font-weight: 600 } .soft { fill: #57606a }
.page { fill: #ffffff } .line { stroke: #d8dee4 }
.wait { fill: #9ec5e8 } .work { fill: #6e7781 } .wait.marked { fill: #e8590c } .work.marked { fill: #9c3300 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .soft { fill: #9198a1 } .page { fill: #0d1117 } .line { stroke: #30363d }
  .wait { fill: #2f5d8a } .work { fill: #8b949e } .wait.marked { fill: #f0883e } .work.marked { fill: #ffb27a }
}
"""


@dataclass(frozen=True)
class Bar:
    """From a second to another; `waits`: it is AWS that takes the time."""

    label: str
    began: float
    ended: float
    waits: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Row:
    label: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Section:
    heading: str
    rows: Sequence[Row]


def interval(seconds: float) -> float:
    """Seconds between the lines, so that there are about ten of them."""
    return next((step for step in STEPS if seconds / step <= 12), STEPS[-1] * math.ceil(seconds / (12 * STEPS[-1])))


def chart(title: str, sections: Sequence[Section]) -> str:
    bars = [bar for section in sections for row in section.rows for bar in row.bars]
    seconds = max((bar.ended for bar in bars), default=1.0) or 1.0
    height = TOP + ROW * sum(len(section.rows) + 2 for section in sections)
    scale = (WIDTH - LABELS - 20) / seconds

    def x(moment: float) -> float:
        return round(LABELS + moment * scale, 2)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="12" y="22">{escape(title)}</text>',
    ]
    lines += legend()
    for moment in itertools.takewhile(lambda each: each <= seconds, itertools.count(0, interval(seconds))):
        lines.append(f'<line class="line" x1="{x(moment)}" x2="{x(moment)}" y1="{TOP}" y2="{height}"/>')
        lines.append(f'<text class="soft" x="{x(moment)}" y="{TOP - 4}" text-anchor="middle">{moment:g} s</text>')
    y = TOP
    for section in sections:
        y += ROW
        lines.append(f'<text class="heading" x="12" y="{y + 12}">{escape(section.heading)}</text>')
        for row in section.rows:
            y += ROW
            lines.append(f'<text x="22" y="{y + 12}">{escape(short(row.label))}</text>')
            lines += [drawn(bar, x(bar.began), x(bar.ended), y) for bar in row.bars]
        y += ROW
    return "\n".join([*lines, "</svg>"]) + "\n"


def short(label: str) -> str:
    """So that it ends before the bars begin."""
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 1].rstrip()}…"


def legend() -> list[str]:
    lines, left = [], 12
    for kind, text in (
        ("wait", "AWS makes it available"),
        ("work", "tasks of the deploy"),
        ("wait marked", "AWS, on the critical path"),
        ("work marked", "tasks, on the critical path"),
    ):
        lines.append(f'<rect class="{kind}" x="{left}" y="32" width="12" height="10"/>')
        lines.append(f'<text class="soft" x="{left + 17}" y="41">{text}</text>')
        left += 190
    return lines


def drawn(bar: Bar, left: float, right: float, y: float) -> str:
    kind = ("wait" if bar.waits else "work") + (" marked" if bar.marked else "")
    width = round(max(LEAST, right - left), 2)
    told = f"{bar.label}: {bar.ended - bar.began:.1f} s, from {bar.began:.1f} to {bar.ended:.1f}"
    return f'<rect class="{kind}" x="{left}" y="{y + 3}" width="{width}" height="{ROW - 6}"><title>{escape(told)}</title></rect>'
