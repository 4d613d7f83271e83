"""Compiled templates are kept, by text and settings, and what a worker compiled serves the process that forked it."""

from __future__ import annotations

import marshal
import os

import pytest
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.lks.llm.plugins.plugin_utils import warm_templates


@pytest.fixture
def templates(tmp_path, monkeypatch):
    monkeypatch.setattr(AnsibleEnvironment, "compile", AnsibleEnvironment.compile)  # put back afterwards
    return warm_templates.start(tmp_path)


@pytest.fixture
def compiled(templates, monkeypatch) -> list[str]:
    """The templates that were compiled, in order."""
    seen: list[str] = []
    compile_one = templates.compile_one

    def compile_and_note(environment, source, *arguments, **options):
        seen.append(source)
        return compile_one(environment, source, *arguments, **options)

    monkeypatch.setattr(templates, "compile_one", compile_and_note)
    return seen


def render(text: str, escape_backslashes: bool = True, overrides: dict | None = None, **variables):
    templar = Templar(DataLoader(), variables)
    return templar.template(trust_as_template(text), escape_backslashes=escape_backslashes, overrides=overrides)


def test_a_template_is_compiled_once_and_rendered_each_time(compiled):
    assert [render("{{ number + 1 }}", number=number) for number in (1, 2, 3)] == [2, 3, 4]
    assert compiled == ["{{ number + 1 }}"]


def test_what_is_compiled_otherwise_is_another_template(compiled):
    assert render(r"{{ 'a\\b' }}") == r"a\\b"
    assert render(r"{{ 'a\\b' }}", escape_backslashes=False) == r"a\b"
    assert render("{% if true %}\na{% endif %}") == "a"
    assert render("{% if true %}\na{% endif %}", overrides={"trim_blocks": False}) == "\na"
    assert len(compiled) == 4


def test_what_cannot_be_compiled_is_said_each_time(compiled):
    for _again in range(2):
        with pytest.raises(AnsibleError, match="Syntax error in template"):
            render("{{ nothing")
    assert len(compiled) == 2


def test_what_a_worker_compiles_is_known_to_those_after_it(templates, compiled):
    texts = [f"{{{{ number + {index} }}}}" for index in range(30)]
    workers = []
    for part in (texts[:20], texts[10:]):
        worker = os.fork()
        if worker == 0:
            for text in part:
                render(text, number=1)
            os._exit(0)
        workers.append(worker)
    assert [os.waitpid(worker, 0)[1] for worker in workers] == [0, 0]
    templates.learn()
    assert [render(text, number=1) for text in texts] == [1 + index for index in range(30)]
    assert compiled == []


def test_what_is_being_written_is_learnt_when_it_is_whole(templates):
    lesson = marshal.dumps((("text", True), compile("1", "text", "eval")))
    whole = warm_templates.SIZE.pack(len(lesson)) + lesson
    for end in (2, warm_templates.SIZE.size, len(whole) - 1):
        os.ftruncate(templates.notes, 0)
        os.pwrite(templates.notes, whole[:end], 0)
        templates.learn()
        assert ("text", True) not in templates.known
    os.ftruncate(templates.notes, 0)
    os.pwrite(templates.notes, whole, 0)
    templates.learn()
    assert ("text", True) in templates.known
