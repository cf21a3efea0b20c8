"""Job mode: the program as a Job starts it, against a real S3 server."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from safelight_contract import keys, policy
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.job import (
    REQUEST_VARIABLE,
    ExitCode,
    JobRequest,
    Manifest,
    SignedPut,
    TerminationMessage,
)
from tests.processor_image.helpers import BARE
from tests.processor_image.scripted_server import Answer, closed_port, serving
from tests.support import images
from tests.support.bucket import Bucket

ID = "9b2d6f0e-7c1a-4f7e-8a54-0f6f2f9f1a11"
PHOTO = images.with_metadata(images.picture(640, 480), policy.JPEG)


@dataclass
class Ended:
    """How a Job ended, and all that it told."""

    code: int
    message: str
    output: str
    error: str

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """Return the lines of its log, by event."""
        lines = [json.loads(line) for line in self.output.splitlines()]
        return {line["event"]: line for line in lines}


class SigningBucket(Bucket):
    """A bucket, and what the operator does with it."""

    lifetime = 300
    """Seconds that signed URLs live."""

    def upload(self, data: bytes = PHOTO, file_format: policy.Format = policy.JPEG) -> JobRequest:
        """Put an original; return the request that the operator would sign for it."""
        source = keys.original(ID, file_format)
        self.put(source, data)
        return JobRequest(
            upload_id=ID,
            upload_uid="uid-1",
            attempt=1,
            file_name="Ferien & Meer.jpg",
            media_type=file_format.media_type,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            source_url=self.s3.generate_presigned_url(
                "get_object",
                Params={"Bucket": self.name, "Key": source},
                ExpiresIn=self.lifetime,
            ),
            recipe=BARE,
            outputs={
                keys.file_name(name, made): self.sign(
                    keys.image(ID, 1, made, name), made.media_type
                )
                for name, made in BARE.files(file_format)
            },
            manifest=self.sign(keys.manifest(ID, 1), "application/json"),
            hint_url=None,
        )

    def sign(self, key: str, media_type: str) -> SignedPut:
        """Sign a conditional PUT."""
        return SignedPut(
            url=self.s3.generate_presigned_url(
                "put_object",
                Params={
                    "Bucket": self.name,
                    "Key": key,
                    "ContentType": media_type,
                    "IfNoneMatch": "*",
                },
                ExpiresIn=self.lifetime,
            ),
            headers={"Content-Type": media_type, "If-None-Match": "*"},
        )


@pytest.fixture
def bucket(object_storage: ObjectStoreSettings) -> SigningBucket:
    return SigningBucket(object_storage)


Run = Callable[[JobRequest], Ended]

PROGRAM = (
    "import os, pathlib, sys\n"
    "from safelight_processor.__main__ import run_job\n"
    "sys.exit(run_job(os.environ, pathlib.Path(sys.argv[1])))\n"
)
"""`safelight-process` without arguments, but for the place of the termination message."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs a Job's process to its end."""

    def run_request(request: JobRequest) -> Ended:
        message = tmp_path / "termination-log"
        message.write_text("")
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(message)],
            env={"PATH": os.environ["PATH"], REQUEST_VARIABLE: request.encode()},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Signature" not in ended.stdout + ended.stderr + message.read_text()
        assert ended.stderr == ""
        return Ended(ended.returncode, message.read_text(), ended.stdout, ended.stderr)

    return run_request


def failure(ended: Ended) -> ExitCode:
    """Return the reason of a failure; log, exit code and termination message agree on it."""
    message = TerminationMessage.decode(ended.message)
    assert message is not None
    assert message.code == ended.code == ended.events["failed"]["code"]
    assert message.detail == ended.events["failed"]["detail"]
    return ExitCode(ended.code)


def test_one_image_from_original_to_manifest(bucket: SigningBucket, run: Run) -> None:
    request = bucket.upload()
    ended = run(request)
    assert ended.code == ExitCode.DONE
    assert ended.message == ""
    image_key, manifest_key = keys.image(ID, 1, policy.JPEG), keys.manifest(ID, 1)
    assert sorted(bucket.stored()) == sorted(
        [keys.original(ID, policy.JPEG), image_key, manifest_key],
    )
    manifest = Manifest.decode(bucket.read(manifest_key))
    image = bucket.read(image_key)
    assert manifest.key == image_key
    assert (manifest.upload_id, manifest.upload_uid, manifest.attempt) == (ID, "uid-1", 1)
    assert manifest.file_name == "Ferien & Meer.jpg"
    assert manifest.source_sha256 == request.sha256
    assert manifest.sha256 == hashlib.sha256(image).hexdigest()
    assert (manifest.size, manifest.width, manifest.height) == (len(image), 640, 480)
    assert images.SECRET.encode() not in image
    head = bucket.s3.head_object(Bucket=bucket.name, Key=image_key)
    assert head["ContentType"] == "image/jpeg"
    assert head["ETag"].strip('"') == hashlib.md5(image, usedforsecurity=False).hexdigest()
    for event in ended.events.values():
        assert (event["upload_id"], event["upload_uid"], event["attempt"]) == (ID, "uid-1", 1)
    assert ended.events["fetched"]["cpu_ms_before_first_byte"] > 0
    assert set(ended.events["processed"]["ms"]) == {"fetch", "import", "decode", "encode", "store"}


def test_second_pod_of_the_same_attempt_succeeds_and_changes_nothing(
    bucket: SigningBucket,
    run: Run,
) -> None:
    request = bucket.upload()
    assert run(request).code == ExitCode.DONE
    first = {key: bucket.read(key) for key in bucket.stored()}
    assert run(request).code == ExitCode.DONE
    assert {key: bucket.read(key) for key in bucket.stored()} == first


def test_object_that_stands_there_is_not_overwritten(bucket: SigningBucket, run: Run) -> None:
    """The PUT is conditional; whose bytes they are is for the operator to check."""
    request = bucket.upload()
    bucket.put(keys.image(ID, 1, policy.JPEG), b"other")
    assert run(request).code == ExitCode.DONE
    assert bucket.read(keys.image(ID, 1, policy.JPEG)) == b"other"


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


@pytest.mark.parametrize("file_format", policy.FORMATS, ids=lambda f: f.name)
def test_result_is_in_the_family_of_the_original(
    file_format: policy.Format,
    bucket: SigningBucket,
    run: Run,
) -> None:
    ended = run(bucket.upload(images.photo(50, 40, file_format), file_format))
    assert ended.code == ExitCode.DONE
    written = policy.family(file_format)[0]
    assert policy.sniff(bucket.read(keys.image(ID, 1, written))) is written


def test_hint_comes_after_the_manifest(bucket: SigningBucket, run: Run) -> None:
    request = bucket.upload()
    with serving([Answer(204)]) as operator:
        ended = run(replace(request, hint_url=f"{operator.url}/hints/{ID}"))
    assert ended.code == ExitCode.DONE
    assert [(r.method, r.path, r.body) for r in operator.received] == [
        ("POST", f"/hints/{ID}", b"")
    ]
    assert list(ended.events) == ["fetched", "processed", "hinted"]
    assert ended.events["hinted"]["taken"] is True


def test_hint_tells_of_failures_too(bucket: SigningBucket, run: Run) -> None:
    request = bucket.upload(PHOTO[:3000])
    with serving([Answer(204)]) as operator:
        ended = run(replace(request, hint_url=f"{operator.url}/hints/{ID}"))
    assert failure(ended) == ExitCode.CORRUPT_IMAGE
    assert len(operator.received) == 1


def test_lost_hint_costs_nothing_else(bucket: SigningBucket, run: Run) -> None:
    ended = run(replace(bucket.upload(), hint_url=f"http://127.0.0.1:{closed_port()}/hints/{ID}"))
    assert ended.code == ExitCode.DONE
    assert ended.events["hinted"]["taken"] is False


def test_start_costs_little_cpu(bucket: SigningBucket, run: Run) -> None:
    """From the start of the process to the first byte of the original: 200 ms at the very most."""
    ended = [run(bucket.upload()) for _ in range(2)][-1]
    assert ended.events["fetched"]["cpu_ms_before_first_byte"] < 200


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


def test_program_without_arguments_is_a_job() -> None:
    """Through the installed command; without a request it says so."""
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("safelight-process"))],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == ExitCode.INTERNAL_ERROR
    assert REQUEST_VARIABLE in ended.stdout


def test_termination_signal_ends_it_at_once(tmp_path: Path) -> None:
    """As the first process of a container it would otherwise ignore it for 30 s."""
    with serving([Answer(is_silent=True)]) as server:
        request = JobRequest(
            upload_id=ID,
            upload_uid="uid-1",
            attempt=1,
            file_name="photo.jpg",
            media_type="image/jpeg",
            size=1,
            sha256="0" * 64,
            source_url=f"{server.url}/source",
            recipe=BARE,
            outputs={},
            manifest=SignedPut("", {}),
            hint_url=None,
        )
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "termination-log")],
            env={REQUEST_VARIABLE: request.encode()},
        ) as process:
            while not server.received:
                assert process.poll() is None
                time.sleep(0.01)
            process.terminate()
            assert process.wait(timeout=5) == 128 + signal.SIGTERM
