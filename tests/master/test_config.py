"""The master's configuration."""

import tomllib
from pathlib import Path

import pytest

from sutra_grid.core.agent.liveness import LivenessPolicy
from sutra_grid.master.config import SCHEMA, MasterConfig, master_config
from sutra_grid.runtime.config import ConfigError, load

OPEN = {"SUTRA_GRID_TLS__INSECURE": "true"}
SHIPPED = Path(__file__).parents[2] / "etc" / "master-config.toml"


def made_of(text: str, tmp_path: Path, **environ: str) -> MasterConfig:
    file = tmp_path / "master.toml"
    file.write_text(text)
    return master_config(load(SCHEMA, file, environ=environ, overrides={}))


def test_the_shipped_file_is_accepted_and_says_the_defaults(tmp_path: Path) -> None:
    shipped = made_of(SHIPPED.read_text(), tmp_path)
    assert shipped.registry_url == "sqlite:////var/lib/sutra-grid/registry.db"
    assert (shipped.host, shipped.port) == ("127.0.0.1", 7000)


def test_every_commented_key_of_the_shipped_file_is_a_key_at_its_default(tmp_path: Path) -> None:
    lines = SHIPPED.read_text().splitlines()
    live = [line.removeprefix("# ") if " = " in line and "postgresql" not in line else line for line in lines]
    given = tomllib.loads("\n".join(live))
    defaults = {(key.section, key.key): key.default for key in SCHEMA.describe()}
    for section, keys in given.items():
        for key, value in keys.items():
            if key != "registry_url" and section != "tls":  # unset by default
                assert str(value).lower() == defaults[section, key].strip('"'), key
    shown_in_words = {("master", "registry_password_file")}  # it does not go with the file's SQLite registry
    assert {(section, key) for section, keys in given.items() for key in keys} == set(defaults) - shown_in_words


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    config = made_of("", tmp_path)
    assert config.liveness == LivenessPolicy(3, 6)
    assert config.default_interval_seconds == 5.0
    assert config.registry_url == "sqlite:///sutra-grid.db"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    config = made_of(
        '[master]\nlisten = "10.0.0.1:7000"\n',
        tmp_path,
        SUTRA_GRID_MASTER__LISTEN="10.0.0.2",
        SUTRA_GRID_TLS__INSECURE="true",
    )
    assert (config.host, config.port) == ("10.0.0.2", 7000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[master]\nlisten = "nowhere:port"\n', ["master.toml:2", "master.listen", "nowhere:port"]),
        ('[master]\nlisten_on = "x"\n', ["master.toml:2", "listen_on", "did you mean listen"]),
        ("[liveness]\noffline_after_missed = 3\n", ["master.toml:2", "more than degraded_after_missed (3)"]),
        ("[master]\nworkers = 0\n", ["master.toml:2", "master.workers", "from 1 to 256"]),
    ],
)
def test_a_fault_names_its_place_and_what_is_allowed(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as fault:
        made_of(text, tmp_path)
    for word in words:
        assert word in str(fault.value)
