"""A test plays the processor: it stores what a Job would, and says so; or it runs the real one."""

import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import httpx

from safelight_contract import keys, policy
from safelight_contract.facts import Facts
from safelight_contract.job import REQUEST_VARIABLE, JobRequest, Manifest, Variant


def request_of(job: dict[str, Any]) -> JobRequest:
    """Return what a Job is asked to do."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (variable,) = container["env"]
    assert variable["name"] == REQUEST_VARIABLE
    return JobRequest.decode(variable["value"])


async def store(
    request: JobRequest,
    variants: Sequence[str] = (),
    spare: Sequence[str] = (),
    **manifest: Any,  # noqa: ANN401 - fields of any type
) -> None:
    """Write an attempt's objects through its signed URLs, as the processor does.

    Args:
        request: of its Job.
        variants: file names of those that are made.
        spare: file names of what is stored and not told.
        manifest: fields that differ from what is right.
    """
    async with httpx.AsyncClient(trust_env=False) as client:
        source = (await client.get(request.source_url)).raise_for_status().content
        image = b"processed " + source
        record: dict[str, Any] = {
            "upload_id": request.upload_id,
            "upload_uid": request.upload_uid,
            "attempt": request.attempt,
            "file_name": request.file_name,
            "source_sha256": request.sha256,
            "media_type": request.media_type,
            "size": len(image),
            "width": 64,
            "height": 48,
            "sha256": hashlib.sha256(image).hexdigest(),
            "processor": "played",
            "facts": Facts(request.media_type, request.size, 64, 48),
            "variants": tuple(_variant(file) for file in variants),
        }
        main = keys.file_name(keys.MAIN, policy.format_of(record["media_type"]))
        for put, body in (
            (request.outputs[main], image),
            *((request.outputs[file], file.encode()) for file in (*variants, *spare)),
            (request.manifest, Manifest(**record | manifest).encode()),
        ):
            answer = await client.put(put.url, content=body, headers=put.headers)
            answer.raise_for_status()


def stored(upload_id: str, attempt: int = 1) -> list[str]:
    """Return the keys of what `store` leaves of an attempt, if it is told of no variants."""
    return [keys.image(upload_id, attempt, policy.JPEG), keys.manifest(upload_id, attempt)]


def _variant(file: str) -> Variant:
    """Return what is told of a variant whose only bytes are its name."""
    name, _, extension = file.partition(".")
    made = next(each for each in policy.OUTPUTS if each.extension == extension)
    data = file.encode()
    return Variant(name, made.media_type, len(data), 32, 24, hashlib.sha256(data).hexdigest())


async def send_hint(request: JobRequest) -> None:
    """Say "look now", as the processor's last act."""
    assert request.hint_url is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(request.hint_url)
    assert answer.status_code == 204


async def run_processor(request: JobRequest) -> int:
    """Run the real processor as its container would; return its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "safelight_processor",
        env={"PATH": os.environ["PATH"], REQUEST_VARIABLE: request.encode()},
        stdout=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
