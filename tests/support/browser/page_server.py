"""A server of one page, for what a browser meets outside the grid."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FRAME = (
    '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>A page</h1>{}</main>'
)


@contextmanager
def served(body: str, policy: str = "") -> Iterator[str]:
    """A server with one page and one script that fails; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in {"/", "/fails.js"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/javascript" if self.path == "/fails.js" else "text/html")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            content = "throw new Error('it is broken')" if self.path == "/fails.js" else FRAME.format(body)
            self.wfile.write(content.encode() if found else b"")

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
