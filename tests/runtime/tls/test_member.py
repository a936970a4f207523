"""Files of a member that can't be used: which key of the configuration is named, and that the start is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.values.certificates import TestAuthority, write_files

from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.config import Config, ConfigError, Schema, load
from sutra_grid.runtime.tls.member import configured_member
from sutra_grid.runtime.tls.section import tls_section

CA = TestAuthority()
KEYS = ("ca_file", "cert_file", "key_file")


def _config(directory: Path, **kinds: object) -> tuple[Config, dict[str, Path]]:
    paths = dict(zip(KEYS, write_files(directory, CA.credentials(Role.AGENT, "a", **kinds)), strict=True))
    return load(
        Schema([tls_section()]), None, environ={}, overrides={f"tls.{key}": str(paths[key]) for key in KEYS}
    ), paths


def _fault(config: Config) -> tuple[str, str]:
    with pytest.raises(ConfigError) as raised:
        configured_member(config, Role.AGENT, "a")
    [fault] = raised.value.faults
    return fault.key, fault.problem


def _write(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(Path.unlink, id="missing"),
        pytest.param(_write(""), id="empty"),
        pytest.param(_write("text"), id="not PEM"),
    ],
)
def test_the_key_of_the_file_that_is_wrong_is_named(tmp_path: Path, key: str, damage: Callable[[Path], object]) -> None:
    config, paths = _config(tmp_path)
    damage(paths[key])
    named, problem = _fault(config)
    assert named == f"tls.{key}"
    assert str(paths[key]) in problem


def test_a_key_that_others_may_read_is_named_as_the_key(tmp_path: Path) -> None:
    config, paths = _config(tmp_path)
    paths["key_file"].chmod(0o640)
    named, problem = _fault(config)
    assert named == "tls.key_file"
    assert "chmod 600" in problem


def test_a_certificate_of_another_grid_than_its_authority_is_refused(tmp_path: Path) -> None:
    config, _ = _config(tmp_path, uris=("spiffe://staging/agent/a",))
    named, problem = _fault(config)
    assert named == "tls.cert_file"
    assert "is of grid 'staging'" in problem
    assert "are of grid 'grid'" in problem
