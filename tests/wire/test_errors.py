import logging
import threading

import grpc
import pytest
from support.fakes.scripted_agent import SERVICE, ScriptedAgent
from support.harness.ports import free_port
from support.texts import mentions

from sutra_grid.core import errors
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.errors import STATUS_CODES, error_detail, from_detail, from_rpc_error, status_code
from sutra_grid.wire.grid_pb2 import Assignment, Empty, ErrorDetail, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub

TIMEOUT_SECONDS = 10.0


def failure(stub: GridAgentStub, timeout_seconds: float = TIMEOUT_SECONDS) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Apply(Assignment(), timeout=timeout_seconds)
    return raised.value


def raising(agent: ScriptedAgent, error: BaseException) -> None:
    def answer(_request: Assignment, _context: grpc.ServicerContext) -> NodeReport:
        raise error

    agent.answer = answer


def test_every_error_of_the_tree_has_a_status_of_its_own() -> None:
    assert set(STATUS_CODES) == set(GridError.__subclasses__())
    assert len(set(STATUS_CODES.values())) == len(STATUS_CODES)


def test_a_subclass_has_the_status_of_its_parent() -> None:
    class DiskFull(errors.ResourceExhausted):
        pass

    assert status_code(DiskFull("x")) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status_code(GridError("x")) is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("cls", STATUS_CODES, ids=lambda cls: cls.__name__)
def test_an_error_comes_back_whole_through_a_call(
    cls: type[GridError], agent: ScriptedAgent, stub: GridAgentStub
) -> None:
    raising(agent, cls("port 50051 is taken by pid 12 (redis)", reason=Reason.PORT_TAKEN, hint="Choose another"))
    error = failure(stub)
    assert error.code() is STATUS_CODES[cls]  # what a client without our detail sees
    assert error.details() == "port 50051 is taken by pid 12 (redis)"
    returned = from_rpc_error(error)
    assert type(returned) is cls
    assert returned.reason is Reason.PORT_TAKEN
    assert str(returned) == "port 50051 is taken by pid 12 (redis). Choose another"


@pytest.mark.parametrize("character", ["x", "ü", "\udcff", "\x01"])
def test_a_very_long_message_is_cut_and_the_status_arrives(
    character: str, agent: ScriptedAgent, stub: GridAgentStub
) -> None:
    raising(agent, errors.NotFound(character * 100_000, reason=Reason.UNKNOWN_NODE, hint=character * 100_000))
    returned = from_rpc_error(failure(stub))
    assert type(returned) is errors.NotFound
    assert returned.reason is Reason.UNKNOWN_NODE
    assert returned.message.endswith("…")
    assert len(returned.message) > 100


def test_a_fault_of_the_program_is_logged_and_tells_the_caller_no_details(
    agent: ScriptedAgent, stub: GridAgentStub, caplog: pytest.LogCaptureFixture
) -> None:
    raising(agent, ZeroDivisionError("secret"))
    with caplog.at_level(logging.ERROR):
        returned = from_rpc_error(failure(stub))
    assert type(returned) is errors.Internal
    assert "secret" not in str(returned)
    assert "ZeroDivisionError: secret" in caplog.text


def test_the_abort_of_a_method_itself_passes(agent: ScriptedAgent, stub: GridAgentStub) -> None:
    def answer(_request: Assignment, context: grpc.ServicerContext) -> NodeReport:
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")

    agent.answer = answer
    error = failure(stub)
    assert error.code() is grpc.StatusCode.OUT_OF_RANGE
    assert type(from_rpc_error(error)) is errors.InvalidArgument


def test_a_server_that_is_not_there_is_named_with_what_to_check() -> None:
    target = f"127.0.0.1:{free_port()}"
    with open_channel(target) as channel:
        returned = from_rpc_error(failure(GridAgentStub(channel)), target)
    assert type(returned) is errors.Unavailable
    assert mentions(returned.message, target)
    assert returned.hint


def test_a_server_that_does_not_answer_in_time_is_named(agent: ScriptedAgent, stub: GridAgentStub) -> None:
    end = threading.Event()

    def answer(_request: Assignment, _context: grpc.ServicerContext) -> NodeReport:
        end.wait(TIMEOUT_SECONDS)
        return NodeReport()

    agent.answer = answer
    returned = from_rpc_error(failure(stub, 0.1), "agent-1:7001")
    end.set()
    assert type(returned) is errors.DeadlineExceeded
    assert returned.reason is Reason.TIMED_OUT
    assert mentions(returned.message, "agent-1:7001")


def test_a_method_that_the_other_side_lacks_says_so(channel: grpc.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/InventedLater", Empty.SerializeToString, Empty.FromString)
    with pytest.raises(grpc.RpcError) as raised:
        call(Empty(), timeout=TIMEOUT_SECONDS)
    returned = from_rpc_error(raised.value)
    assert type(returned) is errors.Unimplemented
    assert returned.reason is Reason.UNSUPPORTED


def test_an_error_travels_in_a_response_as_well() -> None:
    error = errors.FailedPrecondition("agent-1 is drained", reason=Reason.AGENT_DRAINED, hint="Undrain it")
    returned = from_detail(error_detail(error))
    assert (type(returned), str(returned), returned.reason) == (type(error), str(error), error.reason)


def test_a_code_or_reason_of_a_newer_version_is_still_readable() -> None:
    returned = from_detail(ErrorDetail(code="quota", reason="invented_later", message="too much", hint="less"))
    assert type(returned) is errors.Internal
    assert returned.reason is Reason.NONE
    assert str(returned) == "too much. less"
