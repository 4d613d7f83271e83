# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is asked, in which order, and side by side where one does not need the other."""

import secrets
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from ansible_collections.lks.llm.plugins.module_utils.probing.http import came_at_once, read_stream
from ansible_collections.lks.llm.plugins.module_utils.probing.user import subject_of

# What is counted together where progress is shown.
ROWS = {
    **dict.fromkeys(("preflight", "stranger", "forged"), "strangers"),
    **dict.fromkeys(("tags", "embed", "chat"), "models"),
    **dict.fromkeys(("save", "list", "read", "change", "delete", "gone", "other", "forget"), "conversations"),
}
WORDS = 32  # tokens that a chat is asked for: enough to see it stream
QUESTION = "Tell me in a few words what a verb is."


def together(*jobs):
    """Runs all of them in threads, and raises what the first of them raised. Whoever is interrupted need not wait for the threads."""
    failures: list = []

    def guarded(job):
        try:
            job()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def expected_requests(zones):
    """How many requests a row has, where each is answered at once."""
    return {"strangers": 1 + 3 * (1 + 2 * zones), "models": 3 * zones, "conversations": 7}


def ask_preflight(api, path, method, zone=""):
    wanted = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    entry = api.ask("preflight", f"OPTIONS {path}", zone=zone, headers=wanted)
    entry["wanted"] = method
    return entry


def ask_as_stranger(api, zones, conversations):
    """What anybody gets without a token, and with one that nobody signed. conversations: the path of somebody's."""
    routes = [("", "GET", conversations)]
    for zone in zones:
        routes += [(zone["name"], "GET", f"{zone['path']}/tags"), (zone["name"], "POST", f"{zone['path']}/chat")]

    def ask(zone, method, path):
        body: Any = None if method == "GET" else {}
        ask_preflight(api, path, method, zone)
        api.ask("stranger", f"{method} {path}", zone=zone, body=body)
        api.ask("forged", f"{method} {path}", zone=zone, body=body, token=f"e30.{secrets.token_urlsafe(12)}.e30")

    together(*(lambda route=route: ask(*route) for route in routes))


def is_embedding(model):
    family = str((model.get("details") or {}).get("family", ""))
    return "bert" in family or "embed" in str(model.get("name", ""))


def choose(listings):
    """(for chats, for embeddings): of the models that every listing has the smallest; "" where there is none. Listings are /api/tags' models."""
    common = set.intersection(*({each["name"] for each in models} for models in listings)) if listings else set()
    found = {each["name"]: each for models in listings for each in models if each["name"] in common}
    order = sorted(found.values(), key=lambda model: (model.get("size") or 0, model["name"]))
    names = [[each["name"] for each in order if is_embedding(each) is kind] for kind in (False, True)]
    return names[0][0] if names[0] else "", (names[1] or names[0] or [""])[0]


def listing_of(answer):
    body = answer.get("body")
    models = body.get("models") if isinstance(body, dict) else None
    return [each for each in models or [] if isinstance(each, dict) and each.get("name")]


def ask_models(api, zones, token):
    """Tags, an embedding and a chat of every zone. Returns {subject: why} of what could not be asked."""
    answers: dict = {}

    def tags(zone):
        answers[zone["name"]] = api.ask("tags", f"GET {zone['path']}/tags", zone=zone["name"], token=token)

    together(*(lambda zone=zone: tags(zone) for zone in zones))
    listings = [listing for answer in answers.values() if (listing := listing_of(answer))]
    chat, embed = choose(listings)
    if not chat and not embed:
        return {f"models {zone['name']}": "no model is listed everywhere" for zone in zones}

    def ask_embedding(zone):
        body = {"model": embed, "input": "words"}
        api.ask("embed", f"POST {zone['path']}/embed", zone=zone["name"], token=token, body=body)["model"] = embed

    def ask_chat(zone):
        body = {
            "model": chat,
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
            "options": {"num_predict": WORDS},
        }
        for _attempt in range(3):  # this machine may have been too busy to read what came
            entry = api.ask(
                "chat", f"POST {zone['path']}/chat", zone=zone["name"], token=token, body=body, read=read_stream
            )
            entry["model"] = chat
            if not came_at_once(entry):
                break

    jobs = [lambda zone=zone: ask_embedding(zone) for zone in zones]
    jobs += [lambda zone=zone: ask_chat(zone) for zone in zones] if chat else []
    together(*jobs)
    return {} if chat else {f"models {zone['name']}": "no model that is listed everywhere can chat" for zone in zones}


def make_conversation():
    now = datetime.now(UTC).isoformat(timespec="seconds")
    turns = [{"id": "1", "createdAt": now, "role": "user", "content": QUESTION}]
    return {"id": str(uuid.uuid4()), "title": "Probe of verify", "conversation": turns}


def keep_conversation(api, token):
    """Saves one, lists, reads and changes it, deletes it, and looks for somebody else's."""
    place = f"/conversations/{subject_of(token)}"
    saved = make_conversation()
    one = f"{place}/{saved['id']}"
    api.ask("save", f"POST {place}", token=token, body=saved)["sent"] = saved
    api.ask("list", f"GET {place}", token=token)
    api.ask("read", f"GET {one}", token=token)
    api.ask("change", f"PUT {one}", token=token, body={"title": "Changed"})
    api.ask("delete", f"DELETE {one}", token=token)
    api.ask("gone", f"GET {one}", token=token)
    api.ask("other", f"GET /conversations/{uuid.uuid4()}", token=token)


def forget(api, token):
    """Deletes whatever the user keeps."""
    return api.ask("forget", f"DELETE /conversations/{subject_of(token)}", token=token)
