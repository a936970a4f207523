"""What one log sync for many writes is worth: ``tox -e bench -- storage [--seconds 3]``.

Everything in one run and on one store, because a machine's speed says nothing and ratios do:
a lone writer (one sync a write), many writers through the committer, both with and without
gRPC, reads, and bulk writes. Not a test: it asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from storage.server import StorageServer

from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.store import Store
from sutra_grid.wire import node_pb2, node_pb2_grpc
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

VALUE = os.urandom(100)
CLIENT_THREADS = 64
CHANNELS = 4
BULK_ENTRIES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--pin-cpu", action="store_true", help="pin the server to one CPU")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine_rates(Path(directory) / "engine", options.seconds)
        server_rates(Path(directory) / "server", options.seconds, options.pin_cpu)


def engine_rates(path: Path, seconds: float) -> None:
    """Without gRPC: the committer and RocksDB."""
    with Store.open(path, MemoryBudget.of(256)) as store:

        def put(thread: int, number: int) -> None:
            store.write(lambda draft: draft.put(b"%d-%d" % (thread, number), VALUE))

        lone = rate(put, 1, seconds)
        report("store: one writer, a sync a write", lone, lone)
        commits = store.commits
        many = rate(put, CLIENT_THREADS, seconds)
        report(f"store: {CLIENT_THREADS} writers, one sync a group", many, lone)
        print(f"    {many * seconds / (store.commits - commits):.1f} writes a sync")


def server_rates(path: Path, seconds: float, pin_cpu: bool) -> None:
    """Through gRPC, from threads of this process over a few connections."""
    with StorageServer(path, "--pin-cpu", str(pin_cpu).lower()) as server:
        channels = [
            grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CHANNELS)
        ]
        stubs = [rpc.KVStub(channel) for channel in channels]
        node = node_pb2_grpc.StorageNodeStub(channels[0])

        def put(thread: int, number: int) -> None:
            stubs[thread % CHANNELS].Put(pb.PutRequest(key=b"%d-%d" % (thread, number % 1000), value=VALUE))

        def get(thread: int, number: int) -> None:
            stubs[thread % CHANNELS].Range(pb.RangeRequest(key=b"%d-%d" % (thread, number % 1000)))

        def bulk(_: int, number: int) -> None:
            entries = [
                node_pb2.BulkEntry(key=b"bulk-%d-%d" % (number, item), value=VALUE) for item in range(BULK_ENTRIES)
            ]
            node.BulkWrite(node_pb2.BulkWriteRequest(entries=entries))

        lone = rate(put, 1, seconds)
        report("gRPC: one writer", lone, lone)
        report(f"gRPC: {CLIENT_THREADS} writers", rate(put, CLIENT_THREADS, seconds), lone)
        report(f"gRPC: {CLIENT_THREADS} readers", rate(get, CLIENT_THREADS, seconds), lone)
        report(f"gRPC: bulk writes of {BULK_ENTRIES}, entries", rate(bulk, 1, seconds) * BULK_ENTRIES, lone)
        for channel in channels:
            channel.close()


def rate(call: Callable[[int, int], None], threads: int, seconds: float) -> float:
    """Calls a second of that many threads; ``call`` gets the thread's number and a running number."""
    stop = threading.Event()

    def work(thread: int) -> int:
        number = 0
        while not stop.is_set():
            call(thread, number)
            number += 1
        return number

    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        running = [pool.submit(work, thread) for thread in range(threads)]
        stop.wait(seconds)
        stop.set()
        done = sum(future.result() for future in running)
        return done / (time.perf_counter() - begin)


def report(name: str, calls_a_second: float, base: float) -> None:
    print(f"{name:<45} {calls_a_second:>10,.0f}/s  x{calls_a_second / base:.1f}", flush=True)


if __name__ == "__main__":
    main()
