"""Hooks of schemathesis that shorten every wait of a request.

Only values that are right are replaced, by others that are: what is sent stays as right or as wrong as it was made.
"""

import re
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """No long waits, for events and between restarts, no hundreds of nodes, nothing that only the grid can judge."""
    if isinstance(case.query, dict):
        _shorten_query(case.query)
    for wait in ("pause_seconds", "min_ready_seconds"):
        if isinstance(case.body, dict) and _is_right(case.body.get(wait), 86_400):
            case.body[wait] = 0
    if isinstance(case.body, dict) and _is_right(case.body.get("count"), 100):
        case.body["count"] = 2
    if case.path == "/nodes" and isinstance(case.body, dict) and _is_text(case.body.get("engine"), 4096):
        case.body["engine"] = "storage"  # only one that an agent has is taken


def _shorten_query(query: dict[str, Any]) -> None:
    if _is_right(query.get("wait_seconds"), 60):
        query["wait_seconds"] = 0
    if _is_text(query.get("cursor"), 1024):
        del query["cursor"]  # only one that was given out is taken
    for name in ("since", "until"):  # a time or an age, and not beside the same in milliseconds
        if isinstance(query.get(name), str) and 0 < len(query[name]) <= 40:
            del query[name]
    if query.get("download") in (True, "true") and len(query) > 1:
        del query["download"]  # not beside what selects a part of the log
    if query.get("follow") in (True, "true") and _is_text(query.get("grep"), 200):
        del query["grep"]  # not together


def _is_text(value: object, most: int) -> bool:
    """Whether it is a text that the document allows: without control characters."""
    return isinstance(value, str) and 0 < len(value) <= most and not re.search(r"[\x00-\x1f\x7f]", value)


def _is_right(value: object, high: int) -> bool:
    """Whether it is a number of that range, or, as in a query, a text that writes one."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number <= high
