import hashlib

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_processor.errors import ImageRejected
from safelight_processor.original import Original

DATA = b"\xff\xd8\xff and what follows"
SHA256 = hashlib.sha256(DATA).hexdigest()


def test_whole_original_is_verified() -> None:
    original = Original(len(DATA), SHA256)
    original.write(DATA[:5])
    original.write(DATA[5:])
    original.verify()
    assert original.file.getvalue() == DATA
    assert original.head() == DATA[: policy.SNIFF_BYTES]


@pytest.mark.parametrize(
    "arrived",
    [b"", DATA[:-1], DATA[:-1] + b"X", DATA[:3]],
    ids=["nothing", "one byte less", "one byte other", "start"],
)
def test_other_bytes_are_refused(arrived: bytes) -> None:
    original = Original(len(DATA), SHA256)
    original.write(arrived)
    with pytest.raises(ImageRejected) as caught:
        original.verify()
    assert caught.value.code == ExitCode.CHECKSUM_MISMATCH


def test_one_byte_too_many_is_refused_at_once() -> None:
    original = Original(len(DATA), SHA256)
    original.write(DATA)
    with pytest.raises(ImageRejected) as caught:
        original.write(b"x")
    assert caught.value.code == ExitCode.CHECKSUM_MISMATCH
    assert original.file.getvalue() == DATA


def test_restart_forgets_what_arrived() -> None:
    original = Original(len(DATA), SHA256)
    original.write(DATA[:9])
    original.restart()
    original.write(DATA)
    original.verify()


def test_cost_of_the_start_is_taken_at_the_first_byte() -> None:
    original = Original(len(DATA), SHA256)
    costs = [original.cpu_ms_before_first_byte]
    for part in (DATA[:1], DATA[1:]):
        original.write(part)
        costs.append(original.cpu_ms_before_first_byte)
    before, first, last = costs
    assert before is None
    assert first is not None
    assert first > 0
    assert last == first


def test_more_bytes_than_are_accepted() -> None:
    assert Original(policy.MAX_UPLOAD_BYTES, SHA256).head() == b""
    with pytest.raises(ImageRejected) as caught:
        Original(policy.MAX_UPLOAD_BYTES + 1, SHA256)
    assert caught.value.code == ExitCode.IMAGE_TOO_LARGE
