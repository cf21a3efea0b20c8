import random
import re
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from safelight_api import names
from safelight_contract import policy
from safelight_local import paths


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie: x=1.jpg"),
        ("a\x00b\x7f.png", "ab.png"),
        ("exe.\u202egpj", "exe.gpj"),
        ("\u2066a\u2069.jpg", "a.jpg"),
        ("\ud800a.jpg", "a.jpg"),
        ("  spaced .jpg ", "spaced .jpg"),
        ("Grüße 🌍.webp", "Grüße 🌍.webp"),
        ("", "image"),
        ("..", "image"),
        ("/", "image"),
        ("a/", "image"),
        (".jpg", ".jpg"),
    ],
)
def test_clean(given: str, kept: str) -> None:
    assert names.clean(given) == kept


def test_a_long_name_is_cut_at_a_character_and_keeps_its_extension() -> None:
    kept = names.clean("ü" * 300 + ".jpeg")
    assert len(kept.encode()) <= policy.MAX_FILE_NAME_BYTES
    assert kept == "ü" * 125 + ".jpeg"
    assert len(names.clean("x" * 10_000)) == 255
    assert len(names.clean("." + "x" * 300)) == 255


def _patterns() -> list[re.Pattern[str]]:
    """Return the patterns that the CRDs ask of a file name."""
    found = []
    for name in ("imageuploads", "availableimages"):
        definition = yaml.safe_load(Path(paths.CRDS, f"{name}.yaml").read_text())
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        field = schema["properties"]["spec"]["properties"]["fileName"]
        assert field["maxLength"] >= policy.MAX_FILE_NAME_BYTES
        found.append(re.compile(field["pattern"]))
    return found


def test_whatever_is_sent_satisfies_the_crds_and_goes_out_as_one_header_line() -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's choice
    dice = random.Random(seed)  # noqa: S311 - a test's choice
    alphabet = [*map(chr, range(256)), *"\"'\\/%;.\u202e\u2067\ud800\udfffü漢🌍e\u0301"]
    patterns = _patterns()
    for _ in range(2000):
        given = "".join(dice.choices(alphabet, k=dice.randrange(400)))
        kept = names.clean(given)
        assert all(pattern.search(kept) for pattern in patterns), (seed, given)
        assert 1 <= len(kept.encode()) <= policy.MAX_FILE_NAME_BYTES, (seed, given)
        download = names.for_download(kept, policy.WEBP)
        assert download.endswith(".webp"), (seed, given)
        header = names.attachment(download)
        assert header.isascii(), (seed, given)
        assert header.isprintable(), (seed, given)
        plain, extended = _read(header)
        assert extended == download, (seed, given)
        assert not set(plain) & set("/\\"), (seed, given)


def _read(header: str) -> tuple[str, str]:
    """Read both forms of a Content-Disposition, the plain one as the standard library does."""
    before, _, extended = header.partition("; filename*=UTF-8''")
    message = Message()
    message["Content-Disposition"] = before
    plain = message.get_filename()
    assert plain
    return plain, unquote(extended, errors="strict")


@pytest.mark.parametrize(
    ("name", "download"),
    [
        ("photo.png", "photo.jpg"),
        ("photo", "photo.jpg"),
        ("archive.tar.gz", "archive.tar.jpg"),
        (".hidden", ".hidden.jpg"),
    ],
)
def test_a_download_has_the_extension_of_what_was_written(name: str, download: str) -> None:
    assert names.for_download(name, policy.JPEG) == download


def test_a_variant_has_a_name_of_its_own() -> None:
    assert names.for_download("photo.png", policy.AVIF, "w640") == "photo-w640.avif"


def test_attachment() -> None:
    assert names.attachment('Grüße "1"; 漢.jpg') == (
        "attachment; filename=\"Grue _1__ .jpg\"; filename*=UTF-8''"
        "Gr%C3%BC%C3%9Fe%20%221%22%3B%20%E6%BC%A2.jpg"
    )
    assert names.attachment("漢.jpg") == (
        "attachment; filename=\"image.jpg\"; filename*=UTF-8''%E6%BC%A2.jpg"
    )
