import contextlib
import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.texts import mentions

from sutra_grid.agent.state.journal import Journal
from sutra_grid.agent.state.journal_format import FORMAT, JournalDamaged, JournalNewer, decode, encode
from sutra_grid.core.node.record import Ending, Follows, Member, NodeRecord, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeExit, NodeSpec, Reason
from sutra_grid.runtime import steps
from sutra_grid.runtime.steps import Step

BOOT = "boot-1"

numbers = st.integers(min_value=0, max_value=2**62)
times = st.floats(min_value=0, max_value=1e9)
texts = st.text(max_size=30)
specs = st.builds(NodeSpec, texts, numbers, texts, numbers)
assignments = st.builds(Assignment, st.just("node-1"), numbers, st.sampled_from(Desired), specs, numbers, texts)
exits = st.builds(
    NodeExit, st.none() | st.integers(0, 255), st.integers(0, 64), numbers, numbers, st.sampled_from(Reason)
)
records = st.builds(
    NodeRecord,
    assignment=assignments,
    phase=st.sampled_from(Phase),
    reason=st.sampled_from(Reason),
    message=texts,
    process=st.none() | st.builds(ProcessIdentity, texts, numbers, numbers, numbers),
    launches=numbers,
    launch_generation=numbers,
    launched_at=times,
    launched_at_ms=numbers,
    ready_at=st.none() | times,
    resume_at=times,
    relaunch=st.booleans(),
    restarts=numbers,
    crashes=st.lists(times, max_size=5).map(tuple),
    exits=st.lists(exits, max_size=5).map(tuple),
)


def record(node_id: str = "node-1", generation: int = 1) -> NodeRecord:
    return NodeRecord(Assignment(node_id, generation, Desired.RUNNING, NodeSpec("storage", 1, "/d", 2)))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path, BOOT)
    made.open()
    return made


@given(records)
def test_every_record_comes_back_as_it_was(written: NodeRecord) -> None:
    assert decode(encode(written, BOOT), BOOT) == (written, False)


@settings(max_examples=50)
@given(records, st.data())
def test_a_half_written_or_flipped_record_is_never_taken(written: NodeRecord, data: st.DataObject) -> None:
    whole = encode(written, BOOT)
    at = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(JournalDamaged):
        decode(whole[:at], BOOT)
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(JournalDamaged, JournalNewer):
        assert decode(bytes(flipped), BOOT)[0] == written  # only white space may differ unnoticed


def test_times_of_an_earlier_boot_are_forgotten_and_counters_kept() -> None:
    written = replace(
        record(), restarts=4, launched_at=5.0, ready_at=6.0, resume_at=7.0, crashes=(1.0,), phase=Phase.RUNNING
    )
    read, rebooted = decode(encode(written, "an earlier boot"), BOOT)
    assert rebooted
    assert (read.restarts, read.launched_at, read.ready_at, read.resume_at, read.crashes) == (4, 0.0, None, 0.0, ())


def test_a_newer_format_is_told_apart_from_damage() -> None:
    with pytest.raises(JournalNewer, match=f"format {FORMAT + 1}"):
        decode(json.dumps({"format": FORMAT + 1, "what": "ever"}).encode(), BOOT)


def test_what_is_written_is_loaded_and_what_is_deleted_is_gone(journal: Journal) -> None:
    for node_id in ("node-2", "node-1", "strange.name_1"):
        journal.write(record(node_id))
        journal.write(record(node_id, generation=2))
    journal.delete("node-2")
    journal.delete("node-2")
    loaded = {entry.node_id: entry.record for entry in journal.load()}
    assert loaded == {"node-1": record("node-1", 2), "strange.name_1": record("strange.name_1", 2)}


def test_a_damaged_file_is_set_aside_and_the_one_before_is_used(journal: Journal, tmp_path: Path) -> None:
    journal.write(record(generation=1))
    journal.write(record(generation=2))
    journal.write(record("other"))
    (tmp_path / "node-1.json").write_text('{"format": 1, "chec')
    damaged, other = journal.load()
    assert damaged.record == record(generation=1)
    assert "node-1.json.damaged-1" in damaged.damage
    assert (tmp_path / "node-1.json.damaged-1").read_text() == '{"format": 1, "chec'
    assert other.record == record("other")
    assert not other.damage


def test_a_node_of_which_nothing_is_readable_is_still_told(journal: Journal, tmp_path: Path) -> None:
    journal.write(record())
    (tmp_path / "node-1.json").write_bytes(b"\0" * 100)
    (entry,) = journal.load()
    assert (entry.node_id, entry.record) == ("node-1", None)
    assert entry.damage
    assert journal.load() == []


def test_each_damaged_file_is_kept(journal: Journal, tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "node-1.json").write_text("?")
        journal.load()
    assert (tmp_path / "node-1.json.damaged-2").exists()


def test_a_file_that_speaks_of_another_node_is_damaged(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "node-9.json").write_bytes(encode(record("node-1"), BOOT))
    (entry,) = journal.load()
    assert mentions(entry.damage, "node-1"), "it names the node that the file is of"


def test_a_file_of_a_newer_version_is_not_touched(journal: Journal, tmp_path: Path) -> None:
    text = json.dumps({"format": FORMAT + 1, "future": True})
    (tmp_path / "node-1.json").write_text(text)
    (entry,) = journal.load()
    assert entry.newer
    assert (tmp_path / "node-1.json").read_text() == text


def test_the_copy_before_a_damaged_file_is_not_touched_either_when_it_is_of_a_newer_version(
    journal: Journal, tmp_path: Path
) -> None:
    text = json.dumps({"format": FORMAT + 1, "future": True})
    (tmp_path / "node-1.json").write_text("?")
    (tmp_path / "node-1.json.previous").write_text(text)
    for _ in range(2):
        (entry,) = journal.load()
        assert entry.newer
        assert (tmp_path / "node-1.json.previous").read_text() == text


def test_what_an_interrupted_write_left_is_cleared_away(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / ".node-1.json.tmp").write_text("half")
    journal.open()
    assert journal.load() == []
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_record_before(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.write(record(generation=1))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.write(record(generation=2))
    assert journal.load()[0].record == record(generation=1)


def test_a_removal_that_is_cut_short_never_brings_back_what_was_before(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = record(generation=2)
    journal.write(record())
    journal.write(newest)

    def killed(step: Step, _about: str) -> None:
        if step is Step.JOURNAL_CUT:
            raise InterruptedError

    monkeypatch.setattr(steps, "on_step", killed)
    with pytest.raises(InterruptedError):
        journal.delete("node-1")
    assert [entry.record for entry in journal.load()] == [newest]


def test_a_node_that_ends_leftovers_is_kept_with_them_and_older_agents_do_not_misread_it() -> None:
    left = (Member(12, 34, "sleep", "state D"),)
    ending = Ending(5.0, Follows.POLICY, "was ended by signal 9", Reason.BACK_OFF, Reason.CRASH_LOOP, 3.0)
    before = NodeRecord(Assignment("node-1", 1, Desired.RUNNING, NodeSpec()))
    clearing = replace(before, phase=Phase.CLEARING, ending=ending, leftovers=left, killed=left, grace_ends_at=9.0)
    assert decode(encode(clearing, BOOT), BOOT) == (clearing, False)
    after_a_boot, rebooted = decode(encode(clearing, BOOT), "another boot")
    assert rebooted
    assert (after_a_boot.leftovers, after_a_boot.grace_ends_at) == ((), 0.0)
    exits = (NodeExit(0, 0, 1, 2, Reason.COMMANDED, killed="1 other process"),)
    told = replace(before, exits=exits)
    assert decode(encode(told, BOOT), BOOT) == (told, False)
    formats = [json.loads(encode(one, BOOT))["format"] for one in (before, clearing, told)]
    assert formats == [1, 2, 2]


def test_an_older_agent_does_not_take_the_journal_of_a_process_for_damaged_for_its_reason() -> None:
    record = NodeRecord(
        Assignment("node-1", 1, Desired.RUNNING, NodeSpec()),
        phase=Phase.RUNNING,
        reason=Reason.OOM_KILLED,
        process=ProcessIdentity(BOOT, 12, 34, 1),
    )
    assert json.loads(encode(record, BOOT))["format"] == 2
    assert decode(encode(record, BOOT), BOOT) == (record, False)


def test_records_of_nodes_without_leftovers_are_those_of_format_1() -> None:
    record = NodeRecord(
        Assignment("node-1", 1, Desired.RUNNING, NodeSpec()), exits=(NodeExit(0, 0, 1, 2, Reason.COMMANDED),)
    )
    document = json.loads(encode(record, BOOT))
    assert document["record"]["exits"] == [{"code": 0, "signal": 0, "at_ms": 1, "uptime_ms": 2, "reason": "commanded"}]
