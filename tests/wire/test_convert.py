from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import strategies

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.samples import HostSample
from sutra_grid.core.status import ShownStatus
from sutra_grid.core.types import (
    Agent,
    AgentStatus,
    ClusterHealth,
    ClusterSummary,
    Desired,
    Health,
    Node,
    NodeReport,
    NodeSpec,
    NodeState,
    NodeStatus,
    Reason,
)
from sutra_grid.wire import convert, grid_pb2

REPORT = NodeReport(
    node_id="node-00000001",
    generation=3,
    desired=Desired.RUNNING,
    state=NodeState.RUNNING,
    pid=42,
    endpoint="127.0.0.1:50051",
    spec=NodeSpec("storage", 50051, "/data/node-00000001", 2048),
    health=Health.HEALTHY,
)
NODE = Node(
    node_id="node-00000001",
    agent_id="agent-1",
    spec=NodeSpec(),
    desired=Desired.RUNNING,
    generation=4,
    restart_generation=2,
    created_at_ms=1_700_000_000_000,
    report=REPORT,
)
AGENT = Agent("agent-1", "host-1", "docker", 10, status=AgentStatus.DEGRADED, last_heartbeat_ms=1_700_000_000_999)
SHOWN = ShownStatus(NodeStatus.STARTING, Reason.PENDING, "its agent has not confirmed it")

Pair = tuple[st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any]]
PAIRS: dict[str, Pair] = {
    "node_spec": (strategies.specs, convert.node_spec_to_message, convert.node_spec_from_message),
    "assignment": (strategies.assignments, convert.assignment_to_message, convert.assignment_from_message),
    "node_exit": (strategies.exits, convert.node_exit_to_message, convert.node_exit_from_message),
    "node_sample": (strategies.samples, convert.node_sample_to_message, convert.node_sample_from_message),
    "host_sample": (strategies.host_samples, convert.host_sample_to_message, convert.host_sample_from_message),
    "node_report": (strategies.reports, convert.node_report_to_message, convert.node_report_from_message),
    "agent": (strategies.registering_agents, convert.agent_to_info, convert.agent_from_info),
}


@pytest.mark.parametrize("name", PAIRS)
@given(data=st.data())
def test_a_value_comes_back_from_the_wire_as_it_was(name: str, data: st.DataObject) -> None:
    values, to_message, from_message = PAIRS[name]
    value = data.draw(values)
    sent = to_message(value)
    assert from_message(type(sent).FromString(sent.SerializeToString())) == value


@pytest.mark.parametrize(
    ("values", "to_message"),
    [(strategies.events, convert.event_to_message), (strategies.summaries, convert.cluster_summary_to_message)],
)
@given(data=st.data())
def test_every_field_of_a_value_stands_in_its_message(
    values: st.SearchStrategy[Any], to_message: Callable[[Any], Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    message = to_message(value)
    for field in fields(value):
        sent = getattr(message, field.name)
        assert (tuple(sent) if field.name == "reasons" else sent) == getattr(value, field.name)


@pytest.mark.parametrize(
    ("convert_it", "message", "field"),
    [
        (convert.assignment_from_message, grid_pb2.Assignment(desired="gone"), "Assignment.desired"),
        (convert.assignment_from_message, grid_pb2.Assignment(), "Assignment.desired"),
        (convert.node_report_from_message, grid_pb2.NodeReport(desired="x", state="running"), "NodeReport.desired"),
        (convert.node_report_from_message, grid_pb2.NodeReport(desired="running", state="x"), "NodeReport.state"),
        (
            convert.node_report_from_message,
            grid_pb2.NodeReport(desired="running", state="running", health="x"),
            "NodeReport.health",
        ),
    ],
)
def test_an_unknown_value_that_decides_something_is_refused_by_its_field(
    convert_it: Callable[[Any], Any], message: Any, field: str
) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{field} .*'\w*'"):
        convert_it(message)


def test_a_reason_of_a_newer_version_does_no_harm() -> None:
    message = convert.node_report_to_message(REPORT)
    message.reason = "invented_later"
    message.exits.add(reason="invented_later")
    report = convert.node_report_from_message(message)
    assert report.reason is Reason.NONE
    assert report.exits[0].reason is Reason.NONE


def test_a_report_without_a_health_is_of_unknown_health() -> None:
    message = grid_pb2.NodeReport(desired="running", state="running")
    assert convert.node_report_from_message(message).health is Health.UNKNOWN


def test_texts_that_are_not_utf8_still_travel() -> None:
    report = replace(
        REPORT, message="path /data/\udcff", log_tail=("\udc80 bytes",), spec=NodeSpec(storage_path="\udcff")
    )
    message = convert.node_report_to_message(report)
    assert (message.message, message.log_tail[0], message.spec.storage_path) == ("path /data/?", "? bytes", "?")


def test_an_agent_of_the_first_protocol_has_the_interval_of_it() -> None:
    agent = convert.agent_from_info(grid_pb2.AgentInfo(agent_id="a", hostname="h", platform="aws", max_storage_nodes=2))
    assert agent == Agent("a", "h", "aws", 2)
    assert agent.heartbeat_interval_ms == 5000


def test_the_status_of_a_node_is_what_is_shown_and_what_was_observed() -> None:
    message = convert.node_status(NODE, SHOWN)
    assert (message.status, message.reason, message.message) == ("starting", "pending", SHOWN.message)
    assert (message.generation, message.observed_generation) == (4, 3)
    assert (message.pid, message.endpoint, message.health) == (42, "127.0.0.1:50051", "healthy")
    assert message.spec == convert.node_spec_to_message(REPORT.spec)
    assert (message.agent_id, message.created_at_ms) == ("agent-1", 1_700_000_000_000)


def test_a_node_that_was_never_reported_has_no_process() -> None:
    message = convert.node_status(replace(NODE, report=None, spec=NodeSpec(port=7)), SHOWN)
    assert (message.pid, message.endpoint, message.observed_generation, message.spec.port) == (0, "", 0, 7)
    assert message.health == "unknown"
    assert not message.HasField("sample")


def test_the_record_of_an_agent_lists_its_nodes_and_counts_those_that_are_to_stay() -> None:
    leaving = replace(NODE, node_id="node-00000002", desired=Desired.ABSENT)
    record = convert.agent_record(replace(AGENT, host=HostSample(cpu_count=2)), [(NODE, SHOWN), (leaving, SHOWN)])
    assert [node.node_id for node in record.storage_nodes] == ["node-00000001", "node-00000002"]
    assert (record.current_storage_nodes, record.max_storage_nodes) == (1, 10)
    assert (record.status, record.last_heartbeat, record.host.cpu_count) == ("degraded", 1_700_000_000, 2)


def test_an_agent_registers_with_its_full_inventory() -> None:
    info = convert.agent_to_info(AGENT, [REPORT])
    assert [convert.node_report_from_message(report) for report in info.nodes] == [REPORT]
    assert info.agent_endpoint == AGENT.endpoint


def test_the_summary_says_which_master_made_it() -> None:
    summary = ClusterSummary(ClusterHealth.HEALTHY)
    message = convert.cluster_summary_to_message(summary, master_version="1.2", master_started_at_ms=5)
    assert (message.master_version, message.master_started_at_ms) == ("1.2", 5)


# -- JSON ----------------------------------------------------------------------


def test_json_has_the_names_of_the_wire_and_every_field_without_presence() -> None:
    form = convert.to_json(grid_pb2.ClusterStatus(total_agents=2, reasons=["x"]))
    assert list(form) == [field.name for field in grid_pb2.ClusterStatus.DESCRIPTOR.fields]
    assert (form["total_agents"], form["healthy_agents"], form["status"], form["reasons"]) == (2, 0, "", ["x"])


def test_json_keeps_large_numbers_as_numbers() -> None:
    assert convert.to_json(grid_pb2.HeartbeatRequest(timestamp=2**53 + 1))["timestamp"] == 2**53 + 1


def test_json_leaves_out_only_what_is_not_set_and_can_be_told_from_zero() -> None:
    assert "code" not in convert.to_json(grid_pb2.NodeExit(signal=9))
    assert convert.to_json(grid_pb2.NodeExit(code=0))["code"] == 0
    assert "sample" not in convert.to_json(grid_pb2.NodeStatus())


def test_json_goes_into_messages_maps_and_bytes() -> None:
    info = convert.agent_to_info(
        replace(AGENT, labels={"b": "2", "a": "1"}, host=HostSample(cpu_percent=1.5)), [REPORT]
    )
    form = convert.to_json(info)
    assert form["labels"] == {"a": "1", "b": "2"}
    assert form["host"]["cpu_percent"] == 1.5
    assert form["nodes"][0]["spec"]["port"] == 50051
    assert convert.to_json(grid_pb2.LogChunk(data=b"\xff"))["data"] == "/w=="


def test_json_has_no_number_that_json_lacks() -> None:
    assert convert.to_json(grid_pb2.HostSample(cpu_percent=float("nan")))["cpu_percent"] is None


@given(strategies.reports)
def test_json_says_the_same_as_protobuf_but_for_64_bit_numbers(report: NodeReport) -> None:
    from google.protobuf.json_format import MessageToDict

    message = convert.node_report_to_message(report)
    theirs = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert as_texts(convert.to_json(message)) == as_texts(theirs)


def as_texts(form: Any) -> Any:
    """The form with every leaf as text: protobuf writes 64-bit numbers as strings."""
    if isinstance(form, dict):
        return {name: as_texts(value) for name, value in form.items()}
    if isinstance(form, list):
        return [as_texts(item) for item in form]
    return str(form)
