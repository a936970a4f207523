"""A steady load of reads and writes on all nodes, from one thread. The ledger checks every answer."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType

import grpc
from support.harness.kv import KvClient

from soak.ledger import PREFIX, Ledger, Violation

CALL_SECONDS = 3.0
POLL_SECONDS = 0.05


class Load:
    """Context manager around the only thread that calls the nodes.

    ``endpoints`` are by node id. A node that fails a call is only read until it answers again, so that
    an outage leaves one write in doubt, not hundreds. ``connect`` makes the client of an endpoint; its second argument
    is the deadline of a call in seconds.
    """

    def __init__(
        self,
        endpoints: Mapping[str, str],
        ledger: Ledger,
        operations_per_second: float,
        rng: random.Random | None = None,
        connect: Callable[[str, float], KvClient] = KvClient,
    ) -> None:
        self._clients = {node_id: connect(endpoint, CALL_SECONDS) for node_id, endpoint in endpoints.items()}
        self._ledger = ledger
        self._interval_seconds = 1 / operations_per_second
        self._rng = rng or random.Random(0)
        self._down: set[str] = set()
        self._reads = 0
        self._failures: list[str] = []
        self._stop = threading.Event()
        self._requests: queue.SimpleQueue[tuple[float, Future[list[str]]]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="soak-load", daemon=True)

    @property
    def reads(self) -> int:
        """The number of reads that were answered and checked."""
        return self._reads

    @property
    def failures(self) -> list[str]:
        """What the calls said that were not answered."""
        return list(self._failures)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        for client in self._clients.values():
            client.close()

    def verify_all(self, timeout_seconds: float) -> list[str]:
        """Read and check everything on every node. Returns the nodes that could not be read in time."""
        future: Future[list[str]] = Future()
        self._requests.put((time.monotonic() + timeout_seconds, future))
        return future.result(timeout_seconds + len(self._clients) * CALL_SECONDS + 5)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            while not self._requests.empty():
                deadline, future = self._requests.get()
                future.set_result(self._read_everything(deadline))
            self._one_operation()
            due = max(due + self._interval_seconds, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _one_operation(self) -> None:
        node_id = self._rng.choice(list(self._clients))
        if node_id in self._down or self._rng.random() < 0.5:
            self._read(node_id)
        else:
            self._write(node_id)

    def _write(self, node_id: str) -> None:
        write = self._ledger.next_write(node_id, self._rng)
        try:
            self._clients[node_id].put_all(write.values())
        except grpc.RpcError as error:
            self._failures.append(f"{node_id}: {error.code()} {error.details()}")  # type: ignore[attr-defined]
            self._down.add(node_id)
            self._ledger.doubt(write)
        else:
            self._ledger.acknowledge(write)

    def _read(self, node_id: str) -> bool:
        try:
            found = self._clients[node_id].get_prefix(PREFIX)
        except grpc.RpcError as error:
            self._failures.append(f"{node_id}: {error.code()} {error.details()}")  # type: ignore[attr-defined]
            self._down.add(node_id)
            return False
        self._down.discard(node_id)
        self._ledger.judge(node_id, found)
        self._reads += 1
        return True

    def _read_everything(self, deadline: float) -> list[str]:
        left = list(self._clients)
        while True:
            left = [node_id for node_id in left if not self._read(node_id)]
            if not left or time.monotonic() >= deadline or self._stop.wait(POLL_SECONDS):
                return left


def unreadable(node_ids: list[str], seconds: float) -> list[Violation]:
    return [Violation("unreadable node", f"{node_id} did not answer for {seconds:g} s") for node_id in node_ids]
