"""What the limits of an agent's nodes are together."""

from sutra_grid.core.agent.memory_limits import limits_text

GIB = 1 << 30


def test_the_limits_together_and_whether_the_host_has_that_much() -> None:
    assert limits_text([], GIB) == ""
    assert limits_text([2048], 4 * GIB) == "2.0Gi of 1 node"
    assert limits_text([2048, 2048], 4 * GIB) == "4.0Gi of 2 nodes"
    assert limits_text([2048, 2049], 4 * GIB).startswith("4.0Gi of 2 nodes, above the 4.0Gi of the host")
    assert limits_text([2048, 2049], 0) == "4.0Gi of 2 nodes", "its memory is not known"
