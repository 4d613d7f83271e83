"""The stand-in for Ollama, as the local cloud and the role tests use it: its API, its store, its release."""

import http.client
import json
import math
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from ...ports import free_port

STANDIN = Path(__file__).parents[3] / "standin"


class Client:
    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def json(self, path, body=None):
        status, text = self.call("GET" if body is None else "POST", path, body)
        assert status == 200, text
        return json.loads(text)

    def lines(self, path, body):
        status, text = self.call("POST", path, body)
        assert status == 200, text
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    processes = []
    store = tmp_path_factory.mktemp("store")

    def start(**settings):
        port = free_port()
        environment = {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(store), "OLLAMA_NOPRUNE": "1",
                       "OLLAMA_STAND_IN_TOKENS_PER_SECOND": "2000", "OLLAMA_STAND_IN_LOAD_SECONDS": "0"}  # fmt: skip
        environment.update(settings)
        command = [sys.executable, str(STANDIN / "ollama.py"), "serve"]
        processes.append(subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL))
        client = Client(port)
        for _ in range(200):
            try:
                assert client.call("GET", "/") == (200, "Ollama is running")
                return client
            except ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the stand-in does not answer")

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def client(serve):
    started = serve()
    for model in ("llama3", "nomic-embed-text"):
        assert started.lines("/api/pull", {"model": model})[-1] == {"status": "success"}
    return started


def test_pull_reports_progress(client):
    steps = client.lines("/api/pull", {"name": "tinyllama"})
    assert steps[0] == {"status": "pulling manifest"}
    layer = [step for step in steps if step.get("digest") == steps[1]["digest"]]
    assert [step["completed"] for step in layer] == sorted(step["completed"] for step in layer)
    assert layer[-1]["completed"] == layer[-1]["total"]
    assert client.lines("/api/pull", {"name": "no-such-model"})[-1] == {
        "error": "pull model manifest: file does not exist"
    }


def test_a_store_is_shared(client, serve):
    other = serve()
    assert {model["name"] for model in other.json("/api/tags")["models"]} >= {
        "llama3:latest",
        "nomic-embed-text:latest",
    }
    assert other.json("/api/tags") == client.json("/api/tags")


def test_chat_streams_objects(client):
    parts = client.lines("/api/chat", {"model": "llama3", "messages": [{"role": "user", "content": "What is a verb?"}]})
    assert all(part["message"]["role"] == "assistant" for part in parts)
    assert [part["done"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1]["eval_count"] == len(parts) - 1
    whole = client.json(
        "/api/chat", {"model": "llama3", "messages": [{"role": "user", "content": "What is a verb?"}], "stream": False}
    )
    assert whole["message"]["content"] == "".join(part["message"]["content"] for part in parts)


def test_a_question_may_ask_for_a_slow_answer(client):
    options = {"stand_in_silent_seconds": 0.3, "stand_in_tokens_per_second": 10, "num_predict": 3}
    asked = {"model": "llama3", "messages": [{"role": "user", "content": "What is a verb?"}], "options": options}
    assert client.lines("/api/chat", asked)[-1]["total_duration"] >= 0.6e9
    options["stand_in_tokens_per_second"] = -1
    assert client.call("POST", "/api/chat", asked)[0] == 400


def test_generate_gives_scores_as_json(client):
    answer = client.json("/api/generate", {"model": "llama3", "prompt": "Score this conversation.", "stream": False})
    scores = json.loads(answer["response"])
    assert 0 <= scores["grammar"] <= 100
    assert scores["feedback"]


def test_embeddings_are_unit_vectors_that_tell_likeness(client):
    texts = ["the cat sat on the mat", "a cat sat on a mat", "stock prices fell sharply"]
    cat, mat, prices = client.json("/api/embed", {"model": "nomic-embed-text", "input": texts})["embeddings"]
    assert len(cat) == 768
    assert math.isclose(math.hypot(*cat), 1, rel_tol=1e-9)
    assert sum(a * b for a, b in zip(cat, mat, strict=True)) > sum(a * b for a, b in zip(cat, prices, strict=True))
    assert client.json("/api/embeddings", {"model": "nomic-embed-text", "prompt": texts[0]})["embedding"] == cat


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/chat", {"model": "unknown", "messages": []}, 404),
        ("POST", "/api/chat", {"model": "nomic-embed-text", "messages": []}, 400),
        ("POST", "/api/chat", {}, 400),
        ("POST", "/api/chat", None, 400),
        ("POST", "/api/show", {"model": "../../etc/passwd"}, 400),
        ("GET", "/api/chat", None, 405),
        ("GET", "/nothing", None, 404),
    ],
)
def test_errors(client, method, path, body, status):
    assert client.call(method, path, body)[0] == status


def test_only_pages_of_allowed_origins_may_call(client, serve):
    def asked(port, origin):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/api/tags", headers={} if origin is None else {"Origin": origin})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("Access-Control-Allow-Origin")

    page, local = "https://example.com", "http://localhost:3000"
    assert asked(client.port, None) == (200, None)
    assert asked(client.port, page) == (403, None)
    assert asked(client.port, local) == (200, local)
    assert asked(serve(OLLAMA_ORIGINS="*").port, page) == (200, "*")
    some = serve(OLLAMA_ORIGINS="https://example.org, https://example.com")
    assert asked(some.port, page) == (200, page)


def test_queue_is_limited(serve):
    slow = serve(OLLAMA_MAX_QUEUE="1", OLLAMA_STAND_IN_TOKENS_PER_SECOND="10")
    connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=20)
    connection.request("POST", "/api/generate", json.dumps({"model": "llama3", "prompt": "hello"}))
    answer = connection.getresponse()
    answer.readline()
    assert slow.call("POST", "/api/generate", {"model": "llama3", "prompt": "hello"})[0] == 503
    connection.close()


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")
def test_release_is_laid_out_as_ollamas(tmp_path):
    command = [sys.executable, str(STANDIN / "release.py"), "9.8.7", str(tmp_path)]
    digest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    archive = tmp_path / "v9.8.7" / "ollama-linux-amd64.tar.zst"
    assert (archive.parent / "sha256sum.txt").read_text() == f"{digest}  ./ollama-linux-amd64.tar.zst\n"
    raw = tmp_path / "raw.tar"
    raw.write_bytes(subprocess.run(["zstd", "-dc", str(archive)], check=True, capture_output=True).stdout)
    with tarfile.open(raw) as tar:
        names = tar.getnames()
        tar.extractall(tmp_path / "release", filter="data")
    assert {"./bin/ollama", "./lib/ollama/libggml-base.so"} <= set(names)
    program = tmp_path / "release/bin/ollama"
    environment = {**os.environ, "OLLAMA_HOST": "127.0.0.1:9"}
    said = subprocess.run(
        [str(program), "--version"], check=True, capture_output=True, text=True, env=environment
    ).stdout
    assert "client version is 9.8.7" in said


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")
@pytest.mark.parametrize("version", ["9.8.7", "9.8.6"])
def test_release_holds_a_real_ollama_of_that_version(tmp_path, version):
    """The program that is installed here is 9.8.7: another version is the stand-in's."""
    installed = tmp_path / "usr"
    for name in ("bin/ollama", "lib/ollama/libggml-base.so"):
        (installed / name).parent.mkdir(parents=True)
        (installed / name).write_text("#!/bin/sh\necho Warning: client version is 9.8.7\n")
        (installed / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{installed}/bin:{os.environ['PATH']}"}
    command = [sys.executable, str(STANDIN / "release.py"), version, str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    folder = tmp_path / f"v{version}"
    unpack = "zstd -dc ollama-linux-amd64.tar.zst | tar -xO ./bin/ollama"
    program = subprocess.run(["sh", "-c", unpack], cwd=folder, check=True, capture_output=True, text=True).stdout
    real = version == "9.8.7"
    assert (program == (installed / "bin/ollama").read_text()) is real
    assert (folder / "real").exists() is real
