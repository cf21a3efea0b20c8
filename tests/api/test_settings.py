from dataclasses import replace
from pathlib import Path

import pytest

from safelight_api.settings import Settings
from safelight_contract import policy
from safelight_contract.env import Environment, SettingsError


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {
        "SAFELIGHT_S3_ENDPOINT": "http://127.0.0.1:1",
        "SAFELIGHT_S3_BUCKET": "bucket",
        "SAFELIGHT_S3_ACCESS_KEY_ID": "key",
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": "secret",
        "SAFELIGHT_NAMESPACE": "default",
        "SAFELIGHT_TOKENS_DIRECTORY": str(tmp_path),
    }


def test_what_must_be_set_is_enough(variables: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.read(Environment(variables))
    assert settings == replace(
        settings,
        tokens_directory=tmp_path,
        temporary_directory=None,
        host="0.0.0.0",  # noqa: S104 - the default under test
        port=8080,
        metrics_port=9090,
        inner_connections=64,
        accepted_formats=policy.FORMATS,
        max_upload_bytes=policy.MAX_UPLOAD_BYTES,
        max_pending=1000,
        max_pending_per_token=250,
        upload_idle_seconds=15,
        upload_total_seconds=120,
        upload_least_rate=1024,
        s3_connections=16,
        path_prefix="",
        trusted_proxies=(),
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAMESPACE", ""),
        ("TOKENS_DIRECTORY", "/does/not/exist"),
        ("PORT", "70000"),
        ("INNER_CONNECTIONS", "0"),
        ("ACCEPTED_FORMATS", "jpeg,bmp"),
        ("ACCEPTED_FORMATS", "jpeg,jpeg"),
        ("ACCEPTED_FORMATS", "jpeg,"),
        ("ACCEPTED_FORMATS", "JPEG"),
        ("MAX_UPLOAD_BYTES", str(policy.MAX_UPLOAD_BYTES + 1)),
        ("MAX_PENDING", "0"),
        ("MAX_PENDING_PER_TOKEN", "0"),
        ("UPLOAD_IDLE_SECONDS", "soon"),
        ("UPLOAD_LEAST_RATE", "0"),
        ("S3_CONNECTIONS", "1.5"),
        ("LOG_LEVEL", "loud"),
        ("PATH_PREFIX", "photos"),
        ("PATH_PREFIX", "//evil.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=f"SAFELIGHT_{name} must"):
        Settings.read(Environment(variables | {f"SAFELIGHT_{name}": value}))


def test_accepted_formats(variables: dict[str, str]) -> None:
    chosen = variables | {"SAFELIGHT_ACCEPTED_FORMATS": "heic, jpeg"}
    assert Settings.read(Environment(chosen)).accepted_formats == (policy.HEIF, policy.JPEG)


def test_a_prefix_and_proxies(variables: dict[str, str]) -> None:
    chosen = variables | {
        "SAFELIGHT_PATH_PREFIX": "/photos/",
        "SAFELIGHT_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::7",
    }
    settings = Settings.read(Environment(chosen))
    assert settings.path_prefix == "/photos"
    assert [str(network) for network in settings.trusted_proxies] == [
        "10.0.0.0/8",
        "2001:db8::7/128",
    ]
