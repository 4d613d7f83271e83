"""Several workers on one store, each on a machine of its own."""

import hashlib
import json
import threading

import pytest

from machines.isolated import RUN
from machines.machine import wait

pytestmark = pytest.mark.usefixtures("registry")
URL = "http://127.0.0.1:11434"
NAMES = ["worker-1", "worker-2", "worker-3"]
CALL = """
import json, sys, urllib.request
body = sys.argv[2].encode() if len(sys.argv) > 2 else None
print(urllib.request.urlopen(sys.argv[1], body, timeout=120).read().decode())
"""


@pytest.fixture(scope="module")
def workers(machine):
    return [machine(name) for name in NAMES]


def call(worker, path, body=None):
    words = [URL + path] if body is None else [URL + path, json.dumps(body)]
    return worker.run("python3", "-c", CALL, *words).text


def listed(worker):
    return {model["name"]: model["digest"] for model in json.loads(call(worker, "/api/tags"))["models"]}


def start_pull(worker, model):
    """A thread that pulls; its answers are in the list that comes with it."""
    answers: list = []
    body = {"model": model}
    thread = threading.Thread(
        target=lambda: answers.extend(json.loads(line) for line in call(worker, "/api/pull", body).splitlines())
    )
    thread.start()
    wait(f"the pull of {model} writes", lambda: list((RUN / "store/models/blobs").glob("*-partial-*")))
    return thread, answers


def delete(worker, model):
    script = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], sys.argv[2].encode(), method='DELETE'))"
    worker.run("python3", "-c", script, URL + "/api/delete", json.dumps({"model": model}))


def assert_good_store():
    """Every blob is what its name says, and nothing unfinished is left."""
    for blob in (RUN / "store/models/blobs").iterdir():
        assert "partial" not in blob.name
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name.partition("-")[2]


def test_pulled_once_listed_by_all(workers, applied):
    result = applied(workers[0], playbook="models.yml", options=[])
    assert result.rc == 0, result
    assert all(listed(worker) == listed(workers[0]) for worker in workers)
    assert set(listed(workers[2])) == {"llama3:latest", "orca-mini:latest", "nomic-embed-text:latest"}
    for worker in workers:
        assert applied(worker, playbook="models_check.yml", options=[]).rc == 0
    assert applied(workers[1], playbook="models.yml", options=[]).changes == 0


def test_the_check_names_what_is_missing(workers, applied):
    result = applied(workers[1], playbook="models_check.yml", options=[], hosts_models=["llama3", "mistral"])
    assert result.rc != 0
    assert "lacks mistral:latest" in result.output, result


def test_a_model_that_does_not_exist_fails_by_name(workers, applied):
    result = applied(workers[0], playbook="models.yml", options=[], hosts_models=["llama3", "no-such-model"])
    assert result.rc != 0
    assert "still missing: no-such-model:latest" in result.output, result


def test_answers_from_a_model_that_another_pulled(workers):
    body = {"model": "llama3", "messages": [{"role": "user", "content": "How do I use the past tense?"}]}
    parts = [json.loads(line) for line in call(workers[2], "/api/chat", body).splitlines()]
    assert len(parts) > 5
    assert parts[-1]["done"] is True
    vectors = json.loads(call(workers[1], "/api/embed", {"model": "nomic-embed-text", "input": ["hello"]}))[
        "embeddings"
    ]
    assert len(vectors[0]) == 768


def test_a_restart_does_not_harm_anothers_pull(workers):
    thread, answers = start_pull(workers[0], "mistral")
    workers[1].run("systemctl restart ollama")
    thread.join()
    assert answers[-1] == {"status": "success"}
    wait("the restarted worker answers", lambda: workers[1].run("systemctl is-active ollama").text == "active")
    wait("the restarted worker lists it", lambda: "mistral:latest" in listed(workers[1]))
    assert_good_store()
    delete(workers[0], "mistral")


def test_without_the_roles_setting_it_would(workers):
    """The test above can fail: a worker that prunes at its start takes the other's pull away."""
    thread, answers = start_pull(workers[0], "mistral")
    environment = {"OLLAMA_NOPRUNE": "0", "OLLAMA_MODELS": "/share/models", "OLLAMA_HOST": "127.0.0.1:9"}
    workers[1].run("timeout 2 /opt/ollama/current/bin/ollama serve", env=environment, check=False)
    thread.join()
    assert "error" in answers[-1]
    assert "mistral:latest" not in listed(workers[0])


def test_two_pulls_at_once_end_with_one_good_model(workers):
    first, one = start_pull(workers[0], "tinyllama")
    second, other = start_pull(workers[2], "tinyllama")
    first.join()
    second.join()
    assert one[-1] == other[-1] == {"status": "success"}
    assert all("tinyllama:latest" in listed(worker) for worker in workers)
    assert_good_store()
