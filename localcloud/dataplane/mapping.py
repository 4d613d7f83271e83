"""Parameters and bodies, from what a client sent to what an integration gets, and back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping.html
Of mapping templates there is the substitution of variables; the directives of the Velocity language are refused, not passed over.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from localcloud.dataplane.exchange import CONTEXT, STAGE, Exchange, Failure, header
from localcloud.dataplane.messages import Headers

DIRECTIVE = re.compile(r"#(?:set|if|elseif|else|end|foreach|define|macro|parse|include|stop|break)\b")
INPUT = re.compile(
    r"""\$input\.(?:params\(\s*['"](?P<parameter>[^'"]+)['"]\s*\)|json\(\s*['"](?P<json>\$[^'"]*)['"]\s*\)"""
    r"""|path\(\s*['"](?P<path>\$[^'"]*)['"]\s*\)|(?P<body>body)\b)"""
)
BEYOND = re.compile(r"\$!?\{?(?:input|util)\b")
PLACE = re.compile(r"\{([\w.:-]+)\+?\}")
# What may stand in a path without being encoded. https://www.rfc-editor.org/rfc/rfc3986#section-3.3
PATH_SAFE = "/:@!$&'()*+,;=~"


@dataclass
class Mapped:
    """What requestParameters of an integration come to."""

    path: dict[str, str] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: Headers = field(default_factory=list)


def request_value(exchange: Exchange, source: str) -> str | None:
    """What a source stands for: 'constant', context.x, stageVariables.x, method.request.{path,querystring,header,body}.x."""
    if len(source) > 1 and source[0] == source[-1] == "'":
        return source[1:-1]
    if source.startswith("context."):
        return exchange.variable(source.removeprefix("context."))
    if source.startswith("stageVariables."):
        return exchange.stage_variables.get(source.removeprefix("stageVariables."))
    if not source.startswith("method.request."):
        return None
    place, _, name = source.removeprefix("method.request.").partition(".")
    if place == "path":
        return exchange.path_parameters.get(name)
    if place in ("querystring", "multivaluequerystring"):
        values = [value for key, value in exchange.query if key == name]
    elif place in ("header", "multivalueheader"):
        values = [value for key, value in exchange.request.headers if key.lower() == name.lower()]
    elif place == "body":
        return from_body(exchange.request.body, name)
    else:
        return None
    if not values:
        return None
    return ",".join(values) if place.startswith("multivalue") else values[-1]


def from_body(body: bytes, name: str) -> str | None:
    if not name:
        return body.decode("utf-8", "replace")
    try:
        found = select(json.loads(body), f"$.{name}")
    except ValueError:
        return None
    return found if found is None or isinstance(found, str) else json.dumps(found)


def select(document: Any, path: str) -> Any:
    """A part of a document by a JSON path of names and indexes, $.a.b[0]; None where there is none."""
    for name, index in re.findall(r"\.?([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if index:
            document = document[int(index)] if isinstance(document, list) and int(index) < len(document) else None
        else:
            document = document.get(name) if isinstance(document, dict) else None
    return document


def integration_request(exchange: Exchange) -> Mapped:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html"""
    mapped = Mapped()
    for target, source in (exchange.integration.get("requestParameters") or {}).items():
        place, _, name = target.removeprefix("integration.request.").partition(".")
        value = request_value(exchange, source)
        if value is None:
            continue
        if place == "path":
            mapped.path[name] = value
        elif place == "querystring":
            mapped.query.append((name, value))
        elif place == "header":
            mapped.headers.append((name, value))
    return mapped


def fill(uri: str, exchange: Exchange, mapped: Mapped) -> str:
    """An integration's URI with its variables filled in; what was decoded on the way in is encoded again."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in mapped.path:
            raise Failure(
                "API_CONFIGURATION_ERROR", reason=f"the integration's URI names {match[0]}, which is not mapped"
            )
        return quote(mapped.path[match[1]], safe=PATH_SAFE)

    return PLACE.sub(value, exchange.with_stage_variables(uri))


def substitute(template: str, exchange: Exchange) -> str:
    """A template of a gateway response: variables alone, and nothing where one is not known."""
    text = CONTEXT.sub(lambda match: exchange.variable(match[1].lstrip(".")) or "", template)
    return STAGE.sub(lambda match: exchange.stage_variables.get(match[1], ""), text)


def render(template: str, exchange: Exchange, body: bytes) -> str:
    """A mapping template on a body; raises Failure for what would take the Velocity language."""
    if found := DIRECTIVE.search(template):
        raise Failure("API_CONFIGURATION_ERROR", reason=f"the local cloud does not run {found[0]} of mapping templates")

    def value(match: re.Match[str]) -> str:
        if match["parameter"]:
            return parameter(exchange, match["parameter"]) or ""
        if match["body"]:
            return body.decode("utf-8", "replace")
        try:
            document = json.loads(body) if body.strip() else {}
        except ValueError:
            document = {}
        found = select(document, match["json"] or match["path"])
        return json.dumps(found) if match["json"] or not isinstance(found, str) else found

    # What is put in is not looked at again: a client's text must not become a variable.
    parts, end = [], 0
    for match in INPUT.finditer(template):
        parts += [known(template[end : match.start()], exchange), value(match)]
        end = match.end()
    return "".join([*parts, known(template[end:], exchange)])


def known(text: str, exchange: Exchange) -> str:
    if found := BEYOND.search(text):
        raise Failure("API_CONFIGURATION_ERROR", reason=f"the local cloud does not know {text[found.start() :][:40]}")
    return substitute(text, exchange)


def parameter(exchange: Exchange, name: str) -> str | None:
    """$input.params(name): looked for in path, query string and headers, in this order."""
    if name in exchange.path_parameters:
        return exchange.path_parameters[name]
    return dict(exchange.query).get(name) or header(exchange.request.headers, name.lower())


def template_for(templates: dict[str, str], accept: str | None) -> tuple[str, str]:
    """(media type, template) for what a client accepts; JSON where nothing fits, else the first."""
    for accepted in (accept or "").split(","):
        media_type = accepted.partition(";")[0].strip().lower()
        if media_type in templates:
            return media_type, templates[media_type] or ""
    if not templates or "application/json" in templates:
        return "application/json", templates.get("application/json") or ""
    media_type = next(iter(templates))
    return media_type, templates[media_type] or ""


def response_value(exchange: Exchange, source: str, headers: Headers, body: bytes) -> str | None:
    """What a source of an integration response stands for: as in requests, and integration.response.{header,body}.x."""
    if source.startswith("integration.response.header."):
        return header(headers, source.removeprefix("integration.response.header.").lower())
    if source.startswith("integration.response.body"):
        return from_body(body, source.removeprefix("integration.response.body").lstrip("."))
    return request_value(exchange, source)


def replace_header(headers: Headers, name: str, value: str) -> None:
    headers[:] = [(key, old) for key, old in headers if key.lower() != name.lower()] + [(name, value)]
