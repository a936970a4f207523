"""Lets a call reach its method only when the table of access allows it, and binds its caller.

Certificates are checked by gRPC when a connection begins. What they allow, and whether they still count, is checked
here for every call: so a certificate that was revoked is refused on connections that exist.

Two steps: ``AccessGuard`` knows caller and method, and comes before a request is decoded, so that nobody makes a server
decode a request that it refuses. ``OwnAgentGuard`` comes after, because the request says for which agent it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import grpc

from sutra_grid.core.access.principal import Principal
from sutra_grid.core.access.rpc_rules import RPC_RULES, Refusal, refusal, refusal_of_agent
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
    """Guards every method of a server, whose grid is ``grid``. Needs no request, so it goes before the decoder."""

    def __init__(self, access: Access, grid: GridName = no_grid) -> None:
        super().__init__()
        self._access = access
        self._callers = Callers(access.check_token, access.revocation, grid)

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, for callers that the table allows."""
        behaviour = _behaviour_of(handler)

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            with caller.bound(self._admit(path, context)):
                return behaviour(request, context)

        def guarded_stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with caller.bound(self._admit(path, context)):
                responses = behaviour(request, context)
            yield from responses

        return _like(handler, guarded_stream if handler.response_streaming else guarded)

    def _admit(self, path: str, context: grpc.ServicerContext) -> Principal:
        """The caller, when it may make the call; else ends the call."""
        try:
            principal = self._callers.of(context)
        except GridError as error:
            _refuse(self._access, path, error, context)
        denied = refusal(principal, path)
        if denied is not None:
            _refuse(self._access, path, _error_of(denied), context)
        return principal


class OwnAgentGuard(MethodInterceptor):
    """Lets an agent speak for itself alone. Goes after ``AccessGuard``, which binds the caller, and the decoder."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, for the agent that the request names; unchanged where any agent is meant."""
        rule = RPC_RULES.get(path)
        if rule is None or not rule.of_agent:
            return handler  # type: ignore[no-any-return]
        behaviour = _behaviour_of(handler)

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            denied = refusal_of_agent(caller.current(), getattr(request, "agent_id", None))
            if denied is not None:
                _refuse(self._access, path, _error_of(denied), context)
            return behaviour(request, context)

        return _like(handler, guarded)


def _behaviour_of(handler: Any) -> Behaviour:
    found: Behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    return found


def _like(handler: Any, behaviour: Behaviour) -> Handler:
    """The method of ``handler`` with another behaviour."""
    return _MAKERS[handler.request_streaming, handler.response_streaming](
        behaviour,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def _error_of(denied: Refusal) -> GridError:
    if denied.unauthenticated:
        return Unauthenticated(denied.message, reason=Reason.UNAUTHENTICATED, hint=denied.hint)
    return PermissionDenied(denied.message, reason=Reason.FORBIDDEN, hint=denied.hint)


def _refuse(access: Access, path: str, error: GridError, context: grpc.ServicerContext) -> NoReturn:
    access.on_refusal(path, error, context.peer())
    abort(context, error)
