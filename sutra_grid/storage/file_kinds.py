"""What a path is that is given to ``--restore`` and is no copy of a node, by its first bytes or its files.

Only what was looked at is said: a file that is not recognized is one that does not begin as a snapshot does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 512
_TAR_MAGIC: Final = slice(257, 262)
_BOLT_MAGIC: Final = slice(16, 20)

ETCD_HINT: Final = "Start an etcd with its data, and copy the keys with 'etcdctl --endpoints ETCD make-mirror NODE'"
SNAPSHOT_HINT: Final = "Use a file that 'etcdctl snapshot save' has written from a storage node"
_DECOMPRESS: Final = "Decompress it first"
_BY_FIRST_BYTES: Final = {
    b"\x1f\x8b": ("it is compressed (gzip)", _DECOMPRESS),
    b"\x28\xb5\x2f\xfd": ("it is compressed (zstd)", _DECOMPRESS),
    b"\xfd7zXZ\0": ("it is compressed (xz)", _DECOMPRESS),
    b"BZh": ("it is compressed (bzip2)", _DECOMPRESS),
    b"PK\x03\x04": ("it is compressed (zip)", _DECOMPRESS),
    b"SQLite format 3\0": ("it is an SQLite database, as the registry of a master is", SNAPSHOT_HINT),
}


def file_kind(source: Path, first_member: str) -> tuple[str, str] | None:
    """What the file is and what to do, or None when it begins as a snapshot: a tar archive with ``first_member``."""
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[_TAR_MAGIC] == b"ustar":
        if head.startswith(first_member.encode() + b"\0"):
            return None
        return f"it is a tar archive that does not begin with {first_member}", SNAPSHOT_HINT
    if head[_BOLT_MAGIC] == (0xED0CDAED).to_bytes(4, "little"):
        return "it is a boltdb file, as a snapshot of etcd is, and not of a storage node", ETCD_HINT
    for magic, kind in _BY_FIRST_BYTES.items():
        if head.startswith(magic):
            return kind
    what = "it does not begin as a snapshot of a storage node does" if head else "it is empty"
    return what, SNAPSHOT_HINT


def directory_kind(source: Path) -> tuple[str, str] | None:
    """What the directory is and what to do, or None when it can be a checkpoint."""
    if (source / "CURRENT").is_file():
        return None
    if (source / "db" / "CURRENT").is_file():
        return (
            "it is the storage path of a node",
            f"Use a checkpoint below {source / 'checkpoints'}, or {source / 'db'} while no node runs there",
        )
    if (source / "member" / "snap").is_dir():
        return "it is the data directory of an etcd", ETCD_HINT
    return "it has no file CURRENT", "Use a directory below checkpoints/ of a storage path"
