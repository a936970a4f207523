"""Being admitted by a master that many want to be admitted by at once: an agent tries again, and so do tests."""

from __future__ import annotations

import grpc

from support.waiting import eventually
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub


def register_with_retry(stub: GridMasterStub, info: pb.AgentInfo, timeout_seconds: float) -> pb.RegistrationResponse:
    """The master's answer, whatever it is, when it has one."""

    def answer() -> pb.RegistrationResponse | None:
        try:
            response: pb.RegistrationResponse = stub.RegisterAgent(info, timeout=timeout_seconds, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                return None
            raise
        return response

    response = eventually(answer, timeout_seconds, f"{info.agent_id} admitted")
    assert response is not None
    return response
