"""Writers of one process take turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.waiting import eventually

from sutra_grid.core.errors import Unavailable
from sutra_grid.registry.database.engine import Database, open_file
from sutra_grid.registry.database.write_queue import WriteQueue

WAIT_SECONDS = 0.5


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def slow_write(database: Database, held_seconds: float) -> None:
    """A transaction on a disk that is as slow as that."""
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE numbers SET number = number + 1")
        threading.Event().wait(held_seconds)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    file = tmp_path / "registry.db"
    file.touch()
    database = open_file(file, WAIT_SECONDS)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
        connection.exec_driver_sql("INSERT INTO numbers VALUES (0)")
    yield database
    database.dispose()


def test_a_crowd_of_writers_on_a_slow_disk_waits_longer_than_one_may(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    list(threads.map(lambda _: slow_write(database, WAIT_SECONDS / 5), range(16)))  # 1.6 s together
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT number FROM numbers").scalar() == 16


def test_a_crowd_behind_the_lock_of_another_process_gives_up_together(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    assert database.file is not None
    other = open_file(database.file, WAIT_SECONDS)
    with other.writing() as connection:
        connection.exec_driver_sql("UPDATE numbers SET number = 7")
        answers = [threads.submit(slow_write, database, 0) for _ in range(8)]
        for answer in answers:  # one after the other they would need 4 s
            with pytest.raises(Unavailable, match="is locked"):
                answer.result(4 * WAIT_SECONDS)
    slow_write(database, 0)
    other.dispose()
    assert database.failures == 8


def test_turns_are_in_the_order_of_arrival(threads: ThreadPoolExecutor) -> None:
    queue = WriteQueue(10)
    order: list[int] = []

    def write(number: int) -> None:
        with queue.turn():
            order.append(number)

    with queue.turn():
        answers = []
        for number in range(8):
            answers.append(threads.submit(write, number))
            eventually(lambda expected=number + 2: len(queue._line) == expected)
    for answer in answers:
        answer.result(10)
    assert order == list(range(8))


def test_who_waited_in_line_waits_only_the_rest_for_the_lock(threads: ThreadPoolExecutor) -> None:
    clock = FakeClock(monotonic=100.0)
    queue = WriteQueue(10, clock.monotonic)
    got: list[float] = []
    seconds: list[Future[None]] = []

    def write() -> None:
        with queue.turn() as remaining:
            got.append(remaining)

    def wait_in_vain() -> None:
        with queue.turn() as remaining:
            got.append(remaining)
            seconds.append(threads.submit(write))
            eventually(lambda: len(queue._line) == 2)
            with queue._changed:  # the second one waits now
                clock.advance(8.0)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        wait_in_vain()
    seconds[0].result(10)
    assert got == [10.0, 2.0]


def test_a_writer_that_failed_gives_its_turn_away() -> None:
    queue = WriteQueue(0.1)
    with pytest.raises(ZeroDivisionError), queue.turn():
        1 / 0  # noqa: B018
    with queue.turn():
        pass
