"""Inventories of other zones than the ones that the project comes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def inventory_of(zones: Mapping[str, Mapping[str, str]], group: str = "local") -> dict[str, Any]:
    """The content of one with these zones: {"zone-a": {"zone_region": …}}; the first is home. group: of all, such as local or aws."""
    home, *away = zones
    parts = {"home": {"hosts": {home: zones[home]}}, "away": {"hosts": {name: zones[name] for name in away}}}
    return {"all": {"children": {"zones": {"children": parts}, group: {"children": {"zones": None}}}}}
