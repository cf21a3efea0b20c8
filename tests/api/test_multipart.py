import time

import pytest

from safelight_api.errors import ApiError
from safelight_api.multipart import UploadForm

TYPE = 'multipart/form-data; boundary="b"'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
END = b"\r\n--b--\r\n"


CLOSED = b"--b--\r\n"


def part(disposition: bytes, content: bytes = b"x", more: bytes = b"") -> bytes:
    """Return one part of a form, with more headers."""
    head = b"--b\r\nContent-Disposition: " + disposition + b"\r\n" + more
    return head + b"\r\n" + content + b"\r\n"


def text(name: str, value: bytes) -> bytes:
    """Return a text field."""
    return part(f'form-data; name="{name}"'.encode(), value)


def refused(body: bytes, piece: int = 1 << 20) -> list[str]:
    """Return the fields that a refusal names."""
    with pytest.raises(ApiError) as error:
        read(body, piece)
    assert error.value.status == 422
    return list(error.value.errors or {})


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


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_preamble_padding_and_an_epilogue_are_ignored(piece: int) -> None:
    """RFC 2046, section 5.1.1."""
    padded = FILE.replace(b"--b\r\n", b"--b \t\r\n", 1)
    body = b"This is a message in MIME format.\r\n" + padded + b"x\r\n--b-- \r\nThe end."
    assert read(body, piece) == ("a.jpg", b"x")


@pytest.mark.parametrize(
    ("disposition", "more", "name"),
    [
        (b'form-data; name="file"; filename="a.jpg"', b"", "a.jpg"),
        (b"form-data; name=file; filename*=utf-8''%C3%BC.jpg", b"", "ü.jpg"),
        (b'form-data; name="file"; filename=""', b"", ""),
        (b'form-data; name="file"', b"Content-Type: image/png\r\n", ""),
        (b'form-data; name="file"', b"content-type:application/octet-stream\r\n", ""),
        (
            b'form-data; name="file"; filename="a.jpg"',
            b"Content-Transfer-Encoding: binary\r\nContent-Type: text/plain\r\n",
            "a.jpg",
        ),
    ],
)
def test_what_is_a_file(disposition: bytes, more: bytes, name: str) -> None:
    assert read(part(disposition, more=more) + CLOSED) == (name, b"x")


OTHERS = {
    "Uppy": text("relativePath", b"null") + text("type", b"image/png") + text("name", b"a.jpg"),
    "FilePond": text("file", b"{}"),
    "JSON under the same name": part(
        b'form-data; name="file"', b"{}", more=b"Content-Type: application/json\r\n"
    ),
    "Rails or Laravel": text("authenticity_token", b"x") + text("_token", b"x"),
    "a field without a name": text("", b"1"),
    "a name that is not ASCII": part(b"form-data; name*=utf-8''%C3%BC", b"1"),
    "a reference": text("reference", b"x" * 300),
    "an array": text("tags[]", b"a") + text("tags[]", b"b"),
    "another input where nothing was chosen": part(
        b'form-data; name="photo"; filename=""',
        b"",
        more=b"Content-Type: application/octet-stream\r\n",
    ),
    "the most fields": text("x", b"") * 100,
    "the most text": text("x", b"y" * 32 * 1024) * 2,
}


@pytest.mark.parametrize("piece", [7, 1 << 20])
@pytest.mark.parametrize("case", OTHERS)
def test_other_fields_are_ignored_before_and_behind_the_file(case: str, piece: int) -> None:
    file = FILE + b"x\r\n"
    assert read(OTHERS[case] + file + CLOSED, piece) == ("a.jpg", b"x")
    assert read(file + OTHERS[case] + CLOSED, piece) == ("a.jpg", b"x")


REFUSED: dict[str, tuple[bytes, list[str]]] = {
    "id": (text("id", b"1"), ["id"]),
    "path": (text("path", b"1"), ["path"]),
    "extension": (text("extension", b"1"), ["extension"]),
    "mime_type": (text("mime_type", b"1"), ["mime_type"]),
    "size": (text("size", b"1"), ["size"]),
    "another name": (text("name", b"b.jpg"), ["name"]),
    "a name that is too long": (text("name", b"a.jpg" * 2000), ["name"]),
    "the right name, and another": (text("name", b"a.jpg") + text("name", b"x"), ["name"]),
    "too many fields": (text("x", b"") * 101, ["form"]),
    "too much text": (text("x", b"y" * 32 * 1024) * 2 + text("z", b"1"), ["form"]),
}


@pytest.mark.parametrize("piece", [7, 1 << 20])
@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_beside_the_file_is_named(case: str, piece: int) -> None:
    more, fields = REFUSED[case]
    file = FILE + b"x\r\n"
    assert refused(more + file + CLOSED, piece) == fields
    assert refused(file + more + CLOSED, piece) == fields


@pytest.mark.parametrize("case", REFUSED)
def test_a_missing_file_is_told_whatever_else_is_wrong(case: str) -> None:
    more, fields = REFUSED[case]
    expected = ["file"] if case.startswith(("another name", "a name", "the right")) else fields
    assert refused(more + CLOSED) == [*dict.fromkeys([*expected, "file"])]


@pytest.mark.parametrize(
    "more",
    [
        FILE + b"second\r\n",
        part(b'form-data; name="photo"; filename="a.jpg"'),
        part(b'form-data; name="photo"', more=b"Content-Type: image/png\r\n"),
        part(b'form-data; name="photo"; filename=""', b"not nothing"),
        part(b'form-data; name="id"; filename="a.jpg"'),
    ],
)
def test_one_file_alone_and_under_its_name(more: bytes) -> None:
    file = FILE + b"x\r\n"
    assert refused(file + more + CLOSED) == ["file"]
    assert refused(more + file + CLOSED) == ["file"]


def test_endless_fields_are_not_read_to_their_end() -> None:
    form = UploadForm(TYPE, bytearray().extend)
    form.feed(text("x", b"") * 199)
    with pytest.raises(ApiError) as error:
        form.feed(text("x", b"") * 2)
    assert list(error.value.errors or {}) == ["form"]


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
        FILE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b"eA==" + END,
        FILE.replace(b"\r\n\r\n", b"\r\nContent-Disposition: form-data; name=id\r\n\r\n")
        + b"x"
        + END,
        b"x" * 100_000,
    ],
)
def test_a_malformed_form_is_refused_quickly(body: bytes) -> None:
    started_at = time.process_time()
    assert refused(body) == ["file"]
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
        ("multipart/form-data; boundary=b; boundary=c", 422),
        ('multipart/form-data; boundary="b', 422),
        ("multipart/form-data; boundary=\xfc", 422),
        ("multipart/form-data; boundary=other", 422),
        ("multipart/form-data; boundary=" + "b" * 257, 422),
    ],
)
def test_only_multipart_with_a_boundary(content_type: str | None, status: int) -> None:
    with pytest.raises(ApiError) as error:
        read(FILE + b"x" + END, content_type=content_type)
    assert error.value.status == status
    assert list(error.value.errors or {}) == ["file"]


@pytest.mark.parametrize(
    ("content_type", "word"),
    [
        ("multipart/form-data", "names no boundary"),
        ("multipart/form-data; charset=utf-8", "names no boundary"),
        ("multipart/form-data; boundary=" + "b" * 257, "boundary that the Content-Type names is"),
        ("multipart/form-data; boundary=other", "does not begin the form"),
    ],
)
def test_a_refusal_names_the_boundary(content_type: str, word: str) -> None:
    with pytest.raises(ApiError, match=word):
        read(FILE + b"x" + END, content_type=content_type)


@pytest.mark.parametrize(
    "content_type",
    ['Multipart/Form-Data; Boundary="b"', "multipart/form-data ; x=y ; boundary = b;"],
)
def test_a_content_type_as_it_may_be_written(content_type: str) -> None:
    assert read(FILE + b"x" + END, content_type=content_type) == ("a.jpg", b"x")
