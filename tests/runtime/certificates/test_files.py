"""Files with certificates and keys: every fault names the file and the remedy, and no file is half written."""

import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from sutra_grid.core.access.identity import Role, make_identity
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, ResourceExhausted
from sutra_grid.runtime.certificates import files
from sutra_grid.runtime.certificates.authority import create_authority, key_to_pem, new_key
from sutra_grid.runtime.certificates.describe import Validity

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GRID = create_authority("grid", NOW)
OTHER = create_authority("grid", NOW)
AGENT = make_identity("grid", Role.AGENT, "agent-1")
LEAF = GRID.issue(AGENT, ["10.0.0.2"], 30 * DAY, NOW)


class Written:
    """The files of one member below a directory."""

    def __init__(self, directory: Path) -> None:
        self.cert = directory / "agent-1.pem"
        self.key = directory / "agent-1-key.pem"
        self.ca = directory / "ca.pem"
        self.ca_key = directory / "ca-key.pem"
        files.write_pair(self.cert, self.key, LEAF.certificate_pem, LEAF.key_pem)
        files.write_pair(self.ca, self.ca_key, GRID.certificate_pem, GRID.key_pem)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_written_is_read_back_and_the_key_is_its_owners(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        written = Written(tmp_path)
    finally:
        os.umask(before)
    assert (mode(written.cert), mode(written.key)) == (0o644, 0o600)
    pair = files.read_pair(written.cert, written.key)
    assert (pair.identity, pair.serial, pair.not_after) == (AGENT, LEAF.serial, LEAF.not_after)
    assert (pair.certificate_pem, pair.key_pem) == (LEAF.certificate_pem, LEAF.key_pem)
    bundle = files.read_bundle(written.ca)
    assert (bundle.pem, bundle.grids) == (GRID.certificate_pem, ("grid",))
    files.check_trusted(written.cert, pair, written.ca, bundle)
    assert files.read_authority(written.ca, written.ca_key).digest == GRID.digest
    assert "PRIVATE" not in repr(pair)


def test_a_bundle_of_two_authorities_trusts_both(written: Written) -> None:
    written.ca.write_bytes(OTHER.certificate_pem + GRID.certificate_pem)
    bundle = files.read_bundle(written.ca)
    assert (len(bundle.authorities), bundle.grids) == (2, ("grid",))
    files.check_trusted(written.cert, files.read_pair(written.cert, written.key), written.ca, bundle)
    assert files.read_authority(written.ca, written.ca_key).digest == GRID.digest


def test_a_certificate_of_another_authority_is_named_with_both_files(written: Written) -> None:
    written.ca.write_bytes(OTHER.certificate_pem)
    with pytest.raises(InvalidArgument) as fault:
        files.check_trusted(
            written.cert, files.read_pair(written.cert, written.key), written.ca, files.read_bundle(written.ca)
        )
    assert str(written.cert) in fault.value.message
    assert str(written.ca) in fault.value.message
    assert fault.value.hint


def test_a_certificate_with_other_files_around_it_is_found(written: Written) -> None:
    written.cert.write_bytes(b"# made on Monday\r\n" + LEAF.certificate_pem.replace(b"\n", b"\r\n") + b"\n\n")
    assert files.read_pair(written.cert, written.key).identity == AGENT


def test_a_chain_is_served_whole(written: Written) -> None:
    written.cert.write_bytes(LEAF.certificate_pem + GRID.certificate_pem)
    pair = files.read_pair(written.cert, written.key)
    assert pair.certificate_pem == LEAF.certificate_pem + GRID.certificate_pem
    assert len(pair.chain) == 2


def encrypted() -> bytes:
    password = serialization.BestAvailableEncryption(b"x")
    return new_key().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password)


def old_encrypted() -> bytes:
    password = serialization.BestAvailableEncryption(b"x")
    key = new_key()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, password)


def key_of_ed25519() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


BROKEN = b"-----BEGIN %s-----\nAAAA\n-----END %s-----\n"
DER = x509.load_pem_x509_certificate(LEAF.certificate_pem).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello\n", "not a PEM file"),
        (DER, "DER"),
        (BROKEN % (b"CERTIFICATE", b"CERTIFICATE"), "damaged"),
        (LEAF.certificate_pem[:300], "damaged"),
        (LEAF.certificate_pem.replace(b"M", b"*", 3), "damaged"),
        (b"x" * (files.MAX_FILE + 1), "larger"),
    ],
    ids=["empty", "text", "der", "damaged", "cut", "changed", "large"],
)
def test_a_certificate_that_is_none_is_named_with_its_file(written: Written, data: bytes, word: str) -> None:
    written.cert.write_bytes(data)
    with pytest.raises(InvalidArgument) as fault:
        files.read_pair(written.cert, written.key)
    assert str(written.cert) in fault.value.message
    assert word in fault.value.message
    assert fault.value.hint


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello\n", "not a PEM file"),
        (BROKEN % (b"PRIVATE KEY", b"PRIVATE KEY"), "damaged"),
        (LEAF.key_pem[:100], "damaged"),
        (LEAF.certificate_pem, "a certificate, not a private key"),
        (encrypted(), "encrypted"),
        (old_encrypted(), "encrypted"),
        (key_of_ed25519(), "neither ECDSA nor RSA"),
    ],
    ids=["empty", "text", "damaged", "cut", "certificate", "encrypted", "encrypted before PKCS 8", "ed25519"],
)
def test_a_key_that_is_none_is_named_with_its_file_and_never_shown(written: Written, data: bytes, word: str) -> None:
    written.key.write_bytes(data)
    with pytest.raises(InvalidArgument) as fault:
        files.read_pair(written.cert, written.key)
    assert str(written.key) in fault.value.message
    assert word in fault.value.message
    assert fault.value.hint
    lines = [line for line in data.decode().splitlines() if len(line) > 20 and "-----" not in line]
    assert not [line for line in lines if line in str(fault.value)]


def test_a_key_in_the_place_of_a_certificate_is_said_so(written: Written) -> None:
    with pytest.raises(InvalidArgument, match="a private key, not a certificate"):
        files.read_certificate(written.key)


def test_a_key_that_does_not_fit_is_named_with_both_files(written: Written) -> None:
    written.key.write_bytes(key_to_pem(new_key()))
    with pytest.raises(InvalidArgument) as fault:
        files.read_pair(written.cert, written.key)
    assert str(written.key) in fault.value.message
    assert str(written.cert) in fault.value.message
    with pytest.raises(InvalidArgument, match="does not fit"):
        files.read_authority(written.ca, written.key)


@pytest.mark.parametrize("wrong", [0o640, 0o604, 0o644, 0o660, 0o610, 0o777])
def test_a_key_that_others_may_read_is_refused_with_the_command_that_mends_it(written: Written, wrong: int) -> None:
    written.key.chmod(wrong)
    with pytest.raises(InvalidArgument) as fault:
        files.read_pair(written.cert, written.key)
    assert f"{wrong:04o}" in fault.value.message
    assert f"chmod 600 {written.key}" in fault.value.hint


def test_a_key_in_the_file_of_a_certificate_must_be_private_too(written: Written) -> None:
    written.cert.write_bytes(LEAF.certificate_pem + LEAF.key_pem)
    with pytest.raises(InvalidArgument, match="others may read"):
        files.read_certificate(written.cert)
    written.cert.chmod(0o600)
    pair = files.read_pair(written.cert, written.cert)
    assert (pair.certificate_pem, pair.key_pem) == (LEAF.certificate_pem, LEAF.key_pem)


def test_a_key_behind_a_link_is_judged_by_the_file_itself(written: Written, tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(written.key)
    assert files.read_pair(written.cert, link).identity == AGENT
    written.key.chmod(0o644)
    with pytest.raises(InvalidArgument, match="others may read"):
        files.read_key(link)


def test_missing_files_directories_and_pipes_are_named_without_waiting(written: Written, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    for path in (tmp_path / "gone.pem", tmp_path, pipe, written.cert / "below"):
        with pytest.raises(InvalidArgument) as fault:
            files.read_certificate(path)
        assert str(path) in fault.value.message
        assert fault.value.hint


def test_a_certificate_of_an_authority_is_no_identity(written: Written) -> None:
    with pytest.raises(InvalidArgument, match="authority"):
        files.read_pair(written.ca, written.ca_key)


def test_a_leaf_is_no_authority(written: Written) -> None:
    with pytest.raises(InvalidArgument) as fault:
        files.read_bundle(written.cert)
    assert AGENT.uri in fault.value.message


def made_elsewhere(*uris: str) -> tuple[bytes, bytes]:
    """A certificate of GRID that no command of ours would make."""
    key = ec.generate_private_key(ec.SECP384R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(GRID.certificate.subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
    )
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    certificate = builder.sign(GRID.key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), key_to_pem(key)


@pytest.mark.parametrize(
    "uris",
    [
        (),
        ("https://example.net",),
        ("spiffe://grid",),
        ("spiffe://grid/workload",),
        ("spiffe://grid/root/me",),
        ("spiffe://grid/agent/a", "spiffe://grid/master/m"),
        ("spiffe://grid/agent/a", "https://example.net"),
    ],
)
def test_a_certificate_without_one_identity_is_refused_and_says_what_it_has(
    written: Written, uris: tuple[str, ...]
) -> None:
    pem, key = made_elsewhere(*uris)
    written.cert.write_bytes(pem)
    written.key.write_bytes(key)
    with pytest.raises(InvalidArgument) as fault:
        files.read_pair(written.cert, written.key)
    assert str(written.cert) in fault.value.message
    assert all(uri in fault.value.message for uri in uris)


def test_a_certificate_that_another_tool_made_for_an_identity_is_taken(written: Written) -> None:
    pem, key = made_elsewhere("spiffe://grid/agent/agent-9")
    written.cert.write_bytes(pem)
    written.key.write_bytes(key)
    assert files.read_pair(written.cert, written.key).identity.name == "agent-9"


def test_the_role_and_the_name_are_asked_for_with_the_command_that_makes_them(written: Written) -> None:
    pair = files.read_pair(written.cert, written.key)
    files.check_role(written.cert, pair, Role.AGENT)
    files.check_role(written.cert, pair, Role.AGENT, "agent-1")
    for role, name in ((Role.MASTER, ""), (Role.AGENT, "agent-2")):
        with pytest.raises(InvalidArgument) as fault:
            files.check_role(written.cert, pair, role, name)
        assert str(written.cert) in fault.value.message
        assert f"--role {role}" in fault.value.hint


def test_times_are_a_warning_with_both_clocks(written: Written) -> None:
    pair = files.read_pair(written.cert, written.key)
    assert pair.validity(NOW) is Validity.VALID
    assert files.time_warning(written.cert, pair, NOW) == ""
    late, early = NOW + 31 * DAY, NOW - DAY
    assert pair.validity(late) is Validity.EXPIRED
    assert pair.validity(early) is Validity.NOT_YET_VALID
    warning = files.time_warning(written.cert, pair, late)
    assert all(text in warning for text in (str(written.cert), "expired", "2026-12-23 12:00:00", "2026-12-24 12:00:00"))
    warning = files.time_warning(written.cert, pair, early)
    assert all(text in warning for text in ("not valid before", "2026-11-23 11:50:00", "2026-11-22 12:00:00", "clocks"))


@pytest.mark.parametrize("taken", ["agent-1.pem", "agent-1-key.pem"])
def test_nothing_is_overwritten_and_nothing_is_half_done(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(AlreadyExists) as refused:
        Written(tmp_path)
    assert taken in refused.value.message
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "agent-1-key.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyExists):
        Written(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_name_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agent-1.pem").write_text("mine")
    monkeypatch.setattr(os.path, "lexists", lambda _path: False)  # the look came before the other writer
    with pytest.raises(AlreadyExists) as refused:
        Written(tmp_path)
    assert "agent-1.pem" in refused.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["agent-1.pem"]


def test_a_directory_that_is_missing_or_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition) as fault:
        Written(tmp_path / "gone")
    assert "mkdir" in fault.value.hint
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPrecondition):
        Written(tmp_path / "file")


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_disk_that_fails_at_any_sync_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """Key, certificate, directory."""
    syncs = []

    def fsync(descriptor: int) -> None:
        syncs.append(descriptor)
        if len(syncs) == fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ResourceExhausted):
        Written(tmp_path)
    assert list(tmp_path.iterdir()) == []
