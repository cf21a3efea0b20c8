import pytest

from safelight_contract.env import Environment, ObjectStoreSettings, SettingsError

STORAGE = {
    "SAFELIGHT_S3_ENDPOINT": "http://127.0.0.1:7070/",
    "SAFELIGHT_S3_BUCKET": "photos",
    "SAFELIGHT_S3_ACCESS_KEY_ID": "key-id",
    "SAFELIGHT_S3_SECRET_ACCESS_KEY": "very-secret",
}


def test_text_has_defaults_and_says_what_is_missing() -> None:
    environment = Environment({"SAFELIGHT_A": "value", "SAFELIGHT_EMPTY": ""})
    assert environment.text("A") == "value"
    assert environment.text("EMPTY", "default") == "default"
    with pytest.raises(SettingsError, match=r"^SAFELIGHT_EMPTY must be set$"):
        environment.text("EMPTY")


@pytest.mark.parametrize("value", ["", "1", "10"])
def test_integers_within_bounds_are_read(value: str) -> None:
    environment = Environment({"SAFELIGHT_N": value})
    assert environment.integer("N", 5, least=1, most=10) == int(value or 5)


@pytest.mark.parametrize("value", ["0", "11", "-1", "1.5", "ten", "1e1", "nan"])
def test_other_integers_are_named_with_their_bounds(value: str) -> None:
    environment = Environment({"SAFELIGHT_N": value})
    with pytest.raises(SettingsError, match=f"SAFELIGHT_N must be .* from 1 to 10, not '{value}'"):
        environment.integer("N", 5, least=1, most=10)


def test_numbers_within_bounds_are_read() -> None:
    assert Environment({"SAFELIGHT_N": "0.5"}).number("N", 2, least=0.1, most=10) == 0.5
    assert Environment({}).number("N", 2, least=0.1, most=10) == 2


@pytest.mark.parametrize("value", ["0", "10.1", "fast", "nan", "inf", "-inf"])
def test_other_numbers_are_named_with_their_bounds(value: str) -> None:
    environment = Environment({"SAFELIGHT_N": value})
    with pytest.raises(SettingsError, match=r"SAFELIGHT_N must be a number from 0\.1 to 10"):
        environment.number("N", 2, least=0.1, most=10)


def test_a_choice_is_one_of_its_words() -> None:
    environment = Environment({"SAFELIGHT_C": "loud"})
    assert environment.choice("D", "low", ("low", "high")) == "low"
    with pytest.raises(SettingsError, match="SAFELIGHT_C must be one of low, high, not 'loud'"):
        environment.choice("C", "low", ("low", "high"))


def test_object_store_settings_are_read_and_hide_their_secrets() -> None:
    settings = ObjectStoreSettings.read(Environment(STORAGE))
    assert settings == ObjectStoreSettings(
        endpoint="http://127.0.0.1:7070",
        bucket="photos",
        region="us-east-1",
        access_key_id="key-id",
        secret_access_key="very-secret",  # noqa: S106 - no real secret
    )
    assert "very-secret" not in repr(settings)
    assert "key-id" not in repr(settings)


@pytest.mark.parametrize("name", STORAGE)
def test_each_missing_object_store_setting_is_named(name: str) -> None:
    variables = {key: value for key, value in STORAGE.items() if key != name}
    with pytest.raises(SettingsError, match=f"^{name} must be set$"):
        ObjectStoreSettings.read(Environment(variables))


@pytest.mark.parametrize("endpoint", ["storage:7070", "s3://photos", "ftp://storage"])
def test_an_endpoint_is_a_url(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="SAFELIGHT_S3_ENDPOINT must start with http"):
        ObjectStoreSettings.read(Environment(STORAGE | {"SAFELIGHT_S3_ENDPOINT": endpoint}))
