"""`python -m audit --prefix lks- --tag Project=lks-llm --region us-east-1 …` runs the scanners on the account that the environment leads to.
`python -m audit --write` writes the answers into docs/security.md, and does nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from audit.findings import GRAVE, Finding, Scope, read_answers, table, unanswered, unused
from audit.scanners import SCANNERS, ScanError, not_looked_at

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.yml"
DOCUMENT = HERE.parent / "docs/security.md"
BEGIN, END = "<!-- answers: made by python -m audit --write -->", "<!-- end of answers -->"


def with_table(text: str, rows: str) -> str:
    """The document with these rows between its marks; raises ValueError where it has none."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"{DOCUMENT.name} has no place for the answers: it needs the lines {BEGIN} and {END}")
    before, _mark, rest = text.partition(BEGIN)
    _old, _mark, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{rows}\n\n{END}{after}"


def tagged(tag: tuple[str, str], regions: list[str]) -> frozenset[str]:
    """ARNs of what carries the tag; none where the account does not allow to ask."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    found = set()
    for region in regions:
        try:
            client = boto3.client("resourcegroupstaggingapi", region_name=region)
            pages = client.get_paginator("get_resources").paginate(TagFilters=[{"Key": tag[0], "Values": [tag[1]]}])
            found |= {each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]}
        except (ClientError, BotoCoreError) as error:
            print(f"Tags of {region} are not known, so names decide what is ours: {error}", file=sys.stderr)
    return frozenset(found)


def spell(findings: list[Finding]) -> str:
    """Check by check, with all that each is about."""
    lines = []
    for place, found in itertools.groupby(
        findings, key=lambda each: (each.severity, each.tool, each.check, each.title)
    ):
        severity, tool, check, title = place
        lines.append(f"  {severity} {tool} {check}: {title}")
        lines += [f"      {each.name} in {each.region} ({each.resource}): {each.message}" for each in found]
    return "\n".join(lines)


def scan(options: argparse.Namespace) -> list[Finding]:
    """Side by side; raises ScanError."""
    options.folder.mkdir(parents=True, exist_ok=True)

    def run(name: str) -> list[Finding]:
        return list(SCANNERS[name](options.environments, options.folder, options.region))

    with ThreadPoolExecutor() as threads:
        return [finding for found in threads.map(run, options.scanner or SCANNERS) for finding in found]


def audit(options: argparse.Namespace) -> int:
    key, _equals, value = options.tag.partition("=")
    scope = Scope(options.prefix, (key, value), tagged((key, value), options.region))
    if not scope.tagged and not options.empty:
        print(f"Nothing is tagged {options.tag}, so there is nothing to audit. Deploy it first.")
        return 2
    answers = read_answers(yaml.safe_load(ANSWERS.read_text(encoding="utf-8")))
    everything = scan(options)
    found = sorted({each.place: each for each in everything if scope.holds(each)}.values(), key=lambda each: each.place)
    open_ones = unanswered(found, answers)
    grave = [each for each in found if each.severity in GRAVE]
    lesser = Counter(each.severity for each in found if each.severity not in GRAVE)
    print(
        f"{len(everything)} findings in {', '.join(options.region)}, {len(found)} of them on our resources: {len(grave)} grave, "
        f"of which {len(grave) - len(open_ones)} are answered; lesser ones: {dict(lesser) or 'none'}"
    )
    print(f"Calls that failed, so that Prowler judged without them: {not_looked_at(options.folder)}")
    for answer in unused(found, answers):
        print(f"No finding any more for the answer to {answer.tool} {answer.check} on {', '.join(answer.resources)}")
    if open_ones:
        print(f"\n{len(open_ones)} without an answer: mend them in the playbooks, or answer them in {ANSWERS.name}")
        print(spell(open_ones))
    return 1 if open_ones else 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="audit", description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write the answers into docs/security.md")
    arguments.add_argument("--prefix", default="lks-", help="of the names of our resources")
    arguments.add_argument("--tag", default="Project=lks-llm", help="of our resources")
    arguments.add_argument("--region", action="append", default=[])
    arguments.add_argument("--scanner", action="append", choices=sorted(SCANNERS), help="all by default")
    arguments.add_argument("--folder", type=Path, default=Path("reports/audit"), help="for what the scanners write")
    arguments.add_argument("--environments", type=Path, default=Path(".venv-audit"))
    arguments.add_argument("--empty", action="store_true", help="go on where nothing of ours is there")
    options = arguments.parse_args()
    if options.write:
        answers = read_answers(yaml.safe_load(ANSWERS.read_text(encoding="utf-8")))
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8"), table(answers)), encoding="utf-8")
        return 0
    if not options.region:
        arguments.error("--region is needed")
    try:
        return audit(options)
    except ScanError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
