"""API tokens in the header ``Authorization: Bearer sgt_...``, over TLS or loopback alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from flask import request

from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.tokens import REASONS, TokenKind, Verdict, judge, parse_token, refused_token
from sutra_grid.core.errors import InvalidArgument, Unauthenticated, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import is_loopback

log = get_logger(__name__)

SCHEME: Final = "bearer "
NOTE_MS: Final = 60_000
"""How late the registry may learn that a token is used: one write a minute at most for each."""
MAX_NOTED: Final = 1024


def given_token() -> str:
    """The token of the request; empty without one."""
    header = request.headers.get("Authorization", "")
    return header[len(SCHEME) :].strip() if header[: len(SCHEME)].lower() == SCHEME else ""


class Tokens:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._noted_at_ms: OrderedDict[str, int] = OrderedDict()  # guarded by _lock

    def principal(self, registry: Registry, text: str) -> Principal:
        """The holder of the token. Raises ``Unauthenticated``, which never repeats the text, and ``Unavailable``."""
        address = request.remote_addr or ""
        if not request.is_secure and not is_loopback(address):
            raise Unauthenticated(
                "a token was sent over a connection without TLS",
                reason=Reason.UNAUTHENTICATED,
                hint="Revoke it, because others may have read it, and use https",
            )
        try:
            given = parse_token(text)
        except InvalidArgument as error:
            raise Unauthenticated(error.message, reason=Reason.UNAUTHENTICATED, hint=error.hint) from None
        token, now = registry.token(given.token_id), wall_ms(self._clock)
        verdict = judge(given, token, TokenKind.API, now)
        if token is None or verdict is not Verdict.VALID:
            message, hint = refused_token(verdict, TokenKind.API)
            raise Unauthenticated(message, reason=REASONS.get(verdict, Reason.UNAUTHENTICATED), hint=hint)
        self._note_use(registry, token.token_id, now)
        return Principal(PrincipalKind.TOKEN, token.role, token.name, address)

    def _note_use(self, registry: Registry, token_id: str, now_ms: int) -> None:
        with self._lock:
            if now_ms - self._noted_at_ms.get(token_id, -NOTE_MS) < NOTE_MS:
                return
            self._noted_at_ms[token_id] = now_ms
            self._noted_at_ms.move_to_end(token_id)
            while len(self._noted_at_ms) > MAX_NOTED:
                self._noted_at_ms.popitem(last=False)
        try:
            registry.note_token_uses({token_id: now_ms})
        except Unavailable as error:
            log.warning("use of a token not recorded", token=token_id, error=error.message)
