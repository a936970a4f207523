from dataclasses import replace

from support.texts import numbers_in

from sutra_grid.core.agent.host_changes import (
    host_events,
    is_disk_low,
    is_disk_still_low,
    other_disk_events,
    other_disks_still_low,
)
from sutra_grid.core.samples import DiskSample, HostSample
from sutra_grid.core.types import Reason

MIB = 1024 * 1024


def host(free_mb: int, reserve_mb: int = 100, total_mb: int = 1000) -> HostSample:
    return HostSample(
        disk_total_bytes=total_mb * MIB, disk_free_bytes=free_mb * MIB, disk_reserve_bytes=reserve_mb * MIB
    )


def kinds(old: HostSample | None, new: HostSample | None) -> list[str]:
    return [event.kind for event in host_events("agent-1", is_disk_low(old), new, 1)]


def test_a_disk_is_low_below_the_agents_reserve() -> None:
    assert is_disk_low(host(99))
    assert not is_disk_low(host(100))
    assert not is_disk_low(host(0, reserve_mb=0))
    assert not is_disk_low(None)


def test_a_low_disk_is_told_once_and_its_end_once() -> None:
    assert kinds(None, host(500)) == []
    assert kinds(None, host(50)) == ["agent.low_disk"]
    assert kinds(host(500), host(50)) == ["agent.low_disk"]
    assert kinds(host(50), host(40)) == []
    assert kinds(host(40), host(500)) == ["agent.disk_recovered"]


def test_a_disk_that_can_not_be_seen_tells_nothing() -> None:
    assert kinds(host(50), host(0, total_mb=0)) == []
    assert kinds(host(50), None) == []


def test_free_space_around_the_reserve_is_told_once() -> None:
    was_low, told = False, []
    for free in (99, 101, 99, 105, 98, 109, 110, 100, 99):
        told += [event.kind for event in host_events("agent-1", was_low, host(free), 1)]
        was_low = is_disk_still_low(was_low, host(free))
    assert told == ["agent.low_disk", "agent.disk_recovered", "agent.low_disk"]


def test_the_event_says_how_much_is_free() -> None:
    (event,) = host_events("agent-1", False, host(50), 7)
    assert (event.agent_id, event.reason, event.at_ms) == ("agent-1", Reason.DISK_FULL, 7)
    assert numbers_in(event.message) == {"50", "100"}, "MiB free, and the reserve"


def with_state(free_mb: int) -> HostSample:
    return replace(host(500), disks=(DiskSample(("data",), "/d", 1, 1), DiskSample(("state",), "/s", 9, free_mb * MIB)))


def test_the_disk_of_the_state_is_told_once_for_each_crossing_of_the_reserve() -> None:
    low, told = frozenset[str](), []
    for sample in (with_state(500), with_state(99), with_state(101), host(500), with_state(98), with_state(110)):
        told += [event.kind for event in other_disk_events("agent-1", low, sample, 1)]
        low = other_disks_still_low(low, sample)
    assert told == ["agent.low_disk", "agent.disk_recovered"]
    assert other_disk_events("agent-1", low, None, 1) == []
