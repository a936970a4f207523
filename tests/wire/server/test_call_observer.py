"""Each call is told once, with the outcome that its caller saw."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from support.fakes.scripted_agent import ScriptedAgent, start
from support.waiting import eventually

from sutra_grid.core.errors import NotFound, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.grid_pb2 import Assignment, ErrorDetail, NodeReport, SpawnResponse
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub
from sutra_grid.wire.server import RunningServer
from sutra_grid.wire.server.call_observer import AnsweredCall

APPLY = "grid.GridAgent/Apply"
TIMEOUT_SECONDS = 10.0


@pytest.fixture
def told() -> list[AnsweredCall]:
    return []


@pytest.fixture
def server(agent: ScriptedAgent, told: list[AnsweredCall]) -> Iterator[RunningServer]:
    with start(agent, observe_call=told.append) as running:
        yield running


def raising(error: Exception) -> Callable[[Assignment, grpc.ServicerContext], NodeReport]:
    def answer(_request: Assignment, _context: grpc.ServicerContext) -> NodeReport:
        raise error

    return answer


def outcomes(told: list[AnsweredCall]) -> list[tuple[str, str]]:
    return [(call.method, call.code) for call in told]


def test_a_call_that_was_answered_is_ok(stub: GridAgentStub, told: list[AnsweredCall]) -> None:
    stub.Apply(Assignment(), timeout=TIMEOUT_SECONDS)
    assert outcomes(told) == [(APPLY, "OK")]
    assert 0 < told[0].seconds < TIMEOUT_SECONDS
    assert told[0].refused is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("no such node"), "NOT_FOUND"),
        (ResourceExhausted("full"), "RESOURCE_EXHAUSTED"),
        (KeyError("x"), "INTERNAL"),
    ],
)
def test_an_error_is_told_by_the_status_that_it_became(
    agent: ScriptedAgent, stub: GridAgentStub, told: list[AnsweredCall], error: Exception, code: str
) -> None:
    agent.answer = raising(error)
    with pytest.raises(grpc.RpcError) as raised:
        stub.Apply(Assignment(), timeout=TIMEOUT_SECONDS)
    assert raised.value.code().name == code
    eventually(lambda: outcomes(told) == [(APPLY, code)], message="the call told")


def test_a_request_that_is_noise_is_told_as_well(channel: grpc.Channel, told: list[AnsweredCall]) -> None:
    with pytest.raises(grpc.RpcError):
        channel.unary_unary(f"/{APPLY}")(b"\xff\xff", timeout=TIMEOUT_SECONDS)
    eventually(lambda: outcomes(told) == [(APPLY, "INVALID_ARGUMENT")], message="the call told")


def test_all_methods_that_the_server_does_not_have_are_one(channel: grpc.Channel, told: list[AnsweredCall]) -> None:
    for method in ("/grid.GridAgent/Explode", "/x/y"):
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(method)(b"", timeout=TIMEOUT_SECONDS)
    assert outcomes(told) == [("unknown", "UNIMPLEMENTED")] * 2


def test_a_call_whose_caller_has_gone_is_cancelled(
    agent: ScriptedAgent, stub: GridAgentStub, told: list[AnsweredCall]
) -> None:
    entered, opened = threading.Event(), threading.Event()

    def answer(_request: Assignment, context: grpc.ServicerContext) -> NodeReport:
        gone = threading.Event()
        context.add_callback(gone.set)
        entered.set()
        gone.wait(TIMEOUT_SECONDS)
        opened.wait(TIMEOUT_SECONDS)
        return NodeReport()

    agent.answer = answer
    call = stub.Apply.future(Assignment(), timeout=TIMEOUT_SECONDS)
    assert entered.wait(TIMEOUT_SECONDS)
    call.cancel()
    opened.set()
    eventually(lambda: outcomes(told) == [(APPLY, "CANCELLED")], message="the call told")


@pytest.mark.parametrize(("word", "reason"), [("slots_full", Reason.SLOTS_FULL), ("of_tomorrow", Reason.NONE)])
def test_an_answer_that_refuses_is_ok_with_its_reason(
    agent: ScriptedAgent, channel: grpc.Channel, told: list[AnsweredCall], word: str, reason: Reason
) -> None:
    refused = SpawnResponse(success=False, error=ErrorDetail(reason=word))
    agent.answer = lambda _request, _context: refused  # type: ignore[assignment,return-value]
    channel.unary_unary(f"/{APPLY}")(Assignment().SerializeToString(), timeout=TIMEOUT_SECONDS)
    assert [(call.code, call.refused) for call in told] == [("OK", reason)]


def test_the_use_of_the_threads_is_told(agent: ScriptedAgent, server: RunningServer) -> None:
    opened = threading.Event()

    def answer(_request: Assignment, _context: grpc.ServicerContext) -> NodeReport:
        opened.wait(TIMEOUT_SECONDS)
        return NodeReport()

    agent.answer = answer
    with open_channel(server.address) as channel:
        calls = [GridAgentStub(channel).Apply.future(Assignment(), timeout=TIMEOUT_SECONDS) for _ in range(6)]
        eventually(lambda: server.worker_use == (4, 4, 2), message="4 of 4 threads busy, 2 calls waiting")
        opened.set()
        for call in calls:
            call.result()
        eventually(lambda: server.worker_use == (4, 0, 0), message="all threads free")
