"""What a build says of itself: all that the policy names, no more than is there."""

import json
from importlib.metadata import PackageNotFoundError

import pytest
from PIL import features

from safelight_contract import policy
from safelight_processor import capabilities
from safelight_processor.__main__ import run_on_files


def test_this_build_reads_and_writes_all_that_the_policy_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_on_files(["--formats"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["readable"]) == [known.word for known in policy.FORMATS]
    assert list(told["writable"]) == [known.word for known in policy.OUTPUTS]
    for library in (*told["readable"].values(), *told["writable"].values()):
        name, number = library.split("/")
        assert name
        assert number[0].isdigit()


def test_a_codec_that_pillow_was_built_without_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "check", lambda codec: codec != "avif")
    assert policy.AVIF not in capabilities.readable()
    assert policy.AVIF not in capabilities.writable()
    assert policy.WEBP in capabilities.readable()


def test_heic_is_not_told_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        if package == "pillow-heif":
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(capabilities, "version", absent)
    assert policy.HEIF not in capabilities.readable()
