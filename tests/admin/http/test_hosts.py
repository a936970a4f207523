"""Host headers: a page of another site can't rebind its name to an admin on loopback."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.texts import mentions

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import OWN_PATHS, AdminConfig
from sutra_grid.admin.services import services_of

PATHS = ["/", "/ui/", "/nodes", "/livez", "/static/ui/ui.css", "/openapi.json", "/metrics", "/nothing", "//ui"]


@pytest.mark.parametrize("path", PATHS)
def test_a_rebound_name_is_refused_everywhere(client: FlaskClient, path: str) -> None:
    for accept in ("application/json", "text/html"):
        answer = client.get(path, headers={"Host": "evil.example:7080", "Accept": accept})
        assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
        problem = answer.get_json(force=True)
        assert mentions(problem["detail"], "evil.example:7080", "Host")
        assert mentions(problem["hint"], "[admin] allowed_hosts")


def test_a_rebound_name_commands_nothing(client: FlaskClient, master: FakeMaster) -> None:
    own = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/nodes/node-00000001/stop", headers=own).status_code == 403
    assert client.delete("/nodes/node-00000001", headers=own).status_code == 403
    assert master.calls == {}


def test_a_forwarded_host_does_not_help_to_rebind(client: FlaskClient) -> None:
    assert client.get("/livez", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:7080", "127.0.0.1", "[::1]:7080", "LOCALHOST"])
def test_this_host_s_own_names_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "evil.example, localhost", "localhost:99999", "<script>", "x" * 4000])
def test_a_malformed_host_is_refused_briefly(client: FlaskClient, host: str) -> None:
    answer = client.get("/livez", headers={"Host": host})
    assert answer.status_code == 403
    assert len(answer.data) < 1000


def test_on_other_addresses_probes_by_address_are_answered(config: AdminConfig) -> None:
    for listed, allowed in (([], True), (["grid.example"], False)):
        app = create_app(replace(config, listen="0.0.0.0:7080", allowed_hosts=listed))
        client = app.test_client()
        for host in ("10.1.2.3:7080", "[fd00::7]:7080", "127.0.0.1:7080", "grid.example"):
            assert client.get("/livez", headers={"Host": host}).status_code == 200
        assert client.get("/livez", headers={"Host": "other.example"}).status_code == (200 if allowed else 403)
        services_of(app).close()


def test_redirects_name_no_host(client: FlaskClient) -> None:
    for path in ("/", "/ui", "//evil.example/..", "/ui/search?q=//evil.example"):
        location = client.get(path, headers={"Accept": "text/html"}).headers.get("Location", "/")
        assert location.startswith("/")
        assert not location.startswith("//")


def test_a_prefix_can_not_be_taken_for_a_path_of_the_admin(config: AdminConfig) -> None:
    app = create_app(config)
    assert {str(rule).split("/")[1] for rule in app.url_map.iter_rules()} - {""} == set(OWN_PATHS)
    services_of(app).close()
