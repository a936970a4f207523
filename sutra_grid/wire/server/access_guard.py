"""Lets a call reach its method only when the table of access allows it, and binds its caller.

Certificates are checked by gRPC when a connection begins. What they allow, and whether they still count, is checked
here for every call: so a certificate that was revoked is refused on connections that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from sutra_grid.core.access.principal import Principal
from sutra_grid.core.access.rpc_rules import RPC_RULES, refusal
from sutra_grid.core.errors import GridError, PermissionDenied, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.wire import caller
from sutra_grid.wire.errors import abort
from sutra_grid.wire.server.callers import (
    Callers,
    GridName,
    RevocationCheck,
    TokenCheck,
    no_grid,
    nobody_is_revoked,
)
from sutra_grid.wire.server.interceptor import Behaviour, Handler, MethodInterceptor
from sutra_grid.wire.server.refusal_log import RefusalLog

RefusedCall = Callable[[str, GridError, str], object]
"""Gets the method's path, the error and gRPC's text for the peer of each refusal; must be quick and must not raise."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a server needs to know of access, beside the table."""

    check_token: TokenCheck | None = None
    revocation: RevocationCheck = nobody_is_revoked
    on_refusal: RefusedCall = field(default_factory=RefusalLog)


_MAKERS: Final[dict[tuple[bool, bool], Callable[..., Handler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class AccessGuard(MethodInterceptor):
    """Guards every method of a server, whose grid is ``grid``."""

    def __init__(self, access: Access, grid: GridName = no_grid) -> None:
        super().__init__()
        self._access = access
        self._callers = Callers(access.check_token, access.revocation, grid)

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, for callers that the table allows."""
        behaviour: Behaviour = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )
        rule = RPC_RULES.get(path)
        of_agent = rule is not None and rule.of_agent

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            principal = self._admit(path, request.agent_id if of_agent else None, context)
            with caller.bound(principal):
                return behaviour(request, context)

        def guarded_stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            principal = self._admit(path, None, context)
            with caller.bound(principal):
                responses = behaviour(request, context)
            yield from responses

        return _MAKERS[handler.request_streaming, handler.response_streaming](
            guarded_stream if handler.response_streaming else guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _admit(self, path: str, agent_id: str | None, context: grpc.ServicerContext) -> Principal:
        """The caller, when it may make the call; else ends the call."""
        try:
            principal = self._callers.of(context)
        except GridError as error:
            self._refuse(path, error, context)
            raise
        denied = refusal(principal, path, agent_id)
        if denied is not None:
            kind, reason = (
                (Unauthenticated, Reason.UNAUTHENTICATED)
                if denied.unauthenticated
                else (PermissionDenied, Reason.FORBIDDEN)
            )
            self._refuse(path, kind(denied.message, reason=reason, hint=denied.hint), context)
        return principal

    def _refuse(self, path: str, error: GridError, context: grpc.ServicerContext) -> None:
        self._access.on_refusal(path, error, context.peer())
        abort(context, error)
