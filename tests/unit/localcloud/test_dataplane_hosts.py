"""What the file of hosts says for a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.dataplane import hosts

FACTS = {
    "kind": "chat",
    "settings": {"chat": {"KEEP": "24h", "MODE": 1}},
    "names": ["a", "b"],
    "address": "127.20.1.5",
    "port": 8000,
    "url": "",
}


def test_a_service_is_what_its_templates_make_of_the_facts() -> None:
    described = {
        "port": "{{ port }}",
        "command": ["serve", "--on", "{{ address }}:{{ port }}", "{{ names }}"],
        "environment": [{"KEEP": "1h", "KIND": "{{ kind }}"}, "{{ settings[kind] }}"],
        "restart_seconds": 5,
    }
    assert hosts.service(described, FACTS) == hosts.Service(
        port=8000,
        command=("serve", "--on", "127.20.1.5:8000", "a", "b"),
        environment=(("KEEP", "24h"), ("KIND", "chat"), ("MODE", "1")),
        restart_seconds=5.0,
    )


def test_what_serves_elsewhere_needs_no_process() -> None:
    described = {"port": 80, "url": "{{ 'http://127.0.0.1:11434/' if kind == 'chat' else '' }}", "command": ["x"]}
    assert hosts.service(described, FACTS) == hosts.Service(80, "http://127.0.0.1:11434")
    assert hosts.service(described, {**FACTS, "kind": "other"}) == hosts.Service(80, command=("x",))


def test_extra_variables_are_words_with_values() -> None:
    assert hosts.extra_variables("zone=zone-a kind=chat") == {"zone": "zone-a", "kind": "chat"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "must be a list"),
        ("- {serve: {}}", "have a playbook"),
        ("- {playbook: a.yml, serves: {}}", "a.yml  has no serves"),
        ("- {playbook: a.yml, serve: {port: 1, comand: []}}", "a.yml serve has no comand"),
        (": [", "mapping"),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_the_mistake_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "hosts.yml").write_text(content)
    with pytest.raises(hosts.Mistake, match=words):
        hosts.read(tmp_path / "hosts.yml")


def test_a_name_that_nothing_has_is_a_mistake() -> None:
    with pytest.raises(hosts.Mistake, match="missing"):
        hosts.render("{{ missing }}", FACTS)


def test_only_the_document_of_playbooks_is_known() -> None:
    entries = [{"playbook": "web.yml"}]
    assert hosts.entry_for(entries, "AWS-ApplyAnsiblePlaybooks", "web.yml") == entries[0]
    assert hosts.entry_for(entries, "AWS-ApplyAnsiblePlaybooks", "other.yml") is None
    assert hosts.entry_for(entries, "AWS-RunShellScript", "web.yml") is None
