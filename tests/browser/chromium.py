"""Starts the machine's Chromium for tests, benchmarks and pictures of the pages: never a browser that was downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "No Chromium was found. Install it, on Debian with `apt-get install chromium`, and run this command again."
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class NoChromium(Exception):
    """There is no Chromium on this machine. The message says what to do."""


def executable() -> str:
    """Return the path of Chromium. Raises NoChromium."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoChromium(MISSING)


@contextmanager
def started() -> Iterator[Browser]:
    """Run Chromium without a window while a block runs. Raises NoChromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
