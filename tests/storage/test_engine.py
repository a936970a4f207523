"""The contract of ``storage.engine``, asked of every engine; and what RocksDB adds: files that outlive it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.memory_engine import MemoryEngine
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, Unavailable
from sutra_grid.storage.engine import Engine
from sutra_grid.storage.memory import MIB, MemoryBudget
from sutra_grid.storage.rocks import RocksEngine

BUDGET = MemoryBudget.of(96)


@pytest.fixture(params=["rocks", "memory"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = RocksEngine(tmp_path / "db", BUDGET) if request.param == "rocks" else MemoryEngine()
    yield engine
    engine.close()


def all_of(engine: Engine) -> list[tuple[bytes, bytes]]:
    return list(engine.view().scan(b"", b"\xff" * 8))


class TestEveryEngine:
    def test_gives_back_what_was_written(self, engine: Engine) -> None:
        engine.write([(b"a", b"1"), (b"b", b""), (b"\x00\xff", b"\x00")])
        view = engine.view()
        assert [view.get(b"a"), view.get(b"b"), view.get(b"\x00\xff"), view.get(b"c")] == [b"1", b"", b"\x00", None]

    def test_applies_changes_in_order(self, engine: Engine) -> None:
        engine.write([(b"a", b"1"), (b"a", None), (b"b", None), (b"b", b"2"), (b"c", b"3"), (b"c", b"4")])
        assert all_of(engine) == [(b"b", b"2"), (b"c", b"4")]

    def test_a_view_does_not_change(self, engine: Engine) -> None:
        engine.write([(b"a", b"1"), (b"b", b"2")])
        before = engine.view()
        engine.write([(b"a", b"9"), (b"b", None), (b"c", b"3")])
        assert list(before.scan(b"a", b"z")) == [(b"a", b"1"), (b"b", b"2")]
        assert before.get(b"c") is None
        assert before.count(b"a", b"z") == 2
        assert all_of(engine) == [(b"a", b"9"), (b"c", b"3")]

    def test_scans_of_one_view_do_not_disturb_each_other(self, engine: Engine) -> None:
        engine.write([(b"%05d" % number, b"v") for number in range(5000)])
        view = engine.view()
        engine.write([(b"%05d" % number, None) for number in range(5000)])
        first, second = view.scan(b"", b"9"), view.scan(b"02000", b"9")
        pairs = [(one, other) for (one, _), (other, _) in zip(first, second, strict=False)]
        assert pairs == [(b"%05d" % number, b"%05d" % (number + 2000)) for number in range(3000)]
        assert view.count(b"00001", b"04000") == 3999

    def test_scans_in_the_order_of_bytes(self, engine: Engine) -> None:
        keys = [b"", b"\x00", b"a", b"a\x00", b"a\xff", b"b", b"\xff"]
        engine.write([(key, b"v") for key in reversed(keys)])
        assert [key for key, _ in all_of(engine)] == keys

    @pytest.mark.parametrize(
        ("start", "end", "found"),
        [(b"b", b"d", b"bc"), (b"bb", b"c\x00", b"c"), (b"d", b"b", b""), (b"x", b"z", b""), (b"", b"b", b"a")],
    )
    def test_a_range_includes_its_start_and_not_its_end(
        self, engine: Engine, start: bytes, end: bytes, found: bytes
    ) -> None:
        engine.write([(bytes([key]), b"v") for key in b"abcd"])
        assert b"".join(key for key, _ in engine.view().scan(start, end)) == found
        assert engine.view().count(start, end) == len(found)

    def test_a_checkpoint_needs_a_new_directory(self, engine: Engine, tmp_path: Path) -> None:
        engine.write([(b"a", b"1")])
        engine.checkpoint(tmp_path / "copy")
        assert any((tmp_path / "copy").iterdir())

    def test_flush_and_compact_keep_everything(self, engine: Engine) -> None:
        engine.write([(b"%03d" % number, b"v" * 100) for number in range(500)])
        engine.flush()
        engine.write([(b"%03d" % number, None) for number in range(0, 500, 2)])
        engine.compact()
        assert len(all_of(engine)) == 250

    def test_statistics_are_sizes(self, engine: Engine) -> None:
        engine.write([(b"%03d" % number, b"v" * 1000) for number in range(500)])
        engine.flush()
        sizes = engine.statistics()
        assert sizes.disk_bytes > 0
        assert sizes.memory_bytes > 0
        assert sizes.wal_bytes >= 0

    def test_opened_again_it_has_what_it_had(self, engine: Engine) -> None:
        engine.write([(b"a", b"1")])
        assert engine.shortage_over()
        engine.reopen()
        engine.write([(b"b", b"2")])
        assert all_of(engine) == [(b"a", b"1"), (b"b", b"2")]

    def test_closing_twice_is_allowed(self, engine: Engine) -> None:
        engine.close()
        engine.close()


class TestRocksDb:
    def test_keeps_everything_over_a_restart(self, tmp_path: Path) -> None:
        engine = RocksEngine(tmp_path / "db", BUDGET)
        engine.write([(b"a", b"1")])
        engine.close()
        again = RocksEngine(tmp_path / "db", BUDGET)
        assert all_of(again) == [(b"a", b"1")]
        again.close()

    def test_a_checkpoint_is_a_store(self, tmp_path: Path) -> None:
        engine = RocksEngine(tmp_path / "db", BUDGET)
        engine.write([(b"a", b"1")])
        engine.checkpoint(tmp_path / "copy")
        engine.write([(b"b", b"2")])
        engine.close()
        copy = RocksEngine(tmp_path / "copy", BUDGET)
        assert all_of(copy) == [(b"a", b"1")]
        copy.close()

    def test_a_second_opening_is_refused(self, tmp_path: Path) -> None:
        engine = RocksEngine(tmp_path / "db", BUDGET)
        with pytest.raises(AlreadyExists, match="db"):
            RocksEngine(tmp_path / "db", BUDGET)
        engine.close()

    def test_a_file_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "db").write_text("no directory")
        with pytest.raises(Unavailable, match=str(tmp_path / "db")):
            RocksEngine(tmp_path / "db", BUDGET)

    def test_half_a_record_at_the_logs_end_is_dropped(self, tmp_path: Path) -> None:
        path = crashed(tmp_path, [b"1", b"2", b"3"])
        (log,) = path.glob("*.log")
        with log.open("r+b") as file:
            file.truncate(log.stat().st_size - 5)
        engine = RocksEngine(path, BUDGET)
        assert [key for key, _ in all_of(engine)] == [b"1", b"2"]
        engine.close()

    def test_damage_within_the_log_is_refused(self, tmp_path: Path) -> None:
        path = crashed(tmp_path, [b"1", b"2", b"3"])
        (log,) = path.glob("*.log")
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 0xFF
        log.write_bytes(data)
        with pytest.raises(FailedPrecondition, match=r"(?s)Corruption.*restore"):
            RocksEngine(path, BUDGET)

    def test_damage_in_a_sorted_file_is_an_error_and_not_a_shorter_answer(self, tmp_path: Path) -> None:
        engine = RocksEngine(tmp_path / "db", BUDGET)
        engine.write([(b"%06d" % number, bytes(range(256))) for number in range(2000)])
        engine.close()
        (table,) = (tmp_path / "db").glob("*.sst")
        data = bytearray(table.read_bytes())
        data[len(data) // 2] ^= 0xFF
        table.write_bytes(data)
        with pytest.raises(FailedPrecondition, match="Corruption"):
            read_everything(tmp_path / "db")


def crashed(tmp_path: Path, keys: list[bytes]) -> Path:
    """What a process leaves that is killed after one write a key: everything is in the log, nothing in sorted files."""
    engine = RocksEngine(tmp_path / "db", BUDGET)
    for key in keys:
        engine.write([(key, b"v" * 1000)])
    shutil.copytree(tmp_path / "db", tmp_path / "crashed")
    engine.close()
    return tmp_path / "crashed"


def read_everything(path: Path) -> None:
    engine = RocksEngine(path, BUDGET)
    try:
        all_of(engine)
    finally:
        engine.close()


class TestMemoryBudget:
    @pytest.mark.parametrize("limit_mb", [96, 512, 2048, 65536])
    def test_stays_below_its_limit(self, limit_mb: int) -> None:
        budget = MemoryBudget.of(limit_mb)
        assert budget.block_cache_bytes + budget.write_buffers_bytes <= (limit_mb - 80) * MIB
        assert MIB <= budget.write_buffer_bytes <= budget.write_buffers_bytes

    def test_has_a_least_size(self) -> None:
        budget = MemoryBudget.of(64)
        assert budget.block_cache_bytes + budget.write_buffers_bytes == 12 * MIB

    def test_too_little_is_refused(self) -> None:
        with pytest.raises(ValueError, match="64"):
            MemoryBudget.of(63)
