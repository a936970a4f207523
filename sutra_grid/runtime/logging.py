"""Log lines that are an event and ``key=value`` fields, thin over the standard library's logging.

    2026-01-02T03:04:05.678Z INFO master.membership.registration "agent registered" agent=agent-1 session=ab12

A record is one line, whatever its values hold: quotes, newlines and control characters are
escaped. Only a traceback adds lines, and those are indented, so that a line that starts
with a timestamp is always a record. Lines that belong to a client's request end with its ``correlation_id``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, TextIO

from sutra_grid.runtime import correlation_id
from sutra_grid.runtime.known_secrets import without_secrets

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")

PACKAGE: Final = "sutra_grid"
CORRELATION_FIELD: Final = "correlation_id"


class EventLogger:
    """Logs events of one module. Safe from any thread; one instance per module is usual."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        """Details for debugging."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """An expected change."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """A problem that the program handles."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """A failure that an operator should look at."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """An error with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, fields, exc_info=True)

    def _log(self, level: int, event: str, fields: Mapping[str, object], *, exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            # The event is not a format string: a % in it stays as it is.
            self._logger.log(level, "%s", event, exc_info=exc_info, extra={"fields": fields}, stacklevel=3)


def get_logger(name: str) -> EventLogger:
    """The event logger of a module; pass ``__name__``."""
    return EventLogger(logging.getLogger(name))


def setup_logging(level: str = "info", stream: TextIO | None = None, fmt: str = "text") -> None:
    """Send all records to ``stream`` (standard error when None). Replaces an earlier setup.

    ``level`` is one of ``LEVELS`` and applies to the grid's own code; libraries log from warning
    upwards. ``fmt`` is one of ``FORMATS``. Raises ``ValueError`` for another name.
    """
    if level not in LEVELS:
        raise ValueError(f"invalid log level {level!r}, allowed: {', '.join(LEVELS)}")
    if fmt not in FORMATS:
        raise ValueError(f"invalid log format {fmt!r}, allowed: {', '.join(FORMATS)}")
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter() if fmt == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(PACKAGE).setLevel(level.upper())


class TextFormatter(logging.Formatter):
    """One line per record, for people and for grep."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the indented traceback if there is one."""
        head = f"{_timestamp(record)} {record.levelname} {_short_name(record.name)} {_quoted(record.getMessage())}"
        fields = "".join(f" {key}={_text_value(value)}" for key, value in _fields(record).items())
        trace = "".join(f"\n    {line}" for line in self._traceback(record).splitlines())
        return without_secrets(head + fields + trace)

    def _traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One JSON object per record, for log collectors. A field never replaces one of the fixed names."""

    def format(self, record: logging.LogRecord) -> str:
        """The object as one line."""
        out: dict[str, object] = {key: _json_value(value) for key, value in _fields(record).items()}
        out |= {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": _short_name(record.name),
            "event": record.getMessage(),
        }
        if record.exc_info:
            out["traceback"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(out))


def _timestamp(record: logging.LogRecord) -> str:
    seconds = int(record.created)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(record.msecs):03d}Z"


def _short_name(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.")


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """The record's own, and last the correlation id of its thread: formatters run on that thread."""
    given = getattr(record, "fields", None)
    fields = given if isinstance(given, Mapping) else {}
    current = correlation_id.current()
    return {**fields, CORRELATION_FIELD: current} if current and CORRELATION_FIELD not in fields else fields


def _text_value(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = text.isprintable() and not any(character in text for character in ' "=\\')
    return text if text and plain else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _json_value(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else str(value)
