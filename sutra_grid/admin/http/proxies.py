"""Requests that come through reverse proxies: the client's address, the site's scheme and name, the path's prefix.

Werkzeug's ``ProxyFix`` applies what the proxies of ``[admin] trusted_proxies`` have forwarded. Any other client may
send the same headers: they are removed. gunicorn itself trusts none (``admin/server/gunicorn.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import request
from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from sutra_grid.core.access.forwarding import (
    SCHEMES,
    Network,
    address_of,
    is_prefix,
    outermost,
    trusted_hops,
    without_prefix,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

FOR: Final = "HTTP_X_FORWARDED_FOR"
PROTO: Final = "HTTP_X_FORWARDED_PROTO"
HOST: Final = "HTTP_X_FORWARDED_HOST"
PREFIX: Final = "HTTP_X_FORWARDED_PREFIX"
_HEADERS: Final = (FOR, PROTO, HOST, PREFIX)


class TrustedProxies:
    """A WSGI application around another one. ``prefix`` is that of the configuration; empty: what proxies tell."""

    def __init__(self, app: WSGIApplication, trusted: Sequence[Network], prefix: str = "") -> None:
        self._app = app
        self._trusted = tuple(trusted)
        self._prefix = prefix
        self._fix = ProxyFix(self._call, x_for=1, x_proto=1, x_host=1, x_prefix=1)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        given = {name: parse_list_header(environ.pop(name, "")) for name in _HEADERS}
        hops = trusted_hops(environ.get("REMOTE_ADDR", ""), given[FOR], self._trusted)
        if not hops:
            return self._call(environ, start_response)
        environ.update((name, text) for name, text in _believed(given, hops).items() if text)
        return self._fix(environ, start_response)

    def _call(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if self._prefix:
            environ["SCRIPT_NAME"] = self._prefix
        environ["PATH_INFO"] = without_prefix(environ.get("PATH_INFO", ""), environ.get("SCRIPT_NAME", ""))
        return self._app(environ, start_response)


def at_root(path: str) -> str:
    """The path of a link to ``path`` of this admin, below the prefix. Needs a request context."""
    return request.script_root + path


def _believed(given: dict[str, list[str]], hops: int) -> dict[str, str]:
    """The one value of each header that trusted proxies stand for; empty where it is not what it should be.

    A proxy passes on what it does not set itself, so that a value may still be of the client.
    """
    client = address_of(given[FOR][-hops]) if len(given[FOR]) >= hops else None
    scheme, host, prefix = (outermost(given[name], hops) for name in (PROTO, HOST, PREFIX))
    return {
        FOR: str(client) if client else "",
        PROTO: scheme if scheme in SCHEMES else "",
        HOST: host if host_is_trusted(host) else "",
        PREFIX: prefix if is_prefix(prefix) else "",
    }
