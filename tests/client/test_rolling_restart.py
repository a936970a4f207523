"""How a rolling restart ends: every restart in its own thread leaves a result."""

from typing import Any, cast

import pytest
from support.values.cli_records import node

from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_restart import Roll, RollSpec
from sutra_grid.core.errors import Internal, NotFound
from sutra_grid.wire import grid_pb2 as pb


class FakeClient:
    """A master's client whose ``restart_node`` raises what it is given."""

    timeout_seconds = 5.0
    hints = Hints(*["{}"] * len(Hints.__dataclass_fields__))

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def within(self, _seconds: float) -> "FakeClient":
        return self

    def restart_node(self, name: str) -> pb.NodeResult:
        raise self.error

    def close(self) -> None:
        """Nothing is open."""


def roll(client: Any, *names: str) -> Roll:
    nodes = {name: node(name) for name in names}
    return Roll(cast(MasterClient, client), RollSpec(), names, lambda: nodes, lambda _node: None, lambda _line: None)


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("closed"), SystemExit(3)])
def test_an_unexpected_error_in_a_restart_ends_the_rolling_restart(error: BaseException) -> None:
    progress = roll(FakeClient(error), "a", "b").run()
    assert isinstance(progress.failure, Internal)
    assert progress.failure.__cause__ is error
    assert not progress.in_flight
    assert progress.unfinished() == ["a", "b"]


def test_an_error_of_the_grid_is_the_failure_itself() -> None:
    error = NotFound("no")
    progress = roll(FakeClient(error), "a", "b").run()
    assert progress.failure is error
    assert not progress.in_flight
