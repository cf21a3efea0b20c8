"""The chart, rendered by Helm, and its values as data."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from safelight_local import binaries, paths

RELEASE = "safelight"
REQUIRED: Mapping[str, str] = {
    "image.registry": "registry.example.com/team",
    "objectStorage.endpoint": "http://198.51.100.7:7070",
    "objectStorage.bucket": "photos",
    "objectStorage.existingSecret": "storage",
    "tokens.existingSecret": "tokens",
}
"""The values without a default."""
_HOMES = ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")


class HelmError(Exception):
    """Helm refused; the message is its error output."""


@dataclass(frozen=True)
class Manifest:
    """One rendered object."""

    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.content["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content["metadata"]["name"])

    @property
    def pod(self) -> dict[str, Any]:
        """The spec of a Deployment's pods."""
        spec: dict[str, Any] = self.content["spec"]["template"]["spec"]
        return spec

    @property
    def environment(self) -> dict[str, str | None]:
        """The variables of a Deployment's container; None for those taken from elsewhere."""
        (container,) = self.pod["containers"]
        return {entry["name"]: entry.get("value") for entry in container["env"]}


class Rendered(list[Manifest]):
    """All objects of one release."""

    def one(self, kind: str, name: str) -> Manifest:
        """Return the object of a kind and name, which must be there."""
        (found,) = (m for m in self if (m.kind, m.name) == (kind, name))
        return found

    def kinds(self) -> set[str]:
        """Return the kinds of all objects."""
        return {manifest.kind for manifest in self}


@dataclass(frozen=True)
class Helm:
    """Helm on a chart, without the user's own configuration."""

    program: Path
    home: Path
    chart: Path = paths.CHART

    def __call__(self, *arguments: str, values: Mapping[str, object] | None = None) -> str:
        """Run Helm and return its output.

        Args:
            arguments: as on the command line.
            values: dotted names and what they are set to, written as JSON.

        Raises:
            HelmError: Helm refused.
        """
        given: list[str] = []
        if values is not None:
            file = self.home / "values.yaml"
            file.write_text(yaml.safe_dump(nested(values)))
            given = [f"--values={file}"]
        done = subprocess.run(
            [str(self.program), *arguments, *given],
            env={name: str(self.home) for name in _HOMES},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def template(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        namespace: str = RELEASE,
        release: str = RELEASE,
        chart: Path | None = None,
    ) -> Rendered:
        """Render a release with the required values and these changes.

        Raises:
            HelmError: the chart refuses the values.
        """
        text = self(
            "template",
            release,
            str(chart or self.chart),
            f"--namespace={namespace}",
            f"--kube-version={binaries.KUBERNETES_VERSION}",
            values={**REQUIRED, **(changes or {})},
        )
        return Rendered(Manifest(content) for content in yaml.safe_load_all(text) if content)


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Turn dotted names into nested mappings."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return result


def flat(values: Mapping[str, Any], path: str = "") -> dict[str, object]:
    """Turn nested mappings into dotted names; an empty mapping is a value."""
    result: dict[str, object] = {}
    for name, value in values.items():
        here = f"{path}.{name}".lstrip(".")
        if isinstance(value, Mapping) and value:
            result |= flat(value, here)
        else:
            result[here] = value
    return result
