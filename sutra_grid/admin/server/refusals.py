"""What gunicorn answers itself, before the application sees a request, in the form of all other errors."""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus
from typing import Any, Final

from sutra_grid.admin.http.problems import CONTENT_TYPE
from sutra_grid.admin.http.security_headers import HEADERS
from sutra_grid.core.types import Reason

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n")
_BODY: Final = re.compile(r"</h1>\s*(.*?)\s*</body>", re.DOTALL)
_SHOWN_CHARACTERS: Final = 200
_HINT: Final = "Send a request that follows HTTP/1.1, with headers of at most 8190 bytes each and 100 in all"


class AsProblem:
    """A connection on which gunicorn writes an error as HTML, and the client gets a problem document."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def sendall(self, data: bytes) -> None:
        """Send ``data``, rewritten if it is one of gunicorn's error responses."""
        self._connection.sendall(rewritten(data))


def rewritten(response: bytes) -> bytes:
    """gunicorn's error response as a problem document, with the headers of every response."""
    found = _STATUS_LINE.match(response)
    if found is None:
        return response
    status = HTTPStatus(int(found[1]))
    text = _BODY.search(response.decode("latin-1"))
    detail = html.unescape(text[1])[:_SHOWN_CHARACTERS] if text else ""
    is_client_s = status < HTTPStatus.INTERNAL_SERVER_ERROR
    reason = Reason.INVALID_ARGUMENT if is_client_s else Reason.INTERNAL
    problem = {
        "type": f"urn:sutra-grid:problem:{reason.value}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail or status.phrase,
        "code": "invalid_argument" if is_client_s else "internal",
        "reason": reason.value,
        "hint": _HINT if is_client_s else "See the admin's log for the cause, and report it as a bug",
        "instance": "",
    }
    body = json.dumps(problem).encode() + b"\n"
    headers = {"Connection": "close", "Content-Type": CONTENT_TYPE, "Content-Length": str(len(body)), **HEADERS}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}\r\n".encode("latin-1") + body
