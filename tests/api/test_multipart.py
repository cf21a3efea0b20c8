import time

import pytest

from safelight_api.errors import ApiError
from safelight_api.multipart import UploadForm

TYPE = 'multipart/form-data; boundary="b"'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
END = b"\r\n--b--\r\n"


def part(disposition: bytes, content: bytes = b"x") -> bytes:
    """Return one part of a form."""
    return b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n"


def read(body: bytes, piece: int = 1 << 20, content_type: str | None = TYPE) -> tuple[str, bytes]:
    """Return the name and the bytes of a form's file, fed in pieces."""
    taken = bytearray()
    form = UploadForm(content_type, taken.extend)
    for start in range(0, len(body), piece):
        form.feed(body[start : start + piece])
    return form.finish(), bytes(taken)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_a_file_in_pieces(piece: int) -> None:
    content = b"\r\n--b\r-\n--" * 20
    body = FILE + content + END
    assert read(body, piece) == ("a.jpg", content)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="file"; filename="Gr\xc3\xbc\xc3\x9fe.jpg"', "Grüße.jpg"),
        (b'form-data; name="file"; filename="a%22b%0D%0A.jpg"', 'a"b\r\n.jpg'),
        (b'form-data; name="file"; filename="a\\"b.jpg"', 'a"b.jpg'),
        (b"form-data; name=file; filename=a.jpg", "a.jpg"),
        (b'form-data; filename="a;b.jpg"; name="file"', "a;b.jpg"),
        (b'form-data; name="file"; filename="\xff.jpg"', "\ufffd.jpg"),
        (b'form-data; name="file"; filename=""', ""),
        (b'form-data; name="file"; filename="a.jpg"; filename*=UTF-8\'\'evil', "a.jpg"),
    ],
)
def test_file_names(disposition: bytes, name: str) -> None:
    assert read(part(disposition) + b"--b--\r\n") == (name, b"x")


@pytest.mark.parametrize("field", ["id", "path", "name", "extension", "mime_type", "size", "other"])
@pytest.mark.parametrize("is_file", [False, True])
def test_another_field_is_refused_by_its_name(field: str, *, is_file: bool) -> None:
    disposition = f'form-data; name="{field}"' + ('; filename="x"' if is_file else "")
    for body in (
        part(disposition.encode()) + FILE + b"x" + END,
        FILE + b"x\r\n" + part(disposition.encode()) + b"--b--\r\n",
    ):
        with pytest.raises(ApiError) as refused:
            read(body)
        assert refused.value.status == 422
        assert list(refused.value.errors or {}) == [field]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b"no form",
        FILE + b"cut",
        FILE + b"no end\r\n--b\r\n",
        FILE + b"first\r\n" + FILE + b"second" + END,
        part(b'form-data; name="file"', b"a text, no file") + b"--b--\r\n",
        part(b"form-data") + b"--b--\r\n",
        part(b'attachment; name="file"; filename="a"') + b"--b--\r\n",
        b"--b\r\n\r\nno headers\r\n--b--\r\n",
        b"--b\r\nContent-Disposition\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 9 + b"\r\nx\r\n--b--\r\n",
        b"--b\r\nX: " + b"y" * 5000 + b"\r\n\r\nx\r\n--b--\r\n",
        b"x" * 100_000,
    ],
)
def test_a_malformed_form_is_refused_quickly(body: bytes) -> None:
    started_at = time.process_time()
    with pytest.raises(ApiError) as refused:
        read(body)
    assert refused.value.status == 422
    assert list(refused.value.errors or {}) == ["file"]
    assert time.process_time() - started_at < 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("", 415),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/mixed; boundary=b", 415),
        ("image/jpeg", 415),
        ("multipart/form-data", 422),
        ("multipart/form-data; boundary=", 422),
        ("multipart/form-data; boundary=" + "b" * 257, 422),
    ],
)
def test_only_multipart_with_a_boundary(content_type: str | None, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        read(FILE + b"x" + END, content_type=content_type)
    assert refused.value.status == status
