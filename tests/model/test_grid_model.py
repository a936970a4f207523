"""Histories of a whole grid: whatever happens, in any order, no node is lost and no node runs twice.

Hypothesis builds the histories from the rules of ``machine``. The code that decides and acts is that of the
daemons: master core and registry, the agent's node manager, journal, proof, heartbeat, stubs and servicers.
Only processes, network, clocks and threads are simulated. ``judge`` has the rules that must hold.
"""

from __future__ import annotations

import os

import pytest

from model.machine import play

HISTORIES = 60  # in the short run of every suite
SOAK_HISTORIES = 5_000


@pytest.mark.timeout(300)
def test_whatever_happens_nothing_is_lost(model_seed: int) -> None:
    play(HISTORIES, model_seed)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_whatever_happens_nothing_is_lost_in_thousands_of_histories(model_seed: int) -> None:
    play(int(os.environ.get("SUTRA_GRID_TEST_HISTORIES", SOAK_HISTORIES)), model_seed)
