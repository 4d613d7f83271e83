"""What all benchmarks share: the machine in words, tables in Markdown, and their place in docs/benchmarks.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def machine(*more: str) -> str:
    """A line on when and where it was measured; `more` are further versions and options. Call it before the work begins."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parts = [f"{datetime.date.today()}", f"{os.cpu_count()} cores ({processor()})", f"{memory:.0f} GB"]
    parts += [f"Python {platform.python_version()}", *more]
    return f"{', '.join(parts)}. When it began, other work kept {os.getloadavg()[0]:.1f} processes running."


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown, with columns that line up in a terminal too."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(line)} |" for line in [aligned[0], rule, *aligned[1:]]) + "\n"


def write(command: str, text: str) -> None:
    """Puts `text` between the marks that `command` has in the documentation."""
    begins, ends = f"<!-- {command} writes from here -->\n", f"<!-- {command} writes up to here -->\n"
    before, _, rest = DOCUMENT.read_text().partition(begins)
    _, _, after = rest.partition(ends)
    assert rest and after, f"{DOCUMENT} has no place for the figures of {command}"
    DOCUMENT.write_text(f"{before}{begins}\n{text.strip()}\n\n{ends}{after}")
