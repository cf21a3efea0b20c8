import pytest

from safelight_contract.env import SettingsError
from safelight_contract.recipe import Recipe, Rendition
from safelight_operator.settings import Settings

REQUIRED = {
    "SAFELIGHT_NAMESPACE": "photos",
    "SAFELIGHT_POD_NAME": "safelight-operator-0",
    "SAFELIGHT_POD_IP": "10.0.0.1",
    "SAFELIGHT_PROCESSOR_IMAGE": "registry.example/processor:1",
    "SAFELIGHT_S3_ENDPOINT": "http://storage.example",
    "SAFELIGHT_S3_BUCKET": "photos",
    "SAFELIGHT_S3_ACCESS_KEY_ID": "id",
    "SAFELIGHT_S3_SECRET_ACCESS_KEY": "secret",
}


def test_the_defaults() -> None:
    settings = Settings.read(REQUIRED)
    assert (settings.hint_port, settings.health_port) == (8081, 9090)
    assert settings.inner_connections == 64
    assert settings.lease_name == "safelight-operator"
    assert (settings.max_concurrent_jobs, settings.jobs_per_second) == (20, 2)
    assert settings.failed_retention_seconds == 7 * 24 * 3600
    assert (settings.resync_seconds, settings.stalled_after_seconds) == (300, 30)
    assert (settings.sweep, settings.sweep_seconds) == ("report", 3600)
    assert settings.sweep_max_share == 0.1
    assert settings.processor.deadline_seconds == 600
    assert settings.processor.memory == "768Mi"
    assert settings.processor.pod == {}
    assert settings.recipe == Recipe()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.read({k: v for k, v in REQUIRED.items() if k != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAFELIGHT_HINT_PORT", "0"),
        ("SAFELIGHT_INNER_CONNECTIONS", "7"),
        ("SAFELIGHT_LOG_LEVEL", "loud"),
        ("SAFELIGHT_SWEEP", "yes"),
        ("SAFELIGHT_PROCESSOR_PULL_POLICY", "Sometimes"),
        ("SAFELIGHT_JOBS_PER_SECOND", "0"),
        ("SAFELIGHT_MAX_CONCURRENT_JOBS", "many"),
        ("SAFELIGHT_JOB_DEADLINE_SECONDS", "1800"),
        ("SAFELIGHT_PROCESSOR_POD", "[]"),
        ("SAFELIGHT_PROCESSOR_POD", "{"),
        ("SAFELIGHT_PROCESSOR_POD", '{"hostNetwork": true}'),
        ("SAFELIGHT_PROCESSOR_POD", '{"containers": []}'),
        ("SAFELIGHT_RECIPE", "{"),
        ("SAFELIGHT_RECIPE", "[]"),
        ("SAFELIGHT_RECIPE", '{"qualtiy": 80}'),
        ("SAFELIGHT_RECIPE", '{"quality": 101}'),
    ],
)
def test_a_malformed_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.read(REQUIRED | {name: value})


def test_the_pod_may_be_placed() -> None:
    text = '{"nodeSelector": {"pool": "images"}, "imagePullSecrets": [{"name": "registry"}]}'
    settings = Settings.read(REQUIRED | {"SAFELIGHT_PROCESSOR_POD": text})
    assert settings.processor.pod["nodeSelector"] == {"pool": "images"}


def test_a_recipe_is_read_and_its_fields_are_named() -> None:
    text = '{"format": "webp", "variants": [{"name": "small", "width": 320.0}]}'
    settings = Settings.read(REQUIRED | {"SAFELIGHT_RECIPE": text})
    assert settings.recipe == Recipe(format="webp", variants=(Rendition("small", 320),))
    text = '{"variants": [{"name": "small", "width": 320, "height": "x"}]}'
    with pytest.raises(SettingsError, match=r"SAFELIGHT_RECIPE .*variants\[0\]\.height"):
        Settings.read(REQUIRED | {"SAFELIGHT_RECIPE": text})


def test_secrets_are_not_shown() -> None:
    assert "'secret'" not in repr(Settings.read(REQUIRED))
