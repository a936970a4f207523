"""Equal errors of a command for many are told once."""

from sutra_grid.client.error_groups import group_errors, summary_of
from sutra_grid.core.errors import FailedPrecondition, ResourceExhausted
from sutra_grid.core.types import Reason

FULL = ResourceExhausted("no slot is free", reason=Reason.SLOTS_FULL, hint="Wait")


def crashed(node_id: str, seconds: float, pid: int = 7) -> FailedPrecondition:
    message = f"node {node_id} did not start: exit code 1 after {seconds} s, process {pid}"
    return FailedPrecondition(message, reason=Reason.CRASHED, hint=f"See `nodes explain {node_id}`")


def test_errors_that_differ_in_id_pid_and_seconds_alone_are_equal() -> None:
    (group,) = group_errors([("a", crashed("a", 0.2)), ("b", crashed("b", 1.5, pid=99))])
    assert group.names == ["a", "b"]
    (spawned,) = group_errors(
        [("node 1 of 2", crashed("node-0000000a", 1)), ("node 2 of 2", crashed("node-0000000b", 2))]
    )
    assert len(spawned.names) == 2


def test_errors_with_other_words_ports_or_reasons_are_not() -> None:
    taken = [FailedPrecondition(f"port {port} is taken", reason=Reason.PORT_TAKEN) for port in (50051, 50052)]
    other = FailedPrecondition("no slot is free", reason=Reason.SLOTS_FULL)
    assert len(group_errors([("a", taken[0]), ("b", taken[1]), ("c", FULL), ("d", other)])) == 4


def test_a_summary_says_how_many_of_how_many_and_why() -> None:
    summary = summary_of([(f"n{number}", FULL) for number in range(15)], 30, "nodes", "spawned")
    assert summary.message == "15 of 30 nodes spawned; 15 failed: no slot is free"
    assert (type(summary), summary.reason, summary.hint) == (ResourceExhausted, Reason.SLOTS_FULL, "Wait")
    mixed = summary_of([("a", FULL), ("b", FULL), ("c", crashed("c", 1.0))], 3, "nodes", "started")
    assert mixed.message.startswith("0 of 3 nodes started; 3 failed: 2 (a, b): no slot is free; 1 (c): node c")
    assert summary_of([("a", FULL)], 1, "nodes", "started") is FULL
