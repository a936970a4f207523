"""A rotation on a full disk, and one that was interrupted at any moment: each line is in one file that is read."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults.tmpfs import fill, small_disk

from sutra_grid.agent.logs import rotation
from sutra_grid.agent.logs.parts import LogPaths
from sutra_grid.agent.logs.rotation import LogLimits

MIB = 1 << 20
LIMITS = LogLimits(MIB, 2)


class Log:
    """A live file with an open descriptor, as a node and its agent have it."""

    def __init__(self, directory: Path) -> None:
        self.paths = LogPaths(directory, "n")
        self.descriptor = os.open(self.paths.live, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self.descriptor, data) :]

    def text(self) -> str:
        return "".join(path.read_text() for path in [*(part.path for part in self.paths.parts()), self.paths.live])

    def start(self) -> int:
        parts = self.paths.parts()
        return parts[-1].end if parts else 0

    def rotate(self) -> int:
        return rotation.rotate(self.paths, self.descriptor, self.start(), LIMITS)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path)
    yield log
    os.close(log.descriptor)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Log]:
    with small_disk(tmp_path / "disk", size_mb=4) as disk:
        log = Log(disk)
        yield log
        os.close(log.descriptor)


def test_the_oldest_part_is_deleted_before_the_copy_is_made(small: Log) -> None:
    """Three files of a MiB and a copy of a MiB fit into 4 MiB; a fourth part would not."""
    for letter in "abcdef":
        small.write(letter * MIB)
        small.write("\n" * 4096)
        small.rotate()
    assert [part.path.read_text()[0] for part in small.paths.parts()] == ["e", "f"]
    assert small.start() == 6 * (MIB + 4096)


def test_without_space_for_the_copy_nothing_is_moved_and_no_half_copy_is_left(small: Log) -> None:
    small.write("a" * MIB)
    filler = fill(small.paths.live.parent)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        small.rotate()
    assert not small.paths.partial.exists()
    assert (small.text(), small.start()) == ("a" * MIB, 0)
    filler.unlink()
    assert small.rotate() == MIB
    small.write("b")
    assert small.text() == "a" * MIB + "b"


def test_a_log_that_can_not_be_rotated_is_kept_within_the_bounds_of_all_its_files(log: Log) -> None:
    for letter in "abc":
        log.write(letter * MIB)
        log.rotate()
    log.write("d" * MIB)
    assert rotation.shrink(log.paths, log.descriptor, log.start(), LIMITS) == 0
    log.write("d" * MIB)
    assert rotation.shrink(log.paths, log.descriptor, log.start(), LIMITS) == MIB
    assert log.text() == "c" * MIB + "d" * 2 * MIB
    log.write("d" * 2 * MIB)
    assert rotation.shrink(log.paths, log.descriptor, log.start(), LIMITS) == 5 * MIB
    assert (log.text(), log.start()) == ("", 7 * MIB), "offsets go on"


@pytest.mark.parametrize("copied", [0, 1, 4], ids=["nothing", "a part", "all"])
def test_a_rotation_that_ended_before_the_truncation_is_undone(log: Log, copied: int) -> None:
    log.write("abcd")
    log.paths.partial.write_text("abcd"[:copied])
    log.write("e")
    rotation.recover(log.paths, log.descriptor, 0)
    assert (log.text(), log.paths.partial.exists()) == ("abcde", False)


@pytest.mark.parametrize("later", ["", "e", "efghij"])
def test_a_rotation_that_ended_after_the_truncation_is_completed(log: Log, later: str) -> None:
    log.paths.partial.write_text("abcd")
    log.write(later)
    rotation.recover(log.paths, log.descriptor, 0)
    assert (log.text(), log.paths.partial.exists()) == ("abcd" + later, False)
