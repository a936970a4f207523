"""What a test compares of a text that people read: the names, numbers and commands in it, not the phrasing around them.

Compare the reason, the error code or the kind of the event first. Use this where the text is the subject: a
message that must name the holder of a port, or give the command that helps.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?")


def mentions(text: str, *values: object) -> bool:
    """Whether each of ``values`` stands in ``text`` as a whole: ``agent-1`` is not in ``agent-12``, 3 is not in 30."""
    return all(re.search(_whole(str(value)), text) for value in values)


def numbers_in(text: str) -> set[str]:
    """The numbers of ``text`` as they are written, without those inside names: ``exit code 1 after 0.2 s of node-7``
    has 1 and 0.2."""
    return set(_NUMBER.findall(text))


def tries_in(message: str) -> int:
    """How often a node has tried to start, by the message of one that waits; 0 when it does not say."""
    counted = re.search(r"this was try (\d+)", message)
    return int(counted[1]) if counted else 0


def has_line(text: str, *values: object) -> bool:
    """Whether one line of ``text`` mentions all of ``values``."""
    return any(mentions(line, *values) for line in text.splitlines())


def logs(text: str, event: str = "", **fields: object) -> bool:
    """Whether one line of a daemon's log has all of these fields, and the event with that name."""
    expected = [f"{name}={value}" for name, value in fields.items()]
    return any(event in line and mentions(line, *expected) for line in text.splitlines())


def commands_in(text: str) -> list[str]:
    """The ``sutra-grid-cli`` commands that ``text`` gives, each to the end of its line or to the closing quote."""
    return re.findall(r"sutra-grid-cli [^`'\n]*[^`'\n.]", text)


def _whole(value: str) -> str:
    if _NUMBER.fullmatch(value):
        return rf"(?<![\w.-]){re.escape(value)}(?!\.?\d)"
    return rf"(?<![\w-]){re.escape(value)}(?![\w-])"
