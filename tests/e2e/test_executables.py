"""The five programs as they are installed, and what their servers say of themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.harness.daemons import clean_environ, script, serves_grpc
from support.harness.grid import Grid, GridSpec

import sutra_grid

PROGRAMS = ("sutra-grid-master", "sutra-grid-agent", "sutra-grid-admin", "sutra-storage-server", "sutra-grid-cli")


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [script(name), *arguments], capture_output=True, text=True, timeout=30, env=clean_environ(), check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_answers_help_and_version(name: str) -> None:
    assert run(name, "--help").startswith("Usage:")
    assert run(name, "--version").strip().endswith(sutra_grid.__version__)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(with_admin=False)) as grid:
        yield grid


def services(address: str) -> set[str]:
    """What the reflection service lists, as grpcurl would ask for it."""
    with grpc.insecure_channel(address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = stub.ServerReflectionInfo(iter([question]), timeout=10)
    return {service.name for service in answer.list_services_response.service}


def test_health_and_reflection_answer_on_master_agent_and_node(grid: Grid) -> None:
    node = grid.grpc.spawn()
    expected = {
        grid.master_address: {"grid.GridMaster"},
        grid.agent_address("agent-1"): {"grid.GridAgent"},
        node.endpoint: {"etcdserverpb.KV", "etcdserverpb.Cluster", "etcdserverpb.Maintenance", "grid.StorageNode"},
    }

    for address, names in expected.items():
        assert names | {"grpc.health.v1.Health"} <= services(address)
        assert serves_grpc(address, ["", *names])
