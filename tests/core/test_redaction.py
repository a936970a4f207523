"""No secret leaves in a debug bundle."""

import json

import pytest

from sutra_grid.core.redaction import redact_settings, redact_text


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
