"""A Job as the operator would start it: its request, its program and how it ended."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from safelight_contract import keys, policy
from safelight_contract.job import ExitCode, JobRequest, SignedPut, TerminationMessage
from tests.processor_image.helpers import BARE
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


Run = Callable[[JobRequest], Ended]
PROGRAM = (
    "import os, pathlib, sys\n"
    "from safelight_processor.__main__ import run_job\n"
    "sys.exit(run_job(os.environ, pathlib.Path(sys.argv[1])))\n"
)
"""`safelight-process` without arguments, but for the place of the termination message."""


def failure(ended: Ended) -> ExitCode:
    """Return the reason of a failure; log, exit code and termination message agree on it."""
    message = TerminationMessage.decode(ended.message)
    assert message is not None
    assert message.code == ended.code == ended.events["failed"]["code"]
    assert message.detail == ended.events["failed"]["detail"]
    return ExitCode(ended.code)
