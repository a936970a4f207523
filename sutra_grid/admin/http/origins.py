"""Keeps pages of other sites from sending commands through an operator's browser.

A browser sends a simple POST to any address, the loopback's too, and says whose page sent
it: ``Sec-Fetch-Site`` (Fetch Metadata), and ``Origin`` in older ones. Programs send neither.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, request

from sutra_grid.core.errors import PermissionDenied
from sutra_grid.core.types import Reason

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: the person typed the address


def refuse_cross_site_commands() -> None:
    """Before each request: raise ``PermissionDenied`` for a command that another site's page sent."""
    if request.method not in SAFE_METHODS and not _is_of_own_site(request):
        raise PermissionDenied(
            "a page of another site sent this command",
            reason=Reason.FORBIDDEN,
            hint="Send commands from the admin's own pages, the command line, or a program",
        )


def _is_of_own_site(sent: Request) -> bool:
    site = sent.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in OWN_SITES
    origin = sent.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == sent.host
