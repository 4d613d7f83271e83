"""Which resource a path belongs to.

A literal step goes before a variable, a variable before a greedy one; the resource is chosen by the path alone, and a method that it
lacks is not looked for elsewhere.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html#api-gateway-proxy-resource
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote


@dataclass
class Node:
    """A step of the paths; `path` where a resource ends here."""

    path: str | None = None
    literals: dict[str, Node] = field(default_factory=dict)
    variable: tuple[str, Node] | None = None
    greedy: tuple[str, str] | None = None  # the variable, the resource


@dataclass(frozen=True)
class Match:
    resource: str
    parameters: dict[str, str]  # decoded, as REST APIs hand them on


class Resources:
    """The paths of one deployment."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.root = Node()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        node = self.root
        for step in steps(path):
            if step.startswith("{") and step.endswith("+}"):
                node.greedy = (step[1:-2], path)
                return
            if step.startswith("{") and step.endswith("}"):
                if node.variable is None:
                    node.variable = (step[1:-1], Node())
                node = node.variable[1]
            else:
                node = node.literals.setdefault(step, Node())
        node.path = path

    def match(self, path: str) -> Match | None:
        """The resource of a path as it was sent, percent-encoded."""
        return self.descend(self.root, [unquote(step) for step in steps(path)], {})

    def descend(self, node: Node, rest: list[str], found: dict[str, str]) -> Match | None:
        if not rest:
            return None if node.path is None else Match(node.path, found)
        step, *more = rest
        if step in node.literals and (match := self.descend(node.literals[step], more, found)):
            return match
        if node.variable and step:
            name, child = node.variable
            if match := self.descend(child, more, {**found, name: step}):
                return match
        if node.greedy:
            name, resource = node.greedy
            return Match(resource, {**found, name: "/".join(rest)})
        return None


def steps(path: str) -> list[str]:
    """Slashes at the beginning count as one, and one at the end is not looked at."""
    path = path.lstrip("/").removesuffix("/")
    return path.split("/") if path else []
