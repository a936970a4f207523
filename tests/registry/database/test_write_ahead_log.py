"""Which logs have lost a commit that was acknowledged, and which only what a power loss may take."""

from pathlib import Path

import pytest
from support.faults.registry_files import FRAME_BYTES, LOG_HEAD_BYTES, make_registry
from support.texts import mentions

from sutra_grid.registry import Registry
from sutra_grid.registry.database.write_ahead_log import damage_of_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = make_registry(tmp_path / "registry.db")
    return file.with_name(file.name + "-wal")


def overwrite(log: Path, offset: int, data: bytes) -> None:
    with log.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def frames(log: Path) -> int:
    return (log.stat().st_size - LOG_HEAD_BYTES) // FRAME_BYTES


def test_a_whole_log_and_none_at_all_have_lost_nothing(log: Path) -> None:
    assert frames(log) >= 10
    assert damage_of_log(log) == ""
    log.unlink()
    assert damage_of_log(log) == ""


def test_a_log_that_ends_in_a_torn_commit_has_lost_nothing_and_is_opened(log: Path) -> None:
    overwrite(log, log.stat().st_size - 1000, b"\xff" * 500)
    assert damage_of_log(log) == ""
    registry = Registry.open(f"sqlite:///{log.with_name('registry.db')}", migrate=True)
    assert registry.node("node-0").generation >= 9  # type: ignore[union-attr]
    registry.close()


@pytest.mark.parametrize("cut", [1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_where_a_log_was_cut_off_can_not_be_told(log: Path, cut: int) -> None:
    with log.open("r+b") as stream:
        stream.truncate(log.stat().st_size - cut)
    assert damage_of_log(log) == ""


@pytest.mark.parametrize("within", [10, 4, 17, 24, 2000], ids=["salt", "size", "sum", "first byte", "middle"])
def test_a_frame_that_does_not_add_up_with_commits_behind_it_is_damage(log: Path, within: int) -> None:
    overwrite(log, LOG_HEAD_BYTES + FRAME_BYTES + within, b"\xf5\x5f")
    assert mentions(damage_of_log(log), log.name, "middle")


@pytest.mark.parametrize("offset", [0, 4, 8, 16, 24])
def test_a_damaged_head_with_frames_behind_it_is_damage(log: Path, offset: int) -> None:
    overwrite(log, offset, b"\xf5\x5f")
    assert mentions(damage_of_log(log), log.name, "header")


def test_what_the_last_round_left_behind_the_present_one_is_no_damage(log: Path) -> None:
    registry = Registry.open(f"sqlite:///{log.with_name('registry.db')}", migrate=False)
    with registry._database.reading() as connection:
        connection.exec_driver_sql("SELECT 1 FROM agents").all()
    with registry._database._reader.execution_options(begin="").connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(RESTART)")
    registry.set_drained("agent-1", True)
    assert frames(log) >= 10
    assert damage_of_log(log) == ""
    registry.close()
