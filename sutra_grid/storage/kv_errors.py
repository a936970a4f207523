"""The edge of the etcd services: what a handler raises becomes the status that etcd's clients know."""

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
    """End the call with etcd's code and words."""
    context.abort(grpc.StatusCode[error.fault.code], error.fault.message)
    raise AssertionError("abort returned")


def answers_faults(
    method: Callable[[Service, Request, grpc.ServicerContext], Response],
) -> Callable[[Service, Request, grpc.ServicerContext], Response]:
    """For unary servicer methods: ``KvError`` as etcd has it, any other error as everywhere in the grid."""

    @functools.wraps(method)
    def wrapper(service: Service, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return method(service, request, context)
        except KvError as error:
            abort(context, error)

    return handle_errors(wrapper)
