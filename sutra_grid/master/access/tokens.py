"""Creates, lists, revokes and checks tokens. A call with an API token costs no access to the registry."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NoReturn, Self

from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.tokens import (
    ID_BYTES,
    REASONS,
    SECRET_BYTES,
    Token,
    TokenKind,
    TokenSpec,
    TokenText,
    Verdict,
    hash_secret,
    judge,
    parse_token,
    refused_token,
)
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, InvalidArgument, Unauthenticated
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.master.access.attempt_guard import AttemptGuard
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

MAX_CACHED: Final = 10_000
NOTE_SECONDS: Final = 30.0
"""How late the registry may learn of a use."""
_ATTEMPTS: Final = 8  # to find an id that is free: of 4 billion ids, a few thousand are in use


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made, with its secret text, which exists nowhere else."""

    token: Token
    text: TokenText


class Tokens:
    """Thread-safe. A context manager around the thread that records uses; the rest works without it.

    The master is the only writer of tokens, so what it has read stays true until it changes it itself.
    ``ca_digest`` returns the digest for join tokens; raises ``GridError`` when nobody can join.
    """

    def __init__(self, registry: Registry, clock: Clock, attempts: AttemptGuard, ca_digest: Callable[[], str]) -> None:
        self._registry = registry
        self._clock = clock
        self._attempts = attempts
        self._ca_digest = ca_digest
        self._lock = threading.Lock()
        self._changes = 0  # rises when a token is revoked; guarded by _lock
        self._accepted: OrderedDict[str, Token] = OrderedDict()  # by id; guarded by _lock
        self._uses: dict[str, int] = {}  # last uses that are not recorded yet, by id; guarded by _lock
        self._ticker = Ticker("token-uses", NOTE_SECONDS, self.record_uses)

    def create(self, spec: TokenSpec, by: str) -> NewToken:
        """Make a token. Blocks on the registry. Raises ``FailedPrecondition`` when nobody can join."""
        digest = self._ca_digest() if spec.kind is TokenKind.JOIN else ""
        now_ms = wall_ms(self._clock)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        for attempt in range(_ATTEMPTS):
            token = Token(
                token_id=secrets.token_hex(ID_BYTES),
                kind=spec.kind,
                secret_hash=hash_secret(secret),
                role=spec.role,
                name=spec.name,
                agent_pattern=spec.agent_pattern,
                uses_left=spec.uses if spec.kind is TokenKind.JOIN else None,
                uses=spec.uses,
                created_at_ms=now_ms,
                created_by=by,
                expires_at_ms=now_ms + spec.ttl_seconds * 1000,
            )
            try:
                self._registry.create_token(token, [self._event(EventKind.TOKEN_CREATED, f"{describe(token)} created")])
            except AlreadyExists:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            break
        log.info("token created", token=token.token_id, kind=token.kind, role=token.role, name=token.name, by=by)
        return NewToken(token, TokenText(spec.kind, token.token_id, secret, digest))

    def list(self) -> list[Token]:
        """All tokens, the oldest first. Uses that are not recorded yet are in them."""
        self.record_uses()
        return self._registry.tokens()

    def revoke(self, token_id: str, by: str) -> Token:
        """Revoke a token; no call with it is accepted after this. Raises ``NotFound``."""
        event = self._event(EventKind.TOKEN_REVOKED, f"token {token_id} revoked", Reason.TOKEN_REVOKED)
        token = self._registry.revoke_token(token_id, wall_ms(self._clock), by, [event])
        with self._lock:
            self._changes += 1
            self._accepted.pop(token_id, None)
        log.info("token revoked", token=token_id, by=by)
        return token

    def check(self, text: str, address: str) -> Principal:
        """The holder of an API token. Raises ``Unauthenticated``; ``ResourceExhausted`` after many failures."""
        try:
            given = parse_token(text)
        except InvalidArgument as error:
            self._attempts.admit(address)
            refusal = Unauthenticated(error.message, reason=Reason.UNKNOWN_TOKEN, hint=error.hint)
            self._attempts.failed(address, "", refusal)
            raise refusal from error
        token = self._accepted_before(given)
        if token is None:
            self._attempts.admit(address)
            token = self.accept(given, TokenKind.API, address, self._remember)
        with self._lock:
            self._uses[token.token_id] = wall_ms(self._clock)
        return Principal(PrincipalKind.TOKEN, token.role, token.name, address)

    def accept(
        self,
        given: TokenText,
        kind: TokenKind,
        address: str,
        accepted: Callable[[Token, int], object] = lambda token, changes: None,
    ) -> Token:
        """The token of the registry that ``given`` is. Raises ``Unauthenticated`` with the reason of the refusal."""
        with self._lock:
            changes = self._changes
        token = self._registry.token(given.token_id) if given.kind is kind else None
        verdict = judge(given, token, kind, wall_ms(self._clock))
        if token is None or verdict is not Verdict.VALID:
            error = refusal_of(verdict, kind)
            self._attempts.failed(address, given.token_id, error)
            raise error
        accepted(token, changes)
        return token

    def record_uses(self) -> None:
        """Write the last uses to the registry. One that does not answer gets them next time."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            self._registry.note_token_uses(uses)
        except GridError as error:
            log.warning("uses of tokens are not recorded yet", why=error)
            with self._lock:
                self._uses = {**uses, **self._uses}

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
        self.record_uses()

    def _accepted_before(self, given: TokenText) -> Token | None:
        with self._lock:
            token = self._accepted.get(given.token_id)
        if token is None or judge(given, token, TokenKind.API, wall_ms(self._clock)) is not Verdict.VALID:
            return None  # the registry decides, and says why
        return token

    def _remember(self, token: Token, changes: int) -> None:
        with self._lock:
            if changes != self._changes:
                return  # it may have been revoked since it was read
            self._accepted[token.token_id] = token
            if len(self._accepted) > MAX_CACHED:
                self._accepted.popitem(last=False)

    def _event(self, kind: EventKind, message: str, reason: Reason = Reason.COMMANDED) -> Event:
        return by_caller(Event(kind, wall_ms(self._clock), Actor.OPERATOR, reason=reason, message=message))


def refusal_of(verdict: Verdict, kind: TokenKind) -> Unauthenticated:
    """The error for a token that is not accepted."""
    message, hint = refused_token(verdict, kind)
    return Unauthenticated(message, reason=REASONS[verdict], hint=hint)


def describe(token: Token) -> str:
    """A token for people, without its secret."""
    if token.kind is TokenKind.JOIN:
        uses = "1 use" if token.uses == 1 else f"{token.uses} uses"
        return f"join token {token.token_id} for agents {token.agent_pattern}, {uses},"
    return f"api token {token.token_id} of {token.name} with role {token.role}"


def no_joining() -> NoReturn:
    """The ``ca_digest`` of a master that can't sign certificates."""
    raise FailedPrecondition(
        "this master can't sign certificates, so no agent can join",
        reason=Reason.NO_SIGNING_KEY,
        hint="Set ca_key_file in [tls] of its configuration to the ca-key.pem that 'sutra-grid-cli tls ca create' "
        "wrote, and restart it. Or make certificates with 'sutra-grid-cli tls cert create --role agent'",
    )
