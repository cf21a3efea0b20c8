"""The processor: one image in, one safe image out."""

from typing import Final

__version__: Final = "0.1.0"
"""A constant, since reading the installed package's metadata costs a Job 20 ms of CPU."""
