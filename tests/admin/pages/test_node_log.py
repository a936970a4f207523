"""The log of a node: its search, its download, and the same through the API."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from support.browser.pages import open_page
from support.fakes.fake_master import FakeMaster

from sutra_grid.core.errors import NotFound, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.usefixtures("registry")

NODE = "/ui/nodes/node-00000001"
API = "/nodes/node-00000001/logs"
PIECES = (b"rotated: Disk full <b>\n", b"fine\ndisk ", b"full again \xff\n")


@pytest.fixture(autouse=True)
def kept(master: FakeMaster) -> None:
    """A log of three chunks; a tail is its end."""

    def read(request: pb.LogRequest) -> pb.LogChunk:
        if not request.cursor:
            return pb.LogChunk(data=b"disk full again\n", cursor="3")
        at = int(request.cursor)
        return pb.LogChunk(data=PIECES[at], cursor=str(at + 1), more=at < 2, rotated=at == 0)

    master.answers["ReadNodeLog"] = read


def test_a_search_marks_its_text_and_escapes_the_log(client: FlaskClient) -> None:
    text = client.get(f"{NODE}/log?q=disk+full").text
    assert "rotated: <mark>Disk full</mark> &lt;b&gt;\n<mark>disk full</mark> again \ufffd\n" in text
    assert "2 lines in 46B of the kept log" in text
    assert "<b>" not in text


def test_a_search_without_a_hit_says_what_was_searched(client: FlaskClient) -> None:
    page = open_page(client, f"{NODE}/log?q=nowhere")
    assert "0 lines in 46B of the kept log" in page.text("log-section")
    assert "log-found" not in page.ids


def test_a_search_that_fails_does_not_say_that_nothing_was_found(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = Unavailable("agent-1 does not answer", reason=Reason.AGENT_UNREACHABLE)
    text = open_page(client, f"{NODE}/log?q=x").text("log-section")
    assert "could not be searched: agent-1 does not answer" in text
    assert "0 lines" not in text


def test_a_text_that_is_too_long_is_refused(client: FlaskClient) -> None:
    assert client.get(f"{NODE}/log?q={'x' * 201}").status_code == 400


def test_the_page_of_a_node_offers_search_and_download(client: FlaskClient) -> None:
    text = client.get(NODE).text
    assert f'href="{NODE}/log/download"' in text
    assert f'action="{NODE}/log"' in text


@pytest.mark.parametrize("path", [f"{NODE}/log/download", f"{API}?download=true"])
def test_a_download_has_every_byte_that_is_kept_and_a_name(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.data == b"".join(PIECES)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert re.fullmatch(
        r"attachment; filename\*=UTF-8''node-00000001-\d{8}T\d{6}Z\.log", answer.headers["Content-Disposition"]
    )


def test_a_download_of_an_unknown_node_is_an_error_page(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = NotFound("node nobody does not exist", reason=Reason.UNKNOWN_NODE)
    open_page(client, "/ui/nodes/nobody/log/download", 404)


def test_a_download_that_breaks_off_does_not_end_like_a_whole_one(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = [
        pb.LogChunk(data=b"a\n", cursor="1", more=True),
        Unavailable("the master is down", reason=Reason.MASTER_UNREACHABLE),
    ]
    answer = client.get(f"{API}?download=true", buffered=False)
    with pytest.raises(ConnectionResetError):
        b"".join(answer.response)
    answer.close()


def test_the_api_searches_and_counts_what_it_leaves_out(client: FlaskClient) -> None:
    answer = client.get(f"{API}?grep=FULL&tail=1").json
    assert answer["data"] == "disk full again \ufffd\n"
    assert (answer["omitted_lines"], answer["more"], answer["cursor"]) == (1, False, "3")
    text = client.get(f"{API}?grep=full", headers={"Accept": "text/plain"}).text
    assert text == "rotated: Disk full <b>\ndisk full again \ufffd\n"


@pytest.mark.parametrize("query", ["grep=x&follow=true", "download=true&tail=5", "download=true&grep=x", "grep="])
def test_the_api_refuses_what_makes_no_sense(client: FlaskClient, query: str) -> None:
    assert client.get(f"{API}?{query}").status_code == 400
