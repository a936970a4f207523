"""How a rolling restart ends: every restart in its own thread leaves a result."""

from typing import Any, cast

import pytest
from support.texts import mentions
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


class SlowNode(FakeClient):
    """A master's client whose node is still stopping for a restart, and then runs."""

    def __init__(self) -> None:
        super().__init__(AssertionError("it is restarting already"))
        self.is_closed = self.runs = False

    def seconds_left(self) -> float:
        return 5.0

    def get_node(self, _name: str) -> pb.NodeStatus:
        self.runs = True
        return self.now()

    def now(self) -> pb.NodeStatus:
        status = "running" if self.runs else "stopping"
        return node("a", status=status, reason="commanded", generation=2, observed_generation=2)


def test_a_restart_that_is_under_way_is_not_commanded_again() -> None:
    waited: list[str] = []
    client = SlowNode()
    again = Roll(
        cast(MasterClient, client), RollSpec(), ["a"], lambda: {"a": client.now()}, lambda _node: None, waited.append
    )
    progress = again.run()
    assert (progress.failure, list(progress.restarted)) == (None, ["a"])
    assert waited == ["a: stopping, waiting until it is running"]


def test_a_node_of_an_offline_agent_is_not_said_to_be_down() -> None:
    lost = node("a", status="unknown", reason="agent_offline", message="its agent agent-3 is offline")
    grid = {"a": lost}
    progress = Roll(
        cast(MasterClient, SlowNode()), RollSpec(), ["a"], lambda: grid, lambda _node: None, lambda _line: None
    ).run()
    assert progress.failure is not None
    assert mentions(progress.failure.message, "a", "can't be restarted now", "counts as down", "agent-3 is offline")
    assert "already down" not in progress.failure.message


def test_a_restarted_node_that_nobody_sees_is_not_said_to_have_gone_down() -> None:
    class Lost(SlowNode):
        def get_node(self, _name: str) -> pb.NodeStatus:
            return node("a", status="unknown", reason="agent_offline", pid=7)

        def restart_node(self, _name: str) -> pb.NodeResult:
            return pb.NodeResult(success=True, node=node("a", status="running", pid=7))

    nodes = {"a": node("a")}
    spec = RollSpec(pause_seconds=30)
    client = cast(MasterClient, Lost())
    progress = Roll(client, spec, ["a"], lambda: nodes, lambda _node: None, lambda _line: None).run()
    assert progress.failure is not None
    assert mentions(progress.failure.message, "a", "was restarted and ran", "can't be seen any more", "unknown")
