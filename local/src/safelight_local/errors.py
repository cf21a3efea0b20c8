"""The one error that this package raises for a person to read."""


class LocalError(Exception):
    """Something outside of this program is in the way; the message says what to do about it."""
