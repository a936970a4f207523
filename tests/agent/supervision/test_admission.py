import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.supervision.admission import Admission
from sutra_grid.agent.supervision.node_ports import PortHasConnection
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import NodeSpec, Reason

MakeConfig = Callable[..., AgentConfig]


@pytest.fixture
def config(make_config: MakeConfig) -> AgentConfig:
    made = make_config()
    made.data_path.mkdir()
    return made


@pytest.fixture
def admission(config: AgentConfig) -> Admission:
    return Admission(config, NodeAddresses())


def refused(call: Callable[[], object]) -> tuple[Reason, str]:
    with pytest.raises(GridError) as error:
        call()
    assert error.value.hint
    return error.value.reason, error.value.message


def test_what_is_left_open_is_the_agents_to_choose(admission: Admission, config: AgentConfig) -> None:
    spec = admission.resolve("node-1", NodeSpec(), {})
    assert (spec.engine, spec.memory_limit_mb) == ("storage", 64)
    assert spec.port in config.ports
    assert spec.storage_path == str(config.data_path / "node-1")


def test_what_is_asked_for_within_the_bounds_is_taken(admission: Admission, config: AgentConfig) -> None:
    asked = NodeSpec("storage", config.ports[3], "deep/er", 128)
    spec = admission.resolve("node-1", asked, {})
    assert spec == NodeSpec("storage", config.ports[3], str(config.data_path / "deep/er"), 128)
    absolute = NodeSpec(storage_path=str(config.data_path / "x"))
    assert admission.resolve("node-1", absolute, {}).storage_path == str(config.data_path / "x")


@pytest.mark.parametrize("path", ["/etc", "..", "a/../..", "/", ".", "link", "link/deeper"])
def test_paths_that_end_outside_data_path_are_refused_after_resolving_links(
    admission: Admission, config: AgentConfig, path: str
) -> None:
    (config.data_path / "link").symlink_to("/usr")
    reason, message = refused(lambda: admission.resolve("node-1", NodeSpec(storage_path=path), {}))
    assert reason is Reason.PATH_OUTSIDE_DATA
    assert str(config.data_path) in message


@pytest.mark.parametrize("path", ["x", "x/below", "./x/../x"])
def test_a_path_on_or_below_that_of_another_node_is_refused_by_name(
    admission: Admission, config: AgentConfig, path: str
) -> None:
    held = {"node-7": NodeSpec("storage", 1, str(config.data_path / "x"), 1)}
    reason, message = refused(lambda: admission.resolve("node-1", NodeSpec(storage_path=path), held))
    assert reason is Reason.PATH_TAKEN
    assert mentions(message, "node-7")


def test_a_path_above_that_of_another_node_is_refused(admission: Admission, config: AgentConfig) -> None:
    held = {"node-7": NodeSpec("storage", 1, str(config.data_path / "x/y"), 1)}
    assert refused(lambda: admission.resolve("node-1", NodeSpec(storage_path="x"), held))[0] is Reason.PATH_TAKEN


def test_a_port_that_somebody_listens_on_is_passed_over(admission: Admission, config: AgentConfig) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", config.ports[0]))
        holder.listen()
        assert admission.resolve("node-1", NodeSpec(), {}).port != config.ports[0]
        taken = NodeSpec("storage", config.ports[0], str(config.data_path / "a"), 1)
        reason, message = refused(lambda: admission.check_launch(taken))
        assert reason is Reason.PORT_TAKEN
        assert mentions(message, config.ports[0], os.getpid())


def test_a_port_of_an_outgoing_connection_is_passed_over_and_named(admission: Admission, config: AgentConfig) -> None:
    port = config.ports[0]
    spec = NodeSpec("storage", port, str(config.data_path / "a"), 1)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.bind(("127.0.0.1", port))
        assert "can't be found" in refused(lambda: admission.check_launch(spec))[1]
        client.connect(server.getsockname())
        assert admission.resolve("node-1", NodeSpec(), {}).port != port
        with pytest.raises(PortHasConnection) as raised:
            admission.check_launch(spec)
        assert raised.value.reason is Reason.PORT_TAKEN
        other = f"127.0.0.1:{server.getsockname()[1]}"
        assert mentions(raised.value.message, port, "connection", os.getpid(), other)
        assert f"ss -tanp 'sport = :{port}'" in raised.value.hint
        assert admission.connection_on_port(spec) == raised.value.message
    assert admission.connection_on_port(NodeSpec("no-engine", port, "/a", 1)) == ""


def test_a_listener_on_the_port_is_no_connection(admission: Admission, config: AgentConfig) -> None:
    spec = NodeSpec("storage", config.ports[0], str(config.data_path / "a"), 1)
    assert admission.connection_on_port(spec) == "", "the port is free"
    with socket.create_server(("127.0.0.1", spec.port)):
        assert admission.connection_on_port(spec) == ""


def test_a_port_of_a_stopped_node_is_refused_by_its_name(admission: Admission, config: AgentConfig) -> None:
    held = {"node-7": NodeSpec("storage", config.ports[0], "/elsewhere", 1)}
    reason, message = refused(lambda: admission.resolve("node-1", NodeSpec(port=config.ports[0]), held))
    assert reason is Reason.PORT_TAKEN
    assert mentions(message, config.ports[0], "node-7", "stopped")


def test_when_no_port_is_free_the_message_says_what_has_them(config: AgentConfig) -> None:
    few = _with(config, ports=config.ports[:2])
    held = {"node-7": NodeSpec("storage", few.ports[0], "/elsewhere", 1)}
    with socket.create_server(("127.0.0.1", few.ports[1])):
        reason, message = refused(lambda: Admission(few, NodeAddresses()).resolve("node-1", NodeSpec(), held))
    assert reason is Reason.NO_PORT_FREE
    assert mentions(message, "1 belongs to nodes of this agent", few.ports[1], os.getpid())


def test_when_no_port_of_the_range_is_left_the_range_is_named(make_config: MakeConfig) -> None:
    config = make_config()
    held = {f"n{port}": NodeSpec("storage", port, f"/elsewhere/{port}", 1) for port in config.ports}
    spacious = Admission(_with(config, max_storage_nodes=1000), NodeAddresses())
    reason, message = refused(lambda: spacious.resolve("node-1", NodeSpec(), held))
    assert reason is Reason.NO_PORT_FREE
    assert str(config.ports.start) in message


def test_less_than_the_reserve_of_disk_refuses_new_nodes_and_not_old_ones(config: AgentConfig) -> None:
    poor = Admission(_with(config, disk_reserve_bytes=2**60), NodeAddresses())
    spec = poor.resolve("node-1", NodeSpec(), {})
    assert refused(lambda: poor.check_new(spec))[0] is Reason.DISK_FULL
    poor.check_launch(spec)


def test_checks_leave_no_trace(admission: Admission, config: AgentConfig) -> None:
    spec = admission.resolve("node-1", NodeSpec(storage_path="a/b/c"), {})
    admission.check_new(spec)
    assert list(config.data_path.iterdir()) == []
    admission.make_directory(spec)
    assert Path(spec.storage_path).is_dir()


def test_of_a_node_that_was_never_ready_empty_directories_go_that_were_made_for_it(
    admission: Admission, config: AgentConfig
) -> None:
    spec = admission.resolve("node-1", NodeSpec(storage_path="a/b/c"), {})
    made = admission.missing_directory(spec)
    assert made == str(config.data_path / "a")
    admission.make_directory(spec)
    assert admission.missing_directory(spec) == ""
    (config.data_path / "a" / "of-somebody").touch()
    admission.remove_empty_directory(spec, made)
    assert [path.name for path in (config.data_path / "a").iterdir()] == ["of-somebody"]
    admission.make_directory(spec)
    (Path(spec.storage_path) / "data").touch()
    admission.remove_empty_directory(spec, made)
    assert (Path(spec.storage_path) / "data").exists()
    admission.remove_empty_directory(spec, str(config.data_path / "elsewhere"))
    assert Path(spec.storage_path).exists()


def _with(config: AgentConfig, **changes: object) -> AgentConfig:
    from dataclasses import replace

    return replace(config, **changes)  # type: ignore[arg-type]
