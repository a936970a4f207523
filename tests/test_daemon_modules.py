"""A daemon that is run as a module (``python -m``) logs under the grid's name, where its log settings reach it."""

import runpy
import sys

import pytest

ROLES = ("master", "agent", "admin", "storage")


@pytest.mark.parametrize("role", ROLES)
def test_events_of_a_daemon_have_its_name_whatever_it_is_run_as(
    role: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"sutra_grid.{role}.daemon"
    monkeypatch.delitem(sys.modules, module, raising=False)
    runpy.run_module(module, run_name="some_other_name")["log"].warning("an event")
    assert [record.name for record in caplog.records] == [module]
