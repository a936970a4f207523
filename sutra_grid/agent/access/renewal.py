"""Renews the agent's certificate over its valid one, in good time, and puts the new one in its file.

The key stays, so one file is replaced at once: an agent that dies at any moment finds a certificate that fits its key.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from cryptography import x509

from sutra_grid.core.access.identity import SERVER_DOMAIN
from sutra_grid.core.access.renewal import renew_at, retry_seconds
from sutra_grid.core.errors import FailedPrecondition, GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.authority import make_request
from sutra_grid.runtime.certificates.describe import describe, fits, identity_of, is_signed_by
from sutra_grid.runtime.certificates.files import read_certificate, read_key
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.files import write_atomically
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.ticker import Ticker
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.section import TlsFiles
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire.access_pb2_grpc import GridAccessStub
from sutra_grid.wire.connection import Connection, Opener, Peer

log = get_logger(__name__)

CHECK_SECONDS: Final = 2.0
CALL_SECONDS: Final = 10.0
STOP_SECONDS: Final = 2.0

Renew = Callable[[bytes, Sequence[str]], bytes]
"""Asks the master: takes a signing request and hosts, returns a certificate with its chain. Raises ``GridError``."""


@dataclass(frozen=True, slots=True)
class _Schedule:
    """For one version of the files: when the next attempt is due, and when the certificate ends (wall seconds)."""

    version: int
    due: float
    not_after: float
    failures: int = 0


class CertificateRenewal:
    """A context manager around its thread. Tests call ``check`` without it."""

    def __init__(
        self,
        files: TlsFiles,
        credentials: CredentialFiles,
        renew: Renew,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._files = files
        self._credentials = credentials
        self._renew = renew
        self._clock = clock
        self._chance = chance
        self._schedule: _Schedule | None = None  # this and the next are used by the thread alone
        self._told = ""
        self._ticker = Ticker("certificate-renewal", CHECK_SECONDS, self.check)

    def check(self) -> None:
        """Renew the certificate when that is due. A failure is logged once for each cause, and tried again later."""
        current = self._credentials.current()
        if self._schedule is None or self._schedule.version != current.version:
            self._schedule = self._new_schedule(current.version, current.certificate_pem)
        now, schedule = self._clock.wall(), self._schedule
        if now < schedule.due:
            return
        try:
            not_after = self._replace()
        except (GridError, OSError, ValueError) as error:
            failures = schedule.failures + 1
            wait = retry_seconds(failures, schedule.not_after - now, self._chance())
            self._schedule = _Schedule(schedule.version, now + wait, schedule.not_after, failures)
            self._tell(error, schedule.not_after, now)
            return
        self._told = ""
        self._schedule = _Schedule(schedule.version, float("inf"), schedule.not_after)  # until the file is read again
        log.info("certificate renewed", file=self._files.cert_file, not_after=f"{not_after:%Y-%m-%dT%H:%M:%SZ}")

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop(STOP_SECONDS)

    def _new_schedule(self, version: int, certificate_pem: bytes) -> _Schedule:
        leaf = x509.load_pem_x509_certificate(certificate_pem)
        begin, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
        return _Schedule(version, renew_at(begin, end, self._chance()), end)

    def _replace(self) -> datetime:
        """Get a certificate for the same key, identity and hosts, and write it; returns its end."""
        key = read_key(self._files.key_file)
        before = read_certificate(self._files.cert_file)[0]
        facts = describe(before)
        own = f".{SERVER_DOMAIN}"
        hosts = [*(name for name in facts.dns_names if not name.endswith(own)), *facts.addresses]
        pem = self._renew(make_request(key), hosts)
        chain = x509.load_pem_x509_certificates(pem)
        trusted = x509.load_pem_x509_certificates(self._credentials.current().ca_pem)
        if not fits(chain[0], key) or identity_of(chain[0]) != facts.identity or not is_signed_by(chain, trusted):
            raise FailedPrecondition(
                "the master sent a certificate that this agent can't use: for another key or name, or of an authority "
                "that is not in ca_file",
                reason=Reason.CERTIFICATE_INVALID,
                hint="When the grid changes to a new authority, add that to ca_file of every member first",
            )
        write_atomically(self._files.cert_file, pem)
        return chain[0].not_valid_after_utc

    def _tell(self, error: Exception, not_after: float, now: float) -> None:
        told = str(error)
        if told == self._told:
            return
        self._told = told
        end = datetime.fromtimestamp(not_after, UTC)
        if now > not_after:
            log.error(
                "the certificate has expired and can't be renewed; join again with a token",
                file=self._files.cert_file,
                not_after=f"{end:%Y-%m-%dT%H:%M:%SZ}",
                error=error,
            )
            return
        log.warning(
            "certificate not renewed; retrying",
            file=self._files.cert_file,
            not_after=f"{end:%Y-%m-%dT%H:%M:%SZ}",
            error=error,
        )


class RenewalLink:
    """Asks the master for certificates, over a connection of its own. A context manager."""

    def __init__(self, target: str, opener: Opener) -> None:
        self._connection = Connection(target, Peer("the master", Reason.MASTER_UNREACHABLE), GridAccessStub, opener)

    def renew(self, request_pem: bytes, hosts: Sequence[str]) -> bytes:
        """The new certificate with its chain. Raises ``GridError``."""
        request = pb.RenewRequest(certificate_request=request_pem, hosts=hosts)
        return self._connection.call(lambda stub: stub.Renew, request, pb.RenewResponse, CALL_SECONDS).certificate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
