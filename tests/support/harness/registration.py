"""Registration with a busy master: like an agent, a test tries again when the master refuses for overload."""

from __future__ import annotations

import grpc

from support.waiting import eventually
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub


def register_with_retry(
    stub: GridMasterStub, info: pb.AgentInfo, timeout_seconds: float, within_seconds: float = 0.0
) -> pb.RegistrationResponse:
    """Register until the master answers, ``within_seconds`` or one timeout; its answer, whatever it is."""

    def answer() -> pb.RegistrationResponse | None:
        try:
            response: pb.RegistrationResponse = stub.RegisterAgent(info, timeout=timeout_seconds, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                return None
            raise
        return response

    response = eventually(answer, within_seconds or timeout_seconds, f"{info.agent_id} admitted")
    assert response is not None
    return response
