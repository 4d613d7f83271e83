# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Requests as a browser makes them, each written down."""

import json
import ssl
import threading
import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import open_url

ORIGIN = "https://main.example.amplifyapp.com"  # of a page elsewhere, as the client app's are
KEPT_HEADERS = ("content-type", "x-amzn-errortype", "x-amzn-requestid")
LONGEST_TEXT = 2000  # characters of an answer that is no JSON, and of what a stream says
LARGEST = 4 << 20  # bytes of an answer that are read
THROTTLED, ATTEMPTS, PAUSE = 429, 4, 1.0  # the service's own throttling is no fault of it


def parse(content):
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text[:LONGEST_TEXT]


def keep(headers):
    found = {name.lower(): value for name, value in headers.items()}
    return {
        name: value for name, value in found.items() if name in KEPT_HEADERS or name.startswith("access-control-allow-")
    }


class Api:
    """Asks the API at a URL. Every request ends in requests, whatever came of it; threads may share one."""

    def __init__(self, url, timeout, tell=lambda name: None):
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.tell = tell
        self.requests: list = []

    def open(self, entry, body, token, more):
        headers = {"Origin": ORIGIN, "Content-Type": "application/json", "Accept-Encoding": "identity", **more}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return open_url(
            self.url + entry["path"],
            data=None if body is None else json.dumps(body),
            headers=headers,
            method=entry["method"],
            timeout=self.timeout,
            follow_redirects="none",
        )

    def ask(self, name, request, *, zone="", token="", body=None, headers=None, read=None):
        """request: "GET /path". read(answer, began) returns what is written down of a good answer; without it its body is."""
        method, path = request.split(" ", 1)
        entry = {"name": name, "zone": zone, "method": method, "path": path, "signed": bool(token), "status": 0}
        for attempt in range(ATTEMPTS):
            if attempt:
                threading.Event().wait(PAUSE)
            self.try_once(entry, body, token, headers or {}, read)
            if entry["status"] != THROTTLED:
                break
        self.requests.append(entry)
        self.tell(name)
        return entry

    def try_once(self, entry, body, token, headers, read):
        began = time.monotonic()
        try:
            try:
                answer = self.open(entry, body, token, headers)
            except HTTPError as refused:
                answer, read = refused, None
            with answer:
                entry.update(status=answer.code, headers=keep(answer.headers))
                if read:
                    entry.update(read(answer, began))
                else:
                    first = answer.read(1)
                    entry["first_byte"] = round(time.monotonic() - began, 4)
                    entry["body"] = parse(first + answer.read(LARGEST))
        except (URLError, HTTPException, OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or error
            entry["error"] = f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__
        entry["seconds"] = round(time.monotonic() - began, 4)


def read_stream(answer, began):
    """What a stream of JSON lines said, and when."""
    found: dict = {"lines": 0, "garbled": 0, "first_byte": 0.0, "last_byte": 0.0, "last": {}, "text": ""}
    for line in iter(lambda: answer.readline(LARGEST), b""):
        if not line.strip():
            continue
        now = round(time.monotonic() - began, 4)
        found["first_byte"] = found["first_byte"] or now
        found["last_byte"] = now
        found["lines"] += 1
        said = parse(line)
        if not isinstance(said, dict):
            found["garbled"] += 1
            continue
        message = said.get("message")
        found["text"] += str(message.get("content", "")) if isinstance(message, dict) else ""
        found["last"] = {key: value for key, value in said.items() if key not in ("message", "context")}
    return {**found, "text": found["text"][:LONGEST_TEXT]}


def came_at_once(entry):
    """Whether a stream that took its model a while to say arrived in one piece. A model says itself how long it took (nanoseconds)."""
    said = entry.get("last", {}).get("eval_duration", 0) / 1e9
    return said > 0.5 and entry.get("lines", 0) > 2 and entry["last_byte"] - entry["first_byte"] < said / 10
