# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the deployed service answered, judged: checks over what verify_probes has written down (module_utils/probing says in which form).

A check whose answers nobody asked for raises NotProbed, and is no result. Of those that hold, some say what was seen, such as the time to
the first byte: notes tells it.
"""

import re

from ansible_collections.lks.llm.plugins.module_utils.probing.http import came_at_once
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotProbed


def probed(system, *subjects):
    """What was written down; NotProbed where one of the subjects was not asked."""
    probes = system.probes
    if probes is None:
        raise NotProbed("verify_probes was not run")
    for subject in ("all", *subjects):
        if subject in probes["not_probed"]:
            raise NotProbed(probes["not_probed"][subject])
    return probes


def answers(system, names, zone=None, subjects=("api",)):
    """The requests of these names, of one zone or of all, in the order of the names."""
    found = [
        entry
        for entry in probed(system, *subjects)["requests"]
        if entry["name"] in names and (zone is None or entry["zone"] == zone.name)
    ]
    if not found:
        raise NotProbed("it was not asked")
    return sorted(found, key=lambda entry: names.index(entry["name"]))


def as_user(system, names, zone=None):
    """Requests that a user made, who has to have signed in."""
    if probed(system, "api", "user")["user"].get("error"):
        raise NotProbed("nobody could sign in")
    subjects = ("api", "user") if zone is None else ("api", "user", f"models {zone.name}")
    return answers(system, names, zone, subjects)


def spell(entry):
    """What came of a request, as a person says it."""
    asked = f"{entry['method']} {entry['path']}"
    if "error" in entry:
        return f"{asked} got no answer: {entry['error']}"
    body = entry.get("body")
    message = body.get("message") or body.get("error") if isinstance(body, dict) else ""
    return f"{asked} was answered with {entry['status']}" + (f": {str(message)[:200]}" if message else "")


def wrong(entry, found=""):
    return Finding(f"{spell(entry)}{f', {found}' if found else ''}", entry["path"])


def allows(entry, header, *values):
    """Whether an Access-Control-Allow header names these values, or all."""
    given = {each.strip().lower() for each in entry.get("headers", {}).get(header, "").split(",")}
    return "*" in given or {each.lower() for each in values} <= given


def open_to_pages(entry):
    return bool(entry.get("headers", {}).get("access-control-allow-origin"))


def preflights(system):
    """A-5. A browser asks first, without a token, and goes on only if the answer allows what it wants."""
    for entry in answers(system, ["preflight"]):
        if not 200 <= entry["status"] < 300:
            yield wrong(entry)
            continue
        lacks = [] if open_to_pages(entry) else ["other origins"]
        lacks += [] if allows(entry, "access-control-allow-headers", "authorization", "content-type") else ["headers"]
        lacks += [] if allows(entry, "access-control-allow-methods", entry["wanted"]) else [entry["wanted"]]
        if lacks:
            yield wrong(entry, f"which does not allow {', '.join(lacks)}")


def strangers(system):
    """A-1. 401, as JSON, and readable by a page of another origin (A-5), or its browser never signs in again."""
    for entry in answers(system, ["stranger", "forged"]):
        who = "without a token" if entry["name"] == "stranger" else "with a token that nobody signed"
        if entry["status"] != 401:
            yield wrong(entry, who)
        elif not open_to_pages(entry):
            yield wrong(entry, f"{who}, and no page of another origin can read it")
        elif not isinstance(entry.get("body"), dict):
            yield wrong(entry, f"{who}, which is no JSON")


def signs_in(system):
    """C-1. By e-mail address and password, with one factor."""
    user = probed(system, "api", "user")["user"]
    if user.get("error"):
        yield Finding(f"a confirmed user cannot sign in: {user['error']}", system.pool_client["ClientId"])


def removed(system):
    """G-7. What the probes made is gone."""
    user = probed(system, "api", "user")["user"]
    for name in user.get("left", []):
        yield Finding(f"the user {name} could not be removed: {user.get('left_why', '')}", system.pool["Id"])


def tags(system, zone):
    """A-3. From the internet to a worker and back."""
    for entry in as_user(system, ["tags"], zone):
        models = entry["body"].get("models") if isinstance(entry.get("body"), dict) else None
        if entry["status"] != 200:
            yield wrong(entry)
        elif not isinstance(models, list):
            yield wrong(entry, "which lists no models")
        elif not open_to_pages(entry):
            yield wrong(entry, "and no page of another origin can read it")


def embeds(system, zone):
    """A-3"""
    for entry in as_user(system, ["embed"], zone):
        body = entry.get("body")
        vectors = body.get("embeddings") if isinstance(body, dict) else None
        if entry["status"] != 200:
            yield wrong(entry)
        elif not vectors or not all(isinstance(number, (int, float)) for number in vectors[0]):
            yield wrong(entry, f"without a vector by {entry.get('model')}")
        elif "nomic-embed" in entry.get("model", "") and len(vectors[0]) != system.expected["dimensions"]:
            yield wrong(entry, f"a vector of {len(vectors[0])} dimensions by {entry['model']}")


def chats(system, zone):
    """A-4. Lines of JSON, the last of them says that it is done, and they come while the model speaks."""
    entry = as_user(system, ["chat"], zone)[-1]  # of several attempts the last counts
    if entry["status"] != 200 or "error" in entry:
        yield wrong(entry)
    elif entry["garbled"]:
        yield wrong(entry, f"{entry['garbled']} of {entry['lines']} lines are no JSON")
    elif not entry["last"].get("done"):
        yield wrong(entry, f"which broke off after {entry['lines']} lines")
    elif not entry["text"].strip():
        yield wrong(entry, f"which says nothing by {entry.get('model')}")
    elif came_at_once(entry):
        said = entry["last"]["eval_duration"] / 1e9
        yield wrong(entry, f"whose {entry['lines']} lines came at once, though the model took {said:.1f} s to say them")


def note_chats(system, zone):
    entry = as_user(system, ["chat"], zone)[-1]
    speed = entry["lines"] / max(entry["last_byte"], 0.001)
    return (
        f"{zone.name}: first byte of a chat with {entry['model']} after {entry['first_byte']:.2f} s, "
        f"{entry['lines']} lines in {entry['last_byte']:.2f} s ({speed:.0f} a second)"
    )


def keeps(system):
    """F-2. Saved, listed, read, changed, deleted, gone."""
    found = {entry["name"]: entry for entry in as_user(system, ["save", "list", "read", "change", "delete", "gone"])}
    if "save" not in found:
        raise NotProbed("it was not asked")
    sent = found["save"].get("sent", {})

    def data(name):
        body = found[name].get("body") if name in found else None
        return body.get("data") if isinstance(body, dict) else None

    for name in ("save", "list", "read", "change", "delete"):
        entry = found.get(name)
        if entry and not (200 <= entry["status"] < 300 and isinstance(entry.get("body"), dict)):
            yield wrong(entry)
            return  # the others follow from it
    listed = data("list") if isinstance(data("list"), list) else []
    if sent.get("id") not in [each.get("id") for each in listed if isinstance(each, dict)]:
        yield wrong(found["list"], "without the conversation that was saved")
    one = data("read") if isinstance(data("read"), dict) else {}
    if any(one.get(key) != sent.get(key) for key in ("id", "title", "conversation")):
        yield wrong(found["read"], "which is not what was saved")
    if "gone" in found and found["gone"]["status"] != 404:
        yield wrong(found["gone"], "after it was deleted")


def note_keeps(system):
    found = {entry["name"]: entry for entry in as_user(system, ["save", "list"])}
    return ", ".join(f"{name} {entry['seconds']:.2f} s" for name, entry in found.items())


def keeps_apart(system):
    """F-3. Nobody reads what somebody else keeps."""
    for entry in as_user(system, ["other"]):
        if entry["status"] not in (401, 403, 404):
            yield wrong(entry, "though it is somebody else's")


def of_zone(system, zone):
    found = [each for each in probed(system, f"workers {zone.name}")["workers"] if each["zone"] == zone.name]
    if not found:
        raise NotProbed("they were not asked")
    return found


def last_words(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def workers_answer(system, zone):
    """W-5. Asked on the worker itself, so that neither the balancer nor a group stands between."""
    for each in of_zone(system, zone):
        if each["models"] is None:
            said = last_words(each["output"])
            yield Finding(
                f"asked for its models, it ended with {each['status']}{f': {said}' if said else ''}",
                each["instance"],
                zone.region,
            )


def note_workers(system, zone):
    found = of_zone(system, zone)
    return f"{zone.name}: {len(found)} workers answered"


def same_models(system):
    """W-4. One store: the same models, to the digest, on every worker of every zone, and all that are wanted."""
    found = []
    reasons = []
    for zone in system.zones:
        try:
            found += of_zone(system, zone)
        except NotProbed as e:
            reasons.append(str(e))
    found = [each for each in found if each["models"] is not None]
    if not found:
        raise NotProbed(reasons[0] if reasons else "no worker answered")
    everywhere = sorted({model for each in found for model in each["models"]})
    for each in found:
        lacks = [model for model in everywhere if model not in each["models"]]
        if lacks:
            yield Finding(f"it does not list {', '.join(lacks)}, as another does", each["instance"], each["region"])
    names = {model.partition("@")[0] for model in everywhere}
    wanted = [name if re.search(r":[^/]+$", name) else f"{name}:latest" for name in system.expected["models"]]
    for name in wanted:
        if name not in names:
            yield Finding(f"no worker lists {name}", ", ".join(sorted(each["instance"] for each in found)))


def note_models(system):
    found = {model for each in probed(system)["workers"] for model in each["models"] or []}
    return ", ".join(sorted(found))


def encrypted(system):
    """D-1. Seen from inside the network: how the database is spoken to, and that it does not answer otherwise."""
    database = probed(system, "database")["database"]
    place = database.get("function", "")
    if database.get("error"):
        yield Finding(f"{place} ended with: {database['error']}", place)
        return
    way = database.get("encrypted") or {}
    if way.get("protocol") not in ("TLSv1.2", "TLSv1.3"):
        yield Finding(f"the function speaks to the database by {way.get('protocol') or 'no TLS'}", place)
    elif not way.get("authorized"):
        yield Finding("the database's certificate is not verified", place)
    if database.get("plain") != "refused":
        yield Finding("the database answers connections without TLS", place)


def note_encrypted(system):
    way = probed(system, "database")["database"]["encrypted"]
    return f"{way['protocol']}, {way['cipher']}; without TLS refused"


RERUN = "Run {playbook}."
WAY = "See where it is blocked in the findings of the network, balancers and API; run {playbook}."
PROBES = [
    Check(
        "A-5.probe_preflight",
        "Browsers of other origins are answered",
        preflights,
        "2xx that allows the headers and methods",
        RERUN,
    ),
    Check(
        "A-1.probe_strangers",
        "Strangers are turned away",
        strangers,
        "401 as JSON, readable by pages elsewhere",
        RERUN,
        3,
    ),
    Check("C-1.probe_sign_in", "A user signs in", signs_in, "an ID token for an address and a password", RERUN, 2),
    Check(
        "G-7.probe_removed",
        "The probes' user is gone",
        removed,
        "no user of the probes",
        "Delete the user from the user pool.",
        1,
    ),
    Check("A-3.probe_tags", "A user lists the models", tags, "200 with models", WAY, 3, zones=True),
    Check("A-3.probe_embed", "A user has words embedded", embeds, "200 with a vector", WAY, 1, zones=True),
    Check(
        "A-4.probe_chat",
        "A user's chat streams",
        chats,
        "lines of JSON that come while the model speaks",
        WAY,
        3,
        zones=True,
        notes=note_chats,
    ),
    Check(
        "F-2.probe_keeps",
        "A user's conversation is kept",
        keeps,
        "saved, listed, read, changed, deleted and gone",
        "Look at the function's log; run {playbook}.",
        3,
        notes=note_keeps,
    ),
    Check("F-3.probe_apart", "Others' conversations are closed", keeps_apart, "404", RERUN, 2),
    Check(
        "W-5.probe_workers",
        "Every worker tells its models",
        workers_answer,
        "its models",
        "Look at the worker's association and its output; run {playbook}.",
        2,
        zones=True,
        notes=note_workers,
    ),
    Check(
        "W-4.probe_models",
        "All workers tell the same models",
        same_models,
        "the same models on every worker",
        "Run {playbook}, which pulls what is missing.",
        2,
        notes=note_models,
    ),
    Check(
        "D-1.probe_tls",
        "The database is spoken to with TLS alone",
        encrypted,
        "TLS 1.2 or newer, verified, and nothing without",
        "Set rds.force_ssl to 1; run {playbook}.",
        2,
        notes=note_encrypted,
    ),
]
