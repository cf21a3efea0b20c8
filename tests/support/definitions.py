"""The custom resource definitions as data, read from the files that ship."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from safelight_contract.resources import Kind
from safelight_local import paths


@cache
def definition(kind: Kind) -> dict[str, Any]:
    """Return a kind's definition."""
    loaded: dict[str, Any] = yaml.safe_load((paths.CRDS / f"{kind.plural}.yaml").read_text())
    return loaded


def schema(kind: Kind) -> dict[str, Any]:
    """Return the schema of a kind's one version."""
    (version,) = definition(kind)["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


def spec_schema(kind: Kind) -> dict[str, Any]:
    """Return the schemas of the fields of a kind's spec, by name."""
    found: dict[str, Any] = schema(kind)["properties"]["spec"]["properties"]
    return found


def fields(node: dict[str, Any], path: str = "") -> Iterator[str]:
    """Return the paths of all fields below a schema: `spec.image.key`, `status.conditions[].type`.

    Metadata, kind and apiVersion, which all kinds have, are left out.
    """
    for name, child in node.get("properties", {}).items():
        if not path and name in ("metadata", "kind", "apiVersion"):
            continue
        here = f"{path}.{name}".lstrip(".")
        yield here
        yield from fields(child, here)
    if "items" in node:
        yield from fields(node["items"], f"{path}[]")
