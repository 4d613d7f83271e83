"""The floor of a deploy: the API calls that a run made, made again one after the other by a single boto3 process.

A record is what the local cloud writes when it is told to (LOCALCLOUD_RECORD): one JSON object a line with run, service, operation,
region, parameters, status, headers and body of the answer. Ids differ from cloud to cloud, so each answer is laid beside the recorded one
and what differs is put into the calls that follow.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import botocore.parsers
from botocore.config import Config

SHORTEST_ID = 6  # shorter strings that differ (a status, a number) are not ids
# What is made becomes available in its own time, for which the recorded run waited: a call that is refused until then is made again.
TRIES = 100
PAUSE_SECONDS = 0.1


def decode(value: Any) -> Any:
    """Undoes the JSON form of bytes, {"base64": "…"}."""
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decode(item) for item in value]
    return value


def learn(known: dict[str, str], recorded: Any, answered: Any) -> None:
    """Notes which recorded id is which id here."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for key in recorded.keys() & answered.keys():
            learn(known, recorded[key], answered[key])
    elif isinstance(recorded, list) and isinstance(answered, list):
        for old, new in zip(recorded, answered, strict=False):
            learn(known, old, new)
    elif (
        isinstance(recorded, str)
        and isinstance(answered, str)
        and recorded != answered
        and len(recorded) >= SHORTEST_ID
    ):
        known[recorded] = answered


def translate(known: dict[str, str], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: translate(known, item) for key, item in value.items()}
    if isinstance(value, list):
        return [translate(known, item) for item in value]
    if isinstance(value, bytes):  # a document, perhaps; an archive is none
        with contextlib.suppress(UnicodeDecodeError):
            return translate(known, value.decode()).encode()
    if isinstance(value, str):
        if value in known:
            return known[value]
        for old in sorted((old for old in known if old in value), key=len, reverse=True):
            value = value.replace(old, known[old])
    return value


class Replay:
    """Makes recorded calls against an endpoint, in one process."""

    def __init__(self, endpoint: str) -> None:
        self.session = boto3.Session(aws_access_key_id="localcloud", aws_secret_access_key="localcloud")
        self.endpoint = endpoint
        self.clients: dict[tuple[str, str], Any] = {}
        self.known: dict[str, str] = {}
        self.unlike: list[str] = []

    def client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self.clients:
            config = Config(retries={"max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"})
            self.clients[key] = self.session.client(
                service, region_name=region, endpoint_url=self.endpoint, config=config
            )
        return self.clients[key]

    def call(self, record: dict[str, Any]) -> float:
        """Makes one call and returns its seconds; an answer of another kind than recorded is noted in `unlike`."""
        client = self.client(record["service"], record["region"])
        parameters = translate(self.known, decode(record["parameters"]))
        good = record["status"] < 400
        for _ in range(TRIES if good else 1):
            answer, refusal, seconds = self.make(client, record["operation"], parameters)
            if (answer is not None) == good:
                break
            time.sleep(PAUSE_SECONDS)
        else:
            self.unlike.append(f"{record['service']} {record['operation']}: {refusal or 'accepted here, not there'}")
        if answer and good:
            with contextlib.suppress(botocore.parsers.ResponseParserError, KeyError):
                learn(self.known, self.parse(client, record), answer)
        return seconds

    @staticmethod
    def make(client: Any, operation: str, parameters: Any) -> tuple[Any, str, float]:
        """(answer or None, why it was refused, seconds) of one call."""
        started = time.perf_counter()
        answer, refusal = None, ""
        try:
            answer = client._make_api_call(operation, parameters)
        except (
            botocore.exceptions.ClientError,
            botocore.exceptions.BotoCoreError,
            botocore.parsers.ResponseParserError,
            KeyError,
            ValueError,
        ) as error:
            refusal = str(error)
        return answer, refusal, time.perf_counter() - started

    @staticmethod
    def parse(client: Any, record: dict[str, Any]) -> Any:
        operation = client.meta.service_model.operation_model(record["operation"])
        parser = botocore.parsers.create_parser(client.meta.service_model.resolved_protocol)
        body = base64.b64decode(record["body"])
        return parser.parse(
            {"status_code": record["status"], "headers": record["headers"], "body": body}, operation.output_shape
        )


def main() -> int:
    arguments = argparse.ArgumentParser(description="Replays recorded API calls and prints seconds per run as JSON.")
    arguments.add_argument("record", type=Path, help="what the local cloud recorded")
    arguments.add_argument("endpoint", help="a fresh local cloud")
    options = arguments.parse_args()
    replay = Replay(options.endpoint)
    runs: dict[str, dict[str, float]] = {}
    with options.record.open() as lines:
        for line in lines:
            record = json.loads(line)
            run = runs.setdefault(record["run"], {"calls": 0, "seconds": 0.0})
            run["calls"] += 1
            run["seconds"] += replay.call(record)
    json.dump({"runs": runs, "unlike": replay.unlike}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
