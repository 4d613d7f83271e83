"""An application load balancer: rules by priority, answers of its own, and requests that it makes of its targets for its clients.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html
"""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import balancing, listener_rules, network
from localcloud.dataplane.messages import Answer, Headers, Request
from localcloud.dataplane.picture import attributes
from localcloud.dataplane.upstream import Failed, Idle, Patience, Whole, of_the_message
from localcloud.services.elbv2 import RESPONSE_HEADERS
from plugins.module_utils.reachability.model import Balancer, Interface, Listener

if TYPE_CHECKING:
    from localcloud.dataplane.route import Journey

VALID_NAME = re.compile(r"[A-Za-z0-9-]+")
SAID_BY_THE_BALANCER = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")
SERVER = ("Server", "awselb/2.0")
FORWARDED_LIMIT = 30  # addresses in X-Forwarded-For, more are answered with 463


async def serve(
    journey: Journey, balancer: Balancer, node: Interface, port: int, request: Request, client: network.Client
) -> Answer:
    """The answer to a request that came in at a node from `client`."""
    listener = journey.listener(balancer, port)
    answer = await decide(journey, balancer, listener, node, port, request, client)
    answer.headers = towards_client(answer.headers, attributes(journey.described(listener.id)))
    return answer


async def decide(
    journey: Journey,
    balancer: Balancer,
    listener: Listener,
    node: Interface,
    port: int,
    request: Request,
    client: network.Client,
) -> Answer:
    """What the listener's rules say."""
    described = journey.described(listener.id)
    scheme = "https" if described["Protocol"] == "HTTPS" else "http"
    settings = attributes(journey.picture.balancers[balancer.id])
    if listener_rules.header(request.headers, "x-forwarded-for").count(",") >= FORWARDED_LIMIT:
        return own_answer(463)
    action = listener_rules.deciding(listener_rules.applying(described["Rules"], request, client.address)["Actions"])
    if action["Type"] == "fixed-response":
        return fixed(action["FixedResponseConfig"])
    if action["Type"] == "redirect":
        where = listener_rules.location(action["RedirectConfig"], request, scheme, port)
        return own_answer(int(action["RedirectConfig"]["StatusCode"].removeprefix("HTTP_")), [("Location", where)])
    if action["Type"] != "forward":
        raise journey.blocked(f"{action['Type']}, which a rule of {balancer.name} asks for, is not emulated")
    weights = listener_rules.weights(action)
    if not weights:
        return own_answer(503)
    chosen = balancing.TURNS.weighed(",".join([listener.id, *sorted(weights)]), weights)
    group = journey.group(chosen)
    found = balancing.fit(balancing.candidates(journey.picture, balancer, group, node), group.id)
    if not found:
        return own_answer(503)
    patience = Patience(float(settings.get("idle_timeout.timeout_seconds") or 60), balancer.name)
    journey.waits(patience)
    forwarded = Request(
        request.method, request.target, towards_target(request.headers, settings, client, scheme, port), request.body
    )
    own = network.Client(balancer.id, network.address_of(node))
    try:
        return await journey.to_target(balancer, node, group, found, forwarded, own, None)
    except Failed:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
        return own_answer(502)
    except Idle as idle:
        if idle.patience is not patience:
            raise
        return own_answer(504)


def fixed(config: dict[str, Any]) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html#fixed-response-actions"""
    body = (config.get("MessageBody") or "").encode()
    kind = config.get("ContentType") or "text/plain"
    headers = [("Content-Type", f"{kind}; charset=utf-8")] if body else []
    return complete(int(config["StatusCode"]), headers, body)


def own_answer(status: int, headers: Headers | None = None) -> Answer:
    """In HTML, as the balancer answers by itself."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Bad Request"
    title = f"{status} {phrase}"
    text = f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    return complete(status, [*(headers or []), ("Content-Type", "text/html")], text.encode())


def complete(status: int, headers: Headers, body: bytes) -> Answer:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    always = [SERVER, ("Date", date), ("Content-Length", str(len(body)))]
    return Answer(status, [*always, *headers], Whole(body))


def towards_client(headers: Headers, settings: dict[str, str]) -> Headers:
    """An answer's headers with those that the listener adds, or has in place of the target's."""
    added = {name: settings[key] for key, name in RESPONSE_HEADERS.items() if settings.get(key)}
    names = {name.lower() for name in added}
    kept = [(key, value) for key, value in headers if key.lower() not in names]
    if settings.get("routing.http.response.server.enabled") == "false":
        kept = [(key, value) for key, value in kept if (key, value) != SERVER]
    return [*kept, *added.items()]


def towards_target(
    headers: Headers, settings: dict[str, str], client: network.Client, scheme: str, port: int
) -> Headers:
    """A request's headers as the target gets them.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
    """
    found = of_the_message(headers)
    if settings.get("routing.http.drop_invalid_header_fields.enabled") == "true":
        found = [(key, value) for key, value in found if VALID_NAME.fullmatch(key)]
    kept = [(key, value) for key, value in found if key.lower() not in SAID_BY_THE_BALANCER]
    before = [value for key, value in found if key.lower() == "x-forwarded-for"]
    mode = settings.get("routing.http.xff_header_processing.mode", "append")
    if mode == "append":
        kept.append(("X-Forwarded-For", ", ".join([*before, client.address])))
    elif mode == "preserve" and before:
        kept.append(("X-Forwarded-For", ", ".join(before)))
    kept += [("X-Forwarded-Proto", scheme), ("X-Forwarded-Port", str(port))]
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
    if not listener_rules.header(kept, "x-amzn-trace-id"):
        kept.append(("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"))
    return kept
