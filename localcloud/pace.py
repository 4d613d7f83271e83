"""How long things take to become available: quickly, so that nobody waits for an emulator, or as slowly as on AWS.

LOCALCLOUD_PACE is a factor of AWS's own times: 1 is as AWS, 0.05 a twentieth of it, 0 (or nothing) the quick times below. Of a range of AWS's
the middle counts, always: a run can be made again. What is not yet available says so in every description, and what AWS refuses meanwhile is
refused.

Where a source says "logs of terraform apply", the range is from the shortest to the longest that logs published on GitHub show for the
resource ("Creation complete after 3m16s"): Terraform waits for the state that is named. An estimate is called one.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from localcloud import hooks

VARIABLE = "LOCALCLOUD_PACE"
KEPT = 2_000
REGISTRY = "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources"


@dataclass(frozen=True)
class Wait:
    """Seconds from what is asked of a service to when it is there: on AWS from `shortest` to `longest`, here without a factor `quick`."""

    service: str
    shortest: float
    longest: float
    quick: float
    source: str

    @property
    def middle(self) -> float:
        return (self.shortest + self.longest) / 2


WAITS = {
    "database": Wait("rds", 196, 512, 0, f"logs of terraform apply, available: {REGISTRY}/db_instance"),
    "database change": Wait("rds", 125, 135, 0, f"logs of terraform apply, available again: {REGISTRY}/db_instance"),
    "database deletion": Wait("rds", 255, 385, 0, f"logs of terraform destroy, gone: {REGISTRY}/db_instance"),
    "network load balancer": Wait("elbv2", 142, 161, 2.0, f"logs of terraform apply, active: {REGISTRY}/lb"),
    "application load balancer": Wait("elbv2", 126, 182, 0.5, f"logs of terraform apply, active: {REGISTRY}/lb"),
    "load balancer deletion": Wait(
        "elbv2", 40, 47, 0, f"logs of terraform destroy, its interfaces released: {REGISTRY}/lb"
    ),
    "vpc link": Wait(
        "apigateway", 120, 240, 1.0, "https://docs.aws.amazon.com/apigateway/latest/api/API_CreateVpcLink.html"
    ),
    "vpc link deletion": Wait("apigateway", 60, 120, 1.0, "an estimate: half of what its creation takes"),
    "file system": Wait("efs", 12, 12, 0.3, "https://github.com/turbot/steampipe-plugin-aws/pull/426, available"),
    "mount target": Wait("efs", 84, 90, 1.0, f"logs of terraform apply, available: {REGISTRY}/efs_mount_target"),
    "instance": Wait("ec2", 10, 42, 0, f"logs of terraform apply, running: {REGISTRY}/instance"),
    "instance termination": Wait("ec2", 20, 62, 0, f"logs of terraform destroy, terminated: {REGISTRY}/instance"),
    "managed instance": Wait(
        "ssm", 60, 180, 0, "an estimate: from the launch until Ubuntu has booted and its agent reported"
    ),
    "association": Wait(
        "ssm", 60, 90, 0, "an estimate: until the agent has polled, downloaded the document, and run it"
    ),
    "function": Wait("lambda", 8, 25, 0.3, f"logs of terraform apply, Active: {REGISTRY}/lambda_function"),
    "function change": Wait("lambda", 9, 9, 0.3, f"logs of terraform apply, Successful: {REGISTRY}/lambda_function"),
    "function interface deletion": Wait(
        "lambda", 0, 1200, 5, "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: up to 20 minutes"
    ),
    "client build": Wait("amplify", 120, 300, 1.5, "an estimate: a build of a Next.js app by Amplify"),
}


def parse(text: str | None) -> float:
    """The factor that the environment variable says; raises ValueError, with what to write instead."""
    try:
        factor = float(text or 0)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and 0 <= factor <= 10):
        raise ValueError(
            f"{VARIABLE} is '{text}'. It is a factor of AWS's own times, from 0 to 10: 1 is as slow as AWS, 0.05 a twentieth of it, "
            "0 or nothing as quick as can be."
        )
    return factor


@dataclass
class Asked:
    """Something that was asked for and takes its time; moments are those of time.time()."""

    kind: str
    name: str
    region: str
    asked: float
    ready: float


class Pace:
    """Without a factor nothing here starts a thread. With one, data planes are told of what becomes available by itself."""

    def __init__(self, factor: float = 0.0) -> None:
        self.factor = factor
        self.asked: deque[Asked] = deque(maxlen=KEPT)

    def seconds(self, kind: str) -> float:
        """How long that takes here."""
        wait = WAITS[kind]
        return wait.middle * self.factor if self.factor else wait.quick

    def ready_at(self, kind: str, region: str, name: str) -> float:
        """When something that is asked for now is there; a moment of time.monotonic()."""
        seconds = self.seconds(kind)
        if self.factor:
            self.keep(kind, region, name)
            facts = {"service": WAITS[kind].service, "operation": "", "region": region}
            after(seconds, lambda: hooks.tell("aws.changed", **facts))
        return time.monotonic() + seconds

    def later(self, kind: str, region: str, name: str, what: Callable[..., Any]) -> Asked:
        """Does it when that time has passed: at once where it takes none."""
        asked = self.keep(kind, region, name)
        if seconds := self.seconds(kind):
            after(seconds, what)
        else:
            what()
        return asked

    def keep(self, kind: str, region: str, name: str) -> Asked:
        now = time.time()
        asked = Asked(kind, name, region, now, now + self.seconds(kind))
        self.asked.append(asked)
        return asked

    def as_dict(self) -> dict[str, Any]:
        return {"factor": self.factor, "waits": [asdict(each) for each in list(self.asked)]}


def after(seconds: float, what: Callable[[], Any]) -> None:
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


def passed(moment: float) -> bool:
    return time.monotonic() >= moment


PACE = Pace()  # the command line gives it its factor
