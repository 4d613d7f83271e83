"""What the processes that Ansible forks find ready."""

from __future__ import annotations

import pkgutil

import pytest
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible._internal._templating._jinja_plugins import JinjaPluginIntercept
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, test_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.lks.llm.plugins.plugin_utils import warm


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
