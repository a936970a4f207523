"""Users of the pages: the master adds and removes them, and the admin lets them log in."""

from __future__ import annotations

from sutra_grid.core.access.users import User, check_password, check_user
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.passwords import hash_password
from sutra_grid.wire import caller

log = get_logger(__name__)


class Users:
    """Thread-safe; blocks on the registry, and on hashing for a tenth of a second."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def add(self, name: str, role: str, password: str) -> User:
        """Add a user. Raises ``InvalidArgument`` and ``AlreadyExists``."""
        checked = check_user(name, role)
        check_password(name, password)
        now, by = wall_ms(self._clock), caller.current().actor_name
        user = User(name, checked, hash_password(password), now, by, now)
        self._registry.add_user(user, [self._event(EventKind.USER_ADDED, f"user {name} with the role {checked}")])
        log.info("user added", user=name, role=checked, by=caller.current())
        return user

    def set_password(self, name: str, password: str) -> User:
        """Replace the password of a user, and end the user's logins. Raises ``InvalidArgument`` and ``NotFound``."""
        check_password(name, password)
        event = self._event(EventKind.USER_PASSWORD_CHANGED, f"user {name} has a new password; logins have ended")
        user = self._registry.set_password(name, hash_password(password), wall_ms(self._clock), [event])
        log.info("password changed", user=name, by=caller.current())
        return user

    def remove(self, name: str) -> None:
        """Remove a user, and end the user's logins. Raises ``NotFound``."""
        event = self._event(EventKind.USER_REMOVED, f"user {name} removed; logins have ended")
        self._registry.remove_user(name, [event])
        log.info("user removed", user=name, by=caller.current())

    def list(self) -> list[User]:
        """All users by name."""
        return self._registry.users()

    def _event(self, kind: EventKind, message: str) -> Event:
        return by_caller(Event(kind, wall_ms(self._clock), Actor.OPERATOR, reason=Reason.COMMANDED, message=message))
