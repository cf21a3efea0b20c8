import pytest

from safelight_contract import policy

PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\r"


def box(major: bytes, *compatible: bytes) -> bytes:
    """Return the first box of an ISO media file."""
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", policy.JPEG, id="JFIF"),
        pytest.param(b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00", policy.JPEG, id="Exif"),
        pytest.param(b"\xff\xd8\xff", policy.JPEG, id="only the start of a JPEG"),
        pytest.param(PNG_HEAD, policy.PNG, id="PNG"),
        pytest.param(b"RIFF\x24\x00\x00\x00WEBP", policy.WEBP, id="WebP"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"\xff\xd8", None, id="cut JPEG"),
        pytest.param(PNG_HEAD[:7], None, id="cut PNG"),
        pytest.param(b"\x89PNG\n\x1a\n\x00\x00\x00\r", None, id="PNG after a text transfer"),
        pytest.param(b"RIFF\x24\x00\x00\x00WAVE", None, id="sound in RIFF"),
        pytest.param(b"RIFF\x24\x00\x00\x00WEB", None, id="cut WebP"),
        pytest.param(b"GIF89a\x01\x00\x01\x00\x80\x00", policy.GIF, id="GIF"),
        pytest.param(b"GIF87a", policy.GIF, id="old GIF"),
        pytest.param(b"GIF88a\x01\x00", None, id="no GIF"),
        pytest.param(b"II*\x00\x08\x00\x00\x00", None, id="TIFF"),
        pytest.param(b"BM\x36\x00\x00\x00", None, id="BMP"),
        pytest.param(b"\x00\x00\x00\x1cftypavif", policy.AVIF, id="AVIF"),
        pytest.param(box(b"avis", b"avis", b"msf1"), policy.AVIF, id="AVIF sequence"),
        pytest.param(box(b"mif1", b"mif1", b"avif"), policy.AVIF, id="AVIF by its second brand"),
        pytest.param(box(b"heic", b"mif1", b"heic"), policy.HEIF, id="HEIC"),
        pytest.param(box(b"mif1", b"heic"), policy.HEIF, id="HEIC by its second brand"),
        pytest.param(box(b"mif1"), policy.HEIF, id="HEIF of an unknown codec"),
        pytest.param(box(b"isom", b"mp42"), None, id="film"),
        pytest.param(box(b"isom") + b"avif", None, id="brand behind the box"),
        pytest.param(b"\x00\x00\x00\x1cftyp", None, id="cut box"),
        pytest.param(b"%PDF-1.7\n", None, id="PDF"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF", None, id="EPS"),
        pytest.param(b"<svg xmlns=", None, id="SVG"),
        pytest.param(b" \xff\xd8\xff\xe0", None, id="JPEG after a space"),
    ],
)
def test_the_format_is_told_from_the_first_bytes(
    head: bytes,
    expected: policy.Format | None,
) -> None:
    assert policy.sniff(head) is expected


def test_as_many_bytes_are_enough_as_the_policy_says() -> None:
    avif = box(b"mif1", b"miaf", b"MA1B", b"mif1", b"1pic", b"avif")
    for start in (b"\xff\xd8\xff", PNG_HEAD, b"RIFF\x24\x00\x00\x00WEBP", b"GIF89a", avif):
        whole = start + b"\x00" * 100
        assert policy.sniff(whole[: policy.SNIFF_BYTES]) is policy.sniff(whole) is not None


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)
def test_each_format_is_found_by_its_media_type(image_format: policy.Format) -> None:
    assert policy.format_of(image_format.media_type) is image_format


@pytest.mark.parametrize("media_type", ["image/tiff", "image/jpg", "IMAGE/JPEG", ""])
def test_other_media_types_are_refused_by_name(media_type: str) -> None:
    with pytest.raises(ValueError, match=f"{media_type!r} is not an accepted media type"):
        policy.format_of(media_type)


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda f: f.name)
def test_each_format_has_a_word_and_a_family_that_can_be_written(
    image_format: policy.Format,
) -> None:
    assert policy.format_named(image_format.word) is image_format
    assert set(policy.family(image_format)) <= set(policy.OUTPUTS)
    if image_format in policy.OUTPUTS:
        assert policy.family(image_format) == (image_format,)


@pytest.mark.parametrize("word", ["jpg", "heif", "JPEG", "", "same"])
def test_other_words_are_refused_with_the_known_ones(word: str) -> None:
    with pytest.raises(ValueError, match="is none of jpeg, png, webp, avif, gif, heic"):
        policy.format_named(word)
