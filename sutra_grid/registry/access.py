"""The methods of the registry about access: tokens, issued certificates, revocations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from sqlalchemy import Connection

from sutra_grid.core.access.revocations import MAX_REVOCATIONS, IssuedCertificate, Revocation, RevocationList, Revoked
from sutra_grid.core.access.tokens import Token
from sutra_grid.core.errors import AlreadyExists, NotFound, ResourceExhausted
from sutra_grid.core.types import Event, Reason
from sutra_grid.registry.database.engine import Database
from sutra_grid.registry.rows import certificates as certificate_rows
from sutra_grid.registry.rows import events as event_rows
from sutra_grid.registry.rows import revocations as revocation_rows
from sutra_grid.registry.rows import tokens as token_rows
from sutra_grid.registry.rows.codec import decoding

MAX_CERTIFICATES_LISTED: Final = 10_000


class Revocations(NamedTuple):
    """All revocations at one version, the oldest first."""

    version: int
    entries: tuple[Revocation, ...]

    @property
    def as_list(self) -> RevocationList:
        """What decides about a certificate."""
        return RevocationList.of(self.version, (entry.revoked for entry in self.entries))


class AccessMethods:
    """A part of ``Registry``; the same contract holds."""

    _database: Database

    def _writing(self, events: Sequence[Event]) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    # -- tokens --

    def create_token(self, token: Token, events: Sequence[Event] = ()) -> None:
        """Store a new token. ``AlreadyExists`` for an id in use."""
        with self._writing(events) as connection:
            if not token_rows.insert(connection, token):
                raise AlreadyExists(f"token {token.token_id} exists", reason=Reason.CONCURRENT_CHANGE, hint="Try again")

    def tokens(self) -> list[Token]:
        """All tokens, the oldest first, also those that are not valid any more."""
        with self._database.reading() as connection, decoding("tokens"):
            return token_rows.select_all(connection)

    def token(self, token_id: str) -> Token | None:
        """The token, or None."""
        with self._database.reading() as connection, decoding("tokens"):
            return token_rows.select_one(connection, token_id)

    def revoke_token(self, token_id: str, at_ms: int, by: str, events: Sequence[Event] = ()) -> Token:
        """Revoke a token and return it. One that is revoked stays as it is, without events. ``NotFound``: no such."""
        with self._database.writing() as connection, decoding("tokens"):
            if token_rows.revoke(connection, token_id, at_ms, by):
                event_rows.append(connection, events)
            token = token_rows.select_one(connection, token_id)
        if token is None:
            raise NotFound(
                f"unknown token {token_id!r}",
                reason=Reason.UNKNOWN_TOKEN,
                hint="Find its id with 'sutra-grid-cli token list'",
            )
        return token

    def take_token_use(
        self,
        token_id: str,
        secret_hash: str,
        at_ms: int,
        certificate: IssuedCertificate,
        events: Sequence[Event] = (),
    ) -> bool:
        """Take one use of a token and record the certificate that it is taken for, in one transaction.

        False, without effect, when the token is not valid at ``at_ms``: of two callers for the last use, one gets it.
        """
        with self._database.writing() as connection:
            if not token_rows.take_use(connection, token_id, secret_hash, at_ms):
                return False
            certificate_rows.insert(connection, certificate)
            event_rows.append(connection, events)
            return True

    def note_token_uses(self, used_at_ms: Mapping[str, int]) -> None:
        """Record when tokens were used last, by id. Ids that are gone are skipped."""
        with self._database.writing() as connection:
            token_rows.note_uses(connection, used_at_ms)

    # -- certificates --

    def record_certificate(self, certificate: IssuedCertificate, events: Sequence[Event] = ()) -> None:
        """Record a certificate that was issued."""
        with self._writing(events) as connection:
            certificate_rows.insert(connection, certificate)

    def certificates(self, name: str = "", limit: int = MAX_CERTIFICATES_LISTED) -> list[IssuedCertificate]:
        """Certificates that masters have issued, the newest first: those of ``name``, or all."""
        with self._database.reading() as connection, decoding("certificates"):
            return certificate_rows.select_newest(connection, name, limit)

    # -- revocations --

    def revocations(self) -> Revocations:
        """The list and its version, from one moment."""
        with self._database.reading() as connection, decoding("revocations"):
            return Revocations(revocation_rows.version(connection), tuple(revocation_rows.select_all(connection)))

    def revocation_version(self) -> int:
        """The version of the list: cheap to ask often."""
        with self._database.reading() as connection:
            return revocation_rows.version(connection)

    def add_revocation(self, revocation: Revocation, events: Sequence[Event] = (), *, at_ms: int = 0) -> bool:
        """Store a revocation. False, without effect, when there is one. ``ResourceExhausted``: the list is full.

        ``at_ms`` is when the list changes; by default when the revocation was made.
        """
        with self._database.writing() as connection:
            if not revocation_rows.insert(connection, revocation, at_ms or revocation.at_ms):
                return False
            if revocation_rows.count(connection) > MAX_REVOCATIONS:
                raise ResourceExhausted(
                    f"the list has {MAX_REVOCATIONS} revocations, and can't have more",
                    reason=Reason.LIMIT_REACHED,
                    hint="Revoke by role and name, which covers all certificates of an identity, or change to a new CA",
                )
            event_rows.append(connection, events)
            return True

    def remove_revocation(self, revoked: Revoked, at_ms: int, events: Sequence[Event] = ()) -> bool:
        """Delete a revocation. False, without effect, when there is none."""
        with self._database.writing() as connection:
            if not revocation_rows.remove(connection, revoked, at_ms):
                return False
            event_rows.append(connection, events)
            return True
