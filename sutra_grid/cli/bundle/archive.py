"""The archive: parts are added one by one, and the manifest lists them and the missing ones."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sutra_grid import __version__
from sutra_grid.core.errors import FailedPrecondition, GridError
from sutra_grid.core.redaction import redact_settings, redact_text, redact_values
from sutra_grid.core.types import Reason

FORMAT: Final = 1
MAX_PART_BYTES: Final = 8 * 1024 * 1024


@dataclass
class Manifest:
    """The parts of a bundle, and the missing parts with the reasons."""

    created_at: str
    parts: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> str:
        """For ``manifest.json``."""
        facts = {
            "format": FORMAT,
            "made_by": f"sutra-grid-cli {__version__}",
            "created_at": self.created_at,
            "parts": self.parts,
            "missing": self.missing,
        }
        return _json(facts)


class Archive:
    """A ``.tar.gz`` that only its owner can read and that gets its name when it is complete.

    A context manager; leaving it writes the manifest. Raises ``FailedPrecondition`` when the file can't
    be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = Manifest(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        self._secrets: set[str] = set()
        self._folder = path.name.removesuffix(".tar.gz")
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise _not_written(path, error) from error
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz")  # noqa: SIM115 -- closed by __exit__

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._write("manifest.json", self.manifest.as_json().encode())
            self._tar.close()
            self._file.close()
            if kind is None:
                self._unfinished.replace(self.path)
        except OSError as failure:
            raise _not_written(self.path, failure) from failure
        finally:
            self._unfinished.unlink(missing_ok=True)

    def add(self, name: str, source: str, collect: Callable[[], str | Mapping[str, Any]]) -> bool:
        """Add the result of ``collect`` without secrets as ``name``, or list its failure. Returns whether it was added.

        A mapping becomes JSON. Its secrets are removed before, so that it stays valid JSON.
        """
        try:
            found = collect()
        except GridError as error:
            self.miss(name, f"{error.code}: {error}")
            return False
        except (OSError, ValueError) as error:
            self.miss(name, f"{type(error).__name__}: {error}")
            return False
        text = redact_text(found) if isinstance(found, str) else _json(redact_settings(found))
        text = redact_values(text, self._secrets)
        data = text.encode(errors="replace")
        cut = len(data) > MAX_PART_BYTES
        data = data[-MAX_PART_BYTES:]
        self._write(name, data)
        self.manifest.parts.append({"name": name, "bytes": len(data), "from": source, "cut": cut})
        return True

    def know_secrets(self, values: Iterable[str]) -> None:
        """Replace these values wherever they appear in what is added from now on."""
        self._secrets.update(values)

    def miss(self, name: str, why: str) -> None:
        """List a part that could not be collected."""
        self.manifest.missing.append({"name": name, "why": redact_values(redact_text(why), self._secrets)})

    def _write(self, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(f"{self._folder}/{name}")
        entry.size = len(data)
        entry.mtime = int(time.time())
        entry.mode = 0o600
        try:
            self._tar.addfile(entry, io.BytesIO(data))
        except OSError as error:
            raise _not_written(self.path, error) from error


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str)


def _not_written(path: Path, error: OSError) -> FailedPrecondition:
    return FailedPrecondition(
        f"the archive {path} can't be written: {error.strerror or error}",
        reason=Reason.PATH_NOT_WRITABLE,
        hint="Use another path with --file PATH.tar.gz",
    )
