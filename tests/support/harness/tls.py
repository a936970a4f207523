"""The certificates of a grid of real processes: who has which, and how a test reaches the grid with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc

from support.values.certificates import TestAuthority, write_files
from sutra_grid.core.access.identity import Role, master_server_name


class GridTls:
    """Certificate files below a directory, one set a member; the authority's key beside them."""

    def __init__(self, directory: Path, authority: TestAuthority | None = None) -> None:
        self.authority = authority or TestAuthority()
        self.directory = directory
        self.ca_key = directory / "ca-key.pem"
        directory.mkdir(parents=True, exist_ok=True)
        self.ca_key.write_bytes(self.authority.key_pem)
        self.ca_key.chmod(0o600)

    def section(self, role: Role, name: str) -> dict[str, str]:
        """The section ``[tls]`` of a member; its files are made at the first call."""
        directory = self.directory / f"{role}-{name}"
        if not directory.exists():
            self.issue(role, name)
        return {key: str(directory / f"{file}.pem") for key, file in _FILES.items()}

    def issue(self, role: Role, name: str, **kinds: Any) -> None:
        """Write a new certificate of a member over the one that it has, if it has one."""
        write_files(self.directory / f"{role}-{name}", self.authority.credentials(role, name, **kinds))

    def options(self, role: Role, name: str) -> list[str]:
        """The options of the command line for that member."""
        files = self.section(role, name)
        return [f"--tls-ca={files['ca_file']}", f"--tls-cert={files['cert_file']}", f"--tls-key={files['key_file']}"]

    def channel(self, address: str, role: Role, name: str, server_name: str = "") -> grpc.Channel:
        """A channel to a master, or to the server of another name."""
        credentials = self.authority.credentials(role, name)
        return grpc.secure_channel(
            address,
            grpc.ssl_channel_credentials(credentials.ca_pem, credentials.key_pem, credentials.certificate_pem),
            options=[("grpc.ssl_target_name_override", server_name or master_server_name(self.authority.grid))],
        )


_FILES = {"ca_file": "ca", "cert_file": "cert", "key_file": "key"}
