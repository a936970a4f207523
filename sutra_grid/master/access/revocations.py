"""The revocations in memory, where every call is checked against them, and how they change."""

from __future__ import annotations

import threading

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal
from sutra_grid.core.access.revocations import Revocation, RevocationList, Revoked
from sutra_grid.core.errors import FailedPrecondition, GridError, NotFound
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.registry import Registry, Revocations
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class RevocationBook:
    """Thread-safe. Reads never block; changes block on the registry."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._changing = threading.Lock()  # one change at a time, so that memory follows the registry in order
        read = registry.revocations()
        self._entries = read.entries  # guarded by _changing
        self._current = read.as_list  # replaced as a whole

    @property
    def current(self) -> RevocationList:
        """The list as it counts now."""
        return self._current

    def refusal(self, principal: Principal) -> GridError | None:
        """The error for a caller whose certificate is revoked, else None."""
        return self._current.refusal(principal)

    def is_revoked_agent(self, agent_id: str) -> bool:
        """Whether every certificate of an agent is revoked."""
        return self._current.has_identity(Role.AGENT, agent_id)

    def newer_than(self, version: int) -> RevocationList | None:
        """The list, when it is another than that of ``version``."""
        current = self._current
        return None if current.version == version else current

    def entries(self) -> Revocations:
        """All revocations, with who did them and why."""
        return self._registry.revocations()

    def revoke(self, revoked: Revoked, by: Principal, reason: str) -> Revocation:
        """Revoke; the next call with such a certificate is refused. One that is revoked stays as it is.

        Raises ``FailedPrecondition`` for the caller's own certificate.
        """
        if RevocationList.of(0, [revoked]).covers(by):
            raise FailedPrecondition(
                f"{revoked} is the certificate that this command uses",
                reason=Reason.FORBIDDEN,
                hint="Revoke it with another certificate or token of role admin, or you lock yourself out",
            )
        at_ms = wall_ms(self._clock)
        revocation = Revocation(revoked, at_ms, by.actor_name or str(by), reason)
        why = f": {reason}" if reason else ""
        event = self._event(EventKind.CERTIFICATE_REVOKED, revoked, f"{_subject(revoked)} revoked{why}")
        with self._changing:
            added = self._registry.add_revocation(revocation, [event])
            self._read()
        if not added:
            found = next((one for one in self._registry.revocations().entries if one.revoked == revoked), None)
            return found or revocation
        log.info("certificate revoked", what=revoked, by=revocation.by, reason=reason)
        return revocation

    def restore(self, revoked: Revoked, by: Principal) -> None:
        """Take a revocation back. Raises ``NotFound``."""
        event = self._event(EventKind.CERTIFICATE_RESTORED, revoked, f"{_subject(revoked)} restored")
        with self._changing:
            removed = self._registry.remove_revocation(revoked, wall_ms(self._clock), [event])
            self._read()
        if not removed:
            raise NotFound(
                f"{revoked} is not revoked",
                reason=Reason.UNKNOWN_CERTIFICATE,
                hint="List what is revoked with 'sutra-grid-cli tls revocations', and name it as it stands there",
            )
        log.info("certificate restored", what=revoked, by=by)

    def write_again(self) -> None:
        """Write what is in memory to a registry that was lost and made again. Raises ``GridError``; may be repeated."""
        with self._changing:
            for entry in self._entries:
                self._registry.add_revocation(entry, at_ms=wall_ms(self._clock))
            self._read()

    def _read(self) -> None:
        read = self._registry.revocations()
        self._entries, self._current = read.entries, read.as_list

    def _event(self, kind: EventKind, revoked: Revoked, message: str) -> Event:
        agent_id = revoked.name if revoked.role == "agent" else ""
        reason = Reason.CERTIFICATE_REVOKED if kind is EventKind.CERTIFICATE_REVOKED else Reason.COMMANDED
        return by_caller(Event(kind, wall_ms(self._clock), Actor.OPERATOR, agent_id, reason=reason, message=message))


def _subject(revoked: Revoked) -> str:
    return str(revoked) if revoked.serial else f"every certificate of {revoked}"
