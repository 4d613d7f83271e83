# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""API (A-1 to A-5)."""

import re

from ansible_collections.lks.llm.plugins.module_utils.verify.balancing import leads_to
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged

COGNITO = "COGNITO_USER_POOLS"
ORIGIN = "Access-Control-Allow-Origin"


def there(system):
    """A-1"""
    if system.api_or_none is None:
        yield Finding(f"there is no REST API in {system.home.region}", f"{system.prefix}api-gateway", missing=True)
        return
    kinds = system.api.get("endpointConfiguration", {}).get("types", [])
    if kinds != ["REGIONAL"]:
        yield Finding(f"its endpoint is {', '.join(kinds)}", system.api["id"], expected="REGIONAL")


def deployed(system):
    """A-1"""
    if not system.api["stages"]:
        yield Finding("it has no stage, so nobody can call it", system.api["id"], missing=True)
    for stage in system.api["stages"]:
        if not stage.get("deploymentId"):
            yield Finding(f"its stage {stage['stageName']} has no deployment", system.api["id"])


def cognito_authorizers(system):
    return {each["id"]: each for each in system.api["authorizers"] if each.get("type") == COGNITO}


def authorizer(system):
    """A-1"""
    found = cognito_authorizers(system)
    if not found:
        yield Finding("it has no Cognito authorizer", system.api["id"], missing=True)
    for each in found.values():
        if each.get("identitySource") != "method.request.header.Authorization":
            yield Finding(
                f"the authorizer reads the token from {each.get('identitySource')}",
                each["id"],
                expected="the Authorization header",
            )
        if system.pool.get("Arn") not in each.get("providerARNs", []):
            yield Finding("the authorizer trusts another user pool", each["id"], expected=system.pool.get("Arn", ""))


def methods_behind(system):
    """A-1"""
    known = cognito_authorizers(system)
    if not known:
        raise NotJudged("the API has no Cognito authorizer")
    for path, verb, method in system.methods():
        if verb != "OPTIONS" and (
            method.get("authorizationType") != COGNITO or method.get("authorizerId") not in known
        ):
            yield Finding(f"{verb} {path} is open to everybody ({method.get('authorizationType')})", system.api["id"])


def resource_at(system, path):
    return next((each for each in system.api["resources"] if each["path"] == path), None)


def shape(path):
    """A path without the names of its parameters, which are anybody's choice."""
    return re.sub(r"\{[^}+]+\}", "{}", path)


def verbs_at(system, path):
    """{verb: method} of the resource with this path, whatever its parameters are called."""
    wanted = shape(path)
    return next(
        (each.get("resourceMethods") or {} for each in system.api["resources"] if shape(each["path"]) == wanted), None
    )


def conversation_paths(system):
    """A-2"""
    for path, verbs in system.expected["conversation_paths"].items():
        found = verbs_at(system, path)
        lacking = [verb for verb in verbs if verb not in (found or {})]
        if found is None or lacking:
            yield Finding(f"{path} has no {', '.join(lacking)}", system.api["id"], missing=True)


def conversation_calls(system):
    """A-2"""
    name = system.function["FunctionName"]
    for path, verbs in system.expected["conversation_paths"].items():
        for verb, method in (verbs_at(system, path) or {}).items():
            uri = method.get("methodIntegration", {}).get("uri", "")
            if verb in verbs and f":function:{name}/invocations" not in uri and f":function:{name}:" not in uri:
                yield Finding(
                    f"{verb} {path} calls {uri or 'nothing'}", system.api["id"], expected=f"the function {name}"
                )


def zone_methods(system, zone):
    """[(path, verb, method)] of the zone's greedy path."""
    return [
        (path, verb, method)
        for path, verb, method in system.methods()
        if path.startswith(f"/{zone.region}/") and path.endswith("+}")
    ]


def zone_paths(system, zone):
    """A-3"""
    present = {verb for _path, verb, _method in zone_methods(system, zone)} if system.api else set()
    lacking = [verb for verb in ("GET", "POST") if verb not in present and "ANY" not in present]
    if lacking:
        yield Finding(f"/{zone.region}/* has no {', '.join(lacking)}", system.api["id"], missing=True)


def calls(system, zone):
    """The zone's methods that are forwarded; NotJudged where there are none."""
    found = [each for each in zone_methods(system, zone) if each[1] in ("GET", "POST", "ANY")]
    if not found:
        raise NotJudged(f"the API has no path for {zone.name}")
    return found


def zone_links(system, zone):
    """A-3"""
    links = {each["id"]: each for each in system.home.part("vpc_links")}
    for path, verb, method in calls(system, zone):
        integration = method.get("methodIntegration", {})
        link = links.get(integration.get("connectionId"))
        if integration.get("connectionType") != "VPC_LINK" or link is None:
            yield Finding(f"{verb} {path} goes through no VPC link", system.api["id"])
        elif system.home.nlb["LoadBalancerArn"] not in link.get("targetArns", []):
            yield Finding(
                f"{verb} {path} goes to another load balancer than {system.home.nlb['LoadBalancerName']}", link["id"]
            )


URI = re.compile(r"http://(?P<host>[^/:]+)(?::(?P<port>\d+))?(?P<path>/.*)?")


def zone_targets(system, zone):
    """A-3. The port of the URI is a listener of the NLB, and that leads to the zone's ALB."""
    home = system.home
    for path, verb, method in calls(system, zone):
        uri = method.get("methodIntegration", {}).get("uri", "")
        parts = URI.fullmatch(uri)
        port = int(parts["port"] or 80) if parts else None
        listener = next((each for each in home.nlb["Listeners"] if each["Port"] == port), None)
        if listener is None:
            yield Finding(f"{verb} {path} calls {uri}, where nothing listens", system.api["id"])
            continue
        others = [other.name for other in system.zones if other is not zone and leads_to(home, listener, other)]
        if others:
            yield Finding(
                f"{verb} {path} calls {uri}, which leads to {', '.join(others)}", system.api["id"], expected=zone.name
            )


def zone_rewrites(system, zone):
    """A-3. /us-east-1/tags becomes /api/tags."""
    for path, verb, method in calls(system, zone):
        integration = method.get("methodIntegration", {})
        parts = URI.fullmatch(integration.get("uri", ""))
        name = path.rsplit("{", 1)[1].rstrip("+}")
        wanted = f"{system.expected['backend_path']}/{{{name}}}"
        if parts is None or parts["path"] != wanted:
            yield Finding(
                f"{verb} {path} becomes {parts['path'] if parts else integration.get('uri')}",
                system.api["id"],
                expected=wanted,
            )
        elif (
            integration.get("requestParameters", {}).get(f"integration.request.path.{name}")
            != f"method.request.path.{name}"
        ):
            yield Finding(f"{verb} {path} does not pass the rest of its path on", system.api["id"])


def link_available(system):
    """A-3"""
    links = [each for each in system.home.part("vpc_links") if each["name"].startswith(system.prefix)]
    used = {
        method.get("methodIntegration", {}).get("connectionId")
        for _path, _verb, method in (system.methods() if system.api_or_none else [])
    }
    links += [each for each in system.home.part("vpc_links") if each["id"] in used and each not in links]
    if not links:
        yield Finding("there is no VPC link", f"{system.prefix}vpc-link", missing=True)
    for link in links:
        if link.get("status") != "AVAILABLE":
            yield Finding(
                f"the VPC link {link['name']} is {link.get('status')} {link.get('statusMessage', '')}".strip(),
                link["id"],
                expected="AVAILABLE",
            )


def streams(system, zone):
    """A-4"""
    for path, verb, method in calls(system, zone):
        if method.get("methodIntegration", {}).get("responseTransferMode") != "STREAM":
            yield Finding(
                f"{verb} {path} keeps the answer back until it is complete",
                system.api["id"],
                expected="responseTransferMode STREAM",
            )


def patience(system, zone):
    """A-4"""
    for path, verb, method in calls(system, zone):
        milliseconds = int(method.get("methodIntegration", {}).get("timeoutInMillis", 29000))
        if milliseconds < 1000 * system.expected["idle_seconds"]:
            yield Finding(
                f"{verb} {path} is cut off after {milliseconds / 1000:.0f} s",
                system.api["id"],
                expected=f"{system.expected['idle_seconds']} s at least",
            )


def preflights(system):
    """A-5"""
    for resource in system.api["resources"]:
        verbs = resource.get("resourceMethods") or {}
        if not verbs:
            continue
        options = verbs.get("OPTIONS")
        if options is None:
            yield Finding(f"{resource['path']} has no OPTIONS", system.api["id"], missing=True)
        elif options.get("authorizationType") != "NONE":
            yield Finding(f"OPTIONS {resource['path']} asks for a token, which no browser sends", system.api["id"])


def allowed_headers(system):
    """A-5"""
    for path, verb, method in system.methods():
        if verb != "OPTIONS":
            continue
        answers = method.get("methodIntegration", {}).get("integrationResponses", {}).values()
        headers = {
            key.rsplit(".", 1)[-1].lower(): value.lower()
            for each in answers
            for key, value in (each.get("responseParameters") or {}).items()
        }
        names = headers.get("access-control-allow-headers", "")
        if ORIGIN.lower() not in headers:
            yield Finding(f"OPTIONS {path} does not say which origins may call", system.api["id"])
        elif "authorization" not in names or "content-type" not in names:
            yield Finding(
                f"OPTIONS {path} allows the headers {names or 'none'}",
                system.api["id"],
                expected="authorization and content-type",
            )


def errors_readable(system):
    """A-5. Without these headers a browser hides an error, a 401 included, from the client."""
    responses = {each["responseType"]: each for each in system.api["gatewayResponses"]}
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        headers = responses.get(kind, {}).get("responseParameters", {})
        if not any(key.lower() == f"gatewayresponse.header.{ORIGIN}".lower() for key in headers):
            yield Finding(f"{kind} answers carry no {ORIGIN}", system.api["id"])


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "A-1.api", "The REST API", there, "a regional REST API in the home zone's region", RERUN, 3, makes="REST API"
    ),
    Check("A-1.stage", "It is deployed", deployed, "a stage with a deployment", RERUN, 2, makes="stage of the API"),
    Check(
        "A-1.authorizer",
        "Its authorizer",
        authorizer,
        "a Cognito authorizer for the user pool, with the token in Authorization",
        RERUN,
        2,
        makes="authorizer",
    ),
    Check(
        "A-1.methods",
        "Every method is behind it",
        methods_behind,
        "every method but OPTIONS behind the Cognito authorizer",
        RERUN,
        4,
    ),
    Check(
        "A-2.paths",
        "Paths of conversations",
        conversation_paths,
        "GET, POST, DELETE of a user's, GET, PUT, DELETE of one",
        RERUN,
        2,
        makes="paths of conversations",
    ),
    Check("A-2.function", "They call the function", conversation_calls, "the conversation function", RERUN, 1),
    Check(
        "A-3.paths",
        "A path for each zone",
        zone_paths,
        "GET and POST of /<region>/*",
        RERUN,
        2,
        zones=True,
        makes="path of the API to the workers",
    ),
    Check("A-3.link", "Through the VPC link", zone_links, "the VPC link to the home zone's NLB", RERUN, 1, zones=True),
    Check(
        "A-3.target",
        "To that zone's load balancer",
        zone_targets,
        "the NLB's listener that leads to the zone",
        RERUN,
        2,
        zones=True,
    ),
    Check(
        "A-3.rewrite",
        "With /api before the rest",
        zone_rewrites,
        "/api/ and the rest of the path",
        RERUN,
        1,
        zones=True,
    ),
    Check(
        "A-3.available",
        "The VPC link is available",
        link_available,
        "AVAILABLE",
        "Run {playbook}: it replaces a link that failed.",
        2,
        makes="VPC link",
    ),
    Check("A-4.stream", "Answers stream", streams, "a streamed answer", RERUN, 2, zones=True),
    Check("A-4.timeout", "Slow answers are waited for", patience, "a timeout of minutes", RERUN, 2, zones=True),
    Check("A-5.preflight", "Browsers may ask before", preflights, "OPTIONS without a token on every path", RERUN, 2),
    Check(
        "A-5.headers",
        "... and are allowed what the client sends",
        allowed_headers,
        "origins, and the headers authorization and content-type",
        RERUN,
        1,
    ),
    Check(
        "A-5.errors",
        "Errors can be read by browsers too",
        errors_readable,
        "CORS headers on API Gateway's own answers",
        RERUN,
        2,
    ),
]
