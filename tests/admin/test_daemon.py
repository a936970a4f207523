"""The program itself: gunicorn with its workers, on a real port."""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gunicorn.workers.gthread import ThreadWorker
from support.harness.daemons import Daemon, serves_http, write_config
from support.harness.http import HttpClient
from support.harness.ports import free_port
from support.values.grid_values import an_agent
from support.waiting import eventually

from sutra_grid.admin.config import FILE_VARIABLE, SCHEMA, AdminConfig, config_warnings
from sutra_grid.admin.daemon import main
from sutra_grid.admin.server.gunicorn import AdminServer, gunicorn_settings
from sutra_grid.registry import Registry
from sutra_grid.runtime.config import load

ETC = Path(__file__).parents[2] / "etc"


class Admin:
    """A running admin and a client of it."""

    def __init__(self, root: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.registry_url = f"sqlite:///{root}/registry.db"
        settings = {
            "listen": self.address,
            "registry_url": self.registry_url,
            "master": f"127.0.0.1:{free_port()}",
            "workers": 1,
            "threads": 4,
            "stop_grace_secs": 3,
        }
        config = write_config(root / "admin.toml", {"admin": settings})
        self.http = HttpClient(self.address)
        self.daemon = Daemon("admin", "sutra-grid-admin", config, ready=lambda: serves_http(self.address, "/livez"))

    def status(self) -> int:
        return self.http.get("/status").status


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    made = Admin(tmp_path)
    made.daemon.start()
    try:
        made.daemon.wait_ready()
        yield made
    finally:
        if made.daemon.is_running:
            assert made.daemon.stop() == 0


@pytest.mark.e2e
def test_an_admin_that_starts_first_waits_for_the_registry(admin: Admin) -> None:
    answer = admin.http.get("/status")
    assert (answer.status, answer.content_type) == (503, "application/problem+json")
    registry = Registry.open(admin.registry_url, migrate=True)
    registry.save_agent(an_agent())
    eventually(lambda: admin.status() == 200, message="the admin found the registry")
    assert len(admin.http.get("/agents").json["agents"]) == 1
    registry.close()


@pytest.mark.e2e
def test_a_reload_replaces_the_workers_and_refuses_nobody(admin: Admin) -> None:
    booted = admin.daemon.log_text().count("Booting worker")
    admin.daemon.signal(signal.SIGHUP)
    statuses = []

    def reloaded() -> bool:
        statuses.append(admin.http.get("/livez").status)
        text = admin.daemon.log_text()
        return text.count("Booting worker") > booted and "Worker exiting" in text

    eventually(reloaded, 20)
    assert set(statuses) == {200}
    assert admin.http.get("/livez").status == 200


@pytest.mark.e2e
def test_sigterm_ends_it_and_its_log_has_no_traceback(admin: Admin) -> None:
    admin.http.get("/nodes")
    assert admin.daemon.stop() == 0
    text = admin.daemon.log_text()
    assert '"ready" address=' in text
    assert "path=/nodes status=503" in text
    assert "Traceback" not in text
    assert not serves_http(admin.address, "/livez")


@pytest.mark.e2e
def test_gunicorn_serves_it_by_the_file_in_etc(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    config = write_config(
        tmp_path / "admin.toml",
        {"admin": {"listen": address, "registry_url": f"sqlite:///{tmp_path}/r.db", "workers": 1}},
    )
    command = [sys.executable, "-m", "gunicorn", "-c", str(ETC / "gunicorn.conf.py"), "sutra_grid.admin.wsgi:app"]
    environ = {**os.environ, FILE_VARIABLE: str(config), "HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        eventually(lambda: serves_http(address, "/livez"), 20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["admin.toml"]  # no control socket


def settings_of(file: Path | None = None, **environ: str) -> AdminConfig:
    return AdminConfig.of(load(SCHEMA, file, environ=environ, overrides={}))


def test_the_example_in_etc_shows_every_key_with_its_default() -> None:
    example = load(SCHEMA, ETC / "admin-config.toml", environ={}, overrides={})
    default = load(SCHEMA, None, environ={}, overrides={})
    for section in ("admin", "logging"):
        shown = dict(example.section(section))
        shown.pop("registry_password_file", None)  # in words: it does not go with the file's SQLite registry
        assert all("admin-config.toml" in example.source(f"{section}.{key}") for key in shown)
        expected = dict(default.section(section))
        expected.pop("registry_password_file", None)
        if section == "admin":
            expected["registry_url"] = "sqlite:////var/lib/sutra-grid/registry.db"
        assert shown == expected


def test_a_secret_key_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 32)
    config = load(SCHEMA, None, environ={"SUTRA_GRID_ADMIN__SECRET_KEY_FILE": str(file)}, overrides={})
    file.chmod(0o644)
    [warning] = config_warnings(config)
    assert f"chmod 600 {file}" in warning.problem
    file.chmod(0o600)
    assert config_warnings(config) == []
    file.unlink()
    assert config_warnings(config) == []


def test_gunicorn_is_set_up_without_preload_and_control_socket() -> None:
    server = AdminServer(settings_of(SUTRA_GRID_ADMIN__LISTEN="[::1]:7081", SUTRA_GRID_ADMIN__THREADS="5"))
    assert issubclass(server.cfg.worker_class, ThreadWorker)
    assert (server.cfg.threads, server.cfg.preload_app) == (5, False)
    assert server.cfg.address == [("::1", 7081)]
    assert server.cfg.control_socket_disable


def test_the_file_in_etc_says_what_the_daemon_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setattr("sutra_grid.runtime.logging.setup_logging", lambda *_args, **_kwargs: None)
    names: dict[str, Any] = runpy.run_path(str(ETC / "gunicorn.conf.py"))
    expected = gunicorn_settings(settings_of())
    assert {name: names[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "nowhere:port"], "admin.listen"),
        (["--registry-url", "/var/lib/registry.db"], "sqlite:////PATH"),
        (["--registry-url", "mysql://host/db"], "postgresql+psycopg"),
        (["--master", ""], "admin.master"),
    ],
)
def test_a_wrong_flag_ends_the_start_with_2(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(main, [*arguments, "--check-config"])
    assert result.exit_code == 2
    assert words in result.output
