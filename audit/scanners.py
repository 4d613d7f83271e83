"""Runs the scanners, each in a virtual environment of its own: what they need conflicts with what the modules need, and with each other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from audit.findings import Finding, of_custodian, of_prowler

HERE = Path(__file__).parent
# Prowler's names of the services that the system uses. IAM is not among them: nothing here makes any of it.
SERVICES = [
    "amplify",
    "apigateway",
    "awslambda",
    "backup",
    "cloudwatch",
    "cognito",
    "ec2",
    "efs",
    "elbv2",
    "rds",
    "s3",
    "secretsmanager",
    "ssm",
    "vpc",
]
SECONDS = 1800


class ScanError(Exception):
    """A scanner did not come to its end."""


def run(command: list[str], log: Path, accepted: tuple[int, ...] = (0,)) -> None:
    environment = {**os.environ, "PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}"}
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
            timeout=SECONDS,
        )
    if done.returncode not in accepted:
        raise ScanError(f"{Path(command[0]).name} ended with {done.returncode}; see {log}:\n{log.read_text()[-2000:]}")


def prowler(environments: Path, folder: Path, regions: list[str]) -> Iterator[Finding]:
    command = [str(environments / "prowler/bin/prowler"), "aws", "--no-banner", "--no-color", "--ignore-exit-code-3"]
    command += ["--region", *regions, "--service", *SERVICES, "--severity", "critical", "high"]
    command += ["--output-formats", "json-ocsf", "--output-directory", str(folder), "--output-filename", "prowler"]
    # An endpoint that lacks a call is not asked again and again for it.
    command += ["--log-level", "ERROR", "--aws-retries-max-attempts", "2"]
    report = folder / "prowler.ocsf.json"
    report.unlink(missing_ok=True)
    run(command, folder / "prowler.log")
    if not report.exists():
        raise ScanError(f"Prowler wrote no report; see {folder / 'prowler.log'}")
    yield from of_prowler(json.loads(report.read_text(encoding="utf-8")))


def policies() -> list[dict[str, Any]]:
    return list(yaml.safe_load((HERE / "policies.yml").read_text(encoding="utf-8"))["policies"])


def custodian(environments: Path, folder: Path, regions: list[str]) -> Iterator[Finding]:
    output = folder / "custodian"
    command = [str(environments / "custodian/bin/custodian"), "run", "--cache-period", "0", "-s", str(output)]
    command += [part for region in regions for part in ("--region", region)]
    run([*command, str(HERE / "policies.yml")], folder / "custodian.log")
    for policy in policies():
        for region in regions:
            # With one region the results are not in a folder of its name.
            place = output / region if len(regions) > 1 else output
            found = place / policy["name"] / "resources.json"
            if found.exists():
                yield from of_custodian(policy, region, json.loads(found.read_text(encoding="utf-8")))


SCANNERS = {"prowler": prowler, "custodian": custodian}


def not_looked_at(folder: Path) -> int:
    """How many calls Prowler says failed: what they would have told was not judged."""
    log = folder / "prowler.log"
    return sum(" ERROR: " in line for line in log.read_text().splitlines()) if log.exists() else 0
