# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The report for a terminal."""

from ansible_collections.lks.llm.plugins.module_utils.verify.report import noted, planned, waiting

WIDTH = 20  # of a bar


def gauge(percent):
    filled = WIDTH if percent == 100 else min(WIDTH - 1, round(WIDTH * percent / 100))
    return "#" * filled + "." * (WIDTH - filled)


def row(title, figures):
    notes = [f"{figures['fail']} failed"] if figures["fail"] else []
    notes += [f"{figures['blocked']} wait"] if figures["blocked"] else []
    notes += [f"{figures['unseen']} not seen"] if figures["unseen"] else []
    return f"  {title:<22} {gauge(figures['percent'])} {figures['percent']:>3} %  {figures['earned']:>3} of {figures['points']:<3}  {', '.join(notes)}".rstrip()


def findings(report):
    lines = []
    for result in report["results"]:
        for finding in result["findings"]:
            where = f"{finding['resource']} in {finding['region']}" if finding["resource"] else finding["region"]
            lines += [
                f"  {result['id']}  {result['title']}",
                f"      found     {finding['found']}",
                f"      at        {where}",
                f"      expected  {finding['expected']}",
                f"      mend      {result['remedy']}",
            ]
    return lines


def few(names, most=12):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def render_text(report):
    score = report["score"]
    lines = [
        f"{report['system']} in {', '.join(report['regions'])}, account {report['account']}, as it was at {report['taken']}",
        "",
        *(row(area["title"], area) for area in report["areas"]),
        "",
        row("All", score),
    ]
    notes = noted(report)
    if notes:
        lines += ["", f"Probed in {report['probe_seconds']:.1f} s"]
        lines += [f"  {title}: {note}" for _id, title, note in notes]
    broken = findings(report)
    if broken:
        lines += ["", f"{sum(len(result['findings']) for result in report['results'])} findings", *broken]
    waits = waiting(report)
    if waits:
        lines += ["", f"Not judged: {score['blocked'] + score['unseen']} checks"]
        lines += [f"  {reason}: {few([title.split()[0] for title in titles])}" for reason, titles in waits.items()]
    plan = planned(report)
    if plan:
        lines += ["", "A deploy would make", *(f"  {title:<22} {', '.join(parts)}" for title, parts in plan.items())]
    if report["not_probed"]:
        lines += ["", "Not probed", *(f"  {each['what']}: {each['why']}" for each in report["not_probed"])]
    return "\n".join(lines)
