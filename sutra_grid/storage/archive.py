"""The snapshot file: written while it is sent; checked and unpacked by ``restore``.

Format: a tar archive (GNU), then the 32 bytes of its SHA-256. The archive begins with
``snapshot.json`` and holds the engine's files below ``db/``. Its size is a multiple of 512, so
the file's size modulo 512 is 32, by which etcdctl recognizes a snapshot with a checksum.
``tar -xf`` can unpack it and ignores the checksum.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import lock_file, sync_directory, sync_file
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
    completed, opened and synced. Raises a ``GridError`` that says what is wrong.
    """
    prepare_directory(storage_path)
    with lock_file(storage_path / "LOCK"):
        target = storage_path / "db"
        if target.exists():
            raise AlreadyExists(
                f"{storage_path} already has a store",
                reason=Reason.PATH_TAKEN,
                hint="Restore into an empty directory, then start the node there or move the directory",
            )
        unpacked = storage_path / "tmp" / "restore"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir(parents=True)
        manifest = _copy_checkpoint(source, unpacked) if source.is_dir() else _unpack(source, unpacked)
        found = _verify(unpacked / "db", manifest)
        for path in (unpacked / "db").iterdir():
            sync_file(path)
        sync_directory(unpacked / "db")
        (unpacked / "db").rename(target)
        sync_directory(storage_path)
        shutil.rmtree(unpacked)
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


def _unpack(source: Path, directory: Path) -> Manifest:
    """Check the file's checksum and unpack it."""
    if not source.exists():
        raise NotFound(f"snapshot {source} does not exist", hint="Use a file from 'etcdctl snapshot save'")
    _check_digest(source)
    try:
        with tarfile.open(source, "r:") as tar:
            tar.extractall(directory, filter="data")
        manifest = Manifest(**json.loads((directory / MANIFEST_NAME).read_bytes()))
    except (tarfile.TarError, OSError, ValueError, TypeError) as error:
        raise _invalid(source, str(error)) from error
    if manifest.format > FORMAT:
        raise FailedPrecondition(
            f"snapshot {source} has format {manifest.format}, newer than this program's {FORMAT}",
            hint=f"Restore it with version {manifest.version} or newer",
        )
    return manifest


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
    return FailedPrecondition(
        f"snapshot {source} cannot be restored: {why}",
        hint="Use a file that 'etcdctl snapshot save' has written from a storage node",
    )


def _copy_checkpoint(source: Path, directory: Path) -> Manifest | None:
    if not (source / "CURRENT").is_file():
        raise FailedPrecondition(
            f"{source} is not a checkpoint: it has no file CURRENT", hint="Use a directory below checkpoints/"
        )
    shutil.copytree(source, directory / "db")
    return None


def _verify(path: Path, manifest: Manifest | None) -> Manifest:
    """Open the store and read its state. Raises when it differs from the manifest."""
    engine = RocksEngine(path, MemoryBudget.of(DEFAULT_LIMIT_MB))
    try:
        state = load(engine.view())
    finally:
        engine.close()
    if manifest is None:
        return Manifest(FORMAT, "", state.revision, state.keys, "")
    if state.revision != manifest.revision:
        raise FailedPrecondition(
            f"the snapshot's manifest has revision {manifest.revision}, its store has {state.revision}",
            hint="Take another snapshot",
        )
    return manifest
