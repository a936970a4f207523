"""Collects from this host: versions, configuration files, an agent's state directory, daemons' logs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sutra_grid import __version__
from sutra_grid.cli.bundle.archive import Archive
from sutra_grid.cli.scripts import daemon_command, storage_server
from sutra_grid.core.errors import GridError
from sutra_grid.core.redaction import MASK, is_secret_name, secret_values

ROLES: Final = ("master", "agent", "admin")
LIBRARIES: Final = ("alembic", "click", "flask", "grpcio", "gunicorn", "protobuf", "psutil", "psycopg", "rocksdict",
                    "sqlalchemy", "toml")  # fmt: skip
VERSION_SECONDS: Final = 10.0
MAX_READ_BYTES: Final = 4 * 1024 * 1024
MAX_JOURNALS: Final = 2000
#: The keys that name a file with one secret.
SECRET_FILES: Final = ("registry_password_file", "secret_key_file")
#: Of an agent's state directory: the journal, with files that were set aside. The nodes' logs come through the master.
JOURNAL_DIRECTORY: Final = "nodes"


def add_host(archive: Archive) -> None:
    """Versions of everything that is installed here, and the settings in the environment."""
    archive.know_secrets(value for name, value in os.environ.items() if is_secret_name(name))
    archive.add("host/versions.json", "this host", _versions)
    archive.add("host/environment.json", "this host", _environment)


def add_config(archive: Archive, file: Path) -> None:
    """A configuration without secrets and comments, as JSON. An invalid file is listed as missing.

    What is added later has none of its secrets, nor of those in the files that it names.
    """

    def collect() -> dict[str, Any]:
        settings = tomllib.loads(_read(file).decode())
        archive.know_secrets(secret_values(settings))
        archive.know_secrets(_in_secret_files(settings))
        return settings

    archive.add(f"config/{_flat(file)}.json", str(file), collect)


def add_state(archive: Archive, directory: Path) -> None:
    """The journal of an agent, and the names and sizes of all files of its state directory."""
    prefix = f"state/{_flat(directory)}"
    archive.add(f"{prefix}/files.txt", str(directory), lambda: _listing(directory))
    journal = directory / JOURNAL_DIRECTORY
    try:
        files = sorted(path for path in islice(journal.iterdir(), MAX_JOURNALS) if path.is_file())
    except OSError as error:
        archive.miss(f"{prefix}/{JOURNAL_DIRECTORY}", f"{type(error).__name__}: {error}")
        return
    for path in files:
        archive.add(f"{prefix}/{JOURNAL_DIRECTORY}/{path.name}", str(path), _journal_reader(path))


def add_log(archive: Archive, file: Path, lines: int) -> None:
    """The last lines of a daemon's log."""

    def collect() -> str:
        text = _read(file, from_end=True).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:]) + "\n"

    archive.add(f"daemon-logs/{_flat(file)}", str(file), collect)


def _journal_reader(path: Path) -> Callable[[], str | dict[str, Any]]:
    """A journal file as JSON; a damaged one as text."""

    def read() -> str | dict[str, Any]:
        text = _read(path).decode("utf-8", "replace")
        try:
            facts = json.loads(text)
        except ValueError:
            return text
        return facts if isinstance(facts, dict) else text

    return read


def _read(path: Path, *, from_end: bool = False) -> bytes:
    """At most ``MAX_READ_BYTES``. Raises ``OSError``."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if from_end and size > MAX_READ_BYTES:
            file.seek(-MAX_READ_BYTES, os.SEEK_END)
        return file.read(MAX_READ_BYTES)


def _in_secret_files(settings: Mapping[str, Any]) -> Iterator[str]:
    """The secrets in the files that a configuration names, as far as this user may read them."""
    for section in settings.values():
        for name, value in section.items() if isinstance(section, Mapping) else ():
            if name in SECRET_FILES and isinstance(value, str):
                with suppress(OSError):
                    yield _read(Path(value)).decode("utf-8", "replace").strip()


def _flat(path: Path) -> str:
    """A path as one name, so that two files with one name do not collide."""
    return str(path.absolute()).strip("/").replace("/", "_")


def _listing(directory: Path) -> str:
    """Raises ``OSError`` when the directory can't be read."""
    next(directory.iterdir(), None)
    lines = []
    for path in islice(sorted(directory.rglob("*")), 2 * MAX_JOURNALS):
        status = path.lstat()
        lines.append(f"{status.st_mode:o} {status.st_size:>12} {path.relative_to(directory)}")
    return "\n".join(lines) + "\n"


def _versions() -> dict[str, Any]:
    return {
        "sutra_grid": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "daemons": {
            **{role: _output_of([*daemon_command(role), "--version"]) for role in ROLES},
            "storage": _storage(),
        },
        "libraries": dict(_library_versions(LIBRARIES)),
    }


def _storage() -> str:
    try:
        return _output_of([str(storage_server()), "--version"])
    except GridError as error:
        return error.message


def _output_of(command: list[str]) -> str:
    """The output of a program, or the reason why there is none."""
    try:
        done = subprocess.run(
            command, check=False, text=True, errors="replace", capture_output=True, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not answer: {error}"
    return (done.stdout or done.stderr).strip()


def _library_versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _environment() -> dict[str, str]:
    """The settings that override a file. An engine's environment may hold secrets, so its values are masked."""
    names = sorted(name for name in os.environ if name.startswith("SUTRA_GRID_"))
    return {name: MASK if "__ENVIRONMENT" in name.upper() else os.environ[name] for name in names}
