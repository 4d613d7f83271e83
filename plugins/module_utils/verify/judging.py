# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a check, a finding and a result are, and how checks become results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import REQUIREMENTS, area_of

PASS, FAIL, BLOCKED, UNSEEN = "pass", "fail", "blocked", "unseen"
UNPROBED = "unprobed"  # of a check that is no result


class NotJudged(Exception):
    """What the check looks at is not there; the check that asks for it says so."""


class NotProbed(Exception):
    """Nobody has asked the deployed service: the check is no result."""


class NotSeen(Exception):
    """AWS refused to tell what the check has to know."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, with the resource's id as evidence. missing: it is not there at all, so a deploy would make it. zone: the name of
    the zone that suffers, which need not be where the resource is; empty where all do."""

    found: str
    resource: str = ""
    region: str = ""
    expected: str = ""
    missing: bool = False
    zone: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that must hold. look(system), or look(system, zone) with zones, yields a Finding for each breach.

    The requirement is the part of the id before the dot. remedy says how to mend a breach; {playbook} is the command that deploys.
    makes names what a deploy makes for it, for the plan of what is missing. notes(system) or notes(system, zone) tells what was measured
    where it holds.
    """

    id: str
    title: str
    look: Callable
    expected: str
    remedy: str
    points: int = 2
    zones: bool = False
    makes: str = ""
    notes: Callable | None = None

    @property
    def requirement(self):
        return self.id.split(".")[0]


@dataclass
class Result:
    id: str
    requirement: str
    area: str
    title: str
    points: int
    expected: str
    remedy: str
    status: str = PASS
    findings: list = field(default_factory=list)
    reasons: list = field(default_factory=list)
    plan: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def earned(self):
        return self.points if self.status == PASS else 0

    def to_dict(self):
        return {**asdict(self), "earned": self.earned}


def judge(check, system):
    """The result of one check. A breach outweighs what could not be seen, and that outweighs what is not there to be judged.

    What nobody probed is neither: where that is so in all zones the status is UNPROBED, else a note says it.
    """
    result = Result(
        id=check.id,
        requirement=check.requirement,
        area=area_of(check.requirement),
        title=check.title,
        points=check.points,
        expected=check.expected,
        remedy=check.remedy,
    )
    blocked = unseen = False
    plan = []
    unprobed = []
    places = system.zones if check.zones else [None]
    for zone in places:
        here = f"{check.makes} of {zone.name}" if zone else check.makes
        known = len(result.findings)
        try:
            for finding in check.look(system, zone) if check.zones else check.look(system):
                place = finding.region or (zone.region if zone else system.home.region)
                plan += [here] if finding.missing else []
                result.findings.append(
                    Finding(
                        finding.found,
                        finding.resource,
                        place,
                        finding.expected or check.expected,
                        finding.missing,
                        finding.zone or (zone.name if zone else ""),
                    )
                )
            if check.notes and len(result.findings) == known:
                result.notes.append(check.notes(system, zone) if check.zones else check.notes(system))
        except NotProbed as e:
            unprobed.append(f"{zone.name}: {e}" if zone else str(e))
        except NotSeen as e:
            unseen = True
            result.reasons.append(str(e))
        except NotJudged as e:
            blocked = True
            plan.append(here)
            result.reasons.append(str(e))
    result.plan = list(dict.fromkeys(plan)) if check.makes else []
    result.reasons = list(dict.fromkeys(result.reasons))
    if len(unprobed) == len(places):
        result.status = UNPROBED
        result.reasons = list(
            dict.fromkeys(reason.split(": ", 1)[-1] if check.zones else reason for reason in unprobed)
        )
        return result
    result.notes += [f"not probed in {reason}" for reason in unprobed]
    if result.findings:
        result.status = FAIL
    elif unseen:
        result.status = UNSEEN
    elif blocked:
        result.status = BLOCKED
    return result


def evaluate(checks, system, areas=None):
    """Results of all checks of the areas (all areas when None), in the order of the requirements."""
    order = {requirement: index for index, requirement in enumerate(REQUIREMENTS)}
    chosen = [check for check in checks if areas is None or area_of(check.requirement) in areas]
    return [judge(check, system) for check in sorted(chosen, key=lambda check: order[check.requirement])]


def score(results):
    """{"points", "earned", "percent", and how many checks ended how}."""
    points = sum(result.points for result in results)
    earned = sum(result.earned for result in results)
    return {
        "points": points,
        "earned": earned,
        "percent": round(100 * earned / points) if points else 0,
        **{status: sum(result.status == status for result in results) for status in (PASS, FAIL, BLOCKED, UNSEEN)},
    }
