"""The parts of a master that decide about access, on a registry of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.harness.access_harness import AUTHORITY, AccessHarness

from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.master.access.signer import Signer
from sutra_grid.registry import Registry


@pytest.fixture
def access(tmp_path: Path) -> Iterator[AccessHarness]:
    ca, key = tmp_path / "ca.pem", tmp_path / "ca-key.pem"
    ca.write_bytes(AUTHORITY.pem)
    key.write_bytes(AUTHORITY.key_pem)
    key.chmod(0o600)
    clock = FakeClock(wall=time.time())
    registry = Registry.open(f"sqlite:///{tmp_path}/registry.db", migrate=True, clock=clock)
    signer = Signer(ca, key, clock)
    yield AccessHarness(registry, clock, signer, MasterAccess(registry, clock, signer))
    registry.close()
