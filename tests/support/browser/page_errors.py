"""Errors of a browser while a test drives it: exceptions, policy violations, calls to other servers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

OWN_SCHEMES = frozenset({"data", "blob", "about"})
REPORTED_LEVELS = frozenset({"error", "warning"})


class PageErrors:
    """Records the errors of all pages of a context.

    A violation of the content security policy is an error on the console, as an exception of a script
    and an answer of 400 or more are.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self._origin = origin
        self._errors: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self.requests: list[str] = []
        """``METHOD URL`` of everything that was asked for."""
        context.on("console", self._hear)
        context.on("weberror", self._catch)
        context.on("request", self._see)

    def expect(self, pattern: str) -> None:
        """From now on, and for what was said before, errors that match the pattern are none."""
        self._expected.append(re.compile(pattern))

    @property
    def errors(self) -> list[str]:
        return [said for said in self._errors if not any(known.search(said) for known in self._expected)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in REPORTED_LEVELS:
            where = message.location
            self._errors.append(f"console: {message.text} ({where.get('url')}:{where.get('lineNumber')})")

    def _catch(self, error: WebError) -> None:
        self._errors.append(f"exception: {error.error}")

    def _see(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url}")
        parts = urlsplit(request.url)
        if parts.scheme not in OWN_SCHEMES and f"{parts.scheme}://{parts.netloc}" != self._origin:
            self._errors.append(f"another origin: {request.method} {request.url}")
