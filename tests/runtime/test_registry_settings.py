"""The password of the registry: what the configuration accepts, and that no message shows one."""

import io
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.admin.config import SCHEMA as ADMIN_SCHEMA
from sutra_grid.admin.config import AdminConfig
from sutra_grid.master.config import SCHEMA, MasterConfig, master_config
from sutra_grid.runtime.config import ConfigError, load
from sutra_grid.runtime.known_secrets import remember_secret, without_secrets
from sutra_grid.runtime.logging import get_logger, setup_logging
from sutra_grid.runtime.registry_settings import url_problem

SERVER = "postgresql+psycopg://grid@db.internal/grid"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("s3cret-in-file\n")
    file.chmod(0o600)
    return file


def made_of(**environ: str) -> MasterConfig:
    variables = {f"SUTRA_GRID_MASTER__{name}": value for name, value in environ.items()}
    return master_config(load(SCHEMA, None, environ=variables, overrides={}))


def test_the_file_is_named_in_the_environment_too(password_file: Path) -> None:
    made = made_of(REGISTRY_URL=SERVER, REGISTRY_PASSWORD_FILE=str(password_file))
    assert made.registry_password_file == password_file
    variables = {
        "SUTRA_GRID_ADMIN__REGISTRY_URL": SERVER,
        "SUTRA_GRID_ADMIN__REGISTRY_PASSWORD_FILE": str(password_file),
    }
    admin = AdminConfig.of(load(ADMIN_SCHEMA, None, environ=variables, overrides={}))
    assert admin.registry_password_file == password_file


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////var/lib/registry.db", "only for a database server"),
        ("postgresql+psycopg://grid:s3cret-in-url@db/grid", "remove one of them"),
        ("postgresql+psycopg://grid@db/grid?password=s3cret-in-url", "remove one of them"),
    ],
)
def test_a_file_that_contradicts_the_url_is_refused(password_file: Path, url: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made_of(REGISTRY_URL=url, REGISTRY_PASSWORD_FILE=str(password_file))
    assert mentions(str(caught.value), "master.registry_password_file", why)
    assert "s3cret" not in str(caught.value)


def test_a_file_that_others_may_read_is_refused_with_the_command_that_mends_it(password_file: Path) -> None:
    password_file.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        made_of(REGISTRY_URL=SERVER, REGISTRY_PASSWORD_FILE=str(password_file))
    assert mentions(str(caught.value), "SUTRA_GRID_MASTER__REGISTRY_PASSWORD_FILE", f"chmod 600 {password_file}")


@pytest.mark.parametrize("url", ["postgresql://grid:p%40ss@db/grid", "postgresql://grid@db/grid", "sqlite:////a/b@c"])
def test_a_url_without_a_bare_at_sign_is_accepted(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize("url", ["postgresql://grid:p@s3cret-part@db/grid", "postgresql://grid:a/b@s3cret-part@db/g"])
def test_a_password_with_a_bare_at_sign_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made_of(REGISTRY_URL=url)
    assert "%40" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_refused_value_is_shown_without_its_password() -> None:
    variables = {"SUTRA_GRID_ADMIN__REGISTRY_URL": "mysql://grid:s3cret-in-url@db/grid"}
    with pytest.raises(ConfigError) as caught:
        AdminConfig.of(load(ADMIN_SCHEMA, None, environ=variables, overrides={}))
    assert mentions(str(caught.value), "mysql://grid:***@db/grid")


@pytest.mark.parametrize("fmt", ["text", "json"])
def test_a_known_secret_is_in_no_log_line(fmt: str) -> None:
    remember_secret('p@ss "word" 1')
    stream = io.StringIO()
    setup_logging("info", stream, fmt)
    log = get_logger("sutra_grid.test")
    try:
        raise ValueError('bad: p@ss "word" 1')
    except ValueError as error:
        log.exception("failed with p%40ss%20%22word%22%201", error=error)
    assert "word" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 3


def test_a_short_secret_does_not_garble_messages() -> None:
    remember_secret("grid")
    remember_secret("")
    assert without_secrets("the grid is healthy") == "the grid is healthy"
