import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from support.harness.ports import free_port
from support.texts import mentions

from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.probes import Prober, run_probe
from sutra_grid.wire.server import ServerLimits, serve


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def web_port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_tcp_asks_for_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert run_probe(ProbeSpec("tcp"), server.getsockname()[1]) == ""
    assert "refused" in run_probe(ProbeSpec("tcp"), free_port())


def test_grpc_asks_the_health_service() -> None:
    with serve({}, host="127.0.0.1", port=0, limits=ServerLimits(workers=2, calls=4), name="x") as server:
        assert run_probe(ProbeSpec("grpc"), server.port) == ""
    assert "UNAVAILABLE" in run_probe(ProbeSpec("grpc", timeout_seconds=1.0), free_port())


def test_a_grpc_server_without_a_health_service_passes() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert run_probe(ProbeSpec("grpc"), port) == ""
    finally:
        server.stop(None)


def test_http_asks_for_a_page(web_port: int) -> None:
    assert run_probe(ProbeSpec("http", "/health"), web_port) == ""
    assert mentions(run_probe(ProbeSpec("http", "/other"), web_port), 503)
    assert "refused" in run_probe(ProbeSpec("http"), free_port())


def test_a_server_that_says_nothing_fails_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in run_probe(ProbeSpec("http", timeout_seconds=0.1), silent.getsockname()[1])


def test_a_port_that_is_not_known_is_no_crash() -> None:
    assert mentions(run_probe(ProbeSpec("tcp"), 0), "port")


def test_every_question_gets_an_answer_even_one_of_an_unknown_kind() -> None:
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    with Prober() as prober:
        prober.submit(ProbeSpec("telepathy"), 1, answers.put)
        assert "telepathy" in answers.get(timeout=5)
        prober.submit(ProbeSpec("none"), 1, answers.put)
        assert answers.get(timeout=5) == ""
