"""Listener rules of an application load balancer: which one applies to a request, and what it answers by itself.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import unquote_plus

from localcloud.dataplane.messages import Headers, Request
from plugins.module_utils.reachability.balance import wildcard

Described = dict[str, Any]


def header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "")


def in_order(rules: list[Described]) -> list[Described]:
    """By priority, the default rule last."""
    return sorted(
        rules, key=lambda rule: (rule["Priority"] == "default", int(rule["Priority"].replace("default", "0")))
    )


def applying(rules: list[Described], request: Request, client: str) -> Described:
    """The first rule of which all conditions hold. client: the address that the request comes from."""
    return next(
        rule
        for rule in in_order(rules)
        if all(holds(condition, request, client) for condition in rule.get("Conditions") or [])
    )


def holds(condition: Described, request: Request, client: str) -> bool:
    """Whether one of a condition's values matches.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    kind = condition["Field"]
    path, _, query = request.target.partition("?")
    config: Described = next((condition[key] for key in condition if key.endswith("Config")), {})
    values = config.get("Values") or condition.get("Values") or []
    if kind == "path-pattern":
        return any(wildcard(each, path, case=True) for each in values)
    if kind == "host-header":
        host = header(request.headers, "host").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else "".join(host)
        return any(wildcard(each, name, case=False) for each in values)
    if kind == "http-header":
        found = [value for key, value in request.headers if key.lower() == config["HttpHeaderName"].lower()]
        return any(wildcard(each, value, case=False) for each in values for value in found)
    if kind == "http-request-method":
        return request.method in values
    if kind == "query-string":
        pairs = [tuple(map(unquote_plus, part.partition("=")[::2])) for part in query.split("&") if part]
        return any(
            ("Key" not in each or wildcard(each["Key"], key, case=False)) and wildcard(each["Value"], value, case=False)
            for each in values
            for key, value in pairs
        )
    if kind == "source-ip":
        return any(ipaddress.ip_address(client) in ipaddress.ip_network(each, strict=False) for each in values)
    raise ValueError(f"a condition on {kind} is not understood")


def deciding(actions: list[Described]) -> Described:
    """The action that ends a rule: the last one, by its order."""
    return max(actions, key=lambda action: action.get("Order", 0))


def weights(action: Described) -> dict[str, int]:
    """A forward's target groups with their weights; those of weight 0 get nothing."""
    listed = action.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
    found = {each["TargetGroupArn"]: int(each.get("Weight", 1)) for each in listed if each.get("TargetGroupArn")}
    return {arn: weight for arn, weight in found.items() if weight > 0}


def location(config: Described, request: Request, protocol: str, port: int) -> str:
    """Where a redirect leads to: its parts may name those of the request.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html
    """
    path, _, query = request.target.partition("?")
    own = {
        "#{protocol}": protocol,
        "#{host}": header(request.headers, "host").partition(":")[0],
        "#{port}": str(port),
        "#{path}": path.removeprefix("/"),
        "#{query}": query,
    }

    def filled(key: str, default: str) -> str:
        text = config.get(key) or default
        for name, value in own.items():
            text = text.replace(name, value)
        return text

    scheme = filled("Protocol", "#{protocol}").lower()
    where = filled("Port", "#{port}")
    usual = {"http": "80", "https": "443"}.get(scheme)
    asked = filled("Query", "#{query}")
    authority = filled("Host", "#{host}") + ("" if where == usual else f":{where}")
    return f"{scheme}://{authority}{filled('Path', '/#{path}')}" + (f"?{asked}" if asked else "")
