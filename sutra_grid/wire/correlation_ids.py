"""The correlation id of a request on its way through the daemons, as gRPC metadata ``x-request-id``.

The side that calls adds it to the call; the server's side binds it while the method runs.
"""

from __future__ import annotations

from typing import Any, Final

import grpc

from sutra_grid.runtime.correlation_id import bound
from sutra_grid.wire.server.interceptor import Handler, WrappingInterceptor, unary

METADATA_KEY: Final = "x-request-id"

Metadata = tuple[tuple[str, str], ...]


def metadata_of(correlation_id: str) -> Metadata:
    """What a call is made with: ``stub.Method(request, metadata=metadata_of(current()))``."""
    return ((METADATA_KEY, correlation_id),) if correlation_id else ()


class CorrelationIdInterceptor(WrappingInterceptor):
    """Binds the correlation id of each unary call to its handler's thread."""

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, run with its id bound."""
        if handler.unary_unary is None:
            return handler  # type: ignore[no-any-return]
        behaviour = handler.unary_unary

        def handled(request: Any, context: grpc.ServicerContext) -> Any:
            with bound(_id_of(context)):
                return behaviour(request, context)

        return unary(handler, handled)


def _id_of(context: grpc.ServicerContext) -> str:
    for key, value in context.invocation_metadata():
        if key == METADATA_KEY and isinstance(value, str):
            return value
    return ""
