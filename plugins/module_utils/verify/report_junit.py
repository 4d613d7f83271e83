# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The report as JUnit XML: a suite for each area, a case for each check. What waits is skipped, what AWS refused is an error."""

import re
from xml.etree import ElementTree

# What XML 1.0 cannot hold: https://www.w3.org/TR/xml/#charsets
UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text):
    return UNSPEAKABLE.sub("\ufffd", str(text))


def case(suite, result):
    element = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"verify.{result['area']}",
        name=clean(f"{result['id']} {result['title']}"),
        time="0",
    )
    if result["status"] == "fail":
        first = result["findings"][0]
        failure = ElementTree.SubElement(element, "failure", message=clean(first["found"]), type=result["requirement"])
        failure.text = clean(
            "\n".join(
                f"{each['found']}; at {each['resource']} in {each['region']}; expected {each['expected']}; {result['remedy']}"
                for each in result["findings"]
            )
        )
    elif result["status"] == "unseen":
        ElementTree.SubElement(element, "error", message=clean("; ".join(result["reasons"])), type="refused")
    elif result["status"] == "blocked":
        ElementTree.SubElement(element, "skipped", message=clean("; ".join(result["reasons"])))
    if result["notes"]:
        ElementTree.SubElement(element, "system-out").text = clean("\n".join(result["notes"]))


def render_junit(report):
    root = ElementTree.Element("testsuites", name=clean(f"verify {report['system']}"))
    for area in report["areas"]:
        results = [result for result in report["results"] if result["area"] == area["area"]]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=area["area"],
            tests=str(len(results)),
            failures=str(area["fail"]),
            errors=str(area["unseen"]),
            skipped=str(area["blocked"]),
            time="0",
            timestamp=report["taken"].split("+")[0],
        )
        for result in results:
            case(suite, result)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
