import json
from dataclasses import replace
from typing import Any

import pytest

from safelight_contract.job import (
    FAILURES,
    MAX_TERMINATION_MESSAGE_BYTES,
    PERMANENT_EXIT_CODES,
    ExitCode,
    JobError,
    JobRequest,
    SignedPut,
    TerminationMessage,
)
from safelight_contract.recipe import Recipe
from safelight_contract.resources import Failure

ID = "550e8400-e29b-41d4-a716-446655440000"
REQUEST = JobRequest(
    upload_id=ID,
    upload_uid="8ecdf378-7c62-45c4-b90b-e26d453bdfe9",
    attempt=1,
    file_name="Straße \u4e2d\u6587 \U0001f4f7.jpg",
    media_type="image/jpeg",
    size=4_521_733,
    sha256="0" * 64,
    source_url="http://127.0.0.1:7070/b/original?X-Amz-Signature=1",
    recipe=Recipe(quality=75),
    outputs={
        "image.jpg": SignedPut("http://127.0.0.1:7070/b/image", {"If-None-Match": "*"}),
        "w320.avif": SignedPut("http://127.0.0.1:7070/b/w320", {}),
    },
    manifest=SignedPut("http://127.0.0.1:7070/b/manifest", {}),
    hint_url=None,
)
ASKED: dict[str, Any] = json.loads(REQUEST.encode())
"""The request as JSON's types."""


@pytest.mark.parametrize("hint", [None, "http://198.51.100.7:8081/hints/" + ID])
def test_a_request_comes_out_as_it_went_in(hint: str | None) -> None:
    request = replace(REQUEST, hint_url=hint)
    assert JobRequest.decode(request.encode()) == request
    assert request.encode() == JobRequest.decode(request.encode()).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        json.dumps(ASKED | {"extra": 1}),
        json.dumps({k: v for k, v in ASKED.items() if k != "sha256"}),
        json.dumps(ASKED | {"manifest": "http://127.0.0.1/"}),
        json.dumps(ASKED | {"manifest": {"url": "http://127.0.0.1/"}}),
        json.dumps(ASKED | {"outputs": []}),
        json.dumps(ASKED | {"outputs": {"image.jpg": None}}),
        json.dumps(ASKED | {"recipe": {"extra": 1}}),
    ],
)
def test_a_malformed_request_is_refused_without_its_content(text: str) -> None:
    """Its URLs are rights: they must not reach a log through an error."""
    with pytest.raises(JobError, match=r"^SAFELIGHT_JOB_REQUEST is malformed: \w+$"):
        JobRequest.decode(text)


def test_a_termination_message_comes_out_as_it_went_in() -> None:
    message = TerminationMessage(ExitCode.CORRUPT_IMAGE, "the file ends early")
    assert TerminationMessage.decode(message.encode()) == message


@pytest.mark.parametrize("detail", ["x" * 5000, "\u4e2d" * 5000, "\x00" * 5000, '"\\' * 3000])
def test_a_termination_message_is_bounded(detail: str) -> None:
    text = TerminationMessage(1, detail).encode()
    assert len(text.encode()) <= MAX_TERMINATION_MESSAGE_BYTES
    decoded = TerminationMessage.decode(text)
    assert decoded is not None
    assert decoded.code == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Killed",
        "null",
        "[]",
        "7",
        "{}",
        '{"code": 1}',
        '{"code": "1", "detail": "x"}',
        '{"code": true, "detail": "x"}',
        '{"code": 1, "detail": ["x"]}',
        "[" * 100_000,
    ],
)
def test_a_message_that_is_none_of_ours_is_none(text: str) -> None:
    assert TerminationMessage.decode(text) is None


def test_a_longer_message_than_ours_is_cut() -> None:
    decoded = TerminationMessage.decode(json.dumps({"code": 1, "detail": "x" * 9000}))
    assert decoded is not None
    assert len(decoded.detail) < MAX_TERMINATION_MESSAGE_BYTES


def test_every_exit_code_has_a_reason_and_every_reason_of_the_processor_a_code() -> None:
    without = {ExitCode.DONE, ExitCode.INTERNAL_ERROR}
    assert set(FAILURES) == set(ExitCode) - without
    decided_by_the_operator = {
        Failure.OUTPUT_MISSING,
        Failure.ID_CONFLICT,
        Failure.INTERNAL_ERROR,
    }
    assert set(FAILURES.values()) == set(Failure) - decided_by_the_operator


def test_permanent_are_exactly_the_verdicts_on_the_file() -> None:
    verdicts: dict[int, Any] = {code: FAILURES[code] for code in PERMANENT_EXIT_CODES}
    assert list(verdicts.values()) == [
        Failure.UNSUPPORTED_FORMAT,
        Failure.CORRUPT_IMAGE,
        Failure.IMAGE_TOO_LARGE,
        Failure.SOURCE_MISSING,
        Failure.CHECKSUM_MISMATCH,
    ]
