"""Debian's Chromium, driven by Playwright. Never a browser that Playwright would download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
PACKAGE = "chromium"

# Its sandbox needs a user other than root. Nothing but the loopback can be reached, whatever a page asks for.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def has_chromium() -> bool:
    return CHROMIUM.exists()


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    """One browser without windows; it ends with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
