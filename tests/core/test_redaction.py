"""No secret leaves in a debug bundle."""

import json
import time

import pytest

from sutra_grid.core.redaction import (
    holds_secret,
    is_secret_name,
    redact_settings,
    redact_text,
    redact_values,
    secret_values,
)


@pytest.mark.parametrize(
    "text",
    [
        "registry_url=postgresql+psycopg://grid:s3cret@db.internal:5432/grid",
        "connecting to postgresql://grid:p@ss/s3cret@db:5432/x failed",
        "redis://:s3cret@127.0.0.1:6379/0",
        "PGPASSWORD=s3cret psql",
        "PGPASSWORD='s3cret and more' psql",
        '{"password": "s3cret"}',
        'password="a s3cret with spaces"',
        '{"message": "login with password=\\"a s3cret\\" failed"}',
        "redis-server --requirepass s3cret --port 1",
        "requirepass s3cret",
        "masterauth s3cret",
        "--api-key s3cret",
        "Authorization: Bearer s3cret",
        "Authorization: Basic s3cret",
        "curl -H 'X-Auth-Token: s3cret'",
        "db_password: s3cret",
        "aws_secret_access_key = s3cret",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ns3cret",
        "-----BEGIN EC PRIVATE KEY-----\ns3cret\n-----END EC PRIVATE KEY-----",
        "Cookie: theme=dark; session=s3cret; more=s3cret",
        "Set-Cookie: session=s3cret; Path=/; Secure",
        "curl -H 'Cookie: a=b; session=s3cret' http://h/",
        '{"headers": {"Cookie": "a=b; c=s3cret"}}',
        'authorization: Digest username="x", response="s3cret"'.replace('"', ""),
        "('authorization', 'Bearer s3cret')",
        "metadata: authorization=Bearer s3cret",
        "Proxy-Authorization: Basic s3cret",
        "refused sgt_s3cret-A9.x of 10.0.0.1",
        "sutra-grid-agent join master:7002 sgj_s3cret:4f2a",
        "MYSQL_PWD=s3cret",
        "REDISCLI_AUTH=s3cret redis-cli",
        "GET /status?token=s3cret&limit=1",
    ],
)
def test_no_secret_stays_in_a_text(text: str) -> None:
    redacted = redact_text(text)
    assert "s3cret" not in redacted
    assert "***" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "agent agent-1 at 127.0.0.1:7001 is offline; see http://127.0.0.1:7080/agents",
        'INFO master.registration "agent registered" agent=agent-1 session=ab12',
        "postgresql://db.internal:5432/grid: password authentication failed",
        '{"node_id": "node-1", "pid": 7, "keyspace": "a=b"}',
        "registry_password_file=/etc/sutra-grid/registry-password is empty",
        "PWD=/var/lib/node-1 SSH_ASKPASS=/usr/bin/askpass",
        "the cookie, the authorization header and the token are checked",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_settings_keep_their_names_and_lose_their_secrets() -> None:
    settings = {
        "master": {
            "listen": "127.0.0.1:7000",
            "registry_url": "postgresql://grid:s3cret@db/grid",
            "admin_token": "s3cret",
        },
        "engines": {
            "redis": {
                "binary_path": "/usr/bin/redis-server",
                "args": ["--port", "{port}", "--requirepass", "s3cret", "--masterauth=s3cret"],
                "environment": {"ANYTHING": "s3cret"},
            }
        },
        "tokens": ["s3cret"],
        "workers": 16,
    }
    redacted = redact_settings(settings)
    assert "s3cret" not in json.dumps(redacted)
    assert redacted["master"]["listen"] == "127.0.0.1:7000"
    assert redacted["master"]["registry_url"] == "postgresql://grid:***@db/grid"
    engine = redacted["engines"]["redis"]
    assert engine["environment"] == {"ANYTHING": "***"}
    assert engine["args"][:3] == ["--port", "{port}", "--requirepass"]
    assert redacted["workers"] == 16


def test_redacted_json_stays_json() -> None:
    text = json.dumps({"password": "x", "url": "a://b:c@d", "words": ["--token t", "token=t"]})
    assert json.loads(redact_text(text))["password"] == "***"


def test_the_place_of_a_secret_is_shown() -> None:
    settings = {"admin": {"secret_key_file": "/etc/key", "registry_password_file": "/etc/pw", "secret_key": "s3cret"}}
    assert redact_settings(settings)["admin"] == {
        "secret_key_file": "/etc/key",
        "registry_password_file": "/etc/pw",
        "secret_key": "***",
    }


@pytest.mark.parametrize(
    "name", ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN", "MYSQL_PWD", "REDISCLI_AUTH", "GH_TOKENS", "API_KEY"]
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "OLDPWD", "TOKENIZERS_PARALLELISM", "PGPASSFILE", "SSH_ASKPASS", "POSTGRES_PASSWORD_FILE"]
)
def test_names_of_what_is_no_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_a_value_is_a_secret_by_its_form() -> None:
    assert holds_secret("postgresql://grid:s3cret@db/grid")
    assert holds_secret("-----BEGIN PRIVATE KEY-----\nAA")
    assert holds_secret("sgt_0123456789")
    assert not holds_secret("http://proxy.internal:3128")


def test_a_known_value_is_replaced_wherever_it_appears() -> None:
    settings = {
        "master": {"registry_url": "postgresql://grid:p%40ss%2Fword@db/grid", "admin_token": "first-one"},
        "engines": {
            "redis": {
                "args": ["--requirepass", "second-one", "--masterauth=third-one", "--port", "{port}"],
                "environment": {"ANYTHING": "fourth-one", "HOME": "/var/lib/redis"},
            }
        },
    }
    values = secret_values(settings)
    text = 'x p%40ss%2Fword y p@ss/word z "first-one" second-one,third-one;fourth-one /var/lib/redis {port}'
    assert redact_values(text, values) == 'x *** y *** z "***" ***,***;*** /var/lib/redis {port}'


def test_a_short_value_is_not_replaced_everywhere() -> None:
    assert redact_values("the grid is healthy", {"grid", "", "a"}) == "the grid is healthy"


@pytest.mark.parametrize("text", ["x" * 50_000, "/readyz?" + "x" * 50_000, "a.b-c_" * 8_000, "http" * 12_000])
def test_a_long_text_is_looked_through_at_once(text: str) -> None:
    begun = time.process_time()
    assert redact_text(text) == text
    assert time.process_time() - begun < 2.0, "anybody may send one in a path, which is logged"
