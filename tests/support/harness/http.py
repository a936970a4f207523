"""A small HTTP client for JSON: it returns every answer, whatever its status."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    request_id: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient:
    """Calls one server. Raises ``OSError`` when nobody answers."""

    def __init__(self, address: str, timeout_seconds: float = 30.0) -> None:
        self._base = f"http://{address}"
        self._timeout_seconds = timeout_seconds

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, content: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, content, **headers)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, content: Any = None, **headers: str) -> Answer:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as response:
                return _answer(response.status, response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error)


def _answer(status: int, response: Any) -> Answer:
    headers = response.headers
    return Answer(status, headers.get_content_type(), response.read(), headers.get("X-Request-ID", ""))
