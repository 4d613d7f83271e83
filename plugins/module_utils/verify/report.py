# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One report from a snapshot and expectations; the report_* files say it in their ways. A report is JSON::

    {"system", "account", "taken", "regions", "verified", "score": {points, earned, percent, pass, fail, blocked, unseen},
     "areas": [{"area", "title", and the keys of score}],
     "results": [{"id", "requirement", "requirement_title", "area", "title", "status", "points", "earned", "expected", "remedy",
                  "findings": [{"found", "resource", "region", "expected", "missing"}], "reasons", "plan", "notes"}],
     "not_probed": [{"what", "why"}], "probe_seconds", "calls": {region: requests}, "topology": {…}}

verified is true when every check passes; a probe that was not made is none. notes are what a probe measured. plan is what a deploy would
make for a check. A status is pass, fail, blocked (what it looks at is not there) or unseen (AWS refused to tell).
"""

from ansible_collections.lks.llm.plugins.module_utils.verify.catalogue import CHECKS, PROBES
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import complete
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import UNPROBED, evaluate, score
from ansible_collections.lks.llm.plugins.module_utils.verify.requirements import AREAS, REQUIREMENTS
from ansible_collections.lks.llm.plugins.module_utils.verify.system import System
from ansible_collections.lks.llm.plugins.module_utils.verify.topology import draw_up


def build_report(snapshot, expectations, options):
    """options: areas (names, or None for all), not_probed, deploy_command, and probes, what verify_probes wrote down, if it was run."""
    probes = options.get("probes")
    system = System(snapshot, complete(expectations), probes)
    judged = evaluate([*CHECKS, *PROBES], system, options["areas"])
    results = [result for result in judged if result.status != UNPROBED]
    found = []
    for result in results:
        remedy = result.remedy.replace("{playbook}", options["deploy_command"])
        found.append({**result.to_dict(), "remedy": remedy, "requirement_title": REQUIREMENTS[result.requirement]})
    areas = []
    for area, (title, _letter) in AREAS.items():
        of_area = [result for result in results if result.area == area]
        if of_area:
            areas.append({"area": area, "title": title, **score(of_area)})
    total = score(results)
    return {
        "system": system.expected["prefix"],
        "account": snapshot.get("account", ""),
        "taken": snapshot.get("taken", ""),
        "regions": sorted(snapshot["regions"]),
        "verified": total["pass"] == len(results),
        "score": total,
        "areas": areas,
        "results": found,
        "not_probed": [*unprobed(judged), *options["not_probed"]],
        "probe_seconds": (probes or {}).get("seconds", 0),
        "calls": snapshot.get("calls", {}),
        "topology": draw_up(system, results),
    }


def unprobed(judged):
    """[{"what", "why"}] of the probes that were not made, those with the same reason together."""
    found: dict = {}
    for result in judged:
        if result.status == UNPROBED:
            found.setdefault("; ".join(result.reasons), []).append(result.title)
    return [{"what": ", ".join(titles), "why": why} for why, titles in found.items()]


def noted(report):
    """[(id, title, note)] of what the probes measured."""
    return [(result["id"], result["title"], note) for result in report["results"] for note in result["notes"]]


def planned(report):
    """{area's title: what a deploy would make}, of what is not there."""
    found: dict = {}
    titles = {area["area"]: area["title"] for area in report["areas"]}
    for result in report["results"]:
        if result["plan"]:
            found.setdefault(titles[result["area"]], []).extend(result["plan"])
    return found


def waiting(report):
    """{reason: titles} of the checks that wait for something."""
    found: dict = {}
    for result in report["results"]:
        if result["status"] in ("blocked", "unseen"):
            for reason in result["reasons"]:
                found.setdefault(reason, []).append(f"{result['id']} {result['title']}")
    return found
