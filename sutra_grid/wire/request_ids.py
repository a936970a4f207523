"""The id of a request on its way through the daemons, as gRPC metadata ``x-request-id``.

The side that calls adds it to the call; the server's side binds it while the method runs.
What keeps it for the thread is passed in by the daemon: this package imports core only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import grpc

METADATA_KEY: Final = "x-request-id"

Metadata = tuple[tuple[str, str], ...]
Binder = Callable[[str], AbstractContextManager[None]]
"""Binds an id, possibly an empty one, to the calling thread for as long as the context lasts."""


def metadata_of(request_id: str) -> Metadata:
    """What a call is made with: ``stub.Method(request, metadata=metadata_of(current()))``."""
    return ((METADATA_KEY, request_id),) if request_id else ()


class RequestIdInterceptor(grpc.ServerInterceptor):
    """Binds the id of each unary call to its handler's thread. Thread-safe."""

    def __init__(self, bind: Binder) -> None:
        self._bind = bind
        # By path; as many as the server has methods. Two threads may make the same entry, and either is good.
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a call; None for a method that the server does not have."""
        path: str = handler_call_details.method
        known = self._wrapped.get(path)
        if known is not None:
            return known
        handler: Any = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler  # type: ignore[no-any-return]
        wrapped = self._wrapped[path] = self._wrap(handler)
        return wrapped

    def _wrap(self, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
        behaviour, bind = handler.unary_unary, self._bind

        def bound_to_its_id(request: Any, context: grpc.ServicerContext) -> Any:
            with bind(_id_of(context)):
                return behaviour(request, context)

        return grpc.unary_unary_rpc_method_handler(
            bound_to_its_id,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _id_of(context: grpc.ServicerContext) -> str:
    for key, value in context.invocation_metadata():
        if key == METADATA_KEY and isinstance(value, str):
            return value
    return ""
