"""The command line's client of the master: where the master is, how long calls may take, what hints name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sutra_grid.cli.context import CA_VARIABLE, Options
from sutra_grid.cli.login_file import read_login
from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import READ_SECONDS, ClientConfig, MasterClient
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import format_host_port, is_loopback, parse_host_port
from sutra_grid.wire.correlation_ids import Metadata
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE
from sutra_grid.wire.tls import TlsOpener

if TYPE_CHECKING:
    from sutra_grid.runtime.tls.credentials import CredentialFiles

DEFAULT_PORT: Final = 7000
HINTS: Final = Hints(
    list_nodes="sutra-grid-cli nodes list",
    show_node="sutra-grid-cli nodes explain {}",
    show_agent="sutra-grid-cli agents show {}",
    remove_agent="sutra-grid-cli agents remove {}",
    check_change="Check with 'sutra-grid-cli status' and 'sutra-grid-cli nodes list' before you run the command again",
)


def connect(options: Options) -> MasterClient:
    """A client of the master that ``options`` name; it connects with the first call."""
    target, source = options.target()
    return make_client(target, source, options.timeout_seconds, Credentials.of(options))


def master_address(options: Options) -> str:
    """The master's ``host:port``, with the port."""
    return format_host_port(*parse_host_port(options.target()[0], DEFAULT_PORT, free_port=False))


def whole_task(client: MasterClient, options: Options) -> MasterClient:
    """The client for a command that changes several things: a timeout that is given is for all of them together."""
    return client.within(options.timeout_seconds) if options.timeout_given else client


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the command line shows to a master: a certificate, a token, both, or nothing on a grid without TLS."""

    files: CredentialFiles | None = None
    token: str = ""

    @classmethod
    def of(cls, options: Options) -> Credentials:
        """Those that the options and the environment name, else those of the login at this master.

        Of a dev grid here, a certificate stands for whoever shows none, and its authority is known.

        Raises ``InvalidArgument`` for files that can't be used, and for a token that others could read on its way.
        """
        target = master_address(options)
        ca, cert, key = options.tls_paths()
        token = options.token()
        if not (token or cert):
            login = read_login(options.environ, target)
            token, ca = login.token, ca or login.ca
        dev_ca, dev_cert, dev_key = options.dev_tls_paths()
        ca = ca or dev_ca
        if not (cert or key):
            cert, key = dev_cert, dev_key
        files = _credential_files(ca, cert, key)
        if token and files is None and not is_loopback(parse_host_port(target)[0]):
            raise InvalidArgument(
                f"a token can't be sent to {target} without TLS, because others could read it",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Give the authority of the grid: --tls-ca FILE, or the variable {CA_VARIABLE}",
            )
        return cls(files, token)

    @property
    def opener(self) -> TlsOpener | None:
        """Opens TLS channels; None for plaintext."""
        return TlsOpener(self.files, keepalive=DENSE_KEEPALIVE) if self.files else None

    def metadata(self) -> Metadata:
        """The token, as every call carries it."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


NO_CREDENTIALS: Final = Credentials()


def _credential_files(ca: str, cert: str, key: str) -> CredentialFiles | None:
    if not (ca or cert or key):
        return None
    from sutra_grid.runtime.tls.member import member_files, trusted_authority
    from sutra_grid.runtime.tls.section import TlsFiles

    if not ca or bool(cert) != bool(key):
        given = [name for name, path in (("--tls-ca", ca), ("--tls-cert", cert), ("--tls-key", key)) if path]
        missing = "--tls-ca" if not ca else "--tls-key" if cert else "--tls-cert"
        raise InvalidArgument(
            f"{' and '.join(given)} need {missing} too",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Give {missing} FILE, or the variable SUTRA_GRID_{missing.strip('-').upper().replace('-', '_')}",
        )
    return member_files(TlsFiles(Path(cert), Path(key), Path(ca))) if cert else trusted_authority(Path(ca))


def make_client(
    target: str, source: str, timeout_seconds: float, credentials: Credentials = NO_CREDENTIALS
) -> MasterClient:
    """A client of the master at ``target``; ``source`` says where the address comes from."""
    where = "This is the default address" if source == "default" else f"The address comes from {source}"
    return MasterClient(
        ClientConfig(
            format_host_port(*parse_host_port(target, DEFAULT_PORT, free_port=False)),
            HINTS,
            change_seconds=timeout_seconds,
            read_seconds=min(timeout_seconds, READ_SECONDS),
            opener=credentials.opener,
            metadata=credentials.metadata,
            unreachable_hint=f"{where}. Start a master with 'sutra-grid-master' or 'sutra-grid-cli dev', "
            "or give its address with --master HOST:PORT",
        )
    )
