"""The registry is opened when it is there, and tried again at most once a second until then."""

from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.texts import mentions
from support.values.grid_values import an_agent

from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry


def test_a_registry_that_comes_later_is_found_a_second_later(tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path}/registry.db", FakeClock()
    link = RegistryLink(url, clock)
    with pytest.raises(Unavailable) as absent:
        link.get()
    assert absent.value.reason is Reason.REGISTRY_UNAVAILABLE
    made = Registry.open(url, migrate=True)
    with pytest.raises(Unavailable, match=absent.value.message):
        link.get()
    clock.advance(1)
    assert link.get().agents() == []
    assert link.get() is link.get()
    link.close()
    made.close()


def test_a_recreated_registry_is_followed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    Registry.open(url, migrate=True).close()
    link = RegistryLink(url, FakeClock())
    assert link.get().agents() == []
    (tmp_path / "registry.db").unlink()
    with pytest.raises(Unavailable):
        link.get().agents()
    anew = Registry.open(url, migrate=True)
    anew.save_agent(an_agent())
    assert len(link.get().agents()) == 1
    anew.close()
    link.close()


def test_a_file_that_is_no_registry_can_be_replaced_under_a_running_admin(tmp_path: Path) -> None:
    file, clock = tmp_path / "registry.db", FakeClock()
    file.write_text("notes " * 100)
    link = RegistryLink(f"sqlite:///{file}", clock)
    with pytest.raises(Unavailable) as damaged:
        link.get()
    assert mentions(damaged.value.message, file, "not a database")
    file.unlink()
    Registry.open(f"sqlite:///{file}", migrate=True).close()
    clock.advance(1)
    assert link.get().nodes() == []
    link.close()
