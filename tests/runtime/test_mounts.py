"""What is mounted where."""

from pathlib import Path

from sutra_grid.runtime.mounts import is_mounted, missing_mount

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 8:17 / {point} rw shared:5 - {kind} /dev/sdb1 rw
"""


def mounts_at(directory: Path, point: Path, kind: str = "xfs") -> Path:
    file = directory / "mountinfo"
    file.write_text(MOUNTS.format(point=str(point).replace(" ", "\\040"), kind=kind))
    return file


def test_a_mount_point_is_found_and_a_directory_in_it_is_none(tmp_path: Path) -> None:
    point = tmp_path / "data disk"
    (point / "sutra").mkdir(parents=True)
    mounts = mounts_at(tmp_path, point)
    assert is_mounted(point, mounts)
    assert not is_mounted(point / "sutra", mounts)


def test_a_link_to_a_mount_point_counts_as_it(tmp_path: Path) -> None:
    point, link = tmp_path / "disk", tmp_path / "data"
    point.mkdir()
    link.symlink_to(point)
    assert is_mounted(link, mounts_at(tmp_path, point))


def test_an_automount_without_its_disk_is_not_mounted(tmp_path: Path) -> None:
    assert not is_mounted(tmp_path, mounts_at(tmp_path, tmp_path, kind="autofs"))


def test_a_disk_of_fstab_that_is_not_mounted_is_found(tmp_path: Path) -> None:
    fstab, point = tmp_path / "fstab", tmp_path / "disk"
    mounts = mounts_at(tmp_path, tmp_path / "elsewhere")
    fstab.write_text(f"# disks\nUUID=1 / ext4 defaults 0 1\n/dev/sdb1 {point} xfs defaults,nofail 0 2\n")
    assert missing_mount(point / "sutra" / ".agent", fstab, mounts) == point
    assert missing_mount(tmp_path / "other", fstab, mounts) is None
    assert missing_mount(point, fstab, mounts_at(tmp_path, point)) is None
    fstab.write_text(f"/dev/sdb1 {point} xfs noauto 0 2\n")
    assert missing_mount(point, fstab, mounts) is None
    assert missing_mount(point, tmp_path / "no-fstab", mounts) is None
