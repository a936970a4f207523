"""The endpoint of metrics, and its section of the configuration."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from support.documents.scrape import parse
from support.harness.http import HttpClient

from sutra_grid import __version__
from sutra_grid.core.errors import AlreadyExists, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.config import ConfigError, Schema, load
from sutra_grid.runtime.metrics.endpoint import MAX_SCRAPES, MetricsEndpoint
from sutra_grid.runtime.metrics.process import new_registry
from sutra_grid.runtime.metrics.section import metrics_listen, metrics_section

LOOPBACK = ("127.0.0.1", 0)
SCHEMA = Schema([metrics_section(7070)])


class Gate(Collector):
    """A collector that waits until the test opens it."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def collect(self) -> Iterator[Metric]:
        self.entered.release()
        self.opened.wait(10)
        yield GaugeMetricFamily("gate", "open", value=1)


def test_it_serves_the_version_and_the_process() -> None:
    with MetricsEndpoint(LOOPBACK, new_registry()) as endpoint:
        answer = HttpClient(endpoint.address).get("/metrics")
    assert (answer.status, answer.content_type) == (200, "text/plain")
    found = parse(answer)
    assert found.value("sutra_grid_build_info", version=__version__) == 1
    assert found.value("process_resident_memory_bytes") > 0


def test_openmetrics_is_served_to_who_asks_for_it() -> None:
    with MetricsEndpoint(LOOPBACK, new_registry()) as endpoint:
        answer = HttpClient(endpoint.address).call(
            "GET", "/metrics", Accept="application/openmetrics-text;version=1.0.0"
        )
    assert answer.content_type == "application/openmetrics-text"
    assert answer.body.endswith(b"# EOF\n")


def test_another_path_is_not_found_and_names_the_right_one() -> None:
    with MetricsEndpoint(LOOPBACK, new_registry()) as endpoint:
        answer = HttpClient(endpoint.address).get("/")
    assert answer.status == 404
    assert b"/metrics" in answer.body


def test_without_an_address_nothing_listens() -> None:
    with MetricsEndpoint(None, new_registry()) as endpoint:
        assert endpoint.address == ""


def test_a_taken_port_is_refused_naming_its_holder() -> None:
    with MetricsEndpoint(LOOPBACK, new_registry()) as first:
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(AlreadyExists, match=rf"127.0.0.1:{port}\b.*\b{os.getpid()}\b") as raised:
            MetricsEndpoint(("127.0.0.1", port), new_registry()).__enter__()
    assert raised.value.reason is Reason.PORT_TAKEN


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_of_this_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{host}:0"):
        MetricsEndpoint((host, 0), new_registry()).__enter__()


def test_the_port_is_free_again_after_the_end() -> None:
    with MetricsEndpoint(LOOPBACK, new_registry()) as first:
        host, _, port = first.address.rpartition(":")
        HttpClient(first.address).get("/metrics")
    with MetricsEndpoint((host, int(port)), new_registry()) as second:
        assert second.address == first_address(host, port)


def first_address(host: str, port: str) -> str:
    return f"{host}:{port}"


def test_more_scrapes_than_it_has_places_for_are_hung_up_on_and_the_next_one_is_served() -> None:
    gate, registry = Gate(), CollectorRegistry()
    registry.register(gate)
    with MetricsEndpoint(LOOPBACK, registry) as endpoint:
        scrapes = [
            threading.Thread(target=HttpClient(endpoint.address).get, args=("/metrics",)) for _ in range(MAX_SCRAPES)
        ]
        for scrape in scrapes:
            scrape.start()
        assert all(gate.entered.acquire(timeout=10) for _ in scrapes)
        with pytest.raises(OSError, match=r"reset|closed"):
            HttpClient(endpoint.address).get("/metrics")
        gate.opened.set()
        for scrape in scrapes:
            scrape.join(10)
        assert parse(HttpClient(endpoint.address).get("/metrics")).value("gate") == 1


def test_a_scraper_that_says_nothing_does_not_keep_a_daemon_from_ending() -> None:
    endpoint = MetricsEndpoint(LOOPBACK, new_registry()).__enter__()
    host, _, port = endpoint.address.rpartition(":")
    with socket.create_connection((host, int(port))):
        endpoint.__exit__(None, None, None)
    assert endpoint.address == ""


@pytest.mark.parametrize(
    ("value", "listen"),
    [("", None), ("127.0.0.1", ("127.0.0.1", 7070)), ("[::1]:9", ("::1", 9)), ("0.0.0.0:7999", ("0.0.0.0", 7999))],
)
def test_an_empty_address_is_none_and_a_host_alone_gets_the_default_port(value: str, listen: object) -> None:
    config = load(SCHEMA, None, environ={"SUTRA_GRID_METRICS__LISTEN": value}, overrides={})
    assert metrics_listen(config, 7070) == listen


def test_an_invalid_address_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"metrics.listen"):
        load(SCHEMA, None, environ={"SUTRA_GRID_METRICS__LISTEN": "here:and there"}, overrides={})
