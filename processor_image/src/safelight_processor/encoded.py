"""A finished image: what is stored, and what the manifest says of it."""

from dataclasses import dataclass

from safelight_contract import keys
from safelight_contract.policy import Format


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The image itself or one of its variants."""

    name: str
    """`keys.MAIN`, or the name of a variant."""
    format: Format
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    data: bytes

    @property
    def file_name(self) -> str:
        """What the file is called among those of its attempt."""
        return keys.file_name(self.name, self.format)
