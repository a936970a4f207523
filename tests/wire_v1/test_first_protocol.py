"""A client generated from the first published messages works with a master of today."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from support.harness.daemons import Daemon, clean_environ, serves_grpc, write_config
from support.harness.ports import free_port
from support.waiting import eventually

from sutra_grid.wire import grid_pb2

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
INTERVAL_SECONDS = 0.3
AGENT = {"agent_id": "old-1", "hostname": "h", "platform": "aws", "max_storage_nodes": 4, "version": "0.1"}

Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the client's code, made now."""
    out = tmp_path_factory.mktemp("generated")
    arguments = [f"-I{HERE}", f"--python_out={out}", f"--grpc_python_out={out}", f"--descriptor_set_out={out}/v1.bin"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments, "grid_v1.proto"], check=True, timeout=60)
    return out


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real master whose agents are soon offline."""
    directory = tmp_path_factory.mktemp("master")
    listen = f"127.0.0.1:{free_port()}"
    config = write_config(
        directory / "master.toml",
        {
            "master": {"listen": listen, "registry_url": f"sqlite:///{directory / 'registry.db'}"},
            "liveness": {"heartbeat_interval_secs": INTERVAL_SECONDS},
        },
    )
    master = Daemon("master", "sutra-grid-master", config, ready=lambda: serves_grpc(listen))
    master.start()
    master.wait_ready()
    yield listen
    master.kill()


@pytest.fixture
def call(generated: Path, address: str) -> Call:
    """Calls a method as the old client does; its answer as JSON."""

    def run(method: str, **request: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(HERE / "client.py"), address, method, json.dumps(request)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**clean_environ(), "PYTHONPATH": str(generated)},
        )
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


def test_it_registers_sends_heartbeats_is_listed_goes_offline_and_comes_back(call: Call) -> None:
    registered = call("RegisterAgent", **AGENT)
    assert registered["success"] is True
    assert registered["master_version"]
    assert call("Heartbeat", agent_id="old-1", storage_node_count=2, timestamp=1)["acknowledged"] is True
    (record,) = agents(call, "old-1")
    assert (record["hostname"], record["platform"], record["max_storage_nodes"]) == ("h", "aws", 4)
    assert record["current_storage_nodes"] == 2
    assert int(record["last_heartbeat"]) > 1_700_000_000
    eventually(lambda: agents(call, "old-1")[0]["status"] == "offline", 20, "the agent is offline")
    assert call("GetClusterStatus")["status"] == "critical"
    assert call("Heartbeat", agent_id="old-1")["acknowledged"] is True
    assert agents(call, "old-1")[0]["status"] in {"healthy", "degraded"}


def test_a_spawn_on_it_is_refused_with_a_message(call: Call) -> None:
    call("RegisterAgent", **{**AGENT, "agent_id": "old-2"})
    answer = call("SpawnStorageNode", agent_id="old-2", port=50051)
    assert not answer.get("success")
    assert "old-2" in answer["error_message"]


def test_it_ends_on_purpose_and_is_told_to_register_again(call: Call) -> None:
    call("RegisterAgent", **{**AGENT, "agent_id": "old-3"})
    call("UnregisterAgent", agent_id="old-3")
    assert agents(call, "old-3")[0]["status"] == "offline"
    assert not call("Heartbeat", agent_id="old-3").get("acknowledged")
    assert call("RegisterAgent", **{**AGENT, "agent_id": "old-3"})["success"] is True


def test_an_unknown_agent_and_an_unknown_node_are_refused(call: Call) -> None:
    assert not call("Heartbeat", agent_id="nobody").get("acknowledged")
    stopped = call("StopStorageNode", agent_id="old-1", node_id="node-00000000")
    assert not stopped.get("success")
    assert "node-00000000" in stopped["error_message"]
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        call("GetStorageNodeStatus", node_id="node-00000000")


def test_every_name_and_number_of_the_first_protocol_is_still_there(generated: Path) -> None:
    (first,) = FileDescriptorSet.FromString((generated / "v1.bin").read_bytes()).file
    today = FileDescriptorProto()
    grid_pb2.DESCRIPTOR.CopyToProto(today)
    assert first.package == today.package
    assert fields(first) <= fields(today)
    assert methods(first) <= methods(today)


def agents(call: Call, agent_id: str) -> list[dict[str, Any]]:
    return [record for record in call("ListAgents")["agents"] if record["agent_id"] == agent_id]


def fields(file: FileDescriptorProto) -> set[tuple[str, str, int, int, int, str]]:
    return {
        (message.name, field.name, field.number, field.type, field.label, field.type_name)
        for message in file.message_type
        for field in message.field
    }


def methods(file: FileDescriptorProto) -> set[tuple[str, str, str, str]]:
    return {
        (service.name, method.name, method.input_type, method.output_type)
        for service in file.service
        for method in service.method
    }
