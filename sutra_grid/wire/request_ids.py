"""The id of a request on its way through the daemons, as gRPC metadata ``x-request-id``.

The side that calls adds it to the call; the server's side binds it while the method runs.
What keeps it for the thread is passed in by the daemon: this package imports core only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import grpc

from sutra_grid.wire.wrapping import Handler, WrappingInterceptor, unary

METADATA_KEY: Final = "x-request-id"

Metadata = tuple[tuple[str, str], ...]
Binder = Callable[[str], AbstractContextManager[None]]
"""Binds an id, possibly an empty one, to the calling thread for as long as the context lasts."""


def metadata_of(request_id: str) -> Metadata:
    """What a call is made with: ``stub.Method(request, metadata=metadata_of(current()))``."""
    return ((METADATA_KEY, request_id),) if request_id else ()


class RequestIdInterceptor(WrappingInterceptor):
    """Binds the id of each unary call to its handler's thread."""

    def __init__(self, bind: Binder) -> None:
        super().__init__()
        self._bind = bind

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, run with its id bound."""
        if handler.unary_unary is None:
            return handler  # type: ignore[no-any-return]
        behaviour, bind = handler.unary_unary, self._bind

        def bound_to_its_id(request: Any, context: grpc.ServicerContext) -> Any:
            with bind(_id_of(context)):
                return behaviour(request, context)

        return unary(handler, bound_to_its_id)


def _id_of(context: grpc.ServicerContext) -> str:
    for key, value in context.invocation_metadata():
        if key == METADATA_KEY and isinstance(value, str):
            return value
    return ""
