"""How the service is asked: what is written down of an answer, which model is chosen, whose users are left over."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.lks.llm.plugins.module_utils.probing import hosts, http, journey, user
from ansible_collections.lks.llm.plugins.module_utils.probing.http import Api, came_at_once, read_stream

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Service(BaseHTTPRequestHandler):
    """An API in little: /json, /refused, /text, /throttled (twice), /stream."""

    protocol_version = "HTTP/1.1"
    throttled = 0
    seen: list[tuple[str, str, str]] = []

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""

    def reply(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        Service.seen.append((self.path, self.headers["Origin"], self.headers.get("Authorization", "")))
        if self.path == "/json":
            self.reply(200, b'{"models": []}', Access_Control_Allow_Origin="*", Set_Cookie="no=one")
        elif self.path == "/refused":
            self.reply(401, b'{"message": "Unauthorized"}', Access_Control_Allow_Origin="*")
        elif self.path == "/throttled":
            Service.throttled += 1
            self.reply(429 if Service.throttled < 3 else 200, b"{}")
        else:
            self.reply(200, b"no JSON " * 1000)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = [{"message": {"content": word}} for word in ("A ", "verb")] + [{"done": True, "eval_duration": 7}]
        for line in [*(json.dumps(each) for each in lines[:2]), "garbled", json.dumps(lines[2])]:
            data = line.encode() + b"\n"
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def api(monkeypatch) -> Iterator[Api]:
    monkeypatch.setattr(http, "PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Service.throttled, Service.seen = 0, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Api(f"http://127.0.0.1:{server.server_port}/", timeout=20)
    server.shutdown()
    server.server_close()


def test_answers_good_and_bad_are_written_down_and_secrets_are_not(api):
    good = api.ask("tags", "GET /json", zone="zone-a", token="e30.secret.e30")
    assert (good["status"], good["body"], good["zone"], good["signed"]) == (200, {"models": []}, "zone-a", True)
    assert good["headers"] == {"access-control-allow-origin": "*"}
    assert 0 < good["first_byte"] <= good["seconds"]
    refused = api.ask("stranger", "GET /refused")
    assert (refused["status"], refused["body"]) == (401, {"message": "Unauthorized"})
    assert len(api.ask("text", "GET /text")["body"]) == http.LONGEST_TEXT
    assert Service.seen[0] == ("/json", http.ORIGIN, "Bearer e30.secret.e30")
    assert Service.seen[1][2] == ""
    assert [entry["name"] for entry in api.requests] == ["tags", "stranger", "text"]
    assert "secret" not in json.dumps(api.requests)


def test_who_is_throttled_asks_again_and_who_gets_no_answer_says_why(api):
    assert api.ask("tags", "GET /throttled")["status"] == 200
    nobody = Api("http://127.0.0.1:1", timeout=5).ask("tags", "GET /json")
    assert nobody["status"] == 0
    assert nobody["error"].startswith("ConnectionRefusedError")


def test_a_stream_is_told_by_its_lines(api):
    found = api.ask("chat", "POST /stream", body={}, read=read_stream)
    assert (found["lines"], found["garbled"], found["text"]) == (4, 1, "A verb")
    assert found["last"] == {"done": True, "eval_duration": 7}
    assert found["first_byte"] <= found["last_byte"]


def test_a_stream_came_at_once_only_if_its_model_took_longer():
    entry = {"lines": 30, "first_byte": 1.0, "last_byte": 1.01, "last": {"eval_duration": 2 * 10**9}}
    assert came_at_once(entry)
    assert not came_at_once({**entry, "last_byte": 1.5})
    assert not came_at_once({**entry, "last": {"eval_duration": 10**8}})
    assert not came_at_once({**entry, "lines": 1})
    assert not came_at_once({"status": 502})


def test_the_smallest_model_that_all_list_is_asked():
    big = {"name": "llama3:latest", "size": 5, "details": {"family": "llama"}}
    small = {"name": "orca-mini:latest", "size": 2, "details": {"family": "llama"}}
    vectors = {"name": "nomic:latest", "size": 1, "details": {"family": "nomic-bert"}}
    assert journey.choose([[big, small, vectors], [vectors, big, small]]) == ("orca-mini:latest", "nomic:latest")
    assert journey.choose([[big, small], [big, vectors]]) == ("llama3:latest", "llama3:latest")
    assert journey.choose([[vectors]]) == ("", "nomic:latest")
    assert journey.choose([[big], [small]]) == ("", "")
    assert journey.choose([]) == ("", "")


def test_what_runs_together_raises_what_failed_and_waits_for_the_rest():
    done = []

    def slow() -> None:
        time.sleep(0.05)
        done.append(True)

    with pytest.raises(ZeroDivisionError):
        journey.together(slow, lambda: 1 / 0)
    assert done


class TestModelsOfAWorker:
    def test_they_are_read_from_what_either_document_prints(self):
        said = 'ok: [localhost] => {"changed": false, "msg": "listed: b:latest@0123, a:7b@f123; missing: none"}\n'
        assert hosts.read_models(said) == ["a:7b@f123", "b:latest@0123"]
        shell = json.dumps({"models": [{"name": "a:7b", "digest": "0123456789abcdef"}]}, separators=(",", ":"))
        assert hosts.read_models(shell + "\n----------ERROR-------\n") == ["a:7b@0123456789ab"]
        assert hosts.read_models('{"models":null}') == []

    def test_what_is_no_list_is_none(self):
        for said in ("", "listed: a@1; missing: llama3:latest", '{"models":[{"na', "curl: (7) Failed to connect"):
            assert hosts.read_models(said) is None


class TestUsers:
    def entry(self, address: str, minutes: int = 1) -> dict:
        attributes = [{"Name": "email", "Value": address}]
        return {"Username": "u", "Attributes": attributes, "UserCreateDate": NOW - timedelta(minutes=minutes)}

    def is_left_over(self, entry: dict, *, running: bool) -> bool:
        return user.is_left_over(entry, NOW, machine=user.this_machine(), running=lambda process: running)

    def test_users_of_gone_runs_are_left_over_and_nobody_else_is(self):
        mine = user.make_address()
        assert user.ADDRESS.fullmatch(mine)
        assert str(os.getpid()) in mine
        assert self.is_left_over(self.entry(mine), running=False)
        assert not self.is_left_over(self.entry(mine), running=True)
        assert self.is_left_over(self.entry(mine, minutes=31), running=True)
        theirs = "verify-probe-00000000-1-0123456789ab@example.invalid"
        assert not self.is_left_over(self.entry(theirs), running=False)
        assert self.is_left_over(self.entry(theirs, minutes=31), running=True)
        for address in ("verify-probe-me@example.com", f"x{mine}", "user@example.com"):
            assert not self.is_left_over(self.entry(address, minutes=999), running=False)

    def test_a_process_is_known_to_run(self):
        assert user.is_running(os.getpid())
        assert not user.is_running(2**22 + 1)

    def test_passwords_fit_any_policy_and_are_never_the_same(self):
        found = {user.make_password(length) for length in (0, 8, 99) for _ in range(3)}
        assert len(found) == 9
        for password in found:
            kinds = (str.islower, str.isupper, str.isdigit, lambda letter: letter in "!-_")
            assert all(any(kind(letter) for letter in password) for kind in kinds)
            assert len(password) >= 24
        assert len(user.make_password(99)) >= 99

    def test_what_the_pool_requires_is_given(self):
        schema = [{"Name": name, "Required": True} for name in ("sub", "email", "name", "birthdate")]
        given = user.attributes_of({"SchemaAttributes": [*schema, {"Name": "nickname"}]}, "a@example.invalid")
        assert {each["Name"]: each["Value"] for each in given} == {
            "email": "a@example.invalid",
            "name": "Verify Probe",
            "birthdate": "2000-01-31",
        }
