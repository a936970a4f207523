import queue
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from support.harness.ports import free_port
from support.texts import mentions

from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.probes import ProbeNotMade, Prober, ProbeResult, ProbeTarget, run_probe
from sutra_grid.wire.server import ServerLimits, serve


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def problem(probe: ProbeSpec, port: int) -> str:
    """The problem of a node that should listen on loopback."""
    result = run_probe(probe, ProbeTarget(port, ("127.0.0.1",), "127.0.0.1"))
    assert not result.endpoint_problem
    return result.problem


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
        assert problem(ProbeSpec("tcp"), server.getsockname()[1]) == ""
    assert "refused" in problem(ProbeSpec("tcp"), free_port())


def test_grpc_asks_the_health_service() -> None:
    with serve({}, host="127.0.0.1", port=0, limits=ServerLimits(workers=2, calls=4), name="x") as server:
        assert problem(ProbeSpec("grpc"), server.port) == ""
    assert "UNAVAILABLE" in problem(ProbeSpec("grpc", timeout_seconds=1.0), free_port())


def test_a_grpc_server_without_a_health_service_passes() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert problem(ProbeSpec("grpc"), port) == ""
    finally:
        server.stop(None)


def test_http_asks_for_a_page(web_port: int) -> None:
    assert problem(ProbeSpec("http", "/health"), web_port) == ""
    assert mentions(problem(ProbeSpec("http", "/other"), web_port), 503)
    assert "refused" in problem(ProbeSpec("http"), free_port())


def test_a_server_that_says_nothing_fails_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in problem(ProbeSpec("http", timeout_seconds=0.1), silent.getsockname()[1])


def test_a_port_that_is_not_known_is_no_crash() -> None:
    assert mentions(problem(ProbeSpec("tcp"), 0), "port")


def test_every_question_gets_an_answer_even_one_of_an_unknown_kind() -> None:
    answers: queue.SimpleQueue[ProbeResult] = queue.SimpleQueue()
    target = ProbeTarget(free_port(), ("127.0.0.1",), "127.0.0.1")
    with Prober() as prober:
        prober.submit(ProbeSpec("telepathy"), target, answers.put)
        assert "telepathy" in answers.get(timeout=5).problem
        prober.submit(ProbeSpec("none"), target, answers.put)
        assert answers.get(timeout=5).problem == ""


# -- where a node answers, and where it should -----------------------------------


def listening(host: str, port: int = 0) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
@pytest.mark.parametrize("kind", ["tcp", "grpc", "http", "none"])
def test_each_kind_asks_at_the_address_that_the_node_listens_on(host: str, kind: str) -> None:
    with serving(host, kind) as port:
        assert run_probe(ProbeSpec(kind, "/health"), ProbeTarget(port, (host,), host)) == ProbeResult()


@contextmanager
def serving(host: str, kind: str) -> Iterator[int]:
    if kind == "grpc":
        with serve({}, host=host, port=0, limits=ServerLimits(workers=2, calls=4), name="x") as server:
            yield server.port
        return
    with listening(host) as sock:
        if kind != "http":
            yield port_of(sock)
            return
        web = HTTPServer(("", 0), Pages, bind_and_activate=False)
        web.socket.close()
        web.socket = sock
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield port_of(sock)
        web.shutdown()
        thread.join()


def test_a_node_that_obeys_nobody_is_found_at_loopback_and_not_said_to_be_reachable() -> None:
    with listening("127.0.0.1") as server:
        target = ProbeTarget(port_of(server), ("127.0.0.5", "127.0.0.1"), "127.0.0.5", "as told", "elsewhere")
        result = run_probe(ProbeSpec("tcp"), target)
    assert result.problem == ""
    where = f"127.0.0.5:{target.port}: Connection refused. It answers at 127.0.0.1:{target.port}"
    assert result.endpoint_problem == f"not reachable at {where}. elsewhere"


def test_a_node_that_listens_as_told_and_is_advertised_elsewhere_is_not_reachable() -> None:
    with listening("127.0.0.1") as server:
        target = ProbeTarget(port_of(server), ("127.0.0.1",), "no-such-host.invalid", "as told", "elsewhere")
        result = run_probe(ProbeSpec("tcp"), target)
    assert "the name no-such-host.invalid can't be resolved on this host" in result.endpoint_problem
    assert result.endpoint_problem.endswith("as told")


def test_a_stranger_at_the_advertised_address_does_not_pass_for_the_node() -> None:
    probe = ProbeSpec("grpc", timeout_seconds=0.5)
    with (
        serve({}, host="127.0.0.1", port=0, limits=ServerLimits(workers=2, calls=4), name="x") as node,
        listening("127.0.0.5", node.port),
    ):
        result = run_probe(probe, ProbeTarget(node.port, ("127.0.0.1",), "127.0.0.5"))
    assert result.problem == ""
    assert "not reachable" in result.endpoint_problem


def test_a_node_that_is_sick_where_it_listens_is_not_asked_elsewhere() -> None:
    with listening("127.0.0.5") as sick, listening("127.0.0.1", port_of(sick)):
        probe = ProbeSpec("http", timeout_seconds=0.2)
        result = run_probe(probe, ProbeTarget(port_of(sick), ("127.0.0.5", "127.0.0.1"), "127.0.0.5"))
    assert "127.0.0.5" in result.problem
    assert "timed out" in result.problem


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_probe_without_a_descriptor_says_nothing_about_the_node(kind: str) -> None:
    with listening("127.0.0.1") as server:
        target = ProbeTarget(server.getsockname()[1], ("127.0.0.1",), "127.0.0.1")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(ProbeNotMade, match="open files"):
                run_probe(ProbeSpec(kind, timeout_seconds=2), target)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
