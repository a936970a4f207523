"""The words for two hosts that ask for one agent id."""

from dataclasses import replace

from support.values.grid_values import an_agent

from sutra_grid.core.agent.host_conflict import conflict_hint, conflict_message
from sutra_grid.core.types import AgentStatus

HOLDER = an_agent("vm", hostname="vm", host_id="a" * 32, data_path="/data", state_path="/data/.agent")
REFUSED = replace(HOLDER, host_id="b" * 32)


def test_both_sides_are_told_with_identity_and_paths() -> None:
    message = conflict_message(HOLDER, replace(REFUSED, data_path="/srv/data"))
    assert f"host id {'a' * 32}, data_path /data, state_path /data/.agent" in message
    assert f"host id {'b' * 32}, data_path /srv/data, state_path /data/.agent" in message


def test_the_first_question_is_whether_the_disk_is_mounted_and_a_live_holder_is_never_removed() -> None:
    for status in (AgentStatus.HEALTHY, AgentStatus.DEGRADED):
        hint = conflict_hint(replace(HOLDER, status=status), REFUSED)
        assert hint.startswith("Is the data disk mounted on vm?")
        assert "remove" not in hint


def test_removal_is_the_last_resort_for_an_offline_holder() -> None:
    hint = conflict_hint(replace(HOLDER, status=AgentStatus.OFFLINE), REFUSED)
    assert hint.index("mounted") < hint.index("agents remove vm")
    assert "tells what would be lost" in hint
    assert "--force" not in hint
