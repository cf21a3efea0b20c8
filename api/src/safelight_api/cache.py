"""The watch cache: what this process knows of the cluster. Pure: no I/O, no clock.

Three sources feed it: lists, watches, and the answers to this process's own reads and writes. They
may arrive in any order, so everything is ordered by revision (resourceVersion, which grows with
every change of a kind; Kubernetes 1.35 and later promise that, KEP-5504):

- A store that has seen the watch up to revision R is the truth as of R. News that is older than R
  is in it already, so it is dropped; an object that is absent then was deleted since.
- News from beyond R is kept, and what is known to be absent as of a revision beyond R is remembered
  until the watch has passed it. So a reader never sees an older state after a newer one.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import Final, Generic, Protocol, TypeVar

from safelight_api.pending import Pending
from safelight_api.projections import Image, Upload

MAX_REPLACED: Final = 10_000


class Item(Protocol):
    """What a store needs to know of an object."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def revision(self) -> int:
        """Its resourceVersion."""

    @property
    def created_at(self) -> str:
        """When it was created; sorts as text."""


T = TypeVar("T", bound=Item)
Seen_contra = TypeVar("Seen_contra", contravariant=True)
_Key = tuple[str, str]


class View(Protocol[Seen_contra]):
    """What a store keeps in step with its objects."""

    def add(self, item: Seen_contra) -> None:
        """Take an object in, if it belongs here."""

    def remove(self, item: Seen_contra) -> None:
        """Take an object out, if it was in."""

    def reset(self, items: Iterable[Seen_contra]) -> None:
        """Hold these objects, and no others."""


class Index(Generic[T]):
    """Some of a store's objects in the order of their creation.

    Args:
        holds: which ones belong into it.
    """

    def __init__(self, holds: Callable[[T], bool]) -> None:
        self._holds = holds
        self._keys: list[_Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def newest(self, start: int, count: int) -> list[str]:
        """Return the ids of `count` objects, newest first, after skipping `start`."""
        end = len(self._keys) - start
        return [name for _, name in reversed(self._keys[max(0, end - count) : max(0, end)])]

    def add(self, item: T) -> None:
        """Take an object in, if it belongs here."""
        if self._holds(item):
            insort(self._keys, (item.created_at, item.id))

    def remove(self, item: T) -> None:
        """Take an object out, if it was in."""
        if self._holds(item):
            del self._keys[bisect_left(self._keys, (item.created_at, item.id))]

    def reset(self, items: Iterable[T]) -> None:
        """Hold these objects, and no others."""
        self._keys = sorted((item.created_at, item.id) for item in items if self._holds(item))


class Store(Generic[T]):
    """The objects of one kind.

    Args:
        views: are kept in step with the objects.
        on_removed: is told of every object that goes.
    """

    def __init__(
        self, *views: View[T], on_removed: Callable[[T], None] = lambda _item: None
    ) -> None:
        self._views = views
        self._on_removed = on_removed
        self._items: dict[str, T] = {}
        self._absent: dict[str, int] = {}
        self.revision = 0
        """Up to where the watch has been seen."""

    def get(self, name: str) -> T | None:
        """Return an object, if it is known."""
        return self._items.get(name)

    def replace(self, items: Iterable[T], revision: int) -> None:
        """Take over a complete list, as of its revision, in one step."""
        fresh = {item.id: item for item in items}
        if revision >= self.revision:
            for item in self._items.values():
                if item.revision > revision:
                    fresh[item.id] = item
            for name, absent_at in self._absent.items():
                if name in fresh and fresh[name].revision <= absent_at:
                    del fresh[name]
        else:
            # The cluster has gone back (restored from a backup): only the list can be believed.
            self._absent.clear()
        gone = [item for name, item in self._items.items() if name not in fresh]
        self._items = fresh
        for view in self._views:
            view.reset(fresh.values())
        self.revision = revision
        self._forget_absences()
        for item in gone:
            self._on_removed(item)

    def changed(self, item: T) -> None:
        """Take over an event of the watch: an object was added or modified."""
        if item.revision > self._absent.get(item.id, 0):
            self._put(item)
        self.reached(item.revision)

    def deleted(self, name: str, revision: int) -> None:
        """Take over an event of the watch: an object was deleted."""
        self._drop(name, revision)
        self.reached(revision)

    def reached(self, revision: int) -> None:
        """Take over that the watch has come up to a revision."""
        self.revision = max(self.revision, revision)
        self._forget_absences()

    def observed(self, item: T) -> None:
        """Take over an object from an own read or write."""
        if item.revision > max(self.revision, self._absent.get(item.id, 0)):
            self._put(item)

    def missed(self, name: str, revision: int) -> None:
        """Take over from an own read that an object was absent as of a revision."""
        if revision > self.revision:
            self._drop(name, revision)
            self._absent[name] = max(revision, self._absent.get(name, 0))

    def _put(self, item: T) -> None:
        known = self._items.get(item.id)
        if known is not None:
            if known.revision >= item.revision:
                return
            for view in self._views:
                view.remove(known)
        self._items[item.id] = item
        for view in self._views:
            view.add(item)

    def _drop(self, name: str, revision: int) -> None:
        known = self._items.get(name)
        if known is None or known.revision > revision:
            return
        del self._items[name]
        for view in self._views:
            view.remove(known)
        self._on_removed(known)

    def _forget_absences(self) -> None:
        if self._absent:
            self._absent = {
                name: absent_at
                for name, absent_at in self._absent.items()
                if absent_at > self.revision
            }


class Cache:
    """Both kinds, and what follows from both."""

    def __init__(self) -> None:
        self.all_uploads: Index[Upload] = Index(lambda _upload: True)
        self.pending = Pending()
        self.ready_images: Index[Image] = Index(lambda image: image.ready)
        self.uploads: Store[Upload] = Store(self.all_uploads, self.pending)
        self.images: Store[Image] = Store(self.ready_images, on_removed=self._remember_replaced)
        self._replaced: dict[str, None] = {}

    def state(self, upload_id: str) -> Image | Upload | None:
        """Return what an id stands for now; None: only fresh reads can tell."""
        image = self.images.get(upload_id)
        if image is not None and image.ready:
            return image
        upload = self.uploads.get(upload_id)
        return None if upload is None or self.is_replaced(upload) else upload

    def is_replaced(self, upload: Upload) -> bool:
        """Say whether the image of an upload was seen and is gone again.

        The two watches are not in step: an upload may still be seen when its image came and went.
        """
        return upload.uid in self._replaced

    def _remember_replaced(self, image: Image) -> None:
        if image.ready:
            self._replaced[image.spec.upload_uid] = None
            if len(self._replaced) > MAX_REPLACED:
                del self._replaced[next(iter(self._replaced))]
