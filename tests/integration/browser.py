"""The system's own Chromium, for tests of pages. `make test` installs it where it runs as root."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# It asks nobody but the page, and nothing of the machine that a container has not.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where it is; "" where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


needs_chromium = pytest.mark.skipif(not chromium(), reason="there is no Chromium here: apt-get install chromium")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()
