"""The text fields beside the file: they are read, counted and ignored. Pure."""

from dataclasses import dataclass
from typing import Final

MAX_FIELDS: Final = 100
MAX_TEXT_BYTES: Final = 64 * 1024
"""Of all their values together."""
FORBIDDEN: Final = ("id", "path", "extension", "mime_type", "size")
"""What an upload says of itself: whoever sends one believes that it would count."""
NAME: Final = "name"
"""May be sent if it says what the file part says (Uppy does)."""


@dataclass(slots=True)
class FieldCount:
    """How many fields a form has had so far, and how much text in them."""

    fields: int = 0
    text_bytes: int = 0

    def exceeds(self, times: int = 1) -> bool:
        """Whether there are more than so many times the most."""
        return self.fields > times * MAX_FIELDS or self.text_bytes > times * MAX_TEXT_BYTES
