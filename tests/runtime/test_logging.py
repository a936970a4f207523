import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sutra_grid.core.types import Reason
from sutra_grid.runtime import correlation_id
from sutra_grid.runtime.logging import get_logger, setup_logging

log = get_logger("sutra_grid.master.example")


@pytest.fixture(autouse=True)
def root_logging_is_put_back() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("sutra_grid")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level, own.level = before


def line_of(stream: io.StringIO) -> str:
    """The one line that was written, without its timestamp."""
    (line,) = stream.getvalue().splitlines()
    return line.split(" ", 1)[1]


def test_a_line_is_time_level_module_event_and_fields() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    log.info("agent registered", agent="agent-1", session="ab12")
    time, line = stream.getvalue().rstrip("\n").split(" ", 1)
    assert line == 'INFO master.example "agent registered" agent=agent-1 session=ab12'
    assert len(time) == len("2026-01-02T03:04:05.678Z")
    assert time.endswith("Z")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("line\nfeed", '"line\\nfeed"'),
        ("esc\x1b[31m", '"esc\\u001b[31m"'),
        ("later\u2028line", '"later\\u2028line"'),
        ("name-\udcff", '"name-\\udcff"'),
        ("München", "München"),
        (None, "-"),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        (Reason.CRASHED, "crashed"),
        (Path("/data/n1"), "/data/n1"),
    ],
)
def test_a_value_is_quoted_and_escaped_when_it_needs_it(value: object, written: str) -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    log.info("seen", value=value)
    assert line_of(stream) == f'INFO master.example "seen" value={written}'


def test_an_event_is_no_format_string_and_can_forge_no_line() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    log.info("100 %d\nforged")
    assert line_of(stream) == 'INFO master.example "100 %d\\nforged"'


def test_a_traceback_is_indented_below_its_line() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("tick failed", ticker="heartbeat")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith('ERROR master.example "tick failed" ticker=heartbeat')
    assert rest[-1] == "    ValueError: broken"
    assert all(line.startswith("    ") for line in rest)


def test_records_below_the_level_are_left_out_and_libraries_speak_from_warning() -> None:
    stream = io.StringIO()
    setup_logging("info", stream)
    log.debug("hidden")
    logging.getLogger("some.library").info("hidden too")
    logging.getLogger("some.library").warning("disk %s", "full")
    assert line_of(stream) == 'WARNING some.library "disk full"'


def test_a_field_may_have_the_name_of_an_attribute_of_log_records() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    log.info("odd", name="x", message="y", level="z", event="e")
    assert line_of(stream) == 'INFO master.example "odd" name=x message=y level=z event=e'


def test_the_standard_library_logs_fields_through_extra() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    logging.getLogger("sutra_grid.wire.server").info("started", extra={"fields": {"port": 7000}})
    assert line_of(stream) == 'INFO wire.server "started" port=7000'


def test_json_lines_hold_the_same_and_a_field_hides_no_fixed_name() -> None:
    stream = io.StringIO()
    setup_logging("info", stream, "json")
    log.warning("node exited", node="n1", code=1, event="forged", path=Path("/x"))
    record = json.loads(stream.getvalue())
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "warning",
        "logger": "master.example",
        "event": "node exited",
        "node": "n1",
        "code": 1,
        "path": "/x",
    }


def test_setting_up_twice_writes_each_record_once() -> None:
    stream = io.StringIO()
    setup_logging(stream=io.StringIO())
    setup_logging(stream=stream)
    log.info("once")
    assert line_of(stream) == 'INFO master.example "once"'


@pytest.mark.parametrize(("level", "fmt"), [("loud", "text"), ("info", "xml")])
def test_an_unknown_level_or_format_is_refused(level: str, fmt: str) -> None:
    with pytest.raises(ValueError, match="'loud'" if level == "loud" else "'xml'"):
        setup_logging(level, io.StringIO(), fmt)


def test_what_is_logged_for_a_request_ends_with_its_id() -> None:
    stream = io.StringIO()
    setup_logging(stream=stream)
    with correlation_id.bound("ab12"):
        log.info("node recorded", node="n1")
    log.info("after")
    first, second = stream.getvalue().splitlines()
    assert first.endswith('"node recorded" node=n1 correlation_id=ab12')
    assert second.endswith('"after"')


@pytest.mark.parametrize("text", ["", "two words", "line\nfeed", "ü", "x" * 129])
def test_what_is_no_id_is_not_written(text: str) -> None:
    with correlation_id.bound(text):
        assert correlation_id.current() == ""
    assert not correlation_id.is_valid(text)


def test_a_thread_that_binds_an_id_keeps_it_to_itself() -> None:
    seen = []
    with correlation_id.bound("mine"):
        thread = threading.Thread(target=lambda: (correlation_id.bind("other"), seen.append(correlation_id.current())))
        thread.start()
        thread.join()
        assert (correlation_id.current(), seen) == ("mine", ["other"])
