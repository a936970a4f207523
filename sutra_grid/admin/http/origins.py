"""Refuses commands that a page of another site sends through an operator's browser.

A browser lets any page send a simple POST to any address, including loopback. It names the page's site in
``Sec-Fetch-Site`` (Fetch Metadata), older browsers in ``Origin``. Programs send neither header.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, request

from sutra_grid.core.errors import PermissionDenied
from sutra_grid.core.types import Reason

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: the user entered the address


def refuse_cross_site_commands() -> None:
    """Raise ``PermissionDenied`` for a command sent by a page of another site. Runs before each request."""
    if request.method not in SAFE_METHODS and not _is_of_own_site(request):
        raise PermissionDenied(
            "this command was sent by a page of another site",
            reason=Reason.FORBIDDEN,
            hint="Send commands from the admin's own pages, from the command line, or from a program",
        )


def _is_of_own_site(sent: Request) -> bool:
    site = sent.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in OWN_SITES
    origin = sent.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == sent.host
