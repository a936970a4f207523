"""A TCP proxy on loopback that does to connections what bad networks do: delays, throttles, stalls, cuts.

One thread runs it; its methods may be called from any thread and have taken effect when they return.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

CHUNK_BYTES = 16 * 1024
LINGER_ZERO = struct.pack("ii", 1, 0)  # closing sends RST, not FIN (socket(7), SO_LINGER)


class Direction(Enum):
    """Which way bytes go."""

    TO_TARGET = auto()
    FROM_TARGET = auto()


class Then(Enum):
    """What becomes of a connection that may pass no more bytes."""

    STALL = auto()  # open, and nothing moves any more
    RESET = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to ``directions`` of a connection. ``pass_bytes`` count from the moment that the fault begins."""

    directions: frozenset[Direction] = frozenset(Direction)
    delay_seconds: float = 0.0
    bytes_per_second: float = math.inf
    pass_bytes: float = math.inf
    then: Then = Then.STALL


HEALTHY = Fault()
STALL = Fault(pass_bytes=0)
RESET = Fault(pass_bytes=0, then=Then.RESET)


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    fault: Fault
    passed: dict[Direction, float] = field(default_factory=dict)  # since the fault began
    frozen: bool = False
    is_reset: bool = False  # by a peer

    def fault_of(self, direction: Direction) -> Fault:
        return self.fault if direction in self.fault.directions else HEALTHY


class FaultProxy:
    """Listens on ``host:port`` (0: any port) and connects everybody on to ``target`` as it is then. A context manager.

    ``make_socket`` makes the sockets towards the target, which may be of another network namespace.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        make_socket: Callable[[], socket.socket] = socket.socket,
    ) -> None:
        self.target = target
        self._make_socket = make_socket
        self._listener = socket.create_server((host, port), backlog=256)
        self.host, self.port = self._listener.getsockname()[:2]
        self._fault = HEALTHY
        self._connections: set[_Connection] = set()
        self.accepted = 0
        """Connections since the start."""
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open and not frozen."""
        return sum(not connection.frozen for connection in list(self._connections))

    def set(self, fault: Fault) -> None:
        """Do this to the connections that are open, and to those that come."""
        self._call(self._set(fault))

    def heal(self) -> None:
        """Let everything pass again; what was stalled goes on, but not what was frozen."""
        self.set(HEALTHY)

    def freeze_open_connections(self) -> None:
        """Nothing moves any more on those that are open, for ever; new ones work. As a firewall that lost its table."""
        self._call(self._freeze())

    async def _set(self, fault: Fault) -> None:
        self._fault = fault
        for connection in list(self._connections):
            if not connection.frozen:
                connection.fault = fault
                connection.passed.clear()
                if fault == RESET:
                    _reset(connection)
        self._announce()

    async def _freeze(self) -> None:
        for connection in self._connections:
            connection.fault, connection.frozen = STALL, True
            connection.passed.clear()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _accept(self) -> None:
        self._listener.setblocking(False)
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            self.accepted += 1
            self._start(self._serve(client))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        near_reader, near_writer = await asyncio.open_connection(sock=client)
        connection = _Connection([near_writer], self._fault)
        self._connections.add(connection)
        try:
            if self._fault == RESET:
                return
            far = self._make_socket()
            far.setblocking(False)
            try:
                await self._loop.sock_connect(far, self.target)
            except OSError:
                far.close()
                return
            far_reader, far_writer = await asyncio.open_connection(sock=far)
            connection.writers.append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(connection, Direction.TO_TARGET, near_reader, far_writer))
                group.create_task(self._pump(connection, Direction.FROM_TARGET, far_reader, near_writer))
        finally:
            self._connections.discard(connection)
            _reset(connection)

    async def _pump(
        self, connection: _Connection, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await self._read(connection, reader):
                await self._pass_on(connection, direction, data, writer)
            await self._may_pass(connection, direction)  # a stalled connection does not show its end either
            if connection.is_reset:
                _reset(connection)
            writer.write_eof()

    async def _read(self, connection: _Connection, reader: asyncio.StreamReader) -> bytes:
        """The next bytes; none at the end, be it that the peer said it or that the peer was killed."""
        try:
            return await reader.read(CHUNK_BYTES)
        except OSError:
            connection.is_reset = True
            return b""

    async def _pass_on(
        self, connection: _Connection, direction: Direction, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        while data:
            most = await self._may_pass(connection, direction)
            part, data = data[:most], data[most:]
            fault = connection.fault_of(direction)
            pause = fault.delay_seconds + len(part) / fault.bytes_per_second
            if pause:
                await asyncio.sleep(pause)
            connection.passed[direction] = connection.passed.get(direction, 0) + len(part)
            writer.write(part)
            await writer.drain()

    async def _may_pass(self, connection: _Connection, direction: Direction) -> int:
        """How many bytes may go on; waits while it is none."""
        while (left := connection.fault_of(direction).pass_bytes - connection.passed.get(direction, 0)) <= 0:
            if connection.fault_of(direction).then is Then.RESET:
                _reset(connection)
                raise ConnectionResetError
            await self._changed.wait()
        return int(min(left, CHUNK_BYTES))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop.call_soon_threadsafe(lambda: self._start(self._accept()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._listener.close()

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reset(connection: _Connection) -> None:
    for writer in connection.writers:
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        writer.transport.abort()
