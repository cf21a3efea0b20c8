"""The program itself, as a process of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from safelight_contract.env import ObjectStoreSettings


def environment(
    store: ObjectStoreSettings,
    kubeconfig: str,
    namespace: str,
    *,
    hint_port: int,
    health_port: int,
) -> dict[str, str]:
    """Return the variables that the program needs."""
    return {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": kubeconfig,
        "SAFELIGHT_NAMESPACE": namespace,
        "SAFELIGHT_POD_NAME": "operator-0",
        "SAFELIGHT_POD_IP": "127.0.0.1",
        "SAFELIGHT_HINT_PORT": str(hint_port),
        "SAFELIGHT_HEALTH_PORT": str(health_port),
        "SAFELIGHT_PROCESSOR_IMAGE": "registry.example/safelight-processor@sha256:0123",
        "SAFELIGHT_PROCESSOR_SERVICE_ACCOUNT": "default",
        "SAFELIGHT_S3_ENDPOINT": store.endpoint,
        "SAFELIGHT_S3_BUCKET": store.bucket,
        "SAFELIGHT_S3_REGION": store.region,
        "SAFELIGHT_S3_ACCESS_KEY_ID": store.access_key_id,
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": store.secret_access_key,
    }


@asynccontextmanager
async def running(variables: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run the program while the block does; in the end it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "safelight_operator",
        env=variables,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def get(port: int, path: str) -> httpx.Response | None:
    """Return the answer of a server of the program, or None if there is none."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return await client.get(f"http://127.0.0.1:{port}{path}")
        except httpx.HTTPError:
            return None


async def status(port: int, path: str) -> int:
    """Return the status of an answer, or 0."""
    answer = await get(port, path)
    return 0 if answer is None else answer.status_code
