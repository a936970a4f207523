"""Reports each call that a server has answered to an observer: method, outcome, duration.

Only unary calls are reported; a stream lasts as long as its reader likes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import grpc

from sutra_grid.core.types import Reason
from sutra_grid.wire.enums import reason_or_none
from sutra_grid.wire.server.interceptor import Behaviour, Handler, MethodInterceptor, unary

UNKNOWN_METHOD: Final = "unknown"


class AnsweredCall(NamedTuple):
    """One call. ``seconds`` is the handler's time, without the wait for a thread.

    ``method`` is ``grid.GridMaster/Heartbeat``, or ``unknown`` for one that the server does not have;
    ``code`` the name of the status. ``refused`` is None, or the reason of an answer ``success=false``.
    """

    method: str
    code: str
    seconds: float
    refused: Reason | None = None


CallObserver = Callable[[AnsweredCall], object]
"""Gets each call on the thread that ran it; must be quick and must not raise."""


class CallReporter(MethodInterceptor):
    """Reports every unary call of a server."""

    def __init__(self, observe: CallObserver) -> None:
        super().__init__()
        self._observe = observe

    def on_unknown(self) -> None:
        """Report it as ``unknown``."""
        self._observe(AnsweredCall(UNKNOWN_METHOD, grpc.StatusCode.UNIMPLEMENTED.name, 0.0))

    def wrap(self, handler: Any, path: str) -> Handler:
        """The same method, reported when it has answered."""
        if handler.unary_unary is None:
            return handler  # type: ignore[no-any-return]
        return unary(handler, _observed(handler.unary_unary, path.removeprefix("/"), self._observe))


def _observed(behaviour: Behaviour, method: str, observe: CallObserver) -> Behaviour:
    def observed(request: Any, context: grpc.ServicerContext) -> Any:
        started = time.perf_counter()
        try:
            response = behaviour(request, context)
        except BaseException:  # an abort raises too; it passes unchanged
            observe(AnsweredCall(method, _code(context, grpc.StatusCode.UNKNOWN), time.perf_counter() - started))
            raise
        seconds = time.perf_counter() - started
        observe(AnsweredCall(method, _code(context, grpc.StatusCode.OK), seconds, _refusal(response)))
        return response

    return observed


def _code(context: Any, default: grpc.StatusCode) -> str:
    """The name of the status: the one that was set, else CANCELLED when the caller is gone."""
    code = context.code()
    if code is None and not context.is_active():
        return grpc.StatusCode.CANCELLED.name
    return code.name if isinstance(code, grpc.StatusCode) else default.name


def _refusal(response: Any) -> Reason | None:
    """The reason of an answer ``success=false``; None for every other answer."""
    if not _may_refuse(response.DESCRIPTOR) or response.success:
        return None
    return reason_or_none(response.error.reason)


@cache
def _may_refuse(descriptor: Any) -> bool:
    """Whether messages of that type have ``success``. Asking one for a field that it lacks costs as much as a call."""
    return "success" in descriptor.fields_by_name
