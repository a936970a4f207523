"""Refuses to listen without TLS on an address that other hosts reach, unless the operator insists."""

from __future__ import annotations

from typing import NamedTuple

from sutra_grid.runtime.config import Config, ConfigError, Fault
from sutra_grid.runtime.net import is_loopback, is_wildcard
from sutra_grid.runtime.tls.section import CERT_FILE, INSECURE, SECTION_NAME


class Listening(NamedTuple):
    """An address of a daemon: the key that sets it, its host, what a stranger could do there, and how to close it.

    ``shortcut`` is a sentence about a shorter way to close it, if there is one.
    """

    key: str
    host: str
    danger: str
    commands: str
    shortcut: str = ""


def check_exposure(config: Config, listening: Listening) -> bool:
    """Whether the address is open to other hosts without TLS, because ``insecure`` allows it.

    A name other than localhost counts as reached by others: where it leads may change. Raises ``ConfigError`` when it
    is open and not allowed.
    """
    values = config.section(SECTION_NAME)
    if is_loopback(listening.host) or values[CERT_FILE] is not None:
        return False
    if values[INSECURE]:
        return True
    make = f"{listening.shortcut}. Otherwise make" if listening.shortcut else "Make"
    problem = (
        f"found {listening.host}, which other hosts reach, and TLS is not set up: {listening.danger}. "
        f"{make} certificates with `sutra-grid-cli tls ca create` and {listening.commands}, and set [tls] cert_file, "
        "key_file and ca_file. Or set [tls] insecure = true, if you trust every host that reaches this address"
    )
    raise ConfigError([Fault(config.source(listening.key), listening.key, problem)])


def insecure_warning(config: Config, listening: Listening) -> list[Fault]:
    """What ``--check-config`` and the log say of an address that is open on purpose."""
    if not check_exposure(config, listening):
        return []
    key = f"{SECTION_NAME}.{INSECURE}"
    problem = f"{listening.key} is {listening.host} and has no TLS: {listening.danger}"
    return [Fault(config.source(key), key, problem)]


def cert_command(role: str, host: str) -> str:
    """The command that makes a certificate for a daemon that listens on ``host``."""
    return f"`sutra-grid-cli tls cert create --role {role} --name NAME --host {'HOST' if is_wildcard(host) else host}`"
