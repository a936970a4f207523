"""How the master is called, and what the next step is called, whichever interface it is done through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from sutra_grid.core.errors import Internal
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire import grid_pb2 as pb

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Advice:
    """What an interface calls the next steps; each but the first has ``{}`` where the id belongs."""

    list_nodes: str
    look_at_node: str
    look_at_agent: str
    remove_agent: str


class Caller(Protocol):
    """Calls the master. Threads may share it.

    ``timeout_seconds`` is how long an outcome is waited for.
    """

    timeout_seconds: float

    @property
    def advice(self) -> Advice:
        """The next steps."""

    @property
    def is_closed(self) -> bool:
        """Whether no call can be made any more."""

    def read(self, method: str, request: Message, answer: type[M]) -> M:
        """One call that changes nothing. Raises ``GridError``."""

    def change(self, method: str, request: Message, answer: type[M]) -> M:
        """One change, with an idempotency key. Raises ``GridError``."""

    def close(self) -> None:
        """Make no more calls; those that wait in other threads end soon."""


def outcome(result: pb.NodeResult | pb.SpawnResponse | pb.StopResponse) -> pb.NodeStatus:
    """The node of an answer that says success. Raises the refusal as ``GridError`` otherwise."""
    if result.success:
        return result.node
    if result.HasField("error"):
        raise wire_errors.from_detail(result.error)
    raise Internal(result.error_message or "the master refused and did not say why")
