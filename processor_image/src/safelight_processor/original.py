"""The original while it arrives: counted, hashed and bounded, whoever delivers it."""

import hashlib
import io
import resource

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Recipe
from safelight_processor.errors import ImageRejected


def cpu_milliseconds() -> float:
    """Return the CPU time of this process since its start, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1000, 1)


def peak_memory_bytes() -> int:
    """Return the largest resident set that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def accepted_format(head: bytes, recipe: Recipe) -> Format:
    """Tell the format from the leading bytes.

    Raises:
        ImageRejected: it is none of those that the recipe accepts.
    """
    image_format = policy.sniff(head)
    if image_format is None or not recipe.accepts(image_format):
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT,
            "the leading bytes are those of no accepted format",
        )
    return image_format


class Original:
    """Holds the original in memory: it is small (20 MiB at most), and nothing reaches a disk.

    Args:
        size: how many bytes it must have.
        sha256: what they must hash to, in lower-case hexadecimal.

    Raises:
        ImageRejected: `size` is more than is accepted.
    """

    def __init__(self, size: int, sha256: str) -> None:
        if size > policy.MAX_UPLOAD_BYTES:
            raise ImageRejected(
                ExitCode.IMAGE_TOO_LARGE,
                f"the file has {size} bytes; at most {policy.MAX_UPLOAD_BYTES} are accepted",
            )
        self._size = size
        self._sha256 = sha256
        self.cpu_ms_before_first_byte: float | None = None
        """What the start of this process cost; None until a byte has arrived."""
        self.restart()

    def restart(self) -> None:
        """Forget all that has arrived: the delivery begins anew."""
        self.file = io.BytesIO()
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            ImageRejected: they are more than were uploaded.
        """
        if self.cpu_ms_before_first_byte is None:
            self.cpu_ms_before_first_byte = cpu_milliseconds()
        if self.file.tell() + len(chunk) > self._size:
            raise ImageRejected(
                ExitCode.CHECKSUM_MISMATCH,
                f"the stored file is longer than the {self._size} bytes that were uploaded",
            )
        self._digest.update(chunk)
        self.file.write(chunk)

    def verify(self) -> None:
        """Check that all bytes have arrived, and no others.

        Raises:
            ImageRejected: these are not the bytes that were uploaded.
        """
        if self._digest.hexdigest() != self._sha256:
            raise ImageRejected(
                ExitCode.CHECKSUM_MISMATCH,
                f"the stored file ({self.file.tell()} bytes) has another checksum"
                f" than the uploaded one ({self._size} bytes)",
            )

    def take(self) -> bytes:
        """Return all of it, and keep nothing."""
        with self.file:
            # Not a copy: the buffer is shared until the file is closed.
            return self.file.getvalue()

    def head(self) -> bytes:
        """Return the leading bytes that tell the format."""
        return self.file.getbuffer()[: policy.SNIFF_BYTES].tobytes()
