"""Histories of a whole grid: whatever happens in whatever order, nothing is lost and nothing runs twice.

Hypothesis makes up the histories out of the rules of ``machine``. The code that decides and acts in them is the
code of the daemons: master core and registry, agent's node manager, journal, proof, heartbeat, stubs and servicers.
Only processes, network, clocks and threads are made of memory. What must hold is in ``judge``.
"""

from __future__ import annotations

import os

import pytest

from model.machine import play

HISTORIES = 120  # of the run that every suite makes
SOAK_HISTORIES = 5_000


@pytest.mark.timeout(300)
def test_whatever_happens_nothing_is_lost(model_seed: int) -> None:
    play(HISTORIES, model_seed)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost_in_thousands_of_histories(model_seed: int) -> None:
    play(int(os.environ.get("SUTRA_GRID_TEST_HISTORIES", SOAK_HISTORIES)), model_seed)
