"""Group commit: order, visibility, failure, end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.waiting import eventually

from storage.memory_engine import MemoryEngine
from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.storage.committer import Committer
from sutra_grid.storage.engine import Shortage
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import Draft, load
from sutra_grid.storage.records import Record

FULL = ResourceExhausted("no space", reason=Reason.DISK_FULL, hint="free some")


class GatedEngine(MemoryEngine):
    """Its writes wait until the test lets them; ``entered`` tells that one waits."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        super().write(changes)


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def committer(engine: GatedEngine) -> Iterator[Committer]:
    committer = Committer(engine, load(engine.view()))
    committer.start()
    yield committer
    engine.gate.set()
    committer.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


def put(key: bytes, value: bytes = b"v") -> Callable[[Draft], Record | None]:
    return lambda draft: draft.put(key, value)


def test_a_write_is_answered_and_then_visible(committer: Committer) -> None:
    assert committer.write(put(b"a", b"1")) is None
    assert committer.state.get(b"a") == (2, 2, 1, b"1")
    assert committer.write(put(b"a", b"2")) == (2, 2, 1, b"1")
    assert (committer.state.revision, committer.state.keys, committer.commits, committer.writes) == (3, 1, 2, 2)


def test_nothing_is_visible_before_it_is_on_disk(
    committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor
) -> None:
    engine.gate.clear()
    answer = threads.submit(committer.write, put(b"a"))
    assert engine.entered.wait(10)
    assert (committer.state.get(b"a"), committer.state.revision) == (None, 1)
    assert not answer.done()
    engine.gate.set()
    answer.result(10)
    assert committer.state.revision == 2


def test_what_comes_while_one_is_written_becomes_one_group(
    committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor
) -> None:
    engine.gate.clear()
    answers = [threads.submit(committer.write, put(b"first"))]
    assert engine.entered.wait(10)
    answers += [threads.submit(committer.write, put(b"%d" % number)) for number in range(20)]
    eventually(lambda: len(committer._waiting) == 20)
    engine.gate.set()
    for answer in answers:
        answer.result(10)
    assert len(engine.writes) == 2
    assert (committer.state.revision, committer.state.keys) == (22, 21)


def test_writes_of_one_group_see_each_other(
    committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor
) -> None:
    engine.gate.clear()
    first = threads.submit(committer.write, put(b"a", b"0"))
    assert engine.entered.wait(10)

    def increment(draft: Draft) -> int:
        record = draft.get(b"a")
        assert record is not None
        draft.put(b"a", b"%d" % (int(record.value) + 1))
        return int(record.value)

    answers = [threads.submit(committer.write, increment) for _ in range(10)]
    engine.gate.set()
    first.result(10)
    assert sorted(answer.result(10) for answer in answers) == list(range(10))
    assert committer.state.get(b"a") == (2, 12, 11, b"10")


def test_a_write_that_is_refused_leaves_the_others_alone(
    committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor
) -> None:
    def refused(draft: Draft) -> None:
        draft.put(b"refused", b"v")
        raise KvError(Fault.KEY_NOT_FOUND)

    engine.gate.clear()
    answers = [threads.submit(committer.write, put(b"a"))]
    assert engine.entered.wait(10)
    bad = threads.submit(committer.write, refused)
    answers.append(threads.submit(committer.write, put(b"b")))
    engine.gate.set()
    for answer in answers:
        answer.result(10)
    with pytest.raises(KvError):
        bad.result(10)
    assert committer.state.get(b"refused") is None
    assert committer.state.revision == 3


def test_a_fault_of_the_program_in_one_write_leaves_the_thread_alive(committer: Committer) -> None:
    with pytest.raises(ZeroDivisionError):
        committer.write(lambda draft: 1 // 0)
    committer.write(put(b"a"))
    assert committer.state.keys == 1


def test_a_change_of_nothing_is_not_written(committer: Committer, engine: GatedEngine) -> None:
    committer.write(lambda draft: draft.delete(b"missing"))
    assert engine.writes == []
    assert committer.state.revision == 1


def test_after_a_failed_write_only_reads_go_on(committer: Committer, engine: GatedEngine) -> None:
    committer.write(put(b"a", b"1"))
    engine.fail_with = FULL
    for key in (b"b", b"c"):
        with pytest.raises(ResourceExhausted, match="no space"):
            committer.write(put(key))
        engine.fail_with = None  # the second is refused although the engine would take it
    assert committer.failure is not None
    assert committer.failure.reason is Reason.DISK_FULL
    assert committer.state.get(b"a") == (2, 2, 1, b"1")
    assert committer.state.get(b"b") is None


def test_after_a_shortage_writes_go_on_once_there_is_room(committer: Committer, engine: GatedEngine) -> None:
    committer.write(put(b"a", b"1"))
    engine.fail_with = Shortage("no space", reason=Reason.DISK_FULL, hint="free some")
    with pytest.raises(Shortage):
        committer.write(put(b"b"))
    with pytest.raises(Shortage):
        committer.write(put(b"c"))
    assert committer.state.get(b"a") == (2, 2, 1, b"1")
    engine.fail_with = None
    eventually(lambda: committer.failure is None)
    assert engine.reopened == 1
    assert committer.write(put(b"a", b"2")) == (2, 2, 1, b"1")
    assert committer.state.get(b"b") is None


def test_a_pause_sees_exactly_one_revision(committer: Committer, engine: GatedEngine) -> None:
    committer.write(put(b"a"))
    content = committer.pause(lambda state: (state.revision, engine.view().count(b"k", b"l")))
    assert content == (2, 1)


def test_closing_commits_what_waits_and_refuses_the_rest(
    committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor
) -> None:
    engine.gate.clear()
    first = threads.submit(committer.write, put(b"a"))
    assert engine.entered.wait(10)
    second = threads.submit(committer.write, put(b"b"))
    eventually(lambda: len(committer._waiting) == 1)
    closing = threads.submit(committer.close)
    eventually(lambda: committer._closing)
    with pytest.raises(KvError, match="server stopped"):
        committer.write(put(b"c"))
    engine.gate.set()
    for answer in (first, second, closing):
        answer.result(10)
    assert load(engine.view()).keys == 2
    with pytest.raises(KvError, match="server stopped"):
        committer.state.get(b"a")


def test_many_threads_lose_nothing(committer: Committer, engine: GatedEngine, threads: ThreadPoolExecutor) -> None:
    answers = [threads.submit(committer.write, put(b"%d" % number)) for number in range(2000)]
    for answer in answers:
        answer.result(10)
    assert (committer.state.keys, committer.state.revision, committer.writes) == (2000, 2001, 2000)
    assert committer.commits == len(engine.writes) < 2000
