"""The commands of docs/security.md do what the page shows."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from support.tls_servers import grpc_server
from support.values.cli_records import Ran
from support.values.issued import NOW

from sutra_grid.runtime.certificates.authority import IssuedCertificate
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.runtime.certificates.verdict import Fault

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "security.md").read_text()
#: Its parts about files and servers. Commands about tokens and revocations need a master.
ABOUT_FILES = "".join(
    part for part in re.split("^## ", PAGE, flags=re.MULTILINE) if part.startswith(("Make cert", "Look at", "Check a"))
)


def shown() -> list[tuple[list[str], str]]:
    """Each command of the page in its order, and the output below it."""
    blocks = re.findall(r"^```\n(.*?)^```$", ABOUT_FILES, re.MULTILINE | re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part.strip()]
    pairs = [part.partition("\n") for part in commands]
    return [(shlex.split(line.removeprefix("sutra-grid-cli tls ")), output) for line, _, output in pairs]


def alike(text: str) -> str:
    """The text without what differs at each run: times, ages, numbers of certificates, ports; lines unwrapped."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", "TIME", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "10.0.0.1:7000", text)
    text = re.sub(r"\b[0-9a-f]{36,64}\b", "HEX", text)
    return " ".join(re.sub(r"\d+d left", "DAYS left", text).split())


def test_the_commands_of_the_page_print_what_it_shows(cli: Callable[..., Ran]) -> None:
    commands = shown()
    assert len(commands) == 6
    *of_files, (verify, verified) = commands
    for command, output in of_files:
        ran = cli(*command)
        assert (ran.code, ran.err) == (0, ""), command
        assert not output or alike(ran.out) == alike(output)
    pair = read_pair(Path("master-1.pem"), Path("master-1-key.pem"))
    leaf = IssuedCertificate(pair.certificate_pem, pair.key_pem, pair.serial, NOW)
    with grpc_server(leaf, Path("ca.pem").read_bytes()) as port:
        ran = cli(*(f"127.0.0.1:{port}" if part == "10.0.0.1:7000" else part for part in verify))
    assert ran.code == 0
    note = "; it does not name 127.0.0.1, so clients that check the host refuse it"
    assert alike(ran.out).replace(note, "") == alike(verified)


def test_every_fault_stands_in_the_page() -> None:
    table = PAGE.partition("| `fault` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table.replace("`--ca`", ""))) == set(Fault) - {Fault.NONE}
