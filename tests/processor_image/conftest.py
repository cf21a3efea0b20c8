"""The processor's storage, at whatever URL a test has a server, and the processor as a Job."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from safelight_contract.env import ObjectStoreSettings
from safelight_contract.job import REQUEST_VARIABLE, JobRequest
from safelight_processor.objects import SignedObjects
from tests.processor_image.jobs import PROGRAM, Ended, Run, SigningBucket
from tests.processor_image.storing import Clock, Connect, request_to


@pytest.fixture
def clock() -> Clock:
    """Return the clock that `connect` gives to its stores."""
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    """Return what makes a store for a server's URL; its connections are closed in the end."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(
            closing(
                SignedObjects(
                    request_to(url),
                    clock=clock,
                    sleep=clock.sleep,
                    silence_seconds=0.2,
                ),
            ),
        )


@pytest.fixture
def bucket(object_storage: ObjectStoreSettings) -> SigningBucket:
    """Return a bucket that signs what a Job may do in it."""
    return SigningBucket(object_storage)


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
