"""Rows of tokens. Taking a use of one is a single statement, so that its last use is taken once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import Token, TokenKind
from sutra_grid.registry.rows.codec import clean
from sutra_grid.registry.rows.statements import TOKENS, insert_new

_C = TOKENS.c
_BY_ID = _C.token_id == bindparam("key")
_ONE = select(TOKENS).where(_BY_ID)
_ALL = select(TOKENS).order_by(_C.created_at_ms, _C.token_id)
_COUNTED = {"preserve_rowcount": True}
_REVOKE = (
    update(TOKENS)
    .where(_BY_ID, _C.revoked_at_ms == 0)
    .values(revoked_at_ms=bindparam("at_ms"), revoked_by=bindparam("by"))
)
_TAKE_USE = (
    update(TOKENS)
    .where(
        _BY_ID,
        _C.secret_hash == bindparam("given_hash"),
        _C.revoked_at_ms == 0,
        or_(_C.expires_at_ms == 0, _C.expires_at_ms > bindparam("at_ms")),
        or_(_C.uses_left.is_(None), _C.uses_left > 0),
    )
    .values(uses_left=_C.uses_left - 1, last_used_at_ms=bindparam("at_ms"))
)
_NOTE_USE = (
    update(TOKENS).where(_BY_ID, _C.last_used_at_ms < bindparam("at_ms")).values(last_used_at_ms=bindparam("at_ms"))
)


def insert(connection: Connection, token: Token) -> bool:
    """Store a new token; False when its id is in use."""
    return insert_new(connection, TOKENS, _columns(token))


def select_all(connection: Connection) -> list[Token]:
    """All tokens, the oldest first."""
    return [_from_row(row) for row in connection.execute(_ALL)]


def select_one(connection: Connection, token_id: str) -> Token | None:
    """The token, or None."""
    row = connection.execute(_ONE, {"key": token_id}).one_or_none()
    return None if row is None else _from_row(row)


def revoke(connection: Connection, token_id: str, at_ms: int, by: str) -> bool:
    """Revoke a token; False when it was revoked before, or does not exist."""
    values = {"key": token_id, "at_ms": at_ms, "by": clean(by)}
    return connection.execute(_REVOKE, values, execution_options=_COUNTED).rowcount == 1


def take_use(connection: Connection, token_id: str, secret_hash: str, at_ms: int) -> bool:
    """Take one use of a token; False, without effect, when it is not valid at ``at_ms``."""
    values = {"key": token_id, "given_hash": secret_hash, "at_ms": at_ms}
    return connection.execute(_TAKE_USE, values, execution_options=_COUNTED).rowcount == 1


def note_uses(connection: Connection, used_at_ms: Mapping[str, int]) -> None:
    """Record when tokens were used last, by id."""
    if used_at_ms:
        connection.execute(_NOTE_USE, [{"key": key, "at_ms": at_ms} for key, at_ms in sorted(used_at_ms.items())])


def _columns(token: Token) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "kind": token.kind.value,
        "secret_hash": token.secret_hash,
        "role": token.role.value if token.role else "",
        "name": clean(token.name),
        "agent_pattern": clean(token.agent_pattern),
        "uses_left": token.uses_left,
        "uses": token.uses,
        "created_at_ms": token.created_at_ms,
        "created_by": clean(token.created_by),
        "expires_at_ms": token.expires_at_ms,
        "revoked_at_ms": token.revoked_at_ms,
        "revoked_by": clean(token.revoked_by),
        "last_used_at_ms": token.last_used_at_ms,
    }


def _from_row(row: Row[Any]) -> Token:
    return Token(
        token_id=row.token_id,
        kind=TokenKind(row.kind),
        secret_hash=row.secret_hash,
        role=Role(row.role) if row.role else None,
        name=row.name,
        agent_pattern=row.agent_pattern,
        uses_left=row.uses_left,
        uses=row.uses,
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
        expires_at_ms=row.expires_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        revoked_by=row.revoked_by,
        last_used_at_ms=row.last_used_at_ms,
    )
