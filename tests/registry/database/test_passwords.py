"""A PostgreSQL server that asks for a password: from the URL, a file, the environment; and never shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness.postgres import OwnServer, own_server

from sutra_grid.core.errors import GridError, InvalidArgument, Unavailable
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import SystemClock

soak = pytest.mark.soak  # they start a server of their own
PASSWORD = "s3cret one/@:?#%"
ENCODED = "s3cret%20one%2F%40%3A%3F%23%25"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as opened:
        yield opened


@pytest.fixture
def url(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    return server.add_user("grid", PASSWORD)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(PASSWORD + "\n")
    return path


def opens(url: str, file: Path | None = None) -> Registry:
    registry = Registry.open(url, password_file=file, migrate=True, clock=SystemClock())
    registry.check()
    return registry


@soak
def test_the_password_comes_from_the_url_a_file_a_variable_or_a_pgpass_file(
    url: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens(url.replace("grid@", f"grid:{ENCODED}@")).close()
    opens(url, file).close()
    with monkeypatch.context() as changed:
        changed.setenv("PGPASSWORD", PASSWORD)
        opens(url).close()
    passfile = tmp_path / "pgpass"
    passfile.touch(0o600)
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passfile.write_text(f"*:*:*:grid:{escaped}\n")
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    opens(url).close()


@soak
def test_a_replaced_file_is_read_at_the_next_connection(server: OwnServer, url: str, file: Path) -> None:
    registry = opens(url, file)
    server.add_user("grid", "s3cret-two")
    registry.check()  # on the connection that is open
    registry._database.dispose()
    with pytest.raises(Unavailable) as caught:
        registry.check()
    assert "s3cret" not in str(caught.value)
    file.chmod(0o644)
    with pytest.raises(Unavailable, match="can be read by others") as caught:
        registry.check()
    assert f"chmod 600 {file}" in caught.value.hint
    file.chmod(0o600)
    file.write_text("s3cret-two")
    registry.check()
    registry.close()


@soak
@pytest.mark.parametrize(
    "options",
    ["?password=s3cret-wrong", "?sslpassword=s3cret-ssl&sslmode=verify-full", "?s3cret_option=1", "?port=1x"],
)
def test_no_error_shows_a_password(url: str, options: str) -> None:
    for text in (url.replace("grid@", "grid:s3cret-wrong@"), url + options):
        with pytest.raises(GridError) as caught:
            opens(text)
        message = f"{caught.value} {caught.value.hint}"
        assert "s3cret-wrong" not in message
        assert "s3cret-ssl" not in message


def test_an_invalid_url_is_not_shown() -> None:
    for text in ("postgresql://grid:p@s3cret@db/grid", "no url: s3cret", "postgresql://grid:s3cret@db:port/x"):
        with pytest.raises(InvalidArgument) as caught:
            opens(text)
        assert "s3cret" not in f"{caught.value} {caught.value.hint}"
