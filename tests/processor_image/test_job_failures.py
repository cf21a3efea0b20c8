"""Job mode: what goes wrong is told by exit code, termination message and log alike."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from safelight_contract import keys, policy
from safelight_contract.job import REQUEST_VARIABLE, ExitCode
from tests.processor_image.jobs import ID, PHOTO, PROGRAM, Run, SigningBucket, failure
from tests.support import images


def test_expired_url_may_be_tried_again(bucket: SigningBucket, run: Run) -> None:
    bucket.lifetime = 1
    request = bucket.upload()
    time.sleep(2.1)  # the signature counts whole seconds
    ended = run(request)
    assert failure(ended) == ExitCode.STORAGE_FORBIDDEN
    assert bucket.stored() == [keys.original(ID, policy.JPEG)]


def test_forged_url_is_refused(bucket: SigningBucket, run: Run) -> None:
    """A URL for one key is no right to another."""
    request = bucket.upload()
    put = request.outputs["image.jpg"]
    forged = replace(put, url=put.url.replace(f"/{ID}/1/", f"/{ID}/2/"))
    ended = run(replace(request, outputs={"image.jpg": forged}))
    assert failure(ended) == ExitCode.STORAGE_FORBIDDEN
    assert bucket.stored() == [keys.original(ID, policy.JPEG)]


def test_missing_original_is_final(bucket: SigningBucket, run: Run) -> None:
    request = bucket.upload()
    bucket.delete(keys.original(ID, policy.JPEG))
    assert failure(run(request)) == ExitCode.SOURCE_MISSING


@pytest.mark.parametrize("change", ["flipped", "shorter", "longer"])
def test_original_that_changed_in_storage_is_never_served(
    change: str,
    bucket: SigningBucket,
    run: Run,
) -> None:
    request = bucket.upload()
    changed = {
        "flipped": PHOTO[:-9] + bytes((PHOTO[-9] ^ 1,)) + PHOTO[-8:],
        "shorter": PHOTO[:-1],
        "longer": PHOTO + b"x",
    }[change]
    source = keys.original(ID, policy.JPEG)
    bucket.put(source, changed)
    assert failure(run(request)) == ExitCode.CHECKSUM_MISMATCH
    assert bucket.stored() == [source]


@pytest.mark.parametrize(
    ("data", "declared", "code"),
    [
        (images.photo(40, 30, policy.PNG), policy.JPEG, ExitCode.UNSUPPORTED_FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", policy.PNG, ExitCode.UNSUPPORTED_FORMAT),
        (PHOTO[:3000], policy.JPEG, ExitCode.CORRUPT_IMAGE),
        (images.png_of_size(65536, 65536), policy.PNG, ExitCode.IMAGE_TOO_LARGE),
    ],
    ids=["PNG called JPEG", "SVG called PNG", "truncated", "bomb"],
)
def test_bad_original_is_final(
    data: bytes,
    declared: policy.Format,
    code: ExitCode,
    bucket: SigningBucket,
    run: Run,
) -> None:
    ended = run(bucket.upload(data, declared))
    assert failure(ended) == code
    assert bucket.stored() == [keys.original(ID, declared)]


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"image": {}}'], ids=repr)
def test_malformed_request_is_a_bug(text: str, tmp_path: Path) -> None:
    message = tmp_path / "termination-log"
    message.write_text("")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(message)],
        env={REQUEST_VARIABLE: text},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == ExitCode.INTERNAL_ERROR
    assert "malformed" in message.read_text()
    assert "Traceback" not in ended.stderr
