"""The cookie of the pages: sent back to this admin only, and over HTTPS only where it was set over HTTPS."""

from __future__ import annotations

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface


class SiteSession(SecureCookieSessionInterface):
    """Flask's signed cookie, with path and ``Secure`` of the site that the browser sees."""

    def get_cookie_path(self, app: Flask) -> str:
        """The prefix of the request: other sites below the same name do not get the cookie."""
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the browser came over HTTPS."""
        return request.is_secure
