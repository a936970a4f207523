"""A grid's authority: what it puts into certificates, and what it refuses."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from sutra_grid.core.access.identity import Identity, Role, make_identity
from sutra_grid.core.errors import FailedPrecondition, InvalidArgument
from sutra_grid.runtime.certificates.authority import (
    BACKDATED,
    Authority,
    create_authority,
    key_to_pem,
    make_request,
    new_key,
)
from sutra_grid.runtime.certificates.describe import describe, fits

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MASTER = make_identity("prod-eu", Role.MASTER, "master-1")
AGENT = make_identity("prod-eu", Role.AGENT, "agent-1")
GRID = create_authority("prod-eu", NOW)


def issued(identity: Identity = AGENT, *hosts: str, days: int = 365) -> x509.Certificate:
    return x509.load_pem_x509_certificate(GRID.issue(identity, hosts, days * DAY, NOW).certificate_pem)


def test_an_authority_names_its_grid_and_signs_members_only() -> None:
    facts = describe(GRID.certificate)
    assert (facts.grid, facts.is_authority, facts.identity) == ("prod-eu", True, None)
    assert facts.key_kind == "ECDSA P-256"
    assert facts.uris == ("spiffe://prod-eu",)
    assert facts.not_before == NOW - BACKDATED
    assert facts.not_after == NOW + timedelta(days=3650)
    constraints = GRID.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.path_length) == (True, 0)
    usage = GRID.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (True, False)
    assert GRID.digest == facts.fingerprint
    assert len(GRID.digest) == 64


def test_a_loaded_authority_is_the_one_that_was_saved() -> None:
    loaded = Authority.load(GRID.certificate_pem, GRID.key_pem)
    assert (loaded.grid, loaded.digest, loaded.key_pem) == (GRID.grid, GRID.digest, GRID.key_pem)


def test_of_a_bundle_the_authority_is_the_one_that_the_key_belongs_to() -> None:
    newer = create_authority("prod-eu", NOW)
    for own, other in ((GRID, newer), (newer, GRID)):
        assert Authority.load(other.certificate_pem + own.certificate_pem, own.key_pem).digest == own.digest


def test_an_authority_shows_its_key_in_no_message() -> None:
    shown = repr(GRID) + str(GRID) + repr(GRID.issue(AGENT, (), DAY, NOW))
    assert "PRIVATE" not in shown
    assert "EllipticCurvePrivateKey" not in shown


@pytest.mark.parametrize("grid", ["", "Prod", "a b", "a/b", "-a", "x" * 64])
def test_no_authority_is_made_for_a_name_that_no_grid_can_have(grid: str) -> None:
    with pytest.raises(InvalidArgument):
        create_authority(grid, NOW)


def test_a_leaf_says_who_it_is_and_where_it_is_served() -> None:
    facts = describe(issued(AGENT, "10.0.0.2", "fd00::2", "Host-2.Example.net.", "localhost"))
    assert facts.identity == AGENT
    assert facts.uris == ("spiffe://prod-eu/agent/agent-1",)
    assert facts.dns_names == ("agent-1.agent.prod-eu.sutra-grid", "host-2.example.net", "localhost")
    assert facts.addresses == ("10.0.0.2", "fd00::2")
    assert facts.subject == "agent-1"
    assert facts.not_before == NOW - BACKDATED
    assert facts.not_after == NOW + 365 * DAY
    assert not facts.is_authority


@pytest.mark.parametrize(
    ("role", "server", "client"),
    [
        (Role.MASTER, True, True),
        (Role.ADMIN, True, True),
        (Role.AGENT, True, True),
        (Role.NODE, True, False),
        (Role.OPERATOR, False, True),
        (Role.VIEWER, False, True),
        (Role.CLIENT, False, True),
    ],
)
def test_the_key_of_a_person_serves_nothing_and_that_of_a_node_calls_nothing(
    role: Role, server: bool, client: bool
) -> None:
    purposes = issued(make_identity("prod-eu", role, "n")).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (ExtendedKeyUsageOID.SERVER_AUTH in purposes.value) is server
    assert (ExtendedKeyUsageOID.CLIENT_AUTH in purposes.value) is client


@given(
    name=st.text("abcXYZ019._-", min_size=1, max_size=128).filter(lambda name: name not in (".", "..")),
    role=st.sampled_from(Role),
)
@settings(max_examples=30)
def test_every_identity_is_read_back_from_its_certificate(name: str, role: Role) -> None:
    identity = make_identity("prod-eu", role, name)
    certificate = issued(identity)
    facts = describe(certificate)
    assert facts.identity == identity
    assert identity.server_name in facts.dns_names
    assert facts.serial == f"{certificate.serial_number:x}"


def test_serials_are_random() -> None:
    assert len({GRID.issue(AGENT, (), DAY, NOW).serial for _ in range(20)}) == 20


@given(
    st.one_of(
        st.ip_addresses().map(str), st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\.[a-z]{2,5}", fullmatch=True)
    )
)
def test_every_host_stands_in_its_certificate_once(host: str) -> None:
    facts = describe(issued(AGENT, host, host))
    try:
        assert facts.addresses == (str(ipaddress.ip_address(host)),)
    except ValueError:
        assert facts.dns_names[1:] == (host,)


@pytest.mark.parametrize(
    "host",
    ["", ".", "a b", "host:7000", "http://host", "*.example.net", "fe80::1%eth0", "[::1]", "1.2.3", "ho\0st", "é.net",
     "a/b"],
)  # fmt: skip
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        issued(AGENT, host)
    assert repr(host) in refused.value.message


@pytest.mark.parametrize(
    "host",
    ["master.prod-eu.sutra-grid", "MASTER.prod-eu.Sutra-Grid.", "agent-2.agent.prod-eu.sutra-grid", "sutra-grid"],
)
def test_no_certificate_names_another_server_of_the_grid_as_a_host(host: str) -> None:
    with pytest.raises(InvalidArgument):
        issued(AGENT, host)
    with pytest.raises(InvalidArgument):
        GRID.sign(make_request(new_key()), AGENT, [host], DAY, NOW)


def test_the_number_of_hosts_is_bounded() -> None:
    with pytest.raises(InvalidArgument):
        issued(AGENT, *(f"10.0.0.{n}" for n in range(101)))


def test_an_authority_issues_for_its_own_grid_only() -> None:
    with pytest.raises(InvalidArgument, match="other"):
        issued(make_identity("other", Role.MASTER, "m"))


def test_a_leaf_ends_with_its_authority_at_the_latest() -> None:
    assert issued(days=10_000_000).not_valid_after_utc == GRID.certificate.not_valid_after_utc


@pytest.mark.parametrize("lifetime", [timedelta(0), -DAY])
def test_a_lifetime_is_positive(lifetime: timedelta) -> None:
    with pytest.raises(InvalidArgument):
        GRID.issue(AGENT, (), lifetime, NOW)


@pytest.mark.parametrize("now", [NOW - DAY, NOW + timedelta(days=3651)])
def test_an_authority_out_of_its_time_issues_nothing(now: datetime) -> None:
    with pytest.raises(FailedPrecondition):
        GRID.issue(AGENT, (), DAY, now)


def test_a_request_gets_a_certificate_for_its_own_key() -> None:
    key = new_key()
    answer = GRID.sign(make_request(key), AGENT, ["10.0.0.2"], DAY, NOW)
    certificate = x509.load_pem_x509_certificate(answer.certificate_pem)
    assert fits(certificate, key)
    assert not fits(certificate, new_key())
    assert describe(certificate).identity == AGENT
    assert (answer.key_pem, answer.serial) == (b"", describe(certificate).serial)


def test_nothing_but_the_key_of_a_request_is_taken_over() -> None:
    """Otherwise an agent that joins could ask for the name of a master, or for the right to sign."""
    key = new_key()
    wishes = [
        x509.UniformResourceIdentifier("spiffe://prod-eu/master/evil"),
        x509.DNSName("master.prod-eu.sutra-grid"),
    ]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(wishes), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = request.public_bytes(serialization.Encoding.PEM)
    facts = describe(x509.load_pem_x509_certificate(GRID.sign(pem, AGENT, (), DAY, NOW).certificate_pem))
    assert facts.uris == (AGENT.uri,)
    assert facts.dns_names == (AGENT.server_name,)
    assert facts.subject == "agent-1"
    assert not facts.is_authority


def with_wrong_signature() -> bytes:
    request = x509.load_pem_x509_csr(make_request(new_key())).public_bytes(serialization.Encoding.DER)
    wrong = bytearray(request)
    wrong[-4] ^= 1
    return x509.load_der_x509_csr(bytes(wrong)).public_bytes(serialization.Encoding.PEM)


def request_of_ed25519() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nothing",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        GRID.certificate_pem,
        b"x" * 20_000,
        with_wrong_signature(),
        request_of_ed25519(),
        make_request(rsa.generate_private_key(65537, 1024)),
    ],
    ids=["empty", "text", "damaged", "a certificate", "large", "wrong signature", "ed25519", "small rsa"],
)
def test_a_request_that_cannot_be_signed_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidArgument) as refused:
        GRID.sign(pem, AGENT, (), DAY, NOW)
    assert refused.value.hint


def test_keys_of_other_tools_are_signed_too() -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate = x509.load_pem_x509_certificate(GRID.sign(make_request(key), AGENT, (), DAY, NOW).certificate_pem)
    assert describe(certificate).key_kind == "RSA 2048"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, True)


@pytest.mark.parametrize(
    ("ca", "key"),
    [
        (b"", GRID.key_pem),
        (GRID.certificate_pem, b""),
        (GRID.certificate_pem, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        (GRID.certificate_pem, key_to_pem(new_key())),
        (GRID.issue(AGENT, (), DAY, NOW).certificate_pem, GRID.key_pem),
    ],
    ids=["no certificate", "no key", "broken key", "another key", "a member's certificate"],
)
def test_an_authority_of_broken_or_unfit_files_is_refused(ca: bytes, key: bytes) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Authority.load(ca, key)
    assert refused.value.hint


def test_a_member_is_no_authority_even_with_its_key() -> None:
    leaf = GRID.issue(AGENT, (), DAY, NOW)
    with pytest.raises(InvalidArgument, match="may not sign"):
        Authority.load(leaf.certificate_pem, leaf.key_pem)


def test_a_new_key_is_p256() -> None:
    assert isinstance(new_key().curve, ec.SECP256R1)
