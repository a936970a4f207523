"""The correlation id of a request on its way through the daemons, as gRPC metadata ``x-request-id``.

A client adds it to its call. The server binds it while the method runs (``server.correlation_binder``).
"""

from __future__ import annotations

from typing import Final

import grpc

METADATA_KEY: Final = "x-request-id"

Metadata = tuple[tuple[str, str], ...]


def metadata_of(correlation_id: str) -> Metadata:
    """The metadata for a call: ``stub.Method(request, metadata=metadata_of(current()))``."""
    return ((METADATA_KEY, correlation_id),) if correlation_id else ()


def correlation_id_of(context: grpc.ServicerContext) -> str:
    """The correlation id that a call came with; empty without one."""
    for key, value in context.invocation_metadata():
        if key == METADATA_KEY and isinstance(value, str):
            return value
    return ""
