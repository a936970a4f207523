"""Gives agents their certificates: the first for a join token, later ones over the valid one."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.revocations import IssuedCertificate
from sutra_grid.core.access.tokens import Token, TokenKind, Verdict, judge, matches, parse_token
from sutra_grid.core.errors import InvalidArgument, PermissionDenied, Unauthenticated
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.master.access.attempt_guard import AttemptGuard
from sutra_grid.master.access.revocations import RevocationBook
from sutra_grid.master.access.signer import Signed, Signer
from sutra_grid.master.access.tokens import Tokens, no_joining, refusal_of
from sutra_grid.registry import Registry
from sutra_grid.runtime.certificates.describe import describe
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """What an agent asks for. ``token`` is a secret; ``address`` is where it comes from."""

    token: str
    agent_id: str
    request_pem: bytes
    hosts: Sequence[str]
    address: str


class Joining:
    """Thread-safe; blocks on the registry. ``signer`` is None for a master without the authority's key."""

    def __init__(
        self,
        registry: Registry,
        tokens: Tokens,
        revocations: RevocationBook,
        attempts: AttemptGuard,
        signer: Signer | None,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._tokens = tokens
        self._revocations = revocations
        self._attempts = attempts
        self._signer = signer
        self._clock = clock

    def join(self, request: JoinRequest) -> Signed:
        """The first certificate of an agent, for one use of its token. A refusal takes no use.

        Raises ``Unauthenticated`` for a token that is not accepted, ``PermissionDenied`` for an agent id that may not
        join, ``InvalidArgument`` for a request that can't be signed, ``ResourceExhausted`` after many failures, and
        ``FailedPrecondition`` when this master can't sign.
        """
        self._attempts.admit(request.address)
        token = self._token(request)
        signer = self._working_signer()
        signed = signer.sign(request.request_pem, Role.AGENT, request.agent_id, request.hosts)
        self._take_use(token, request, signed)
        log.info(
            "agent joined",
            agent=request.agent_id,
            token=token.token_id,
            address=request.address,
            serial=signed.serial,
        )
        return signed

    def renew(
        self, principal: Principal, request_pem: bytes, hosts: Sequence[str], own_pem: bytes | None = None
    ) -> Signed:
        """A new certificate for the identity and hosts of the caller's own, ``own_pem``, which is valid.

        A stolen key must not gain the names of other hosts. Raises ``PermissionDenied`` for a caller without a
        certificate, and for a host that is not in it; else as ``join`` does.
        """
        if principal.kind is not PrincipalKind.CERTIFICATE or principal.role is not Role.AGENT:
            raise PermissionDenied(
                "only an agent with a certificate can renew it",
                reason=Reason.FORBIDDEN,
                hint="Join with a token: 'sutra-grid-agent join HOST:PORT TOKEN'",
            )
        own = _hosts_of(own_pem) if own_pem else frozenset()
        if gained := [host for host in hosts if _plain(host) not in own]:
            raise PermissionDenied(
                f"the certificate of agent {principal.name} does not name the host {gained[0]!r}, so a renewal can't",
                reason=Reason.FORBIDDEN,
                hint="Join again with a token for other hosts: 'sutra-grid-agent join HOST:PORT TOKEN --host HOST'",
            )
        signed = self._working_signer().sign(request_pem, Role.AGENT, principal.name, hosts)
        self._registry.record_certificate(_record(signed, f"renewal of {principal.serial}"))
        log.info("certificate renewed", agent=principal.name, serial=signed.serial, before=principal.serial)
        return signed

    def _token(self, request: JoinRequest) -> Token:
        """The accepted token, for an agent id that it admits."""
        try:
            given = parse_token(request.token)
        except InvalidArgument as error:
            refusal = Unauthenticated(error.message, reason=Reason.UNKNOWN_TOKEN, hint=error.hint)
            self._attempts.failed(request.address, "", refusal)
            raise refusal from error
        token = self._tokens.accept(given, TokenKind.JOIN, request.address)
        denied = self._denied(token, request.agent_id)
        if denied is not None:
            self._attempts.failed(request.address, token.token_id, denied)
            raise denied
        return token

    def _denied(self, token: Token, agent_id: str) -> PermissionDenied | None:
        if not matches(token.agent_pattern, agent_id):
            return PermissionDenied(
                f"the token is for agents {token.agent_pattern!r}, not for agent {agent_id!r}",
                reason=Reason.TOKEN_OF_OTHER_AGENTS,
                hint="Join with an agent id that fits (--agent-id), or create a token with --agent-id for this one",
            )
        if self._revocations.current.has_identity(Role.AGENT, agent_id):
            return PermissionDenied(
                f"agent {agent_id} is revoked, and can't join again under this id",
                reason=Reason.CERTIFICATE_REVOKED,
                hint=f"An admin takes this back with 'sutra-grid-cli tls restore agent/{agent_id}'",
            )
        if token.agent_pattern != agent_id and self._has_certificate(agent_id):
            return PermissionDenied(
                f"agent {agent_id} has a valid certificate, and a token for agents {token.agent_pattern!r} can't "
                "replace that",
                reason=Reason.AGENT_HAS_CERTIFICATE,
                hint="If it is another agent, choose another id with --agent-id. If this host was set up anew, join "
                f"with a token made for it: 'sutra-grid-cli token create --kind join --agent-id {agent_id}'",
            )
        return None

    def _has_certificate(self, agent_id: str) -> bool:
        """Whether a master has issued one to the agent that counts now: who joins may be somebody else."""
        now_ms = wall_ms(self._clock)
        revoked = self._revocations.current
        return any(
            one.role == Role.AGENT and one.not_after_ms > now_ms and not revoked.has(one.serial, one.role, one.name)
            for one in self._registry.certificates(agent_id)
        )

    def _take_use(self, token: Token, request: JoinRequest, signed: Signed) -> None:
        """Take a use, and record the certificate with it. Another agent may have taken the last one meanwhile."""
        now_ms = wall_ms(self._clock)
        event = Event(
            EventKind.AGENT_JOINED,
            now_ms,
            Actor.AGENT,
            request.agent_id,
            reason=Reason.REGISTERED,
            message=f"joined from {request.address or 'this machine'} with token {token.token_id}, "
            f"certificate {signed.serial}",
        )
        record = _record(signed, f"join with token {token.token_id}")
        if self._registry.take_token_use(token.token_id, token.secret_hash, now_ms, record, [event]):
            return
        verdict = _verdict_now(self._registry.token(token.token_id), request, now_ms)
        error = refusal_of(verdict, TokenKind.JOIN)
        self._attempts.failed(request.address, token.token_id, error)
        raise error

    def _working_signer(self) -> Signer:
        if self._signer is None:
            no_joining()
        return self._signer


def _verdict_now(token: Token | None, request: JoinRequest, now_ms: int) -> Verdict:
    """Why no use was left to take."""
    verdict = judge(parse_token(request.token), token, TokenKind.JOIN, now_ms)
    return Verdict.USED_UP if verdict is Verdict.VALID else verdict


def _hosts_of(certificate_pem: bytes) -> frozenset[str]:
    facts = describe(x509.load_pem_x509_certificate(certificate_pem))
    return frozenset(_plain(host) for host in (*facts.dns_names, *facts.addresses))


def _plain(host: str) -> str:
    """The host in the form in which a certificate has it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.rstrip(".").lower()


def _record(signed: Signed, issued_for: str) -> IssuedCertificate:
    return IssuedCertificate(
        signed.serial,
        signed.identity.role,
        signed.identity.name,
        signed.issued_at_ms,
        signed.not_after_ms,
        issued_for,
    )
