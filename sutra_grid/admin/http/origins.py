"""Refuses commands that a page of another site sends through an operator's browser.

A browser lets any page send a simple POST to any address, including loopback. It names the page's site in
``Sec-Fetch-Site`` (Fetch Metadata). Without TLS, and in older browsers, only ``Origin`` names it. That is compared with
``Host``, so a reverse proxy must pass on the ``Host`` of the browser, or tell it in ``X-Forwarded-Host`` and be one of
``[admin] trusted_proxies``. Programs send neither of the two.
"""

from __future__ import annotations

from typing import Final

from flask import request

from sutra_grid.core.errors import PermissionDenied
from sutra_grid.core.types import Reason

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: the user entered the address

_SHOWN_CHARACTERS: Final = 200
_USE_OWN_PAGES: Final = "Send commands from the admin's own pages, from the command line, or from a program"
_PASS_HOST_ON: Final = (
    "Behind a reverse proxy, let the proxy pass on the Host header of the browser "
    "(nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On), or let it set X-Forwarded-Host and "
    "name its address in [admin] trusted_proxies"
)


def refuse_cross_site_commands() -> None:
    """Raise ``PermissionDenied`` for a command sent by a page of another site. Runs before each request."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        if site not in OWN_SITES:
            raise PermissionDenied(
                f"this command was sent by a page of another site (Sec-Fetch-Site: {_shorten(site)})",
                reason=Reason.FORBIDDEN,
                hint=_USE_OWN_PAGES,
            )
    elif origin is not None and not _is_own(origin):
        raise PermissionDenied(
            f"the page that sent this command is at {_shorten(origin)} (Origin header), but the request is for "
            f"{_shorten(request.host_url.rstrip('/'))} (Host header)",
            reason=Reason.FORBIDDEN,
            hint=f"{_PASS_HOST_ON}. {_USE_OWN_PAGES}",
        )


def _is_own(origin: str) -> bool:
    """Whether a page of ``origin`` is one of this admin's.

    A proxy may have ended TLS without telling so: plain HTTP here may be HTTPS there, but not the reverse.
    """
    scheme, _, host = origin.partition("://")
    return host == request.host and scheme in {request.scheme, "https"}


def _shorten(header: str) -> str:
    """The value of a header for a message: anybody may have sent it, of any length."""
    return header if len(header) <= _SHOWN_CHARACTERS else f"{header[:_SHOWN_CHARACTERS]}..."
