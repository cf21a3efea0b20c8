"""What is kept of an object that was listed or watched: what decisions look at, and nothing else.

An object may hold megabytes (annotations, labels, managed fields, a Job's template), and many wait
in queues at the same time.
"""

from collections.abc import Mapping
from typing import Any, Final

from safelight_contract.resources import API_VERSION, GROUP

_METADATA: Final = (
    "name",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_MAX_TEXT: Final = 1024
"""Characters of an annotation; all that are read are shorter."""


def slim(resource: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the API server has sent
    """Return the part of an object that is kept; what is odd stays odd, for its reader to find."""
    if not isinstance(resource, Mapping):
        return {}
    kept = {name: resource[name] for name in ("apiVersion", "kind", "status") if name in resource}
    if resource.get("apiVersion") == API_VERSION and "spec" in resource:
        kept["spec"] = resource["spec"]
    metadata = resource.get("metadata")
    if not isinstance(metadata, Mapping):
        return kept
    kept["metadata"] = {name: metadata[name] for name in _METADATA if name in metadata}
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping):
        kept["metadata"]["annotations"] = {
            name: value
            for name, value in annotations.items()
            if name.startswith(f"{GROUP}/") and isinstance(value, str) and len(value) < _MAX_TEXT
        }
    owners = metadata.get("ownerReferences")
    if isinstance(owners, list):
        kept["metadata"]["ownerReferences"] = [
            one for one in owners if isinstance(one, Mapping) and one.get("controller") is True
        ]
    return kept
