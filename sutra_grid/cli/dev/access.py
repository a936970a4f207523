"""The user and the API token that a dev grid with TLS makes at each start, and takes back at the next one."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.client.credentials import create_token, list_tokens, revoke_token
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.users import add_user, remove_user
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import TokenKind, Verdict
from sutra_grid.core.errors import NotFound
from sutra_grid.wire import access_pb2 as pb

NAME: Final = "dev"
"""Of both; whoever uses them is shown with it."""
TOKEN_ROLE: Final = Role.OPERATOR
TOKEN_HOURS: Final = 12
USER_ROLE: Final = Role.ADMIN
_PASSWORD_BYTES: Final = 12  # 96 random bits, 16 characters


@dataclass(frozen=True, slots=True)
class DevAccess:
    """What is printed once."""

    password: str = field(repr=False)
    token: str = field(repr=False)


def renew_access(client: MasterClient) -> DevAccess:
    """Replace the user and the token of the last start by new ones. ``client`` is an admin. Raises GridError."""
    withdraw_access(client)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    add_user(client, NAME, USER_ROLE, password)
    request = pb.CreateTokenRequest(kind=TokenKind.API, role=TOKEN_ROLE, name=NAME, ttl_seconds=TOKEN_HOURS * 3600)
    return DevAccess(password, create_token(client, request).secret)


def withdraw_access(client: MasterClient) -> None:
    """End what earlier starts have made. Users and tokens of other names stay. Raises GridError."""
    for token in list_tokens(client):
        if token.name == NAME and token.kind == TokenKind.API and token.status == Verdict.VALID:
            revoke_token(client, token.token_id)
    with contextlib.suppress(NotFound):
        remove_user(client, NAME)
