"""The alarm of a real node that can't write, as etcd's clients see it."""

from __future__ import annotations

import resource
from pathlib import Path

import grpc
import pytest
from support.waiting import eventually

from storage.server import StorageServer
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc


def is_refused(kv: rpc.KVStub) -> bool:
    """Whether the node refuses a write."""
    try:
        kv.Put(pb.PutRequest(key=b"a", value=bytes(1_000)), timeout=10)
    except grpc.RpcError:
        return True
    return False


def test_an_alarm_is_not_disarmed_while_its_cause_lasts(tmp_path: Path) -> None:
    with StorageServer(tmp_path / "store") as server, grpc.insecure_channel(server.address) as channel:
        maintenance = rpc.MaintenanceStub(channel)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1024, 1024))
        eventually(lambda: is_refused(rpc.KVStub(channel)))
        (alarm,) = maintenance.Alarm(pb.AlarmRequest(), timeout=10).alarms
        assert alarm.alarm == pb.NOSPACE
        with pytest.raises(grpc.RpcError) as refused:
            maintenance.Alarm(
                pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE, member_id=alarm.member_id, alarm=alarm.alarm),
                timeout=10,
            )
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "can't be disarmed: the node is read-only" in (refused.value.details() or "")
        other = pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE, alarm=pb.CORRUPT)
        assert list(maintenance.Alarm(other, timeout=10).alarms) == []
        assert len(maintenance.Alarm(pb.AlarmRequest(), timeout=10).alarms) == 1
