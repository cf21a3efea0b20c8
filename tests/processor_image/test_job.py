"""Job mode: the program as a Job starts it, against a real S3 server."""

import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from safelight_contract import keys, policy
from safelight_contract.job import (
    REQUEST_VARIABLE,
    ExitCode,
    JobRequest,
    Manifest,
    SignedPut,
)
from tests.processor_image.helpers import BARE
from tests.processor_image.jobs import ID, PHOTO, PROGRAM, Run, SigningBucket, failure
from tests.support import images
from tests.support.scripted_server import Answer, closed_port, serving


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
