import logging

import grpc
import pytest
from support.fakes.scripted_agent import SERVICE

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.wire.errors import from_rpc_error
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub

TIMEOUT_SECONDS = 10.0
NOISE = b"\xff\xff\xff"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def test_noise_in_the_place_of_a_message_is_the_callers_fault(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/Apply")(NOISE, timeout=TIMEOUT_SECONDS)

    error = from_rpc_error(failed.value)
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.INVALID_ARGUMENT
    assert f"/{SERVICE}/Apply" in error.message
    assert error.hint
    assert caplog.text == ""


def test_noise_in_a_stream_is_the_callers_fault(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        list(channel.stream_stream(REFLECTION)(iter([NOISE]), timeout=TIMEOUT_SECONDS))

    assert isinstance(from_rpc_error(failed.value), InvalidArgument)


def test_a_good_message_after_noise_is_answered(channel: grpc.Channel, stub: GridAgentStub) -> None:
    for _ in range(3):
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(f"/{SERVICE}/Apply")(NOISE, timeout=TIMEOUT_SECONDS)
        assert stub.Apply(Assignment(node_id="node-1"), timeout=TIMEOUT_SECONDS) == NodeReport()


def test_an_unknown_method_is_not_implemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/NoSuchMethod")(NOISE, timeout=TIMEOUT_SECONDS)

    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
