"""The snapshot file: written while it is sent; checked and unpacked by ``restore``.

Format: a tar archive (GNU), then the 32 bytes of its SHA-256. The archive begins with
``snapshot.json`` and holds the engine's files below ``db/``. Its size is a multiple of 512, so
the file's size modulo 512 is 32, by which etcdctl recognizes a snapshot with a checksum.
``tar -xf`` can unpack it and ignores the checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import lock_file, sync_directory, sync_file
from sutra_grid.storage.file_kinds import SNAPSHOT_HINT, directory_kind, file_kind
from sutra_grid.storage.keyspace import load
from sutra_grid.storage.memory import DEFAULT_LIMIT_MB, MemoryBudget
from sutra_grid.storage.rocks import RocksEngine
from sutra_grid.storage.store import Copy, prepare_directory

BLOCK_BYTES = 512
CHUNK_BYTES = 64 * 1024
CHECKSUM_BYTES = hashlib.sha256().digest_size
MANIFEST_NAME = "snapshot.json"
END = bytes(2 * BLOCK_BYTES)
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of ``snapshot.json``."""

    format: int
    node_id: str
    revision: int
    keys: int
    version: str


def archive_bytes(copy: Copy, manifest: Manifest) -> int:
    """Size of the whole file with its checksum."""
    sizes = [len(_manifest_data(manifest)), *(path.stat().st_size for path in copy.path.iterdir())]
    return sum(BLOCK_BYTES + _padded(size) for size in sizes) + len(END) + CHECKSUM_BYTES


def archive(copy: Copy, manifest: Manifest) -> Iterator[bytes]:
    """The file, in chunks of at most ``CHUNK_BYTES``."""
    checksum = hashlib.sha256()
    for chunk in _tar(copy.path, manifest):
        if chunk:  # empty files have no content, files of full blocks no padding
            checksum.update(chunk)
            yield chunk
    yield checksum.digest()


def restore(source: Path, storage_path: Path) -> Manifest:
    """Create the store at ``storage_path`` from a snapshot file, or from a checkpoint's directory.

    The storage path must not have a store yet. All or nothing: the store appears after it was
    completed, opened and synced. Raises a ``GridError`` that says what is wrong; a source that is
    something else is refused before anything is created.
    """
    target = storage_path / "db"
    _refuse_existing(target)
    _check_kind(source)
    prepare_directory(storage_path)
    with lock_file(storage_path / "LOCK"):
        _refuse_existing(target)  # again, since a node may have started there
        unpacked = storage_path / "tmp" / "restore"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir(parents=True)
        try:
            manifest = _copy_checkpoint(source, unpacked) if source.is_dir() else _unpack(source, unpacked)
            found = _verify(unpacked / "db", manifest, source)
            for path in (unpacked / "db").iterdir():
                sync_file(path)
            sync_directory(unpacked / "db")
            (unpacked / "db").rename(target)
            sync_directory(storage_path)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        return found


def _tar(directory: Path, manifest: Manifest) -> Iterator[bytes]:
    data = _manifest_data(manifest)
    yield _header(MANIFEST_NAME, len(data))
    yield data.ljust(_padded(len(data)), b"\0")
    for path in sorted(directory.iterdir()):
        size = path.stat().st_size
        yield _header(f"db/{path.name}", size)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        yield bytes(_padded(size) - size)
    yield END


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _padded(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _manifest_data(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest)).encode()


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise AlreadyExists(
            f"{target.parent} already has a store",
            reason=Reason.PATH_TAKEN,
            hint="Restore into an empty directory, then start the node there or move the directory",
        )


def _check_kind(source: Path) -> None:
    """Refuse what is no copy of a node."""
    try:
        if source.is_dir():
            kind = directory_kind(source)
        elif source.is_file():
            kind = file_kind(source, MANIFEST_NAME)
        elif source.exists():
            kind = ("it is neither a file nor a directory", SNAPSHOT_HINT)
        else:
            raise NotFound(f"snapshot {source} does not exist", hint="Use a file from 'etcdctl snapshot save'")
    except OSError as error:
        raise _invalid(source, f"it can't be read: {error.strerror}") from error
    if kind is not None:
        what, hint = kind
        raise FailedPrecondition(f"{source} cannot be restored: {what}", hint=hint)


def _unpack(source: Path, directory: Path) -> Manifest:
    """Check the file's checksum and unpack it."""
    _check_digest(source)
    try:
        with tarfile.open(source, "r:") as tar:
            tar.extractall(directory, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise _invalid(source, str(error)) from error
    manifest = _read_manifest(source, directory / MANIFEST_NAME)
    if not (directory / "db" / "CURRENT").is_file():
        raise _invalid(source, "it has no store: db/CURRENT is missing")
    return manifest


def _read_manifest(source: Path, path: Path) -> Manifest:
    try:
        content = json.loads(path.read_bytes())
        if content["format"] > FORMAT:  # it may have more than this version knows
            raise FailedPrecondition(
                f"snapshot {source} has format {content['format']}, newer than this program's {FORMAT}",
                hint=f"Restore it with version {content.get('version', 'of its node')} or newer",
            )
        return Manifest(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _invalid(source, f"its {MANIFEST_NAME} is not that of a storage node") from error


def _check_digest(source: Path) -> None:
    size = source.stat().st_size - CHECKSUM_BYTES
    if size < len(END) or size % BLOCK_BYTES:
        raise _invalid(source, f"its size, {size + CHECKSUM_BYTES} bytes, is not that of a complete snapshot")
    checksum = hashlib.sha256()
    with source.open("rb") as file:
        while size > 0:
            chunk = file.read(min(CHUNK_BYTES, size))
            checksum.update(chunk)
            size -= len(chunk)
        if file.read() != checksum.digest():
            raise _invalid(source, "its checksum is wrong: the file is damaged or incomplete")


def _invalid(source: Path, why: str) -> FailedPrecondition:
    return FailedPrecondition(f"snapshot {source} cannot be restored: {why}", hint=SNAPSHOT_HINT)


def _copy_checkpoint(source: Path, directory: Path) -> Manifest | None:
    """Copy a checkpoint, or the store of a node; of one that runs, a copy would have parts of several moments."""
    lock = source.parent / "LOCK"
    with ExitStack() as stack:
        if os.access(lock, os.W_OK):
            stack.enter_context(lock_file(lock, "to copy its store"))
        try:
            shutil.copytree(source, directory / "db")
        except OSError as error:
            raise _invalid(source, f"it can't be copied: {error}") from error
    return None


def _verify(path: Path, manifest: Manifest | None, source: Path) -> Manifest:
    """Open the store and read its state. Raises when it differs from the manifest."""
    try:
        engine = RocksEngine(path, MemoryBudget.of(DEFAULT_LIMIT_MB))
        try:
            state = load(engine.view())
        finally:
            engine.close()
    except GridError as error:
        raise FailedPrecondition(
            f"{source} cannot be restored: {error.message}", reason=error.reason, hint="Use another copy"
        ) from error
    if manifest is None:
        return Manifest(FORMAT, "", state.revision, state.keys, "")
    if state.revision != manifest.revision:
        raise FailedPrecondition(
            f"the snapshot's manifest has revision {manifest.revision}, its store has {state.revision}",
            hint="Take another snapshot",
        )
    return manifest
