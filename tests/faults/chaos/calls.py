"""One client's connection to the REST API: every call becomes a line of the history."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx

from tests.faults.chaos.files import File
from tests.faults.history import Recorder

_TIMEOUT: Final = 10.0
_POST_TIMEOUT: Final = 30.0
_PAGE: Final = 100
_REFUSED: Final = 400
_CUTTABLE: Final = frozenset({"view", "download"})
"""Answers that say something although they broke off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; code 0: nothing."""

    code: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    """All bytes that the headers announced have come."""

    def json(self) -> dict[str, Any]:
        """Return the body of a JSON answer."""
        found: dict[str, Any] = httpx.Response(self.code, content=self.body).json()
        return found


class Caller:
    """Makes calls, one after the other, and writes each into the history.

    Args:
        name: of the client, in the history.
        url: of the service.
        token: with which it asks.
        recorder: of the history.
        refusals: gets the bodies of answers that are errors.
    """

    def __init__(
        self, name: str, url: str, token: str, recorder: Recorder, refusals: set[str]
    ) -> None:
        self.name = name
        self._refusals = refusals
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )
        self._recorder = recorder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, file: File, token: str) -> Answer:
        """Upload a file."""
        return self._call(
            "upload",
            "POST",
            "/api/image-upload",
            lambda answer: {"id": answer.json()["data"]["id"] if answer.code == 201 else None},
            fields={
                "sha256": file.sha256,
                "expected": file.expected,
                "file": file.name,
                "token": token,
            },
            files={"file": (file.name, file.data)},
            timeout=_POST_TIMEOUT,
        )

    def status(self, upload_id: str) -> tuple[str | None, str | None]:
        """Ask where an upload stands; return the status (None: no answer) and a failure's code."""
        answer = self._call(
            "status",
            "GET",
            f"/api/image-upload/{upload_id}/status",
            lambda answer: dict(zip(("status", "reason"), _status(answer), strict=True)),
            fields={"id": upload_id},
        )
        return _status(answer)

    def delete(self, upload_id: str, of: str) -> int:
        """Delete an upload or an image; return the code."""
        path = f"/api/{'image-upload' if of == 'upload' else 'available-image'}/{upload_id}"
        return self._call("delete", "DELETE", path, fields={"id": upload_id, "of": of}).code

    def retry(self, upload_id: str) -> int:
        """Ask for another try at a failed upload; return the code."""
        path = f"/api/image-upload/{upload_id}/retry"
        return self._call("retry", "POST", path, fields={"id": upload_id}).code

    def fetch(self, how: str, upload_id: str) -> None:
        """View or download an image."""
        self._call(
            how,
            "GET",
            f"/api/available-image/{upload_id}/{how}",
            lambda answer: {
                "sha256": hashlib.sha256(answer.body).hexdigest() if answer.code == 200 else None,
                "complete": answer.complete,
            },
            fields={"id": upload_id},
        )

    def list(self, of: str) -> None:
        """List all uploads or images, which fit one page."""
        path = f"/api/{'image-upload' if of == 'uploads' else 'available-image'}?per_page={_PAGE}"
        self._call("list", "GET", path, _ids, fields={"of": of})

    def _call(
        self,
        op: str,
        method: str,
        path: str,
        seen: Callable[[Answer], dict[str, Any]] = lambda _: {},
        *,
        fields: Mapping[str, Any],
        **request: Any,  # noqa: ANN401 - arguments of httpx
    ) -> Answer:
        start = time.time()
        answer = self._send(method, path, request)
        if answer is None:
            # There was no connection to send it over: it is no call that may have had an effect.
            return Answer()
        if not answer.complete and op not in _CUTTABLE:
            answer = Answer()
        if answer.code >= _REFUSED:
            self._refusals.add(answer.body.decode(errors="replace"))
        line = {**fields, **seen(answer)}
        self._recorder.write(
            op, client=self.name, start=start, end=time.time(), code=answer.code, **line
        )
        return answer

    def _send(self, method: str, path: str, request: Mapping[str, Any]) -> Answer | None:
        body = b""
        code = 0
        headers = httpx.Headers()
        try:
            with self._http.stream(method, path, **request) as response:
                code, headers = response.status_code, response.headers
                for piece in response.iter_bytes():
                    body += piece
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return None
        except httpx.TransportError:
            return Answer(code, body, headers)
        return Answer(code, body, headers, complete=True)


def _status(answer: Answer) -> tuple[str | None, str | None]:
    if answer.code not in {200, 404}:
        return None, None
    body = answer.json()
    return body["status"], (body.get("error") or {}).get("code")


def _ids(answer: Answer) -> dict[str, Any]:
    if answer.code != 200:
        return {"ids": []}
    body = answer.json()
    assert body["meta"]["last_page"] == 1, "a listing that moves between its pages proves nothing"
    return {"ids": [item["id"] for item in body["data"]]}
