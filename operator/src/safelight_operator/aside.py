"""Who is set aside: objects that cannot be read. All others go on, and these are told of, once.

An object comes back as soon as it can be read, and leaves when it is gone.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from safelight_contract.unreadable import UnreadableError, name_of
from safelight_operator import metrics

_log = logging.getLogger(__name__)

Tell = Callable[[str, Mapping[str, Any], str], None]
"""Takes a kind, the object and the reason: makes the Event."""


def _nobody(_kind: str, _resource: Mapping[str, Any], _reason: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Aside:
    """The objects that are set aside, by kind and name."""

    tell: Tell = _nobody
    _reasons: dict[str, dict[str, str]] = field(default_factory=dict)

    def put(self, kind: str, resource: Mapping[str, Any], error: UnreadableError) -> None:
        """Set an object aside; told again only if the reason is another one."""
        name, reason = name_of(resource), str(error)
        reasons = self._reasons.setdefault(kind, {})
        if reasons.get(name) == reason:
            return
        reasons[name] = reason
        self._measure(kind)
        _log.warning("Set aside: unreadable", extra={"kind": kind, "id": name, "why": reason})
        self.tell(kind, resource, reason)

    def back(self, kind: str, name: str) -> None:
        """Note that an object can be read, or is gone."""
        if self._reasons.get(kind, {}).pop(name, None) is not None:
            self._measure(kind)

    def keep(self, kind: str, names: Collection[str]) -> None:
        """Note that a full list holds these names, and so no others are left."""
        for name in set(self._reasons.get(kind, {})).difference(names):
            self.back(kind, name)

    def holds(self, kind: str, name: str) -> bool:
        """Say whether an object is set aside."""
        return name in self._reasons.get(kind, {})

    def _measure(self, kind: str) -> None:
        metrics.UNREADABLE.labels(kind).set(len(self._reasons[kind]))
