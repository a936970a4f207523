"""SIGKILL under load: nothing acknowledged is lost, nothing is applied by half, nothing deleted comes back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from support.waiting import eventually

from storage.server import StorageServer
from sutra_grid.wire import node_pb2, node_pb2_grpc
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

WRITERS = 8
KEYS_A_WRITER = 40
MAX_ACKNOWLEDGED_BEFORE_KILL = 400
CALL_SECONDS = 10.0

Content = dict[bytes, bytes]
Change = dict[bytes, bytes | None]


@dataclass
class Writer:
    """One thread's own keys: what they must hold, and the one change whose outcome is not known."""

    name: bytes
    random: random.Random
    content: Content = field(default_factory=dict)
    in_flight: Change = field(default_factory=dict)
    acknowledged: int = 0

    def run(self, channel: grpc.Channel) -> None:
        """Write until a call fails."""
        kv, node = rpc.KVStub(channel), node_pb2_grpc.StorageNodeStub(channel)
        try:
            while True:
                self.in_flight = self._change()
                self._send(kv, node, self.in_flight)
                self.content = applied(self.content, self.in_flight)
                self.in_flight = {}
                self.acknowledged += 1
        except grpc.RpcError:
            return

    def settle(self, found: Content) -> None:
        """Compare with what the store has of this writer's keys after a kill."""
        outcomes = [self.content, applied(self.content, self.in_flight)]
        assert found in outcomes, {
            key: (found.get(key), [outcome.get(key) for outcome in outcomes])
            for key in {*found, *outcomes[0], *outcomes[1]}
            if found.get(key) != outcomes[0].get(key)
        }
        self.content, self.in_flight = found, {}

    def _change(self) -> Change:
        size = self.random.choice([1, 1, 1, 4, 20])
        numbers = self.random.sample(range(KEYS_A_WRITER), size)
        return {self.name + b"%03d" % number: self._value() for number in numbers}

    def _value(self) -> bytes | None:
        return None if self.random.random() < 0.2 else self.random.randbytes(self.random.choice([8, 100, 2000]))

    def _send(self, kv: rpc.KVStub, node: node_pb2_grpc.StorageNodeStub, change: Change) -> None:
        if len(change) == 1:
            ((key, value),) = change.items()
            if value is None:
                kv.DeleteRange(pb.DeleteRangeRequest(key=key), timeout=CALL_SECONDS)
            else:
                kv.Put(pb.PutRequest(key=key, value=value), timeout=CALL_SECONDS)
        elif len(change) <= 4:
            kv.Txn(pb.TxnRequest(success=[operation(*item) for item in change.items()]), timeout=CALL_SECONDS)
        else:
            entries = [
                node_pb2.BulkEntry(key=key, value=value or b"", delete=value is None) for key, value in change.items()
            ]
            node.BulkWrite(node_pb2.BulkWriteRequest(entries=entries), timeout=CALL_SECONDS)


def applied(content: Content, change: Change) -> Content:
    after: Change = {**content, **change}
    return {key: value for key, value in after.items() if value is not None}


def operation(key: bytes, value: bytes | None) -> pb.RequestOp:
    if value is None:
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WRITERS + 1) as threads:
        yield threads


def kill_and_check(path: Path, rounds: int, seed: int, threads: ThreadPoolExecutor) -> None:
    chance = random.Random(seed)
    writers = [Writer(b"writer%d-" % number, random.Random(f"{seed} {number}")) for number in range(WRITERS)]
    revision = 0
    with StorageServer(path) as server:
        for _ in range(rounds):
            with grpc.insecure_channel(server.address) as channel:
                revision = check(channel, writers, revision)
                load(server, channel, writers, chance, threads)
            server.start()
        with grpc.insecure_channel(server.address) as channel:
            check(channel, writers, revision)
    assert sum(writer.acknowledged for writer in writers) > 10 * rounds


def load(
    server: StorageServer,
    channel: grpc.Channel,
    writers: list[Writer],
    chance: random.Random,
    threads: ThreadPoolExecutor,
) -> None:
    """Write from all threads, and kill the server after a random number of answers."""
    before = sum(writer.acknowledged for writer in writers)
    target = before + chance.randrange(MAX_ACKNOWLEDGED_BEFORE_KILL)
    running = [threads.submit(writer.run, channel) for writer in writers]
    if chance.random() < 0.3:
        running.append(threads.submit(flush, channel))
    reached = threading.Event()
    while sum(writer.acknowledged for writer in writers) < target and not all(map(Future.done, running)):
        reached.wait(0.001)
    server.kill()
    for thread in running:
        thread.result(CALL_SECONDS + 5)


def flush(channel: grpc.Channel) -> None:
    try:
        node_pb2_grpc.StorageNodeStub(channel).Flush(node_pb2.FlushRequest(), timeout=CALL_SECONDS)
    except grpc.RpcError:
        return


def check(channel: grpc.Channel, writers: list[Writer], revision_before: int) -> int:
    """Every key of every writer, the number of keys, the revision; returns it."""
    kv = rpc.KVStub(channel)
    everything = pb.RangeRequest(key=b"\0", range_end=b"\0")
    answer = kv.Range(everything, timeout=CALL_SECONDS, wait_for_ready=True)
    for writer in writers:
        writer.settle({pair.key: pair.value for pair in answer.kvs if pair.key.startswith(writer.name)})
    statistics = node_pb2_grpc.StorageNodeStub(channel).GetStatistics(node_pb2.StatisticsRequest())
    assert statistics.keys == len(answer.kvs)
    assert answer.header.revision >= max([revision_before, *(pair.mod_revision for pair in answer.kvs)])
    return int(answer.header.revision)


@pytest.mark.soak
def test_killed_30_times_under_load_it_loses_nothing_and_keeps_no_half(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    kill_and_check(tmp_path / "store", rounds=30, seed=1, threads=threads)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_killed_hundreds_of_times(tmp_path: Path, threads: ThreadPoolExecutor, seed: int) -> None:
    kill_and_check(tmp_path / "store", rounds=100, seed=seed, threads=threads)


def test_a_reader_never_sees_what_a_crash_takes_back(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Whatever revision a reader was shown, the store is not behind it after the kill."""
    writers = [Writer(b"writer%d-" % number, random.Random(number)) for number in range(WRITERS)]
    with StorageServer(tmp_path / "store") as server:
        for _ in range(3):
            with grpc.insecure_channel(server.address) as channel:
                check(channel, writers, 0)
                seen: list[int] = []
                reader = threads.submit(watch_revision, channel, seen)
                running = [threads.submit(writer.run, channel) for writer in writers]
                eventually(lambda seen=seen: len(seen) > 100)
                server.kill()
                for thread in (reader, *running):
                    thread.result(CALL_SECONDS + 5)
            server.start()
            with grpc.insecure_channel(server.address) as channel:
                assert check(channel, writers, 0) >= max(seen)


def watch_revision(channel: grpc.Channel, seen: list[int]) -> None:
    kv = rpc.KVStub(channel)
    try:
        while True:
            seen.append(kv.Range(pb.RangeRequest(key=b"x"), timeout=CALL_SECONDS).header.revision)
    except grpc.RpcError:
        return
