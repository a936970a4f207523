"""The file in which ``login`` keeps tokens, one for each master, so that a token goes to no other one."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sutra_grid.core.errors import FailedPrecondition, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import sync_directory

FILE: Final = "logins.json"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Login:
    """A token, and the file of the authority that its master is checked with; both may be empty."""

    token: str = field(default="", repr=False)
    ca: str = ""


def login_path(environ: Mapping[str, str]) -> Path:
    """Where the logins of this user are."""
    home = environ.get("XDG_CONFIG_HOME", "") or os.path.join(environ.get("HOME", "") or str(Path.home()), ".config")
    return Path(home, "sutra-grid", FILE)


def read_login(environ: Mapping[str, str], target: str) -> Login:
    """The login at the master ``host:port``; an empty one without it.

    Raises ``InvalidArgument`` for a file that others may read, or that is damaged.
    """
    found = _read(login_path(environ)).get(target)
    return Login(str(found.get("token", "")), str(found.get("ca", ""))) if isinstance(found, dict) else Login()


def save_login(environ: Mapping[str, str], target: str, login: Login) -> Path:
    """Keep a login; returns the file. Raises ``FailedPrecondition`` when it can't be written."""
    path = login_path(environ)
    _write(path, {**_read(path), target: {"token": login.token, "ca": login.ca}})
    return path


def remove_login(environ: Mapping[str, str], target: str) -> bool:
    """Forget the login at a master; False when there is none."""
    path = login_path(environ)
    logins = _read(path)
    if target not in logins:
        return False
    del logins[target]
    if logins:
        _write(path, logins)
    else:
        path.unlink(missing_ok=True)
    return True


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & _OTHERS:
                raise InvalidArgument(
                    f"{path} has tokens, and others may read it",
                    reason=Reason.INVALID_ARGUMENT,
                    hint=f"Run `chmod 600 {path}`. If others could read it, revoke the tokens and log in again",
                )
            logins = json.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidArgument(
            f"{path} can't be read: {error}", reason=Reason.INVALID_ARGUMENT, hint="Remove it, and log in again"
        ) from error
    return logins if isinstance(logins, dict) else {}


def _write(path: Path, logins: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with open(descriptor, "w", encoding="utf-8") as stream:
            json.dump(logins, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FailedPrecondition(
            f"{path} can't be written: {error.strerror}",
            reason=Reason.PATH_NOT_WRITABLE,
            hint="Check the directory's permissions, or set SUTRA_GRID_TOKEN instead of logging in",
        ) from error
