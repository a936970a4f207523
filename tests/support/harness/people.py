"""An admin that requires logins, with a user of each role, and requests as each kind of caller."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.browser.html import Page
from support.fakes.clock import FakeClock
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import Token, TokenKind, TokenText, hash_secret
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.runtime.passwords import hash_password

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)  # once: it takes a tenth of a second


@dataclass(frozen=True, slots=True)
class People:
    """The admin, its registry, and who may use it."""

    app: Flask
    registry: Registry
    clock: FakeClock

    def anonymous(self) -> FlaskClient:
        return self.app.test_client()

    def logged_in(self, role: str) -> FlaskClient:
        """A browser of the user of that role, who has the role's name."""
        client = self.app.test_client()
        answer = log_in(client, role)
        assert answer.status_code == 303, answer.text
        return client

    def token(self, role: Role, kind: TokenKind = TokenKind.API, expires_at_ms: int = 0, revoked: bool = False) -> str:
        """A new token as text."""
        given = TokenText(kind, secrets.token_hex(4), secrets.token_urlsafe(32), "0" * 64 if kind == "join" else "")
        self.registry.create_token(
            Token(
                given.token_id,
                kind,
                hash_secret(given.secret),
                role,
                f"token-{role}",
                created_at_ms=1,
                expires_at_ms=expires_at_ms,
                revoked_at_ms=1 if revoked else 0,
            )
        )
        return given.text

    @property
    def now_ms(self) -> int:
        return wall_ms(self.clock)


def log_in(
    client: FlaskClient, name: str, password: str = PASSWORD, address: str = "127.0.0.1", **more: str
) -> TestResponse:
    """Send the form of the login page as a browser does."""
    [form] = [form for form in Page(client.get("/ui/login").text).forms if form.method == "post"]
    data = dict(form.values) | {"name": name, "password": password} | more
    return client.post("/ui/login", data=data, environ_base={"REMOTE_ADDR": address})
