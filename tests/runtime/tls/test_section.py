"""The section ``[tls]``: which keys a daemon has, and which belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sutra_grid.runtime.config import Config, ConfigError, Key, Schema, load
from sutra_grid.runtime.tls.section import TlsFiles, tls_files, tls_section


def _load(**given: str) -> Config:
    return load(Schema([tls_section()]), None, environ={}, overrides={f"tls.{key}": given[key] for key in given})


def test_a_daemon_chooses_its_keys_and_adds_its_own() -> None:
    section = tls_section("cert_file", "key_file", more=[Key("ca_key_file", "path", None)])
    assert list(section.by_name) == ["cert_file", "key_file", "ca_key_file"]
    assert list(tls_section().by_name) == ["cert_file", "key_file", "ca_file", "insecure"]


def test_without_files_there_is_no_tls() -> None:
    assert tls_files(_load()) is None


def test_a_certificate_and_its_key_are_enough() -> None:
    assert tls_files(_load(cert_file="/c.pem", key_file="/k.pem")) == TlsFiles(Path("/c.pem"), Path("/k.pem"))
    files = tls_files(_load(cert_file="/c.pem", key_file="/k.pem", ca_file="/ca.pem"))
    assert files is not None
    assert files.ca_file == Path("/ca.pem")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"cert_file": "/c.pem"}, ["tls.key_file"]),
        ({"key_file": "/k.pem"}, ["tls.cert_file"]),
        ({"ca_file": "/ca.pem"}, ["tls.cert_file", "tls.key_file"]),
    ],
)
def test_what_is_missing_of_a_pair_is_named(given: dict[str, str], missing: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_files(_load(**given))
    assert [fault.key for fault in caught.value.faults] == missing
    assert next(iter(given)) in str(caught.value)
