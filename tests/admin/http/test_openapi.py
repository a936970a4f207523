"""The OpenAPI document says what the API does: every route, every parameter, and the fields of the wire."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sutra_grid.admin.http.openapi import OPENAPI_VERSION
from sutra_grid.admin.schemas.responses import MASTER_ONLY_FIELDS
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb

PROTO = Path(__file__).parents[3] / "proto" / "grid.proto"
NOT_OF_THE_API = {"api-docs.openapi_json", "static", "docs.show_docs"}


@pytest.fixture
def document(client: FlaskClient) -> Any:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json


def test_every_operation_of_the_application_stands_in_it(app: Flask, document: Any) -> None:
    assert document["openapi"] == OPENAPI_VERSION
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in NOT_OF_THE_API and not rule.endpoint.startswith("pages.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    written = {(path, method) for path, item in document["paths"].items() for method in item if method != "parameters"}
    assert written == served


def test_answers_have_the_fields_of_the_wire(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for message, without in [
        (pb.NodeStatus, set()),
        (pb.AgentRecord, set()),
        (pb.Event, set()),
        (pb.ClusterStatus, MASTER_ONLY_FIELDS),
    ]:
        assert set(schemas[message.__name__]["properties"]) == set(message.DESCRIPTOR.fields_by_name) - without
    assert schemas["NodeStatus"]["properties"]["status"]["enum"] == [status.value for status in NodeStatus]
    assert "sample" not in schemas["NodeStatus"]["required"]  # it is absent before the first measurement
    assert "pid" in schemas["NodeStatus"]["required"]
    (comment,) = re.findall(r"uint32 signal = \d+;\s*// (.*)", PROTO.read_text())
    assert schemas["NodeExit"]["properties"]["signal"]["description"] == comment


def test_every_refusal_is_a_problem_document(document: Any) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
            assert refusals, f"{method} {path}"
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_commands_take_an_idempotency_key(document: Any) -> None:
    for path, item in document["paths"].items():
        for method in {"post", "delete"} & set(item):
            headers = [parameter["name"] for parameter in item[method]["parameters"] if parameter["in"] == "header"]
            assert headers == ["Idempotency-Key"], f"{method} {path}"


def test_the_page_for_people_is_made_of_files_of_the_package_alone(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy
    files = [path for path in re.findall(r'(?:src|href)="([^"]+)"', page.text) if path != "data:,"]  # it has no icon
    assert len(files) == 5
    for path in files:
        assert path.startswith("/"), path
        assert client.get(path).status_code == 200, path
    assert "<script>" not in page.text
    assert "validatorUrl: null" in client.get("/static/docs/start.js").text
