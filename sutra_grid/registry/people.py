"""The methods of the registry about people: users, their logins to the pages, and counters of refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from sutra_grid.core.access.users import MAX_SESSIONS_PER_USER, MAX_USERS, Session, User
from sutra_grid.core.errors import AlreadyExists, NotFound, ResourceExhausted
from sutra_grid.core.types import Event, Reason
from sutra_grid.registry.database.engine import Database
from sutra_grid.registry.rows import counters as counter_rows
from sutra_grid.registry.rows import users as user_rows
from sutra_grid.registry.rows.codec import decoding


class PeopleMethods:
    """A part of ``Registry``; the same contract holds."""

    _database: Database

    def _writing(self, events: Sequence[Event]) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    # -- users --

    def add_user(self, user: User, events: Sequence[Event] = ()) -> None:
        """Store a new user. ``AlreadyExists`` for a name in use."""
        with self._writing(events) as connection:
            if user_rows.count(connection) >= MAX_USERS:
                raise ResourceExhausted(
                    f"there are {MAX_USERS} users",
                    reason=Reason.LIMIT_REACHED,
                    hint="Remove users that nobody needs",
                )
            if not user_rows.insert(connection, user):
                raise AlreadyExists(
                    f"user {user.name!r} exists",
                    reason=Reason.USER_EXISTS,
                    hint=f"Choose another name, or change the password: 'sutra-grid-cli user password {user.name}'",
                )

    def users(self) -> list[User]:
        """All users by name."""
        with self._database.reading() as connection, decoding("users"):
            return user_rows.select_all(connection)

    def user(self, name: str) -> User | None:
        """The user, or None."""
        with self._database.reading() as connection, decoding("users"):
            return user_rows.select_one(connection, name)

    def has_users(self) -> bool:
        """Whether there is a user."""
        with self._database.reading() as connection:
            return user_rows.exists_any(connection)

    def set_password(self, name: str, password_hash: str, at_ms: int, events: Sequence[Event] = ()) -> User:
        """Replace a password, end the user's logins, and return the user. ``NotFound``: no such user."""
        with self._writing(events) as connection:
            if not user_rows.set_password(connection, name, password_hash, at_ms):
                raise _unknown_user(name)
            user_rows.end_sessions_of(connection, name)
            user = user_rows.select_one(connection, name)
            assert user is not None
            return user

    def remove_user(self, name: str, events: Sequence[Event] = ()) -> None:
        """Delete a user and end the user's logins. ``NotFound``: no such user."""
        with self._writing(events) as connection:
            if not user_rows.remove(connection, name):
                raise _unknown_user(name)
            user_rows.end_sessions_of(connection, name)

    # -- logins --

    def begin_session(self, session: Session) -> None:
        """Store a new login; the oldest of the user's logins ends when there are too many."""
        with self._database.writing() as connection:
            user_rows.insert_session(connection, session, MAX_SESSIONS_PER_USER)

    def session(self, session_hash: str) -> tuple[Session, User] | None:
        """The login and its user, whether it has ended or not; None when either is gone."""
        with self._database.reading() as connection, decoding("sessions"):
            return user_rows.select_session(connection, session_hash)

    def touch_session(self, session_hash: str, at_ms: int) -> None:
        """Record that a person used the login."""
        with self._database.writing() as connection:
            user_rows.touch_session(connection, session_hash, at_ms)

    def end_session(self, session_hash: str) -> None:
        """End the login, if it is there."""
        with self._database.writing() as connection:
            user_rows.end_session(connection, session_hash)

    def delete_ended_sessions(self, at_ms: int, idle_ms: int) -> None:
        """Delete the logins that have ended."""
        with self._database.writing() as connection:
            user_rows.delete_ended_sessions(connection, at_ms, idle_ms)

    # -- counters --

    def add_to_counters(self, numbers: Mapping[str, int]) -> None:
        """Add to counters by name; one that is new begins at 0."""
        with self._database.writing() as connection:
            counter_rows.add(connection, numbers)

    def counters(self, prefix: str) -> dict[str, int]:
        """The counters whose names begin with ``prefix``."""
        with self._database.reading() as connection:
            return counter_rows.select_with_prefix(connection, prefix)


def _unknown_user(name: str) -> NotFound:
    return NotFound(
        f"user {name!r} does not exist", reason=Reason.UNKNOWN_USER, hint="List them: 'sutra-grid-cli user list'"
    )
