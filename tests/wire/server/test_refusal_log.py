"""Refused calls are logged, and a flood of them is one line in ten seconds that says how many it stands for."""

import logging

import pytest
from support.fakes.clock import FakeClock

from sutra_grid.core.errors import PermissionDenied
from sutra_grid.core.types import Reason
from sutra_grid.wire.server.refusal_log import LINE_SECONDS, RefusalLog

REFUSED = PermissionDenied("certificate vi has the role viewer", reason=Reason.FORBIDDEN)


def test_a_flood_of_refusals_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    refusals = RefusalLog(clock.monotonic)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            refusals("/grid.GridMaster/DrainAgent", REFUSED, "ipv4:10.0.0.9:4711")
        clock.advance(LINE_SECONDS)
        refusals("/grid.GridMaster/DrainAgent", REFUSED, "ipv4:10.0.0.9:4711")
    first, second = ({"event": record.getMessage(), **record.__dict__} for record in caplog.records)
    assert first["event"] == second["event"] == "call refused"
    assert "'others_before': 0" in str(first)
    assert "'others_before': 999" in str(second)
    assert "10.0.0.9" in str(first)
