"""The form of an upload: multipart/form-data with one file part named `file`.

python-multipart parses (its own bounds: 8 headers of 4 KiB for each part, a boundary of 256 bytes);
this module says what is accepted. It is fed piece by piece and keeps nothing but the current piece,
and of text fields `name` alone: the others are counted and ignored, and a few are refused.

Whatever else is wrong with a form, it is read on, within bounds, until its file begins or it ends:
so a refusal can tell whether the file is missing too.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Never

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import DEFAULT_MAX_HEADER_COUNT, DEFAULT_MAX_HEADER_SIZE

from safelight_api import dispositions, fields, names, parameters
from safelight_api.dispositions import Disposition
from safelight_api.errors import ApiError, invalid, unsupported
from safelight_api.preamble import NoBoundaryError, Preamble

FIELD: Final = "file"
FORM: Final = "form"
"""What `errors` calls the form itself."""
MEDIA_TYPE: Final = "multipart/form-data"
MAX_OVERHEAD_BYTES: Final = fields.MAX_TEXT_BYTES + 64 * 1024
"""Of text, boundaries, headers, preamble and epilogue, beside the file's own bytes."""
_MAX_SHOWN_NAME: Final = 64
_MAX_NAME_BYTES: Final = 4096
"""Of the field `name` that are kept: no header with a file's name is longer."""
_BOUNDARY: Final = re.compile(r"[ -~]{1,256}")
_IN_BYTES: Final = frozenset({"", "7bit", "8bit", "binary"})
"""Transfer encodings that leave bytes as they are (RFC 2045, section 6.2)."""

_REQUIRED: Final = "The file field is required, once, with the image in it."
_NO_FILE: Final = (
    "The file field is required, with the image in it. The field that was sent under this name is a"
    " text: its part has neither a file name nor the Content-Type of a file."
)
_NO_BOUNDARY: Final = (
    "The Content-Type names no boundary. Leave this header to what makes the form: it knows the"
    " boundary."
)
_BAD_BOUNDARY: Final = "The boundary that the Content-Type names is malformed or too long."
_OTHER_BOUNDARY: Final = "The boundary that the Content-Type names does not begin the form."
_MALFORMED: Final = (
    f"The form is malformed: its lines must end with CR and LF, and its parts have at most"
    f" {DEFAULT_MAX_HEADER_COUNT} headers of {DEFAULT_MAX_HEADER_SIZE} bytes."
)
_CUT: Final = "The form is incomplete: it ends before its last boundary."


class UploadForm:
    """Takes a form in, piece by piece.

    Args:
        content_type: of the request.
        on_file_bytes: is called with every piece of the file.

    Raises:
        ApiError: 415 for another media type, 422 without a usable boundary.
    """

    def __init__(self, content_type: str | None, on_file_bytes: Callable[[bytes], None]) -> None:
        boundary = _boundary(content_type)
        self.file_name: str | None = None
        """Of the file part, as the client gave it; None before the part has begun."""
        self._is_complete = False
        self._on_file_bytes = on_file_bytes
        self._problems: dict[str, list[str]] = {}
        self._count = fields.FieldCount()
        self._required = _REQUIRED
        self._names: set[str] = set()
        self._name = b""
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._take: Callable[[bytes], None] = self._text
        self._preamble = Preamble(boundary)
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_begin": self._header_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value_part,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            ApiError: 422, the form is malformed, or has what it must not have.
        """
        try:
            if data := self._preamble.feed(data):
                self._parser.write(data)
        except NoBoundaryError:
            self._refuse(FIELD, _OTHER_BOUNDARY)
        except FormParserError:
            self._refuse(FIELD, _MALFORMED)

    def finish(self) -> str:
        """Say that the body has ended; return the file's name.

        Raises:
            ApiError: 422, the form is incomplete, has no file, or what it must not have.
        """
        if not self._is_complete:
            self._refuse(FIELD, _CUT if self._preamble.is_over else _OTHER_BOUNDARY)
        if self.file_name is None:
            self._refuse(FIELD, self._required)
        return self.file_name

    def _part_begins(self) -> None:
        self._headers = {}

    def _header_begins(self) -> None:
        self._header_name = b""
        self._header_value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        name = self._header_name.lower()
        if name in self._headers:
            self._refuse(FIELD, f"A part of the form has the header {_shown(name)} twice.")
        self._headers[name] = self._header_value.strip()

    def _headers_finished(self) -> None:
        try:
            part = dispositions.parse(self._headers.get(b"content-disposition", b""))
        except ValueError:
            self._refuse(
                FIELD,
                "A part of the form has no Content-Disposition, or a malformed one: it must be"
                " form-data with a name.",
            )
        if part.name != FIELD:
            self._begin_other(part)
        elif part.file_name is None and not _is_binary(self._media_type):
            self._required = _NO_FILE
            self._begin_text()
        elif self.file_name is not None:
            self._refuse(FIELD, "The form has two files: send each in a request of its own.")
        else:
            self._begin_file(part.file_name or "")

    @property
    def _media_type(self) -> str:
        return self._headers.get(b"content-type", b"").partition(b";")[0].decode("latin-1").lower()

    def _begin_file(self, file_name: str) -> None:
        encoding = self._headers.get(b"content-transfer-encoding", b"").decode("latin-1").lower()
        if encoding not in _IN_BYTES:
            self._refuse(FIELD, "Send the file as it is: Content-Transfer-Encoding is not decoded.")
        self.file_name = file_name
        for name in self._names:
            self._check_name(name)
        self._raise_problems()
        self._take = self._on_file_bytes

    def _begin_other(self, part: Disposition) -> None:
        """Begin a part that is not the file: a field, or a file where none should be."""
        if part.file_name or (part.file_name is None and _is_image(self._media_type)):
            self._refuse(FIELD, f"Send the file in the field {FIELD}, not in {_shown(part.name)}.")
        self._begin_text()
        if part.file_name is not None:
            # What a browser sends for a field where no file was chosen.
            self._take = self._unchosen
        elif part.name == fields.NAME:
            self._name = b""
            self._take = self._name_text
        elif part.name in fields.FORBIDDEN:
            self._note(part.name, f"The {part.name} field must not be sent: it comes of the file.")

    def _begin_text(self) -> None:
        self._count.fields += 1
        self._check_count()
        self._take = self._text

    def _text(self, data: bytes) -> None:
        self._count.text_bytes += len(data)
        self._check_count()

    def _name_text(self, data: bytes) -> None:
        self._text(data)
        self._name += data[: _MAX_NAME_BYTES + 1 - len(self._name)]

    def _unchosen(self, _data: bytes) -> None:
        self._refuse(FIELD, f"Send the file in the field {FIELD}, and none in another.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._take(data[start:end])

    def _part_ends(self) -> None:
        if self._take != self._name_text:
            return
        name = dispositions.text_of(self._name)
        self._names.add(name)
        if self.file_name is not None:
            self._check_name(name)

    def _end(self) -> None:
        self._is_complete = True

    def _check_name(self, name: str) -> None:
        """Refuse a field `name` that says something else than the file part does."""
        given = self.file_name or ""
        if name not in {given, names.clean(given)}:
            self._note(fields.NAME, "The name field must be the name of the file, or not be sent.")

    def _check_count(self) -> None:
        if self._count.exceeds():
            self._note(
                FORM,
                f"The form may have at most {fields.MAX_FIELDS} text fields beside the file, and"
                f" {fields.MAX_TEXT_BYTES} bytes of text in them.",
            )
        if self._count.exceeds(2):
            self._raise_problems()

    def _note(self, field: str, text: str) -> None:
        """Keep a problem until it is known whether the file is missing as well."""
        self._problems[field] = [text]
        if self.file_name is not None:
            self._raise_problems()

    def _refuse(self, field: str, text: str) -> Never:
        self._problems.setdefault(field, [text])
        self._raise_problems()
        raise AssertionError("there is a problem")

    def _raise_problems(self) -> None:
        if self._problems:
            detail = next(iter(self._problems.values()))[0]
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=self._problems)


def _boundary(content_type: str | None) -> bytes:
    """Return the boundary that a form's Content-Type names.

    Raises:
        ApiError: 415, it is no form; 422, it names none, or none that can be used.
    """
    value = content_type or ""
    if value.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise unsupported(FIELD, f"Send the image as {MEDIA_TYPE}.")
    try:
        _, options = parameters.parse(value)
    except ValueError:
        raise invalid(FIELD, _BAD_BOUNDARY) from None
    boundary = options.get("boundary", "")
    if not boundary:
        raise invalid(FIELD, _NO_BOUNDARY)
    if _BOUNDARY.fullmatch(boundary) is None:
        raise invalid(FIELD, _BAD_BOUNDARY)
    return boundary.encode("ascii")


def _is_binary(media_type: str) -> bool:
    """Whether a part without a file name is a file nevertheless (RFC 7578, section 4.2)."""
    is_text = media_type.startswith("text/") or media_type.endswith(("/json", "+json"))
    return bool(media_type) and not is_text


def _is_image(media_type: str) -> bool:
    """Whether a part without a file name, under another name than the file's, looks like it."""
    return media_type.startswith("image/") or media_type == "application/octet-stream"


def _shown(name: str | bytes) -> str:
    text = name if isinstance(name, str) else name.decode("latin-1")
    return "".join(c for c in text if c.isprintable())[:_MAX_SHOWN_NAME] or "another"
