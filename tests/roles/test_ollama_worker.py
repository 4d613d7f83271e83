"""The role ollama_worker on a booted machine, with the stand-in for Ollama served by a mirror."""

import json
import re

import pytest

from machines.isolated import RUN
from machines.machine import wait

URL = "http://127.0.0.1:11434"
OPTIONS = ["--skip-tags", "efs_mount"]  # as in the scenario, whose own also install the packages of that role
ROOMY = [*OPTIONS, "-e", "ollama_worker_space=100"]  # a test machine's disk has less than a worker's


@pytest.fixture(scope="module")
def worker(machine):
    return machine("worker")


@pytest.fixture
def release(scenario):
    """hosts_worker with another version."""

    def change(version, **changes):
        line = (RUN / "mirror" / f"v{version}" / "sha256sum.txt").read_text()
        settings = scenario["variables"]["hosts_worker"]
        url = settings["url"].replace("v0.32.7", f"v{version}")
        return {**settings, "version": version, "sha256": line.split()[0], "url": url, **changes}

    return change


def get(worker, path):
    script = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
    return worker.run("python3", "-c", script, URL + path, check=False).text


def show(worker, *properties):
    lines = worker.run("systemctl", "show", "ollama", *[f"--property={name}" for name in properties]).text.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return [found[name] for name in properties]


def state(worker):
    """What is the same as long as the service was not restarted, and the release was not touched."""
    files = worker.run("find /opt/ollama -type f -printf '%p %s %T@\\n' | sort; readlink /opt/ollama/current").text
    return show(worker, "InvocationID", "MainPID"), files


def starts(worker):
    return int(worker.run("journalctl -u ollama -o cat | grep -c '^Started '").text)


def wait_ready(worker):
    wait("the worker answers", lambda: "version" in get(worker, "/api/version"))


def test_answers(worker):
    assert json.loads(get(worker, "/api/version")) == {"version": "0.32.7"}
    assert "models" in json.loads(get(worker, "/api/tags"))
    assert get(worker, "/") == "Ollama is running"


def test_runs_as_its_own_user_on_the_store(worker):
    (pid,) = show(worker, "MainPID")
    assert worker.run(f"stat -c %u:%g /proc/{pid}").text == "850:850"
    environment = worker.run(f"tr '\\0' '\\n' < /proc/{pid}/environ").text.splitlines()
    for line in ("OLLAMA_MODELS=/share/models", "OLLAMA_NOPRUNE=1", "OLLAMA_KEEP_ALIVE=24h", "OLLAMA_LOAD_TIMEOUT=30m"):
        assert line in environment
    assert (RUN / "store/models/manifests").is_dir()
    assert (RUN / "store/models").stat().st_uid == 850


def test_is_hardened(worker):
    exposure = worker.run("systemd-analyze", "security", "--no-pager", "ollama").text
    (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", exposure)
    assert float(level) < 3, exposure


def test_what_it_has_no_use_for_is_not_unpacked(worker):
    names = worker.run("cd /opt/ollama/current/ && find . -type f").text
    assert "./lib/ollama/libggml-cpu-haswell.so" in names
    assert "cuda" not in names


def test_other_settings_restart_once(worker, applied, release):
    before = starts(worker)
    settings = {"chat": {"OLLAMA_KEEP_ALIVE": "7m"}}
    result = applied(worker, core="2.16", hosts_worker=release("0.32.7", settings=settings))
    assert result.changed == [
        "ollama_worker : Write the service's settings",
        "ollama_worker : Restart the service, for something changed",
    ], result
    assert starts(worker) == before + 1
    (pid,) = show(worker, "MainPID")
    assert "OLLAMA_KEEP_ALIVE=7m" in worker.run(f"tr '\\0' '\\n' < /proc/{pid}/environ").text.splitlines()


def test_upgrade_and_downgrade_restart_once_each(worker, applied, release):
    before = starts(worker)
    result = applied(worker, hosts_worker=release("0.32.8"))
    assert result.rc == 0, result
    assert json.loads(get(worker, "/api/version")) == {"version": "0.32.8"}
    assert starts(worker) == before + 1
    result = applied(worker, hosts_worker=release("0.32.7", url="http://10.40.0.10/not-needed"))
    assert result.rc == 0, result
    assert json.loads(get(worker, "/api/version")) == {"version": "0.32.7"}
    assert starts(worker) == before + 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, ["checksum", "0.32.8", "sha256sum.txt"]),
        pytest.param(
            {"url": "http://10.40.0.10/v0.0.0/nothing"},
            ["404", "mirror", "ollama_worker_url"],
            marks=pytest.mark.thorough,
        ),
        (
            {"url": "http://10.40.0.99/v0.32.8/ollama-linux-amd64.tar.zst"},
            ["10.40.0.99", "mirror", "way to the internet"],
        ),
    ],
    ids=["wrong sum", "wrong address", "mirror that is down"],
)
def test_a_bad_release_is_refused_and_nothing_touched(worker, applied, release, changes, words):
    before = state(worker)
    result = applied(
        worker,
        hosts_worker=release("0.32.8", **{"sha256": "1" * 64, **changes}),
        options=[*ROOMY, "-e", "ollama_worker_download_timeout=5"],
    )
    assert result.rc != 0
    for word in [*words, "was not touched"]:
        assert word in result.output, result
    assert state(worker) == before
    assert worker.run("ls /opt/ollama").text.split() == ["applied", "current", "releases"]
    assert "version" in get(worker, "/api/version")


def test_a_disk_without_room_is_refused_and_nothing_touched(worker, applied, release):
    before = state(worker)
    result = applied(worker, hosts_worker=release("0.32.8", sha256="1" * 64), options=OPTIONS)
    assert result.rc != 0
    for word in ("MiB free", "asks for 4096", "Free some", "was not touched"):
        assert word in result.output, result
    assert state(worker) == before


def test_a_disk_that_fills_up_is_refused_and_nothing_touched(worker, applied, release):
    """Room for Ansible's own files is left, none for an archive."""
    worker.run("rm -rf /opt/ollama/releases/0.32.8*")
    worker.run("fallocate -l $(($(df --block-size=1 --output=avail / | tail -1) - 6000000)) /filler")
    before = state(worker)
    try:
        result = applied(worker, hosts_worker=release("0.32.8"), options=[*OPTIONS, "-e", "ollama_worker_space=0"])
    finally:
        worker.run("rm -f /filler")
    assert result.rc != 0
    for word in ("No space left", "disk is full", "was not touched"):
        assert word in result.output, result
    assert state(worker) == before
    assert worker.run("ls /opt/ollama").text.split() == ["applied", "current", "releases"]
    assert "version" in get(worker, "/api/version")


def test_never_runs_without_the_store(worker):
    worker.run("systemctl mask --runtime share.mount && umount /share")
    wait("the service has stopped with the mount", lambda: show(worker, "ActiveState")[0] in ("inactive", "failed"))
    assert worker.run("systemctl start ollama", check=False).rc != 0
    assert show(worker, "ActiveState")[0] != "active"
    assert worker.run("ls -A /share").text == "", "nothing was written below the mount point"
    worker.run("rm -f /run/systemd/system/share.mount; systemctl unmask --runtime share.mount; systemctl daemon-reload")
    worker.run("systemctl start share.mount")
    wait_ready(worker)


def test_refuses_to_go_on_without_the_store(worker, applied):
    worker.run("systemctl stop share.mount")
    result = applied(worker)
    assert result.rc != 0
    assert "Nothing is mounted at /share" in result.output, result
    assert result.changes == 0
    worker.run("systemctl start share.mount")
    wait_ready(worker)


def test_comes_back_after_a_failure(worker):
    (pid,) = show(worker, "MainPID")
    worker.run(f"kill -KILL {pid}")
    wait("it runs again", lambda: show(worker, "MainPID")[0] not in ("0", pid) and get(worker, "/api/version"))


# 2.12 has converged it, 2.14 does what is tested elsewhere here.
@pytest.mark.parametrize("core", [pytest.param("2.16", marks=pytest.mark.thorough), "2.19"])
def test_drift_is_repaired(worker, applied, core):
    worker.run(
        "sed -i 's/^User=.*/User=root/' /etc/systemd/system/ollama.service; systemctl daemon-reload; systemctl restart ollama"
    )
    worker.run("echo '#!/bin/sh' > /opt/ollama/current/bin/ollama; echo OLLAMA_NOPRUNE=0 >> /etc/ollama/worker.env")
    worker.run("systemctl disable --now ollama; chown root /share/models")
    result = applied(worker, core=core)
    assert result.rc == 0, result
    for task in (
        "Put it beside the other releases, with its files' sums",
        "Make the store's folder",
        "Write the service's settings",
        "Write the service's unit",
        "Enable the service",
        "Restart the service, for something changed",
    ):
        assert f"ollama_worker : {task}" in result.changed, result
    assert get(worker, "/") == "Ollama is running"
    assert show(worker, "User", "UnitFileState") == ["ollama", "enabled"]
    assert applied(worker, core=core).changes == 0


@pytest.mark.thorough
def test_check_mode_changes_nothing(worker, applied, release):
    before = state(worker)
    result = applied(worker, hosts_worker=release("0.32.8"), options=[*ROOMY, "--check"])
    assert result.rc == 0, result
    assert "ollama_worker : Choose the release" in result.changed
    assert state(worker) == before


def test_refuses_a_kind_without_settings(worker, applied):
    result = applied(worker, extra="zone=zone-a kind=painting")
    assert result.rc != 0
    assert "kind=painting" in result.output, result
    assert result.changes == 0


@pytest.mark.thorough
def test_refuses_settings_that_are_not_ollamas(worker, applied, release):
    result = applied(
        worker, hosts_worker=release("0.32.7", settings={"chat": {"OLLAMA_MODELS": "/tmp", "PATH": "/tmp"}})
    )
    assert result.rc != 0
    assert "names PATH, OLLAMA_MODELS" in result.output, result


@pytest.mark.usefixtures("registry")
def test_models_are_pulled_and_listed(worker, applied):
    result = applied(worker, playbook="models.yml", options=[])
    assert result.rc == 0, result
    assert "100 %" in result.output, "progress is shown"
    assert applied(worker, playbook="models.yml", options=[]).changes == 0
    assert applied(worker, playbook="models_check.yml", options=[]).rc == 0


def test_all_of_it_after_a_reboot(worker, applied):
    before = get(worker, "/api/tags")
    worker.reboot()
    wait_ready(worker)
    assert get(worker, "/api/tags") == before
    assert applied(worker).changes == 0
