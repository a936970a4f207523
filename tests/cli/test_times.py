"""Times on the terminal say their zone, everywhere, and can be copied into an option."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from support.fakes.fake_master import FakeMaster
from support.values.cli_records import NOW_MS, Ran, agent, node

from sutra_grid.cli.output.times import clock_time, milliseconds, print_in_utc, time_of_day
from sutra_grid.cli.output.watch import Outage
from sutra_grid.wire import grid_pb2 as pb

#: A date or a time of day, and what follows it.
CLOCK = re.compile(r"\d\d:\d\d:\d\d(\S*)")


@pytest.fixture(autouse=True)
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "IST-05:30")
    monkeypatch.delenv("SUTRA_GRID_UTC", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    print_in_utc(False)


def test_a_time_is_local_with_its_offset_or_utc() -> None:
    assert clock_time(NOW_MS) == "2023-11-15 03:43:20+05:30"
    print_in_utc(True)
    assert clock_time(NOW_MS) == "2023-11-14 22:13:20Z"
    assert time_of_day(NOW_MS) == "22:13:20Z"
    assert clock_time(0) == "-"


@pytest.mark.parametrize("utc", [False, True])
def test_a_printed_time_is_read_again_and_one_without_zone_is_of_the_printed_zone(utc: bool) -> None:
    print_in_utc(utc)
    assert milliseconds(clock_time(NOW_MS)) == NOW_MS
    assert milliseconds("2023-11-14 22:13:20" if utc else "2023-11-15 03:43:20") == NOW_MS


@pytest.mark.parametrize(
    ("arguments", "variable", "zone"),
    [((), "", "+05:30"), (("--utc",), "", "Z"), ((), "1", "Z"), ((), "0", "+05:30"), (("--utc",), "0", "Z")],
)
@pytest.mark.parametrize(
    "command",
    [("nodes", "show", "node-00000001"), ("nodes", "explain", "node-00000001"), ("agents", "show", "agent-1"),
     ("events", "-o", "wide")],
)  # fmt: skip
def test_every_time_of_every_command_says_its_zone(
    master: FakeMaster, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...], arguments: tuple[str, ...], variable: str, zone: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SUTRA_GRID_UTC", variable)
    master.answers["GetStorageNodeStatus"] = node(created_at_ms=NOW_MS, status_since_ms=NOW_MS)
    master.answers["GetAgent"] = agent(status_since_ms=NOW_MS, registered_at_ms=NOW_MS)
    master.answers["ListEvents"] = pb.EventList(events=[pb.Event(kind="node.exited", at_ms=NOW_MS)])
    ran = cli(*command, *arguments)
    assert ran.code == 0, ran.err
    found = CLOCK.findall(ran.out)
    assert found
    assert set(found) == {zone}


def test_an_outage_says_its_zone() -> None:
    outage = Outage()
    outage.begin_or_continue()
    assert CLOCK.findall(outage.text()) == ["+05:30"]


def test_explain_says_whose_times_the_log_has(master: FakeMaster, cli: Callable[..., Ran]) -> None:
    master.answers["GetStorageNodeStatus"] = node(log_tail=["11:12:13 * Ready"])
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList()
    ran = cli("nodes", "explain", "node-00000001")
    assert re.search(r"(?m)^Log .*program's own times$", ran.out)
