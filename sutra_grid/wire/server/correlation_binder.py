"""Binds the correlation id of a call to the thread that handles it, so that its log lines carry the id."""

from __future__ import annotations

from typing import Any

import grpc

from sutra_grid.runtime.correlation_id import bound
from sutra_grid.wire.correlation_ids import correlation_id_of
from sutra_grid.wire.server.interceptor import Handler, MethodInterceptor, unary


class CorrelationBinder(MethodInterceptor):
    """Binds the correlation id of each unary call for as long as its method runs."""

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, run with the correlation id bound."""
        if handler.unary_unary is None:
            return handler  # type: ignore[no-any-return]
        behaviour = handler.unary_unary

        def handled(request: Any, context: grpc.ServicerContext) -> Any:
            with bound(correlation_id_of(context)):
                return behaviour(request, context)

        return unary(handler, handled)
