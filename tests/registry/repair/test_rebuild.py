"""A damaged registry is set aside: nothing is deleted, nothing overwritten, and a whole one stays where it is."""

from pathlib import Path

import pytest
from support.faults.registry_files import DAMAGES, make_registry
from support.texts import mentions

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.registry import Registry, set_damaged_aside

NOW_MS = 1_700_000_000_000


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.glob("registry.db*") if not file.name.endswith(".lock")}


def test_file_and_log_are_kept_side_by_side_under_a_name_of_the_time(tmp_path: Path) -> None:
    file = make_registry(tmp_path / "registry.db")
    DAMAGES["log damaged in the middle"](file)
    content, log = file.read_bytes(), file.with_name("registry.db-wal").read_bytes()
    why, kept = set_damaged_aside(f"sqlite:///{file}", NOW_MS)
    assert mentions(why, "registry.db-wal", "middle")
    assert kept.name == "registry.db.damaged-20231114T221320Z"
    assert names(tmp_path) == {kept.name, f"{kept.name}-wal"}
    assert (kept.read_bytes(), kept.with_name(f"{kept.name}-wal").read_bytes()) == (content, log)


def test_a_second_one_of_the_same_second_gets_another_name(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    kept = []
    for words in ("first", "second", "third"):
        file.write_text(words * 100)
        kept.append(set_damaged_aside(f"sqlite:///{file}", NOW_MS).kept)
    assert [one.read_text()[:5] for one in kept] == ["first", "secon", "third"]
    assert [one.suffix for one in kept[1:]] == [".2", ".3"]


def test_a_whole_one_stays_where_it_is(tmp_path: Path) -> None:
    file = make_registry(tmp_path / "registry.db")
    with pytest.raises(FailedPrecondition, match=str(file)):
        set_damaged_aside(f"sqlite:///{file}", NOW_MS)
    registry = Registry.open(f"sqlite:///{file}", migrate=False)
    assert registry.contents().nodes
    registry.close()
