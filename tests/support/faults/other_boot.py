"""A daemon on a host that was rebooted, or on another one: the boot id that it reads is not this machine's."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

from support.needs import skip_for

BOOT_ID = "/proc/sys/kernel/random/boot_id"
_MOUNT = f'mount --bind "$0" {BOOT_ID} && exec "$@"'


def other_boot_or_skip(directory: Path) -> tuple[str, ...]:
    """The arguments before a command, which becomes the command's process in a mount namespace of its own.

    Where that is not permitted the test is skipped and says so; CI fails.
    """
    file = directory / f"boot-{uuid.uuid4().hex[:8]}"
    boot_id = str(uuid.uuid4())
    file.write_text(f"{boot_id}\n")
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, str(file))
    try:
        seen = subprocess.run([*words, "cat", BOOT_ID], capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        skip_for(f"mount namespaces: {error}")
    if seen.stdout.strip() != boot_id:
        skip_for(f"mount namespaces (CAP_SYS_ADMIN): {seen.stderr.strip()}")
    return words
