"""The base of the server's interceptors: each wraps a method once, at its first call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import grpc

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic for type checkers alone
Behaviour = Callable[[Any, grpc.ServicerContext], Any]


class MethodInterceptor(grpc.ServerInterceptor):
    """Wraps the methods of a server. Thread-safe."""

    def __init__(self) -> None:
        # By path; as many as the server has methods. Two threads may make the same entry, and either is good.
        self._wrapped: dict[str, Handler] = {}

    @abstractmethod
    def wrap(self, handler: Any, path: str) -> Handler:
        """The method as it is called from now on; ``handler`` itself to leave it unchanged.

        ``path`` is ``/grid.GridMaster/Heartbeat``.
        """

    def on_unknown(self) -> None:
        """Called for a method that the server does not have."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call; None for a method that the server does not have."""
        path: str = handler_call_details.method
        known = self._wrapped.get(path)
        if known is not None:
            return known
        handler = continuation(handler_call_details)
        if handler is None:
            self.on_unknown()
            return None
        wrapped = self._wrapped[path] = self.wrap(handler, path)
        return wrapped


def unary(handler: Any, behaviour: Behaviour) -> Handler:
    """The unary method of ``handler`` with another behaviour."""
    return grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
