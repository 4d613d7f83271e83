"""What the processes that Ansible forks find ready."""

from __future__ import annotations

import pkgutil

import pytest
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible._internal._templating._jinja_plugins import JinjaPluginIntercept
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader, filter_loader, test_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.lks.llm.plugins import action
from ansible_collections.lks.llm.plugins.plugin_utils import warm, warm_class


def test_jinjas_own_filters_are_found_without_a_search_and_all_others_as_ever(monkeypatch):
    monkeypatch.setattr(JinjaPluginIntercept, "__getitem__", JinjaPluginIntercept.__getitem__)  # put back at the end
    for loader in (filter_loader, test_loader):
        list(loader.all())
    environment = AnsibleEnvironment()
    ordinary = {name: environment.filters[name] for name in ("combine", "root", "lower")}
    warm.find_jinjas_own()
    search, searched = pkgutil.iter_modules, []

    def note(*arguments, **options):
        searched.append(arguments)
        return search(*arguments, **options)

    monkeypatch.setattr(pkgutil, "iter_modules", note)

    def render(text):
        return Templar(DataLoader(), {"number": 9}).template(trust_as_template(text))

    assert render("{{ nothing | default('A') | lower if number is defined }}") == "a"
    assert render("{{ {'a': 1} | combine({'b': [1, 2] | length}) }}") == {"a": 1, "b": 2}
    assert render("{{ number | root }}") == 3.0
    assert searched == []
    with pytest.raises(AnsibleError, match="no_such_filter"):
        render("{{ number | no_such_filter }}")
    assert searched
    anew = AnsibleEnvironment().filters
    assert {name: anew[name].__name__ for name in ordinary} == {name: each.__name__ for name, each in ordinary.items()}


def test_modules_with_action_plugins_of_their_own_run_warm_too():
    """Those of plugins that share a class as well, once each."""
    names = [found.name for found in pkgutil.iter_modules(action.__path__)]
    plugins = [action_loader.get(f"lks.llm.{name}", class_only=True) for name in names]
    assert len(plugins) > 1
    before = {each: each.__bases__ for plugin in plugins for each in plugin.__mro__ if ActionBase in each.__bases__}
    try:
        for _twice in range(2):
            warm_class.adopt(["lks.llm"])
        for plugin in plugins:
            warmed = [each.__qualname__ for each in plugin.__mro__ if "_warm_job" in vars(each)]
            assert warmed == ["warm_class.<locals>.ActionModule"]
    finally:
        for each, bases in before.items():
            each.__bases__ = bases
