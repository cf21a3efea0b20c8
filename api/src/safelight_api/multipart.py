"""The form of an upload: multipart/form-data with one file part named `file`, and nothing else.

python-multipart parses (its own bounds: 8 headers of 4 KiB for each part, a boundary of 256 bytes);
this module says what is accepted. It is fed piece by piece and keeps nothing but the current piece.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from safelight_api.errors import ApiError, invalid

FIELD: Final = "file"
MAX_OVERHEAD_BYTES: Final = 64 * 1024
"""Of boundaries, headers, preamble and epilogue, beside the file's own bytes."""
_MAX_SHOWN_NAME: Final = 64
_REQUIRED: Final = "The file field is required, once, with the image in it."


class UploadForm:
    """Takes a form in, piece by piece.

    Args:
        content_type: of the request.
        on_file_bytes: is called with every piece of the file.

    Raises:
        ApiError: 415 for another media type, 422 without a usable boundary.
    """

    def __init__(self, content_type: str | None, on_file_bytes: Callable[[bytes], None]) -> None:
        media_type, options = parse_options_header(content_type)
        if media_type != b"multipart/form-data":
            raise ApiError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the image as multipart/form-data."
            )
        self.file_name: str | None = None
        """Of the file part, as the client gave it; None before the part has begun."""
        self._is_complete = False
        self._on_file_bytes = on_file_bytes
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._part_begins,
                    "on_header_begin": self._header_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value_part,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_end": self._end,
                },
            )
        except (KeyError, FormParserError):
            raise _malformed() from None

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            ApiError: 422, the form is malformed, or has another part than the one file.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise _malformed() from None

    def finish(self) -> str:
        """Say that the body has ended; return the file's name.

        Raises:
            ApiError: 422, the form is incomplete or has no file.
        """
        if not self._is_complete:
            raise _malformed()
        if self.file_name is None:
            raise invalid(FIELD, _REQUIRED)
        return self.file_name

    def _part_begins(self) -> None:
        self._disposition = b""

    def _header_begins(self) -> None:
        self._header_name = b""
        self._header_value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition.decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise _malformed()
        name = options[b"name"].decode("utf-8", "replace")
        if name != FIELD:
            raise invalid(_shown(name), "Only the file field is accepted.")
        if self.file_name is not None or b"filename" not in options:
            raise invalid(FIELD, _REQUIRED)
        self.file_name = _file_name(options)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._on_file_bytes(data[start:end])

    def _end(self) -> None:
        self._is_complete = True


def _file_name(options: Mapping[bytes, bytes]) -> str:
    """Return the name; browsers write a quotation mark and line breaks in it as %22, %0D, %0A."""
    name = options[b"filename"].decode("utf-8", "replace")
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _shown(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:_MAX_SHOWN_NAME] or FIELD


def _malformed() -> ApiError:
    return invalid(FIELD, "The form is malformed or incomplete.")
