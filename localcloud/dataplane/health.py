"""Which targets are healthy: what checks have found so far, and how their results make a target's state.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Health:
    """state: initial, healthy or unhealthy, with AWS's reason code and description. A row is of equal results, the newest."""

    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    row: int = 0
    passing: bool = True


@dataclass(frozen=True)
class Verdict:
    """What one check found."""

    passed: bool
    reason: str = ""
    description: str = ""


PASSED = Verdict(True)


def after(health: Health, verdict: Verdict, *, healthy: int, unhealthy: int) -> Health:
    """The health after one more check. A new target is healthy as soon as it passes one."""
    row = health.row + 1 if health.passing == verdict.passed else 1
    seen = replace(health, row=row, passing=verdict.passed)
    if verdict.passed:
        if health.state == "initial" or row >= healthy:
            return replace(seen, state="healthy", reason="", description="")
        return seen
    if health.state == "unhealthy" or row >= unhealthy:
        return replace(seen, state="unhealthy", reason=verdict.reason, description=verdict.description)
    if health.state == "initial":
        return replace(seen, reason="Elb.InitialHealthChecking", description="Initial health checks in progress")
    return seen


def matched(matcher: str, status: int) -> bool:
    """Whether a status is among those that a matcher names: 200, 200,202 or 200-299."""
    for part in matcher.split(","):
        found = re.fullmatch(r"\s*(\d{3})(?:-(\d{3}))?\s*", part)
        if found and int(found[1]) <= status <= int(found[2] or found[1]):
            return True
    return False


Key = tuple[str, str, int]  # target group's ARN, target's id, its port


class Register:
    """The newest health of every target. It is empty, and says nothing, while nobody checks."""

    def __init__(self) -> None:
        self.checked = False
        self.found: dict[Key, Health] = {}

    def get(self, group: str, target: str, port: int) -> Health | None:
        return self.found.get((group, target, port), Health()) if self.checked else None

    def put(self, key: Key, health: Health) -> None:
        self.found[key] = health

    def forget(self, target: str) -> None:
        """One that stops begins anew when it starts."""
        for key in [key for key in list(self.found) if key[1] == target]:
            self.found.pop(key, None)

    def keep(self, keys: set[Key]) -> None:
        """Forgets all others: a target that is registered again begins anew."""
        for key in set(self.found) - keys:
            del self.found[key]


REGISTER = Register()
