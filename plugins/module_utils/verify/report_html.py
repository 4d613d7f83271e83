# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The report as one page that needs nothing else: no script, no network, fit to be printed."""

from html import escape

from ansible_collections.lks.llm.plugins.module_utils.verify.report import noted, planned, waiting
from ansible_collections.lks.llm.plugins.module_utils.verify.report_svg import STATES, render_svg

STYLE = """
:root{--ink:#1c2330;--soft:#5b6576;--line:#d7dce4;--paper:#fff;--good:#1a7f4b;--fair:#3b6fb6;--bad:#c62f2f;
--dim:#9aa3b2;--back:#f5f7fa}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a3adbd;--line:#343c49;--paper:#171b22;--good:#4cc38a;
--fair:#7aa8e8;--bad:#ff6b6b;--dim:#6b7585;--back:#1f242d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1040px;padding:28px 20px;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:26px}h2{margin:34px 0 10px;font-size:19px}.soft{color:var(--soft)}
.verdict{display:flex;gap:18px;align-items:center;margin:18px 0;padding:14px 18px;border:1px solid var(--line);
border-left:6px solid var(--bad);border-radius:8px;background:var(--back)}
.verdict.holds{border-left-color:var(--good)}.verdict b{font-size:30px}
table{width:100%;border-collapse:collapse}th,td{padding:6px 8px;border-bottom:1px solid var(--line);text-align:left;
vertical-align:middle}th{font-weight:600;color:var(--soft)}
.bar{width:180px;height:10px;border-radius:5px;background:var(--line);overflow:hidden}.bar i{display:block;
height:100%;background:var(--bad)}.bar i.full{background:var(--good)}
td.n{text-align:right;white-space:nowrap}
.finding{margin:10px 0;padding:10px 14px;border:1px solid var(--line);border-left:4px solid var(--bad);
border-radius:6px;break-inside:avoid}
.finding h3{margin:0 0 4px;font-size:15px}.finding dl{display:grid;grid-template-columns:84px 1fr;margin:0;
gap:2px 10px}.finding dt{color:var(--soft)}.finding dd{margin:0;overflow-wrap:anywhere}
code{font:13px ui-monospace,monospace}details summary{cursor:pointer;margin:6px 0}.s-pass{color:var(--good)}
.s-fail{color:var(--bad)}.s-blocked,.s-unseen{color:var(--dim)}
svg{width:100%;height:auto;border:1px solid var(--line);border-radius:8px;background:var(--paper)}
svg text{font:12px system-ui,sans-serif;fill:var(--ink);text-anchor:middle}svg .sub,svg .label{font-size:10px;
fill:var(--soft)}svg .name{font-weight:600}
svg .kind{text-anchor:start;font-size:11px;fill:var(--soft)}svg .zone-name{text-anchor:start;font-weight:600}
svg .label{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.node rect{fill:var(--back);stroke:var(--soft)}.node.absent rect{stroke-dasharray:4 3;stroke:var(--dim);fill:none}
.node rect.up{fill:var(--good);stroke:none}.node rect.down{fill:var(--bad);stroke:none}
.zone rect{fill:none;stroke:var(--line);stroke-width:1.5}.zone.absent rect{stroke-dasharray:6 4}
.way line{stroke:var(--dim);stroke-width:1.8}.way.proven line{stroke:var(--good);stroke-width:2.6}
.way.good line{stroke:var(--fair)}.way.broken line{stroke:var(--bad);stroke-width:2.6;stroke-dasharray:7 4}
.way.unknown line{stroke-dasharray:2 4}
.arrow path{fill:var(--dim)}.arrow.proven path{fill:var(--good)}.arrow.good path{fill:var(--fair)}
.arrow.broken path{fill:var(--bad)}
.legend span{margin-right:18px}.legend i{display:inline-block;width:26px;border-top:3px solid var(--dim);
vertical-align:middle;margin-right:6px}
.legend .proven i{border-color:var(--good)}.legend .good i{border-color:var(--fair)}
.legend .broken i{border-top:3px dashed var(--bad)}.legend .unknown i{border-top:3px dotted var(--dim)}
@media print{details[open] summary{list-style:none}}
"""
SAID = {"pass": "holds", "fail": "fails", "blocked": "waits", "unseen": "not seen"}


def area_rows(report):
    for area in report["areas"]:
        full = ' class="full"' if area["percent"] == 100 else ""
        notes = ", ".join(f"{area[key]} {SAID[key]}" for key in ("fail", "blocked", "unseen") if area[key])
        yield (
            f"<tr><td>{escape(area['title'])}</td><td><div class='bar'><i{full} style='width:{area['percent']}%'></i></div></td>"
            f"<td class='n'>{area['percent']} %</td><td class='n'>{area['earned']} of {area['points']}</td><td class='soft'>{notes}</td></tr>"
        )


def findings(report):
    for result in report["results"]:
        for finding in result["findings"]:
            pairs = [
                ("found", escape(finding["found"])),
                ("evidence", f"<code>{escape(finding['resource'])}</code> {escape(finding['region'])}"),
                ("expected", escape(finding["expected"])),
                ("mend", escape(result["remedy"])),
            ]
            said = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in pairs)
            yield (
                f"<div class='finding' id='{escape(result['id'])}'><h3>{escape(result['id'])} {escape(result['title'])} "
                f"<span class='soft'>{escape(result['requirement_title'])}</span></h3><dl>{said}</dl></div>"
            )


def check_rows(report):
    for result in report["results"]:
        why = "; ".join([each["found"] for each in result["findings"]] or result["reasons"] or result["notes"])
        yield (
            f"<tr><td><code>{escape(result['id'])}</code></td><td>{escape(result['title'])}<br><span class='soft'>{escape(result['expected'])}</span></td>"
            f"<td class='s-{result['status']}'>{SAID[result['status']]}</td><td class='n'>{result['earned']} of {result['points']}</td>"
            f"<td class='soft'>{escape(why)}</td></tr>"
        )


def section(title, items):
    found = list(items)
    return f"<h2>{title}</h2>{''.join(found)}" if found else ""


def render_html(report):
    score = report["score"]
    failed = sum(len(result["findings"]) for result in report["results"])
    said = (
        "Every requirement that was looked at holds."
        if report["verified"]
        else f"{failed} findings, {score['blocked'] + score['unseen']} checks not judged."
    )
    legend = "".join(f"<span class='{state}'><i></i>{name}</span>" for state, name in STATES.items())
    waits = (
        f"<p>{escape(reason)}: <span class='soft'>{escape(', '.join(titles))}</span></p>"
        for reason, titles in waiting(report).items()
    )
    plan = (
        f"<p>{escape(title)}: <span class='soft'>{escape(', '.join(parts))}</span></p>"
        for title, parts in planned(report).items()
    )
    probed = (f"<p>{escape(title)}: <span class='soft'>{escape(note)}</span></p>" for _id, title, note in noted(report))
    not_probed = (
        f"<p>{escape(each['what'])}: <span class='soft'>{escape(each['why'])}</span></p>"
        for each in report["not_probed"]
    )
    requests = ", ".join(f"{count} in {place}" for place, count in report["calls"].items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(report["system"])}: {score["percent"]} %</title><style>{STYLE}</style></head><body>
<h1>{escape(report["system"])} in {escape(", ".join(report["regions"]))}</h1>
<div class="soft">Account {escape(report["account"])}, as it was at {escape(report["taken"])}. Requests: {escape(requests)}.</div>
<div class="verdict{" holds" if report["verified"] else ""}"><b>{score["percent"]} %</b>
<div>{escape(said)}<br><span class="soft">{score["earned"]} of {score["points"]} points in {len(report["results"])} checks</span></div></div>
<h2>Areas</h2><table><tbody>{"".join(area_rows(report))}</tbody></table>
<h2>Topology</h2>{render_svg(report["topology"])}<p class="legend">{legend}</p>
{section("Findings", findings(report))}
{section("Probed", probed)}
{section("A deploy would make", plan)}
{section("Not judged", waits)}
{section("Not probed", not_probed)}
<h2>All checks</h2><details><summary>{len(report["results"])} checks</summary><table><tbody>{"".join(check_rows(report))}</tbody></table></details>
</body></html>
"""
