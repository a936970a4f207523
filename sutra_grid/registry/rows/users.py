"""Rows of users and of their logins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.users import Session, User
from sutra_grid.registry.rows.codec import clean
from sutra_grid.registry.rows.statements import insert_new, table_of
from sutra_grid.registry.tables import SessionRow, UserRow

USERS = table_of(UserRow)
SESSIONS = table_of(SessionRow)

_COUNTED = {"preserve_rowcount": True}
_BY_NAME = USERS.c.name == bindparam("key")
_ONE = select(USERS).where(_BY_NAME)
_ALL = select(USERS).order_by(USERS.c.name)
_ANY = select(USERS.c.name).limit(1)
_BY_HASH = SESSIONS.c.session_hash == bindparam("key")
_SESSION = (
    select(SESSIONS, *(column.label(f"user_{column.name}") for column in USERS.c if column.name != "name"))
    .join(USERS, USERS.c.name == SESSIONS.c.user_name)
    .where(_BY_HASH)
)
_OF_USER = SESSIONS.c.user_name == bindparam("key")


# -- users --


def insert(connection: Connection, user: User) -> bool:
    """Store a new user; False when the name is in use."""
    values = {
        "name": user.name,
        "role": user.role.value,
        "password_hash": user.password_hash,
        "created_at_ms": user.created_at_ms,
        "created_by": clean(user.created_by),
        "password_changed_at_ms": user.password_changed_at_ms,
    }
    return insert_new(connection, USERS, values)


def count(connection: Connection) -> int:
    """How many users there are."""
    return int(connection.execute(select(func.count()).select_from(USERS)).scalar_one())


def exists_any(connection: Connection) -> bool:
    """Whether there is a user."""
    return connection.execute(_ANY).first() is not None


def select_all(connection: Connection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in connection.execute(_ALL)]


def select_one(connection: Connection, name: str) -> User | None:
    """The user, or None."""
    row = connection.execute(_ONE, {"key": name}).one_or_none()
    return None if row is None else _user(row)


def set_password(connection: Connection, name: str, password_hash: str, at_ms: int) -> bool:
    """Replace the password; False without such a user."""
    statement = update(USERS).where(_BY_NAME).values(password_hash=password_hash, password_changed_at_ms=at_ms)
    return connection.execute(statement, {"key": name}, execution_options=_COUNTED).rowcount == 1


def remove(connection: Connection, name: str) -> bool:
    """Delete the user; False without such a user."""
    return connection.execute(delete(USERS).where(_BY_NAME), {"key": name}, execution_options=_COUNTED).rowcount == 1


# -- sessions --


def insert_session(connection: Connection, session: Session, most: int) -> None:
    """Store a new login, and delete the oldest ones of its user beyond ``most``."""
    values = {
        "session_hash": session.session_hash,
        "user_name": session.user_name,
        "created_at_ms": session.created_at_ms,
        "last_seen_at_ms": session.last_seen_at_ms,
        "ends_at_ms": session.ends_at_ms,
        "address": clean(session.address),
    }
    insert_new(connection, SESSIONS, values)
    by_age = select(SESSIONS.c.session_hash).where(SESSIONS.c.user_name == session.user_name)
    by_age = by_age.order_by(SESSIONS.c.created_at_ms.desc(), SESSIONS.c.session_hash)
    surplus = [row.session_hash for row in connection.execute(by_age.offset(most))]
    if surplus:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.session_hash.in_(surplus)))


def select_session(connection: Connection, session_hash: str) -> tuple[Session, User] | None:
    """The login and its user; None without either."""
    row = connection.execute(_SESSION, {"key": session_hash}).one_or_none()
    if row is None:
        return None
    session = Session(
        row.session_hash, row.user_name, row.created_at_ms, row.last_seen_at_ms, row.ends_at_ms, row.address
    )
    user = User(
        row.user_name,
        Role(row.user_role),
        row.user_password_hash,
        row.user_created_at_ms,
        row.user_created_by,
        row.user_password_changed_at_ms,
    )
    return session, user


def touch_session(connection: Connection, session_hash: str, at_ms: int) -> None:
    """Record that a person used the login."""
    connection.execute(update(SESSIONS).where(_BY_HASH).values(last_seen_at_ms=at_ms), {"key": session_hash})


def end_session(connection: Connection, session_hash: str) -> None:
    """Delete the login, if it is there."""
    connection.execute(delete(SESSIONS).where(_BY_HASH), {"key": session_hash})


def end_sessions_of(connection: Connection, user_name: str) -> None:
    """Delete all logins of a user."""
    connection.execute(delete(SESSIONS).where(_OF_USER), {"key": user_name})


def delete_ended_sessions(connection: Connection, at_ms: int, idle_ms: int) -> None:
    """Delete the logins that have ended."""
    over = or_(SESSIONS.c.ends_at_ms <= at_ms, SESSIONS.c.last_seen_at_ms <= at_ms - idle_ms)
    connection.execute(delete(SESSIONS).where(over))


def _user(row: Row[Any]) -> User:
    return User(
        row.name, Role(row.role), row.password_hash, row.created_at_ms, row.created_by, row.password_changed_at_ms
    )
