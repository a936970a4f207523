"""The gRPC server: health and reflection."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.harness.master_harness import MasterHarness


def test_health_and_reflection_answer(harness: MasterHarness) -> None:
    with grpc.insecure_channel(harness.master.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(service="grid.GridMaster"), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (listed,) = reflection.ServerReflectionInfo(iter([request]), timeout=5)
        assert "grid.GridMaster" in {service.name for service in listed.list_services_response.service}
