# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which of the resources that exist are meant, and what an entry of the tagging API stands for. No calls here."""

import re


def name_matches(name, prefix):
    """Whether the name, or a part of it after a slash or blank, starts with the prefix.

    The parts are for names that AWS makes: /aws/lambda/NAME, the interface description 'ELB app/NAME/0123', and
    'AWS Lambda VPC ENI-NAME-UUID'.
    """
    return bool(prefix) and re.search(rf"(?:^|[/\s:]|ENI-){re.escape(prefix)}", name or "") is not None


def tags_match(tags, wanted):
    return bool(wanted) and all(tags.get(key) == str(value) for key, value in wanted.items())


def matched_by(entry, wanted):
    """What speaks for a resource: a list of 'tags' and 'name', empty when it is not meant.

    With match=all both must, but what has no tags (or cannot have any) is judged by its name alone.
    """
    by_tags = tags_match(entry["tags"], wanted["tags"])
    by_name = name_matches(entry["name"], wanted["name_prefix"]) or name_matches(entry["id"], wanted["name_prefix"])
    reasons = [reason for reason, speaks in (("tags", by_tags), ("name", by_name)) if speaks]
    if wanted["match"] == "all" and wanted["tags"] and wanted["name_prefix"]:
        untagged = not entry["tags"]
        return reasons if by_name and (by_tags or untagged) else []
    return reasons


def match_entries(entries, wanted, include_related):
    """The resources that are meant; with include_related also what is a part of one of them, and so on downwards."""
    chosen = {}
    for entry in entries:
        reasons = matched_by(entry, wanted)
        if reasons:
            chosen[entry["arn"]] = {**entry, "matched_by": reasons}
    if include_related:
        ids = {entry["id"] for entry in chosen.values()}
        while True:
            found = [e for e in entries if e["arn"] not in chosen and ids.intersection(e["belongs_to"])]
            if not found:
                break
            for entry in found:
                chosen[entry["arn"]] = {**entry, "matched_by": ["related"]}
                ids.add(entry["id"])
    return list(chosen.values())


def arn_kind(arn):
    """Service and type of an ARN, whose form each service chose for itself."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "", ""
    service, resource = parts[2], parts[5].lstrip("/")
    if service == "s3":
        return service, "bucket"
    if service in ("apigateway", "amplify"):
        # /restapis/ID/stages/NAME, apps/ID/branches/NAME: every second step is a type.
        return service, "/".join(resource.split("/")[::2])
    return service, re.split(r"[:/]", resource, maxsplit=1)[0]


def arn_identity(arn):
    """What a person would call the thing: all of the ARN's resource after its type."""
    parts = arn.split(":", 5)
    resource = parts[5].lstrip("/") if len(parts) > 5 else arn
    steps = re.split(r"[:/]", resource, maxsplit=1)
    return steps[1] if len(steps) > 1 else steps[0]


def parent_arn(arn):
    """The resource that a part lives and dies with, or an empty string."""
    service, kind = arn_kind(arn)
    head, dummy, resource = arn.rpartition(":")
    steps = resource.split("/")
    if service == "elasticloadbalancing" and kind in ("listener", "listener-rule"):
        return f"{head}:{'/'.join(['loadbalancer', *steps[1:4]])}"
    if service == "amplify" and kind == "apps/branches":
        return f"{head}:{'/'.join(steps[:2])}"
    return ""


def judge_tagged(tagged, context, wanted):
    """Sorts what the tagging API says into living resources that no service listed, and stale entries.

    context: arns (all that the services listed), looked_at (the kinds that were listed completely), region.
    The tagging API shows deleted resources for a while: an entry is stale when the service that owns this kind was
    asked and does not list it. What nobody was asked about is taken to be there.
    """
    living, stale = [], []
    arns = {normalise_arn(arn) for arn in context["arns"]}
    for each in tagged:
        arn = normalise_arn(each["arn"])
        if arn in arns:
            continue
        kind = arn_kind(arn)
        identity = arn_identity(arn)
        entry = {
            "service": kind[0],
            "type": kind[1],
            "id": identity,
            "name": each["tags"].get("Name") or identity,
            "arn": arn,
            "tags": each["tags"],
            "state": "",
            "taggable": True,
            "belongs_to": [],
        }
        reasons = matched_by(entry, wanted)
        if not reasons:
            continue
        parent = parent_arn(arn)
        gone = (kind in context["looked_at"]) or (bool(parent) and arn_kind(parent) in context["looked_at"])
        if gone and parent not in arns:
            stale.append({**entry, "matched_by": reasons, "state": "gone"})
        else:
            living.append({**entry, "matched_by": reasons, "state": "known to the tagging API only"})
    return living, stale


def normalise_arn(arn):
    return arn.removesuffix(":*")


def present(entry, region, stale):
    """What the module returns of an entry."""
    keys = ("service", "type", "id", "name", "arn", "tags", "state", "matched_by")
    return {**{key: entry[key] for key in keys}, "region": region, "stale": stale}


def sort_entries(entries):
    unique = {(entry["service"], entry["type"], entry["arn"] or entry["id"]): entry for entry in entries}
    return [unique[key] for key in sorted(unique)]
