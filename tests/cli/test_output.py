"""Ages, sizes, tables and machine-readable formats."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.values.cli_records import agent, node

from sutra_grid.cli.commands.columns import agent_columns, event_columns, node_columns
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.table import Column, render_table, shorten
from sutra_grid.core.age import age, duration
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.wire import grid_pb2 as pb

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (45, "45s"), (119, "119s"), (120, "2m"), (192, "3m12s"), (47 * 60 + 59, "47m"),
        (19_200, "5h20m"), (18_000, "5h"), (31 * 3600, "31h"), (12 * DAY, "12d"), (3 * 365 * DAY + 40 * DAY, "3y40d"),
    ],
)  # fmt: skip
def test_durations_are_short_as_kubectl_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_age_counts_from_then_to_now_and_never_is_a_dash() -> None:
    assert age(1_000, 193_000) == "3m12s"
    assert age(0, 193_000) == "-"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (512, "512B"), (1536, "1.5Ki"), (44 << 20, "44Mi"), (1023 << 20, "1.0Gi")]
)
def test_sizes_have_at_most_three_digits(count: int, text: str) -> None:
    assert size(count) == text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    columns = [Column[str]("A", lambda r: r), Column[str]("B", lambda r: "x")]
    assert render_table(columns, ["long", "s"], width=80, colored=False) == "A     B\nlong  x\ns     x"


def test_a_cut_keeps_the_end_of_an_address_and_the_beginning_of_a_sentence() -> None:
    assert shorten("storage-host-17.example.com:50051", 20, "middle") == "storage-ho…com:50051"
    assert shorten("it went wrong", 8, "end") == "it went…"


def long_node() -> pb.NodeStatus:
    return node(
        endpoint="storage-host-17.datacenter.example.com:50051", agent_id="agent-of-a-very-long-name-indeed-17",
        restarts=12345, status="starting", pid=4194303,
    )  # fmt: skip


def test_nodes_with_long_names_fit_80_columns_and_keep_their_ids() -> None:
    text = render_table(node_columns(0), [long_node()], width=80, colored=False)
    assert max(map(len, text.splitlines())) <= 80
    assert "node-00000001" in text


def test_what_a_person_must_not_miss_stands_in_the_status() -> None:
    rows = [node(pid=0, status="starting", backoff_ms=60_000), node(health="unhealthy"), long_node()]
    text = render_table(node_columns(0), rows, width=80, colored=False)
    assert "back-off 60s" in text
    assert "unhealthy" in text
    assert max(map(len, text.splitlines())) <= 80


def test_agents_with_long_names_fit_80_columns() -> None:
    rows = [
        agent("agent-of-a-very-long-name-indeed-17", hostname="storage-host-17.datacenter.example.com", drained=True)
    ]
    text = render_table(agent_columns(0), rows, width=80, colored=False)
    assert max(map(len, text.splitlines())) <= 80


def test_events_with_long_messages_fit_80_columns() -> None:
    event = pb.Event(kind="node.spawn_failed", agent_id="a" * 40, node_id="node-00000001", message="why " * 50)
    text = render_table(event_columns(0), [event], width=80, colored=False)
    assert max(map(len, text.splitlines())) <= 80


def test_wide_output_cuts_nothing_and_shows_more() -> None:
    text = render_table(node_columns(0), [long_node()], width=None, colored=False)
    assert "storage-host-17.datacenter.example.com:50051" in text
    assert "STORAGE PATH" in text
    assert "…" not in text


def test_colours_do_not_move_the_columns() -> None:
    rows = [node(), node(status="failed")]
    plain = render_table(node_columns(0), rows, width=80, colored=False)
    colored = render_table(node_columns(0), rows, width=80, colored=True)
    assert "\x1b[32mrunning\x1b[0m" in colored
    assert colored.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "") == plain


@given(st.text())
def test_no_text_of_a_node_can_move_the_cursor(text: str) -> None:
    assert printable(text).isprintable()


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5), st.integers(20, 200))
def test_a_table_never_exceeds_its_width_when_it_may_cut(cells: list[str], width: int) -> None:
    columns = [
        Column[str]("ONE", lambda r: r, cut="middle", min_width=5),
        Column[str]("TWO", lambda r: r, cut="end", min_width=5),
    ]
    assert max(map(len, render_table(columns, cells, width=width, colored=False).splitlines())) <= width


def test_json_has_the_wires_names_and_numbers_stay_numbers() -> None:
    value = json.loads(to_json(message_to_dict(node(restarts=2**40))))
    assert value["node_id"] == "node-00000001"
    assert value["restarts"] == 2**40
    assert value["spec"]["port"] == 50051
    assert value["backoff_ms"] == 0
    assert value["exits"] == []


def test_what_can_be_told_from_zero_is_left_out_when_it_is_not_set() -> None:
    assert "code" not in message_to_dict(pb.NodeExit(signal=9))
    assert message_to_dict(pb.NodeExit(code=0))["code"] == 0
    assert "sample" not in message_to_dict(pb.NodeStatus())


def test_maps_bytes_and_lists_become_plain_values() -> None:
    assert message_to_dict(agent(labels={"rack": "7"}))["labels"] == {"rack": "7"}
    assert message_to_dict(pb.LogChunk(data=b"a\xff"))["data"] == "a\ufffd"
    assert message_to_dict(pb.NodeReport(log_tail=["a", "b"]))["log_tail"] == ["a", "b"]


def test_yaml_says_the_same_as_json() -> None:
    value = message_to_dict(agent())
    assert yaml.safe_load(to_yaml(value)) == json.loads(to_json(value))
