"""Every outcome has its exit code, and a bug is never the picture's fault."""

import hashlib
import io
import json
from dataclasses import replace
from importlib.metadata import version
from types import ModuleType

import pytest

import safelight_processor
from safelight_contract import policy
from safelight_contract.job import ExitCode, JobRequest, Manifest, SignedPut
from safelight_contract.recipe import Engine, Recipe, Rendition
from safelight_processor import renditions
from safelight_processor.__main__ import attempt
from safelight_processor.engines import pillow
from safelight_processor.errors import ImageRejected, StorageFailed
from safelight_processor.log import Log
from safelight_processor.original import Original
from tests.processor_image.helpers import BARE
from tests.support import images

PHOTO = images.photo(40, 30)
THE_IMAGE = replace(BARE, engine=Engine.PILLOW)
WITH_VARIANTS = Recipe(
    variants=(Rendition("w20", 20, formats=("webp", "jpeg")), Rendition("w10", 10)),
    engine=Engine.PILLOW,
)
FILES = ["image.jpg", "w20.webp", "w20.jpg", "w10.jpg"]
"""What it makes of a photo."""


class Memory:
    """A store in memory that may fail at one step, and notes the order of all."""

    def __init__(
        self,
        data: bytes = PHOTO,
        *,
        fails_at: str = "",
        error: Exception | None = None,
    ) -> None:
        self._data = data
        self._fails_at = fails_at
        self._error = error
        self.stored: dict[str, bytes] = {}

    def _step(self, name: str) -> None:
        if name == self._fails_at and self._error is not None:
            raise self._error

    def fetch(self, original: Original) -> None:
        """Deliver the data."""
        self._step("fetch")
        original.write(self._data)

    def store_image(self, file_name: str, data: bytes) -> None:
        """Keep the image."""
        self._step("image")
        self._step(file_name)
        self.stored[file_name] = data

    def store_manifest(self, data: bytes) -> None:
        """Keep the manifest."""
        self._step("manifest")
        self.stored["manifest"] = data


def request_for(data: bytes = PHOTO, recipe: Recipe = THE_IMAGE) -> JobRequest:
    nowhere = SignedPut("", {})
    return JobRequest(
        upload_id="9b2d6f0e-7c1a-4f7e-8a54-0f6f2f9f1a11",
        upload_uid="uid",
        attempt=3,
        file_name="photo.jpg",
        media_type="image/jpeg",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        source_url="",
        recipe=recipe,
        outputs={},
        manifest=nowhere,
        hint_url=None,
    )


def test_manifest_is_stored_last() -> None:
    store = Memory()
    manifest, code, _ = attempt(request_for(), store, Log(io.StringIO()))
    assert code == ExitCode.DONE
    assert list(store.stored) == ["image.jpg", "manifest"]
    assert manifest == Manifest.decode(store.stored["manifest"])
    assert manifest.attempt == 3


def test_manifest_comes_after_all_variants() -> None:
    """Whoever finds it finds every file that it names."""
    store = Memory()
    _, code, _ = attempt(request_for(recipe=WITH_VARIANTS), store, Log(io.StringIO()))
    assert code == ExitCode.DONE
    assert list(store.stored) == [*FILES, "manifest"]


@pytest.mark.parametrize("file_name", FILES)
def test_no_manifest_is_stored_if_a_file_is_not(file_name: str) -> None:
    error = StorageFailed(ExitCode.STORAGE_UNAVAILABLE, "it is down")
    store = Memory(fails_at=file_name, error=error)
    manifest, code, _ = attempt(request_for(recipe=WITH_VARIANTS), store, Log(io.StringIO()))
    assert (manifest, code) == (None, error.code)
    assert list(store.stored) == FILES[: FILES.index(file_name)]


OUTCOMES = {
    "rejected": ImageRejected(ExitCode.SOURCE_MISSING, "it is gone"),
    "storage": StorageFailed(ExitCode.STORAGE_UNAVAILABLE, "it is down"),
    "forbidden": StorageFailed(ExitCode.STORAGE_FORBIDDEN, "it has expired"),
}


@pytest.mark.parametrize("step", ["fetch", "image", "manifest"])
@pytest.mark.parametrize("error", OUTCOMES.values(), ids=OUTCOMES)
def test_failure_ends_with_its_own_code(
    step: str,
    error: ImageRejected | StorageFailed,
) -> None:
    stream = io.StringIO()
    store = Memory(fails_at=step, error=error)
    manifest, code, detail = attempt(request_for(), store, Log(stream))
    assert (manifest, code, detail) == (None, error.code, error.detail)
    assert "manifest" not in store.stored
    assert json.loads(stream.getvalue().splitlines()[-1])["code"] == error.code


@pytest.mark.parametrize("step", ["fetch", "image", "manifest"])
def test_bug_is_an_internal_error_that_tells_where_and_no_secret(step: str) -> None:
    stream = io.StringIO()
    store = Memory(fails_at=step, error=KeyError("https://s3/?X-Amz-Signature=secret"))
    _, code, detail = attempt(request_for(), store, Log(stream))
    assert (code, detail) == (ExitCode.INTERNAL_ERROR, "unexpected KeyError")
    assert "Signature" not in stream.getvalue()
    line = json.loads(stream.getvalue().splitlines()[-1])
    assert line["trace"][-1].endswith(" _step")


@pytest.mark.parametrize(
    ("module", "step"),
    [(pillow, "resize"), (pillow, "convert"), (pillow, "to_eight_bits"), (renditions, "visible")],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_bug_in_our_own_picture_code_is_not_a_corrupt_image(
    module: ModuleType,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise OSError("as Pillow would")

    monkeypatch.setattr(module, step, broken)
    _, code, _ = attempt(request_for(), Memory(), Log(io.StringIO()))
    assert code == ExitCode.INTERNAL_ERROR


def test_want_of_memory_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pillow, "resize", hungry)
    _, code, _ = attempt(request_for(), Memory(), Log(io.StringIO()))
    assert code == ExitCode.OUT_OF_MEMORY


@pytest.mark.parametrize("data", [PHOTO[:-1], b""], ids=["cut", "empty"])
def test_nothing_is_decoded_before_the_checksum_is_right(
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(policy, "sniff")
    _, code, _ = attempt(request_for(), Memory(data), Log(io.StringIO()))
    assert code == ExitCode.CHECKSUM_MISMATCH


def test_declared_type_must_be_the_real_one() -> None:
    data = images.photo(40, 30, policy.WEBP)
    _, code, detail = attempt(request_for(data), Memory(data), Log(io.StringIO()))
    assert code == ExitCode.UNSUPPORTED_FORMAT
    assert "image/webp" in detail


def test_version_is_that_of_the_package() -> None:
    assert safelight_processor.__version__ == version("safelight-processor")
