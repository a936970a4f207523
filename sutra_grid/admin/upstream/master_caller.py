"""The master as ``sutra_grid.client`` calls it, for one request of the API."""

from __future__ import annotations

import hashlib
import threading
import uuid
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.client.caller import Advice
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Reason

M = TypeVar("M", bound=Message)

ADVICE: Final = Advice(
    list_nodes="GET /nodes",
    look_at_node="GET /nodes/{}",
    look_at_agent="GET /agents/{}",
    remove_agent="DELETE /agents/{}",
)
MAX_REQUEST_ID_CHARACTERS: Final = 128


class MasterCaller:
    """Calls of one request. Threads may share it.

    With the client's ``key`` every change gets an idempotency key that is made of it and of what is changed, so
    that the same request sent again changes nothing twice.
    """

    advice = ADVICE

    def __init__(self, link: MasterLink, *, timeout_seconds: float | None = None, key: str = "") -> None:
        self._link = link
        self._key = key
        self.timeout_seconds = timeout_seconds or link.command_timeout_seconds
        self._closed = threading.Event()

    @property
    def is_closed(self) -> bool:
        """Whether no call is made any more."""
        return self._closed.is_set()

    def read(self, method: str, request: Message, answer: type[M]) -> M:
        """One call that changes nothing. Raises ``GridError``."""
        self._refuse_when_closed()
        return self._link.read(method, request, answer)

    def change(self, method: str, request: Message, answer: type[M]) -> M:
        """One change. Raises ``GridError``."""
        self._refuse_when_closed()
        with_id: Any = request
        with_id.request_id = derived_key(self._key, _target(request)) if self._key else str(uuid.uuid4())
        timeout_seconds = min(self.timeout_seconds, self._link.command_timeout_seconds)
        return self._link.command(method, request, answer, timeout_seconds)

    def close(self) -> None:
        """Make no more calls; the channel is the worker's and stays."""
        self._closed.set()

    def _refuse_when_closed(self) -> None:
        if self.is_closed:
            raise Unavailable("the request was given up", reason=Reason.ENDING, hint="What was begun goes on")


def derived_key(key: str, part: str) -> str:
    """The idempotency key of one of several changes that one key stands for."""
    derived = f"{key}#{part}"
    if len(derived) <= MAX_REQUEST_ID_CHARACTERS:
        return derived
    return hashlib.sha256(derived.encode()).hexdigest()


def _target(request: Any) -> str:
    fields = request.DESCRIPTOR.fields_by_name
    target: str = request.node_id if "node_id" in fields else request.agent_id
    return target
