"""Refuses requests for hosts that the admin does not answer for, so that no page can rebind its name to the admin.

Flask's ``TRUSTED_HOSTS`` is not used: its list can't name an IPv6 address.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

from sutra_grid.admin.http.problems import problem_response
from sutra_grid.core.access.hosts import HostRule
from sutra_grid.core.errors import PermissionDenied
from sutra_grid.core.types import Reason

_SHOWN_CHARACTERS: Final = 200


def install(app: Flask, rule: HostRule | None) -> None:
    """Refuse other hosts than those of ``rule`` before anything else is done for a request; None allows all."""

    def refuse_other_hosts() -> Response | None:
        # Never a page: whoever sent this may show it under a name of their own.
        return None if rule is None or rule.allows(request.host) else problem_response(_refusal())

    app.before_request(refuse_other_hosts)


def _refusal() -> PermissionDenied:
    given = request.headers.get("Host", "")
    shown = given if len(given) <= _SHOWN_CHARACTERS else f"{given[:_SHOWN_CHARACTERS]}..."
    return PermissionDenied(
        f"this admin does not answer for the host {shown!r} (Host header)",
        reason=Reason.FORBIDDEN,
        hint="If people reach the admin by this name, add it to [admin] allowed_hosts; else use its address",
    )
