"""The ways in which processing ends early, sorted by what to do next.

`ImageRejected` is final. `StorageFailed` may go away. Any other exception is a bug of ours, except
MemoryError, which says that the limit is too small.
"""

from safelight_contract.job import ExitCode


class ProcessingFailed(Exception):  # noqa: N818 - the names of its kinds say what happened
    """Processing ended without a result, for a reason that the contract has a code for.

    Args:
        code: how the process ends.
        detail: one line for people, from our own words only: no text of a file or of a server.
    """

    def __init__(self, code: ExitCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ImageRejected(ProcessingFailed):
    """The original is at fault: another attempt would end the same way."""


class StorageFailed(ProcessingFailed):
    """The object storage is at fault: another attempt may succeed."""
