"""Applications that upload, poll and fetch; each call becomes a line of the history."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from tests.faults.history import Recorder

POLL_SECONDS: Final = 0.25
PATIENCE: Final = 90.0
"""Seconds that a client waits for an answer."""

Json = Mapping[str, Any]


class Clients:
    """Calls the service and writes down what came of it.

    Args:
        url: of the service.
        token: that it knows.
        recorder: gets a line for each call that has ended.
    """

    def __init__(self, url: str, token: str, recorder: Recorder) -> None:
        self._recorder = recorder
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def upload(self, name: str, data: bytes, expected: str = "ok") -> str | None:
        """Upload a file; return its id, or None without a 201."""
        start = time.time()
        code, body = await self._call("POST", "/api/image-upload", files={"file": (name, data)})
        upload_id = body.get("data", {}).get("id") if code == httpx.codes.CREATED else None
        self._recorder.write(
            "upload",
            client=name,
            start=start,
            end=time.time(),
            code=code,
            id=upload_id,
            sha256=hashlib.sha256(data).hexdigest(),
            expected=expected,
            file=name,
            token="tests",  # noqa: S106 - its name
        )
        return upload_id

    async def status(self, client: str, upload_id: str) -> str | None:
        """Poll once; None: there was no answer."""
        start = time.time()
        code, body = await self._call("GET", f"/api/image-upload/{upload_id}/status")
        status = body.get("status") if code in {httpx.codes.OK, httpx.codes.NOT_FOUND} else None
        self._recorder.write(
            "status",
            client=client,
            start=start,
            end=time.time(),
            code=code,
            id=upload_id,
            status=status,
            reason=(body.get("error") or {}).get("code") if status == "failed" else None,
        )
        return status

    async def until_ended(self, client: str, upload_id: str, seconds: float) -> str:
        """Poll until an upload is no longer processing; return what it is then.

        Raises:
            TimeoutError: it does not end.
        """
        async with asyncio.timeout(seconds):
            while True:
                status = await self.status(client, upload_id)
                if status is not None and status != "processing":
                    return status
                await asyncio.sleep(POLL_SECONDS)

    async def view(self, client: str, upload_id: str) -> None:
        """Fetch an image."""
        start = time.time()
        code, data, complete = 0, b"", False
        try:
            answer = await self._http.get(f"/api/available-image/{upload_id}/view")
            code, data, complete = answer.status_code, answer.content, True
        except httpx.TransportError:
            pass
        self._recorder.write(
            "view",
            client=client,
            start=start,
            end=time.time(),
            code=code,
            id=upload_id,
            sha256=hashlib.sha256(data).hexdigest() if code == httpx.codes.OK else None,
            complete=complete,
        )

    async def delete(self, client: str, upload_id: str, of: str) -> int:
        """Delete an `upload` or an `image`; return the answer's code."""
        path = {"upload": "image-upload", "image": "available-image"}[of]
        start = time.time()
        code, _ = await self._call("DELETE", f"/api/{path}/{upload_id}")
        self._recorder.write(
            "delete",
            client=client,
            start=start,
            end=time.time(),
            code=code,
            id=upload_id,
            of=of,
        )
        return code

    async def _call(self, method: str, path: str, **body: Any) -> tuple[int, Json]:  # noqa: ANN401 - httpx's
        try:
            answer = await self._http.request(method, path, **body)
            return answer.status_code, answer.json() if answer.content else {}
        except (httpx.TransportError, ValueError):
            return 0, {}
