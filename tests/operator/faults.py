"""Something happens at the k-th write of an operator: it crashes, or somebody else acts.

Writes are counted where they leave the operator: requests to the API server that change something,
and deletions in the object storage. Events are not counted: nothing depends on them.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Final, Self

from safelight_operator.app import Operator
from safelight_operator.cluster import Cluster
from safelight_operator.objects import Objects
from safelight_operator.settings import Settings
from safelight_operator.transport import Json, Transport

READS: Final = {"GET"}


class CrashError(BaseException):
    """The process is killed: no code of the operator may catch this."""


class Interruption:
    """Calls something once, before or after the k-th write; counts all writes."""

    def __init__(
        self,
        at: int | None = None,
        *,
        after: bool = False,
        action: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.writes: list[str] = []
        self._at = at
        self._after = after
        self._action = action
        self.acted = False

    async def around(self, name: str, write: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - answers of any kind
        """Carry out a write; its turn may have come."""
        self.writes.append(name)
        is_due = len(self.writes) == self._at and self._action is not None
        if is_due and not self._after:
            await self._act()
        answer = await write()
        if is_due and self._after:
            await self._act()
        return answer

    async def _act(self) -> None:
        assert self._action is not None
        self.acted = True
        await self._action()


async def crash() -> None:
    """Kill the operator."""
    raise CrashError


class InterruptedTransport(Transport):
    """A transport whose writes are counted."""

    interruption: Interruption

    async def request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Json:
        """Send one request."""

        async def send() -> Json:
            return await super(InterruptedTransport, self).request(
                verb,
                path,
                query,
                body=body,
                accept=accept,
            )

        if verb in READS or path.endswith("/events") or query:
            return await send()
        answer: Json = await self.interruption.around(f"{verb} {path.split('/')[6]}", send)
        return answer


class InterruptedObjects(Objects):
    """An object storage whose deletions are counted."""

    interruption: Interruption

    async def delete_original(self, upload_id: str) -> None:
        """Delete the original of an upload."""
        delete = super().delete_original
        await self.interruption.around("delete original", lambda: delete(upload_id))

    async def delete(self, names: Iterable[str]) -> None:
        """Delete objects."""
        delete = super().delete
        await self.interruption.around("delete spare", lambda: delete(names))

    async def delete_images(
        self,
        upload_id: str,
        *,
        keep: Collection[str] = (),
        up_to: int | None = None,
    ) -> None:
        """Delete all that attempts have stored."""
        delete = super().delete_images
        await self.interruption.around(
            "delete images",
            lambda: delete(upload_id, keep=keep, up_to=up_to),
        )


class Driven:
    """An operator that a test drives step by step: its lists and its queue, without watches."""

    def __init__(self, settings: Settings, interruption: Interruption | None = None) -> None:
        self._settings = settings
        self._interruption = interruption or Interruption()

    async def __aenter__(self) -> Self:
        transport = await InterruptedTransport.connect()
        transport.interruption = self._interruption
        self._objects = InterruptedObjects(self._settings.object_store)
        self._objects.interruption = self._interruption
        self._cluster = Cluster(transport, self._settings.namespace)
        self.operator = Operator(self._settings, self._cluster, self._objects)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._objects.close()
        await self._cluster.close()

    async def drive(self) -> None:
        """List everything, then work until nothing is left to do now."""
        await self.operator.resync.once()
        while self.operator.queue.depth:
            await self.operator.queue.work_once()

    async def hint(self, upload_id: str) -> None:
        """Take a hint, then work until nothing is left to do now."""
        self.operator.inbox.hint(upload_id)
        await self.drive()

    async def removed(self, upload_id: str) -> None:
        """Take the news that the upload was deleted, then work until nothing is left."""
        self.operator.inbox.mark_removed(upload_id)
        await self.drive()
