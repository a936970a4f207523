"""A network that loses, delays, duplicates and reorders messages, below the real stubs and servicers.

``SimChannel`` replaces a gRPC channel: the generated stubs serialize into it, and the servicers of the other
side respond through it, with statuses and deadlines.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc

from model.fibers import Killed
from model.simulation import Life, Simulation

CALM_LATENCY_SECONDS = 0.001
CLIENT = "client"  # its link to the master has no faults


@dataclass(frozen=True)
class Weather:
    """The faults of a network. ``loss`` and ``duplicates`` are probabilities; times are in seconds."""

    loss: float = 0.0
    duplicates: float = 0.0
    delay_seconds: float = 0.0  # upper bound; each message draws its own delay, so messages can overtake each other


CALM = Weather()


class Server(Protocol):
    """A process that serves calls."""

    life: Life
    blocking: frozenset[str]  # methods that can block; the others return at once

    def answer(self, method: str, data: bytes, context: Context) -> bytes:
        """Answer the call. Raises ``_Ended`` when the servicer aborts."""
        ...


@dataclass
class _Answer:
    data: bytes = b""
    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""
    trailers: tuple[Any, ...] = ()


class SimRpcError(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    """A failed call, as a gRPC client gets it."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__(answer.details)
        self._answer = answer

    def code(self) -> grpc.StatusCode:
        return self._answer.code

    def details(self) -> str:
        return self._answer.details

    def trailing_metadata(self) -> tuple[Any, ...]:
        return self._answer.trailers

    def initial_metadata(self) -> tuple[Any, ...]:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float:
        return 0.0

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False


class _Ended(Exception):
    """The exception with which ``abort`` leaves a servicer."""


class Context:
    """The context of a call for a servicer."""

    def __init__(self, sim: Simulation, deadline: float, caller: Life | None) -> None:
        self._sim = sim
        self._deadline = deadline
        self._caller = caller
        self.ended: _Answer | None = None

    def time_remaining(self) -> float:
        return max(0.0, self._deadline - self._sim.now)

    def is_active(self) -> bool:
        return self.time_remaining() > 0 and (self._caller is None or self._caller.alive)

    def code(self) -> grpc.StatusCode | None:
        return self.ended.code if self.ended else None

    def abort_with_status(self, status: grpc.Status) -> None:
        self.ended = _Answer(code=status.code, details=status.details, trailers=tuple(status.trailing_metadata or ()))
        raise _Ended


@dataclass
class Network:
    """Addresses, links between places, and the faults of the network."""

    sim: Simulation
    servers: dict[str, Server] = field(default_factory=dict)  # by address
    weather: Weather = CALM
    cut: set[tuple[str, str]] = field(default_factory=set)  # (from, to): nothing passes
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def channel(self, caller: Life, target: str) -> SimChannel:
        """A channel of a process to an address."""
        return SimChannel(self, caller, target)

    def send(self, source: str, target: str, arrive: Callable[[], None]) -> None:
        """Carry a message between two places; it can be lost or arrive twice."""
        weather = CALM if CLIENT in (source, target) else self.weather
        if (source, target) in self.cut or self._happens(weather.loss):
            self.sim.tell(f"lost on the way from {source} to {target}")
            return
        for _ in range(2 if self._happens(weather.duplicates) else 1):
            late = self.chance.random() * weather.delay_seconds if weather.delay_seconds else 0.0
            self.sim.later(CALM_LATENCY_SECONDS + late, arrive)

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance


def place(life_or_address: str) -> str:
    """The place of a process or an address: its name up to the first ":" or "#"."""
    return life_or_address.partition(":")[0].partition("#")[0]


class SimChannel:
    """Replaces a ``grpc.Channel`` of one process."""

    def __init__(self, network: Network, caller: Life, target: str) -> None:
        self._network = network
        self._caller = caller
        self._target = target

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        **_options: Any,
    ) -> Callable[..., Any]:
        method = path.rpartition("/")[2]

        def call(request: Any, timeout: float = 30.0, **_more: Any) -> Any:
            return response_deserializer(self._call(method, request_serializer(request), timeout))

        return call

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def _call(self, method: str, data: bytes, timeout: float) -> bytes:
        sim, network, caller = self._network.sim, self._network, self._caller
        sim.step(caller, f"calls {method} of {self._target}")
        here, there = place(caller.name), place(self._target)
        deadline = sim.now + timeout
        answers: list[_Answer] = []
        wake: list[Callable[[], None]] = []

        def answered(answer: _Answer) -> None:
            if not answers and caller.alive:
                answers.append(answer)
                for each in wake:
                    each()

        def reply(answer: _Answer) -> None:
            network.send(there, here, lambda: answered(answer))

        def arrive() -> None:
            if not caller.alive or sim.now >= deadline:
                return  # the connection is gone; a call that has ended is not started
            server = network.servers.get(self._target)
            if server is None or not server.life.alive:
                reply(_Answer(code=grpc.StatusCode.UNAVAILABLE, details="connection refused"))
            else:
                _serve(sim, server, method, data, Context(sim, deadline, caller), reply)

        network.send(here, there, arrive)
        sim.wait(caller, timeout, wake.append)
        if not answers:
            raise SimRpcError(_Answer(code=grpc.StatusCode.DEADLINE_EXCEEDED, details="Deadline Exceeded"))
        if answers[0].code is not grpc.StatusCode.OK:
            raise SimRpcError(answers[0])
        return answers[0].data


def _serve(
    sim: Simulation,
    server: Server,
    method: str,
    data: bytes,
    context: Context,
    reply: Callable[[_Answer], None],
) -> None:
    """Let the server handle the call. If the server dies meanwhile, the caller's connection is reset."""
    replied: list[bool] = []

    def answer_once(answer: _Answer) -> None:
        if not replied:
            replied.append(True)
            reply(answer)

    def reset() -> None:
        answer_once(_Answer(code=grpc.StatusCode.UNAVAILABLE, details="connection reset"))

    def work() -> None:
        try:
            answer = _Answer(data=server.answer(method, data, context))
        except _Ended:
            assert context.ended is not None
            answer = context.ended
        except Killed:
            raise
        except Exception as error:  # noqa: BLE001 - a server's edge
            sim.fault(f"{server.life.name} fell over in {method}: {error!r}")
            answer = _Answer(code=grpc.StatusCode.UNKNOWN, details=str(error))
        sim.step(server.life, f"answers {method}")
        server.life.on_end.remove(reset)
        answer_once(answer)

    server.life.on_end.append(reset)
    if method in server.blocking:
        sim.spawn(server.life, work)
    else:
        sim.within(server.life, work)
