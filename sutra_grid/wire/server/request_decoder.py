"""Decodes requests inside the handler's own error path, instead of in gRPC before it.

For bytes that are not a message of the method's type, gRPC answers INTERNAL, as if the server were at fault. It
logs a traceback for each, and (1.76) keeps about 10 KiB of every such call for ever: a client that sends noise
fills the server's memory, as measured. Here the client gets INVALID_ARGUMENT, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.wire.errors import abort
from sutra_grid.wire.server.interceptor import Behaviour, Handler, MethodInterceptor
from sutra_grid.wire.server.nesting import MAX_DEPTH, is_too_deep, request_of

Deserializer = Callable[[bytes], Any]

_MAKERS: Final[dict[tuple[bool, bool], Callable[..., Handler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class RequestDecoder(MethodInterceptor):
    """Decodes every request of a server within its handler."""

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, which takes bytes from gRPC and decodes them itself."""
        if handler.request_deserializer is None:
            return handler  # type: ignore[no-any-return]
        behaviour: Behaviour = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )
        read = _reader(handler.request_deserializer, path)

        def of_one(data: bytes, context: grpc.ServicerContext) -> Any:
            return behaviour(read(data, context), context)

        def of_many(parts: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            return behaviour((read(data, context) for data in parts), context)

        make = _MAKERS[handler.request_streaming, handler.response_streaming]
        return make(of_many if handler.request_streaming else of_one, response_serializer=handler.response_serializer)


def _reader(deserialize: Deserializer, path: str) -> Callable[[bytes, grpc.ServicerContext], Any]:
    def read(data: bytes, context: grpc.ServicerContext) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            abort(context, _invalid(data, path))

    return read


def _invalid(data: bytes, path: str) -> InvalidArgument:
    descriptor = request_of(path)
    if descriptor is not None and is_too_deep(data, descriptor):
        return InvalidArgument(
            f"the request of {path} is not valid: its messages are nested more than {MAX_DEPTH} levels deep",
            reason=Reason.INVALID_ARGUMENT,
            hint="Use fewer levels, or several requests",
        )
    return InvalidArgument(
        f"the request of {path} is not valid: its {len(data)} bytes are not a message of that method",
        reason=Reason.INVALID_ARGUMENT,
        hint="Use a client that was generated from this version's proto files",
    )
