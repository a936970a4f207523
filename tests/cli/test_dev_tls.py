"""``sutra-grid-cli dev --tls`` with real processes: every printed command as printed, and the way to TLS and back."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser.html import Page
from support.harness.dev_run import DevRun
from support.needs import skip_for
from support.texts import has_line

from sutra_grid.cli.dev.access import DevAccess
from sutra_grid.cli.dev.grid import DevGrid
from sutra_grid.cli.dev.layout import Layout
from sutra_grid.cli.dev.welcome import closed_welcome
from sutra_grid.runtime.shutdown import Shutdown

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

FIRST_LINE = "  TLS="


@pytest.fixture
def run(tmp_path: Path) -> Iterator[DevRun]:
    dev = DevRun(tmp_path, nodes=1, name="sutra-grid-dev")
    yield dev
    dev.clean()


def lines_to_type(text: str) -> list[str]:
    """The commands of the welcome, as printed."""
    printed = text.partition("The grid runs.")[2]
    lines = [line for line in printed.splitlines() if line.startswith("  ")]
    return lines[next(at for at, line in enumerate(lines) if line.startswith(FIRST_LINE)) :]


def typed(lines: list[str], directory: Path) -> list[str]:
    """Type each line into one shell; returns what each one has printed. Every one must succeed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SUTRA_GRID_")} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(directory),
        "COLUMNS": "200",
    }
    script = "\n".join(f"{line}\necho '<end>'" for line in lines)
    command = ["bash", "-ec", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ, cwd=directory, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("<end>\n")


def token_of(text: str) -> str:
    return next(line for line in lines_to_type(text) if "TOKEN=" in line).partition("=")[2].strip()


def pages_after_login(text: str, authority: Path, path: str) -> str:
    """What a page shows to a browser that opens the printed address and logs in as the printed user."""
    url = next(word.rstrip(";/") for word in text.split() if word.startswith("https://") and word.endswith("/"))
    user, password = (re.search(rf"^  {word} +(\S+)", text, re.MULTILINE) for word in ("user", "password"))
    assert user is not None
    assert password is not None
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))
    browser = urllib.request.build_opener(https, urllib.request.HTTPCookieProcessor())
    browser.addheaders = [("Accept", "text/html")]
    with browser.open(f"{url}/") as answer:
        assert answer.url.startswith(f"{url}/ui/login"), "a stranger sees the form alone"
        [form] = [form for form in Page(answer.read().decode()).forms if form.method == "post"]
    data = dict(form.values) | {"name": user[1], "password": password[1]}
    browser.open(f"{url}/ui/login", urllib.parse.urlencode(data).encode()).close()
    with browser.open(f"{url}{path}") as answer:
        shown: str = answer.read().decode()
    return shown


def check_that_it_is_open(text: str, directory: Path, node_id: str) -> None:
    """Without TLS: the same node, for everybody here, and neither token nor user of the start before."""
    url = next(line for line in text.splitlines() if "/status" in line)
    cli = ("status", "nodes list", "token list -o json", "user list -o json")
    status, nodes, tokens, users, answer, _ = typed([*(f"sutra-grid-cli {command}" for command in cli), url], directory)
    assert has_line(status, "Grid")
    assert has_line(nodes, node_id, "running")
    assert [token["status"] for token in json.loads(tokens)["tokens"]] == ["revoked"]
    assert json.loads(users)["users"] == []
    assert json.loads(answer)["running_storage_nodes"] == 1, answer


def test_every_printed_command_works_and_the_directory_goes_to_tls_and_back(run: DevRun, tmp_path: Path) -> None:
    for program in ("curl", "etcdctl"):
        if not shutil.which(program):
            skip_for(program)
    run.start("--tls")
    text = run.await_up()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    lines = lines_to_type(text)
    _, _, over_https, restarted, by_token, nodes, tokens, put, _ = typed(lines, tmp_path)
    assert put.strip() == "OK"
    assert json.loads(over_https)["status"] == "healthy"
    node = json.loads(restarted)
    assert node["status"] == "running"
    assert has_line(by_token, "healthy")
    assert has_line(nodes, node["node_id"], "running")
    assert has_line(tokens, "dev", "operator", "valid")
    assert token_of(text) not in tokens

    assert node["node_id"] in pages_after_login(text, run.directory / "tls" / "ca.pem", "/ui/nodes")

    # In any other directory, the commands that a grid in another place prints.
    layout = Layout(run.directory)
    plan = layout.load_plan()
    assert plan is not None
    with Shutdown() as shutdown:
        other = DevGrid(layout, plan, shutdown, lambda *_: None, with_tls=True)
    with other.client:
        printed = lines_to_type(closed_welcome(other, DevAccess("password", token_of(text))))
    assert len(printed) == len(lines)
    *_, nodes, tokens, put, _ = typed(printed, elsewhere)
    assert put.strip() == "OK"
    assert has_line(nodes, node["node_id"], "running")
    assert has_line(tokens, "dev", "operator", "valid")

    assert run.end() == 0
    assert not run.left()
    assert not (run.directory / "master.tls").exists()

    run.start()
    check_that_it_is_open(run.await_up(), tmp_path, node["node_id"])
    assert run.end() == 0

    # And back: the same certificates, another token.
    authority = (run.directory / "tls" / "ca.pem").read_bytes()
    run.start("--tls")
    again = run.await_up()
    assert token_of(again) != token_of(text)
    assert (run.directory / "tls" / "ca.pem").read_bytes() == authority
    assert has_line(typed(["sutra-grid-cli nodes list"], tmp_path)[0], node["node_id"], "running")
    assert run.end() == 0
    assert not run.left()
