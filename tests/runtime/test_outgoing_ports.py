"""The ports of outgoing connections, as the kernel tells them."""

from pathlib import Path

import pytest

from sutra_grid.runtime.outgoing_ports import OutgoingPorts, read_outgoing_ports


def kernel(directory: Path, given: str, reserved: str) -> Path:
    (directory / "ip_local_port_range").write_text(given)
    (directory / "ip_local_reserved_ports").write_text(reserved)
    return directory


@pytest.mark.parametrize(
    ("reserved", "left"),
    [
        ("\n", [range(50051, 50061)]),
        ("50051-50060\n", []),
        ("8080,50053,50055-50056\n", [range(50051, 50053), range(50054, 50055), range(50057, 50061)]),
    ],
)
def test_reserved_ports_are_given_to_nobody(tmp_path: Path, reserved: str, left: list[range]) -> None:
    outgoing = read_outgoing_ports(kernel(tmp_path, "32768\t60999\n", reserved))
    assert outgoing.given == range(32768, 61000)
    assert outgoing.within(range(50051, 50061)) == left


def test_what_is_reserved_stays_reserved(tmp_path: Path) -> None:
    outgoing = read_outgoing_ports(kernel(tmp_path, "32768\t60999\n", "8080,50050\n"))
    assert outgoing.with_reserved([range(50051, 50061)]) == "8080,50050-50060"


def test_a_kernel_that_does_not_tell_gives_no_warning(tmp_path: Path) -> None:
    assert read_outgoing_ports(tmp_path) == OutgoingPorts()
    assert read_outgoing_ports(kernel(tmp_path, "odd", "")) == OutgoingPorts()


def test_this_kernel_tells() -> None:
    assert read_outgoing_ports().given
