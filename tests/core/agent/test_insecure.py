"""What an agent says is open, and how it is told."""

from __future__ import annotations

import pytest

from sutra_grid.core.agent.insecure import insecure_agents_text, insecure_text, open_parts, told_insecure


def test_only_what_is_open_is_told() -> None:
    assert open_parts(agent=False, nodes=False) == ()
    assert open_parts(agent=True, nodes=False) == ("agent",)
    assert open_parts(agent=True, nodes=True) == ("agent", "nodes")


def test_words_of_a_later_version_are_left_out() -> None:
    assert told_insecure(["nodes", "cache", "agent", "agent"]) == ("agent", "nodes")


@pytest.mark.parametrize("parts", [("agent",), ("nodes",), ("agent", "nodes")])
def test_the_text_says_what_anybody_can_do(parts: tuple[str, ...]) -> None:
    text = insecure_text(parts)
    assert text.startswith("no TLS (insecure = true): whoever reaches")
    assert ("stop and remove" in text) is ("agent" in parts)
    assert ("read and change" in text) is ("nodes" in parts)


def test_a_closed_grid_has_no_text() -> None:
    assert insecure_text(()) == insecure_agents_text(0) == ""
    assert insecure_agents_text(1) == "one agent or its nodes have no TLS (insecure = true)"
    assert insecure_agents_text(2) == "2 agents or their nodes have no TLS (insecure = true)"
