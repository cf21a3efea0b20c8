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
from tests.api import making

ID = "550e8400-e29b-41d4-a716-446655440000"


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
        header = names.attachment(download, ID)
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
        ("made by/hand\u202egpj.exe", "handgpj.jpg"),
    ],
)
def test_a_download_has_the_extension_of_what_was_written(name: str, download: str) -> None:
    assert names.for_download(name, policy.JPEG) == download


def test_a_variant_has_a_name_of_its_own() -> None:
    assert names.for_download("photo.png", policy.AVIF, "w640") == "photo-w640.avif"


@pytest.mark.parametrize(
    ("name", "plain", "extended"),
    [
        ("photo 1.jpg", "photo 1.jpg", "photo%201.jpg"),
        (
            'Grüße "1"; 漢.jpg',
            "Gru_e _1__ _-550e8400.jpg",
            "Gr%C3%BC%C3%9Fe%20%221%22%3B%20%E6%BC%A2.jpg",
        ),
        ("漢.jpg", "image-550e8400.jpg", "%E6%BC%A2.jpg"),
        ("\u200b.jpg", "image-550e8400.jpg", "%E2%80%8B.jpg"),
        ("🌍 1.jpg", "_ 1-550e8400.jpg", "%F0%9F%8C%8D%201.jpg"),
        ("100%.jpg", "100_-550e8400.jpg", "100%25.jpg"),
        (
            "\uff0fetc\uff0fpasswd.jpg",
            "_etc_passwd-550e8400.jpg",
            "%EF%BC%8Fetc%EF%BC%8Fpasswd.jpg",
        ),
    ],
)
def test_attachment(name: str, plain: str, extended: str) -> None:
    assert names.attachment(name, ID) == (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"
    )


def test_files_of_different_names_keep_different_plain_names() -> None:
    """Programs that know the plain name alone would else refuse the second one, or overwrite."""
    given = ["漢字一.png", "漢字二.png", "é.png", "e.png", "_.png", "\u202e.png", ".png", "", "…"]
    headers = {
        names.attachment(names.for_download(names.clean(name), policy.PNG), making.an_id())
        for name in given
    }
    plain = {_read(header)[0] for header in headers}
    assert len(plain) == len(given) - 1, "only \u202e.png and .png are the same name"
