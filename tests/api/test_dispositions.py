"""Names of files as clients write them."""

import base64
import random
import time
from urllib.parse import quote

import pytest

from safelight_api import dispositions, parameters

NAME = "Grüße 漢字.png"
WORD = b"=?utf-8?B?" + base64.b64encode(NAME.encode()) + b"?="
PERCENT = quote(NAME).encode()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b'filename="Gr\xc3\xbc\xc3\x9fe.png"', "Grüße.png"),
        (b'filename="Gr\xfc\xdfe.png"', "Grüße.png"),
        (b'filename="a%22b%0D%0A.png"', 'a"b\r\n.png'),
        (b'filename="100%25.png"', "100%25.png"),
        (b'filename="a\\"b.png"', 'a"b.png'),
        (b'filename="a\\\\b.png"', "a\\b.png"),
        (b'filename="C:\\photos\\a.png"', "C:\\photos\\a.png"),
        (b'filename="a\\"', "a\\"),
        (b"filename=a.png", "a.png"),
        (b"filename=a b.png", "a b.png"),
        (b'FileName = "a.png"', "a.png"),
        (b'filename="a;b=c.png"', "a;b=c.png"),
        (b'filename=""', ""),
        (b"filename=", ""),
        (b'filename="a.png";', "a.png"),
        # urllib3 before 1.25: the extended form alone
        (b"filename*=utf-8''" + PERCENT, NAME),
        (b"filename*=UTF-8'de-DE'" + PERCENT, NAME),
        (b"filename*=\"utf-8''" + PERCENT + b'"', NAME),
        (b"filename*=utf-8''" + NAME.encode(), NAME),
        (b"filename*=iso-8859-1'en'%A3%20rates.png", "£ rates.png"),
        (b"filename*=us-ascii'en'a%20b.png", "a b.png"),
        # .NET: both
        (b'filename="' + WORD + b"\"; filename*=utf-8''" + PERCENT, NAME),
        (b"filename*=utf-8''" + PERCENT + b'; filename="plain.png"', NAME),
        (b"filename=\"a.png\"; filename*=UTF-8''b.png", "b.png"),
        # an extended form that cannot be read is none
        (b"filename=\"a.png\"; filename*=UTF-8''%FF.png", "a.png"),
        (b"filename=\"a.png\"; filename*=idna''b.png", "a.png"),
        (b"filename=\"a.png\"; filename*=undefined''b.png", "a.png"),
        (b'filename="a.png"; filename*=b.png', "a.png"),
        (b"filename*=unknown-8bit''b.png", ""),
        # in sections
        (b'filename*0="long"; filename*1="-name.png"', "long-name.png"),
        (b"filename*0*=utf-8''Gr%C3; filename*1*=%BC%C3%9Fe; filename*2=\".png\"", "Grüße.png"),
        (b"filename*0*=b.png", ""),
        # encoded words
        (b'filename="' + WORD + b'"', NAME),
        (b'filename="=?ISO-8859-1?Q?Gr=FC=DFe?= 1.png"', "Grüße 1.png"),
        (b'filename="=?utf-8?B?R3LD?= =?utf-8?B?vMOfZS5wbmc=?="', "Grüße.png"),
        (b'filename="=?utf-8*de?q?Gr=C3=BC?="', "Grü"),
        (b'filename="=?klingon?B?R3I=?="', "=?klingon?B?R3I=?="),
        (b'filename="=?utf-8?B?!?="', "=?utf-8?B?!?="),
        (b'filename="=?what?.png"', "=?what?.png"),
    ],
)
def test_file_names(written: bytes, name: str) -> None:
    for value in (b'form-data; name="file"; ' + written, b"Form-Data;name=file;" + written):
        assert dispositions.parse(value) == dispositions.Disposition("file", name)
    first = b"form-data; " + written + b'; name="file"'
    assert dispositions.parse(first) == dispositions.Disposition("file", name)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b'form-data; name="caption"', "caption"),
        (b"form-data; name=caption", "caption"),
        (b'form-data; name="\xe5\xad\x97"', "字"),
        (b"form-data; name*=utf-8''%E5%AD%97", "字"),
        (b'form-data; name="a%22b"', 'a"b'),
        (b'form-data; name=""', ""),
    ],
)
def test_a_field_has_a_name_and_no_file(value: bytes, name: str) -> None:
    assert dispositions.parse(value) == dispositions.Disposition(name, None)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"form-data",
        b'form-data; filename="a.png"',
        b'attachment; name="file"; filename="a.png"',
        b'form-data; name="file"; name="id"',
        b'form-data; name="file"; Name="id"',
        b'form-data; name="file"; filename="a"b.png"',
        b'form-data; name="file"; filename="a.png',
        b'form-data; name="file" filename="a.png"',
        b'form-data; name="file"; filename',
        b'form-data; name="file"; ="a.png"',
    ],
)
def test_what_is_ambiguous_or_malformed_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"parameter|field"):
        dispositions.parse(value)


def test_anything_is_read_or_refused() -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's choice
    dice = random.Random(seed)  # noqa: S311 - a test's choice
    pieces = [
        b'form-data; name="file"', b"; filename=", b"; filename*=", b"; filename*0*=", b'"', b"\\",
        b"utf-8''", b"iso-8859-1'x'", b"'", b"%", b"%FF", b"%22", b"=?utf-8?B?", b"=?utf-8?Q?",
        b"?=", b"=", b";", b" ", b"\n", b"\xff", b"\xc3\xbc", b"a.png", b"R3I=",
    ]  # fmt: skip
    for _ in range(3000):
        value = b"".join(dice.choices(pieces, k=dice.randrange(12)))
        try:
            parsed = dispositions.parse(pieces[0] + value)
        except ValueError:
            continue
        assert parsed.name == "file", (seed, value)
        assert parsed.file_name is None or "\ufffd" not in parsed.file_name, (seed, value)


def test_parameters_of_any_header() -> None:
    assert parameters.parse('Multipart/Form-Data ; Boundary = "a b" ;; charset=x;') == (
        "multipart/form-data",
        {"boundary": "a b", "charset": "x"},
    )


@pytest.mark.parametrize(
    "piece",
    [
        " ",
        "\t",
        '"',
        '\\"',
        "\\",
        ";",
        "; a",
        "=",
        "a= ",
        '="',
        ' "',
        "=?",
        "=?a?b?",
        "?=",
        "'",
        "%",
    ],
)
@pytest.mark.parametrize("start", ["a; b=", 'a; b="', "a; b", 'form-data; name="file"; filename='])
def test_no_header_keeps_the_process_busy(start: str, piece: str) -> None:
    """A head may have 64 KiB; what grows with their square would take minutes."""
    value = start + piece * (64 * 1024 // len(piece)) + '"x'
    started_at = time.process_time()
    for read in (parameters.parse, lambda text: dispositions.parse(text.encode("latin-1"))):
        try:
            read(value)
        except ValueError:
            continue
    assert time.process_time() - started_at < 5
