"""The execution environments of all functions: one an event at a time, kept for the next event, ended when idle or outdated.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from localcloud.lambda_runtime.environment import Broken, Environment, Outcome, Settings
from localcloud.scratch import Scratch

IDLE_SECONDS = float(os.environ.get("LOCALCLOUD_LAMBDA_IDLE_SECONDS", "300"))
ACCOUNT_CONCURRENCY = 1000


class Throttled(Exception):
    """No more concurrent events for the function (True) or the account (False)."""

    def __init__(self, reserved: bool) -> None:
        super().__init__("Rate Exceeded.")
        self.reserved = reserved


class Code:
    """Deployed zips, those of code and those of layers, unpacked once each."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.scratch: Scratch | None = None

    def folder(self, digest: str, *contents: bytes) -> Path:
        """Several contents lie over each other, the last one uppermost. digest: of all of them."""
        with self.lock:
            if self.scratch is None:
                self.scratch = Scratch("lambda")
            folder = self.scratch.path / "".join(each if each.isalnum() else "-" for each in digest)
            if not folder.exists():
                unpacking = folder.with_suffix(".part")
                shutil.rmtree(unpacking, ignore_errors=True)
                for content in contents:
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        archive.extractall(unpacking)
                unpacking.rename(folder)
            return folder

    def clear(self) -> None:
        with self.lock:
            if self.scratch:
                self.scratch.close()
            self.scratch = None


class Pool:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: dict[Settings, list[Environment]] = {}
        self.busy: dict[str, set[Environment]] = {}
        self.ender: threading.Thread | None = None
        self.closed = False

    def invoke(
        self,
        settings: Settings,
        event: bytes,
        context: dict[str, str],
        *,
        limit: int | None,
        write_log: Callable[[str, list[str]], None],
    ) -> Outcome:
        """Raises Throttled where AWS would."""
        while True:
            environment = self.take(settings, limit, write_log)
            try:
                return environment.invoke(event, context)
            except Broken:
                environment.close()
            finally:
                self.give_back(environment)

    def take(self, settings: Settings, limit: int | None, write_log: Callable[[str, list[str]], None]) -> Environment:
        with self.lock:
            busy = self.busy.setdefault(settings.arn, set())
            if limit is not None and len(busy) >= limit:
                raise Throttled(True)
            if sum(map(len, self.busy.values())) >= ACCOUNT_CONCURRENCY:
                raise Throttled(False)
            while kept := self.idle.get(settings):
                environment = kept.pop()
                if environment.usable:
                    busy.add(environment)
                    return environment
            environment = Environment(settings, write_log)
            busy.add(environment)
            if self.ender is None or not self.ender.is_alive():
                self.ender = threading.Thread(target=self.end_idle, daemon=True, name="idle functions")
                self.ender.start()
            return environment

    def give_back(self, environment: Environment) -> None:
        with self.lock:
            self.busy.get(environment.settings.arn, set()).discard(environment)
            if environment.usable and not self.closed:
                self.idle.setdefault(environment.settings, []).append(environment)
                return
        environment.close()

    def end_idle(self) -> None:
        while not self.closed:
            time.sleep(min(IDLE_SECONDS / 4, 15))
            self.end(lambda each: time.monotonic() - each.used > IDLE_SECONDS)

    def environments(self) -> list[Environment]:
        """All that there are, those between two events too."""
        with self.lock:
            return [each for kept in (*self.idle.values(), *self.busy.values()) for each in kept]

    def retire(self, arn: str) -> None:
        """Ends the idle environments of a function that was changed or deleted."""
        self.end(lambda each: each.settings.arn == arn)

    def end(self, which: Callable[[Environment], bool]) -> None:
        with self.lock:
            ended = [each for kept in self.idle.values() for each in kept if which(each)]
            self.idle = {
                settings: rest
                for settings, kept in self.idle.items()
                if (rest := [each for each in kept if each not in ended])
            }
        for each in ended:
            each.close()

    def close(self) -> None:
        self.closed = True
        self.end(lambda _: True)
        with self.lock:
            busy = [each for environments in self.busy.values() for each in environments]
        for each in busy:
            with contextlib.suppress(Exception):
                each.close()
