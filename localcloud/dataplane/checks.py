"""Health checks: each target of every target group in use is asked, through the network, as often as the group says.

LOCALCLOUD_HEALTH_SCALE (0.2) shortens the intervals between checks; how long an answer may take is never shortened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from localcloud import ACCOUNT
from localcloud.dataplane import balancing, health, network, upstream
from localcloud.dataplane.health import PASSED, REGISTER, Key, Verdict
from localcloud.dataplane.messages import Blocked, Request
from localcloud.dataplane.picture import PICTURES, Picture
from localcloud.dataplane.route import Journey
from plugins.module_utils.reachability.model import Balancer, Interface

TICK_SECONDS = 0.2
RECENT_SECONDS = 5.0  # how old the picture may be while the control plane keeps changing
LEAST_SECONDS = 0.2
AGENT = "ELB-HealthChecker/2.0"
log = logging.getLogger("localcloud.health")


class Check:
    """One target as one node sees it."""

    def __init__(
        self, balancer: Balancer, node: Interface, described: dict[str, Any], target: balancing.Candidate
    ) -> None:
        self.balancer = balancer
        self.node = node
        self.described = described
        self.target = target

    @property
    def key(self) -> Key:
        return self.described["TargetGroupArn"], self.target.target, self.target.port

    @property
    def interval(self) -> float:
        scale = float(os.environ.get("LOCALCLOUD_HEALTH_SCALE") or 0.2)
        return max(self.described["HealthCheckIntervalSeconds"] * scale, LEAST_SECONDS)

    async def verdict(self, picture: Picture) -> Verdict:
        timed_out = Verdict(False, "Target.Timeout", "Request timed out")
        try:
            async with asyncio.timeout(self.described["HealthCheckTimeoutSeconds"]):
                return await self.ask(Journey(picture, self.balancer.region))
        except TimeoutError:
            return timed_out
        except (Blocked, network.Barred) as error:
            return timed_out if error.timed_out else Verdict(False, "Target.FailedHealthChecks", "Health checks failed")
        except (upstream.Failed, upstream.Idle):
            return Verdict(False, "Target.FailedHealthChecks", "Health checks failed")
        except Exception:  # a target whose check cannot be made must not keep the state that it had
            log.exception("the health check of %s", self.target.target)
            return Verdict(False, "Elb.InternalError", "Health checks failed due to an internal error")

    async def ask(self, journey: Journey) -> Verdict:
        told = str(self.described.get("HealthCheckPort") or "traffic-port")
        port = self.target.port if told == "traffic-port" else int(told)
        interface = network.take(journey.picture, self.node.id, self.target.address, port)
        if self.described["HealthCheckProtocol"] not in ("HTTP", "HTTPS"):
            await journey.connect(interface, port)
            return PASSED
        path = self.described.get("HealthCheckPath") or "/"
        request = Request("GET", path, [("Host", f"{self.target.address}:{port}"), ("User-Agent", AGENT)])
        client = network.Client(self.balancer.id, network.address_of(self.node))
        answer = await journey.arrive(interface, port, request, client)
        await answer.body.aclose()  # type: ignore[attr-defined]  # all bodies of this package have it
        if health.matched((self.described.get("Matcher") or {}).get("HttpCode") or "200-399", answer.status):
            return PASSED
        return Verdict(
            False, "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{answer.status}]"
        )


def wanted(picture: Picture) -> Iterator[Check]:
    """A check for each target that a balancer leads to, from the first of its nodes that may pick it."""
    for balancer in picture.network.balancers.values():
        arns = {arn for listener in balancer.listeners for rule in listener.rules for arn in rule.action.targets}
        for arn in sorted(arns & set(picture.network.target_groups)):
            described, group = picture.groups[arn], picture.network.target_groups[arn]
            if not described.get("HealthCheckEnabled", True):
                continue
            seen: set[tuple[str, int]] = set()
            for node in (
                picture.network.interfaces[each] for each in balancer.nodes if each in picture.network.interfaces
            ):
                for target in balancing.candidates(picture, balancer, group, node):
                    if target.used and (target.target, target.port) not in seen:
                        seen.add((target.target, target.port))
                        yield Check(balancer, node, described, target)


class Checker:
    """Checks on a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.due: dict[Key, float] = {}
        self.running: set[Key] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.ending = threading.Event()
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        REGISTER.checked = True
        self.ending.clear()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.watch()), name="health", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.ending.set()
        if self.thread is not None:
            self.thread.join(5)
            self.thread = None
        REGISTER.checked = False
        REGISTER.keep(set())

    async def watch(self) -> None:
        while not self.ending.is_set():
            try:
                await self.look()
            except Exception:  # the next look must not suffer from it
                log.exception("health checks")
            await asyncio.sleep(TICK_SECONDS)
        for task in self.tasks:
            task.cancel()
        await upstream.SESSIONS.close()

    async def look(self) -> None:
        """Begins the checks that are due."""
        balancers = getattr(sys.modules.get("moto.elbv2.models"), "elbv2_backends", {}).get(ACCOUNT, {})
        if not any(backend.load_balancers for backend in list(balancers.values())):
            REGISTER.keep(set())
            return
        picture = await asyncio.to_thread(PICTURES.recent, RECENT_SECONDS)
        checks = {check.key: check for check in wanted(picture)}
        REGISTER.keep(set(checks))
        now = time.monotonic()
        self.due = {key: at for key, at in self.due.items() if key in checks}
        for key, check in checks.items():
            if key not in self.running and self.due.get(key, 0) <= now:
                self.due[key] = now + check.interval
                self.running.add(key)
                task = asyncio.create_task(self.check(check, picture))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def check(self, check: Check, picture: Picture) -> None:
        key = check.key
        try:
            known = REGISTER.found.get(key)
            verdict = await check.verdict(picture)
            if REGISTER.found.get(key) is not known:
                return  # forgotten meanwhile: the verdict is on what there was before
            before = known or health.Health()
            found = health.after(
                before,
                verdict,
                healthy=check.described["HealthyThresholdCount"],
                unhealthy=check.described["UnhealthyThresholdCount"],
            )
            if found.state != before.state:
                log.info("%s of %s is %s %s", key[1], check.described["TargetGroupName"], found.state, found.reason)
            REGISTER.put(key, found)
        finally:
            self.running.discard(key)


CHECKER = Checker()
