"""``KvError`` as the gRPC status that etcd's clients know."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NoReturn, TypeVar

import grpc

from sutra_grid.storage.faults import KvError
from sutra_grid.wire.errors import handle_errors

Service = TypeVar("Service")
Request = TypeVar("Request")
Response = TypeVar("Response")


def abort(context: grpc.ServicerContext, error: KvError) -> NoReturn:
    """End the call with etcd's status code and message."""
    context.abort(grpc.StatusCode[error.fault.code], error.message)
    raise AssertionError("abort returned")


def handle_kv_errors(
    method: Callable[[Service, Request, grpc.ServicerContext], Response],
) -> Callable[[Service, Request, grpc.ServicerContext], Response]:
    """Decorate a unary servicer method: ``KvError`` ends the call as in etcd, others as everywhere in the grid."""

    @functools.wraps(method)
    def wrapper(service: Service, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return method(service, request, context)
        except KvError as error:
            abort(context, error)

    return handle_errors(wrapper)
